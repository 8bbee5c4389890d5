"""Small reports of our own, built as the scanners build theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def vulnerability(
    cve: str, package: str = "busybox", *, severity: str = "HIGH", installed: str = "1.0-r0", fixed: str = "1.0-r1"
) -> dict[str, Any]:
    """One entry of a Trivy report."""
    return {
        "VulnerabilityID": cve,
        "PkgName": package,
        "PkgIdentifier": {"PURL": f"pkg:apk/alpine/{package}@{installed}?distro=3.20"},
        "InstalledVersion": installed,
        "FixedVersion": fixed,
        "Severity": severity,
        "Title": f"a fault in {package}",
    }


def trivy(image: str, entries: Iterable[dict[str, Any]], *, digest: str = "", at: str = "") -> dict[str, Any]:
    """A Trivy image report."""
    held = {"RepoDigests": [f"{image.rpartition(':')[0]}@{digest}"]} if digest else {}
    made: dict[str, Any] = {
        "SchemaVersion": 2,
        "ArtifactName": image,
        "ArtifactType": "container_image",
        "Metadata": held,
        "Results": [
            {"Target": f"{image} (alpine 3.20)", "Class": "os-pkgs", "Type": "alpine", "Vulnerabilities": list(entries)}
        ],
    }
    return {**made, "CreatedAt": at} if at else made


def write(folder: Path, **reports: dict[str, Any]) -> Path:
    """A scan folder with one file per report."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, report in reports.items():
        (folder / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def several(folder: Path, count: int, week: int = 0) -> Path:
    """The scan of a week: one image with so many vulnerabilities."""
    found = [vulnerability(f"CVE-2026-{n:04}") for n in range(count)]
    return write(folder / f"{count}-{week}", one=trivy(f"shop/app:{week}", found))
