"""The GitHub that tests run against, and the hands of the people who work there.

`github` is fresh for each test: the repositories, people and permissions of `github_emulator`, and nothing filed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from github_checks import segment
from github_emulator import ACTIONS_APP, APP, INSTALLATION, WRITE, absent
from github_front import Front
from github_rules import KEEPERS
from github_wire import Answer, Identity, Request

BOT = "triage-bot"
Row = dict[str, Any]


class Refused(Exception):
    """What a person was refused."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body}")
        self.status = answer.status


class Github:
    """The server. `front` has the log, the faults and the gates."""

    app, installation = APP, INSTALLATION

    def __init__(self, folder: Path) -> None:
        self.front = Front(folder)
        self.url = self.front.url
        self.app_key = self.front.emulator.app_key
        """The private key of the app, for GitHub App authentication."""

    @property
    def log(self) -> Any:
        """The calls of clients, in order."""
        return self.front.log

    def token(self, login: str = BOT) -> str:
        """A personal token, with all of its 5,000 calls."""
        return self.front.admit(Identity(login, f"user:{login}"))

    def workflow_token(self, repo: str = "acme/platform", **permissions: str) -> str:
        """A `GITHUB_TOKEN`: one repository, 1,000 calls, acts as `github-actions[bot]`, cannot read `/user`."""
        given = permissions or WRITE
        account = repo.split("/", maxsplit=1)[0]
        who = Identity("github-actions[bot]", "", "installation", account, given, limit=1000)
        token = self.front.admit(who, "ghs_")
        told = self.front.emulator.order("workflowToken", token=token, repo=repo, app=ACTIONS_APP, permissions=given)
        self.front.identity(token).repositories = tuple(told["repository_ids"])
        return token

    def act(self, login: str, method: str, target: str, body: Any = None) -> Any:
        """Do something as a person, by the same rules as a client and beside the log."""
        parts = urlsplit(target)
        who = Identity(login, f"user:{login}")
        told = self.front.rules.answer(Request(who, method, parts.path, dict(parse_qsl(parts.query)), body))
        if not told.is_good:
            raise Refused(told)
        return told.body

    def repo(self, name: str = "acme/platform") -> Repo:
        """The hands for a repository."""
        return Repo(self, name)

    def new_repo(self, name: str, *, private: bool = True) -> Repo:
        """A repository more, in which the bot may write."""
        owner, short = name.split("/")
        path = f"/orgs/{owner}/repos" if owner in KEEPERS else "/user/repos"
        self.act(KEEPERS.get(owner, owner), "POST", path, {"name": short, "private": private})
        self.repo(name).allow(BOT, "push")
        return self.repo(name)


