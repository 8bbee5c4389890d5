"""What the key of a ticket finds again: by it rows are looked up that no rule makes a ticket of any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import Place
from reports import trivy, write

from triagebot import scan as scans
from triagebot.keys import Grouped, bare, key_of, near
from triagebot.model import FINDING
from triagebot.scan import Reading

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
PURLS = [
    "pkg:golang/github.com/docker/cli@v29.4.1", "pkg:npm/%40babel/core@7.0.0", "pkg:maven/org.a.b/c@1.0",
    "pkg:deb/debian/libstdc%2B%2B6@12", "pkg:pypi/a@1", "pkg:golang/example.com/" + "x" * 400 + "@v1",
]  # fmt: skip
RULES = """rules:
  - {{id: crit, when: {{severity: critical}}, priority: P1, action: ticket, because: Critical.}}
  - {{id: high, when: {{severity: high}}, priority: P2, action: {}, because: High.}}
"""


def report(purl: str) -> dict[str, Any]:
    """A report of one fault; packages of languages have no source package."""
    entry = {
        "VulnerabilityID": "CVE-2026-0001", "PkgName": purl.partition("@v")[0].rpartition("/")[2],
        "PkgIdentifier": {"PURL": purl}, "InstalledVersion": purl.rpartition("@")[2], "FixedVersion": "99",
        "Severity": "HIGH",
    }  # fmt: skip
    made = trivy("a/a:1", [entry])
    if not purl.startswith("pkg:deb"):
        made["Results"][0] |= {"Class": "lang-pkgs", "Type": "gobinary"}
    return made


@pytest.mark.parametrize("purl", PURLS, ids=lambda p: p[:24])
@pytest.mark.parametrize("group_by", ["image", "upgrade"])
def test_what_a_ticket_shows_is_found_when_its_rule_changes(tmp_path: Path, group_by: str, purl: str) -> None:
    """Not found, it would be closed as fixed: the worst that can be said of what is still there."""
    place = Place.create(tmp_path / "place", f"rules: [r.yaml]\ngroup_by: {group_by}\n")
    rules = place.folder / "r.yaml"
    rules.write_text(RULES.format("ticket"))
    scan = write(tmp_path / "s", a=report(purl))
    assert place.run(scan, NOW).document["plan"]["create"] == 1
    rules.write_text(RULES.format("report"))
    told = place.run(scan, NOW, later=WEEK).document
    assert [(a["kind"], a["cause"]) for a in told["actions"]] == [("close", "below-threshold")]


@pytest.mark.parametrize("purl", PURLS, ids=lambda p: p[:24])
@pytest.mark.parametrize("stream", ["main", "release"])
@pytest.mark.parametrize("group_by", ["image", "upgrade"])
def test_what_people_decided_is_counted_as_decided(tmp_path: Path, group_by: str, stream: str, purl: str) -> None:
    place = Place.create(tmp_path / "place", f"group_by: {group_by}\n")
    scan = write(tmp_path / "s", a=report(purl))
    place.run(scan, NOW, stream=stream)
    [path] = (place.folder / "tickets").glob("*.md")
    path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    told = place.run(scan, NOW, later=WEEK, stream=stream).document["findings"]
    assert (told["open"], told["decided"]) == (0, 1)


def test_what_people_decided_on_configuration_is_counted_as_decided(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "rules: [r.yaml]\n")
    (place.folder / "r.yaml").write_text(
        "rules:\n  - {id: s, when: {kind: secret}, priority: P1, action: ticket, because: A secret.}\n"
    )
    report = trivy("a/a:1", [])
    report["Results"].append({"Target": "/x.pem", "Class": "secret", "Secrets": [
        {"RuleID": "private-key", "Category": "AsymmetricPrivateKey", "Severity": "HIGH", "Title": "A key",
         "StartLine": 1, "EndLine": 1, "Match": "*"}]})  # fmt: skip
    scan = write(tmp_path / "s", a=report)
    assert place.run(scan, NOW).document["plan"]["create"] == 1
    [path] = (place.folder / "tickets").glob("*.md")
    path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    told = place.run(scan, NOW, later=WEEK).document["findings"]
    assert (told["open"], told["decided"]) == (0, 1)


@pytest.mark.parametrize("stream", ["main", "release"])
@pytest.mark.parametrize("by", ["image", "upgrade"])
def test_every_finding_is_near_its_own_key_and_few_are_near_anothers(corpus: Path, by: Grouped, stream: str) -> None:
    """Over the findings of real reports; what is not near is not looked at, so nothing may be missed."""
    reading = Reading(now=NOW + 999 * WEEK, stream=stream)
    rows = scans.load(corpus / "snyk", reading).scan.occurrences.unique(FINDING).with_columns(team=pl.lit("t"))
    columns = ("kind", "asset", "team", "source_package", "package")
    keys = [key_of(by, stream, *row) for row in rows.select(columns).iter_rows()]
    assert len(set(keys)) > 20
    for key in sorted(set(keys))[:: len(set(keys)) // 20]:
        found = near(rows, [bare(key, stream)])
        assert found.height == keys.count(key)
    assert near(rows, {bare(key, stream) for key in keys}).equals(rows)
    assert near(rows, ["nonsense"]).equals(rows)
    assert near(rows, []).is_empty()
