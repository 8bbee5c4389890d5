"""When tickets are due: one label says so, the text stays byte for byte, and only what changes is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from conftest import Place, written
from reports import trivy, vulnerability, write

from triagebot.model import DUE_SOON, OVERDUE
from triagebot.sla import flag

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
DAY = timedelta(days=1)
ONE = vulnerability("CVE-2026-0001")


@pytest.mark.parametrize(
    ("due", "expected"),
    [("", ""), ("2026-05-02", OVERDUE), ("2026-05-03", DUE_SOON), ("2026-05-06", DUE_SOON), ("2026-05-07", "")],
)
def test_the_label_of_a_day(due: str, expected: str) -> None:
    assert flag(due, NOW, 3 * DAY) == expected


class Week:
    """One image, scanned on some days."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder, self.place = folder, Place.create(folder / "place", settings or "due_soon: 5d\n")

    def run(self, day: int, *entries: dict[str, object], tag: str = "1.0") -> dict[str, int]:
        """What the run of a day writes; the same scan again must write nothing."""
        scan = write(self.folder / f"d{day}", a=trivy(f"a/a:{tag}", entries))
        told = self.place.run(scan, NOW + day * DAY)
        assert written(self.place.run(scan, NOW + day * DAY, later=timedelta(minutes=20)).document) == {}
        self.told = told
        return {kind: n for kind, n in written(told.document).items() if kind != "default"}

    @property
    def path(self) -> Path:
        [path] = (self.place.folder / "tickets").glob("*.md")
        return path

    @property
    def labels(self) -> list[str]:
        labels: list[str] = yaml.safe_load(self.path.read_text().split("\n---\n")[0])["labels"]
        return labels

    @property
    def body(self) -> str:
        return self.path.read_text().split("\n---\n", 1)[1]


@pytest.fixture
def week(tmp_path: Path) -> Week:
    return Week(tmp_path)


def test_a_ticket_goes_from_due_soon_to_overdue_and_its_text_does_not_change(week: Week) -> None:
    assert week.run(0, ONE) == {"create": 1}
    body = week.body
    assert week.run(20, ONE) == {}
    assert week.run(25, ONE) == {"update": 1}
    assert week.labels == ["triagebot", DUE_SOON]
    assert [(a["cause"], a["reason"]) for a in week.told.document["actions"]] == [("due", "it is due 2026-06-02")]
    assert week.told.document["findings"]["due_soon_tickets"] == 1
    assert week.run(28, ONE) == {}
    assert week.run(31, ONE) == {"update": 1}
    assert week.labels == ["triagebot", OVERDUE]
    assert week.told.document["findings"]["overdue_tickets"] == 1
    assert "; 1 team overdue" in week.told.summary
    assert week.run(38, ONE) == {}
    assert week.body == body


def test_the_label_goes_with_the_closing_and_comes_anew(week: Week) -> None:
    week.run(0, ONE)
    week.run(31, ONE)
    assert week.run(32, tag="1.1") == {"close": 1}
    assert week.labels == ["triagebot"]
    assert week.run(33, ONE, tag="1.2") == {"reopen": 1}
    assert week.labels == ["triagebot"]  # what returns has its time from then on


def test_a_ticket_that_is_due_when_it_is_filed_says_so_at_once(tmp_path: Path) -> None:
    week = Week(tmp_path, "due_soon: 30d\n")
    assert week.run(0, ONE) == {"create": 1}
    assert week.labels == ["triagebot", DUE_SOON]


def test_labels_of_people_stay_and_one_of_ours_is_put_back(week: Week) -> None:
    week.run(0, ONE)
    week.path.write_text(week.path.read_text().replace("- triagebot\n", "- triagebot\n- mine\n", 1))
    week.run(31, ONE)
    assert week.labels == ["triagebot", "mine", OVERDUE]
    week.path.write_text(week.path.read_text().replace(f"- {OVERDUE}\n", ""))
    assert week.run(32, ONE) == {"update": 1}
    assert week.labels == ["triagebot", "mine", OVERDUE]


