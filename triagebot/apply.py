"""A plan and its trackers -> outcomes. One refused ticket never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from triagebot.errors import TrackerError
from triagebot.model import Action, Kind, Outcome, Plan, Ticket
from triagebot.plan import NEW_TICKET
from triagebot.trackers import Deleted, Drifted, Edit, Halted, Tracker


class Journal(Protocol):
    """What is told of each step before and after it is done."""

    def intend(self, action: Action) -> None:
        """A ticket is about to be created."""

    def done(self, action: Action, ticket: Ticket) -> None:
        """The tracker carried the action out; the ticket is as it stands now."""

    def gone(self, action: Action) -> None:
        """A person deleted the ticket meanwhile."""


def carry_out(
    plan: Plan,
    trackers: Mapping[str, Tracker],
    journal: Journal,
    progress: Callable[[Action], None] | None = None,
    there: Mapping[str, str] | None = None,
) -> list[Outcome]:
    """Do the plan, in its order. What waits for a ticket that could not be filed is not done.

    `there`: the addresses of new tickets that stand already, by key: a run that was killed has filed them.
    """
    outcomes: list[Outcome] = []
    halted: dict[str, str] = {}
    standing = {**(there or {}), **{a.key: a.url for a in plan.actions if a.ticket and a.kind is not Kind.MOVE}}
    for action in plan.actions:
        if action.kind is Kind.LEAVE:
            outcomes.append(Outcome(action, "done", action.ticket, action.url))
            continue
        if why := halted.get(action.tracker):
            outcomes.append(Outcome(action, "deferred", action.ticket, action.url, why))
            continue
        if progress:
            progress(action)
        if {o.action.key for o in outcomes if o.outcome != "done"}.intersection(action.after):
            outcomes.append(Outcome(action, "failed", action.ticket, action.url, "its new ticket was not filed"))
            continue
        places = [standing[key] for key in action.after if key in standing]
        try:
            outcome = _one(action, trackers[action.tracker], journal, ", ".join(places))
        except Halted as halt:
            halted[action.tracker] = str(halt)
            outcome = Outcome(action, "deferred", action.ticket, action.url, str(halt))
        if outcome.outcome == "done" and action.kind is not Kind.MOVE:
            standing[action.key] = outcome.url
        outcomes.append(outcome)
    return outcomes


def _one(action: Action, tracker: Tracker, journal: Journal, new_ticket: str) -> Outcome:
    try:
        if action.kind is Kind.CREATE:
            if action.content is None:
                raise TrackerError(action.key, "the plan holds no text for a new ticket", "make the plan again")
            journal.intend(action)
            ticket = tracker.create(action.content)
        else:
            comment = action.comment.replace(NEW_TICKET, new_ticket or "another ticket")
            ticket = tracker.edit(
                action.ticket,
                Edit(
                    action.content,
                    action.state,
                    action.closed_as,
                    comment,
                    action.comment_digest,
                    action.seen_digest,
                    action.seen_open,
                ),
            )
    except Drifted as drift:
        said = f"{action.ticket}: {drift}; the next run plans it anew"
        return Outcome(action, "drifted", action.ticket, action.url, said)
    except Deleted:
        journal.gone(action)
        said = f"{action.ticket}: a person deleted it; what it showed is not filed again until the decision expires"
        return Outcome(action, "gone", action.ticket, action.url, said)
    except Halted:
        raise
    except TrackerError as error:
        return Outcome(action, "failed", action.ticket, action.url, str(error))
    journal.done(action, ticket)
    return Outcome(action, "done", ticket.id, ticket.url, stands=ticket)
