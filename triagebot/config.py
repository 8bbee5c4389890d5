"""Reads the files that people write, and the environment. A bad file gets one error that lists all its faults."""

from __future__ import annotations

import csv
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from triagebot.errors import ConfigError
from triagebot.files import Exemption, GithubSettings, JiraSettings, Rule, RuleFile, Settings, Strict, TeamFile, suggest
from triagebot.identity import Image, inventory_image
from triagebot.model import Belief
from triagebot.owners import charts_by_asset
from triagebot.severity import unheard

M = TypeVar("M", bound=Strict)

ENDPOINT = "GITHUB_API_URL"
"""Where GitHub's API is; Actions sets it, also on an Enterprise Server."""

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
ELSEWHERE = "TRIAGEBOT_HISTORY"
"""Where the history is, on a machine that keeps it elsewhere than the settings say."""

_PLAIN = {
    "model_type": "should be a mapping (name: value)",
    "model_attributes_type": "should be a mapping (name: value)",
    "dict_type": "should be a mapping (name: value)",
    "list_type": "should be a list",
    "string_type": "should be a text",
    "date_from_datetime_parsing": "is no date; write for example 2027-01-31",
    "date_parsing": "is no date; write for example 2027-01-31",
}
"""What pydantic says in Python's words, in YAML's."""


class _Loader(yaml.SafeLoader):
    """YAML in which a date is text: the models read dates, and say at which line one is none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Config:
    """Everything that people decided, read and checked. `base`: the folder that relative paths start from."""

    base: Path
    settings: Settings
    rules: tuple[Rule, ...]
    exemptions: tuple[Exemption, ...]
    teams: TeamFile
    charts: dict[str, set[str]]
    inventory: frozenset[Image] | None
    path: Path | None = None
    """The settings file; None where the defaults hold."""
    team_path: Path = Path("teams.yaml")
    runner: str = ""
    """Who is running this; see `whoami`."""
    elsewhere: str = ""
    """The history folder that the environment names."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the environment holds of the variables that the settings name."""
    step_summary: Path | None = None
    """The file that GitHub Actions shows as the summary of a job's step."""

    @property
    def history(self) -> Path:
        """The history folder. `TRIAGEBOT_HISTORY` in the environment has the last word."""
        return Path(self.elsewhere) if self.elsewhere else self.base / self.settings.history


def load(path: Path | None) -> Config:
    """The configuration of a file; without one, of `triagebot.yaml` here, else the shipped defaults."""
    if path is None:
        here = Path("triagebot.yaml")
        path = here if here.exists() else None
    settings = read(path, Settings) if path else Settings()
    base = path.resolve().parent if path else Path.cwd()
    files = [read(base / name, RuleFile) for name in settings.rules] or [read(shipped("priority.yaml"), RuleFile)]
    rules = tuple(rule for file in files for rule in file.rules)
    if not rules:
        rules = tuple(read(shipped("priority.yaml"), RuleFile).rules)
    if not any(rule.names_kind for rule in rules):
        rules += tuple(read(shipped("posture.yaml"), RuleFile).rules)
    team_path = base / settings.teams if settings.teams else shipped("teams.yaml")
    teams = read(team_path, TeamFile)
    _check_trackers(team_path, teams, settings)
    _check_summary(path, settings)
    _check_teams([(base / name, file) for name, file in zip(settings.rules, files, strict=False)], teams)
    return Config(
        base, settings, rules, tuple(e for file in files for e in file.exceptions), teams,
        _charts(team_path, teams), _inventory(base / settings.inventory) if settings.inventory else None,
        path, team_path, whoami(), variable(ELSEWHERE), _secrets(settings), _step_summary(),
    )  # fmt: skip


def _step_summary() -> Path | None:
    """https://docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary"""
    told = os.environ.get(STEP_SUMMARY, "").strip()
    return Path(told) if told else None


def _secrets(settings: Settings) -> dict[str, str]:
    named = {ENDPOINT}
    for tracker in settings.trackers.values():
        if isinstance(tracker, GithubSettings):
            named |= {tracker.app.key_env} if tracker.app else {tracker.token_env}
        if isinstance(tracker, JiraSettings):
            named |= {tracker.token_env, tracker.user_env}
    return {name: value for name in named if (value := os.environ.get(name, "").strip())}


def variable(name: str) -> str:
    """What the environment holds of one variable; empty: nothing."""
    return os.environ.get(name, "").strip()


