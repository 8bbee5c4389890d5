"""The shapes in which AWS tells findings, and what is the same in them: an `Entry`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct


@dataclass(frozen=True)
class Resource:
    """What a finding is about. `repository` is empty for what is no image."""

    arn: str = ""
    registry: str = ""
    region: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    platform: str = ""


@dataclass(frozen=True)
class Package:
    """One package that a finding names; its version with epoch and release, as the distribution writes it."""

    name: str
    installed: str = ""
    fixed: str = ""
    manager: str = ""
    path: str = ""


@dataclass(frozen=True)
class Entry:
    """One finding on one resource. `left_out`: the rule by which it is not read."""

    resource: Resource
    id: str = ""
    title: str = ""
    severity: str = ""
    score: float | None = None
    url: str = ""
    related: tuple[str, ...] = ()
    packages: tuple[Package, ...] = field(default=())
    left_out: str = ""


def _version(version: str, epoch: object, release: str, manager: str) -> str:
    """`1:2.3-4`: https://docs.aws.amazon.com/inspector/v2/APIReference/API_VulnerablePackage.html."""
    if manager != "OS":
        return version
    start = f"{epoch}:" if str(epoch or "0") != "0" else ""
    return f"{start}{version}-{release}" if release else f"{start}{version}"


def _fixed(text: str) -> str:
    return "" if text.lower() in ("", "notavailable", "not available") else text.removeprefix("0:")


class Attribute(Struct):
    key: str = ""
    value: str = ""


class ScanFinding(Struct):
    name: str = ""
    description: str = ""
    uri: str = ""
    severity: str = ""
    attributes: list[Attribute] | None = None

    def attribute(self, key: str) -> str:
        """The value of an attribute; empty if it is not told."""
        return next((a.value for a in self.attributes or () if a.key == key), "")


class VulnerablePackage(Struct, rename="camel"):
    name: str = ""
    version: str = ""
    epoch: int | str | None = None
    release: str = ""
    package_manager: str = ""
    fixed_in_version: str = ""
    file_path: str = ""


class PackageDetails(Struct, rename="camel"):
    vulnerability_id: str = ""
    vulnerable_packages: list[VulnerablePackage] | None = None
    related_vulnerabilities: list[str] | None = None
    source_url: str = ""


class EcrImage(Struct, rename="camel"):
    image_hash: str = ""
    image_tags: list[str] | None = None
    platform: str = ""
    registry: str = ""
    repository_name: str = ""


class Ec2Instance(Struct):
    platform: str = ""


class Details(Struct, rename="camel"):
    aws_ecr_container_image: EcrImage | None = None
    aws_ec2_instance: Ec2Instance | None = None


class InspectorResource(Struct):
    id: str = ""
    region: str = ""
    details: Details | None = None

    def told(self) -> Resource:
        """The resource as an `Entry` has it."""
        details = self.details or Details()
        image = details.aws_ecr_container_image
        if image is None:
            return Resource(self.id, platform=details.aws_ec2_instance.platform if details.aws_ec2_instance else "")
        tag = (image.image_tags or [""])[0]
        return Resource(self.id, image.registry, self.region or _region(self.id), image.repository_name, tag,
                        image.image_hash, image.platform)  # fmt: skip


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else ""


class Inspector(Struct, rename="camel"):
    finding_arn: str = ""
    type: str = ""
    status: str = ""
    title: str = ""
    severity: str = ""
    inspector_score: float | None = None
    package_vulnerability_details: PackageDetails | None = None
    resources: list[InspectorResource] | None = None

    @property
    def region(self) -> str:
        """Where it was found."""
        return _region(self.finding_arn)

    def entries(self) -> Iterator[Entry]:
        """One entry per resource."""
        details = self.package_vulnerability_details
        left_out = "" if details else "no package vulnerability"
        if self.status in ("CLOSED", "SUPPRESSED"):
            left_out = self.status.lower()
        packages = tuple(
            Package(p.name, _version(p.version, p.epoch, p.release, p.package_manager), _fixed(p.fixed_in_version),
                    p.package_manager, p.file_path)
            for p in (details.vulnerable_packages if details else None) or ()
        )  # fmt: skip
        for resource in self.resources or [InspectorResource(self.finding_arn)]:
            yield Entry(
                resource.told(), details.vulnerability_id if details else "", self.title, self.severity,
                self.inspector_score, details.source_url if details else "",
                tuple((details.related_vulnerabilities if details else None) or ()), packages, left_out,
            )  # fmt: skip


