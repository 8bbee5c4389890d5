"""AWS: image scan findings of ECR, findings of Inspector v2, and findings of Inspector inside Security Hub.

An image is named as it is pulled (`account.dkr.ecr.region.amazonaws.com/repository:tag`); instances and functions by
their ARN. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html,
https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListFindings.html,
https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import aws_shapes as shapes
from triagebot.formats import guess, rows
from triagebot.formats.aws_shapes import Entry, Package
from triagebot.formats.interface import Report, decoded, when
from triagebot.identity import build_package

NAME = "aws"
HINT = re.compile(rb'"(imageScanFindings|findingArn|awsAccountId|AwsAccountId|packageVulnerabilityDetails|registryId)"')

_MANAGERS = {
    "BUNDLER": "gem", "CARGO": "cargo", "COMPOSER": "composer", "NPM": "npm", "NODEPKG": "npm", "NUGET": "nuget",
    "PIP": "pypi", "PIPENV": "pypi", "POETRY": "pypi", "PYTHONPKG": "pypi", "PYTHON": "pypi", "YARN": "npm",
    "PNPM": "npm", "GOBINARY": "golang", "GOMOD": "golang", "JAR": "maven", "POM": "maven", "DOTNET_CORE": "nuget",
}  # fmt: skip
_PLATFORMS = {"al": "amazon", "amazon_linux": "amazon", "rhel": "redhat", "ol": "oracle", "sles": "sles"}
_BASIC = "ecr"
_INSPECTOR = "inspector"


class Document(Struct, rename="camel"):
    findings: list[shapes.Inspector] | UnsetType = UNSET
    hub: list[shapes.Hub] | UnsetType = msgspec.field(name="Findings", default=UNSET)
    image_scan_findings: shapes.ScanFindings | UnsetType = UNSET
    registry_id: str = ""
    repository_name: str = ""
    image_id: shapes.ImageId | None = None
    image_scan_status: shapes.ScanStatus | None = None


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """One report per image, instance or function that a finding names."""
    found = decoded(_DOCUMENT, data)
    if found is None:
        return None
    if isinstance(found.image_scan_findings, shapes.ScanFindings) or found.image_scan_status:
        return [_image_scan(found)]
    if isinstance(found.findings, list) and found.findings and all(f.finding_arn for f in found.findings):
        return _by_resource([entry for finding in found.findings for entry in finding.entries()])
    if isinstance(found.hub, list) and found.hub and all(f.product_arn for f in found.hub):
        return _by_resource([entry for finding in found.hub for entry in finding.entries()])
    return None


def _image_scan(found: Document) -> Report:
    held = found.image_scan_findings
    findings = held if isinstance(held, shapes.ScanFindings) else shapes.ScanFindings()
    image = found.image_id or shapes.ImageId()
    report = Report(_BASIC, digest=image.image_digest, scanned_at=when(findings.image_scan_completed_at))
    report.db_date = when(findings.vulnerability_source_updated_at)
    region = next((f.region for f in findings.enhanced_findings or () if f.region), "")
    report.image = _pulled(found.registry_id, region, found.repository_name, image.image_tag, image.image_digest)
    status = found.image_scan_status
    if status and status.status not in ("COMPLETE", "ACTIVE"):
        report.error = f"the scan is {status.status}: {status.description or 'no message'}"
    told = findings.findings or []
    distro = guess.distribution([f.attribute("package_version") for f in told], found.repository_name)
    for f in told:
        score = f.attribute("CVSS3_SCORE") or f.attribute("CVSS2_SCORE")
        name = f.attribute("package_name")
        rows.vulnerability(
            report, f.name, guess.os_package(distro, name), source_package=name, level=f.severity, level_source=_BASIC,
            installed=f.attribute("package_version"), cvss=_number(score), title=f.description, url=f.uri,
        )  # fmt: skip
    for finding in findings.enhanced_findings or ():
        report.scanner = _INSPECTOR
        for entry in finding.entries():
            _fill(report, entry)
    report.fold_repeats()
    return report


def _by_resource(entries: list[Entry]) -> list[Report]:
    """Findings come one by one; those of one resource are one report.

    When each was last observed says nothing of when the list was made: it would go back as findings are fixed.
    """
    reports: dict[str, Report] = {}
    for entry in entries:
        where = entry.resource
        image = _pulled(where.registry, where.region, where.repository, where.tag, where.digest) \
            if where.repository else re.sub(r":\$LATEST$", "", where.arn)  # fmt: skip
        report = reports.setdefault(f"{image}@{where.digest}", Report(_INSPECTOR, image=image, digest=where.digest))
        _fill(report, entry)
    for report in reports.values():
        report.fold_repeats()
    return list(reports.values())


def _pulled(registry: str, region: str, repository: str, tag: str, digest: str) -> str:
    host = ".".join(filter(None, (registry, "dkr.ecr", region, "amazonaws.com")))
    return f"{host}/{repository}" + (f":{tag}" if tag else f"@{digest}" if digest else "")


def _fill(report: Report, entry: Entry) -> None:
    """One finding of n packages is n rows."""
    if entry.left_out:
        report.entries += 1
        report.skip(entry.left_out)
        return
    if not entry.packages:
        report.entries += 1
        report.skip("no package")
        return
    for package in entry.packages:
        os_level = package.manager == "OS"
        rows.vulnerability(
            report, entry.id, _package(package, entry.resource.platform), others=entry.related,
            source_package=package.name if os_level else "", installed=package.installed, fixed=package.fixed,
            level=entry.severity, level_source=_INSPECTOR, cvss=entry.score,
            location="" if os_level else package.path, title=entry.title, url=entry.url,
        )  # fmt: skip
    report.entries -= len(entry.packages) - 1
    report.added += len(entry.packages) - 1


def _package(package: Package, platform: str) -> str:
    if package.manager == "OS":
        family = re.sub(r"[_ ]?\d.*$", "", platform.lower())
        distro = _PLATFORMS.get(family, family.replace("_linux", ""))
        return guess.os_package(distro or guess.distribution([package.installed]), package.name)
    kind = _MANAGERS.get(package.manager)
    if kind is None and package.name == "go/stdlib":
        return build_package("golang", "stdlib")
    return build_package(kind, package.name) if kind else guess.language_package(package.path, package.name)


def _number(text: str) -> float | None:
    try:
        return float(text) or None
    except ValueError:
        return None
