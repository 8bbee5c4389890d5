"""JFrog Xray: the vulnerabilities report (`rows`), the artifact summary (`artifacts`), and the component list (`data`).

https://jfrog.com/help/r/xray-rest-apis/get-vulnerabilities-report-content,
https://jfrog.com/help/r/xray-rest-apis/artifact-summary
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded
from triagebot.identity import build_package

NAME = "xray"
HINT = re.compile(rb'"(total_rows|impacted_artifact|vulnerable_component|issue_id|source_comp_id|component_versions)"')

_TYPES = {
    "npm": "npm", "pypi": "pypi", "gav": "maven", "go": "golang", "nuget": "nuget", "gem": "gem", "rubygems": "gem",
    "composer": "composer", "cargo": "cargo", "crates": "cargo", "conan": "conan", "cocoapods": "cocoapods",
    "conda": "conda", "pub": "pub", "swift": "swift",
}  # fmt: skip
_SKIPPED = {"license": "licence"}
_SUMMARY_TYPES = {"docker", "oci"}


class Cve(Struct):
    cve: str | None = None
    cvss_v3_score: float | None = None
    cvss_v2_score: float | None = None
    cvss_v3: str | None = None
    cvss_v2: str | None = None

    @property
    def score(self) -> float | None:
        """The base score; in older answers it stands before the vector: `9.8/CVSS:3.0/AV:N/…`."""
        for text in (self.cvss_v3, self.cvss_v2):
            if found := re.match(r"\d+(\.\d+)?", text or ""):
                return float(found[0]) or None
        return self.cvss_v3_score or self.cvss_v2_score or None


class Row(Struct):
    issue_id: str = ""
    severity: str = ""
    summary: str | None = ""
    cves: list[Cve] | None = None
    vulnerable_component: str = ""
    impacted_artifact: str = ""
    path: str = ""
    fixed_versions: list[str] | None = None


class General(Struct):
    name: str = ""
    pkg_type: str = ""
    path: str = ""
    sha256: str = ""


class Component(Struct):
    component_id: str = ""
    fixed_versions: list[str] | None = None


class Issue(Struct):
    issue_id: str = ""
    summary: str = ""
    severity: str = ""
    issue_type: str = ""
    cves: list[Cve] | None = None
    impact_path: list[str] | None = None
    components: list[Component] | None = None


class Artifact(Struct):
    general: General
    issues: list[Issue] | None = None


class Details(Struct):
    cves: list[Cve] | None = None


class Versions(Struct):
    fixed_versions: list[str] | None = None
    more_details: Details | None = None


class Listed(Struct):
    source_comp_id: str
    id: str = ""
    severity: str = ""
    summary: str = ""
    issue_type: str = ""
    component_versions: Versions | None = None


class Document(Struct):
    rows: list[Row] | UnsetType = UNSET
    total_rows: int | UnsetType = UNSET
    artifacts: list[Artifact] | UnsetType = UNSET
    data: list[Listed] | UnsetType = UNSET
    total_count: int | UnsetType = UNSET


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """One report per artifact that the document names."""
    found = decoded(_DOCUMENT, data)
    if found is None:
        return None
    if isinstance(found.rows, list) and found.total_rows is not UNSET:
        reports = _of_rows(found.rows)
    elif isinstance(found.artifacts, list) and found.artifacts:
        reports = [_of_artifact(artifact) for artifact in found.artifacts]
    elif isinstance(found.data, list) and found.total_count is not UNSET:
        reports = [_of_components(found.data)]
    else:
        return None
    for report in reports:
        report.fold_repeats()
    return reports


def _of_rows(listed: Iterable[Row]) -> list[Report]:
    """A report per artifact. When Xray indexed it is not when the report was made, and is not read."""
    reports: dict[str, Report] = {}
    for row in listed:
        image = _artifact(row.impacted_artifact, row.path)
        report = reports.setdefault(image, Report(NAME, image=image))
        _entry(report, row.issue_id, row.cves, row.vulnerable_component, row.fixed_versions, row.severity, row.summary)
    return list(reports.values()) or [Report(NAME)]


def _artifact(component: str, path: str) -> str:
    """`docker://app:1.0` in `docker-local/app/1.0/` is the image `docker-local/app:1.0`; all else is a file."""
    kind, mark, rest = component.partition("://")
    if kind not in _SUMMARY_TYPES or not mark:
        return f"file://{component}"
    name, _, tag = rest.rpartition(":")
    place = path.strip("/").partition(f"/{name}/")[0] if f"/{name}/" in path else ""
    named = "/".join(filter(None, (place, name)))
    return f"{named}@sha256:{tag.removeprefix('sha256__')}" if tag.startswith("sha256__") else f"{named}:{tag}"


def _of_artifact(artifact: Artifact) -> Report:
    general = artifact.general
    is_image = general.pkg_type.lower() in _SUMMARY_TYPES
    kind = "docker" if is_image else general.pkg_type.lower() or "file"
    report = Report(NAME, image=_artifact(f"{kind}://{general.name}", f"{general.path.rstrip('/')}/"))
    report.digest = f"sha256:{general.sha256}" if is_image and general.sha256 else ""
    for issue in artifact.issues or ():
        if issue.issue_type not in ("", "security"):
            report.entries += 1
            report.skip(_SKIPPED.get(issue.issue_type, issue.issue_type))
            continue
        # The first path is enough: the others lead to the same component through other layers.
        paths = [Component(path.rpartition("/")[2]) for path in (issue.impact_path or [])[:1]]
        components = issue.components or paths or [Component()]
        for component in components:
            _entry(report, issue.issue_id, issue.cves, component.component_id, component.fixed_versions,
                   issue.severity, issue.summary)  # fmt: skip
        report.entries -= len(components) - 1
        report.added += len(components) - 1
    return report


def _of_components(listed: Iterable[Listed]) -> Report:
    """A list of components of something that it does not name."""
    report = Report(NAME)
    for entry in listed:
        if entry.issue_type not in ("", "security"):
            report.entries += 1
            report.skip(_SKIPPED.get(entry.issue_type, entry.issue_type))
            continue
        versions = entry.component_versions or Versions()
        cves = versions.more_details.cves if versions.more_details else None
        _entry(report, entry.id, cves, entry.source_comp_id, versions.fixed_versions, entry.severity, entry.summary)
    return report


def _entry(
    report: Report, own: str, cves: Iterable[Cve] | None, component: str, fixed: Iterable[str] | None, level: str,
    title: str | None,
) -> None:  # fmt: skip
    package, installed, source = _component(component)
    held = list(cves or ())
    rows.vulnerability(
        report, own, package, others=[c.cve for c in held], source_package=source, installed=installed,
        fixed=", ".join(v for f in fixed or () if (v := f.lstrip("≥>= []").rstrip("]) ,"))), level=level,
        level_source=NAME, cvss=max((s for c in held if (s := c.score)), default=None), title=title or "",
        location=component if package.startswith("pkg:generic/") else "",
    )  # fmt: skip


def _component(text: str) -> tuple[str, str, str]:
    """(package, version, source package) of `deb://debian:stretch:libx11:2:1.6.4-3` and its like."""
    kind, mark, rest = text.partition("://")
    if not mark:
        kind, rest = "", text
    parts = rest.split(":")
    if kind in ("deb", "rpm", "alpine") or (not kind and len(parts) >= 3):
        return _os_component(kind, parts)
    if kind == "gav" and len(parts) >= 3:
        return build_package("maven", ":".join(parts[:2])), parts[2], ""
    if kind in _TYPES:
        name, _, version = rest.rpartition(":")
        return build_package(_TYPES[kind], name or version), version if name else "", ""
    file = rest.rpartition("/")[2]
    jar = re.match(r"(?P<name>.+?)-(?P<version>\d[\w.]*)\.[jwe]ar$", file)
    if jar:
        return guess.language_package(file, jar["name"]), jar["version"], ""
    return build_package("unknown", file) if file else "", "", ""


def _os_component(kind: str, parts: list[str]) -> tuple[str, str, str]:
    """Debian: distribution, release, name, version. Alpine and rpm: release, name, version. Versions hold colons."""
    skipped = 2 if kind == "deb" or (not kind and parts[0] in ("debian", "ubuntu")) else 1
    if len(parts) <= skipped:
        return "", "", ""
    name, version = parts[skipped], ":".join(parts[skipped + 1 :]).removeprefix("0:")
    distro = parts[0] if skipped == 2 else "alpine" if kind == "alpine" else guess.distribution([version]) or kind
    return guess.os_package(distro, name), version, name
