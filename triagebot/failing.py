"""A run that failed says so where people look: one comment on the ticket of the weekly summary, at most one a day."""

from __future__ import annotations

from collections.abc import Sequence

from triagebot.config import Config
from triagebot.errors import LeaseError, TrackerError
from triagebot.history import History
from triagebot.model import SUMMARY_KEY, Ticket
from triagebot.render.blocks import Bullets, Paragraph, Said, line, written
from triagebot.seen import Options, connected
from triagebot.trackers import Drifted, Edit

MOST = 10
"""Faults that the comment names; the run itself names all."""


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
        with history.lease():
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
