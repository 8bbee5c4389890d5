"""Each change, on the smallest scans that show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reports import trivy, vulnerability, write

from triagebot.diff import Scope, Step, advance, learn
from triagebot.identity import inventory_image
from triagebot.model import Belief, Scan
from triagebot.scan import Reading, load
from triagebot.suspicion import suspicion

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
ONE, TWO = vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0002", "zlib")
FAILED = {"exitcode": 1, "stderr": "boom"}


class Series:
    """Scans one week after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.belief, self.week = folder, Belief.nothing(), 0

    def read(self, *reports: dict[str, Any]) -> Scan:
        at = DAY + timedelta(weeks=self.week)
        names = {f"r{i}": report for i, report in enumerate(reports)}
        folder = write(self.folder / str(self.week), **names)
        return load(folder, Reading(now=at, taken_at=at)).scan

    def scan(self, *reports: dict[str, Any], scope: Scope | None = None) -> dict[str, int]:
        """The changes of the next scan, without those that are zero."""
        step = self.step(self.read(*reports), scope)
        counts = dict(step.changes.group_by("change").len().iter_rows())
        assert step.arithmetic.adds_up
        return counts | ({"merged": step.arithmetic.merged} if step.arithmetic.merged else {})

    def step(self, scan: Scan, scope: Scope | None = None) -> Step:
        step = advance(self.belief, scan, scope)
        self.belief, self.week = step.belief, self.week + 1
        return step


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path)


def failed(image: str) -> dict[str, Any]:
    return {**FAILED, "cmd": f"trivy image {image}"}


def test_new_persisting_fixed_reappeared(series: Series) -> None:
    assert series.scan(trivy("a/a:1", [ONE, TWO])) == {"new": 2}
    assert series.scan(trivy("a/a:1", [ONE])) == {"persisting": 1, "fixed": 1}
    assert series.scan(trivy("a/a:1", [ONE, TWO])) == {"persisting": 1, "reappeared": 1}


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (["1.2.3"], ["1.2.4"], "fixed"),  # numbers of one line
        (["v1-3f2a9bc"], ["v1-77aa01d"], "fixed"),  # commit hashes of one line
        (["1.2", "lite"], ["1.3", "lite"], "fixed"),  # beside a tag that stays
        (["old"], ["new"], "fixed"),  # no tag in common
        (["old", "lite"], ["new", "lite"], "unverified"),  # a tag in common, no likeness
        (["1.2", "1.3"], ["1.3"], "unverified"),  # 1.3 was there already: it replaced nothing
        (["1.2"], [], "unverified"),
    ],
)
def test_which_tag_replaces_another(series: Series, before: list[str], after: list[str], change: str) -> None:
    first, *rest = before
    series.scan(trivy(f"a/a:{first}", [ONE]), *(trivy(f"a/a:{tag}", []) for tag in rest), trivy("a/other:1", []))
    assert series.scan(*(trivy(f"a/a:{tag}", []) for tag in after), trivy("a/other:1", [])) == {change: 1}


def test_a_failed_report_never_hides_behind_a_sibling(series: Series) -> None:
    series.scan(trivy("a/a:1", [ONE]), trivy("a/a:2", [TWO]))
    assert series.scan(trivy("a/a:1", []), failed("a/a:2")) == {"fixed": 1, "unverified": 1}
    assert series.scan(failed("a/a:1"), trivy("a/a:2", [])) == {"fixed": 1}


def test_a_report_that_failed_beside_one_that_worked_proves_nothing(series: Series) -> None:
    series.scan(trivy("a/a:1", [ONE]))
    assert series.scan(trivy("a/a:1", []), failed("a/a:1")) == {"unverified": 1}
    assert series.scan(trivy("a/a:1", []), {**FAILED, "cmd": "scan a/a:1"}) == {"unverified": 1}


def test_a_failed_replacement_proves_nothing(series: Series) -> None:
    series.scan(trivy("a/a:1.0", [ONE]))
    assert series.scan(trivy("a/a:1.1", []), failed("a/a:1.2")) == {"unverified": 1}


