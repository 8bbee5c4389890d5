"""Two copies of a local ticket: what a person wrote in either of them is in the one that comes of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import trivy, vulnerability, write
from test_branch_owned import DAY, NOW, ONE, Machine, git

from triagebot import app
from triagebot.branch import Store
from triagebot.look import Options
from triagebot.ticketmerge import is_touched, united
from triagebot.trackers.local_front import split

BASE = """---
title: 'a: 1 critical'
state: open
priority: P1
due: '2026-05-08'
team: All
assignees: [anna]
labels: [triagebot, team/all]
opened: '2026-05-01'
triagebot: {key: 'image:r/a', digest: d1}
---
<!-- triagebot:begin -->
one finding
<!-- triagebot:end -->

A note.
"""
CLOSED = ("state: open", "state: closed\nclosed_as: not-planned\nbecause: We do not ship it")
RUN = (("digest: d1", "digest: d2"), ("one finding", "two findings"), ("1 critical", "2 critical"))


def edited(*changes: tuple[str, str]) -> bytes:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def both_ways(one: bytes, two: bytes) -> dict[str, object]:
    """The front matter that comes of it, whoever publishes first, with `body`, `lost`."""
    made = [united(one, two, BASE.encode()), united(two, one, BASE.encode())]
    told = []
    for merged in made:
        _, front, body = split(merged.data)
        told.append({**front, "body": body, "lost": merged.lost})
    assert {**told[0], "lost": 0} == {**told[1], "lost": 0}
    return told[0]


def test_a_closing_of_a_person_and_a_run_of_another_machine() -> None:
    made = both_ways(edited(CLOSED), edited(*RUN))
    assert (made["state"], made["closed_as"], made["because"]) == ("closed", "not-planned", "We do not ship it")
    assert (made["title"], made["triagebot"]) == ("a: 2 critical", {"key": "image:r/a", "digest": "d2"})
    assert "two findings" in str(made["body"])
    assert made["lost"] == ()


def test_notes_labels_people_and_fields_of_both() -> None:
    one = edited(
        ("A note.", "A note.\nMine."),
        ("[triagebot, team/all]", "[triagebot, team/all, x]"),
        ("opened", "sprint: 7\nopened"),
    )
    two = edited(("A note.", "Theirs.\n\nA note."), ("assignees: [anna]", "assignees: [ben]"),
                 ("[triagebot, team/all]", "[triagebot]"), *RUN)  # fmt: skip
    made = both_ways(one, two)
    assert str(made["body"]).endswith("Theirs.\n\nA note.\nMine.\n")
    assert (made["labels"], made["assignees"], made["sprint"]) == (["triagebot", "x"], ["ben"], 7)
    assert "two findings" in str(made["body"])
    assert made["lost"] == ()


def test_a_closing_of_a_person_counts_before_one_of_a_run() -> None:
    ours = ("state: open", "state: closed\nclosed_as: done\nclosed: '2026-05-03T06:00:00Z'"), (
        "digest: d1", "digest: d1, closed_by: 'triagebot done 2026-05-03T06:00:00Z'")  # fmt: skip
    made = both_ways(edited(CLOSED), edited(*ours))
    assert (made["closed_as"], made["triagebot"]) == ("not-planned", {"key": "image:r/a", "digest": "d1"})
    assert made["lost"] == ()


def test_two_people_who_close_it_otherwise_are_told() -> None:
    done = ("state: open", "state: closed\nclosed_as: done")
    made = united(edited(CLOSED), edited(done), BASE.encode())
    assert split(made.data)[1]["closed_as"] == "done"
    assert made.lost == (
        "both copies say how it stands; closed by a person as `done` counts, not closed by a person as `not-planned`",
    )


def test_a_misspelt_state_of_a_person_is_kept_for_the_run_to_name() -> None:
    made = both_ways(edited(("state: open", "state: clsoed")), edited(*RUN))
    assert made["state"] == "clsoed"


def test_without_what_both_started_from_a_closing_and_all_notes_stay() -> None:
    made = united(edited(CLOSED, ("A note.", "Mine.")), edited(*RUN), None)
    _, front, body = split(made.data)
    assert (front["state"], front["triagebot"]["digest"]) == ("closed", "d2")
    assert "A note." in body
    assert "Mine." in body
    assert made.lost == ()


def test_a_copy_that_cannot_be_read_is_kept_and_told() -> None:
    broken = edited(("state: open", "state: [closed"))
    for one, two in ((broken, edited(*RUN)), (edited(*RUN), broken)):
        made = united(one, two, BASE.encode())
        assert made.data == broken
        assert made.lost == ("one of the copies cannot be read, and what the other one says is not in it",)


def test_what_comes_out_as_one_of_both_is_that_one_byte_for_byte() -> None:
    same = edited(("opened: '2026-05-01'", "opened:    2026-05-01"))
    assert united(same, BASE.encode(), BASE.encode()).data == same
    assert united(BASE.encode(), same, BASE.encode()).data == same


def test_who_touched_it() -> None:
    assert not is_touched(BASE.encode(), edited(*RUN))
    for change in (CLOSED, ("A note.", "Mine."), ("opened", "sprint: 7\nopened"), ("state: open", "state: [")):
        assert is_touched(BASE.encode(), edited(change)), change


EDITS = {
    "closed": CLOSED, "note": ("A note.", "A note.\nNew."), "field": ("opened", "sprint: 7\nopened"),
    "label": ("[triagebot, team/all]", "[triagebot, team/all, x]"), "people": ("[anna]", "[anna, ben]"),
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(EDITS))), st.booleans(), st.booleans())
def test_whatever_one_person_edits_and_another_run_writes_both_are_there(
    mine: set[str], has_run: bool, swap: bool
) -> None:
    here, there = edited(*(EDITS[name] for name in sorted(mine))), edited(*(RUN if has_run else ()))
    one, two = (there, here) if swap else (here, there)
    made = united(one, two, BASE.encode())
    wanted = edited(*(EDITS[name] for name in sorted(mine)), *(RUN if has_run else ()))
    assert split(made.data)[1:] == split(wanted)[1:]
    assert made.lost == ()


# ---- on a branch ----


Two = tuple[Machine, Machine, list[str]]
"""A person's clone, the machine that runs, and what was said."""


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Both with the same history."""
    git(tmp_path, "init", "--quiet", "--bare", "o.git")
    said: list[str] = []
    store = Store(f"file://{tmp_path / 'o.git'}", "triagebot-history", owner="one", say=said.append)
    runs = Machine(store, tmp_path / "runs", ONE)
    runs.run(NOW)
    runs.push()
    person = Machine(replace(store, owner="two"), tmp_path / "person", ONE)
    person.pull()
    return person, runs, said


def ticket(machine: Machine) -> Path:
    return next(
        path for path in sorted((machine.folder / "tickets").glob("*.md")) if "CVE-2026-0001" in path.read_text()
    )


def close(path: Path) -> None:
    path.write_text(path.read_text().replace("state: open", CLOSED[1], 1) + "\nSeen by us.\n")


def newer(machine: Machine, at: datetime, **said: str) -> list[str]:
    """A run that finds one more in the image; what it did to the tickets."""
    more = [vulnerability("CVE-2026-0001", **said), *([] if said else [vulnerability("CVE-2026-0009")])]
    write(machine.folder / "scan", a=trivy("r/a:1", more), b=trivy("r/b:1", [vulnerability("CVE-2026-0002")]))
    told = app.run(machine.config, machine.folder / "scan", Options(now=at, taken_at=at))
    assert told.document["errors"] == []
    return [action["kind"] for action in told.document["actions"]]


@pytest.mark.parametrize("by", ["pull", "push"])
def test_a_closing_while_the_branch_moved_on_is_a_decision_there_too(two: Two, by: str) -> None:
    person, runs, said = two
    close(ticket(person))
    assert newer(runs, NOW + DAY) == ["update"]
    runs.push()
    if by == "pull":
        person.pull()
        assert "Seen by us." in ticket(person).read_text()
    person.push()
    runs.pull()
    text = ticket(runs).read_text()
    assert "state: closed\n" in text
    assert "CVE-2026-0009" in text
    assert "\nSeen by us.\n" in text
    assert said == []
    assert newer(runs, NOW + 2 * DAY) == [], "a decision on both findings, as the ticket showed them"


def test_a_ticket_that_a_person_deleted_stays_deleted_where_only_a_run_changed_it(two: Two) -> None:
    """Not so where the run said something new in a comment, which whoever deleted it has not seen."""
    person, runs, said = two
    ticket(person).unlink()
    assert newer(runs, NOW + DAY, fixed="1.0-r9") == ["update"]
    runs.push()
    person.pull()
    person.push()
    runs.pull()
    assert not list((runs.folder / "tickets").glob("*-a-*"))
    assert said == []
    assert newer(runs, NOW + 2 * DAY, fixed="1.0-r9") == []


def test_a_ticket_that_one_deleted_and_another_wrote_to_is_kept_and_told(two: Two) -> None:
    person, runs, said = two
    path = ticket(person)
    path.unlink()
    ticket(runs).write_text(ticket(runs).read_text() + "\nWe are on it.\n")
    runs.push()
    person.pull()
    assert path.read_text().endswith("We are on it.\n")
    assert said == [
        f"{path}: was deleted here and changed in the other copy; it is kept: delete it again if that is meant"
    ]


def test_where_what_both_started_from_is_gone_a_closing_stays(two: Two) -> None:
    """The branch was written anew, or the server does not give old commits."""
    person, runs, _ = two
    close(ticket(person))
    newer(runs, NOW + DAY)
    runs.push()
    noted = person.folder / ".triagebot/pulled.json"
    told = json.loads(noted.read_text())
    noted.write_text(json.dumps({**told, "commit": "1" * 40}))
    person.pull()
    text = ticket(person).read_text()
    assert "closed_as: not-planned\n" in text
    assert "CVE-2026-0009" in text
    assert "Seen by us." in text


def test_a_folder_that_is_lost_comes_back_and_is_no_decision(two: Two) -> None:
    for does in ("pull", "push"):
        person, runs, _ = two
        before = sorted(p.name for p in (person.folder / "tickets").iterdir())
        shutil.rmtree(person.folder / "tickets")
        if does == "pull":
            person.pull()
        else:
            person.push()
        assert sorted(p.name for p in (person.folder / "tickets").iterdir()) == before
        runs.pull()
        assert sorted(p.name for p in (runs.folder / "tickets").iterdir()) == before
