"""OSV-Scanner JSON, of images, lock files and folders.

https://google.github.io/osv-scanner/output/, https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import rows
from triagebot.formats.interface import Report, decoded
from triagebot.identity import DISTRO_PURL, build_package, parse_image

NAME = "osv-scanner"
HINT = re.compile(rb'"(ecosystem|schema_version|experimental_config|packages|groups)"')

_ECOSYSTEM = {
    "npm": "npm", "pypi": "pypi", "maven": "maven", "go": "golang", "crates.io": "cargo", "rubygems": "gem",
    "packagist": "composer", "nuget": "nuget", "pub": "pub", "hex": "hex", "conancenter": "conan",
    "swifturl": "swift", "red hat": "redhat", "rocky linux": "rocky", "azure linux": "azurelinux",
    "photon os": "photon",
}  # fmt: skip
"""Ecosystems, in lower case and without release, to what `build_package` knows."""


class Package(Struct):
    name: str = ""
    version: str = ""
    ecosystem: str = ""
    commit: str = ""
    os_package_name: str = ""


class Affects(Struct):
    ecosystem: str = ""
    name: str = ""
    purl: str = ""


class Span(Struct):
    type: str = ""
    events: list[dict[str, str]] | None = None


class Affected(Struct):
    package: Affects | None = None
    ranges: list[Span] | None = None


class Vulnerability(Struct):
    id: str = ""
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    summary: str = ""
    affected: list[Affected] | None = None
    database_specific: dict[str, Any] | None = None
    withdrawn: str | None = None


class Group(Struct):
    ids: list[str] | None = None
    aliases: list[str] | None = None
    max_severity: str = ""


class Found(Struct):
    package: Package
    vulnerabilities: list[Vulnerability] | None = None
    groups: list[Group] | None = None
    licenses: list[str] | None = None


class Source(Struct):
    path: str = ""
    type: str = ""


class Result(Struct):
    source: Source
    packages: list[Found] | None = None


class Document(Struct):
    results: list[Result] | None
    experimental_config: Any | UnsetType = UNSET
    image_metadata: Any | UnsetType = UNSET
    experimental_analysis_config: Any | UnsetType = UNSET


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """One report per image; one for all the lock files of a scan that is of no image.

    An empty `results` alone could be of anything: it is taken only where something that only OSV-Scanner says stands
    beside it.
    """
    found = decoded(_DOCUMENT, data)
    if found is None or not _is_ours(found):
        return None
    reports: dict[str, Report] = {}
    for result in found.results or ():
        image = _image(result.source)
        report = reports.setdefault(image, Report(NAME, image=image))
        for package in result.packages or ():
            _fill(report, result.source, package)
    for report in reports.values():
        report.fold_repeats()
    return list(reports.values()) or [Report(NAME)]


def _is_ours(found: Document) -> bool:
    own = (found.experimental_config, found.image_metadata, found.experimental_analysis_config)
    return bool(found.results) or any(value is not UNSET for value in own)


def _image(source: Source) -> str:
    """The image of a source; a lock file has none, and the path of the report tells."""
    if source.type not in ("docker", "image", "artifact", "os"):
        return ""
    path = source.path
    named = path.partition(":/")[0] if re.search(r":/[^/]", path) else path  # newer: `image.tar:/lib/apk/db/installed`
    return named if parse_image(named).asset else ""


def _inside(source: Source) -> str:
    """The path of a source, without the image that it lies in."""
    _, mark, path = source.path.partition(":/")
    return f"/{path}" if mark and source.type in ("os", "artifact") else source.path


def _fill(report: Report, source: Source, found: Found) -> None:
    package = found.package
    ecosystem, _, _ = package.ecosystem.partition(":")
    kind = _ECOSYSTEM.get(ecosystem.lower(), ecosystem.lower())
    os_level = kind in DISTRO_PURL
    name = package.os_package_name or package.name
    identity = build_package(kind, name) if package.ecosystem else build_package("commit", name)
    groups = {i: g for g in found.groups or () for i in g.ids or ()}
    for v in found.vulnerabilities or ():
        if v.withdrawn:
            report.entries += 1
            report.skip("withdrawn")
            continue
        group = groups.get(v.id)
        score = _number(group.max_severity if group else "")
        told = str((v.database_specific or {}).get("severity") or "")
        rows.vulnerability(
            report, v.id, identity, others=[*(v.aliases or ()), *(v.upstream or ())],
            source_package=package.name if os_level else "", installed=package.version or package.commit,
            fixed=", ".join(_fixes(v, package, ecosystem)), level=told or _rated(score),
            level_source="osv" if told else "cvss" if score else "", cvss=score,
            location="" if os_level else _inside(source), title=v.summary,
            url=f"https://osv.dev/{v.id}" if v.id else "",
        )  # fmt: skip


def _fixes(v: Vulnerability, package: Package, ecosystem: str) -> list[str]:
    """The versions that end a range, of this package alone."""
    fixed: dict[str, None] = {}
    for affected in v.affected or ():
        of = affected.package
        if of is None or of.name != package.name or of.ecosystem.partition(":")[0] != ecosystem:
            continue
        if of.ecosystem != package.ecosystem and ":" in of.ecosystem and ":" in package.ecosystem:
            continue  # the same distribution, but another release
        for span in affected.ranges or ():
            if span.type != "GIT":
                fixed |= dict.fromkeys(event["fixed"] for event in span.events or () if event.get("fixed"))
    return list(fixed)


def _number(text: str) -> float | None:
    try:
        return float(text) or None
    except ValueError:
        return None


def _rated(score: float | None) -> str:
    """The word of a CVSS score: https://www.first.org/cvss/v3.1/specification-document (table 14)."""
    bounds = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
    return next((word for bound, word in bounds if score is not None and score >= bound), "")
