"""VEX documents: each real one reads or is refused, and what it does to a scan of matching images, one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from reports import write

from triagebot import app, config, openvex, vex
from triagebot.errors import ConfigError
from triagebot.look import Options, View
from triagebot.products import Product, of_image, of_purl, purl_of_image, purls_of_package
from triagebot.versions import satisfies

NOW = datetime(2026, 8, 3, 6, tzinfo=UTC)
ALPINE = "sha256:124c7d2707904eea7431fffe91522a01e5a861a624ee31d03372cc1d138a3126"
FFFF = "sha256:" + 64 * "f"
OTHER = "sha256:" + 64 * "0"

Row = tuple[str, str, str, str]
"""Package purl with version, vulnerability, the expected status, `excused` or nothing."""


@dataclass(frozen=True)
class Case:
    """One document, and images with what they hold. `images`: reference, digest, rows."""

    document: str
    images: Sequence[tuple[str, str, Sequence[Row]]]


def entry(purl: str, vulnerability: str) -> dict[str, Any]:
    """One entry of a Trivy report."""
    product = of_purl(purl)
    assert product is not None
    return {
        "VulnerabilityID": vulnerability, "PkgName": product.package.rpartition("/")[2],
        "PkgIdentifier": {"PURL": purl}, "InstalledVersion": product.version, "FixedVersion": "99",
        "Severity": "HIGH",
    }  # fmt: skip


def report(image: str, digest: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A Trivy report of one image; the source of each OS package is named as the package is, but for libraries."""
    packages = [
        {"Name": e["PkgName"], "SrcName": {"libcurl4": "curl"}.get(e["PkgName"], e["PkgName"])} for e in entries
    ]
    return {
        "SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "container_image",
        "Metadata": {"RepoDigests": [f"{image.rpartition(':')[0]}@{digest}"]} if digest else {},
        "Results": [{"Target": image, "Class": "os-pkgs", "Type": "alpine", "Packages": packages,
                     "Vulnerabilities": list(entries)}],
    }  # fmt: skip


def seen(place: Place) -> View:
    """What is believed and judged after the last run."""
    return app.standing(config.load(place.folder / "triagebot.yaml"), Options(now=NOW))


def verdicts(place: Place) -> dict[tuple[str, str, str], tuple[str, bool]]:
    """(status, excused) of each finding."""
    rows = seen(place).judged.iter_rows(named=True)
    return {(r["asset"], r["package"], r["vulnerability"]): (r["vex"], r["excused"] is not None) for r in rows}


