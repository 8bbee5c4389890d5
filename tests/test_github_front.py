"""The front before the emulated GitHub: its log, its clock, its limits, and that it breaks as it is told to."""

from __future__ import annotations

import email.utils
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import github_emulator
import pytest
import requests
from github_front import CUT, HANG, RESET, TRUNCATED, Call, Moment, failing, secondary_limit
from github_server import Github, Session

ISSUES = "/repos/acme/platform/issues"


@pytest.fixture
def bot(github: Github) -> Iterator[Session]:
    with Session(github, github.token()) as session:
        yield session


def test_where_the_emulator_is_missing_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_emulator, "HERE", tmp_path)
    assert "npm ci" in github_emulator.absent()


def test_the_clock_can_be_shifted(github: Github, bot: Session) -> None:
    github.front.shift(timedelta(days=40).total_seconds())
    made = bot.post(ISSUES, json={"title": "x"})
    soon = datetime.now(UTC) + timedelta(days=39)
    assert datetime.fromisoformat(made.json()["created_at"]) > soon
    assert email.utils.parsedate_to_datetime(made.headers["Date"]) > soon


def test_the_log_tells_reads_from_writes(github: Github, bot: Session) -> None:
    bot.get(f"{ISSUES}?state=all")
    mark = len(github.log)
    bot.post(ISSUES, json={"title": "one"})
    (written,) = github.front.writes(mark)
    assert (written.method, written.path, written.status, written.user) == ("POST", ISSUES, 201, "triage-bot")
    assert written.body == {"title": "one"}
    assert written.answer["number"] == 1
    assert (len(github.front.reads()), len(github.front.reads(mark))) == (1, 0)
    github.repo().comment(1, "by hand")
    assert len(github.log) == 2


def test_limits_are_counted_for_each_token(github: Github, bot: Session) -> None:
    token = github.token()
    with Session(github, token) as limited:
        assert limited.get(ISSUES).headers["x-ratelimit-used"] == "1"
        github.front.leave(token, 1, reset_in=60)
        assert limited.get(ISSUES).status_code == 200
        refused = limited.get(ISSUES)
        assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
        assert 0 < int(refused.headers["x-ratelimit-reset"]) - time.time() <= 61
        assert limited.get("/rate_limit").json()["rate"]["remaining"] == 0
        assert bot.get(ISSUES).status_code == 200
        github.front.shift(61)
        assert limited.get(ISSUES).status_code == 200


def test_refusals_before_and_after_the_server_acted(github: Github, bot: Session) -> None:
    before = github.front.fault(secondary_limit(retry_after=7), "POST", r"/issues$")
    told = bot.post(ISSUES, json={"title": "x"})
    assert (told.status_code, told.headers["retry-after"]) == (403, "7")
    assert "secondary rate limit" in told.json()["message"]
    assert github.repo().issues() == []
    after = github.front.fault(failing(502), "POST", r"/issues$", nth=2, after=True)
    assert bot.post(ISSUES, json={"title": "one"}).status_code == 201
    assert bot.post(ISSUES, json={"title": "two"}).status_code == 502
    assert [issue["title"] for issue in github.repo().issues()] == ["one", "two"]
    assert (before.hits, after.hits) == (1, 1)
    assert [call.fault for call in github.log] == ["status before", "", "status after"]
    github.front.fault(secondary_limit(status=429), times=2)
    assert [bot.get(ISSUES).status_code for _ in range(3)] == [429, 429, 200]


@pytest.mark.parametrize("kind", [RESET, HANG, TRUNCATED, CUT])
@pytest.mark.parametrize("after", [False, True])
def test_answers_that_do_not_arrive(github: Github, bot: Session, kind: Any, *, after: bool) -> None:
    fault = github.front.fault(kind, "POST", after=after)
    with pytest.raises(requests.RequestException):
        bot.post(ISSUES, json={"title": "x"}, timeout=0.2).json()
    assert fault.hits == 1
    assert [issue["title"] for issue in github.repo().issues()] == (["x"] if after else [])
    assert bot.get(ISSUES).status_code == 200


def test_a_gate_ends_the_connection(github: Github, bot: Session) -> None:
    seen: list[tuple[Moment, int]] = []

    def gate(moment: Moment, call: Call) -> bool:
        seen.append((moment, call.number))
        return call.number == 0

    github.front.gate(gate)
    assert bot.get(ISSUES).status_code == 200
    with pytest.raises(requests.ConnectionError):
        bot.get(ISSUES)
    assert seen == [("before", 0), ("after", 0), ("before", 1)]


CLIENT = """
import os, requests
for n in range(3):
    requests.post(os.environ["TO"], json={"title": str(n)}, headers={"Authorization": os.environ["AS"]})
"""


@pytest.mark.parametrize(("point", "filed"), [(0, 0), (1, 1), (2, 1), (3, 2), (9, 3)])
def test_a_client_is_killed_between_any_two_requests(github: Github, point: int, filed: int) -> None:
    env = {**os.environ, "TO": github.url + ISSUES, "AS": f"token {github.token()}"}
    with subprocess.Popen([sys.executable, "-c", CLIENT], env=env) as process:
        github.front.kill_at(point, process.kill)
        assert process.wait(30) == (-signal.SIGKILL if filed < 3 else 0)
    assert len(github.repo().issues()) == filed


def test_two_clients_at_once(github: Github) -> None:
    def file(number: int) -> int:
        with Session(github, github.token()) as session:
            return session.post(ISSUES, json={"title": str(number)}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(file, range(20))) == {201}
    assert [issue["number"] for issue in github.repo().issues()] == list(range(1, 21))
