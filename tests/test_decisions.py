"""What people decide by editing tickets, through whole runs, and that running again then writes nothing."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import WRITING, Place
from reports import trivy, vulnerability, write

from triagebot import app, config
from triagebot.explain import explained
from triagebot.look import Options

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
ONE, TWO = vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0002", "zlib")


class Case:
    """A place, and scans of one image week after week."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, Place.create(folder / "place")

    def run(self, week: int, *entries: dict[str, object], tag: str = "") -> dict[str, int]:
        """What the run of a week writes; a second run of the same scan must write nothing."""
        scan = write(self.folder / f"w{week}", a=trivy(f"a/a:{tag or f'1.{week}'}", entries))
        told = self.place.run(scan, DAY + week * WEEK).document
        assert told["errors"] == []
        again = self.place.run(scan, DAY + week * WEEK).document
        assert {kind: again["plan"][kind] for kind in WRITING} == dict.fromkeys(WRITING, 0), again["actions"]
        assert again["trackers"][0]["writes"] == 0
        return {kind: told["plan"][kind] for kind in WRITING if told["plan"][kind]}

    @property
    def ticket(self) -> Path:
        [path] = (self.place.folder / "tickets").glob("*.md")
        return path

    def close(self, as_: str, day: datetime) -> None:
        text = self.ticket.read_text()
        closed = f"state: closed\nclosed_as: {as_}\nclosed: {day:%Y-%m-%dT%H:%M:%SZ}"
        self.ticket.write_text(text.replace("state: open", closed))

    def explained(self, at: datetime) -> str:
        """What `explain` says of the first vulnerability."""
        settings, options = config.load(self.place.folder / "triagebot.yaml"), Options(now=at, dry_run=True)
        return explained(settings, options, app.standing(settings, options), "CVE-2026-0001")

    def names(self) -> set[str]:
        """The vulnerabilities that the ticket acts on."""
        acting = self.ticket.read_text().split("### Vulnerabilities")[1].split("###")[0]
        return set(re.findall(r"CVE-2026-\d{4}", acting))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize("as_", ["not-planned", "duplicate", "wontfix"])
def test_a_decision_holds_for_what_it_saw_until_it_expires(case: Case, as_: str) -> None:
    assert case.run(0, ONE) == {"create": 1}
    case.close(as_, DAY + timedelta(days=1))
    assert case.run(1, ONE) == {}
    assert case.run(2, ONE, TWO) == {"reopen": 1}
    assert case.names() == {"CVE-2026-0002"}
    assert case.run(3, ONE, TWO) == {"update": 1}  # the tag; the decision still holds
    assert case.names() == {"CVE-2026-0002"}
    assert case.run(14, ONE, TWO) == {"update": 1}
    assert case.names() == {"CVE-2026-0001", "CVE-2026-0002"}
    assert (
        "to act on now (rated higher, or nothing excuses it any more): 1 critical or high." in case.ticket.read_text()
    )


@pytest.mark.parametrize("lost", [False, True])
def test_a_duplicate_ends_with_the_other_ticket_also_after_it_was_opened_again(tmp_path: Path, lost: bool) -> None:
    place = Place.create(tmp_path / "place")
    tickets = place.folder / "tickets"

    def run(week: int, base: list[Any], *app: Any) -> set[str]:
        """What the ticket of the app acts on after the run of a week, which the next day's repeats."""
        if lost:
            shutil.rmtree(place.history, ignore_errors=True)
        scan = write(tmp_path / f"w{week}", app=trivy("a/app:1.0", app), base=trivy("a/base:1.0", base))
        place.run(scan, DAY + week * WEEK)
        if base:
            again = place.run(scan, DAY + week * WEEK, timedelta(days=1)).document["plan"]
            assert again["create"] + again["update"] + again["reopen"] == 0  # it says the same on the next day
        [text] = [path.read_text() for path in tickets.glob("*a-app-*.md")]
        return set(re.findall(r"CVE-2026-\d{4}", text.split("### Vulnerabilities")[1].split("###")[0]))

    run(0, [ONE], ONE)
    [app], [base] = tickets.glob("*a-app-*.md"), tickets.glob("*a-base-*.md")
    closing = f"state: closed\nclosed_as: duplicate\nduplicate_of: {base.name}\nclosed: 2026-05-04T00:00:00Z"
    app.write_text(app.read_text().replace("state: open", closing))
    assert run(1, [ONE], ONE, TWO) == {"CVE-2026-0002"}
    assert "until the other ticket is closed" in app.read_text()
    assert run(30, [ONE], ONE, TWO) == {"CVE-2026-0002"}
    assert run(31, [], ONE, TWO) == {"CVE-2026-0002"}  # the other one closes now
    assert run(32, [], ONE, TWO) == {"CVE-2026-0001", "CVE-2026-0002"}


