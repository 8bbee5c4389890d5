"""How many raw entries a document holds, counted with nothing but dicts and lists.

A second opinion on the accounting of the readers: no code of the package is used, and each format is one line or two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml


def texts(data: bytes) -> Iterator[Any]:
    """The values of a file: JSON, several JSON documents, or YAML."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    said = data.decode(encoding).strip()
    if said[:1] not in "{[":
        yield from yaml.load_all(said, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return
    while said:
        value, end = json.JSONDecoder().raw_decode(said)
        yield value
        said = said[end:].strip()


def count(data: bytes, format_: str) -> int:
    """The raw entries of a file of this format; 0 for a document of another one beside it."""
    if data.lstrip().startswith(b"<"):
        return len(re.findall(rb"<(?:v:)?vulnerability[ >]", data))
    return sum(COUNT[format_](value) for value in texts(data))


def listed(value: Any, *names: str) -> list[Any]:
    """What stands under a path of names, as a list; missing and null are empty."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def trivy(value: Any) -> int:
    parts = ("Vulnerabilities", "Misconfigurations", "Secrets", "Licenses")
    if isinstance(value, list):
        return sum(len(listed(result, part)) for result in value for part in parts)
    nested = [*listed(value, "Resources"), *listed(value, "Vulnerabilities"), *listed(value, "Misconfigurations")]
    return trivy(listed(value, "Results")) + sum(trivy(listed(resource, "Results")) for resource in nested)


def snyk(value: Any) -> int:
    if isinstance(value, list):
        return sum(snyk(project) for project in value)
    return len(listed(value, "vulnerabilities")) + sum(snyk(a) for a in listed(value, "applications"))


def cyclonedx(value: Any) -> int:
    return sum(max(1, len(listed(v, "affects"))) for v in listed(value, "vulnerabilities"))


def operator(value: Any) -> int:
    if isinstance(value, list):
        return sum(operator(resource) for resource in value)
    if "kind" not in value:
        return sum(operator(resources) for resources in value.values())
    held = [len(listed(value, "report", part)) for part in ("vulnerabilities", "checks", "secrets")]
    passed_over = value["kind"].endswith(("ComplianceReport", "SbomReport"))
    return operator(listed(value, "items")) + sum(held) + passed_over


def aws(value: Any) -> int:
    inspector = [*listed(value, "findings"), *listed(value, "imageScanFindings", "enhancedFindings")]
    hub = [len(listed(f, "Resources")) * max(1, len(listed(f, "Vulnerabilities"))) for f in listed(value, "Findings")]
    basic = listed(value, "imageScanFindings", "findings")
    return len(basic) + sum(len(listed(f, "resources")) for f in inspector) + sum(hub)


def clair(value: Any) -> int:
    if "package_vulnerabilities" in value:
        return sum(len(ids) for ids in value["package_vulnerabilities"].values())
    if "LayerCount" in value:
        return sum(len(entries) for entries in value["Vulnerabilities"].values())
    return len(listed(value, "vulnerabilities"))


def xray(value: Any) -> int:
    issues = sum(len(listed(artifact, "issues")) for artifact in listed(value, "artifacts"))
    return len(listed(value, "rows")) + len(listed(value, "data")) + issues


def policyreport(value: Any) -> int:
    if isinstance(value, list):
        return sum(policyreport(report) for report in value)
    return len(listed(value, "results")) + policyreport(listed(value, "items"))


def kubebench(value: Any) -> int:
    controls = value if isinstance(value, list) else listed(value, "Controls")
    return sum(len(listed(section, "results")) for control in controls for section in listed(control, "tests"))


def nested(value: Any, *path: str) -> int:
    """How many there are at the end of a path of lists."""
    name, *rest = path
    held: Iterable[Any] = listed(value, name)
    return sum(nested(item, *rest) for item in held) if rest else len(listed(value, name))


COUNT: dict[str, Callable[[Any], int]] = {
    "trivy": trivy,
    "snyk": snyk,
    "cyclonedx": cyclonedx,
    "trivy-operator": operator,
    "aws": aws,
    "clair": clair,
    "xray": xray,
    "policyreport": policyreport,
    "kube-bench": kubebench,
    "grype": lambda value: nested(value, "matches"),
    "sarif": lambda value: nested(value, "runs", "results"),
    "osv-scanner": lambda value: nested(value, "results", "packages", "vulnerabilities"),
    "kubescape": lambda value: nested(value, "results", "controls"),
    "harbor": lambda value: sum(len(listed(body, "vulnerabilities")) for body in [value, *value.values()]),
    "failed scan": lambda _: 0,
}
