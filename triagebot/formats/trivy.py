"""Trivy JSON: schema 2, the older bare array of results, image and Kubernetes reports.

https://trivy.dev/latest/docs/configuration/reporting/#json
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from triagebot.formats import trivy_checks
from triagebot.formats.interface import Rating, Report, decoded, severity, when
from triagebot.identity import build_package, canonical, is_cve, package_of, workload
from triagebot.severity import score_severity
from triagebot.severity import source as spelt

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
    vendor_severity: msgspec.Raw = msgspec.Raw()
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
    misconfigurations: list[trivy_checks.Misconfiguration] | None = None
    secrets: list[trivy_checks.Secret] | None = None
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


SHAPE = Document | list[Result]
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
    if (
        found.resources is not UNSET
        or found.misconfigurations is not None
        or (found.cluster_name is not UNSET and found.vulnerabilities is not None)
    ):
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
        checked = [r for r in resource.results or () if r.class_ == "config"]
        scanned = [r for r in resource.results or () if r.class_ != "config"]
        place = workload(resource.kind, resource.name, resource.namespace, cluster)
        if scanned:
            reports.append(_of_resource(resource, scanned, place))
        if checked or not scanned:
            report = Report(NAME, image=place)
            _fill(report, checked, in_files=False)
            reports.append(report)
    return reports


def _of_resource(resource: Resource, results: list[Result], place: str) -> Report:
    """The packages and secrets of a resource are those of its image; a node has none and stands for itself."""
    report = Report(NAME, image=_image_of(results))
    metadata = resource.metadata
    first = metadata[0] if isinstance(metadata, list) and metadata else metadata
    if isinstance(first, Metadata):
        _describe(report, first)
    report.image = report.image or place
    _fill(report, results)
    return report


def _fill(report: Report, results: Iterable[Result], in_files: bool = True) -> None:
    targets = set()
    for result in results:
        if result.class_ in ("os-pkgs", "lang-pkgs") and result.type:
            targets.add("os" if result.class_ == "os-pkgs" else result.type)
        if result.vulnerabilities:
            sources = {p.name: p.src_name for p in result.packages or () if p.src_name}
            _vulnerabilities(report, result, sources)
        trivy_checks.fill(report, result.target, result.misconfigurations, result.secrets, in_files)
        report.entries += len(result.licenses or ())
        report.skip("licence", len(result.licenses or ()))
    report.targets = frozenset(targets)
    report.fold_repeats()


def _vulnerabilities(report: Report, result: Result, sources: dict[str, str]) -> None:
    """Add the rows of one target, column by column: this is where a large scan spends its time."""
    told = result.vulnerabilities or []
    entries = [v for v in told if v.id]
    report.entries += len(told)
    report.skip("no identifier", len(told) - len(entries))
    named = [canonical(_ids(v.id, v.vendor_ids) if v.vendor_ids else (v.id,)) for v in entries]
    rows = [(v, vulnerability) for v, (ids, _) in zip(entries, named, strict=True) for vulnerability in ids]
    report.aliases.update(alias for _, aliases in named for alias in aliases)
    report.added += len(rows) - len(entries)
    report.ratings.update(_rated(entries))
    held = [v for v, _ in rows]
    kind, os_level = result.type, result.class_ == "os-pkgs"
    fixed = [v.fixed_version for v in held]
    columns: tuple[Iterable[Any], ...] = (
        repeat("vulnerability", len(held)),
        [(v.pkg_identifier and package_of(v.pkg_identifier.purl)) or build_package(kind, v.pkg_name) for v in held],
        [sources.get(v.pkg_name) or v.pkg_name for v in held] if os_level else repeat("", len(held)),
        [v.installed_version for v in held],
        fixed,
        [_STATE.get(v.status) or ("fixed" if v.fixed_version else "unknown") for v in held],
        map(bool, fixed),
        [vulnerability for _, vulnerability in rows],
        [severity(v.severity) for v in held],
        [v.severity_source for v in held],
        [_score(v.cvss) if v.cvss else None for v in held],
        repeat("", len(held)) if os_level else [v.pkg_path or result.target for v in held],
        [v.title for v in held],
        [v.url for v in held],
    )
    report.rows.extend(zip(*columns, strict=True))


def _ids(own: str, told: list[str]) -> tuple[str, ...]:
    """The entry's ids. `VendorIDs` also names bulletins (DSA, RHSA): they are references, not aliases."""
    wanted = ("GHSA-",) if is_cve(own) else ("GHSA-", "CVE-")
    return (own, *(i for i in told if i.startswith(wanted)))


_LEVELS = ("unknown", "low", "medium", "high", "critical")
_RATED: dict[str, tuple[msgspec.Raw, tuple[Rating, ...]]] = {}
_MOST_RATED = 500_000


def _rated(entries: Sequence[Vulnerability]) -> dict[str, tuple[Rating, ...]]:
    """What each source says. Trivy repeats it word for word wherever the vulnerability is found: decoded once."""
    rated = {}
    for v in entries:
        if told := v.vendor_severity:
            known = _RATED.get(v.id)
            rated[v.id] = known[1] if known is not None and known[0] == told else _ratings(v)
    return rated


def _ratings(v: Vulnerability) -> tuple[Rating, ...]:
    if len(_RATED) > _MOST_RATED:
        _RATED.clear()
    try:
        told = msgspec.json.decode(v.vendor_severity, type=dict[str, int])
    except msgspec.DecodeError:
        told = {}
    scores = {name: score.v4 or score.v3 or score.v2 for name, score in (v.cvss or {}).items()}
    words = {name: _LEVELS[level] for name, level in told.items() if 0 <= level < len(_LEVELS)}
    words = {**{name: score_severity(score) for name, score in scores.items() if score}, **words}
    found = tuple((spelt(name), word, scores.get(name)) for name, word in words.items())
    _RATED[v.id] = v.vendor_severity.copy(), found  # a copy: the text that it is a part of can go
    return found


def _score(cvss: dict[str, Score]) -> float | None:
    """The highest base score, of the newest CVSS version that any source gives."""
    v2 = v3 = v4 = 0.0
    for score in cvss.values():
        if score.v3 and score.v3 > v3:
            v3 = score.v3
        if score.v4 and score.v4 > v4:
            v4 = score.v4
        if score.v2 and score.v2 > v2:
            v2 = score.v2
    return v4 or v3 or v2 or None
