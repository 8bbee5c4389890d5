"""A history that is damaged in one place does not damage the one on the branch, and is mended from there."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot.branch import Store, pull, push
from triagebot.errors import InputError
from triagebot.history import History
from triagebot.snapshots import damage
from triagebot.union import Kept

AT = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Machine:
    """A place to run in, and the branch that it shares with others."""

    place: Place
    remote: str
    said: list[str] = field(default_factory=list)

    @property
    def kept(self) -> Kept:
        return Kept({"history": self.place.history, "tickets/default": self.place.folder / "tickets"})

    @property
    def store(self) -> Store:
        return Store(self.remote, "h", say=self.said.append)

    def push(self) -> bool:
        return push(self.store, self.kept)

    def pull(self) -> list[str]:
        return pull(self.store, self.kept)

    def run(self, scan: Path, at: datetime = AT, **options: Any) -> dict[str, Any]:
        return self.place.run(scan, at, **options).document

    def scans(self) -> list[str]:
        return [s.label for s in History(self.place.history).snapshots("main")]

    @property
    def snapshot(self) -> Path:
        [folder] = (self.place.history / "snapshots").iterdir()
        return folder


Made = Callable[[str], Machine]


@pytest.fixture
def machine(tmp_path: Path) -> Made:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "o.git")], check=True)  # noqa: S607
    return lambda name: Machine(Place.create(tmp_path / name), f"file://{tmp_path}/o.git")


@pytest.fixture
def one(machine: Made, tmp_path: Path) -> Machine:
    """It has run once and pushed."""
    made = machine("one")
    made.run(scan(tmp_path / "1.0"))
    made.push()
    return made


def scan(folder: Path, count: int = 1) -> Path:
    return write(folder, a=trivy("shop/app:1", [vulnerability(f"CVE-2026-{n:04}") for n in range(count)]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def flipped(path: Path) -> None:
    """As long as before, and nothing that a reader must notice."""
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "table cut short": ("occurrences.parquet", cut),
    "table altered": ("occurrences.parquet", flipped),
    "table gone": ("coverage.parquet", Path.unlink),
    "ratings gone": ("ratings.parquet", Path.unlink),
    "meta gone": ("meta.json", Path.unlink),
    "meta cut short": ("meta.json", cut),
    "meta is another": ("meta.json", lambda path: path.write_text('{"label": "x"}') and None),
}
damaged = pytest.mark.parametrize("how", DAMAGES)


def hurt(snapshot: Path, how: str) -> None:
    name, damages = DAMAGES[how]
    damages(snapshot / name)


@damaged
@pytest.mark.parametrize("by", ["pull", "push"])
def test_a_damaged_scan_is_mended_from_the_branch(one: Machine, machine: Made, how: str, by: str) -> None:
    before = one.kept.ids()
    hurt(one.snapshot, how)
    assert not one.push() if by == "push" else one.pull()
    assert one.kept.ids() == before
    assert len(one.said) == 1
    assert one.said[0].startswith(f"{one.snapshot}: {DAMAGES[how][0]} ")
    assert one.said[0].endswith("; it is taken from the branch")
    fresh = machine("fresh")
    fresh.pull()
    assert fresh.kept.ids() == before


@damaged
def test_so_it_is_where_the_branch_moved_on(one: Machine, machine: Made, tmp_path: Path, how: str) -> None:
    other = machine("other")
    other.pull()
    other.run(scan(tmp_path / "1.1", 2), AT + DAY)
    other.push()
    snapshot = one.snapshot
    hurt(snapshot, how)
    one.push()
    assert damage(snapshot) == ""
    assert one.scans() == ["1.0", "1.1"]


@pytest.mark.parametrize("how", ["table cut short", "meta gone", "meta cut short"])
def test_what_no_branch_has_whole_is_not_pushed_and_said(one: Machine, machine: Made, tmp_path: Path, how: str) -> None:
    first = one.snapshot
    one.run(scan(tmp_path / "1.1", 2), AT + DAY)
    [new] = [path for path in (one.place.history / "snapshots").iterdir() if path != first]
    hurt(new, how)
    assert one.push()
    [said] = one.said
    assert said.startswith(f"{new}: {DAMAGES[how][0]} ")
    assert said.endswith(": it is not pushed; restore it, or delete it")
    fresh = machine("fresh")
    fresh.pull()
    assert fresh.scans() == ["1.0"]
    assert fresh.place.tickets() == one.place.tickets()


def test_a_scan_that_is_damaged_on_the_branch_is_mended_from_here(one: Machine, machine: Made, tmp_path: Path) -> None:
    """Pushed by a release that did not look."""
    bare, other = tmp_path / "o.git", tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "h", str(bare), str(other)], check=True)  # noqa: S607
    cut(next(other.glob("history/snapshots/*/occurrences.parquet")))
    asked = ["git", "-C", str(other), "-c", "user.name=x", "-c", "user.email=x@x.example"]
    subprocess.run([*asked, "commit", "-qam", "x"], check=True)
    subprocess.run([*asked, "push", "-q"], check=True)
    before = one.kept.ids()
    assert one.pull() == []
    assert one.kept.ids() == before
    assert "is damaged on the branch (occurrences.parquet cannot be read); the one here is kept" in one.said[0]
    assert one.push()
    fresh = machine("fresh")
    fresh.pull()
    assert fresh.kept.ids() == before


@pytest.mark.parametrize("kind", ["tickets", "trackers", "runs"])
def test_so_are_small_files(one: Machine, kind: str) -> None:
    one.place.history.joinpath("trackers").mkdir(exist_ok=True)
    (one.place.history / "trackers" / "x.json").write_text("{}")
    one.push()
    before = one.kept.ids()
    path = next((one.place.history / kind).iterdir())
    path.write_bytes(path.read_bytes()[:1])
    assert not one.push()
    assert one.kept.ids() == before


# What a person does on purpose


def test_a_scan_that_was_removed_on_purpose_stays_removed(one: Machine, machine: Made) -> None:
    shutil.rmtree(one.snapshot)
    one.push()
    fresh = machine("fresh")
    fresh.pull()
    assert one.scans() == fresh.scans() == []
    assert one.said == []


def test_a_scan_that_was_moved_on_purpose_stays_moved(one: Machine, machine: Made, tmp_path: Path) -> None:
    one.run(tmp_path / "1.0", AT - DAY, record_only=True)
    one.push()
    fresh = machine("fresh")
    fresh.pull()
    [moved] = History(fresh.place.history).snapshots("main")
    assert moved.taken_at == AT - DAY
    assert one.said == []


def test_a_scan_that_was_accepted_stays_so_where_it_is_mended(one: Machine, tmp_path: Path) -> None:
    History(one.place.history).accept(one.snapshot.name)
    cut(one.snapshot / "occurrences.parquet")
    one.push()
    assert (one.snapshot / "accepted").exists()
    assert damage(one.snapshot) == ""


def test_what_a_killed_move_left_is_no_damage(one: Machine) -> None:
    """The scan stands anew, and what it was called meanwhile was half removed."""
    former = Path(shutil.copytree(one.snapshot, one.snapshot.with_name(f"{one.snapshot.name}.former")))
    (former / "meta.json").unlink()
    assert not one.push()
    assert one.said == []


# Without a branch


@pytest.mark.parametrize("count", [1, 2], ids=["the same scan", "another"])
def test_a_scan_without_meta_is_recorded_again(one: Machine, tmp_path: Path, count: int) -> None:
    folder = one.snapshot
    (folder / "meta.json").unlink()
    (tmp_path / "1.1").mkdir()
    told = one.run(tmp_path / "1.0" if count == 1 else scan(tmp_path / "1.1", 2), AT + DAY)
    noted = [w for w in told["warnings"] if "has no meta.json" in w]
    assert noted == ([] if count == 1 else [
        f"{folder} has no meta.json, and its scan does not count: `triagebot history pull` brings it back where a "
        "branch keeps it; else delete the folder"
    ])  # fmt: skip
    assert one.scans() == ["1.0" if count == 1 else "1.1"]
    one.run(tmp_path / "1.0", AT + 2 * DAY)
    assert "1.0" in one.scans()


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"label": "x"}), '{"label'])
def test_a_meta_that_is_none_is_one_line_that_says_what_to_do(one: Machine, tmp_path: Path, text: str) -> None:
    (one.snapshot / "meta.json").write_text(text)
    with pytest.raises(InputError) as fault:
        one.run(tmp_path / "1.0", AT + DAY)
    assert fault.value.place == str(one.snapshot / "meta.json")
    assert "or delete its folder: then this scan is forgotten, and can be recorded again" in fault.value.remedy
