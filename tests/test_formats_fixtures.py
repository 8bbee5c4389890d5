"""Each format has fixtures, an expected table, a section in the docs; the same fact has the same identity in all."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import expected
import pytest

from triagebot import formats
from triagebot.formats import FORMATS, ROW, Format, Report
from triagebot.identity import parse_image
from triagebot.model import SEVERITIES

EACH = pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.NAME)
DOCUMENTS = [pytest.param(d, id=f"{f.NAME}-{d.name}") for f in FORMATS for d in expected.documents(f)]
SAME = [p for p in DOCUMENTS if str(p.id).partition("-")[2].find("same-fact") >= 0]

ASSETS = {
    "registry.example/shop/web",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web",  # ECR is its own registry
    "111122223333.dkr.ecr.amazonaws.com/shop/web",  # a basic scan does not say the region
    "docker.io/docker-local/shop/web",  # Xray names its repository, not the host
}


@EACH
def test_each_format_is_whole(format_: Format) -> None:
    assert isinstance(format_.NAME, str)
    assert format_.HINT.pattern
    assert format_.SHAPE is not None
    assert format_.__doc__, "no docstring"
    assert "https://" in format_.__doc__ or format_.NAME == "failed scan", "the docstring links no specification"
    assert expected.documents(format_), f"no fixtures in {expected.folder(format_)}"


def test_no_fixture_is_without_its_format() -> None:
    folders = {p.name for p in expected.FIXTURES.iterdir()}
    assert folders == {expected.folder(f).name for f in FORMATS}
    modules = {p.stem for p in Path(formats.__file__).parent.glob("*.py")}
    listed = {f.__name__.rpartition(".")[2] for f in FORMATS}  # type: ignore[attr-defined]
    others = {"__init__", "interface", "rows", "guess", "documents"}
    others |= {"sarif_flavours", "cyclonedx_xml", "aws_shapes", "trivy_checks"}
    assert modules == listed | others, "a module of formats is neither listed as a format nor known as a part of one"


@EACH
def test_fixtures_give_the_expected_tables(format_: Format) -> None:
    folder = expected.folder(format_)
    assert expected.rows_table(format_) == (folder / "expected.csv").read_text(encoding="utf-8")
    assert expected.reports_table(format_) == (folder / "reports.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_fixture_is_taken_for_its_format_and_no_other_takes_it(document: Path) -> None:
    name, reports = expected.read(document)
    assert expected.FIXTURES / name.replace(" ", "-") == document.parent
    for report in reports:
        assert report.entries == len(report.rows) + sum(report.left_out.values()) - report.added
        for row in report.rows:
            assert len(row) == len(ROW)
            assert row[0] in ("vulnerability", "misconfiguration", "secret")
            assert row[8] in SEVERITIES
            assert row[1]
            assert row[7]
            assert row[6] == (row[0] == "vulnerability" and bool(row[4]))


@pytest.mark.parametrize("document", SAME)
def test_the_same_fact_has_the_same_identity_whoever_tells_it(document: Path) -> None:
    findings = {(parse_image(r.image).asset if r.image else "", row[1], row[7])
                for r in expected.read(document)[1] for row in r.rows}  # fmt: skip
    told = [f for f in findings if f[1:] == ("pkg:apk/alpine/libssl3", "CVE-2026-1001")]
    assert [asset for asset, *_ in told if asset] in ([], *([a] for a in ASSETS)), findings
    assert len(told) == 1, findings


@pytest.mark.parametrize("document", SAME)
def test_the_same_fact_has_the_same_severity_and_fix(document: Path) -> None:
    rows = [row for r in expected.read(document)[1] for row in r.rows if row[7] == "CVE-2026-1001"]
    assert {(row[8], row[3]) for row in rows} == {("high", "3.3.0-r0")}
    fixes = {row[4] for row in rows}
    silent = document.name in ("same-fact-ecr.json", "same-fact-summary.json")  # they have no place for it
    assert fixes == ({""} if silent else {"3.3.0-r1"})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_secret_is_ever_read(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    said = repr([vars(r) for r in expected.read(document)[1]])
    assert "NEVER-TO-BE-READ" not in said
    if "NEVER-TO-BE-READ" in text:
        assert "'secret'" in said


def test_some_fixture_holds_a_secret() -> None:
    held = [d for f in FORMATS for d in expected.documents(f) if "NEVER-TO-BE-READ" in d.read_text(encoding="utf-8")]
    assert {d.parent.name for d in held} == {"trivy", "sarif", "trivy-operator"}


@EACH
def test_each_format_has_a_section_in_the_docs(format_: Format) -> None:
    assert f"\n## {format_.NAME}\n" in expected.DOCS.read_text(encoding="utf-8")


def test_the_table_of_the_docs_is_made_from_the_fixtures() -> None:
    text = expected.DOCS.read_text(encoding="utf-8")
    assert expected.BEGIN in text
    assert expected.documented(text) == text, "run python tests/expected.py"


def test_rows_are_tables_of_the_schema() -> None:
    head = next(csv.reader(io.StringIO(expected.rows_table(FORMATS[0]))))
    assert set(head) - {"file", "image"} == set(ROW)


def report(name: str, document: str) -> list[Report]:
    """The reports of one fixture."""
    return expected.read(expected.FIXTURES / name / document)[1]


def test_what_kyverno_says_of_a_pod_and_of_its_deployment_is_one_finding() -> None:
    looked, failed = report("policyreport", "kyverno.yaml")
    assert looked.image == failed.image == "k8s://cluster/shop/Deployment/web"
    assert [(row[1], row[7]) for row in looked.rows] == [("check:require-run-as-nonroot", "run-as-non-root")]
    assert looked.left_out == {"repeat": 1, "passed": 1, "skipped": 1, "error": 1}


def test_a_policy_that_could_not_be_evaluated_was_not_looked_at() -> None:
    looked, failed = report("policyreport", "kyverno.yaml")
    assert (failed.image, failed.scanner) == (looked.image, looked.scanner)
    assert failed.error == "verify-images: registry not reachable"


def test_a_bill_of_materials_is_no_clean_scan_and_a_scanner_that_found_nothing_is() -> None:
    (bill,) = report("cyclonedx", "bill-of-materials.json")
    (clean,) = report("cyclonedx", "clean.json")
    assert bill.error
    assert (clean.error, clean.rows) == ("", [])


def test_reports_that_look_for_other_things_are_other_looks() -> None:
    scanners = {r.scanner for d in ("list.json", "same-fact.json") for r in report("trivy-operator", d)}
    assert scanners == {"trivy-operator", "trivy-operator config", "trivy-operator secrets"}


def test_an_advisory_of_two_cves_is_two_rows_and_the_bulletin_no_alias() -> None:
    (held,) = report("osv-scanner", "advisory-of-two.json")
    assert [row[7] for row in held.rows] == ["CVE-2026-1006", "CVE-2026-1007"]
    assert held.aliases == set()


def test_a_check_has_one_id_however_trivy_spells_it() -> None:
    rows = [row for d in ("list.json", "audit.yaml") for r in report("trivy-operator", d) for row in r.rows]
    assert {row[7] for row in rows if row[0] == "misconfiguration"} == {"KSV-0012", "KSV-0001", "KSV-0017"}
    workloads = [r for r in report("trivy", "kubernetes.json") if r.image.startswith("k8s://")]
    assert [(r.image, [row[7] for row in r.rows]) for r in workloads] == [
        ("k8s://prod/shop/Deployment/web", ["KSV-0012"]), ("k8s://prod/shop/Service/web", []),
    ]  # fmt: skip
