"""The per-image sheet: every number against the oracle, and what spreadsheets make of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import Place
from hypothesis import given
from hypothesis import strategies as st
from oracle import SEVERITIES, Oracle, failure_document
from reports import trivy, vulnerability, write
from typer.testing import CliRunner
from walks import SCANS, walk

from triagebot import asked, config
from triagebot.cli import app as command
from triagebot.errors import InputError
from triagebot.look import Options
from triagebot.sheet import HEAD, Sheet, inert
from triagebot.sheetfile import CELL_LIMIT, as_csv, shortened, xlsx

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def made(place: Place, now: datetime, stream: str = "main") -> Sheet:
    return asked.sheet(config.load(place.folder / "triagebot.yaml"), Options(now=now, stream=stream))


def rows(sheet: Sheet) -> dict[str, dict[str, Any]]:
    """The rows by image, each by column."""
    told = [dict(zip(HEAD, row, strict=True)) for row in sheet.rows]
    return {row["Image"]: row for row in told}


def export(place: Place, name: str, *words: str) -> Path:
    out = place.folder / name
    result = CliRunner().invoke(
        command, ["export", "--out", str(out), "--config", str(place.folder / "triagebot.yaml"), *words]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return out


# -- against the oracle --------------------------------------------------------------------------------------


def expected(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """What the oracle says that the sheet should say."""
    told: dict[str, dict[str, Any]] = {}
    for (asset, tag), figures in oracle.sheet().items():
        image = f"{asset}:{tag}" if tag else asset
        told[image] = dict.fromkeys(HEAD[6:]) | {"Identifiers": set()} | (figures or {"is scanned": False})
    return told


def found(sheet: Sheet) -> dict[str, dict[str, Any]]:
    """The same of the sheet itself."""
    told = {}
    for image, row in rows(sheet).items():
        kept = {name: row[name] for name in HEAD[6:]}
        names = row["Identifiers"].split(", ") if row["Identifiers"] else []
        assert len(names) == len(set(names)), image
        kept |= {"Identifiers": set(names), "is scanned": row["Status"] == "scanned"}
        told[image] = kept | ({} if row["Vulnerabilities"] is None else {"Last scanned": row["Last scanned"]})
    return told


def totals(oracle: Oracle) -> list[tuple[Any, ...]]:
    """The second sheet, from the places of the oracle."""
    places = oracle.places()
    findings: dict[tuple[str, str, str], tuple[str, bool]] = {}
    once: dict[str, tuple[str, bool]] = {}
    for (asset, _, package, name), place in places.items():
        finding = (asset, package, name)
        findings[finding] = (place.severity, place.fixable or findings.get(finding, ("", False))[1])
    images = [figures for figures in oracle.sheet().values() if figures]
    for (_, _, name), (severity, fixable) in findings.items():
        worst, was = once.get(name, ("unknown", False))
        once[name] = (min(severity, worst, key=SEVERITIES.index), fixable or was)
    told = []
    for severity in SEVERITIES:
        told.append((
            severity.capitalize(),
            sum(s == severity for s, _ in findings.values()), sum(s == severity and f for s, f in findings.values()),
            sum(s == severity for s, _ in once.values()), sum(s == severity and f for s, f in once.values()),
            sum(figures[severity.capitalize()] for figures in images),
        ))  # fmt: skip
    return [*told, ("All", *(sum(row[at] for row in told) for at in range(1, 6)))]


@pytest.mark.parametrize("name", SCANS)
def test_every_number_is_the_oracles(corpus: Path, tmp_path: Path, name: str) -> None:
    unscanned = 0
    for scan, place, oracle in walk(corpus, name, tmp_path):
        sheet = made(place, scan.taken_at)
        assert found(sheet) == expected(oracle), scan.label
        assert list(sheet.totals) == totals(oracle), scan.label
        facts = dict(sheet.facts)
        statuses = [status for status in oracle.images().values() if status != "absent"]
        assert facts["Images"] == len(sheet.rows) == len(statuses)
        assert facts["Images scanned"] == statuses.count("scanned")
        serious = {key[:2] for key, p in oracle.places().items() if p.severity in ("critical", "high")}
        assert facts["Images with critical or high"] == len(serious)
        unscanned += facts["Images not scanned"]
    assert unscanned or name != "openaf", "no image failed: nothing is tested of these"


@pytest.mark.parametrize("name", ["openaf", "both-in-one"])
def test_the_totals_are_those_of_the_summary(corpus: Path, tmp_path: Path, name: str) -> None:
    for scan, place, _ in walk(corpus, name, tmp_path):
        words = [
            "summary",
            "--json",
            "--config",
            str(place.folder / "triagebot.yaml"),
            "--now",
            scan.taken_at.isoformat(),
        ]
        document = json.loads(CliRunner().invoke(command, words).stdout)
        sheet = made(place, scan.taken_at)
        by_severity = {row[0].lower(): {"total": row[1], "fixable": row[2]} for row in sheet.totals[:-1]}
        told = {s: {k: document["totals"][s][k] for k in ("total", "fixable")} for s in SEVERITIES}
        assert by_severity == told
        facts = dict(sheet.facts)
        assert facts["Images with critical or high"] == document["images_with_critical_or_high"]
        assert facts["Images"] == document["images_total"]
        assert facts["Images scanned"] == document["scan"]["images_scanned"]
        missed = document["scan"]["images_failed"] + document["scan"]["images_missing"]
        assert facts["Images not scanned"] == missed


# -- what is in a row ----------------------------------------------------------------------------------------


def entry(cve: str, package: str, severity: str, fixed: str = "", score: float | None = None) -> dict[str, Any]:
    told = {"CVSS": {"nvd": {"V3Score": score}}} if score else {}
    return {**vulnerability(cve, package, severity=severity, fixed=fixed), **told}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.create(tmp_path / "place", "teams: teams.yaml\nrules: [r.yaml]\n")
    (place.folder / "teams.yaml").write_text(
        "teams: {shop: {name: Shop}, core: {name: Core}}\nunowned: core\nchart_map: charts.csv\n"
        "images: [{chart: front, team: shop}]\n"
    )
    (place.folder / "charts.csv").write_text("chart,image\nfront,shop/web\nback,shop/web\nback,shop/job\n")
    (place.folder / "r.yaml").write_text("exceptions: []\n")
    return place


def secret(image: str) -> dict[str, Any]:
    """A report with a failed check and a secret, and nothing else."""
    report = trivy(image, [])
    report["Results"] += [
        {"Target": "Dockerfile", "Class": "config", "Type": "dockerfile", "Misconfigurations": [
            {"ID": "DS002", "Title": "root", "Severity": "HIGH", "Status": "FAIL"}]},
        {"Target": "/app/key", "Class": "secret", "Secrets": [
            {"RuleID": "private-key", "Category": "key", "Severity": "CRITICAL", "Title": "a key", "StartLine": 1}]},
    ]  # fmt: skip
    return report


def test_a_row_in_full(place: Place, tmp_path: Path) -> None:
    entries = [
        entry("CVE-2026-0001", "zlib", "LOW", score=3.0), entry("CVE-2026-0001", "zlib-dev", "HIGH", "2", score=7.5),
        entry("CVE-2026-0002", "zlib", "CRITICAL", score=9.8), entry("CVE-2026-0003", "busybox", "UNKNOWN"),
        entry("CVE-2026-0004", "busybox", "MEDIUM", "2", score=5.2),
    ]  # fmt: skip
    scan = write(
        tmp_path / "s",
        web=trivy("shop/web:1.0", entries, digest="sha256:" + 64 * "a"),
        job=trivy("shop/job:1.0", []),
        idle=secret("shop/idle:1.0"),
    )
    place.run(scan, DAY)
    told = rows(made(place, DAY))
    assert list(told) == ["docker.io/shop/idle:1.0", "docker.io/shop/job:1.0", "docker.io/shop/web:1.0"]
    web = told["docker.io/shop/web:1.0"]
    assert tuple(web.values()) == (
        "docker.io/shop/web:1.0", "sha256:" + 64 * "a", "back, front", "shop", "scanned", "2026-05-03",
        4, 1, 1, 1, 0, 0, 1, 2, 0, 1, 1, 0, 0, 0, 9.8, 5.2, 7.5,
        "CVE-2026-0002, CVE-2026-0001, CVE-2026-0004, CVE-2026-0003",
    )  # fmt: skip
    assert (told["docker.io/shop/job:1.0"]["Charts"], told["docker.io/shop/job:1.0"]["Team"]) == ("back", "core")
    for clean in ("docker.io/shop/job:1.0", "docker.io/shop/idle:1.0"):
        assert list(told[clean].values())[6:] == [0] * 14 + [None, None, None, ""], clean


def test_what_was_not_scanned_says_so_and_has_no_zeros(place: Place, tmp_path: Path) -> None:
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "inventory: images.txt\n")
    (place.folder / "images.txt").write_text("shop/web\nshop/job\nshop/pay:1\nshop/new\n")
    held = [entry("CVE-2026-0001", "zlib", "HIGH")]
    scan = write(
        tmp_path / "s", web=trivy("shop/web:1.0", held), job=trivy("shop/job:1.0", []), pay=trivy("shop/pay:1", held)
    )
    place.run(scan, DAY)
    later = write(tmp_path / "t")
    (later / "web.json").write_bytes(failure_document("shop/web:1.0"))
    (later / "job.json").write_bytes(failure_document("shop/job:1.0"))
    place.run(later, DAY + WEEK)
    told = rows(made(place, DAY + WEEK))
    status = {image.rpartition("/")[2]: (row["Status"][:23], row["Last scanned"]) for image, row in told.items()}
    assert status["web:1.0"] == ("not scanned: the scanne", "2026-05-03")
    assert status["job:1.0"] == ("not scanned: the scanne", "2026-05-03")
    assert status["pay:1"] == ("not scanned: the last s", "2026-05-03")
    assert status["new"] == ("not scanned: the last s", "never")
    for image in ("docker.io/shop/job:1.0", "docker.io/shop/new"):
        assert list(told[image].values())[6:] == [None] * 17 + [""], image
    for image in ("docker.io/shop/web:1.0", "docker.io/shop/pay:1"):
        assert told[image]["High"] == 1, f"{image}: what is still believed of it counts, as in the summary"
    assert dict(made(place, DAY + WEEK).facts)["Findings not looked at again (counted)"] == 2
    for line in csv.DictReader(io.StringIO(export(place, "i.csv").read_text(encoding="utf-8"))):
        assert (line["Vulnerabilities"] == "") == (line["Image"] in ("docker.io/shop/job:1.0", "docker.io/shop/new"))


def test_what_a_rule_ignores_counts_nowhere_and_is_said(place: Place, tmp_path: Path) -> None:
    (place.folder / "r.yaml").write_text(
        "rules:\n  - {id: quiet, when: {package: '*zlib'}, priority: P4, action: ignore, because: quiet}\n"
    )
    held = [entry("CVE-2026-0001", "zlib", "HIGH"), entry("CVE-2026-0002", "busybox", "HIGH")]
    place.run(write(tmp_path / "s", web=trivy("shop/web:1.0", held)), DAY)
    sheet = made(place, DAY)
    assert rows(sheet)["docker.io/shop/web:1.0"]["Identifiers"] == "CVE-2026-0002"
    assert dict(sheet.facts)["Findings that a rule ignores (not counted)"] == 1


def test_the_preferred_source_decides_on_the_severity(place: Place, tmp_path: Path) -> None:
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "severity_sources: [nvd]\n")
    told = {**vulnerability("CVE-2026-0001", "zlib", severity="LOW"), "SeveritySource": "alpine"}
    told["VendorSeverity"] = {"alpine": 1, "nvd": 4}
    place.run(write(tmp_path / "s", web=trivy("shop/web:1.0", [told])), DAY)
    assert rows(made(place, DAY))["docker.io/shop/web:1.0"]["Critical"] == 1


def test_each_stream_has_its_sheet(place: Place, tmp_path: Path) -> None:
    place.run(write(tmp_path / "a", web=trivy("shop/web:1.0", [])), DAY, stream="1.2")
    place.run(write(tmp_path / "b", web=trivy("shop/web:2.0", [])), DAY, stream="1.3")
    assert list(rows(made(place, DAY, "1.3"))) == ["docker.io/shop/web:2.0"]
    with pytest.raises(InputError, match="no scan of stream 'main'"):
        export(place, "i.csv")


# -- the files -----------------------------------------------------------------------------------------------


@pytest.fixture
def many(place: Place, tmp_path: Path) -> Place:
    """One image with more identifiers than a cell holds, and one that is clean."""
    held = [entry(f"CVE-2026-{10_000 + n}", "zlib", "HIGH", score=7.0) for n in range(3_000)]
    place.run(write(tmp_path / "s", web=trivy("shop/web:1.0", held), job=trivy("shop/job:1.0", [])), DAY)
    return place


def test_the_workbook_is_ready_to_be_read(many: Place) -> None:
    book = openpyxl.load_workbook(export(many, "images.xlsx"))
    images, sums = book["Images"], book["Totals"]
    assert [cell.value for cell in images[1]] == list(HEAD)
    assert images.freeze_panes == "B2"
    assert images.auto_filter.ref == "A1:X3"
    assert images.column_dimensions["A"].width > 40
    web = [cell.value for cell in images[3]]
    assert (web[0], web[6], web[8]) == ("docker.io/shop/web:1.0", 3_000, 3_000)
    assert len(web[-1]) <= CELL_LIMIT
    kept, _, more = web[-1].rpartition(", and ")
    assert kept.count("CVE-") + int(more.removesuffix(" more")) == 3_000
    assert (sums.freeze_panes, sums.auto_filter.ref) == ("A2", "A1:F7")
    told = {row[0].value: row[1].value for row in sums.iter_rows()}
    assert (told["All"], told["High"], told["Images"], told["Scan"]) == (3_000, 3_000, 2, "s")


def test_the_same_sheet_gives_the_same_bytes(many: Place) -> None:
    assert export(many, "a.xlsx").read_bytes() == export(many, "b.xlsx", "--now", "2026-06-01").read_bytes()


def test_csv_is_rfc_4180_in_utf_8(many: Place) -> None:
    data = export(many, "images.CSV").read_bytes()
    text = data.decode("utf-8")
    assert not text.startswith("\ufeff")
    assert text.count("\r\n") == text.count("\n") == 3
    lines = list(csv.reader(io.StringIO(text), strict=True))
    assert [len(line) for line in lines] == [len(HEAD)] * 3
    assert lines[2][-1].count("CVE-") == 3_000, "a text file has no limit"


@pytest.mark.parametrize("name", ["images.ods", "images", "images.xls", ".csv.gz"])
def test_an_unknown_ending_is_told_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"tells no format that can be written; end the name in \.xlsx or \.csv"):
        export(Place(tmp_path), name)


def test_a_file_is_written_whole_or_not_at_all(many: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (many.folder / "images.csv").write_text("as it was")

    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        export(many, "images.csv")
    assert (many.folder / "images.csv").read_text() == "as it was"
    assert not list(many.folder.glob(".*.new"))


# -- what a spreadsheet would act on -------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "a;=1", 'a",=1', "a|-1", "a, @x"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text: str) -> None:
    said = inert(text)
    assert "'" in said
    for cell in (said, *said.replace('"', "").replace("|", ";").replace(",", ";").split(";")):
        assert cell.strip()[:1] not in ("=", "+", "-", "@", "\uff1d"), said


@pytest.mark.parametrize(
    "text", ["docker.io/shop/web:1.0-r2", "sha256:ab", "cray-dns", "CVE-2026-1, CVE-2026-2", "a=b"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_hostile_scans_come_out_as_text(place: Place, tmp_path: Path) -> None:
    (place.folder / "charts.csv").write_text("chart,image\n=cmd|' /C calc'!A0,shop/web\n")
    bad = '=HYPERLINK("http://x")'
    report = trivy("shop/web:1.0", [entry(f"{bad}-1", "zlib", "HIGH"), entry("@SUM(1)", "zlib", "CRITICAL")])
    place.run(write(tmp_path / "s", web=report), DAY, label="+1\x1b[31m")
    book = openpyxl.load_workbook(export(place, "i.xlsx"))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    texts = [cell.value for cell in cells if cell.data_type == "s"]
    assert not [text for text in texts if text[0] in "=+-@\t\r" or "\x1b" in text]
    assert any("HYPERLINK" in text for text in texts), "nothing hostile came through: nothing is tested"
    assert not [cell for cell in cells if cell.hyperlink]
    for line in csv.reader(io.StringIO(export(place, "i.csv").read_text(encoding="utf-8"))):
        assert not [cell for cell in line if cell[:1] and cell[0] in "=+-@\t\r"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1, max_size=12), max_size=60))
def test_a_cell_holds_no_more_than_it_may(names: list[str]) -> None:
    text = ", ".join(names)
    said = shortened(text, 100)
    assert len(said.encode("utf-16-le")) // 2 <= 100
    if len(text.encode("utf-16-le")) // 2 <= 100:
        assert said == text
    elif said.endswith(" more"):
        kept, _, more = said.rpartition(", and ")
        assert names[: len(names) - int(more.removesuffix(" more"))] == kept.split(", ")


def test_a_long_text_that_is_no_list_is_cut() -> None:
    assert shortened("x" * 50_000) == "x" * (CELL_LIMIT - 1) + "…"
    assert len(shortened("\U0001f600" * 20_000).encode("utf-16-le")) <= 2 * CELL_LIMIT


def test_writers_take_a_sheet_without_images() -> None:
    sheet = Sheet([], [], [], DAY)
    assert as_csv(sheet).decode().splitlines() == [",".join(HEAD)]
    assert openpyxl.load_workbook(io.BytesIO(xlsx(sheet)))["Images"].max_row == 1


def test_an_export_changes_nothing(many: Place) -> None:
    def held() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted((many.folder / ".triagebot").rglob("*")) if p.is_file()}

    before = held()
    export(many, "images.xlsx")
    assert held() == before
