"""Whole runs against both Jiras: the same tickets as local ones, each once, whatever fails on the way."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import SETTINGS, Place, written
from github_front import RESET
from github_server import Github
from github_wire import Answer
from jira_cloud import Cloud
from jira_rules import BOT, Asked, Project, custom
from jira_server import Server, flavour_of, settings_of
from reports import trivy, vulnerability, write
from test_histories import scans_of
from test_tracker_jira import JiraPlace

from triagebot.model import DUE_SOON, OVERDUE, ClosedAs
from triagebot.trackers.jira_memory import key_label, read
from triagebot.trackers.retry import Caller, Clock

FIRST = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of a run; none takes time."""
    waited: list[float] = []
    monkeypatch.setattr(Caller, "_sleep", lambda self, seconds: waited.append(seconds))
    return waited


class Days:
    """Lets days go by, on the server and here."""

    def __init__(self, server: Server) -> None:
        self.server, self.ahead = server, 0.0

    def go_by(self, days: float) -> None:
        self.ahead += days * 86400
        self.server.shift(self.ahead)


@pytest.fixture
def days(jira: Server, monkeypatch: pytest.MonkeyPatch) -> Days:
    """See `Days`."""
    made = Days(jira)

    def start(clock: Clock) -> None:
        clock.now, clock.sleep = lambda: time.time() + made.ahead, lambda _: None

    monkeypatch.setattr(Clock, "__init__", start)
    return made


