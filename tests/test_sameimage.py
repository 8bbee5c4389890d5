"""Old and new reports of one image in one scan are told of: they are united, and nothing of the older is fixed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from reports import trivy, vulnerability, write

from triagebot.scan import Reading, load

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)


def of_days(folder: Path, *days: str, timed: bool = True) -> Path:
    for day in days:
        report = trivy("x/a:1", [vulnerability("CVE-2026-0001")], at=f"2026-{day}T06:00:00Z")
        if not timed:
            del report["CreatedAt"]
        write(folder / "a" / day, a=report, b=report | {"ArtifactName": "x/b:1"})
    return folder


@pytest.mark.parametrize("timed", [True, False])
def test_old_and_new_reports_of_an_image_in_one_scan_are_told_of(tmp_path: Path, timed: bool) -> None:
    loaded = load(of_days(tmp_path, "01-01", "01-08", timed=timed), Reading(NOW))
    (said,) = loaded.notes
    assert said.startswith(
        "docker.io/x/a:1 has reports of two scans, a/01-01/a.json and a/01-08/a.json (and 1 more image)"
    )


def test_several_reports_of_an_image_are_no_two_scans(tmp_path: Path) -> None:
    for name, at in (("prod", "06:00"), ("test", "07:00")):
        write(tmp_path / name, a=trivy("x/a:1", [], at=f"2026-01-01T{at}:00Z"))
    assert load(tmp_path, Reading(NOW)).notes == []
