"""The emulated GitHub, with what its front adds, behaves like GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from github import Auth, GithubException
from github import Github as Client
from github_contract import contract_faults
from github_server import Github, Refused, Session

ISSUES = "/repos/acme/platform/issues"
UNPACED: dict[str, Any] = {"retry": None, "seconds_between_requests": 0, "seconds_between_writes": 0}


@pytest.fixture
def bot(github: Github) -> Iterator[Session]:
    with Session(github, github.token()) as session:
        yield session


@pytest.fixture
def outsider(github: Github) -> Iterator[Session]:
    with Session(github, github.token("outsider")) as session:
        yield session


@pytest.fixture
def client(github: Github) -> Iterator[Client]:
    """What the tracker uses."""
    with Client(base_url=github.url, auth=Auth.Token(github.token()), **UNPACED) as made:
        yield made


def errors(response: requests.Response) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.text
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def test_pygithub_creates_lists_edits_comments_and_closes(github: Github, client: Client) -> None:
    repo = client.get_repo("acme/platform")
    made = repo.create_issue("first", "text", labels=["triagebot", "team/platform"], assignees=["octocat"])
    assert (made.user.login, made.state, made.html_url) == (
        "triage-bot",
        "open",
        f"{github.url}/acme/platform/issues/1",
    )
    made.edit(body="another text", title="second")
    made.create_comment("a comment")
    made.remove_from_labels("team/platform")
    made.edit(state="closed", state_reason="not_planned")
    hands = github.repo()
    assert (hands.body(1), hands.state(1)) == ("another text", ("closed", "not_planned"))
    assert (hands.labels(1), hands.assignees(1)) == (["triagebot"], ["octocat"])
    assert [comment["body"] for comment in hands.comments(1)] == ["a comment"]
    assert [issue.number for issue in repo.get_issues(state="all", labels=["triagebot"])] == [1]
    assert contract_faults(github.log) == []


def test_each_test_finds_nothing_filed(bot: Session) -> None:
    assert bot.get(f"{ISSUES}?state=all").json() == []
    assert bot.get("/repos/acme/platform/labels").json() == []


def test_tokens_are_people(github: Github, bot: Session) -> None:
    assert bot.get("/user").json()["login"] == "triage-bot"
    with Session(github, "ghp_unknown") as unknown, Session(github) as nobody:
        assert (unknown.get(ISSUES).status_code, unknown.get(ISSUES).json()["message"]) == (401, "Bad credentials")
        assert nobody.get("/user").status_code == 401
        assert nobody.get("/repos/acme/platform").status_code == 404
        assert nobody.get("/repos/acme/open").status_code == 200
        assert nobody.post("/repos/acme/open/issues", json={"title": "x"}).status_code == 401


def test_a_workflow_token_is_a_bot_of_one_repository(github: Github) -> None:
    with Session(github, github.workflow_token()) as workflow:
        assert workflow.get("/user").status_code == 403
        made = workflow.post(ISSUES, json={"title": "x", "labels": ["triagebot"]})
        user = made.json()["user"]
        assert (user["login"], user["type"]) == ("github-actions[bot]", "Bot")
        assert [label["name"] for label in made.json()["labels"]] == ["triagebot"]
        assert workflow.patch(f"{ISSUES}/1", json={"state": "closed"}).json()["state"] == "closed"
        assert workflow.get(f"{ISSUES}?creator=github-actions[bot]&state=all").json()[0]["number"] == 1
        assert made.headers["x-ratelimit-limit"] == "1000"
        assert workflow.get("/repos/acme/network/issues").status_code == 404
    with Session(github, github.workflow_token(issues="read")) as reading:
        told = reading.post(ISSUES, json={"title": "x"})
        assert (told.status_code, told.json()["message"]) == (403, "Resource not accessible by integration")


@pytest.mark.parametrize("permissions", [None, {"issues": "write"}])
def test_an_app_authenticates_with_its_key(github: Github, permissions: dict[str, str] | None) -> None:
    app = Auth.AppAuth(github.app, github.app_key)
    auth = app.get_installation_auth(github.installation, permissions)
    with Client(base_url=github.url, auth=auth, **UNPACED) as client:
        made = client.get_repo("acme/platform").create_issue("by an app")
        assert (made.user.login, made.user.type) == ("triagebot-app[bot]", "Bot")
        with pytest.raises(GithubException, match="404"):
            client.get_repo("solo/tool")
    token = github.log[-1].token
    github.front.shift(7200)
    with Session(github, token) as expired:
        assert expired.get(ISSUES).status_code == 401


def test_a_key_that_is_not_the_apps_is_refused(github: Github) -> None:
    with Session(github, "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiI0NzExIn0.c2lnbmVk") as forged:
        assert forged.post(f"/app/installations/{github.installation}/access_tokens").status_code == 401


def test_since_misses_no_change_of_the_same_second(github: Github, bot: Session) -> None:
    github.repo().file("one")
    github.repo().comment(1, "said")
    at = github.repo().issue(1)["updated_at"]
    assert datetime.fromisoformat(at).microsecond == 0
    after = (datetime.fromisoformat(at) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for path in (ISSUES, f"{ISSUES}/comments"):
        assert len(bot.get(path, params={"since": at}).json()) == 1
        assert bot.get(path, params={"since": after}).json() == []


def test_pages_are_linked_through_the_front(github: Github, bot: Session) -> None:
    for number in range(3):
        github.repo().file(str(number), labels=["Kind"])
    first = bot.get(ISSUES, params={"per_page": "2", "labels": "kind", "since": "2020-01-01T00:00:00Z"})
    following = first.links["next"]["url"]
    assert following.startswith(github.url + ISSUES)
    assert len(first.json()) == 2
    assert len(bot.get(following.removeprefix(github.url)).json()) == 1


def test_events_of_an_issue(github: Github, bot: Session) -> None:
    github.repo().file(labels=["a"])
    github.repo().add_labels(1, "b")
    github.repo().edit(1, body="another")
    github.repo().close(1)
    events = bot.get(f"{ISSUES}/1/events").json()
    assert [(event["event"], event["actor"]["login"]) for event in events] == [
        ("labeled", "maintainer"),
        ("closed", "maintainer"),
    ]


def test_what_has_not_changed_is_not_sent_again(github: Github, bot: Session) -> None:
    first = bot.get(ISSUES)
    again = bot.get(ISSUES, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    github.repo().file()
    assert bot.get(ISSUES, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_comments_of_a_repository_and_reactions(github: Github, bot: Session) -> None:
    github.repo().file()
    comment = github.repo().comment(1, "well?", by="octocat")
    path = f"{ISSUES}/comments/{comment['id']}"
    assert bot.post(f"{path}/reactions", json={"content": "eyes"}).status_code == 201
    assert bot.post(f"{path}/reactions", json={"content": "eyes"}).status_code == 200
    assert bot.post(f"{path}/reactions", json={"content": "shrug"}).status_code == 422
    (listed,) = bot.get(f"{ISSUES}/comments", params={"sort": "updated", "per_page": "5"}).json()
    assert (listed["body"], listed["reactions"]["eyes"], listed["user"]["login"]) == ("well?", 1, "octocat")
    (reaction,) = bot.get(f"{path}/reactions").json()
    assert reaction["user"]["login"] == "triage-bot"
    assert bot.delete(f"{path}/reactions/{reaction['id']}").status_code == 204
    assert bot.get(f"{path}/reactions").json() == []


def test_permissions_and_assignable_people(bot: Session, outsider: Session) -> None:
    def level(login: str, repo: str = "acme/platform") -> Any:
        return bot.get(f"/repos/{repo}/collaborators/{login}/permission").json().get("role_name")

    people = ("maintainer", "octocat", "triager", "reader", "outsider", "nobody")
    assert [level(login) for login in people] == ["admin", "write", "triage", "read", "none", None]
    assert level("outsider", "acme/open") == "read"
    assert outsider.get("/repos/acme/open/collaborators/reader/permission").status_code == 403
    assert bot.get("/repos/acme/platform/assignees/octocat").status_code == 204
    assert bot.get("/repos/acme/platform/assignees/outsider").status_code == 404
    assert bot.get("/repos/acme/open").json()["permissions"]["push"]
    assert not outsider.get("/repos/acme/open").json()["permissions"]["push"]


def test_people_without_push_access_set_no_labels_and_edit_only_their_own(github: Github, outsider: Session) -> None:
    mine = outsider.post("/repos/acme/open/issues", json={"title": "x", "labels": ["a"], "assignees": ["octocat"]})
    assert (mine.status_code, mine.json()["labels"], mine.json()["assignees"]) == (201, [], [])
    assert mine.json()["author_association"] == "NONE"
    theirs = github.repo("acme/open").file()
    assert theirs["author_association"] == "MEMBER"
    assert outsider.patch("/repos/acme/open/issues/1", json={"body": "mine"}).json()["body"] == "mine"
    assert outsider.patch("/repos/acme/open/issues/2", json={"body": "not mine"}).status_code == 403
    assert outsider.post("/repos/acme/open/issues/2/labels", json={"labels": ["a"]}).status_code == 403
    assert outsider.get(ISSUES).status_code == 404


def test_people_who_cannot_be_assigned(github: Github, bot: Session) -> None:
    given = {"title": "x", "assignees": ["octocat", "outsider"]}
    assert errors(bot.post(ISSUES, json=given)) == [("assignees", "invalid")]
    github.front.rules.drops_unassignable = True
    assert [user["login"] for user in bot.post(ISSUES, json=given).json()["assignees"]] == ["octocat"]
    added = bot.post(f"{ISSUES}/1/assignees", json={"assignees": ["outsider", "hubot"]})
    assert (added.status_code, github.repo().assignees(1)) == (201, ["octocat", "hubot"])


def test_what_github_refuses(bot: Session) -> None:
    def made(**body: Any) -> requests.Response:
        return bot.post(ISSUES, json={"title": "x"} | body)

    assert "title" in bot.post(ISSUES, json={}).json()["message"]
    assert errors(made(title=" ")) == [("title", "missing_field")]
    assert errors(made(title="x" * 257)) == [("title", "custom")]
    assert made(body="é" * 65_536).status_code == 201
    assert errors(made(body="x" * 65_537)) == [("body", "custom")]
    assert errors(made(assignees=[f"user{n}" for n in range(11)])) == [("assignees", "custom")]
    assert errors(made(labels=["x" * 51])) == [("name", "custom")]
    assert errors(made(type="Epic")) == [("type", "invalid")]
    assert made(labels="one").status_code == 422
    assert errors(bot.patch(f"{ISSUES}/1", json={"state": "shut"})) == [("state", "invalid")]
    assert errors(bot.post(f"{ISSUES}/1/comments", json={"body": "x" * 65_537})) == [("data", "unprocessable")]
    assert errors(bot.post("/repos/acme/platform/labels", json={"name": "a", "color": "#red"})) == [
        ("color", "invalid")
    ]
    assert bot.post("/repos/acme/platform/labels", json={"name": "a", "color": "ff0000"}).status_code == 201
    assert errors(bot.post("/repos/acme/platform/labels", json={"name": "A"})) == [("name", "already_exists")]
    assert bot.post(ISSUES, data=b"{no json").status_code == 400


def test_labels_are_one_whatever_their_case(github: Github, bot: Session) -> None:
    bot.post(ISSUES, json={"title": "x", "labels": ["Team/One"]})
    assert bot.post(f"{ISSUES}/1/labels", json={"labels": ["team/one", "new"]}).status_code == 200
    assert github.repo().labels(1) == ["Team/One", "new"]
    assert len(bot.get(f"{ISSUES}?labels=TEAM/one,new").json()) == 1
    assert bot.patch("/repos/acme/platform/labels/team/one", json={"color": "00ff00"}).status_code == 200
    assert bot.get("/repos/acme/platform/labels/team/one").json()["color"] == "00ff00"
    assert bot.delete(f"{ISSUES}/1/labels/team/one").status_code == 200
    assert bot.delete(f"{ISSUES}/1/labels/team%2Fone").status_code == 404


def test_types_locks_and_reasons(github: Github, bot: Session, outsider: Session) -> None:
    made = bot.post("/repos/acme/open/issues", json={"title": "x", "type": "Bug"}).json()
    assert made["type"]["name"] == "Bug"
    hands = github.repo("acme/open")
    hands.lock(1)
    assert (hands.issue(1)["locked"], hands.issue(1)["active_lock_reason"]) == (True, None)
    assert outsider.post("/repos/acme/open/issues/1/comments", json={"body": "x"}).status_code == 403
    assert bot.post("/repos/acme/open/issues/1/comments", json={"body": "x"}).status_code == 201
    hands.unlock(1)
    assert outsider.post("/repos/acme/open/issues/1/comments", json={"body": "x"}).status_code == 201
    hands.file("the other")
    hands.close(1, "duplicate", other=2)
    assert hands.state(1) == ("closed", "duplicate")
    assert hands.comments(1)[-1]["body"] == "Duplicate of #2"
    assert hands.issue(1)["closed_by"]["login"] == "maintainer"
    assert "closed_by" not in bot.get("/repos/acme/open/issues?state=closed").json()[0]
    hands.reopen(1)
    assert hands.state(1) == ("open", "reopened")
    hands.close(1)
    assert hands.state(1) == ("closed", "completed")


def test_a_pull_request_is_listed_among_the_issues(github: Github, bot: Session) -> None:
    github.repo().file(is_pull=True, labels=["triagebot"])
    assert "pull_request" in bot.get(f"{ISSUES}?labels=triagebot").json()[0]


def test_a_transferred_issue_redirects(github: Github, client: Client) -> None:
    made = client.get_repo("acme/platform").create_issue("x", "text", labels=["triagebot"])
    github.repo("acme/network").file("was there")
    github.repo().comment(1, "said")
    there = github.repo().transfer(1, github.repo("acme/network"))
    assert (there["number"], there["user"]["login"], there["comments"]) == (2, "triage-bot", 1)
    assert there["created_at"] == made.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    followed = client.get_repo("acme/platform").get_issue(1)
    assert followed.html_url.endswith("/acme/network/issues/2")
    assert github.log[-2].status == 301
    assert github.repo().issues() == []
    assert [comment["body"] for comment in github.repo("acme/network").comments(2)] == ["said"]


def test_what_is_gone(github: Github, bot: Session) -> None:
    hands = github.repo()
    hands.file("first")
    hands.comment(1, "said")
    hands.delete(1)
    assert [bot.get(f"{ISSUES}/1{rest}").status_code for rest in ("", "/comments")] == [410, 410]
    assert bot.patch(f"{ISSUES}/1", json={"body": "x"}).status_code == 410
    assert bot.get(f"{ISSUES}?state=all").json() == bot.get(f"{ISSUES}/comments").json() == []
    assert hands.file("second")["number"] == 2
    hands.change(has_issues=False)
    assert bot.get(ISSUES).status_code == bot.post(ISSUES, json={"title": "x"}).status_code == 410
    hands.change(has_issues=True, archived=True)
    assert bot.post(ISSUES, json={"title": "x"}).status_code == 403
    hands.allow("triage-bot", "")
    assert bot.get(ISSUES).status_code == 404
    hands.change(private=False)
    assert not bot.get("/repos/acme/platform").json()["private"]
    hands.vanish()
    assert bot.get(ISSUES).status_code == 404


def test_a_renamed_repository_redirects(github: Github, bot: Session, client: Client) -> None:
    hands = github.repo()
    hands.file("x")
    hands.rename("base")
    moved = bot.get(f"{ISSUES}?state=all")
    assert (moved.status_code, bot.post(ISSUES, json={"title": "y"}).status_code) == (301, 307)
    assert len(bot.get(moved.headers["Location"].removeprefix(github.url)).json()) == 1
    assert client.get_repo("acme/platform").full_name == "acme/base"


def test_requests_are_held_against_the_description(github: Github, bot: Session) -> None:
    bot.post(ISSUES, json={"title": "x", "lables": []})
    bot.get(f"{ISSUES}?state=any")
    bot.get(f"{ISSUES}?sate=all")
    bot.get("/nothing")
    told = contract_faults(github.log)
    assert len(told) == 4
    assert "lables" in told[0]


def test_hands_are_refused_what_the_person_may_not(github: Github) -> None:
    with pytest.raises(Refused, match="403"):
        github.repo("acme/open").lock(github.repo("acme/open").file()["number"], by="outsider")
    assert github.new_repo("solo/other").issues() == []
    assert github.repo("solo/tool").file(type="Bug")["type"] is None
