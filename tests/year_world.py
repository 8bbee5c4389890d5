"""A year of a small platform, and what should be said of it each week, worked out with dicts and sets alone.

Images are scanned every week under a new tag (but one, which stays the very same image). Vulnerabilities come, are
fixed and return; reports fail or are missing; images leave the inventory. Exceptions expire, people close tickets and
snooze them, rules and teams change. The world keeps its own books and shares no code with the package.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from reports import trivy, vulnerability, write

START = datetime(2026, 1, 5, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
EXPIRY = timedelta(days=60)
IMAGES = tuple("abcdefgh")
STILL = "h"
"""The image that is never built anew: what leaves it was withdrawn."""
LEAVING = {25: "f", 40: "g"}
"""The first week without each image that leaves the inventory."""
PACKAGES = ("busybox", "zlib", "openssl", "curl")
SEVERITIES = ("CRITICAL", "HIGH", "HIGH", "MEDIUM")
EXCEPTIONS = (
    # asset, package, vulnerability, severity, first day on which it excuses nothing
    ("*/a", "zlib", "*", "", date(2026, 3, 1)),
    ("*/b", "*", "CVE-2026-0003", "", date(2026, 6, 16)),
    ("*", "curl", "*", "medium", date(2026, 12, 1)),
    ("*/c", "openssl", "*", "", date(2026, 4, 7)),
    ("*/nowhere", "*", "*", "", date(2026, 9, 1)),
)

Finding = tuple[str, str, str]
"""Image, package, vulnerability."""
_AWAITED: list[tuple[tuple[int, ...], Finding, str]] = [
    ((6, 7, 8, 9), ("a", "zlib", "CVE-2026-0022"), "CRITICAL"),  # there when the exception ends
    ((12, 13, 14, 15), ("c", "openssl", "CVE-2026-0023"), "CRITICAL"),
    ((16, 17, 18, 32, 33), ("e", "zlib", "CVE-2026-0021"), "HIGH"),  # there when the rules change
    ((16, 17, 18, 32, 33), ("h", "zlib", "CVE-2026-0021"), "HIGH"),
    ((23, 24), ("f", "openssl", "CVE-2026-0020"), "CRITICAL"),  # there when the image leaves
    ((10, 11, 12), ("b", "zlib", "CVE-2026-0024"), "CRITICAL"),  # there when the team changes
    ((34, 35, 36), ("a", "curl", "CVE-2026-0024"), "CRITICAL"),
    ((38, 39), ("g", "openssl", "CVE-2026-0020"), "CRITICAL"),
]
PLANNED: dict[int, dict[Finding, str]] = {
    week: {finding: severity for weeks, finding, severity in _AWAITED if week in weeks}
    for week in range(53)
}  # fmt: skip
"""What is there in some weeks whatever chance brings, so that each kind of change meets something."""


def asset(image: str) -> str:
    return f"registry.example/x/{image}"


def finding_id(finding: Finding) -> str:
    """Eight hex digits, as tickets show them."""
    image, package, vulnerability_ = finding
    said = f"{asset(image)}\npkg:apk/alpine/{package}\n{vulnerability_}"
    return hashlib.sha256(said.encode()).hexdigest()[:8]


@dataclass
class World:
    """What is, and what is believed of it."""

    random: random.Random
    there: dict[Finding, str] = field(default_factory=dict)
    """What each image has, with its severity."""
    believed: dict[Finding, str] = field(default_factory=dict)
    unverified: set[Finding] = field(default_factory=set)
    gone: set[Finding] = field(default_factory=set)
    inventory: set[str] = field(default_factory=lambda: set(IMAGES))
    decided: dict[str, tuple[date, str]] = field(default_factory=dict)
    """Until when a person's decision holds on a finding, by id, and whether it is a `snooze` or `decided`."""
    acts_on_high: bool = True
    week: int = 0
    states: dict[Finding, str] = field(default_factory=dict)
    passages: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a finding that stayed went from one state to another, from week to week."""

    @property
    def now(self) -> datetime:
        return START + self.week * WEEK

    def begin(self) -> None:
        for image in IMAGES:
            for _ in range(5):
                self.arrive(image)

    def arrive(self, image: str) -> None:
        number = self.random.randrange(12)
        package = PACKAGES[number % len(PACKAGES)]
        self.there[image, package, f"CVE-2026-{number:04}"] = SEVERITIES[number % len(SEVERITIES)]

    def live(self) -> None:
        """One week goes by: some things are fixed, some come, some come back."""
        self.week += 1
        for finding in [f for f in self.there if self.random.random() < 0.12]:
            del self.there[finding]
        for image in IMAGES:
            if self.random.random() < 0.4:
                self.arrive(image)
        if self.week == 17:  # nothing but what the rules of the next week leave out
            self.there = {f: s for f, s in self.there.items() if f[0] not in ("e", STILL)}
        self.there.update(PLANNED.get(self.week, {}))
        self.inventory.discard(LEAVING.get(self.week, ""))

    def scan(self, folder: Path) -> tuple[Path, dict[str, int]]:
        """The reports of this week, and the weekly figures that they should give."""
        reports: dict[str, dict[str, Any]] = {}
        looked = set()
        for image in sorted(self.inventory):
            fate = self.random.random() if self.week else 1.0
            tag = "1.0" if image == STILL else f"1.{self.week}"
            if fate < 0.06:
                continue  # missing
            if fate < 0.12:
                reports[image] = {
                    "stdout": {},
                    "stderr": "no",
                    "exitcode": 125,
                    "cmd": f"trivy image {asset(image)}:{tag}",
                }
                continue
            looked.add(image)
            entries = [
                vulnerability(v, package, severity=severity, fixed="" if v == "CVE-2026-0011" else "1.0-r1")
                for (name, package, v), severity in sorted(self.there.items()) if name == image
            ]  # fmt: skip
            reports[image] = trivy(
                f"{asset(image)}:{tag}", entries, digest="sha256:" + 64 * "5" if image == STILL else ""
            )
        return write(folder, **reports), self._believe(looked)

    def _believe(self, looked: set[str]) -> dict[str, int]:
        before = dict(self.believed)
        seen = {f: s for f, s in self.there.items() if f[0] in looked}
        carried = {f: s for f, s in before.items() if f[0] not in looked and f[0] in self.inventory}
        self.believed = {**carried, **seen}
        self.unverified = set(carried)
        arrived, left = set(self.believed) - set(before), set(before) - set(self.believed)
        retired = {f for f in left if f[0] not in self.inventory}
        withdrawn = {f for f in left - retired if f[0] == STILL}
        told = {
            "previous": len(before), "new": len(arrived - self.gone), "reappeared": len(arrived & self.gone),
            "fixed": len(left - retired - withdrawn), "withdrawn": len(withdrawn), "merged": 0,
            "retired": len(retired), "unverified": len(self.unverified), "current": len(self.believed),
        }  # fmt: skip
        self.gone = (self.gone | left) - set(self.believed)
        return told

    def excepted(self, finding: Finding) -> bool:
        """Whether an exception of the list covers it today."""
        image, package, v = finding
        return any(
            where in ("*", f"*/{image}") and what in ("*", package) and which in ("*", v)
            and severity in ("", self.believed[finding].lower()) and self.now.date() < until
            for where, what, which, severity, until in EXCEPTIONS
        )  # fmt: skip

    def decision(self, finding: Finding) -> str:
        """`decided`, `snoozed` or nothing."""
        until, kind = self.decided.get(finding_id(finding), (date.min, ""))
        return kind if self.now.date() < until else ""

    def decide(self, ids: list[str], until: date, kind: str) -> None:
        """A person decided; of two decisions on one finding the longer one holds."""
        for one in ids:
            if self.decided.get(one, (date.min, ""))[0] < until:
                self.decided[one] = (until, kind)

    def buckets(self) -> dict[str, int]:
        """How many findings are in which state."""
        told = dict.fromkeys(("open", "excepted", "decided", "snoozed", "unverified"), 0)
        before, self.states = self.states, {}
        for finding in self.believed:
            state = "excepted" if self.excepted(finding) else self.decision(finding)
            state = state or ("unverified" if finding in self.unverified else "open")
            self.states[finding] = state
            self.passages[before.get(finding, ""), state] += finding in before
            told[state] += 1
        return told

    def acts_on(self, finding: Finding) -> bool:
        """Whether the rules of today ask for a ticket."""
        severity = self.believed[finding]
        fixable = finding[2] != "CVE-2026-0011"
        return fixable and (severity == "CRITICAL" or (severity == "HIGH" and self.acts_on_high))

    def wants_open(self, image: str) -> bool | None:
        """Whether the image should have an open ticket; None: nobody looked, so it stays as it is."""
        mine = [f for f in self.believed if f[0] == image]
        free = [f for f in mine if self.acts_on(f) and not self.excepted(f) and not self.decision(f)]
        if any(f not in self.unverified for f in free):
            return True
        return None if any(f in self.unverified for f in mine) else False


def exceptions_file() -> str:
    """The exceptions as people write them."""
    lines = [
        f'  - {{asset: "{where}", package: "{what}", vulnerability: "{which}", '
        f"{f'severity: {severity}, ' if severity else ''}kind: accepted-risk, reason: agreed, approved_by: alice, "
        f"expires: {until}}}"
        for where, what, which, severity, until in EXCEPTIONS
    ]
    return "exceptions:\n" + "\n".join(lines) + "\n"


def rules_file(high: bool) -> str:
    """The rules, with and without tickets for what is high."""
    action = "ticket" if high else "report"
    return f"""rules:
  - {{id: crit, when: {{severity: critical, fixable: true}}, priority: P1, due: 7d, action: ticket, because: Critical.}}
  - {{id: high, when: {{severity: high, fixable: true}}, priority: P2, due: 30d, action: {action}, because: High.}}
  - {{id: rest, when: {{}}, priority: P4, action: report, because: Rest.}}
"""
