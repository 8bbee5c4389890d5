"""What the tests share: the corpus of real scans, a place to run the product in, and the profile of Hypothesis."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from browser import chromium, opened  # noqa: F401 - fixtures
from github_server import github, github_process  # noqa: F401 - fixtures
from jira_server import cloud, data_center, jira, jira_servers  # noqa: F401 - fixtures
from kills import forker  # noqa: F401 - a fixture
from reports import several

from triagebot import app, config
from triagebot.document import Told
from triagebot.history import History
from triagebot.look import Options
from triagebot.model import Belief

hypothesis.settings.register_profile("triagebot", deadline=None)
hypothesis.settings.load_profile("triagebot")

CORPUS_ABSENT = "the corpus of real scans is absent (TRIAGEBOT_CORPUS)"
SETTINGS = "trackers: {default: {type: local, path: tickets}}\n"
WRITING = ("create", "update", "comment", "close", "reopen", "move")


LONGEST = ("test_jira_killed.py", "test_github_killed.py", "test_weekly.py", "test_killed.py", "test_page_browser.py")
"""Files of few tests that take long: begun first, so that no worker is left with one while the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they stand."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def corpus_folder() -> Path:
    """Where the corpus of real scans is looked for."""
    return Path(os.environ.get("TRIAGEBOT_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "scans")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus of real scans. Where it is absent the test is skipped; in CI it fails, so that none is lost unseen."""
    folder = corpus_folder()
    if not (folder / "history").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(CORPUS_ABSENT, pytrace=False)
        pytest.skip(CORPUS_ABSENT)
    return folder


@dataclass(frozen=True)
class Place:
    """A folder with a configuration, its history and its local tickets."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, settings: str = SETTINGS) -> Place:
        """A new place, never run in."""
        folder.mkdir(parents=True)
        (folder / "triagebot.yaml").write_text(settings, encoding="utf-8")
        return cls(folder)

    def run(self, scan: Path, taken_at: datetime, later: timedelta = timedelta(minutes=10), **options: Any) -> Told:
        """One run in this process. `later`: how long after the scan it starts."""
        settings = config.load(self.folder / "triagebot.yaml")
        return app.run(settings, scan, Options(now=taken_at + later, taken_at=taken_at, **options))

    @classmethod
    def with_one_ticket(cls, folder: Path, at: datetime) -> Place:
        """One that was run with one image that has something to act on."""
        place = cls.create(folder / "place")
        place.run(several(folder, 1), at)
        return place

    def copy(self, folder: Path) -> Place:
        """The same place as it stands now, elsewhere."""
        return Place(Path(shutil.copytree(self.folder, folder)))

    @property
    def history(self) -> Path:
        """The history folder."""
        return config.load(self.folder / "triagebot.yaml").history

    def belief(self, stream: str = "main") -> Belief:
        """What is believed after the last scan."""
        return History(self.history).state(stream, keep_cache=False).belief

    def ticket_bytes(self) -> dict[str, bytes]:
        """All that lies in the ticket folder, byte for byte."""
        tickets = self.folder / "tickets"
        return {p.name: p.read_bytes() for p in sorted(tickets.iterdir())} if tickets.is_dir() else {}

    def tickets(self) -> list[dict[str, Any]]:
        """The front matter of every ticket."""
        return [yaml.safe_load(text.split(b"\n---\n")[0]) for text in self.ticket_bytes().values()]

    def open_keys(self) -> set[str]:
        """The keys of the open tickets."""
        return {ticket["triagebot"]["key"] for ticket in self.tickets() if ticket["state"] == "open"}

    def duplicates(self) -> dict[str, int]:
        """The keys that more than one ticket carries."""
        carried = Counter(ticket["triagebot"]["key"] for ticket in self.tickets())
        return {key: times for key, times in carried.items() if times > 1}


def closed_keys(document: dict[str, Any]) -> set[str]:
    """The keys of the tickets that a run closed."""
    return {action["key"] for action in document["actions"] if action["kind"] == "close"}


def written(document: dict[str, Any]) -> dict[str, int]:
    """What a run planned to write, and the writes that it made; empty if there was nothing."""
    planned = {kind: document["plan"][kind] for kind in WRITING if document["plan"][kind]}
    made = {tracker["name"]: tracker["writes"] for tracker in document["trackers"] if tracker["writes"]}
    return planned | made
