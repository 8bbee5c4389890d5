"""The weekly summary as a page: what it says, in which order, and in which words.

First the sentence that managers read, then what it means, then what explains it, then who has what to do. A part that
has nothing to say is left out. A page has fewer than 60 lines: long lists say how many they leave out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from triagebot.model import SEVERITIES, Decision
from triagebot.regular import Gap
from triagebot.render import many, number, percent, shares
from triagebot.render.blocks import Block, Bullets, Chart, Heading, Line, Paragraph, Said, Table, line, written
from triagebot.span import Fixed, Span, causes, largest, signed
from triagebot.span import words as mover_words
from triagebot.standing import Notice, words
from triagebot.summary import Summary, TeamRow, headline, reconciled, stuck_words
from triagebot.trend import SERIOUS

MOST_LINES = 59
_ROWS = (10, 8, 6, 5, 4, 3, 2, 1)
STALE = timedelta(days=7)
_LEAST_TREND = 3
"""Two scans are no trend."""
_MOVERS = 6

T = TypeVar("T")


@dataclass(frozen=True)
class Section:
    """What is told of one stream. `span` is absent where only how things stand is told."""

    summary: Summary
    span: Span | None = None
    scanned_at: datetime | None = None

    @property
    def week(self) -> str:
        """The week of its last scan; empty where there is none."""
        return iso_week(self.scanned_at.astimezone(UTC)) if self.scanned_at else ""


@dataclass(frozen=True)
class Sheet:
    """All of it. `week`: as in `2026-W48`; empty where only how things stand is told."""

    sections: tuple[Section, ...]
    now: datetime
    week: str = ""
    gap: Gap | None = None

    def is_late(self, section: Section) -> bool:
        """Whether its last scan is not of the week that is told of."""
        return bool(self.week) and section.week < self.week

    def standing(self) -> Sheet:
        """The same without what changed."""
        return Sheet(tuple(Section(s.summary, None, s.scanned_at) for s in self.sections), self.now)


def iso_week(at: datetime | date) -> str:
    """`2026-W48`, of a time in UTC. https://www.iso.org/iso-8601-date-and-time-format.html"""
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02}"


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


def has_trend(section: Section) -> bool:
    """Whether there are enough scans to show how things went."""
    return section.span is not None and len(section.span.shown) >= _LEAST_TREND


def _page(sheet: Sheet, form: _Form, pictures: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    several = len(sheet.sections) > 1
    if sheet.week:
        year, _, week = sheet.week.partition("-W")
        of = "" if several else f": {_scan(sheet, sheet.sections[0])}"
        blocks.append(Heading(line(f"Week {int(week)} of {year}", Said(of, "text"))))
    elif not several:
        blocks.append(Paragraph(line(Said(f"Scan {_scan(sheet, sheet.sections[0])}.", "text"))))
    attention = _attention(sheet, form.rows)
    for at, section in enumerate(sheet.sections):
        s, w = section.summary, section.span
        picture = pictures[at] if at < len(pictures) else ""
        if several:
            blocks.append(Heading(line(Said(f"Stream {s.stream}: {_scan(sheet, section)}", "text")), 3))
        blocks += _section(section, form, at < form.charts, picture, sheet.is_late(section))
        blocks += attention if not several else []
        blocks += [Paragraph(line(_reconciling(s, w)))] if sheet.week else []
    return [*blocks, *(attention if several else [])]


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
        Paragraph(line(f"{_capital(headline(s))}.{_last_week(w, is_late)}")),
        Paragraph(line(Said(_verdict(s, w, is_late), "strong"))),
    ]  # fmt: skip
    if form.tight < _TIGHTEST:
        blocks += _severities(s, w, form.tight > 0) + _posture(s)
    if s.images_serious and (form.charts or not form.tight):
        blocks += _images(s, w)
    if w and with_chart and has_trend(section):
        blocks.append(_chart(w, picture))
    if form.tight < 2:
        blocks += _movers(s, w, form.rows) + _teams(s, w, form.rows, is_late)
    return blocks + _decisions(s, form.rows)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


# -- figures -------------------------------------------------------------------------------------------------


def _last_week(w: Span | None, is_late: bool) -> str:
    """The same figures at the last scan before the week."""
    if w is None or w.before is None:
        return ""
    p = w.before
    by_severity = dict(zip(SEVERITIES, shares(p.of(x) for x in SEVERITIES), strict=True))

    def told(severity: str) -> str:
        share = f"{percent(by_severity[severity])} {severity}"
        return (
            f"{share} ({percent(p.fixable(severity) / p.of(severity))} of those fixable)" if p.of(severity) else share
        )

    is_last = not is_late and w.monday - p.taken_at.date() <= timedelta(days=7)
    when = "Last week" if is_last else f"On {p.taken_at:%Y-%m-%d}"
    if not p.total:
        return f" {when}: no vulns in {many(p.images_total, 'image')}."
    images = f"{number(p.images_serious)} of {many(p.images_total, 'image')}"
    return f" {when}: {told('critical')}, {told('high')}; {images}."


