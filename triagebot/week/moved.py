"""What explains the change."""

from __future__ import annotations

from triagebot.render.blocks import Block, Bullets, Line, Paragraph, Said, line
from triagebot.span import Span, causes, largest
from triagebot.span import words as mover_words
from triagebot.summary import Summary

_MOVERS = 6


def movers(s: Summary, w: Span | None, rows: int) -> list[Block]:
    """What explains the change, the largest part first; a sentence where nothing came or went."""
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
