"""What people say to us in comments of Jira issues, and which issue they name as the original of a duplicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from triagebot.commands import speaks
from triagebot.model import Remark, Ticket
from triagebot.trackers.jira_body import Form
from triagebot.trackers.jira_calls import JiraCalls, Refused
from triagebot.trackers.jira_fields import Fields, project_of
from triagebot.trackers.jira_states import time_of

_LONGEST = 2000
Json = dict[str, Any]


class Remarks:
    """Reads comments, and who may decide."""

    def __init__(self, calls: JiraCalls, fields: Fields, form: Callable[[], Form]) -> None:
        self.calls, self.fields, self.form = calls, fields, form
        self._may: dict[tuple[str, str], bool] = {}

    def of(self, ticket: Ticket, item: Json, ours: Iterable[str]) -> Ticket:
        """The ticket with what people said on it."""
        told = item["fields"].get("comment") or {}
        comments = told.get("comments") or []
        if int(told.get("total") or 0) > len(comments):
            comments = list(self.calls.pages(f"issue/{ticket.id}/comment", "comments"))
            item["fields"]["comment"] = {"comments": comments, "total": len(comments)}
        authors = set(ours)
        remarks = {r.id: r for r in ticket.remarks}
        for comment in comments:
            by = self.fields.id_of(comment.get("author"))
            text = self.form().plain(comment.get("body"))[:_LONGEST]
            held = remarks.get(str(comment["id"]))
            if by not in authors and speaks(text) and (held is None or held.text != text):
                remarks[str(comment["id"])] = self._remark(ticket, comment, text, by)
        return replace(ticket, remarks=tuple(remarks.values()), duplicate_of=_original(item) or ticket.duplicate_of)

    def _remark(self, ticket: Ticket, comment: Json, text: str, by: str) -> Remark:
        told = str(comment["id"])
        at = time_of(comment.get("updated") or comment.get("created")) or datetime.now(UTC)
        name = self.fields.name_of(comment.get("author"))
        remark = Remark(told, name, at, text, self._may_decide(ticket.id, by), ticket.marker.shown)
        return replace(remark, shown=()) if remark.mark in ticket.marker.heard else remark

    def _may_decide(self, ticket_id: str, account: str) -> bool:
        """Whether somebody may transition the issue. Where only administrators may ask: whether it can be theirs."""
        key = (project_of(ticket_id), account)
        if key not in self._may:
            who = {"accountId" if self.calls.is_cloud else "username": account}
            try:
                self._may[key] = self._is_among("user/permission/search", account, {
                    **who, "permissions": "TRANSITION_ISSUES", "issueKey": ticket_id})  # fmt: skip
            except Refused as refusal:
                if refusal.status not in (401, 403, 404):
                    raise
                self._may[key] = self._can_be_assigned(ticket_id, account, who)
        return self._may[key]

    def _can_be_assigned(self, ticket_id: str, account: str, who: Mapping[str, str]) -> bool:
        try:
            return self._is_among("user/assignable/search", account, {**who, "issueKey": ticket_id})
        except Refused:
            return False

    def _is_among(self, path: str, account: str, asked: Mapping[str, str]) -> bool:
        return account in {self.fields.id_of(user) for user in self.calls.get(path, **asked)}


def _original(item: Json) -> str:
    """The issue that this one duplicates, by its links."""
    for link in item["fields"].get("issuelinks") or ():
        kind, other = link.get("type") or {}, link.get("outwardIssue")
        if other and "duplicate" in f"{kind.get('name', '')} {kind.get('outward', '')}".lower():
            return str(other["key"])
    return ""
