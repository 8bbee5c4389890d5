"""New issues: up to 50 in one request, one that is refused holds up no other, and none is ever filed twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from triagebot.errors import TrackerError
from triagebot.model import Content, Ticket
from triagebot.trackers.interface import Halted, Lost, flag_of
from triagebot.trackers.jira_calls import PROPERTY, Refused, quoted
from triagebot.trackers.jira_fields import project_of
from triagebot.trackers.jira_listing import FIELDS
from triagebot.trackers.jira_memory import Carried, key_label, told

if TYPE_CHECKING:
    from triagebot.trackers.jira import JiraTracker

TITLE_LIMIT = 254

_LOOKS = 3
_BETWEEN_LOOKS = 3.0
Json = dict[str, Any]
Result = Ticket | TrackerError


class Filing:
    """Files the new tickets of a tracker."""

    def __init__(self, tracker: JiraTracker) -> None:
        self.tracker, self.name = tracker, tracker.name
        self.calls, self.fields, self.lister = tracker.calls_made, tracker.fields, tracker.lister

    def create_many(self, contents: Sequence[Content]) -> Iterator[Result]:
        """See `Tracker.create_many`."""
        results: dict[int, Result] = {}
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

    def _place(self, content: Content) -> str:
        return content.place or self.tracker.place

    def _standing(self, content: Content) -> Ticket | None:
        """The ticket of this key: one that is known, or one with its label that has lost the rest."""
        place = self._place(content)
        if ticket := self.lister.standing(place, content.marker.key):
            return ticket
        item = self.lister.bare.get((place, key_label(content.marker.key)))
        return self.tracker.rewritten(item, content, place) if item else None

    def _new(self, content: Content) -> Json:
        place = self._place(content)
        description = self.tracker.form.written(None, content.block)
        self.tracker.refuse_size(place, description)
        fields = self.fields.new(place, replace(content, title=content.title[:TITLE_LIMIT]), description)
        return {"fields": fields, "properties": [{"key": PROPERTY, "value": told(_carried(content))}]}

    def _filed(self, contents: Mapping[int, Content], bodies: Mapping[int, Json]) -> dict[int, Result]:
        """What became of each. A lost answer is looked up, and never asked for again in this run.

        So is one that says nothing (a page to sign in): the others of this run, and other trackers, go on.
        """
        order = list(bodies)
        asked = [contents[at] for at in order]
        sent = {"issueUpdates": [bodies[at] for at in order]}
        try:
            answer = self.calls.write("POST", "issue/bulk", sent, lambda: {"lost": self._looked_up(asked)})
        except Refused as refusal:
            answer = refusal.answer
            if len(_refusals(answer)) != len(order):
                return self._refused_whole(contents, bodies, refusal)
        except Halted:
            raise
        except TrackerError as fault:
            self.tracker.notes.append(str(fault))
            answer = {"lost": self._looked_up(asked)}
        if "lost" in answer:
            return {at: self._found(contents[at], answer["lost"]) for at in order}
        return dict(zip(order, self._answered(asked, answer), strict=True))

    def _refused_whole(
        self, contents: Mapping[int, Content], bodies: Mapping[int, Json], refusal: Refused
    ) -> dict[int, Result]:
        """All were refused, and the answer does not say which is at fault: one by one they say it."""
        if refusal.status != 400 or len(bodies) == 1:
            return {at: self._refused(contents[at], refusal) for at in bodies}
        results: dict[int, Result] = {}
        for at, body in bodies.items():
            results |= self._filed({at: contents[at]}, {at: body})
        return results

    def _answered(self, contents: Sequence[Content], answer: Json) -> list[Result]:
        """Jira lists what it made in order, and what it refused with its number in the request.

        An answer that does not add up is no answer: what was made is looked up by its label.
        """
        refused = _refusals(answer)
        left = [content for at, content in enumerate(contents) if at not in refused]
        made = list(answer.get("issues") or ())
        fits = [project_of(str(item.get("key"))) for item in made] == [self._place(content) for content in left]
        found = {} if fits else self._looked_up(left)
        items = iter(made)
        results: list[Result] = []
        for at, content in enumerate(contents):
            if at in refused:
                results.append(self._refused(content, _element(content, refused[at])))
            else:
                results.append(self._made(content, next(items)) if fits else self._found(content, found))
        return results

    def _refused(self, content: Content, refusal: Refused) -> TrackerError:
        place = self._place(content)
        remedy = self.fields.remedy(place, refusal)
        return TrackerError(f"{self.name}: project {place}", refusal.cause, remedy)

    def _made(self, content: Content, item: Json) -> Ticket:
        key, issue_id = str(item["key"]), str(item.get("id", ""))
        ticket = Ticket(
            id=key, url=self.calls.url_of(key), tracker=self.name, marker=content.marker, is_open=True,
            title=content.title[:TITLE_LIMIT], place=self._place(content), flag=flag_of([content.flag]),
        )  # fmt: skip
        self.lister.keep(ticket, _carried(content), issue_id)
        self.tracker.learnt.fresh.append(issue_id)
        self.tracker.learnt.fresh_at = self.calls.now().isoformat()
        return ticket

    def _looked_up(self, contents: Sequence[Content]) -> dict[str, Json]:
        """Issues that a lost request has made, by project and key label. The index may need a moment to show them.

        A look that fails finds nothing: it is no refusal of what was to be filed, which may stand.
        """
        labels = [key_label(c.marker.key) for c in contents]
        found: dict[str, Json] = {}
        for look in range(_LOOKS):
            if look:
                self.calls.caller.wait(_BETWEEN_LOOKS)
            try:
                items = self.calls.search(f"labels in ({', '.join(map(quoted, labels))})", FIELDS, [])
            except Halted:
                raise
            except TrackerError as fault:
                self.tracker.notes.append(str(fault))
                break
            for item in items:
                if self.lister.is_ours(item):
                    place = project_of(str(item["key"]))
                    found |= {f"{place} {n}": item for n in item["fields"].get("labels") or () if n in labels}
            if len(found) >= len(labels):
                break
        return found

    def _found(self, content: Content, found: Mapping[str, Json]) -> Result:
        item = found.get(f"{self._place(content)} {key_label(content.marker.key)}")
        if item is None:
            said = "the answer to its creation was lost, and it is not found yet"
            return Lost(f"{self.name}: {content.marker.key}", said, "a run in 15 minutes looks again")
        return self._made(content, item)


def _carried(content: Content) -> Carried:
    return Carried(content.marker, component=content.component)


def _refusals(answer: Json) -> dict[int, Json]:
    """What a bulk request was told of those that were refused, by their number in it."""
    return {int(e["failedElementNumber"]): e for e in answer.get("errors") or () if "failedElementNumber" in e}


def _element(content: Content, error: Json) -> Refused:
    """One refusal of a bulk request."""
    told_of = error.get("elementErrors") or {}
    fields = {str(k): str(v) for k, v in (told_of.get("errors") or {}).items()}
    said = [*map(str, told_of.get("errorMessages") or ()), *(f"{k}: {v}" for k, v in fields.items())]
    refused = Refused(content.marker.key, int(error.get("status") or 400), "; ".join(said) or "no reason given")
    refused.fields = fields
    return refused
