"""Unusual turns: what is excused, lowered, moved or regrouped in one run. Never a false "fixed", never two tickets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Place, written
from reports import trivy, vulnerability, write

from triagebot.history import History
from triagebot.model import Marker, Ticket

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)
A = {"cve": "CVE-2026-0001", "package": "zlib", "severity": "CRITICAL"}
B = {"cve": "CVE-2026-0002", "package": "openssl"}
RULES = """rules:
  - {id: crit, when: {severity: critical, fixable: true}, priority: P1, due: 7d, action: ticket, because: Critical.}
  - {id: high, when: {severity: high, fixable: true}, priority: P2, due: 30d, action: ticket, because: High.}
  - {id: open, when: {severity: [critical, high]}, priority: P3, action: attach, because: No fix.}
  - {id: rest, when: {}, priority: P4, action: report, because: Rest.}
"""
TEAMS = "teams: {{p: {{name: P}}, q: {{name: Q}}}}\nunowned: {}\n"


class World:
    """One image, settings that change, and its tickets."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place, self.day = folder, Place.create(folder / "place", ""), 0
        self.by, self.team, self.exceptions = "image", "p", ""
        (self.place.folder / "rules.yaml").write_text(RULES)

    def except_(self, said: str, until: int) -> None:
        """An exception for so many days from the beginning."""
        expires = f"{NOW + until * DAY:%Y-%m-%d}"
        told = f"{{{said}, kind: accepted-risk, reason: ok, approved_by: sec, expires: {expires}}}"
        self.exceptions = f"exceptions: [{told}]\n"

    def run(self, *findings: dict[str, str], later: int = 1) -> list[tuple[str, str, str]]:
        """A scan of these; what was done to which ticket, and that a second run does nothing."""
        self.day += later
        files = {
            "teams.yaml": TEAMS.format(self.team), "exceptions.yaml": self.exceptions or "exceptions: []\n",
            "triagebot.yaml": f"rules: [rules.yaml, exceptions.yaml]\nteams: teams.yaml\ngroup_by: {self.by}\n"
            "limits: {close_fraction: 1}\ntrackers: {default: {type: local, path: tickets}}\n",
        }  # fmt: skip
        for name, text in files.items():
            (self.place.folder / name).write_text(text)
        entries = [vulnerability(f["cve"], **{k: v for k, v in f.items() if k != "cve"}) for f in findings]
        scan = write(self.folder / f"d{self.day}", a=trivy(f"r/a:1.{self.day}", entries))
        told = self.place.run(scan, NOW + self.day * DAY)
        assert told.document["errors"] == []
        again = self.place.run(scan, NOW + self.day * DAY, later=timedelta(minutes=20))
        assert written(again.document) == {}, again.document["actions"]
        return [(a["kind"], a["cause"], a["key"].rpartition(":")[2]) for a in told.document["actions"]]

    def lose(self) -> None:
        shutil.rmtree(self.place.history)

    def fronts(self) -> list[dict[str, Any]]:
        texts = (path.read_text() for path in sorted((self.place.folder / "tickets").glob("*.md")))
        return [yaml.safe_load(text.split("\n---\n")[0]) for text in texts]

    @property
    def only(self) -> dict[str, Any]:
        [front] = self.fronts()
        return front

    @property
    def said(self) -> str:
        [path] = (self.place.folder / "tickets").glob("*.md")
        return path.read_text().partition("## Comments")[2]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def regroup(world: World) -> None:
    world.by = "upgrade"


def move(world: World) -> None:
    world.team = "q"


@pytest.mark.parametrize("change", [regroup, move])
def test_what_stays_because_data_moved_is_not_fixed_by_another_grouping_or_team(
    world: World, change: Callable[[World], None]
) -> None:
    if change is move:
        world.by = "upgrade"
    world.run(A)
    low = {**A, "severity": "MEDIUM"}
    assert world.run(low)[0][:2] == ("update", "data-moved")
    change(world)
    assert {kind for kind, _, _ in world.run(low)} <= {"leave", "update"}
    assert world.only["state"] == "open"
    assert world.run()[0][:2] == ("close", "fixed")


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("change", [regroup, move])
def test_what_is_excused_as_the_grouping_or_team_changes_needs_no_other_home(
    world: World, change: Callable[[World], None], is_lost: bool
) -> None:
    if change is move:
        world.by = "upgrade"
    world.run(A)
    change(world)
    world.except_("package: pkg:apk/alpine/zlib", 90)
    if is_lost:
        world.lose()
    assert world.run(A)[0][:2] == ("close", "decided")
    assert (world.only["state"], world.only["closed_as"]) == ("closed", "not-planned")
    assert "covered by an exception or a decision" in world.said


@pytest.mark.parametrize("is_lost", [False, True])
def test_one_excused_and_one_that_moves_leave_one_open_ticket(world: World, is_lost: bool) -> None:
    world.run(A, B)
    world.by = "upgrade"
    world.except_("package: pkg:apk/alpine/zlib", 90)
    if is_lost:
        world.lose()
    assert [kind for kind, _, _ in world.run(A, B)] == ["create", "move"]
    assert [f["title"] for f in world.fronts() if f["state"] == "open"] == ["[P2] openssl: 1 high to fix"]


