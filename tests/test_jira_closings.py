"""Who decided by closing a Jira issue, when and why: read from its changelog, once."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from jira_cloud import Cloud
from jira_server import Server
from reports import write
from test_jira_runs import FIRST, WEEK, image, one_ticket, signed_in, waits  # noqa: F401 - fixtures
from test_tracker_jira import JiraPlace, as_document
from typer.testing import CliRunner

from triagebot import app, config
from triagebot.cli import app as commands
from triagebot.history import History
from triagebot.look import Options
from triagebot.model import Ticket
from triagebot.trackers.jira_closings import closing

HOUR = timedelta(hours=1)
Row = dict[str, Any]


def asked(server: Server, mark: int) -> list[str]:
    """Requests for a changelog since then."""
    return [call.path for call in server.log[mark:] if "changelog" in call.path]


def known(place: Place) -> Ticket:
    """The one ticket, as history has it."""
    [held] = History(place.history).tickets().values()
    return held.ticket


def told(place: Place, *words: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(commands, [*words, "--config", str(place.folder / "triagebot.yaml")])
    assert result.exit_code == 0, result.output
    return result.output


def comment(server: Server, text: str, by: str = "octocat") -> None:
    """Say something on the issue."""
    body: Any = as_document(text) if isinstance(server, Cloud) else text
    server.do(by, "POST", "issue/NET-1/comment", {"body": body})


def close(server: Server, resolution: str = "Won't Do", by: str = "octocat") -> None:
    """Close the issue by hand."""
    offered = server.do(by, "GET", "issue/NET-1/transitions")["transitions"]
    [way] = [t for t in offered if t["to"]["name"] == "Done"]
    fields = {"fields": {"resolution": {"name": resolution}}} if resolution else {}
    server.do(by, "POST", "issue/NET-1/transitions", {"transition": {"id": way["id"]}, **fields})


def shown(server: Server, name: str = "octocat") -> str:
    """How people know somebody."""
    return name.title() if isinstance(server, Cloud) else name


def test_a_decision_by_closing_names_who_when_and_why(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    close(jira, "Cannot Reproduce")
    mark = len(jira.log)
    assert not written(place.run(scan, FIRST, later=HOUR).document)
    assert len(jira.reads(mark)) == 2
    assert len(asked(jira, mark)) == 1

    who, today = shown(jira), f"{datetime.now(UTC):%Y-%m-%d}"
    decided = f"decided by {who} on {today}: closed as not planned, because Cannot Reproduce"
    assert (
        f"ticket NET-1 (image:registry.example/a): closed as not-planned by {who} on {today}, because Cannot Reproduce"
        in told(place, "explain", "NET-1")
    )
    assert decided in told(place, "explain", "CVE-2026-0001")
    [statement] = json.loads(told(place, "vex"))["statements"]
    assert decided in statement["status_notes"]
    assert statement["action_statement"] == "Cannot Reproduce"
    [row] = [line for line in told(place, "summary").splitlines() if "`NET-1`" in line]
    until = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    assert row == f"| {until} | closed as not-planned | {who} | Cannot Reproduce | `NET-1` |"

    mark = len(jira.log)
    comment(jira, "Somebody says something else.")
    assert not written(place.run(scan, FIRST, later=2 * HOUR).document)
    assert len(jira.reads(mark)) == 1, "what is known is not asked for again"
    assert known(place).closed_by == who

    more = write(tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"))
    assert place.run(more, FIRST + WEEK).document["plan"]["reopen"] == 1
    assert decided in people.body("NET-1"), "the ticket says it where it is open for something else"
    shutil.rmtree(place.history)
    place.run(more, FIRST + WEEK, later=HOUR)
    assert decided in told(place, "explain", "CVE-2026-0001")


def test_a_run_without_a_decision_asks_for_no_changelog(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    people.close("NET-1", "done")
    place.run(scan, FIRST, later=HOUR)
    assert asked(jira, 0) == []


def test_what_was_written_on_the_screen_of_the_transition_is_the_reason(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    jira.shift(-3600)
    for at in range(21):  # Cloud shows only the first twenty with the issue
        comment(jira, f"Remark {at} of an hour ago")
    jira.shift(0)
    comment(jira, "Somebody else's words", by="hubot")
    close(jira)
    comment(jira, "The service is\nswitched off.")
    place.run(scan, FIRST, later=HOUR)
    assert known(place).closed_because == "The service is switched off."


def test_a_command_with_the_transition_is_no_reason_for_it(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    close(jira)
    comment(jira, "/triagebot snooze 14d")
    place.run(scan, FIRST, later=HOUR)
    assert (known(place).closed_by, known(place).closed_because) == (shown(jira), "")


def test_a_duplicate_names_who_and_of_what(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    other = jira.do("octocat", "POST", "issue", {"fields": {
        "project": {"key": "NET"}, "issuetype": {"name": "Bug"}, "summary": "The same"}})["key"]  # fmt: skip
    jira.link("NET-1", other)
    close(jira, "Duplicate")
    place.run(scan, FIRST, later=HOUR)
    [row] = [line for line in told(place, "summary").splitlines() if "`NET-1`" in line]
    assert f"| the other ticket is closed | closed as duplicate | {shown(jira)} | of {other} | `NET-1` |" in row


@pytest.mark.parametrize("status", [403, 404])
def test_a_changelog_that_is_refused_names_nobody_and_fails_nothing(tmp_path: Path, jira: Server, status: int) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    close(jira)
    jira.hides_changes = status
    ran = place.run(scan, FIRST, later=HOUR)
    assert (ran.exit_code, ran.document["findings"]["decided"]) == (0, 1)
    assert "closed as not-planned by a person on " in told(place, "explain", "NET-1")
    mark = len(jira.log)
    place.run(scan, FIRST, later=2 * HOUR)
    assert asked(jira, mark) == []


def test_a_change_without_an_author_names_nobody(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    close(jira)
    jira.nameless = {"octocat"}
    assert place.run(scan, FIRST, later=HOUR).exit_code == 0
    assert known(place).closed_by == ""
    assert known(place).closed_at


def test_a_deleted_account_of_the_cloud_names_nobody(tmp_path: Path, cloud: Server) -> None:
    place, _, scan = one_ticket(tmp_path, cloud)
    close(cloud)
    cloud.histories("NET-1")[-1]["author"] = {"accountId": "unknown", "displayName": "Former user"}
    assert place.run(scan, FIRST, later=HOUR).exit_code == 0
    assert known(place).closed_by == ""


def test_a_long_changelog_is_read_to_its_end(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    people.close("NET-1", "not-planned")
    people.reopen("NET-1")
    for at in range(7):
        people.edit("NET-1", duedate=f"2026-06-0{at + 1}")
    close(jira)
    jira.page_limit = 4
    mark = len(jira.log)
    place.run(scan, FIRST, later=HOUR)
    assert known(place).closed_by == shown(jira)
    assert len(asked(jira, mark)) == (3 if isinstance(jira, Cloud) else 1)


def test_closed_again_by_somebody_else(tmp_path: Path, jira: Server) -> None:
    place, people, scan = one_ticket(tmp_path, jira)
    close(jira)
    place.run(scan, FIRST, later=HOUR)
    people.reopen("NET-1")
    jira.shift(300)
    close(jira, by="hubot")
    place.run(scan, FIRST, later=2 * HOUR)
    assert known(place).closed_by == shown(jira, "hubot")
    people.reopen("NET-1")
    place.run(scan, FIRST, later=3 * HOUR)
    assert (known(place).closed_by, known(place).closed_at) == ("", None)


def test_where_a_workflow_notes_no_time_the_changelog_tells_it(
    tmp_path: Path, jira: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state that is called Rejected is a decision; it was made when the issue came there, not when we saw it."""
    bare = jira.trimmed

    def trimmed(*args: Any, **said: Any) -> Row:
        row = bare(*args, **said)
        row["fields"] |= {"resolution": None, "resolutiondate": None}
        if row["fields"].get("status", {}).get("name") == "Done":
            row["fields"]["status"] = {**row["fields"]["status"], "name": "Rejected"}
        return row

    monkeypatch.setattr(jira, "trimmed", trimmed)
    monkeypatch.setattr(jira, "workflow_resolutions", ())
    place, _, scan = one_ticket(tmp_path, jira)
    jira.shift(-600)
    close(jira, "")
    at = datetime.fromtimestamp(jira.clock.now(), UTC)
    jira.shift(0)
    for later in (HOUR, 2 * HOUR):
        place.run(scan, FIRST, later=later)
        held = known(place)
        assert held.closed_at
        assert abs(held.closed_at - at) < timedelta(seconds=30)
        assert (held.closed_by, held.closed_as) == (shown(jira), "not-planned")
    assert len(asked(jira, 0)) == 1


