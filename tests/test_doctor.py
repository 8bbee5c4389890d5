"""`triagebot doctor`: what a run would stumble over, each with the file, the line and what to write there.

Every finding here is made by breaking one thing of a place in which all is well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from github_server import Github
from jira_rules import BOT, Project, custom
from jira_server import Server, settings_of
from reports import trivy, vulnerability, write
from test_jira_runs import FIRST, waits  # noqa: F401 - a fixture
from typer.testing import CliRunner

from triagebot.cli import app as commands

TEAMS = """\
teams:
  net:
    component: dns
    assignees: [octocat]
  ops:
    project: OPS
unowned: net
"""


def placed(folder: Path, settings: dict[str, Any], teams: str = TEAMS, summary: str = "") -> Place:
    """A place with one tracker, each setting on a line of its own; and those of the summary, if there is one."""
    lines = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in settings.items())
    told = f"summary:\n  tracker: default\n{summary}" if summary else ""
    place = Place.create(folder, f"teams: teams.yaml\ntrackers:\n  default:\n{lines}{told}")
    (place.folder / "teams.yaml").write_text(teams)
    return place


def doctor(place: Place) -> tuple[int, str]:
    """Exit code and words, without the folder."""
    told = CliRunner().invoke(commands, ["doctor", "--config", str(place.folder / "triagebot.yaml")])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.output
    return told.exit_code, told.output.replace(f"{place.folder}/", "")


def line_of(place: Place, file: str, word: str) -> int:
    """Where a word stands first."""
    lines = (place.folder / file).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if word in line)


@pytest.fixture
def signed(jira: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A Jira and a token for it."""
    monkeypatch.setenv("JIRA_TOKEN", jira.token())
    return jira


def test_all_is_well(tmp_path: Path, signed: Server) -> None:
    place = placed(tmp_path / "place", settings_of(signed))
    assert doctor(place) == (0, "tracker 'default': all is well\n")
    assert signed.writes() == []


def _project(**said: Any) -> Callable[[Server], None]:
    def change(server: Server) -> None:
        server.projects["NET"] = Project("NET", **said)

    return change


def _denied(permission: str, who: str = BOT) -> Callable[[Server], None]:
    def change(server: Server) -> None:
        server.denied[who, "NET"] = {permission}

    return change


ENVIRONMENT = {"customfield_7": custom("Environment", allowedValues=[{"value": "live"}])}
BROKEN: list[tuple[Callable[[Server], None], str, str, str]] = [
    (_denied("BROWSE_PROJECTS"), "triagebot.yaml project", "there is no project NET, or the token cannot see it",
     "give the account the permission to browse it"),
    (_denied("EDIT_ISSUES"), "triagebot.yaml project", "the account may not edit issues in NET (EDIT_ISSUES)",
     "grant it in the permission scheme of NET"),
    (_denied("ADD_COMMENTS"), "triagebot.yaml project", "may not comment in NET (ADD_COMMENTS)", "permission scheme"),
    (_denied("TRANSITION_ISSUES"), "triagebot.yaml project", "may not close and reopen issues in NET", "grant it"),
    (_denied("ASSIGN_ISSUES"), "triagebot.yaml project", "may not assign issues in NET", "grant it"),
    (_denied("CREATE_ISSUES"), "triagebot.yaml project", "may not file issues in NET (CREATE_ISSUES)", "grant"),
    (_project(issue_types=("Task", "Epic")), "triagebot.yaml default", "project NET has no issue type 'Bug'",
     "write `issue_type:` with one of Epic, Task"),
    (_project(priorities=("Urgent", "Calm")), "triagebot.yaml priorities", "project NET has no priority Highest",
     "write `priorities:` with Urgent, Calm"),
    (_project(required=ENVIRONMENT), "triagebot.yaml default", "NET asks for Environment (customfield_7) on each new",
     'write `fields: {customfield_7: "live"}`'),
    (_project(hidden=("labels",)), "triagebot.yaml project", "NET has no field 'labels' on the screen for new issues",
     "add it to the screen of Bug"),
    (_project(components=("web", "mail")), "teams.yaml component", "NET has no component 'dns'",
     "correct `component:`; there are web, mail"),
    (_denied("ASSIGNABLE_USER", "octocat"), "teams.yaml assignees", "octocat cannot be assigned in NET",
     "correct `assignees:`; it takes"),
]  # fmt: skip


@pytest.mark.parametrize(("break_it", "where", "cause", "remedy"), BROKEN, ids=[c for _, _, c, _ in BROKEN])
def test_what_is_wrong_in_jira(
    tmp_path: Path, signed: Server, break_it: Callable[[Server], None], where: str, cause: str, remedy: str
) -> None:
    place = placed(tmp_path / "place", settings_of(signed, priorities={"P0": "Highest"}))
    break_it(signed)
    code, said = doctor(place)
    assert code == 1
    file, _, word = where.partition(" ")
    [line] = [line for line in said.splitlines() if cause in line]
    assert line.startswith(f"{file}:{line_of(place, file, word)}: tracker 'default': ")
    assert remedy in line
    assert signed.writes() == []


