"""How an answer about exposure reads: a table on a terminal, the same in plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from triagebot.exposure import Answer, Filed, Hit, Past
from triagebot.looked import Look
from triagebot.render import many, number, plain
from triagebot.versions import ordered, split

NAMED = 20
"""So many images that were not scanned are named; --json names them all."""
_VULNERABILITIES = 3
_NAMES = 3
_FIXES = 3


def show(answer: Answer) -> None:
    """Print the answer on stdout."""
    console = Console(highlight=False, markup=False, emoji=False)
    for part in _spoken(answer, console.is_terminal):
        if isinstance(part, Table):
            console.print(part)
        else:
            typer.echo(part)


def _spoken(answer: Answer, terminal: bool) -> Iterable[str | Table]:
    asked = answer.question
    parts = [(name, *answer.of(name)) for name in asked.ids] or [("", answer.hits, answer.past)]
    for name, hits, past in parts:
        yield plain(_headline(answer, name, hits))
        yield from _lines(_hits(answer, hits), terminal) if hits else ()
        if past:
            yield "It was there and is not any more:"
            yield from _lines(_past(answer, past), terminal)
    yield from _grounds(answer)


def _headline(answer: Answer, name: str, hits: Sequence[Hit]) -> str:
    subject = _called(answer.names[name], name) if name else ""
    if answer.question.package:
        subject = f"{subject} in {answer.question.package}" if name else f"vulnerabilities in {answer.question.package}"
    if not hits and not answer.scanned and not answer.unscanned:
        ended = " that is in use" if any(ground.ended for ground in answer.grounds) else ""
        named = f"stream {answer.grounds[0].stream}" if len(answer.grounds) == 1 else "any stream"
        return f"{subject}: not found; there is no image in {named}{ended}"
    if not hits:
        said = f"{subject}: not found in {many(answer.scanned, 'scanned image')}"
        missed = len(answer.unscanned)
        return f"{said}; {number(missed)} not scanned" if missed else f"{said}; all were scanned"
    images = {(hit.stream, hit.image) for hit in hits}
    spared = images - {(hit.stream, hit.image) for hit in hits if hit.affects}
    teams = {hit.team for hit in hits}
    said = f"{subject}: found in {many(len(images), 'image')} of {many(len(teams), 'team')}"
    return f"{said}, {number(len(spared))} of them said to be not affected" if spared else said


def _called(names: Sequence[str], asked: str) -> str:
    """The canonical name, then the one that was asked for, then some of the others."""
    own, *others = names
    others.sort(key=lambda other: other.upper() != asked.upper())
    more = len(others) - _NAMES
    told = ", ".join(others[:_NAMES]) + (f" and {many(more, 'more name')}" if more > 0 else "")
    return f"{own} ({told})" if told else own


def _hits(answer: Answer, hits: Sequence[Hit]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one row per image and package."""
    streams = len(answer.grounds) > 1
    by_package = not answer.question.ids
    head = ["Stream"] * streams + ["Image", "Package", "Installed", "Fixed in", "Severity"]
    head += ["Vulnerabilities"] * by_package + ["Team", "Ticket", "First seen", "Last seen", "Note"]
    place = {(h.stream, h.image, h.package): at for at, h in reversed(list(enumerate(hits)))}
    ordered = sorted(hits, key=lambda h: place[h.stream, h.image, h.package])
    rows = []
    for _, group in groupby(ordered, key=lambda h: (h.stream, h.image, h.package)):
        same = list(group)
        worst = same[0]
        row = [worst.stream] * streams + [worst.image, worst.name, _joined(h.installed for h in same)]
        row += [_fixes(same) or "no fix", worst.severity]
        row += [_some([h.vulnerability for h in same])] * by_package
        tickets = dict.fromkeys(t for h in same for t in h.tickets)
        row += [worst.team, ", ".join(_ticket(t) for t in tickets) or "none"]
        row += [_day(min(h.first_seen for h in same)), _day(max(h.last_seen for h in same)), _note(same)]
        rows.append(row)
    return head, rows


def _ticket(ticket: Filed) -> str:
    address = ticket.url if ticket.url.startswith("http") else ticket.id
    return address if ticket.is_open else f"{address} (closed)"


