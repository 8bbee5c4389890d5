"""The weekly summary where it is posted: one ticket, one comment a week, on every tracker, whatever happens."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Place
from github_server import Github
from jira_rules import BOT
from jira_server import Server, settings_of
from reports import trivy, vulnerability, write
from test_tracker_jira import JiraPlace
from week_world import MONDAY, Platform, found

from triagebot import app, config
from triagebot.errors import ConfigError
from triagebot.folder import Folder
from triagebot.look import Options
from triagebot.trackers import LocalTracker
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.jira_calls import JiraCalls
from triagebot.trackers.jira_memory import key_label
from triagebot.trackers.retry import Caller

KEY = "summary:weekly"


class Desk:
    """A tracker with eyes on the weekly summary. `settings`: its entry in `trackers:`."""

    settings = "{type: local, path: tickets}"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tickets(self) -> list[str]:
        """All tickets of the summary."""
        return [p.name for p in self._files() if f"key: {KEY}\n" in p.read_text()]

    def _files(self) -> list[Path]:
        return sorted((self.folder / "tickets").glob("*.md"))

    def _text(self) -> str:
        [ticket] = self.tickets()
        return (self.folder / "tickets" / ticket).read_text()

    def body(self) -> str:
        """What the ticket says."""
        return self._text().partition("## Comments")[0]

    def comments(self) -> list[str]:
        """Every comment, as it is."""
        return re.split(r"\n\*\*triagebot\*\*, ", self._text().partition("## Comments")[2])[1:]

    def close(self) -> None:
        """By a person."""
        [ticket] = self.tickets()
        path = self.folder / "tickets" / ticket
        path.write_text(path.read_text().replace("state: open", "state: closed", 1))

    def delete(self) -> None:
        """By a person."""
        [ticket] = self.tickets()
        (self.folder / "tickets" / ticket).unlink()


class Hub(Desk):
    """A repository."""

    settings = "{type: github, repo: acme/platform, pause: 0}"

    def __init__(self, folder: Path, github: Github) -> None:
        super().__init__(folder)
        self.repo = github.repo("acme/platform")

    def tickets(self) -> list[str]:
        return [str(i["number"]) for i in self.repo.issues() if f'"{KEY}"' in (i["body"] or "")]

    def body(self) -> str:
        return self.repo.body(int(self.tickets()[0]))

    def comments(self) -> list[str]:
        return [c["body"] for c in self.repo.comments(int(self.tickets()[0]))]

    def close(self) -> None:
        self.repo.close(int(self.tickets()[0]), "completed")

    def delete(self) -> None:
        self.repo.delete(int(self.tickets()[0]))


class Jira(Desk):
    """A project."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder)
        self.server, self.people = server, JiraPlace(server)
        self.settings = json.dumps(settings_of(server))

    def tickets(self) -> list[str]:
        label = key_label(KEY)
        return [k for k in self.server.issue_keys() if label in self.server.row(k)["fields"]["labels"]]

    def body(self) -> str:
        return self.people.body(self.tickets()[0])

    def comments(self) -> list[str]:
        told = self.server.do("maintainer", "GET", f"issue/{self.tickets()[0]}/comment", maxResults="100")["comments"]
        return [c["body"] if isinstance(c["body"], str) else json.dumps(c["body"]) for c in told]

    def close(self) -> None:
        self.people.close(self.tickets()[0], "done")

    def delete(self) -> None:
        self.server.delete(self.tickets()[0])


