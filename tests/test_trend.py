"""The trend: a point per scan, what each scan changed and why, and that none of it is trusted over the snapshots."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import diff
from triagebot.history import History
from triagebot.model import SEVERITIES

DAY = datetime(2026, 5, 4, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.create(tmp_path / "place", "drop_fraction: 1\n")


def scan(folder: Path, reports: list[dict[str, Any]]) -> Path:
    return write(folder, **{f"r{at}": report for at, report in enumerate(reports)})


def weeks(tmp_path: Path) -> list[Path]:
    """Four scans in which findings come, go, change their severity and come back, and images come and go."""
    one, two, three = (vulnerability(f"CVE-2026-{n}") for n in (1, 2, 3))
    worse = vulnerability("CVE-2026-2", severity="CRITICAL", fixed="")
    return [
        scan(tmp_path / "w0", [trivy("a/a:1", [one, two]), trivy("b/b:1", [one])]),
        scan(tmp_path / "w1", [trivy("a/a:2", [worse, three]), trivy("b/b:1", [one])]),
        scan(tmp_path / "w2", [trivy("a/a:3", [worse, one]), trivy("c/c:1", [vulnerability("CVE-2026-9")])]),
        scan(tmp_path / "w3", [trivy("a/a:4", []), trivy("b/b:2", [one, two, three]), trivy("c/c:1", [])]),
    ]


def played(place: Place, scans: list[Path]) -> list[dict[str, Any]]:
    return [place.run(scan, DAY + at * WEEK).document for at, scan in enumerate(scans)]


def test_each_point_says_what_its_run_said(place: Place, tmp_path: Path) -> None:
    told = played(place, weeks(tmp_path))
    for point, document in zip(History(place.history).trail("main"), told, strict=True):
        totals = {s: (document["totals"][s]["total"], document["totals"][s]["fixable"]) for s in SEVERITIES}
        assert point.totals == totals
        assert (point.images_total, point.images_serious) == (
            document["images_total"],
            document["images_with_critical_or_high"],
        )
        assert vars(point.arithmetic) == document["diff"]
        assert (point.label, point.taken_at.isoformat()) == (document["scan"]["label"], document["scan"]["taken_at"])


def test_what_changed_leads_from_each_point_to_the_next(place: Place, tmp_path: Path) -> None:
    played(place, weeks(tmp_path))
    history = History(place.history)
    trail = history.trail("main")
    changed = history.events("main", 0)
    seen = set()
    for at in range(1, len(trail)):
        rows = changed.filter(pl.col("scan") == at)
        counted = Counter(rows["change"].to_list())
        line = vars(trail[at].arithmetic)
        assert {c: counted[c] for c in line if c in seen | counted.keys()} == {
            c: line[c] for c in line if c in seen | counted.keys()
        }
        seen |= counted.keys()
        for severity in SEVERITIES:
            now, was = rows.filter(severity=severity), rows.filter(was_severity=severity)
            assert trail[at].of(severity) - trail[at - 1].of(severity) == now.height - was.height
            moved = int(now["fixable"].sum()) - int(was["was_fixable"].sum())
            assert trail[at].fixable(severity) - trail[at - 1].fixable(severity) == moved
    assert seen == {"new", "fixed", "persisting", "reappeared"}
    assert history.events("main", 2).equals(changed.filter(pl.col("scan") >= 2))


def test_a_run_adds_one_step_and_takes_no_other_in_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = weeks(tmp_path)
    played(place, scans[:3])
    taken = []
    advance = diff.advance
    monkeypatch.setattr("triagebot.history.advance", lambda *a: taken.append(1) or advance(*a))
    place.run(scans[3], DAY + 3 * WEEK)
    assert len(History(place.history).trail("main")) == 4
    History(place.history).events("main", 0)
    assert taken == []


@pytest.mark.parametrize("harm", ["removed", "broken", "old-kind", "one-lost"])
def test_kept_steps_are_never_trusted_over_the_snapshots(place: Place, tmp_path: Path, harm: str) -> None:
    played(place, weeks(tmp_path))
    trail, changed = History(place.history).trail("main"), History(place.history).events("main", 0)
    kept = place.history / "cache" / "trail" / "main"
    files = sorted(kept.iterdir())
    assert len(files) == 8
    if harm == "removed":
        shutil.rmtree(kept)
    for path in files if harm in ("broken", "old-kind") else files[:1] if harm == "one-lost" else ():
        if harm == "one-lost":
            path.unlink()
        elif harm == "broken":
            path.write_bytes(path.read_bytes()[:40])
        elif path.suffix == ".parquet":
            pl.DataFrame({"other": [1]}).write_parquet(path)
    assert History(place.history).trail("main") == trail
    assert History(place.history).events("main", 0).sort(pl.all()).equals(changed.sort(pl.all()))
    with History(place.history).lease():
        History(place.history).trail("main", keep=True)
    assert harm in ("broken", "old-kind") or sorted(kept.iterdir()) == files


def test_an_older_scan_that_is_imported_moves_the_steps_after_it(place: Place, tmp_path: Path) -> None:
    scans = weeks(tmp_path)
    for at in (0, 2, 3):
        place.run(scans[at], DAY + at * WEEK)
    place.run(scans[1], DAY + WEEK, record_only=True)
    imported = History(place.history).trail("main")
    History(place.history).state("main")  # as the next run does
    assert len(list((place.history / "cache" / "trail" / "main").iterdir())) == 8
    other = Place.create(tmp_path / "other", "drop_fraction: 1\n")
    played(other, scans)
    assert imported == History(other.history).trail("main")


def test_streams_have_trails_of_their_own(place: Place, tmp_path: Path) -> None:
    scans = weeks(tmp_path)
    played(place, scans[:2])
    place.run(scans[2], DAY + 2 * WEEK, stream="main-2")
    assert [p.label for p in History(place.history).trail("main")] == ["w0", "w1"]
    assert [p.label for p in History(place.history).trail("main-2")] == ["w2"]


def why(place: Place, tmp_path: Path, *scans: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """The cause of each change of the last scan, by (asset, change)."""
    played(place, [scan(tmp_path / f"s{at}", reports) for at, reports in enumerate(scans)])
    rows = History(place.history).events("main", len(scans) - 1)
    return {(asset.rpartition("/")[2], c): why for asset, c, why in rows.select("asset", "change", "why").iter_rows()}


ZLIB, SSL = vulnerability("CVE-2026-1", "zlib"), vulnerability("CVE-2026-2", "openssl")
ZLIB_TOO = vulnerability("CVE-2026-3", "zlib")
ZLIB_UP = vulnerability("CVE-2026-3", "zlib", installed="1.1-r0", fixed="1.1-r1")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            [trivy("a/a:1", [ZLIB], digest=OLD)], [trivy("a/a:2", [ZLIB, ZLIB_TOO], digest=NEW)],
            {("a", "new"): "advisory"}, id="another tag, but the package is the one that was there",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB], digest=OLD)], [trivy("a/a:2", [ZLIB, SSL], digest=NEW)],
            {("a", "new"): "image"}, id="another image with a package that was not seen there",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB], digest=OLD)], [trivy("a/a:1", [ZLIB, SSL], digest=OLD)],
            {("a", "new"): "advisory"}, id="the same digest",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB])], [trivy("a/a:1", [ZLIB_UP])],
            {("a", "new"): "image", ("a", "fixed"): "image"}, id="the same tag without a digest, and another version",
        ),
        pytest.param(
            [trivy("a/a:1", [], digest=OLD), trivy("b/b:1", [], digest=OLD)],
            [trivy("a/a:1", [SSL], digest=OLD), trivy("b/b:2", [SSL], digest=NEW)],
            {("a", "new"): "advisory", ("b", "new"): "advisory"}, id="news, as an image that did not change shows",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB])], [trivy("a/a:1", [ZLIB]), trivy("b/b:1", [SSL])],
            {("b", "new"): "scope"}, id="an image that nobody looked at before",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB, ZLIB_TOO])], [trivy("a/a:2", [ZLIB])],
            {("a", "fixed"): "advisory"}, id="gone, but the package is there as it was",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB, SSL], digest=OLD)], [trivy("a/a:1", [ZLIB], digest=OLD)],
            {("a", "withdrawn"): "advisory"}, id="withdrawn",
        ),
        pytest.param(
            [trivy("a/a:1", [ZLIB])], [trivy("a/a:2", [{**ZLIB, "Severity": "LOW"}])],
            {("a", "persisting"): "advisory"}, id="rated otherwise",
        ),
    ],
)  # fmt: skip
def test_causes_are_told_apart(
    place: Place, tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], expected: dict[Any, str]
) -> None:
    assert why(place, tmp_path, before, after) == expected
