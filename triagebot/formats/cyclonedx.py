"""CycloneDX 1.2 to 1.7 with vulnerabilities, JSON; XML comes here through `cyclonedx_xml`.

A bill of materials that names no vulnerability looks the same whether nothing was found or nothing was looked for.
It counts as looked at only where the tool is a vulnerability scanner and nothing else; elsewhere it is a failed
report, for a list of components must never read as "everything fixed". https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.errors import ReportError
from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded, when
from triagebot.identity import DISTRO_PURL, LANGUAGE_PURL, build_package, package_of

NAME = "cyclonedx"
HINT = re.compile(rb'"(bomFormat|specVersion|bom-ref)"|cyclonedx', re.IGNORECASE)

_SCANNERS_ONLY = ("grype", "osv-scanner", "dependency-check", "jake", "retire.js")
_RANK = ("critical", "high", "medium", "moderate", "low", "info", "none", "unknown")
_EXCUSED = ("not_affected", "false_positive", "resolved", "resolved_with_pedigree")
_OS = ("pkg:apk/", "pkg:deb/", "pkg:rpm/")
_STATE = {"will_not_fix": "wont-fix", "can_not_fix": "wont-fix"}


class Property(Struct, gc=False):
    name: str = ""
    value: str | None = ""


class Component(Struct, rename="camel"):
    bom_ref: str = msgspec.field(name="bom-ref", default="")
    type: str = ""
    group: str = ""
    name: str = ""
    version: str = ""
    purl: str = ""
    properties: list[Property] | None = None
    components: list[Component] | None = None

    def told(self, *names: str) -> str:
        """The first of these properties that has a value; `*` at the start matches any beginning."""
        for name in names:
            for held in self.properties or ():
                if held.value and (held.name == name or (name[0] == "*" and held.name.endswith(name[1:]))):
                    return held.value
        return ""


class Maker(Struct):
    name: str = ""
    version: str = ""


class Makers(Struct):
    components: list[Maker] | None = None


class Metadata(Struct):
    timestamp: str | None = None
    tools: list[Maker] | Makers | None = None
    component: Component | None = None


class Source(Struct, gc=False):
    name: str = ""
    url: str = ""


class Rating(Struct, gc=False):
    severity: str = ""
    score: float | None = None
    method: str = ""
    source: Source | None = None


class Reference(Struct, gc=False):
    id: str = ""


class Analysis(Struct, gc=False):
    state: str = ""
    response: list[str] | None = None


class Version(Struct, gc=False):
    version: str = ""
    status: str = ""


class Affected(Struct, gc=False):
    ref: str = ""
    versions: list[Version] | None = None


class Vulnerability(Struct, rename="camel"):
    id: str = ""
    source: Source | None = None
    references: list[Reference] | None = None
    ratings: list[Rating] | None = None
    description: str = ""
    recommendation: str = ""
    analysis: Analysis | None = None
    affects: list[Affected] | None = None
    properties: list[Property] | None = None


class Document(Struct, rename="camel"):
    bom_format: str
    spec_version: str | UnsetType = UNSET
    metadata: Metadata | None = None
    components: list[Component] | UnsetType | None = UNSET
    vulnerabilities: list[Vulnerability] | UnsetType | None = UNSET


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """The one report of a CycloneDX document."""
    found = decoded(_DOCUMENT, data)
    if found is None or found.bom_format != "CycloneDX":
        return None
    listed = found.vulnerabilities if isinstance(found.vulnerabilities, list) else []
    components = found.components if isinstance(found.components, list) else []
    if listed and not components and all(v.analysis for v in listed):
        raise ReportError(
            "", "a CycloneDX VEX document: it says what is affected, not what was found", "give the scan itself"
        )
    metadata = found.metadata or Metadata()
    tools = metadata.tools.components if isinstance(metadata.tools, Makers) else metadata.tools
    tool = (tools or [Maker()])[0]
    name = tool.name.lower() or NAME
    # Trivy itself also finds secrets, which CycloneDX has no place for: it is another look than Trivy's own report.
    report = Report(
        f"{name}-{NAME}" if name == "trivy" else name, scanner_version=tool.version, scanned_at=when(metadata.timestamp)
    )
    subject = metadata.component or Component()
    _describe(report, subject)
    if not listed and tool.name.lower() not in _SCANNERS_ONLY:
        report.error = "it names no vulnerability, as a bill of materials does that was never checked"
        return [report]
    held = {c.bom_ref: c for c in _all([subject, *components]) if c.bom_ref}
    by_purl = {c.purl: c for c in held.values() if c.purl}
    distro = next((c.name.lower() for c in held.values() if c.type == "operating-system"), "")
    for vulnerability in listed:
        _fill(report, vulnerability, {**by_purl, **held}, distro)
    report.fold_repeats()
    return [report]


def _describe(report: Report, subject: Component) -> None:
    """Only a container is an image; what else was looked at is a file or a folder."""
    purl = subject.purl or (subject.bom_ref if subject.bom_ref.startswith("pkg:oci/") else "")
    tag = subject.told("aquasecurity:trivy:RepoTag", "syft:image:tag")
    digest = subject.told("aquasecurity:trivy:RepoDigest")
    if subject.type == "container" or purl.startswith("pkg:oci/"):
        report.image = subject.name
        if subject.name.endswith((".tar", ".tar.gz")) and tag:
            report.image = tag
        elif re.fullmatch(r"[\w.+-]+", subject.version) and ":" not in subject.name.rpartition("/")[2]:
            report.image = f"{subject.name}:{subject.version}"
        versions = (digest.rpartition("@")[2], subject.version, _oci_digest(purl),
                    subject.told("aquasecurity:trivy:ImageID"))  # fmt: skip
        report.digest = next((v for v in versions if v.startswith("sha256:")), "")
    elif subject.name:
        report.image = f"file://{subject.name}"


def _oci_digest(purl: str) -> str:
    """The version of an OCI purl, which is the digest: https://github.com/package-url/purl-spec (oci)."""
    return unquote(purl.partition("?")[0].rpartition("@")[2]) if parse_qs(purl.partition("?")[2]) or "@" in purl else ""


