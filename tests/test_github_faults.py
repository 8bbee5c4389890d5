"""Whole runs against a GitHub that breaks: what stands afterwards, what is said, and that the next run heals it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from fault_world import (
    ALL_DONE,
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
    revoke,
    tracker,
    unbroken_runs,
    when,
)
from github_front import CUT, HANG, RESET, TRUNCATED, Kind, failing, secondary_limit
from github_server import Github

OVERDUE = "update done"
"""What becomes of a ticket whose day has passed and in which nothing else changed: it gets a label."""


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


# -- faults that pass --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [failing(500), failing(502), failing(503), RESET, TRUNCATED, CUT, HANG], ids=str)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_fault_that_passes_leaves_no_trace(
    world: World, unbroken: tuple[Stands, Stands], kind: Kind, after: bool
) -> None:
    struck = [world.github.front.fault(kind, *fitting, after=after) for fitting in OPERATIONS.values()]
    told = world.run(2)
    assert [fault.hits for fault in struck] == [1, 1, 1, 1]
    assert errors(told) == []
    assert outcomes(told) == ALL_DONE
    assert world.issues() == unbroken[1]
    assert world.clock.slept == [1, 1, 1, 1]
    assert [n.rpartition("; ")[2] for n in world.notices] == ["trying again in 1 s"] * 4


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        (failing(429, "slow", retry_after="3"), [3]),
        (failing(429, "slow"), [60]),
        (secondary_limit(7), [7]),
        (secondary_limit(), [60]),
        (secondary_limit(status=429), [60]),
    ],
    ids=["429-after-3", "429", "secondary-after-7", "secondary", "secondary-429"],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_limit_is_obeyed(
    world: World, unbroken: tuple[Stands, Stands], kind: Kind, waits: list[int], operation: str
) -> None:
    assert world.github.front.fault(kind, *OPERATIONS[operation])
    told = world.run(2)
    assert errors(told) == []
    assert outcomes(told) == ALL_DONE
    assert world.issues() == unbroken[1]
    assert world.clock.slept == waits
    [said] = world.notices
    assert said == f"default: GitHub asks to wait ({kind.status}); trying again in {waits[0]} s"  # type: ignore[union-attr]


def test_waits_that_are_not_asked_for_double(world: World, unbroken: tuple[Stands, Stands]) -> None:
    world.github.front.fault(failing(429), *OPERATIONS["create"], times=3)
    told = world.run(2)
    assert (errors(told), world.clock.slept) == ([], [60, 120, 240])
    assert world.issues() == unbroken[1]


# -- faults that stay --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("operation", "unfit"),
    [("create", {"grave", "net-2", "slight"}), ("update", {"changes", "ends"}), ("comment", {"changes", "ends"})],
)
def test_a_write_that_never_gets_an_answer(
    world: World, heals: Callable[[], None], operation: str, unfit: set[str], after: bool
) -> None:
    fault = world.github.front.fault(failing(502), *OPERATIONS[operation], times=10_000, after=after)
    told = world.run(2)
    is_found = after and operation != "update"  # what was done is found again, but for an update: that is repeated
    refused = set() if is_found else unfit
    assert outcomes(told) == {k: v.replace("done", "failed") if k in refused else v for k, v in ALL_DONE.items()}
    assert {e.partition(": default: no answer: GitHub answered 502 to ")[0] for e in errors(told)} == {
        f"image:docker.io/a/{key}" for key in refused
    }
    assert all(e.endswith("; the next run tries again") for e in errors(told))
    assert tracker(told)["reachable"]
    assert world.clock.slept == [1] * len(unfit) if is_found else [1, 2, 4, 8] * len(unfit)
    fault.times = 0
    heals()


@pytest.mark.parametrize("kind", [failing(502), RESET, secondary_limit(3000)], ids=str)
def test_one_bad_ticket_does_not_stop_the_others(world: World, heals: Callable[[], None], kind: Kind) -> None:
    """Where GitHub asks to wait for longer than a run may, there is nothing else to do than to stop."""
    fault = world.github.front.fault(kind, *OPERATIONS["comment"][:1], r"/issues/1/comments$", times=10_000)
    told = world.run(2)
    is_halt = world.clock.slept == []
    [error] = errors(told)
    if is_halt:
        assert error == "default: GitHub asks to wait (403), for 50 minutes more; the next run goes on (4 tickets wait)"
        assert tracker(told)["deferred"] == 4
        assert outcomes(told) == {
            k: v if k in ("grave", "desk-2") else v.replace("done", "deferred") for k, v in ALL_DONE.items()
        }
    else:
        assert error.startswith("image:docker.io/a/changes: default: no answer: ")
        assert outcomes(told) == ALL_DONE | {"changes": "update failed"}
    fault.times = 0
    heals()


def test_a_listing_that_never_gets_an_answer_shuts_its_repository(world: World, heals: Callable[[], None]) -> None:
    fault = world.github.front.fault(failing(503), "GET", r"/platform/issues\?", times=10_000)
    told = world.run(2)
    [error] = errors(told)
    url = f"{world.github.url}/repos/{PLATFORM}/issues"
    assert error == f"default: no answer: GitHub answered 503 to GET {url}; the next run tries again"
    assert outcomes(told) == {
        "net-2": "create done", "desk-2": "create done", "changes": "leave deferred", "grave": "leave deferred",
        "slight": "leave deferred", "ends": "leave deferred",
    }  # fmt: skip
    reasons = {a["reason"] for a in told.document["actions"] if a["outcome"] == "deferred"}
    assert reasons == {error}
    assert tracker(told) | {"reads": 0} == {
        "name": "default", "reachable": True, "deferred": 4, "reads": 0, "writes": 1
    }  # fmt: skip
    fault.times = 0
    heals()


@pytest.mark.parametrize("kind", [RESET, failing(500), failing(429)], ids=str)
def test_a_server_that_is_away_stops_nobody_else(world: World, heals: Callable[[], None], kind: Kind) -> None:
    fault = world.github.front.fault(kind, times=10_000)
    told = world.run(2)
    assert len(errors(told)) == 1
    assert tracker(told)["reachable"] is False
    assert tracker(told, "files")["reachable"]
    assert {v for k, v in outcomes(told).items() if k != "desk-2"} == {"leave deferred"}
    assert outcomes(told)["desk-2"] == "create done"
    assert world.clock.slept == ([60, 120, 240, 480] if "429" in str(kind) else [1, 2, 4, 8] * 2)
    fault.times = 0
    heals()


def test_a_listing_that_fails_on_its_second_page_is_none(world: World, heals: Callable[[], None]) -> None:
    for number in range(101):
        world.github.repo(NETWORK).file(f"by hand {number}", by="octocat", labels=["triagebot"])
    fault = world.github.front.fault(failing(502), "GET", r"/network/issues\?.*page=2\b", times=10_000)
    told = world.run(2, days=40)  # all is listed anew
    assert fault.hits == 5
    assert len(errors(told)) == 1
    assert world.issues(NETWORK).keys() == {"net-1"}
    shut = {"net-1": "leave deferred", "net-2": "leave deferred"}
    assert outcomes(told) == {k: v for k, v in ALL_DONE.items() if k != "net-2"} | shut | {"desk-1": OVERDUE}
    fault.times = 0
    heals()


def test_a_ticket_that_cannot_be_looked_up_holds_up_nobody_else(world: World, heals: Callable[[], None]) -> None:
    world.github.repo().remove_label(1, "triagebot")
    fault = world.github.front.fault(failing(500), "GET", r"/platform/issues/1$", times=10_000)
    told = world.run(2, days=40)
    assert [e.partition(" cannot be read: ")[0] for e in errors(told)] == ["default: acme/platform#1"]
    late = {"net-1": OVERDUE, "desk-1": OVERDUE}
    assert outcomes(told) == ALL_DONE | {"changes": "leave done"} | late
    fault.times = 0
    heals()


# -- the token ---------------------------------------------------------------------------------------------------


HALF = {k: v if k in ("grave", "desk-2") else v.replace("done", "deferred") for k, v in ALL_DONE.items()}


def test_a_token_that_expires_half_way(
    world: World, heals: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    when(world, "PATCH", "/issues/1", lambda: revoke(world))
    told = world.run(2)
    assert errors(told) == [
        "default: /repos/acme/platform/issues/1: 401: Bad credentials; renew the token in GITHUB_TOKEN "
        "(4 tickets wait)"
    ]  # fmt: skip
    assert outcomes(told) == HALF
    assert tracker(told)["deferred"] == 4
    assert len(world.github.repo().comments(1)) == 1  # said before the change, and found by the next run
    assert [call.status for call in world.github.front.log[-2:]] == [201, 401]
    monkeypatch.setenv("GITHUB_TOKEN", world.github.token())
    heals()


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("ghp_wrong", "default: /repos/acme/network/issues: 401: Bad credentials; renew the token in GITHUB_TOKEN"),
        ("", "default: the environment variable GITHUB_TOKEN is not set; set GITHUB_TOKEN, or name another one"),
    ],
    ids=["wrong", "none"],
)
def test_a_token_that_never_worked(
    world: World, heals: Callable[[], None], monkeypatch: pytest.MonkeyPatch, token: str, error: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", token)
    mark = len(world.github.front.log)
    told = world.run(2)
    assert errors(told) == [error]
    assert len(world.github.front.log) - mark == bool(token)
    assert tracker(told)["reachable"] is False
    assert told.document["plan"]["deferred"] == tracker(told)["deferred"] == 5
    assert outcomes(told)["desk-2"] == "create done"
    monkeypatch.setenv("GITHUB_TOKEN", world.github.token())
    heals()
