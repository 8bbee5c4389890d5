"""Reads the files that people write, and the environment. All faults of all files are told at once."""

from __future__ import annotations

import csv
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from triagebot import vexfiles
from triagebot.errors import ConfigError
from triagebot.files import Exemption, GithubSettings, JiraSettings, Rule, RuleFile, Settings, TeamFile
from triagebot.identity import Image, inventory_image
from triagebot.meaning import compare
from triagebot.model import Belief
from triagebot.owners import charts_by_asset
from triagebot.severity import unheard
from triagebot.yamlfile import File, opened, placed, read, refuse, shown

T = TypeVar("T")

ENDPOINT = "GITHUB_API_URL"
"""Where GitHub's API is; Actions sets it, also on an Enterprise Server."""

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
ELSEWHERE = "TRIAGEBOT_HISTORY"
"""Where the history is, on a machine that keeps it elsewhere than the settings say."""


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
    """The configuration of a file; without one, of `triagebot.yaml` here, else the shipped defaults.

    Raises `ConfigError` with every fault of every file that they name.
    """
    if path is None:
        here = Path("triagebot.yaml")
        path = here if here.exists() else None
    base = path.resolve().parent if path else Path.cwd()
    file = opened(path, Settings) if path else None
    names = _named(file)
    rule_files = [opened(base / name, RuleFile) for name in names.rules]
    team_path = base / names.teams if names.teams else shipped("teams.yaml")
    team_file = opened(team_path, TeamFile)
    compare(file, team_file, rule_files)
    files: list[File[Any]] = [*([file] if file else []), *rule_files, team_file]
    teams, others = team_file.made, _Others()
    charts = others.tried(lambda: _charts(team_path, teams)) if teams else None
    inventory = others.tried(lambda: _inventory(base / names.inventory)) if names.inventory else None
    if others.found or any(f.faults or f.unread for f in files):  # else they are read when they are used
        others.tried(lambda: vexfiles.documents(base, names.vex))
    refuse(files, others.found)
    settings = file.whole if file else Settings()
    every = [rule_file.whole for rule_file in rule_files]
    return Config(
        base, settings, _rules(every), tuple(e for made in every for e in made.exceptions), team_file.whole,
        charts or {}, inventory, path, team_path, whoami(), variable(ELSEWHERE), _secrets(settings), _step_summary(),
    )  # fmt: skip


def alone(path: Path | None) -> Config | None:
    """The settings by themselves, whatever is wrong with the files that they name: enough to say that it is.

    None where they cannot be read.
    """
    path = path or Path("triagebot.yaml")
    try:
        made = opened(path, Settings).whole
    except (ConfigError, OSError):
        return None
    base, teams = path.resolve().parent, read(shipped("teams.yaml"), TeamFile)
    return Config(
        base,
        made,
        (),
        (),
        teams,
        {},
        None,
        path,
        runner=whoami(),
        elsewhere=variable(ELSEWHERE),
        secrets=_secrets(made),
    )


@dataclass
class _Others:
    """What is wrong with the files that are no YAML."""

    found: list[ConfigError] = field(default_factory=list)

    def tried(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ConfigError as error:
            self.found.append(error)
            return None


@dataclass(frozen=True)
class _Names:
    """The other files that the settings name, also where something else in them is wrong."""

    rules: list[str]
    teams: str
    inventory: str
    vex: list[str]


def _named(file: File[Settings] | None) -> _Names:
    told = file.value if file and isinstance(file.value, dict) else {}

    def texts(name: str) -> list[str]:
        listed = told.get(name)
        return [text for text in (listed if isinstance(listed, list) else [listed]) if text and isinstance(text, str)]

    return _Names(texts("rules"), "".join(texts("teams")[:1]), "".join(texts("inventory")[:1]), texts("vex"))


def _rules(files: Sequence[RuleFile]) -> tuple[Rule, ...]:
    """The rules of these files, or the shipped ones; those for posture are added unless one of yours names a kind."""
    rules = tuple(rule for file in files for rule in file.rules)
    rules = rules or tuple(read(shipped("priority.yaml"), RuleFile).rules)
    if any(rule.names_kind for rule in rules):
        return rules
    return rules + tuple(read(shipped("posture.yaml"), RuleFile).rules)


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


def strange_sources(config: Config, beliefs: Iterable[Belief]) -> list[str]:
    """A line for each name in `severity_sources` that is nobody's as far as is known and as these findings tell."""
    told = unheard(config.settings.severity_sources, beliefs)
    return [
        f"{placed(config.path, ('severity_sources', at)) if config.path else 'settings'}: severity_sources: {said}"
        for at, said in told.items()
    ]


def _charts(team_path: Path, teams: TeamFile) -> dict[str, set[str]]:
    if not teams.chart_map:
        return {}
    path = team_path.parent / teams.chart_map
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be read: {error.strerror}", "correct `chart_map`") from error
    if rows and not {"chart", "image"} <= set(rows[0]):
        raise ConfigError(f"{shown(path)}:1", "needs the columns chart and image", "write: manifest,chart,image")
    return charts_by_asset((row["chart"], row["image"]) for row in rows if row["image"])


def _inventory(path: Path) -> frozenset[Image]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be read: {error.strerror}", "correct `inventory`") from error
    named = [re.sub(r"\s*#.*", "", line).strip() for line in lines]
    return frozenset(inventory_image(line) for line in named if line)
