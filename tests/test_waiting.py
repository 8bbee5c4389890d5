"""Drafts that wait are counted and not spelt out: the plan is the one that spelling all of them out gives."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import app, config
from triagebot.config import Config
from triagebot.history import History
from triagebot.look import Options, look
from triagebot.model import Action, Cause, Plan

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SETTINGS = """
drop_fraction: 1
rules: [rules.yaml]
teams: teams.yaml
group_by: {by}
backlog: {backlog}
limits: {{new_tickets: 2, writes: {writes}}}
trackers:
  default: {{type: local, path: tickets}}
  other: {{type: local, path: others}}
"""
TEAMS = """
teams: {base: {tracker: default}, web: {tracker: other}, lost: {tracker: default}}
unowned: base
images: [{match: "*/web-*", team: web}]
"""
EXCEPTIONS = """
exceptions:
  - {asset: "*/app-3", vulnerability: "*", package: "*", kind: version-lock, reason: locked, approved_by: a.person,
     expires: 2027-01-31}
"""


def scan(folder: Path, seed: int) -> Path:
    """Fifteen images with a few findings each."""
    r = random.Random(seed)  # noqa: S311 - the same scans each time
    reports = {}
    for n in range(15):
        image = f"registry.example/{r.choice(['web', 'app'])}-{n % 11}:{n}"
        entries = [
            vulnerability(
                f"CVE-2026-{r.randrange(40):04}", f"package-{r.randrange(9)}",
                severity=r.choice(["CRITICAL", "HIGH", "HIGH", "LOW"]), fixed=r.choice(["1.0-r1", "1.0-r1", ""]),
            )
            for _ in range(r.randrange(4))
        ]  # fmt: skip
        reports[f"r{n}"] = trivy(image, entries)
    return write(folder, **reports)


def told(plan: Plan) -> tuple[list[Action], list[Action]]:
    """Steps and what waits, whatever their order among equals, and whichever limit was the first to be reached."""

    def order(action: Action) -> tuple[str, str, str]:
        return action.priority, action.key, action.kind

    waiting = [replace(a, reason="") if a.cause is Cause.LIMIT else a for a in plan.deferred]
    return sorted(plan.actions, key=order), sorted(waiting, key=order)


def plans(settings: Config, options: Options) -> tuple[Plan, Plan]:
    """The plan as a run makes it, and with every draft spelt out."""
    history = History(settings.history)
    state = history.state("main")
    assert state.last
    coverage = history.scan(state.last).coverage
    views = [look(settings, history, state, coverage, options, keep=False, every=every) for every in (False, True)]
    run, whole = (app.make_plan(settings, view, options) for view in views)
    return run, whole


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", ["image", "upgrade"])
@pytest.mark.parametrize(("backlog", "writes"), [("ticket", 400), ("ticket", 3), ("baseline", 400)])
def test_the_plan_is_the_same(tmp_path: Path, seed: int, by: str, backlog: str, writes: int) -> None:
    place = Place.create(tmp_path / "place", SETTINGS.format(by=by, backlog=backlog, writes=writes))
    (place.folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
    priority = Path(__file__).parents[1] / "rules" / "priority.yaml"
    (place.folder / "rules.yaml").write_text(EXCEPTIONS + priority.read_text(encoding="utf-8"), encoding="utf-8")
    settings = config.load(place.folder / "triagebot.yaml")
    waited = 0
    for week in range(4):
        at = NOW + timedelta(weeks=week)
        path = scan(tmp_path / f"scan-{week}", seed * 10 + (0, 1, 1, 3)[week])
        place.run(path, at, record_only=True)
        if week == 2:  # what a deleted ticket showed is held: its key must not take the place of another
            for ticket in sorted((place.folder / "tickets").glob("*.md"))[:2]:
                ticket.unlink()
        if week == 3:  # a ticket that cannot be read takes no new ticket's place either
            for ticket in sorted((place.folder / "tickets").glob("*.md"))[:1]:
                ticket.write_text("broken", encoding="utf-8")
        run, whole = plans(settings, Options(now=at + timedelta(minutes=10), taken_at=at))
        assert told(run) == told(whole)
        waited += len(run.deferred)
        place.run(path, at)
    assert waited or backlog == "baseline"


@pytest.mark.parametrize("by", ["upgrade", "image"])
def test_what_waits_for_its_new_ticket_is_not_gone_from_the_old(tmp_path: Path, by: str) -> None:
    """More images change their team than may get a new ticket: with posture, that is so whatever the grouping."""
    place = Place.create(tmp_path / "place", SETTINGS.format(by=by, backlog="ticket", writes=400))
    (place.folder / "rules.yaml").write_text(
        "rules: [{id: all, when: {kind: [vulnerability, secret]}, priority: P1, due: 7d, action: ticket, because: x}]\n"
    )
    secret = {"RuleID": "aws", "Category": "AWS", "Severity": "HIGH", "Title": "a key", "StartLine": 1, "EndLine": 1}
    reports = {}
    for n in range(5):
        report = trivy(f"registry.example/app-{n}:1", [vulnerability(f"CVE-2026-000{n}", f"package-{n}")])
        report["Results"].append({"Target": "/app/.env", "Class": "secret", "Secrets": [secret]})
        reports[f"r{n}"] = report
    path = write(tmp_path / "scan", **reports)
    (place.folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
    for hour in range(6):
        place.run(path, NOW, timedelta(hours=hour))
    stood = place.open_keys()
    assert len(stood) == 10
    (place.folder / "teams.yaml").write_text(
        TEAMS.replace("{match", '{match: "*/app-*", team: lost}, {match', 1), encoding="utf-8"
    )
    for hour in range(6, 14):
        document = place.run(path, NOW, timedelta(hours=hour)).document
        assert document["refused"] is None
        assert not [a for a in document["actions"] if a["kind"] == "close"]
    assert len(place.open_keys()) == 10
    assert not [key for key in place.open_keys() if ":base:" in key]


def test_what_waits_has_the_title_that_it_will_have(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "limits: {new_tickets: 1}\n")
    both = [vulnerability("CVE-2026-0001", package) for package in ("libssl3", "libcrypto3")]
    path = write(tmp_path / "scan", a=trivy("registry.example/a:1", both), b=trivy("registry.example/b:1", both))
    first, second = (place.run(path, NOW).document["actions"] for _ in range(2))
    assert [(a["outcome"], a["title"]) for a in first if a["outcome"] == "deferred"] == [
        ("deferred", "[P2] registry.example/b: 1 high to fix")
    ]
    assert [(a["outcome"], a["title"]) for a in second] == [("done", "[P2] registry.example/b: 1 high to fix")]
