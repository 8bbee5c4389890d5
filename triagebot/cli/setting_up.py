"""The commands for setting up: doctor, schema, demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from triagebot.cli.base import AsJson, ConfigOption, app, options_of, settings_of


@app.command()
def doctor(
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Look at each tracker: can it be reached, what may we do there, what would be refused. Writes nothing."""
    from triagebot.doctor import examine
    from triagebot.render import plain

    settings = settings_of(config)
    found = examine(settings, options_of(dry_run=True))
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps({"schema": 1, "findings": [asdict(f) for f in found]}, indent=1))
    else:
        for finding in found:
            typer.echo(plain(finding, 1000))
        troubled = {f.tracker for f in found}
        for name in settings.settings.trackers:
            if name not in troubled:
                typer.echo(f"tracker {name!r}: all is well")
    raise typer.Exit(int(bool(found)))


@app.command()
def schema(
    file: Annotated[str, typer.Argument(help="triagebot, rules or teams; all without one.")] = "",
) -> None:
    """Print the JSON Schema of the files that people write."""
    from triagebot.errors import InputError
    from triagebot.files import FILES, suggest

    if file and file not in FILES:
        raise InputError(
            file, f"there is no schema of that name{suggest(file, FILES)}", f"name one of {', '.join(FILES)}"
        )
    schemas = {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        for name, model in FILES.items()
    }
    typer.echo(json.dumps(schemas[file] if file else schemas, indent=2))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where history, tickets and the summary go.")] = Path("demo"),
) -> None:
    """Two scans of a platform of 178 images, a week apart, into a folder of tickets."""
    from triagebot.demo import play

    play(folder, typer.echo)
