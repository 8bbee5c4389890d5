"""Several processes read one scan: the result never depends on how many, nor on what becomes of them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reports import trivy, vulnerability, write

from triagebot import beside, scan
from triagebot.beside import hired
from triagebot.parts import Job
from triagebot.scan import Loaded, Reading, load

NOW = datetime(2026, 5, 1, tzinfo=UTC)
REPORTS = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of reports, two of them alike, one broken and one file that is none; read a few files at a time."""
    reports = {
        f"r{n:02}": trivy(f"registry.example/app-{n}:1.{n}", [vulnerability(f"CVE-2026-{m:04}") for m in range(n)])
        for n in range(REPORTS)
    }
    reports["again"] = reports["r07"]
    made = write(tmp_path / "scan", **reports)
    (made / "r20.json").write_text("{", encoding="utf-8")
    (made / "README.md").write_text("# Scans\n", encoding="utf-8")
    monkeypatch.setattr(scan, "PIECE", 2000)
    monkeypatch.setattr(beside, "WORTH_IT", 0)
    monkeypatch.setattr(beside, "_processors", lambda: 3)
    return made


def said(loaded: Loaded) -> tuple[Any, ...]:
    """All that a reading has to say."""
    tables = (loaded.scan.occurrences, loaded.scan.coverage, loaded.scan.aliases)
    rest = (loaded.content, [str(e) for e in loaded.errors], loaded.ignored, loaded.entries, loaded.left_out)
    return (*(t.rows() for t in tables), *rest)


@pytest.fixture
def alone(folder: Path) -> tuple[Any, ...]:
    """What one process reads."""
    return said(load(folder, Reading(now=NOW)))


def test_helpers_read_what_one_process_reads(folder: Path, alone: tuple[Any, ...]) -> None:
    names: list[str] = []
    with hired(folder) as helpers:
        assert len(helpers) == 2
        shared = load(folder, Reading(now=NOW), names.append, helpers)
    assert said(shared) == alone
    assert len(alone[0]) == sum(range(REPORTS)) - 20
    assert sorted(names) == sorted(p.name for p in folder.iterdir())
    assert all(helper.poll() is not None for helper in helpers)


def test_the_pieces_are_shared(folder: Path) -> None:
    pieces = [[name] for name in sorted(p.name for p in folder.glob("r0*.json"))]
    here: list[str] = []

    def do(piece: Any) -> Any:
        here.extend(piece)
        first.wait(timeout=30)
        return None

    with hired(folder) as (first, *_):
        job = Job(folder, Reading(now=NOW))
        made = beside.shared(pieces, do, [first], job, lambda _: None)
    assert len(here) == 1  # this process waits in its first piece until the helper has done all the others
    assert [part is None for part in made] == [piece == here for piece in pieces]


@pytest.mark.parametrize("when", ["at once", "in its work"])
def test_what_a_helper_that_dies_had_taken_is_read_here(folder: Path, alone: tuple[Any, ...], when: str) -> None:
    with hired(folder) as helpers:
        if when == "at once":
            helpers[0].kill()
            helpers[0].wait()
        shared = load(folder, Reading(now=NOW), lambda _: helpers[0].kill(), helpers)
    assert said(shared) == alone


def test_a_helper_that_speaks_nonsense_is_done_without(folder: Path, alone: tuple[Any, ...]) -> None:
    command = [sys.executable, "-c", "print('Welcome!')"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        shared = load(folder, Reading(now=NOW), helpers=[helper])
        helper.kill()
    assert said(shared) == alone


def test_nobody_is_hired_for_little(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(p.stat().st_size for p in folder.iterdir())
    for worth, count in ((size, 2), (size + 1, 0)):
        monkeypatch.setattr(beside, "WORTH_IT", worth)
        with hired(folder) as helpers:
            assert len(helpers) == count
    with hired(folder / "r00.json") as helpers:
        assert not helpers
    with hired(None) as helpers:
        assert not helpers


def test_nobody_is_hired_on_one_processor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_processors", lambda: 1)
    with hired(folder) as helpers:
        assert not helpers


def test_a_machine_that_starts_no_process_reads_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "no-such-program"))
    with hired(folder) as helpers:
        assert not helpers
