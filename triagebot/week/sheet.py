"""What a weekly summary is made of: a section for each stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from triagebot.regular import Gap
from triagebot.span import Span
from triagebot.summary import Summary

STALE = timedelta(days=7)

_LEAST_TREND = 3
"""Two scans are no trend."""


@dataclass(frozen=True)
class Section:
    """What is told of one stream. `span` is absent where only how things stand is told."""

    summary: Summary
    span: Span | None = None
    scanned_at: datetime | None = None

    @property
    def week(self) -> str:
        """The week of its last scan; empty where there is none."""
        return iso_week(self.scanned_at.astimezone(UTC)) if self.scanned_at else ""


@dataclass(frozen=True)
class Sheet:
    """All of it. `week`: as in `2026-W48`; empty where only how things stand is told."""

    sections: tuple[Section, ...]
    now: datetime
    week: str = ""
    gap: Gap | None = None

    def is_late(self, section: Section) -> bool:
        """Whether its last scan is not of the week that is told of."""
        return bool(self.week) and section.week < self.week

    def standing(self) -> Sheet:
        """The same without what changed."""
        return Sheet(tuple(Section(s.summary, None, s.scanned_at) for s in self.sections), self.now)


def iso_week(at: datetime | date) -> str:
    """`2026-W48`, of a time in UTC. https://www.iso.org/iso-8601-date-and-time-format.html"""
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02}"


def has_trend(section: Section) -> bool:
    """Whether there are enough scans to show how things went."""
    return section.span is not None and len(section.span.shown) >= _LEAST_TREND
