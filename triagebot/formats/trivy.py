"""Trivy JSON: schema 2, the older bare array of results, image and Kubernetes reports.

https://trivy.dev/latest/docs/configuration/reporting/#json
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from triagebot.formats.interface import Report, Row, decoded, severity, when
from triagebot.identity import build_package, canonical, package_of

NAME = "trivy"
HINT = re.compile(rb'"(SchemaVersion|Target|ArtifactName|ClusterName)"')

_STATE = {
    "fixed": "fixed", "will_not_fix": "wont-fix", "affected": "not-fixed", "fix_deferred": "not-fixed",
    "under_investigation": "not-fixed", "end_of_life": "not-fixed",
}  # fmt: skip


class Identifier(Struct, gc=False):
    purl: str = field(name="PURL", default="")


class Score(Struct, gc=False):
    v2: float | None = field(name="V2Score", default=None)
    v3: float | None = field(name="V3Score", default=None)
    v4: float | None = field(name="V40Score", default=None)


class Vulnerability(Struct, gc=False, rename="pascal"):
    id: str = field(name="VulnerabilityID", default="")
    vendor_ids: list[str] | None = field(name="VendorIDs", default=None)
    pkg_name: str = ""
    pkg_path: str = ""
    pkg_identifier: Identifier | None = None
    installed_version: str = ""
    fixed_version: str = ""
    status: str = ""
    severity: str = ""
    severity_source: str = ""
    title: str = ""
    url: str = field(name="PrimaryURL", default="")
    cvss: dict[str, Score] | None = field(name="CVSS", default=None)


class Package(Struct, gc=False, rename="pascal"):
    name: str = ""
    src_name: str = ""


class Result(Struct, gc=False, rename="pascal"):
    target: str
    class_: str = field(name="Class", default="")
    type: str = ""
    packages: list[Package] | None = None
    vulnerabilities: list[Vulnerability] | None = None
    misconfigurations: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None
    licenses: list[msgspec.Raw] | None = None


class Metadata(Struct, rename="pascal"):
    image_id: str = field(name="ImageID", default="")
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class Tool(Struct, rename="pascal"):
    version: str = ""


class Resource(Struct, rename="pascal"):
    namespace: str = ""
    kind: str = ""
    name: str = ""
    metadata: Metadata | list[Metadata] | None = None
    results: list[Result] | None = None


class Document(Metadata, rename="pascal"):
    """A report. Early releases put the image's names beside the results, which is why it is `Metadata` too."""

    schema_version: int | UnsetType = UNSET
    trivy: Tool | None = None
    created_at: str | None = None
    artifact_name: str = ""
    artifact_type: str = ""
    metadata: Metadata | None = None
    results: list[Result] | UnsetType | None = UNSET
    cluster_name: str | UnsetType = UNSET
    resources: list[Resource] | UnsetType | None = UNSET
    vulnerabilities: list[Resource] | None = None
    misconfigurations: list[Resource] | None = None


_OBJECT = msgspec.json.Decoder(Document)
_ARRAY = msgspec.json.Decoder(list[Result])


def read(data: bytes) -> Sequence[Report] | None:
    """The reports of one Trivy document; one per resource for a Kubernetes report."""
    if data.startswith(b"["):
        results = decoded(_ARRAY, data)
        return [_bare_array(results)] if results else None
    found = decoded(_OBJECT, data)
    if found is None:
        return None
    if found.cluster_name is not UNSET or found.resources is not UNSET:
        return _kubernetes(found)
    told = found.metadata is not None or found.image_id or found.repo_tags
    if found.schema_version is UNSET and (found.results is UNSET or not told):
        return None
    return [_artifact(found)]


def _bare_array(results: list[Result]) -> Report:
    report = Report(NAME, image=_image_of(results))
    _fill(report, results)
    return report


def _image_of(results: Iterable[Result]) -> str:
    for result in results:
        name, bracket, _ = result.target.partition(" (")
        if bracket and result.class_ in ("", "os-pkgs"):
            return name
    return ""


