"""Whole runs against the emulated GitHub, week after week: the server's clock goes along with the run's."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import WRITING, Place
from github_front import Call
from github_server import Github, Repo
from reports import trivy, vulnerability, write

from triagebot.document import Told

ONE, TWO, THREE = (
    vulnerability("CVE-2026-0001"),
    vulnerability("CVE-2026-0002", "zlib"),
    vulnerability("CVE-2026-0003", "curl"),
)
SETTINGS = "trackers: {default: {type: github, repo: acme/platform, pause: 0}}\n"
LAG = timedelta(minutes=10)
"""How long after a scan its run starts."""

Entries = list[dict[str, Any]]


@dataclass
class World:
    """A folder to run in, and the hands of people. `told`: what the last run said; `mark`: where its calls begin."""

    folder: Path
    github: Github
    start: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    )
    settings: str = SETTINGS
    told: Told = field(default_factory=lambda: Told({}))
    mark: int = 0

    def __post_init__(self) -> None:
        self.place = Place.create(self.folder / "place", self.settings)
        self.repo = self.github.repo("acme/platform")

    def write(self, **files: str) -> None:
        """Files of the configuration, by their name without `.yaml`."""
        for name, text in files.items():
            (self.place.folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def at(self, day: float) -> datetime:
        """Have it be that many days after the first: the server's time, and that of the run."""
        now = self.start + timedelta(days=day)
        self.github.front.shift((now - datetime.now(UTC)).total_seconds())
        return now

    def run(
        self, day: float, *entries: dict[str, Any], tag: str = "", images: Mapping[str, Entries] | None = None,
        fails: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        """What the run of a day writes. The same scan a second time must write nothing."""
        now = self.at(day)
        scan = self.scan(day, images or {"a/a": list(entries)}, tag or f"1.{int(day)}", now)
        self.mark = len(self.github.front.log)
        self.told = self.place.run(scan, now - LAG, LAG)
        assert fails or self.errors == []
        mark = len(self.github.front.log)
        again = self.place.run(scan, now - LAG, LAG).document
        if not fails:
            assert {kind: again["plan"][kind] for kind in WRITING} == dict.fromkeys(WRITING, 0), again["actions"]
            assert [c for c in self.github.front.writes(mark) if not c.path.startswith("/app/")] == []
        del self.github.front.log[mark:]
        plan = self.told.document["plan"]
        return {kind: plan[kind] for kind in WRITING if plan[kind]}

    def scan(self, day: float, images: Mapping[str, Entries], tag: str, now: datetime) -> Path:
        """A scan folder."""
        at = f"{now - LAG:%Y-%m-%dT%H:%M:%SZ}"
        made = {
            f"r{number}": trivy(image if ":" in image else f"{image}:{tag}", entries, at=at)
            for number, (image, entries) in enumerate(images.items())
        }
        shutil.rmtree(self.folder / f"scan-{day}", ignore_errors=True)
        return write(self.folder / f"scan-{day}", **made)

    def forget(self) -> None:
        """Lose the history."""
        shutil.rmtree(self.place.history)

    @property
    def errors(self) -> list[str]:
        """What the last run says went wrong."""
        said: list[str] = self.told.document["errors"]
        return said

    @property
    def warnings(self) -> str:
        """What the last run warns of."""
        return "\n".join(self.told.document["warnings"])

    def calls(self) -> list[Call]:
        """The calls of the last run."""
        return self.github.front.log[self.mark :]

    def causes(self) -> list[str]:
        """Why the last run did what it did."""
        return [action["cause"] for action in self.told.document["actions"]]

    def names(self, number: int = 1, repo: Repo | None = None) -> set[str]:
        """The vulnerabilities that a ticket acts on."""
        acting = (repo or self.repo).body(number).split("### Vulnerabilities")[1].split("###")[0]
        return set(re.findall(r"CVE-\d{4}-\d{4}", acting))

    def marker(self, number: int = 1, repo: Repo | None = None) -> dict[str, Any]:
        """What a ticket says of itself."""
        said = re.search(r"<!-- triagebot:marker (.*?) -->", (repo or self.repo).body(number))
        assert said
        told: dict[str, Any] = json.loads(said[1])
        return told

    def count(self, repo: Repo | None = None) -> int:
        """How many issues there are."""
        return len((repo or self.repo).issues())

    def say(self, text: str, number: int = 1, by: str = "octocat", repo: Repo | None = None) -> int:
        """A comment; its id."""
        made: int = (repo or self.repo).comment(number, text, by)["id"]
        return made

    def replies(self, number: int = 1, repo: Repo | None = None) -> list[str]:
        """What the bot said to people."""
        own = ((c["user"]["login"], c["body"]) for c in (repo or self.repo).comments(number))
        return [text for by, text in own if by == "triage-bot" and text.startswith("@")]

    def reactions(self, comment: int, repo: Repo | None = None) -> list[str]:
        """Reactions of the bot to a comment."""
        path = f"/repos/{(repo or self.repo).name}/issues/comments/{comment}/reactions"
        return [r["content"] for r in self.github.act("maintainer", "GET", path) if r["user"]["login"] == "triage-bot"]


def made(github: Github, folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One repository, one team, nothing filed."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    return World(folder, github)
