"""A branch that machines with different settings share: none takes away what only the others' settings name."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reports import trivy, vulnerability, write

from triagebot import app, branch, config
from triagebot.branch import Store, pull, push
from triagebot.look import Options

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)
TWO = "{default: {type: local, path: tickets}, network: {type: local, path: net}}"
ONE = "{default: {type: local, path: tickets}}"
RENAMED = "{default: {type: local, path: tickets}, edge: {type: local, path: net}}"
ELSEWHERE = "{default: {type: local, path: tickets}, network: {type: github, repo: acme/net}}"
TEAMS = """\
teams: {{net: {{name: Network, tracker: {}}}, all: {{name: All, tracker: default}}}}
unowned: all
images: [{{match: "**/a", team: net}}]
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    git(tmp_path, "init", "--quiet", "--bare", "o.git")
    return Store(f"file://{tmp_path / 'o.git'}", "triagebot-history", owner="one")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout


class Machine:
    """A clone with settings of its own."""

    def __init__(self, store: Store, folder: Path, trackers: str = TWO) -> None:
        self.store, self.folder = store, folder
        folder.mkdir()
        self.set(trackers)
        write(folder / "scan", a=trivy("r/a:1", [vulnerability("CVE-2026-0001")]),
              b=trivy("r/b:1", [vulnerability("CVE-2026-0002")]))  # fmt: skip

    def set(self, trackers: str) -> None:
        """Other trackers from now on."""
        owner = next((name for name in ("network", "edge") if name in trackers), "default")
        (self.folder / "teams.yaml").write_text(TEAMS.format(owner))
        (self.folder / "triagebot.yaml").write_text(f"teams: teams.yaml\ntrackers: {trackers}\n")

    @property
    def config(self) -> config.Config:
        return config.load(self.folder / "triagebot.yaml")

    def pull(self) -> list[str]:
        return pull(self.store, branch.kept(self.config))

    def push(self) -> bool:
        return push(self.store, branch.kept(self.config))

    def run(self, at: datetime) -> list[str]:
        """One run; what it warns of."""
        told = app.run(self.config, self.folder / "scan", Options(now=at, taken_at=NOW))
        assert told.document["errors"] == []
        warned: list[str] = told.document["warnings"]
        return warned

    def record(self, name: str) -> None:
        """Something new to push."""
        (self.folder / ".triagebot/runs").mkdir(parents=True, exist_ok=True)
        (self.folder / ".triagebot/runs" / f"{name}.json").write_text("{}")

    def tickets(self) -> dict[str, bytes]:
        """The files of the tracker that the others do not name."""
        return {p.name: p.read_bytes() for p in (self.folder / "net").glob("*.md")}


@pytest.fixture
def first(store: Store, tmp_path: Path) -> Machine:
    """One that has a ticket in each tracker, and pushed."""
    machine = Machine(store, tmp_path / "first")
    machine.pull()
    machine.run(NOW)
    assert machine.push()
    assert len(machine.tickets()) == 1
    return machine


def published(store: Store) -> set[str]:
    listed = git(Path(store.remote.removeprefix("file://")), "ls-tree", "-r", "--name-only", store.branch)
    return {name for name in listed.split() if name.startswith("tickets/network/")}


@pytest.mark.parametrize("trackers", [ONE, RENAMED, ELSEWHERE])
@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
def test_tickets_of_a_tracker_that_the_settings_do_not_name_stay(
    first: Machine, store: Store, tmp_path: Path, trackers: str, is_late: bool
) -> None:
    """They are not read as deleted by people, which would be a decision."""
    before, there = first.tickets(), published(store)
    other = Machine(replace(store, owner="two"), tmp_path / "other", trackers)
    other.pull()
    if is_late:  # the branch moves on before the other one pushes
        first.record("late")
        first.push()
    other.record("r")
    assert other.push()
    assert published(store) == there
    first.pull()
    assert first.tickets() == before
    assert [line for line in first.run(NOW + DAY) if "deleted" in line] == []
    assert first.tickets() == before


def test_a_tracker_that_the_settings_name_again_gets_its_files(first: Machine, store: Store, tmp_path: Path) -> None:
    """By a pull, and by a push without one: that they are not here is no sign that anybody removed them."""
    for by in ("pull", "push"):
        other = Machine(store, tmp_path / by, ONE)
        other.pull()
        other.set(TWO)
        other.record(by)
        if by == "pull":
            assert [name for name in other.pull() if name.startswith("tickets/")] == sorted(published(store))
        assert other.push()
        assert other.tickets() == first.tickets()


def test_a_ticket_that_a_person_deleted_is_gone_on_the_branch_too(first: Machine, store: Store) -> None:
    (first.folder / "net" / next(iter(first.tickets()))).unlink()
    assert first.push()
    assert published(store) == set()


def test_other_files_of_the_branch_stay_as_they_are(first: Machine, store: Store, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--branch", store.branch, store.remote, "c")
    clone = tmp_path / "c"
    (clone / "check.sh").write_text("#!/bin/sh\n")
    (clone / "check.sh").chmod(0o755)
    git(clone, "add", ".")
    git(clone, "-c", "user.name=p", "-c", "user.email=p@example.com", "commit", "--quiet", "-m", "ours")
    git(clone, "push", "--quiet")
    first.record("r")
    assert first.push()
    git(clone, "pull", "--quiet")
    assert git(clone, "ls-files", "--stage", "check.sh").startswith("100755 ")
    assert (clone / ".git").is_dir()
    assert (clone / "history/runs/r.json").exists()
