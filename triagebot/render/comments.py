"""What is said below a ticket: why it is closed, reopened, moved, or what is new in it. Lists are shortened to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from triagebot.model import Below, Draft, Gone, Line, Want
from triagebot.render import adf, many, plain, render
from triagebot.render.tasks import PLACES, where

_EVIDENCE = 50
_NAMED = 20

NEW_TICKET = "⟦new ticket⟧"
"""Where a comment names a ticket that does not exist yet; replaced when it is written."""


def closing(draft: Draft, markup: str, limit: int = 30_000) -> str:
    """Why a ticket is closed, with the evidence; long lists say how much they leave out."""
    rows = _EVIDENCE
    while True:
        values = {
            "draft": draft, "verdict": verdict(draft), "is_done": _is_done(draft),
            "has_gone": bool(draft.gone) and draft.want is not Want.RETIRED,
            "gone": [_Left.of(g) for g in draft.gone[:rows]], "more_gone": max(0, len(draft.gone) - rows),
            "excused": draft.excused[:rows], "more_excused": max(0, len(draft.excused) - rows),
            "below": draft.below[:rows], "more_below": max(0, len(draft.below) - rows),
        }  # fmt: skip
        said = render(markup, "closing", values)
        if len(said) <= limit or rows == 0:
            return said
        rows = max(0, min(rows - 1, rows * limit // len(said)))


@dataclass(frozen=True)
class _Left:
    """A finding that left as the table of evidence has it. `said`: what became of it, where no version says it."""

    gone: Gone
    after: str
    version_after: str
    said: str

    @classmethod
    def of(cls, gone: Gone) -> _Left:
        if gone.how not in ("fixed", "withdrawn"):
            words = {"retired": "no longer scanned", "merged": "counted under another name"}
            return cls(gone, "", "", words.get(gone.how, gone.how))
        said = (
            "advisory withdrawn" if gone.how == "withdrawn" else "" if gone.version_after else "not reported any more"
        )
        return cls(gone, gone.after, gone.version_after, said)


def verdict(draft: Draft) -> str:
    """Why a ticket is closed, in one sentence or two."""
    if draft.want is Want.DECIDED:
        what = "what this ticket named is gone, or" if draft.gone else "everything that this ticket named is"
        return f"Closed: {what} covered by an exception or a decision."
    if draft.want is Want.BELOW:
        return _lowered(draft.below)
    if draft.want is Want.RETIRED:
        what = "this place" if draft.is_posture else "the image"
        return f"Closed as retired: {what} is no longer scanned. This does not say that anything was fixed."
    if draft.gone:
        return "Closed: everything that this ticket named was looked at again and is gone."
    told = "what this ticket named was" if draft.is_posture else "the images that this ticket named were"
    return f"Closed: {told} scanned again without what it showed."


def _lowered(below: Sequence[Below]) -> str:
    ignored = sum(b.ignored for b in below)
    if below and ignored == len(below):
        return "Closed: after a change of the rules, what this ticket names is ignored. It is counted nowhere."
    told = "Closed: after a change of the rules, what this ticket names is below the ticket threshold."
    if ignored:
        return f"{told} Of {many(len(below), 'finding')} {many(ignored, 'is', 'are')} ignored and counted nowhere."
    return f"{told} It is still counted."


def _is_done(draft: Draft) -> bool:
    return draft.want not in (Want.DECIDED, Want.BELOW, Want.RETIRED)


def news(fresh: Sequence[Line], again: Sequence[Line], was: str, lines: Sequence[Line], markup: str) -> str:
    """The one comment of an update: new critical or high findings, and a priority that was raised from `was`.

    `again`: those that the ticket named before, less severe or excused. `lines`: all that the ticket acts on, the most
    urgent first: these raised the priority.
    """
    values = {
        "raised": _raised(was, lines),
        "count": len(fresh),
        "again": len(again),
        "known": AGAIN,
        **_shortened([*fresh, *again]),
    }
    return render(markup, "news", values)


def news_reason(fresh: Sequence[Line], again: Sequence[Line], was: str, lines: Sequence[Line]) -> str:
    """The first thing that it says; nothing where there is no news."""
    if raised := _raised(was, lines):
        told = f"Priority raised from {raised.was} to {raised.now}: {raised.line.vulnerability} in {raised.line.name}"
        return plain(told + (f" and {raised.more} more" if raised.more else "") + ".")
    if fresh:
        return f"New since this ticket was last updated: {len(fresh)} critical or high."
    return f"{AGAIN}: {len(again)} critical or high." if again else ""


AGAIN = "Known before, and to act on now (rated higher, or nothing excuses it any more)"


@dataclass(frozen=True)
class _Raised:
    """A priority that was raised, the first finding that has it now, how many more have, and what its rule says."""

    was: str
    now: str
    line: _Named
    more: int
    because: str


def _raised(was: str, lines: Sequence[Line]) -> _Raised | None:
    if not was or not lines:
        return None
    now = min(line.priority for line in lines)
    by = [line for line in lines if line.priority == now]
    return _Raised(was, now, _Named.of(by[0]), len(by) - 1, by[0].because)


def reopened(reason: str, lines: Sequence[Line], markup: str, then: str = "") -> str:
    """Why a ticket is open again, which scan shows what it is about, and where; `then`: what to do next."""
    images = sorted({image for line in lines for image in _images(line)})
    values = {
        "reason": reason, "then": then, "scans": sorted({line.seen_in for line in lines if line.seen_in}),
        "images": images[:PLACES], "more_images": max(0, len(images) - PLACES), **_shortened(lines),
    }  # fmt: skip
    return render(markup, "reopened", values)


def _images(line: Line) -> list[str]:
    """References of the images that have it; a place that is no image has its name alone."""
    return [f"{line.asset}{'' if image.startswith('@') else ':'}{image}" for image in line.images] or [line.asset]


def moved(why: str, markup: str) -> str:
    """Where the work goes on: `named` puts the place in."""
    return render(markup, "moved", {"there": NEW_TICKET, "why": why})


def named(comment: str, there: str, markup: str) -> str:
    """A comment with the ticket that it left open."""
    said = plain(there or "another ticket", 2000)
    if markup == "adf":
        return comment.replace(adf.named(NEW_TICKET), adf.named(said), 1)
    return comment.replace(NEW_TICKET, said, 1)


def _shortened(lines: Sequence[Line]) -> dict[str, Any]:
    told = [_Named.of(line) for line in lines[:_NAMED]]
    return {"lines": told, "more_lines": max(0, len(lines) - _NAMED)}


@dataclass(frozen=True)
class _Named:
    """A finding as a comment names it: a package with its versions, or the place of a fault of configuration."""

    severity: str
    vulnerability: str
    name: str
    installed: tuple[str, ...]
    fixed: str

    @classmethod
    def of(cls, line: Line) -> _Named:
        if line.package.startswith("pkg:"):
            return cls(line.severity, line.vulnerability, line.name, tuple(line.installed), line.fixed)
        return cls(line.severity, line.vulnerability, where(line), (), "")
