"""Looks at each tracker before a run does: what would be refused, and what to write where. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from triagebot.config import Config, placed
from triagebot.drawn import can_draw
from triagebot.errors import TrackerError
from triagebot.look import Options
from triagebot.seen import connected
from triagebot.trackers import Need, Tracker, Trouble


@dataclass(frozen=True)
class Finding:
    """What is wrong: `place` is a file and line, or the tracker's name where no file says it."""

    tracker: str
    place: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: tracker {self.tracker!r}: {self.cause}; {self.remedy}"


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


def _troubles(tracker: Tracker, needs: list[Need]) -> list[Trouble]:
    try:
        return tracker.examine(needs)
    except TrackerError as fault:
        return [Trouble("settings", (), fault.cause, fault.remedy or "try again later")]


def _finding(config: Config, name: str, trouble: Trouble) -> Finding:
    if trouble.file == "teams":
        place = placed(config.team_path, ("teams", *trouble.at))
    else:
        at = ("summary", *trouble.at) if trouble.file == "summary" else ("trackers", name, *trouble.at)
        place = placed(config.path, at) if config.path else name
    return Finding(name, place, trouble.cause, trouble.remedy)
