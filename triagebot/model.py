"""The values that pass between the stages, and the schemas of the tables.

Findings are tables: `OCCURRENCES`, `COVERAGE` and `ALIASES` are what a scan is, `SHOWN` and `GONE` what is
believed. Tickets are objects. An empty string in a text column means "not known".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

import polars as pl

Schema = dict[str, pl.DataType | type[pl.DataType]]

TIME = pl.Datetime("us", "UTC")

SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")
"""From the worst down. A finding's severity is always one of these."""

FINDING = ["asset", "package", "vulnerability"]
"""The identity of a finding: never tag, digest, version, severity, wording, path or scanner."""

OCCURRENCES: Schema = {
    "asset": pl.String, "tag": pl.String, "digest": pl.String, "scanner": pl.String, "kind": pl.String,
    "package": pl.String, "source_package": pl.String, "installed_version": pl.String,
    "fixed_version": pl.String, "fix_state": pl.String, "fixable": pl.Boolean, "vulnerability": pl.String,
    "severity": pl.String, "severity_source": pl.String, "cvss": pl.Float64, "location": pl.String,
    "title": pl.String, "url": pl.String, "scanned_at": TIME,
}  # fmt: skip

COVERAGE: Schema = {
    "asset": pl.String, "tag": pl.String, "digest": pl.String, "scanner": pl.String,
    "scanner_version": pl.String, "db_date": TIME, "scanned_at": TIME, "status": pl.String,
    "report": pl.String, "error": pl.String, "targets": pl.String,
}  # fmt: skip

ALIASES: Schema = {"alias": pl.String, "vulnerability": pl.String}

RATINGS: Schema = {"vulnerability": pl.String, "source": pl.String, "severity": pl.String, "cvss": pl.Float64}
"""What each source says of a vulnerability, whichever of them a scanner went by."""

SHOWN: Schema = {**OCCURRENCES, "seen_at": TIME, "seen_in": pl.String, "missed": pl.Int32, "verified": pl.Boolean}
"""What is believed: the last occurrence rows of each (asset, tag, scanner), and since when nobody looked."""

KNOWN: Schema = {
    "asset": pl.String, "package": pl.String, "vulnerability": pl.String, "first_seen": TIME,
    "baseline": pl.Boolean, "severity": pl.String, "fixable": pl.Boolean,
}  # fmt: skip
"""One row per believed finding: when this appearance began, and what was said of it at the last scan."""

GONE: Schema = {
    "asset": pl.String, "package": pl.String, "vulnerability": pl.String, "how": pl.String, "at": TIME,
    "label": pl.String, "tag": pl.String, "digest": pl.String, "installed_version": pl.String,
    "tag_after": pl.String, "digest_after": pl.String, "version_after": pl.String, "first_seen": TIME,
    "source_package": pl.String,
}  # fmt: skip
"""Findings that were believed once and are not now, with the evidence."""

TAGS: Schema = {"asset": pl.String, "tag": pl.String, "taken_at": TIME}
"""Which tags of an asset the scan at `taken_at` had, scanned or failed."""


SUMMARY_KEY, EVERY_STREAM = "summary:weekly", "*"
"""The marker of the one ticket that carries the weekly summaries; it is about no image, and about all streams."""

OVERDUE, DUE_SOON = FLAGS = ("triagebot/overdue", "triagebot/due-soon")
"""Labels that say that a ticket is due; of these it carries one at most."""


class Change(StrEnum):
    """What happened to a finding between two scans (DESIGN: the table of changes)."""

    NEW = "new"
    REAPPEARED = "reappeared"
    PERSISTING = "persisting"
    UNVERIFIED = "unverified"
    FIXED = "fixed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    RETIRED = "retired"


def empty(schema: Schema) -> pl.DataFrame:
    """A table without rows."""
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Scan:
    """One scan: its tables, its name, and when it was taken."""

    occurrences: pl.DataFrame
    coverage: pl.DataFrame
    aliases: pl.DataFrame
    label: str
    stream: str
    taken_at: datetime
    ratings: pl.DataFrame = field(default_factory=lambda: empty(RATINGS))


@dataclass(frozen=True)
class Belief:
    """What is believed of one stream after its last scan.

    `shown`: `SHOWN` rows; `known`: one `KNOWN` row per finding; `gone`: `GONE` rows;
    `tags`: `TAGS` rows, the tags of each asset in the scans that still show it; `coverage`: the last row of each
    (asset, tag, scanner); `aliases`: every alias ever told, once, with what it stands for; `ratings`: what each source
    said last of a vulnerability that is believed.
    """

    shown: pl.DataFrame
    known: pl.DataFrame
    gone: pl.DataFrame
    tags: pl.DataFrame
    coverage: pl.DataFrame
    aliases: pl.DataFrame
    scans: int = 0
    ratings: pl.DataFrame = field(default_factory=lambda: empty(RATINGS))

    @staticmethod
    def nothing() -> Belief:
        """Before the first scan."""
        return Belief(empty(SHOWN), empty(KNOWN), empty(GONE), empty(TAGS), empty(COVERAGE), empty(ALIASES))


