"""What people write at the top of a local ticket: a word that is none is named, and never taken for another."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from reports import trivy, vulnerability, write

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """One ticket, open."""
    place = Place.create(tmp_path / "place")
    place.run(scan(tmp_path, 1), NOW)
    return place


def scan(folder: Path, count: int, week: int = 0) -> Path:
    found = [vulnerability(f"CVE-2026-{n:04}") for n in range(count)]
    return write(folder / f"{count}-{week}", one=trivy(f"shop/app:{week}", found))


def change(place: Place, old: str, new: str) -> str:
    """As a person edits the only ticket; its name."""
    (path,) = (place.folder / "tickets").glob("*.md")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path.name


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("state: clsoed", "line 3: `state: clsoed` is none of open, closed; did you mean 'closed'?"),
        ("state: Opne", "line 3: `state: Opne` is none of open, closed; did you mean 'open'?"),
        ("state: [closed]\nx: y", "line 3: `state: [closed]` is none of open, closed; did you mean 'closed'?"),
        ("state: 1", "line 3: `state: 1` is none of open, closed"),
        ("state: no", "line 3: `state: no` is none of open, closed"),
        ("state:", "line 3: `state: ` is none of open, closed"),
        ("a: b\nstate: closed\nc: d\nclosed_as: not-plnned",
         "line 6: `closed_as: not-plnned` is none of done, not-planned, duplicate; did you mean 'not-planned'?"),
        ('"state": closed\nclosed_as: fixd', "line 4: `closed_as: fixd` is none of done, not-planned, duplicate"),
        ("state: open\nstate: shut", "line 4: `state: shut` is none of open, closed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("count", [0, 1, 2], ids=["gone", "the same", "one more"])
def test_a_misspelt_word_is_named_and_the_ticket_left_alone(
    place: Place, tmp_path: Path, said: str, fault: str, count: int
) -> None:
    """Whatever would be done with it if it were open, or closed."""
    name = change(place, "state: open", said)
    before = place.ticket_bytes()
    told = place.run(scan(tmp_path, count, 1), NOW + WEEK)
    assert told.document["errors"][0] == (f"default: {name} {fault}; until it is put right the ticket is left alone")
    assert told.exit_code == 1
    assert place.ticket_bytes() == before
    assert not [w for w in told.document["warnings"] if "deleted" in w]


def test_a_misspelt_word_that_stands_elsewhere_is_named_too(place: Place, tmp_path: Path) -> None:
    name = change(place, "state: open", "<<: {state: bogus}")
    before = place.ticket_bytes()
    told = place.run(scan(tmp_path, 1, 1), NOW + WEEK)
    assert told.document["errors"] == [
        f"default: {name} `state` is none of open, closed; write open or closed; until then it is left alone"
    ]
    assert place.ticket_bytes() == before


@pytest.mark.parametrize("field", ["closed-as", "closedas", "Closed_As", "closed as"])
def test_a_misspelt_field_is_named_and_no_decision_is_lost(place: Place, tmp_path: Path, field: str) -> None:
    name = change(place, "state: open", f"state: closed\n{field}: not-planned")
    before = place.ticket_bytes()
    told = place.run(scan(tmp_path, 1, 1), NOW + WEEK)
    assert told.document["errors"] == [
        f"default: {name} `{field}:` is no field; did you mean `closed_as`?; until then it is left alone"
    ]
    assert place.ticket_bytes() == before


def test_without_a_state_it_is_neither(place: Place, tmp_path: Path) -> None:
    """A misspelt name of the field is no state at all."""
    name = change(place, "state: open", "sate: closed")
    before = place.ticket_bytes()
    told = place.run(scan(tmp_path, 0, 1), NOW + WEEK)
    assert told.document["errors"][0] == (
        f"default: {name} has no `state:` at its top; write open or closed; until then it is left alone"
    )
    assert place.ticket_bytes() == before


@pytest.mark.parametrize("said", ["closed", "Closed", "CLOSED", '"closed"'])
def test_put_right_it_counts(place: Place, tmp_path: Path, said: str) -> None:
    change(place, "state: open", "state: clsoed\nclosed_as: Won't do")
    place.run(scan(tmp_path, 1, 1), NOW + WEEK)
    change(place, "state: clsoed", f"state: {said}")
    told = place.run(scan(tmp_path, 1, 2), NOW + 2 * WEEK)
    assert (told.document["errors"], written(told.document)) == ([], {})
    assert place.open_keys() == set()


@pytest.mark.parametrize("said", ["closed_as: nonsense", "closed_as:", "closed_as: ''"])
def test_an_open_ticket_needs_no_word_for_its_closing(place: Place, tmp_path: Path, said: str) -> None:
    change(place, "state: open", f"state: open\n{said}")
    told = place.run(scan(tmp_path, 0, 1), NOW + WEEK)
    assert told.document["errors"] == []
    assert told.document["plan"]["close"] == 1


def test_closed_without_a_word_is_done(place: Place, tmp_path: Path) -> None:
    change(place, "state: open", "state: closed\nclosed_as:")
    told = place.run(scan(tmp_path, 1, 0), NOW + timedelta(days=1))
    assert told.document["errors"] == []
    assert place.open_keys() == set()


def test_a_decision_with_a_misspelt_word_is_not_undone(place: Place, tmp_path: Path) -> None:
    """Not by a history that was lost either."""
    change(place, "state: open", "state: closed\nclosed_as: not-planed")
    before = place.ticket_bytes()
    shutil.rmtree(place.history)
    told = place.run(scan(tmp_path, 1, 1), NOW + WEEK)
    assert all("closed_as: not-planed" in e for e in told.document["errors"]), told.document["errors"]
    assert place.ticket_bytes() == before


def test_between_the_look_and_the_write_too(place: Place, tmp_path: Path) -> None:
    """`apply` reads the file anew."""
    from triagebot.errors import TrackerError
    from triagebot.trackers import LocalTracker
    from triagebot.trackers.interface import Edit

    name = change(place, "state: open", "state: clsoed")
    told: dict[str, Any] = {"state": "closed", "closed_as": "done"}
    with pytest.raises(TrackerError, match=rf"{name}: line 3: `state: clsoed` is none of open, closed"):
        LocalTracker("default", place.folder / "tickets", NOW).edit(name, Edit(**told))
