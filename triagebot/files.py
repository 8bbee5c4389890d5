"""The files that people write: their fields, defaults and faults. JSON Schemas come from these models."""

from __future__ import annotations

import re
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic import field_validator as checks

from triagebot.model import SEVERITIES

TEXT_FIELDS = (
    "asset", "kind", "package", "source_package", "installed_version", "fixed_version", "fix_state", "vulnerability",
    "severity", "severity_source", "location", "title", "url", "scanner", "team", "vex",
)  # fmt: skip
NUMBER_FIELDS = ("cvss", "epss", "age", "missed")
FLAG_FIELDS = ("fixable", "kev", "ransomware", "verified", "baseline")
LOGIC = ("any", "all", "not")
_VALUES: dict[str, tuple[str, ...]] = {
    "severity": SEVERITIES,
    "kind": ("vulnerability", "misconfiguration", "secret"),
    "fix_state": ("fixed", "not-fixed", "wont-fix", "unknown"),
    "vex": ("", "not_affected", "affected", "fixed", "under_investigation"),
}
"""The fields that can hold nothing else: a misspelt one would match nothing, and nobody would see why."""
WHEN_FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *FLAG_FIELDS, *LOGIC)

REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$"
PROJECT = r"^[A-Z][A-Z0-9_]+$"
COMPARISON = re.compile(r"^\s*(>=|<=|>|<|==|!=)\s*(-?\d+(?:\.\d+)?)\s*d?\s*$")
_DURATION = re.compile(r"^(\d+)\s*([hdw])$")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (found := _DURATION.match(value.strip())):
        return int(found[1]) * _UNIT[found[2]]
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is no duration; write for example 12h, 3d or 2w")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda d: f"{int(d.total_seconds() // 3600)}h", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*[hdw]$", "examples": ["3d", "12h"]}),
]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Strict(BaseModel):
    """A model that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def cross_faults(cls, value: Any) -> list[tuple[tuple[int | str, ...], str]]:
        """Faults between the parts of a file, as (place, fault); `value` is the raw file and may be anything."""
        return []


class Rule(Strict):
    """One line of the rule file: the first whose `when` matches a finding decides."""

    id: str = Field(min_length=1)
    when: dict[str, Any]
    priority: str = Field(pattern=r"^P\d$")
    due: Duration | None = None
    action: Literal["ticket", "attach", "report", "ignore"]
    because: str

    @checks("when")
    @classmethod
    def _known(cls, when: dict[str, Any]) -> dict[str, Any]:
        faults = list(_when_faults(when))
        if faults:
            raise ValueError("; ".join(faults))
        return when

    @property
    def names_kind(self) -> bool:
        """Whether it says which kind of finding it is about; one that does not is about vulnerabilities."""
        return _names_kind(self.when)


def _names_kind(when: dict[str, Any]) -> bool:
    parts = [*when.get("any", ()), *when.get("all", ()), *([when["not"]] if "not" in when else ())]
    return "kind" in when or any(_names_kind(part) for part in parts)


def _when_faults(when: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for name, value in when.items():
        parts = [value] if name == "not" else value if name in ("any", "all") else None
        if parts is None:
            faults += _field_faults(name, value)
        elif isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
            faults += [fault for part in parts for fault in _when_faults(part)]
        else:
            faults.append("'not' takes one condition" if name == "not" else f"{name!r} takes a list of conditions")
    return faults


def _field_faults(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if name in FLAG_FIELDS:
        return [] if isinstance(value, bool) else [f"{name!r} takes true or false, not {value!r}"]
    if name in NUMBER_FIELDS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and COMPARISON.match(value)):
            return []
        return [f"{name!r} takes a number or a comparison such as '>= 0.5', not {value!r}"]
    if name not in TEXT_FIELDS:
        return [f"unknown field {name!r}{suggest(name, WHEN_FIELDS)}"]
    if not all(isinstance(v, str) for v in texts):
        return [f"{name!r} takes a text or a list of texts, not {value!r}"]
    known = _VALUES.get(name, texts)
    odd = [v for v in texts if v not in known and not re.search(r"[*?{]", v)]
    return [f"there is no {name} {v!r}{suggest(v, known)}" for v in odd]


def suggest(name: str, known: Any) -> str:
    """`; did you mean 'epss'?`, or nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _severities(value: list[str]) -> list[str]:
    odd = [f"there is no severity {v!r}{suggest(v, SEVERITIES)}" for v in value if v not in SEVERITIES]
    if odd:
        raise ValueError("; ".join(odd))
    return value


class Exemption(Strict):
    """One excused set of findings: all that is named must match. It ends on the day `expires`.

    `package`: a purl, a name, or either of the source package; `source_package`: that alone; `vulnerability`: any of
    its ids; `team`: the id of the owner.
    """

    asset: str = "*"
    package: str = "*"
    source_package: str = "*"
    vulnerability: str = "*"
    team: str = "*"
    severity: Annotated[Texts, AfterValidator(_severities)] = []
    kind: Literal["accepted-risk", "false-positive", "version-lock", "not-affected", "tracked-elsewhere"]
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    expires: date | None = None
    url: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Exemption:
        if self.expires is None and self.kind != "not-affected":
            raise ValueError(f"an exception of kind {self.kind!r} needs 'expires'")
        if self.kind == "tracked-elsewhere" and not self.url:
            raise ValueError("an exception of kind 'tracked-elsewhere' needs 'url'")
        globs = {self.asset, self.package, self.source_package, self.vulnerability, self.team}
        if globs == {"*"} and not self.severity:
            raise ValueError("it would excuse everything; name an asset, package, vulnerability, team or severity")
        return self


class RuleFile(Strict):
    """`rules/*.yaml`: rules, exceptions, or both."""

    rules: list[Rule] = []
    exceptions: list[Exemption] = []

    @checks("rules")
    @classmethod
    def _distinct(cls, rules: list[Rule]) -> list[Rule]:
        seen: set[str] = set()
        for rule in rules:
            if rule.id in seen:
                raise ValueError(f"rule {rule.id!r} stands twice")
            seen.add(rule.id)
        return rules


class Team(Strict):
    """Who owns images, and where their tickets go. The id is stable, `name` is display only."""

    name: str = ""
    tracker: str = "default"
    repo: str = Field("", pattern=f"^$|{REPOSITORY}")
    project: str = Field("", pattern=f"^$|{PROJECT}")
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
            raise ValueError("give either 'repo' (GitHub) or 'project' (Jira)")
        return self


class Owner(Strict):
    """One line of the image map: by image glob, or by the chart that holds the image."""

    match: Texts = []
    chart: Texts = []
    team: str

    @model_validator(mode="after")
    def _one(self) -> Owner:
        if bool(self.match) == bool(self.chart):
            raise ValueError("give either 'match' or 'chart'")
        return self


class TeamFile(Strict):
    """`rules/teams.yaml`."""

    teams: dict[str, Team] = Field(min_length=1)
    unowned: str
    chart_map: str = ""
    images: list[Owner] = []

    @classmethod
    def cross_faults(cls, value: Any) -> list[tuple[tuple[int | str, ...], str]]:
        """Lines that name a team that is not there, and `chart` lines without a chart map."""
        if not isinstance(value, dict) or not isinstance(value.get("teams"), dict):
            return []
        listed = value.get("images")
        lines = [(i, o) for i, o in enumerate(listed if isinstance(listed, list) else []) if isinstance(o, dict)]
        named: list[tuple[tuple[int | str, ...], Any]] = [(("unowned",), value.get("unowned"))]
        named += [(("images", i, "team"), line.get("team")) for i, line in lines]
        faults = [
            (place, f"no team {team!r}{suggest(team, value['teams'])}")
            for place, team in named
            if isinstance(team, str) and team not in value["teams"]
        ]
        charts = [i for i, line in lines if line.get("chart")]
        if charts and not value.get("chart_map"):
            faults.append((("images", charts[0], "chart"), "lines with 'chart' need 'chart_map'"))
        return faults


class Limits(Strict):
    """What one run may do to one tracker."""

    new_tickets: int = Field(50, ge=0)
    writes: int = Field(400, ge=0)
    close_fraction: float = Field(0.5, ge=0, le=1)


class Rewrite(Strict):
    """A registry that moved: images that match are known `as` the other name."""

    match: str
    as_: str = Field(alias="as")


class LocalSettings(Strict):
    """Tickets as files of a folder."""

    type: Literal["local"]
    path: str = "tickets"


class AppSettings(Strict):
    """A GitHub App that files the tickets. `key_env` names the variable that holds its private key (PEM)."""

    id: int
    key_env: str = "GITHUB_APP_KEY"
    installation: int | None = None


class GithubSettings(Strict):
    """Issues of GitHub repositories: github.com, or an Enterprise Server at `url`.

    `repo` is where teams without a `repo` of their own file; `authors`: former identities whose tickets are ours;
    `pause`: seconds between writes, which GitHub asks for; an Enterprise Server may do without.
    """

    type: Literal["github"]
    repo: str = Field(pattern=REPOSITORY)
    url: str = Field("", pattern=r"^(https?://\S+)?$")
    token_env: str = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable, not a token
    app: AppSettings | None = None
    authors: list[str] = []
    public: bool = False
    milestone: str = ""
    issue_type: str = ""
    pause: float = Field(1.0, ge=0, le=60)
    timeout: float = Field(30.0, gt=0, le=300)


Way = Literal["open", "done", "not-planned", "duplicate"]
Priority = Annotated[str, Field(pattern=r"^P\d$")]


class JiraSettings(Strict):
    """Issues of Jira projects, in Jira Cloud or Data Center.

    `project` is where teams without a `project` of their own file. `token_env` names the variable that holds an API
    token (Cloud, with `email` or the variable that `user_env` names) or a personal access token (Data Center).
    `priorities`: ours -> the server's; `transitions`: their names by what they do, the first that is offered is taken;
    `resolutions`: what the server's mean, beside those that are known; `fields`: what a new issue must also have, by
    id or name.
    """

    type: Literal["jira"]
    url: str = Field(pattern=r"^https?://\S+$")
    project: str = Field(pattern=PROJECT)
    issue_type: str = Field("Bug", min_length=1)
    flavour: Literal["", "cloud", "data-center"] = ""
    token_env: str = "JIRA_TOKEN"  # noqa: S105 - the name of a variable, not a token
    user_env: str = "JIRA_USER"
    email: str = ""
    authors: list[str] = []
    priorities: dict[Priority, str] = {}
    transitions: dict[Way, Texts] = {}
    resolutions: dict[str, Literal["done", "not-planned", "duplicate"]] = {}
    fields: dict[str, Any] = {}
    pause: float = Field(0.0, ge=0, le=60)
    timeout: float = Field(30.0, gt=0, le=300)

    @checks("fields")
    @classmethod
    def _not_ours(cls, fields: dict[str, Any]) -> dict[str, Any]:
        taken = sorted(set(fields) & {"project", "issuetype", "summary", "description"})
        if taken:
            raise ValueError(f"{', '.join(taken)}: triagebot sets that itself")
        return fields


TrackerSettings = Annotated[LocalSettings | GithubSettings | JiraSettings, Field(discriminator="type")]
"""One place for tickets, by its `type`."""


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
    repo: str = Field("", pattern=rf"^$|{REPOSITORY}")
    project: str = Field("", pattern=rf"^$|{PROJECT}")
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
