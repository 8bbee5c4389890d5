"""What a new Jira issue holds: people, priorities, labels and the fields that a project asks for."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from jira_rules import BOT, Project, custom
from jira_server import Server
from reports import write
from test_jira_runs import FIRST, WEEK, image, jira_settings, one_ticket, signed_in, standing, state, waits  # noqa: F401 - fixtures

from triagebot.model import Marker
from triagebot.trackers.jira_memory import MOST, Carried, read, told


def filed(tmp_path: Path, server: Server, team: str = "{}", **said: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the one issue that a run filed for a team, and the run's document."""
    place = Place.create(tmp_path / "place", jira_settings(server, **said) + "teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(f"teams: {{net: {team}}}\nunowned: net\n")
    document = place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST).document
    return (server.row("NET-1")["fields"] if server.issue_keys() else {}), document


@pytest.mark.parametrize("person", ["octocat", "octocat@example.com", "@octocat"])
def test_people_by_name_account_and_address(tmp_path: Path, jira: Server, person: str) -> None:
    fields, document = filed(tmp_path, jira, json.dumps({"assignees": ["nobody@example.com", person]}))
    assert document["errors"] == []
    assert fields["assignee"][jira.user_key] == "octocat"


def test_who_cannot_be_assigned_is_named_and_holds_nothing_up(tmp_path: Path, jira: Server) -> None:
    jira.denied["hubot", "NET"] = {"ASSIGNABLE_USER"}
    fields, document = filed(tmp_path, jira, '{"assignees": ["hubot"], "mention": "the net people"}')
    assert fields["assignee"] is None
    assert "the net people" in json.dumps(fields["description"])
    assert document["errors"] == []


def test_who_may_not_assign_is_told_so(tmp_path: Path, jira: Server) -> None:
    jira.denied[BOT, "NET"] = {"ASSIGN_ISSUES"}
    _, document = filed(tmp_path, jira, '{"assignees": ["octocat"]}')
    assert document["errors"][0].endswith("let the account assign issues in NET (ASSIGN_ISSUES)")


def test_priorities_as_the_server_calls_them(tmp_path: Path, jira: Server) -> None:
    jira.projects["NET"] = Project("NET", priorities=("Highest", "Low"))
    fields, _ = filed(tmp_path, jira, priorities={"P2": "low"})
    assert fields["priority"]["name"] == "Low"


def test_a_priority_that_the_server_lacks_is_refused_before_anything_is_filed(tmp_path: Path, jira: Server) -> None:
    _, document = filed(tmp_path, jira, priorities={"P2": "Urgent"})
    assert jira.writes() == []
    assert document["plan"]["deferred"] == 1
    assert "project NET has no priority Urgent; write `priorities:` with Highest, High" in document["errors"][0]


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ({"type": "option"}, "live", {"value": "live"}),
        ({"type": "array", "items": "option"}, "live", [{"value": "live"}]),
        ({"type": "array", "items": "string"}, ["a", "b"], ["a", "b"]),
        ({"type": "version"}, "1.2", {"name": "1.2"}),
        ({"type": "number"}, 7, 7),
        ({"type": "user"}, {"name": "octocat"}, {"name": "octocat"}),
    ],
)
def test_a_field_that_a_project_asks_for_has_the_shape_that_jira_wants(
    tmp_path: Path, jira: Server, kind: dict[str, str], said: Any, expected: Any
) -> None:
    asked = {**custom("Environment"), "schema": kind}
    jira.projects["NET"] = Project("NET", required={"customfield_9": asked})
    _, document = filed(tmp_path, jira, fields={"environment": said})
    assert document["errors"] == []
    [bulk] = jira.writes()
    assert bulk.body["issueUpdates"][0]["fields"]["customfield_9"] == expected


def test_a_field_that_is_not_on_the_screen_is_left_out_and_said(tmp_path: Path, jira: Server) -> None:
    jira.projects["NET"] = Project("NET", hidden=("duedate",))
    _, document = filed(tmp_path, jira)
    assert jira.issue_keys() == ["NET-1"]
    assert any("has no field 'duedate' on the screen for new issues: left out" in w for w in document["warnings"])


def test_a_field_of_one_project_is_no_fault_of_another(tmp_path: Path, jira: Server) -> None:
    """It is left out there, and nothing is said; a name that no project has is."""
    jira.projects["OPS"] = Project("OPS", required={"customfield_9": custom("Environment")})
    settings = jira_settings(jira, fields={"Environment": "live", "Enviroment": "live"})
    place = Place.create(tmp_path / "place", settings + "teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(
        "teams: {net: {}, ops: {project: OPS}}\nunowned: net\nimages: [{match: '*/ops', team: ops}]\n"
    )
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("net", "ops")})
    told = place.run(scan, FIRST).document
    assert told["errors"] == []
    assert sorted(jira.issue_keys()) == ["NET-1", "OPS-1"]
    assert not [said for said in told["warnings"] if "'Environment'" in said or "customfield_9" in said]
    assert [said for said in told["warnings"] if "'Enviroment'" in said]


