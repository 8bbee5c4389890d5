"""`rules/teams.yaml`: teams, and which images are whose."""

from __future__ import annotations

from typing import Any

from pydantic import (
    Field,
    model_validator,
)

from triagebot.files.words import Fault, Location, ProjectOrNone, RepositoryOrNone, Strict, Texts, suggest

_ONE_PLACE = "give either 'repo' (GitHub) or 'project' (Jira)"
_ONE_WAY = "give either 'match' or 'chart'"


class Team(Strict):
    """Who owns images, and where their tickets go. The id is stable, `name` is display only."""

    name: str = ""
    tracker: str = "default"
    repo: RepositoryOrNone = ""
    project: ProjectOrNone = ""
    component: str = ""
    mention: str = ""
    assignees: list[str] = []
    labels: list[str] = []
    was: list[str] = []

    @property
    def place(self) -> str:
        """The repository or project of its tickets; empty: where its tracker files by default."""
        return self.repo or self.project

    @model_validator(mode="after")
    def _one_place(self) -> Team:
        if self.repo and self.project:
            raise ValueError(_ONE_PLACE)
        return self


class Owner(Strict):
    """One line of the image map: by image glob, or by the chart that holds the image."""

    match: Texts = []
    chart: Texts = []
    team: str

    @model_validator(mode="after")
    def _one(self) -> Owner:
        if bool(self.match) == bool(self.chart):
            raise ValueError(_ONE_WAY)
        return self


class TeamFile(Strict):
    """`rules/teams.yaml`."""

    teams: dict[str, Team] = Field(min_length=1)
    unowned: str
    chart_map: str = ""
    images: list[Owner] = []

    @classmethod
    def cross_faults(cls, value: Any) -> list[Fault]:
        """Lines that name a team that is not there, and `chart` lines without a chart map."""
        if not isinstance(value, dict) or not isinstance(value.get("teams"), dict):
            return []
        listed = value.get("images")
        lines = [(i, o) for i, o in enumerate(listed if isinstance(listed, list) else []) if isinstance(o, dict)]
        named: list[tuple[Location, Any]] = [(("unowned",), value.get("unowned"))]
        named += [(("images", i, "team"), line.get("team")) for i, line in lines]
        faults = [
            Fault(place, f"no team {team!r}{suggest(team, value['teams']) or '; name one of `teams:`'}")
            for place, team in named
            if isinstance(team, str) and team not in value["teams"]
        ]
        faults += [
            Fault(("teams", name), _ONE_PLACE)
            for name, team in value["teams"].items()
            if isinstance(team, dict) and team.get("repo") and team.get("project")
        ]
        faults += [
            Fault(("images", i), _ONE_WAY) for i, line in lines if bool(line.get("match")) and bool(line.get("chart"))
        ]
        charts = [i for i, line in lines if line.get("chart")]
        if charts and not value.get("chart_map"):
            faults.append(Fault(("images", charts[0], "chart"), "lines with 'chart' need 'chart_map'"))
        return faults
