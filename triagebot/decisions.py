"""What people decided by closing tickets, deleting them, and in comments; until when, why, and who."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, cast

from triagebot.commands import Command, Malformed, read
from triagebot.keys import bare
from triagebot.model import Decision, Marker, Remark, Ticket

SAID = "decided by a person"
"""How a ticket names a person's decision: the same whether it is read from a closing or from a marker."""

Kind = Literal["", "not-planned", "duplicate", "deleted", "snooze", "accept", "false-positive"]
_WORDS: dict[str, str] = {
    "not-planned": "closed as not planned", "duplicate": "closed as a duplicate", "deleted": "ticket deleted",
    "snooze": "snoozed", "accept": "risk accepted", "false-positive": "false positive",
}  # fmt: skip
_COMMANDS = ("snooze", "accept", "false-positive")
"""Decisions that name their end: of several the last one said counts."""
_LONGEST_REASON = 200
OPEN_END = date.max
"""The end of what waits for something else: no day is known."""


@dataclass(frozen=True)
class Held:
    """A person's decision on one finding, until a day. `ticket`: the key, without stream, of the ticket that tells.

    `original`: the ticket that a duplicate waits for. While that is known to be open there is no day (`OPEN_END`);
    `lapses` is then the day on which the decision ends should nobody be able to tell of it any more.
    """

    until: date
    said: str = SAID
    kind: Kind = ""
    by: str = ""
    at: date | None = None
    because: str = ""
    ticket: str = ""
    original: str = ""
    lapses: date | None = None
    moment: datetime | None = field(default=None, compare=False)
    """When it was decided; None: a marker carries it, which knows the day alone."""

    @property
    def words(self) -> str:
        """What was decided, and until when."""
        return f"{self.said}, until {ending(self.until)}"

    @property
    def told(self) -> str:
        """What a marker carries of it, beside the finding and the day: kind, day, person, reason."""
        if not self.kind:
            return ""
        kind = f"{self.kind}:{self.original.replace('|', ' ')}" if self.original else self.kind
        return "|".join([kind, f"{self.at or ''}", self.by.replace("|", " "), self.because])


def ending(until: date) -> str:
    """When a decision ends, in words."""
    return "the other ticket is closed" if until == OPEN_END else f"{until:%Y-%m-%d}"


Event = tuple[datetime, Held | None, tuple[str, ...]]
"""When, what was decided (None: the end of all that was), and the findings that it is about."""


def made(kind: Kind, until: date, by: str, at: date | None, because: str, ticket: str) -> Held:
    """A decision with its words, which say who, when and why, as far as that is known."""
    reason = " ".join(because.split())[:_LONGEST_REASON]
    when = f" on {at:%Y-%m-%d}" if at else ""
    words = f"decided by {by or 'a person'}{when}: {_WORDS[kind]}" if kind else SAID
    return Held(until, f"{words}, because {reason}" if reason else words, kind, by, at, reason, ticket)


