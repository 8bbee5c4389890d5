"""What people do to tickets on GitHub, through whole runs: the rows of the state table, and commands by comment.

`lost`: the same with the history lost just before the run that finds what they did; what people decided must hold.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from github_server import Github
from github_world import ONE, SETTINGS, THREE, TWO, World, made
from reports import vulnerability

LOST = pytest.mark.parametrize("lost", [False, True], ids=["known", "lost"])


@pytest.fixture
def world(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One repository, one team."""
    return made(github, tmp_path, monkeypatch)


def forgotten(world: World, lost: bool) -> None:
    """Lose the history, if this is the test of that."""
    if lost:
        world.forget()


# ---- closed by a person ----


@LOST
@pytest.mark.parametrize("reason", ["not_planned", "duplicate"])
def test_a_decision_holds_for_what_the_ticket_showed_until_it_expires(world: World, reason: str, lost: bool) -> None:
    assert world.run(0, ONE) == {"create": 1}
    world.at(1)
    world.repo.close(1, reason, by="octocat")
    forgotten(world, lost)
    assert world.run(7, ONE) == {}
    assert world.repo.state(1)[0] == "closed"
    assert f"closed as {reason.replace('_', '-')}" in world.told.summary
    forgotten(world, lost)
    assert world.run(14, ONE, TWO) == {"reopen": 1}
    assert world.causes() == ["not-shown-before"]
    assert (world.repo.state(1)[0], world.names()) == ("open", {"CVE-2026-0002"})
    assert "CVE-2026-0001" not in world.repo.comments(1)[-1]["body"]
    forgotten(world, lost)
    assert world.run(21, ONE, TWO) == {"update": 1}  # the tag; the decision still holds
    assert world.names() == {"CVE-2026-0002"}
    assert "decided before" in world.told.summary
    forgotten(world, lost)
    assert world.run(98, ONE, TWO) == {"update": 1}
    assert world.names() == {"CVE-2026-0001", "CVE-2026-0002"}
    assert "Decisions in force" not in world.told.summary
    assert world.count() == 1


@LOST
def test_an_expired_decision_reopens(world: World, lost: bool) -> None:
    world.run(0, ONE)
    world.at(1)
    world.repo.close(1, "not_planned")
    assert world.run(90, ONE) == {}
    forgotten(world, lost)
    assert world.run(92, ONE) == {"reopen": 1}
    assert world.causes() == ["decision-expired"]
    assert "has expired" in world.repo.comments(1)[-1]["body"]


