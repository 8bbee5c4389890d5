"""Whole runs against repositories that are away or closed, with limits, and signed in as what one is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fault_world import (
    ALL_DONE,
    FIRST,
    NETWORK,
    OPERATIONS,
    PLATFORM,
    Stands,
    World,
    after_one,
    errors,
    healed,
    made,
    outcomes,
    tracker,
    two,
    unbroken_runs,
    when,
)
from github_front import failing
from github_server import Github

from triagebot import app, config
from triagebot.history import History
from triagebot.look import Options


@pytest.fixture(scope="module")
def unbroken(github_process: Github, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stands, Stands]]:
    """What stands after one scan, and after two, where nothing goes wrong."""
    yield from unbroken_runs(github_process, tmp_path_factory.mktemp("unbroken"))


@pytest.fixture
def world(unbroken: tuple[Stands, Stands], github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """After the first scan."""
    return after_one(made(github, tmp_path, monkeypatch), unbroken)


@pytest.fixture
def heals(world: World, unbroken: tuple[Stands, Stands]) -> Callable[[], None]:
    """The following run ends in what an unbroken one gives; the one after it has nothing to do."""
    return partial(healed, world, unbroken)


NETWORK_WAITS = {k: v for k, v in ALL_DONE.items() if k != "net-2"} | {
    "net-1": "leave deferred", "net-2": "leave deferred"
}  # fmt: skip
PLATFORM_WAITS = {
    "net-2": "create done", "desk-2": "create done", "changes": "leave deferred", "grave": "leave deferred",
    "slight": "leave deferred", "ends": "leave deferred",
}  # fmt: skip


# -- repositories ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("has_issues", "default: /repos/acme/network/issues: 410: Issues are disabled for this repo; "
                       "turn issues on there, or correct `repo`"),
        ("archived", "default: acme/network is archived: nothing can be written; unarchive it, or correct `repo`"),
        ("private", "default: acme/network is public: tickets would publish vulnerabilities that are not fixed; "
                    "write `public: true` if that is meant"),
    ],
)  # fmt: skip
def test_a_closed_repository_stops_no_other(world: World, heals: Callable[[], None], setting: str, error: str) -> None:
    before = world.issues(NETWORK)
    is_shut = setting == "archived"
    world.github.repo(NETWORK).change(**{setting: is_shut})
    told = world.run(2)
    assert errors(told) == [error]
    assert outcomes(told) == NETWORK_WAITS
    assert tracker(told) | {"reads": 0} == {
        "name": "default", "reachable": True, "deferred": 2, "reads": 0, "writes": 7
    }  # fmt: skip
    reasons = {a["reason"] for a in told.document["actions"] if a["outcome"] == "deferred"}
    assert reasons == {error}
    world.github.repo(NETWORK).change(**{setting: not is_shut})
    assert world.issues(NETWORK) == before
    heals()


@pytest.mark.parametrize("setting", ["archived", "private"])
def test_a_closed_repository_is_not_written_to_for_an_update_either(world: World, setting: str) -> None:
    before = world.issues()
    world.github.repo(PLATFORM).change(**{setting: setting == "archived"})
    told = world.run(2)
    assert len(errors(told)) == 1
    assert outcomes(told) == PLATFORM_WAITS
    assert world.issues(PLATFORM) == {k: v for k, v in before.items() if k != "net-1"}


def test_a_public_repository_is_written_to_where_that_is_meant(world: World, unbroken: tuple[Stands, Stands]) -> None:
    world.github.repo(NETWORK).change(private=False)
    world.configure(", public: true")
    assert errors(world.run(2)) == []
    assert world.issues() == unbroken[1]


def test_a_repository_that_vanished(world: World) -> None:
    world.github.repo(NETWORK).vanish()
    told = world.run(2)
    assert errors(told) == [
        "default: /repos/acme/network/issues: 404: Not Found; correct `repo`, or let the token's owner see it"
    ]  # fmt: skip
    assert outcomes(told) == NETWORK_WAITS
    assert (told.document["plan"]["deferred"], tracker(told)["deferred"]) == (2, 2)
    assert not any(k.deleted_seen for k in History(world.place.history).tickets().values())


def test_the_only_repository_of_a_tracker_vanished(world: World) -> None:
    world.configure(repo=NETWORK)
    world.github.repo(PLATFORM).vanish()
    world.github.repo(NETWORK).vanish()
    told = world.run(2)
    [error] = errors(told)
    assert error.startswith("default: /repos/acme/network/issues: 404: Not Found; correct `repo`")
    assert tracker(told)["reachable"] is False
    assert outcomes(told)["desk-2"] == "create done"


@pytest.mark.parametrize("how", ["has_issues", "vanish"])
def test_a_plan_for_a_repository_that_is_away_by_now(world: World, how: str) -> None:
    """Tickets that cannot be seen because their repository cannot are not taken for deleted."""
    settings = config.load(world.place.folder / "triagebot.yaml")
    options = Options(now=FIRST.replace(day=18), taken_at=FIRST.replace(day=17))
    file = world.base / "plan.json"
    _, plan = app.make_plan_file(settings, two(world.base / "scan-2"), options)
    import msgspec

    file.write_bytes(msgspec.json.encode(plan))
    if how == "vanish":
        world.github.repo(PLATFORM).vanish()
    else:
        world.github.repo(PLATFORM).change(has_issues=False)
    told = app.apply_plan_file(settings, file, options)
    assert told.exit_code == 1
    assert outcomes(told) == ALL_DONE | {
        "grave": "create failed", "changes": "update failed", "slight": "create failed", "ends": "close failed"
    }  # fmt: skip
    assert not any(k.deleted_seen for k in History(world.place.history).tickets().values())


def test_a_renamed_repository(world: World, unbroken: tuple[Stands, Stands]) -> None:
    before = world.issues(NETWORK)
    world.github.repo(NETWORK).rename("wires")
    told = world.run(2)
    assert errors(told) == ["default: acme/network: was renamed to acme/wires; write `repo: acme/wires`"]
    assert outcomes(told) == NETWORK_WAITS
    assert world.issues("acme/wires") == before


def test_a_renamed_repository_without_tickets(world: World) -> None:
    world.github.new_repo("acme/empty")
    world.configure(network="acme/empty")
    world.github.repo("acme/empty").rename("full")
    told = world.run(2)
    assert errors(told) == ["default: acme/empty was renamed to acme/full; write `repo: acme/full`"]
    assert world.issues("acme/full") == {}


def test_a_locked_issue(world: World, heals: Callable[[], None]) -> None:
    """Who may write may comment on it; who may not is refused, for this ticket alone."""
    repo = world.github.repo()
    repo.allow("triage-bot", "triage")
    repo.lock(1)
    told = world.run(2)
    assert errors(told) == [
        "image:docker.io/a/changes: default: /repos/acme/platform/issues/1/comments: 403: Unable to create comment "
        "because issue is locked.; see what the token may do there"
    ]  # fmt: skip
    assert outcomes(told) == ALL_DONE | {"changes": "update failed"}
    assert repo.comments(1) == []
    repo.allow("triage-bot", "push")
    heals()


def test_a_token_that_may_only_read_and_file(world: World, unbroken: tuple[Stands, Stands]) -> None:
    """Its labels are dropped: a create whose answer is lost is found without them, and nothing is put back forever."""
    for name in (PLATFORM, NETWORK):
        world.github.repo(name).allow("triage-bot", "pull")
    world.github.front.fault("reset", *OPERATIONS["create"], after=True)
    told = world.run(2)
    assert errors(told) == []
    assert outcomes(told) == ALL_DONE
    assert (
        "default: acme/network dropped triagebot, priority/P2: the token may not set them there"
        in (told.document["warnings"])
    )
    stands = world.issues()
    assert {k: v["text"] for k, v in stands.items()} == {k: v["text"] for k, v in unbroken[1].items()}
    assert outcomes(world.run(2)) == {}


# -- limits ------------------------------------------------------------------------------------------------------


def test_new_tickets_are_limited_and_the_most_urgent_go_first(world: World, unbroken: tuple[Stands, Stands]) -> None:
    world.configure(new_tickets=1)
    told = world.run(2)
    assert (errors(told), told.document["plan"]["deferred"], tracker(told)["deferred"]) == ([], 2, 2)
    assert outcomes(told) == ALL_DONE | {"net-2": "create deferred", "slight": "create deferred"}
    waiting = {a["reason"] for a in told.document["actions"] if a["outcome"] == "deferred"}
    assert waiting == {"limits.new_tickets of 1 is reached"}
    assert outcomes(world.run(2)) == {"net-2": "create done", "slight": "create deferred"}
    assert outcomes(world.run(2)) == {"slight": "create done"}
    assert world.issues() == unbroken[1]


def test_writes_are_limited_and_the_most_urgent_go_first(world: World, unbroken: tuple[Stands, Stands]) -> None:
    world.configure(writes=3)
    told = world.run(2)
    assert (errors(told), tracker(told)["deferred"]) == ([], 3)
    waits = {"net-2": "create deferred", "slight": "create deferred", "ends": "close deferred"}
    assert outcomes(told) == ALL_DONE | waits
    waiting = {a["reason"] for a in told.document["actions"] if a["outcome"] == "deferred"}
    assert waiting == {"limits.writes of 3 is reached"}
    assert outcomes(world.run(2)) == {"net-2": "create done", "slight": "create done", "ends": "close deferred"}
    assert outcomes(world.run(2)) == {"ends": "close done"}
    assert world.issues() == unbroken[1]


def test_what_the_quota_does_not_hold_is_deferred_before_anything_is_written(
    world: World, heals: Callable[[], None]
) -> None:
    front = world.github.front
    token, mark = front.log[-1].token, len(front.log)
    looking, spare, first_two = 6, 20, 5
    front.leave(token, looking + spare + first_two, 1800)
    told = world.run(2)
    assert errors(told) == []
    waits = {"net-2": "create deferred", "slight": "create deferred", "ends": "close deferred"}
    assert outcomes(told) == ALL_DONE | waits
    until = datetime.fromtimestamp(int(front.identity(token).reset), UTC)
    waiting = {(a["cause"], a["reason"]) for a in told.document["actions"] if a["outcome"] == "deferred"}
    assert waiting == {("quota", f"GitHub allows {spare + first_two} more calls until {until:%H:%M} UTC")}
    assert {call.status for call in front.log[mark:]} <= {200, 201}
    front.leave(token, 5000)
    heals()


@pytest.mark.parametrize("reset_in", [120, 3000])
def test_the_quota_ends_all_the_same(
    world: World, unbroken: tuple[Stands, Stands], heals: Callable[[], None], reset_in: int
) -> None:
    """Somebody else used it up: a short while is waited for, a long one leaves the rest to the next run."""
    front = world.github.front
    token = front.log[-1].token
    when(world, "PATCH", "/issues/1", lambda: front.leave(token, 0, reset_in))
    told = world.run(2)
    if reset_in == 120:
        assert (errors(told), outcomes(told)) == ([], ALL_DONE)
        [waited] = world.clock.slept
        assert 119 <= waited <= 122
        assert world.notices == [f"default: GitHub asks to wait (403); trying again in {waited} s"]
        assert world.issues() == unbroken[1]
        return
    assert errors(told) == [
        "default: GitHub asks to wait (403), for 50 minutes more; the next run goes on (4 tickets wait)"
    ]
    assert world.clock.slept == []
    assert outcomes(told) == {
        k: v if k in ("grave", "desk-2") else v.replace("done", "deferred") for k, v in ALL_DONE.items()
    }
    assert len(world.github.repo().comments(1)) == 1
    front.shift(3001)
    heals()


# -- who signs in ------------------------------------------------------------------------------------------------


def test_the_token_of_a_workflow(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(github, tmp_path, monkeypatch)
    world.configure(network=PLATFORM)
    monkeypatch.setenv("GITHUB_TOKEN", github.workflow_token())
    for scan in (1, 2):
        assert errors(world.run(scan)) == []
    assert outcomes(world.run(2)) == {}
    assert {issue["user"]["login"] for issue in github.repo().issues()} == {"github-actions[bot]"}
    assert len(world.issues(PLATFORM)) == 6
    assert "403" not in {str(call.status) for call in github.front.log if call.path != "/user"}


@pytest.mark.parametrize("named", [True, False], ids=["installation", "no-installation"])
def test_a_github_app(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    world = made(github, tmp_path, monkeypatch)
    where = f", installation: {github.installation}" if named else ""
    world.configure(f", app: {{id: {github.app}{where}}}")
    monkeypatch.setenv("GITHUB_APP_KEY", github.app_key)
    monkeypatch.delenv("GITHUB_TOKEN")
    for scan in (1, 2):
        assert errors(world.run(scan)) == []
    assert outcomes(world.run(2)) == {}
    assert {issue["user"]["login"] for issue in github.repo().issues()} == {"triagebot-app[bot]"}
    assert len(world.issues()) == 6


@pytest.mark.parametrize("path", ["/app$", r"/app/installations/\d+/access_tokens"])
@pytest.mark.parametrize("times", [1, 10_000])
def test_a_github_app_that_signs_in_badly(
    github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, times: int
) -> None:
    world = made(github, tmp_path, monkeypatch)
    world.configure(f", app: {{id: {github.app}, installation: {github.installation}}}")
    monkeypatch.setenv("GITHUB_APP_KEY", github.app_key)
    assert errors(world.run(1)) == []
    shutil.rmtree(world.place.history)  # who one is must be asked anew
    fault = github.front.fault(failing(502), path=path, times=times)
    told = world.run(1)
    assert fault.hits == min(times, 10)
    assert world.clock.slept == ([1] if times == 1 else [1, 2, 4, 8] * 2)
    assert errors(told) == (
        []
        if times == 1
        else ["default: no answer: the GitHub App cannot sign in: 502: Server Error; the next run tries again"]
    )
    fault.times = 0
    told = world.run(1)
    assert (errors(told), outcomes(told)) == ([], {})
    assert world.issues().keys() == {"changes", "ends", "net-1"}


@pytest.mark.parametrize(
    ("more", "key", "error"),
    [
        ("id: {app}", "", "default: the environment variable GITHUB_APP_KEY is not set; set GITHUB_APP_KEY"),
        ("id: {app}", "no key", "default: GITHUB_APP_KEY holds no private key; put the PEM file's text in"),
        ("id: {app}, installation: 1", "no key", "default: GITHUB_APP_KEY holds no private key; put the PEM file's"),
        ("id: 77", "{key}", "default: the GitHub App cannot sign in: 401: "),
        ("id: {app}, installation: 77", "{key}", "default: the GitHub App cannot sign in: 404: "),
    ],
)
def test_a_github_app_that_cannot_sign_in(
    github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, key: str, error: str
) -> None:
    world = made(github, tmp_path, monkeypatch)
    world.configure(f", app: {{{more.format(app=github.app)}}}")
    monkeypatch.setenv("GITHUB_APP_KEY", key.format(key=github.app_key))
    told = world.run(1)
    [said] = errors(told)
    assert said.startswith(error)
    assert "GITHUB_APP_KEY" in said
    assert tracker(told)["reachable"] is False
    assert outcomes(told)["desk-1"] == "create done"
    assert world.issues() == {}