CASES = [
    Case("openvex/dd-openvex_one_vuln.json", [("a/a:1", "", [
        ("pkg:apk/alpine/apk-tools@2.10.6-r0", "CVE-2024-10001", "not_affected", "excused"),
        ("pkg:apk/alpine/apk-tools@2.10.6-r0", "CVE-2024-10002", "", "")]),
        ("a/b:1", "", [("pkg:apk/alpine/apk-tools@2.10.7-r0", "CVE-2024-10001", "", "")])]),
    Case("openvex/dd-openvex_many_vuln.json", [("a/a:1", "", [
        ("pkg:apk/alpine/apk-tools@2.10.6-r0", "CVE-2024-10001", "not_affected", "excused"),
        ("pkg:apk/alpine/busybox@1.30.1-r3", "CVE-2024-10002", "affected", ""),
        ("pkg:apk/alpine/alpine-baselayout@3.1.2-r0", "CVE-2024-10003", "fixed", "excused"),
        ("pkg:apk/alpine/musl@1.1.22-r3", "CVE-2024-10004", "under_investigation", ""),
        ("pkg:apk/alpine/zlib@1.2.11-r1", "CVE-2024-10005", "not_affected", "excused"),
        ("pkg:apk/alpine/openssl@1.1.1k-r0", "CVE-2024-10006", "not_affected", "excused"),
        ("pkg:apk/alpine/zlib@1.2.11-r1", "CVE-2024-10004", "", "")])]),
    Case("openvex/grype-grype__vex__testdata__vex-docs__openvex-demo2.json", [
        ("mirror.example/base/alpine:3.17", ALPINE, [
            ("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-1255", "fixed", "excused"),
            ("pkg:apk/alpine/libcrypto3@3.0.8-r3", "CVE-2023-2650", "fixed", "excused"),
            ("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-3446", "not_affected", "excused"),
            ("pkg:apk/alpine/libssl3@3.0.8-r4", "CVE-2023-3817", "", ""),
            ("pkg:apk/alpine/busybox@1.35.0-r29", "CVE-2023-1255", "", "")]),
        ("alpine:3.17", OTHER, [("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-1255", "", "")])]),
    Case("openvex/grype-grype__vex__testdata__vex-docs__openvex-image-no-subcomponents.json", [
        ("alpine:3.17", ALPINE, [
            ("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-1255", "fixed", "excused"),
            ("pkg:apk/alpine/busybox@1", "CVE-2023-1255", "fixed", "excused"),
            ("pkg:apk/alpine/busybox@1", "CVE-2023-1256", "", "")]),
        ("a/alpine:3.17", OTHER, [("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-1255", "", "")])]),
    Case("openvex/grype-grype__vex__testdata__vex-docs__openvex-package-product.json", [
        ("a/a:1", "", [
            ("pkg:apk/alpine/libcrypto3@3.0.8-r3?arch=aarch64&distro=3.17", "CVE-2023-1255", "fixed", "excused"),
            ("pkg:apk/alpine/libssl3@3.0.8-r3", "CVE-2023-1255", "", "")]),
        ("a/b:1", "", [("pkg:apk/wolfi/libcrypto3@3.0.8-r3", "CVE-2023-1255", "", "")])]),
    Case("openvex/grype-test__integration__testdata__vex__openvex__affected.openvex.json", [
        ("a/a:1", FFFF, [("pkg:apk/alpine/libvncserver@0.9.9", "CVE-2024-0000", "affected", "")]),
        ("a/b:1", OTHER, [("pkg:apk/alpine/libvncserver@0.9.9", "CVE-2024-0000", "", "")])]),
    Case("openvex/grype-test__integration__testdata__vex__openvex__under_investigation.openvex.json", [
        ("a/a:1", FFFF, [
            ("pkg:apk/alpine/libvncserver@0.9.9", "CVE-2024-0000", "under_investigation", ""),
            ("pkg:apk/alpine/libvncserver@0.9.9", "CVE-2024-0001", "", "")])]),
    Case("openvex/trivy-openvex.json", [("a/a:1", "", [
        ("pkg:maven/org.springframework.boot/spring-boot@2.6.0", "CVE-2021-44228", "not_affected", "excused"),
        ("pkg:maven/org.springframework.boot/spring-boot-starter@2.6.0", "CVE-2021-44228", "", "")]),
        ("a/b:1", "", [("pkg:maven/org.springframework.boot/spring-boot@2.6.1", "CVE-2021-44228", "", "")])]),
    Case("openvex/trivy-openvex-oci-mismatch.json", [
        ("debian:12", OTHER, [("pkg:deb/debian/bash@5.1", "CVE-2022-3715", "", "")]),
        ("a/mismatch:12", "", [
            ("pkg:deb/debian/bash@5.1", "CVE-2022-3715", "not_affected", "excused"),
            ("pkg:deb/debian/dash@5.1", "CVE-2022-3715", "", "")])]),
    Case("openvex/ubuntu-2023__CVE-2023-38545.json", [
        ("a/jammy:1", "", [
            ("pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.24", "CVE-2023-38545", "fixed", "excused"),
            ("pkg:deb/ubuntu/libcurl4@7.81.0-1ubuntu1.24", "CVE-2023-38545", "fixed", "excused"),
            ("pkg:deb/ubuntu/bash@7.81.0-1ubuntu1.24", "CVE-2023-38545", "", "")]),
        ("a/xenial:1", "", [("pkg:deb/ubuntu/curl@7.47.0-1ubuntu2.19", "CVE-2023-38545", "affected", "")]),
        ("a/trusty:1", "", [
            ("pkg:deb/ubuntu/curl@7.35.0-1ubuntu2.20%2Besm19", "CVE-2023-38545", "not_affected", "excused")]),
        ("a/old:1", "", [("pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.1", "CVE-2023-38545", "", "")])]),
    Case("openvex/rancher-stackstate-k8s-process-agent__scan.openvex.json", [
        ("quay.io/any/stackstate-k8s-process-agent:1", "", [
            ("pkg:golang/github.com/containerd/containerd@v1.7.33", "GHSA-cvxm-645q-p574", "not_affected", "excused"),
            ("pkg:golang/github.com/containerd/containerd@1.7.33", "CVE-2026-53489", "not_affected", "excused"),
            ("pkg:golang/github.com/containerd/containerd/v2@v1.7.33", "CVE-2026-50195", "", "")]),
        ("quay.io/any/agent:1", "", [
            ("pkg:golang/github.com/containerd/containerd@v1.7.33", "CVE-2026-50195", "", "")])]),
    Case("openvex/rancher-stackstate-k8s-agent__scan.openvex.json", [
        ("a/stackstate-k8s-agent:7", "", [
            ("pkg:generic/python@3.13.13", "CVE-2025-15366", "not_affected", "excused"),
            ("pkg:generic/python@3.13.14", "CVE-2025-15366", "not_affected", "excused"),
            ("pkg:generic/ruby@3.13.14", "CVE-2025-15366", "", "")])]),
    Case("openvex/stackvista-oci__sts-toolbox__scan.openvex.json", [
        ("quay.io/stackstate/container-tools:2", "", [
            ("pkg:golang/github.com/docker/cli@v29.4.1%2Bincompatible", "CVE-2025-15558", "not_affected", "excused"),
            ("pkg:golang/github.com/docker/cli@v29.4.1%2Bincompatible", "CVE-2026-54515", "", "")]),
        ("quay.io/stackstate/unnamed-tools:2", "", [
            ("pkg:golang/github.com/docker/cli@v29.4.1%2Bincompatible", "CVE-2025-15558", "", "")])]),
    Case("openvex/large-rancher.openvex.json", [
        ("docker.io/rancher/k3s-upgrade:1", "", [
            ("pkg:apk/alpine/libcrypto3@3.3.2-r1", "CVE-2024-12797", "not_affected", "excused"),
            ("pkg:apk/alpine/busybox@3.3.2-r1", "CVE-2024-12797", "", "")]),
        ("docker.io/other/k3s-upgrade:1", "", [("pkg:apk/alpine/libcrypto3@3.3.2-r1", "CVE-2024-12797", "", "")]),
        ("rancher/kube-api-auth:1", "", [
            ("pkg:golang/github.com/rancher/kube-api-auth@v1", "CVE-2000-0001", "", ""),
            ("pkg:golang/github.com/rancher/rancher@v1", "GHSA-gc62-j469-9gjm", "not_affected", "excused")]),
        ("rancher/elsewhere:1", "", [("pkg:golang/github.com/rancher/rancher@v1", "GHSA-gc62-j469-9gjm", "", "")])]),
    Case("cyclonedx/trivy-vex-cyclonedx.json", [("a/a:1", "", [
        ("pkg:maven/org.springframework.boot/spring-boot@2.6.0", "CVE-2021-44228", "not_affected", "excused"),
        ("pkg:deb/ubuntu/libstdc%2B%2B6@12.3.0-1ubuntu1~22.04", "CVE-2022-27943", "not_affected", "excused"),
        ("pkg:deb/ubuntu/libstdc%2B%2B6@12.3.0-1ubuntu1~22.04", "CVE-2021-44228", "", "")])]),
    Case("cyclonedx/vex-vex.json", [("a/a:1", "", [
        ("pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.10.0", "CVE-2020-25649", "not_affected", "excused"),
        ("pkg:maven/com.fasterxml.jackson.core/jackson-core@2.10.0", "CVE-2020-25649", "", "")])]),
    Case("cyclonedx/dd-log4j.json", [("a/a:1", "", [  # it is about a file on somebody's disk, not about images
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.13.2", "CVE-2021-44228", "", ""),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.13.2", "CVE-2021-44832", "", ""),
        ("pkg:maven/org.apache.logging.log4j/log4j-api@2.13.2", "CVE-2021-44228", "", "")])]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: Path(c.document).name)
