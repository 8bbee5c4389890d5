"""How findings become tickets: what they are grouped and judged by, and where the ticket of a key goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from triagebot import keys
from triagebot.excuses import Excuse
from triagebot.files import Rule, TeamFile
from triagebot.keys import Grouped
from triagebot.model import Draft, Want
from triagebot.rules import digest


@dataclass(frozen=True)
class Grouping:
    """How findings become tickets, and what they are judged by."""

    by: Grouped
    rules: Sequence[Rule]
    exemptions: Sequence[Excuse]
    teams: TeamFile
    team_of: Mapping[str, str]
    stream: str = "main"
    baseline: bool = False
    sources: Sequence[str] = ()
    """Whose severity counts, in order."""

    @cached_property
    def digest(self) -> str:
        """What the rules say, in eight hex digits."""
        return digest(self.rules)


@dataclass(frozen=True)
class Room:
    """How many new tickets each tracker takes in this run, and the keys that are not to be counted as new."""

    new_tickets: int
    taken: frozenset[str] = frozenset()


def addressed(key: str, grouping: Grouping) -> Draft:
    """A draft that says where its ticket goes, and nothing else yet."""
    subject = keys.subject(key, grouping.stream)
    team_id = _team(key, subject, grouping)
    team = grouping.teams.teams[team_id]
    kind = key.partition(":")[0]
    former = [keys.keyed(f"{kind}:{old}:{subject}", grouping.stream) for old in team.was if kind != "image"]
    return Draft(
        key=key, stream=grouping.stream, subject=subject, team=team_id, team_name=team.name or team_id,
        tracker=team.tracker, labels=tuple(team.labels), assignees=tuple(team.assignees), mention=team.mention,
        want=Want.OPEN, place=team.place, component=team.component, rules=grouping.digest, former_keys=tuple(former),
    )  # fmt: skip


def _team(key: str, subject: str, grouping: Grouping) -> str:
    """The team of a key: the image's owner, or named in it; a team that is no more leaves it to `unowned`."""
    teams = grouping.teams
    if key.startswith("image:"):
        return grouping.team_of.get(subject, teams.unowned)
    named = key.split(":")[1]
    renamed = (team_id for team_id, team in teams.teams.items() if named in team.was)
    return named if named in teams.teams else next(renamed, teams.unowned)
