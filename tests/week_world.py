"""A small platform over some weeks, for the weekly summary: what each image holds is said scan by scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from conftest import Place
from oracle import failure_document
from reports import trivy, vulnerability, write

from triagebot.document import Told

MONDAY = datetime(2026, 5, 4, 6, tzinfo=UTC)
"""The first Monday of these weeks, `2026-W19`."""

TEAMS = """teams:
  dns: {name: DNS, labels: [team/dns]}
  web: {name: Web and Ingress, labels: [team/web]}
  ops: {name: Operations}
unowned: ops
images:
  - {match: "*/dns-*", team: dns}
  - {match: "*/web-*", team: web}
"""
SETTINGS = """teams: teams.yaml
drop_fraction: 1
"""
IMAGES = ("dns-unbound", "dns-kea", "web-gateway", "web-front", "lone-tool")
ZLIB = vulnerability("CVE-2018-25032", "zlib", severity="CRITICAL", installed="1.2.11-r3", fixed="1.2.12-r0")


def found(number: int, package: str = "busybox", **said: str) -> dict[str, Any]:
    """A finding; each third of the numbers is high, the others are medium or low; each fourth has no fix."""
    severity, fixed = ("HIGH", "MEDIUM", "LOW")[number % 3], "" if number % 4 == 3 else "1.0-r1"
    return vulnerability(f"CVE-2026-{1000 + number}", package, **{"severity": severity, "fixed": fixed, **said})


@dataclass
class Platform:
    """Images and what they hold; their tags go up with every scan, as they do where people build each week."""

    folder: Path
    place: Place
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: Sequence[str] = ()
    build: int = 0

    @classmethod
    def at(cls, folder: Path, settings: str = "", trackers: str = "") -> Platform:
        """A platform with a few findings in each image."""
        place = Place.create(folder / "place", f"{SETTINGS}{settings}{trackers}")
        (place.folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
        held = {image: [found(9 * at + i) for i in range(6)] for at, image in enumerate(IMAGES)}
        return cls(folder, place, held)

    def scan(self, label: str, again: bool = False) -> Path:
        """A scan of all that is there, as a folder. `again`: of the very same builds."""
        self.build += not again
        folder = write(self.folder / label, **{
            image: trivy(f"registry.example/{image}:1.{self.build}", entries)
            for image, entries in self.held.items() if image not in self.failed
        })  # fmt: skip
        for image in self.failed:
            document = failure_document(f"registry.example/{image}:1.{self.build}")
            (folder / f"{image}.json").write_bytes(document)
        return folder

    def run(self, week: int, label: str = "", day: int = 0, **options: Any) -> Told:
        """Scan and run, `week` weeks and `day` days after the first Monday."""
        label = label or f"1.{week}"
        return self.place.run(self.scan(label), MONDAY + timedelta(weeks=week, days=day), label=label, **options)

    def fix(self, image: str, *numbers: int) -> None:
        """Findings that are no longer there."""
        gone = {f"CVE-2026-{1000 + number}" for number in numbers}
        self.held[image] = [e for e in self.held[image] if e["VulnerabilityID"] not in gone]

    def clear(self) -> None:
        """All is fixed."""
        for image in self.held:
            self.held[image] = []
