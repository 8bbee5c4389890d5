"""Grype JSON, old and new schema.

https://github.com/anchore/grype/blob/main/grype/presenter/models/document.go
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from triagebot.formats.interface import Report, Row, decoded, severity, when
from triagebot.identity import build_package, canonical, is_cve, package_of
from triagebot.severity import source as spelt

NAME = "grype"
HINT = re.compile(rb'"matches"')

_STATE = {"fixed": "fixed", "not-fixed": "not-fixed", "wont-fix": "wont-fix"}


class Fix(Struct, gc=False):
    versions: list[str] | None = None
    state: str = ""


class Metrics(Struct, gc=False, rename="camel"):
    base_score: float | None = None


class Cvss(Struct, gc=False):
    metrics: Metrics | None = None


class Vulnerability(Struct, gc=False, rename="camel"):
    id: str = ""
    data_source: str = ""
    namespace: str = ""
    severity: str = ""
    description: str = ""
    cvss: list[Cvss] | None = None
    fix: Fix | None = None
    fixed_in_version: str = ""


class Related(Struct, gc=False):
    id: str = ""
    namespace: str = ""
    severity: str = ""
    cvss: list[Cvss] | None = None


class Location(Struct, gc=False):
    path: str = ""


class Upstream(Struct, gc=False):
    name: str = ""


class Artifact(Struct, gc=False):
    name: str = ""
    version: str = ""
    type: str = ""
    purl: str = ""
    locations: list[Location] | None = None
    upstreams: list[Upstream] | None = None


class Match(Struct, gc=False, rename="camel"):
    vulnerability: Vulnerability
    artifact: Artifact
    related_vulnerabilities: list[Related] | None = None


class Target(Struct, rename="camel"):
    user_input: str = ""
    manifest_digest: str = ""
    repo_digests: list[str] | None = None
    tags: list[str] | None = None


class Source(Struct):
    type: str = ""
    target: Target | str | None = None


class Distro(Struct):
    name: str = ""


class Status(Struct):
    built: str | None = None


class Database(Struct):
    built: str | None = None
    status: Status | None = None


class Descriptor(Struct):
    name: str = ""
    version: str = ""
    timestamp: str | None = None
    db: Database | None = None


class Document(Struct):
    matches: list[Match] | UnsetType | None = UNSET
    source: Source | UnsetType | None = UNSET
    distro: Distro | None = None
    descriptor: Descriptor | UnsetType = field(default=UNSET)


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """The one report of a Grype document."""
    found = decoded(_DOCUMENT, data)
    if found is None or found.matches is UNSET or (found.descriptor is UNSET and found.source is UNSET):
        return None
    if isinstance(found.descriptor, Descriptor) and found.descriptor.name not in ("", NAME):
        return None  # Xeol and others grew out of Grype and look for other things than vulnerabilities
    report = Report(NAME)
    if isinstance(found.descriptor, Descriptor):
        _describe_tool(report, found.descriptor)
    if isinstance(found.source, Source):
        _describe_image(report, found.source)
    distro = found.distro.name if found.distro else ""
    for match in found.matches or ():
        _fill(report, match, distro)
    report.fold_repeats()
    return [report]


def _describe_tool(report: Report, tool: Descriptor) -> None:
    report.scanner_version = tool.version
    report.scanned_at = when(tool.timestamp)
    if tool.db:
        report.db_date = when(tool.db.status.built if tool.db.status else tool.db.built)


def _describe_image(report: Report, source: Source) -> None:
    target = source.target
    if isinstance(target, str):
        report.image = f"file://{target.strip(chr(34))}" if target and target != "unknown" else ""
    elif target is not None:
        digests = target.repo_digests or []
        name, at, digest = digests[0].rpartition("@") if digests else ("", "", "")
        report.image = target.user_input or (target.tags[0] if target.tags else name)
        report.digest = digest if at else target.manifest_digest


def _score(cvss: list[Cvss] | None) -> float | None:
    return max((c.metrics.base_score for c in cvss or () if c.metrics and c.metrics.base_score), default=None)


def _fill(report: Report, match: Match, distro: str) -> None:
    v, a = match.vulnerability, match.artifact
    report.entries += 1
    if not v.id:
        report.skip("no identifier")
        return
    related = tuple(r.id for r in match.related_vulnerabilities or () if r.id != v.id)
    if is_cve(v.id):
        # A related CVE of another number is another advisory of the same root, not what was matched here.
        related = tuple(r for r in related if not is_cve(r))
    ids, aliases = canonical((v.id, *related))
    report.aliases.update(aliases)
    report.added += len(ids) - 1
    package = package_of(a.purl) or build_package(distro if a.type in ("apk", "deb", "rpm") else a.type, a.name)
    versions = [x for x in (v.fix.versions or ()) if x] if v.fix else []
    fixed = ", ".join(versions) or v.fixed_in_version
    state = (_STATE.get(v.fix.state) if v.fix else None) or ("fixed" if fixed else "unknown")
    told = [r for r in (v, *(match.related_vulnerabilities or ())) if r.namespace and r.severity]
    report.ratings[v.id] = tuple((spelt(r.namespace), severity(r.severity), _score(r.cvss)) for r in told)
    os_level = a.type in ("apk", "deb", "rpm")
    source = a.upstreams[0].name if a.upstreams else (a.name if os_level else "")
    location = "" if os_level or not a.locations else a.locations[0].path
    for vulnerability in ids:
        row: Row = (
            "vulnerability", package, source, a.version, fixed, state, bool(fixed), vulnerability,
            severity(v.severity), v.namespace, _score(v.cvss), location,
            v.description[:120], v.data_source,
        )  # fmt: skip
        report.rows.append(row)