def test_a_plan_reads_it_too_and_a_view_of_it_needs_no_changelog(tmp_path: Path, jira: Server) -> None:
    place, _, scan = one_ticket(tmp_path, jira)
    close(jira)
    place.run(scan, FIRST, later=HOUR)
    mark = len(jira.log)
    view = app.standing(config.load(place.folder / "triagebot.yaml"), Options(now=FIRST + 2 * HOUR))
    assert [t.closed_by for t in view.tickets] == [shown(jira)]
    assert asked(jira, mark) == []


# -- which change it was -------------------------------------------------------------------------------------


def change(number: int, day: int, by: str, **to: str | None) -> Row:
    """An entry of a changelog."""
    items = [{"field": name, "to": value, "toString": value} for name, value in to.items()]
    created = f"2026-05-{day:02}T08:00:00.000+0000"
    return {"id": f"{number}", "author": {"name": by}, "created": created, "items": items}


RESOLVED = change(1, 4, "alice", resolution="Won't Do", status="Resolved")
CLOSED = change(2, 5, "robot", status="Closed")
REOPENED = change(3, 6, "bob", resolution=None, status="Reopened")
STALE = change(3, 6, "bob", status="Reopened")
AGAIN = change(4, 7, "carol", status="Closed")


@pytest.mark.parametrize(
    ("histories", "resolved", "open_at", "expected"),
    [
        ([], True, None, None),
        ([change(1, 4, "alice", labels="x")], True, None, None),
        ([RESOLVED], True, None, "alice"),
        ([RESOLVED, CLOSED], True, None, "alice"),
        ([CLOSED, RESOLVED], True, None, "alice"),
        ([RESOLVED, CLOSED], False, None, "robot"),
        ([{**RESOLVED, "items": [None, *RESOLVED["items"]]}], True, None, "alice"),
        ([CLOSED], True, None, "robot"),
        ([RESOLVED, REOPENED, change(4, 7, "carol", resolution="Won't Do", status="Done")], True, None, "carol"),
        ([RESOLVED, change(9, 8, "dora", resolution="Declined")], True, None, "dora"),
        ([RESOLVED, STALE, AGAIN], True, datetime(2026, 5, 6, 12, tzinfo=UTC), "carol"),
        ([RESOLVED, CLOSED], True, datetime(2026, 5, 3, 12, tzinfo=UTC), "alice"),
        ([{**RESOLVED, "id": "9"}, {**RESOLVED, "id": "10", "author": {"name": "same moment"}}], True, None,
         "same moment"),
    ],
)  # fmt: skip
def test_which_change_closed_it(
    histories: list[Row], resolved: bool, open_at: datetime | None, expected: str | None
) -> None:
    assert closing(histories, resolved, open_at).get("author", {}).get("name") == expected


