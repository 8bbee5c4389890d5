"""A draft as the text of a ticket: title, managed block, comments; shortened to fit, never cut mid-markup."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triagebot.identity import package_name
from triagebot.model import Draft, Line, Want
from triagebot.render import plain, render
from triagebot.versions import highest

_PLACES = 6
_EVIDENCE = 50
_NAMED = 20

NEW_TICKET = "⟦new ticket⟧"
"""Where a comment names a ticket that does not exist yet; replaced when it is written."""


@dataclass(frozen=True)
class Upgrade:
    """One thing to do: a package, the version that clears `count` findings, and where it is needed."""

    name: str
    to: str
    count: int
    places: tuple[str, ...]
    more_places: int


def upgrades(draft: Draft) -> list[Upgrade]:
    """What to upgrade, the most urgent and most clearing first."""
    by_package: dict[tuple[str, bool], list[Line]] = defaultdict(list)
    for line in draft.lines:
        by_package[line.package, bool(line.fixed)].append(line)
    by_image = draft.key.startswith("image:")
    made = []
    for (package, has_fix), lines in by_package.items():
        places = sorted({t for line in lines for t in (line.tags if by_image else (line.asset,))})
        to = highest(package, (part for line in lines for part in line.fixed.split(", "))) if has_fix else ""
        first = min(line.priority for line in lines)
        made.append((first, -len(lines), lines[0].name, Upgrade(
            lines[0].name, to, len({(x.vulnerability, x.asset) for x in lines}), tuple(places[:_PLACES]),
            max(0, len(places) - _PLACES))))  # fmt: skip
    return [upgrade for *_, upgrade in sorted(made, key=lambda m: m[:3])]


@dataclass(frozen=True)
class Task:
    """One thing to put right: a check that fails, or a secret that lies open, and where. `what`: its words."""

    check: str
    what: str
    is_secret: bool
    places: tuple[str, ...]
    more_places: int


def tasks(draft: Draft) -> list[Task]:
    """What to put right, in the order of the findings: the most urgent first."""
    by_check: dict[tuple[str, bool], list[Line]] = defaultdict(list)
    for line in draft.lines:
        by_check[line.vulnerability, _is_secret(line)].append(line)
    made = []
    for (check, is_secret), lines in by_check.items():
        places = sorted({where(line, draft.subject) for line in lines})
        left = max(0, len(places) - _PLACES)
        made.append(Task(check, lines[0].title, is_secret, tuple(places[:_PLACES]), left))
    return made


def _is_secret(line: Line) -> bool:
    return line.package.startswith("secret:")


def where(line: Line, subject: str = "") -> str:
    """Where a check fails or a secret lies: the file, the workload within its namespace, or both."""
    inside = line.asset.removeprefix(subject).strip("/") if subject else line.asset
    file = line.name if line.package.startswith(("secret:", "config:")) else ""
    return ": ".join(filter(None, (inside, file))) or package_name(line.asset)


def title(draft: Draft) -> str:
    """One line that says where and how bad."""
    told = ", ".join(f"{n} {s}" for s, n in draft.counts.items())
    stream = "" if draft.stream == "main" else f" ({draft.stream})"
    todo = "to put right" if draft.is_posture else "to fix"
    return plain(f"[{draft.priority}] {draft.subject}{stream}: {told} {todo}", 250)


def content_digest(draft: Draft, due: str) -> str:
    """Sixteen hex digits of what the ticket says: neither dates of runs nor rendering go in."""

    def line(x: Line) -> list[Any]:
        told = [x.id, x.severity, x.priority, x.rule, x.installed, x.fixed, x.tags, x.title, x.excuse]
        told += [x.excuse_url] if x.excuse_url else []
        return [*told, x.severity_source, x.others] if x.others else told

    said = [
        draft.key, draft.subject, draft.team, draft.mention, due, draft.is_stale, draft.rules,
        [line(x) for x in draft.lines], [line(x) for x in draft.attached], [line(x) for x in draft.excused],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def block(draft: Draft, due: str, markup: str, limit: int, show_mention: bool = False) -> str:
    """The managed block, at most `limit` characters: long tables lose rows and say how many."""
    todo: Sequence[Upgrade | Task] = tasks(draft) if draft.is_posture else upgrades(draft)
    template = "posture" if draft.is_posture else "ticket"
    most = max(len(draft.lines), len(draft.attached), len(draft.excused), len(todo))
    rows = most
    while True:
        said = render(markup, template, _values(draft, due, todo, rows, show_mention))
        if len(said) <= limit or rows == 0:
            return said
        rows = max(0, min(rows - 1, rows * limit // len(said)))


def _values(draft: Draft, due: str, todo: Sequence[Upgrade | Task], rows: int, show_mention: bool) -> dict[str, Any]:
    def cut(lines: Sequence[Any]) -> tuple[Sequence[Any], int]:
        return lines[:rows], max(0, len(lines) - rows)

    (ups, more_upgrades), (lines, more_lines) = cut(todo), cut(draft.lines)
    (attached, more_attached), (excused, more_excused) = cut(draft.attached), cut(draft.excused)
    return {
        "draft": draft, "by_image": draft.key.startswith("image:"), "priority": draft.priority,
        "due": due, "show_mention": show_mention,
        "reasons": list(dict.fromkeys(line.because for line in draft.lines)),
        "assets": sorted({line.asset for line in draft.lines}),
        "secrets": sum(_is_secret(line) for line in draft.lines),
        "where": {x.id: where(x, draft.subject) for x in (*lines, *attached)},
        "upgrades": ups, "more_upgrades": more_upgrades, "lines": lines, "more_lines": more_lines,
        "attached": attached, "more_attached": more_attached, "excused": excused, "more_excused": more_excused,
    }  # fmt: skip


def closing(draft: Draft, markup: str, limit: int = 30_000) -> str:
    """Why a ticket is closed, with the evidence; long lists say how much they leave out."""
    rows = _EVIDENCE
    while True:
        values = {
            "draft": draft, "verdict": verdict(draft), "is_done": _is_done(draft),
            "gone": draft.gone[:rows], "more_gone": max(0, len(draft.gone) - rows),
            "excused": draft.excused[:rows], "more_excused": max(0, len(draft.excused) - rows),
        }  # fmt: skip
        said = render(markup, "closing", values)
        if len(said) <= limit or rows == 0:
            return said
        rows = max(0, min(rows - 1, rows * limit // len(said)))


def day(at: datetime | None) -> str:
    """A due date as people read it."""
    return f"{at:%Y-%m-%d}" if at else ""


def verdict(draft: Draft) -> str:
    """Why a ticket is closed, in one sentence or two."""
    if draft.want is Want.DECIDED:
        return "Closed: everything that this ticket named is covered by a decision."
    if draft.want is Want.BELOW:
        told = "Closed: after a change of the rules, what this ticket names is below the ticket threshold."
        return f"{told} It is still counted."
    if draft.want is Want.RETIRED:
        what = "this place" if draft.is_posture else "the image"
        return f"Closed as retired: {what} is no longer scanned. This does not say that anything was fixed."
    if draft.gone:
        return "Closed: everything that this ticket named was looked at again and is gone."
    told = "what this ticket named was" if draft.is_posture else "the images that this ticket named were"
    return f"Closed: {told} scanned again without what it showed."


def _is_done(draft: Draft) -> bool:
    return draft.want not in (Want.DECIDED, Want.BELOW, Want.RETIRED)


def news(fresh: Sequence[Line], was: str, now: str, markup: str) -> str:
    """The one comment of an update: new critical or high findings, and a priority that was raised from `was`."""
    return render(markup, "news", {"said": _sentences(fresh, was, now), **_shortened(fresh)})


def news_reason(fresh: Sequence[Line], was: str, now: str) -> str:
    """The first thing that it says; nothing where there is no news."""
    return next(iter(_sentences(fresh, was, now)), "")


def _sentences(fresh: Sequence[Line], was: str, now: str) -> list[str]:
    said = [f"Priority raised from {was} to {now}."] if was else []
    return [*said, *([f"New since this ticket was last updated: {len(fresh)} critical or high."] if fresh else [])]


def reopened(reason: str, lines: Sequence[Line], markup: str) -> str:
    """Why a ticket is open again, and what it is about."""
    return render(markup, "reopened", {"reason": reason, **_shortened(lines)})


def moved(markup: str) -> str:
    """Where the work goes on: `named` puts the place in."""
    return render(markup, "moved", {"there": NEW_TICKET})


def named(comment: str, there: str, markup: str) -> str:
    """A comment with the ticket that it left open."""
    return (
        render(markup, "moved", {"there": plain(there or "another ticket", 2000)}) if NEW_TICKET in comment else comment
    )


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