def test_what_a_real_document_does_to_a_scan_of_matching_images(corpus: Path, tmp_path: Path, case: Case) -> None:
    place = Place.create(tmp_path / "place", f"vex: {corpus / case.document}\n")
    scan = write(tmp_path / "scan", **{
        f"r{number}": report(image, digest, [entry(purl, vulnerability) for purl, vulnerability, *_ in rows])
        for number, (image, digest, rows) in enumerate(case.images)
    })  # fmt: skip
    assert place.run(scan, NOW).document["errors"] == []
    told = verdicts(place)
    view = seen(place)
    aliases = dict(view.state.belief.aliases.iter_rows())
    for image, _, rows in case.images:
        asset = of_image(image).asset  # type: ignore[union-attr]
        for purl, vulnerability, status, excused in rows:
            package = of_purl(purl).package  # type: ignore[union-attr]
            key = (asset, package, aliases.get(vulnerability, vulnerability))
            if "python@3.13" in purl:
                continue  # one finding, two versions: judged below
            assert told[key] == (status, excused == "excused"), (image, purl, vulnerability)
    if any("python" in row[0] for _, _, rows in case.images for row in rows):
        assert told["docker.io/a/stackstate-k8s-agent", "pkg:generic/python", "CVE-2025-15366"] == (
            "not_affected", True,
        )  # fmt: skip


def test_every_document_of_the_corpus_reads_or_is_refused_with_place_and_cause(corpus: Path) -> None:
    files = [(p.name, p.read_bytes()) for d in ("openvex", "cyclonedx") for p in sorted((corpus / d).iterdir())]
    documents, faults = vex.read(files)
    assert len(documents) + len(faults) == len(files)
    refused = {name: fault.faults for name, fault in faults}
    assert refused.pop("dd-openvex_not_a_document.json") == [
        (1, "is neither OpenVEX (no 'statements') nor CycloneDX (no 'bomFormat')")
    ]
    assert all(name.endswith(".xml") for name in refused)
    assert set(map(str, refused.values())) == {"[(1, 'is XML; give OpenVEX or CycloneDX VEX as JSON')]"}
    by_name = {d.name: d for d in documents}
    assert len(by_name["large-rancher.openvex.json"].statements) == 5665
    for document in documents:  # what a document says is matched, or it is said that it cannot be
        if document.statements and not any(s.products for s in document.statements):
            assert document.unmatched, document.name


def test_csaf_is_refused_as_such(corpus: Path) -> None:
    """Nine real ones, advisories and VEX: none is taken for something else, and each says what to give instead."""
    files = [(p.name, p.read_bytes()) for p in sorted((corpus / "csaf").iterdir())]
    documents, faults = vex.read(files)
    assert documents == []
    assert [name for name, _ in faults] == [name for name, _ in files]
    said = {fault.faults[0] for _, fault in faults if len(fault.faults) == 1}
    assert said == {
        (1, f"is CSAF {kind}, which is not read; give OpenVEX, or CycloneDX VEX as JSON")
        for kind in ("2.0 (csaf_vex)", "2.0 (csaf_security_advisory)", "1.2 (csaf_security_advisory)")
    }


OPEN = {
    "@context": openvex.CONTEXT, "@id": "urn:x", "author": "Somebody", "timestamp": "2026-08-01T00:00:00Z",
    "version": 1,
}  # fmt: skip


def told_by(*statements: dict[str, Any]) -> bytes:
    return json.dumps({**OPEN, "statements": list(statements)}, indent=1).encode()


def statement(status: str, *products: Any, **said: Any) -> dict[str, Any]:
    return {"vulnerability": {"name": "CVE-2026-0001"}, "products": list(products), "status": status, **said}


def judged(tmp_path: Path, document: bytes, *images: tuple[str, str, str]) -> list[tuple[str, bool]]:
    """(status, excused) of CVE-2026-0001 in zlib 1.0 of these images (reference, digest, version)."""
    place = Place.create(tmp_path / "place", "vex: [v.json]\n")
    (place.folder / "v.json").write_bytes(document)
    scan = write(tmp_path / "scan", **{
        f"r{n}": report(image, digest, [entry(f"pkg:apk/alpine/zlib@{version}", "CVE-2026-0001")])
        for n, (image, digest, version) in enumerate(images)
    })  # fmt: skip
    place.run(scan, NOW)
    return [told for _, told in sorted(verdicts(place).items())]


