"""The commands that tell of what is known and change nothing: summary, explain, vex."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from triagebot.cli.base import AsJson, ConfigOption, Now, Stream, app, options_of, settings_of, write


@app.command()
def summary(
    out: Annotated[Path | None, typer.Option(help="Write the Markdown here instead of to stdout.")] = None,
    config: ConfigOption = None,
    stream: Annotated[str, typer.Option(help="Only this stream; default: all of them.")] = "",
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Say where things stand after the last recorded scan, and what the week changed."""
    from triagebot import app as application

    settings = settings_of(config)
    options = options_of(stream=stream or "main", now=now, dry_run=True)
    told = application.told(settings, options, only=bool(stream))
    if out:
        write(out, told.summary)
    else:
        typer.echo(json.dumps(told.document, indent=1) if as_json else told.summary, nl=as_json)
    raise typer.Exit(told.exit_code)


@app.command()
def explain(
    what: Annotated[str, typer.Argument(help="A ticket (key, id or path), a finding id, or a vulnerability.")] = "",
    report: Annotated[Path | None, typer.Option(help="A file: what it is taken for, and why.")] = None,
    config: ConfigOption = None,
    stream: Stream = "main",
    now: Now = "",
) -> None:
    """Say why a ticket or a finding is as it is, or what a file is taken for."""
    from triagebot import app as application
    from triagebot import explain as explaining
    from triagebot.errors import InputError
    from triagebot.explain import explained

    if bool(what) == bool(report):
        raise InputError("explain", "takes either a name or --report", "for example --report scans/1.2/nginx.json")
    settings = settings_of(config)
    options = options_of(stream=stream, now=now, dry_run=True)
    if report:
        said, is_read = explaining.report(report, application.reading(settings, options))
        typer.echo(said, nl=False)
        raise typer.Exit(0 if is_read else 1)
    typer.echo(explained(settings, options, application.standing(settings, options), what), nl=False)


@app.command()
def vex(
    out: Annotated[Path | None, typer.Option(help="Write the document here instead of to stdout.")] = None,
    author: Annotated[str, typer.Option(help="Who says so, in the document.")] = "triagebot",
    config: ConfigOption = None,
    stream: Stream = "main",
    now: Now = "",
) -> None:
    """Write every decision - exceptions and people's - as an OpenVEX document."""
    from triagebot import app as application
    from triagebot.vexout import written

    settings = settings_of(config)
    options = options_of(stream=stream, now=now, dry_run=True)
    document = written(settings, options, application.standing(settings, options), author)
    text = f"{json.dumps(document, indent=2)}\n"
    if out:
        write(out, text)
    else:
        typer.echo(text, nl=False)
