"""The commands that read a scan and act: run, plan, apply."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triagebot.beside import hired
from triagebot.cli.base import (
    AcceptDrop,
    AsJson,
    ConfigOption,
    DryRun,
    EndStream,
    Label,
    LogAs,
    LogFormat,
    MassClose,
    Now,
    RecordOnly,
    ScanPath,
    Stream,
    TakenAt,
    Verbose,
    app,
    is_logged_as_json,
    log_as,
    note,
    options_of,
    settings_of,
    spread,
    write,
)

if TYPE_CHECKING:
    from triagebot.document import Told
    from triagebot.look import Options


@dataclass(frozen=True, kw_only=True)
class OfScan:
    """What whoever reads a scan is told of it, and of what may be done."""

    config: ConfigOption = None
    label: Label = ""
    taken_at: TakenAt = None
    stream: Stream = "main"
    now: Now = None
    accept_drop: AcceptDrop = False
    allow_mass_close: MassClose = False
    as_json: AsJson = False
    verbose: Verbose = False
    log_format: LogAs = LogFormat.TEXT

    def options(self, **more: Any) -> Options:
        """All of it, read and checked. `more`: what only one of the commands is told."""
        return options_of(
            label=self.label, taken_at=self.taken_at, stream=self.stream, now=self.now, verbose=self.verbose,
            accept_drop=self.accept_drop, allow_mass_close=self.allow_mass_close, **more,
        )  # fmt: skip


@app.command()
@spread
def run(
    told: OfScan,
    scan: Annotated[
        Path | None, typer.Argument(help="A folder of reports, one report, or a .tar.gz of reports.")
    ] = None,
    dry_run: DryRun = False,
    record_only: RecordOnly = False,
    end_stream: EndStream = False,
    out: Annotated[Path | None, typer.Option(help="Write the document of the run here too.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary here, as Markdown.")] = None,
) -> None:
    """Read a scan, record it, and bring the tickets up to date."""
    log_as(told.log_format)
    from triagebot.errors import InputError

    if scan and end_stream:
        remedy = f"name the stream by --stream: `triagebot run --end-stream --stream {scan}`"
        raise InputError("--end-stream", f"takes no scan, and {str(scan)!r} is given", remedy)
    if not (scan or end_stream):
        raise InputError("run", "needs either a scan or --end-stream", "give the folder that holds the reports")
    for option, path in (("--out", out), ("--summary", summary)):
        if path and not path.parent.is_dir():
            raise InputError(option, f"there is no folder {path.parent}", "make it, or name another file")
    with hired(scan) as helpers:
        from triagebot import app as application

        options = told.options(dry_run=dry_run, record_only=record_only, end_stream=end_stream, helpers=helpers)
        done = application.run(settings_of(told.config), scan, options)
    if out:
        from triagebot.folder import indented

        write(out, indented(done.document))
    if summary:
        write(summary, done.summary)
    _end(done, told.as_json)


@app.command()
@spread
def plan(
    told: OfScan,
    scan: ScanPath,
    out: Annotated[Path | None, typer.Option(help="Write the plan here, for `triagebot apply`.")] = None,
) -> None:
    """Say what a run would do. Records nothing."""
    log_as(told.log_format)
    with hired(scan) as helpers:
        import msgspec

        from triagebot import app as application

        options = told.options(dry_run=True, helpers=helpers)
        done, file = application.make_plan_file(settings_of(told.config), scan, options)
    if out:
        write(out, msgspec.json.format(msgspec.json.encode(file), indent=1).decode())
    _end(done, told.as_json)


@app.command()
def apply(
    plan_file: Annotated[Path, typer.Argument(help="A file that `triagebot plan --out` wrote.")],
    config: ConfigOption = None,
    now: Now = None,
    dry_run: DryRun = False,
    allow_mass_close: MassClose = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    log_format: LogAs = LogFormat.TEXT,
) -> None:
    """Carry out a plan file: record its scan, write its tickets, refuse those that drifted."""
    log_as(log_format)
    from triagebot import app as application

    options = options_of(now=now, dry_run=dry_run, allow_mass_close=allow_mass_close, verbose=verbose)
    _end(application.apply_plan_file(settings_of(config), plan_file, options), as_json)


def _end(told: Told, as_json: bool) -> None:
    """Print what was done and leave with the exit code."""
    document = told.document
    if as_json:
        from triagebot.folder import indented

        typer.echo(indented(document))
    else:
        for line in printed(document, told.headline):
            typer.echo(line)
    if not as_json or is_logged_as_json():
        for kind in ("warnings", "errors"):
            for line in document[kind]:
                note(kind[:-1], line)
        if document["refused"]:
            note("refused", document["refused"])
    raise typer.Exit(told.exit_code)


_NAMED = 5
"""So many tickets of those that are left alone or put off for one reason are named."""


def printed(document: dict[str, Any], headline: str) -> list[str]:
    """A run for people, one line a fact; what is left alone or put off, one line a reason."""
    from triagebot.render import plain

    scan = document["scan"]
    images = [f"{scan[f'images_{word}']} {word}" for word in ("scanned", "failed", "missing")]
    said = [f"scan {scan['label']}: images: {', '.join(images)}", f"{headline}."]
    still: dict[str, list[str]] = {}
    for a in document["actions"]:
        if a["outcome"] == "deferred" or a["kind"] == "leave":
            what = f"deferred {a['kind']}" if a["outcome"] == "deferred" else "leave"
            still.setdefault(f"{what}, {a['reason']}", []).append(plain(a["title"], 80))
        else:
            said.append(f"  {a['outcome']} {a['kind']}: {a['title']} ({a['team']}) {a['ticket']['url']}")
    for why, titles in still.items():
        more = f"; and {len(titles) - _NAMED} more (--json names all)" if len(titles) > _NAMED else ""
        said.append(f"  {why}: {'; '.join(titles[:_NAMED])}{more}")
    made = Counter(a["kind"] for a in document["actions"] if a["outcome"] in ("done", "planned", "refused"))
    not_made = Counter(a["outcome"] for a in document["actions"] if a["outcome"] not in ("done", "planned", "refused"))
    counts = {**{kind: made[kind] for kind in document["plan"]}, **not_made}
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    week = document["summary"]
    is_told = week["outcome"] in ("posted", "edited")
    said += [f"tickets: {told or 'nothing to do'}"] if told or not is_told else []
    said += [f"weekly summary: {week['outcome']}, {week['ticket']['url'] or week['ticket']['id']}"] if is_told else []
    return [line[: len(line) - len(line.lstrip())] + plain(line, 700) for line in said]