NOT, FIXED, NOTHING = ("not_affected", True), ("fixed", True), ("", False)
PLACES = ("registry.example:5000/a/b:1.0", OTHER, "1.0-r0")


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("registry.example:5000/a/b", True),
        ("registry.example:5000/a/b:1.0", True),
        ("registry.example:5000/a/b:2.0", False),
        (f"registry.example:5000/a/b@{OTHER}", True),
        (f"elsewhere/b@{OTHER}", True),
        (f"registry.example:5000/a/b@{FFFF}", False),
        ({"@id": "urn:some:thing", "hashes": {"sha-256": OTHER[7:]}}, True),
        ({"@id": "https://example.com/product", "identifiers": {"purl": "pkg:apk/alpine/zlib@1.0-r0"}}, True),
        ({"@id": "pkg:oci/b?repository_url=registry.example%3A5000/a/b&tag=1.0"}, True),
        ({"@id": "pkg:oci/b?repository_url=registry.example:5000/a"}, True),
        ({"@id": "pkg:oci/b?repository_url=registry.example:5000/x"}, False),
        ({"@id": "pkg:docker/registry.example%3A5000/a/b@1.0"}, True),
        ({"@id": "pkg:docker/registry.example%3A5000/a/b@1.1"}, False),
        ({"@id": "pkg:oci/b"}, True),
        ({"@id": "pkg:oci/c"}, False),
        ({"@id": "pkg:apk/alpine/zlib"}, True),
        ({"@id": "pkg:apk/alpine/zlib@1.0-r1"}, False),
        ({"@id": "pkg:oci/b", "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}, True),
        ({"@id": "pkg:oci/b", "subcomponents": [{"@id": "pkg:apk/alpine/zlib@2"}, "pkg:apk/alpine/xz"]}, False),
        ({"@id": "pkg:apk/alpine/zlib?arch=x86_64"}, False),
        ({"@id": "pkg:apk/alpine/zlib?distro=alpine-3.20"}, False),
        ({"@id": "pkg:apk/alpine/zlib@1.0-r0?arch=x86_64&distro=alpine-3.20"}, True),
        ({"@id": "pkg:apk/alpine/zlib?arch=noarch"}, True),
        ({"@id": "pkg:oci/b?arch=arm64&tag=1.0"}, False),
        ({"@id": f"pkg:oci/b@{OTHER}?arch=arm64"}, True),
        ({"@id": "pkg:apk/alpine/zlib", "subcomponents": ["pkg:apk/alpine/zlib"]}, True),
        ({"@id": "pkg:apk/alpine/zlib@1.0-r0", "subcomponents": ["pkg:apk/alpine/zlib"]}, True),
        ({"@id": "pkg:apk/alpine/zlib@9.0-r0", "subcomponents": ["pkg:apk/alpine/zlib"]}, False),
        ({"@id": "pkg:apk/alpine/other", "subcomponents": ["pkg:apk/alpine/zlib"]}, False),
        ({"@id": "cpe:2.3:a:x:y:*:*:*:*:*:*:*:*"}, False),
        ("zlib", False),
    ],
)
def test_products_by_image_digest_name_and_purl(tmp_path: Path, product: Any, expected: bool) -> None:
    told = judged(tmp_path, told_by(statement("not_affected", product, justification="component_not_present")), PLACES)
    assert told == [("not_affected", True) if expected else ("", False)]


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("pkg:deb/debian/curl?arch=source", [NOTHING, NOT]),
        ("pkg:deb/debian/curl@7?arch=source", [NOTHING, NOT]),
        ("pkg:deb/debian/curl@8?arch=source", [NOTHING, NOTHING]),
        ("pkg:deb/debian/curl", [NOTHING, NOTHING]),  # the package of that name does not stand there
    ],
)
def test_a_part_of_a_source_package_counts_where_what_is_built_of_it_stands(
    tmp_path: Path, product: str, expected: list[tuple[str, bool]]
) -> None:
    """Not reachable in what curl builds is not: not reachable in every image."""
    place = Place.create(tmp_path / "place", "vex: [v.json]\n")
    said = statement("not_affected", {"@id": product, "subcomponents": ["pkg:deb/debian/zlib@1"]}, impact_statement="x")
    (place.folder / "v.json").write_bytes(told_by(said))
    zlib = entry("pkg:deb/debian/zlib@1", "CVE-2026-0001")
    scan = write(
        tmp_path / "s", a=report("a/b:1", "", [zlib]),
        b=report("a/c:1", "", [zlib, entry("pkg:deb/debian/libcurl4@7", "CVE-2026-0009")]),
    )  # fmt: skip
    place.run(scan, NOW)
    found = verdicts(place)
    assert [found[f"docker.io/a/{n}", "pkg:deb/debian/zlib", "CVE-2026-0001"] for n in "bc"] == expected


def test_a_document_that_fits_nothing_excuses_nothing(tmp_path: Path) -> None:
    document = told_by(statement("fixed", "a/other"), statement("fixed"))
    images = [(f"a/{name}:1.0", "", "1.0-r0") for name in "bcd"]
    assert judged(tmp_path, document, *images) == [NOTHING] * 3


def test_a_name_without_a_registry_means_repositories_only(tmp_path: Path) -> None:
    document = told_by(statement("fixed", {"@id": "pkg:oci/b"}))
    assert judged(tmp_path, document, ("a/b:1", "", "1.0-r0"), ("k8s://c/n/Deployment/b", "", "1.0-r0")) == [
        FIXED, NOTHING,
    ]  # fmt: skip


def test_a_statement_without_products_is_told(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "vex: [v.json]\n")
    (place.folder / "v.json").write_bytes(told_by(statement("fixed")))
    told = place.run(write(tmp_path / "s", a=report("a/b:1", "", [])), NOW).document
    assert told["warnings"] == ["vex: v.json: cannot be matched: no product at all"]


def test_a_finding_is_excused_only_if_every_place_that_shows_it_is(tmp_path: Path) -> None:
    document = told_by(statement("fixed", {"@id": "pkg:oci/b?tag=1.0"}))
    both = judged(tmp_path, document, ("a/b:1.0", "", "1.0-r0"), ("a/b:2.0", "", "1.0-r0"))
    assert both == [("", False)]
    alone = judged(tmp_path / "alone", document, ("a/b:1.0", "", "1.0-r0"))
    assert alone == [("fixed", True)]


