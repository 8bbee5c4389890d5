"""The files that people write: their fields, defaults and faults. JSON Schemas come from these models."""

from __future__ import annotations

from triagebot.files.rules import (
    COMPARISON,
    FLAG_FIELDS,
    LOGIC,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    WHEN_FIELDS,
    Exemption,
    Rule,
    RuleFile,
)
from triagebot.files.settings import FILES, FeedSettings, Limits, Rewrite, Settings, SummarySettings, Weekday
from triagebot.files.teams import Owner, Team, TeamFile
from triagebot.files.trackers import AppSettings, GithubSettings, JiraSettings, LocalSettings, TrackerSettings, Way
from triagebot.files.words import PROJECT, REPOSITORY, Duration, Location, Priority, Strict, Texts, suggest

__all__ = [
    "COMPARISON",
    "FILES",
    "FLAG_FIELDS",
    "LOGIC",
    "NUMBER_FIELDS",
    "PROJECT",
    "REPOSITORY",
    "TEXT_FIELDS",
    "WHEN_FIELDS",
    "AppSettings",
    "Duration",
    "Exemption",
    "FeedSettings",
    "GithubSettings",
    "JiraSettings",
    "Limits",
    "LocalSettings",
    "Location",
    "Owner",
    "Priority",
    "Rewrite",
    "Rule",
    "RuleFile",
    "Settings",
    "Strict",
    "SummarySettings",
    "Team",
    "TeamFile",
    "Texts",
    "TrackerSettings",
    "Way",
    "Weekday",
    "suggest",
]
