"""Two copies of a history become one: what either recorded stays, what either settled does not come back."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triagebot.history import History
from triagebot.model import Marker, Ticket
from triagebot.union import Kept, unite

DAY = [datetime(2026, 5, day, tzinfo=UTC) for day in range(1, 10)]


def kept(folder: Path) -> Kept:
    return Kept({"history": folder})


def ticket(number: int = 1, is_open: bool = True, title: str = "one") -> Ticket:
    marker = Marker(key=f"image:a/{number}", stream="main", digest="d")
    return Ticket(id=f"acme/p#{number}", url="", tracker="t", marker=marker, is_open=is_open, title=title)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A history with a known ticket, an intent, a run and a snapshot."""
    history = History(tmp_path / "base")
    history.remember(ticket(), DAY[0])
    history.intend("t", "image:a/9", DAY[0])
    history.record_run("r0", {"run": 0})
    snapshot(tmp_path / "base", "s0", [])
    return tmp_path / "base"


def snapshot(folder: Path, name: str, reasons: list[str]) -> None:
    target = folder / "snapshots" / name
    target.mkdir(parents=True)
    (target / "occurrences.parquet").write_bytes(b"rows")
    (target / "meta.json").write_text(json.dumps({"reasons": reasons}))


def two(base: Path) -> tuple[Path, Path]:
    return tuple(Path(shutil.copytree(base, base.with_name(name))) for name in ("ours", "theirs"))  # type: ignore[return-value]


def merged(base: Path, ours: Path, theirs: Path) -> Path:
    """What comes of it; both ways give the same, but for what was published first."""
    there = Path(shutil.copytree(theirs, base.with_name("there")))
    mine = Path(shutil.copytree(ours, base.with_name("mine")))
    ground = kept(base).ids()
    unite(kept(ours), kept(theirs), ground)
    unite(kept(there), kept(mine), ground)
    assert kept(ours).ids() == kept(there).ids()
    return ours


def test_what_either_recorded_stays(base: Path) -> None:
    ours, theirs = two(base)
    History(ours).record_run("r1", {"run": 1})
    snapshot(theirs, "s1", [])
    History(theirs).remember(ticket(2), DAY[1])
    found = merged(base, ours, theirs)
    assert {p.name for p in (found / "runs").iterdir()} == {"r0.json", "r1.json"}
    assert {p.name for p in (found / "snapshots").iterdir()} == {"s0", "s1"}
    assert {key for _, key in History(found).tickets()} == {"acme/p#1", "acme/p#2"}


def test_what_one_settled_does_not_come_back(base: Path) -> None:
    ours, theirs = two(base)
    History(ours).settle("t", "image:a/9")
    History(ours).forget("t", "acme/p#1")
    History(theirs).remember(ticket(title="another"), DAY[1])
    found = merged(base, ours, theirs)
    assert History(found).intents() == []
    assert History(found).tickets() == {}, "a ticket of another id would be taken for one that a person deleted"


def test_without_a_ground_it_is_a_plain_union(base: Path) -> None:
    ours, theirs = two(base)
    History(ours).settle("t", "image:a/9")
    assert unite(kept(ours), kept(theirs), {}) != []
    assert len(History(ours).intents()) == 1


def test_of_a_ticket_the_one_that_knows_more_stays_with_the_earliest_times(base: Path) -> None:
    ours, theirs = two(base)
    History(ours).remember(ticket(is_open=False, title="late"), DAY[3])
    History(theirs).remember(ticket(is_open=False), DAY[2])
    found = History(merged(base, ours, theirs)).tickets()["t", "acme/p#1"]
    assert found.closed_seen == DAY[2].isoformat()


def test_a_deleted_ticket_stays_deleted_and_an_open_one_gives_way_to_a_closed_one(base: Path) -> None:
    ours, theirs = two(base)
    known = History(ours).tickets()["t", "acme/p#1"]
    History(ours).note_deleted(known, DAY[4])
    History(theirs).remember(ticket(title="renamed"), DAY[1])
    assert History(merged(base, ours, theirs)).tickets()["t", "acme/p#1"].deleted_seen == DAY[4].isoformat()


def test_a_scan_that_one_believed_is_believed(base: Path) -> None:
    ours, theirs = two(base)
    snapshot(ours, "s1", ["fell by half"])
    snapshot(theirs, "s1", [])
    found = merged(base, ours, theirs)
    assert json.loads((found / "snapshots/s1/meta.json").read_text())["reasons"] == []


def test_what_trackers_learnt_differently_is_learnt_anew(base: Path) -> None:
    ours, theirs = two(base)
    for n, folder in enumerate((ours, theirs)):
        History(folder).note_memory("t", {"since": DAY[n].isoformat()}, [])
    assert list((merged(base, ours, theirs) / "trackers").iterdir()) == []


def test_shortcuts_and_leases_stay_where_they_are(base: Path) -> None:
    for name in ("cache/main/x.parquet", "lease.json", "pulled.json", ".aside-file-1/x", "runs/.aside-file-2"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("x")
    assert not [name for name in kept(base).files() if "aside" in name or "cache" in name or name.count("/") == 1]


def test_a_copy_cannot_write_outside_its_folders(tmp_path: Path) -> None:
    assert kept(tmp_path / "h").path("history/../../outside") is None
    assert kept(tmp_path / "h").path("elsewhere/x") is None


NAMES = st.sampled_from([f"history/{kind}/{n}.json" for kind in ("runs", "intents", "other") for n in range(3)])
CHANGES = st.dictionaries(NAMES, st.sampled_from(["", "one", "two"]), max_size=6)


@given(CHANGES, CHANGES, CHANGES)
def test_nothing_that_one_added_is_lost(
    tmp_path_factory: pytest.TempPathFactory, start: dict[str, str], mine: dict[str, str], other: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("copies")
    copies = [put(folder / name, start | changes) for name, changes in (("base", {}), ("o", mine), ("t", other))]
    ground = copies[0].ids()
    before = [copy.ids() for copy in copies]
    unite(copies[1], copies[2], ground)
    after = copies[1].ids()
    for name in {*before[1], *before[2]} - set(ground):
        assert after[name] in (before[1].get(name), before[2].get(name))
    assert unite(copies[1], copies[2], ground) == [] or after == copies[1].ids()
    assert copies[2].ids() == before[2], "theirs is only read"


def put(folder: Path, files: dict[str, str]) -> Kept:
    made = Kept({"history": folder})
    for name, text in files.items():
        target = folder / name.removeprefix("history/")
        if text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        elif target.exists():
            target.unlink()
    return made