def test_a_resolution_that_was_never_cleared_names_who_closed_it_last(
    tmp_path: Path, jira: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some workflows keep the resolution, and its time, of an issue that is opened again."""
    place, _, scan = one_ticket(tmp_path, jira)
    jira.shift(86400.0)
    close(jira)
    old = jira.row("NET-1")["fields"]
    bare = jira.trimmed

    def trimmed(*args: Any, **said: Any) -> Row:
        row = bare(*args, **said)
        row["fields"] |= {name: old[name] for name in ("resolution", "resolutiondate")}
        return row

    people = JiraPlace(jira)
    people.reopen("NET-1")
    monkeypatch.setattr(jira, "trimmed", trimmed)
    place.run(scan, FIRST, later=HOUR)
    assert known(place).is_open
    jira.shift(2 * 86400.0)
    for later in (2, 3):  # the first of them learns that the server's clock is days ahead
        place.run(scan, FIRST, later=later * HOUR)
    close(jira, by="hubot")
    for history in jira.histories("NET-1")[-2:]:
        history["items"] = [i for i in history["items"] if i["field"] == "status"]
    place.run(scan, FIRST, later=4 * HOUR)
    held = known(place)
    assert (held.closed_by, held.closed_as) == (shown(jira, "hubot"), "not-planned")
    assert held.closed_at
    assert held.closed_at > datetime.now(UTC) + timedelta(days=1.9)
