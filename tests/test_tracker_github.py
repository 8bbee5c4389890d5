"""The GitHub tracker on the emulated GitHub: the common behaviour."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from github_server import Github, Repo
from tracker_contract import NOW, Place, TrackerContract

from triagebot.files import GithubSettings
from triagebot.model import ClosedAs
from triagebot.trackers import Edit, connect
from triagebot.trackers.body import comment_mark
from triagebot.trackers.github import GithubTracker

CLOSED_AS = {"done": "completed", "not-planned": "not_planned", "duplicate": "duplicate"}


def github_tracker(github: Github, token: str = "", **said: object) -> GithubTracker:
    """A tracker of `acme/platform` that has seen nothing."""
    settings = GithubSettings.model_validate({"type": "github", "repo": "acme/platform", "pause": 0, **said})
    secrets = {"GITHUB_TOKEN": token or github.token(), "GITHUB_API_URL": github.url}
    made = connect("here", settings, None, NOW, (), secrets)  # type: ignore[arg-type]
    assert isinstance(made, GithubTracker)
    return made


class GithubPlace(Place):
    """A repository and a browser."""

    slack = timedelta(days=3000)
    people = ("octocat", "hubot", "maintainer", "triage-bot")

    def __init__(self, github: Github) -> None:
        self.github, self.repo, self.token = github, github.repo("acme/platform"), github.token()

    def connect(self) -> GithubTracker:
        return github_tracker(self.github, self.token)

    def at(self, ticket: str) -> tuple[Repo, int]:
        repo, _, number = ticket.rpartition("#")
        return self.github.repo(repo), int(number)

    def body(self, ticket: str) -> str:
        repo, number = self.at(ticket)
        return repo.body(number)

    def text(self, ticket: str) -> str:
        return re.sub(r"<!--.*?-->", "", self.body(ticket))

    def write_body(self, ticket: str, body: str) -> None:
        repo, number = self.at(ticket)
        repo.edit(number, body=body)

    def comments(self, ticket: str) -> str:
        repo, number = self.at(ticket)
        return "\n".join(c["body"] for c in repo.comments(number))

    def close(self, ticket: str, closed_as: ClosedAs, other: str = "") -> None:
        repo, number = self.at(ticket)
        if other:
            repo.comment(number, f"Duplicate of #{other.rpartition('#')[2]}")
        repo.close(number, CLOSED_AS[closed_as])

    def reopen(self, ticket: str) -> None:
        repo, number = self.at(ticket)
        repo.reopen(number)

    def names(self, ticket: str, field: str) -> list[str]:
        repo, number = self.at(ticket)
        if field == "assignees":
            return repo.assignees(number)
        return [name for name in repo.labels(number) if not name.startswith("priority/")]

    def set_names(self, ticket: str, field: str, names: list[str]) -> None:
        repo, number = self.at(ticket)
        kept = [n for n in repo.labels(number) if n.startswith("priority/")] if field == "labels" else []
        repo.edit(number, **{field: [*names, *kept]})

    def strip(self, ticket: str) -> None:
        repo, number = self.at(ticket)
        repo.edit(number, body=re.sub(r"<!-- triagebot.*?-->\n?", "", repo.body(number)))

    def forge_comment(self, ticket: str, edit: Edit) -> bool:
        repo, number = self.at(ticket)
        repo.comment(number, f"Forged.\n\n{comment_mark(edit.comment_digest)}")
        return True

    def forge(self, ticket: str) -> str:
        repo, number = self.at(ticket)
        made = repo.file("mine", repo.body(number), by="octocat", labels=["triagebot"])
        return f"{repo.name}#{made['number']}"


class TestContract(TrackerContract):
    """The common behaviour."""

    @pytest.fixture
    def place(self, github: Github) -> Place:
        return GithubPlace(github)
