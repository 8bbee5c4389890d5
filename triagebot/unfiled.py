"""A plan from a file, some time later: what it would file may have been filed, and closed or deleted, since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from triagebot.history import KnownTicket
from triagebot.model import Action, Cause, Kind, Plan, TrackerFacts


def unfiled(plan: Plan, facts: Mapping[str, TrackerFacts], known: Iterable[KnownTicket], since: datetime) -> Plan:
    """The plan without the tickets that stand already, whatever their state, or that a person deleted after `since`.

    To delete a ticket, or to close it, is a decision that no plan of before knew of. `facts`: what is listed now.
    """
    there = {(name, t.place, t.marker.key) for name, listed in facts.items() for t in listed.tickets}
    there |= {
        (k.ticket.tracker, k.ticket.place, k.ticket.marker.key)
        for k in known if k.deleted_seen and datetime.fromisoformat(k.deleted_seen) > since
    }  # fmt: skip

    def now(action: Action) -> Action:
        place = action.content.place if action.content else ""
        if action.kind is not Kind.CREATE or (action.tracker, place, action.key) not in there:
            return action
        reason = "it was filed since the plan was made; the next run looks at it anew"
        return replace(action, kind=Kind.LEAVE, cause=Cause.FILED, reason=reason, content=None)

    return replace(plan, actions=tuple(map(now, plan.actions)))
