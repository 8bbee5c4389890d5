"""When a ticket is due: one label says so, and nothing in its text, which would change with the calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from triagebot.model import DUE_SOON, OVERDUE, Action, Cause, Draft, Kind, Ticket, TrackerFacts


def flag(due: str, now: datetime, soon: timedelta) -> str:
    """The label of a ticket with this due date (`YYYY-MM-DD`, or empty): overdue from the day after it on."""
    if not due:
        return ""
    today, day = now.astimezone(UTC).date(), date.fromisoformat(due)
    if day < today:
        return OVERDUE
    return DUE_SOON if day <= today + soon else ""


def flagged(
    actions: Sequence[Action],
    drafts: Iterable[Draft],
    facts: Mapping[str, TrackerFacts],
    now: datetime,
    soon: timedelta,
) -> list[Action]:
    """The actions with the labels that they set, and one for each ticket of which only the label changes.

    Only tickets of these drafts are meant, where their tracker can be written to.
    """
    standing = {(name, t.id): t for name, f in facts.items() if f.flags for t in f.tickets}
    done = [_relabelled(action, standing.get((action.tracker, action.ticket)), now, soon) for action in actions]
    written = {(a.tracker, a.ticket) for a in actions if a.kind is not Kind.LEAVE}
    by_key = {key: draft for draft in drafts for key in (draft.key, *draft.former_keys)}
    for (name, ticket_id), ticket in standing.items():
        draft = by_key.get(ticket.marker.key)
        hindered = facts[name].incomplete or ticket.place in facts[name].shut or ticket.marker.key in facts[name].broken
        if draft is None or hindered or not ticket.is_open or (name, ticket_id) in written:
            continue
        wanted = flag(ticket.marker.due, now, soon)
        if wanted != ticket.flag:
            done.append(_only(draft, name, ticket, wanted))
    return done


def _relabelled(action: Action, ticket: Ticket | None, now: datetime, soon: timedelta) -> Action:
    if ticket is None or action.kind is Kind.LEAVE:
        return action
    due = action.content.marker.due if action.content else ticket.marker.due
    wanted = "" if action.state == "closed" else flag(due, now, soon)
    return replace(action, flag=wanted) if wanted != ticket.flag else action


def _only(draft: Draft, tracker: str, ticket: Ticket, wanted: str) -> Action:
    due = ticket.marker.due
    reason = {OVERDUE: f"it was due {due}", DUE_SOON: f"it is due {due}"}.get(wanted, "it is not due soon any more")
    return Action(
        kind=Kind.UPDATE, cause=Cause.DUE, key=draft.key, stream=draft.stream, team=draft.team, tracker=tracker,
        priority=ticket.marker.priority, title=ticket.title, reason=reason, ticket=ticket.id, url=ticket.url,
        seen_digest=ticket.marker.digest, seen_open=True, flag=wanted,
    )  # fmt: skip