def test_each_fault_of_a_refused_ticket_has_its_line(tmp_path: Path, jira: Server) -> None:
    jira.projects["NET"] = Project("NET", required={"customfield_9": custom("Environment")})
    _, document = filed(tmp_path, jira, '{"component": "mail"}')
    assert "correct `component:` of the team in its file" in document["errors"][0]
    assert "write `fields: {customfield_9: …}` under tracker 'default'" in document["errors"][0]


def test_hostile_names_of_teams_and_images_ask_for_nothing(tmp_path: Path, jira: Server) -> None:
    """The server understands only the JQL that we mean, and refuses all else."""
    label = 'x" OR project = "OPS'
    team = json.dumps({"name": 'N" OR 1 {code}[~octocat]', "labels": [label, "a b"]})
    fields, document = filed(tmp_path, jira, team, authors=['"former" OR creator != "x'])
    assert document["errors"] == []
    assert {label.replace(" ", "_"), "a_b"} <= set(fields["labels"])
    asked = [call.path for call in jira.log if "jql=" in call.path]
    assert asked
    assert all(call.status < 400 for call in jira.log)


def test_a_field_that_is_not_on_the_edit_screen_says_where_to_put_it(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    refused = {"errorMessages": [], "errors": {"description": "Field 'description' cannot be set. It is not on the …"}}
    from github_wire import Answer

    jira.fault(Answer(400, refused), "PUT", "/issue/NET-1")
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    [error] = place.run(more, FIRST + WEEK).document["errors"]
    assert "put description on the screen on which Bug is edited in NET" in error


def test_what_a_closing_costs(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    before = len(jira.log)
    place.run(write(tmp_path / "two", a=image("a", tag="1.1")), FIRST + WEEK)
    assert state(jira) == "Done"
    assert len(jira.writes(before)) == 3  # the comment, what is noted, the transition
    assert len(jira.reads(before)) == 4  # the listing, the issue, its transitions, its comments


def test_a_deletion_that_a_change_comes_upon_is_a_decision(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    jira.delete("NET-1")
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    told = place.run(more, FIRST + WEEK).document
    assert [a["outcome"] for a in told["actions"]] == ["gone"]
    assert "a person deleted it" in told["errors"][0]
    told = place.run(more, FIRST + WEEK, later=timedelta(hours=1)).document
    assert any("NET-1 was deleted" in warning for warning in told["warnings"])
    [(title, _, shown, _)] = standing(jira).values()
    assert ("1 high" in title, len(shown)) == (True, 1), "what it did not show is filed, what it showed is decided"


def test_another_issue_type_is_the_same_ticket(tmp_path: Path, jira: Server) -> None:
    place, people, _ = one_ticket(tmp_path, jira)
    people.edit("NET-1", issuetype={"name": "Task"})
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    told = place.run(more, FIRST + WEEK).document
    assert (told["plan"]["create"], told["plan"]["update"], told["errors"]) == (0, 1, [])
    lost = Place.create(tmp_path / "other", jira_settings(jira))
    assert not written(lost.run(more, FIRST + WEEK).document)
    assert jira.issue_keys() == ["NET-1"]


def test_a_ticket_of_thousands_of_findings_fits_into_its_property() -> None:
    many = tuple(f"{n * 7919:08x}" for n in range(2500))
    marker = Marker(
        "image:a/b", "main", "0" * 16, "P0", "2026-05-08", ("triagebot",), (), many, many[:900],
        tuple(f"{n:08x}.{n:08x}.{n:08x}" for n in range(40)),
    )  # fmt: skip
    reopened = Carried(marker, before=Carried(marker), reopened="2026-05-03T06:00:00.000+0000", component="dns")
    value = told(reopened)
    assert len(json.dumps(value)) < MOST
    assert read(value) == reopened


@pytest.mark.parametrize(
    "value",
    [
        None, "text", [], {}, {"marker": None}, {"marker": {"key": 7}}, {"marker": {"key": "image:a", "digest": 1}},
        {"marker": {"key": "elsewhere", "digest": "0"}},
        {"marker": {"key": "image:a", "digest": "0"}, "closing": "now"},
    ],
)  # fmt: skip
def test_a_property_that_somebody_wrote_counts_as_none(value: Any) -> None:
    assert read(value) is None