@LOST
def test_done_is_believed_until_a_newer_image_or_the_grace_says_otherwise(world: World, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    world.at(1)
    world.repo.close(1)
    forgotten(world, lost)
    assert world.run(7, ONE, tag="1.0") == {}
    assert world.causes() == ["closed-not-yet-verified"]
    forgotten(world, lost)
    assert world.run(16, ONE, tag="1.0") == {"reopen": 1}
    world.at(17)
    world.repo.close(1)
    assert world.run(18, ONE, tag="1.0") == {}  # once per closing
    forgotten(world, lost)
    assert world.run(19, ONE, tag="1.1") == {"reopen": 1}
    assert world.causes() == ["closed-but-present"]
    assert world.count() == 1


@LOST
def test_a_duplicate_of_a_ticket_of_ours_holds_until_that_closes(world: World, lost: bool) -> None:
    both = {"a/a": [ONE], "a/b": [TWO]}
    world.run(0, images=both)
    world.at(1)
    world.repo.close(1, "duplicate", other=2, by="octocat")
    forgotten(world, lost)
    assert "reopen" not in world.run(7, images=both)
    assert "reopen" not in world.run(190, images=both)  # no expiry while the other one is open
    world.repo.close(2, "not_planned")
    forgotten(world, lost)
    assert world.run(197, images=both) == {"reopen": 1}
    assert world.repo.state(1)[0] == "open"


@LOST
def test_what_a_duplicate_waits_for_is_said_by_people_who_may_decide(world: World, lost: bool) -> None:
    never, other = (world.repo.file(title, by="hubot")["number"] for title in ("never closed", "upgrade busybox"))
    world.run(0, ONE)
    world.at(1)
    world.repo.close(3, "duplicate", other=other)
    for by in ("reader", "triager"):
        world.repo.comment(3, f"Duplicate of #{never}", by)
    forgotten(world, lost)
    assert world.run(7, ONE) == {}
    world.repo.close(other)
    forgotten(world, lost)
    assert world.run(14, ONE) == {"reopen": 1}


@LOST
def test_a_duplicate_of_somebody_elses_issue_holds_until_that_closes(world: World, lost: bool) -> None:
    other = world.repo.file("upgrade busybox everywhere", by="hubot")["number"]
    world.run(0, ONE)
    world.at(1)
    world.repo.close(2, "duplicate", other=other)
    forgotten(world, lost)
    assert world.run(7, ONE) == {}
    assert world.run(190, ONE) == {}
    before = world.repo.issue(other)["updated_at"]
    world.repo.close(other)
    forgotten(world, lost)
    assert world.run(197, ONE) == {"reopen": 1}
    assert (world.repo.issue(other)["comments"], before <= world.repo.issue(other)["updated_at"]) == (0, True)


@LOST
def test_a_duplicate_that_opened_for_something_new_still_waits_for_the_other_issue(world: World, lost: bool) -> None:
    other = world.repo.file("upgrade busybox everywhere", by="hubot")["number"]
    world.run(0, ONE)
    world.at(1)
    world.repo.close(2, "duplicate", other=other)
    assert world.run(7, ONE, TWO) == {"reopen": 1}
    forgotten(world, lost)
    world.run(190, ONE, TWO)
    assert world.names(2) == {"CVE-2026-0002"}
    assert "| the other ticket is closed | decided before: closed as a duplicate |" in world.told.summary
    world.repo.close(other)
    forgotten(world, lost)
    world.run(197, ONE, TWO)
    assert world.names(2) == {"CVE-2026-0001", "CVE-2026-0002"}


@LOST
@pytest.mark.parametrize("name", ["nothing", "../../../user#1", "octo/none#1", "octo/none#x"])
def test_a_marker_that_waits_for_no_issue_holds_until_its_day(world: World, lost: bool, name: str) -> None:
    """People can edit a marker."""
    other = world.repo.file("upgrade busybox everywhere", by="hubot")["number"]
    world.run(0, ONE)
    world.at(1)
    world.repo.close(2, "duplicate", other=other)
    world.run(7, ONE, TWO)
    body = world.repo.issue(2)["body"]
    told = f"duplicate:{world.repo.name}\\u0023{other}|"
    assert told in body
    world.repo.edit(2, body=body.replace(told, f"duplicate:{name}|"))
    forgotten(world, lost)
    world.run(14, ONE, TWO)
    assert (world.names(2), world.told.document["errors"]) == ({"CVE-2026-0002"}, [])
    forgotten(world, lost)
    world.run(98, ONE, TWO)
    assert (world.names(2), world.told.document["errors"]) == ({"CVE-2026-0001", "CVE-2026-0002"}, [])


@LOST
def test_reopened_by_a_person_it_names_everything_again(world: World, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    world.at(1)
    world.repo.close(1, "not_planned")
    world.run(7, ONE, tag="1.0")
    world.at(8)
    world.repo.reopen(1)
    forgotten(world, lost)
    assert world.run(14, ONE, tag="1.0") == {}
    assert (world.repo.state(1)[0], world.names()) == ("open", {"CVE-2026-0001"})
    assert world.run(21, ONE, TWO, tag="1.0") == {"update": 1}
    assert world.names() == {"CVE-2026-0001", "CVE-2026-0002"}


@LOST
def test_what_we_closed_and_is_there_again_is_reopened(world: World, lost: bool) -> None:
    world.run(0, ONE)
    assert world.run(7) == {"close": 1}
    assert world.repo.state(1) == ("closed", "completed")
    forgotten(world, lost)
    assert world.run(14, ONE) == {"reopen": 1}
    due = world.start + timedelta(days=14 + 30) - timedelta(minutes=10)
    assert world.marker()["due"] == f"{due:%Y-%m-%d}"
    assert world.count() == 1


# ---- deleted, transferred ----


def test_a_deleted_ticket_is_a_decision(world: World) -> None:
    world.run(0, ONE)
    world.repo.delete(1)
    world.run(7, ONE, fails=True)
    assert [a["outcome"] for a in world.told.document["actions"]] == ["gone"]
    assert (world.told.exit_code, "a person deleted it" in world.errors[0]) == (1, True)
    assert world.run(14, ONE) == {}
    assert "was deleted" in world.warnings
    assert world.run(21, ONE, TWO) == {"create": 1}
    assert world.names(2) == {"CVE-2026-0002"}
    assert world.run(100, ONE, TWO) == {"update": 1}
    assert world.names(2) == {"CVE-2026-0001", "CVE-2026-0002"}


def test_a_deleted_ticket_is_missed_by_the_next_full_listing(world: World) -> None:
    world.run(0, ONE, tag="1.0")
    world.repo.delete(1)
    assert world.run(31, ONE, tag="1.0") == {}
    assert "was deleted" in world.warnings
    assert world.count() == 0


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "unlisted"])
@pytest.mark.parametrize("days", [7, 40], ids=["changes", "full listing"])
def test_a_transferred_ticket_is_followed(world: World, github: Github, listed: bool, days: int) -> None:
    there = github.repo("acme/network") if listed else github.new_repo("acme/attic")
    if listed:
        world.write(triagebot=SETTINGS + "teams: teams.yaml\n", teams=TEAMS)
    images = {"a/a": [ONE], "a/net-1": [TWO]}
    world.run(0, images=images)
    moved = world.repo.transfer(1, there)["number"]
    done = world.run(days, images={"a/a": [ONE, THREE], "a/net-1": [TWO]})
    assert "create" not in done
    assert world.names(moved, there) == {"CVE-2026-0001", "CVE-2026-0003"}
    assert world.run(days + 7, images={"a/a": [], "a/net-1": [TWO]})["close"] == 1
    assert there.state(moved) == ("closed", "completed")
    assert world.run(days + 14, images={"a/a": [ONE], "a/net-1": [TWO]})["reopen"] == 1
    assert there.state(moved)[0] == "open"
    assert world.count() + world.count(there) == 2


