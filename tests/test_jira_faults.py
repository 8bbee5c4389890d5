"""What Jira, or the way to it, does wrong: each write is done once, and a run waits as long as it is told to."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, written
from github_front import CUT, RESET, TRUNCATED
from github_wire import Answer
from jira_server import Server
from reports import write
from test_jira_runs import FIRST, WEEK, image, jira_settings, signed_in, standing, state, waits  # noqa: F401 - fixtures
from test_tracker_jira import JiraPlace

BUSY = Answer(429, {"errorMessages": ["Rate limit exceeded."]}, {"Retry-After": "7", "RateLimit-Reason": "jira-burst"})
DOWN = Answer(503, {"message": "down"}, {"Retry-After": "30"})
BROKEN = Answer(500, {"errorMessages": ["Internal server error"], "errors": {}})
CAPTCHA = Answer(403, {"message": "denied"}, {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"})
GATEWAY = Answer(502, {"message": "bad gateway"}, {})
PAGE = Answer(200, "<html>Log in</html>", {"Content-Type": "text/html"})
FORBIDDEN = Answer(400, {"errorMessages": ["The query is refused."], "errors": {}})
WRITES = {"bulk": "/issue/bulk", "change": r"/issue/NET-\d+$", "comment": "/comment$", "transition": "/transitions$"}


def week(tmp_path: Path, server: Server) -> tuple[Place, Path]:
    """A place after a first scan, and a scan whose run files, changes, comments and closes."""
    place = Place.create(tmp_path / "place", jira_settings(server))
    one = write(tmp_path / "one", a=image("a", "CVE-2026-0001"), b=image("b", "CVE-2026-0001"))
    place.run(one, FIRST)
    two = write(
        tmp_path / "two", a=image("a", "CVE-2026-0001", "CVE-2026-0002"), b=image("b", tag="1.1"),
        c=image("c", "CVE-2026-0001"),
    )  # fmt: skip
    return place, two


def left(server: Server) -> tuple[Any, ...]:
    """All issues, and how often something was said on each."""
    said = {k: len(re.findall("New since|Closed:", JiraPlace(server).comments(k))) for k in server.issue_keys()}
    return standing(server), said


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", [RESET, TRUNCATED, CUT, BROKEN], ids=["reset", "truncated", "cut", "500"])
@pytest.mark.parametrize("path", WRITES)
def test_a_write_whose_answer_is_lost_is_done_once(
    tmp_path: Path, jira: Server, path: str, kind: Any, after: bool
) -> None:
    place, two = week(tmp_path, jira)
    fault = jira.fault(kind, "POST|PUT", WRITES[path], after=after)
    told = place.run(two, FIRST + WEEK)
    assert fault.hits == 1
    if path == "bulk" and not after:  # the index may lag: what is not found may stand all the same
        assert told.exit_code == 1
        assert "a run in 15 minutes looks again" in told.document["errors"][0]
        told = place.run(two, FIRST + WEEK, later=timedelta(minutes=27))
    assert (told.document["errors"], told.exit_code) == ([], 0)
    tickets, said = left(jira)
    states = {key.rpartition("/")[2]: each[1] for key, each in tickets.items()}
    assert states == {"a": "open", "b": "done", "c": "open"}
    assert sorted(said.values()) == [0, 1, 1]
    assert not written(place.run(two, FIRST + WEEK, later=timedelta(minutes=50)).document)
    assert left(jira) == (tickets, said)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("bulk", "search"), [(GATEWAY, GATEWAY), (PAGE, PAGE), (GATEWAY, PAGE), (GATEWAY, FORBIDDEN)],
    ids=["502", "page", "502-page", "502-400"],
)  # fmt: skip
def test_an_outage_while_filing_costs_the_other_trackers_nothing(
    tmp_path: Path, jira: Server, bulk: Answer, search: Answer, after: bool
) -> None:
    """Neither the bulk request nor the look-up after it is answered: the run goes on, and nothing is filed twice."""
    tracker = jira_settings(jira).removeprefix("trackers: {").removesuffix("}\n")
    place = Place.create(
        tmp_path / "place", f"teams: teams.yaml\ntrackers: {{{tracker}, here: {{type: local, path: tickets}}}}\n"
    )
    (place.folder / "teams.yaml").write_text(
        "teams: {net: {}, other: {tracker: here}}\nunowned: net\nimages: [{match: '*/z', team: other}]\n"
    )
    scan = write(tmp_path / "one", **{n: image(n, "CVE-2026-0001") for n in ("a", "b", "z")})
    lost = jira.fault(bulk, "POST", "/issue/bulk", after=after)
    looked = jira.fault(search, "GET", r"/search.*labels\+in", times=5)
    told = place.run(scan, FIRST)
    assert (lost.hits, looked.hits > 0, told.exit_code) == (1, True, 1)
    assert sorted(a["outcome"] for a in told.document["actions"]) == ["done", "failed", "failed"]
    assert all("a run in 15 minutes looks again" in error for error in told.document["errors"])
    assert len(place.tickets()) == 1
    told = place.run(scan, FIRST, later=timedelta(minutes=30))
    assert (told.document["errors"], told.exit_code) == ([], 0)
    assert (len(jira.issue_keys()), len(standing(jira)), len(place.tickets())) == (2, 2, 1)


@pytest.mark.parametrize(("answer", "seconds"), [(BUSY, 7.0), (DOWN, 30.0)], ids=["429", "503"])
@pytest.mark.parametrize("path", [*WRITES.values(), "/search"])
def test_it_waits_as_long_as_it_is_told_to(
    tmp_path: Path, jira: Server, request: pytest.FixtureRequest, path: str, answer: Answer, seconds: float
) -> None:
    waited: list[float] = request.getfixturevalue("waits")
    place, two = week(tmp_path, jira)
    waited.clear()
    jira.fault(answer, "GET|POST|PUT", path)
    told = place.run(two, FIRST + WEEK)
    assert (told.document["errors"], told.exit_code) == ([], 0)
    assert [each for each in waited if each] == [seconds]
    assert len(jira.issue_keys()) == 3


def test_a_wait_that_is_too_long_is_left_to_the_next_run(tmp_path: Path, jira: Server) -> None:
    place, two = week(tmp_path, jira)
    jira.fault(Answer(429, {}, {"Retry-After": "4000"}), "POST", "/issue/bulk")
    told = place.run(two, FIRST + WEEK)
    assert told.exit_code == 1
    assert "for 67 minutes more" in told.document["errors"][0]
    assert len(jira.issue_keys()) == 2
    assert place.run(two, FIRST + WEEK, later=WEEK / 7).exit_code == 0
    assert len(jira.issue_keys()) == 3


def test_a_captcha_stops_the_run_and_says_so(tmp_path: Path, jira: Server) -> None:
    place, two = week(tmp_path, jira)
    jira.fault(CAPTCHA, "POST", "/issue/bulk", times=9)
    told = place.run(two, FIRST + WEEK)
    assert told.exit_code == 1
    assert "renew the token in JIRA_TOKEN" in told.document["errors"][0]
    assert state(jira, "NET-2") == "open", "what comes after it waits too"


def test_a_page_instead_of_data_says_what_to_correct(tmp_path: Path, data_center: Server) -> None:
    jira = data_center
    place = Place.create(tmp_path / "place", jira_settings(jira, url=f"{jira.url}/login"))
    page = Answer(200, "<html>Log in</html>", {"Content-Type": "text/html"})
    jira.fault(page, "GET", "/login", times=9)
    told = place.run(write(tmp_path / "one", a=image("a", "CVE-2026-0001")), FIRST)
    assert told.exit_code == 1
    assert "correct `url`: it is the address before /browse and /rest" in told.document["errors"][0]
