"""A run that failed says so where people look: one comment on the ticket of the weekly summary, at most one a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from triagebot.config import Config, alone, load
from triagebot.errors import InputError, LeaseError, TrackerError, TriagebotError
from triagebot.history import History
from triagebot.model import SUMMARY_KEY, Ticket
from triagebot.render.blocks import Bullets, Paragraph, Said, line, written
from triagebot.seen import Options, connected
from triagebot.trackers import Drifted, Edit

MOST = 10
"""Faults that the comment names; the run itself names all."""


@contextmanager
def told(config: Config | None, options: Options) -> Iterator[None]:
    """Whatever ends what is done inside is said on the ticket, and goes on: our own defects and the machine's, too.

    Without settings nothing is said; nor is what a person at a terminal mistyped, and reads there.
    """
    try:
        yield
    except LeaseError:
        raise  # another run goes on: that is no failure
    except Exception as fault:
        if config and not (options.attended and _exit_code(fault) == InputError.exit_code):
            say(config, options, _lines(fault))
        raise


def say(config: Config, options: Options, faults: Sequence[str]) -> None:
    """Leave the comment. Why it could not be left is told at once, and never hides the fault."""
    try:
        note = report(config, options, faults)
    except Exception as fault:
        note = f"that the run failed could not be said: {fault}"
    if note and options.notice:
        options.notice(note)


def settings(path: Path | None, options: Options) -> Config:
    """The settings of a run. A fault in the files that they name is said like one of the run itself."""
    try:
        return load(path)
    except Exception:
        with told(alone(path), options):
            raise


def _exit_code(fault: Exception) -> int:
    if isinstance(fault, TriagebotError):
        return fault.exit_code
    return InputError.exit_code if isinstance(fault, OSError) else 1


def _lines(fault: Exception) -> list[str]:
    if isinstance(fault, TriagebotError):
        return str(fault).splitlines()
    if isinstance(fault, OSError):
        return [f"{fault.filename or 'the machine'}: {fault.strerror or fault}"]
    return [f"a defect of triagebot, please report it: {type(fault).__name__}: {fault}"]


def report(config: Config, options: Options, faults: Sequence[str]) -> str:
    """Leave the comment; why it could not be left, empty: it stands there, or there is no such ticket.

    The comment is looked up by the day before it is written, so that a run which fails every hour leaves one.
    """
    asked = config.settings.summary
    if asked is None or options.dry_run or options.record_only:
        return ""
    history = History(config.history)
    held = _ticket(history, asked.tracker)
    if held is None:
        return ""
    try:
        with ExitStack() as held_alone:
            with suppress(OSError):  # it cannot be written: that is what there is to say
                held_alone.enter_context(history.lease())
            tracker = connected(config, options)[asked.tracker]
            said = _text(config, options, faults, tracker.markup)
            tracker.edit(held.id, Edit(comment=said, comment_digest=f"failed-{options.now:%Y-%m-%d}"))
    except (Drifted, LeaseError):
        return ""  # closed by a person, who ended that; or another run goes on, and will tell
    except TrackerError as fault:
        return f"that the run failed could not be said on {held.id}: {fault}"
    return ""


def _ticket(history: History, tracker: str) -> Ticket | None:
    known = (k for (name, _), k in history.tickets().items() if name == tracker and not k.deleted_seen)
    return next((k.ticket for k in known if k.ticket.marker.key == SUMMARY_KEY and k.ticket.is_open), None)


def _text(config: Config, options: Options, faults: Sequence[str], markup: str) -> str:
    where = config.runner if config.runner.startswith("http") else ""
    shown = tuple(line(Said(config.portable(fault), "text")) for fault in faults[:MOST])
    log = line(" ", Said("Its log", link=where), ".") if where else ()
    head = line(f"The run of {options.now:%Y-%m-%d %H:%M} UTC failed, in whole or in part. Stream: ")
    head = (*head, Said(options.stream, "code"), Said("."), *log)
    foot = line("What was not done waits for the next run. No more is said here today.")
    return written([Paragraph(head), Bullets(shown, max(0, len(faults) - MOST)), Paragraph(foot)], markup)
