"""Whose word on severity counts, and that the others are shown."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from reports import write
from typer.testing import CliRunner

from triagebot import app, config
from triagebot.cli import app as command
from triagebot.doctor import warned
from triagebot.formats import read
from triagebot.look import Options
from triagebot.severity import others, score_severity, source, vendor

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
GLIBC = {
    "VulnerabilityID": "CVE-2019-1010022", "PkgName": "glibc", "InstalledVersion": "2.31", "FixedVersion": "2.32",
    "PkgIdentifier": {"PURL": "pkg:rpm/suse/glibc@2.31?distro=sles-15.3"}, "Severity": "CRITICAL",
    "SeveritySource": "nvd", "VendorSeverity": {"nvd": 4, "suse-cvrf": 2, "debian": 1},
    "CVSS": {"nvd": {"V3Score": 9.8}, "suse-cvrf": {"V3Score": 5.3}},
}  # fmt: skip


def trivy(*entries: dict[str, Any], image: str = "a/a:1") -> dict[str, Any]:
    return {"SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "container_image", "Metadata": {},
            "Results": [{"Target": image, "Class": "os-pkgs", "Type": "suse linux enterprise server",
                         "Vulnerabilities": list(entries)}]}  # fmt: skip


def judged(tmp_path: Path, sources: str, **reports: dict[str, Any]) -> tuple[list[tuple[Any, ...]], Place]:
    """(severity, source, CVSS) of each finding."""
    settings = f"severity_sources: [{sources}]\n" if sources else ""
    place = Place.create(tmp_path / "place", settings)
    place.run(write(tmp_path / "s", **reports), NOW)
    view = app.standing(config.load(place.folder / "triagebot.yaml"), Options(now=NOW))
    return view.judged.sort("vulnerability", "package").select("severity", "severity_source", "cvss").rows(), place


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ("", ("critical", "nvd", 9.8)),
        ("vendor, nvd", ("medium", "suse", 5.3)),
        ("nvd, vendor", ("critical", "nvd", 9.8)),
        ("debian", ("low", "debian", None)),
        ("suse", ("medium", "suse", 5.3)),
        ("ubuntu", ("critical", "nvd", 9.8)),
        ("ubuntu, vendor", ("medium", "suse", 5.3)),
    ],
)
def test_the_first_source_of_the_list_that_rates_it_decides(
    tmp_path: Path, sources: str, expected: tuple[Any, ...]
) -> None:
    [told], _ = judged(tmp_path, sources, a=trivy(GLIBC))
    if expected[1] == "debian":  # rated without a score: the scanner's stays
        expected = ("low", "debian", 9.8)
    assert told == expected


def test_both_are_shown(tmp_path: Path) -> None:
    entry = {**GLIBC, "VendorSeverity": {"nvd": 4, "suse-cvrf": 3}}
    _, place = judged(tmp_path, "vendor, nvd", a=trivy(entry))
    [ticket] = place.ticket_bytes().values()
    assert b"| high (suse; critical 9.8 by nvd) |" in ticket


def test_a_ticket_without_other_opinions_says_nothing_of_them(tmp_path: Path) -> None:
    entry = {**GLIBC, "VendorSeverity": {"nvd": 4, "suse-cvrf": 4}}
    _, place = judged(tmp_path, "vendor, nvd", a=trivy(entry))
    [ticket] = place.ticket_bytes().values()
    assert b"| critical | " in ticket


def test_a_preference_needs_no_new_scan_and_changes_what_rules_see(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "severity_sources: []\n")
    scan = write(tmp_path / "s", a=trivy(GLIBC))
    assert place.run(scan, NOW).document["plan"]["create"] == 1
    (place.folder / "triagebot.yaml").write_text("severity_sources: [vendor]\n")
    told = place.run(scan, NOW).document
    assert (told["totals"]["critical"]["total"], told["totals"]["medium"]["total"]) == (0, 1)
    assert [a["cause"] for a in told["actions"]] == ["data-moved"]  # the ticket stays: no flapping


def test_of_several_places_the_preferred_source_is_looked_for_in_all(tmp_path: Path) -> None:
    plain = {k: v for k, v in GLIBC.items() if k not in ("VendorSeverity", "CVSS")}
    second = {**plain, "Severity": "HIGH", "SeveritySource": "suse-cvrf"}
    told, _ = judged(tmp_path, "suse", a=trivy(plain), b=trivy(second, image="a/a:2"))
    assert [t[:2] for t in told] == [("high", "suse")]


def test_what_grype_and_snyk_quote(corpus: Path) -> None:
    rated: dict[str, int] = {}
    for folder in ("grype", "snyk", "trivy"):
        for file in sorted((corpus / folder).glob("*.json"))[:80]:
            try:
                _, reports = read(file.read_bytes())
            except Exception:  # noqa: S112 - other tests see to what is refused
                continue
            for report in reports:
                for ratings in report.ratings.values():
                    assert len({name for name, *_ in ratings}) <= len(ratings)
                    differ = {word for _, word, _ in ratings if word != "unknown"}
                    rated[folder] = rated.get(folder, 0) + (len(differ) > 1)
    assert all(rated[folder] > 20 for folder in ("grype", "snyk", "trivy")), rated


def test_a_snapshot_of_the_first_release_has_no_ratings(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    place.run(write(tmp_path / "s", a=trivy(GLIBC)), NOW)
    [rated] = place.history.glob("snapshots/*/ratings.parquet")
    assert place.belief().ratings.height == 3
    rated.unlink()
    shutil.rmtree(place.history / "cache")
    assert place.belief().ratings.is_empty()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nvd:cpe", "nvd"), ("debian:distro:debian:12", "debian"), ("github:language:go", "ghsa"), ("NVD", "nvd"),
     ("suse-cvrf", "suse"), ("SUSE", "suse"), ("redhat:distro:redhat:8", "redhat"), ("oracle-oval", "oracle")],
)  # fmt: skip
def test_one_spelling_of_a_source(name: str, expected: str) -> None:
    assert source(name) == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [("pkg:deb/debian/curl", "debian"), ("pkg:rpm/redhat/bash", "redhat"), ("pkg:apk/alpine/zlib", "alpine"),
     ("pkg:npm/lodash", "ghsa"), ("pkg:golang/stdlib", "ghsa")],
)  # fmt: skip
def test_the_vendor_of_a_package(package: str, expected: str) -> None:
    assert vendor(package) == expected


def test_what_others_say_is_only_what_differs_and_matters() -> None:
    rated = [("nvd", "critical", 9.8), ("suse", "medium", 5.3), ("amazon", "low", None), ("ghsa", "unknown", None)]
    assert others("pkg:rpm/suse/glibc", "medium", "suse", rated, ()) == ("critical 9.8 by nvd",)
    assert others("pkg:rpm/suse/glibc", "critical", "nvd", rated, ()) == ("medium 5.3 by suse",)
    assert others("pkg:rpm/suse/glibc", "medium", "suse", rated, ("amazon",)) == (
        "critical 9.8 by nvd",
        "low by amazon",
    )
    assert others("pkg:rpm/suse/glibc", "critical", "suse", [("nvd", "critical", 9.8)], ()) == ()


@pytest.mark.parametrize(
    ("score", "word"), [(9.0, "critical"), (8.9, "high"), (6.9, "medium"), (3.9, "low"), (0.0, "negligible")]
)
def test_the_word_of_a_score(score: float, word: str) -> None:
    assert score_severity(score) == word


def test_what_is_no_mapping_of_severities_rates_nothing() -> None:
    odd = json.dumps(trivy({**GLIBC, "VendorSeverity": ["nvd"], "CVSS": None})).encode()
    _, [report] = read(odd)
    assert report.ratings["CVE-2019-1010022"] == ()


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ("vendor, nvd, RHEL, github", []),
        ("nvd, vender", ["nothing is rated by 'vender'; did you mean 'vendor'?"]),
        ("nvdd", ["nothing is rated by 'nvdd'; did you mean 'nvd'?"]),
        ("acme-internal", ["nothing is rated by 'acme-internal'"]),
        ("house", []),
        ("hous", ["nothing is rated by 'hous'; did you mean 'house'?"]),
    ],
)
def test_a_source_that_nobody_knows_is_warned_of_unless_a_finding_carries_it(
    tmp_path: Path, sources: str, expected: list[str]
) -> None:
    """Sources are open words: what a report quotes is one, whatever its name."""
    rated = GLIBC | {"VendorSeverity": {"house": 2}}
    _, place = judged(tmp_path, sources, a=trivy(rated))
    settings = config.load(place.folder / "triagebot.yaml")
    told = app.run(settings, write(tmp_path / "s", a=trivy(rated)), Options(now=NOW)).document["warnings"]
    said = [line.partition("severity_sources: ")[2] for line in told if "severity_sources" in line]
    assert said == expected
    assert warned(settings, NOW) == [line for line in told if "severity_sources" in line]


def test_the_line_of_a_strange_source_is_named_and_doctor_is_content(tmp_path: Path) -> None:
    settings = tmp_path / "triagebot.yaml"
    settings.write_text("severity_sources:\n  - nvd\n  - debain\n")
    (tmp_path / "tickets").mkdir()
    told = CliRunner().invoke(command, ["doctor", "--config", str(settings), "--now", "2026-05-03"])
    assert told.exit_code == 0
    assert "triagebot.yaml:3: severity_sources: nothing is rated by 'debain'; did you mean 'debian'?\n" in told.stderr
    document = json.loads(CliRunner().invoke(command, ["doctor", "--json", "--config", str(settings)]).stdout)
    assert (document["findings"], len(document["warnings"])) == ([], 1)
