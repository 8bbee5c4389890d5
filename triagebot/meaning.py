"""What the files that people write say of each other: trackers, teams and places that one names and another must have.

Reads what the files hold, also where other parts of them are wrong: a person mends all of it in one go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from triagebot.files import LOGIC, Location, RuleFile, Settings, TeamFile, suggest
from triagebot.yamlfile import File

_PLACES = (("repo", "github"), ("project", "jira"))
"""A repository is GitHub's and a project Jira's: the other way round tickets would go nowhere."""
_NO_TEAM = "name one of the team file"
_NO_TEAMS = "name a team file by `teams:` in triagebot.yaml (`triagebot init` drafts one)"
_NO_PLACE = "correct `tracker`, or the place"


def compare(settings: File[Settings] | None, teams: File[TeamFile], rules: Sequence[File[RuleFile]]) -> None:
    """Note the faults that lie between the files. `settings`: None where the defaults hold."""
    kinds = _kinds(settings)
    owners = _mapping(teams.value, "teams")
    if kinds is not None:
        if settings and not _text(settings.value or {}, "teams"):
            _our_teams(settings, owners, kinds)
        else:
            _trackers(teams, owners, kinds)
        if settings:
            _summary(settings, kinds)
    if owners:
        own = settings and _text(settings.value if isinstance(settings.value, dict) else {}, "teams")
        for file in rules:
            _rules(file, owners, _NO_TEAM if own else _NO_TEAMS)
            _exceptions(file, owners, _NO_TEAM if own else _NO_TEAMS)


def _mapping(value: Any, name: str) -> Mapping[str, Mapping[str, Any]]:
    """The mappings in a mapping of the file; what is none has been told already."""
    told = value.get(name) if isinstance(value, dict) else None
    texts = told.items() if isinstance(told, dict) else ()
    return {k: v for k, v in texts if isinstance(k, str) and isinstance(v, dict)}


def _text(value: Mapping[str, Any], name: str) -> str:
    told = value.get(name)
    return told if isinstance(told, str) else ""


def _kinds(settings: File[Settings] | None) -> dict[str, str] | None:
    """The type of each tracker, by name; None where the file does not tell them."""
    if settings and settings.unread:
        return None
    if (
        not settings
        or settings.value is None
        or (isinstance(settings.value, dict) and "trackers" not in settings.value)
    ):
        return {name: tracker.type for name, tracker in Settings().trackers.items()}
    if not isinstance(settings.value, dict) or not isinstance(settings.value["trackers"], dict):
        return None
    return {name: _text(tracker, "type") for name, tracker in _mapping(settings.value, "trackers").items()}


def _our_teams(file: File[Settings], teams: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
    """The team file that comes with triagebot names a tracker too, and nobody can mend that one."""
    for name in {_text(team, "tracker") or "default" for team in teams.values()} - set(kinds):
        remedy = f"call a tracker {name!r}, or name a team file (`triagebot init` drafts one)"
        file.fault(("trackers",), f"no tracker {name!r}: all tickets go there while `teams` names no team file", remedy)


def _trackers(file: File[TeamFile], teams: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
    for team_id, team in teams.items():
        tracker = _text(team, "tracker") or "default"
        if tracker not in kinds:
            said = f"team {team_id!r}: no tracker {tracker!r}{suggest(tracker, kinds)}"
            file.fault(("teams", team_id, "tracker"), said, "name one of `trackers:` in triagebot.yaml")
        else:
            for name, fault in _misplaced(team, tracker, kinds):
                file.fault(("teams", team_id, name), f"team {team_id!r}: {fault}", _NO_PLACE)


def _misplaced(told: Mapping[str, Any], tracker: str, kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    kind = kinds[tracker]
    return [
        (name, f"{name!r} is for {wanted}, and tracker {tracker!r} is {kind}")
        for name, wanted in _PLACES
        if kind in ("local", "github", "jira") and kind != wanted and _text(told, name)
    ]


def _summary(file: File[Settings], kinds: Mapping[str, str]) -> None:
    """The weekly summary needs a tracker that is there, and a place of its kind."""
    told = file.value.get("summary") if isinstance(file.value, dict) else None
    if not isinstance(told, dict) or not (tracker := _text(told, "tracker")):
        return
    if tracker not in kinds:
        said = f"summary: no tracker {tracker!r}{suggest(tracker, kinds)}"
        file.fault(("summary", "tracker"), said, "name one of `trackers:`")
        return
    for name, fault in _misplaced(told, tracker, kinds):
        file.fault(("summary", name), f"summary: {fault}", _NO_PLACE)


def _rules(file: File[RuleFile], teams: Mapping[str, Any], remedy: str) -> None:
    """Rules that ask for a team which is not there match nothing, and nobody would see why."""
    told = file.value.get("rules") if isinstance(file.value, dict) else None
    for at, rule in enumerate(told if isinstance(told, list) else ()):
        if not isinstance(rule, dict):
            continue
        for where, team in _asked(rule.get("when"), ("rules", at, "when")):
            if _is_strange(team, teams):
                said = f"rule {rule.get('id', at + 1)!r}: no team {team!r}{suggest(team, teams)}"
                file.fault(where, said, remedy)


def _asked(when: Any, at: Location) -> Iterator[tuple[Location, str]]:
    """(place, team) of every team that a condition names."""
    for name, value in when.items() if isinstance(when, dict) else ():
        listed = enumerate(value) if isinstance(value, list) else [(None, value)]
        for number, one in listed:
            where: Location = (*at, name) if number is None else (*at, name, number)
            if name == "team" and isinstance(one, str):
                yield where, one
            elif name in LOGIC:
                yield from _asked(one, where)


def _is_strange(team: str, teams: Mapping[str, Any]) -> bool:
    return team not in teams and not re.search(r"[*?{]", team)


def _exceptions(file: File[RuleFile], teams: Mapping[str, Any], remedy: str) -> None:
    """Exceptions that name a team which is not there excuse nothing, and nobody would see why."""
    told = file.value.get("exceptions") if isinstance(file.value, dict) else None
    for at, exception in enumerate(told if isinstance(told, list) else ()):
        team = _text(exception, "team") if isinstance(exception, dict) else ""
        if team and _is_strange(team, teams):
            said = f"exception {at + 1}: no team {team!r}{suggest(team, teams)}"
            file.fault(("exceptions", at, "team"), said, remedy)
