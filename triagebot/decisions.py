"""What is excused: exceptions from the file, and what people decided by closing tickets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from triagebot.commands import Command, Malformed, read
from triagebot.files import Exemption
from triagebot.model import Decision, Remark, Ticket
from triagebot.rules import Aliases, text

SAID = "decided by a person"
"""How a ticket names a person's decision: the same whether it is read from a closing or from a marker."""

Event = tuple[datetime, str, date, tuple[str, ...]]
"""When, what, until when, and the findings that it is about."""


@dataclass(frozen=True)
class Held:
    """A person's decision on one finding, until a day."""

    until: date
    said: str


def excused(findings: pl.DataFrame, exemptions: Sequence[Exemption], aliases: Aliases, now: datetime) -> pl.Series:
    """The index of the first exception in force that covers each finding; null where none does."""
    active = [(i, e) for i, e in enumerate(exemptions) if e.expires is None or now.astimezone(UTC).date() < e.expires]
    if not active:
        return pl.Series("excused", [None] * findings.height, dtype=pl.Int32)
    chain = pl.coalesce([pl.when(_covers(e, aliases)).then(pl.lit(i, dtype=pl.Int32)) for i, e in active])
    return findings.lazy().with_columns(chain.alias("excused")).select("excused").collect().to_series()


def _covers(e: Exemption, aliases: Aliases) -> pl.Expr:
    package = text("package", [e.package], aliases) | text("source_package", [e.package], aliases)
    by_name = pl.col("package").str.extract(r"([^/]+)$").eq(e.package).fill_null(False)
    return text("asset", [e.asset], aliases) & (package | by_name) & text("vulnerability", [e.vulnerability], aliases)


def said(e: Exemption) -> str:
    """An exception in words, for the ticket."""
    until = f" until {e.expires:%Y-%m-%d}" if e.expires else ""
    where = f" ({e.url})" if e.url else ""
    return f"{e.kind}{until}: {e.reason}{where}, approved by {e.approved_by}"


def held_by_people(tickets: Iterable[Ticket], expiry: timedelta, now: datetime) -> Mapping[str, Held]:
    """Decisions on findings, by finding id, read from the tickets alone.

    Closing as not planned or duplicate decides on the findings that the ticket showed, until `expiry` after
    the closing (a duplicate: until the other ticket closes); so do commands in comments. `reopen` ends what was
    decided on the ticket before. The marker carries decisions along.
    """
    today = now.astimezone(UTC).date()
    held: dict[str, Held] = {}
    for ticket in tickets:
        for finding, decision in _of_ticket(ticket, expiry, now).items():
            _hold(held, finding, decision)
    return {finding: decision for finding, decision in held.items() if today < decision.until}


def commands_of(ticket: Ticket, expiry: timedelta) -> list[Command]:
    """What people told us on a ticket, the oldest first; what cannot be read is not among them."""
    return [command for _, command in _told(ticket, expiry)]


def _told(ticket: Ticket, expiry: timedelta) -> list[tuple[Remark, Command]]:
    said = []
    for remark in sorted(ticket.remarks, key=lambda r: (r.at, r.id)):
        with suppress(Malformed):
            said.append((remark, read(remark, expiry)))
    return said


def in_force(tickets: Iterable[Ticket], expiry: timedelta, now: datetime) -> list[Decision]:
    """What people decided and what still holds, the first to end first."""
    today = now.astimezone(UTC).date()
    found = [d for ticket in tickets for d in _decided(ticket, expiry, now) if today < d.until]
    return sorted(found, key=lambda d: (d.until, d.ticket, d.by, d.what))


def _decided(ticket: Ticket, expiry: timedelta, now: datetime) -> list[Decision]:
    made: list[Decision] = []
    said = commands_of(ticket, expiry)
    events: list[tuple[datetime, str, str, date, str]]
    events = [(c.at, c.kind, c.by, c.until, c.because) for c in said]
    events += [(ticket.closed_at or now, f"closed as {ticket.closed_as}", "", day, "")
               for day in _closing(ticket, expiry, now)]  # fmt: skip
    for _, what, by, day, because in sorted(events):
        made = [] if what == "reopen" else [*made, Decision(by, what, day, because, ticket.id)]
    carried = max((until for entry in ticket.marker.held if (until := _day(entry))), default=None)
    if carried and not said:  # decided where it stood before, or by a closing that a reopening ended
        made.append(Decision("", "decided before", carried, "", ticket.id))
    return made


def _day(entry: str) -> date | None:
    """Until when an entry of a marker holds. People can break a marker; one that says nothing holds nothing."""
    with suppress(ValueError):
        return date.fromisoformat(entry.partition(":")[2])
    return None


def is_asked_for(ticket: Ticket, expiry: timedelta) -> bool:
    """Whether a person asked to open the ticket again after it was closed."""
    last = commands_of(ticket, expiry)[-1:]
    return any(c.kind == "reopen" and (ticket.closed_at is None or c.at >= ticket.closed_at) for c in last)


def _of_ticket(ticket: Ticket, expiry: timedelta, now: datetime) -> dict[str, Held]:
    """What a ticket holds: what went into its marker, the marker, and what came since; a `reopen` ends what was before.

    The marker tells more than the remarks that went into it where history, which knows what they saw, is lost.
    """
    held: dict[str, Held] = {}
    told = _told(ticket, expiry)
    _replay(held, [_event(c) for r, c in told if r.mark in ticket.marker.heard])
    for entry in ticket.marker.held:
        if until := _day(entry):
            _hold(held, entry.partition(":")[0], Held(until, SAID))
    closings = [(ticket.closed_at or now, "close", day, ticket.marker.shown) for day in _closing(ticket, expiry, now)]
    _replay(held, [*closings, *(_event(c) for r, c in told if r.mark not in ticket.marker.heard)])
    return held


def _event(command: Command) -> Event:
    return command.at, command.kind, command.until, command.shown


def _replay(held: dict[str, Held], events: Iterable[Event]) -> None:
    for _, kind, until, shown in sorted(events):
        if kind == "reopen":
            held.clear()
        for finding in shown if kind != "reopen" else ():
            _hold(held, finding, Held(until, SAID))


def _closing(ticket: Ticket, expiry: timedelta, now: datetime) -> list[date]:
    """Until when a person's closing decides; nothing where it does not."""
    if ticket.is_open or ticket.closed_by_us or ticket.closed_as not in ("not-planned", "duplicate"):
        return []
    if ticket.closed_as == "duplicate" and ticket.duplicate_open is not None:
        return [(now + expiry).astimezone(UTC).date() if ticket.duplicate_open else date.min]
    return [((ticket.closed_at or now) + expiry).astimezone(UTC).date()]


def _hold(held: dict[str, Held], finding: str, decision: Held) -> None:
    if finding not in held or held[finding].until < decision.until:
        held[finding] = decision