def _verdict(s: Summary, w: Span | None, is_late: bool) -> str:
    """What it means, in a line."""
    before = w.before if w else None

    def fixable(severity: str) -> str:
        now = number(s.row(severity).fixable)
        return f"{severity} fixable: {f'{number(before.fixable(severity))} -> ' if before else ''}{now}"

    late = sum(team.overdue > 0 for team in s.teams)
    teams = f"{many(late, 'team')} overdue" if late else "no team overdue"
    first = ""
    if w and w.before is None:
        then = "the next" if is_late else "next week"
        first = f"; the first {'scan' if w.scans == 1 else 'week'}: {then} is compared with it"
    return f"{fixable('critical')}; {fixable('high')}; {teams}{first}"


def _severities(s: Summary, w: Span | None, is_tight: bool) -> list[Block]:
    if not s.total and not (w and w.before and w.before.total):
        return []
    before, excepted = (w.before if w else None), any(row.excepted for row in s.severities)
    heads = ["Severity", "Vulns", "Share", "Fixable", "Share fixable"]
    heads += [*(["Excepted"] if excepted else []), *(["Change"] if before else [])]

    def row(name: Said, total: int, share: str, fixable: int, excused: int, change: int) -> tuple[Line, ...]:
        of = percent(fixable / total) if total else "-"
        cells = [line(name), line(number(total)), line(share), line(number(fixable)), line(of)]
        cells += [line(number(excused))] if excepted else []
        return (*cells, *([line(signed(change))] if before else []))

    def change(severity: str) -> int:
        return w.now.of(severity) - before.of(severity) if w and before else 0

    kept = [r for r in s.severities if r.total or change(r.severity)]
    kept = [r for r in kept if r.severity in SERIOUS] if is_tight else kept
    rows = [row(Said(r.severity), r.total, percent(r.share), r.fixable, r.excepted, change(r.severity)) for r in kept]
    all_of = sum(r.fixable for r in s.severities), sum(r.excepted for r in s.severities)
    whole = "100.0%" if s.total else "-"
    rows.append(row(Said("all", "strong"), s.total, whole, *all_of, sum(change(x) for x in SEVERITIES)))
    return [Table(tuple(heads), tuple(rows))]


def _posture(s: Summary) -> list[Block]:
    """Failed checks and open secrets, in a table of their own."""
    if not s.posture:
        return []
    heads = ("Configuration and secrets", "Findings", "Critical", "High", "In", "Excepted")
    rows = [
        (
            line(r.kind), line(number(r.total)), line(number(r.critical)), line(number(r.high)),
            line(f"{many(r.assets, 'place')}"), line(number(r.excepted)),
        )
        for r in s.posture
    ]  # fmt: skip
    return [Table(heads, tuple(rows))]


def _images(s: Summary, w: Span | None) -> list[Block]:
    """What the first sentence does not say of images: the change, and how many of them are excepted."""
    change = s.images_serious - w.before.images_serious if w and w.before else 0
    if not change and not s.images_serious_excepted:
        return []
    said = f"Images with critical or high vulns: {number(s.images_serious)} of {number(s.images_total)}"
    said += f" ({signed(change)})" if change else ""
    if s.images_serious_excepted:
        are = "is" if s.images_serious_excepted == 1 else "are"
        excepted = f"{number(s.images_serious_excepted)} of {number(s.images_serious)}"
        said += f"; {excepted} images with critical or high {are} on the exception list"
    return [Paragraph(line(f"{said}."))]