@dataclass(frozen=True)
class Arithmetic:
    """The reconciling line. `previous + new + reappeared - fixed - withdrawn - merged - retired = current`."""

    previous: int = 0
    new: int = 0
    reappeared: int = 0
    fixed: int = 0
    withdrawn: int = 0
    merged: int = 0
    retired: int = 0
    unverified: int = 0
    current: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether the line holds."""
        gone = self.fixed + self.withdrawn + self.merged + self.retired
        return self.previous + self.new + self.reappeared - gone == self.current


class Want(StrEnum):
    """What the ticket of a key should be, by the state of its findings."""

    OPEN = "open"
    LEAVE = "leave"
    DECIDED = "decided"
    BELOW = "below-threshold"
    STAYS = "stays"
    FIXED = "fixed"
    RETIRED = "retired"
    UNKNOWN = "unknown"


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
class Line:
    """One finding as a ticket shows it. `excuse` is set where a decision or exception covers it."""

    id: str
    vulnerability: str
    package: str
    name: str
    asset: str
    severity: str
    severity_source: str
    priority: str
    rule: str
    because: str
    fixable: bool
    due: datetime | None
    first_seen: datetime
    verified: bool
    missed: int
    tags: tuple[str, ...]
    installed: tuple[str, ...]
    fixed: str
    title: str
    url: str
    excuse: str = ""
    excuse_url: str = ""
    """Where the work is tracked, if the excuse says so."""
    others: tuple[str, ...] = ()
    """What other sources say of its severity."""
    source: str = ""
    """The source package that it is built from."""
    images: tuple[str, ...] = ()
    """The tags and digests that have it; with `seen_in` for comments: a ticket does not change by them."""
    seen_in: str = ""
    """The last scan that shows it."""

    @property
    def serious(self) -> bool:
        """Critical or high."""
        return self.severity in ("critical", "high")


@dataclass(frozen=True)
class Gone:
    """One finding that left, with what proves it: image and version before and after, and the scan."""

    id: str
    vulnerability: str
    name: str
    asset: str
    how: str
    label: str
    before: str
    after: str
    version_before: str
    version_after: str


@dataclass(frozen=True)
class Waiting:
    """What is known of a draft whose ticket waits for a later run: its priority, and what it acts on by severity."""

    priority: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Draft:
    """What the ticket of one key should say and be.

    `lines` are the findings it acts on; `attached` are shown but open nothing; `excused` are covered by a
    decision; `gone` left since the ticket showed them; `below` are ids that it showed and no rule makes a ticket of.
    `images` names, hashed, what was looked at.
    """

    key: str
    stream: str
    subject: str
    team: str
    team_name: str
    tracker: str
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    mention: str
    want: Want
    place: str = ""
    component: str = ""
    rules: str = ""
    lines: tuple[Line, ...] = ()
    attached: tuple[Line, ...] = ()
    excused: tuple[Line, ...] = ()
    gone: tuple[Gone, ...] = ()
    images: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    scanned_at: datetime | None = None
    former_keys: tuple[str, ...] = ()
    waiting: Waiting | None = None
    """Set where its ticket does not fit into this run: it is counted, and `lines` are left out."""
    regrouped: bool = False
    """Its findings have other keys now: it moves once they have a home."""

    @property
    def is_posture(self) -> bool:
        """Whether it is about configuration and secrets."""
        return self.key.startswith("posture:")

    @property
    def priority(self) -> str:
        """The most urgent of the findings it acts on."""
        return self.waiting.priority if self.waiting else min((line.priority for line in self.lines), default="")

    @property
    def counts(self) -> dict[str, int]:
        """How many vulnerabilities it acts on, by the severity of the worst finding of each, the worst first.

        Of configuration and secrets it is findings: one check fails in many places, and each is to be put right.
        """
        if self.waiting:
            return dict(self.waiting.counts)
        worst = {line.id if self.is_posture else line.vulnerability: line.severity for line in sorted(
            self.lines, key=lambda line: -SEVERITIES.index(line.severity)
        )}  # fmt: skip
        counted = Counter(worst.values())
        return {severity: counted[severity] for severity in SEVERITIES if counted[severity]}

    @property
    def due(self) -> datetime | None:
        """The earliest date that a rule gives."""
        return min((line.due for line in self.lines if line.due), default=None)

    @property
    def is_stale(self) -> bool:
        """Nobody has looked at what it names for three scans."""
        return bool(self.lines) and all(line.missed >= STALE_AFTER for line in self.lines)


STALE_AFTER = 3


@dataclass(frozen=True)
class Marker:
    """What a ticket carries about itself, where people do not write (DESIGN section 6).

    `shown` and `serious`: 8-hex ids of the findings it acts on; `images`: what was looked at, hashed;
    `held`: `id:YYYY-MM-DD:n`, decisions of people on findings, until when, and which of `decisions` it is;
    `decisions`: `kind|day|person|reason`; `heard`: the remarks that went into these; `rules`: digest of the rule file.
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
    version: int = 1


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
    it is due.
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
    flags: bool = False
    """Whether its tickets can carry the label that says that they are due."""

    def home(self, place: str) -> str:
        """The place that a draft means; a tracker without places has none."""
        return (place or self.place) if self.place else ""

    def assignable(self, place: str, people: Iterable[str]) -> tuple[str, ...]:
        """Those of the people who can be assigned there."""
        return tuple(p for p in people if (self.home(place), p) not in self.unassignable)


@dataclass(frozen=True)
class Suspicion:
    """Why a scan is quarantined."""

    reasons: tuple[str, ...] = field(default=())