def test_a_command_on_a_transferred_ticket_is_heard(world: World, github: Github) -> None:
    attic = github.new_repo("acme/attic")
    attic.allow("octocat", "push")
    world.run(0, ONE)
    moved = world.repo.transfer(1, attic)["number"]
    world.run(7, ONE)
    said = world.say("/triagebot snooze 14d", moved, repo=attic)
    assert world.run(14, ONE) == {"close": 1}
    assert world.reactions(said, attic) == ["+1"]


# ---- text, labels, people ----


def test_a_label_that_is_taken_off_is_put_back(world: World) -> None:
    world.run(0, ONE, tag="1.0")
    world.repo.remove_label(1, "triagebot")
    assert world.run(7, ONE, tag="1.0") == {"update": 1}
    assert world.causes() == ["marker-restored"]
    assert set(world.repo.labels(1)) == {"triagebot", "priority/P2"}


def test_a_label_spelt_otherwise_is_the_same_label(world: World) -> None:
    """A repository may have had `Triagebot` before us: GitHub keeps its spelling."""
    world.github.act("maintainer", "POST", "/repos/acme/platform/labels", {"name": "Triagebot", "color": "ededed"})
    world.run(0, ONE, tag="1.0")
    assert "dropped" not in world.warnings
    assert world.run(7, ONE, tag="1.0") == {}
    assert set(world.repo.labels(1)) == {"Triagebot", "priority/P2"}
    world.repo.remove_label(1, "Triagebot")
    assert world.run(14, ONE, tag="1.0") == {"update": 1}
    assert set(world.repo.labels(1)) == {"Triagebot", "priority/P2"}


@pytest.mark.parametrize(
    "damage",
    [
        r"<!-- triagebot:marker .*?-->\n", r"<!-- triagebot:(begin|end) -->\n?", r"<!-- triagebot.*?-->\n?",
        r"(?s)<!-- triagebot:begin.*triagebot:end -->\n?", r"(?s).*",
    ],
)  # fmt: skip
def test_what_we_keep_in_the_text_is_put_back(world: World, damage: str) -> None:
    world.run(0, ONE, tag="1.0")
    world.repo.edit(1, body="Mine.\n" + re.sub(damage, "", world.repo.body(1)))
    assert world.run(7, ONE, tag="1.0") == {"update": 1}
    assert world.marker()["key"] == "image:docker.io/a/a"
    assert world.repo.body(1).startswith("Mine.\n")
    assert world.count() == 1
    world.forget()
    assert world.run(14, ONE, tag="1.0") == {}


@LOST
def test_text_around_the_block_stays(world: World, lost: bool) -> None:
    world.run(0, ONE)
    world.repo.edit(1, body=f"Above: *mine*.\r\n\r\n{world.repo.body(1)}\n\nBelow, `mine` too.", title="My title")
    forgotten(world, lost)
    assert world.run(7, ONE, TWO) == {"update": 1}
    body = world.repo.body(1)
    assert body.startswith("Above: *mine*.\r\n\r\n<!-- triagebot:begin -->")
    assert body.endswith("<!-- triagebot:end -->\n\n\nBelow, `mine` too.")
    assert world.repo.issue(1)["title"] == "[P2] docker.io/a/a: 2 high to fix"


