"""A small world for whole runs against a GitHub that breaks: two repositories, a folder, two scans, a clock of its own.

The second scan creates, updates with a comment and closes, in every place something: what one fault must not touch
is there to be seen.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from github_front import Call, Front, Moment
from github_server import Github
from reports import trivy, vulnerability, write

from triagebot import trackers
from triagebot.document import Told
from triagebot.trackers.retry import Caller, Clock

KEY = "image:docker.io/a/"
FIRST = datetime(2026, 5, 3, 6, tzinfo=UTC)
PLATFORM, NETWORK = "acme/platform", "acme/network"
SETTINGS = """
teams: teams.yaml
limits: {{new_tickets: {new_tickets}, writes: {writes}}}
trackers:
  default: {{type: github, repo: {repo}, pause: 0, timeout: 1{more}}}
  files: {{type: local, path: tickets}}
"""
TEAMS = """
teams: {{base: {{tracker: default}}, net: {{tracker: default, repo: {network}}}, desk: {{tracker: files}}}}
unowned: base
images: [{{match: "*/net-*", team: net}}, {{match: "*/desk-*", team: desk}}]
"""
Stands = dict[str, dict[str, Any]]

ALL_DONE = {
    "grave": "create done", "changes": "update done", "net-2": "create done", "slight": "create done",
    "ends": "close done", "desk-2": "create done",
}  # fmt: skip
OPERATIONS = {
    "create": ("POST", r"/issues$"),
    "update": ("PATCH", r"/issues/\d+$"),
    "comment": ("POST", r"/comments$"),
    "listing": ("GET", r"/issues\?"),
}


def one(folder: Path) -> Path:
    """The first scan."""
    return write(
        folder,
        changes=trivy("a/changes:1.0", [vulnerability("CVE-2026-0001")]),
        ends=trivy("a/ends:1.0", [vulnerability("CVE-2026-0002")]),
        net=trivy("a/net-1:1.0", [vulnerability("CVE-2026-0003")]),
        desk=trivy("a/desk-1:1.0", [vulnerability("CVE-2026-0004")]),
    )


def two(folder: Path) -> Path:
    """The second: one ticket changes, one ends, four are new."""
    serious = vulnerability("CVE-2026-0006", severity="CRITICAL")
    return write(
        folder,
        changes=trivy("a/changes:1.1", [vulnerability("CVE-2026-0001"), serious]),
        ends=trivy("a/ends:1.1", []),
        net=trivy("a/net-1:1.0", [vulnerability("CVE-2026-0003")]),
        desk=trivy("a/desk-1:1.0", [vulnerability("CVE-2026-0004")]),
        grave=trivy("a/grave:1.0", [serious]),
        slight=trivy("a/slight:1.0", [vulnerability("CVE-2026-0007")]),
        net2=trivy("a/net-2:1.0", [vulnerability("CVE-2026-0008")]),
        desk2=trivy("a/desk-2:1.0", [vulnerability("CVE-2026-0009")]),
    )


class Sleeper(Clock):
    """A clock that goes on when somebody sleeps, and takes the server's along."""

    def __init__(self, front: Front) -> None:
        self.front, self.slept = front, list[int]()
        super().__init__(front.clock.now, self._sleeps)

    def _sleeps(self, seconds: float) -> None:
        self.slept.append(round(seconds))
        self.front.shift(self.front.clock.shift + seconds)


