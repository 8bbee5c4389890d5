"""Who has what to do, and what people decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from triagebot.decisions import ending
from triagebot.model import Decision
from triagebot.render import many, number
from triagebot.render.blocks import Block, Bullets, Line, Paragraph, Said, Table, line
from triagebot.span import Fixed, Span
from triagebot.standing import Notice, words
from triagebot.summary import Summary, TeamRow

T = TypeVar("T")


def teams(s: Summary, w: Span | None, rows: int, is_late: bool) -> list[Block]:
    """A table of teams, those with overdue tickets first where there are too many."""
    if not s.teams:
        return []
    heads = ["Team", "Critical", "High", *(["Configuration"] if s.posture else []), "Open tickets", "Overdue"]
    when = f"in week {w.monday.isocalendar().week}" if w and is_late else "this week"
    heads += ["Oldest open since", *([f"Fixed {when}", "Median days to fix"] if w else [])]
    fixed = w.fixed if w else {}

    def row(t: TeamRow) -> tuple[Line, ...]:
        counts = [t.critical, t.high, *([t.posture] if s.posture else []), t.open_tickets, t.overdue]
        cells = [line(Said(t.name, "text")), *(line(number(n)) for n in counts)]
        cells.append(line(f"{t.oldest:%Y-%m-%d}" if t.oldest else "-"))
        held = fixed.get(t.id, Fixed(0, 0.0))
        return (*cells, *([line(number(held.count)), line(_days(held))] if w else []))

    most = max(rows, 3)
    order = (
        sorted(s.teams, key=lambda t: (-t.overdue, -t.critical, -t.high, t.name)) if len(s.teams) > most else s.teams
    )
    blocks: list[Block] = [Table(tuple(heads), tuple(map(row, order[:most])), more=max(0, len(s.teams) - most))]
    told = [f"{number(s.open_tickets)} open", f"{number(len(s.unread))} cannot be read"] if s.unread else []
    told += [f"{number(s.overdue)} overdue", f"{number(s.due_soon)} due soon"] if s.due_soon else []
    if told:
        blocks.append(Paragraph(line(f"Tickets: {', '.join(told)}.")))
    return blocks


def _days(fixed: Fixed) -> str:
    return f"{fixed.days:.0f}" if fixed.count else "-"


def decisions(s: Summary, rows: int) -> list[Block]:
    """What people decided, and exceptions that end soon."""
    blocks: list[Block] = []
    if s.decisions:
        shown, more = cut(s.decisions, rows)
        blocks += [
            Paragraph(line(Said("Decisions in force", "strong"), ", those that end first on top")),
            _decided(shown, more),
        ]
    ending = [n for n in s.notices if n.state == "ending"]
    if ending:
        shown_ones, more = cut(ending, rows)
        blocks += [
            Paragraph(line(Said("Ending soon", "strong"))),
            Bullets(tuple(notice(n) for n in shown_ones), more),
        ]
    b = s.buckets
    parts = [
        (b.open, "open"), (b.excepted, "excepted"), (b.decided, "decided by people"), (b.snoozed, "snoozed"),
        (b.unverified, "not looked at again"), (b.ignored, "ignored by rules"),
    ]  # fmt: skip
    if b.excepted or b.decided or b.snoozed:
        told = ", ".join(f"{number(n)} {word}" for n, word in parts if n)
        blocks.append(Paragraph(line(f"Of {many(b.total, 'finding')}: {told}.")))
    return blocks


def _decided(told: Sequence[Decision], more: int) -> Table:
    """A column that nobody filled (a file does not tell who closed it) is left out."""
    columns: dict[str, list[Line]] = {
        "Until": [line(ending(d.until)) for d in told],
        "What": [line(Said(d.what, "text")) for d in told],
        "Who": [line(Said(d.by, "text") if d.by else "not said") for d in told if any(x.by for x in told)],
        "Why": [line(Said(d.because, "text") if d.because else "-") for d in told if any(x.because for x in told)],
        "Ticket": [line(Said(d.ticket, "code")) for d in told],
    }
    kept = {name: cells for name, cells in columns.items() if cells}
    return Table(tuple(kept), tuple(zip(*kept.values(), strict=True)), left=len(kept), more=more)


def notice(n: Notice) -> Line:
    """An exception that ends, has ended or excuses nothing."""
    return line("exception ", Said(n.name, "text"), " ", Said(words(n), "text"))


def cut(items: Sequence[T], rows: int) -> tuple[Sequence[T], int]:
    """So many of the items, and how many are left out."""
    return items[:rows], max(0, len(items) - rows)