def test_the_latest_statement_counts_whatever_the_order(tmp_path: Path) -> None:
    late = statement("affected", "a/b", timestamp="2026-08-02T00:00:00.123456789Z", action_statement="x")
    early = statement("not_affected", "a/b", impact_statement="x", timestamp="2026-07-01T00:00:00Z")
    undated = statement("fixed", "a/b")
    assert judged(tmp_path, told_by(late, early, undated), ("a/b:1", "", "1")) == [("affected", False)]
    assert judged(tmp_path / "2", told_by(early, undated), ("a/b:1", "", "1")) == [("fixed", True)]


def test_a_rule_can_ask_what_vex_says(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "vex: v.json\nrules: [r.yaml]\n")
    (place.folder / "v.json").write_bytes(told_by(statement("affected", "a/b", action_statement="x")))
    (place.folder / "r.yaml").write_text(
        "rules:\n  - {id: v, when: {vex: affected}, priority: P0, action: ticket, because: The vendor says so.}\n"
    )
    scan = write(tmp_path / "s", a=report("a/b:1", "", [entry("pkg:apk/alpine/zlib@1", "CVE-2026-0001")]),
                 b=report("a/c:1", "", [entry("pkg:apk/alpine/zlib@1", "CVE-2026-0001")]))  # fmt: skip
    told = place.run(scan, NOW).document
    assert [(a["key"], a["priority"]) for a in told["actions"]] == [("image:docker.io/a/b", "P0")]


def test_a_ticket_says_which_document_excuses(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "vex: v.json\n")
    said = statement("not_affected", {"@id": "pkg:oci/b", "subcomponents": ["pkg:apk/alpine/zlib"]},
                     justification="component_not_present", impact_statement="It is\nnot <b>there</b>.")  # fmt: skip
    (place.folder / "v.json").write_bytes(told_by(said))
    entries = [entry(f"pkg:apk/alpine/{name}@1", "CVE-2026-0001") for name in ("zlib", "xz")]
    place.run(write(tmp_path / "s", a=report("a/b:1", "", entries)), NOW)
    [ticket] = place.ticket_bytes().values()
    assert b"VEX not\\_affected (component\\_not\\_present), says Somebody in v.json: It is not &lt;b>there" in ticket
    told = place.run(tmp_path / "s", NOW).document
    assert (told["findings"]["open"], told["findings"]["excepted"]) == (1, 1)


# ---- CycloneDX, between documents ----


def cyclonedx(**said: Any) -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, **said}).encode()


def vulnerable(*affects: dict[str, Any], state: str = "not_affected", **said: Any) -> dict[str, Any]:
    return {"id": "CVE-2026-0001", "analysis": {"state": state, **said}, "affects": list(affects)}


