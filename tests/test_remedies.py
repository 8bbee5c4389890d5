"""What a fault of a person's making says: where it is, what is wrong there, what to do; never a file of ours."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import config, doctor, git
from triagebot.errors import ConfigError
from triagebot.look import Options
from triagebot.trackers.interface import Trouble

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two streams are recorded; a file that is no report lies there, too."""
    scan = write(tmp_path / "s", one=trivy("a/a:1.0", [vulnerability("CVE-2026-0001")]))
    where = Place.create(tmp_path / "place")
    for stream in ("main", "prod"):
        where.run(scan, NOW, stream=stream, record_only=True)
    (where.folder / "notes.txt").write_text("no report\n")
    (where.folder / "web app.json").write_text("{")
    scan.rename(where.folder / "s")
    return where.folder


def said(folder: Path, *words: str) -> tuple[str, int]:
    """What the command line says of a fault, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "triagebot", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert str(ROOT) not in done.stderr
    return done.stderr.removeprefix("triagebot: ").strip(), done.returncode


@pytest.mark.parametrize(
    ("words", "fault", "code"),
    [
        ("history pull --remote /nope",
         "/nope: git ls-remote: '/nope' does not appear to be a git repository; "
         "correct the address (--remote), or what the token or key may do", 1),
        ("init notes.txt",
         "notes.txt: is no report that can be read; `triagebot explain --report notes.txt` says why; "
         "give a scan, or a folder of scans", 2),
        ("init|web app.json",
         "web app.json: is no report that can be read; `triagebot explain --report 'web app.json'` says why; "
         "give a scan, or a folder of scans", 2),
        ("init s --folder notes.txt",
         "--folder notes.txt: is no folder; name the folder that the files are to be written to", 2),
        ("run --end-stream prdo",
         "--end-stream: takes no scan, and 'prdo' is given; name the stream by --stream: "
         "`triagebot run --end-stream --stream prdo`", 2),
        ("run", "run: needs either a scan or --end-stream; give the folder that holds the reports", 2),
        *(
            (f"{command} --stream prdo",
             "--stream prdo: no scan of stream 'prdo' is recorded; name one that there is: main, prod; "
             "did you mean 'prod'?", 2)
            for command in ("run --end-stream", "summary", "report", "explain CVE-2026-0001", "exposure CVE-2026-0001")
        ),
    ],
)  # fmt: skip
def test_a_fault_names_place_cause_and_remedy(place: Path, words: str, fault: str, code: int) -> None:
    assert said(place, *(words.split("|") if "|" in words else words.split())) == (fault, code)


def test_a_remedy_that_is_named_works(place: Path) -> None:
    told, code = said(place, "explain", "--report", "web app.json")
    assert (told, code) == ("", 1)


# Trackers


DEFAULT = (
    "triagebot.yaml:2: no tracker 'default': all tickets go there while `teams` names no team file; "
    "call a tracker 'default', or name a team file (`triagebot init` drafts one)"
)


@pytest.mark.parametrize("trackers", ["{files: {type: local, path: t}}", "{}"])
def test_without_a_default_tracker_the_settings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trackers: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "triagebot.yaml").write_text(f"retire_after: 0\ntrackers: {trackers}\n")
    with pytest.raises(ConfigError) as fault:
        config.load(None)
    assert str(fault.value) == DEFAULT


def test_with_a_team_file_of_ones_own_its_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "triagebot.yaml").write_text("teams: teams.yaml\ntrackers: {files: {type: local, path: t}}\n")
    (tmp_path / "teams.yaml").write_text("teams:\n  a: {name: A}\nunowned: a\n")
    with pytest.raises(ConfigError, match=r"^teams\.yaml:2: team 'a': no tracker 'default'; name one of"):
        config.load(None)


def test_the_doctor_does_not_send_anybody_to_a_file_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "triagebot.yaml").write_text("trackers:\n  default: {type: local, path: t}\n")
    trouble = Trouble("teams", ("platform", "component"), "a component is required", "write `component: NAME`")
    monkeypatch.setattr("triagebot.trackers.LocalTracker.examine", lambda *_: [trouble])
    (found,) = doctor.examine(config.load(None), Options(now=NOW))
    assert str(found) == (
        "triagebot.yaml:2: tracker 'default': a component is required; write `component: NAME`, "
        "in a team file that `teams:` of the settings names (`triagebot init` drafts one)"
    )


# Git


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\n"
         "Please make sure you have the correct access rights\nand the repository exists.",
         "git@host: Permission denied (publickey)."),
        ("Warning: Permanently added 'host' to the list of known hosts.\nERROR: Repository not found.\n"
         "fatal: Could not read from remote repository.", "ERROR: Repository not found."),
        ("remote: Repository not found.\nfatal: repository 'https://host/a/b/' not found",
         "repository 'https://host/a/b/' not found"),
        ("fatal: Could not read from remote repository.\n", "Could not read from remote repository."),
        ("exit code 128", "exit code 128"),
    ],
)  # fmt: skip
def test_of_what_git_says_the_cause_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, cause: str
) -> None:
    done = subprocess.CompletedProcess[bytes]([], 128, b"", said.encode())
    monkeypatch.setattr("triagebot.git.subprocess.run", lambda *_, **__: done)
    with pytest.raises(git.GitError) as fault:
        git.Git("r", tmp_path, {}).call("fetch")
    assert fault.value.cause == f"git fetch: {cause}"


# Exit codes


@pytest.mark.parametrize(
    ("held", "code", "told"),
    [
        ('{"stdout": "", "stderr": "denied", "exitcode": 125, "cmd": "snyk container test a/b:1"}', 0, ["warning"]),
        ('{"SchemaVersion": 2, "Results": [{"Tar', 1, ["warning", "error"]),
    ],
    ids=["a scan that failed", "a report that cannot be read"],
)
def test_a_report_that_failed_is_a_warning_and_one_that_cannot_be_read_an_error(
    place: Path, held: str, code: int, told: list[str]
) -> None:
    """As README and docs/operations.md say."""
    (place / "s" / "two.json").write_text(held)
    fault, got = said(place, "run", "s", "--dry-run", "--taken-at", "2026-05-04T06:00:00Z")
    assert got == code
    assert "1 report failed: its image was not looked at: two.json" in fault
    assert [line.partition(":")[0] for line in fault.splitlines() if "two.json" in line] == told
