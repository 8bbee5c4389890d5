"""What a run does: what the plan must know of a tracker, its actions, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from triagebot.model.tickets import ClosedAs, Content, Ticket


class Cause(StrEnum):
    """Why an action is in the plan."""

    NEW_FINDINGS = "new-findings"
    CONTENT_CHANGED = "content-changed"
    MATERIAL_CHANGE = "material-change"
    REAPPEARED = "reappeared"
    CLOSED_BUT_PRESENT = "closed-but-present"
    DECISION_EXPIRED = "decision-expired"
    NOT_SHOWN_BEFORE = "not-shown-before"
    FIXED = "fixed"
    DECIDED = "decided"
    BELOW_THRESHOLD = "below-threshold"
    RETIRED = "retired"
    MOVED = "moved"
    UNVERIFIED = "unverified"
    MARKER_RESTORED = "marker-restored"
    CLOSED_UNVERIFIED = "closed-not-yet-verified"
    DATA_MOVED = "data-moved"
    ASKED = "asked"
    DUE = "due"
    LIMIT = "limit"
    QUOTA = "quota"
    TRACKER_INCOMPLETE = "tracker-incomplete"
    CLAIMED = "claimed"
    FILED = "filed"
    UNREAD = "unread"


class Kind(StrEnum):
    """What an action does."""

    CREATE = "create"
    UPDATE = "update"
    COMMENT = "comment"
    CLOSE = "close"
    REOPEN = "reopen"
    MOVE = "move"
    LEAVE = "leave"


@dataclass(frozen=True)
class Action:
    """One step of a plan. `state`: what the ticket is to become; empty: as it is."""

    kind: Kind
    cause: Cause
    key: str
    stream: str
    team: str
    tracker: str
    priority: str
    title: str
    reason: str
    ticket: str = ""
    url: str = ""
    content: Content | None = None
    comment: str = ""
    comment_digest: str = ""
    state: Literal["", "open", "closed"] = ""
    closed_as: ClosedAs = ""
    seen_digest: str = ""
    seen_open: bool = False
    after: tuple[str, ...] = ()
    """The keys whose tickets must stand before this is done (a move closes the old place last)."""
    flag: str | None = None
    """The label that says that it is due, from now on; empty: none of them; None: as it is."""


@dataclass(frozen=True)
class Plan:
    """Everything a run would do, decided before anything is done."""

    actions: tuple[Action, ...] = ()
    deferred: tuple[Action, ...] = ()
    refused: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of an action: `done`, `failed`, `drifted`, `deferred`, `gone` (a person deleted the ticket), or
    `asked`: the tracker does not let us open or close it, and people were asked to.
    """

    action: Action
    outcome: str
    ticket: str = ""
    url: str = ""
    error: str = ""
    stands: Ticket | None = None


@dataclass(frozen=True)
class Claim:
    """A ticket (id, address) with a marker of ours that is not ours, by somebody who may write where it stands."""

    ticket: str
    url: str
    by: str

    @property
    def told(self) -> str:
        """Whose it is and what to do, in words that are the same for all of a person and place."""
        place = self.ticket.rpartition("#")[0]
        mine = f"write `authors: [{json.dumps(self.by)}]` if that was triagebot with another token"
        return f"{self.by} filed one with its marker in {place}: {mine}; else delete it, or empty its text"


@dataclass(frozen=True)
class Unread:
    """A ticket that stands and cannot be read. `fault`: with what to do; `stream`: empty where nobody knows it."""

    id: str
    fault: str
    stream: str = ""


@dataclass(frozen=True)
class TrackerFacts:
    """What the plan must know of a tracker.

    `incomplete` says why its listing cannot be trusted, `shut` why those places take no part; `place` is where it
    files by default; `unassignable`: (place, login) of people who cannot be assigned there; `calls`: how many it may
    still make in this run, and `calls_until` why no more; `comment_writes`: what a comment costs beside its edit.
    """

    name: str
    markup: str
    body_limit: int
    tickets: tuple[Ticket, ...] = ()
    incomplete: str = ""
    broken: frozenset[str] = frozenset()
    """Keys of tickets that stand there and cannot be read."""
    place: str = ""
    shut: Mapping[str, str] = field(default_factory=dict)
    unassignable: frozenset[tuple[str, str]] = frozenset()
    calls: int | None = None
    calls_until: str = ""
    comment_writes: int = 0
    unsure: Mapping[str, str] = field(default_factory=dict)
    """Keys whose ticket may stand although it is not listed, and why."""
    claimed: Mapping[tuple[str, str], Claim] = field(default_factory=dict)
    """(place, key): what stands there for a key that has no ticket of ours; none is filed beside it."""
    flags: bool = False
    """Whether its tickets can carry the label that says that they are due."""
    unread: tuple[Unread, ...] = ()
    """All that cannot be read, also those whose key is not known."""

    def home(self, place: str) -> str:
        """The place that a draft means; a tracker without places has none."""
        return (place or self.place) if self.place else ""

    def assignable(self, place: str, people: Iterable[str]) -> tuple[str, ...]:
        """Those of the people who can be assigned there."""
        return tuple(p for p in people if (self.home(place), p) not in self.unassignable)
