"""The parts in their order, shortened until they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from triagebot.render.blocks import Block, Heading, Paragraph, Said, line, written
from triagebot.summary import headline
from triagebot.week.attention import attention
from triagebot.week.counts import chart, images, last_week, posture, reconciling, severities, verdict
from triagebot.week.moved import movers
from triagebot.week.people import decisions, teams
from triagebot.week.sheet import Section, Sheet, has_trend

MOST_LINES = 59
_ROWS = (10, 8, 6, 5, 4, 3, 2, 1)


def text(sheet: Sheet, markup: str, pictures: Sequence[str] = (), limit: int = 60_000) -> str:
    """The page in a markup, shortened until it has fewer than 60 lines of Markdown and at most `limit` characters.

    `pictures`: file names of the trends of its sections, for markups that draw none.
    """
    said = ""
    for form in _forms(len(sheet.sections)):
        if form.is_last or written(_page(sheet, form, ()), "markdown").count("\n") <= MOST_LINES:
            said = written(_page(sheet, form, pictures), markup)
            if len(said) <= limit:
                return said
    return said


@dataclass(frozen=True)
class _Form:
    """How much is told. `rows` of a list, `charts`; `tight`: 1 leaves out what is neither critical nor high, 2 also
    teams and what changed, 3 all tables."""

    rows: int
    charts: int
    tight: int = 0

    @property
    def is_last(self) -> bool:
        """Whether there is no shorter one."""
        return self.tight == _TIGHTEST


_TIGHTEST = 3


def _forms(sections: int) -> Iterator[_Form]:
    """From all of it down."""
    for charts in range(sections, -1, -1):
        yield from (_Form(rows, charts) for rows in _ROWS)
    for tight in range(1, _TIGHTEST + 1):
        yield from (_Form(rows, 0, tight) for rows in _ROWS[-4:])


def _page(sheet: Sheet, form: _Form, pictures: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    several = len(sheet.sections) > 1
    if sheet.week:
        year, _, week = sheet.week.partition("-W")
        of = "" if several else f": {_scan(sheet, sheet.sections[0])}"
        blocks.append(Heading(line(f"Week {int(week)} of {year}", Said(of, "text"))))
    elif not several:
        blocks.append(Paragraph(line(Said(f"Scan {_scan(sheet, sheet.sections[0])}.", "text"))))
    to_look_at = attention(sheet, form.rows)
    for at, section in enumerate(sheet.sections):
        s, w = section.summary, section.span
        picture = pictures[at] if at < len(pictures) else ""
        if several:
            blocks.append(Heading(line(Said(f"Stream {s.stream}: {_scan(sheet, section)}", "text")), 3))
        blocks += _section(section, form, at < form.charts, picture, sheet.is_late(section))
        blocks += to_look_at if not several else []
        blocks += [Paragraph(line(reconciling(s, w)))] if sheet.week else []
    return [*blocks, *(to_look_at if several else [])]


def _scan(sheet: Sheet, section: Section) -> str:
    """Which scan is told of; and of which day it is, unless that is in the week that is told of."""
    label = section.summary.label
    if section.scanned_at is None or (sheet.week and not sheet.is_late(section)):
        return label
    late = "no scan; the last one is " if sheet.week else ""
    return f"{late}{label} of {section.scanned_at.astimezone(UTC):%Y-%m-%d}"


def _section(section: Section, form: _Form, with_chart: bool, picture: str, is_late: bool) -> list[Block]:
    """`is_late`: it tells of an earlier week."""
    s, w = section.summary, section.span
    blocks: list[Block] = [
        Paragraph(line(f"{_capital(headline(s))}.{last_week(w, is_late)}")),
        Paragraph(line(Said(verdict(s, w, is_late), "strong"))),
    ]  # fmt: skip
    if form.tight < _TIGHTEST:
        blocks += severities(s, w, form.tight > 0) + posture(s)
    if s.images_serious and (form.charts or not form.tight):
        blocks += images(s, w)
    if w and with_chart and has_trend(section):
        blocks.append(chart(w, picture))
    if form.tight < 2:
        blocks += movers(s, w, form.rows) + teams(s, w, form.rows, is_late)
    return blocks + decisions(s, form.rows)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