def whoami() -> str:
    """Who is running this, for those who wait: the address of a run of Actions, else process and machine."""
    address = "/".join(map(variable, ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY")))
    if run := variable("GITHUB_RUN_ID"):
        return f"{address}/actions/runs/{run}"
    return f"process {os.getpid()} on {socket.gethostname()}"


def shipped(name: str) -> Path:
    """A default file: inside the installed package, else in the checkout."""
    packed = Path(str(resources.files("triagebot") / "defaults" / name))
    return packed if packed.exists() else Path(__file__).resolve().parent.parent / "rules" / name


def read(path: Path, model: type[M]) -> M:
    """One YAML file as its model. Raises `ConfigError` with every fault, each with its line."""
    place = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = _Loader(text).get_single_data()
    except FileNotFoundError as error:
        raise ConfigError(place, "there is no such file", "create it, or correct the path that names it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(place, f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place}:{mark.line + 1}" if mark else place
        raise ConfigError(where, f"no valid YAML: {getattr(error, 'problem', None) or error}") from error
    faults = {(_line(root, place), _told(place, value, said)) for place, said in model.cross_faults(value)}
    try:
        made = model.model_validate({} if value is None else value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults |= {(_line(root, tuple(_untagged(f["loc"]))), _fault(f, value, model)) for f in found}
    if faults:
        raise ConfigError("", "\n".join(f"{place}:{line}: {fault}" for line, fault in sorted(faults)))
    return made


def strange_sources(config: Config, beliefs: Iterable[Belief]) -> list[str]:
    """A line for each name in `severity_sources` that is nobody's as far as is known and as these findings tell."""
    told = unheard(config.settings.severity_sources, beliefs)
    return [
        f"{placed(config.path, ('severity_sources', at)) if config.path else 'settings'}: severity_sources: {said}"
        for at, said in told.items()
    ]


def placed(path: Path, location: tuple[int | str, ...]) -> str:
    """`file:line` of a value, or of its nearest parent that stands in the file."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return f"{_shown(path)}:{_line(root, location)}"


def _shown(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path.resolve())


def _line(root: Any, location: tuple[int | str, ...]) -> int:
    """The line where a value stands, or its nearest parent that does."""
    node, line = root, 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _untagged(location: tuple[int | str, ...]) -> list[int | str]:
    """Where a fault lies in the file, without the steps that only the models have."""
    steps = [step for step in location if step not in ("function-after", "function-before")]
    in_tracker = len(steps) > 3 and steps[0] == "trackers"
    return steps[:2] + steps[3:] if in_tracker else steps


def _fault(fault: Any, value: Any, model: type[Strict]) -> str:
    location = _untagged(fault["loc"])
    said = _PLAIN.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        near = suggest(str(location[-1]), _known(model, location))
        return f"{_where(location[:-1], value)}unknown field {location[-1]!r}{near}"
    if fault["type"] == "union_tag_invalid":
        tag, known = fault["ctx"]["tag"], [t.strip(" '") for t in fault["ctx"]["expected_tags"].split(",")]
        return f"{_where(location, value)}type: there is no tracker of type {tag!r}{suggest(tag, known)}"
    if fault["type"] == "union_tag_not_found":
        return f"{_where(location, value)}field 'type' is missing"
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        said += suggest(fault["input"], re.findall(r"'([^']*)'", fault["ctx"]["expected"]))
    if fault["type"] == "missing":
        return f"{_where(location[:-1], value)}field {location[-1]!r} is missing"
    return _told(tuple(location), value, said)


def _told(location: tuple[int | str, ...], value: Any, said: str) -> str:
    """A fault with the rule, team or field that it is about."""
    field = location[-1] if location and isinstance(location[-1], str) and location[-1] != "when" else ""
    return f"{_where(list(location), value)}{f'{field}: ' if field else ''}{said[0].lower() + said[1:]}"


def _where(location: list[Any], value: Any) -> str:
    """`rule 'kev': ` where the fault lies in a rule that has an id, likewise for other lists and mappings."""
    here: Any = value
    named = ""
    for at, step in enumerate(location):
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            break
        parent = str(location[at - 1]) if at else ""
        if isinstance(here, dict) and isinstance(step, int):
            named = f"{parent.removesuffix('s')} {here.get('id', step + 1)!r}: "
        elif isinstance(here, dict) and parent in ("teams", "trackers"):
            named = f"{parent.removesuffix('s')} {step!r}: "
    return named


def _known(model: type[Strict], location: list[Any]) -> Iterator[str]:
    """The fields that stand where an unknown one was written."""
    schema = model.model_json_schema()
    here: Any = schema
    for step in location[:-1]:
        here = (
            here.get("items", {})
            if isinstance(step, int)
            else here.get("properties", {}).get(step) or here.get("additionalProperties", {})
        )
        here = _resolved(schema, here)
    for one in here.get("oneOf", [here]):
        yield from _resolved(schema, one).get("properties", {})


def _resolved(schema: Any, here: Any) -> Any:
    return schema["$defs"][here["$ref"].rpartition("/")[2]] if "$ref" in here else here


def _check_trackers(path: Path, teams: TeamFile, settings: Settings) -> None:
    unknown = [(i, t.tracker) for i, t in teams.teams.items() if t.tracker not in settings.trackers]
    if not unknown:
        _check_places(path, teams, settings)
    if unknown:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        faults = [
            f"{_shown(path)}:{_line(root, ('teams', i, 'tracker'))}: team {i!r}: no tracker {tracker!r}"
            f"{suggest(tracker, settings.trackers)}"
            for i, tracker in unknown
        ]
        raise ConfigError("", "\n".join(faults), "name one of `trackers:` in triagebot.yaml")


def _check_places(path: Path, teams: TeamFile, settings: Settings) -> None:
    """A repository is GitHub's and a project Jira's: the other way round tickets would go nowhere."""
    faults = []
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    for team_id, team in teams.teams.items():
        kind = settings.trackers[team.tracker].type
        for name, value, wanted in (("repo", team.repo, "github"), ("project", team.project, "jira")):
            if value and kind != wanted:
                at = f"{_shown(path)}:{_line(root, ('teams', team_id, name))}: team {team_id!r}: "
                faults.append(f"{at}{name!r} is for {wanted}, and tracker {team.tracker!r} is {kind}")
    if faults:
        raise ConfigError("", "\n".join(faults), "correct `tracker`, or the place")


def _check_summary(path: Path | None, settings: Settings) -> None:
    """The weekly summary needs a tracker that is there, and a place of its kind."""
    told = settings.summary
    if path is None or told is None:
        return
    at, fault, remedy = ("tracker",), "", "name one of `trackers:`"
    if told.tracker not in settings.trackers:
        fault = f"no tracker {told.tracker!r}{suggest(told.tracker, settings.trackers)}"
    else:
        kind = settings.trackers[told.tracker].type
        for name, value, wanted in (("repo", told.repo, "github"), ("project", told.project, "jira")):
            if value and kind != wanted:
                at, remedy = (name,), "correct `tracker`, or the place"
                fault = f"{name!r} is for {wanted}, and tracker {told.tracker!r} is {kind}"
    if fault:
        raise ConfigError(placed(path, ("summary", *at)), f"summary: {fault}", remedy)


def _check_teams(files: Sequence[tuple[Path, RuleFile]], teams: TeamFile) -> None:
    """Exceptions that name a team which is not there excuse nothing, and nobody would see why."""
    faults = []
    for path, file in files:
        named = [(i, e.team) for i, e in enumerate(file.exceptions) if not re.search(r"[*?{]", e.team)]
        unknown = [(i, team) for i, team in named if team not in teams.teams]
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader) if unknown else None
        faults += [
            f"{_shown(path)}:{_line(root, ('exceptions', i, 'team'))}: exception {i + 1}: no team {team!r}"
            f"{suggest(team, teams.teams)}"
            for i, team in unknown
        ]
    if faults:
        raise ConfigError("", "\n".join(faults), "name one of the team file")


def _charts(team_path: Path, teams: TeamFile) -> dict[str, set[str]]:
    if not teams.chart_map:
        return {}
    path = team_path.parent / teams.chart_map
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConfigError(_shown(path), f"cannot be read: {error.strerror}", "correct `chart_map`") from error
    if rows and not {"chart", "image"} <= set(rows[0]):
        raise ConfigError(f"{_shown(path)}:1", "needs the columns chart and image", "write: manifest,chart,image")
    return charts_by_asset((row["chart"], row["image"]) for row in rows if row["image"])


def _inventory(path: Path) -> frozenset[Image]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(_shown(path), f"cannot be read: {error.strerror}", "correct `inventory`") from error
    named = [re.sub(r"\s*#.*", "", line).strip() for line in lines]
    return frozenset(inventory_image(line) for line in named if line)
