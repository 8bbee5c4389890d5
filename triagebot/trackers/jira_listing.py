"""Which issues are tickets of ours: the first listing by label, later ones by what changed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from triagebot.errors import TrackerError
from triagebot.model import Ticket
from triagebot.trackers.interface import Deleted, Halted, Known, Listing, flag_of, with_original
from triagebot.trackers.jira_calls import PROPERTY, Refused, quoted
from triagebot.trackers.jira_closings import is_our_closing, is_same
from triagebot.trackers.jira_fields import LABEL, project_of
from triagebot.trackers.jira_memory import Carried, read, told
from triagebot.trackers.jira_states import closed_as, is_open, time_of

if TYPE_CHECKING:
    from triagebot.trackers.jira import JiraTracker

FIELDS = ",".join((
    "summary", "description", "status", "resolution", "resolutiondate", "labels", "assignee", "priority", "duedate",
    "creator", "updated", "project", "issuelinks", "comment", "components", "attachment",
))  # fmt: skip
FULL_EVERY = timedelta(days=30)
OVERLAP = timedelta(minutes=20)
"""How far a listing reaches back behind the one before: longer than the index may lag."""

FRESH_FOR = timedelta(hours=1)
_CLOCKS_AGREE = 120.0
Json = dict[str, Any]


class Lister:
    """Lists the projects of a tracker, and holds what is known of their tickets."""

    def __init__(self, tracker: JiraTracker, projects: Sequence[str]) -> None:
        self.tracker, self.projects = tracker, list(projects)
        self.calls, self.settings, self.name = tracker.calls_made, tracker.settings, tracker.name
        self.known: dict[str, Ticket] = {}
        self.bare: dict[tuple[str, str], Json] = {}
        """Own issues with the label of a key and nothing else, by project and label."""
        self._warnings: list[str] = []
        self._renamed: dict[str, str] = {}
        self._listed: set[str] = set()
        self._before: datetime | None = None
        """From when on the listing before looked: what it knew was so then, at the earliest."""

    # -- listing -----------------------------------------------------------------------------------------

    def listing(self, known: Known) -> Listing:
        """See `JiraTracker.listing`."""
        self.known, self.bare = dict(known.tickets), {}
        self._warnings, self._renamed = [], {}
        self._before = time_of(self.learnt.since)
        if not self.learnt.ids:
            self.learnt.carried = {}
        shut: dict[str, str] = {}
        tickets = dict(self.known)
        places = self._places()
        whole = [p for p in places if self._is_due(p)]
        if len(whole) < len(places):
            tickets |= self._changed()
        for place in whole:
            mine = {i: t for i, t in self.known.items() if t.place == place}
            try:
                found = self._all(place, mine)
            except Halted:
                raise
            except TrackerError as fault:
                shut[place] = str(fault)
                continue
            for missed in mine.keys() - found.keys():
                tickets.pop(missed, None)
            tickets |= found
        for old in self._renamed:
            tickets.pop(old, None)
        tickets = {i: self._with_original(t, tickets) for i, t in tickets.items()}
        self.known = dict(tickets)
        return Listing(tuple(tickets.values()), warnings=tuple(self._warnings), shut=shut, renamed=self._renamed)

    @property
    def learnt(self) -> Any:
        """What the tracker remembers."""
        return self.tracker.learnt

    def memory(self) -> dict[str, Any]:
        """What the tracker is told at the next listing."""
        self.learnt.flavour = self.calls.flavour
        self.learnt.fresh = self.learnt.fresh[-50:]
        held: dict[str, Any] = msgspec.to_builtins(self.learnt)
        return held

    def _places(self) -> list[str]:
        """Projects that teams name, and those where a ticket of ours is still open."""
        return sorted({*self.projects, *(t.place for t in self.known.values() if t.is_open and t.place)})

    def _is_due(self, place: str) -> bool:
        """Whether a project must be listed in full."""
        at = self.learnt.full.get(place)
        return not at or not self.learnt.since or self.tracker.now - datetime.fromisoformat(at) > FULL_EVERY

    def _all(self, place: str, mine: Mapping[str, Ticket]) -> dict[str, Ticket]:
        jql = f"project = {quoted(place)} AND labels = {quoted(LABEL)} ORDER BY key ASC"
        self.authors()
        started = self._asked_at()
        found = self._own(self._search(jql), place)
        for missed in sorted(set(mine) - set(found)):
            if ticket := self._looked_up(missed):
                found[ticket.id] = ticket
        self.learnt.full[place] = self.tracker.now.isoformat()
        self._listed.add(place)
        self._note_time(started)
        return found

    def _changed(self) -> dict[str, Ticket]:
        """What changed of our own issues, in whichever project they are now, with or without our label."""
        since = datetime.fromisoformat(self.learnt.since)
        started = self._asked_at()
        minutes = self._minutes(since, started)
        items = self._recent(minutes)
        if (really := self._minutes(since, self.calls.now())) > minutes:  # the clocks have parted since
            items = self._recent(really)
        self._note_time(started)
        return self._own(items, "")

    def _recent(self, minutes: int) -> list[Json]:
        ours = f"labels = {quoted(LABEL)} OR creator = currentUser()"
        return self._search(f'({ours}) AND updated >= "-{minutes}m" ORDER BY key ASC')

    def _search(self, jql: str) -> list[Json]:
        return self.calls.search(jql, FIELDS, self._fresh())

    def _fresh(self) -> list[str]:
        """What the index may not know yet; it does after a while, and an issue may be gone by then."""
        at = self.learnt.fresh_at
        if at and self._asked_at() - datetime.fromisoformat(at) > FRESH_FOR:
            self.learnt.fresh, self.learnt.fresh_at = [], ""
        return list(self.learnt.fresh)

    def _asked_at(self) -> datetime:
        """The server's time now, as well as it is known before it is asked."""
        if self.calls.server_time:
            return self.calls.server_time
        at = self.calls.caller.clock.now() + float(self.learnt.ahead)
        return datetime.fromtimestamp(at, self.tracker.now.tzinfo)

    def _minutes(self, since: datetime, now: datetime) -> int:
        return max(1, math.ceil((now - since).total_seconds() / 60) + 1)

    def _note_time(self, started: datetime) -> None:
        ahead = self.calls.now().timestamp() - self.calls.caller.clock.now()
        self.learnt.ahead = ahead if abs(ahead) > _CLOCKS_AGREE else 0.0
        at = min(started, self.calls.now()) - OVERLAP
        before = self.learnt.since
        self.learnt.since = at.isoformat() if not before or self._listed == set() else min(before, at.isoformat())

    # -- one issue ---------------------------------------------------------------------------------------

    def authors(self) -> list[str]:
        """Who we are and were. Asked once; history remembers."""
        if not self.learnt.authors:
            self.learnt.authors.append(self.tracker.fields.id_of(self.calls.get("myself")))
        return list(dict.fromkeys([*self.learnt.authors, *self.settings.authors]))

    def is_ours(self, item: Json) -> bool:
        """Whether we, or a former identity of ours, filed it. Jira lets nobody change who did."""
        return self.tracker.fields.id_of(item["fields"].get("creator")) in self.authors()

    def _own(self, items: Sequence[Json], place: str) -> dict[str, Ticket]:
        found: dict[str, Ticket] = {}
        for item in items:
            if ticket := self._one(item, place):
                found[ticket.id] = ticket
        return found

    def _one(self, item: Json, place: str) -> Ticket | None:
        """The issue as a ticket, if it is ours. A property in somebody else's issue is only text."""
        key = str(item["key"])
        known = self._recognised(item)
        project = project_of(key)
        if known is None and project not in ({place} if place else {*self._places()}):
            return None
        if not self.is_ours(item):
            if known is not None or any(n.startswith(f"{LABEL}-") for n in item["fields"].get("labels") or ()):
                self._warnings.append(f"{key}: somebody else's issue carries our marker; it is ignored")
            return None
        carried = self._carried(item, known)
        if carried is None:
            labels = [n for n in item["fields"].get("labels") or () if n.startswith(f"{LABEL}-")]
            self.bare |= {(project, label): item for label in labels}
            return None
        ticket = self.ticket(item, carried, known.place if known else project)
        self.keep(ticket, carried, str(item.get("id", "")))
        ticket = self.tracker.remarks.of(ticket, item, self.authors())
        return self.tracker.closings.of(ticket, item, known, self._before)

    def _recognised(self, item: Json) -> Ticket | None:
        """The ticket that it is, also after a move to another project, which gives it another key."""
        key, before = str(item["key"]), self.learnt.ids.get(str(item.get("id", "")), "")
        if key not in self.known and before in self.known:
            self._rename(before, key)
        return self.known.get(key)

    def _rename(self, old: str, new: str) -> None:
        self._renamed[old] = new
        self.known[new] = replace(self.known.pop(old), id=new)
        if old in self.learnt.carried:
            self.learnt.carried[new] = self.learnt.carried.pop(old)

    def carried_by(self, item: Json) -> Carried | None:
        """What its property says, where the answer holds it."""
        return read((item.get("properties") or {}).get(PROPERTY))

    def _carried(self, item: Json, known: Ticket | None) -> Carried | None:
        """What its property says. Data Center tells it only issue by issue: what we wrote last is remembered."""
        key = str(item["key"])
        if "properties" not in item:
            if known and (held := read(self.learnt.carried.get(key))):
                item["properties"] = {PROPERTY: told(held)}
            else:
                try:
                    item["properties"] = {PROPERTY: self.calls.get(f"issue/{key}/properties/{PROPERTY}").get("value")}
                except Refused as refusal:
                    if refusal.status != 404:
                        raise
                    item["properties"] = {}
        return self.carried_by(item) or (Carried(known.marker) if known else None)

    def _looked_up(self, missed: str) -> Ticket | None:
        """A known ticket that the listing misses: without its label, moved, or deleted (None)."""
        try:
            item = self.tracker.issue(missed)
        except Deleted:
            return None
        if str(item["key"]) != missed:
            self._rename(missed, str(item["key"]))
        return self._one(item, "")

    def ticket(self, item: Json, carried: Carried, place: str) -> Ticket:
        """An issue as a ticket; what it does not say itself comes from what is known."""
        key, fields = str(item["key"]), item["fields"]
        known = self.known.get(key)
        held = effective(carried, item)
        stands_open = is_open(fields)
        closed_at = time_of(fields.get("resolutiondate"))
        meant = "" if stands_open else closed_as(fields, self.settings)
        is_own = not stands_open and is_our_closing(held.closing, fields, closed_at)
        same = known if not (stands_open or is_own) and is_same(known, meant, closed_at) else None
        if stands_open or same:
            closed_at = same.closed_at if same else None
        form = self.tracker.form
        return Ticket(
            id=key, url=self.calls.url_of(key), tracker=self.name, marker=held.marker, is_open=stands_open,
            title=str(fields.get("summary") or ""),
            closed_as=held.closing.closed_as if is_own and held.closing else meant,
            closed_by_us=is_own, closed_at=closed_at,
            closed_by=same.closed_by if same else "", closed_because=same.closed_because if same else "",
            damaged=self.carried_by(item) is None or LABEL not in (fields.get("labels") or ())
            or not form.stands(fields.get("description")),
            place=place, outside=form.outside(fields.get("description")),
            duplicate_of=known.duplicate_of if known else "", remarks=known.remarks if known else (),
            flag=flag_of(fields.get("labels") or ()),
        )  # fmt: skip

    def _with_original(self, ticket: Ticket, tickets: Mapping[str, Ticket]) -> Ticket:
        return with_original(ticket, tickets, self._stands_open)

    def _stands_open(self, name: str) -> bool:
        if not re.fullmatch(r"\w+-\d+", name, re.ASCII):
            raise Deleted(f"{self.tracker.name}: {name}", "is no issue", "")
        return is_open(self.tracker.issue(name)["fields"])

    def standing(self, place: str, key: str) -> Ticket | None:
        """The ticket of a key that is known in a project, or that a project not listed yet has."""
        if place not in self._listed and self._is_due(place):
            self.known |= self._all(place, {})
        same = [t for t in self.known.values() if t.place == place and t.marker.key == key]
        return next((t for t in same if t.is_open), same[0] if same else None)

    def keep(self, ticket: Ticket, carried: Carried, issue_id: str = "") -> None:
        """Remember a ticket as it stands."""
        self.known[ticket.id] = ticket
        self.learnt.carried[ticket.id] = told(carried)
        if issue_id:
            self.learnt.ids[issue_id] = ticket.id


def effective(carried: Carried, item: Json) -> Carried:
    """What holds: until a reopening is done, what held before it."""
    fields = item["fields"]
    undone = not is_open(fields) and str(fields.get("resolutiondate") or "") == carried.reopened
    return carried.before if carried.before and undone else carried
