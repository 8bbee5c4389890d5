"""Who closed an issue, when, and what they said of it: its changelog tells, and is asked only where that is news.

Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-changelog-get
Data Center: `expand=changelog` of one issue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from triagebot.commands import speaks
from triagebot.model import ClosedAs, Ticket
from triagebot.trackers.jira_body import Form
from triagebot.trackers.jira_calls import JiraCalls, Refused
from triagebot.trackers.jira_fields import Fields
from triagebot.trackers.jira_memory import Closing
from triagebot.trackers.jira_states import says_more, time_of

SAME_MOMENT = timedelta(minutes=2)
_TOGETHER = timedelta(seconds=10)
"""How far apart a transition and the comment on its screen are noted."""

_DECISIONS = ("not-planned", "duplicate")
_LONGEST = 200
Json = dict[str, Any]


class Closings:
    """Reads what Jira's list of issues does not say of a closing that is a decision."""

    def __init__(self, calls: JiraCalls, fields: Fields, form: Callable[[], Form]) -> None:
        self.calls, self.fields, self.form = calls, fields, form

    def of(self, ticket: Ticket, item: Json, known: Ticket | None, open_at: datetime | None) -> Ticket:
        """The ticket, with who decided by closing it. A closing that is known is not asked for again.

        `known`: as it stood at the listing before; `open_at`: when that began. Where Jira does not show the changelog,
        nobody is named.
        """
        if not ticket.is_decision or is_same(known, ticket.closed_as, ticket.closed_at):
            return ticket
        resolution = str((item["fields"].get("resolution") or {}).get("name") or "")
        was_open = open_at if known and known.is_open else None
        entry = closing(self._histories(ticket.id), bool(resolution), was_open)
        by = entry.get("author")
        at = time_of(entry.get("created"))
        because = self._said(item, self.fields.id_of(by), at) or (resolution if says_more(resolution) else "")
        return replace(
            ticket,
            closed_by=self.fields.name_of(by),
            closed_at=max(filter(None, (ticket.closed_at, at)), default=None),
            closed_because="" if ticket.closed_as == "duplicate" else because,
        )

    def _histories(self, key: str) -> Sequence[Json]:
        """All that was changed. Data Center tells it with the issue, Cloud page by page."""
        try:
            if self.calls.is_cloud:
                return list(self.calls.pages(f"issue/{key}/changelog", "values"))
            told = self.calls.get(f"issue/{key}", fields="resolution", expand="changelog")
        except Refused:
            return ()
        return (told.get("changelog") or {}).get("histories") or ()

    def _said(self, item: Json, by: str, at: datetime | None) -> str:
        """What the person wrote on the screen of the transition: Jira keeps it as a comment of that moment."""
        for comment in (item["fields"].get("comment") or {}).get("comments") or ():
            when = time_of(comment.get("created"))
            if by and at and when and abs(when - at) <= _TOGETHER and self.fields.id_of(comment.get("author")) == by:
                said = " ".join(self.form().plain(comment.get("body")).split())[:_LONGEST]
                return "" if speaks(said) else said
        return ""


def is_same(known: Ticket | None, closed_as: ClosedAs, at: datetime | None) -> bool:
    """Whether a decision by closing is the one that is known. `at`: when the issue was resolved, where Jira says so."""
    if known is None or known.is_open or known.closed_by_us:
        return False
    if known.closed_as != closed_as or closed_as not in _DECISIONS:
        return False
    return known.closed_at == at or (known.closed_at is not None and (at is None or at <= known.closed_at))


def is_our_closing(note: Closing | None, fields: Json, closed_at: datetime | None) -> bool:
    """Whether the closing is the one that we noted: a later one, or another one, is a person's."""
    if note is None:
        return False
    name = (fields.get("resolution") or {}).get("name") or ""
    same = not note.resolution or note.resolution == name
    return same and (closed_at is None or abs(closed_at - note.at) < SAME_MOMENT)


def closing(histories: Collection[Mapping[str, Any]], resolved: bool, open_at: datetime | None = None) -> Json:
    """The change that closed an issue; empty where none did.

    Where it has a resolution, that is whoever chose it last: others may move it from *Resolved* to *Closed* later on.
    But some workflows keep the resolution of an issue that is opened again: if it was chosen before `open_at`, when the
    issue was seen open, the closing is the last change of state.
    """
    told = sorted(
        ((at, h) for h in histories if (at := time_of(h.get("created")))), key=lambda each: (each[0], _number(each[1]))
    )
    chosen = [(at, h) for at, h in told if _changes(h, "resolution")]
    moved = [(at, h) for at, h in told if _changes(h, "status")]
    is_stale = bool(chosen and open_at and chosen[-1][0] < open_at and moved and moved[-1][0] > chosen[-1][0])
    last = chosen if resolved and chosen and not is_stale else moved
    return dict(last[-1][1]) if last else {}


def _number(history: Mapping[str, Any]) -> int:
    told = str(history.get("id") or "")
    return int(told) if told.isdigit() else 0


def _changes(history: Mapping[str, Any], field: str) -> bool:
    """Whether a field was given a value."""
    items = [item for item in history.get("items") or () if item]
    return any(str(i.get("field", "")).lower() == field and (i.get("to") or i.get("toString")) for i in items)
