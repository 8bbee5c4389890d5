"""A run that fails leaves one comment a day on the ticket of the weekly summary; what it cost is in its record."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Place
from github_server import Github
from github_world import ONE, SETTINGS, World, made
from reports import trivy, vulnerability, write

from triagebot import app, config, failing
from triagebot.cli.base import options_of
from triagebot.errors import TriagebotError
from triagebot.look import Options

WEEKLY = f"{SETTINGS}summary: {{tracker: default, weekday: monday}}\n"


@pytest.fixture
def world(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A repository with the ticket of the weekly summary, and one ticket."""
    world = made(github, tmp_path, monkeypatch)
    world.settings = WEEKLY
    (world.place.folder / "triagebot.yaml").write_text(WEEKLY)
    monday = 7 - world.start.weekday()
    world.start = world.at(monday)
    world.run(0, ONE)
    assert world.count() == 2
    return world


def tracking(world: World) -> int:
    [number] = [
        i["number"] for i in world.repo.issues() if "triagebot/summary" in {label["name"] for label in i["labels"]}
    ]
    return int(number)


def said(world: World) -> list[str]:
    return [c["body"] for c in world.repo.comments(tracking(world)) if "failed, in whole or in part" in c["body"]]


def broken(world: World, day: float) -> Path:
    folder = world.scan(day, {"a/a": [ONE]}, f"1.{day}", world.at(day))
    (folder / "bro`ken.json").write_text('{"SchemaVersion": 2, "Results": [{"Tar')
    return folder


def fail(world: World, day: float, hours: float = 0) -> None:
    folder = broken(world, day)
    at = world.at(day + hours / 24)
    assert world.place.run(folder, at, at - at).exit_code == 1


def test_a_run_that_fails_in_part_says_so_once_a_day(world: World) -> None:
    fail(world, 1)
    fail(world, 1, hours=1)
    [told] = said(world)
    assert "broken JSON" in told
    assert "The run of " in told
    fail(world, 2)
    assert len(said(world)) == 2
    assert len(world.repo.issues()) == 2, "no ticket is made for it"


def test_a_run_that_is_refused_says_so_also_when_the_history_is_another(world: World) -> None:
    many = [vulnerability(f"CVE-2026-1{n:03}") for n in range(40)]
    world.run(1, *many, ONE)
    folder = world.scan(2, {"a/a": []}, "1.9", world.at(2))
    for _ in range(2):
        with pytest.raises(TriagebotError, match="suspect"):
            world.place.run(folder, world.at(2), world.at(2) - world.at(2))
    [told] = said(world)
    assert "findings fell from" in told


def test_what_stands_in_a_fault_is_data(world: World) -> None:
    folder = world.scan(1, {"a/a": [ONE]}, "1.1", world.at(1))
    (folder / "@octocat <img src=x> #1.json").write_text("{broken")
    world.place.run(folder, world.at(1), world.at(1) - world.at(1))
    [told] = said(world)
    assert "@octocat" not in told
    assert "<img" not in told


@pytest.mark.parametrize("what", ["closed", "dry run", "well"])
def test_nothing_is_said(world: World, what: str) -> None:
    if what == "closed":
        world.repo.close(tracking(world))
    folder = world.scan(1, {"a/a": [ONE]}, "1.1", world.at(1))
    if what != "well":
        (folder / "x.json").write_text("{broken")
    world.place.run(folder, world.at(1), world.at(1) - world.at(1), dry_run=what == "dry run")
    assert said(world) == []


def test_a_tracker_that_is_away_does_not_hide_the_fault(world: World) -> None:
    notices: list[str] = []
    world.github.front.fault(401, times=99)
    folder = broken(world, 1)
    told = world.place.run(folder, world.at(1), world.at(1) - world.at(1), notice=notices.append)
    assert told.exit_code == 1
    assert any("that the run failed could not be said on acme/platform#" in line for line in notices)


# What ends a run


