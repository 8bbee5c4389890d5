"""By when a ticket was promised to be dealt with: nothing extends that, however it comes and goes meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from triagebot.model import Draft, Ticket


class Promises:
    """What tickets of any key said about the findings that they showed."""

    def __init__(self, tickets: Iterable[Ticket]) -> None:
        self._days: dict[str, list[tuple[str, datetime | None]]] = defaultdict(list)
        for ticket in tickets:
            if ticket.marker.due:
                told = ticket.marker.due, None if ticket.is_open else ticket.closed_at
                for finding in ticket.marker.shown:
                    self._days[finding].append(told)

    def day(self, draft: Draft, ticket: Ticket | None) -> str:
        """The first day (`YYYY-MM-DD`) that a rule gives now or that was promised; empty: there is none.

        `ticket`: the one that is written. One that is open keeps its day whatever it shows.
        """
        days = [f"{draft.due:%Y-%m-%d}"] if draft.due else []
        days += [
            day
            for x in draft.lines
            for day, closed in self._days.get(x.id, ())
            if closed is None or x.first_seen <= closed
        ]
        if ticket and ticket.marker.due and not _starts_anew(draft, ticket):
            days.append(ticket.marker.due)
        return min(days, default="")


def _starts_anew(draft: Draft, ticket: Ticket) -> bool:
    """Whether all that a closed ticket showed went away meanwhile: only then is there a new time to mend it.

    What was excused, ignored or closed by a person stayed where it was. Of what we closed as done, what has been there
    since before that did. A place that was retired, and is scanned again, was not mended either.
    """
    stayed = [line for line in draft.lines if line.id in ticket.marker.shown]
    if ticket.is_open:
        return False
    if ticket.closed_by_us and ticket.closed_as == "done" and ticket.closed_at:
        return all(line.first_seen > ticket.closed_at for line in stayed)
    return not stayed