def test_a_field_is_on_a_screen_of_one_project_at_least(tmp_path: Path, signed: Server) -> None:
    place = placed(tmp_path / "place", settings_of(signed, fields={"Environment": "live"}))
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    line = line_of(place, "triagebot.yaml", "fields")
    assert said.startswith(f"triagebot.yaml:{line}: tracker 'default': no project has a field 'Environment'")
    signed.projects["OPS"] = Project("OPS", required=ENVIRONMENT)
    assert doctor(place)[0] == 0


def test_a_project_of_a_team_is_looked_at_too(tmp_path: Path, signed: Server) -> None:
    place = placed(tmp_path / "place", settings_of(signed))
    del signed.projects["OPS"]
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"teams.yaml:{line_of(place, 'teams.yaml', 'OPS')}: ")
    assert "there is no project OPS" in said


@pytest.mark.parametrize(
    ("variable", "cause", "remedy"),
    [("", "the environment variable JIRA_TOKEN is not set", "into JIRA_TOKEN"), ("stale", "401", "into JIRA_TOKEN")],
)
def test_a_token_that_does_not_work(
    tmp_path: Path, jira: Server, monkeypatch: pytest.MonkeyPatch, variable: str, cause: str, remedy: str
) -> None:
    monkeypatch.setenv("JIRA_TOKEN", variable)
    code, said = doctor(placed(tmp_path / "place", settings_of(jira)))
    assert (code, said.count("\n")) == (1, 1), "where the token does not work nothing else is asked"
    assert cause in said
    assert remedy in said
    assert "stale" not in said


def test_a_server_that_is_not_there(tmp_path: Path, signed: Server) -> None:
    place = placed(tmp_path / "place", settings_of(signed, url="http://127.0.0.1:9", timeout=1))
    code, said = doctor(place)
    assert code == 1
    assert f"triagebot.yaml:{line_of(place, 'triagebot.yaml', 'url')}: tracker 'default': no answer" in said


def test_what_only_a_ticket_tells(tmp_path: Path, signed: Server) -> None:
    place = placed(tmp_path / "place", settings_of(signed))
    place.run(write(tmp_path / "one", a=trivy("a/a:1", [vulnerability("CVE-2026-0001")])), FIRST)
    assert doctor(place)[0] == 0
    signed.scheme = {name: ["In Progress"] for name, _ in signed.states()}
    signed.projects["NET"] = Project("NET", fixed=("description",))
    code, said = doctor(place)
    assert code == 1
    assert "NET-1: no transition leads to a state that is done; write `transitions: {done: [name]}`" in said
    assert "NET-1 offers: " in said
    assert "no field description on the screen where NET-1 is edited" in said


WEEKLY = "  weekday: friday\n  project: WEEK\n  assignees: [octocat]\n"
OFF: list[tuple[Callable[[Server], None], str, str, str]] = [
    (lambda s: s.projects.pop("WEEK"), "project: WEEK", "there is no project WEEK, or the token cannot see it",
     "correct `project:`"),
    (lambda s: s.denied.update({(BOT, "WEEK"): {"CREATE_ATTACHMENTS"}}), "project: WEEK",
     "the account may not attach files in WEEK (CREATE_ATTACHMENTS)",
     "grant it in the permission scheme of WEEK, or write another `project:` under `summary:`"),
    (lambda s: s.denied.update({(BOT, "WEEK"): {"ADD_COMMENTS"}}), "project: WEEK", "may not comment in WEEK", "grant"),
    (lambda s: s.projects.update(WEEK=Project("WEEK", issue_types=("Task",))), "default",
     "project WEEK has no issue type 'Bug'", "write `issue_type:` with one of Task"),
    (lambda s: s.projects.update(WEEK=Project("WEEK", required=ENVIRONMENT)), "default",
     "WEEK asks for Environment (customfield_7) on each new", "write `fields:"),
    (lambda s: s.denied.update({("octocat", "WEEK"): {"ASSIGNABLE_USER"}}), "assignees",
     "octocat cannot be assigned in WEEK", "correct `assignees:`"),
]  # fmt: skip


@pytest.mark.parametrize(("break_it", "word", "cause", "remedy"), OFF, ids=[c for _, _, c, _ in OFF])
def test_the_place_of_the_summary_is_looked_at_too(
    tmp_path: Path, signed: Server, break_it: Callable[[Server], None], word: str, cause: str, remedy: str
) -> None:
    place = placed(tmp_path / "place", settings_of(signed), summary=WEEKLY)
    signed.projects["WEEK"] = Project("WEEK")
    assert doctor(place) == (0, "tracker 'default': all is well\n")
    break_it(signed)
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith(f"triagebot.yaml:{line_of(place, 'triagebot.yaml', word)}: tracker 'default': ")
    assert cause in said
    assert remedy in said
    assert signed.writes() == []