def test_what_is_gone_with_a_lost_history_holds_up_no_regrouping(world: World) -> None:
    world.run(A, B)
    world.by = "upgrade"
    world.lose()
    assert [kind for kind, _, _ in world.run(B)] == ["create", "move"]


def test_an_exception_takes_off_what_only_stayed(world: World) -> None:
    world.run(B)
    unfixed = {**B, "fixed": ""}
    assert world.run(unfixed)[0][:2] == ("update", "data-moved")
    [path] = (world.place.folder / "tickets").glob("*.md")
    assert path.read_text().count("| [CVE-2026-0002]") + path.read_text().count("| CVE-2026-0002 |") == 1
    world.except_("vulnerability: CVE-2026-0002", 90)
    assert world.run(unfixed)[0][:2] == ("close", "decided")


def test_one_excused_and_one_lowered_stay_for_the_lowered_one(world: World) -> None:
    world.run(A, B)
    world.except_("package: pkg:apk/alpine/zlib", 90)
    low = {**B, "severity": "MEDIUM"}
    world.run(A, low)
    assert (world.only["state"], world.only["title"]) == ("open", "[P4] docker.io/r/a: 1 medium to fix")


def test_a_closing_as_decided_names_what_was_fixed_too(world: World) -> None:
    world.run(A, B)
    world.except_("vulnerability: CVE-2026-0002", 90)
    assert world.run(B)[0][:2] == ("close", "decided")
    assert "Closed: what this ticket named is gone, or covered by an exception or a decision." in world.said
    assert "| CVE-2026-0001 | `zlib` |" in world.said
    assert "- CVE-2026-0002 in `openssl`: accepted risk" in world.said


def test_a_retired_image_that_is_scanned_again_keeps_the_day(world: World) -> None:
    (world.place.folder / "list").write_text("docker.io/r/a\ndocker.io/r/b\n")
    world.run(A)
    assert world.only["due"] == "2026-05-09"
    other = write(world.folder / "other", b=trivy("r/b:1", []))
    settings = (world.place.folder / "triagebot.yaml").read_text()
    (world.place.folder / "triagebot.yaml").write_text(settings + "retire_after: 1\n")
    closed = world.place.run(other, NOW + 5 * DAY).document["actions"]
    assert [(a["kind"], a["cause"]) for a in closed] == [("close", "retired")]
    assert world.run(A, later=8)[0][:2] == ("reopen", "reappeared")
    assert world.only["due"] == "2026-05-09"


def test_a_late_ticket_hands_its_day_to_nothing_that_came_after_it(world: World) -> None:
    """Upgrade tickets of a finding that is younger than the day of the ticket that showed it."""
    world.run(A)
    assert world.only["due"] == "2026-05-09"
    world.run(A, B, later=20)
    assert world.only["due"] == "2026-05-09"
    world.by = "upgrade"
    world.run(B)
    assert [f["due"] for f in world.fronts() if f["state"] == "open"] == ["2026-06-21"]


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_reopening_holds_where_tracker_and_folder_have_other_names(world: World, is_closed: bool) -> None:
    """What history knows of the former tracker is that very ticket: its decision does not count beside it."""
    world.run(B)
    [path] = (world.place.folder / "tickets").glob("*.md")
    closed = "state: closed\nclosed_as: not-planned\nclosed: 2026-05-03"
    path.write_text(path.read_text().replace("state: open", closed))
    world.run(B)
    if not is_closed:
        path.write_text(path.read_text().replace(closed, "state: open"))
    (world.place.folder / "tickets").rename(world.place.folder / "files")
    settings = world.place.folder / "triagebot.yaml"
    settings.write_text(
        settings.read_text().replace("default: {type: local, path: tickets}", "x: {type: local, path: files}")
    )
    teams = world.place.folder / "teams.yaml"
    teams.write_text(
        teams.read_text().replace("name: P}", "name: P, tracker: x}").replace("name: Q}", "name: Q, tracker: x}")
    )
    scan = write(world.folder / "again", a=trivy("r/a:1.9", [vulnerability(B["cve"], B["package"])]))
    told = world.place.run(scan, NOW + 9 * DAY).document
    assert [a["kind"] for a in told["actions"] if a["kind"] not in ("leave", "update")] == []


def test_a_decision_holds_where_a_tracker_of_that_name_is_of_another_kind(world: World) -> None:
    world.run(B)
    marker = Marker("image:docker.io/r/a", "main", "d", shown=tuple(world.only["triagebot"]["shown"].split()))
    shutil.rmtree(world.place.folder / "tickets")
    shutil.rmtree(world.place.history / "tickets")
    gone = Ticket(
        "acme/x#1", "https://github.com/acme/x/issues/1", "default", marker, False, closed_as="not-planned",
        closed_at=NOW, place="acme/x",
    )  # fmt: skip
    History(world.place.history).remember(gone, NOW)
    assert world.run(B) == []


def test_a_reworded_rule_does_not_close_what_data_lowered(world: World) -> None:
    world.run(B)
    rules = world.place.folder / "rules.yaml"
    rules.write_text(RULES.replace("because: High.", "because: Soon.").replace("due: 7d", "due: 5d"))
    assert world.run({**B, "severity": "MEDIUM"})[0][:2] == ("update", "data-moved")
    rules.write_text(RULES.replace("severity: high, fixable", "severity: critical, fixable"))
    assert world.run({**B, "severity": "MEDIUM"})[0][:2] == ("close", "below-threshold")
