"""Tickets as issues of GitHub repositories. A ticket's id is `owner/repo#number`.

An issue is ours if we wrote it (or a former identity of ours, `authors:`) and its managed block carries a marker.
The first listing goes by our label, in full; later ones ask for what changed of our own issues. Everything is
written serially, in one request per change after a fresh read; a comment goes before the change that it explains,
so that a killed run finds it and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.model import ClosedAs, Content, Marker, Remark, Ticket
from triagebot.trackers.body import carried, comment_mark, written
from triagebot.trackers.github_calls import Calls, Refused
from triagebot.trackers.github_doctor import examined
from triagebot.trackers.github_memory import Memory
from triagebot.trackers.github_places import LABEL, Places, label_set, placed
from triagebot.trackers.github_remarks import Remarks
from triagebot.trackers.interface import (
    Deleted,
    Drifted,
    Edit,
    Halted,
    Known,
    Listing,
    Need,
    Survey,
    Trouble,
    flag_of,
    merged,
    one_by_one,
    reflagged,
)

BODY_LIMIT = 65_536
MOST_ASSIGNEES = 10
FULL_EVERY = timedelta(days=30)
OVERLAP = timedelta(minutes=5)
"""How far a listing reaches back behind the one before: clocks and indexes of a large site do not agree."""

_REASON: dict[ClosedAs, str] = {
    "done": "completed",
    "not-planned": "not_planned",
    "duplicate": "duplicate",
    "": "completed",
}
_SAME_MOMENT = timedelta(minutes=2)
_SPARE_CALLS = 20

Json = dict[str, Any]


class GithubTracker:
    """One connection, for all repositories that teams name."""

    markup = "markdown"
    body_limit = BODY_LIMIT - 500
    comment_writes = 1
    batch = 1
    lag = timedelta(0)
    flags = True
    attaches = False

    def __init__(
        self, name: str, settings: GithubSettings, calls: Calls, now: datetime, repos: Collection[str]
    ) -> None:
        self.name, self.settings, self.calls_made, self.now = name, settings, calls, now
        self.place = settings.repo
        self.repos = sorted({settings.repo, *repos})
        self.notes: list[str] = []
        self.learnt = Memory()
        self.places = Places(name, settings, calls, self.learnt, now)
        self.remarks = Remarks(calls, self.learnt, settings.authors)
        self._known: dict[str, Ticket] = {}
        self._listed: set[str] = set()
        self._warnings: list[str] = []
        self._broken: dict[str, str] = {}

    @property
    def waited(self) -> float:
        """Seconds waited for the server, and between writes."""
        return self.calls_made.caller.waited

    @property
    def reads(self) -> int:
        """Requests that only read."""
        return self.calls_made.reads

    @property
    def writes(self) -> int:
        """Requests that write."""
        return self.calls_made.writes

    # -- listing -----------------------------------------------------------------------------------------

    def listing(self, known: Known) -> Listing:
        """The tickets of all repositories; a repository that cannot be listed takes no part, the others do."""
        self._remember(known)
        self._warnings.clear()
        self._broken.clear()
        shut: dict[str, str] = {}
        renamed: dict[str, str] = {}
        tickets: dict[str, Ticket] = {}
        for place in self._places():
            mine = {i: t for i, t in self._known.items() if t.place == place}
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
        tickets |= {i: t for i, t in self._known.items() if i not in tickets and t.place not in self._places()}
        tickets = {i: self._read(i, partial(self._with_original, t, tickets)) or t for i, t in tickets.items()}
        self._known = dict(tickets)
        tickets = {i: t for i, t in tickets.items() if i not in self._broken}
        broken = tuple(self._broken.items())
        return Listing(tuple(tickets.values()), incomplete, broken, tuple(self._warnings), shut, renamed)

    def _follow(self, tickets: dict[str, Ticket], renamed: dict[str, str]) -> None:
        """Tickets that were transferred to a repository that we list, before a listing misses them where they were."""
        new = {t.marker.key for i, t in tickets.items() if i not in self._known}
        for old in [i for i, t in tickets.items() if i in self._known and t.marker.key in new]:
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
        self._known = dict(known.tickets)

    def _places(self) -> list[str]:
        """Repositories that teams name, and those where a ticket of ours is still open."""
        return sorted({*self.repos, *(t.place for t in self._known.values() if t.is_open and t.place)})

    def _list(self, place: str, mine: Mapping[str, Ticket], renamed: dict[str, str]) -> dict[str, Ticket]:
        memory = self.learnt.place(place)
        full_at = _time(memory.full)
        is_full = full_at is None or not memory.since or self.now - full_at > FULL_EVERY
        before = memory.since
        items = self._all(place) if is_full else self._changed(place, memory.since)
        started = self.calls_made.first_at or self.now
        tickets = {} if is_full else dict(mine)
        for item in items:
            if ticket := self._own(place, item):
                tickets[ticket.id] = ticket
        away = {i for i in mine if i.rpartition("#")[0] not in self._places()}  # transferred to where nobody lists
        for missed in sorted(set(mine) - set(tickets) if is_full else away):
            if ticket := self._read(missed, partial(self._looked_up, missed, renamed)):
                tickets[ticket.id] = ticket
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
            return self._known.get(ticket_id)

    def _all(self, place: str) -> list[Json]:
        return list(self.calls_made.pages(f"/repos/{place}/issues", state="all", labels=LABEL, direction="asc"))

    def _changed(self, place: str, since: str) -> list[Json]:
        """What changed of our own issues, whether they still carry our label or not."""
        found: list[Json] = []
        first: datetime | None = None
        for author in self._authors():
            found += self.calls_made.pages(
                f"/repos/{place}/issues", state="all", creator=author, since=since, sort="created", direction="asc"
            )
            first = first or self.calls_made.first_at  # between two listings there may be a long wait
        self.calls_made.first_at = first
        return found

    def _authors(self) -> list[str]:
        """Who we are and were. Asked once; history remembers."""
        if not self.learnt.authors:
            self.learnt.authors.append(self.calls_made.login())
        return list(dict.fromkeys([*self.learnt.authors, *self.settings.authors]))

    def _is_ours(self, item: Json) -> bool:
        user = item.get("user") or {}
        return "pull_request" not in item and str(user.get("login", "")) in self._authors()

    def _own(self, place: str, item: Json) -> Ticket | None:
        """The item as a ticket, if it is ours. A marker in somebody else's issue is only text."""
        if "pull_request" in item:
            return None
        at, number = placed(item)
        if at.lower() != place.lower():
            raise TrackerError(f"{self.name}: {place}", f"was renamed to {at}", f"write `repo: {at}`")
        known = self._known.get(f"{place}#{number}")
        if known is None and carried(item.get("body") or "").marker is None:
            return None
        if not self._is_ours(item):
            self._warnings.append(f"{place}#{number}: somebody else's issue carries our marker; it is ignored")
            return None
        return self._with_closer(self._ticket(f"{place}#{number}", item, known.place if known else place), known)

    def _with_closer(self, ticket: Ticket, known: Ticket | None) -> Ticket:
        """The ticket, with the person whose closing is a decision: lists do not say, so each is asked for once."""
        is_decided = not ticket.is_open and not ticket.closed_by_us and ticket.closed_as in ("not-planned", "duplicate")
        if not is_decided or ticket.closed_by or (known and known.closed_at == ticket.closed_at):
            return ticket
        try:
            closer = self._issue(ticket.id).get("closed_by") or {}
        except (Deleted, Refused):
            return ticket
        return replace(ticket, closed_by=str(closer.get("login", "")))

    def _looked_up(self, ticket_id: str, renamed: dict[str, str]) -> Ticket | None:
        """A known ticket that the listing misses: without its label, transferred, or deleted (None)."""
        try:
            item = self._issue(ticket_id)
        except Deleted:
            return None
        now_id = "#".join(map(str, placed(item)))
        if now_id != ticket_id:
            renamed[ticket_id] = now_id
            self._known[now_id] = replace(self._known.pop(ticket_id), id=now_id)
        return self._ticket(now_id, item, self._known[now_id].place)

    def _ticket(self, ticket_id: str, item: Json, place: str, marker: Marker | None = None) -> Ticket:
        """An issue as a ticket; what it does not say itself comes from what is known."""
        known = self._known.get(ticket_id)
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

    def _with_original(self, ticket: Ticket, tickets: Mapping[str, Ticket]) -> Ticket:
        """The ticket, with the state of the one that it is a duplicate of."""
        if ticket.closed_as != "duplicate" or not ticket.duplicate_of:
            return replace(ticket, duplicate_open=None)
        if original := tickets.get(ticket.duplicate_of):
            return replace(ticket, duplicate_open=original.is_open)
        try:
            return replace(ticket, duplicate_open=self._issue(ticket.duplicate_of)["state"] == "open")
        except (Deleted, Refused):
            return replace(ticket, duplicate_open=None)

    def _issue(self, ticket_id: str) -> Json:
        """One issue, freshly read; redirects of a transfer are followed."""
        place, _, number = ticket_id.rpartition("#")
        try:
            item: Json = self.calls_made.get(f"/repos/{place}/issues/{number}")
        except Refused as refusal:
            if refusal.status not in (404, 410):
                raise
            self.places.stands(place)
            raise Deleted(f"{self.name}: {ticket_id}", "is no more", "a person deleted it") from refusal
        return item

    # -- before writing ----------------------------------------------------------------------------------

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """Whether the repository may be written to, and who cannot be assigned there."""
        return self.places.survey(place, people)

    def calls(self) -> tuple[int | None, str]:
        """What the quota leaves, but for a few calls."""
        left, reset = self.calls_made.remaining, self.calls_made.resets_at
        if left is None:
            return None, ""
        until = f" until {datetime.fromtimestamp(reset, UTC):%H:%M} UTC" if reset else ""
        return max(0, left - _SPARE_CALLS), f"GitHub allows {left} more calls{until}"

    def tidy(self) -> None:
        """Nothing is left half written on a server."""

    def memory(self) -> Mapping[str, Any]:
        """Who we are, and up to when each repository was listed."""
        return self.learnt.told()

    # -- writing -----------------------------------------------------------------------------------------

    def create(self, content: Content) -> Ticket:
        """File an issue. Where one of this key stands already, or a lost answer meant that it was filed, that is it."""
        place = content.place or self.place
        self.places.open_for_writing(place)
        if standing := self._standing(place, content.marker):
            return standing
        labels = reflagged(label_set(content.marker), content.flag)
        self.places.ensure_labels(place, labels)
        body: Json = {
            "title": content.title, "body": written("", content.marker, content.block), "labels": labels,
            "assignees": list(content.marker.assignees[:MOST_ASSIGNEES]), **self.places.fields(place),
        }  # fmt: skip
        if len(body["body"]) > BODY_LIMIT:
            raise TrackerError(f"{self.name}: {place}", "the ticket is longer than GitHub takes", "group otherwise")
        item = self.calls_made.write("POST", f"/repos/{place}/issues", body, lambda: self._filed(place, content.marker))
        self._check(place, item, body)
        ticket = self._ticket("#".join(map(str, placed(item))), item, place, content.marker)
        self._known[ticket.id] = ticket
        return ticket

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        """GitHub takes one a request."""
        return one_by_one(self.create, contents)

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        """See `github_doctor`."""
        return examined(self.name, self.settings, self.calls_made, needs)

    def _standing(self, place: str, marker: Marker) -> Ticket | None:
        """The ticket of this key that is known, or that stands in a repository that this run has not listed."""
        if place not in self._listed:
            for item in self._all(place):
                if ticket := self._own(place, item):
                    self._known[ticket.id] = ticket
            self._listed.add(place)
        same = [t for t in self._known.values() if t.place == place and t.marker.key == marker.key]
        return next((t for t in same if t.is_open), same[0] if same else None)

    def _filed(self, place: str, marker: Marker) -> Json | None:
        """The issue that a create whose answer was lost has made."""
        since = (self.calls_made.server_time or self.now) - timedelta(hours=1)  # not by label: it may be dropped
        found = self.calls_made.pages(f"/repos/{place}/issues", state="all", since=f"{since:%Y-%m-%dT%H:%M:%SZ}")
        for item in found:
            told = carried(item.get("body") or "").marker
            if told and told.key == marker.key and self._is_ours(item):
                return dict(item)
        return None

    def _check(self, place: str, item: Json, sent: Json) -> None:
        """Without push access GitHub drops labels and people in silence: say so."""
        author = str((item.get("user") or {}).get("login", ""))
        if self.learnt.authors and author and author not in self._authors():
            self.learnt.authors.append(author)
            self.notes.append(
                f"{self.name}: tickets are filed as {author}; write `authors: [{author}]` to keep them ours"
            )
        elif author and not self.learnt.authors:
            self.learnt.authors.append(author)
        labels = {label["name"].lower() for label in item.get("labels") or ()}
        people = {user["login"].lower() for user in item.get("assignees") or ()}
        dropped = [name for name in sent["labels"] if name.lower() not in labels]
        dropped += [name for name in sent["assignees"] if name.lower() not in people]
        self._check_label(place, item)
        if dropped:
            self.notes.append(f"{self.name}: {place} dropped {', '.join(dropped)}: the token may not set them there")

    def _check_label(self, place: str, item: Json) -> None:
        """Where our label is dropped as well, its absence is no damage: putting it back would never end."""
        labels = {label["name"].lower() for label in item.get("labels") or ()}
        self.learnt.place(place).drops_labels = LABEL not in labels

    def _drops_labels(self, ticket_id: str) -> bool:
        return self.learnt.place(ticket_id.rpartition("#")[0]).drops_labels

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change an issue: a fresh read, the comment, and one write for all the rest."""
        item = self._issue(ticket_id)
        if not self._is_ours(item):
            raise TrackerError(f"{self.name}: {ticket_id}", "was written by somebody else", "it is left alone")
        known = self._known.get(ticket_id)
        now_id = "#".join(map(str, placed(item)))
        place = known.place if known else placed(item)[0]
        told = carried(item.get("body") or "")
        old = told.marker or (known.marker if known else None) or (edit.content.marker if edit.content else None)
        if old is None:
            raise TrackerError(
                f"{self.name}: {ticket_id}", "its marker is gone", "it is written again with its content"
            )
        _refuse_drift(told.marker, item, edit)
        self.places.open_for_writing(placed(item)[0])
        if edit.comment:
            self._comment(now_id, item, edit.comment, edit.comment_digest, edit.rewrite)
        change = self._change(item, old, edit, placed(item)[0])
        if change:
            had = {label["name"] for label in item.get("labels") or ()}
            item = self.calls_made.write("PATCH", _path(now_id), change)
            if LABEL not in had:
                self._check_label(placed(item)[0], item)
        if known and now_id != ticket_id:
            self._known[now_id] = replace(known, id=now_id)
        ticket = self._ticket(now_id, item, place, old)
        self._known[now_id] = ticket
        return ticket

    def _change(self, item: Json, old: Marker, edit: Edit, repo: str) -> Json:
        """The fields that are to be other than they are."""
        change: Json = {}
        labels = [label["name"] for label in item.get("labels") or ()]
        people = [user["login"] for user in item.get("assignees") or ()]
        body = item.get("body") or ""
        told = carried(body)
        marker, block, wanted, assigned = old, told.block, [*labels], people
        if edit.content:
            marker, block, change["title"] = edit.content.marker, edit.content.block, edit.content.title
            wanted = merged(labels, label_set(old), label_set(marker))
            assigned = merged(people, old.assignees, marker.assignees)[:MOST_ASSIGNEES]
        wanted += [LABEL] if LABEL not in {name.lower() for name in wanted} else []
        wanted = reflagged(wanted, edit.flag)
        closing = edit.state == "closed"
        closed = f"{edit.closed_as} {self._server_now():%Y-%m-%dT%H:%M:%SZ}" if closing else ""
        kept = told.closed if not edit.state else ""
        change["body"] = written(body, marker, block, closed or kept)
        if len(change["body"]) > BODY_LIMIT:
            raise TrackerError(f"{self.name}: {repo}", "what people wrote leaves no room for the ticket", "shorten it")
        if wanted != labels:
            self.places.ensure_labels(repo, wanted)
        change |= {"labels": wanted, "assignees": assigned}
        if edit.state:
            change["state"] = edit.state
            if closing:
                change["state_reason"] = _REASON[edit.closed_as]
        stands = {"title": item.get("title"), "body": body, "labels": labels, "assignees": people}
        return {name: value for name, value in change.items() if name not in stands or stands[name] != value}

    def _server_now(self) -> datetime:
        return self.calls_made.server_time or datetime.now(UTC)

    def _comment(self, ticket_id: str, item: Json, text: str, digest: str, rewrite: bool = False) -> None:
        """Say something, once: a comment with this digest that stands already is not posted again.

        `rewrite`: it is edited where it says something else.
        """
        mark = comment_mark(digest)
        body = f"{text.strip()}\n\n{mark}"
        path = f"{_path(ticket_id)}/comments"

        def standing() -> Json | None:
            own = (c for c in self.calls_made.pages(path) if mark in (c.get("body") or "") and self._is_ours(c))
            return next(own, None)

        if item.get("comments") and (held := standing()):
            if rewrite and str(held.get("body") or "").replace("\r\n", "\n") != body:
                place = ticket_id.rpartition("#")[0]
                self.calls_made.write("PATCH", f"/repos/{place}/issues/comments/{held['id']}", {"body": body})
            return
        self.calls_made.write("POST", path, {"body": body}, standing)

    def answer(self, ticket: Ticket, remark: Remark, reply: str) -> None:
        """A thumb for a command that was heard; for another, what is wrong with it."""
        place = ticket.id.rpartition("#")[0]
        path = f"/repos/{place}/issues/comments/{remark.id}/reactions"
        try:
            self.calls_made.write("POST", path, {"content": "confused" if reply else "+1"})
            if reply:
                self._comment(ticket.id, {"comments": 1}, f"@{remark.by} {reply}", f"remark-{remark.id}")
        except Refused as refusal:
            if refusal.status not in (404, 410):  # the comment or the ticket is gone: nobody waits for an answer
                raise


def _path(ticket_id: str) -> str:
    place, _, number = ticket_id.rpartition("#")
    return f"/repos/{place}/issues/{number}"


def _refuse_drift(marker: Marker | None, item: Json, edit: Edit) -> None:
    is_open = item["state"] == "open"
    if marker and edit.seen_digest and marker.digest != edit.seen_digest:
        raise Drifted("its content changed since the plan was made")
    if is_open != edit.seen_open:
        raise Drifted(f"it is {'open' if is_open else 'closed'}, the plan saw it otherwise")


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
