"""The command line. The only place that prints or exits."""

from __future__ import annotations

import atexit
import gc
import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triagebot import __version__
from triagebot.beside import hired
from triagebot.errors import TriagebotError

if TYPE_CHECKING:
    from triagebot.config import Config
    from triagebot.document import Told
    from triagebot.look import Options

app = typer.Typer(
    help="Diff container scans, decide what matters, and put one good ticket in front of the owning team.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The settings; default: triagebot.yaml here.")
]
Label = Annotated[str, typer.Option(help="The scan's name; default: the name of its folder or file.")]
TakenAt = Annotated[str, typer.Option(help="When the scan was taken (ISO 8601), for reports that do not say.")]
Stream = Annotated[str, typer.Option(help="A separate line (release branch, environment) with its own tickets.")]
Now = Annotated[str, typer.Option(help="Pretend that it is this time; for tests and imports.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything but write to trackers and history.")]
RecordOnly = Annotated[bool, typer.Option("--record-only", help="Record the scan; touch no ticket.")]
AcceptDrop = Annotated[bool, typer.Option("--accept-drop", help="Believe a scan that was set aside as suspect.")]
MassClose = Annotated[bool, typer.Option("--allow-mass-close", help="Close more tickets than the limit allows.")]
EndStream = Annotated[bool, typer.Option("--end-stream", help="Retire all that the stream still holds; takes no scan.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the document of the run and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Name each file and each ticket on stderr.")]
ScanPath = Annotated[Path, typer.Argument(help="A folder of reports, one report, or a .tar.gz of reports.")]


