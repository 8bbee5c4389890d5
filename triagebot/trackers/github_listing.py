"""Which issues are tickets of ours: the first listing by label, in full; later ones by what changed of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from triagebot.errors import TrackerError
from triagebot.model import Claim, ClosedAs, Marker, Ticket
from triagebot.trackers.body import carried
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.github_memory import Memory
from triagebot.trackers.github_places import LABEL, Places, placed
from triagebot.trackers.github_remarks import Remarks
from triagebot.trackers.interface import Deleted, Halted, Known, Listing, Refused, flag_of, with_original

FULL_EVERY = timedelta(days=30)
OVERLAP = timedelta(minutes=5)
"""How far a listing reaches back behind the one before: clocks and indexes of a large site do not agree."""

_IGNORED = "{}: somebody else's issue carries our marker; it is ignored"
_SAME_MOMENT = timedelta(minutes=2)
Json = dict[str, Any]


class Lister:
    """Lists the repositories of a tracker, and holds what is known of their tickets."""

    def __init__(
        self,
        name: str,
        calls: Calls,
        learnt: Memory,
        places: Places,
        remarks: Remarks,
        now: datetime,
        repos: Sequence[str],
    ) -> None:
        self.name, self.calls, self.learnt, self.places, self.remarks = name, calls, learnt, places, remarks
        self.now, self.repos = now, list(repos)
        self.known: dict[str, Ticket] = {}
        self._listed: set[str] = set()
        self._warnings: list[str] = []
        self._broken: dict[str, str] = {}
        self._claims: dict[tuple[str, str], Claim] = {}

    def listing(self, known: Known) -> Listing:
        """The tickets of all repositories; a repository that cannot be listed takes no part, the others do."""
        self._remember(known)
        self._warnings.clear()
        self._broken.clear()
        self._claims.clear()
        shut: dict[str, str] = {}
        renamed: dict[str, str] = {}
        tickets: dict[str, Ticket] = {}
        for place in self._places():
            mine = {i: t for i, t in self.known.items() if t.place == place}
            try:
                found = self._list(place, mine, renamed)
            except Halted:
                raise
            except TrackerError as fault:
                shut[place] = str(fault)
                found = mine
            else:
                self._listed.add(place)
            tickets |= found
        self._follow(tickets, renamed)
        incomplete = ""
        if len(shut) == len(self._places()):
            told = (fault.removeprefix(f"{self.name}: ") for fault in shut.values())
            incomplete, shut = "; ".join(dict.fromkeys(told)), {}
        tickets |= {i: t for i, t in self.known.items() if i not in tickets and t.place not in self._places()}
        tickets = {i: self._read(i, partial(self._original, t, tickets)) or t for i, t in tickets.items()}
        self.known = dict(tickets)
        tickets = {i: t for i, t in tickets.items() if i not in self._broken}
        faults = tuple(self._broken.items()), tuple(self._warnings)
        return Listing(tuple(tickets.values()), incomplete, *faults, shut, renamed, dict(self._claims))

    def _follow(self, tickets: dict[str, Ticket], renamed: dict[str, str]) -> None:
        """Tickets that were transferred to a repository that we list, before a listing misses them where they were."""
        new = {t.marker.key for i, t in tickets.items() if i not in self.known}
        for old in [i for i, t in tickets.items() if i in self.known and t.marker.key in new]:
            found = self._read(old, partial(self._looked_up, old, renamed))
            if found and found.id != old:
                listed = tickets.get(found.id, found)
                said = {r.id: r for r in (*tickets.pop(old).remarks, *listed.remarks)}
                tickets[found.id] = replace(found, remarks=tuple(said.values()))

    def _remember(self, known: Known) -> None:
        try:
            self.learnt.take(known.memory)
        except msgspec.ValidationError:
            self.learnt.take({})
        self.known = dict(known.tickets)

    def _places(self) -> list[str]:
        """Repositories that teams name, and those where a ticket of ours is still open."""
        return sorted({*self.repos, *(t.place for t in self.known.values() if t.is_open and t.place)})

    def _list(self, place: str, mine: Mapping[str, Ticket], renamed: dict[str, str]) -> dict[str, Ticket]:
        memory = self.learnt.place(place)
        full_at = _time(memory.full)
        is_full = full_at is None or not memory.since or memory.claimed or self.now - full_at > FULL_EVERY
        before = memory.since
        items = self._all(place) if is_full else self._changed(place, memory.since)
        started = self.calls.first_at or self.now
        tickets = {} if is_full else dict(mine)
        for item in items:
            if ticket := self._own(place, item):
                tickets[ticket.id] = ticket
        away = {i for i in mine if i.rpartition("#")[0] not in self._places()}  # transferred to where nobody lists
        for missed in sorted(set(mine) - set(tickets) if is_full else away):
            if ticket := self._read(missed, partial(self._looked_up, missed, renamed)):
                tickets[ticket.id] = ticket
        memory.claimed = self._settle_claims(place, {t.marker.key for t in tickets.values()})
        if tickets:
            here = {i: t for i, t in tickets.items() if before and i.rpartition("#")[0] == place}
            there = {i: t for i, t in tickets.items() if i not in here}
            tickets |= self.remarks.since(place, here, before) if here else {}
            tickets |= self.remarks.all_of(place, there)
        self.learnt.listed(
            place, f"{started - OVERLAP:%Y-%m-%dT%H:%M:%SZ}",
            self.now.isoformat() if is_full and not self._broken.keys() & mine.keys() else "",
        )  # fmt: skip
        return tickets

    def _read(self, ticket_id: str, reading: Callable[[], Ticket | None]) -> Ticket | None:
        """What a reading tells of one ticket. Where it fails that ticket takes no part, and the others do."""
        try:
            return reading()
        except Halted:
            raise
        except TrackerError as fault:
            self._broken[ticket_id] = f"cannot be read: {str(fault).removeprefix(f'{self.name}: ')}"
            return self.known.get(ticket_id)

    def _all(self, place: str) -> list[Json]:
        return list(self.calls.pages(f"/repos/{place}/issues", state="all", labels=LABEL, direction="asc"))

    def _changed(self, place: str, since: str) -> list[Json]:
        """What changed of our own issues, whether they still carry our label or not."""
        found: list[Json] = []
        first: datetime | None = None
        for author in self.authors():
            found += self.calls.pages(
                f"/repos/{place}/issues", state="all", creator=author, since=since, sort="created", direction="asc"
            )
            first = first or self.calls.first_at  # between two listings there may be a long wait
        self.calls.first_at = first
        return found

    def authors(self) -> list[str]:
        """Who we are and were. Asked once; history remembers."""
        if not self.learnt.authors:
            self.learnt.authors.append(self.calls.login())
        return list(dict.fromkeys([*self.learnt.authors, *self.remarks.former]))

    def is_ours(self, item: Json) -> bool:
        return "pull_request" not in item and _author(item) in self.authors()

    def _own(self, place: str, item: Json) -> Ticket | None:
        """The item as a ticket, if it is ours. A marker in somebody else's issue is only text."""
        if "pull_request" in item:
            return None
        at, number = placed(item)
        if at.lower() != place.lower():
            raise TrackerError(f"{self.name}: {place}", f"was renamed to {at}", f"write `repo: {at}`")
        known = self.known.get(f"{place}#{number}")
        marker = carried(item.get("body") or "").marker
        if known is None and marker is None:
            return None
        if not self.is_ours(item):
            claim = Claim(f"{place}#{number}", str(item.get("html_url", "")), _author(item))
            if marker and self.remarks.may_file(place, item):
                self._claims.setdefault((place, marker.key), claim)
            else:
                self._warnings.append(_IGNORED.format(claim.ticket))
            return None
        return self._with_closer(self.ticket(f"{place}#{number}", item, known.place if known else place), known)

    def _settle_claims(self, place: str, ours: Collection[str]) -> bool:
        """Whether issues of others stand in the way here: a copy of a ticket of ours does not."""
        for key in [key for at, key in self._claims if at == place and key in ours]:
            self._warnings.append(_IGNORED.format(self._claims.pop((place, key)).ticket))
        left = [claim for (at, _), claim in self._claims.items() if at == place]
        for by in sorted({claim.by for claim in left}):
            told = ", ".join(claim.ticket.rpartition("/")[2] for claim in left if claim.by == by)
            self._warnings.append(f"{place}: issues of {by} carry our marker; no ticket is filed beside them: {told}")
        return bool(left)

    def _with_closer(self, ticket: Ticket, known: Ticket | None) -> Ticket:
        """The ticket, with the person whose closing is a decision: lists do not say, so each is asked for once."""
        if not ticket.is_decision or ticket.closed_by or (known and known.closed_at == ticket.closed_at):
            return ticket
        try:
            closer = self.issue(ticket.id).get("closed_by") or {}
        except (Deleted, Refused):
            return ticket
        return replace(ticket, closed_by=str(closer.get("login", "")))

    def _looked_up(self, ticket_id: str, renamed: dict[str, str]) -> Ticket | None:
        """A known ticket that the listing misses: without its label, transferred, or deleted (None)."""
        try:
            item = self.issue(ticket_id)
        except Deleted:
            return None
        now_id = "#".join(map(str, placed(item)))
        if now_id != ticket_id:
            renamed[ticket_id] = now_id
            self.known[now_id] = replace(self.known.pop(ticket_id), id=now_id)
        return self.ticket(now_id, item, self.known[now_id].place)

    def ticket(self, ticket_id: str, item: Json, place: str, marker: Marker | None = None) -> Ticket:
        """An issue as a ticket; what it does not say itself comes from what is known."""
        known = self.known.get(ticket_id)
        body = item.get("body") or ""
        told = carried(body)
        labels = {label["name"].lower() for label in item.get("labels") or ()}
        if known and told.marker and told.marker.key != known.marker.key:
            told = replace(told, marker=None)  # a key never changes: somebody else wrote this
        is_open = item["state"] == "open"
        closed_at = _time(item.get("closed_at"))
        closed_as = "" if is_open else _closed_as(item)
        ours = told.marker or marker or (known.marker if known else None)
        if ours is None:
            raise TrackerError(f"{self.name}: {ticket_id}", "carries no marker", "it is not ours")
        by_person = not is_open and not _is_our_closing(told.closed, closed_as, closed_at)
        return Ticket(
            id=ticket_id, url=str(item.get("html_url", "")), tracker=self.name, marker=ours, is_open=is_open,
            title=str(item.get("title", "")), closed_as=closed_as, closed_at=None if is_open else closed_at,
            closed_by_us=not is_open and not by_person,
            damaged=told.marker is None or (LABEL not in labels and not self._drops_labels(ticket_id)), place=place,
            outside=told.outside,
            comments=int(item.get("comments") or 0),
            duplicate_of=known.duplicate_of if known else "", remarks=known.remarks if known else (),
            closed_by=_closer(item, known, closed_at) if by_person else "", flag=flag_of(labels),
        )  # fmt: skip

    def _original(self, ticket: Ticket, tickets: Mapping[str, Ticket]) -> Ticket:
        return with_original(ticket, tickets, self._stands_open)

    def _stands_open(self, name: str) -> bool:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", name, re.ASCII):
            raise Deleted(f"{self.name}: {name}", "is no issue", "")
        return bool(self.issue(name)["state"] == "open")

    def issue(self, ticket_id: str) -> Json:
        """One issue, freshly read; redirects of a transfer are followed."""
        place, _, number = ticket_id.rpartition("#")
        try:
            item: Json = self.calls.get(f"/repos/{place}/issues/{number}")
        except Refused as refusal:
            if refusal.status not in (404, 410):
                raise
            self.places.stands(place)
            raise Deleted(f"{self.name}: {ticket_id}", "is no more", "a person deleted it") from refusal
        return item

    def standing(self, place: str, marker: Marker) -> Ticket | None:
        """The ticket of this key that is known, or that stands in a repository that this run has not listed."""
        if place not in self._listed:
            for item in self._all(place):
                if ticket := self._own(place, item):
                    self.known[ticket.id] = ticket
            self._listed.add(place)
        same = [t for t in self.known.values() if t.place == place and t.marker.key == marker.key]
        if not same and (claim := self._claims.get((place, marker.key))):
            raise TrackerError(f"{self.name}: {place}", claim.told)
        return next((t for t in same if t.is_open), same[0] if same else None)

    def _drops_labels(self, ticket_id: str) -> bool:
        return self.learnt.place(ticket_id.rpartition("#")[0]).drops_labels


def _author(item: Json) -> str:
    return str((item.get("user") or {}).get("login", ""))


def _closer(item: Json, known: Ticket | None, closed_at: datetime | None) -> str:
    """Who closed it: told when one issue is asked for, not always in lists."""
    told = str((item.get("closed_by") or {}).get("login", ""))
    return told or (known.closed_by if known and known.closed_at == closed_at else "")


def _closed_as(item: Json) -> ClosedAs:
    reasons: dict[str, ClosedAs] = {"not_planned": "not-planned", "duplicate": "duplicate"}
    return reasons.get(str(item.get("state_reason")), "done")


def _is_our_closing(note: str, closed_as: str, closed_at: datetime | None) -> bool:
    """Whether the closing is the one that we noted: a later one, or another one, is a person's."""
    said, _, at = note.partition(" ")
    noted = _time(at)
    return bool(note) and said == closed_as and bool(noted and closed_at and abs(closed_at - noted) < _SAME_MOMENT)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
