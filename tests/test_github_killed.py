"""Invariant 2 where tickets are issues: killed around any request and run again, the same issues as an unbroken run."""

from __future__ import annotations

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from github_server import Github
from kills import FIRST, IMAGES, LEFT, MOVED, SECOND, Case, Forker, Start, files, scans
from reports import trivy, write

from triagebot.history import History

REPOSITORIES = ("acme/platform", "acme/network")

SETTINGS = """\
teams: teams.yaml
trackers:
  default: {type: github, repo: acme/platform, pause: 0}
  files: {type: local, path: tickets}
"""
TEAMS = """\
teams:
  platform: {assignees: [octocat]}
  network: {repo: acme/network, assignees: [hubot], labels: [team/network]}
  desk: {tracker: files}
unowned: platform
"""


def started(github: Github, forker: Forker, base: Path) -> Start:
    """A server and a folder on which nothing has happened."""

    def lasting(folder: Path) -> Iterator[tuple[str, str]]:
        for repo in REPOSITORIES:
            yield from issues(github, repo)
        yield from remembered(folder)

    def environment() -> dict[str, str]:
        return {"GITHUB_TOKEN": github.token(), "GITHUB_API_URL": github.url}

    return Start(github.front, forker, base, SETTINGS, environment, lasting)


def issues(github: Github, name: str) -> Iterator[tuple[str, str]]:
    """Every part of every issue of a repository that people see, and the repository's labels."""
    repo = github.repo(name)
    yield f"{name} labels", str(sorted(row["name"] for row in github.act("maintainer", "GET", f"/repos/{name}/labels")))
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for comment in github.act("maintainer", "GET", f"/repos/{name}/issues/comments?per_page=100"):
        said[comment["issue_url"].rpartition("/")[2]].append(comment)
    for row in repo.issues():
        issue = f"{name}#{row['number']}"
        for part in ("title", "body", "state", "state_reason"):
            yield f"{issue} {part}", str(row[part])
        yield f"{issue} labels", str([label["name"] for label in row["labels"]])
        yield f"{issue} assignees", str([user["login"] for user in row["assignees"]])
        for number, comment in enumerate(said[str(row["number"])]):
            yield f"{issue} comment {number}", f"{comment['user']['login']}: {comment['body']}"
            given = {word: count for word, count in comment["reactions"].items() if word != "url" and count}
            yield f"{issue} reactions {number}", str(given)


def remembered(folder: Path) -> Iterator[tuple[str, str]]:
    """Local tickets and history.

    A tracker's memory is compared by what it must never lack: who we are, where it may go on, and that it fits.
    """
    yield from files(folder)
    history = History(folder / ".triagebot")
    known = [k for (where, _), k in history.tickets().items() if where == "default"]
    memory: dict[str, Any] = history.memory("default", known)
    listed = {name: bool(place["since"] and place["full"]) for name, place in memory.get("places", {}).items()}
    yield "memory", f"{memory.get('authors')} {sorted(listed.items())}"