def _artifact(found: Document) -> Report:
    results = found.results if isinstance(found.results, list) else []
    report = Report(NAME, image=found.artifact_name, scanned_at=when(found.created_at))
    report.scanner_version = found.trivy.version if found.trivy else ""
    if found.artifact_type not in ("", "container_image"):
        report.image = f"file://{found.artifact_name}"
    else:
        _describe(report, found.metadata or found)
    _fill(report, results)
    return report


def _describe(report: Report, metadata: Metadata) -> None:
    digests = metadata.repo_digests or []
    report.digest = digests[0].rpartition("@")[2] if digests else metadata.image_id
    tags = metadata.repo_tags or []
    is_archive = report.image.endswith((".tar", ".tar.gz", ".tgz"))
    if tags and (is_archive or not report.image):
        report.image = tags[0]


def _kubernetes(found: Document) -> list[Report]:
    cluster = found.cluster_name if isinstance(found.cluster_name, str) else ""
    nested = found.resources if isinstance(found.resources, list) else []
    reports = []
    for resource in [*nested, *(found.vulnerabilities or []), *(found.misconfigurations or [])]:
        results = resource.results or []
        report = Report(NAME, image=_image_of(results))
        metadata = resource.metadata
        first = metadata[0] if isinstance(metadata, list) and metadata else metadata
        if isinstance(first, Metadata):
            _describe(report, first)
        if not report.image:
            owner = _owner(resource.kind, resource.name)
            report.image = f"k8s://{cluster or 'cluster'}/{resource.namespace or '_'}/{owner}"
        _fill(report, results)
        reports.append(report)
    return reports


def _owner(kind: str, name: str) -> str:
    """Pods and ReplicaSets come and go under generated names: fold them to what owns them."""
    if kind == "ReplicaSet":
        return f"Deployment/{re.sub(r'-[0-9a-z]{8,10}$', '', name)}"
    if kind == "Pod":
        folded = re.sub(r"-[0-9a-z]{8,10}-[0-9a-z]{5}$", "", name)
        return f"Deployment/{folded}" if folded != name else f"Pod/{name}"
    return f"{kind}/{name}"


def _fill(report: Report, results: Iterable[Result]) -> None:
    targets = set()
    for result in results:
        if result.class_ in ("os-pkgs", "lang-pkgs") and result.type:
            targets.add("os" if result.class_ == "os-pkgs" else result.type)
        if result.vulnerabilities:
            sources = {p.name: p.src_name for p in result.packages or () if p.src_name}
            _vulnerabilities(report, result, sources)
        for rule, left in (
            ("misconfiguration", result.misconfigurations),
            ("secret", result.secrets),
            ("licence", result.licenses),
        ):
            report.entries += len(left or ())
            report.skip(rule, len(left or ()))
    report.targets = frozenset(targets)
    report.fold_repeats()


def _vulnerabilities(report: Report, result: Result, sources: dict[str, str]) -> None:
    rows, os_level = report.rows, result.class_ == "os-pkgs"
    for v in result.vulnerabilities or ():
        report.entries += 1
        if not v.id:
            report.skip("no identifier")
            continue
        ids, aliases = canonical((v.id, *v.vendor_ids) if v.vendor_ids else (v.id,))
        report.aliases.update(aliases)
        report.added += len(ids) - 1
        purl = v.pkg_identifier.purl if v.pkg_identifier else ""
        package = package_of(purl) or build_package(result.type, v.pkg_name)
        state = _STATE.get(v.status) or ("fixed" if v.fixed_version else "unknown")
        location = "" if os_level else (v.pkg_path or result.target)
        source = sources.get(v.pkg_name, "") or (v.pkg_name if os_level else "")
        for vulnerability in ids:
            row: Row = (
                "vulnerability", package, source, v.installed_version, v.fixed_version, state,
                bool(v.fixed_version), vulnerability, severity(v.severity), v.severity_source,
                _score(v.cvss), location, v.title, v.url,
            )  # fmt: skip
            rows.append(row)


def _score(cvss: dict[str, Score] | None) -> float | None:
    """The highest base score, of the newest CVSS version that any source gives."""
    if not cvss:
        return None
    scores = cvss.values()
    return (
        max((s.v4 for s in scores if s.v4), default=None)
        or max((s.v3 for s in scores if s.v3), default=None)
        or max((s.v2 for s in scores if s.v2), default=None)
    )