def _all(components: Iterable[Component]) -> Iterator[Component]:
    waiting = list(components)
    while waiting:
        component = waiting.pop()
        yield component
        waiting += component.components or ()


def _fill(report: Report, v: Vulnerability, held: dict[str, Component], distro: str) -> None:
    """One vulnerability of n components is n entries."""
    if v.analysis and v.analysis.state in _EXCUSED:
        count = max(1, len(v.affects or ()))
        report.entries += count
        report.skip(f"analysis: {v.analysis.state.replace('_', ' ')}", count)
        return
    if not v.affects:
        report.entries += 1
        report.skip("affects nothing")
        return
    level, level_source = _worst(v.ratings or (), v.source)
    scores = [r.score for r in v.ratings or () if r.score and "cvss" in r.method.lower()]
    responses = (v.analysis.response if v.analysis else None) or []
    for affected in v.affects:
        ref = affected.ref.partition("#")[2] if affected.ref.startswith("urn:cdx:") else affected.ref
        component = held.get(ref) or held.get(unquote(ref)) or Component(purl=ref if ref.startswith("pkg:") else "")
        fixed = _fix(v, component)
        package = _package(component, distro, v.source)
        os_name = component.name if package.startswith(_OS) else ""
        rows.vulnerability(
            report, v.id, package, others=[r.id for r in v.references or ()],
            source_package=component.told("aquasecurity:trivy:SrcName") or os_name,
            installed=component.version or next((x.version for x in affected.versions or () if x.version), ""),
            fixed=fixed, state="" if fixed else next((_STATE[r] for r in responses if r in _STATE), ""),
            level=level, level_source=level_source, cvss=max(scores, default=None),
            location="" if os_name else component.told("aquasecurity:trivy:FilePath", "*:path"),
            title=v.description, url=v.source.url if v.source else "",
        )  # fmt: skip


def _package(component: Component, distro: str, source: Source | None) -> str:
    """By purl; else by the type that Trivy or Syft note beside the component; else by the source of the advisory.

    Grype's first releases wrote no more than `vulnerabilities:debian:10` or `github:python` there.
    """
    if package := package_of(component.purl):
        return package
    kind = component.told("aquasecurity:trivy:PkgType", "syft:package:type")
    name = f"{component.group}/{component.name}" if component.group else component.name
    if not name:
        return ""
    if kind and (kind in rows.OS_TYPES or kind == distro):
        return guess.os_package(distro or kind, component.name)
    if not kind and source:
        spaces = [part for part in source.name.lower().split(":") if part in DISTRO_PURL or part in LANGUAGE_PURL]
        kind = next(iter(spaces), "")
    path = component.told("aquasecurity:trivy:FilePath", "*:path")
    return build_package(kind, name) if kind else guess.language_package(path, name)


def _worst(ratings: Iterable[Rating], source: Source | None) -> tuple[str, str]:
    """(severity, who says so): of the advisory's own source if it rates, as the scanners choose; else the worst."""
    rated = [r for r in ratings if r.severity]
    own = [r for r in rated if source and r.source and r.source.name == source.name]
    told = sorted(own or rated, key=lambda r: _RANK.index(s) if (s := r.severity.lower()) in _RANK else len(_RANK))
    return (told[0].severity, told[0].source.name if told[0].source else "") if told else ("", "")


def _fix(v: Vulnerability, component: Component) -> str:
    """The fixed versions: Trivy's recommendation is `Upgrade jquery to version 3.4.0`, Grype's a property."""
    told = next((p.value or "" for p in v.properties or () if p.name.endswith("fixedInVersion")), "")
    name = re.escape(component.name)
    full = rf"(?:{re.escape(component.group)}[:/])?{name}" if component.group else name
    found = re.findall(rf"Upgrade {full} to version (.+?)(?:;|$)", v.recommendation)
    return ", ".join(part.strip() for part in found) or told