def ended(world: World, scan: Path, **options: Any) -> list[str]:
    """What the comments say after a run that ends, and once more; the fault goes on to the caller."""
    at = world.at(1)
    for _ in range(2):
        with pytest.raises(Exception):  # noqa: B017, PT011 - the comment tells which
            world.place.run(scan, at, at - at, **options)
    return said(world)


def test_a_scan_that_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    [told] = ended(world, tmp_path / "absent")
    assert "no such file or folder" in told


def test_at_a_terminal_what_was_mistyped_is_said_there_alone(world: World, tmp_path: Path) -> None:
    assert ended(world, tmp_path / "absent", attended=True) == []


def test_at_a_terminal_a_refusal_is_said(world: World) -> None:
    many = [vulnerability(f"CVE-2026-1{n:03}") for n in range(40)]
    world.run(1, *many, ONE)
    [told] = ended(world, world.scan(2, {"a/a": []}, "1.9", world.at(1)), attended=True)
    assert "findings fell from" in told


def test_a_fault_of_the_machine_is_said_also_without_a_lease(world: World) -> None:
    """A folder stands where the lease is to be written."""
    (world.place.history / "lease.json").mkdir()
    scan = world.scan(1, {"a/a": [ONE]}, "1.1", world.at(1))
    [told] = ended(world, scan)
    assert "lease.json" in told


def test_a_defect_of_ours_is_said_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "make_plan", lambda *_: {}["@octocat"])
    scan, at = world.scan(1, {"a/a": [ONE]}, "1.1", world.at(1)), world.at(1)
    with pytest.raises(KeyError):
        world.place.run(scan, at, at - at)
    [told] = said(world)
    assert "a defect of triagebot, please report it: KeyError" in told
    assert "@octocat" not in told


def test_apply_says_it_too(world: World) -> None:
    settings = config.load(world.place.folder / "triagebot.yaml")
    scan, options = world.scan(1, {"a/a": [ONE]}, "1.1", world.at(1)), Options(now=world.at(1))
    _, file = app.make_plan_file(settings, scan, replace(options, dry_run=True))
    plan = world.place.folder / "plan.json"
    plan.write_bytes(msgspec.json.encode(file))
    (scan / "r0.json").write_text("{")
    with pytest.raises(TriagebotError):
        app.apply_plan_file(settings, plan, options)
    [told] = said(world)
    assert "r0.json" in told


def test_settings_that_name_a_wrong_file_are_said(world: World) -> None:
    """As far as the settings themselves can be read: they tell where."""
    path, options = world.place.folder / "triagebot.yaml", Options(now=world.at(1))
    (world.place.folder / "rules.yaml").write_text("rules: [{id: a, wen: {}}]\n")
    path.write_text(f"{WEEKLY}teams: absent.yaml\nrules: [rules.yaml]\n")
    with pytest.raises(TriagebotError):
        failing.settings(path, options)
    [told] = said(world)
    assert "absent.yaml" in told
    assert "wen" in told
    path.write_text(f"{WEEKLY}tems: absent.yaml\n")
    with pytest.raises(TriagebotError):
        failing.settings(path, replace(options, now=world.at(2)))
    assert len(said(world)) == 1, "settings that cannot be read tell no place to say it"


# The record, and the log


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "triagebot", "run", *words, "--log-format", "json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_record_of_a_run_says_what_it_cost(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    run(place.folder, str(write(tmp_path / "scan", a=trivy("a/a:1", [vulnerability("CVE-2026-0001")]))))
    [record] = [json.loads(path.read_text()) for path in (place.history / "runs").iterdir()]
    assert list(record["took"]["stages"]) == ["read", "feeds", "record", "look", "plan", "apply", "summary", "tell"]
    assert all(seconds >= 0 for seconds in record["took"]["stages"].values())
    assert record["took"]["waited"] == {"default": 0.0}
    assert record["trackers"][0]["writes"] == 1