def test_one_scanner_is_not_the_other(series: Series) -> None:
    match = {"vulnerability": {"id": "CVE-2026-0001", "severity": "High"}, "artifact": {
        "name": "busybox", "version": "1.0-r0", "type": "apk", "purl": "pkg:apk/alpine/busybox@1.0-r0"}}  # fmt: skip
    grype = {
        "matches": [match],
        "source": {"type": "image", "target": {"userInput": "a/a:1"}},
        "descriptor": {"name": "grype"},
    }
    silent = {**grype, "matches": []}
    assert series.scan(trivy("a/a:1", [ONE]), grype) == {"new": 1}
    assert series.scan(trivy("a/a:1", []), grype) == {"persisting": 1}
    assert series.scan(trivy("a/a:1", [])) == {"unverified": 1}
    assert series.scan(trivy("a/a:1", []), silent) == {"fixed": 1}


def test_gone_with_an_unchanged_digest_is_withdrawn(series: Series) -> None:
    same, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    series.scan(trivy("a/a:1", [ONE, TWO], digest=same))
    assert series.scan(trivy("a/a:1", [ONE], digest=same)) == {"persisting": 1, "withdrawn": 1}
    assert series.scan(trivy("a/a:1", [], digest=other)) == {"fixed": 1}


def test_a_new_alias_merges_two_findings(series: Series) -> None:
    ghsa = vulnerability("GHSA-aaaa-bbbb-cccc")
    assert series.scan(trivy("a/a:1", [ONE, ghsa])) == {"new": 2}
    both = {**ONE, "VendorIDs": ["GHSA-aaaa-bbbb-cccc"]}
    assert series.scan(trivy("a/a:1", [both])) == {"persisting": 1, "merged": 1}
    assert series.scan(trivy("a/a:1", [ghsa])) == {"persisting": 1}


def test_aliases_only_ever_merge() -> None:
    import polars as pl

    first = pl.DataFrame({"alias": ["GHSA-1"], "vulnerability": ["CVE-2"]})
    later = pl.DataFrame({"alias": ["GHSA-1", "SNYK-1"], "vulnerability": ["CVE-1", "GHSA-1"]})
    assert dict(learn(first, later).iter_rows()) == {"GHSA-1": "CVE-2", "SNYK-1": "CVE-2"}


@pytest.mark.parametrize(
    ("scope", "after"),
    [
        (Scope(inventory=frozenset([inventory_image("a/kept")])), 1),
        (Scope(retire_after=2), 2),
        (Scope(end_stream=True), 1),
    ],
)
def test_retired_is_not_fixed(series: Series, scope: Scope, after: int) -> None:
    kept = trivy("a/kept:1", [])
    series.scan(trivy("a/a:1", [ONE]), kept, scope=scope)
    for _ in range(after - 1):
        assert series.scan(kept, scope=scope) == {"unverified": 1}
    assert series.scan(kept, scope=scope) == {"retired": 1}
    assert series.belief.gone["how"].to_list() == ["retired"]
    assert series.scan(trivy("a/a:1", [ONE]), kept, scope=scope) == {"reappeared": 1}


def test_a_finding_keeps_its_first_day_and_a_reappeared_one_starts_anew(series: Series) -> None:
    for entries in ([ONE], [ONE], [], [ONE]):
        series.scan(trivy("a/a:1", entries))
    assert series.belief.known["first_seen"].to_list() == [DAY + timedelta(weeks=3)]


def test_a_missing_kind_of_package_is_suspect(series: Series) -> None:
    java = {"Target": "Java", "Class": "lang-pkgs", "Type": "jar"}
    with_java = [trivy(f"a/{i}:1", [ONE]) for i in range(3)]
    for report in with_java[:2]:
        report["Results"].append(java)
    series.scan(*with_java)
    scan = series.read(*(trivy(f"a/{i}:1", [ONE]) for i in range(3)))
    [reason] = suspicion(series.belief, scan, 0.5).reasons
    assert "'jar'" in reason
    assert not suspicion(series.belief, series.read(*with_java), 0.5).reasons


def test_an_older_database_is_suspect(series: Series) -> None:
    def grype(built: str) -> dict[str, Any]:
        source = {"type": "image", "target": {"userInput": "a/a:1"}}
        return {"matches": [], "source": source, "descriptor": {"name": "grype", "db": {"built": built}}}

    series.scan(grype("2026-05-01T00:00:00Z"))
    [reason] = suspicion(series.belief, series.read(grype("2026-04-01T00:00:00Z")), 0.5).reasons
    assert "went back from 2026-05-01" in reason