def test_a_title_is_ours_only_when_there_is_something_to_say(world: World) -> None:
    world.run(0, ONE, tag="1.0")
    world.repo.edit(1, title="My title")
    assert world.run(7, ONE, tag="1.0") == {}
    assert world.repo.issue(1)["title"] == "My title"


@LOST
def test_labels_and_people_stay_as_people_left_them(world: World, lost: bool) -> None:
    world.write(
        triagebot=SETTINGS + "teams: teams.yaml\n",
        teams="teams: {base: {assignees: [octocat, hubot], labels: [team/base, images]}}\nunowned: base\n",
    )
    world.run(0, ONE)
    assert set(world.repo.assignees(1)) == {"octocat", "hubot"}
    world.repo.edit(1, assignees=["hubot", "maintainer"], labels=["triagebot", "team/base", "priority/P2", "mine"])
    milestone = world.github.act("maintainer", "POST", "/repos/acme/platform/milestones", {"title": "May"})["number"]
    world.repo.edit(1, milestone=milestone)
    forgotten(world, lost)
    assert world.run(7, ONE, vulnerability("CVE-2026-0009", severity="CRITICAL")) == {"update": 1}
    assert set(world.repo.assignees(1)) == {"hubot", "maintainer"}
    assert set(world.repo.labels(1)) == {"triagebot", "team/base", "priority/P1", "mine"}
    assert world.repo.issue(1)["milestone"]["title"] == "May"
    sent = [c.body for c in world.calls() if c.method == "PATCH"]
    assert all("milestone" not in body for body in sent)


# ---- moved ----

TEAMS = """
teams: {base: {tracker: default}, net: {tracker: default, repo: acme/network}}
unowned: base
images: [{match: "*/net-*", team: net}]
"""
ALL_NET = TEAMS.replace("*/net-*", "*")
AT_FILES = (
    "teams: {base: {tracker: default}, desk: {tracker: files}}\nunowned: base\nimages: [{match: '*', team: desk}]\n"
)


@LOST
def test_a_team_moves_to_another_repository_and_back(world: World, lost: bool) -> None:
    world.write(triagebot=SETTINGS + "teams: teams.yaml\n", teams=TEAMS)
    network = world.github.repo("acme/network")
    world.run(0, ONE)
    due = world.marker()["due"]
    world.write(teams=ALL_NET)
    forgotten(world, lost)
    assert world.run(7, ONE) == {"create": 1, "move": 1}
    assert world.repo.state(1) == ("closed", "not_planned")
    assert f"{world.github.url}/acme/network/issues/1" in world.repo.comments(1)[-1]["body"]
    assert (network.state(1)[0], world.names(1, network)) == ("open", {"CVE-2026-0001"})
    assert world.marker(1, network)["due"] == due
    world.write(teams=TEAMS)
    forgotten(world, lost)
    world.run(14, ONE)
    if not lost:
        assert (network.state(1)[0], world.repo.state(1)[0]) == ("closed", "open")
    assert world.count() == 1


@LOST
def test_a_decision_moves_along(world: World, lost: bool) -> None:
    world.write(triagebot=SETTINGS + "teams: teams.yaml\n", teams=TEAMS)
    network = world.github.repo("acme/network")
    world.run(0, ONE)
    world.at(1)
    world.repo.close(1, "not_planned")
    world.write(teams=ALL_NET)
    forgotten(world, lost)
    assert world.run(7, ONE) == {}
    assert world.run(14, ONE, TWO) == {"create": 1}
    assert world.names(1, network) == {"CVE-2026-0002"}
    forgotten(world, lost)
    assert world.run(21, ONE, TWO) == {"update": 1}
    assert world.names(1, network) == {"CVE-2026-0002"}


@LOST
def test_a_team_moves_to_another_tracker_and_back(world: World, lost: bool) -> None:
    two = "trackers: {default: {type: github, repo: acme/platform, pause: 0}, files: {type: local, path: tickets}}\n"
    world.write(triagebot=two + "teams: teams.yaml\n", teams=AT_FILES.replace("match: '*'", "match: none"))
    world.run(0, ONE)
    world.write(teams=AT_FILES)
    forgotten(world, lost)
    assert world.run(7, ONE) == {"create": 1, "move": 1}
    assert world.repo.state(1) == ("closed", "not_planned")
    assert world.place.open_keys() == {"image:docker.io/a/a"}
    world.write(teams=AT_FILES.replace("match: '*'", "match: none"))
    forgotten(world, lost)
    assert world.run(14, ONE) == {"reopen": 1, "move": 1}
    assert (world.repo.state(1)[0], world.place.open_keys()) == ("open", set())
    assert (world.count(), len(world.place.tickets())) == (1, 1)


