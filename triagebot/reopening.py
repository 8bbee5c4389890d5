"""Why a closed ticket is opened again, or not yet: rows of the state table (DESIGN section 6), in true words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from triagebot.model import Cause, Draft, Line, Ticket
from triagebot.promised import went_away

_GONE = "triagebot closes it once a scan shows that all is gone"
_NEXT = {
    Cause.REAPPEARED: f"Next: see what the ticket lists under What to do, and whether an old image came back; {_GONE}.",
    Cause.CLOSED_BUT_PRESENT: f"Next: roll out an image with what the ticket lists under What to do; {_GONE}.",
    Cause.DECISION_EXPIRED: "Next: do what the ticket lists under What to do, or decide against it once more.",
    Cause.NOT_SHOWN_BEFORE: "Next: see to what is named here; what was decided before stays decided.",
    Cause.ASKED: f"Next: do what the ticket lists under What to do; {_GONE}.",
    Cause.MOVED: f"Next: do what the ticket lists under What to do; {_GONE}.",
}
"""What a person does about a ticket that is open again."""

_NEW = "there is something that this ticket did not show when it was closed"


def why(draft: Draft, ticket: Ticket, now: datetime, grace: timedelta) -> tuple[Cause, str]:
    """What speaks for opening it, and in words; `CLOSED_UNVERIFIED`: a person's word that no scan can judge yet."""
    new, back = _parted(draft, ticket)
    if ticket.is_decision and back:
        is_over = ticket.closed_as == "duplicate" and ticket.duplicate_open is False
        original = "the ticket that it is a duplicate of is closed, and its findings are still there"
        over = original if is_over else "the decision not to act on it has expired"
        return Cause.DECISION_EXPIRED, f"{over}, and there is something new" if new else over
    if not back:
        return Cause.NOT_SHOWN_BEFORE, _NEW
    returned = all(went_away(line, ticket) for line in back)
    if returned or ticket.closed_by_us:
        gone = returned or ticket.closed_as == "done"
        uncovered = "nothing excuses its findings any more, or they are looked at and count again"
        return Cause.REAPPEARED, "what was gone is there again" if gone else uncovered
    return _verified(draft, ticket, now, grace, new)


def told(draft: Draft, ticket: Ticket, cause: Cause) -> tuple[Sequence[Line], str]:
    """(the findings that its comment names, what a person does next)."""
    new, _ = _parted(draft, ticket)
    if cause is not Cause.NOT_SHOWN_BEFORE:
        return draft.lines, _NEXT.get(cause, "")
    return new, _NEXT[cause] if draft.excused else _NEXT[Cause.MOVED]


def _parted(draft: Draft, ticket: Ticket) -> tuple[list[Line], list[Line]]:
    """(what it did not show, what it did). What we closed it with as excused, it named too."""
    shown = set(ticket.marker.shown) | (ticket.marker.spared if ticket.closed_by_us else set())
    return [x for x in draft.lines if x.id not in shown], [x for x in draft.lines if x.id in shown]


def _verified(draft: Draft, ticket: Ticket, now: datetime, grace: timedelta, new: Sequence[Line]) -> tuple[Cause, str]:
    """What scans say of a ticket that a person closed as done."""
    closed_at = ticket.closed_at or now
    before = {image.rpartition(".")[2] for image in ticket.marker.images}
    after = {image.rpartition(".")[2] for image in draft.images}
    if draft.scanned_at is not None and draft.scanned_at > closed_at and after - before:
        return Cause.CLOSED_BUT_PRESENT, "a newer image was scanned after it was closed and still has the findings"
    if now >= closed_at + grace:
        return Cause.CLOSED_BUT_PRESENT, f"it was closed {closed_at:%Y-%m-%d} and the findings are still there"
    if any(line.priority < ticket.marker.priority for line in new):
        return Cause.NOT_SHOWN_BEFORE, f"{_NEW}, and it is more urgent"
    return Cause.CLOSED_UNVERIFIED, "closed by a person, not yet verified by a scan of a newer image"
