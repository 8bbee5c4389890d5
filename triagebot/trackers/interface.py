"""What a tracker is: it lists its own tickets, and writes what a plan decided. It never renders or decides.

Bodies hold a managed block between two marker lines; people's text outside it stays. Trackers splice the block
into the body that they have just read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from triagebot.model import ClosedAs, Content, Marker, Ticket

BEGIN = "<!-- triagebot:begin -->"
END = "<!-- triagebot:end -->"
_BLOCK = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END), re.DOTALL)


@dataclass(frozen=True)
class Listing:
    """Every own ticket. `incomplete` says why the listing cannot be trusted; empty: it can.

    `broken`: (id, fault) of own tickets that stand there and cannot be read; they hold up nobody else.
    """

    tickets: tuple[Ticket, ...]
    incomplete: str = ""
    broken: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edit:
    """One change of one ticket, done in one go where the tracker can. What is left out stays as it is."""

    content: Content | None = None
    state: Literal["", "open", "closed"] = ""
    closed_as: ClosedAs = ""
    comment: str = ""
    comment_digest: str = ""
    seen_digest: str = ""
    seen_open: bool = True


class Drifted(Exception):
    """The ticket is not as the plan saw it; the message says what differs."""


class Tracker(Protocol):
    """A place where tickets are. Methods raise `TrackerError` when the tracker refuses or is out of reach."""

    name: str
    markup: str
    body_limit: int
    reads: int
    writes: int

    def listing(self, known: Mapping[str, Marker]) -> Listing:
        """All own tickets, open and closed; never somebody else's, never one with a forged marker.

        `known`: the markers that history remembers, by ticket id: one that was removed by hand is put back.
        """

    def tidy(self) -> None:
        """Remove what a killed run left half written. Called before writing, by the one run that may write."""

    def create(self, content: Content) -> Ticket:
        """File a ticket. A ticket of the same key that already stands is returned instead: never two."""

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change a ticket. A comment whose digest is there already is not posted again.

        Raises `Drifted` where the ticket's state or digest is not what the plan saw.
        """


def splice(body: str, block: str) -> str:
    """The body with the managed block replaced, or added at its end where it has none."""
    managed = f"{BEGIN}\n{block.strip()}\n{END}"
    if _BLOCK.search(body):
        return _BLOCK.sub(lambda _: managed, body, count=1)
    body = body.replace(BEGIN, "").replace(END, "")  # half a border: what stood beside it may be theirs
    return f"{body.rstrip()}\n\n{managed}\n" if body.strip() else f"{managed}\n"
