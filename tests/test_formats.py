"""What a file is told by, in which encodings, and what is refused with its cause. Real files: test_formats_corpus."""

from __future__ import annotations

import json

import pytest

from triagebot import formats
from triagebot.errors import ReportError

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
        (b"null", "`null`"),
        (b'{"SchemaVersion": 2, "Results": [{"Tar', "broken JSON"),
        (DEEP, "an array of another kind"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"SchemaVersion": 2, "Results": ' + DEEP + b"}", "nested too deeply"),
        (b"- &a [1]\n- *a\n", "aliases"),
        (b"plain text", "neither JSON nor YAML"),
        (b"[]", "an empty array"),
        (b"{}", "an empty object"),
        (b'{"hello": 1}', "its keys: hello"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_with_its_cause(data: bytes, cause: str) -> None:
    with pytest.raises(ReportError) as refused:
        formats.read(data)
    assert cause in refused.value.cause
    assert refused.value.remedy


SNYK = {
    "ok": False, "path": "registry.example/a/b:1.0", "packageManager": "apk",
    "projectName": "docker-image|registry.example/a/b", "docker": {}, "dependencyCount": 3,
    "vulnerabilities": [
        {
            "id": "SNYK-ALPINE313-BUSYBOX-1", "severity": "high", "severityWithCritical": "critical",
            "title": "t", "packageManager": "alpine:3.13", "packageName": "busybox", "name": "busybox/ssl_client",
            "version": "1.0-r0", "nearestFixedInVersion": "1.0-r1", "from": ["x"],
            "identifiers": {"CVE": ["CVE-2026-0001", "CVE-2026-0002"]},
        },
        {"id": "snyk:lic:npm:x", "type": "license", "severity": "high", "name": "x", "version": "1"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_that_shells_write(encoding: str) -> None:
    bom = {"utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    name, [report] = formats.read(bom + json.dumps(SNYK, indent=1).replace("\n", "\r\n").encode(encoding))
    assert (name, report.image) == ("snyk", "registry.example/a/b:1.0")


def test_one_broken_character_costs_no_report() -> None:
    broken = json.dumps(SNYK).encode().replace(b'"t"', b'"caf\xe9"', 1)
    assert b"\xe9" in broken
    _, [report] = formats.read(broken)
    assert {row[12] for row in report.rows} == {"caf\ufffd"}


def test_a_package_without_a_name_is_kept() -> None:
    nameless = {**SNYK, "vulnerabilities": [{"id": "SNYK-X-1", "severity": "high", "packageManager": "alpine:3.13"}]}
    _, [report] = formats.read(json.dumps(nameless).encode())
    assert [row[1] for row in report.rows] == ["pkg:generic/unnamed"]


def test_a_snyk_entry_with_two_cves_is_two_rows_and_a_licence_is_none() -> None:
    _, [report] = formats.read(json.dumps(SNYK).encode())
    assert [row[7] for row in report.rows] == ["CVE-2026-0001", "CVE-2026-0002"]
    assert {row[1] for row in report.rows} == {"pkg:apk/alpine/ssl_client"}
    assert {(row[2], row[6], row[8]) for row in report.rows} == {("busybox", True, "critical")}
    assert report.left_out == {"licence": 1}
    assert report.entries == 2


def test_documents_one_after_the_other_are_all_read() -> None:
    tree = {"name": "a", "dependencies": {}}
    error = {"ok": False, "error": "could not scan", "path": "registry.example/a/b:1.0"}
    _, reports = formats.read("\n".join(json.dumps(d) for d in (tree, SNYK, error)).encode())
    assert [r.error for r in reports] == ["", "could not scan"]


def test_the_image_of_snyk_comes_from_its_logical_reference_first() -> None:
    told = {**SNYK, "docker": {"image": {"logicalRef": "registry.example/c/d:2.0"}}}
    _, [report] = formats.read(json.dumps(told).encode())
    assert report.image == "registry.example/c/d:2.0"


def test_a_failed_scan_names_the_image_of_its_command() -> None:
    said = {
        "stdout": {},
        "stderr": "no such manifest\nmore",
        "exitcode": 125,
        "cmd": "docker run aquasec/trivy image a/b:1",
    }
    name, [report] = formats.read(json.dumps(said).encode())
    assert (name, report.image, report.scanner) == ("failed scan", "a/b:1", "trivy")
    assert report.error == "the scanner ended with exit code 125: no such manifest"


def test_pods_fold_to_their_owner() -> None:
    result = {"Target": "x", "Class": "config", "Type": "kubernetes", "Misconfigurations": [{}]}
    told = {
        "ClusterName": "c",
        "Resources": [
            {"Namespace": "n", "Kind": "Pod", "Name": "web-5d4f8c7b9d-x2x4z", "Results": [result]},
            {"Namespace": "n", "Kind": "ReplicaSet", "Name": "web-5d4f8c7b9d", "Results": [result]},
            {"Kind": "Node", "Name": "one", "Results": [result]},
        ],
    }
    _, reports = formats.read(json.dumps(told).encode())
    assert [r.image for r in reports] == ["k8s://c/n/Deployment/web", "k8s://c/n/Deployment/web", "k8s://c/_/Node/one"]