def _note(hits: Sequence[Hit]) -> str:
    said = [] if any(h.verified for h in hits) else ["not looked at since"]
    covers = dict.fromkeys(h.cover.said for h in hits if h.cover)
    uncovered = sum(h.cover is None for h in hits)
    said += [f"{cover}{f' (not for {uncovered} of {len(hits)})' if uncovered else ''}" for cover in covers]
    ignored = dict.fromkeys(f"rule {h.rule} ignores it" for h in hits if h.action == "ignore")
    return "; ".join([*said, *ignored])


def _past(answer: Answer, past: Sequence[Past]) -> tuple[list[str], list[list[str]]]:
    streams = len(answer.grounds) > 1
    by_package = not answer.question.ids
    head = ["Stream"] * streams + ["Image", "Package", "Installed then"] + ["Vulnerability"] * by_package
    head += ["What became of it", "Team", "First seen", "Gone"]
    rows = []
    for p in past:
        version = f", now {p.version_after}" if p.version_after and p.version_after != p.installed else ""
        tag = f", in {p.tag_after}" if p.tag_after and p.tag_after != p.tag else ""
        row = [p.stream] * streams + [p.image, p.name, p.installed or "not told"] + [p.vulnerability] * by_package
        row += [f"{p.how} in scan {p.label}{tag}{version}", p.team]
        rows.append([*row, _day(p.first_seen) if p.first_seen else "", _day(p.at)])
    return head, rows


def _grounds(answer: Answer) -> Iterable[str]:
    """What the answer rests on, and what is said beside it."""
    if answer.similar:
        yield plain(f"Not asked for: packages with a like name: {', '.join(answer.similar)} (--package takes globs).")
    if answer.question.package:
        yield "Scans name a package only where they know a vulnerability in it: this is no list of what is installed."
    for ground in answer.grounds:
        told = f"stream {ground.stream}: " if len(answer.grounds) > 1 else ""
        if ground.ended:
            yield plain(f"{told}ended with {ground.label}; nothing of it is in use")
            continue
        if not ground.scanned and not ground.unscanned:
            yield plain(f"{told}last scan {ground.label} of {_day(ground.taken_at)}: there is no image in it")
            continue
        yield plain(
            f"{told}last scan {ground.label} of {_day(ground.taken_at)}: {many(ground.scanned, 'image')} scanned, "
            f"{number(len(ground.unscanned))} not scanned{':' if ground.unscanned else ''}"
        )
        for look in ground.unscanned[:NAMED]:
            yield f"  {plain(_unscanned(look))}"
        if len(ground.unscanned) > NAMED:
            yield f"  and {number(len(ground.unscanned) - NAMED)} more"


def _unscanned(look: Look) -> str:
    last = f", last scanned {_day(look.last)}" if look.last else ", never scanned"
    return f"{look.image}: {look.status}, {look.why}{last}"


def _lines(told: tuple[list[str], list[list[str]]], terminal: bool) -> Iterable[Table | str]:
    head, rows = told
    kept = [at for at, name in enumerate(head) if name != "Note" or any(row[at] for row in rows)]
    cells = [[plain(row[at], 500) for at in kept] for row in ([*head], *rows)]
    if not terminal:
        widths = [max(len(row[at]) for row in cells) for at in range(len(kept))]
        for row in cells:
            yield f"  {'  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()}"
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in cells[0]:
        table.add_column(Text(name), overflow="fold")
    for row in cells[1:]:
        table.add_row(*(Text(text) for text in row))
    yield table


def _some(texts: Sequence[str]) -> str:
    kept = list(dict.fromkeys(texts))
    more = len(kept) - _VULNERABILITIES
    return ", ".join(kept[:_VULNERABILITIES]) + (f" and {more} more" if more > 0 else "")


def _joined(texts: Iterable[tuple[str, ...]]) -> str:
    return ", ".join(dict.fromkeys(text for told in texts for text in told))


def _fixes(hits: Sequence[Hit]) -> str:
    """The versions that fix any of it; of many the highest, which are most likely to fix all."""
    told, are_compared = ordered(hits[0].package, (v for h in hits for text in h.fixed for v in split(text)))
    more = len(told) - _FIXES
    if more <= 0:
        return ", ".join(told)
    return f"{', '.join(told[-_FIXES:])} and {more} {'lower' if are_compared else 'more'}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
