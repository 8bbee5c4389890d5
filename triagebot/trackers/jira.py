"""Tickets as issues of Jira projects. A ticket's id is the issue's key.

An issue is ours if we filed it (or a former identity of ours, `authors:`) and its property `triagebot` holds a marker;
people can neither see nor edit that property in Jira. Labels find it: `triagebot`, and one made of the ticket's key.

Writes come in this order: the comment that explains a change, then content and property in one request, then the
transition. Each can be repeated by the next run if this one is killed: a comment is looked up by the digest that it
carries, and what a reopening brings counts only once the issue was opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from triagebot.errors import TrackerError
from triagebot.model import Content, Marker, Remark, Ticket
from triagebot.trackers.interface import (
    Deleted,
    Drifted,
    Edit,
    Halted,
    Known,
    Listing,
    Lost,
    Need,
    Picture,
    Survey,
    Trouble,
    merged,
)
from triagebot.trackers.jira_body import Document, Form, Wiki
from triagebot.trackers.jira_calls import PROPERTY, JiraCalls, Refused, quoted
from triagebot.trackers.jira_doctor import Examination
from triagebot.trackers.jira_fields import LABEL, Fields, labels_of, remedy
from triagebot.trackers.jira_listing import FIELDS, Lister, effective
from triagebot.trackers.jira_memory import Carried, Closing, Memory, key_label, told
from triagebot.trackers.jira_remarks import Remarks
from triagebot.trackers.jira_states import Step, is_open, step

BODY_LIMIT = 32_767
LAG = timedelta(minutes=15)
"""How long a search may miss what was written."""

_LOOKS = 3
_BETWEEN_LOOKS = 3.0
_TITLE_LIMIT = 254

Json = dict[str, Any]


class JiraTracker:
    """One connection, for all projects that teams name."""

    body_limit = BODY_LIMIT - 200
    comment_writes = 1
    batch = 50
    flags = False
    attaches = True
    lag = LAG

    def __init__(self, calls: JiraCalls, now: datetime, projects: Collection[str] = ()) -> None:
        self.calls_made, self.settings, self.name, self.now = calls, calls.settings, calls.name, now
        self.place = self.settings.project
        self.notes: list[str] = []
        self.learnt = Memory()
        self.fields = Fields(calls, self.learnt, now, self.notes)
        self.remarks = Remarks(calls, self.fields, lambda: self.form)
        self.lister = Lister(self, sorted({self.settings.project, *projects}))

    @property
    def markup(self) -> str:
        """Documents on Cloud, wiki markup on Data Center."""
        return "adf" if self.calls_made.flavour == "cloud" else "jira"

    @property
    def form(self) -> Form:
        """How this server holds text."""
        return Document() if self.calls_made.is_cloud else Wiki()

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

    def listing(self, known: Known) -> Listing:
        """The tickets of all projects; a project that cannot be listed takes no part, the others do."""
        self.learnt = Memory.taken(known.memory)
        self.fields.learnt = self.learnt
        if self.learnt.flavour in ("cloud", "data-center"):
            self.calls_made.found_flavour = "cloud" if self.learnt.flavour == "cloud" else "data-center"
        return self.lister.listing(known)

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """Whether the project takes tickets, and who cannot be assigned there."""
        return self.fields.survey(place, people)

    def calls(self) -> tuple[int | None, str]:
        """Jira does not say how many calls are left."""
        return None, ""

    def tidy(self) -> None:
        """Nothing is left half written that another run must remove."""

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        """See `jira_doctor`."""
        return Examination(self.calls_made, self.fields).troubles(needs)

    def memory(self) -> Mapping[str, Any]:
        """What a later listing need not ask again."""
        return self.lister.memory()

    # -- new tickets -------------------------------------------------------------------------------------

    def create(self, content: Content) -> Ticket:
        """File an issue; where one of this key stands in the project, that is the ticket."""
        [result] = self.create_many([content])
        if isinstance(result, TrackerError):
            raise result
        return result

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        """File several in one request. One that is refused holds up no other."""
        results: dict[int, Ticket | TrackerError] = {}
        bodies: dict[int, Json] = {}
        for at, content in enumerate(contents):
            try:
                if standing := self._standing(content):
                    results[at] = standing
                else:
                    bodies[at] = self._new(content)
            except Halted:
                raise
            except TrackerError as error:
                results[at] = error
        if bodies:
            results |= self._filed({at: contents[at] for at in bodies}, bodies)
        for at in range(len(contents)):
            yield results[at]

    def _standing(self, content: Content) -> Ticket | None:
        """The ticket of this key: one that is known, or one with its label that has lost the rest."""
        place = content.place or self.place
        if ticket := self.lister.standing(place, content.marker.key):
            return ticket
        item = self.lister.bare.get((place, key_label(content.marker.key)))
        if item is None:
            return None
        ticket = self._ticket(item, Carried(content.marker), place)
        return self._kept(ticket, self._put(ticket.id, item, Edit(content=content), Carried(content.marker)))

    def _new(self, content: Content) -> Json:
        description = self.form.written(None, content.block)
        self._refuse_size(content.place or self.place, description)
        fields = self.fields.new(
            content.place or self.place, replace(content, title=content.title[:_TITLE_LIMIT]), description
        )
        return {"fields": fields, "properties": [{"key": PROPERTY, "value": told(Carried(content.marker))}]}

    def _refuse_size(self, where: str, description: Any) -> None:
        if self.form.size(description) > BODY_LIMIT:
            raise TrackerError(f"{self.name}: {where}", "what people wrote leaves no room for the ticket", "shorten it")

    def _filed(self, contents: Mapping[int, Content], bodies: Mapping[int, Json]) -> dict[int, Ticket | TrackerError]:
        """What became of each. A lost answer is looked up, and never asked for again in this run."""
        order = list(bodies)

        def looked_up() -> Json:
            return {"lost": self._looked_up([contents[at] for at in order])}

        try:
            answer = self.calls_made.write(
                "POST", "issue/bulk", {"issueUpdates": [bodies[at] for at in order]}, looked_up
            )
        except Refused as refusal:
            if refusal.status != 400 or len(order) == 1:
                error = self._refused(contents[order[0]], refusal)
                return dict.fromkeys(order, error)
            # All were refused: the answer says why of each, but as an error; one by one they say it again.
            results: dict[int, Ticket | TrackerError] = {}
            for at in order:
                results |= self._filed({at: contents[at]}, {at: bodies[at]})
            return results
        if "lost" in answer:
            return {at: self._found(contents[at], answer["lost"]) for at in order}
        return dict(zip(order, self._answered([contents[at] for at in order], bodies, answer), strict=True))

    def _answered(
        self, contents: Sequence[Content], bodies: Mapping[int, Json], answer: Json
    ) -> list[Ticket | TrackerError]:
        """Jira lists what it made in order, and what it refused with its number in the request."""
        refused = {int(e.get("failedElementNumber", -1)): e for e in answer.get("errors") or ()}
        made = iter(answer.get("issues") or ())
        results: list[Ticket | TrackerError] = []
        for at, content in enumerate(contents):
            if at in refused:
                results.append(self._refused(content, _element(content, refused[at])))
            elif item := next(made, None):
                results.append(self._made(content, item))
            else:
                results.append(Lost(self.name, "Jira's answer does not name the new issue", "the next run looks it up"))
        return results

    def _refused(self, content: Content, refusal: Refused) -> TrackerError:
        place = f"{self.name}: project {content.place or self.place}"
        return TrackerError(place, refusal.cause, remedy(self.name, refusal))

    def _made(self, content: Content, item: Json) -> Ticket:
        key = str(item["key"])
        ticket = Ticket(
            id=key, url=self.calls_made.url_of(key), tracker=self.name, marker=content.marker, is_open=True,
            title=content.title[:_TITLE_LIMIT], place=content.place or self.place,
        )  # fmt: skip
        self.learnt.ids[str(item.get("id", ""))] = key
        self.learnt.fresh.append(str(item.get("id", "")))
        return self._kept(ticket, Carried(content.marker))

    def _looked_up(self, contents: Sequence[Content]) -> dict[str, Json]:
        """Issues that a lost request has made, by key label. The index may need a moment to show them."""
        labels = [key_label(c.marker.key) for c in contents]
        found: dict[str, Json] = {}
        for look in range(_LOOKS):
            if look:
                self.calls_made.caller.wait(_BETWEEN_LOOKS)
            items = self.calls_made.search(f"labels in ({', '.join(map(quoted, labels))})", FIELDS, [])
            for item in items:
                if self.lister.is_ours(item):
                    place = str(item["key"]).rpartition("-")[0]
                    found |= {f"{place} {n}": item for n in item["fields"].get("labels") or () if n in labels}
            if len(found) >= len(labels):
                break
        return found

    def _found(self, content: Content, found: Mapping[str, Json]) -> Ticket | TrackerError:
        item = found.get(f"{content.place or self.place} {key_label(content.marker.key)}")
        if item is None:
            said = "the answer to its creation was lost, and it is not found yet"
            return Lost(f"{self.name}: {content.marker.key}", said, "a run in 15 minutes looks again")
        return self._made(content, item)

    # -- changes -----------------------------------------------------------------------------------------

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change an issue: a fresh read, the comment, content and property, the transition."""
        item = self.issue(ticket_id)
        if not self.lister.is_ours(item):
            raise TrackerError(f"{self.name}: {ticket_id}", "was filed by somebody else", "it is left alone")
        now_id = str(item["key"])
        known = self.lister.known.get(ticket_id) or self.lister.known.get(now_id)
        held = self.lister.carried_by(item)
        own = held or (Carried(known.marker) if known else None)
        own = own or (Carried(edit.content.marker) if edit.content else None)
        if own is None:
            raise TrackerError(
                f"{self.name}: {ticket_id}", "its marker is gone", "it is written again with its content"
            )
        own = effective(own, item)
        _refuse_drift(own.marker if held else None, item, edit)
        place = known.place if known else now_id.rpartition("-")[0]
        wanted, why = self._step(now_id, item, edit)
        for picture in edit.pictures:
            self._attach(now_id, item, picture)
        if edit.comment:
            self._comment(now_id, edit.comment, edit.comment_digest, why, edit.rewrite)
        if why:
            self._say(now_id, edit, why)
            return self._kept(self._ticket(item, own, place), own)
        carried = self._put(now_id, item, edit, own, wanted)
        if wanted:
            self._transition(now_id, wanted)
        if ticket_id != now_id:
            self.lister.known.pop(ticket_id, None)
        stands = self._as_written(item, edit, carried, wanted)
        return self._kept(self._ticket(stands, effective(carried, stands), place), carried)

    def _step(self, key: str, item: Json, edit: Edit) -> tuple[Step | None, str]:
        """The transition that the change needs; where it needs one and there is none, why."""
        wanted = ("open" if edit.state == "open" else edit.closed_as or "done") if edit.state else ""
        if not wanted or is_open(item["fields"]) == (wanted == "open"):
            return None, ""
        offered = self.calls_made.get(f"issue/{key}/transitions", expand="transitions.fields")
        return step(offered.get("transitions") or (), wanted, self.settings)

    def _say(self, key: str, edit: Edit, why: str) -> None:
        self.notes.append(
            f"{self.name}: {key} could not be {'opened' if edit.state == 'open' else 'closed'}: {why}; "
            "do it by hand, or name a transition in `transitions:`"
        )

    def _put(self, key: str, item: Json, edit: Edit, own: Carried, wanted: Step | None = None) -> Carried:
        """Write content and property, in one request, and only what differs."""
        fields = self._changes(item, edit, own.marker)
        marker = edit.content.marker if edit.content else own.marker
        closing = own.closing if not edit.state else None
        carried = Carried(marker, closing)
        if wanted and edit.state == "closed":
            carried = Carried(marker, Closing(edit.closed_as or "done", self.calls_made.now(), wanted.resolution))
        closed_at = str(item["fields"].get("resolutiondate") or "")
        if wanted and edit.state == "open" and closed_at:
            carried = Carried(marker, None, Carried(own.marker, own.closing), closed_at)
        stands = (item.get("properties") or {}).get(PROPERTY)
        value = told(carried)
        properties = {"properties": [{"key": PROPERTY, "value": value}]} if value != stands else {}
        if fields or properties:
            try:
                self.calls_made.write("PUT", f"issue/{key}", {"fields": fields, **properties})
            except Refused as refusal:
                raise TrackerError(f"{self.name}: {key}", refusal.cause, remedy(self.name, refusal)) from refusal
        return carried

    def _changes(self, item: Json, edit: Edit, old: Marker) -> Json:
        """The fields that are to be other than they are."""
        stands = item["fields"]
        labels = list(stands.get("labels") or ())
        marker = edit.content.marker if edit.content else old
        own = [LABEL, key_label(marker.key)]
        change: Json = {"labels": [*merged(labels, labels_of(old), labels_of(marker))] if edit.content else [*labels]}
        change["labels"] += [name for name in own if name not in change["labels"]]
        if edit.content:
            place = str(item["key"]).rpartition("-")[0]
            change["summary"] = edit.content.title[:_TITLE_LIMIT]
            change["description"] = self.form.written(stands.get("description"), edit.content.block)
            self._refuse_size(str(item["key"]), change["description"])
            change |= self._assigned(place, stands, old, marker)
            if marker.due != old.due:
                change["duedate"] = marker.due or None
            if marker.priority != old.priority and (name := self.fields.priority(place, marker.priority)):
                change["priority"] = {"name": name}
        if change["labels"] != labels and set(change["labels"]) == set(labels):
            change["labels"] = labels
        held = {**stands, "priority": {"name": (stands.get("priority") or {}).get("name")}}
        return {n: v for n, v in change.items() if n == "assignee" or held.get(n) != v}

    def _assigned(self, place: str, stands: Json, old: Marker, new: Marker) -> Json:
        """Jira has one assignee: ours is the first of the team that can be assigned, unless people chose otherwise."""
        if old.assignees == new.assignees:
            return {}
        now = self.fields.id_of(stands.get("assignee"))
        before = [a for p in old.assignees[:1] if (a := self.fields.account(place, p))]
        after = [a for p in new.assignees[:1] if (a := self.fields.account(place, p))]
        chosen = merged([now] if now else [], before, after)[:1]
        return {"assignee": self.fields.user("".join(chosen))} if chosen != ([now] if now else []) else {}

    def _transition(self, key: str, wanted: Step) -> None:
        """Take a transition. Asked twice it is refused, for the issue is there already."""

        def done() -> Json | None:
            offered = self.calls_made.get(f"issue/{key}/transitions").get("transitions") or ()
            return None if wanted.id in {str(t["id"]) for t in offered} else {}

        self.calls_made.write("POST", f"issue/{key}/transitions", wanted.body(), done)

    def _as_written(self, item: Json, edit: Edit, carried: Carried, wanted: Step | None) -> Json:
        """The issue as it stands after a write, without asking again."""
        fields = {**item["fields"], **self._changes(item, edit, carried.marker)}
        if edit.content:
            fields["summary"] = edit.content.title[:_TITLE_LIMIT]
            fields["description"] = self.form.written(item["fields"].get("description"), edit.content.block)
        if wanted and carried.closing:
            fields["status"] = {"statusCategory": {"key": "done"}}
            fields["resolution"] = {"name": carried.closing.resolution}
            fields["resolutiondate"] = carried.closing.at.isoformat()
        elif wanted:
            fields |= {"status": {"statusCategory": {"key": "new"}}, "resolution": None, "resolutiondate": None}
        return {**item, "fields": fields, "properties": {PROPERTY: told(carried)}}

    def _attach(self, key: str, item: Json, picture: Picture) -> None:
        """Attach a picture, once: an attachment of this name is that picture."""
        there = {str(a.get("filename")) for a in item["fields"].get("attachment") or ()}
        if picture.name not in there:
            self.calls_made.attach(key, picture.name, picture.png)

    def _comment(self, key: str, said: str, digest: str, why: str, rewrite: bool = False) -> None:
        """Say something, once: a comment that carries this digest is not posted again.

        `rewrite`: it is edited where it says something else.
        """
        path = f"issue/{key}/comment"

        def standing() -> Json | None:
            for comment in self.calls_made.pages(path, "comments", expand="properties"):
                marks = {p["key"]: p.get("value") for p in comment.get("properties") or ()}
                if (marks.get(PROPERTY) or {}).get("digest") == digest and self._is_by_us(comment):
                    return dict(comment)
            return None

        more = [f"triagebot could not change the state of this issue ({why}); please do."] if why else []
        mark = {"digest": digest}
        if rewrite:  # what Jira makes of a text is not always what it was given
            mark["says"] = hashlib.sha256("\n".join([said, *more]).encode()).hexdigest()[:16]
        body = {"body": self.form.comment(said, *more), "properties": [{"key": PROPERTY, "value": mark}]}
        if held := standing():
            marks = {p["key"]: p.get("value") for p in held.get("properties") or ()}
            if rewrite and (marks.get(PROPERTY) or {}).get("says") != mark["says"]:
                self.calls_made.write("PUT", f"{path}/{held['id']}", body)
            return
        self.calls_made.write("POST", path, body, standing)

    def _is_by_us(self, comment: Json) -> bool:
        return self.fields.id_of(comment.get("author")) in self.lister.authors()

    def answer(self, ticket: Ticket, remark: Remark, reply: str) -> None:
        """What is wrong with a command. One that was heard shows in what becomes of the ticket."""
        if not reply:
            return
        said = reply if self.markup == "jira" else reply.replace("`", "")
        try:
            self._comment(ticket.id, said.replace("`", '"'), f"remark-{remark.id}", "")
        except Refused as refusal:
            if refusal.status != 404:
                raise

    # -- reading one -------------------------------------------------------------------------------------

    def issue(self, ticket_id: str) -> Json:
        """One issue, freshly read; Jira follows a move to another project by itself."""
        try:
            item: Json = self.calls_made.get(f"issue/{ticket_id}", fields=FIELDS, properties=PROPERTY)
        except Refused as refusal:
            if refusal.status in (404, 410):
                raise Deleted(f"{self.name}: {ticket_id}", "is no more", "a person deleted it") from refusal
            raise
        return item

    def _ticket(self, item: Json, carried: Carried, place: str) -> Ticket:
        return self.lister.ticket(item, carried, place)

    def _kept(self, ticket: Ticket, carried: Carried) -> Ticket:
        self.lister.keep(ticket, carried)
        return ticket


def _element(content: Content, error: Json) -> Refused:
    """One refusal of a bulk request."""
    told_of = error.get("elementErrors") or {}
    fields = {str(k): str(v) for k, v in (told_of.get("errors") or {}).items()}
    said = [*map(str, told_of.get("errorMessages") or ()), *(f"{k}: {v}" for k, v in fields.items())]
    refused = Refused(content.marker.key, int(error.get("status") or 400), "; ".join(said) or "no reason given")
    refused.fields = fields
    return refused


def _refuse_drift(marker: Marker | None, item: Json, edit: Edit) -> None:
    stands_open = is_open(item["fields"])
    if marker and edit.seen_digest and marker.digest != edit.seen_digest:
        raise Drifted("its content changed since the plan was made")
    if stands_open != edit.seen_open:
        raise Drifted(f"it is {'open' if stands_open else 'closed'}, the plan saw it otherwise")
