"""Settings that share one history, from several folders or machines: what is said where they do not agree.

Each run leaves in its record what its settings say of where tickets go and what they are about. Two that take turns,
and differ in that, would move, close or reopen each other's tickets at every run. A single change is what people do
on purpose, and is not told.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from triagebot.config import Config
from triagebot.files import JiraSettings, LocalSettings, TrackerSettings
from triagebot.history import PULLED, History, KnownTicket
from triagebot.model import Ticket
from triagebot.render import many

RECENT = 10
"""Runs of a stream after which other settings are taken to have been given up."""

_TRAITS = ("group_by", "trackers", "teams", "rules")
_SHOWN = ("group_by", "trackers")
"""Of the others only a digest is kept."""

_REMEDY = "a stream of its own (`--stream NAME`)"

Told = Mapping[str, Any]
"""What the record of a run tells of its settings; see `told`."""


def told(config: Config) -> dict[str, Any]:
    """What other settings may not differ in, and `at`: which file this is, on which machine or of which repository.

    Where a folder of local tickets is may differ: on a branch they are kept by the name of their tracker.
    """
    path = config.path.resolve() if config.path else config.base
    address, run, _ = config.runner.partition("/actions/runs/")
    at = "/".join(path.parts[-2:]) + f" of {address}" if run else f"{path} on {config.runner.rpartition(' on ')[2]}"
    charts = sorted((asset, *sorted(names)) for asset, names in config.charts.items())
    rules = [one.model_dump(mode="json") for one in (*config.rules, *config.exemptions)]
    return {
        "at": at, "group_by": config.settings.group_by,
        "trackers": {name: _where(tracker) for name, tracker in config.settings.trackers.items()},
        "teams": _digest(config.teams.model_dump(mode="json"), charts), "rules": _digest(rules),
    }  # fmt: skip


def _where(tracker: TrackerSettings) -> str:
    if isinstance(tracker, LocalSettings):
        return "local files"
    place = tracker.project if isinstance(tracker, JiraSettings) else tracker.repo
    return f"{tracker.url.rstrip('/')} {place}".strip()


def _digest(*said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


# Tickets that history knows and that no tracker of these settings holds


def is_other_kind(config: Config, ticket: Ticket) -> bool:
    """Whether a known ticket is of a tracker that had this name and was of another kind: its id tells."""
    tracker = config.settings.trackers[ticket.tracker]
    kind = "local" if ticket.id.endswith(".md") else "github" if "#" in ticket.id else "jira"
    return tracker.type != kind


def elsewhere(config: Config, ticket: Ticket) -> Path | None:
    """The folder of other settings in which a known ticket stands, if it does: here it is not deleted, but never was.

    A file that another machine saw is taken to be there, unless the files come along with the history.
    """
    tracker = config.settings.trackers.get(ticket.tracker)
    if not isinstance(tracker, LocalSettings) or not ticket.url or is_other_kind(config, ticket):
        return None
    file, here = Path(ticket.url), config.base / tracker.path
    folder = file.parent
    if folder == here or (folder.is_dir() and here.is_dir() and folder.samefile(here)):
        return None
    if (config.history / PULLED).exists():
        return None  # the files came here with the history, by the name of their tracker
    if file.is_file():
        return folder
    is_inside = config.history.resolve().is_relative_to(config.base.resolve())
    return None if folder.is_dir() or is_inside else folder


# What is said


def warnings(
    config: Config, history: History, known: Iterable[KnownTicket], listed: Sequence[Ticket], stream: str
) -> list[str]:
    """At most a line for each folder, and one more. `known`: before this run; `listed`: the tickets of the stream."""
    mine = told(config)
    theirs = [k.ticket for k in known if k.ticket.marker.stream == stream and not k.deleted_seen]
    said = _apart(config, theirs)
    if other := turns(mine, history.runs(stream)):
        return [*said, _turning(mine, other)]
    return [*said, *_unreached(config, mine, history.runs(stream), theirs, listed)]


def turns(mine: Told, runs: Iterable[Told]) -> Told | None:
    """The last run of other settings that take turns with these; None: none do. `runs`: records, the newest first.

    They do if these ran before the others and run again. What a person changes in one and the same file, and may take
    back, is no turn.
    """
    other: Told | None = None
    names: list[str] = []
    for number, run in enumerate(_telling(runs)):
        settings = run["took"]["settings"]
        differing = [name for name in names or _TRAITS if settings.get(name) != mine[name]]
        if other is None and number == RECENT:
            return None
        if other is not None and not differing:
            return other
        if other is None and differing and settings["at"] != mine["at"]:
            other, names = run, differing
    return None


def _telling(runs: Iterable[Told]) -> Iterator[Told]:
    """Those of a version that told its settings, and no imports, which touch no ticket."""
    return (run for run in runs if run.get("took", {}).get("settings"))


def _turning(mine: Told, other: Told) -> str:
    theirs = other["took"]["settings"]
    differ = [name for name in _TRAITS if mine[name] != theirs[name]]
    shown = [
        f"{name} {_said(theirs, mine, name)}, here {_said(mine, theirs, name)}" for name in differ if name in _SHOWN
    ]
    return (
        f"settings that differ in {', '.join(differ)} take turns in this history, and each undoes or repeats what the "
        f"other did to tickets: use the same in both, or give one {_REMEDY}. The others: {theirs['at']}, last on "
        f"{_day(other)}" + (f" ({'; '.join(shown)})" if shown else "")
    )


def _said(these: Told, those: Told, name: str) -> str:
    if name == "group_by":
        return str(these[name])
    own = [f"{key} ({where})" for key, where in these[name].items() if those[name].get(key) != where]
    return ", ".join(own) or "none more"


def _day(run: Told) -> date:
    return date.fromisoformat(run["run_id"][:8])


def _apart(config: Config, known: Iterable[Ticket]) -> list[str]:
    """Tickets of a tracker that stand in a folder of others. A copy that says the same is no other ticket."""
    count = Counter(
        (t.tracker, folder)
        for t in known
        if t.tracker in config.settings.trackers and (folder := elsewhere(config, t)) and _is_other(config, t, folder)
    )
    return [
        f"tracker {name}: {many(n, 'ticket that history knows stands', 'tickets that history knows stand')} in another "
        f"folder: what people decide there does not count here. Name one folder for all (`path:`), or give one of the "
        f"settings {_REMEDY}. It is {folder}, here it is {_folder(config, name)}"
        for (name, folder), n in sorted(count.items())
    ]


def _folder(config: Config, tracker: str) -> Path:
    held = config.settings.trackers[tracker]
    return config.base / (held.path if isinstance(held, LocalSettings) else "")


def _is_other(config: Config, ticket: Ticket, folder: Path) -> bool:
    here = _folder(config, ticket.tracker) / ticket.id
    try:
        return here.read_bytes() != (folder / ticket.id).read_bytes()
    except OSError:
        return not here.is_file()


def _unreached(
    config: Config, mine: Told, runs: Iterable[Told], known: Iterable[Ticket], listed: Iterable[Ticket]
) -> list[str]:
    """Tickets of a tracker that the last run named and these settings do not, said once: it may be meant so.

    What is listed under another name of its tracker is reached.
    """
    last = next(_telling(runs), None)
    if last is None or last["took"]["settings"]["trackers"] == mine["trackers"]:
        return []
    keys = {t.marker.key for t in listed}
    count = Counter(
        t.tracker
        for t in known
        if (t.tracker not in mine["trackers"] or is_other_kind(config, t))
        and t.marker.key not in keys
        and (t.is_open or t.is_decision)
    )
    settings = last["took"]["settings"]
    where: Mapping[str, str] = settings["trackers"]
    return [
        f"history knows {many(n, 'ticket')} in the tracker {name} ({where.get(name, 'of earlier')}), which these "
        f"settings do not name: what people decide there from now on does not count here. Name it too, or, where "
        f"others share this history, give one {_REMEDY}. The last run: {settings['at']}, {_day(last)}"
        for name, n in sorted(count.items())
    ]
