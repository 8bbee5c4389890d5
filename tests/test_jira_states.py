"""Which transition is taken, and what a resolution means: pure choices over what Jira offers."""

from __future__ import annotations

from typing import Any

import pytest

from triagebot.files import JiraSettings
from triagebot.trackers.jira_states import Step, closed_as, is_open, step


def settings(**said: Any) -> JiraSettings:
    """A tracker's settings."""
    return JiraSettings(type="jira", url="https://jira.example.com", project="NET", **said)


def way(number: int, name: str, to: str, category: str, **fields: Any) -> dict[str, Any]:
    """A transition as Jira offers it."""
    return {"id": str(number), "name": name, "to": {"name": to, "statusCategory": {"key": category}}, "fields": fields}


def resolution(*names: str) -> dict[str, Any]:
    """A screen that asks for one."""
    return {"required": True, "name": "Resolution", "allowedValues": [{"name": n} for n in names]}


WORKFLOW = [
    way(11, "Start", "In Progress", "indeterminate"),
    way(21, "Close", "Closed", "done", resolution=resolution("Done", "Won't Do", "Duplicate")),
    way(31, "Decline", "Declined", "done"),
    way(41, "Back", "To Do", "new"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("done", Step("21", "Done")), ("not-planned", Step("31")), ("duplicate", Step("21", "Duplicate")),
        ("open", Step("41")),
    ],
)  # fmt: skip
def test_the_category_decides_and_the_name_ranks(wanted: str, expected: Step) -> None:
    assert step(WORKFLOW, wanted, settings()) == (expected, "")


def test_configured_names_come_first_and_in_their_order() -> None:
    named = settings(transitions={"done": ["No such", "decline"], "open": ["Start"]})
    assert step(WORKFLOW, "done", named) == (Step("31"), "")
    assert step(WORKFLOW, "open", named) == (Step("11"), "")
    assert step(WORKFLOW, "not-planned", named) == (Step("31"), ""), "what is closed as decided takes the names of done"


def test_none_that_is_configured_is_offered() -> None:
    found, why = step(WORKFLOW, "done", settings(transitions={"done": ["Ship"]}))
    assert (found, why) == (None, "none of the transitions Ship is offered")


def test_none_leads_there() -> None:
    assert step(WORKFLOW[:1], "done", settings()) == (None, "no transition leads to a state that is done")
    assert step(WORKFLOW[1:3], "open", settings()) == (None, "no transition leads to a state that is open")


def test_one_that_asks_for_more_than_we_know_is_passed_over() -> None:
    asking = way(51, "Done", "Done", "done", customfield_1={"required": True, "name": "Root cause"})
    assert step([asking, *WORKFLOW], "done", settings()) == (Step("21", "Done"), "")
    assert step([asking], "done", settings()) == (None, "transition 'Done' asks for Root cause")


def test_a_screen_without_a_fitting_resolution_takes_what_there_is() -> None:
    only = [way(21, "Close", "Closed", "done", resolution=resolution("Shipped"))]
    assert step(only, "not-planned", settings()) == (Step("21", "Shipped"), "")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("Won't Do", "not-planned"), ("Won’t Fix", "not-planned"), ("WONTFIX", "not-planned"),
        ("Cannot Reproduce", "not-planned"), ("Declined", "not-planned"), ("Duplicate", "duplicate"),
        ("Done", "done"), ("Fixed", "done"), ("Whatever", "done"),
    ],
)  # fmt: skip
def test_what_resolutions_mean(named: str, expected: str) -> None:
    assert closed_as({"resolution": {"name": named}}, settings()) == expected


def test_where_a_workflow_has_no_resolutions_the_state_says_it() -> None:
    assert closed_as({"resolution": None, "status": {"name": "Rejected"}}, settings()) == "not-planned"
    assert closed_as({"resolution": {"name": "Done"}, "status": {"name": "Closed"}}, settings()) == "done"


def test_the_settings_say_what_a_resolution_means() -> None:
    ours = settings(resolutions={"Risk accepted": "not-planned", "Won't Do": "done"})
    assert closed_as({"resolution": {"name": "risk accepted"}}, ours) == "not-planned"
    assert closed_as({"resolution": {"name": "Won't Do"}}, ours) == "done"


@pytest.mark.parametrize(("category", "expected"), [("new", True), ("indeterminate", True), ("done", False)])
def test_open_is_what_is_not_done(category: str, expected: bool) -> None:
    assert is_open({"status": {"statusCategory": {"key": category}}, "resolution": {"name": "Done"}}) is expected
