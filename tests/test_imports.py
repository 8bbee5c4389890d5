"""Taking in past scans, in whatever order: the same is believed, the trend is the same, each import costs one scan."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import config, diff, history, look
from triagebot.errors import UnsafeError
from triagebot.history import History
from triagebot.look import Options

START = datetime(2025, 5, 4, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
NOW = START + 52 * WEEK
ROOT = Path(__file__).resolve().parent.parent


def year(folder: Path, weeks: int, images: int = 4) -> list[Path]:
    """One scan folder a week, named after its day: findings come and go, a report fails or is missing, tags change."""
    draw = random.Random(7)  # noqa: S311 - the same scans every time
    held: dict[int, dict[str, dict[str, Any]]] = {image: {} for image in range(images)}
    named = iter(range(10_000, 99_999))
    scans = []
    for week in range(weeks):
        at = START + week * WEEK
        reports: dict[str, dict[str, Any]] = {}
        for image, entries in held.items():
            for cve in [cve for cve in entries if draw.random() < 0.15]:
                del entries[cve]
            while len(entries) < 6:
                cve = f"CVE-2025-{next(named)}"
                severity = draw.choice(["CRITICAL", "HIGH", "MEDIUM", "LOW"])
                entries[cve] = vulnerability(cve, f"p{draw.randrange(9)}", severity=severity)
            if draw.random() < 0.1:
                continue
            tag = f"shop/app-{image}:1.{week // 3}"
            digest = f"sha256:{image:032x}{week // 2:032x}"
            reports[f"app-{image}"] = trivy(tag, entries.values(), digest=digest, at=at.isoformat())
        scans.append(write(folder / f"{at:%Y-%m-%d}", **reports))
    return scans


def imported(place: Place, scans: list[Path], **options: Any) -> list[str]:
    """Each scan taken in as `run --record-only` does; what was warned of."""
    said = []
    for scan in scans:
        settings = config.load(place.folder / "triagebot.yaml")
        from triagebot import app

        document = app.run(settings, scan, Options(now=NOW, record_only=True, **options)).document
        assert document["errors"] == []
        said += document["warnings"]
    return said


def same(one: Place, other: Place) -> bool:
    """Whether two places believe the same, and tell the same of how it came to that."""
    mine, theirs = (History(place.history) for place in (one, other))
    belief, its = mine.state("main", keep_cache=False).belief, theirs.state("main", keep_cache=False).belief
    tables = ("shown", "known", "gone", "tags", "coverage", "aliases", "ratings")
    told = [getattr(belief, name).equals(getattr(its, name)) for name in tables]
    return all(told) and mine.trail("main") == theirs.trail("main") and belief.scans == its.scans


ORDERS: dict[str, Callable[[list[Path]], list[Path]]] = {
    "newest first": lambda scans: scans[::-1],
    "odd ones later": lambda scans: scans[::2] + scans[1::2],
    "the middle last": lambda scans: scans[:5] + scans[9:] + scans[5:9],
    "shuffled": lambda scans: random.Random(3).sample(scans, len(scans)),  # noqa: S311
}


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return year(tmp_path_factory.mktemp("year"), 14)


@pytest.fixture(scope="module")
def in_order(scans: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.create(tmp_path_factory.mktemp("in-order") / "place")
    imported(place, scans)
    return place


def test_the_year_has_something_to_tell(in_order: Place, scans: list[Path]) -> None:
    trail = History(in_order.history).trail("main")
    assert [point.label for point in trail] == [scan.name for scan in scans]
    for change in ("new", "fixed", "withdrawn", "unverified"):
        assert any(getattr(point.arithmetic, change) for point in trail), change


@pytest.mark.parametrize("order", ORDERS)
def test_belief_and_trail_are_the_same_whatever_the_order(
    in_order: Place, scans: list[Path], tmp_path: Path, order: str
) -> None:
    other = Place.create(tmp_path / "place")
    mixed = ORDERS[order](scans)
    assert mixed != scans
    assert sorted(mixed) == scans
    imported(other, mixed)
    assert same(in_order, other)


@pytest.mark.parametrize("order", ["odd ones later", "shuffled"])
def test_a_run_between_imports_changes_nothing_of_it(
    in_order: Place, scans: list[Path], tmp_path: Path, order: str
) -> None:
    """What is cached in between is not taken for what it no longer is."""
    other = Place.create(tmp_path / "place")
    for scan in ORDERS[order](scans):
        imported(other, [scan, scan])
        History(other.history).state("main")
        History(other.history).trail("main", keep=True)
    assert same(in_order, other)


def test_scans_of_one_time_are_the_same_whatever_the_order(tmp_path: Path) -> None:
    """Two scanners that were told one time by --taken-at; the label decides which is the later."""
    first = write(tmp_path / "a", one=trivy("shop/app:1", [vulnerability("CVE-2026-0001")]))
    second = write(tmp_path / "b", one=trivy("shop/app:1", [vulnerability("CVE-2026-0002")]))
    places = [Place.create(tmp_path / "x"), Place.create(tmp_path / "y"), Place.create(tmp_path / "z")]
    for place, order in zip(places, ((first, second), (second, first), (second, first)), strict=True):
        for scan in order:
            place.run(scan, START, record_only=place is not places[2])
    assert same(places[0], places[1])
    assert same(places[0], places[2])
    assert History(places[0].history).state("main").last.label == "b"  # type: ignore[union-attr]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is called of what is dear: scans compared, snapshots read back, trackers connected."""
    calls: list[str] = []

    def counting(module: Any, name: str) -> None:
        held = getattr(module, name)

        def call(*args: Any, **named: Any) -> Any:
            calls.append(name)
            return held(*args, **named)

        monkeypatch.setattr(module, name, call)

    counting(diff, "advance")
    counting(history, "advance")
    counting(History, "scan")
    counting(look, "connected")
    return calls


