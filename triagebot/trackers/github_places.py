"""Repositories before something is written to them: who may read along, who can be assigned, which labels are there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.model import DUE_SOON, OVERDUE, Marker
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.github_memory import Memory
from triagebot.trackers.interface import Refused, Survey

LABEL = "triagebot"
MOST_LABEL = 50
_COLOURS = {
    LABEL: "5319e7", OVERDUE: "b60205", DUE_SOON: "fbca04",
    "P0": "b60205", "P1": "d93f0b", "P2": "fbca04", "P3": "0e8a16", "P4": "c2e0c6",
}  # fmt: skip
_PLAIN = "ededed"
_ASK_AGAIN = timedelta(days=7)

Json = dict[str, Any]


def label_set(marker: Marker) -> list[str]:
    """The labels of a ticket: ours, its team's, and its priority."""
    return list(dict.fromkeys([LABEL, *marker.labels, *([f"priority/{marker.priority}"] if marker.priority else [])]))


def placed(item: Json) -> tuple[str, int]:
    """(owner/repo, number) of an issue, as its own addresses say."""
    address = str(item.get("repository_url") or item["url"].rpartition("/issues/")[0])
    return "/".join(address.rsplit("/", 2)[-2:]), int(item["number"])


class Places:
    """What is known of repositories, and asked at most once a run."""

    def __init__(self, name: str, settings: GithubSettings, calls: Calls, learnt: Memory, now: datetime) -> None:
        self.name, self.settings, self.calls, self.learnt, self.now = name, settings, calls, learnt, now
        self._refused: dict[str, str] = {}
        self._milestones: dict[str, int] = {}

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """Whether the repository takes tickets, and which of the people cannot be assigned in it."""
        refused = self._why_not(place)
        if refused:
            return Survey(refused)
        return Survey("", frozenset(p for p in people if not self._is_assignable(place, p)))

    def open_for_writing(self, place: str) -> None:
        """Raises `TrackerError` where nothing may be written."""
        if why := self._why_not(place):
            raise TrackerError(self.name, why)

    def stands(self, place: str) -> None:
        """Raises `TrackerError` where the repository itself is away: that its tickets are says nothing of them."""
        if not self.calls.get(f"/repos/{place}").get("has_issues", True):
            raise Refused(f"{self.name}: {place}", 410, "its issues are turned off", "turn them on, or correct `repo`")

    def fields(self, place: str) -> Json:
        """What else a new issue gets: a milestone, a type."""
        told: Json = {"milestone": self._milestones[place]} if place in self._milestones else {}
        return {**told, "type": self.settings.issue_type} if self.settings.issue_type else told

    def ensure_labels(self, place: str, names: Sequence[str]) -> None:
        """Make labels that are not there, coloured by priority. What exists is left as it is."""
        known = self.learnt.place(place).labels
        if not set(names) - set(known):
            return
        there = {str(label["name"]).lower() for label in self.calls.pages(f"/repos/{place}/labels")}
        for name in names:
            if name.lower() not in there:
                colour = _COLOURS.get(name.removeprefix("priority/"), _PLAIN)
                try:
                    self.calls.write("POST", f"/repos/{place}/labels", {"name": name, "color": colour})
                except Refused as refusal:
                    if refusal.status not in (403, 404, 422):  # exists by now, or is not ours to make: GitHub decides
                        raise
        known[:] = sorted({*known, *names})

    def _why_not(self, place: str) -> str:
        if place not in self._refused:
            self._refused[place] = self._asked(place)
        return self._refused[place]

    def _asked(self, place: str) -> str:
        repo = self.calls.get(f"/repos/{place}")
        now = str(repo.get("full_name") or place)
        if now.lower() != place.lower():
            return f"{place} was renamed to {now}; write `repo: {now}`"
        if not repo.get("private") and not self.settings.public:
            return (
                f"{place} is public: tickets would publish vulnerabilities that are not fixed; "
                "write `public: true` if that is meant"
            )
        if repo.get("archived"):
            return f"{place} is archived: nothing can be written; unarchive it, or correct `repo`"
        if not repo.get("has_issues", True):
            return f"{place} has its issues turned off; turn them on, or correct `repo`"
        if self.settings.milestone:
            found = {m["title"]: m["number"] for m in self.calls.pages(f"/repos/{place}/milestones", state="open")}
            if self.settings.milestone not in found:
                return f"{place} has no open milestone {self.settings.milestone!r}: create it, or correct `milestone`"
            self._milestones[place] = int(found[self.settings.milestone])
        return ""

    def _is_assignable(self, place: str, person: str) -> bool:
        people = self.learnt.place(place).people
        answer, _, day = people.get(person, "").partition(" ")
        if answer and self.now.date() - date.fromisoformat(day) < _ASK_AGAIN:
            return answer == "yes"
        try:
            self.calls.get(f"/repos/{place}/assignees/{quote(person, safe='')}")
            answer = "yes"
        except Refused as refusal:
            if refusal.status != 404:
                raise
            answer = "no"
        people[person] = f"{answer} {self.now:%Y-%m-%d}"
        return answer == "yes"
