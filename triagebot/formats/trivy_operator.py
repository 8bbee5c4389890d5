"""Reports of the Trivy Operator, as `kubectl get … -o json` or `-o yaml` gives them.

A single resource, a list (bare or `kind: List`), or a mapping of lists by resource name. Vulnerabilities and secrets
are of the image, failed checks of the workload. https://aquasecurity.github.io/trivy-operator/latest/docs/crds/
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.errors import ReportError
from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded, when
from triagebot.identity import build_package, package_of, workload

NAME = "trivy-operator"
HINT = re.compile(rb"aquasecurity\.github\.io|trivy-operator\.|(Vulnerability|ConfigAudit|ExposedSecret)Report")

_GROUP = "aquasecurity.github.io/"
_CHECKS = (
    "ConfigAuditReport", "ClusterConfigAuditReport", "RbacAssessmentReport", "ClusterRbacAssessmentReport",
    "InfraAssessmentReport", "ClusterInfraAssessmentReport",
)  # fmt: skip
_SCANNER = {
    "ExposedSecretReport": "trivy-operator secrets", "ConfigAuditReport": "trivy-operator config",
    "ClusterConfigAuditReport": "trivy-operator config", "RbacAssessmentReport": "trivy-operator rbac",
    "ClusterRbacAssessmentReport": "trivy-operator rbac", "InfraAssessmentReport": "trivy-operator infra",
    "ClusterInfraAssessmentReport": "trivy-operator infra",
}  # fmt: skip
"""Each looks for something else: a report on secrets must not read as a look at packages that found none."""

_PASSED_OVER = {
    "ClusterComplianceReport": "sums up other reports",
    "SbomReport": "bill of materials",
    "ClusterSbomReport": "bill of materials",
}
_SITE = "https://avd.aquasec.com/misconfig/"
_LABEL = "trivy-operator.resource."
_OLD_LABEL = "imgvuln.resource."


class Artifact(Struct):
    repository: str = ""
    tag: str = ""
    digest: str = ""


class Registry(Struct):
    server: str = ""


class Scanner(Struct):
    name: str = ""
    version: str = ""


class System(Struct):
    family: str = ""


class Vulnerability(Struct, rename="camel"):
    vulnerability_id: str = msgspec.field(name="vulnerabilityID", default="")
    resource: str = ""
    package_purl: str = msgspec.field(name="packagePURL", default="")
    package_type: str = ""
    package_path: str = ""
    class_: str = msgspec.field(name="class", default="")
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""
    score: float | None = None
    title: str = ""
    primary_link: str = ""
    target: str = ""


class Check(Struct, rename="camel"):
    check_id: str = msgspec.field(name="checkID", default="")
    severity: str = ""
    success: bool = False
    title: str = ""
    messages: list[str] | None = None


class Secret(Struct, rename="camel"):
    """The match is not named here: what a secret says is never read."""

    rule_id: str = msgspec.field(name="ruleID", default="")
    target: str = ""
    severity: str = ""
    title: str = ""


class Body(Struct, rename="camel"):
    scanner: Scanner | None = None
    registry: Registry | None = None
    artifact: Artifact | None = None
    os: System | None = None
    update_timestamp: str | None = None
    vulnerabilities: list[Vulnerability] | None = None
    checks: list[Check] | None = None
    secrets: list[Secret] | None = None


class OwnerReference(Struct):
    kind: str = ""
    name: str = ""


class Metadata(Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    creation_timestamp: str | None = None


class Resource(Struct, rename="camel"):
    kind: str
    api_version: str = ""
    metadata: Metadata = Metadata()
    report: Body | None = None
    items: list[Resource] | UnsetType = UNSET


SHAPE = Resource | list[Resource]
_OBJECT = msgspec.json.Decoder(Resource)
_ARRAY = msgspec.json.Decoder(list[Resource])
_BY_NAME = msgspec.json.Decoder(dict[str, list[Resource]])


def read(data: bytes) -> Sequence[Report] | None:
    """A report per resource, of its image or of its workload."""
    resources = _resources(data)
    if not resources or not all(r.api_version.startswith(_GROUP) for r in resources):
        return None
    reports = []
    over: dict[str, int] = {}
    for resource in resources:
        if resource.kind in _PASSED_OVER:
            why = _PASSED_OVER[resource.kind]
            over[why] = over.get(why, 0) + 1
        elif resource.report is None:
            raise ReportError("", f"a {resource.kind} without a report", "export it again")
        else:
            reports.append(_report(resource, resource.report))
    if not reports:
        said = " and ".join(over)
        raise ReportError("", f"no findings of its own: {said}", "export VulnerabilityReports and ConfigAuditReports")
    for why, count in over.items():
        reports[0].entries += count
        reports[0].skip(why, count)
    return reports


def _resources(data: bytes) -> list[Resource]:
    if data.startswith(b"["):
        return decoded(_ARRAY, data) or []
    single = decoded(_OBJECT, data)
    if single is not None:
        return single.items if isinstance(single.items, list) else [single]
    by_name = decoded(_BY_NAME, data) or {}
    return [resource for resources in by_name.values() for resource in resources]


def _report(resource: Resource, body: Body) -> Report:
    report = Report(
        _SCANNER.get(resource.kind, NAME),
        scanned_at=when(body.update_timestamp) or when(resource.metadata.creation_timestamp),
    )
    report.scanner_version = body.scanner.version if body.scanner else ""
    if resource.kind in _CHECKS or body.artifact is None:
        report.image = _workload(resource.metadata)
    else:
        server = body.registry.server if body.registry else ""
        tag = f":{body.artifact.tag}" if body.artifact.tag else ""
        report.image = "/".join(filter(None, (server, body.artifact.repository))) + tag
        report.digest = body.artifact.digest
        if report.digest and not tag:
            report.image += f"@{report.digest}"
    _vulnerabilities(report, body)
    for check in body.checks or ():
        _check(report, check)
    for secret in body.secrets or ():
        rows.secret(report, secret.rule_id, secret.target, level=secret.severity, level_source="trivy",
                    title=secret.title)  # fmt: skip
    report.fold_repeats()
    return report


def _workload(metadata: Metadata) -> str:
    labels = metadata.labels or {}

    def told(what: str) -> str:
        return labels.get(_LABEL + what) or labels.get(_OLD_LABEL + what) or ""

    kind, name = told("kind"), told("name")
    owner = next(iter(metadata.owner_references or ()), None)
    if owner is not None and not (kind and name):
        kind, name = owner.kind, owner.name
    if not name:
        kind, _, name = metadata.name.partition("-")
    return workload(kind, name, told("namespace") or metadata.namespace)


def _vulnerabilities(report: Report, body: Body) -> None:
    listed = body.vulnerabilities or []
    family = body.os.family if body.os else ""
    distro = family if family not in ("", "none") else guess.distribution(
        [x for v in listed if v.class_ in ("", "os-pkgs") for x in (v.installed_version, v.fixed_version)], report.image
    )  # fmt: skip
    for v in listed:
        os_level = v.class_ == "os-pkgs" or (not v.class_ and not v.package_path and not _of_language(v))
        package = package_of(v.package_purl)
        if not package and os_level:
            package = guess.os_package(distro, v.resource)
        elif not package:
            path = v.package_path or v.target
            package = (
                build_package(v.package_type, v.resource)
                if v.package_type
                else guess.language_package(path, v.resource)
            )
        if os_level:
            report.targets = frozenset({"os"})
        rows.vulnerability(
            report, v.vulnerability_id, package, source_package=v.resource if os_level else "",
            installed=v.installed_version, fixed=v.fixed_version, level=v.severity, level_source="trivy", cvss=v.score,
            location="" if os_level else v.package_path or v.target, title=v.title, url=v.primary_link,
        )  # fmt: skip


def _of_language(v: Vulnerability) -> bool:
    """Old releases do not say the class: a purl or a path of a language does."""
    return not guess.language_package(v.target, v.resource).startswith("pkg:generic/")


def _check(report: Report, check: Check) -> None:
    if check.success:
        report.entries += 1
        report.skip("passed")
        return
    rows.misconfiguration(report, check.check_id or check.title, level=check.severity, level_source="trivy",
                          title=check.title or next(iter(check.messages or ()), ""),
                          url=f"{_SITE}{check.check_id.lower()}" if check.check_id else "")  # fmt: skip
