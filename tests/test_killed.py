"""Invariant 2: killed at any point and run again, the same tickets and history as an unbroken run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reports import trivy, vulnerability, write

KILLER = Path(__file__).parent / "killer.py"
FIRST, SECOND = "2026-05-03T06:00:00+00:00", "2026-05-10T06:00:00+00:00"


def call(folder: Path, scan: str, at: str, *, point: int = -1, count: Path | None = None) -> int:
    words = ["run", f"../{scan}", "--now", at, "--taken-at", at]
    env = {**os.environ, "POLARS_MAX_THREADS": "1"} | ({"KILLER_COUNT": str(count)} if count else {})
    done = subprocess.run(
        [sys.executable, str(KILLER), str(point), *words], cwd=folder, env=env, capture_output=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def contents(folder: Path) -> dict[str, str]:
    """All that lasts: tickets word for word; history without what only names the run or can be derived."""
    held = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        lasting = path.is_file() and not name.startswith((".triagebot/runs", ".triagebot/cache"))
        if lasting and path.suffix == ".parquet":
            held[name] = str(path.stat().st_size)
        elif lasting:
            held[name] = path.read_text(encoding="utf-8").replace(str(folder), "")
    return held


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after a first scan; the second one creates, updates with a comment, reopens and closes."""
    base = tmp_path_factory.mktemp("killed")
    write(
        base / "one",
        changes=trivy("a/changes:1.0", [vulnerability("CVE-2026-0001")]),
        ends=trivy("a/ends:1.0", [vulnerability("CVE-2026-0002")]),
        returns=trivy("a/returns:1.0", [vulnerability("CVE-2026-0003")]),
    )
    write(
        base / "two",
        changes=trivy("a/changes:1.1", [vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0004")]),
        ends=trivy("a/ends:1.1", []),
        returns=trivy("a/returns:1.1", [vulnerability("CVE-2026-0003")]),
        fresh=trivy("a/fresh:1.0", [vulnerability("CVE-2026-0005")]),
    )
    folder = base / "start"
    folder.mkdir()
    (folder / "triagebot.yaml").write_text("trackers: {default: {type: local, path: tickets}}\n")
    assert call(folder, "one", FIRST) == 0
    [returns] = (folder / "tickets").glob("*returns*")
    text = returns.read_text().replace("state: open", "state: closed\nclosed_as: done\nclosed: 2026-05-04")
    returns.write_text(text)
    return folder


def test_a_run_killed_at_any_point_heals(before: Path) -> None:
    whole = before.parent / "whole"
    shutil.copytree(before, whole)
    counted = before.parent / "count"
    assert call(whole, "two", SECOND, count=counted) == 0
    steps = int(counted.read_text())
    expected = contents(whole)
    states = [text.split("state: ")[1].split()[0] for name, text in expected.items() if name.startswith("tickets/")]
    assert sorted(states) == ["closed", "open", "open", "open"]
    assert steps > 20

    def heals(point: int) -> str:
        folder = before.parent / f"at-{point}"
        shutil.copytree(before, folder)
        if call(folder, "two", SECOND, point=point) != -signal.SIGKILL:
            return f"point {point}: was not killed"
        assert call(folder, "two", SECOND) == 0
        held = contents(folder)
        shutil.rmtree(folder)
        differs = sorted(k for k in expected.keys() | held.keys() if expected.get(k) != held.get(k))
        return f"point {point}: {differs}" if differs else ""

    with ThreadPoolExecutor(2) as pool:
        faults = [said for said in pool.map(heals, range(2 * steps)) if said]
    assert not faults, "\n".join(faults)
