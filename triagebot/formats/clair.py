"""Clair: version 4 as `clairctl` and Quay give it, and version 2 through clair-scanner and Klar.

https://quay.github.io/clair/reference/api.html, https://github.com/arminc/clair-scanner, https://github.com/optiopay/klar
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded
from triagebot.identity import build_package, is_cve

NAME = "clair"
HINT = re.compile(rb'"(unapproved|featurename|LayerCount|NamespaceName|manifest_hash|package_vulnerabilities)"')

_CVE = re.compile(r"CVE-\d{4}-\d{4,}")


class Feature(Struct):
    """clair-scanner's entry."""

    featurename: str
    vulnerability: str
    featureversion: str = ""
    namespace: str = ""
    description: str = ""
    link: str = ""
    severity: str = ""
    fixedby: str = ""


class Named(Struct, rename="pascal"):
    """Klar's entry."""

    name: str
    feature_name: str
    feature_version: str = ""
    namespace_name: str = ""
    description: str = ""
    link: str = ""
    severity: str = ""
    fixed_by: str = ""


class Origin(Struct):
    name: str = ""


class Package(Struct):
    name: str = ""
    version: str = ""
    source: Origin | None = None


class Distribution(Struct):
    did: str = ""


class Environment(Struct):
    package_db: str = ""
    distribution_id: str = ""


class Vulnerability(Struct):
    """Version 4's advisory."""

    name: str = ""
    description: str = ""
    links: str = ""
    severity: str = ""
    normalized_severity: str = ""
    fixed_in_version: str = ""
    updater: str = ""


class Scanner(Struct):
    image: str
    unapproved: list[str] | None
    vulnerabilities: list[Feature] | None


class Klar(Struct):
    layer_count: int = msgspec.field(name="LayerCount")
    vulnerabilities: dict[str, list[Named] | None] = msgspec.field(name="Vulnerabilities")


class Four(Struct):
    manifest_hash: str
    packages: dict[str, Package] | None
    vulnerabilities: dict[str, Vulnerability] | None
    package_vulnerabilities: dict[str, list[str] | None] | None
    distributions: dict[str, Distribution] | None = None
    environments: dict[str, list[Environment]] | None = None


class Document(Struct):
    """What tells the three apart."""

    unapproved: msgspec.Raw | UnsetType = UNSET
    layer_count: msgspec.Raw | UnsetType = msgspec.field(name="LayerCount", default=UNSET)
    manifest_hash: msgspec.Raw | UnsetType = UNSET


SHAPE = Four
_DOCUMENT = msgspec.json.Decoder(Document)
_SCANNER = msgspec.json.Decoder(Scanner)
_KLAR = msgspec.json.Decoder(Klar)
_FOUR = msgspec.json.Decoder(Four)


def read(data: bytes) -> Sequence[Report] | None:
    """The one report of a Clair document."""
    told = decoded(_DOCUMENT, data)
    if told is None:
        return None
    if told.manifest_hash is not UNSET and (four := decoded(_FOUR, data)):
        report = _four(four)
    elif told.layer_count is not UNSET and (klar := decoded(_KLAR, data)):
        report = _klar(klar)
    elif told.unapproved is not UNSET and (scanner := decoded(_SCANNER, data)):
        report = _scanner(scanner)
    else:
        return None
    report.fold_repeats()
    return [report]


def _scanner(found: Scanner) -> Report:
    report = Report(NAME, image=found.image)
    for v in found.vulnerabilities or ():
        rows.vulnerability(
            report, v.vulnerability, _of(v.namespace, v.featurename), source_package=v.featurename,
            installed=v.featureversion, fixed=v.fixedby, level=v.severity, level_source=v.namespace,
            title=v.description, url=v.link,
        )  # fmt: skip
    return report


def _klar(found: Klar) -> Report:
    report = Report(NAME)
    for group, entries in found.vulnerabilities.items():
        for v in entries or ():
            rows.vulnerability(
                report, v.name, _of(v.namespace_name, v.feature_name), source_package=v.feature_name,
                installed=v.feature_version, fixed=v.fixed_by, level=v.severity or group,
                level_source=v.namespace_name, title=v.description, url=v.link,
            )  # fmt: skip
    return report


def _four(found: Four) -> Report:
    report = Report(NAME, digest=found.manifest_hash)
    advisories, systems = found.vulnerabilities or {}, found.distributions or {}
    for package_id, ids in (found.package_vulnerabilities or {}).items():
        package = (found.packages or {}).get(package_id, Package())
        place = next(iter((found.environments or {}).get(package_id, ())), Environment())
        system = systems.get(place.distribution_id, Distribution()).did
        database = place.package_db.removeprefix("jar:").removeprefix("python:").removeprefix("go:")
        identity = build_package(system, package.name) if system and package.name \
            else guess.language_package(place.package_db.replace("jar:", "x.jar:"), package.name)  # fmt: skip
        for advisory_id in ids or ():
            v = advisories.get(advisory_id, Vulnerability())
            # A bulletin names its CVEs in its links only.
            own, named = v.name.split(" ")[0], _CVE.findall(v.links)
            rows.vulnerability(
                report, own, identity, others=() if is_cve(own) else named,
                source_package=(package.source.name if package.source else "") or package.name if system else "",
                installed=package.version, fixed=v.fixed_in_version, level=v.normalized_severity or v.severity,
                level_source=v.updater, location="" if system else database, title=v.description,
                url=v.links.split(" ")[0],
            )  # fmt: skip
    return report


def _of(namespace: str, name: str) -> str:
    """`ubuntu:18.04` and a feature as a package."""
    return build_package(namespace.partition(":")[0] or "unknown", name) if name else ""
