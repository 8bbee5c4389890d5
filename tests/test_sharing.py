"""Settings that share one history and do not agree: each run says so in a line, and nothing is taken for deleted."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reports import trivy, vulnerability, write

from triagebot import app, branch, config, sharing
from triagebot.branch import Store, pull, push
from triagebot.errors import InputError
from triagebot.files import Settings
from triagebot.history import History, KnownTicket
from triagebot.look import Options
from triagebot.model import ClosedAs, Marker, Ticket

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)
DEFAULT = "trackers: {default: {type: local, path: tickets}}"
MINE = "teams: teams.yaml\ntrackers: {mine: {type: local, path: tickets}}"
UPGRADE = f"group_by: upgrade\n{DEFAULT}"
REMEDY = "a stream of its own (`--stream NAME`)"
SHOWN = 299
"""Characters of a line that a terminal is shown: what to do stands among them."""


@dataclass
class Folder:
    """A folder with settings of its own. `runner`: who runs it."""

    path: Path
    runner: str = "process 1 on here"

    @classmethod
    def create(cls, path: Path, settings: str, history: str = "../shared") -> Folder:
        """One whose scan finds the same as that of the others."""
        path.mkdir()
        (path / "teams.yaml").write_text("teams: {all: {name: All, tracker: mine}}\nunowned: all\n")
        (path / "triagebot.yaml").write_text(f"history: {history}\n{settings}\n")
        write(path / "scan", a=trivy("r/a:1", [vulnerability("CVE-2026-0001")]))
        return cls(path)

    @property
    def config(self) -> config.Config:
        return replace(config.load(self.path / "triagebot.yaml"), runner=self.runner)

    def set(self, settings: str) -> None:
        """Other settings from now on."""
        (self.path / "triagebot.yaml").write_text(f"history: ../shared\n{settings}\n")

    def run(self, day: int, **options: Any) -> list[str]:
        """One run; what it warns of, but that the scan is known."""
        told = app.run(self.config, self.path / "scan", Options(now=NOW + day * DAY, taken_at=NOW, **options))
        assert told.document["errors"] == []
        warned = [w for w in told.document["warnings"] if "was recorded before" not in w]
        assert all(REMEDY in w[:SHOWN] for w in warned if REMEDY in w)
        return warned

    def tickets(self, folder: str = "tickets") -> list[Path]:
        return sorted((self.path / folder).glob("*.md"))


def folders(tmp_path: Path, one: str, two: str) -> tuple[Folder, Folder]:
    return Folder.create(tmp_path / "one", one), Folder.create(tmp_path / "two", two)


# Trackers of another name


def test_what_another_tracker_holds_is_told_at_the_first_run_and_then_at_every_one(tmp_path: Path) -> None:
    one, two = folders(tmp_path, DEFAULT, MINE)
    assert one.run(0) == []
    (first,) = two.run(1)
    assert first.startswith("history knows 1 ticket in the tracker default (local files), which these settings do not ")
    assert first.endswith(f"The last run: {one.path}/triagebot.yaml on here, 2026-05-01")
    assert "from now on does not count here" in first
    assert REMEDY in first
    for day, (folder, other) in enumerate([(one, two), (two, one), (one, two)], 2):
        (told,) = folder.run(day)
        assert told.startswith("settings that differ in trackers, teams take turns in this history")
        assert f"The others: {other.path}/triagebot.yaml on here, last on 2026-05-" in told
        assert told.endswith(
            (
                "(trackers mine (local files), here default (local files))",
                "(trackers default (local files), here mine (local files))",
            )
        )
        assert REMEDY in told


def test_a_stream_of_its_own_ends_the_warnings(tmp_path: Path) -> None:
    one, two = folders(tmp_path, DEFAULT, MINE)
    one.run(0)
    two.run(1)
    assert two.run(2, stream="two") == []
    assert two.run(3, stream="two") == []
    assert one.run(4), "the last runs are remembered"
    told = [one.run(day) for day in range(5, 5 + sharing.RECENT)]
    assert told[-1] == []


def test_a_tracker_with_another_name_and_the_same_tickets_is_no_other(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.run(0)
    one.set(MINE)
    assert one.run(1) == []
    assert one.run(2) == []


def test_a_tracker_that_is_given_up_is_told_once(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.run(0)
    one.set(MINE.replace("path: tickets", "path: others"))
    assert len(one.run(1)) == 1
    assert one.run(2) == []


@pytest.mark.parametrize(
    ("by_us", "closed_as", "is_told"),
    [(True, "not-planned", False), (False, "done", False), (False, "duplicate", True)],
)
def test_of_closed_tickets_only_a_persons_decision_is_missed(
    tmp_path: Path, by_us: bool, closed_as: ClosedAs, is_told: bool
) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.run(0)
    one.set(MINE.replace("path: tickets", "path: others"))
    history = History(tmp_path / "shared")
    (noted,) = history.tickets().values()
    history.remember(replace(noted.ticket, is_open=False, closed_by_us=by_us, closed_as=closed_as), NOW)
    assert bool(one.run(1)) is is_told


# A tracker of the same name that is another


OTHER = DEFAULT.replace("path: tickets", "path: others")


def test_tickets_of_another_folder_are_not_deleted(tmp_path: Path) -> None:
    one, two = folders(tmp_path, DEFAULT, OTHER)
    one.run(0)
    (two.path / "others").mkdir()
    (told,) = two.run(1)
    assert told.startswith("tracker default: 1 ticket that history knows stands in another folder")
    assert told.endswith(f"It is {one.path}/tickets, here it is {two.path}/others")
    assert REMEDY in told
    assert len(two.tickets("others")) == 1, "a ticket of its own"
    for day, folder in ((2, one), (3, two), (4, one)):
        assert [w.partition(":")[0] for w in folder.run(day)] == ["tracker default"]
    assert not [k for k in History(tmp_path / "shared").tickets().values() if k.deleted_seen]


def test_a_folder_that_is_not_there_yet_defers_and_says_whose_the_tickets_are(tmp_path: Path) -> None:
    one, two = folders(tmp_path, DEFAULT, OTHER)
    one.run(0)
    told = app.run(two.config, two.path / "scan", Options(now=NOW + DAY, taken_at=NOW))
    assert ["others is not there" in error for error in told.document["errors"]] == [True]
    assert [w for w in told.document["warnings"] if f"It is {one.path}/tickets" in w and REMEDY in w]
    assert two.run(2, stream="two") == [], "the stream is the remedy"
    assert len(two.tickets("others")) == 1


def test_a_ticket_that_a_person_deleted_is_one_still(tmp_path: Path) -> None:
    one, _ = folders(tmp_path, DEFAULT, OTHER)
    one.run(0)
    one.tickets()[0].unlink()
    (told,) = one.run(1)
    assert "was deleted" in told


def test_a_copy_of_a_folder_with_its_history_is_silent(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT, ".triagebot")
    one.run(0)
    two = Folder(shutil.copytree(one.path, tmp_path / "two"))
    assert two.run(1) == []


GITHUB = {"type": "github", "repo": "acme/p"}
JIRA = {"type": "jira", "url": "https://j.example", "project": "NET"}
LOCAL = {"type": "local", "path": "tickets"}


@pytest.mark.parametrize(
    ("tracker", "mine", "theirs"),
    [(LOCAL, "a.md", "acme/p#1"), (GITHUB, "acme/p#1", "a.md"), (GITHUB, "acme/p#1", "NET-1"), (JIRA, "NET-1", "a.md")],
)
def test_a_ticket_of_another_kind_is_none_of_a_tracker(
    tmp_path: Path, tracker: dict[str, str], mine: str, theirs: str
) -> None:
    folder = Folder.create(tmp_path / "one", DEFAULT)
    told = replace(folder.config, settings=Settings.model_validate({"trackers": {"t": tracker}}))
    assert not sharing.is_other_kind(told, known(mine).ticket)
    assert sharing.is_other_kind(told, known(theirs).ticket)


def known(name: str, url: str = "") -> KnownTicket:
    return KnownTicket(Ticket(name, url, "t", Marker("image:r/a", "main", "d"), True))


def test_a_tracker_that_became_one_of_files_deletes_no_issue(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.run(0)
    issue = replace(known("acme/p#1", "https://github.com/acme/p/issues/1").ticket, tracker="default", place="acme/p")
    History(tmp_path / "shared").remember(issue, NOW)
    assert [w for w in one.run(1) if "deleted" in w] == []


@pytest.mark.parametrize(
    ("is_shared", "is_pulled", "elsewhere"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_what_another_machine_saw_is_deleted_only_where_tickets_travel_with_history(
    tmp_path: Path, is_shared: bool, is_pulled: bool, elsewhere: bool
) -> None:
    folder = Folder.create(tmp_path / "one", DEFAULT, "../shared" if is_shared else "kept")
    if is_pulled:
        folder.config.history.mkdir()
        (folder.config.history / "pulled.json").write_text("{}")
    ticket = replace(known("a.md", "/nowhere/tickets/a.md").ticket, tracker="default")
    assert bool(sharing.elsewhere(folder.config, ticket)) is elsewhere


# Two that group otherwise


def machines(tmp_path: Path, one: str, two: str) -> tuple[Folder, Folder, Store]:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "o.git")], check=True)  # noqa: S607
    found = [Folder.create(tmp_path / name, s, ".triagebot") for name, s in (("one", one), ("two", two))]
    return found[0], found[1], Store(f"file://{tmp_path / 'o.git'}", "triagebot-history", owner="one")


def shared(folder: Folder, store: Store, day: int) -> list[str]:
    """A run between a pull and a push."""
    kept = branch.kept(folder.config)
    pull(store, kept)
    told = folder.run(day)
    push(store, kept)
    return told


def test_settings_that_take_turns_in_grouping_are_told(tmp_path: Path) -> None:
    one, two, store = machines(tmp_path, DEFAULT, UPGRADE)
    assert shared(one, store, 0) == []
    assert shared(two, store, 1) == [], "a single change is what people do on purpose"
    (told,) = shared(one, store, 2)
    assert told.startswith("settings that differ in group_by take turns in this history")
    assert told.endswith(f"{two.path}/triagebot.yaml on here, last on 2026-05-02 (group_by upgrade, here image)")
    assert REMEDY in told
    (told,) = shared(two, store, 3)
    assert told.endswith("(group_by image, here upgrade)")


def test_the_same_settings_in_two_places_are_silent(tmp_path: Path) -> None:
    one, two, store = machines(tmp_path, DEFAULT, OTHER)
    assert [shared(folder, store, day) for day, folder in enumerate([one, two, one, two])] == [[], [], [], []]


def run_of(at: str, by: str, **traits: Any) -> dict[str, Any]:
    """The record of a run, as far as it matters here."""
    held = {"trackers": {"default": "local"}, "teams": "t", "rules": "r", **traits}
    return {"run_id": "20260501T060000Z-0", "took": {"settings": {"at": at, "group_by": by, **held}}}


@pytest.mark.parametrize(
    ("before", "is_told"),
    [
        ("", False), ("i", False), ("U", False), ("iU", True), ("iiUU", True), ("iu", False), ("iuiu", False),
        ("iuUu", True), ("UU", False), ("iUuuu", True), ("iU" + "i" * 9, True), ("iU" + "i" * 10, False),
    ],
)  # fmt: skip
def test_when_settings_take_turns(before: str, is_told: bool) -> None:
    """Runs before one that groups by image, the oldest first. Capital: at another place; u: by upgrade.

    One place that changes its mind and back takes it twice.
    """
    runs = [run_of("there" if x.isupper() else "here", {"i": "image", "u": "upgrade"}[x.lower()]) for x in before]
    mine = run_of("here", "image")["took"]["settings"]
    assert bool(sharing.turns(mine, reversed(runs))) is is_told


def test_runs_that_do_not_tell_their_settings_are_passed_over() -> None:
    mine = run_of("here", "image")["took"]["settings"]
    runs = [{"run_id": "x", "took": {}}, run_of("there", "upgrade"), {}, run_of("here", "image")]
    assert sharing.turns(mine, runs)


def test_which_settings_matter_and_which_may_differ(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    told = sharing.told(one.config)
    one.set(f"limits: {{writes: 3}}\n{OTHER}")
    assert sharing.told(one.config) == told
    one.set(f"rules: [rules.yaml]\n{DEFAULT}")
    (one.path / "rules.yaml").write_text(
        "exceptions: [{asset: a, kind: accepted-risk, reason: x, approved_by: y, expires: 2027-01-01}]\n"
    )
    assert {name for name, value in sharing.told(one.config).items() if told[name] != value} == {"rules"}


def test_a_run_of_actions_names_its_repository_and_no_machine(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.runner = "https://github.com/acme/p/actions/runs/7"
    assert sharing.told(one.config)["at"] == "one/triagebot.yaml of https://github.com/acme/p"


def test_an_import_tells_no_settings(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    one.run(0, record_only=True)
    (record,) = (tmp_path / "shared/runs").glob("*.json")
    assert json.loads(record.read_text())["took"]["settings"] == {}


# What tickets and summaries say of files


def test_a_moved_ticket_names_the_other_by_a_path_that_is_right_on_every_machine(tmp_path: Path) -> None:
    one, two, store = machines(tmp_path, DEFAULT, UPGRADE)
    shared(one, store, 0)
    shared(two, store, 1)
    said = "".join(path.read_text() for path in two.tickets())
    assert "the work goes on in tickets/platform-busybox-" in said
    assert str(tmp_path) not in said


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://github.com/a/b/issues/1", "https://github.com/a/b/issues/1"),
        ("{base}/tickets/a.md", "tickets/a.md"),
        ("{base}/../tickets/a.md", "../tickets/a.md"),
        ("/srv/tickets/a.md", "a.md"),
        ("", ""),
    ],
)
def test_how_texts_name_a_ticket(tmp_path: Path, url: str, told: str) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT)
    assert one.config.named(url.format(base=one.path)) == told


def test_what_waits_is_told_without_the_folder_of_this_machine(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", DEFAULT, ".triagebot")
    one.run(0)
    shutil.rmtree(one.path / "tickets")
    told = app.run(one.config, one.path / "scan", Options(now=NOW + DAY, taken_at=NOW))
    said = told.summary.replace("\\", "")  # escapes of Markdown
    assert "tickets is not there, and 1 ticket was in it" in said
    assert str(tmp_path) not in said
    assert str(tmp_path) in "".join(told.document["errors"]), "a person at the terminal is told where"


def test_a_run_that_failed_is_told_without_the_folder_of_this_machine(tmp_path: Path) -> None:
    one = Folder.create(tmp_path / "one", f"{DEFAULT}\nsummary: {{tracker: default}}", ".triagebot")
    one.run(0)
    with pytest.raises(InputError):
        app.run(one.config, one.path / "nothing", Options(now=NOW + DAY))
    (said,) = [text for path in one.tickets() if "failed" in (text := path.read_text().replace("\\", ""))]
    assert "nothing: " in said
    assert str(tmp_path) not in said