@pytest.fixture(autouse=True)
def signed_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a run."""
    for name in ("jira", "cloud", "data_center"):
        if name in request.fixturenames:
            monkeypatch.setenv("JIRA_TOKEN", request.getfixturevalue(name).token())


def jira_settings(server: Server, **said: Any) -> str:
    """A settings file with one tracker."""
    return f"trackers: {{default: {json.dumps(settings_of(server, **said))}}}\n"


def standing(server: Server, project: str = "NET") -> dict[str, tuple[str, str, tuple[str, ...], str]]:
    """Title, state, findings shown and due date of each issue, by the key that its property names."""
    found = {}
    for key in server.issue_keys():
        if key.startswith(f"{project}-"):
            fields = server.row(key)["fields"]
            carried = read(server.properties(key)["triagebot"])
            assert carried
            assert carried.marker.key not in found
            names: dict[str, ClosedAs] = {"Done": "done", "Won't Do": "not-planned"}
            closed = fields["status"]["statusCategory"]["key"] == "done"
            state = names[fields["resolution"]["name"]] if closed else "open"
            found[carried.marker.key] = (fields["summary"], state, carried.marker.shown, fields["duedate"] or "")
    return found


def local(place: Place) -> dict[str, tuple[str, str, tuple[str, ...], str]]:
    """The same of local tickets."""
    found = {}
    for front in place.tickets():
        state = front["state"] if front["state"] == "open" else front["closed_as"]
        told = front["triagebot"]
        found[told["key"]] = (front["title"], state, tuple(told["shown"].split()), front["due"] or "")
    return found


def words(text: str) -> Counter[str]:
    """Ids, versions and names of a text, whatever its markup."""
    return Counter(re.findall(r"CVE-\d+-\d+|GHSA-[\w-]+|\b\d+\.\d+[\w.+~-]*\b", text))


def test_the_issues_equal_the_local_tickets(corpus: Path, tmp_path: Path, jira: Server) -> None:
    here, there = Place.create(tmp_path / "here", SETTINGS), Place.create(tmp_path / "there", jira_settings(jira))
    people = JiraPlace(jira)
    for number, scan in enumerate(scans_of(corpus, "openaf")):
        folder = scan.laid_out(tmp_path / f"scan-{number}")
        said = here.run(folder, scan.taken_at).document
        told = there.run(folder, scan.taken_at).document
        assert told["errors"] == said["errors"]
        assert told["warnings"] == said["warnings"]
        assert told["plan"] == said["plan"]
        assert local(here) == standing(jira)
        for (name, data), front in zip(here.ticket_bytes().items(), here.tickets(), strict=True):
            label = key_label(front["triagebot"]["key"])
            [key] = [k for k in jira.issue_keys() if label in jira.row(k)["fields"]["labels"]]
            block = data.decode().split("triagebot:begin")[1].split("triagebot:end")[0]
            assert set(re.findall(r"CVE-\d+-\d+", block)) <= set(re.findall(r"CVE-\d+-\d+", people.body(key))), name
        before = len(jira.log)
        again = there.run(folder, scan.taken_at).document
        assert not written(again)
        assert not jira.writes(before)
        assert len(jira.reads(before)) == 1


def image(name: str, *ids: str, tag: str = "1.0") -> dict[str, Any]:
    """One report."""
    return trivy(f"registry.example/{name}:{tag}", [vulnerability(i) for i in ids])


def test_what_a_run_costs(tmp_path: Path, jira: Server, days: Days) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira) + "limits: {new_tickets: 200}\n")
    first = write(tmp_path / "one", **{f"r{n}": image(f"app-{n}", "CVE-2026-0001") for n in range(120)})
    told = place.run(first, FIRST).document
    assert told["plan"]["create"] == 120
    assert [c.path.partition("?")[0].rpartition("/")[2] for c in jira.writes()] == ["bulk"] * 3
    assert told["trackers"][0]["writes"] == len(jira.writes())
    assert told["trackers"][0]["reads"] == len(jira.reads())
    assert len(jira.reads()) == 4  # who we are, the project, and two for what it takes

    before = len(jira.log)
    assert not written(place.run(first, FIRST, later=timedelta(hours=1)).document)
    assert len(jira.reads(before)) == 2  # 120 that were filed a moment ago, in pages of 100
    assert jira.writes(before) == []

    days.go_by(1)
    second = write(tmp_path / "two", **{
        f"r{n}": image(f"app-{n}", *(["CVE-2026-0001", "CVE-2026-0002"] if n < 3 else ["CVE-2026-0001"]))
        for n in range(120)})  # fmt: skip
    place.run(second, FIRST + timedelta(days=1) - timedelta(hours=1))
    before = len(jira.log)
    days.go_by(1)
    assert not written(place.run(second, FIRST + timedelta(days=1)).document)
    assert len(jira.log) - before == 1

    before = len(jira.log)
    days.go_by(1)
    third = write(tmp_path / "three", **{f"r{n}": image(f"app-{n}", "CVE-2026-0001", tag="1.1") for n in range(120)})
    told = place.run(third, FIRST + timedelta(days=3)).document
    changed = told["plan"]["update"]
    assert changed
    assert len(jira.writes(before)) == changed
    assert len(jira.reads(before)) == 1 + changed


def test_ids_of_fresh_issues_are_asked_for_while_the_index_may_lag(
    tmp_path: Path, cloud: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer: an issue may be deleted one day, and then Jira would be asked for what is not there."""
    ahead = Days(cloud)
    monkeypatch.setattr(Clock, "__init__", lambda clock: vars(clock).update(
        now=lambda: time.time() + ahead.ahead, sleep=lambda _: None))  # fmt: skip
    place = Place.create(tmp_path / "place", jira_settings(cloud))
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"))
    cloud.freeze()
    place.run(scan, FIRST)
    for days, expected in ((0.01, "reconcileIssues=10001"), (0.5, ""), (0.5, "")):
        ahead.go_by(days)
        before = len(cloud.log)
        assert not written(place.run(scan, FIRST, later=timedelta(hours=1)).document)
        [listing] = [call.path for call in cloud.log[before:] if "search" in call.path]
        assert ("reconcileIssues" in listing) == bool(expected)
        assert expected in listing


