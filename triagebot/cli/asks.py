"""The commands that tell of what is known and change nothing: summary, report, explain, vex."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from triagebot.cli.base import AsJson, Asked, ConfigOption, Now, app, options_of, say, settings_of, spread, write


@app.command()
def summary(
    out: Annotated[Path | None, typer.Option(help="Write the Markdown here instead of to stdout.")] = None,
    config: ConfigOption = None,
    stream: Annotated[str, typer.Option(help="Only this stream; default: all of them.")] = "",
    now: Now = None,
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
@spread
def report(
    asked: Asked,
    out: Annotated[Path, typer.Option(help="Write the page here.")] = Path("report.html"),
) -> None:
    """Write one page, to open in a browser, with figures, trends and every finding."""
    from triagebot import app as application
    from triagebot.page import written
    from triagebot.render import many

    settings, options = asked.settings, asked.options
    view = application.standing(settings, options)
    page = written(settings, options, view)
    write(out, page.text)
    typer.echo(f"report: {out} ({many(page.findings, 'finding')}, {len(page.text) / 1e6:.1f} MB)")
    for error in view.errors:
        say(error)
    raise typer.Exit(1 if view.errors else 0)


@app.command()
@spread
def explain(
    asked: Asked,
    what: Annotated[str, typer.Argument(help="A ticket (key, id or path), a finding id, or a vulnerability.")] = "",
    report: Annotated[Path | None, typer.Option(help="A file: what it is taken for, and why.")] = None,
) -> None:
    """Say why a ticket or a finding is as it is, or what a file is taken for."""
    from triagebot import app as application
    from triagebot import explain as explaining
    from triagebot.errors import InputError
    from triagebot.explain import explained

    if bool(what) == bool(report):
        raise InputError("explain", "takes either a name or --report", "for example --report scans/1.2/nginx.json")
    settings, options = asked.settings, asked.options
    if report:
        said, is_read = explaining.report(report, application.reading(settings, options))
        typer.echo(said, nl=False)
        raise typer.Exit(0 if is_read else 1)
    typer.echo(explained(settings, options, application.standing(settings, options), what), nl=False)


@app.command()
@spread
def vex(
    asked: Asked,
    out: Annotated[Path | None, typer.Option(help="Write the document here instead of to stdout.")] = None,
    author: Annotated[str, typer.Option(help="Who says so, in the document.")] = "triagebot",
) -> None:
    """Write every decision - exceptions and people's - as an OpenVEX document."""
    from triagebot import app as application
    from triagebot.vexout import written

    settings, options = asked.settings, asked.options
    document = written(settings, options, application.standing(settings, options), author)
    text = f"{json.dumps(document, indent=2)}\n"
    if out:
        write(out, text)
    else:
        typer.echo(text, nl=False)


@app.command()
def exposure(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Vulnerabilities: CVE, GHSA or a scanner's own id.")
    ] = None,
    package: Annotated[str, typer.Option(help="A package: purl, name or source package; globs match.")] = "",
    config: ConfigOption = None,
    stream: Annotated[str, typer.Option(help="Only this stream; default: all of them.")] = "",
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Say where a vulnerability or a package is: images, teams, versions, fix, tickets, since when.

    Exit 0: nowhere, and every image was scanned; 1: in an image; 3: not found, but some images, or none at all, were
    not scanned.
    """
    from triagebot import asked
    from triagebot.errors import UnsafeError
    from triagebot.wanted import question

    wanted = question(ids or (), package)
    options = options_of(stream=stream or "main", now=now, dry_run=True)
    told = asked.exposure(settings_of(config), options, wanted, stream)
    if as_json:
        from triagebot.cli.exposed_json import as_values

        typer.echo(json.dumps({**as_values(told.answer), "warnings": list(told.warnings)}, indent=1))
    else:
        from triagebot.cli.exposed import show

        show(told.answer)
        for line in told.warnings:
            say(f"warning: {line}")
    if told.answer.affected:
        raise typer.Exit(1)
    raise typer.Exit(0 if told.answer.is_clear else UnsafeError.exit_code)


@app.command()
@spread
def export(
    asked: Asked,
    out: Annotated[Path, typer.Option(help="The file to write: .xlsx (with a sheet of totals) or .csv.")],
) -> None:
    """Write the per-image sheet: digest, charts, team, counts by severity, CVSS, identifiers."""
    from triagebot.asked import sheet
    from triagebot.sheetfile import writer

    encoded = writer(out.name)
    write(out, encoded(sheet(asked.settings, asked.options)))