class ImageId(Struct, rename="camel"):
    image_digest: str = ""
    image_tag: str = ""


class ScanStatus(Struct):
    status: str = ""
    description: str = ""


class ScanFindings(Struct, rename="camel"):
    findings: list[ScanFinding] | None = None
    enhanced_findings: list[Inspector] | None = None
    image_scan_completed_at: str | None = None
    vulnerability_source_updated_at: str | None = None


class HubPackage(Struct, rename="pascal"):
    name: str = ""
    version: str = ""
    epoch: str = ""
    release: str = ""
    package_manager: str = ""
    fixed_in_version: str = ""
    file_path: str = ""


class Vendor(Struct, rename="pascal"):
    url: str = ""


class Cvss(Struct, rename="pascal"):
    base_score: float | None = None


class HubVulnerability(Struct, rename="pascal"):
    id: str = ""
    vulnerable_packages: list[HubPackage] | None = None
    related_vulnerabilities: list[str] | None = None
    cvss: list[Cvss] | None = None
    vendor: Vendor | None = None


class HubImage(Struct, rename="pascal"):
    registry_id: str = ""
    repository_name: str = ""
    image_digest: str = ""
    image_tags: list[str] | None = None


class HubDetails(Struct, rename="pascal"):
    aws_ecr_container_image: HubImage | None = None


class HubResource(Struct, rename="pascal"):
    id: str = ""
    region: str = ""
    details: HubDetails | None = None


class HubSeverity(Struct, rename="pascal"):
    label: str = ""


class Hub(Struct, rename="pascal"):
    product_arn: str = ""
    title: str = ""
    record_state: str = ""
    severity: HubSeverity | None = None
    product_fields: dict[str, str] | None = None
    resources: list[HubResource] | None = None
    vulnerabilities: list[HubVulnerability] | None = None
    workflow: dict[str, str] | None = None

    def entries(self) -> Iterator[Entry]:
        """One entry per resource and vulnerability; a finding without a vulnerability is left out."""
        left_out = "archived" if self.record_state == "ARCHIVED" else ""
        if not left_out and (self.workflow or {}).get("Status") == "SUPPRESSED":
            left_out = "suppressed"
        for resource in self.resources or [HubResource(self.product_arn)]:
            for v in self.vulnerabilities or [HubVulnerability()]:
                missing = "" if self.vulnerabilities else "no package vulnerability"
                yield self._entry(resource, v, left_out or missing)

    def _entry(self, resource: HubResource, v: HubVulnerability, left_out: str) -> Entry:
        image = resource.details.aws_ecr_container_image if resource.details else None
        platform = next((x for n, x in (self.product_fields or {}).items() if n.endswith("/platform")), "")
        where = Resource(resource.id, platform=platform) if image is None else Resource(
            resource.id, image.registry_id, resource.region or _region(resource.id), image.repository_name,
            (image.image_tags or [""])[0], image.image_digest, platform,
        )  # fmt: skip
        packages = tuple(
            Package(p.name, _version(p.version, p.epoch, p.release, p.package_manager), _fixed(p.fixed_in_version),
                    p.package_manager, p.file_path)
            for p in v.vulnerable_packages or ()
        )  # fmt: skip
        scores = [c.base_score for c in v.cvss or () if c.base_score]
        return Entry(
            where, v.id, self.title, self.severity.label if self.severity else "", max(scores, default=None),
            v.vendor.url if v.vendor else "",
            tuple(v.related_vulnerabilities or ()), packages, left_out,
        )  # fmt: skip