def main() -> None:
    """Run the command line; a known fault is one line on stderr and its exit code."""
    gc.disable()  # one short run: walking hundreds of thousands of rows for cycles that are not there only costs time
    atexit.register(gc.freeze)  # nor at its end
    try:
        app()
    except TriagebotError as error:
        sys.stderr.write(f"triagebot: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)


@app.command()
def run(
    scan: Annotated[
        Path | None, typer.Argument(help="A folder of reports, one report, or a .tar.gz of reports.")
    ] = None,
    config: ConfigOption = None,
    label: Label = "",
    taken_at: TakenAt = "",
    stream: Stream = "main",
    now: Now = "",
    dry_run: DryRun = False,
    record_only: RecordOnly = False,
    accept_drop: AcceptDrop = False,
    allow_mass_close: MassClose = False,
    end_stream: EndStream = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Read a scan, record it, and bring the tickets up to date."""
    from triagebot.errors import InputError

    if (scan is None) != end_stream:
        raise InputError("run", "needs either a scan or --end-stream", "give the folder that holds the reports")
    with hired(scan) as helpers:
        from triagebot import app as application

        options = _options(
            label, taken_at, stream, now, dry_run, record_only, accept_drop, allow_mass_close, end_stream, verbose
        )
        told = application.run(_config(config), scan, replace(options, helpers=helpers))
    _end(told, as_json)


@app.command()
def plan(
    scan: ScanPath,
    out: Annotated[Path | None, typer.Option(help="Write the plan here, for `triagebot apply`.")] = None,
    config: ConfigOption = None,
    label: Label = "",
    taken_at: TakenAt = "",
    stream: Stream = "main",
    now: Now = "",
    accept_drop: AcceptDrop = False,
    allow_mass_close: MassClose = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Say what a run would do. Records nothing."""
    with hired(scan) as helpers:
        import msgspec

        from triagebot import app as application

        options = _options(label, taken_at, stream, now, True, False, accept_drop, allow_mass_close, False, verbose)
        told, file = application.make_plan_file(_config(config), scan, replace(options, helpers=helpers))
    if out:
        _write(out, msgspec.json.format(msgspec.json.encode(file), indent=1).decode())
    _end(told, as_json)


@app.command()
def apply(
    plan_file: Annotated[Path, typer.Argument(help="A file that `triagebot plan --out` wrote.")],
    config: ConfigOption = None,
    now: Now = "",
    dry_run: DryRun = False,
    allow_mass_close: MassClose = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Carry out a plan file: record its scan, write its tickets, refuse those that drifted."""
    from triagebot import app as application

    options = _options("", "", "main", now, dry_run, False, False, allow_mass_close, False, verbose)
    _end(application.apply_plan_file(_config(config), plan_file, options), as_json)


@app.command()
def summary(
    out: Annotated[Path | None, typer.Option(help="Write the Markdown here instead of to stdout.")] = None,
    config: ConfigOption = None,
    stream: Stream = "main",
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Say where things stand after the last recorded scan."""
    from triagebot import app as application
    from triagebot.document import tell
    from triagebot.model import Plan

    settings = _config(config)
    options = _options("", "", stream, now, True, False, False, False, False, False)
    told = tell(settings, options, None, application.standing(settings, options), Plan(), [])
    if out:
        _write(out, told.summary)
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
    settings = _config(config)
    options = _options("", "", stream, now, True, False, False, False, False, False)
    if report:
        said, is_read = explaining.report(report, application.reading(settings, options))
        typer.echo(said, nl=False)
        raise typer.Exit(0 if is_read else 1)
    typer.echo(explained(settings, options, application.standing(settings, options), what), nl=False)


@app.command()
def doctor(
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Look at each tracker: can it be reached, what may we do there, what would be refused. Writes nothing."""
    from triagebot.doctor import examine
    from triagebot.render import plain

    settings = _config(config)
    found = examine(settings, _options("", "", "main", "", True, False, False, False, False, False))
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

    settings = _config(config)
    options = _options("", "", stream, now, True, False, False, False, False, False)
    document = written(settings, options, application.standing(settings, options), author)
    text = f"{json.dumps(document, indent=2)}\n"
    if out:
        _write(out, text)
    else:
        typer.echo(text, nl=False)


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
    """Two scans of a platform of 178 images, from examples/csm, with the local tracker."""
    from triagebot.demo import play

    play(folder, typer.echo)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _config(path: Path | None) -> Config:
    from triagebot.config import load

    return load(path)


def _options(
    label: str,
    taken_at: str,
    stream: str,
    now: str,
    dry_run: bool,
    record_only: bool,
    accept_drop: bool,
    allow_mass_close: bool,
    end_stream: bool,
    verbose: bool,
) -> Options:
    from triagebot.look import Options

    return Options(
        now=_time("--now", now) or datetime.now(UTC), taken_at=_time("--taken-at", taken_at), label=label,
        stream=_stream(stream), dry_run=dry_run, record_only=record_only, accept_drop=accept_drop,
        allow_mass_close=allow_mass_close, end_stream=end_stream, progress=_say if verbose else None, notice=_say,
    )  # fmt: skip


def _say(line: str) -> None:
    from triagebot.render import plain

    typer.echo(plain(line), err=True)


def _time(option: str, text: str) -> datetime | None:
    from triagebot.errors import InputError

    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(option, f"{text!r} is no ISO 8601 time", "write for example 2026-05-03T06:00:00Z") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _stream(name: str) -> str:
    import re

    from triagebot.errors import InputError

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
        raise InputError("--stream", f"{name!r} is no stream name", "use letters, digits, dots and dashes")
    return name


def _write(path: Path, text: str) -> None:
    """Write aside, then rename."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _end(told: Told, as_json: bool) -> None:
    """Print what was done and leave with the exit code."""
    document = told.document
    if as_json:
        from triagebot.folder import indented

        typer.echo(indented(document))
    else:
        for line in _lines(document, told.headline):
            typer.echo(line)
    for kind in () if as_json else ("warnings", "errors"):
        for line in document[kind]:
            typer.echo(f"{kind[:-1]}: {line}", err=True)
    if document["refused"] and not as_json:
        typer.echo(f"refused: {document['refused']}", err=True)
    raise typer.Exit(told.exit_code)


def _lines(document: dict[str, Any], headline: str) -> list[str]:
    """A run for people, one line a fact."""
    from triagebot.render import plain

    scan = document["scan"]
    images = [f"{scan[f'images_{word}']} {word}" for word in ("scanned", "failed", "missing")]
    said = [f"scan {scan['label']}: images: {', '.join(images)}", f"{headline}."]
    for a in document["actions"]:
        if a["kind"] != "leave" or a["outcome"] == "deferred":
            said.append(f"  {a['outcome']} {a['kind']}: {a['title']} ({a['team']}) {a['ticket']['url']}")
    made = Counter(a["kind"] for a in document["actions"] if a["outcome"] in ("done", "planned", "refused"))
    not_made = Counter(a["outcome"] for a in document["actions"] if a["outcome"] not in ("done", "planned", "refused"))
    counts = {**{kind: made[kind] for kind in document["plan"]}, **not_made}
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n) or "nothing to do"
    return [line[: len(line) - len(line.lstrip())] + plain(line, 500) for line in (*said, f"tickets: {told}")]