@pytest.fixture(params=["local", "github", "cloud", "data_center"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Makes a platform that posts its week, on each tracker in turn."""
    kind = request.param
    server = request.getfixturevalue(kind) if kind != "local" else None
    if kind == "github":
        github = request.getfixturevalue("github")
        monkeypatch.setenv("GITHUB_TOKEN", github.token())
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        server = github
    if kind in ("cloud", "data_center"):
        monkeypatch.setenv("JIRA_TOKEN", server.token())  # type: ignore[union-attr]
    monkeypatch.setattr(Caller, "_sleep", lambda self, seconds: None)

    def made(name: str = "here", more: str = "weekday: monday", settings: str = "") -> World:
        folder = tmp_path / name
        if kind == "local":
            desk: Desk = Desk(folder / "place")
        else:
            desk = Hub(folder, github) if kind == "github" else Jira(folder, server)
        asked = f"summary: {{tracker: desk, {more}}}\ntrackers:\n  default: {{type: local, path: others}}\n"
        asked += f"  desk: {desk.settings}\n"
        platform = Platform.at(folder, settings, asked)
        for at, image in enumerate(platform.held):
            platform.held[image] = [found(3 * at + 2), found(3 * at + 2, "openssl")]  # low: no ticket on findings
        return World(platform, desk, server)

    return made


@dataclass
class World:
    """A platform, and where its summary is posted. `told`: the document of the last run."""

    platform: Platform
    desk: Desk
    server: Any
    told: dict[str, Any] = field(default_factory=dict)

    def run(self, week: int, label: str = "", day: int = 0, **options: Any) -> str:
        """A run; what it says of the summary."""
        self.told = self.platform.run(week, label, day, **options).document
        outcome: str = self.told["summary"]["outcome"]
        return outcome

    @property
    def writes(self) -> int:
        """How often the tracker was written to by the last run."""
        [count] = [t["writes"] for t in self.told["trackers"] if t["name"] == "desk"]
        return int(count)

    def again(self, week: int, label: str, minutes: int = 30) -> str:
        """The same scan, a little later."""
        at = MONDAY + timedelta(weeks=week)
        folder = self.platform.folder / label
        self.told = self.platform.place.run(folder, at, timedelta(minutes=minutes), label=label).document
        outcome: str = self.told["summary"]["outcome"]
        return outcome


Make = Callable[..., World]


def test_one_ticket_and_one_comment_a_week(make: Make) -> None:
    world = make()
    assert world.run(0) == "posted"
    assert len(world.desk.tickets()) == len(world.desk.comments()) == 1
    world.platform.fix("dns-kea", 5)
    assert world.run(0, "1.0b", day=2) == "edited"
    [comment] = world.desk.comments()
    assert "1.0b" in comment
    assert "10 new" in comment
    assert "2 fixed" in comment
    assert world.run(1) == "posted"
    assert world.run(2) == "posted"
    assert len(world.desk.tickets()) == 1
    comments = world.desk.comments()
    assert [week in comment for week, comment in zip(("Week 19", "Week 20", "Week 21"), comments, strict=True)] == [
        True, True, True,
    ]  # fmt: skip
    assert "1.0b" in comments[0]
    assert world.told["summary"]["ticket"]["id"].endswith(world.desk.tickets()[0])
    assert world.told["errors"] == world.told["warnings"] == []


def test_the_ticket_says_how_things_stand(make: Make) -> None:
    world = make()
    world.run(0)
    world.platform.fix("dns-kea", 5)
    world.run(1)
    body = world.desk.body()
    counts = re.findall(r"(?<![\d.-])\d+(?![\d.%-])", re.sub(r"[0-9a-f]{16}", "", body))
    assert "8" in counts
    assert "10" not in counts
    assert "1.1 of 2026-05-11" in body
    assert "Week" not in body
    assert "Last week" not in body


def test_the_same_scan_twice_writes_nothing(make: Make) -> None:
    world = make()
    world.run(0)
    assert world.again(0, "1.0") == "unchanged"
    assert world.writes == 0
    world.run(1)
    assert world.again(1, "1.1") == "unchanged"
    assert world.writes == 0
    assert world.again(1, "1.1", minutes=60 * 24 * 3) == "unchanged"
    assert world.writes == 0


def test_what_a_week_costs(make: Make) -> None:
    """A comment and the text of the ticket, each once; in a quiet week of the same tags, only the comment."""
    world = make()
    world.run(0)
    world.run(1)
    world.platform.fix("dns-kea", 5)
    world.run(2)
    local = isinstance(world.server, type(None))
    pictures = 1 if not local and not isinstance(world.server, Github) else 0
    assert world.writes == (1 if local else 2 + pictures)


def test_it_is_due_from_its_weekday_on(make: Make) -> None:
    world = make(more="weekday: thursday")
    assert world.run(0, day=2) == "not-due"
    assert world.desk.tickets() == []
    assert world.run(0, "1.0b", day=3) == "posted"
    world.platform.fix("dns-kea", 5)
    assert world.run(1, day=1) == "edited"  # the text of the ticket, that is
    assert len(world.desk.comments()) == 1
    assert "Week 19" in world.desk.comments()[0]
    assert world.run(1, "1.1b", day=6) == "posted"
    assert len(world.desk.comments()) == 2


@pytest.mark.parametrize("options", [{"dry_run": True}, {"record_only": True}], ids=str)
def test_looking_and_recording_post_nothing(make: Make, options: dict[str, bool]) -> None:
    world = make()
    assert world.run(0, **options) == ""
    assert world.desk.tickets() == []
    world.run(0, "1.0b", day=1)
    before = world.desk.comments()
    world.platform.fix("dns-kea", 5)
    assert world.run(1, **options) == ""
    assert world.desk.comments() == before


def test_it_is_no_ticket_on_findings(make: Make) -> None:
    """No other rule of tickets applies to it: none counts it, closes it, or moves it."""
    world = make(settings="group_by: image\n")
    world.platform.held["dns-kea"].append(found(3))
    world.run(0)
    world.run(1)
    assert sum(world.told["plan"].values()) == 0
    assert [a["key"] for a in world.told["actions"]] == []
    (world.platform.place.folder / "triagebot.yaml").write_text(
        (world.platform.place.folder / "triagebot.yaml").read_text().replace("group_by: image", "group_by: upgrade")
    )
    world.platform.held = {image: [] for image in world.platform.held}
    world.run(2)
    assert world.told["refused"] is None
    assert len(world.desk.comments()) == 3
    end = world.platform.place.run(None, MONDAY + timedelta(weeks=3), end_stream=True)  # type: ignore[arg-type]
    assert end.document["errors"] == []
    assert len(world.desk.tickets()) == 1


def test_a_lost_history_makes_no_second_one(make: Make) -> None:
    world = make()
    world.run(0)
    shutil.rmtree(world.platform.place.history)
    assert world.again(0, "1.0") in ("unchanged", "edited")
    assert len(world.desk.tickets()) == len(world.desk.comments()) == 1
    shutil.rmtree(world.platform.place.history)
    world.run(1)
    assert len(world.desk.tickets()) == 1
    assert len(world.desk.comments()) == 2


def test_a_ticket_that_people_closed_is_left_alone(make: Make) -> None:
    world = make()
    world.run(0)
    world.desk.close()
    assert world.run(1) == "waits"
    assert world.writes == 0
    assert "is closed; open it again, or take `summary:` out of the settings" in "".join(world.told["warnings"])
    assert len(world.desk.tickets()) == len(world.desk.comments()) == 1


def test_a_ticket_that_people_deleted_is_not_made_again(make: Make) -> None:
    world = make(settings="decision_expiry: 14d\n")
    world.run(0)
    world.desk.delete()
    assert world.run(5) == "waits"  # GitHub and Jira are listed in full every 30 days
    assert world.desk.tickets() == []
    assert "was deleted; it is not made again until 2026-06-22" in "".join(world.told["warnings"])
    assert world.run(8) == "posted"
    assert len(world.desk.tickets()) == 1


class Killed(BaseException):
    """The end of a process, for which nothing prepares."""


@dataclass
class Killer:
    """Ends a run just before (even) or just after (odd) its n-th write of any kind."""

    point: int
    count: int = 0

    def around(
        self, real: Callable[..., Any], counts: Callable[..., bool] = lambda *a, **k: True
    ) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if not counts(*args, **kwargs):
                return real(*args, **kwargs)
            mine, self.count = self.count, self.count + 1
            if self.point == 2 * mine:
                raise Killed
            made = real(*args, **kwargs)
            if self.point == 2 * mine + 1:
                raise Killed
            return made

        return step

    def strikes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def is_write(_: Any, verb: str, *args: Any, **kwargs: Any) -> bool:
            return verb != "GET"

        monkeypatch.setattr(Calls, "_send", self.around(Calls._send, is_write))
        monkeypatch.setattr(JiraCalls, "_send", self.around(JiraCalls._send, is_write))
        monkeypatch.setattr(LocalTracker, "_aside", self.around(LocalTracker._aside))
        monkeypatch.setattr(Folder, "write", self.around(Folder.write))


@pytest.mark.parametrize("week", [0, 1])
def test_killed_at_any_write_and_run_again(make: Make, monkeypatch: pytest.MonkeyPatch, week: int) -> None:
    unbroken = make("unbroken")
    for at in range(week):
        unbroken.run(at)
    killer = Killer(-1)
    with monkeypatch.context() as patch:
        killer.strikes(patch)
        unbroken.run(week)
    assert killer.count >= 4
    wanted = unbroken.desk.body(), [re.sub(r"\d+ \d\d:\d\d", "", c) for c in unbroken.desk.comments()]
    for point in range(2 * killer.count):
        world = make(f"killed-{point}")
        if world.server is not None:
            getattr(world.server, "front", world.server).reset()
            for name in ("GITHUB_TOKEN", "JIRA_TOKEN"):
                monkeypatch.setenv(name, world.server.token())
        world.platform.place = Place(world.platform.place.folder)
        for at in range(week):
            world.run(at)
        with monkeypatch.context() as patch:
            Killer(point).strikes(patch)
            try:
                world.run(week)
            except Killed:
                pass
            else:
                pytest.fail(f"nothing was killed at {point}")
        outcome = world.again(week, f"1.{week}", minutes=40)
        assert len(world.desk.tickets()) == 1, (point, outcome)
        assert (world.desk.body(), world.desk.comments()) == wanted, (point, outcome)
        assert world.again(week, f"1.{week}", minutes=60) == "unchanged", point


def test_people_are_assigned_where_they_can_be(make: Make) -> None:
    world = make(more="weekday: monday, assignees: [octocat, nobody-here], labels: [weekly], title: The week")
    world.run(0)
    if not isinstance(world.desk, Hub | Jira):
        return
    assert any("nobody-here cannot be assigned" in warning for warning in world.told["warnings"])
    assert world.again(0, "1.0") == "unchanged"
    if isinstance(world.desk, Hub):
        [number] = map(int, world.desk.tickets())
        assert world.desk.repo.assignees(number) == ["octocat"]
        assert sorted(world.desk.repo.labels(number)) == ["triagebot", "triagebot/summary", "weekly"]


def test_two_streams_are_one_summary(make: Make) -> None:
    world = make()
    world.run(0)
    world.run(0, "0.9.1", stream="0.9")
    [comment] = world.desk.comments()
    assert "Stream main: 1.0" in comment
    assert "Stream 0.9: 0.9.1" in comment
    at = timedelta(minutes=40)
    for stream, label in (("main", "1.0"), ("0.9", "0.9.1"), ("main", "1.0")):
        folder = world.platform.folder / label
        told = world.platform.place.run(folder, MONDAY, at, label=label, stream=stream).document
        assert (told["summary"]["outcome"], told["trackers"][1]["writes"]) == ("unchanged", 0)


def test_the_summary_of_a_job(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = make()
    shown = tmp_path / "step.md"
    shown.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(shown))
    world.run(0, dry_run=True)
    assert shown.read_text() == "before\n"
    world.run(0)
    assert shown.read_text().startswith("before\n## Week 19 of 2026: 1.0\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere" / "step.md"))
    world.run(1)
    assert "the summary of the job cannot be written" in "".join(world.told["warnings"])


@pytest.mark.parametrize(
    ("summary", "fault"),
    [
        ("{tracker: platfrom}", "summary: no tracker 'platfrom'; did you mean 'platform'?"),
        ("{tracker: platform, weekday: funday}", "weekday: should be 'monday'"),
        ("{tracker: platform, project: NET}", "summary: 'project' is for jira, and tracker 'platform' is local"),
        ("{weekday: monday}", "field 'tracker' is missing"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, summary: str, fault: str) -> None:
    file = tmp_path / "triagebot.yaml"
    file.write_text(f"trackers: {{platform: {{type: local}}, default: {{type: local}}}}\nsummary: {summary}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert fault in str(caught.value)
    assert "triagebot.yaml:2" in str(caught.value)


def test_a_forged_ticket_is_ignored(github: Github, make: Make) -> None:
    world = make()
    if not isinstance(world.desk, Hub):
        pytest.skip("asked of GitHub; the contract asks it of all")
    world.run(0)
    [number] = map(int, world.desk.tickets())
    forged = world.desk.repo.file("mine", world.desk.repo.body(number), by="octocat", labels=["triagebot"])
    shutil.rmtree(world.platform.place.history)
    world.run(1)
    assert len(world.desk.repo.comments(number)) == 2
    assert world.desk.repo.comments(forged["number"]) == []


def test_jira_shows_the_trend_as_a_picture(make: Make) -> None:
    world = make()
    if not isinstance(world.desk, Jira):
        pytest.skip("the others draw it themselves")
    for week in range(4):
        world.run(week)
    [key] = world.desk.tickets()
    held = world.desk.people.issue(key)["fields"]["attachment"]
    assert len(held) == 2  # at the third and the fourth scan
    assert all(a["size"] > 5000 for a in held)
    assert {a["author"][world.server.user_key] for a in held} == {BOT}
    assert held[-1]["filename"] in world.desk.comments()[-1]
    assert world.again(3, "1.3") == "unchanged"


def local_world(folder: Path, settings: str = "") -> World:
    """A platform whose tickets and summary are in one folder."""
    platform = Platform.at(
        folder, settings, "summary: {tracker: desk}\ntrackers: {desk: {type: local, path: tickets}}\n"
    )
    teams = platform.place.folder / "teams.yaml"
    teams.write_text(teams.read_text().replace("{name: ", "{tracker: desk, name: "))
    return World(platform, Desk(platform.place.folder), None)


def test_it_does_not_count_among_the_tickets_that_a_plan_may_close(tmp_path: Path) -> None:
    """6 of 11 are too many; of 12 they would not be."""
    world = local_world(tmp_path)
    world.platform.held = {f"app-{n}": [found(3 * n)] for n in range(12) if n != 1}
    world.run(0)
    assert world.told["plan"]["create"] == 9
    world.platform.held |= {f"more-{n}": [found(0)] for n in range(2)}
    world.run(1)
    opened = [image for image, entries in world.platform.held.items() if entries[0]["FixedVersion"]]
    assert len(opened) == 11
    for image in opened[:6]:
        world.platform.held[image] = []
    world.run(2)
    assert world.told["refused"]
    assert world.told["summary"]["outcome"] == ""
    assert sum("## Week" in comment for comment in world.desk.comments()) == 2


def test_what_waits_in_one_stream_is_told_by_runs_of_the_other_too(tmp_path: Path) -> None:
    world = local_world(tmp_path, "limits: {new_tickets: 0}\n")
    world.run(0)
    world.run(0, "0.9.1", stream="0.9")
    [comment] = world.desk.comments()
    assert "- main, 0.9: 5 tickets wait for the next run" in comment
    for stream, label in (("main", "1.0"), ("0.9", "0.9.1")):
        folder = world.platform.folder / label
        told = world.platform.place.run(folder, MONDAY, timedelta(minutes=50), label=label, stream=stream).document
        assert told["summary"]["outcome"] == "unchanged"


def test_a_plan_that_is_applied_posts_the_week(tmp_path: Path) -> None:
    world = local_world(tmp_path)
    settings = config.load(world.platform.place.folder / "triagebot.yaml")
    options = Options(now=MONDAY, taken_at=MONDAY)
    told, file = app.make_plan_file(settings, world.platform.scan("1.0"), options)
    assert told.document["summary"]["outcome"] == ""
    assert world.desk.tickets() == []
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(file))
    applied = app.apply_plan_file(settings, tmp_path / "plan.json", options)
    assert applied.document["summary"]["outcome"] == "posted"
    assert len(world.desk.comments()) == 1


def test_a_team_that_has_nothing_left_is_told_what_it_fixed(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(
        "teams: {one: {name: One}, two: {name: Two}}\nunowned: one\nimages: [{match: '*/two', team: two}]\n"
    )
    five = [vulnerability(f"CVE-2026-000{n}") for n in range(5)]
    before, now = datetime(2026, 5, 8, tzinfo=UTC), datetime(2026, 5, 12, tzinfo=UTC)
    place.run(write(tmp_path / "a", one=trivy("a/one:1", five), two=trivy("a/two:1", five)), before)
    told = place.run(write(tmp_path / "b", one=trivy("a/one:2", five[:1]), two=trivy("a/two:2", [])), now)
    rows = [line.split(" | ") for line in told.summary.splitlines() if line.startswith(("| One", "| Two"))]
    assert [(row[0], row[-2]) for row in rows] == [("| One", "4"), ("| Two", "5")]
    assert "- 9 fixed" in told.summary
