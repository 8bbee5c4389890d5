"""Drafts + tickets that exist -> a complete plan. The state table of DESIGN section 6, and the limits.

The plan comes from what is believed now and what each ticket last showed, never from the diff alone: a run that
was killed, skipped or repeated heals itself at the next one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from triagebot import decisions, limits, reopening, sla
from triagebot.decisions import Held
from triagebot.files import Limits
from triagebot.keys import bare
from triagebot.model import (
    Action,
    Cause,
    ClosedAs,
    Content,
    Draft,
    Kind,
    Marker,
    Plan,
    Ticket,
    TrackerFacts,
    Want,
)  # fmt: skip
from triagebot.promised import Promises
from triagebot.render import comments, many
from triagebot.render import tickets as text
from triagebot.render.marker import told
from triagebot.rules import same

LABEL = "triagebot"


@dataclass(frozen=True)
class Policy:
    """What the plan is measured by."""

    now: datetime
    limits: Limits
    done_grace: timedelta
    allow_mass_close: bool = False
    decision_expiry: timedelta = timedelta(days=90)
    due_soon: timedelta = timedelta(days=3)


def make(
    drafts: Sequence[Draft],
    facts: Mapping[str, TrackerFacts],
    held: Mapping[str, Held],
    policy: Policy,
    foreign: Iterable[str] = (),
) -> Plan:
    """The plan of one run. `foreign`: keys of tickets that were grouped otherwise than now."""
    planner = _Planner(drafts, facts, held, policy, {*foreign, *(d.key for d in drafts if d.regrouped)})
    former = {key for draft in drafts for key in draft.former_keys}
    actions = [action for draft in drafts if draft.key not in former for action in planner.actions(draft)]
    actions = sla.flagged(actions, drafts, facts, policy.now, policy.due_soon)
    kept, deferred = limits.fitting(actions, policy.limits, facts, planner.waiting())
    kept = [planner.filled(action) for action in kept]
    refused = "" if policy.allow_mass_close else limits.mass_close(kept, facts, policy.limits)
    waiting = sorted([*planner.deferred, *deferred], key=lambda a: (a.priority or "P9", a.key))
    return Plan(tuple(kept), tuple(waiting), refused, tuple(planner.warnings))


_DATA_MOVED = Cause.DATA_MOVED, "below the threshold because data moved; it stays until fixed or decided"


class _Planner:
    def __init__(
        self,
        drafts: Sequence[Draft],
        facts: Mapping[str, TrackerFacts],
        held: Mapping[str, Held],
        policy: Policy,
        foreign: set[str],
    ) -> None:
        self.facts, self.held, self.policy, self.foreign = facts, held, policy, foreign
        self.new: dict[str, tuple[Draft, Ticket | None]] = {}
        self.deferred: list[Action] = []
        self.warnings: list[str] = []
        self.tickets: dict[str, list[Ticket]] = defaultdict(list)
        for tracker in facts.values():
            for ticket in tracker.tickets:
                self.tickets[ticket.marker.key].append(ticket)
        self.homes = {x.id: d.key for d in drafts if d.key not in foreign and d.want is Want.OPEN for x in d.lines}
        self.excused = {x.id for d in drafts for x in d.excused}
        self.told: dict[str, list[str]] = defaultdict(list)
        """What tickets of a key decide, also on what is not there now: it may be there again before the day."""
        for finding, decision in held.items():
            self.told[decision.ticket].append(finding)
        self.promises = Promises(t for ts in self.tickets.values() for t in ts)

    def actions(self, draft: Draft) -> list[Action]:
        """What to do about one draft, usually nothing or one thing."""
        known = [t for key in (draft.key, *draft.former_keys) for t in self.tickets.get(key, ())]
        home = (draft.tracker, self._home(draft))
        places = sorted({home, *((t.tracker, t.place) for t in known)})
        hindered = [why for tracker, place in places if (why := self._hindered(tracker, place, draft))]
        is_unread = any(draft.key in self.facts[name].broken for name, _ in places if name in self.facts)
        if is_unread or hindered:
            return self._left_alone(draft, is_unread, hindered)
        here = sorted((t for t in known if (t.tracker, t.place) == home), key=lambda t: not t.is_open)
        elsewhere = [t for t in known if (t.tracker, t.place) != home and t.is_open]
        if draft.key in self.foreign:
            return [a for t in known if t.is_open for a in self._regrouped(draft, t)]
        match draft.want:
            case Want.OPEN:
                claims = [] if here else self._claims(home, draft)
                self.deferred += claims
                done = [] if claims else self._opened(draft, here, elsewhere)
                return done + [self._moved(draft, t, [draft.key]) for t in elsewhere]
            case Want.LEAVE | Want.STAYS | Want.UNKNOWN:
                if here and here[0].is_open:
                    return self._left(draft, here[0]) + [self._moved(draft, t, [draft.key]) for t in elsewhere]
                return [a for t in elsewhere for a in self._left(draft, t)]
            case Want.DECIDED | Want.BELOW | Want.FIXED | Want.RETIRED:
                return [self._closed(draft, t) for t in (*here, *elsewhere) if t.is_open]
            case _:
                assert_never(draft.want)

    def _left_alone(self, draft: Draft, is_unread: bool, hindered: list[str]) -> list[Action]:
        """What cannot be listed waits for the next run; a ticket that cannot be read, mostly for a person."""
        if is_unread:
            why = "its ticket cannot be read; it is left alone until it can be"
            return [self._step(draft, Kind.LEAVE, Cause.UNREAD, why)]
        self.deferred.append(self._step(draft, Kind.LEAVE, Cause.TRACKER_INCOMPLETE, hindered[0]))
        return []

    def waiting(self) -> set[str]:
        """The keys whose tickets this run does not write: nothing may be closed for having moved there."""
        return {a.key for a in self.deferred}.union(*(facts.broken for facts in self.facts.values()))

    def filled(self, action: Action) -> Action:
        """A new ticket with its text: rendered last, because most of a first scan's are deferred."""
        if action.kind is not Kind.CREATE:
            return action
        return replace(action, content=self._content(*self.new[action.key]))

    def _home(self, draft: Draft) -> str:
        facts = self.facts.get(draft.tracker)
        return facts.home(draft.place) if facts else draft.place

    def _named_home(self, draft: Draft) -> str:
        return self._home(draft) or draft.tracker

    def _hindered(self, tracker: str, place: str, draft: Draft) -> str:
        """Why this tracker, or this place in it, takes no part in what becomes of the draft; empty: it does."""
        facts = self.facts.get(tracker)
        if facts is None:
            return f"{tracker}: no such tracker is configured"
        if facts.incomplete:
            return f"{tracker}: {facts.incomplete}"
        if place in facts.shut:
            return f"{tracker}: {facts.shut[place]}"
        return f"{tracker}: {facts.unsure[draft.key]}" if draft.key in facts.unsure else ""

    def _claims(self, home: tuple[str, str], draft: Draft) -> list[Action]:
        """What is left alone instead of a ticket that would be the second of its key."""
        facts = self.facts.get(home[0])
        claim = facts.claimed.get((home[1], draft.key)) if facts else None
        if claim is None:
            return []
        step = self._step(draft, Kind.LEAVE, Cause.CLAIMED, claim.told)
        return [replace(step, ticket=claim.ticket, url=claim.url)]

    def _opened(self, draft: Draft, here: list[Ticket], elsewhere: list[Ticket]) -> list[Action]:
        if draft.waiting:
            self.deferred.append(
                self._step(draft, Kind.CREATE, Cause.LIMIT, limits.full(self.policy.limits), state="open")
            )
            return []
        if not here:
            self.new[draft.key] = (draft, elsewhere[0] if elsewhere else None)
            reason = f"{many(len(draft.lines), 'finding')} to act on"
            cause = Cause.MOVED if elsewhere else Cause.NEW_FINDINGS
            return [self._step(draft, Kind.CREATE, cause, reason, state="open")]
        ticket = here[0]
        if len(here) > 1:
            self.warnings.append(f"{draft.key}: {len(here)} tickets carry this key; {ticket.id} is used")
        return self._updated(draft, ticket) if ticket.is_open else self._reopened(draft, ticket, elsewhere)

    def _updated(self, draft: Draft, ticket: Ticket) -> list[Action]:
        content = self._content(draft, ticket)
        if content.marker.digest == ticket.marker.digest and not ticket.damaged:
            return []
        fresh = [x for x in draft.lines if x.serious and x.id not in ticket.marker.serious]
        known = ticket.marker.spared.union(ticket.marker.shown)
        again = [x for x in fresh if x.id in known]
        fresh = [x for x in fresh if x.id not in known]
        raised = bool(ticket.marker.priority) and draft.priority < ticket.marker.priority
        was = ticket.marker.priority if raised else ""
        said = fresh or again or was
        comment = comments.news(fresh, again, was, draft.lines, self.facts[ticket.tracker].markup) if said else ""
        cause = Cause.MARKER_RESTORED if ticket.damaged else Cause.CONTENT_CHANGED
        if comment:
            cause = Cause.MATERIAL_CHANGE
        reason = comments.news_reason(fresh, again, was, draft.lines) or "what it says changed"
        return [self._step(draft, Kind.UPDATE, cause, reason, ticket, content, comment)]

    def _reopened(self, draft: Draft, ticket: Ticket, elsewhere: list[Ticket]) -> list[Action]:
        cause, reason = reopening.why(draft, ticket, self.policy.now, self.policy.done_grace)
        if decisions.is_asked_for(ticket, self.policy.decision_expiry):
            cause, reason = Cause.ASKED, "a person asked for it"
        if elsewhere:
            cause, reason = Cause.MOVED, f"it belongs to {self._named_home(draft)} again"
        if cause is Cause.CLOSED_UNVERIFIED:
            return [self._step(draft, Kind.LEAVE, cause, reason, ticket)]
        content = self._content(draft, elsewhere[0] if elsewhere else ticket)
        named, then = reopening.told(draft, ticket, cause)
        comment = comments.reopened(reason, named, self.facts[ticket.tracker].markup, then)
        return [self._step(draft, Kind.REOPEN, cause, reason, ticket, content, comment, "open")]

    def _left(self, draft: Draft, ticket: Ticket) -> list[Action]:
        """An open ticket that stays.

        After three scans that did not look, its body says so, once; where only data moved, it names what is left.
        """
        reasons = {
            Want.LEAVE: (Cause.UNVERIFIED, "not looked at by this scan"),
            Want.STAYS: _DATA_MOVED,
        }
        cause, reason = reasons.get(draft.want, (Cause.UNVERIFIED, "what it names was not all looked at"))
        if draft.is_stale or draft.want is Want.STAYS:
            content = self._content(draft, ticket)
            if content.marker.digest != ticket.marker.digest:
                return [self._step(draft, Kind.UPDATE, cause, reason, ticket, content)]
        return [self._step(draft, Kind.LEAVE, cause, reason, ticket)]

    def _closed(self, draft: Draft, ticket: Ticket) -> Action:
        cause = {
            Want.DECIDED: Cause.DECIDED, Want.BELOW: Cause.BELOW_THRESHOLD, Want.RETIRED: Cause.RETIRED,
        }.get(draft.want, Cause.FIXED)  # fmt: skip
        comment = comments.closing(draft, self.facts[ticket.tracker].markup)
        reason = comments.verdict(draft).removeprefix("Closed: ").removeprefix("Closed ")
        as_: ClosedAs = "done" if cause is Cause.FIXED else "not-planned"
        step = self._step(draft, Kind.CLOSE, cause, reason, ticket, comment=comment, state="closed")
        return replace(step, closed_as=as_)

    def _moved(self, draft: Draft, ticket: Ticket, homes: Sequence[str]) -> Action:
        comment = comments.moved(self._why_moved(draft, homes[0]), self.facts[ticket.tracker].markup)
        step = self._step(
            draft,
            Kind.MOVE,
            Cause.MOVED,
            f"it belongs to {self._named_home(draft)} now",
            ticket,
            comment=comment,
            state="closed",
        )
        return replace(step, closed_as="not-planned", after=tuple(homes))

    def _why_moved(self, draft: Draft, home: str) -> str:
        """What changed: how tickets are grouped, whose it is, or where its team's tickets are filed."""
        (was, *old), (now, *new) = draft.key.split(":"), home.split(":")
        if was != now:
            return f"Tickets are grouped by {now} now."
        if home != draft.key and was != "image" and old[0] != new[0]:
            return f"Its team changed from {old[0]} to {new[0]}."
        if home != draft.key:
            return "What it is about has another name now."
        return f"It belongs to {draft.team_name}, whose tickets are filed in {self._named_home(draft)}."

    def _regrouped(self, draft: Draft, ticket: Ticket) -> list[Action]:
        gone = {*(g.id for g in draft.gone), *draft.absent}
        homeless = [
            f
            for f in ticket.marker.shown
            if f not in self.homes and f not in gone | self.excused | {b.id for b in draft.below}
        ]
        if homeless:
            return [
                self._step(
                    draft,
                    Kind.LEAVE,
                    Cause.MOVED,
                    f"{many(len(homeless), 'of its findings has', 'of its findings have')} no other ticket",
                    ticket,
                )
            ]
        homes = dict.fromkeys(self.homes[f] for f in ticket.marker.shown if f in self.homes)
        if homes:
            return [self._moved(draft, ticket, list(homes))]
        if draft.want is not Want.UNKNOWN:
            return [self._closed(draft, ticket)]
        if draft.below and same(ticket.marker.rules, draft.rules):
            return [self._step(draft, Kind.LEAVE, *_DATA_MOVED, ticket)]
        spared = Want.BELOW if draft.below else Want.DECIDED
        return [self._closed(replace(draft, want=spared if {*ticket.marker.shown} - gone else Want.FIXED), ticket)]

    def _content(self, draft: Draft, ticket: Ticket | None) -> Content:
        old = ticket.marker if ticket else None
        due = self.promises.day(draft, ticket)
        facts = self.facts[draft.tracker]
        carried = dict.fromkeys([*(x.id for x in draft.excused), *self.told.get(bare(draft.key, draft.stream), ())])
        held, said = decisions.carried(carried, self.held)
        assignees = facts.assignable(draft.place, draft.assignees)
        marker = Marker(
            key=old.key if old and old.key in draft.former_keys else draft.key, stream=draft.stream,
            digest=text.content_digest(draft, due, self.policy.decision_expiry), priority=draft.priority,
            due=due, labels=(LABEL, *draft.labels), assignees=assignees, shown=tuple(x.id for x in draft.lines),
            serious=tuple(x.id for x in draft.lines if x.serious), images=draft.images, held=held, rules=draft.rules,
            heard=tuple(r.mark for r in ticket.remarks) if ticket else (), decisions=said,
            promised=self.promises.kept(draft),
        )  # fmt: skip
        room = facts.body_limit - (ticket.outside if ticket else 0) - len(told(marker))
        block = text.block(
            draft, due, facts.markup, room, len(assignees) < len(draft.assignees), self.policy.decision_expiry
        )
        flag = sla.flag(due, self.policy.now, self.policy.due_soon) if facts.flags else ""
        return Content(
            text.title(draft), block, marker, draft.team_name, draft.mention, self._home(draft), draft.component, flag
        )

    def _step(
        self,
        draft: Draft,
        kind: Kind,
        cause: Cause,
        reason: str,
        ticket: Ticket | None = None,
        content: Content | None = None,
        comment: str = "",
        state: str = "",
    ) -> Action:
        action = Action(
            kind=kind, cause=cause, key=draft.key, stream=draft.stream, team=draft.team, tracker=draft.tracker,
            priority=draft.priority or (ticket.marker.priority if ticket else ""),
            title=ticket.title if ticket and not content else text.title(draft), reason=reason,
            content=content, comment=comment, state="open" if state == "open" else "closed" if state else "",
        )  # fmt: skip
        if ticket is None:
            return action
        mark = f"{kind}\n{draft.key}\n{ticket.marker.digest}\n{ticket.closed_at}\n{comment}"
        return replace(
            action, ticket=ticket.id, url=ticket.url, tracker=ticket.tracker, seen_digest=ticket.marker.digest,
            seen_open=ticket.is_open, comment_digest=hashlib.sha256(mark.encode()).hexdigest()[:12] if comment else "",
        )  # fmt: skip