@pytest.mark.parametrize("backwards", [False, True], ids=["oldest first", "newest first"])
def test_an_import_costs_one_scan_however_many_there_are(
    scans: list[Path], tmp_path: Path, counted: list[str], backwards: bool
) -> None:
    place = Place.create(tmp_path / "place")
    for scan in scans[:: -1 if backwards else 1]:
        counted.clear()
        imported(place, [scan])
        assert counted == ["advance"], f"{scan.name}: one step, nothing replayed, nothing read back, no tracker asked"


def test_the_run_after_an_import_replays_once_and_not_again(
    scans: list[Path], tmp_path: Path, counted: list[str]
) -> None:
    place = Place.create(tmp_path / "place")
    imported(place, scans[1:-1][::-1])
    counted.clear()
    place.run(scans[-1], NOW)
    assert counted.count("advance") == len(scans) - 1
    counted.clear()
    imported(place, scans[:1])
    assert counted == ["advance"]
    place.run(scans[-1], NOW)
    counted.clear()
    place.run(scans[-1], NOW)
    assert "advance" not in counted


def test_what_an_import_says_is_of_the_scan_itself(scans: list[Path], tmp_path: Path) -> None:
    from triagebot import app

    place = Place.create(tmp_path / "place")
    imported(place, scans[1:3])
    told = app.run(config.load(place.folder / "triagebot.yaml"), scans[0], Options(now=NOW, record_only=True))
    document = told.document
    assert (document["scan"]["label"], document["scan"]["taken_at"][:10]) == (scans[0].name, scans[0].name)
    assert document["diff"]["previous"] == 0
    assert (
        document["diff"]["current"] == document["diff"]["new"] == sum(t["total"] for t in document["totals"].values())
    )
    assert document["warnings"] == [
        f"scan {scans[0].name} is recorded; it is older than the last one ({scans[2].name}): these are the figures of "
        "it alone, and it falls into its place at the next run"
    ]
    again = app.run(config.load(place.folder / "triagebot.yaml"), scans[0], Options(now=NOW, record_only=True))
    assert "was recorded before" in again.document["warnings"][0]
    assert len(History(place.history).snapshots("main")) == 3


def test_an_import_asks_no_tracker_and_needs_no_token(scans: list[Path], tmp_path: Path) -> None:
    settings = "trackers: {default: {type: github, repo: acme/platform, token_env: NO_SUCH_TOKEN}}\n"
    place = Place.create(tmp_path / "place", settings)
    assert imported(place, scans[:2]) == []


def test_a_scan_that_was_set_aside_is_not_let_in_by_being_old(scans: list[Path], tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "drop_fraction: 0.5\n")
    blind = write(
        tmp_path / "blind",
        **{f"app-{n}": trivy(f"shop/app-{n}:1.0", [], at=(START + 5 * WEEK).isoformat()) for n in range(4)},
    )
    imported(place, scans[:5])
    with pytest.raises(UnsafeError, match="findings fell from"):
        imported(place, [blind])
    imported(place, scans[6:8])
    with pytest.raises(UnsafeError, match="findings fell from"):
        imported(place, [blind])
    assert len(History(place.history).trail("main")) == 7
    imported(place, [blind], accept_drop=True)
    assert len(History(place.history).trail("main")) == 8


def test_an_import_may_be_tried_first(scans: list[Path], tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    imported(place, scans[1:3])
    before = sorted(place.history.rglob("*"))
    imported(place, scans[:1], dry_run=True)
    assert sorted(place.history.rglob("*")) == before


def test_the_loop_of_the_readme_takes_in_a_year(tmp_path: Path) -> None:
    """The shell loop that people copy, with the product on the path, over folders named after their day."""
    year(tmp_path / "scans", 6)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (loop,) = (block for block in readme.split("```sh\n")[1:] if "--record-only" in block)
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        ["/bin/sh", "-c", loop.partition("```")[0]],
        cwd=tmp_path, env={"PATH": f"{bin_}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set aside" not in done.stderr
    trail = History(tmp_path / ".triagebot").trail("main")
    assert [point.label for point in trail] == sorted(path.name for path in (tmp_path / "scans").iterdir())
    assert [f"{point.taken_at:%Y-%m-%d}" for point in trail] == [point.label for point in trail]
    assert not (tmp_path / "tickets").exists()
