"""Tickets as issues of GitHub repositories. A ticket's id is `owner/repo#number`.

An issue is ours if we wrote it (or a former identity of ours, `authors:`) and its managed block carries a marker.
The first listing goes by our label, in full; later ones ask for what changed of our own issues. Everything is
written serially, in one request per change after a fresh read; a comment goes before the change that it explains,
so that a killed run finds it and goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.model import ClosedAs, Content, Marker, Remark, Ticket
from triagebot.render import many
from triagebot.trackers.body import carried, comment_mark, written
from triagebot.trackers.counted import Counted
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.github_doctor import examined
from triagebot.trackers.github_listing import Lister
from triagebot.trackers.github_memory import Memory
from triagebot.trackers.github_places import LABEL, Places, label_set, placed
from triagebot.trackers.github_remarks import Remarks
from triagebot.trackers.interface import (
    Edit,
    Known,
    Listing,
    Need,
    Refused,
    Survey,
    Trouble,
    merged,
    one_by_one,
    reflagged,
    refuse_drift,
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


class GithubTracker(Counted[Calls]):
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
        self.lister = Lister(name, calls, self.learnt, self.places, self.remarks, now, self.repos)

    def listing(self, known: Known) -> Listing:
        """The tickets of all repositories; a repository that cannot be listed takes no part, the others do."""
        return self.lister.listing(known)

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
        return max(0, left - _SPARE_CALLS), f"GitHub allows {many(left, 'more call')}{until}"

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
        if standing := self.lister.standing(place, content.marker):
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
        ticket = self.lister.ticket("#".join(map(str, placed(item))), item, place, content.marker)
        self.lister.known[ticket.id] = ticket
        return ticket

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        """GitHub takes one a request."""
        return one_by_one(self.create, contents)

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        """See `github_doctor`."""
        return examined(self.name, self.settings, self.calls_made, needs)

    def _filed(self, place: str, marker: Marker) -> Json | None:
        """The issue that a create whose answer was lost has made."""
        since = (self.calls_made.server_time or self.now) - timedelta(hours=1)  # not by label: it may be dropped
        found = self.calls_made.pages(f"/repos/{place}/issues", state="all", since=f"{since:%Y-%m-%dT%H:%M:%SZ}")
        for item in found:
            told = carried(item.get("body") or "").marker
            if told and told.key == marker.key and self.lister.is_ours(item):
                return dict(item)
        return None

    def _check(self, place: str, item: Json, sent: Json) -> None:
        """Without push access GitHub drops labels and people in silence: say so."""
        author = str((item.get("user") or {}).get("login", ""))
        if self.learnt.authors and author and author not in self.lister.authors():
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

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change an issue: a fresh read, the comment, and one write for all the rest."""
        item = self.lister.issue(ticket_id)
        if not self.lister.is_ours(item):
            raise TrackerError(f"{self.name}: {ticket_id}", "was written by somebody else", "it is left alone")
        known = self.lister.known.get(ticket_id)
        now_id = "#".join(map(str, placed(item)))
        place = known.place if known else placed(item)[0]
        told = carried(item.get("body") or "")
        old = told.marker or (known.marker if known else None) or (edit.content.marker if edit.content else None)
        if old is None:
            raise TrackerError(
                f"{self.name}: {ticket_id}", "its marker is gone", "it is written again with its content"
            )
        refuse_drift(told.marker, item["state"] == "open", edit)
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
            self.lister.known[now_id] = replace(known, id=now_id)
        ticket = self.lister.ticket(now_id, item, place, old)
        self.lister.known[now_id] = ticket
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
            own = (c for c in self.calls_made.pages(path) if mark in (c.get("body") or "") and self.lister.is_ours(c))
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
