"""Every real report is read with each raw entry accounted for, or refused with the reason."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from triagebot import formats
from triagebot.errors import ReportError
from triagebot.formats import Report

DEEP = b"[" * 100_000 + b"]" * 100_000

REFUSED = {
    "snyk/cli-container-projects-monitor-maven-project-0-dependencies-response.json": "scanResult",
    "snyk/cli-docker-find-result-remediation.json": "result, meta",
    "snyk/cli-docker-find-result.json": "result, meta",
    "snyk/cli-docker-sarif-container-result.json": "$schema, version, runs",
    "snyk/cli-docker-sarif-with-file-container-result.json": "$schema, version, runs",
    "snyk/cli-failon-docker-fixable__vulns-result.json": "result, meta",
    "snyk/cli-failon-docker-no-fixable__vulns-result.json": "result, meta",
    "snyk/dd-snyk_issue_api-snyk_code_scan_api_many_vuln.json": "jsonapi, links, data",
    "snyk/dd-snyk_issue_api-snyk_sca_scan_api_many_vuln.json": "jsonapi, links, data",
    "snyk/dd-snyk_issue_api-snyk_sca_scan_api_single_vuln.json": "jsonapi, links, data",
    "snyk/jira-api-projectAggregatedIssuesPerPath.json": "issues",
    "snyk/jira-api-projectAggregatedIssuesPerPathLicense.json": "issues",
    "snyk/jira-api-projectAggregatedIssuesPerPathWith500Error.json": "issues",
    "snyk/jira-api-projectAggregatedIssuesPerPathnoVulnOrLicenseIssue.json": "issues",
    "snyk/jira-api-projectIssuesPerPath.json": "ok, issues",
    "snyk/jira-api-vulnsForJiraList.json": "SNYK-JS-MINIMIST-559764",
    "snyk/s2h-adm-zip.vuln.json": "CVSSv3",
    "snyk/s2h-invalid-input.json": "neither JSON nor YAML",
    "trivy/dd-legacy_no_vuln.json": "null",
    "trivy/golden-fluentd-multiple-lockfiles.cdx.json": "bomFormat",
    "trivy/golden-npm-cyclonedx.json": "bomFormat",
    "trivy/golden-pom-cyclonedx.json": "bomFormat",
    "trivy/pkg-compliance__report__testdata__all.json": "RelatedResources",
    "trivy/pkg-compliance__report__testdata__summary.json": "SummaryControls",
    "trivy/secscanblob-2020-docker-v1array.json": "layerResults",
}
"""Files that are no test report of these scanners, and a word of the reason that must be given."""

LEFT_OUT = {
    "grype/dd-anchore_grype-check_all_fields.json": {"repeat": 1},
    "snyk/cli-container-app-vulns-results.json": {"repeat": 5},
    "snyk/cli-failon-docker-fixable__vulns-with-docker-remediation.json": {"repeat": 4},
    "snyk/cli-failon-docker-no-fixable__vulns.json": {"repeat": 55},
    "snyk/cli-more-vuln-paths-than-vulns.json": {"repeat": 15},
    "snyk/dd-single_project_upgrade_libs.json": {"repeat": 198},
    "snyk/delta-test-goof-two-vuln-two-license.json": {"licence": 2},
    "snyk/delta-test-goof-with-ten-more-vulns.json": {"licence": 1, "repeat": 11},
    "snyk/delta-test-goof.json": {"licence": 1, "repeat": 3},
    "snyk/delta-test-java-goof-all-projects.json": {"licence": 19},
    "snyk/s2h-multi-test-report.json": {"licence": 10, "repeat": 38},
    "snyk/s2h-test-report-remediation-missing-patch.json": {"repeat": 3},
    "snyk/s2h-test-report-with-critical-severity-vuln.json": {"licence": 10, "repeat": 37},
    "snyk/s2h-test-report-with-remediation.json": {"repeat": 3},
    "snyk/secscanblob-2020-debian.json": {"repeat": 62},
    "snyk/vimp-container-alpine-test.json": {"repeat": 105},
    "snyk/vimp-container-large.json": {"repeat": 578},
    "snyk/vimp-container-test.json": {"repeat": 121},
    "trivy/dd-issue_10991.json": {"misconfiguration": 37},
    "trivy/dd-issue_14136.json": {"misconfiguration": 1},
    "trivy/dd-issue_9170.json": {"misconfiguration": 37},
    "trivy/dd-kubernetes_fabricated_internal_duplicates_subset.json": {"misconfiguration": 1},
    "trivy/dd-kubernetes_fabricated_subset.json": {"misconfiguration": 6},
    "trivy/dd-legacy_trivy_mix.json": {"no identifier": 1},
    "trivy/golden-dockerfile-custom-policies.json": {"misconfiguration": 2},
    "trivy/golden-helm_testchart.json": {"misconfiguration": 6},
    "trivy/golden-license-cyclonedx.json": {"licence": 3},
}
"""Raw entries that are not rows, by rule: a Snyk finding repeats once per dependency path; licences are no
vulnerabilities; misconfigurations are read with the posture formats; one entry has no identifier at all."""

ADDED = {
    "grype/dd-anchore_grype-check_all_fields_different_ids_fabricated.json": 1,
    "snyk/dd-single_project_upgrade_libs.json": 4,
    "snyk/delta-test-goof-with-ten-more-vulns.json": 1,
    "snyk/delta-test-goof.json": 1,
    "snyk/s2h-multi-test-report.json": 1,
    "snyk/s2h-test-report-with-critical-severity-vuln.json": 1,
}
"""Rows beyond the raw entries: an entry with n CVEs is n rows."""


def rows_of(reports: list[Report]) -> tuple[int, Counter[str], int]:
    left: Counter[str] = Counter()
    for report in reports:
        left.update(report.left_out)
    return sum(len(r.rows) for r in reports), left, sum(r.added for r in reports)


def test_each_real_file_is_read_or_refused(corpus: Path) -> None:
    with (corpus / "INDEX.tsv").open(newline="") as file:
        index = {row["path"]: row for row in csv.DictReader(file, delimiter="\t")}
    named = [path for path in index if path.split("/")[0] in ("snyk", "trivy", "grype")]
    assert len(named) == len([p for s in ("snyk", "trivy", "grype") for p in (corpus / s).iterdir()])
    faults = []
    for path in named:
        data = (corpus / path).read_bytes()
        try:
            _, reports = formats.read(data)
        except ReportError as error:
            if path not in REFUSED or REFUSED[path] not in error.cause or not error.remedy:
                faults.append(f"{path}: refused: {error}")
            continue
        rows, left, added = rows_of(list(reports))
        entries = int(index[path]["findings"])
        expected = entries - sum(LEFT_OUT.get(path, {}).values()) + ADDED.get(path, 0)
        if path in REFUSED or (rows, dict(left), added) != (expected, LEFT_OUT.get(path, {}), ADDED.get(path, 0)):
            faults.append(f"{path}: {entries} entries, {rows} rows, left out {dict(left)}, added {added}")
        if sum(r.entries for r in reports) != entries:
            faults.append(f"{path}: saw {sum(r.entries for r in reports)} entries of {entries}")
    assert not faults, "\n".join(faults)


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
