"""What people say to us in comments, and which issue they name as the original of a duplicate."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from triagebot.commands import speaks
from triagebot.model import Remark, Ticket
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.github_memory import Memory
from triagebot.trackers.interface import Refused

_DUPLICATE = re.compile(r"^\s*duplicate of\s+(?P<repo>[\w.-]+/[\w.-]+)?#(?P<number>\d+)", re.IGNORECASE)
_LONGEST = 2000
_WRITERS = ("admin", "maintain", "write")
_INSIDERS = ("OWNER", "MEMBER", "COLLABORATOR")

Json = dict[str, Any]


class Remarks:
    """Reads comments, and who may decide."""

    def __init__(self, calls: Calls, learnt: Memory, former: Collection[str] = ()) -> None:
        """`former`: names under which we filed before; what they say is ours too."""
        self.calls, self.learnt, self.former = calls, learnt, former
        self._may: dict[tuple[str, str], bool | None] = {}

    def since(self, place: str, tickets: Mapping[str, Ticket], since: str) -> dict[str, Ticket]:
        """The tickets with what was said in the repository since then: one listing for all of them."""
        said = self.calls.pages(f"/repos/{place}/issues/comments", since=since, sort="created", direction="asc")
        by_ticket: dict[str, list[Json]] = {}
        for comment in said:
            number = str(comment.get("issue_url", "")).rpartition("/")[2]
            by_ticket.setdefault(f"{place}#{number}", []).append(comment)
        return {i: self._with(place, t, by_ticket.get(i, ())) for i, t in tickets.items()}

    def all_of(self, place: str, tickets: Mapping[str, Ticket]) -> dict[str, Ticket]:
        """The same without a memory: the comments of each ticket that people may have spoken on."""
        heard = {}
        for ticket_id, ticket in tickets.items():
            repo, _, number = ticket_id.rpartition("#")
            said = self.calls.pages(f"/repos/{repo}/issues/{number}/comments") if ticket.comments else ()
            heard[ticket_id] = self._with(place, ticket, said)
        return heard

    def _with(self, place: str, ticket: Ticket, comments: Iterable[Json]) -> Ticket:
        remarks = {r.id: r for r in ticket.remarks}
        duplicate_of = ticket.duplicate_of
        for comment in comments:
            text, by = str(comment.get("body") or ""), str((comment.get("user") or {}).get("login", ""))
            if by in self.learnt.authors or by in self.former:
                continue
            found = _DUPLICATE.match(text)
            if found and self._may_decide(place, by):  # else a stranger could have it wait for ever
                duplicate_of = f"{found['repo'] or place}#{found['number']}"
            remark = self._remark(place, ticket, comment, text[:_LONGEST], by)
            held = remarks.get(str(comment["id"]))
            if remark and (held is None or held.text != remark.text):
                remarks[remark.id] = remark
        return replace(ticket, remarks=tuple(remarks.values()), duplicate_of=duplicate_of)

    def _remark(self, place: str, ticket: Ticket, comment: Json, text: str, by: str) -> Remark | None:
        if not speaks(text):
            return None
        told = str(comment["id"])
        at = datetime.fromisoformat(comment.get("updated_at") or comment["created_at"]).astimezone(UTC)
        remark = Remark(told, by, at, text, self._may_decide(place, by), ticket.marker.shown)
        return replace(remark, shown=()) if remark.mark in ticket.marker.heard else remark

    def _may_decide(self, place: str, login: str) -> bool:
        """Write access, by the repository's own word: being a member of its organisation is not enough."""
        return bool(self._may_write(place, login))

    def may_file(self, place: str, item: Json) -> bool:
        """Whether triagebot could have filed this issue under another name: its author may write there, or is an app.

        A stranger's issue must never keep a ticket from being filed. Apps write only where they were let in.
        """
        user = item.get("user") or {}
        if user.get("type") == "Bot":
            return True
        may = self._may_write(place, str(user.get("login", "")))
        return item.get("author_association") in _INSIDERS if may is None else may

    def _may_write(self, place: str, login: str) -> bool | None:
        """None: we are not told."""
        if (place, login) not in self._may:
            try:
                told = self.calls.get(f"/repos/{place}/collaborators/{quote(login, safe='')}/permission")
                self._may[place, login] = told.get("role_name") in _WRITERS or told.get("permission") in _WRITERS
            except Refused:
                self._may[place, login] = None
        return self._may[place, login]
