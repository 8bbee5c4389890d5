"""What the GitHub tracker remembers from run to run: never a secret, and nothing that it could not learn again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass
class PlaceMemory:
    """A repository. `since`: where the next listing starts; `full`: when all was listed last.

    `labels`: those that are known to exist; `people`: login -> `yes` or `no` and the day when it was asked;
    `drops_labels`: whether GitHub dropped our label when we last set it; `claimed`: tickets of others were in the way,
    which only a listing of all shows.
    """

    since: str = ""
    full: str = ""
    labels: list[str] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    drops_labels: bool = False
    claimed: bool = False


@dataclass
class Memory:
    """All of it. `authors`: the names under which we have filed."""

    authors: list[str] = field(default_factory=list)
    places: dict[str, PlaceMemory] = field(default_factory=dict)

    def take(self, told: Mapping[str, Any]) -> None:
        """Remember what was told at the end of an earlier run."""
        held = msgspec.convert(dict(told), Memory)
        self.authors, self.places = held.authors, held.places

    def told(self) -> dict[str, Any]:
        """Plain values for history."""
        held: dict[str, Any] = msgspec.to_builtins(self)
        return held

    def place(self, name: str) -> PlaceMemory:
        """What is known of one repository."""
        return self.places.setdefault(name, PlaceMemory())

    def listed(self, name: str, since: str, full: str) -> None:
        """A listing worked: the next one starts at `since`; `full` is set where this one was complete."""
        place = self.place(name)
        place.since, place.full = since, full or place.full
