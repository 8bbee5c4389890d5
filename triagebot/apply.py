"""A plan and its trackers -> outcomes. One refused ticket never stops the others, nor one broken tracker the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from triagebot.errors import TrackerError
from triagebot.model import Action, Kind, Outcome, Plan, Ticket
from triagebot.render import comments
from triagebot.trackers import Deleted, Drifted, Edit, Halted, Lost, Tracker


class Journal(Protocol):
    """What is told of each step before and after it is done."""

    def intend(self, action: Action) -> None:
        """A ticket is about to be created."""

    def refused(self, action: Action) -> None:
        """The ticket that was about to be created was not."""

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
    named: Callable[[str], str] = str,
) -> list[Outcome]:
    """Do the plan, in its order; new tickets that follow one another are filed together where a tracker can.

    What waits for a ticket that could not be filed is not done. `there`: the addresses of new tickets that
    stand already, by key: a run that was killed has filed them. `named`: how a comment names such an address.
    """
    work = _Work(trackers, journal, progress or (lambda _: None), named)
    work.standing = {**(there or {}), **{a.key: a.url for a in plan.actions if a.ticket and a.kind is not Kind.MOVE}}
    for are_new, actions in groupby(plan.actions, lambda a: a.kind is Kind.CREATE):
        if are_new:
            work.file(list(actions))
            continue
        for action in actions:
            work.note(work.change(action))
    return [work.outcomes[id(action)] for action in plan.actions]


@dataclass
class _Work:
    trackers: Mapping[str, Tracker]
    journal: Journal
    progress: Callable[[Action], None]
    named: Callable[[str], str]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)

    def note(self, outcome: Outcome) -> None:
        action = outcome.action
        if outcome.outcome == "done" and action.kind is not Kind.MOVE:
            self.standing[action.key] = outcome.url
        self.outcomes[id(action)] = outcome

    def file(self, actions: Sequence[Action]) -> None:
        """File new tickets, as many at a time as each tracker takes."""
        for action in (a for a in actions if a.content is None):
            self.note(Outcome(action, "failed", error="the plan holds no text for a new ticket; make the plan again"))
        for name in dict.fromkeys(a.tracker for a in actions):
            mine = [a for a in actions if a.tracker == name and a.content]
            size = self.trackers[name].batch
            for start in range(0, len(mine), size):
                for outcome in self._filed(mine[start : start + size]):
                    self.note(outcome)

    def _filed(self, actions: Sequence[Action]) -> Iterator[Outcome]:
        tracker = self.trackers[actions[0].tracker]
        left = list(actions)
        if tracker.name not in self.halted:
            for action in actions:
                self.progress(action)
                self.journal.intend(action)
            try:
                for result in tracker.create_many([a.content for a in actions if a.content]):
                    yield self._result(left.pop(0), result)
            except Halted as halt:
                self.halted[tracker.name] = str(halt)
            except TrackerError as fault:  # of none in particular: each may stand, so what was intended stays intended
                yield from (Outcome(action, "failed", error=str(fault)) for action in left)
                return
        yield from (self._deferred(action) for action in left)

    def _result(self, action: Action, result: Ticket | TrackerError) -> Outcome:
        if isinstance(result, Ticket):
            self.journal.done(action, result)
            return Outcome(action, "done", result.id, result.url, stands=result)
        if not isinstance(result, Lost):
            self.journal.refused(action)
        return Outcome(action, "failed", error=str(result))

    def _deferred(self, action: Action) -> Outcome:
        return Outcome(action, "deferred", action.ticket, action.url, self.halted[action.tracker])

    def change(self, action: Action) -> Outcome:
        """Change a ticket that stands."""
        if action.kind is Kind.LEAVE:
            return Outcome(action, "done", action.ticket, action.url)
        if action.tracker in self.halted:
            return self._deferred(action)
        self.progress(action)
        unfiled = {o.action.key for o in self.outcomes.values() if o.outcome != "done"}
        if unfiled.intersection(action.after):
            return Outcome(action, "failed", action.ticket, action.url, "its new ticket was not filed")
        try:
            return self._changed(action, self.trackers[action.tracker])
        except Halted as halt:
            self.halted[action.tracker] = str(halt)
            return self._deferred(action)

    def _changed(self, action: Action, tracker: Tracker) -> Outcome:
        places = ", ".join(self.named(self.standing[key]) for key in action.after if key in self.standing)
        edit = Edit(
            action.content, action.state, action.closed_as, comments.named(action.comment, places, tracker.markup),
            action.comment_digest, action.seen_digest, action.seen_open, action.flag,
        )  # fmt: skip
        try:
            ticket = tracker.edit(action.ticket, edit)
        except Drifted as drift:
            said = f"{action.ticket}: {drift}; the next run plans it anew"
            return Outcome(action, "drifted", action.ticket, action.url, said)
        except Deleted:
            self.journal.gone(action)
            said = f"{action.ticket}: a person deleted it; what it showed is not filed again until the decision expires"
            return Outcome(action, "gone", action.ticket, action.url, said)
        except Halted:
            raise
        except TrackerError as error:
            return Outcome(action, "failed", action.ticket, action.url, str(error))
        self.journal.done(action, ticket)
        is_done = not edit.state or ticket.is_open == (edit.state == "open")
        return Outcome(action, "done" if is_done else "asked", ticket.id, ticket.url, stands=ticket)
