"""The Jira tracker on the emulated Data Center and the fake Cloud: the common behaviour."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from jira_cloud import Cloud
from jira_server import Server, jira_tracker
from tracker_contract import NOW, Place, TrackerContract, content, only, update

from triagebot.model import ClosedAs
from triagebot.trackers.interface import Edit, Picture, Tracker
from triagebot.trackers.jira import JiraTracker

RESOLUTION = {"done": "Done", "not-planned": "Won't Do", "duplicate": "Duplicate"}


def as_text(node: dict[str, Any]) -> str:
    """A top node of a document in a line: people's paragraphs as they are, all else as JSON."""
    inner = node.get("content") or []
    is_plain = node["type"] == "paragraph" and len(inner) == 1 and set(inner[0]) == {"type", "text"}
    return str(inner[0]["text"]) if is_plain else f"\x02{json.dumps(node, ensure_ascii=False)}"


def as_document(text: str) -> dict[str, Any]:
    """The same, back."""
    lines = [line for line in text.split("\n") if line.strip()]
    nodes = [
        json.loads(line[1:])
        if line[0] == "\x02"
        else {"type": "paragraph", "content": [{"type": "text", "text": line}]}
        for line in lines
    ]
    return {"type": "doc", "version": 1, "content": nodes}


class JiraPlace(Place):
    """A project and a browser."""

    slack = timedelta(days=3000)
    people = ("octocat", "hubot", "maintainer", "next")

    def __init__(self, server: Server) -> None:
        self.server, self.token = server, server.token()

    def connect(self) -> JiraTracker:
        return jira_tracker(self.server, NOW, self.token)

    def issue(self, ticket: str) -> dict[str, Any]:
        row: dict[str, Any] = self.server.do("maintainer", "GET", f"issue/{ticket}")
        return row

    def edit(self, ticket: str, **fields: Any) -> None:
        self.server.do("maintainer", "PUT", f"issue/{ticket}", {"fields": fields})

    def body(self, ticket: str) -> str:
        body = self.issue(ticket)["fields"]["description"]
        if isinstance(self.server, Cloud):
            return "\n".join(as_text(node) for node in body["content"]) + "\n"
        return str(body)

    def write_body(self, ticket: str, body: str) -> None:
        self.edit(ticket, description=as_document(body) if isinstance(self.server, Cloud) else body)

    def comments(self, ticket: str) -> str:
        told = self.server.do("maintainer", "GET", f"issue/{ticket}/comment", maxResults="100")["comments"]
        if isinstance(self.server, Cloud):
            return "\n".join(as_text(node) for c in told for node in c["body"]["content"])
        return "\n".join(c["body"] for c in told)

    def say(self, ticket: str, text: str, by: str = "maintainer") -> None:
        body: Any = as_document(text) if isinstance(self.server, Cloud) else text
        self.server.do(by, "POST", f"issue/{ticket}/comment", {"body": body})

    def transition(self, ticket: str, name: str, resolution: str = "") -> None:
        offered = self.server.do("maintainer", "GET", f"issue/{ticket}/transitions")["transitions"]
        [way] = [t for t in offered if t["to"]["name"] == name]
        fields = {"fields": {"resolution": {"name": resolution}}} if resolution else {}
        self.server.do("maintainer", "POST", f"issue/{ticket}/transitions", {"transition": {"id": way["id"]}, **fields})

    def close(self, ticket: str, closed_as: ClosedAs, other: str = "") -> None:
        if other:
            self.server.link(ticket, other)
        self.transition(ticket, "Done", RESOLUTION[closed_as])

    def reopen(self, ticket: str) -> None:
        self.transition(ticket, "In Progress")

    def names(self, ticket: str, field: str) -> list[str]:
        fields = self.issue(ticket)["fields"]
        if field == "assignees":
            return [fields["assignee"][self.server.user_key]] if fields["assignee"] else []
        return [name for name in fields["labels"] if not name.startswith("triagebot-")]

    def set_names(self, ticket: str, field: str, names: list[str]) -> None:
        if field == "assignees":
            self.edit(ticket, assignee={self.server.user_key: names[0]} if names else None)
            return
        kept = [n for n in self.issue(ticket)["fields"]["labels"] if n.startswith("triagebot-")]
        self.edit(ticket, labels=[*names, *kept])

    def strip(self, ticket: str) -> None:
        self.edit(ticket, labels=[])
        self.server.set_property(ticket, "triagebot", None)

    def forge_comment(self, ticket: str, edit: Edit) -> bool:
        body: Any = as_document("Forged.") if isinstance(self.server, Cloud) else "Forged."
        mark = {"key": "triagebot", "value": {"digest": edit.comment_digest}}
        self.server.do("octocat", "POST", f"issue/{ticket}/comment", {"body": body, "properties": [mark]})
        return True

    def forge(self, ticket: str) -> str:
        fields = self.issue(ticket)["fields"]
        copied = {name: fields[name] for name in ("summary", "description", "labels")}
        made = self.server.do("octocat", "POST", "issue", {
            "fields": {**copied, "project": {"key": "NET"}, "issuetype": {"name": "Bug"}},
            "properties": [{"key": "triagebot", "value": self.server.properties(ticket)["triagebot"]}]})  # fmt: skip
        return str(made["key"])


