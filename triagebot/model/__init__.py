"""The values that pass between the stages, and the schemas of the tables.

Findings are tables: `OCCURRENCES`, `COVERAGE` and `ALIASES` are what a scan is, `SHOWN` and `GONE` what is
believed. Tickets are objects. An empty string in a text column means "not known".
"""

from __future__ import annotations

from triagebot.model.drafts import STALE_AFTER, Below, Draft, Gone, Line, Waiting, Want
from triagebot.model.plans import Action, Cause, Kind, Outcome, Plan, TrackerFacts, Unread
from triagebot.model.tables import (
    ALIASES,
    COVERAGE,
    FINDING,
    GONE,
    KNOWN,
    OCCURRENCES,
    RATINGS,
    SEVERITIES,
    SHOWN,
    TAGS,
    TIME,
    Arithmetic,
    Belief,
    Change,
    Scan,
    Schema,
    Suspicion,
    empty,
)
from triagebot.model.tickets import (
    DUE_SOON,
    EVERY_STREAM,
    FLAGS,
    OVERDUE,
    SUMMARY_KEY,
    ClosedAs,
    Content,
    Decision,
    Marker,
    Remark,
    Ticket,
)

__all__ = [
    "ALIASES",
    "COVERAGE",
    "DUE_SOON",
    "EVERY_STREAM",
    "FINDING",
    "FLAGS",
    "GONE",
    "KNOWN",
    "OCCURRENCES",
    "OVERDUE",
    "RATINGS",
    "SEVERITIES",
    "SHOWN",
    "STALE_AFTER",
    "SUMMARY_KEY",
    "TAGS",
    "TIME",
    "Action",
    "Arithmetic",
    "Belief",
    "Below",
    "Cause",
    "Change",
    "ClosedAs",
    "Content",
    "Decision",
    "Draft",
    "Gone",
    "Kind",
    "Line",
    "Marker",
    "Outcome",
    "Plan",
    "Remark",
    "Scan",
    "Schema",
    "Suspicion",
    "Ticket",
    "TrackerFacts",
    "Unread",
    "Waiting",
    "Want",
    "empty",
]