def test_two_projects_two_repositories_and_a_folder(
    tmp_path: Path, jira: Server, github: Github, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run routes to all; an image that changes team, to Jira and back, leaves one open ticket."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    github.new_repo("acme/second")
    place = Place.create(tmp_path / "place", "teams: teams.yaml\ntrackers:\n  default: {type: local, path: tickets}\n"
        "  hub: {type: github, repo: acme/platform, pause: 0}\n"
        f"  desk: {json.dumps(settings_of(jira))}\n")  # fmt: skip

    def teams(roving: str) -> None:
        (place.folder / "teams.yaml").write_text(
            "teams:\n  one: {tracker: hub}\n  two: {tracker: hub, repo: acme/second}\n"
            "  three: {tracker: desk, component: dns, assignees: [octocat]}\n  four: {tracker: desk, project: OPS}\n"
            "  five: {}\nunowned: five\nimages:\n"
            f"  - {{match: '*/roving', team: {roving}}}\n"
            + "".join(f"  - {{match: '*/{team}', team: {team}}}\n" for team in ("one", "two", "three", "four"))
        )

    def open_places() -> list[str]:
        found = [f"{r}" for r in ("acme/platform", "acme/second") for i in github.repo(r).issues()
                 if "roving" in i["title"] and i["state"] == "open"]  # fmt: skip
        for key in jira.issue_keys():
            fields = jira.row(key)["fields"]
            if "roving" in fields["summary"] and fields["status"]["statusCategory"]["key"] != "done":
                found.append(key.partition("-")[0])
        return found

    names = ("one", "two", "three", "four", "five", "roving")
    scan = write(tmp_path / "scan", **{n: image(n, "CVE-2026-0001") for n in names})
    teams("one")
    told = place.run(scan, FIRST).document
    assert (told["errors"], told["plan"]["create"]) == ([], 6)
    assert len(github.repo("acme/platform").issues()) == 2
    assert len(github.repo("acme/second").issues()) == 1
    assert sorted(jira.issue_keys()) == ["NET-1", "OPS-1"]
    assert len(place.tickets()) == 1
    fields = jira.row("NET-1")["fields"]
    assert [c["name"] for c in fields["components"]] == ["dns"]
    assert fields["assignee"][jira.user_key] == "octocat"
    assert (fields["duedate"], fields["priority"]["name"]) != (None, None)
    assert open_places() == ["acme/platform"]

    for team, expected in (("four", "OPS"), ("three", "NET"), ("one", "acme/platform"), ("four", "OPS")):
        teams(team)
        told = place.run(scan, FIRST, later=timedelta(hours=1)).document
        assert told["errors"] == []
        assert open_places() == [expected]
        assert not written(place.run(scan, FIRST, later=timedelta(hours=2)).document)
    assert len([k for k in jira.issue_keys() if "roving" in jira.row(k)["fields"]["summary"]]) == 2


@pytest.mark.parametrize("lags", [False, True])
def test_a_bulk_answer_that_was_lost(tmp_path: Path, jira: Server, lags: bool) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira))
    scan = write(tmp_path / "one", **{f"r{n}": image(f"app-{n}", "CVE-2026-0001") for n in range(7)})
    jira.fault(RESET, "POST", "/issue/bulk", after=True)
    if lags:
        jira.freeze()
    told = place.run(scan, FIRST).document
    assert len(jira.issue_keys()) == 7
    if not lags:
        assert told["errors"] == []
        assert not written(place.run(scan, FIRST, later=timedelta(hours=1)).document)
        assert len(jira.issue_keys()) == 7
        return
    assert len(told["errors"]) == 7
    assert "15 minutes" in told["errors"][0]
    before = len(jira.log)
    told = place.run(scan, FIRST, later=timedelta(minutes=20)).document
    assert told["plan"]["deferred"] == 7
    assert jira.writes(before) == []
    assert "may have been filed already" in told["actions"][0]["reason"]
    jira.thaw()
    told = place.run(scan, FIRST, later=timedelta(minutes=40)).document
    assert not written(told)
    assert len(jira.issue_keys()) == 7
    assert len(standing(jira)) == 7


def test_a_bulk_that_never_arrived_is_filed_after_the_wait(tmp_path: Path, jira: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira))
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"), b=image("b", "CVE-2026-0001"))
    jira.fault(RESET, "POST", "/issue/bulk")
    assert place.run(scan, FIRST).exit_code == 1
    assert jira.issue_keys() == []
    told = place.run(scan, FIRST, later=timedelta(minutes=30)).document
    assert told["plan"]["create"] == 2
    assert len(standing(jira)) == 2