def carried(findings: Iterable[str], held: Mapping[str, Held]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The decisions on these findings as a marker carries them: (`held`, `decisions`) of `Marker`."""
    mine = {finding: held[finding] for finding in findings if finding in held}
    told = tuple(sorted({decision.told for decision in mine.values() if decision.told}))
    entries = (
        f"{finding}:{d.lapses or d.until}:{told.index(d.told)}" if d.told else f"{finding}:{d.until}"
        for finding, d in mine.items()
    )  # fmt: skip
    return tuple(sorted(entries)), told


def _key(marker: Marker) -> str:
    return bare(marker.key, marker.stream)


def _of_marker(ticket: Ticket, standing: Mapping[str, bool]) -> Iterator[tuple[str, Held]]:
    """People can break a marker: what cannot be read of it holds nothing, or holds without its words.

    `standing`: tickets by id, and whether they are open: a duplicate holds as long as its original.
    """
    marker = ticket.marker
    for entry in marker.held:
        finding, until, place = (*entry.split(":"), "", "")[:3]
        with suppress(ValueError):
            day = date.fromisoformat(until)
            decision = Held(day, ticket=_key(marker))
            with suppress(ValueError, IndexError):
                named, at, by, because = marker.decisions[int(place)].split("|", 3)
                kind, _, original = named.partition(":")
                if kind in _WORDS:
                    on = date.fromisoformat(at) if at else None
                    decision = made(cast(Kind, kind), day, by, on, because, _key(marker))
                    told = {**standing, **dict(ticket.originals)}.get(original) if original != ticket.id else None
                    decision = _waiting(decision, original, told) if kind == "duplicate" else decision
            yield finding, decision


def _waiting(decision: Held, original: str, is_open: bool | None) -> Held:
    """The decision as long as the original is open; until its day where that is not known."""
    if is_open is None:
        return replace(decision, original=original)
    return replace(decision, original=original, lapses=decision.until, until=OPEN_END if is_open else date.min)


def still_waiting(ticket: Ticket, before: Ticket) -> Ticket:
    """A ticket that was just written, with what its tracker told before of the tickets that its decisions wait for."""
    told = dict(before.originals)
    if before.duplicate_of and before.duplicate_open is not None:
        told[before.duplicate_of] = before.duplicate_open
    return ticket if ticket is before else replace(ticket, originals=tuple({**told, **dict(ticket.originals)}.items()))


def _standing(tickets: Iterable[Ticket]) -> dict[str, bool]:
    return {ticket.id: ticket.is_open for ticket in tickets}


def held_by_people(tickets: Iterable[Ticket], expiry: timedelta, now: datetime) -> Mapping[str, Held]:
    """Decisions on findings, by finding id, read from the tickets alone.

    Closing as not planned or duplicate decides on the findings that the ticket showed, until `expiry` after
    the closing (a duplicate: until the other ticket closes); so do commands in comments. `reopen` ends what was
    decided on the ticket before, also where it was decided elsewhere and carried here. The marker carries decisions
    along. Of several the one that ends last counts, but a later command of a person before an earlier decision.
    """
    today = now.astimezone(UTC).date()
    held: dict[str, Held] = {}
    tickets = list(tickets)
    standing, ends = _standing(tickets), _ends(tickets, expiry)
    for ticket in tickets:
        for finding, decision in _of_ticket(ticket, expiry, now, standing).items():
            if not _is_over(ends, ticket, finding, decision):
                _hold(held, finding, decision)
    return {finding: decision for finding, decision in held.items() if today < decision.until}


Ends = Mapping[str, list[tuple[tuple[str, str], datetime]]]
"""Where (tracker, ticket) and when a person asked for a finding to be acted on again."""


def _ends(tickets: Iterable[Ticket], expiry: timedelta) -> Ends:
    """A `reopen` is about what its ticket shows, and what it carries from tickets that were there before it."""
    ends: dict[str, list[tuple[tuple[str, str], datetime]]] = {}
    for ticket in tickets:
        asked = [c.at for c in commands_of(ticket, expiry) if c.kind == "reopen"]
        carried_here = (entry.partition(":")[0] for entry in ticket.marker.held)
        for finding in {*ticket.marker.shown, *carried_here} if asked else ():
            ends.setdefault(finding, []).append(((ticket.tracker, ticket.id), max(asked)))
    return ends


def _is_over(ends: Ends, ticket: Ticket, finding: str, decision: Held) -> bool:
    """Whether a `reopen` on another ticket ended what was decided on this one."""
    here = (ticket.tracker, ticket.id)
    return any(other != here and _is_before(decision, at) for other, at in ends.get(finding, ()))


def _is_before(decision: Held, at: datetime) -> bool:
    if decision.moment is not None:
        return decision.moment <= at
    return decision.at is not None and decision.at <= at.astimezone(UTC).date()


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
    """What people decided and what still holds, the first to end first. What other tickets only carry is named once."""
    today = now.astimezone(UTC).date()
    tickets = list(tickets)
    standing, ends = _standing(tickets), _ends(tickets, expiry)
    found: dict[tuple[object, ...], list[Decision]] = {}
    for ticket in tickets:
        for said in _decided(ticket, expiry, now, ends):
            key = said.kind, said.by, said.until, said.because
            found.setdefault(key, []).append(_named(said, _direct(ticket, said.kind), ticket))
    for ticket in tickets:
        mine = [d for f, d in _of_marker(ticket, standing) if not _is_over(ends, ticket, f, d)]
        last = max(mine, key=lambda d: d.until, default=None)
        if last and not commands_of(ticket, expiry):  # decided elsewhere before, or by a closing that was undone
            what = f"decided before: {_WORDS[last.kind]}" if last.kind else "decided before"
            key = last.kind, last.by, last.until, last.because
            found.setdefault(key, [_named(last, what, ticket)])
    named = [d for same in found.values() for d in same if today < d.until]
    return sorted(named, key=lambda d: (d.until, d.ticket, d.by, d.what))


def _direct(ticket: Ticket, kind: Kind) -> str:
    return f"closed as {ticket.closed_as}" if kind in ("not-planned", "duplicate") else kind


def _named(held: Held, what: str, ticket: Ticket) -> Decision:
    return Decision(held.by, what, held.until, held.because, ticket.id)


def deleted(held: Iterable[Held], tickets: Iterable[Ticket]) -> list[Decision]:
    """What people decided by deleting tickets, named by their keys. Where there is a ticket of that key, it tells."""
    there = {_key(ticket.marker) for ticket in tickets}
    gone = {(d.until, d.ticket) for d in held if d.kind == "deleted" and d.ticket not in there}
    return [Decision("", _WORDS["deleted"], until, "", ticket) for until, ticket in sorted(gone)]


def _decided(ticket: Ticket, expiry: timedelta, now: datetime, ends: Ends) -> list[Held]:
    """What people decided on this ticket itself, without what was ended or said otherwise since."""
    found: list[tuple[Held, set[str]]] = []
    events = [*(_event(c, ticket) for c in commands_of(ticket, expiry)), *_closings(ticket, expiry, now)]
    for _, said, shown in sorted(events, key=lambda event: event[0]):
        if said is None:
            found = []
            continue
        if said.kind in _COMMANDS:
            found = [(d, rest) for d, about in found if (rest := about - set(shown))]
        found.append((said, set(shown)))
    return [d for d, about in found if not about or not all(_is_over(ends, ticket, f, d) for f in about)]


def is_asked_for(ticket: Ticket, expiry: timedelta) -> bool:
    """Whether a person asked to open the ticket again after it was closed."""
    last = commands_of(ticket, expiry)[-1:]
    return any(c.kind == "reopen" and (ticket.closed_at is None or c.at >= ticket.closed_at) for c in last)


def _of_ticket(ticket: Ticket, expiry: timedelta, now: datetime, standing: Mapping[str, bool]) -> dict[str, Held]:
    """What a ticket holds: what went into its marker, the marker, and what came since; a `reopen` ends what was before.

    The marker tells more than the remarks that went into it where history, which knows what they saw, is lost.
    """
    held: dict[str, Held] = {}
    told = _told(ticket, expiry)
    _replay(held, [_event(c, ticket) for r, c in told if r.mark in ticket.marker.heard])
    for finding, decision in _of_marker(ticket, standing):
        _hold(held, finding, decision)
    since = [_event(c, ticket) for r, c in told if r.mark not in ticket.marker.heard]
    _replay(held, [*_closings(ticket, expiry, now), *since])
    return held


def _event(c: Command, ticket: Ticket) -> Event:
    if c.kind == "reopen":
        return c.at, None, ()
    day = c.at.astimezone(UTC).date()
    said = made(c.kind, c.until, c.by, day, c.because, _key(ticket.marker))
    return c.at, replace(said, moment=c.at), c.shown


def _closings(ticket: Ticket, expiry: timedelta, now: datetime) -> Iterator[Event]:
    if not ticket.is_decision:
        return
    kind: Kind = "duplicate" if ticket.closed_as == "duplicate" else "not-planned"
    at = ticket.closed_at or now
    until = (at + expiry).astimezone(UTC).date()
    because = ticket.closed_because or (f"of {ticket.duplicate_of}" if ticket.duplicate_of else "")
    said = made(kind, until, ticket.closed_by, at.astimezone(UTC).date(), because, _key(ticket.marker))
    if kind == "duplicate":
        said = _waiting(said, ticket.duplicate_of, ticket.duplicate_open)
    yield at, replace(said, moment=at), ticket.marker.shown


def _replay(held: dict[str, Held], events: Iterable[Event]) -> None:
    for _, said, shown in sorted(events, key=lambda event: event[0]):
        if said is None:
            held.clear()
            continue
        for finding in shown:
            if said.kind in _COMMANDS:
                held[finding] = said
            else:
                _hold(held, finding, said)


def _hold(held: dict[str, Held], finding: str, decision: Held) -> None:
    if finding not in held or held[finding].until < decision.until:
        held[finding] = decision
