"""Looks at what GitHub would refuse, before anything is filed. Reads only.

https://docs.github.com/en/rest/repos/repos#get-a-repository
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.trackers.github_calls import Calls
from triagebot.trackers.github_places import MOST_LABEL
from triagebot.trackers.interface import Need, Refused, Trouble

Json = dict[str, Any]
_WRITES = ("admin", "maintain", "push", "triage")


def examined(name: str, settings: GithubSettings, calls: Calls, needs: Sequence[Need]) -> list[Trouble]:
    """All troubles of one tracker. Where the token does not work nothing else is asked."""
    key = ("app",) if settings.app else ("token_env",)
    try:
        calls.login()
    except TrackerError as fault:
        return [Trouble("settings", key, fault.cause, fault.remedy or "put a token that works into the variable")]
    found: list[Trouble] = []
    for place in dict.fromkeys([settings.repo, *(n.place or settings.repo for n in needs)]):
        mine = [n for n in needs if (n.place or settings.repo) == place]
        try:
            found += _place(place, settings, calls, mine)
        except TrackerError as fault:
            found.append(
                Trouble(*_written(place, settings, mine), f"{place}: {fault.cause}", fault.remedy or "try again later")
            )
    return found


def _place(place: str, settings: GithubSettings, calls: Calls, needs: Sequence[Need]) -> Iterator[Trouble]:
    file, at = _written(place, settings, needs)
    try:
        repo: Json = calls.get(f"/repos/{place}")
    except Refused as refusal:
        if refusal.status not in (403, 404):
            raise
        remedy = "correct `repo:`, or give the token access to it (Metadata: read, Issues: read and write)"
        yield Trouble(file, at, f"there is no repository {place}, or the token cannot see it", remedy)
        return
    if str(repo.get("full_name", place)).lower() != place.lower():
        yield Trouble(file, at, f"{place} was renamed", f"write `repo: {repo['full_name']}`")
    if not repo.get("private") and not settings.public:
        cause = f"{place} is public: tickets would publish vulnerabilities that are not fixed"
        yield Trouble("settings", ("public",), cause, "name a private repository, or write `public: true`")
    if repo.get("archived"):
        yield Trouble(file, at, f"{place} is archived", "unarchive it, or name another: `repo: owner/name`")
    elif not repo.get("has_issues", True):
        yield Trouble(file, at, f"{place} has issues turned off", "turn them on in its settings, or name another")
    held = repo.get("permissions")
    if held is not None and not any(held.get(name) for name in _WRITES):
        cause = f"the token may not set labels and assignees in {place}; GitHub would drop them in silence"
        yield Trouble("settings", ("token_env",), cause, "give its owner the role Triage or Write there")
    if settings.milestone:
        there = {m["title"] for m in calls.pages(f"/repos/{place}/milestones", state="open")}
        if settings.milestone not in there:
            cause = f"{place} has no open milestone {settings.milestone!r}"
            yield Trouble("settings", ("milestone",), cause, "make it there, or correct `milestone:`")
    for need in needs:
        yield from _people(place, calls, need)
        for label in need.labels:
            if len(label) > MOST_LABEL:
                cause = f"label {label!r} is longer than the {MOST_LABEL} characters that GitHub takes"
                yield Trouble(*need.at("labels"), cause, "shorten it")


def _people(place: str, calls: Calls, need: Need) -> Iterator[Trouble]:
    for person in need.assignees:
        try:
            calls.get(f"/repos/{place}/assignees/{quote(person, safe='')}")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            remedy = "correct `assignees:`, or give them access to the repository"
            yield Trouble(*need.at("assignees"), f"{person} cannot be assigned in {place}", remedy)


def _written(place: str, settings: GithubSettings, needs: Sequence[Need]) -> tuple[Any, tuple[str, ...]]:
    """Where a repository is named."""
    named = [n for n in needs if n.place == place]
    return named[0].at("repo") if named and place != settings.repo else ("settings", ("repo",))