def test_files_need_be_attached_only_where_pictures_are_drawn(
    tmp_path: Path, signed: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed.denied[BOT, "*"] = {"CREATE_ATTACHMENTS"}
    assert doctor(placed(tmp_path / "none", settings_of(signed)))[0] == 0, "no summary is asked for"
    place = placed(tmp_path / "place", settings_of(signed), summary="  weekday: friday\n")
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"triagebot.yaml:{line_of(place, 'triagebot.yaml', 'summary:')}: ")
    assert "may not attach files in NET (CREATE_ATTACHMENTS)" in said
    monkeypatch.setattr("triagebot.doctor.can_draw", lambda: False)
    assert doctor(place)[0] == 0, "without Matplotlib there is no picture"


def test_the_repository_of_the_summary_is_looked_at_too(
    tmp_path: Path, github: Github, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    settings = {"type": "github", "repo": "acme/platform", "pause": 0}
    weekly = "  repo: acme/weekly\n  assignees: [nobody-here]\n"
    place = placed(tmp_path / "place", settings, "teams: {net: {}}\nunowned: net\n", weekly)
    line = line_of(place, "triagebot.yaml", "acme/weekly")
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(
        f"triagebot.yaml:{line}: tracker 'default': there is no repository acme/weekly, or the token"
    )
    repo = github.new_repo("acme/weekly")
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(
        f"triagebot.yaml:{line + 1}: tracker 'default': nobody-here cannot be assigned in acme/weekly"
    )
    repo.change(has_issues=False)
    code, said = doctor(place)
    assert f"triagebot.yaml:{line}: tracker 'default': acme/weekly has issues turned off; turn them on" in said


def test_what_is_wrong_on_github(tmp_path: Path, github: Github, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    teams = "teams:\n  net:\n    assignees: [octocat]\n  two: {repo: acme/second}\nunowned: net\n"
    settings = {"type": "github", "repo": "acme/platform", "pause": 0}
    place = placed(tmp_path / "place", settings, teams)
    second = github.new_repo("acme/second")
    assert doctor(place) == (0, "tracker 'default': all is well\n")
    second.change(private=False)
    (place.folder / "teams.yaml").write_text(teams.replace("octocat", "nobody-here"))
    place.folder.joinpath("triagebot.yaml").write_text(
        (place.folder / "triagebot.yaml").read_text() + '    milestone: "May"\n'
    )
    code, said = doctor(place)
    assert code == 1
    assert "acme/second is public: tickets would publish vulnerabilities that are not fixed" in said
    assert "write `public: true`" in said
    assert f"teams.yaml:{line_of(place, 'teams.yaml', 'assignees')}: tracker 'default': nobody-here cannot be" in said
    assert (
        f"triagebot.yaml:{line_of(place, 'triagebot.yaml', 'milestone')}: tracker 'default': acme/platform has" in said
    )
    github.repo().change(archived=True)
    second.change(has_issues=False, private=True)
    code, said = doctor(place)
    assert "acme/platform is archived; unarchive it, or name another: `repo: owner/name`" in said
    assert "acme/second has issues turned off" in said
    monkeypatch.setenv("GITHUB_TOKEN", "")
    code, said = doctor(place)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("triagebot.yaml:")
    assert "the environment variable GITHUB_TOKEN is not set" in said
    assert not [call for call in github.front.log if not call.is_read and call.token]


# Files beside the settings


def test_faults_of_vex_documents_are_told_before_any_tracker_is_asked(tmp_path: Path) -> None:
    place = Place.create(
        tmp_path / "place",
        "trackers: {default: {type: github, repo: a/b, url: 'http://127.0.0.1:9'}}\nvex: ['v/*.json']\n",
    )
    (place.folder / "v").mkdir()
    (place.folder / "v" / "a.json").write_text("{")
    (place.folder / "v" / "b.json").write_text('{"@context": "https://openvex.dev/ns/v0.2.0",\n "statements": [{}]}')
    told = CliRunner().invoke(commands, ["doctor", "--config", str(place.folder / "triagebot.yaml")])
    assert str(told.exception).splitlines() == [
        "v/a.json:1: no valid JSON: Expecting property name enclosed in double quotes",
        "v/b.json:2: statement 1: field 'status' is missing",
        "v/b.json:2: statement 1: field 'vulnerability' names none; mend the document, or leave it out of `vex`",
    ]
    assert told.exception is not None
    assert getattr(told.exception, "exit_code", 0) == 2


def test_feeds_and_vex_documents_that_are_not_there_are_warned_of_by_their_lines(tmp_path: Path) -> None:
    """A run does without them; URLs are not asked."""
    place = Place.create(
        tmp_path / "place",
        "trackers: {default: {type: local}}\nfeeds:\n  epss: 'http://127.0.0.1:9'\n  kev: kev.json\n"
        "vex:\n- nowhere.json\n",
    )
    code, words = doctor(place)
    assert code == 0
    assert "triagebot.yaml:4: feeds.kev: kev.json: cannot be read: No such file or directory" in words
    assert "triagebot.yaml:6: vex: no file matches nowhere.json" in words
    assert "127.0.0.1" not in words
    assert not (place.folder / ".triagebot").exists()