def test_half_of_a_bulk_is_refused(tmp_path: Path, jira: Server) -> None:
    """A field that one project asks for: the others are filed; the refused name it, and the line to add."""
    jira.projects["OPS"] = Project("OPS", required={"customfield_10100": custom("Environment")})
    settings = jira_settings(jira) + "teams: teams.yaml\n"
    place = Place.create(tmp_path / "place", settings)
    (place.folder / "teams.yaml").write_text(
        "teams: {net: {}, ops: {project: OPS}}\nunowned: net\nimages: [{match: '*/ops-*', team: ops}]\n"
    )
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("net-1", "net-2", "ops-1", "ops-2")})
    told = place.run(scan, FIRST)
    assert told.exit_code == 1
    assert sorted(jira.issue_keys()) == ["NET-1", "NET-2"]
    assert len(told.document["errors"]) == 2
    for error in told.document["errors"]:
        assert "customfield_10100: Environment is required." in error
        assert "write `fields: {customfield_10100: …}` under tracker 'default' in triagebot.yaml" in error
    (place.folder / "triagebot.yaml").write_text(
        jira_settings(jira, fields={"Environment": "production"}) + "teams: teams.yaml\n"
    )
    told = place.run(scan, FIRST, later=timedelta(minutes=11))
    assert sorted(jira.issue_keys()) == ["NET-1", "NET-2", "OPS-1", "OPS-2"]
    assert told.document["errors"] == []
    assert jira.row("OPS-1")["fields"].get("customfield_10100", {"value": "production"}) == {"value": "production"}


def test_a_bulk_of_which_all_is_refused_is_sent_once(tmp_path: Path, jira: Server) -> None:
    """The answer says of each what is wrong with it: asking one by one would cost as many writes."""
    allowed = [{"value": "production"}, {"value": "test"}]
    jira.projects["NET"] = Project("NET", required={"customfield_10100": custom("Environment", allowedValues=allowed)})
    place = Place.create(tmp_path / "place", jira_settings(jira))
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("a", "b", "c")})
    told = place.run(scan, FIRST)
    assert (len(jira.writes()), len(told.document["errors"]), told.exit_code) == (1, 3, 1)
    assert 'write `fields: {customfield_10100: "production"}`' in told.document["errors"][0]


@pytest.mark.parametrize("wrong", ["short", "swapped"])
def test_a_bulk_answer_that_does_not_add_up_is_looked_up(tmp_path: Path, jira: Server, wrong: str) -> None:
    """Never is a ticket taken for another because an answer named fewer than were filed, or in another order."""
    place = Place.create(tmp_path / "place", jira_settings(jira) + "teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(
        "teams: {net: {}, ops: {project: OPS}}\nunowned: net\nimages: [{match: '*/ops', team: ops}]\n"
    )
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("net", "ops")})
    bulk = jira._bulk

    def broken(asked: Asked) -> Answer:
        told = bulk(asked)
        told.body["issues"] = told.body["issues"][:1] if wrong == "short" else told.body["issues"][::-1]
        return told

    jira._bulk = broken  # type: ignore[method-assign]
    try:
        told = place.run(scan, FIRST).document
    finally:
        del jira._bulk  # type: ignore[method-assign]
    assert told["errors"] == []
    assert {a["ticket"]["id"] for a in told["actions"] if "/net" in a["title"]} == {"NET-1"}
    assert {a["ticket"]["id"] for a in told["actions"] if "/ops" in a["title"]} == {"OPS-1"}
    assert not written(place.run(scan, FIRST, later=timedelta(hours=1)).document)