@pytest.fixture(scope="module")
def prepared(github_process: Github, forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """After a first scan and what people then did. The second scan makes a run take each kind of step there is."""
    start = started(github_process, forker, tmp_path_factory.mktemp("killed") / "all")
    scans(start.base)
    teams = start.folder / "teams.yaml"
    teams.write_text(TEAMS)
    start.run(start.folder, "one", FIRST)
    start.at(FIRST + timedelta(days=1))
    repo = github_process.repo()
    numbers = {image: row["number"] for row in repo.issues() for image in IMAGES if f"/{image}:" in row["title"]}
    repo.close(numbers["returns"])
    repo.edit(numbers["changes"], body=f"Ours first.\n\n{repo.body(numbers['changes'])}", by="octocat")
    repo.add_labels(numbers["changes"], "theirs")
    repo.comment(numbers["changes"], "I am on it.", by="octocat")
    teams.write_text(TEAMS + MOVED)
    start.keep()
    return start


@pytest.fixture(scope="module")
def whole(prepared: Start) -> Case:
    """All kinds of steps, and not one killed."""
    return Case(prepared, *prepared.unbroken())


def test_the_case_has_every_kind_of_step(whole: Case) -> None:
    kinds = [(call.method, re.sub(r"\d+", "N", call.path)) for call in whole.calls if not call.is_read]
    assert kinds.count(("POST", "/repos/acme/platform/issues")) == 1
    assert kinds.count(("POST", "/repos/acme/network/issues")) == 2
    assert kinds.count(("POST", "/repos/acme/platform/issues/N/comments")) == 5
    assert kinds.count(("PATCH", "/repos/acme/platform/issues/N")) == 5
    states = [whole.expected[f"acme/platform#{number} state"] for number in range(1, 7)]
    assert sorted(states) == ["closed"] * 3 + ["open"] * 3
    assert len([name for name in whole.expected if name.startswith("tickets/")]) == 1
    comments = [text for name, text in whole.expected.items() if " comment " in name]
    assert len([text for text in comments if re.search("goes on in .*/acme/network/issues/2", text)]) == 1
    assert len([text for text in comments if re.search("goes on in .*tickets/", text)]) == 1


def test_a_run_killed_around_any_request_heals(whole: Case) -> None:
    faults = whole.faults(*((point,) for point in whole.points))
    assert not faults, faults


def test_a_program_killed_around_a_write_heals(whole: Case) -> None:
    """The same with all that starting a program takes: around a create, a comment and a change."""
    writes = {(call.method, call.path.rpartition("/")[2]): call.number for call in reversed(whole.calls)}
    first = whole.calls[0].number
    numbers = [n - first for (method, what), n in writes.items() if method == "PATCH" or what in ("issues", "comments")]
    around = sorted(numbers)[:3]
    faults = whole.faults(*((2 * number + side,) for number in around for side in (0, 1)), whole=True)
    assert not faults, faults


def test_two_runs_killed_one_after_the_other_heal(whole: Case) -> None:
    """The second is killed while it makes good for the first, which leaves it less to do the later that was killed."""
    chosen = random.Random(7)  # noqa: S311 - a sample, always the same one
    pairs = []
    for point in chosen.sample(whole.points, 10):
        left = sum(not call.is_read for call in whole.calls[point // 2 + 1 :])
        pairs.append((point, chosen.randrange(2 * (4 + left))))
    faults = whole.faults(*pairs)
    assert not faults, faults


def test_a_create_is_found_where_nothing_else_has_changed(
    github_process: Github, forker: Forker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Then history is as it was, and the next run lists only what is new since the last that came to its end."""
    start = started(github_process, forker, tmp_path_factory.mktemp("killed") / "quiet")
    stays = trivy("a/stays:1.0", [LEFT])
    write(start.base / "one", stays=stays)
    write(start.base / "two", stays=stays, fresh=trivy("a/fresh:1.0", [LEFT]), other=trivy("a/other:1.0", [LEFT]))
    (start.folder / "teams.yaml").write_text(TEAMS)
    start.run(start.folder, "one", FIRST)
    start.keep()
    case = Case(start, *start.unbroken())
    assert [call.path for call in case.calls if not call.is_read] == ["/repos/acme/platform/issues"] * 2
    faults = case.faults(*((point,) for point in case.points))
    assert not faults, faults


def test_history_lost_after_a_kill_makes_no_second_issue(whole: Case) -> None:
    start, expected = whole.start, tickets_of(whole.expected)
    creates = [n for n, call in enumerate(whole.calls) if call.method == "POST" and call.path.endswith("/issues")]
    assert len(creates) == 3
    for point in sorted({2 * number + side for number in creates for side in (0, 1, 2)}):
        folder = start.again()
        assert start.run(folder, "two", SECOND, point)
        shutil.rmtree(folder / ".triagebot")
        start.run(folder, "two", SECOND, late=1)
        assert tickets_of(start.left(folder)) == expected, point


def tickets_of(left: dict[str, str]) -> dict[str, str]:
    """Which tickets there are, how they stand, and how often something was said on them.

    Without a history nobody knows what was seen before, so the words may be others.
    """
    parts = ("title", "state", "state_reason", "labels", "assignees")
    told = {name: text if name.endswith(parts) else "" for name, text in left.items() if not name.startswith(".")}
    return {name: text for name, text in told.items() if name != "memory"}


@pytest.fixture(scope="module")
def asked(github_process: Github, forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Somebody who may decide wrote a command on a ticket, and somebody who may not another one."""
    start = started(github_process, forker, tmp_path_factory.mktemp("killed") / "asked")
    for week, name in enumerate(("one", "two", "three", "four")):
        write(start.base / name, a=trivy(f"a/a:1.{week}", [LEFT]))
    (start.folder / "teams.yaml").write_text(TEAMS)
    start.run(start.folder, "one", FIRST)
    start.at(FIRST + timedelta(days=1))
    repo = github_process.repo()
    repo.comment(1, "/triagebot snooze 14d", by="octocat")
    repo.comment(1, "/triagebot reopen", by="triager")
    start.keep()
    return Case(start, *start.unbroken())


def test_a_command_is_heard_once_wherever_the_run_is_killed(asked: Case) -> None:
    listed = [n for n, call in enumerate(asked.calls) if "/issues/comments?" in call.path][-1]
    faults = asked.faults(*((point,) for point in asked.points if point >= 2 * listed))
    assert not faults, faults


@pytest.mark.parametrize("keeps_history", [True, False])
def test_a_decision_holds_where_the_run_was_killed_around_its_answer(asked: Case, keeps_history: bool) -> None:
    start, issue = asked.start, "acme/platform#1"
    assert asked.expected[f"{issue} reactions 0"] == "{'total_count': 1, '+1': 1}"
    assert asked.expected[f"{issue} reactions 1"] == "{'total_count': 1, 'confused': 1}"
    assert (asked.expected[f"{issue} state"], asked.expected[f"{issue} state_reason"]) == ("closed", "not_planned")
    said = {name: text for name, text in asked.expected.items() if re.match(f"{issue} (state|comment|reactions)", name)}
    answers = [n for n, call in enumerate(asked.calls) if call.method == "POST" and "/reactions" in call.path]
    assert len(answers) == 2
    for point in sorted({2 * number + side for number in answers for side in (0, 1)}):
        folder = start.again()
        assert start.run(folder, "two", SECOND, point)
        if not keeps_history:
            shutil.rmtree(folder / ".triagebot")
        start.run(folder, "two", SECOND, late=1)
        assert said.items() <= start.left(folder).items(), point
        start.run(folder, "three", FIRST + timedelta(weeks=2))
        assert [call.path for call in start.calls if not call.is_read] == [], point
        start.run(folder, "four", FIRST + timedelta(weeks=3))
        assert start.left(folder)[f"{issue} state"] == "open", point
