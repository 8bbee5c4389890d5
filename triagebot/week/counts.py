"""The figures of a section: the verdict, the tables by severity, images, the trend, and the line that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from triagebot.model import SEVERITIES
from triagebot.render import many, number, percent, shares
from triagebot.render.blocks import Block, Chart, Line, Paragraph, Said, Table, line
from triagebot.span import Span, signed
from triagebot.summary import Summary, reconciled
from triagebot.trend import SERIOUS


def last_week(w: Span | None, is_late: bool) -> str:
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


def verdict(s: Summary, w: Span | None, is_late: bool) -> str:
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
    if s.coverage.is_blind and not s.total:
        return f"what is fixable is not known; {teams}{first}"
    return f"{fixable('critical')}; {fixable('high')}; {teams}{first}"


def severities(s: Summary, w: Span | None, is_tight: bool) -> list[Block]:
    """A table of totals and what is fixable, by severity, with the change."""
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


def posture(s: Summary) -> list[Block]:
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


def images(s: Summary, w: Span | None) -> list[Block]:
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


def chart(w: Span, picture: str) -> Chart:
    """Critical and high of the last scans, for markups that draw and for those that show a picture."""
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


def reconciling(s: Summary, w: Span | None) -> str:
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