SERIAL = "3e671687-395b-41f5-a30f-a58921a69b79"
COMPONENTS = [
    {"type": "library", "bom-ref": "z", "name": "zlib", "purl": "pkg:apk/alpine/zlib"},
    {"type": "container", "bom-ref": "c", "name": "a/b", "components": [
        {"type": "library", "bom-ref": "deep", "name": "zlib", "purl": "pkg:apk/alpine/zlib@1.5"}]},
    {"type": "application", "bom-ref": "p", "name": "b"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("affects", "expected"),
    [
        ({"ref": "z"}, ("not_affected", True)),
        ({"ref": "c"}, ("not_affected", True)),
        ({"ref": "deep"}, ("not_affected", True)),
        ({"ref": "p"}, ("", False)),
        ({"ref": "z", "versions": [{"version": "1.4"}, {"range": "vers:apk/>=1.5|<2.0"}]}, ("not_affected", True)),
        ({"ref": "z", "versions": [{"version": "1.4"}, {"range": "vers:apk/<1.5|>=2.0"}]}, ("", False)),
        ({"ref": f"urn:cdx:{SERIAL}/1#z"}, ("not_affected", True)),
        ({"ref": f"urn:cdx:{SERIAL}/2#z"}, ("", False)),
        ({"ref": f"urn:cdx:{SERIAL}/1#pkg:apk/alpine/zlib@1.5"}, ("not_affected", True)),
    ],
)
def test_references_of_cyclonedx(tmp_path: Path, affects: dict[str, Any], expected: tuple[str, bool]) -> None:
    linked = "urn:cdx" in affects["ref"]
    bom = cyclonedx(serialNumber=f"urn:uuid:{SERIAL}", components=COMPONENTS)
    document = cyclonedx(vulnerabilities=[vulnerable(affects)], components=[] if linked else COMPONENTS)
    place = Place.create(tmp_path / "place", "vex: [v/*.json]\n")
    (place.folder / "v").mkdir()
    (place.folder / "v" / "a.json").write_bytes(document)
    (place.folder / "v" / "b.json").write_bytes(bom)
    scan = write(tmp_path / "s", r=report("a/b:1", "", [entry("pkg:apk/alpine/zlib@1.5", "CVE-2026-0001")]))
    told = place.run(scan, NOW).document
    assert list(verdicts(place).values()) == [expected]
    assert any(affects["ref"] in w for w in told["warnings"]) == (expected == ("", False) and "versions" not in affects)


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        ("not_affected", None, NOT), ("not_affected", "affected", NOT), ("not_affected", "unaffected", NOT),
        ("not_affected", "unknown", NOTHING), ("false_positive", "unknown", NOTHING),
        ("resolved", None, FIXED), ("resolved", "unaffected", FIXED), ("resolved", "affected", NOTHING),
        ("resolved", "unknown", NOTHING), ("resolved_with_pedigree", "affected", NOTHING),
        ("exploitable", "affected", ("affected", False)), ("exploitable", "unaffected", NOTHING),
        ("in_triage", "unknown", ("under_investigation", False)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("component", ["z", "deep"])
def test_the_status_of_a_version_says_whether_it_is_meant(
    tmp_path: Path, component: str, state: str, status: str | None, expected: tuple[str, bool]
) -> None:
    """`deep` names its version itself; the list of versions must not be passed over for that."""
    told = {"version": "1.5", **({"status": status} if status else {})}
    affects = {"ref": component, "versions": [told, {"version": "1.4"}]}
    document = cyclonedx(vulnerabilities=[vulnerable(affects, state=state)], components=COMPONENTS)
    assert judged(tmp_path, document, ("a/b:1", "", "1.5")) == [expected]


def test_a_version_that_is_not_listed_is_not_meant(tmp_path: Path) -> None:
    affects = {"ref": "deep", "versions": [{"version": "1.4"}, {"range": "vers:apk/>=1.6"}, {}]}
    document = cyclonedx(vulnerabilities=[vulnerable(affects)], components=COMPONENTS)
    assert judged(tmp_path, document, ("a/b:1", "", "1.5")) == [NOTHING]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ({"type": "container", "name": "a/b", "version": "1"}, [NOT, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b:1"}, [NOT, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b:1", "version": "1"}, [NOT, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b"}, [NOT, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b", "version": "2"}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b:2"}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "container", "name": "x", "version": OTHER}, [NOT, NOTHING, NOTHING]),
        ({"type": "container", "name": "a/b:1", "version": FFFF}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "container", "purl": f"pkg:oci/x@{OTHER}"}, [NOT, NOTHING, NOTHING]),
        ({"type": "application", "purl": "pkg:npm/shop@2"}, [NOTHING, NOTHING, NOT]),
        ({"type": "application", "purl": "pkg:npm/shop@3"}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "application", "name": "Shop"}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "container", "name": ":"}, [NOTHING, NOTHING, NOTHING]),
        ({"type": "application", "purl": "pkg:deb/debian/shop?arch=amd64"}, [NOTHING, NOTHING, NOTHING]),
        (None, [NOT, NOT, NOT]),
    ],
)
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_part_of_an_image_is_judged_in_that_image(
    tmp_path: Path, subject: dict[str, Any] | None, linked: bool, expected: list[tuple[str, bool]]
) -> None:
    """Not reachable in one image is not: not reachable wherever that package stands."""
    told = {"serialNumber": f"urn:uuid:{SERIAL}", "components": COMPONENTS[:1]}
    told |= {"metadata": {"component": {**subject, "bom-ref": "s"}}} if subject else {}
    ref = f"urn:cdx:{SERIAL}/1#z" if linked else "z"
    statements = {"vulnerabilities": [vulnerable({"ref": ref})]}
    place = Place.create(tmp_path / "place", "vex: [v/*.json]\n")
    (place.folder / "v").mkdir()
    (place.folder / "v" / "a.json").write_bytes(cyclonedx(**told) if linked else cyclonedx(**told, **statements))
    if linked:
        (place.folder / "v" / "b.json").write_bytes(cyclonedx(**statements))
    zlib = entry("pkg:apk/alpine/zlib@1.5", "CVE-2026-0001")
    scan = write(
        tmp_path / "s", a=report("a/b:1", OTHER, [zlib]), b=report("a/b:2", "", []),
        c=report("a/c:1", "", [zlib]), d=report("a/d:1", "", [zlib, entry("pkg:npm/shop@2", "CVE-2026-0009")]),
    )  # fmt: skip
    place.run(scan, NOW)
    found = verdicts(place)
    here = [found[f"docker.io/a/{name}", "pkg:apk/alpine/zlib", "CVE-2026-0001"] for name in "bcd"]
    assert here == expected


@pytest.mark.parametrize(
    ("subject", "versions", "expected"),
    [
        ("a/b:1", [{"version": "1.4"}], NOTHING),
        ("a/b:1", [{"version": "1.5"}], NOT),
        ("a/b:2", [{"version": "1.5"}], NOTHING),
        ("a/b:2", [{"version": "1"}], NOTHING),  # the version of the package, not the tag of the image
        ("a/b:1", [{"range": "vers:apk/>=1.4"}], NOT),
        ("a/b:1", [{"range": "vers:apk/<1.4"}], NOTHING),
        ("a/b:2", [{"range": "vers:apk/>=1.4"}], NOTHING),
    ],
)
def test_versions_of_a_part_of_an_image_are_the_versions_of_the_part(
    tmp_path: Path, subject: str, versions: list[dict[str, str]], expected: tuple[str, bool]
) -> None:
    whole = {"component": {"type": "container", "name": subject}}
    affects = {"ref": "z", "versions": versions}
    document = cyclonedx(vulnerabilities=[vulnerable(affects)], components=COMPONENTS[:1], metadata=whole)
    assert judged(tmp_path, document, ("a/b:1", "", "1.5")) == [expected]


@pytest.mark.parametrize(
    ("name", "versions", "expected"),
    [
        ("a/b", [{"version": "1"}], NOT),
        ("a/b", [{"version": "2"}], NOTHING),
        ("a/b:2", [{"version": "1"}], NOTHING),
        ("a/b", [{"range": "vers:generic/>=5"}], NOTHING),
        ("a/b", [{"range": "vers:generic/>=1"}], NOTHING),  # tags have no order
    ],
)
def test_versions_of_an_image_are_its_tags_and_a_range_of_them_cannot_be_matched(
    tmp_path: Path, name: str, versions: list[dict[str, str]], expected: tuple[str, bool]
) -> None:
    image = {"type": "container", "bom-ref": "i", "name": name}
    affects = {"ref": "i", "versions": versions}
    document = cyclonedx(vulnerabilities=[vulnerable(affects)], components=[image])
    assert judged(tmp_path, document, ("a/b:1", "", "1.5")) == [expected]
    [read], _ = vex.read([("v.json", document)])
    assert bool(read.unmatched) == ("range" in versions[0])


