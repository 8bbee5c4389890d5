"""What the commands share: the application, the options that several of them take, and how they are read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from triagebot.config import Config
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
TakenAt = Annotated[
    str | None,
    typer.Option(
        help="When the scan was taken (ISO 8601), if reports do not say; with --record-only, of a recorded one too."
    ),
]
Stream = Annotated[str, typer.Option(help="A separate line (release branch, environment) with its own tickets.")]
Now = Annotated[str | None, typer.Option(help="Pretend that it is this time; for tests and imports.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything but write to trackers and history.")]
RecordOnly = Annotated[bool, typer.Option("--record-only", help="Record the scan; touch no ticket.")]
AcceptDrop = Annotated[bool, typer.Option("--accept-drop", help="Believe a scan that was set aside as suspect.")]
MassClose = Annotated[bool, typer.Option("--allow-mass-close", help="Close more tickets than the limit allows.")]
EndStream = Annotated[bool, typer.Option("--end-stream", help="Retire all that the stream still holds; takes no scan.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the document of the run and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Name each file and each ticket on stderr.")]


class LogFormat(StrEnum):
    """What stands on stderr: lines for people, or one JSON object a line."""

    TEXT = "text"
    JSON = "json"


LogAs = Annotated[LogFormat, typer.Option("--log-format", help="What stands on stderr: text, or JSON a line.")]
ScanPath = Annotated[Path, typer.Argument(help="A folder of reports, one report, or a .tar.gz of reports.")]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every question is told: whose history, which of its streams, and when it is."""

    config: ConfigOption = None
    stream: Stream = "main"
    now: Now = None

    @property
    def settings(self) -> Config:
        """The settings, read and checked."""
        return settings_of(self.config)

    @property
    def options(self) -> Options:
        """What is known of the time and the stream. Nothing is written."""
        return options_of(stream=self.stream, now=self.now, dry_run=True)


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its first parameter, a dataclass, as options: what it shares with others.

    Typer makes a command from a signature; this makes that signature.
    """
    hints = get_type_hints(command, include_extras=True)
    first, *own = inspect.signature(command).parameters.values()
    kind = hints[first.name]
    shared = {field.name: field.default for field in fields(kind)}
    hints = {**{p.name: hints[p.name] for p in own}, **get_type_hints(kind, include_extras=True)}
    defaults = {**{p.name: p.default for p in own}, **shared}

    def called(**words: Any) -> None:
        command(kind(**{name: words.pop(name) for name in shared}), **words)

    called.__name__, called.__doc__, called.__annotations__ = command.__name__, command.__doc__, hints
    listed = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
        for name, default in defaults.items()
    ]
    called.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    return called


def settings_of(path: Path | None) -> Config:
    """The settings, read and checked."""
    from triagebot.config import load

    return load(path)


def options_of(
    *, stream: str = "main", now: str | None = None, taken_at: str | None = None, verbose: bool = False, **told: Any
) -> Options:
    """What a command was told, read and checked. `told`: the fields of `Options` that need no reading."""
    from triagebot.look import Options
    from triagebot.stages import Stages

    return Options(
        now=_time("--now", now) or datetime.now(UTC), taken_at=_time("--taken-at", taken_at), stream=_stream(stream),
        progress=_progressed if verbose else None, notice=say, stages=Stages(_staged), **told,
    )  # fmt: skip


def say(line: str) -> None:
    """One line on stderr, without anything that a terminal would act on."""
    note("notice", line)


def note(level: str, line: str, **more: Any) -> None:
    """A line on stderr: words, or with `--log-format json` an object. `more`: fields that only the object has."""
    from triagebot.render import plain

    if not _log.as_json:
        typer.echo(f"{level}: {plain(line)}" if level in ("warning", "error", "refused") else plain(line), err=True)
        return
    told = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "level": level, "message": plain(line, 2000), **more}
    typer.echo(json.dumps(told, ensure_ascii=False), err=True)


def log_as(form: LogFormat) -> None:
    """How lines on stderr are written from now on."""
    _log.as_json = form is LogFormat.JSON


def is_logged_as_json() -> bool:
    """Whether they are objects."""
    return _log.as_json


@dataclass
class _Log:
    as_json: bool = False


_log = _Log()


def _staged(stage: str, seconds: float) -> None:
    if _log.as_json:
        note("stage", f"{stage}: {seconds:.3f} s", stage=stage, seconds=round(seconds, 3))


def _progressed(line: str) -> None:
    note("progress", line)


def _time(option: str, text: str | None) -> datetime | None:
    """What was said; None: nothing was. An empty text is no time: a variable of a pipeline that is not set."""
    from triagebot.errors import InputError

    if text is None:
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


def write(path: Path, content: str | bytes) -> None:
    """Write a file aside, then rename it. Raises `InputError` where it cannot be."""
    from triagebot.errors import InputError

    if not path.name:
        raise InputError(f"--out {path}", "is a folder", "name a file")
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"--out {path}", f"cannot be written: {error.strerror}", "name a file that can be") from error