def test_teams_route_to_different_repositories_in_one_run(world: World) -> None:
    world.write(triagebot=SETTINGS + "teams: teams.yaml\n", teams=TEAMS)
    assert world.run(0, images={"a/a": [ONE], "a/net-1": [TWO]}) == {"create": 2}
    assert world.names(1) == {"CVE-2026-0001"}
    assert world.names(1, world.github.repo("acme/network")) == {"CVE-2026-0002"}


# ---- commands ----


@LOST
def test_snooze(world: World, lost: bool) -> None:
    world.run(0, ONE)
    world.at(1)
    said = world.say("/triagebot snooze 14d")
    forgotten(world, lost)
    assert world.run(7, ONE) == {"close": 1}
    assert world.causes() == ["decided"]
    assert world.reactions(said) == ["+1"]
    assert world.replies() == []
    assert re.search(rf"\| {world.start + timedelta(days=15):%Y-%m-%d} \| snooze \| octocat \|", world.told.summary)
    forgotten(world, lost)
    assert world.run(14, ONE) == {}
    forgotten(world, lost)
    assert world.run(15.5, ONE) == {"reopen": 1}
    assert world.names() == {"CVE-2026-0001"}
    assert "Decisions in force" not in world.told.summary


@LOST
@pytest.mark.parametrize("kind", ["accept", "false-positive"])
def test_a_reasoned_decision_holds_for_what_was_shown(world: World, kind: str, lost: bool) -> None:
    world.run(0, ONE)
    until = world.start + timedelta(days=60)
    told = f" until {until:%Y-%m-%d}" if kind == "accept" else ""
    world.at(1)
    world.say(f"Looked at it.\n\n/triagebot {kind}{told} because awk | is not @org/used\n\nThanks!")
    forgotten(world, lost)
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert world.names() == {"CVE-2026-0002"}
    row = next(row for row in world.told.summary.splitlines() if f"| {kind} |" in row)
    assert "octocat" in row
    assert "awk" in row
    assert "`acme/platform#1`" in row
    assert "@org" not in row
    forgotten(world, lost)
    assert world.run(14, ONE, TWO) == {"update": 1}
    assert world.names() == {"CVE-2026-0002"}
    assert "awk" in world.told.summary
    forgotten(world, lost)
    world.run(95, ONE, TWO)
    assert world.names() == {"CVE-2026-0001", "CVE-2026-0002"}


@LOST
def test_reopen_ends_a_closing(world: World, lost: bool) -> None:
    world.run(0, ONE)
    world.at(1)
    world.repo.close(1, "not_planned")
    world.run(7, ONE)
    world.at(8)
    said = world.say("/triagebot reopen")
    forgotten(world, lost)
    assert world.run(14, ONE) == {"reopen": 1}
    assert world.reactions(said) == ["+1"]
    assert world.names() == {"CVE-2026-0001"}
    assert "Decisions in force" not in world.told.summary


