"""What a run remembers, and that two runs never both write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import config
from triagebot.errors import InputError, LeaseError, UnsafeError
from triagebot.history import History
from triagebot.lease import LEASE_SECONDS

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.create(tmp_path / "place")


def many(image: str, number: int, **kwargs: str) -> dict[str, object]:
    return trivy(image, [vulnerability(f"CVE-2026-{1000 + i}") for i in range(number)], **kwargs)


def test_a_second_run_is_refused_while_one_holds_the_lease(place: Place, tmp_path: Path) -> None:
    scan = write(tmp_path / "one", a=many("a/a:1", 1))
    history = History(place.history)
    with history.lease(), pytest.raises(LeaseError) as refused:
        place.run(scan, DAY)
    assert refused.value.exit_code == 4
    assert f"process {os.getpid()}" in str(refused.value)
    assert not (place.folder / "tickets").exists()
    assert place.run(scan, DAY).exit_code == 0


@pytest.mark.parametrize(
    "left",
    [
        {"host": "elsewhere", "pid": 1, "token": "x", "expires": 1.0},
        "half writ",
    ],
)
def test_a_lease_that_was_left_behind_ends(place: Place, tmp_path: Path, left: object) -> None:
    place.history.mkdir(parents=True)
    (place.history / "lease.json").write_text(json.dumps(left) if isinstance(left, dict) else str(left))
    assert place.run(write(tmp_path / "one", a=many("a/a:1", 1)), DAY).exit_code == 0


def test_a_lease_of_another_machine_is_waited_for(place: Place, tmp_path: Path) -> None:
    place.history.mkdir(parents=True)
    held = {"host": "elsewhere", "pid": 1, "token": "x", "expires": datetime.now(UTC).timestamp() + LEASE_SECONDS}
    (place.history / "lease.json").write_text(json.dumps(held))
    with pytest.raises(LeaseError, match="elsewhere"):
        place.run(write(tmp_path / "one", a=many("a/a:1", 1)), DAY)
    assert json.loads((place.history / "lease.json").read_text()) == held


def test_a_lease_is_renewed_and_its_loss_is_noticed(place: Place) -> None:
    history = History(place.history)
    lease = place.history / "lease.json"
    with history.lease():
        held = json.loads(lease.read_text())
        lease.write_text(json.dumps({**held, "expires": held["expires"] - LEASE_SECONDS + 60}))
        history.renew()
        assert json.loads(lease.read_text())["expires"] > held["expires"] - 60
        lease.write_text(json.dumps({**held, "token": "another"}))
        with pytest.raises(LeaseError, match="another run took the history"):
            history.renew()
    assert "another" in lease.read_text()


def test_of_two_runs_at_once_one_ends_with_4_and_nothing_is_lost(place: Place, tmp_path: Path) -> None:
    scan = write(tmp_path / "one", **{f"r{i}": many(f"a/image{i}:1", 2) for i in range(20)})
    words = [
        sys.executable,
        "-m",
        "triagebot",
        "run",
        str(scan),
        "--now",
        DAY.isoformat(),
        "--taken-at",
        DAY.isoformat(),
    ]
    seen = set()
    for _ in range(5):
        runs = [subprocess.Popen(words, cwd=place.folder, stdout=-1, stderr=-1) for _ in range(3)]
        codes = [run.wait(60) for run in runs]
        for run in runs:
            run.communicate()
        assert set(codes) <= {0, 4}
        assert 0 in codes
        seen |= set(codes)
    assert seen == {0, 4}
    assert len(list((place.folder / "tickets").glob("*.md"))) == 20
    assert not list(place.history.glob(".aside*"))
    assert not (place.history / "lease.json").exists()


def test_without_its_cache_the_history_says_the_same(place: Place, tmp_path: Path) -> None:
    for week in range(3):
        told = place.run(write(tmp_path / f"w{week}", a=many(f"a/a:1.{week}", 5 - week)), DAY + week * WEEK)
    with_cache = History(place.history).state("main")
    shutil.rmtree(place.history / "cache")
    without = History(place.history).state("main")
    assert without.arithmetic == with_cache.arithmetic
    assert told.document["diff"]["previous"] == 4
    for table in ("shown", "known", "gone"):
        assert getattr(without.belief, table).equals(getattr(with_cache.belief, table)), table


def test_two_histories_merge_by_union(place: Place, tmp_path: Path) -> None:
    place.run(write(tmp_path / "w0", a=many("a/a:1.0", 3)), DAY)
    other = place.copy(tmp_path / "other")
    place.run(write(tmp_path / "w1", a=many("a/a:1.1", 4)), DAY + WEEK)
    other.run(write(tmp_path / "w2", a=many("a/a:1.2", 5)), DAY + 2 * WEEK)
    shutil.copytree(other.history, place.history, dirs_exist_ok=True)
    state = History(place.history).state("main")
    assert (state.belief.scans, state.arithmetic.previous, state.arithmetic.current) == (3, 4, 5)


def test_an_older_scan_is_only_imported_on_request(place: Place, tmp_path: Path) -> None:
    place.run(write(tmp_path / "new", a=many("a/a:1.1", 3)), DAY + WEEK)
    old = write(tmp_path / "old", a=many("a/a:1.0", 2))
    with pytest.raises(InputError, match="--record-only"):
        place.run(old, DAY)
    place.run(old, DAY, record_only=True)
    state = History(place.history).state("main")
    assert (state.arithmetic.previous, state.arithmetic.new, state.arithmetic.current) == (2, 1, 3)


@pytest.mark.parametrize("tag", ["1.0", "1.1", "next"])
def test_a_scan_that_falls_is_set_aside_until_accepted(place: Place, tmp_path: Path, tag: str) -> None:
    """Under the same tag, one of the same line, or one that took its place."""
    place.run(write(tmp_path / "w0", a=many("a/a:1.0", 30), b=many("a/b:1.0", 30)), DAY)
    tickets = place.ticket_bytes()
    fallen = write(tmp_path / "w1", a=many(f"a/a:{tag}", 0), b=many(f"a/b:{tag}", 29))
    for _ in range(2):
        with pytest.raises(UnsafeError, match=r"60 to 29 .*--accept-drop"):
            place.run(fallen, DAY + WEEK)
        assert place.ticket_bytes() == tickets
    told = place.run(fallen, DAY + WEEK, accept_drop=True)
    assert told.document["diff"] | {"fixed": 31, "current": 29} == told.document["diff"]
    told = place.run(write(tmp_path / "w2", a=many(f"a/a:{tag}", 0), b=many(f"a/b:{tag}", 28)), DAY + 2 * WEEK)
    assert told.document["diff"]["previous"] == 29


def test_dry_run_and_plan_leave_nothing_behind(place: Place, tmp_path: Path) -> None:
    scan = write(tmp_path / "w0", a=many("a/a:1.0", 3))
    told = place.run(scan, DAY, dry_run=True)
    assert told.document["plan"]["create"] == 1
    assert told.document["actions"][0]["outcome"] == "planned"
    assert [p.name for p in place.folder.iterdir()] == ["triagebot.yaml"]


def test_a_broken_snapshot_is_named(place: Place, tmp_path: Path) -> None:
    place.run(write(tmp_path / "w0", a=many("a/a:1.0", 3)), DAY)
    [table] = (place.history / "snapshots").glob("*/occurrences.parquet")
    table.write_bytes(b"no parquet")
    shutil.rmtree(place.history / "cache")
    with pytest.raises(InputError, match="snapshot cannot be read"):
        place.run(write(tmp_path / "w1", a=many("a/a:1.1", 3)), DAY + WEEK)


def test_the_settings_of_a_scan_go_with_it(place: Place, tmp_path: Path) -> None:
    """Replaying does not judge old scans by today's inventory."""
    (place.folder / "images.txt").write_text("a/a\n")
    (place.folder / "triagebot.yaml").write_text("inventory: images.txt\n")
    both = write(tmp_path / "w0", a=many("a/a:1.0", 3), b=many("a/b:1.0", 3))
    place.run(both, DAY)
    told = place.run(write(tmp_path / "w1", a=many("a/a:1.1", 3)), DAY + WEEK)
    assert told.document["diff"]["retired"] == 3
    (place.folder / "triagebot.yaml").write_text("{}\n")
    shutil.rmtree(place.history / "cache")
    assert History(config.load(place.folder / "triagebot.yaml").history).state("main").arithmetic.retired == 3


def test_a_scan_from_the_future_is_refused(place: Place, tmp_path: Path) -> None:
    """It would make every later scan an older one."""
    with pytest.raises(InputError, match="ahead of now"):
        place.run(write(tmp_path / "w0", a=many("a/a:1.0", 1)), DAY, later=-timedelta(hours=1))
    assert not place.history.exists()
