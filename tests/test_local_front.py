"""What people write at the top of a local ticket: a word that is none is named, and never taken for another."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from reports import several, trivy, vulnerability, write

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.with_one_ticket(tmp_path, NOW)


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
         "line 6: `closed_as: not-plnned` is none of done, not-planned, wontfix, duplicate; "
         "did you mean 'not-planned'?"),
        ("state: closed\nclosed_as: wontfx",
         "line 4: `closed_as: wontfx` is none of done, not-planned, wontfix, duplicate; did you mean 'wontfix'?"),
        ('"state": closed\nclosed_as: fixd',
         "line 4: `closed_as: fixd` is none of done, not-planned, wontfix, duplicate"),
        ("state: cl-o.sed", "line 3: `state: cl-o.sed` is none of open, closed; did you mean 'closed'?"),
        ("state: closed1", "line 3: `state: closed1` is none of open, closed; did you mean 'closed'?"),
        ("state: clösed", "line 3: `state: clösed` is none of open, closed; did you mean 'closed'?"),
        ("state: closed\nclosed_as: not/planned",
         "line 4: `closed_as: not/planned` is none of done, not-planned, wontfix, duplicate; "
         "did you mean 'not-planned'?"),
        *(
            (f"state: closed\nclosed_as: not-planned\nclosed: {day}",
             f"line 5: `closed: {day}` is no day; write for example 2026-05-01")
            for day in ("2026-99-99", "yesterday", "0", "false", "'2026-02-30'", "[2026-05-01]",
                        "9999-12-31T23:59:59-14:00")
        ),
        *(
            (f"state: closed\nclosed_as: not-planned\nclosed: {day}",
             f"line 5: `closed: {day}` is yet to come; write the day on which it was closed")
            for day in ("2027-05-01", "2026-05-11", "2026-05-11T06:00:00Z", "9999-12-31")
        ),
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
    told = place.run(several(tmp_path, count, 1), NOW + WEEK)
    until = " Until" if fault.endswith("?") else "; until"
    assert told.document["errors"][0] == f"default: {name} {fault}{until} it is put right the ticket is left alone"
    assert told.exit_code == 1
    assert place.ticket_bytes() == before
    assert not [w for w in told.document["warnings"] if "deleted" in w]


def test_a_misspelt_word_that_stands_elsewhere_is_named_too(place: Place, tmp_path: Path) -> None:
    name = change(place, "state: open", "<<: {state: bogus}")
    before = place.ticket_bytes()
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert told.document["errors"] == [
        f"default: {name} `state` is none of open, closed; write open or closed; until then it is left alone"
    ]
    assert place.ticket_bytes() == before


@pytest.mark.parametrize("field", ["closed-as", "closedas", "Closed_As", "closed as"])
def test_a_misspelt_field_is_named_and_no_decision_is_lost(place: Place, tmp_path: Path, field: str) -> None:
    name = change(place, "state: open", f"state: closed\n{field}: not-planned")
    before = place.ticket_bytes()
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert told.document["errors"] == [
        f"default: {name} `{field}:` is no field; did you mean `closed_as`? Until then it is left alone"
    ]
    assert place.ticket_bytes() == before


def test_without_a_state_it_is_neither(place: Place, tmp_path: Path) -> None:
    """A misspelt name of the field is no state at all."""
    name = change(place, "state: open", "sate: closed")
    before = place.ticket_bytes()
    told = place.run(several(tmp_path, 0, 1), NOW + WEEK)
    assert told.document["errors"][0] == (
        f"default: {name} has no `state:` at its top; write open or closed; until then it is left alone"
    )
    assert place.ticket_bytes() == before


@pytest.mark.parametrize("said", ["closed", "Closed", "CLOSED", '"closed"', "'closed '"])
def test_put_right_it_counts(place: Place, tmp_path: Path, said: str) -> None:
    change(place, "state: open", "state: clsoed\nclosed_as: Won't do")
    place.run(several(tmp_path, 1, 1), NOW + WEEK)
    change(place, "state: clsoed", f"state: {said}")
    told = place.run(several(tmp_path, 1, 2), NOW + 2 * WEEK)
    assert (told.document["errors"], written(told.document)) == ([], {})
    assert place.open_keys() == set()


@pytest.mark.parametrize("said", ["closed_as: nonsense", "closed_as:", "closed_as: ''"])
def test_an_open_ticket_needs_no_word_for_its_closing(place: Place, tmp_path: Path, said: str) -> None:
    change(place, "state: open", f"state: open\n{said}")
    told = place.run(several(tmp_path, 0, 1), NOW + WEEK)
    assert told.document["errors"] == []
    assert told.document["plan"]["close"] == 1


def test_closed_without_a_word_is_done(place: Place, tmp_path: Path) -> None:
    change(place, "state: open", "state: closed\nclosed_as:")
    told = place.run(several(tmp_path, 1, 0), NOW + timedelta(days=1))
    assert told.document["errors"] == []
    assert place.open_keys() == set()


@pytest.mark.parametrize("day", ["2026-05-10", "2026-05-03", "2026-05-10T19:00:00"])
def test_a_day_that_has_begun_somewhere_counts(place: Place, tmp_path: Path, day: str) -> None:
    """Whoever closes a ticket in Auckland writes a day that is tomorrow in London."""
    change(place, "state: open", f"state: closed\nclosed_as: not-planned\nclosed: {day}")
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert (told.document["errors"], place.open_keys()) == ([], set())


def test_what_we_closed_later_than_now_is_no_fault(place: Place, tmp_path: Path) -> None:
    """`--now` pretends another time."""
    from triagebot.trackers import LocalTracker
    from triagebot.trackers.interface import Known

    place.run(several(tmp_path, 0, 1), NOW + 2 * WEEK)
    listing = LocalTracker("default", place.folder / "tickets", NOW).listing(Known())
    assert [(t.is_open, t.closed_by_us) for t in listing.tickets] == [(False, True)]


@pytest.mark.parametrize("fault", ["closed_as: not-planed", "closed_as: wontfix\nclosed: 2026-99-99",
                                   "closed_as: wontfix\nclosed: 2028-01-01"])  # fmt: skip
def test_a_decision_with_a_misspelt_word_is_not_undone(place: Place, tmp_path: Path, fault: str) -> None:
    """Not by a history that was lost either."""
    change(place, "state: open", f"state: closed\n{fault}")
    before = place.ticket_bytes()
    shutil.rmtree(place.history)
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert all(fault.rsplit("\n", maxsplit=1)[-1] in e for e in told.document["errors"]), told.document["errors"]
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


# Duplicates


def two(place: Place, tmp_path: Path) -> tuple[str, str]:
    """The names of two open tickets."""
    place.run(both(tmp_path, 0), NOW + WEEK)
    one, other = sorted(place.ticket_bytes())
    return one, other


def both(folder: Path, week: int) -> Path:
    found = [vulnerability("CVE-2026-0000")]
    return write(folder / f"both-{week}", one=trivy(f"shop/app:{week}", found), two=trivy(f"shop/web:{week}", found))


def close(place: Place, name: str, closed: str) -> None:
    path = place.folder / "tickets" / name
    path.write_text(path.read_text().replace("state: open", f"state: closed\nclosed_as: {closed}", 1))


def test_a_duplicate_of_itself_is_a_fault_and_decides_as_not_planned(place: Place, tmp_path: Path) -> None:
    one, _ = two(place, tmp_path)
    close(place, one, f"duplicate\nduplicate_of: {one}")
    before = place.ticket_bytes()
    told = place.run(both(tmp_path, 1), NOW + 2 * WEEK)
    assert place.ticket_bytes()[one] == before[one]
    assert [w for w in told.document["warnings"] if "duplicate_of" in w] == [
        f"{place.folder}/tickets/{one}: `duplicate_of` names the file itself, so it is taken as not planned; "
        "name the other file"
    ]
    later = place.run(both(tmp_path, 2), NOW + 2 * WEEK + timedelta(days=91))
    assert [a["reason"] for a in later.document["actions"] if a["kind"] == "reopen"] == [
        "the decision not to act on it has expired"
    ]


@pytest.mark.parametrize("how", ["done", "not-planned"])
def test_a_duplicate_of_what_is_closed_is_opened_for_that_reason(place: Place, tmp_path: Path, how: str) -> None:
    """Both may have been closed in one edit."""
    one, other = two(place, tmp_path)
    close(place, one, f"duplicate\nduplicate_of: {other}")
    close(place, other, how)
    told = place.run(both(tmp_path, 0), NOW + WEEK + timedelta(days=1))
    assert [
        (a["reason"], Path(a["ticket"]["url"]).name) for a in told.document["actions"] if a["kind"] == "reopen"
    ] == [("the ticket that it is a duplicate of is closed, and its findings are still there", one)]


def test_a_duplicate_of_a_file_that_is_not_there_is_told_and_decides_as_not_planned(
    place: Place, tmp_path: Path
) -> None:
    one, other = two(place, tmp_path)
    close(place, one, f"duplicate\nduplicate_of: {other.removesuffix('.md')}")
    told = place.run(both(tmp_path, 0), NOW + WEEK + timedelta(days=1))
    assert [w for w in told.document["warnings"] if "duplicate_of" in w] == [
        f"{place.folder}/tickets/{one}: `duplicate_of` names no ticket of this folder, so it is taken as not planned; "
        f"did you mean {other!r}? Name the other file"
    ]
    close(place, other, "done")
    later = place.run(both(tmp_path, 0), NOW + WEEK + timedelta(days=2))
    assert [a["kind"] for a in later.document["actions"] if a["kind"] == "reopen"] == []
