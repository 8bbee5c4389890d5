"""What somebody should look at that no ticket says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from triagebot.regular import Gap
from triagebot.render import many, number
from triagebot.render.blocks import Block, Bullets, Line, Paragraph, Said, line
from triagebot.summary import stuck_words, without_owner
from triagebot.week.people import cut, notice
from triagebot.week.sheet import STALE, Section, Sheet


def attention(sheet: Sheet, rows: int) -> list[Block]:
    """What somebody should look at that no ticket says; what is true of several streams is told once."""
    told: dict[Line, list[str]] = {}
    for section in sheet.sections:
        for item in _of_section(section, sheet.now, rows):
            told.setdefault(item, []).append(section.summary.stream)
    several = len(sheet.sections) > 1
    items = [_missed(sheet.gap)] if sheet.gap else []
    items += [line(Said(", ".join(of), "text"), ": ", *item) if several else item for item, of in told.items()]
    if not items:
        return []
    shown, more = cut(items, max(rows, 3))
    return [Paragraph(line(Said("Needs attention", "strong"))), Bullets(tuple(shown), more)]


def _missed(gap: Gap) -> Line:
    usual = "a day" if gap.usual.days == 1 else f"{gap.usual.days} days"
    return line(
        f"no run between {gap.last:%Y-%m-%d} and {gap.next:%Y-%m-%d}, where {usual} is usual: is the schedule disabled?"
    )


_FAILED = "report failed; its image was not looked at", "reports failed; the images were not looked at"

_AGAIN = (
    "finding not looked at again; it counts until it is", "findings not looked at again; they count until they are",
)  # fmt: skip


def _of_section(section: Section, now: datetime, rows: int) -> list[Line]:
    s, c = section.summary, section.summary.coverage
    items: list[Line] = []
    if section.scanned_at and now - section.scanned_at > STALE:
        old = f"the last scan is of {section.scanned_at:%Y-%m-%d}, more than a week ago"
        items.append(line(f"{old}: these figures are as old as it is"))
    if c.reports_failed:
        named = [report for report, _ in c.failures]
        items.append(_named(many(c.reports_failed, *_FAILED), named, rows))
    if c.images_missing:
        items.append(line(f"{many(c.images_missing, 'image')} had no report"))
    if s.unverified:
        items.append(line(many(s.unverified, *_AGAIN)))
    if s.unread:
        items.append(_unread(s.unread, rows))
    if s.unowned:
        items.append(_named(f"{without_owner(s)} without an owner in the team file", s.unowned, rows))
    items += [line(Said(one, "text"), "; the ticket mentions the team instead") for one in s.unassignable]
    items += [_named(said, names, rows) for said, names in stuck_words(s)]
    items += [notice(n) for n in s.notices if n.state != "ending"]
    return items + [line(Said(one, "text")) for one in s.waiting]


def _unread(unread: Sequence[tuple[str, str]], rows: int) -> Line:
    are = "ticket cannot be read and is left alone", "tickets cannot be read and are left alone"
    said = f"{many(len(unread), *are)}, counted as neither open nor closed: "
    shown, more = cut(unread, min(rows, 5))
    parts: list[str | Said] = []
    for at, (name, fault) in enumerate(shown):
        parts += [*([", "] if at else []), Said(name, "code"), " (", Said(fault, "text"), ")"]
    return line(said, *parts, f" and {number(more)} more" if more else "")


def _named(said: str, names: Sequence[str], rows: int) -> Line:
    """A fact with the first of the names that it is about."""
    shown, more = cut(names, min(rows, 5))
    parts: list[str | Said] = [f"{said}: "]
    for at, name in enumerate(shown):
        parts += [*([", "] if at else []), Said(name, "code")]
    return line(*parts, f" and {number(more)} more" if more else "")
