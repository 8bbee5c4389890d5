"""What a release is made of: the SBOM that the attestation takes, and what the package says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from triagebot import formats

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

WRITTEN = {
    "components": [{"bom-ref": "typer==0.20.0", "name": "typer", "type": "library", "version": "0.20.0"}],
    "metadata": {
        "component": {"bom-ref": "root-component", "name": "triagebot", "type": "application", "version": "1.2.3"},
        "properties": [{"name": "cdx:reproducible", "value": "true"}],
    },
    "version": 1, "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX",
    "specVersion": "1.6",
}  # fmt: skip
"""As cyclonedx-py 7.1.0 writes it with the options of `.ci/release`, shortened."""


def completed(folder: Path, commit: str = "c0ffee", version: str = "1.2.3") -> subprocess.CompletedProcess[str]:
    (folder / "sbom.json").write_text(json.dumps(WRITTEN))
    command = [sys.executable, str(ROOT / ".ci" / "sbom"), "sbom.json", version, commit]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def made(folder: Path, commit: str = "c0ffee") -> dict[str, Any]:
    assert completed(folder, commit).returncode == 0
    read: dict[str, Any] = json.loads((folder / "sbom.json").read_text())
    return read


def test_the_attestation_takes_the_sbom(tmp_path: Path) -> None:
    """actions/attest-sbom asks for these three: https://github.com/actions/attest-sbom"""
    sbom = made(tmp_path)
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["specVersion"] == "1.6"
    assert sbom["serialNumber"].startswith("urn:uuid:")
    assert sbom["metadata"]["component"]["purl"] == "pkg:pypi/triagebot@1.2.3"
    assert sbom["components"] == WRITTEN["components"]


def test_the_same_release_has_the_same_serial_number(tmp_path: Path) -> None:
    one, again, other = (made(tmp_path, commit)["serialNumber"] for commit in ("a", "a", "b"))
    assert one == again != other


def test_an_sbom_of_another_version_is_refused(tmp_path: Path) -> None:
    done = completed(tmp_path, version="1.2.4")
    assert (done.returncode, done.stderr) == (1, "the SBOM is of 1.2.3, not of 1.2.4\n")


def test_the_release_completes_its_sbom() -> None:
    script = (ROOT / ".ci" / "release").read_text(encoding="utf-8")
    assert "--pyproject pyproject.toml" in script
    assert '.ci/sbom sbom.cdx.json "$version" "$(git rev-parse HEAD)"' in script


def test_the_builder_is_one_and_the_same() -> None:
    [needed] = PROJECT["build-system"]["requires"]
    assert needed.startswith("hatchling==")
    assert needed in PROJECT["project"]["optional-dependencies"]["dev"]


def test_the_licence_is_told_once() -> None:
    """https://peps.python.org/pep-0639/#deprecate-license-classifiers"""
    assert [c for c in PROJECT["project"]["classifiers"] if c.startswith("License")] == []
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_the_comparison_counts_the_formats() -> None:
    """A report that says that its scan failed is none."""
    assert len(formats.FORMATS) - 1 == 14
    assert "files of fourteen formats" in (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
