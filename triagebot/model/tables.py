"""Scans and what is believed: the schemas of their tables, and what holds them.

An empty string in a text column means "not known".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


@dataclass(frozen=True)
class Suspicion:
    """Why a scan is quarantined."""

    reasons: tuple[str, ...] = field(default=())