def test_subcomponents_of_a_whole_statement_narrow_it(tmp_path: Path) -> None:
    """As OpenVEX had them before 0.2.0."""
    for number, (part, expected) in enumerate([("pkg:apk/alpine/xz", NOTHING), ("pkg:apk/alpine/zlib", NOT)]):
        said = statement("not_affected", "a/b", subcomponents=[part], impact_statement="x")
        assert judged(tmp_path / str(number), told_by(said), ("a/b:1", "", "1.5")) == [expected]


NAMES = [
    "pkg:deb/x/n", "pkg:deb/x/n@1", "pkg:deb/x/n?arch=source", "pkg:deb/x/n@1?arch=src", "pkg:deb/x/n?arch=amd64",
    "pkg:golang/x/n", "pkg:oci/n", "pkg:oci/n?tag=1", f"pkg:oci/n@{FFFF}", "pkg:oci/n?repository_url=x/n",
    "pkg:docker/n", "x/n", "x/n:1", f"x/n@{FFFF}", "", ":", "/", ":1", f"@{FFFF}", "x/", "pkg:", "pkg:oci/",
    "n", "urn:n", "cpe:/a:n", "k8s://c/n/Deployment/n", "file://n",
]  # fmt: skip
PART = "pkg:apk/alpine/zlib@1.5"
SEVERAL = [[], [{"version": "1.5"}], [{"range": "vers:apk/*"}], [{"version": "1"}], [{}]]


def test_a_statement_that_names_a_product_never_excuses_what_shares_nothing_with_it(tmp_path: Path) -> None:
    """Each way to name a product, in each place where one can be named; the scan holds nothing of that name."""
    documents = []
    for name in NAMES:
        products = (
            {"@id": name},
            {"@id": name, "identifiers": {"purl": name}},
            {"@id": name, "hashes": {"sha-256": FFFF}},
        )
        for product in (name, *products):
            below = {**({"@id": product} if isinstance(product, str) else product), "subcomponents": [PART]}
            told = (statement("fixed", product), statement("fixed", below),
                    statement("fixed", product, subcomponents=[PART]))  # fmt: skip
            documents += [told_by(said) for said in told]
        for kind in ("application", "container", "library", "file"):
            for subject in ({"type": kind, "name": name}, {"type": kind, "name": "n", "purl": name},
                            {"type": kind, "name": "n", "bom-ref": name}):  # fmt: skip
                within = {"bom-ref": "z", "type": "library", "purl": PART}
                for shape in ({"metadata": {"component": subject}, "components": [within]},
                              {"metadata": {"component": {**subject, "components": [within]}}},
                              {"components": [{**subject, "components": [within]}]}):  # fmt: skip
                    affects = [
                        {"ref": ref, **({"versions": v} if v else {})} for v in SEVERAL for ref in ("z", PART, name)
                    ]
                    if "metadata" not in shape:  # there a purl that is no component is told of nothing
                        affects = [a for a in affects if a["ref"] != PART]
                    documents.append(cyclonedx(vulnerabilities=[vulnerable(*affects)], **shape))
    place = Place.create(tmp_path / "place", "vex: [v/*.json]\n")
    (place.folder / "v").mkdir()
    for number, document in enumerate(documents):
        (place.folder / "v" / f"{number}.json").write_bytes(document)
    scan = write(tmp_path / "s", a=report("q/w:1", OTHER, [entry(PART, "CVE-2026-0001")]))
    place.run(scan, NOW)
    assert list(verdicts(place).values()) == [NOTHING]


LOG4J = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"
SHOP = {"type": "application", "name": "shop"}
INNER = {"type": "library", "bom-ref": LOG4J, "purl": LOG4J}


@pytest.mark.parametrize(
    "described",
    [
        {"metadata": {"component": SHOP}, "components": [{**INNER, "bom-ref": "z"}]},
        {"metadata": {"component": SHOP}, "components": [INNER]},
        {"metadata": {"component": SHOP}, "components": [{"type": "library", "bom-ref": LOG4J}]},
        {"metadata": {"component": SHOP}},
        {"metadata": {"component": {**SHOP, "components": [INNER]}}},
        {"metadata": {"component": "shop"}, "components": [INNER]},
        {"components": [{**SHOP, "components": [INNER]}]},
        {"components": [{"type": "container", "name": ":", "components": [INNER]}]},
    ],
)
def test_what_is_part_of_something_that_cannot_be_matched_is_told_and_excuses_nothing(
    described: dict[str, Any],
) -> None:
    ref = "z" if "'z'" in str(described) else LOG4J
    [document], faults = vex.read([("v.json", cyclonedx(vulnerabilities=[vulnerable({"ref": ref})], **described))])
    assert (faults, [s.products for s in document.statements]) == ([], [()])
    assert document.unmatched == (ref,)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("not_affected", ("not_affected", True)), ("false_positive", ("not_affected", True)),
     ("resolved", ("fixed", True)), ("resolved_with_pedigree", ("fixed", True)),
     ("exploitable", ("affected", False)), ("in_triage", ("under_investigation", False))],
)  # fmt: skip
def test_states_of_cyclonedx(tmp_path: Path, state: str, expected: tuple[str, bool]) -> None:
    document = cyclonedx(vulnerabilities=[vulnerable({"ref": "z"}, state=state)], components=COMPONENTS)
    assert judged(tmp_path, document, ("a/b:1", "", "1.5")) == [expected]


