"""Whole runs against the emulated GitHub: the same tickets as local ones, at the least cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import SETTINGS, Place, written
from github_contract import contract_faults
from github_server import Github
from test_histories import scans_of

GITHUB = "trackers: {default: {type: github, repo: acme/platform, pause: 0}}\n"


@pytest.fixture
def signed_in(github: Github, monkeypatch: pytest.MonkeyPatch) -> Github:
    """The environment of a run."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    return github


def standing(github: Github, repo: str = "acme/platform") -> dict[str, tuple[str, str, str]]:
    """Title, state and text of each issue, by the key in its marker."""
    found = {}
    for issue in github.repo(repo).issues():
        key = re.search(r'<!-- triagebot:marker .*?"key":"(.*?)"', issue["body"])
        assert key
        text = re.sub(r"<!--.*?-->\n?", "", issue["body"]).strip()
        assert key[1] not in found
        state = (
            "open"
            if issue["state"] == "open"
            else {"completed": "done", "not_planned": "not-planned"}[issue["state_reason"]]
        )
        found[key[1]] = (issue["title"], state, text)
    return found


def local(place: Place) -> dict[str, tuple[str, str, str]]:
    """The same of local tickets."""
    found = {}
    for front, data in zip(place.tickets(), place.ticket_bytes().values(), strict=True):
        body = data.decode().split("---\n", 2)[2].partition("\n## Comments\n")[0]
        text = re.sub(r"<!--.*?-->\n?", "", body).strip()
        state = front["state"] if front["state"] == "open" else front["closed_as"]
        found[front["triagebot"]["key"]] = (front["title"], state, text)
    return found


def test_the_issues_equal_the_local_tickets(corpus: Path, tmp_path: Path, signed_in: Github) -> None:
    here, there = Place.create(tmp_path / "here", SETTINGS), Place.create(tmp_path / "there", GITHUB)
    for number, scan in enumerate(scans_of(corpus, "openaf")):
        folder = scan.laid_out(tmp_path / f"scan-{number}")
        said = here.run(folder, scan.taken_at).document
        told = there.run(folder, scan.taken_at).document
        assert told["errors"] == said["errors"]
        assert told["plan"] == said["plan"]
        assert local(here) == standing(signed_in)
        before = len(signed_in.front.log)
        again = there.run(folder, scan.taken_at).document
        assert not written(again)
        assert not signed_in.front.writes(before)
        assert len(signed_in.front.reads(before)) <= 2
    assert contract_faults(signed_in.front.log) == []
