"""What a scan format is: a module with a `NAME`, a `HINT` and a `read`.

`read(data)` decodes one JSON document and returns its reports, or None when the document is of another format.
It raises `ReportError` for a document that is of its format and broken. It never touches a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import msgspec

T = TypeVar("T")

Row = tuple[
    str, str, str, str, str, str, bool, str, str, str, float | None, str, str, str
]  # fmt: skip
"""One place where a report shows a finding, in the order of `ROW`."""

ROW = (
    "kind", "package", "source_package", "installed_version", "fixed_version", "fix_state", "fixable",
    "vulnerability", "severity", "severity_source", "cvss", "location", "title", "url",
)  # fmt: skip


Rating = tuple[str, str, float | None]
"""(source, severity, CVSS score)."""


@dataclass
class Report:
    """What one document says of one image.

    `image` is the reference as the report names it (empty: unknown, the path tells). `entries` counts the raw
    entries of the document; `left_out` says, by rule, which of them are not in `rows`; `added` counts rows that
    come from one entry naming several CVEs. `entries == len(rows) + sum(left_out) - added` always holds.
    """

    scanner: str
    image: str = ""
    digest: str = ""
    scanner_version: str = ""
    db_date: datetime | None = None
    scanned_at: datetime | None = None
    error: str = ""
    targets: frozenset[str] = frozenset()
    rows: list[Row] = field(default_factory=list)
    aliases: set[tuple[str, str]] = field(default_factory=set)
    ratings: dict[str, tuple[Rating, ...]] = field(default_factory=dict)
    """What each source says of a vulnerability, where a report tells more than its own choice."""
    entries: int = 0
    added: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def skip(self, rule: str, count: int = 1) -> None:
        """Account for entries that are not read, under the name of the rule."""
        if count:
            self.left_out[rule] = self.left_out.get(rule, 0) + count

    def fold_repeats(self) -> None:
        """Drop rows that say the same as an earlier one (a scanner lists one finding once per dependency path)."""
        distinct = list(dict.fromkeys(self.rows))
        self.skip("repeat", len(self.rows) - len(distinct))
        self.rows = distinct


class Format(Protocol):
    """One scan format; a module satisfies it."""

    NAME: str
    HINT: re.Pattern[bytes]
    """Matches the first kilobytes of a likely document: decides what is tried first, never what a file is."""

    SHAPE: Any
    """The msgspec type of its documents: says where a document that looks like one departs from it."""

    def read(self, data: bytes) -> Sequence[Report] | None:
        """The reports of one JSON document; None: not of this format."""


_SEVERITY = {
    "CRITICAL": "critical", "HIGH": "high", "MEDIUM": "medium", "LOW": "low",
    "critical": "critical", "high": "high", "important": "high", "medium": "medium", "moderate": "medium",
    "low": "low", "negligible": "negligible", "unimportant": "negligible", "informational": "negligible",
    "information": "negligible", "info": "negligible", "none": "negligible", "defcon1": "critical",
    "serious": "high", "error": "high", "warning": "medium", "note": "low",
}  # fmt: skip


def severity(text: str) -> str:
    """A scanner's severity word as one of `SEVERITIES`."""
    found = _SEVERITY.get(text)
    return found if found is not None else _SEVERITY.get(text.lower(), "unknown")


def when(text: str | None) -> datetime | None:
    """An RFC 3339 time as an aware UTC value; None where absent, unreadable or Go's zero time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at if at.year > 1 else None


def decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """The document as this type, or None where its shape is another; broken JSON raises `DecodeError`."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        return None
