"""Harbor: the vulnerabilities of one artifact, as its API and its scanner adapters give them.

A mapping from the report's media type to the report, or the report alone. The image is not named by the older ones.
https://github.com/goharbor/pluggable-scanner-spec/blob/master/api/spec/scanner-adapter-openapi-v1.2.yaml
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded, when

NAME = "harbor"
HINT = re.compile(rb"application/vnd\.(security\.vulnerability|scanner\.adapter\.vuln)\.report|\"generated_at\"")

_MEDIA = ("application/vnd.security.vulnerability.report", "application/vnd.scanner.adapter.vuln.report")


class Scanner(Struct):
    name: str = ""
    version: str = ""


class Artifact(Struct):
    repository: str = ""
    digest: str = ""
    tag: str = ""


class Cvss(Struct):
    score_v3: float | None = None
    score_v2: float | None = None


class Vulnerability(Struct):
    id: str = ""
    package: str = ""
    version: str = ""
    fix_version: str | None = ""
    severity: str = ""
    description: str = ""
    links: list[str] | None = None
    artifact_digests: list[str] | None = None
    preferred_cvss: Cvss | None = None


class Body(Struct):
    generated_at: str
    scanner: Scanner
    artifact: Artifact | None = None
    vulnerabilities: list[Vulnerability] | UnsetType | None = UNSET


SHAPE = dict[str, Body]
_BODY = msgspec.json.Decoder(Body)
_BY_MEDIA = msgspec.json.Decoder(dict[str, Body])


def read(data: bytes) -> Sequence[Report] | None:
    """One report per media type: all that Harbor knows of one artifact."""
    if data.startswith(b"["):
        return None
    single = decoded(_BODY, data)
    if single is not None:
        return [_report(single)] if single.vulnerabilities is not UNSET else None
    held = decoded(_BY_MEDIA, data)
    if not held or not all(media.startswith(_MEDIA) for media in held):
        return None
    return [_report(body) for body in held.values()]


def _report(body: Body) -> Report:
    name = body.scanner.name.lower()
    report = Report(f"{NAME}-{name}" if name else NAME, scanner_version=body.scanner.version.removeprefix("v"))
    report.scanned_at = when(body.generated_at)
    listed = body.vulnerabilities if isinstance(body.vulnerabilities, list) else []
    if body.artifact and body.artifact.repository:
        tag = f":{body.artifact.tag}" if body.artifact.tag else ""
        report.image = body.artifact.repository + (tag or f"@{body.artifact.digest}")
        report.digest = body.artifact.digest
    report.digest = report.digest or next((d for v in listed for d in v.artifact_digests or ()), "")
    distro = guess.distribution([x for v in listed for x in (v.version, v.fix_version or "")])
    for v in listed:
        language = guess.language_package("", v.package)
        os_level = bool(distro) and language.startswith("pkg:generic/")
        cvss = v.preferred_cvss or Cvss()
        rows.vulnerability(
            report, v.id, guess.os_package(distro, v.package) if os_level else language,
            source_package=v.package if os_level else "", installed=v.version, fixed=v.fix_version or "",
            level=v.severity, level_source=name or NAME, cvss=cvss.score_v3 or cvss.score_v2, title=v.description,
            url=next(iter(v.links or ()), ""),
        )  # fmt: skip
    report.fold_repeats()
    return report