def _chart(w: Span, picture: str) -> Chart:
    serious = [p.of("critical") + p.of("high") for p in w.shown]
    fixable = [p.fixable("critical") + p.fixable("high") for p in w.shown]
    days = [f"{p.taken_at:%m-%d}" for p in w.shown]  # twelve names of scans would lie on top of one another
    title = f"Critical or high in the last {len(serious)} scans: all (bars), fixable (line)"
    return Chart(title, _distinct(days), tuple(serious), tuple(fixable), picture)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Places of a chart are told apart by their names."""
    told: list[str] = []
    for name in names:
        said, again = name, 2
        while said in told:
            said, again = f"{name} ({again})", again + 1
        told.append(said)
    return tuple(told)


# -- what explains it ----------------------------------------------------------------------------------------


def _movers(s: Summary, w: Span | None, rows: int) -> list[Block]:
    if w is None or w.before is None:
        return []
    if not w.movers:
        still = all(point.arithmetic.unverified == 0 for point in w.points[-w.scans :])
        since = f"since {w.before.taken_at:%Y-%m-%d}"
        where = "" if still else " in what was scanned"
        what = "No vulnerability that counts" if s.ignored else "No vulnerability"
        return [Paragraph(line(f"{what} came or went {since}{where}."))]
    shown, rest = largest(w.movers, min(rows, _MOVERS))
    items = [*(_mover(*mover_words(mover)) for mover in shown), *([line(rest)] if rest else [])]
    told = causes(w.by_why)
    lead = line(Said("What changed", "strong"), f" (findings, by cause: {told})" if told else "")
    return [Paragraph(lead), Bullets(tuple(items))]


def _mover(package: str, vulnerability: str, said: str) -> Line:
    named: list[str | Said] = [Said(package, "text")] if package else []
    named += [" ", Said(vulnerability, "text")] if vulnerability else []
    return line(*named, f": {said}" if named else said)


# -- who has what to do --------------------------------------------------------------------------------------


def _teams(s: Summary, w: Span | None, rows: int, is_late: bool) -> list[Block]:
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
    if s.due_soon:
        blocks.append(Paragraph(line(f"Tickets: {number(s.overdue)} overdue, {number(s.due_soon)} due soon.")))
    return blocks


def _days(fixed: Fixed) -> str:
    return f"{fixed.days:.0f}" if fixed.count else "-"


def _decisions(s: Summary, rows: int) -> list[Block]:
    """What people decided, and exceptions that end soon."""
    blocks: list[Block] = []
    if s.decisions:
        shown, more = _cut(s.decisions, rows)
        table = tuple(_decision(d) for d in shown)
        blocks += [
            Paragraph(line(Said("Decisions in force", "strong"), ", those that end first on top")),
            Table(("Until", "What", "Who", "Why", "Ticket"), table, left=5, more=more),
        ]
    ending = [n for n in s.notices if n.state == "ending"]
    if ending:
        shown_ones, more = _cut(ending, rows)
        blocks += [
            Paragraph(line(Said("Ending soon", "strong"))),
            Bullets(tuple(_notice(n) for n in shown_ones), more),
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


def _decision(d: Decision) -> tuple[Line, ...]:
    until = "the other ticket is closed" if d.what == "closed as duplicate" else f"{d.until}"
    return (
        line(until),
        line(Said(d.what, "text")),
        line(Said(d.by, "text")),
        line(Said(d.because, "text")),
        line(Said(d.ticket, "code")),
    )


def _notice(n: Notice) -> Line:
    return line("exception ", Said(n.name, "text"), " ", Said(words(n), "text"))


def _cut(items: Sequence[T], rows: int) -> tuple[Sequence[T], int]:
    return items[:rows], max(0, len(items) - rows)


def _attention(sheet: Sheet, rows: int) -> list[Block]:
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
    shown, more = _cut(items, max(rows, 3))
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
    if s.unowned:
        what = ("image or workload", "images and workloads") if s.posture else ("image",)
        items.append(_named(f"{many(len(s.unowned), *what)} without an owner in the team file", s.unowned, rows))
    items += [line(Said(one, "text"), "; the ticket mentions the team instead") for one in s.unassignable]
    items += [_named(said, names, rows) for said, names in stuck_words(s)]
    items += [_notice(n) for n in s.notices if n.state != "ending"]
    return items + [line(Said(one, "text")) for one in s.waiting]


def _named(said: str, names: Sequence[str], rows: int) -> Line:
    """A fact with the first of the names that it is about."""
    shown, more = _cut(names, min(rows, 5))
    parts: list[str | Said] = [f"{said}: "]
    for at, name in enumerate(shown):
        parts += [*([", "] if at else []), Said(name, "code")]
    return line(*parts, f" and {number(more)} more" if more else "")


def _reconciling(s: Summary, w: Span | None) -> str:
    """The line that adds up."""
    arithmetic = w.arithmetic if w else s.arithmetic
    if w is None:
        lead = "Since the scan before: "
    elif w.before:
        lead = f"Since {w.before.taken_at:%Y-%m-%d}: "
    else:
        lead = "Since the beginning: "
    notes = []
    if s.posture:
        notes.append(f"{number(sum(r.total for r in s.posture))} of these are misconfigurations and secrets")
    if s.ignored:
        are = "is" if s.ignored == 1 else "are"
        notes.append(f"{number(s.ignored)} of these {are} ignored by rules and counted nowhere else")
    return f"{lead}{reconciled(arithmetic)}{''.join(f' ({note})' for note in notes)}"