def test_a_decision_survives_a_lost_history(case: Case) -> None:
    case.run(0, ONE)
    case.close("not-planned", DAY + timedelta(days=1))
    case.run(1, ONE, TWO)
    shutil.rmtree(case.place.history)
    assert case.run(2, ONE, TWO) == {"update": 1}
    assert case.names() == {"CVE-2026-0002"}


@pytest.mark.parametrize("lost", [False, True])
def test_a_decision_holds_for_what_was_away_for_a_while(case: Case, lost: bool) -> None:
    """An image is built anew and back: what a person decided on it in between is not forgotten."""
    case.run(0, ONE, TWO)
    case.close("not-planned", DAY + timedelta(days=1))
    assert case.run(1, TWO, vulnerability("CVE-2026-0003")) == {"reopen": 1}  # without the first
    if lost:
        shutil.rmtree(case.place.history)
    assert case.run(2, ONE, TWO, vulnerability("CVE-2026-0003")) == {"update": 1}
    assert case.names() == {"CVE-2026-0003"}
    assert case.run(12, ONE, TWO, vulnerability("CVE-2026-0003")) == {"update": 1}
    assert case.names() == {"CVE-2026-0003"}
    case.run(13, ONE, TWO, vulnerability("CVE-2026-0003"))
    assert case.names() == {"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}


def test_with_the_history_the_baseline_is_lost_and_that_is_said(tmp_path: Path) -> None:
    """Nobody knows any more what the first scan had: nothing is filed, and no critical finding passes in silence."""
    case = Case(tmp_path)
    settings = case.place.folder / "triagebot.yaml"
    settings.write_text(f"{settings.read_text()}backlog: baseline\n")
    new, low = vulnerability("CVE-2026-0003", severity="CRITICAL"), vulnerability("CVE-2026-0004", severity="LOW")
    assert case.run(0, ONE) == {}
    why = "  ticket: none shows it: the first scan had it, and `backlog: baseline` makes no tickets of that\n"
    assert why in case.explained(DAY)
    assert case.run(1, ONE, TWO) == {"create": 1}
    shutil.rmtree(case.place.history)
    scan = write(tmp_path / "w2", a=trivy("a/a:1.2", [ONE, TWO, new, low]))
    told = case.place.run(scan, DAY + 2 * WEEK).document
    assert told["plan"]["create"] == 0
    assert [warning for warning in told["warnings"] if "baseline" in warning] == [
        "with it went what the first scan had: with `backlog: baseline`, 2 findings of this scan that no ticket shows, "
        "2 of them critical or high, get no ticket, new or not; bring the history back and run again, or set "
        "`backlog: ticket` to file them"
    ]
    assert why in case.explained(DAY + 2 * WEEK)
    settings.write_text(settings.read_text().replace("baseline", "ticket"))
    assert case.run(2, ONE, TWO, new, low) == {"update": 1}
    assert case.names() == {"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}


def test_done_is_believed_until_a_newer_image_or_the_grace_says_otherwise(case: Case) -> None:
    case.run(0, ONE, tag="1.0")
    case.close("done", DAY + timedelta(days=1))
    assert case.run(1, ONE, tag="1.0") == {}
    assert case.run(2, ONE, tag="1.0") == {}
    assert case.run(3, ONE, tag="1.0") == {"reopen": 1}
    case.close("done", DAY + 3 * WEEK + timedelta(days=1))
    assert case.run(4, ONE, tag="1.1") == {"reopen": 1}


def test_what_is_fixed_closes_and_what_returns_reopens_with_a_new_due_date(case: Case) -> None:
    case.run(0, ONE)
    assert case.run(1) == {"close": 1}
    assert "looked at again and is gone" in case.ticket.read_text()
    assert case.run(2, ONE) == {"reopen": 1}
    assert "due: '2026-06-16'" in case.ticket.read_text()


@pytest.mark.parametrize("as_", ["done", "not-planned"])
def test_a_closed_ticket_is_explained_as_closed(case: Case, as_: str) -> None:
    """Under the finding, too: the name of a ticket alone reads as if it were open."""
    case.run(0, ONE)
    name, day = case.ticket.name, DAY + timedelta(days=1)
    assert f"\n  ticket: {name}\n" in case.explained(day)
    case.close(as_, day)
    assert f"\n  ticket: {name} (closed as {as_} by a person on 2026-05-04)\n" in case.explained(day)


def test_a_decision_holds_when_its_tracker_leaves_the_settings(tmp_path: Path) -> None:
    """History knows it, and says where it was made; it is named in the summary, and ends on its day."""
    settings = "trackers: {%s: {type: local, path: %s}}\nteams: t.yaml\n"
    place = Place.create(tmp_path / "place", settings % ("one", "t1"))
    teams = place.folder / "t.yaml"
    teams.write_text("teams: {p: {tracker: one}}\nunowned: p\n")
    scan = write(tmp_path / "w0", a=trivy("a/a:1.0", [ONE]))
    place.run(scan, DAY)
    [ticket] = (place.folder / "t1").glob("*.md")
    closed = "state: closed\nclosed_as: not-planned\nclosed_by: alice\nbecause: no time"
    ticket.write_text(ticket.read_text().replace("state: open", closed))
    place.run(scan, DAY, later=timedelta(days=1))
    (place.folder / "triagebot.yaml").write_text(settings % ("two", "t2"))
    teams.write_text("teams: {q: {tracker: two}}\nunowned: q\n")
    both = write(tmp_path / "w1", a=trivy("a/a:1.1", [ONE, TWO]))
    told = place.run(both, DAY + WEEK)
    assert (told.document["plan"]["create"], told.document["findings"]["decided"]) == (1, 1)
    assert (
        "tracker 'one' is in the settings no more: history keeps 1 decision of people on its tickets, "
        "each until its day; name the tracker in `trackers:` again to change one"
    ) in told.document["warnings"]
    assert f"| 2026-08-02 | closed as not-planned | alice | no time | `{ticket.name}` |" in told.summary
    [moved] = (place.folder / "t2").glob("*.md")
    assert "CVE-2026-0001" not in moved.read_text().split("### Vulnerabilities")[1].split("###")[0]
    (place.folder / "triagebot.yaml").write_text(settings % ("three", "t1"))
    teams.write_text("teams: {q: {tracker: three}}\nunowned: q\n")
    named = place.run(both, DAY + WEEK, dry_run=True)
    (place.folder / "triagebot.yaml").write_text(settings % ("two", "t2"))
    teams.write_text("teams: {q: {tracker: two}}\nunowned: q\n")
    assert named.summary.count("| closed as not-planned | alice |") == 1, (
        "a tracker of another name lists the ticket itself"
    )
    late = place.run(both, DAY + WEEK, later=timedelta(days=84)).document
    assert (late["plan"]["update"], late["findings"]["decided"]) == (1, 0)
    assert not any("in the settings no more" in warning for warning in late["warnings"])


def test_a_deleted_ticket_is_not_filed_again(case: Case) -> None:
    case.run(0, ONE)
    case.ticket.unlink()
    scan = write(case.folder / "w1", a=trivy("a/a:1.1", [ONE]))
    told = case.place.run(scan, DAY + WEEK).document
    assert told["plan"]["create"] == 0
    assert any("was deleted" in warning for warning in told["warnings"])
    assert case.run(2, ONE, TWO) == {"create": 1}
    assert case.names() == {"CVE-2026-0002"}


def test_a_ticket_that_cannot_be_read_is_not_filed_twice_and_holds_up_nobody(case: Case) -> None:
    case.run(0, ONE)
    case.ticket.write_text("---\nstate: [\n---\n")
    scan = write(case.folder / "w1", a=trivy("a/a:1.1", [ONE]), b=trivy("a/b:1.1", [ONE]))
    told = case.place.run(scan, DAY + WEEK)
    assert (told.exit_code, told.document["plan"]["create"], told.document["plan"]["leave"]) == (1, 1, 1)
    assert len(told.document["errors"]) == 1


@pytest.mark.parametrize("how", ["closed", "deleted"])
def test_a_decision_in_one_stream_says_nothing_about_another(case: Case, how: str) -> None:
    case.run(0, ONE)
    if how == "closed":
        case.close("not-planned", DAY + timedelta(days=1))
    else:
        case.ticket.unlink()
        case.run(1, ONE)
    told = case.place.run(case.folder / "w0", DAY + 2 * WEEK, stream="release").document
    assert [(a["kind"], a["key"]) for a in told["actions"]] == [("create", "image:docker.io/a/a@release")]


THREE = vulnerability("CVE-2026-0003")
SAID = "decided by alice on 2026-05-04: closed as not planned, because the service is retired, until 2026-08-02"
SETTINGS = """group_by: {by}
teams: teams.yaml
trackers:
  default: {{type: local, path: tickets}}
  other: {{type: local, path: others}}
"""


class Moving:
    """One image, a decision of alice on what its ticket showed, and changes of everything around it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, Place.create(folder / "place")
        self.by, self.tracker, self.days = "image", "default", 0
        self.write()

    def write(self) -> None:
        (self.place.folder / "triagebot.yaml").write_text(SETTINGS.format(by=self.by))
        teams = f"teams: {{one: {{tracker: {self.tracker}}}}}\nunowned: one\n"
        (self.place.folder / "teams.yaml").write_text(teams)

    def run(self, day: int, *entries: dict[str, object]) -> dict[str, Any]:
        scan = write(self.folder / f"d{day}", a=trivy(f"a/a:1.{day}", entries))
        at = DAY + timedelta(days=day)
        told = self.place.run(scan, at).document
        assert told["errors"] == []
        again = self.place.run(scan, at, later=timedelta(minutes=20)).document
        assert {kind: again["plan"][kind] for kind in WRITING} == dict.fromkeys(WRITING, 0), again["actions"]
        return told

    def tickets(self, state: str) -> list[str]:
        paths = sorted(p for name in ("tickets", "others") for p in (self.place.folder / name).glob("*.md"))
        return [text for path in paths if f"\nstate: {state}\n" in (text := path.read_text())]

    def close(self) -> None:
        [path] = (self.place.folder / "tickets").glob("*.md")
        closed = (
            "state: closed\nclosed_as: not-planned\nclosed: 2026-05-04T08:00:00Z\nclosed_by: alice\n"
            "because: the service is retired"
        )
        path.write_text(path.read_text().replace("state: open", closed))

    def change(self, what: str) -> None:
        if what in ("regrouped", "all"):
            self.by = "upgrade"
        if what in ("moved", "all"):
            self.tracker = "other"
        if what in ("history lost", "all"):
            shutil.rmtree(self.place.history)
        self.write()


CHANGES = ["another tag", "regrouped", "moved", "history lost", "all"]


@pytest.mark.parametrize("change", CHANGES)
def test_who_decided_when_why_and_until_when_survives(tmp_path: Path, change: str) -> None:
    case = Moving(tmp_path)
    case.run(0, ONE, TWO)
    case.close()
    case.run(2, ONE, TWO, THREE)  # reopened for the third alone; its marker carries the decision from here on
    case.change(change)
    for day in (7, 14, 90):  # the last day on which it holds is 2026-08-01
        told = case.run(day, ONE, TWO, THREE)
        assert (told["findings"]["open"], told["findings"]["decided"]) == (1, 2), day
        acting = [text.partition("### Vulnerabilities")[2].partition("###")[0] for text in case.tickets("open")]
        assert re.findall(r"CVE-2026-\d{4}", "".join(acting)) == ["CVE-2026-0003"]
        excused = "".join(text.partition("### Excused")[2] for text in case.tickets("open"))
        assert SAID in excused
    told = case.run(91, ONE, TWO, THREE)
    assert (told["findings"]["open"], told["findings"]["decided"]) == (3, 0)
    acting = [text.partition("### Vulnerabilities")[2].partition("###")[0] for text in case.tickets("open")]
    assert set(re.findall(r"CVE-2026-\d{4}", "".join(acting))) == {f"CVE-2026-000{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_whose_ticket_stays_closed_survives(tmp_path: Path, change: str) -> None:
    case = Moving(tmp_path)
    case.run(0, ONE, TWO)
    case.close()
    case.run(2, ONE, TWO)
    case.change(change)
    for day in (7, 90):
        told = case.run(day, ONE, TWO)
        assert (told["findings"]["open"], told["findings"]["decided"]) == (0, 2), day
        assert case.tickets("open") == []
    told = case.run(91, ONE, TWO)
    assert (told["findings"]["open"], told["findings"]["decided"]) == (2, 0)
    acting = [text.partition("### Vulnerabilities")[2].partition("###")[0] for text in case.tickets("open")]
    assert set(re.findall(r"CVE-2026-\d{4}", "".join(acting))) == {"CVE-2026-0001", "CVE-2026-0002"}
