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
from triagebot.trackers.counted import Counted
from triagebot.trackers.interface import (
    Deleted,
    Edit,
    Known,
    Listing,
    Need,
    Picture,
    Survey,
    Trouble,
    merged,
    reflagged,
    refuse_drift,
)
from triagebot.trackers.jira_body import Document, Form, Wiki
from triagebot.trackers.jira_calls import PROPERTY, JiraCalls, Refused
from triagebot.trackers.jira_closings import SAME_MOMENT, Closings
from triagebot.trackers.jira_doctor import Examination
from triagebot.trackers.jira_fields import LABEL, Fields, labels_of, project_of
from triagebot.trackers.jira_filing import TITLE_LIMIT, Filing
from triagebot.trackers.jira_listing import FIELDS, Lister, effective
from triagebot.trackers.jira_memory import Carried, Closing, Memory, key_label, told
from triagebot.trackers.jira_remarks import Remarks
from triagebot.trackers.jira_states import Step, is_open, step

BODY_LIMIT = 32_767
LAG = timedelta(minutes=15)
"""How long a search may miss what was written."""

Json = dict[str, Any]


class JiraTracker(Counted[JiraCalls]):
    """One connection, for all projects that teams name."""

    body_limit = BODY_LIMIT - 200
    comment_writes = 1
    batch = 50
    flags = True
    attaches = True
    lag = LAG

    def __init__(self, calls: JiraCalls, now: datetime, projects: Collection[str] = ()) -> None:
        self.calls_made, self.settings, self.name, self.now = calls, calls.settings, calls.name, now
        self.place = self.settings.project
        self.notes: list[str] = []
        self.learnt = Memory()
        self.fields = Fields(calls, self.learnt, now, self.notes)
        self.remarks = Remarks(calls, self.fields, lambda: self.form)
        self.closings = Closings(calls, self.fields, lambda: self.form)
        self.lister = Lister(self, sorted({self.settings.project, *projects}))
        self.filing = Filing(self)

    @property
    def markup(self) -> str:
        """Documents on Cloud, wiki markup on Data Center."""
        return "adf" if self.calls_made.flavour == "cloud" else "jira"

    @property
    def form(self) -> Form:
        """How this server holds text."""
        return Document() if self.calls_made.is_cloud else Wiki()

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
        return self.filing.create_many(contents)

    def refuse_size(self, where: str, description: Any) -> None:
        """Raises where a description is longer than Jira takes."""
        if self.form.size(description) > BODY_LIMIT:
            raise TrackerError(f"{self.name}: {where}", "what people wrote leaves no room for the ticket", "shorten it")

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
        refuse_drift(own.marker if held else None, is_open(item["fields"]), edit)
        place = known.place if known else project_of(now_id)
        wanted, why = self._step(now_id, item, edit)
        for picture in edit.pictures:
            self._attach(now_id, item, picture)
        if edit.comment:
            self._comment(now_id, edit.comment, edit.comment_digest, why, edit.rewrite)
        if why:
            self._say(now_id, edit, why)
            return self._kept(item, own, place)
        fields, carried = self._put(now_id, item, edit, own, wanted)
        if wanted:
            self._transition(now_id, wanted)
            carried = self._noted(now_id, carried)
        if ticket_id != now_id:
            self.lister.known.pop(ticket_id, None)
        return self._kept(_as_written(item, fields, carried, wanted), carried, place)

    def rewritten(self, item: Json, content: Content, place: str) -> Ticket:
        """An issue of ours that had lost what makes it a ticket, as that ticket."""
        own = Carried(content.marker, component=content.component)
        fields, carried = self._put(str(item["key"]), item, Edit(content=content), own)
        return self._kept(_as_written(item, fields, carried, None), carried, place)

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

    def _put(self, key: str, item: Json, edit: Edit, own: Carried, wanted: Step | None = None) -> tuple[Json, Carried]:
        """Write content and property, in one request, and only what differs; (the fields written, the property)."""
        fields = self._changes(item, edit, own)
        marker = edit.content.marker if edit.content else own.marker
        component = edit.content.component if edit.content else own.component
        is_over = bool(edit.state) or is_open(item["fields"])  # a person opened it: the next closing is another one
        carried = Carried(marker, None if is_over else own.closing, component=component)
        closed_at = str(item["fields"].get("resolutiondate") or "")
        if wanted and edit.state == "closed":
            closing = Closing(edit.closed_as or "done", self.calls_made.now(), wanted.resolution)
            carried = replace(carried, closing=closing)
        elif wanted and edit.state == "open" and closed_at:
            carried = replace(carried, before=replace(own, before=None, reopened=""), reopened=closed_at)
        stands = (item.get("properties") or {}).get(PROPERTY)
        value = told(carried)
        properties = {"properties": [{"key": PROPERTY, "value": value}]} if value != stands else {}
        if fields or properties:
            try:
                self.calls_made.write("PUT", f"issue/{key}", {"fields": fields, **properties})
            except Refused as refusal:
                remedy = self.fields.remedy(project_of(key), refusal, is_new=False)
                raise TrackerError(f"{self.name}: {key}", refusal.cause, remedy) from refusal
        return fields, carried

    def _changes(self, item: Json, edit: Edit, own: Carried) -> Json:
        """The fields that are to be other than they are."""
        stands, old = item["fields"], own.marker
        labels = list(stands.get("labels") or ())
        marker = edit.content.marker if edit.content else old
        wanted = merged(labels, labels_of(old), labels_of(marker)) if edit.content else [*labels]
        wanted += [name for name in (LABEL, key_label(marker.key)) if name not in wanted]
        wanted = reflagged(wanted, edit.flag)
        change: Json = {} if set(wanted) == set(labels) else {"labels": wanted}
        if edit.content:
            place = project_of(str(item["key"]))
            change["summary"] = edit.content.title[:TITLE_LIMIT]
            change["description"] = self.form.written(stands.get("description"), edit.content.block)
            self.refuse_size(str(item["key"]), change["description"])
            change |= self._assigned(place, stands, old, marker)
            if marker.due != old.due:
                change["duedate"] = marker.due or None
            if marker.priority != old.priority and (name := self.fields.priority(place, marker.priority)):
                change["priority"] = {"name": name}
            if edit.content.component != own.component:
                change["components"] = _components(stands, own.component, edit.content.component)
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

    def _noted(self, key: str, carried: Carried) -> Carried:
        """What is noted of a closing says when it was: anew where Jira had us wait before it."""
        if not carried.closing or self.calls_made.now() - carried.closing.at < SAME_MOMENT / 2:
            return carried
        later = replace(carried, closing=replace(carried.closing, at=self.calls_made.now()))
        self.calls_made.write("PUT", f"issue/{key}/properties/{PROPERTY}", told(later))
        return later

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
                self.fields.stands(project_of(ticket_id))
                raise Deleted(f"{self.name}: {ticket_id}", "is no more", "a person deleted it") from refusal
            raise
        return item

    def _kept(self, item: Json, carried: Carried, place: str) -> Ticket:
        """The issue as a ticket, remembered."""
        ticket = self.lister.ticket(item, effective(carried, item), place)
        self.lister.keep(ticket, carried)
        return ticket


def _components(stands: Json, old: str, new: str) -> list[Json]:
    """The components after the team's changed: those that people set stay."""
    held = [str(each.get("name")) for each in stands.get("components") or ()]
    return [{"name": name} for name in merged(held, [old] if old else [], [new] if new else [])]


def _as_written(item: Json, fields: Json, carried: Carried, wanted: Step | None) -> Json:
    """The issue as it stands after a write, without asking again."""
    stands = {**item["fields"], **fields}
    if wanted and carried.closing:
        stands["status"] = {"statusCategory": {"key": "done"}}
        stands["resolution"] = {"name": carried.closing.resolution}
        stands["resolutiondate"] = carried.closing.at.isoformat()
    elif wanted:
        stands |= {"status": {"statusCategory": {"key": "new"}}, "resolution": None, "resolutiondate": None}
    return {**item, "fields": stands, "properties": {PROPERTY: told(carried)}}
