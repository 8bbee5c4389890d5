"""A simulated year of weekly scans: every week all the books agree, nothing is written twice, and no ticket flaps."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Place, written
from year_world import EXPIRY, IMAGES, STILL, World, asset, exceptions_file, finding_id, rules_file

from triagebot import seen
from triagebot.model import FLAGS, Remark
from triagebot.trackers import Known, Listing, LocalTracker

SETTINGS = f"""rules: [rules.yaml, exceptions.yaml]
teams: teams.yaml
inventory: images.txt
drop_fraction: 1
decision_expiry: {EXPIRY.days}d
limits: {{close_fraction: 1}}
trackers:
  default: {{type: local, path: tickets}}
  other: {{type: local, path: others}}
"""
TEAMS = """teams:
  one: {name: One}
  two: {name: Two, tracker: other}
unowned: one
images: [{match: "*/[none]", team: two}]
"""
LATER = timedelta(hours=1)


class Talking(LocalTracker):
    """Files on which people can also speak. What they said, by ticket file."""

    said: dict[str, tuple[Remark, ...]] = {}  # noqa: RUF012 - people speak to all of them

    def listing(self, known: Known) -> Listing:
        told = super().listing(known)
        tickets = tuple(replace(t, remarks=self.said.get(f"{self.folder.name}/{t.id}", ())) for t in told.tickets)
        return replace(told, tickets=tickets)


class Year:
    """The platform, the place where triagebot runs, and people who work on tickets."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.world = folder, World(random.Random(seed))  # noqa: S311 - a seeded year
        self.hands = random.Random(seed + 1)  # noqa: S311
        self.place = Place.create(folder / "place", SETTINGS)
        self.moved: set[str] = set()
        self.turns: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self.wanted: dict[str, bool] = {}
        self.causes: Counter[str] = Counter()
        self.seen_states: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        self.opened_by_rules = 0
        self.promised: dict[str, tuple[str, set[str]]] = {}
        """By image: the day that its ticket last said, and what it showed then and has been there ever since."""
        self.write()
        self.world.begin()

    def write(self) -> None:
        files = {
            "rules.yaml": rules_file(self.world.acts_on_high), "exceptions.yaml": exceptions_file(),
            "images.txt": "\n".join(asset(i) for i in sorted(self.world.inventory)) + "\n",
            "teams.yaml": TEAMS.replace("*/[none]", "*/{none," + ",".join(sorted(self.moved)) + "}"),
        }  # fmt: skip
        for name, text in files.items():
            (self.place.folder / name).write_text(text)

    def tickets(self, image: str) -> list[tuple[Path, dict[str, Any]]]:
        """The tickets of an image, wherever they are."""
        found = []
        for folder in ("tickets", "others"):
            for path in sorted((self.place.folder / folder).glob("*.md")):
                front = yaml.safe_load(path.read_text().split("\n---\n")[0])
                if front["triagebot"]["key"] == f"image:{asset(image)}":
                    found.append((path, front))
        return found

    def run_week(self) -> None:
        world = self.world
        scan, figures = world.scan(self.folder / f"w{world.week}")
        told = self.place.run(scan, world.now).document
        assert told["diff"] == figures, world.week
        states = {name: told["findings"][name] for name in ("open", "excepted", "decided", "snoozed", "unverified")}
        assert states == world.buckets(), world.week
        assert sum(states.values()) == told["diff"]["current"]
        assert told["refused"] is None
        again = self.place.run(scan, world.now, later=timedelta(minutes=20))
        assert written(again.document) == {}, (world.week, again.document["actions"])
        self.seen_states.update(states)
        self.seen_states.update({k: figures[k] for k in ("fixed", "withdrawn", "retired", "reappeared")})
        for action in told["actions"]:
            if action["kind"] in ("create", "close", "reopen"):
                self.causes[action["cause"]] += 1
                self.moves[action["tracker"]] += action["cause"] == "moved"
                self.opened_by_rules += action["kind"] != "close" and world.week == 33
                self.turns[action["key"]] += action["cause"] != "moved"
        for image in IMAGES:
            self.check(image)
            self.check_day(image)

    def check_day(self, image: str) -> None:
        """Nothing extends: as long as one finding that the ticket showed stays, it is due no later than it was."""
        there = {finding_id(finding) for finding in self.world.believed}
        day, stayed = self.promised.get(image, ("", set()))
        self.promised[image] = day, stayed & there
        for path, front in self.tickets(image):
            if front["state"] == "open":
                shown = set(front["triagebot"]["shown"].split())
                if shown & stayed & there:
                    assert front["due"] <= day, (self.world.week, path)
                self.promised[image] = front["due"], shown

    def check(self, image: str) -> None:
        """The ticket is as it should be; a turn of what should be allows one turn of the ticket."""
        should = self.world.wants_open(image)
        open_ones = [front for _, front in self.tickets(image) if front["state"] == "open"]
        assert len(open_ones) <= 1
        for front in open_ones:
            assert len(set(front["labels"]) & set(FLAGS)) <= 1
            due, today = datetime.fromisoformat(front["due"]).date(), self.world.now.date()
            flag = FLAGS[0] if due < today else FLAGS[1] if due <= today + timedelta(days=3) else ""
            assert (set(front["labels"]) & set(FLAGS)) == ({flag} - {""})
        if should is None:
            return
        assert bool(open_ones) == should, (self.world.week, image)
        if self.wanted.get(image, False) != should:
            self.allowed[f"image:{asset(image)}"] += 1
        self.wanted[image] = should

    def people(self) -> None:
        """What people do between two scans."""
        world, day = self.world, self.world.now + timedelta(days=1)
        for image in sorted(world.inventory):
            for path, front in self.tickets(image):
                if front["state"] != "open" or self.hands.random() > 0.12:
                    continue
                shown = front["triagebot"]["shown"].split()
                do = self.hands.choice(("not-planned", "snooze", "done" if image != STILL else "snooze"))
                if do == "snooze":
                    said = Remark(f"{path.name}-{world.week}", "bob", day, "/triagebot snooze 30d", True, tuple(shown))
                    key = f"{path.parent.name}/{path.name}"
                    Talking.said[key] = (*Talking.said.get(key, ()), said)
                    world.decide(shown, (day + timedelta(days=30)).date(), "snoozed")
                    continue
                closing = f"state: closed\nclosed_as: {do}\nclosed: '{day:%Y-%m-%dT%H:%M:%SZ}'\nclosed_by: alice"
                path.write_text(path.read_text().replace("state: open", closing, 1))
                self.allowed[front["triagebot"]["key"]] += 1
                if do == "not-planned":
                    world.decide(shown, (day + EXPIRY).date(), "decided")
                    self.wanted[image] = False

    def change_minds(self) -> None:
        """Rules, teams and the inventory change."""
        world = self.world
        if world.week in (18, 33):
            world.acts_on_high = not world.acts_on_high
        if world.week in (12, 22, 36):
            self.moved ^= {12: {"a", "b"}, 22: {"c"}, 36: {"a"}}[world.week]
        if world.week == 28:
            shutil.rmtree(self.place.history / "cache")
        self.write()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    def connect(name: str, settings: Any, base: Path, now: datetime, *_: Any) -> Talking:
        return Talking(name, base / settings.path, now)

    monkeypatch.setattr(seen, "connect", connect)
    monkeypatch.setattr(Talking, "said", {})
    year = Year(tmp_path, seed)
    for _ in range(53):
        year.run_week()
        year.people()
        year.world.live()
        year.change_minds()
    # every state was there, and every reason to turn a ticket
    assert all(year.seen_states.values()), year.seen_states
    assert {"new-findings", "fixed", "decided", "reappeared", "below-threshold", "retired"} <= set(year.causes)
    # exceptions came to their end and decisions lapsed while the finding was there, and it came back to be done
    for state in ("excepted", "decided", "snoozed", "unverified"):
        assert year.world.passages[state, "open"], state
    # teams changed with tickets that were open, there and back, and rules with tickets that they closed and opened
    assert year.moves["other"]
    assert year.moves["default"]
    assert year.opened_by_rules
    # no ticket was turned more often than what should be turned, and people turned it
    for key, turns in year.turns.items():
        assert turns <= year.allowed[key], (key, turns, year.allowed[key])