def test_an_unverified_ticket_is_overdue_too(week: Week) -> None:
    week.run(0, ONE)
    scan = write(week.folder / "other", b=trivy("a/b:1", []))
    told = week.place.run(scan, NOW + 40 * DAY).document
    assert [(a["kind"], a["cause"]) for a in told["actions"]] == [("update", "due"), ("leave", "unverified")]
    assert week.labels == ["triagebot", OVERDUE]


def test_a_raised_priority_shortens_the_time_and_nothing_extends_it(week: Week) -> None:
    def due() -> str:
        return str(yaml.safe_load(week.path.read_text().split("\n---\n")[0])["due"])

    week.run(0, ONE)
    assert due() == "2026-06-02"
    week.run(1, vulnerability("CVE-2026-0001", severity="CRITICAL"))
    assert due() == "2026-05-10"
    week.run(2, ONE)
    assert due() == "2026-05-10"
    week.run(3, ONE, vulnerability("CVE-2026-0002"))
    assert due() == "2026-05-10"


def test_the_limit_of_writes_counts_labels(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "limits: {writes: 2}\n")
    images = {f"i{n}": trivy(f"a/i{n}:1", [ONE]) for n in range(3)}
    scan = write(tmp_path / "s", **images)
    place.run(scan, NOW)
    place.run(scan, NOW, later=timedelta(minutes=20))
    told = place.run(write(tmp_path / "t", **images), NOW + 40 * DAY).document
    assert (told["plan"]["update"], told["plan"]["deferred"]) == (2, 1)
    assert place.run(tmp_path / "t", NOW + 41 * DAY).document["plan"]["update"] == 1


RULES = """rules:
  - {id: crit, when: {severity: critical}, priority: P1, due: 7d, action: ticket, because: Critical.}
  - {id: high, when: {severity: high}, priority: P2, due: 30d, action: ticket, because: High.}
"""
QUIET = "rules:\n  - {id: quiet, when: {package: pkg:apk/alpine/b}, priority: P9, action: ignore, because: Vendored.}\n"


def test_a_rule_that_ignores_and_is_taken_back_does_not_extend(tmp_path: Path) -> None:
    week = Week(tmp_path, "rules: [rules.yaml]\n")
    rules = week.place.folder / "rules.yaml"
    rules.write_text(RULES)
    a, b = vulnerability("CVE-2026-0001", "a", severity="CRITICAL"), vulnerability("CVE-2026-0002", "b")

    def front() -> dict[str, object]:
        told: dict[str, object] = yaml.safe_load(week.path.read_text().split("\n---\n")[0])
        return told

    week.run(0, a, b)
    assert front()["due"] == "2026-05-10"
    week.run(1, b, tag="1.1")  # the day was promised for all of the ticket
    assert front()["due"] == "2026-05-10"
    rules.write_text(QUIET + RULES.removeprefix("rules:\n"))
    assert week.run(2, b, tag="1.2") == {"close": 1}
    assert "is ignored. It is counted nowhere." in week.body
    assert "- CVE-2026-0002 in `b`: rule `quiet` ignores it (Vendored.)" in week.body
    rules.write_text(RULES)
    assert week.run(3, b, tag="1.3") == {"reopen": 1}
    assert front()["due"] == "2026-05-10"
    rules.write_text(RULES.replace("action: ticket, because: High", "action: report, because: High"))
    assert week.run(4, b, tag="1.4") == {"close": 1}
    assert "below the ticket threshold. It is still counted." in week.body
    assert "- CVE-2026-0002 in `b`: rule `high` makes no ticket of it (High.)" in week.body


def test_a_reopening_names_only_what_the_last_scan_looked_at(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "drop_fraction: 1\n")
    two = {"a": trivy("a/a:1", [ONE]), "b": trivy("a/a:2", [ONE])}
    place.run(write(tmp_path / "s0", **two), NOW)
    [path] = (place.folder / "tickets").glob("*.md")
    path.write_text(path.read_text().replace("state: open", "state: closed\nclosed: 2026-05-04", 1))
    place.run(write(tmp_path / "s1", b=trivy("a/a:2", [ONE])), NOW + 20 * DAY)
    said = path.read_text().partition("## Comments")[2]
    assert "Scan `s1` shows this in `docker.io/a/a:2" in said
    assert "a/a:1" not in said.partition("Next:")[0]