def test_a_project_that_cannot_be_seen_any_more_does_not_make_its_tickets_deleted(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    jira.denied[BOT, "NET"] = {"BROWSE_PROJECTS"}
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    told = place.run(more, FIRST + WEEK)
    assert told.exit_code == 1
    assert [a["outcome"] for a in told.document["actions"]] == ["failed"]
    assert "project NET: 404: it cannot be seen any more" in told.document["errors"][0]
    del jira.denied[BOT, "NET"]
    told = place.run(more, FIRST + WEEK, later=timedelta(hours=1))
    assert (told.exit_code, told.document["plan"]["update"]) == (0, 1)
    assert not [said for said in told.document["warnings"] if "deleted" in said]


def test_a_duplicate_of_an_issue_that_cannot_be_seen_holds_nothing_up(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    fields = {"project": {"key": "OPS"}, "issuetype": {"name": "Bug"}, "summary": "Theirs"}
    other = jira.do("maintainer", "POST", "issue", {"fields": fields})["key"]
    people.close("NET-1", "duplicate", other)
    jira.denied[BOT, "OPS"] = {"BROWSE_PROJECTS"}
    told = place.run(scan, FIRST, later=timedelta(hours=1))
    assert (told.exit_code, written(told.document)) == (0, {})


def test_another_team_of_the_same_project_has_its_component(tmp_path: Path, jira: Server) -> None:
    """Ours is taken off with the team; one that a person set stays."""
    place = Place.create(tmp_path / "place", jira_settings(jira) + "teams: teams.yaml\n")
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"))
    jira.projects["NET"] = Project("NET", components=("dns", "web", "theirs"))
    for team, expected in (("dns", ["dns"]), ("web", ["theirs", "web"])):
        (place.folder / "teams.yaml").write_text(
            f"teams: {{dns: {{component: dns}}, web: {{component: web}}}}\nunowned: {team}\n"
        )
        place.run(scan, FIRST, later=timedelta(hours=len(expected)))
        assert sorted(c["name"] for c in jira.row("NET-1")["fields"]["components"]) == expected
        JiraPlace(jira).edit("NET-1", components=[{"name": "dns"}, {"name": "theirs"}])
    assert not written(place.run(scan, FIRST, later=timedelta(hours=5)).document)


def test_a_ticket_that_cannot_be_reopened_keeps_the_other_open(tmp_path: Path, jira: Server) -> None:
    """It is asked for on the issue. Were the move done all the same, nobody would have an open ticket."""
    place = Place.create(tmp_path / "place", jira_settings(jira) + "teams: teams.yaml\n")
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"))

    def run(team: str, hours: int) -> Any:
        (place.folder / "teams.yaml").write_text(f"teams: {{net: {{}}, ops: {{project: OPS}}}}\nunowned: {team}\n")
        return place.run(scan, FIRST, later=timedelta(hours=hours)).document

    run("net", 1)
    run("ops", 2)
    assert (state(jira, "NET-1"), state(jira, "OPS-1")) == ("Won't Do", "open")
    jira.scheme = {"Done": []}
    told = run("net", 3)
    assert {a["kind"]: a["outcome"] for a in told["actions"]} == {"reopen": "asked", "move": "failed"}
    assert (state(jira, "NET-1"), state(jira, "OPS-1")) == ("Won't Do", "open")
    jira.scheme = {}
    run("net", 4)
    assert (state(jira, "NET-1"), state(jira, "OPS-1")) == ("open", "Won't Do")


def test_a_due_date_has_its_label_as_elsewhere(tmp_path: Path, jira: Server) -> None:
    place, people, _ = one_ticket(tmp_path, jira)
    due = datetime.fromisoformat(jira.row("NET-1")["fields"]["duedate"]).replace(tzinfo=UTC)
    for day, expected in ((-2, DUE_SOON), (1, OVERDUE)):
        scan = write(tmp_path / f"day{day}", a=image("a", "CVE-2026-0001"))
        told = place.run(scan, due + timedelta(days=day)).document
        assert told["plan"]["update"] == 1
        assert expected in people.names("NET-1", "labels")
    assert DUE_SOON not in people.names("NET-1", "labels")
    gone = write(tmp_path / "gone", a=image("a", tag="1.1"))
    place.run(gone, due + WEEK)
    assert people.names("NET-1", "labels") == ["triagebot"]


def one_ticket(tmp_path: Path, server: Server, **said: Any) -> tuple[Place, JiraPlace, Path]:
    """A place with one open ticket, `NET-1`."""
    place = Place.create(tmp_path / "place", jira_settings(server, **said))
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"))
    place.run(scan, FIRST)
    return place, JiraPlace(server), scan


def state(server: Server, key: str = "NET-1") -> str:
    """`open`, or its resolution."""
    fields = server.row(key)["fields"]
    return "open" if fields["status"]["statusCategory"]["key"] != "done" else str(fields["resolution"]["name"])


@pytest.mark.parametrize("resolution", ["Won't Do", "Cannot Reproduce"])
def test_a_resolution_is_a_decision_on_what_was_shown(tmp_path: Path, jira: Server, resolution: str) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    people.transition("NET-1", "Done", resolution)
    assert not written(place.run(scan, FIRST, later=timedelta(hours=1)).document)
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    told = place.run(more, FIRST + WEEK).document
    assert told["plan"]["reopen"] == 1
    assert state(jira) == "open"
    assert "CVE-2026-0002" in people.comments("NET-1")
    assert not written(place.run(more, FIRST + WEEK, later=timedelta(hours=1)).document)


def test_closed_as_done_is_opened_again_by_a_newer_image(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    people.close("NET-1", "done")
    assert not written(place.run(scan, FIRST, later=timedelta(hours=1)).document)
    jira.shift(-400 * 86400.0)  # the closing lies before the next scan
    people.reopen("NET-1")
    people.close("NET-1", "done")
    newer = write(tmp_path / "two", a=image("a", "CVE-2026-0001", tag="1.1"))
    told = place.run(newer, FIRST + WEEK).document
    assert told["plan"]["reopen"] == 1
    assert state(jira) == "open"


def test_gone_is_closed_with_the_evidence_and_back_is_reopened(tmp_path: Path, jira: Server) -> None:
    place, people, _ = one_ticket(tmp_path, jira)
    gone = write(tmp_path / "two", a=image("a", tag="1.1"))
    assert place.run(gone, FIRST + WEEK).document["plan"]["close"] == 1
    assert state(jira) == "Done"
    assert "looked at again and is gone" in people.comments("NET-1")
    back = write(tmp_path / "three", a=image("a", "CVE-2026-0001", tag="1.2"))
    assert place.run(back, FIRST + 2 * WEEK).document["plan"]["reopen"] == 1
    assert state(jira) == "open"


def test_without_a_transition_a_comment_asks_for_it(tmp_path: Path, jira: Server) -> None:
    place, people, _ = one_ticket(tmp_path, jira)
    jira.scheme = {name: ["In Progress"] for name, _ in jira.states()}
    gone = write(tmp_path / "two", a=image("a", tag="1.1"))
    for _ in range(2):
        told = place.run(gone, FIRST + WEEK)
        assert told.exit_code == 0
        assert [a["outcome"] for a in told.document["actions"]] == ["asked"]
        assert any("NET-1 could not be closed" in warning for warning in told.document["warnings"])
        assert people.comments("NET-1").count("triagebot could not change the state") == 1
    assert state(jira) == "open"
    jira.scheme = {}
    place.run(gone, FIRST + WEEK)
    assert state(jira) == "Done"


def test_transitions_by_configured_name(tmp_path: Path, jira: Server) -> None:
    jira.workflow_resolutions = ()
    done = "To Done" if flavour_of(jira) == "data-center" else "Done"
    place, _, _ = one_ticket(tmp_path, jira, transitions={"done": ["Nothing of that name", done]})
    gone = write(tmp_path / "two", a=image("a", tag="1.1"))
    place.run(gone, FIRST + WEEK)
    assert state(jira) == "Done"


def test_commands_decide(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    people.say("NET-1", "/triagebot accept until 2026-08-01 because it is behind a wall", by="reader")
    place.run(scan, FIRST, later=timedelta(hours=1))
    assert state(jira) == "open"
    assert "Only people with write access can decide here." in people.comments("NET-1")
    people.say("NET-1", "/triagebot accept it", by="octocat")
    place.run(scan, FIRST, later=timedelta(hours=2))
    assert "needs a date and a reason" in people.comments("NET-1")
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    people.say("NET-1", f"/triagebot accept until {until} because it is behind a wall", by="octocat")
    told = place.run(scan, FIRST, later=timedelta(hours=3)).document
    assert told["plan"]["close"] == 1
    assert state(jira) == "Won't Do"
    before = len(jira.log)
    assert not written(place.run(scan, FIRST, later=timedelta(hours=4)).document)
    assert jira.writes(before) == []


@pytest.mark.parametrize("lost", [False, True], ids=["known", "lost"])
def test_a_command_that_was_heard_excuses_nothing_that_came_later(tmp_path: Path, jira: Server, lost: bool) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    people.say("NET-1", f"/triagebot accept until {until} because it is behind a wall", by="octocat")
    place.run(scan, FIRST, later=timedelta(hours=1))
    assert state(jira) == "Won't Do"
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    assert place.run(more, FIRST + WEEK).document["plan"]["reopen"] == 1
    if lost:
        shutil.rmtree(place.history)
    before = len(jira.log)
    assert not written(place.run(more, FIRST + WEEK, later=timedelta(hours=1)).document)
    assert (state(jira), jira.writes(before)) == ("open", [])


def test_commands_where_only_administrators_may_ask(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    jira.administrators = set()
    people.say("NET-1", "/triagebot snooze 14d", by="reader")
    people.say("NET-1", "/triagebot snooze 3w", by="octocat")
    jira.shift(0)
    told = place.run(scan, datetime.now(UTC), later=timedelta(0)).document
    assert told["plan"]["close"] == 1


def test_a_move_to_another_project_is_followed(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    jira.projects["ELSE"] = Project("ELSE")
    new = jira.move("NET-1", "ELSE")
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    told = place.run(more, FIRST + WEEK).document
    assert (told["plan"]["create"], told["plan"]["update"], told["errors"]) == (0, 1, [])
    assert told["actions"][0]["ticket"]["id"] == new
    assert jira.issue_keys() == [new]
    gone = write(tmp_path / "three", a=image("a", tag="1.1"))
    place.run(gone, FIRST + 2 * WEEK)
    assert state(jira, new) == "Done"


def test_deleted_is_said_and_not_filed_again(tmp_path: Path, jira: Server) -> None:
    place, _, _ = one_ticket(tmp_path, jira)
    jira.delete("NET-1")
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001"), b=image("b", "CVE-2026-0003"))
    jira.shift(40 * 86400.0)
    told = place.run(more, FIRST + timedelta(days=40)).document
    assert any("NET-1 was deleted" in warning for warning in told["warnings"])
    assert [jira.row(k)["fields"]["summary"].count("/b") for k in jira.issue_keys()] == [1]


def test_lost_history_files_nothing_twice(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    other = Place.create(tmp_path / "other", jira_settings(jira))
    told = other.run(scan, FIRST + WEEK).document
    assert told["plan"]["create"] == 0
    assert len(jira.issue_keys()) == 1
    assert place


def test_a_project_that_is_shut_holds_up_only_its_own(tmp_path: Path, jira: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(jira) + "teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(
        "teams: {net: {}, ops: {project: OPS}}\nunowned: net\nimages: [{match: '*/ops-*', team: ops}]\n"
    )
    jira.denied[BOT, "OPS"] = {"BROWSE_PROJECTS"}
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("net-1", "ops-1")})
    told = place.run(scan, FIRST)
    assert (told.exit_code, told.document["plan"]["deferred"]) == (1, 1)
    assert jira.issue_keys() == ["NET-1"]
    assert "OPS" in told.document["errors"][0]


def test_a_bad_token_says_what_to_renew(tmp_path: Path, jira: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIRA_TOKEN", "wrong")
    place = Place.create(tmp_path / "place", jira_settings(jira))
    told = place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST)
    assert told.exit_code == 1
    assert "renew the token in JIRA_TOKEN" in told.document["errors"][0]
    assert "wrong" not in json.dumps(told.document).replace("went wrong", "")


def test_people_keep_what_they_wrote(tmp_path: Path, jira: Server) -> None:
    place, people, _ = one_ticket(tmp_path, jira)
    people.write_body("NET-1", f"Ask the network people first.\n\n{people.body('NET-1')}")
    people.edit("NET-1", labels=[*jira.row("NET-1")["fields"]["labels"], "theirs"], priority={"name": "Lowest"})
    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    place.run(more, FIRST + WEEK)
    fields = jira.row("NET-1")["fields"]
    assert "Ask the network people first." in people.body("NET-1")
    assert "CVE-2026-0002" in people.body("NET-1")
    assert "theirs" in fields["labels"]
    assert fields["priority"]["name"] == "Lowest"


def test_the_cloud_at_its_own_address(tmp_path: Path, cloud: Server) -> None:
    """Without `flavour:` an address of Atlassian's is Cloud."""
    assert isinstance(cloud, Cloud)
    with cloud.at_its_site() as site:
        place = Place.create(tmp_path / "place", jira_settings(cloud, url=site, flavour=""))
        told = place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST).document
        assert told["errors"] == []
        assert told["actions"][0]["ticket"]["url"] == f"{site}/browse/NET-1"
    assert cloud.issue_keys() == ["NET-1"]


def test_a_data_center_is_asked_for_its_flavour_once(tmp_path: Path, data_center: Server) -> None:
    place = Place.create(tmp_path / "place", jira_settings(data_center, flavour=""))
    scan = write(tmp_path / "one", a=image("a", "CVE-2026-0001"))
    place.run(scan, FIRST)
    place.run(scan, FIRST)
    assert sum("serverInfo" in call.path for call in data_center.log) == 1
