"""What the ticket of one key should say and be, as findings, rules and owners have it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triagebot.model.tables import SEVERITIES


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
    """The tags and digests that the last scan shows it in; with `seen_in` for comments: they change no ticket."""
    seen_in: str = ""
    """The last scan that shows it."""
    baseline: bool = False
    """It was there at the first scan that history knows: since when is not known."""

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
class Below:
    """One finding that a ticket showed and of which no rule makes a ticket: the rule that has it now.

    `ignored`: it counts nowhere; otherwise it is still counted.
    """

    id: str
    vulnerability: str
    name: str
    asset: str
    rule: str
    because: str
    ignored: bool


@dataclass(frozen=True)
class Waiting:
    """What is known of a draft whose ticket waits for a later run: its priority, and what it acts on by severity."""

    priority: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Draft:
    """What the ticket of one key should say and be.

    `lines` are the findings it acts on; `attached` are shown but open nothing; `excused` are covered by a
    decision; `gone` left since the ticket showed them; `below` it showed, and no rule makes a ticket of them.
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
    below: tuple[Below, ...] = ()
    absent: tuple[str, ...] = ()
    """Ids that a ticket grouped otherwise showed, that its images have no more, and of which history knows nothing."""
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
