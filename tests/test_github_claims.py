"""Tickets that triagebot filed under another name: nothing is filed beside them, and a stranger gains nothing by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from github_server import Github
from github_world import ONE, SETTINGS, TWO, World, made


@pytest.fixture
def world(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One repository, one team."""
    return made(github, tmp_path, monkeypatch)


HOME, SCHEDULE = "triage-bot", "github-actions[bot]"


def act_as(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """On a machine that knows nothing of what others filed."""
    monkeypatch.setenv("GITHUB_TOKEN", world.github.workflow_token() if name == SCHEDULE else world.github.token())
    if world.place.history.exists():
        world.forget()


@pytest.mark.parametrize(("first", "then"), [(HOME, SCHEDULE), (SCHEDULE, HOME)])
def test_a_run_with_another_token_files_nothing_beside_what_the_first_filed(
    world: World, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    """A first run at home with a token of one's own, then the schedule with that of Actions; or the other way round."""
    images = {"a/a": [ONE], "a/b": [TWO]}
    act_as(world, monkeypatch, first)
    world.run(0, images=images)
    act_as(world, monkeypatch, then)
    for day in (1, 2, 3):
        world.run(day, images=images, fails=True)
        assert (world.count(), world.told.exit_code) == (2, 1)
        (said,) = world.errors
        assert f'{first} filed one with its marker in acme/platform: write `authors: ["{first}"]`' in said
        assert said.endswith("(2 tickets wait)")
        left = [a for a in world.told.document["actions"] if a["outcome"] == "deferred"]
        assert {(a["kind"], a["cause"]) for a in left} == {("leave", "claimed")}
        assert sorted(a["ticket"]["id"] for a in left) == ["acme/platform#1", "acme/platform#2"]
        assert f"acme/platform: issues of {first} carry our marker; no ticket is filed" in world.warnings
    world.write(triagebot=SETTINGS.replace("pause: 0", f'pause: 0, authors: ["{first}"]'))
    world.run(4, images=images)
    assert (world.count(), world.told.exit_code, world.warnings) == (2, 0, "")


@pytest.mark.parametrize("by", ["outsider", "reader", "triager"])
def test_a_stranger_keeps_no_ticket_from_being_filed(world: World, by: str) -> None:
    world.run(0, ONE)
    world.repo.change(private=False)
    world.write(triagebot=SETTINGS.replace("pause: 0", "pause: 0, public: true"))
    forged = world.repo.file("mine", world.repo.body(1).replace("docker.io/a/a", "docker.io/a/b"), by=by)["number"]
    world.repo.add_labels(forged, "triagebot")
    world.forget()
    assert world.run(7, images={"a/a": [ONE], "a/b": [ONE]})["create"] == 1
    assert world.count() == 3
    assert "somebody else's issue carries our marker; it is ignored" in world.warnings


def test_what_stood_in_the_way_does_so_no_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(0, ONE)
    act_as(world, monkeypatch, SCHEDULE)
    world.run(1, ONE, fails=True)
    assert world.run(2, fails=True) == {}
    assert world.told.exit_code == 0, "there is nothing to file"
    world.repo.edit(1, body="emptied")
    assert world.run(3, ONE) == {"create": 1}
    assert world.run(4, ONE, TWO) == {"update": 1}
    assert not [c for c in world.calls() if "labels=" in c.path], "and there is no listing of all any more"


def test_tickets_of_others_take_no_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(0, images={"a/a": [ONE], "a/b": [ONE]})
    act_as(world, monkeypatch, SCHEDULE)
    world.write(triagebot=SETTINGS + "limits: {new_tickets: 1}\n")
    world.run(1, images={"a/a": [ONE], "a/b": [ONE], "a/c": [ONE]}, fails=True)
    assert world.count() == 3
    assert "a/c" in world.repo.issue(3)["title"]


def test_the_ticket_of_the_summary_is_not_filed_twice_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(triagebot=SETTINGS + f"summary: {{tracker: default, weekday: {world.start:%A}}}\n".lower())
    world.run(0, ONE)
    assert world.count() == 2
    act_as(world, monkeypatch, SCHEDULE)
    world.run(7, ONE, fails=True)
    assert world.count() == 2
    assert f"weekly summary: {HOME} filed one with its marker" in world.warnings
