"""`triagebot.yaml` as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
)

from triagebot.files.rules import RuleFile
from triagebot.files.teams import TeamFile
from triagebot.files.trackers import LocalSettings, TrackerSettings
from triagebot.files.words import Duration, ProjectOrNone, RepositoryOrNone, Strict, Texts


class Limits(Strict):
    """What one run may do to one tracker."""

    new_tickets: int = Field(50, ge=0)
    writes: int = Field(400, ge=0)
    close_fraction: float = Field(0.5, ge=0, le=1)


class Rewrite(Strict):
    """A registry that moved: images that match are known `as` the other name."""

    match: str
    as_: str = Field(alias="as")


class FeedSettings(Strict):
    """Where CISA KEV and FIRST EPSS come from: a path or a URL each; nothing: rules see none of it."""

    kev: str = ""
    epss: str = ""


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class SummarySettings(Strict):
    """Where the weekly summary goes: one ticket of this tracker, and one comment on it a week.

    `weekday`: the first day of the week on which it is posted; `repo` or `project`: where the ticket is, if not where
    the tracker files by default.
    """

    tracker: str
    weekday: Weekday = "monday"
    repo: RepositoryOrNone = ""
    project: ProjectOrNone = ""
    title: str = Field("Vulnerability triage: weekly summary", min_length=1, max_length=200)
    labels: list[str] = []
    assignees: list[str] = []

    @property
    def place(self) -> str:
        """The repository or project; empty: where the tracker files by default."""
        return self.repo or self.project


class Settings(Strict):
    """`triagebot.yaml`. Paths are relative to the folder of that file."""

    history: str = ".triagebot"
    rules: list[str] = []
    teams: str = ""
    inventory: str = ""
    image_paths: Texts = ["docker/{image}/snyk.json"]
    retire_after: int = Field(0, ge=0)
    drop_fraction: float = Field(0.5, ge=0, le=1)
    assets: list[Rewrite] = []
    group_by: Literal["image", "upgrade"] = "image"
    limits: Limits = Limits()
    done_grace: Duration = Field("14d", validate_default=True)
    decision_expiry: Duration = Field("90d", validate_default=True)
    due_soon: Duration = Field("3d", validate_default=True)
    severity_sources: list[str] = []
    feeds: FeedSettings = FeedSettings()
    vex: Texts = []
    backlog: Literal["ticket", "baseline"] = "ticket"
    trackers: dict[str, TrackerSettings] = {"default": LocalSettings(type="local")}
    summary: SummarySettings | None = None


FILES: dict[str, type[Strict]] = {"triagebot": Settings, "rules": RuleFile, "teams": TeamFile}
"""The files that `triagebot schema` describes."""
