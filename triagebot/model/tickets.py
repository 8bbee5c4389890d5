"""Tickets as they stand in a tracker, what people said on them, and what is written to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

SUMMARY_KEY, EVERY_STREAM = "summary:weekly", "*"
"""The marker of the one ticket that carries the weekly summaries; it is about no image, and about all streams."""

OVERDUE, DUE_SOON = FLAGS = ("triagebot/overdue", "triagebot/due-soon")
"""Labels that say that a ticket is due; of these it carries one at most."""


@dataclass(frozen=True)
class Marker:
    """What a ticket carries about itself, where people do not write (DESIGN section 6).

    `shown` and `serious`: 8-hex ids of the findings it acts on; `images`: what was looked at, hashed;
    `promised`: `id:YYYY-MM-DD`, findings that are excused now, and by when they are due once they are not;
    `held`: `id:YYYY-MM-DD:n`, decisions of people on findings, until when, and which of `decisions` it is;
    `decisions`: `kind|day|person|reason`, of a duplicate `duplicate:ticket|…`; `heard`: the remarks that went into
    these; `rules`: digest of the rule file.
    """

    key: str
    stream: str
    digest: str
    priority: str = ""
    due: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    serious: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    rules: str = ""
    heard: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()
    version: int = 1

    @property
    def spared(self) -> frozenset[str]:
        """Findings that were excused when it was written."""
        return frozenset(entry.partition(":")[0] for entry in self.promised)


ClosedAs = Literal["", "done", "not-planned", "duplicate"]


@dataclass(frozen=True)
class Remark:
    """A comment on a ticket that speaks to us.

    `allowed`: whoever wrote it may write to the place; `shown`: what the ticket showed when we first read it.
    """

    id: str
    by: str
    at: datetime
    text: str
    allowed: bool
    shown: tuple[str, ...] = ()
    answered: bool = False

    @property
    def mark(self) -> str:
        """How a marker names it: it is another one after it was edited."""
        return f"{self.id}.{int(self.at.timestamp())}"


@dataclass(frozen=True)
class Decision:
    """What a person decided on a ticket, for the summary. An empty `by`: whoever closed the ticket."""

    by: str
    what: str
    until: date
    because: str
    ticket: str


@dataclass(frozen=True)
class Ticket:
    """A ticket that exists, as its tracker lists it.

    `damaged`: its marker was put right from history; `place`: the repository or project that it belongs to;
    `outside`: characters of its text that are people's; `duplicate_of`: what a person named as the original;
    `closed_by` and `closed_because`: who closed it and why, where the tracker tells; `flag`: the label that says that
    it is due; `originals`: tickets that decisions in its marker wait for, and whether they are open, where known.
    """

    id: str
    url: str
    tracker: str
    marker: Marker
    is_open: bool
    title: str = ""
    closed_as: ClosedAs = ""
    closed_by_us: bool = False
    closed_at: datetime | None = None
    duplicate_open: bool | None = None
    damaged: bool = False
    place: str = ""
    outside: int = 0
    comments: int = 0
    duplicate_of: str = ""
    remarks: tuple[Remark, ...] = ()
    closed_by: str = ""
    closed_because: str = ""
    flag: str = ""
    originals: tuple[tuple[str, bool], ...] = ()

    @property
    def is_decision(self) -> bool:
        """Whether a person closed it to decide against acting on it."""
        return not self.is_open and not self.closed_by_us and self.closed_as in ("not-planned", "duplicate")


@dataclass(frozen=True)
class Content:
    """What a tracker writes: it splices `block` into the freshly read body and sends it."""

    title: str
    block: str
    marker: Marker
    team: str
    mention: str = ""
    place: str = ""
    """The repository or project; empty: where the tracker files by default."""
    component: str = ""
    flag: str = ""
    """The label of a new ticket that is due already."""
