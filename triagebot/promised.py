"""By when a ticket was promised to be dealt with: nothing extends that, however it comes and goes meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from triagebot.keys import bare
from triagebot.model import Draft, Line, Ticket


class Promises:
    """What the tickets of a stream, of any key, said about the findings that they showed or excused."""

    def __init__(self, tickets: Iterable[Ticket]) -> None:
        self._days: dict[tuple[str, str], list[tuple[str, Ticket]]] = defaultdict(list)
        for ticket in tickets:
            for finding in ticket.marker.shown if ticket.marker.due else ():
                self._days[ticket.marker.stream, finding].append((ticket.marker.due, ticket))
            for finding, _, day in (entry.partition(":") for entry in ticket.marker.promised):
                if day:
                    self._days[ticket.marker.stream, finding].append((day, ticket))

    def day(self, draft: Draft, ticket: Ticket | None) -> str:
        """The first day (`YYYY-MM-DD`) that a rule gives now or that was promised; empty: there is none.

        `ticket`: the one that is written. One that is open keeps its day whatever it shows.
        """
        days = [day for line in draft.lines for day in self._of(draft, line)]
        if ticket and ticket.is_open:
            days.append(ticket.marker.due)
        return min(filter(None, days), default="")

    def kept(self, draft: Draft) -> tuple[str, ...]:
        """What is excused now, and by when it is due once it is not: `promised` of its marker."""
        every = {line.id: min(filter(None, self._of(draft, line)), default="") for line in draft.excused}
        return tuple(f"{finding}:{day}" for finding, day in sorted(every.items()))

    def _of(self, draft: Draft, line: Line) -> list[str]:
        told = self._days.get((draft.stream, line.id), ())
        return [
            f"{line.due:%Y-%m-%d}" if line.due else "",
            *(day for day, ticket in told if not went_away(line, ticket) and _meant(draft, line, day, ticket)),
        ]


def _meant(draft: Draft, line: Line, day: str, ticket: Ticket) -> bool:
    """Whether the day of a ticket of another key was about this finding: not if it was over before the finding came.

    An open ticket that is late keeps its day for what comes to it, and hands it to nobody else.
    """
    is_same = bare(ticket.marker.key, ticket.marker.stream) == bare(draft.key, draft.stream)
    return is_same or line.baseline or day >= f"{line.first_seen:%Y-%m-%d}"


def went_away(line: Line, ticket: Ticket) -> bool:
    """Whether a finding that this ticket showed was gone since it was closed: then there is a new time to mend it.

    What was excused, ignored or closed by a person stayed where it was. Where history was lost, since when it is
    there is not known: then it was gone where we closed the ticket because of that.
    """
    if ticket.is_open or ticket.closed_at is None:
        return False
    if line.baseline:
        return ticket.closed_by_us and ticket.closed_as == "done" and line.first_seen > ticket.closed_at
    return line.first_seen > ticket.closed_at