class Repo:
    """What people see and do in a repository. `by`: who; else the one who may do everything."""

    def __init__(self, github: Github, name: str) -> None:
        self.github, self.name = github, name

    def _do(self, method: str, rest: str = "", body: Any = None, by: str = "") -> Any:
        owner = self.name.split("/")[0]
        return self.github.act(by or KEEPERS.get(owner, owner), method, f"/repos/{self.name}{rest}", body)

    def _pages(self, rest: str) -> list[Row]:
        found: list[Row] = []
        while page := self._do("GET", f"{rest}per_page=100&page={len(found) // 100 + 1}"):
            found += page
            if len(page) < 100:
                break
        return found

    # Seen

    def issues(self, state: str = "all") -> list[Row]:
        """All issues, the oldest first."""
        return self._pages(f"/issues?state={state}&direction=asc&")

    def issue(self, number: int) -> Row:
        """One issue."""
        row: Row = self._do("GET", f"/issues/{number}")
        return row

    def body(self, number: int) -> str:
        """Its text."""
        return self.issue(number)["body"] or ""

    def labels(self, number: int) -> list[str]:
        """The names of its labels."""
        return [label["name"] for label in self.issue(number)["labels"]]

    def assignees(self, number: int) -> list[str]:
        """The people it is assigned to."""
        return [user["login"] for user in self.issue(number)["assignees"]]

    def state(self, number: int) -> tuple[str, str | None]:
        """`open` or `closed`, and why."""
        issue = self.issue(number)
        return issue["state"], issue["state_reason"]

    def comments(self, number: int) -> list[Row]:
        """Its comments, the oldest first."""
        return self._pages(f"/issues/{number}/comments?")

    # Done to an issue

    def file(self, title: str = "by hand", body: str = "", by: str = "", *, is_pull: bool = False, **more: Any) -> Row:
        """File an issue. `is_pull`: a pull request, which GitHub lists among the issues."""
        row: Row = self._do("POST", "/issues", {"title": title, "body": body, **more}, by)
        if is_pull:
            self.github.front.rules.pulls.add(row["id"])
        return row

    def edit(self, number: int, by: str = "", **fields: Any) -> Row:
        """Change fields of an issue as its API names them."""
        row: Row = self._do("PATCH", f"/issues/{number}", fields, by)
        return row

    def close(self, number: int, reason: str = "completed", other: int = 0, by: str = "") -> Row:
        """Close it; a duplicate may name the other issue, as the web page does: in the call and in a comment."""
        more = {"duplicate_issue_id": self.issue(other)["id"]} if other else {}
        if other:
            self.comment(number, f"Duplicate of #{other}", by)
        return self.edit(number, by, state="closed", state_reason=reason, **more)

    def reopen(self, number: int, by: str = "") -> Row:
        """Open it again."""
        return self.edit(number, by, state="open")

    def comment(self, number: int, text: str, by: str = "") -> Row:
        """Comment on it."""
        row: Row = self._do("POST", f"/issues/{number}/comments", {"body": text}, by)
        return row

    def edit_comment(self, comment: int, text: str, by: str = "") -> None:
        """Change a comment."""
        self._do("PATCH", f"/issues/comments/{comment}", {"body": text}, by)

    def delete_comment(self, comment: int, by: str = "") -> None:
        """Delete a comment."""
        self._do("DELETE", f"/issues/comments/{comment}", by=by)

    def react(self, comment: int, content: str = "+1", by: str = "") -> None:
        """React to a comment."""
        self._do("POST", f"/issues/comments/{comment}/reactions", {"content": content}, by)

    def add_labels(self, number: int, *names: str, by: str = "") -> None:
        """Put labels on it."""
        self._do("POST", f"/issues/{number}/labels", {"labels": list(names)}, by)

    def remove_label(self, number: int, name: str, by: str = "") -> None:
        """Take a label off it."""
        self._do("DELETE", f"/issues/{number}/labels/{segment(name)}", by=by)

    def lock(self, number: int, reason: str | None = None, by: str = "") -> None:
        """Lock its conversation."""
        self._do("PUT", f"/issues/{number}/lock", {"lock_reason": reason} if reason else None, by)

    def unlock(self, number: int, by: str = "") -> None:
        """Unlock its conversation."""
        self._do("DELETE", f"/issues/{number}/lock", by=by)

    def delete(self, number: int) -> None:
        """Delete it for good: 410 from then on."""
        self.github.front.emulator.order("bury", repo=self.name, number=number)
        self.github.front.rules.gone[self._id(), number] = ""

    def transfer(self, number: int, to: Repo) -> Row:
        """Move it to another repository: 301 from then on. The issue there."""
        rules, old = self.github.front.rules, self.issue(number)["id"]
        told = self.github.front.emulator.order("transfer", repo=self.name, number=number, to=to.name)
        rules.gone[self._id(), number] = f"/repositories/{told['repository']}/issues/{told['number']}"
        rules.follow(old, told["id"])
        return to.issue(told["number"])

    # Done to the repository

    def _id(self) -> int:
        number: int = self._do("GET")["id"]
        return number

    def change(self, **fields: Any) -> None:
        """Change its settings as the API names them: `private`, `has_issues`, `archived`, `name`."""
        self._do("PATCH", body=fields)

    def rename(self, name: str) -> None:
        """Give it another name; the old one redirects."""
        self.github.front.rules.renamed[self.name.lower()] = self._id()
        self.change(name=name)
        self.name = f"{self.name.split('/')[0]}/{name}"

    def vanish(self) -> None:
        """Delete it: 404 from then on."""
        self._do("DELETE")

    def allow(self, login: str, permission: str = "push") -> None:
        """Let somebody `pull`, `triage`, `push`, `maintain` or `admin`; empty: nothing any more."""
        method, body = ("PUT", {"permission": permission}) if permission else ("DELETE", None)
        self._do(method, f"/collaborators/{login}", body)


class Session(requests.Session):
    """A plain client for tests: it is given paths instead of URLs, and shows redirects instead of following them."""

    def __init__(self, github: Github, token: str = "") -> None:
        super().__init__()
        self.github = github
        self.headers.update({"Authorization": f"token {token}"} if token else {})

    def request(self, method: Any, url: Any, *given: Any, **named: Any) -> requests.Response:
        named = {"timeout": 5} | named | {"allow_redirects": False}
        return super().request(method, self.github.url + url, *given, **named)


@pytest.fixture(scope="session")
def github_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Github]:
    """One server for each worker. Where it cannot run the test is skipped; in CI it fails, so that none is lost."""
    if why := absent():
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    server = Github(tmp_path_factory.mktemp("github"))
    yield server
    server.front.stop()


@pytest.fixture
def github(github_process: Github) -> Iterator[Github]:
    """A GitHub on which nothing has happened yet."""
    github_process.front.reset()
    yield github_process
    assert github_process.front.troubles == []
