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
from triagebot.errors import ConfigError, joined
from triagebot.files import (
    Exemption,
    FeedSettings,
    GithubSettings,
    JiraSettings,
    Location,
    Rule,
    RuleFile,
    Settings,
    TeamFile,
)
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

    def named(self, url: str) -> str:
        """A ticket in words that others read: its address; of a file the path from the folder of the settings."""
        if "://" in url:
            return url
        path = Path(url)
        return path.relative_to(self.base).as_posix() if path.is_relative_to(self.base) else path.name

    def portable(self, text: str) -> str:
        """A text without the folder of the settings, which is another on another machine."""
        return text.replace(f"{self.base}/", "")


def load(path: Path | None) -> Config:
    """The configuration of a file; without one, of `triagebot.yaml` here, else the shipped defaults.

    Raises `ConfigError` with every fault of every file that they name.
    """
    if path is None:
        here = Path("triagebot.yaml")
        path = here if here.exists() else None
    base = path.resolve().parent if path else Path.cwd()
    file = opened(path, Settings) if path else None
    if file:
        _names_others(file)
    names = _named(file)
    rule_files = [opened(base / name, RuleFile) for name in names.rules]
    team_path = base / names.teams if names.teams else shipped("teams.yaml")
    team_file = opened(team_path, TeamFile)
    compare(file, team_file, rule_files)
    others = _Others()
    charts = others.tried(team_file, ("chart_map",), lambda: _charts(team_path, team_file.value))
    inventory = None
    if file:
        for at, rule_file in enumerate(rule_files):
            _told_where_named(file, ("rules", at), rule_file)
        _told_where_named(file, ("teams",), team_file)
        inventory = others.tried(file, ("inventory",), lambda: _inventory(base, names.inventory))
    files: list[File[Any]] = [*([file] if file else []), *rule_files, team_file]
    if file and (others.found or any(f.faults or f.unread for f in files)):  # else they are read when they are used
        others.tried(file, ("vex",), lambda: vexfiles.documents(base, names.vex))
        for place, said in unmet(base, names.vex, names.feeds):
            file.fault(place, said, _ONLY_WARNED)
    refuse(files, others.found)
    settings = file.whole if file else Settings()
    every = [rule_file.whole for rule_file in rule_files]
    return Config(
        base, settings, _rules(every), tuple(e for made in every for e in made.exceptions), team_file.whole,
        charts or {}, inventory, path, team_path, whoami(), variable(ELSEWHERE), _secrets(settings), _step_summary(),
    )  # fmt: skip


_FIRST = "mend that first: the files that it names are not known, so none of them was checked"


def _names_others(file: File[Settings]) -> None:
    """Raises `ConfigError` where nothing can be read of the settings: which other files there are stands in them."""
    if file.unread:
        remedy = file.unread.remedy if file.absent else joined(file.unread.remedy, _FIRST)
        raise ConfigError(file.unread.place, file.unread.cause, remedy)
    if not isinstance(file.value, dict | None):
        raise ConfigError(f"{shown(file.path)}:1", "should be a mapping (name: value)", _FIRST)


@dataclass
class _Others:
    """What is wrong with the files that are no YAML."""

    found: list[ConfigError] = field(default_factory=list)

    def tried(self, file: File[Any], at: Location, read: Callable[[], T]) -> T | None:
        """What was read. A file that is not there is a fault of the line that names it: `at` in `file`."""
        try:
            return read()
        except ConfigError as error:
            self.found.append(error)
        except OSError as error:
            named = shown(Path(error.filename))
            missing = isinstance(error, FileNotFoundError)
            said = f"there is no file {named}" if missing else f"{named} cannot be read: {error.strerror}"
            file.fault(at, f"{at[0]}: {said}", _CORRECT if missing else _MAY_READ)
        return None


_CORRECT = "create it, or correct the path"
_MAY_READ = "correct the path, or who may read it"
_ONLY_WARNED = "a run only warns of it"


def _told_where_named(file: File[Settings], at: Location, named: File[Any]) -> None:
    """A file that is not there is a fault of the line that names it."""
    if named.absent:
        file.fault(at, f"{at[0]}: {named.absent}", _CORRECT if "there is no file" in named.absent else _MAY_READ)
        named.unread = None


def unmet(base: Path, vex: Sequence[str], feeds: Mapping[str, str]) -> list[tuple[Location, str]]:
    """(place in the settings, fault) of each VEX document and feed that is named and not there."""
    told: list[tuple[Location, str]] = [
        (("vex", at), f"vex: no file matches {pattern}")
        for at, pattern in enumerate(vex)
        if not vexfiles.named(base, pattern)
    ]
    return told + [
        (("feeds", name), f"feeds: {name}: there is no file {source}")
        for name, source in feeds.items()
        if source and not re.match("https?://", source) and not (base / source).exists()
    ]


@dataclass(frozen=True)
class _Names:
    """The other files that the settings name, also where something else in them is wrong."""

    rules: list[str]
    teams: str
    inventory: str
    vex: list[str]
    feeds: dict[str, str]


def _named(file: File[Settings] | None) -> _Names:
    told = file.value if file and isinstance(file.value, dict) else {}

    def texts(name: str) -> list[str]:
        listed = told.get(name)
        return [text for text in (listed if isinstance(listed, list) else [listed]) if text and isinstance(text, str)]

    feeds = told.get("feeds")
    known = {name: feeds.get(name) for name in FeedSettings.model_fields} if isinstance(feeds, dict) else {}
    return _Names(
        texts("rules"), "".join(texts("teams")[:1]), "".join(texts("inventory")[:1]), texts("vex"),
        {name: source for name, source in known.items() if isinstance(source, str)},
    )  # fmt: skip


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


def _charts(team_path: Path, teams: Any) -> dict[str, set[str]]:
    """`teams`: what the team file holds, also where something else in it is wrong."""
    named = teams.get("chart_map") if isinstance(teams, dict) else None
    if not isinstance(named, str) or not named:
        return {}
    path = team_path.parent / named
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(shown(path), "is no CSV file in UTF-8", "save it as one") from error
    if rows and not {"chart", "image"} <= set(rows[0]):
        raise ConfigError(f"{shown(path)}:1", "needs the columns chart and image", "write: manifest,chart,image")
    return charts_by_asset((row["chart"], row["image"]) for row in rows if row["chart"] and row["image"])


def _inventory(base: Path, name: str) -> frozenset[Image] | None:
    if not name:
        return None
    try:
        lines = (base / name).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(shown(base / name), "is no UTF-8 text", "save it as UTF-8, an image a line") from error
    named = [re.sub(r"\s*#.*", "", line).strip() for line in lines]
    odd = [f"{shown(base / name)}:{at}: {line!r} is no image" for at, line in enumerate(named, 1) if " " in line]
    if odd:
        raise ConfigError("", "\n".join(odd), "write one image a line, repository or repository:tag")
    return frozenset(inventory_image(line) for line in named if line)
