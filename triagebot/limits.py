"""How much one run may do to a tracker: new tickets, writes, calls; and how large a part of it it may close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from triagebot.files import Limits
from triagebot.model import Action, Cause, Kind, TrackerFacts

MASS_CLOSE_FLOOR = 5
"""So few closings are never implausible."""

_ORDER = (Kind.CREATE, Kind.REOPEN, Kind.UPDATE, Kind.COMMENT, Kind.CLOSE, Kind.MOVE, Kind.LEAVE)


def fitting(
    actions: list[Action], limits: Limits, facts: Mapping[str, TrackerFacts], waiting: set[str]
) -> tuple[list[Action], list[Action]]:
    """What fits into the limits, per tracker, most urgent first; the rest is deferred to the next run.

    `waiting`: keys whose tickets are not written by this run; what waits for one of these is deferred too.
    """
    kept: list[Action] = []
    deferred: list[Action] = []
    opened: dict[str, int] = defaultdict(int)
    written: dict[str, int] = defaultdict(int)
    called: dict[str, int] = defaultdict(int)
    for action in sorted(
        actions, key=lambda a: (a.kind in (Kind.MOVE, Kind.LEAVE), a.priority or "P9", _ORDER.index(a.kind), a.key)
    ):
        if action.kind is Kind.LEAVE:
            kept.append(action)
            continue
        new, cause = action.kind is Kind.CREATE, Cause.LIMIT
        opens = new or action.kind is Kind.REOPEN
        tracker = facts[action.tracker]
        writes = 1 + (tracker.comment_writes if action.comment else 0)
        calls = writes if new else 2 * writes  # a change reads first, and a comment is looked up
        if opens and opened[action.tracker] >= limits.new_tickets:
            reason = full(limits)
        elif written[action.tracker] + writes > limits.writes:
            reason = f"limits.writes of {limits.writes} is reached"
        elif tracker.calls is not None and called[action.tracker] + calls > tracker.calls:
            reason, cause = tracker.calls_until, Cause.QUOTA
        elif waiting.intersection(action.after):
            reason = "its new ticket is deferred"
        else:
            opened[action.tracker] += opens
            written[action.tracker] += writes
            called[action.tracker] += calls
            kept.append(action)
            continue
        waiting.add(action.key)
        deferred.append(replace(action, cause=cause, reason=reason))
    return kept, deferred


def full(limits: Limits) -> str:
    """Why a new ticket waits."""
    return f"limits.new_tickets of {limits.new_tickets} is reached"


def mass_close(actions: list[Action], facts: Mapping[str, TrackerFacts], limits: Limits) -> str:
    """Why a plan that closes so much is refused; empty: it does not."""
    for name, tracker in sorted(facts.items()):
        closing = sum(a.kind is Kind.CLOSE and a.tracker == name for a in actions)
        is_open = sum(t.is_open for t in tracker.tickets)
        if closing > MASS_CLOSE_FLOOR and closing > limits.close_fraction * is_open:
            return (
                f"{name}: {closing} of {is_open} open tickets would be closed, more than limits.close_fraction of "
                f"{limits.close_fraction:.0%} allows; look at `triagebot plan`, then pass --allow-mass-close"
            )
    return ""
