"""Tickets that Jira does not let us close or open: named where people look, for as long as it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from jira_server import Server
from reports import write
from test_jira_closings import told
from test_jira_runs import FIRST, WEEK, image, jira_settings, signed_in, waits  # noqa: F401 - fixtures
from test_tracker_jira import JiraPlace

from triagebot import summary
from triagebot.model import Arithmetic
from triagebot.summary import Coverage, Stuck, Summary

WHY = "as the tracker offers no transition for it (do it by hand, or name one in the settings)"
SUMMARY = "summary: {tracker: default}\n"


def gone(folder: Path, *names: str, tag: str = "1.1") -> Path:
    """A scan of these images without any finding."""
    return write(folder / f"gone-{tag}", **{name: image(name, tag=tag) for name in names})


def keys(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The tickets that a document calls stuck, and what each should be."""
    return [(each["ticket"]["id"], each["state"]) for each in document["stuck"]]


def shut(server: Server, *left: str) -> None:
    """Take away every transition but those from these states."""
    server.scheme = {name: ["In Progress"] for name, _ in server.states() if name not in left}


def weekly(server: Server) -> str:
    """What the ticket of the weekly summaries says."""
    [key] = [k for k in server.issue_keys() if "weekly summary" in server.row(k)["fields"]["summary"]]
    return JiraPlace(server).body(key)


def test_what_cannot_be_closed_is_named_until_it_is(tmp_path: Path, jira: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira) + SUMMARY)
    place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST)
    shut(jira)
    scan, said = gone(tmp_path, "a"), f"1 ticket could not be closed, {WHY}: `NET-1`"
    for hours in (1, 2, 3):  # nothing is new in the second and third run
        ran = place.run(scan, FIRST + WEEK, later=timedelta(hours=hours))
        assert keys(ran.document) == [("NET-1", "closed")]
        assert said in ran.summary
        assert "1 ticket could not be closed" in weekly(jira)
    assert said in told(place, "summary")
    told(place, "report", "--out", str(tmp_path / "page.html"))
    assert "1 ticket could not be closed" in (tmp_path / "page.html").read_text()

    jira.scheme = {}
    JiraPlace(jira).close("NET-1", "done")
    assert "could not be closed" not in told(place, "summary"), "done by hand"
    ran = place.run(scan, FIRST + WEEK, later=timedelta(hours=4))
    assert keys(ran.document) == []
    assert "could not be closed" not in weekly(jira)


def test_what_cannot_be_opened_again_is_named(tmp_path: Path, jira: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira))
    place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST)
    place.run(gone(tmp_path, "a"), FIRST + WEEK)
    jira.scheme = {"Done": []}
    back = write(tmp_path / "back", a=image("a", "CVE-2026-0001", tag="1.2"))
    ran = place.run(back, FIRST + 2 * WEEK)
    assert keys(ran.document) == [("NET-1", "open")]
    assert f"1 ticket could not be opened again, {WHY}: `NET-1`" in ran.summary


def test_it_holds_on_where_a_run_does_not_come_to_try(tmp_path: Path, jira: Server) -> None:
    """A run that only records, that is refused, or that cannot list says nothing new of it."""
    place = Place.create(tmp_path / "place", jira_settings(jira) + "drop_fraction: 1\n")
    names = tuple(f"app-{n}" for n in range(12))
    place.run(write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in names}), FIRST)
    shut(jira)
    first = write(tmp_path / "two", **{n: image(n, *([] if n == "app-0" else ["CVE-2026-0001"])) for n in names})
    stuck = keys(place.run(first, FIRST + WEEK).document)
    assert [state for _, state in stuck] == ["closed"]
    only = place.run(first, FIRST + WEEK, later=timedelta(hours=1), record_only=True)
    assert keys(only.document) == stuck
    refused = place.run(gone(tmp_path, *names, tag="1.0"), FIRST + 2 * WEEK)
    assert refused.document["refused"]
    assert keys(refused.document) == stuck
    jira.denied["triage-bot", "NET"] = {"BROWSE_PROJECTS"}
    held = place.run(gone(tmp_path, *names, tag="1.0"), FIRST + 2 * WEEK, later=timedelta(days=40))
    assert held.exit_code == 1
    assert keys(held.document) == stuck


def test_what_need_not_be_closed_any_more_is_not_stuck(tmp_path: Path, jira: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira))
    place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST)
    shut(jira)
    assert keys(place.run(gone(tmp_path, "a"), FIRST + WEEK).document)
    back = write(tmp_path / "back", a=image("a", "CVE-2026-0001", tag="1.2"))
    assert keys(place.run(back, FIRST + 2 * WEEK).document) == []


def test_a_long_list_is_cut(tmp_path: Path, jira: Server) -> None:
    names = tuple(f"app-{n}" for n in range(7))
    place = Place.create(tmp_path / "place", jira_settings(jira))
    place.run(write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in names}), FIRST)
    shut(jira)
    ran = place.run(gone(tmp_path, *names), FIRST + WEEK, allow_mass_close=True)
    assert len(ran.document["stuck"]) == 7
    named = ", ".join(f"`NET-{n}`" for n in range(1, 6))
    assert f"7 tickets could not be closed, {WHY}: {named} and 2 more" in ran.summary


@pytest.mark.parametrize(("states", "expected"), [
    ("", []), ("c", ["1 ticket could not be closed"]), ("oc", ["1 ticket could not be closed", "1 ticket could not be "
                                                                "opened again"]),
])  # fmt: skip
def test_words(states: str, expected: list[str]) -> None:
    nothing = Summary("", "main", FIRST, (), Arithmetic(), Coverage(0, 0, 0, 0, 0, ()), 0, 0, 0, (), ())
    held = tuple(Stuck("t", f"T-{n}", "", {"c": "closed", "o": "open"}[each]) for n, each in enumerate(states))
    said = summary.stuck_words(replace(nothing, stuck=held))
    assert [words for words, _ in said] == [f"{words}, {WHY}" for words in expected]