@pytest.fixture
def place(jira: Server) -> JiraPlace:
    """A project and a browser."""
    return JiraPlace(jira)


class TestContract(TrackerContract):
    """The common behaviour. Jira has one assignee, so what people do to several of them is asked of labels only."""

    @pytest.fixture
    def place(self, jira: Server) -> Place:
        return JiraPlace(jira)

    @pytest.mark.parametrize("field", ["labels"])
    def test_what_people_added_stays_and_what_they_removed_stays_away(
        self, place: Place, tracker: Tracker, field: str
    ) -> None:
        super().test_what_people_added_stays_and_what_they_removed_stays_away(place, tracker, field)

    @pytest.mark.parametrize("field", ["labels"])
    def test_what_the_team_file_changes_is_changed(self, place: Place, tracker: Tracker, field: str) -> None:
        super().test_what_the_team_file_changes_is_changed(place, tracker, field)


def test_a_picture_is_attached_once(place: JiraPlace) -> None:
    tracker = place.connect()
    made = tracker.create(content("summary:weekly"))
    week = Edit(
        comment="Week 19.", comment_digest="week-2026-W19", rewrite=True, pictures=(Picture("t-1.png", b"PNG1"),)
    )
    tracker.edit(made.id, week)
    before = tracker.writes
    place.connect().edit(made.id, week)
    tracker.edit(made.id, replace(week, pictures=(Picture("t-2.png", b"longer"),)))
    held = place.issue(made.id)["fields"]["attachment"]
    assert [(a["filename"], a["size"]) for a in held] == [("t-1.png", 4), ("t-2.png", 6)]
    assert tracker.writes == before + 1


def test_a_persons_closing_is_theirs_where_a_workflow_sets_no_resolution(
    place: JiraPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but its state says how an issue was closed, nor when: what we noted of a closing ends with it."""
    shown = place.server.trimmed

    def bare(*asked: Any, **said: Any) -> dict[str, Any]:
        row = shown(*asked, **said)
        row["fields"] |= {"resolution": None, "resolutiondate": None}
        return row

    monkeypatch.setattr(place.server, "trimmed", bare)
    monkeypatch.setattr(place.server, "workflow_resolutions", ())
    tracker = place.connect()
    made = tracker.create(content())
    tracker.edit(made.id, Edit(state="closed", closed_as="done"))
    tracker.edit(made.id, replace(update("Said once more.\n"), seen_open=False))
    assert only(place.connect()).closed_by_us, "a change of a closed issue leaves it closed by us"
    place.reopen(made.id)
    tracker.edit(made.id, update())
    place.transition(made.id, "Done")
    assert not only(place.connect()).closed_by_us
