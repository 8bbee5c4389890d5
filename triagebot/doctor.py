"""Looks at each tracker before a run does: what would be refused, and what to write where. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from triagebot.config import Config, strange_sources
from triagebot.drawn import can_draw
from triagebot.errors import TrackerError, joined
from triagebot.history import History
from triagebot.look import Options
from triagebot.outside import look_at_files
from triagebot.seen import connected
from triagebot.severity import strange
from triagebot.trackers import Need, Tracker, Trouble
from triagebot.yamlfile import placed


@dataclass(frozen=True)
class Finding:
    """What is wrong: `place` is a file and line, or the tracker's name where no file says it."""

    tracker: str
    place: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return joined(f"{self.place}: tracker {self.tracker!r}: {self.cause}", self.remedy)


def examine(config: Config, options: Options) -> list[Finding]:
    """What each tracker finds, in the order of the settings. One that fails hides no other."""
    found: list[Finding] = []
    for name, tracker in connected(config, options).items():
        teams = {i: t for i, t in config.teams.teams.items() if t.tracker == name}
        needs = [Need(i, t.place, tuple(t.assignees), tuple(t.labels), t.component) for i, t in teams.items()]
        if (summary := config.settings.summary) and summary.tracker == name:
            pictures = tracker.attaches and can_draw()
            told = Need("", summary.place, tuple(summary.assignees), tuple(summary.labels), pictures=pictures)
            needs.append(told)
        found += [_finding(config, name, trouble) for trouble in _troubles(tracker, needs)]
    return found


def warned(config: Config, now: datetime) -> list[str]:
    """What is not refused anywhere, and is likely not what was meant. Asks no tracker, and no URL.

    Raises `ConfigError` with every fault of every VEX document.
    """
    return [*look_at_files(config, now), *_strange_sources(config)]


def _strange_sources(config: Config) -> list[str]:
    if not strange(config.settings.severity_sources):
        return []
    history = History(config.history)
    streams = sorted({snapshot.stream for snapshot in history.snapshots()})
    return strange_sources(config, [history.state(stream, keep_cache=False).belief for stream in streams])


def _troubles(tracker: Tracker, needs: list[Need]) -> list[Trouble]:
    try:
        return tracker.examine(needs)
    except TrackerError as fault:
        return [Trouble("settings", (), fault.cause, fault.remedy or "try again later")]


def _finding(config: Config, name: str, trouble: Trouble) -> Finding:
    at, remedy = ("trackers", name, *trouble.at), trouble.remedy
    if trouble.file == "teams" and config.settings.teams:
        return Finding(name, placed(config.team_path, ("teams", *trouble.at)), trouble.cause, remedy)
    if trouble.file == "teams":  # of the team file that comes with us, which nobody can mend
        at = ("trackers", name)
        remedy = f"{remedy}, in a team file that `teams:` of the settings names (`triagebot init` drafts one)"
    elif trouble.file == "summary":
        at = ("summary", *trouble.at)
    return Finding(name, placed(config.path, at) if config.path else name, trouble.cause, remedy)
