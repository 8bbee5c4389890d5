"""Snyk CLI JSON: `snyk container test --json` and `snyk test --json`.

A single object, an array of them (`--app-vulns`, `--all-projects`), `applications[]` inside an object, and the
error object that Snyk prints where it could not scan. https://docs.snyk.io/developer-tools/snyk-cli
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats.interface import Rating, Report, Row, decoded, severity
from triagebot.identity import DISTRO_PURL, build_package, canonical
from triagebot.severity import source as spelt

NAME = "snyk"
HINT = re.compile(rb'"(vulnerabilities|ok|packageManager|dependencyCount|error)"')


class Identifiers(Struct, gc=False):
    cve: list[str] | None = msgspec.field(name="CVE", default=None)
    ghsa: list[str] | None = msgspec.field(name="GHSA", default=None)


class Detail(Struct, gc=False):
    """What one source says of the severity."""

    assigner: str = ""
    severity: str = ""
    score: float | None = msgspec.field(name="cvssV3BaseScore", default=None)


class Vulnerability(Struct, gc=False, rename="camel"):
    id: str = ""
    type: str = ""
    title: str = ""
    severity: str = ""
    severity_with_critical: str = ""
    cvss_score: float | None = None
    cvss_details: list[Detail] | None = None
    nvd_severity: str | None = None
    identifiers: Identifiers | None = None
    package_manager: str = ""
    package_name: str = ""
    name: str = ""
    version: str = ""
    nearest_fixed_in_version: str | None = None
    fixed_in: list[str] | None = None
    is_upgradable: bool = False


class LogicalImage(Struct, rename="camel"):
    logical_ref: str = ""
    digest: str = ""


class Docker(Struct):
    image: LogicalImage | str | None = None


class Document(Struct, rename="camel"):
    ok: bool | UnsetType = UNSET
    error: str | None = None
    message: str | None = None
    path: str = ""
    vulnerabilities: list[Vulnerability] | UnsetType = UNSET
    applications: list[Document] | None = None
    docker: Docker | UnsetType | None = UNSET
    package_manager: str = ""
    project_name: str = ""
    target_file: str = ""
    display_target_file: str = ""
    dependency_count: int | UnsetType = UNSET

    @property
    def is_failure(self) -> bool:
        """Snyk's answer where it could not scan."""
        return self.ok is False and self.vulnerabilities is UNSET and (self.error or self.message) is not None

    @property
    def is_test(self) -> bool:
        """The answer of a test: a list of vulnerabilities, and at least one thing that only Snyk says."""
        told = (self.ok, self.docker, self.dependency_count)
        return isinstance(self.vulnerabilities, list) and (
            bool(self.package_manager) or any(value is not UNSET for value in told)
        )


SHAPE = Document | list[Document]
_OBJECT = msgspec.json.Decoder(Document)
_ARRAY = msgspec.json.Decoder(list[Document])


def read(data: bytes) -> Sequence[Report] | None:
    """The reports of one Snyk document, one per tested project or failure."""
    if data.startswith(b"["):
        documents = decoded(_ARRAY, data)
    else:
        single = decoded(_OBJECT, data)
        documents = None if single is None else [single]
    if not documents or not all(d.is_test or d.is_failure for d in documents):
        return None
    shared = next((image for d in documents if (image := _container(d))), None)
    return [_report(document, shared) for document in documents]


def _container(document: Document) -> tuple[str, str] | None:
    """(image reference, digest) of a container test that names its image; None: it does not."""
    docker = document.docker if isinstance(document.docker, Docker) else None
    if docker and isinstance(docker.image, LogicalImage) and docker.image.logical_ref:
        return docker.image.logical_ref, docker.image.digest
    kind, bar, name = document.project_name.partition("|")
    if kind != "docker-image" or not bar:
        return None
    path = document.path
    if not path.startswith(name):
        return (path or name), ""
    # The path is the image, and behind it the repository once more or a file inside the image.
    suffix = re.match(r"(:[\w][\w.-]*)?(@[a-z0-9]+:[0-9a-f]+)?", path[len(name) :])
    return name + (suffix.group() if suffix else ""), ""


def _report(document: Document, shared: tuple[str, str] | None) -> Report:
    report = Report(NAME)
    image = _container(document) or shared
    if image:
        report.image, report.digest = image
    elif document.path and document.docker is UNSET and not document.is_failure:
        report.image = f"file://{document.path}"
    else:
        report.image = document.path
    if not isinstance(document.vulnerabilities, list):
        report.error = (document.error or document.message or "the scan failed").strip()
        return report
    applications = document.applications or []
    report.targets = frozenset(
        "os" if _is_os(d.package_manager) else d.package_manager for d in (document, *applications) if d.package_manager
    )
    _fill(report, document)
    for application in applications:
        _fill(report, application)
    report.fold_repeats()
    return report


def _ratings(v: Vulnerability) -> tuple[Rating, ...]:
    """What each source says; Snyk's own word is its relative importance for the distribution."""
    told = {spelt(d.assigner): (severity(d.severity), d.score) for d in v.cvss_details or () if d.assigner}
    if v.nvd_severity:
        told["nvd"] = (severity(v.nvd_severity), told.get("nvd", ("", None))[1])
    told[NAME] = (severity(v.severity_with_critical or v.severity), v.cvss_score)
    return tuple((name, word, score) for name, (word, score) in told.items())


def _is_os(manager: str) -> bool:
    return manager.partition(":")[0].lower() in DISTRO_PURL


def _fill(report: Report, document: Document) -> None:
    if isinstance(document.vulnerabilities, UnsetType):
        return
    target = document.display_target_file or document.target_file
    for v in document.vulnerabilities:
        report.entries += 1
        if v.type == "license" or v.id.startswith("snyk:lic:"):
            report.skip("licence")
            continue
        known = v.identifiers
        ids, aliases = canonical((v.id, *((known.cve or []) if known else ()), *((known.ghsa or []) if known else ())))
        if not v.id:
            report.skip("no identifier")
            continue
        report.aliases.update(aliases)
        report.ratings[v.id] = _ratings(v)
        report.added += len(ids) - 1
        manager = v.package_manager or document.package_manager
        os_level = _is_os(manager)
        name = v.name or v.package_name
        package = build_package(manager, name.rpartition("/")[2] if os_level else name)
        nearest = v.nearest_fixed_in_version or ""
        fixed = nearest or ", ".join(v.fixed_in or ())
        fixable = v.is_upgradable or bool(nearest)
        source = (v.package_name or name.partition("/")[0]) if os_level else ""
        for vulnerability in ids:
            row: Row = (
                "vulnerability", package, source, v.version, fixed, "fixed" if fixed else "unknown", fixable,
                vulnerability, severity(v.severity_with_critical or v.severity), NAME, v.cvss_score,
                "" if os_level else target, v.title, f"https://security.snyk.io/vuln/{v.id}",
            )  # fmt: skip
            report.rows.append(row)