def test_a_log_for_machines_is_one_object_a_line(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    folder = write(tmp_path / "scan", a=trivy("a/a:1", []))
    (folder / "x\x1b[31m.json").write_text("{broken")
    lines = [json.loads(line) for line in run(place.folder, str(folder), "-v").stderr.splitlines()]
    assert {line["level"] for line in lines} == {"stage", "progress", "warning", "error"}
    assert all(set(line) >= {"at", "level", "message"} for line in lines)
    assert not any("\x1b" in line["message"] for line in lines)
    done = run(place.folder, "absent")
    fault = json.loads(done.stderr.splitlines()[-1])
    assert (done.returncode, fault["level"], fault["exit_code"], fault["place"]) == (2, "error", 2, "absent")
    assert fault["remedy"]


def logged(folder: Path, *words: str, code: int) -> dict[str, Any]:
    """The last line, where every line is an object."""
    done = run(folder, *words)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code, done.stderr
    assert lines[-1]["level"] == "error"
    assert lines[-1]["exit_code"] == code
    fault: dict[str, Any] = lines[-1]
    return fault


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["scan", "--nope"], "No such option: --nope"), (["scan", "left"], "nexpected extra argument"),
        (["scan", "--now", "x"], "'x' is no ISO 8601 time"), ([], "needs either a scan or --end-stream"),
    ],
)  # fmt: skip
def test_so_is_what_is_wrong_with_the_words(tmp_path: Path, words: list[str], cause: str) -> None:
    assert cause in logged(Place.create(tmp_path / "place").folder, *words, code=2)["cause"]


def test_so_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    (place.folder / ".triagebot").write_text("a file where a folder is to be")
    scan = write(tmp_path / "scan", a=trivy("a/a:1", [vulnerability("CVE-2026-0001")]))
    fault = logged(place.folder, str(scan), code=2)
    assert ".triagebot" in fault["place"]
    assert fault["cause"] in ("File exists", "Not a directory")


def test_so_is_a_defect(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    broken = "from triagebot import app, cli; app.run = lambda *_: 1 / 0; cli.main()"
    command = [sys.executable, "-c", broken, "run", str(tmp_path), "--log-format=json"]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    [fault] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, fault["cause"]) == (1, "a defect: ZeroDivisionError: division by zero")
    assert "Traceback" in fault["traceback"]


def test_what_is_asked_for_is_printed_and_ends_as_ever(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    done = run(place.folder, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Read a scan" in done.stdout
    folder = write(tmp_path / "scan", a=trivy("a/a:1", []))
    (folder / "b.json").write_text("{broken")
    assert run(place.folder, str(folder)).returncode == 1


# Before anything is done


@pytest.mark.parametrize("option", ["--out", "--summary"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path, option: str) -> None:
    place = Place.create(tmp_path / "place")
    scan = write(tmp_path / "scan", a=trivy("a/a:1", [vulnerability("CVE-2026-0001")]))
    fault = logged(place.folder, str(scan), option, str(tmp_path), code=2)
    assert fault["message"] == f"{option} {tmp_path}: is a folder; name a file"
    assert "there is no folder absent" in logged(place.folder, str(scan), option, "absent/x", code=2)["message"]
    assert sorted(path.name for path in place.folder.iterdir()) == ["triagebot.yaml"]


def test_a_plan_that_cannot_be_written_is_not_made(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    command = [sys.executable, "-m", "triagebot", "plan", "absent", "--out", "."]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "triagebot: --out .: is a folder; name a file\n")


def test_a_file_where_the_tickets_are_to_be_is_refused_before_the_scan_is_recorded(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    (place.folder / "tickets").write_text("x")
    scan = write(tmp_path / "scan", a=trivy("a/a:1", [vulnerability("CVE-2026-0001")]))
    fault = logged(place.folder, str(scan), code=2)
    assert fault["message"] == "tracker 'default': tickets is no folder; name another folder in `path`"
    assert not place.history.exists()


@pytest.mark.parametrize(("variable", "terminal", "told"), [("", True, True), ("CI", True, False), ("", False, False)])
def test_a_person_is_at_a_terminal_and_not_in_a_job(
    monkeypatch: pytest.MonkeyPatch, variable: str, terminal: bool, told: bool
) -> None:
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "true")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal)
    assert options_of().attended == told