# ---- faults ----


def test_all_faults_of_all_documents_with_their_lines(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "vex: ['v/*']\n")
    (place.folder / "v").mkdir()
    (place.folder / "v" / "a.json").write_text(
        '{"@context": "https://openvex.dev/ns/v0.2.0",\n "statements": [\n'
        '  {"vulnerability": {"name": "CVE-1"}, "status": "not_afected"},\n'
        '  {"vulnerability": {}, "status": "fixed", "products": {}},\n  7,\n'
        '  {"vulnerability": "CVE-1", "status": "not_affected", "justification": "component_not_there",\n'
        '   "timestamp": "soon"}\n]}'
    )
    (place.folder / "v" / "b.json").write_text(
        '{"bomFormat": "CycloneDX", "vulnerabilities": [\n{"analysis": {"state": "exploitabel"}},\n'
        '{"id": "CVE-1", "analysis": {}, "affects": 3},\n{"id": "CVE-1", "analysis": {"detail": "x"}},\n'
        '{"id": "CVE-1", "analysis": {"state": "resolved", "justification": "code_not_there"},\n'
        ' "affects": [{"ref": "x", "versions": [{"version": "1", "status": "unafected"}]}]}]}'
    )
    (place.folder / "v" / "c.json").write_text("{\n")
    with pytest.raises(ConfigError) as caught:
        place.run(write(tmp_path / "s", a=report("a/b:1", "", [])), NOW)
    assert not (place.history / "snapshots").exists()  # nothing was done
    assert str(caught.value).splitlines() == [
        "v/a.json:3: statement 1: status: there is no status 'not_afected'; did you mean 'not_affected'?",
        "v/a.json:4: statement 2: field 'vulnerability' names none",
        "v/a.json:4: statement 2: products: should be a list",
        "v/a.json:5: statement 3: should be a mapping",
        "v/a.json:6: statement 4: justification: there is no justification 'component_not_there'; "
        "did you mean 'component_not_present'?",
        "v/a.json:6: statement 4: timestamp: 'soon' is no RFC 3339 time",
        "v/b.json:2: vulnerability 1: analysis: there is no state 'exploitabel'; did you mean 'exploitable'?",
        "v/b.json:2: vulnerability 1: field 'id' is missing",
        "v/b.json:3: vulnerability 2: affects: should be a list of mappings",
        "v/b.json:4: vulnerability 3: analysis: field 'state' is missing",
        "v/b.json:5: vulnerability 4: analysis: there is no justification 'code_not_there'; "
        "did you mean 'code_not_present'?",
        "v/b.json:5: vulnerability 4: affects: versions: there is no status 'unafected'; did you mean 'unaffected'?",
        "v/c.json:2: no valid JSON: Expecting property name enclosed in double quotes; "
        "mend the document, or leave it out of `vex`",
    ]


def test_a_pattern_without_files_is_a_warning(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "vex: ['nowhere/*.json']\n")
    told = place.run(write(tmp_path / "s", a=report("a/b:1", "", [])), NOW).document
    settings = place.folder / "triagebot.yaml"
    assert told["warnings"] == [f"{settings}:1: vex: no file matches nowhere/*.json"]


# ---- parts ----


@pytest.mark.parametrize(
    ("version", "within", "expected"),
    [("1.5", "vers:semver/>=1.0|<2.0", True), ("2.0", "vers:semver/>=1.0|<2.0", False),
     ("1.5", "vers:semver/<2.0|>=1.0", True), ("0.9", "vers:semver/<1.0|>=2.0", True),
     ("1.5", "vers:semver/<1.0|>=2.0", False), ("1.5", "vers:semver/1.5", True), ("1.5", "vers:semver/!=1.5", False),
     ("1.6", "vers:semver/!=1.5", True), ("1.5", "vers:semver/*", True), ("1.5", "vers:semver/>=junk!", False),
     ("1.5", "vers:semver/1.1|1.5|>=3.0", True), ("1.2", "vers:semver/1.1|1.5|>=3.0", False)],
)  # fmt: skip
def test_ranges(version: str, within: str, expected: bool) -> None:
    assert satisfies("pkg:npm/a", version, within) is expected


@pytest.mark.parametrize(
    ("asset", "tag", "digest"),
    [("docker.io/library/nginx", "1.27", ""), ("registry.example:5000/a/b", "1.0", OTHER), ("quay.io/a/b/c", "", OTHER),
     ("k8s://cluster/ns/Deployment/x", "", ""), ("file:///tmp/a.tar", "", "")],
)  # fmt: skip
def test_an_image_that_we_write_is_read_back(asset: str, tag: str, digest: str) -> None:
    name = purl_of_image(asset, tag, digest)
    assert (of_purl(name) if name.startswith("pkg:") else of_image(name)) == Product(
        asset=asset, tag="" if digest else tag, digest=digest
    )


@pytest.mark.parametrize(
    ("package", "version"),
    [("pkg:deb/debian/libstdc%2B%2B6", "12.2.0-14+deb12u1"), ("pkg:deb/debian/login", "1:4.16.0-2+really2.41-5"),
     ("pkg:rpm/redhat/bind", "32:9.11.4-26.P2.el7"),
     ("pkg:npm/%40babel/core", "7.0.0"), ("pkg:maven/org.a/b", "1.0"), ("pkg:generic/some/thing", "1 0"),
     ("pkg:golang/github.com/a/b", "1.2.3")],
)  # fmt: skip
def test_a_package_that_we_write_is_read_back(package: str, version: str) -> None:
    written = purls_of_package(package, version)
    assert {of_purl(purl) for purl in written} == {Product(package=package, version=version)}
    assert len(written) == (2 if ":" in version else 1)
