"""A ticket file that cannot be read: told once, with what to do, counted as such, and left alone."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from reports import trivy, vulnerability, write

from triagebot import app, config, page
from triagebot.look import Options

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
FAULTS = {
    "yaml": b'---\ntitle: "broken\n---\n',
    "binary": b"\xff\xfe\x00",
    "state": b"---\nstate: clsoed\n---\n",
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two tickets, open."""
    place = Place.create(tmp_path / "place")
    place.run(scan(tmp_path), NOW)
    return place


def scan(folder: Path, week: int = 0) -> Path:
    one, two = vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0002")
    return write(folder / f"w{week}", a=trivy(f"shop/app:{week}", [one]), b=trivy(f"shop/web:{week}", [one, two]))


def broken(place: Place, content: bytes) -> Path:
    """One of the two, as a person left it."""
    path = next((place.folder / "tickets").glob("*app*.md"))
    path.write_bytes(content)
    return path


def summary(place: Place, now: datetime) -> str:
    return app.told(config.load(place.folder / "triagebot.yaml"), Options(now=now, dry_run=True), only=False).summary


def actions(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(a["kind"], a["cause"], a["outcome"]) for a in told["actions"] if "app" in a["key"]]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_lost", [False, True], ids=["as ever", "history lost"])
def test_it_is_told_once_and_left_alone(place: Place, tmp_path: Path, fault: str, is_lost: bool) -> None:
    path = broken(place, FAULTS[fault])
    if is_lost:
        shutil.rmtree(place.history)
    for week in (1, 2):
        at = NOW + timedelta(weeks=week)
        told = place.run(scan(tmp_path, week), at)
        assert [error for error in told.document["errors"] if path.name in error] == told.document["errors"]
        assert len(told.document["errors"]) == 1
        assert told.exit_code == 1
        assert actions(told.document) == [("leave", "unread", "done")]
        assert told.document["plan"]["deferred"] == told.document["trackers"][0]["deferred"] == 0
        assert told.document["waiting"] == []
        assert path.read_bytes() == FAULTS[fault]
    assert written(place.run(scan(tmp_path, 2), at).document) == {}
    said = summary(place, at + timedelta(hours=1))
    assert "Tickets: 1 open, 1 cannot be read.\n" in said
    fact = f"- 1 ticket cannot be read and is left alone, counted as neither open nor closed: `{path.name}`"
    assert said.count(fact) == said.count(path.name) == 1
    assert "wait for the next run" not in said
    assert "waits for the next run" not in said


def test_what_to_do_is_told_where_people_read(place: Place, tmp_path: Path) -> None:
    broken(place, FAULTS["yaml"])
    told = place.run(scan(tmp_path, 1), NOW + timedelta(weeks=1))
    remedy = "cannot be read: while scanning a quoted scalar; mend the file (to delete it is a decision)"
    assert told.document["errors"][0].endswith(remedy)
    assert remedy in re.sub(r"\\(.)", r"\1", told.summary)
    settings, options = config.load(place.folder / "triagebot.yaml"), Options(now=NOW + timedelta(weeks=2))
    text = page.written(settings, options, app.standing(settings, options)).text
    assert remedy in text
    assert "0 overdue, 1 cannot be read" in text


def test_one_of_another_stream_is_told_there(place: Place, tmp_path: Path) -> None:
    path = broken(place, FAULTS["yaml"])
    other = place.run(scan(tmp_path, 1), NOW + timedelta(weeks=1), stream="1.3")
    told = other.summary.partition("Needs attention")[2]
    assert (
        f"- main: 1 ticket cannot be read and is left alone, counted as neither open nor closed: `{path.name}`" in told
    )


def test_a_reason_names_its_tracker_once(place: Place, tmp_path: Path) -> None:
    shutil.rmtree(place.folder / "tickets")
    told = place.run(scan(tmp_path, 1), NOW + timedelta(weeks=1)).document
    assert [line.count("default:") for line in told["waiting"]] == [1]


def test_mended_it_goes_on(place: Place, tmp_path: Path) -> None:
    before = place.ticket_bytes()
    path = broken(place, FAULTS["yaml"])
    place.run(scan(tmp_path, 1), NOW + timedelta(weeks=1))
    path.write_bytes(before[path.name])
    told = place.run(scan(tmp_path, 2), NOW + timedelta(weeks=2))
    assert told.document["errors"] == []
    assert "cannot be read" not in told.summary


def test_nothing_is_closed_for_having_moved_to_it(place: Place, tmp_path: Path) -> None:
    """Nobody knows whether it is open."""
    settings = place.folder / "triagebot.yaml"
    by_image = settings.read_text()
    settings.write_text(f"{by_image}group_by: upgrade\n")
    place.run(scan(tmp_path, 1), NOW + timedelta(weeks=1))
    (moved,) = place.open_keys()
    settings.write_text(by_image)
    place.run(scan(tmp_path, 2), NOW + timedelta(weeks=2))
    stood = place.open_keys()
    assert len(stood) == 2
    settings.write_text(f"{by_image}group_by: upgrade\n")
    (path,) = (p for p in (place.folder / "tickets").glob("*.md") if f"key: {moved}\n" in p.read_text())
    path.write_bytes(FAULTS["yaml"])
    told = place.run(scan(tmp_path, 3), NOW + timedelta(weeks=3)).document
    assert sorted((a["kind"], a["outcome"]) for a in told["actions"]) == [
        ("leave", "done"), ("move", "deferred"), ("move", "deferred"),
    ]  # fmt: skip
    path.unlink()
    assert place.open_keys() == stood