@dataclass
class World:
    """The server, a configured folder and the two scans."""

    github: Github
    base: Path
    place: Place
    clock: Sleeper
    notices: list[str] = field(default_factory=list)

    def configure(
        self,
        more: str = "",
        *,
        repo: str = PLATFORM,
        network: str = NETWORK,
        new_tickets: int = 20,
        writes: int = 400,
    ) -> None:
        """Write the settings. `more`: of the GitHub tracker."""
        told = SETTINGS.format(more=more, repo=repo, new_tickets=new_tickets, writes=writes)
        (self.place.folder / "triagebot.yaml").write_text(told, encoding="utf-8")
        (self.place.folder / "teams.yaml").write_text(TEAMS.format(network=network), encoding="utf-8")

    def run(self, scan: int, days: int = 0, **options: Any) -> Told:
        """A run on the first or second scan, that many days after it. What it waited and said is counted anew."""
        self.clock.slept.clear()
        self.notices.clear()
        path = {1: one, 2: two}[scan](self.base / f"scan-{scan}")
        return self.place.run(
            path, FIRST + timedelta(weeks=scan), timedelta(days=days, minutes=10), notice=self.notices.append, **options
        )

    def issues(self, *repos: str) -> Stands:
        """What stands on the server, by key. A key that stands twice, or a comment, fails the test."""
        found: Stands = {}
        for name in repos or (PLATFORM, NETWORK):
            repo = self.github.repo(name)
            for issue in repo.issues():
                key = re.search(r'<!-- triagebot:marker .*?"key":"image:docker.io/a/(.*?)"', issue["body"] or "")
                if key is None:
                    continue
                assert key[1] not in found, f"{key[1]} stands twice"
                said = [_seen(c["body"]) for c in repo.comments(issue["number"])]
                assert len(said) == len(set(said)), f"{key[1]} has a comment twice"
                found[key[1]] = {
                    "title": issue["title"],
                    "state": (issue["state"], issue["state_reason"] if issue["state"] == "closed" else ""),
                    "text": _seen(issue["body"]),
                    "labels": sorted(label["name"] for label in issue["labels"]),
                    "comments": said,
                }
        return found

    def files(self) -> set[str]:
        """The keys of the local tickets that are open."""
        return {key.removeprefix(KEY) for key in self.place.open_keys()}


def _seen(text: str) -> str:
    return re.sub(r"<!--.*?-->\n?", "", text).strip()


def outcomes(told: Told) -> dict[str, str]:
    """Kind and outcome of each action, by key."""
    found = {a["key"].removeprefix(KEY): f"{a['kind']} {a['outcome']}" for a in told.document["actions"]}
    assert len(found) == len(told.document["actions"])
    return found


def tracker(told: Told, name: str = "default") -> dict[str, Any]:
    """What the document says of a tracker."""
    [found] = [t for t in told.document["trackers"] if t["name"] == name]
    return dict(found)


def errors(told: Told) -> list[str]:
    """The errors of a run; its exit code must agree, and none may be said twice."""
    said: list[str] = told.document["errors"]
    assert told.exit_code == (1 if said else 0)
    assert len(said) == len(set(said))
    return said


def made(github: Github, base: Path, patch: pytest.MonkeyPatch) -> World:
    """A world in which nothing has happened yet."""
    clock = Sleeper(github.front)
    patch.setattr(trackers, "Caller", functools.partial(Caller, clock=clock))
    patch.setenv("GITHUB_TOKEN", github.token())
    patch.setenv("GITHUB_API_URL", github.url)
    world = World(github, base, Place.create(base / "place"), clock)
    world.configure()
    return world


def unbroken_runs(github: Github, base: Path) -> Iterator[tuple[Stands, Stands]]:
    """What stands after the first scan, and after both, where nothing goes wrong."""
    with pytest.MonkeyPatch.context() as patch:
        github.front.reset()
        world = made(github, base, patch)
        assert errors(world.run(1)) == []
        first = world.issues()
        assert errors(world.run(2)) == []
        yield first, world.issues()


def after_one(world: World, unbroken: tuple[Stands, Stands]) -> World:
    """The world after the first scan."""
    assert errors(world.run(1)) == []
    assert world.issues() == unbroken[0]
    return world


def healed(world: World, unbroken: tuple[Stands, Stands]) -> None:
    """The following run ends in what an unbroken one gives; the one after it has nothing to do."""
    assert errors(world.run(2)) == []
    assert world.issues() == unbroken[1]
    assert world.files() == {"desk-1", "desk-2"}
    mark = len(world.github.front.log)
    assert outcomes(world.run(2)) == {}
    assert world.github.front.writes(mark) == []


def revoke(world: World) -> None:
    """The token that was used last is good for nothing any more."""
    front = world.github.front
    front.identity(front.log[-1].token).expires = front.clock.now()


def when(world: World, method: str, path_end: str, act: Callable[[], None]) -> None:
    """Do something on the server just before it carries out the first such call."""
    done: list[int] = []

    def gate(moment: Moment, call: Call) -> bool:
        if not done and moment == "before" and call.method == method and call.path.endswith(path_end):
            done.append(call.number)
            act()
        return True

    world.github.front.gate(gate)