@LOST
def test_reopen_of_one_closed_as_done_does_not_wait_for_a_newer_image(world: World, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    world.at(1)
    world.repo.close(1)
    world.at(2)
    world.say("/triagebot reopen")
    forgotten(world, lost)
    assert world.run(3, ONE, tag="1.0") == {"reopen": 1}
    assert world.causes() == ["asked"]
    world.at(4)
    world.repo.close(1)
    forgotten(world, lost)
    assert world.run(5, ONE, tag="1.0") == {}  # asked for once, not for good


@LOST
def test_a_decision_after_a_reopen_outlives_the_history(world: World, lost: bool) -> None:
    """What went into the marker is not undone by a `reopen` that came before it."""
    world.run(0, ONE)
    for day, text in ((1, "/triagebot snooze 90d"), (2, "/triagebot reopen"), (3, "/triagebot snooze 90d")):
        world.at(day)
        world.say(text)
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert world.names() == {"CVE-2026-0002"}
    forgotten(world, lost)
    assert world.run(14, ONE, TWO) == {"update": 1}
    assert world.names() == {"CVE-2026-0002"}


@LOST
def test_a_command_on_a_closed_ticket(world: World, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    world.at(1)
    world.repo.close(1)
    said = world.say("/triagebot false-positive because it is not there")
    forgotten(world, lost)
    assert world.run(20, ONE, tag="1.0") == {}  # longer than done_grace
    assert world.reactions(said) == ["+1"]
    assert world.run(95, ONE, tag="1.0") == {"reopen": 1}


@LOST
@pytest.mark.parametrize("by", ["reader", "triager"])
def test_without_write_access_nobody_decides(world: World, by: str, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    said = world.say("/triagebot snooze 14d", by=by)
    assert world.run(7, ONE, tag="1.0") == {}
    assert world.repo.state(1)[0] == "open"
    assert world.reactions(said) == ["confused"]
    assert len(world.replies()) == 1
    assert "Only people with write access" in world.replies()[0]
    forgotten(world, lost)
    assert world.run(14, ONE, tag="1.0") == {}
    assert len(world.replies()) == 1


@LOST
@pytest.mark.parametrize(
    "text", ["", "snooze", "snooze 14 apples", "accept", "accept until tomorrow because", "rm -rf"]
)
def test_a_malformed_command_is_answered_once(world: World, text: str, lost: bool) -> None:
    world.run(0, ONE, tag="1.0")
    said = world.say(f"/triagebot {text}")
    assert world.run(7, ONE, tag="1.0") == {}
    assert world.reactions(said) == ["confused"]
    assert len(world.replies()) == 1
    assert len(world.replies()[0]) < 400
    forgotten(world, lost)
    assert world.run(14, ONE, tag="1.0") == {}
    assert len(world.replies()) == 1
    assert world.reactions(said) == ["confused"]


@pytest.mark.parametrize(
    "text", ["> /triagebot snooze 14d", "```\n/triagebot snooze 14d\n```", "see `/triagebot snooze 14d`"]
)
def test_a_quotation_is_no_command(world: World, text: str) -> None:
    world.run(0, ONE, tag="1.0")
    said = world.say(text)
    assert world.run(7, ONE, tag="1.0") == {}
    assert (world.reactions(said), world.replies(), world.repo.state(1)[0]) == ([], [], "open")


def test_the_bots_own_words_are_no_command(world: World) -> None:
    world.run(0, ONE, tag="1.0")
    said = world.say("/triagebot snooze 14d", by="triage-bot")
    assert world.run(7, ONE, tag="1.0") == {}
    assert (world.reactions(said), world.repo.state(1)[0]) == ([], "open")


@LOST
def test_a_malformed_command_that_is_corrected_counts(world: World, lost: bool) -> None:
    """Also where the ticket was written meanwhile, so that its marker knows the comment as it was."""
    world.run(0, ONE)
    said = world.say("/triagebot snooze 14")
    world.run(7, ONE, TWO)
    assert world.replies() != []
    world.at(8)
    world.repo.edit_comment(said, "/triagebot snooze 60d", by="octocat")
    forgotten(world, lost)
    assert world.run(14, ONE, TWO) == {"close": 1}
    assert set(world.reactions(said)) == {"confused", "+1"}
    assert len(world.replies()) == 1


def test_a_decision_that_is_edited_away_ends(world: World) -> None:
    world.run(0, ONE)
    said = world.say("/triagebot snooze 60d")
    world.run(7, ONE)
    world.at(8)
    world.repo.edit_comment(said, "/triagebot snooze 7d", by="octocat")
    assert world.run(16, ONE) == {"reopen": 1}


def test_decisions_are_kept_in_history(world: World) -> None:
    world.run(0, ONE)
    world.say("/triagebot snooze 14d")
    world.run(7, ONE)
    [known] = [json.loads(path.read_text()) for path in (world.place.history / "tickets").glob("*.json")]
    [remark] = known["ticket"]["remarks"]
    assert (remark["by"], remark["text"], remark["allowed"]) == ("octocat", "/triagebot snooze 14d", True)
    assert remark["answered"]
    assert remark["shown"] == known["ticket"]["marker"]["shown"]
    mark = len(world.github.front.log)
    world.run(14, ONE)
    assert not [c for c in world.github.front.log[mark:] if "permission" in c.path]  # asked once


# ---- who is assigned, labels, milestone, type ----


def test_people_who_cannot_be_assigned_are_found_before_filing(world: World) -> None:
    world.write(
        triagebot=SETTINGS + "teams: teams.yaml\n",
        teams='teams: {base: {assignees: [octocat, reader], mention: "@acme/platform"}}\nunowned: base\n',
    )
    assert world.run(0, ONE, tag="1.0") == {"create": 1}
    assert world.repo.assignees(1) == ["octocat"]
    assert "\n@acme/platform\n" in world.repo.body(1)
    assert "reader cannot be assigned in acme/platform" in world.told.summary
    created = next(c for c in world.calls() if c.path == "/repos/acme/platform/issues" and c.method == "POST")
    assert created.body["assignees"] == ["octocat"]
    assert "dropped" not in world.warnings
    world.run(5, ONE, tag="1.0")
    assert "reader cannot be assigned" in world.told.summary
    assert not [c for c in world.calls() if "/assignees/" in c.path]  # asked again after a week
    world.repo.allow("reader", "push")
    assert world.run(12, ONE, TWO) == {"update": 1}
    assert set(world.repo.assignees(1)) == {"octocat", "reader"}
    assert "cannot be assigned" not in world.told.summary
    assert "@acme/platform" not in world.repo.body(1)


def test_ten_people_are_assigned_at_most(world: World) -> None:
    people = [f"person-{n}" for n in range(12)]
    world.github.front.rules.drops_unassignable = True
    world.write(
        triagebot=SETTINGS + "teams: teams.yaml\n",
        teams=f"teams: {{base: {{assignees: [octocat, {', '.join(people)}]}}}}\nunowned: base\n",
    )
    world.run(0, ONE)
    assert world.repo.assignees(1) == ["octocat"]
    logins = [c.body["assignees"] for c in world.calls() if c.method == "POST" and c.path.endswith("/issues")]
    assert all(len(sent) <= 10 for sent in logins)


def test_labels_are_made_once_and_coloured_by_priority(world: World) -> None:
    world.write(
        triagebot=SETTINGS + "teams: teams.yaml\n", teams="teams: {base: {labels: [team/base]}}\nunowned: base\n"
    )
    critical = vulnerability("CVE-2026-0007", severity="CRITICAL")
    world.run(0, images={"a/a": [ONE], "a/b": [critical], "a/c": [TWO]})
    defined = [c.body for c in world.calls() if c.method == "POST" and c.path.endswith("/labels")]
    assert Counter(label["name"] for label in defined) == Counter(
        ["triagebot", "team/base", "priority/P1", "priority/P2"]
    )
    colours = {label["name"]: label["color"] for label in defined}
    assert len(set(colours.values())) == 4
    assert colours["priority/P1"] == "d93f0b"
    world.run(1, images={"a/a": [ONE], "a/b": [critical], "a/c": [TWO], "a/d": [THREE]})
    assert not [c for c in world.calls() if "/labels" in c.path]
    world.forget()
    world.run(2, images={"a/a": [ONE], "a/b": [critical], "a/c": [TWO], "a/d": [THREE], "a/e": [ONE]})
    assert not [c for c in world.calls() if c.path.endswith("/labels") and c.method == "POST"]


def test_a_milestone_and_a_type(world: World) -> None:
    world.write(triagebot=SETTINGS.replace("pause: 0", "pause: 0, milestone: May, issue_type: Bug"))
    world.run(0, ONE, fails=True)
    assert "has no open milestone 'May'" in world.errors[0]
    assert world.count() == 0
    world.github.act("maintainer", "POST", "/repos/acme/platform/milestones", {"title": "May"})
    assert world.run(1, ONE) == {"create": 1}
    issue = world.repo.issue(1)
    assert (issue["milestone"]["title"], issue["type"]["name"]) == ("May", "Bug")


# ---- who we are ----


def test_each_tracker_has_its_token(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(
        triagebot="""
teams: teams.yaml
trackers:
  default: {type: github, repo: acme/platform, pause: 0, token_env: ONE_TOKEN}
  other: {type: github, repo: acme/network, pause: 0, token_env: OTHER_TOKEN}
""",
        teams=TEAMS.replace("tracker: default, repo: acme/network", "tracker: other"),
    )
    monkeypatch.setenv("ONE_TOKEN", world.github.token("octocat"))
    monkeypatch.setenv("OTHER_TOKEN", world.github.token("hubot"))
    assert world.run(0, images={"a/a": [ONE], "a/net-1": [TWO]}) == {"create": 2}
    network = world.github.repo("acme/network")
    assert (world.repo.issue(1)["user"]["login"], network.issue(1)["user"]["login"]) == ("octocat", "hubot")
    monkeypatch.delenv("OTHER_TOKEN")
    world.run(7, images={"a/a": [ONE, THREE], "a/net-1": [TWO, THREE]}, fails=True)
    assert (world.told.exit_code, "OTHER_TOKEN is not set" in "".join(world.errors)) == (1, True)
    assert (world.names(1), world.names(1, network)) == ({"CVE-2026-0001", "CVE-2026-0003"}, {"CVE-2026-0002"})


@LOST
def test_tickets_of_a_former_identity_are_ours(world: World, monkeypatch: pytest.MonkeyPatch, lost: bool) -> None:
    world.run(0, ONE)
    said = world.say("/triagebot reopen", by="triage-bot")
    monkeypatch.setenv("GITHUB_TOKEN", world.github.token("hubot"))
    world.write(triagebot=SETTINGS.replace("pause: 0", "pause: 0, authors: [triage-bot]"))
    forgotten(world, lost)
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert (world.count(), world.names()) == (1, {"CVE-2026-0001", "CVE-2026-0002"})
    path = f"/repos/acme/platform/issues/comments/{said}/reactions"
    assert world.github.act("maintainer", "GET", path) == []


def test_a_public_repository_is_refused_unless_that_is_said(world: World) -> None:
    public = SETTINGS.replace("acme/platform", "acme/open")
    repo = world.github.repo("acme/open")
    world.write(triagebot=public)
    world.run(0, ONE, fails=True)
    assert (world.told.exit_code, "public: true" in world.errors[0]) == (1, True)
    assert not [c for c in world.calls() if not c.is_read]
    world.write(triagebot=public.replace("pause: 0", "pause: 0, public: true"))
    assert world.run(1, ONE) == {"create": 1}
    assert world.count(repo) == 1
    said = world.say("/triagebot snooze 14d", by="outsider", repo=repo)
    assert world.run(2, ONE, tag="1.1") == {}
    assert world.reactions(said, repo) == ["confused"]


@LOST
def test_a_private_repository_that_becomes_public_is_written_to_no_more(world: World, lost: bool) -> None:
    world.run(0, ONE)
    world.repo.change(private=False)
    forgotten(world, lost)
    world.run(7, ONE, TWO, fails=True)
    assert world.told.exit_code == 1
    assert not [c for c in world.calls() if not c.is_read]


@LOST
def test_the_token_of_actions(world: World, monkeypatch: pytest.MonkeyPatch, lost: bool) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", world.github.workflow_token())
    assert world.run(0, ONE, tag="1.0") == {"create": 1}
    assert world.repo.issue(1)["user"]["login"] == "github-actions[bot]"
    forgotten(world, lost)
    assert world.run(7, ONE, tag="1.0") == {}
    world.repo.close(1, "not_planned")
    forgotten(world, lost)
    assert world.run(14, ONE, TWO) == {"reopen": 1}
    assert (world.count(), world.names()) == (1, {"CVE-2026-0002"})


@pytest.mark.parametrize("installation", [True, False], ids=["told", "found"])
def test_a_github_app(world: World, monkeypatch: pytest.MonkeyPatch, installation: bool) -> None:
    more = f", installation: {world.github.installation}" if installation else ""
    world.write(triagebot=SETTINGS.replace("pause: 0", f"pause: 0, app: {{id: {world.github.app}{more}}}"))
    monkeypatch.setenv("GITHUB_APP_KEY", world.github.app_key)
    monkeypatch.delenv("GITHUB_TOKEN")
    world.start = datetime.now(UTC).replace(microsecond=0)  # no shift of the clock: the app signs with the machine's
    assert world.run(0, ONE) == {"create": 1}
    assert world.repo.issue(1)["user"]["login"] == "triagebot-app[bot]"
    world.forget()
    assert world.run(0.001, ONE, TWO) == {"update": 1}
    assert world.count() == 1


# ---- what it costs ----


def test_a_thousand_open_tickets_cost_next_to_nothing(world: World) -> None:
    world.write(triagebot=SETTINGS + "limits: {new_tickets: 1000, writes: 1010}\n")
    images = {f"a/image-{n:04}": [ONE] for n in range(1000)}
    assert world.run(0, images=images, tag="1.0") == {"create": 1000}
    writes = Counter(c.path.rpartition("/")[2] for c in world.calls() if not c.is_read)
    assert writes == {"issues": 1000, "labels": 2}
    world.run(7, images=images, tag="1.0")  # what is five minutes old or younger is listed once more
    assert world.run(14, images=images, tag="1.0") == {}
    assert [c.method for c in world.calls()] in (["GET"], ["GET", "GET"])
    world.forget()
    assert world.run(21, images=images, tag="1.0") == {}
    assert len(world.calls()) <= 11
    assert all(c.is_read for c in world.calls())


def test_new_tickets_cost_one_write_each(world: World) -> None:
    world.run(0, images={"a/z": [ONE]})
    images: dict[str, list[dict[str, object]]] = {"a/z": [ONE], **{f"a/{n}": [TWO] for n in range(7)}}
    assert world.run(7, images=images)["create"] == 7
    sent = [c for c in world.calls() if c.method == "POST"]
    assert [c.path for c in sent] == ["/repos/acme/platform/issues"] * 7


def test_a_missing_token_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    world.run(0, ONE, fails=True)
    assert "GITHUB_TOKEN is not set" in world.errors[0]
    assert world.told.exit_code == 1
