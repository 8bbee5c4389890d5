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
from triagebot.model import Draft, Line
from triagebot.render import markdown_code, markdown_text, plain, render
from triagebot.versions import highest

_PLACES = 6
_EVIDENCE = 50


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
        return [x.id, x.severity, x.priority, x.rule, x.installed, x.fixed, x.tags, x.title, x.excuse]

    said = [
        draft.key, draft.subject, draft.team, draft.mention, due, draft.is_stale, draft.rules,
        [line(x) for x in draft.lines], [line(x) for x in draft.attached], [line(x) for x in draft.excused],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def block(draft: Draft, due: str, markup: str, limit: int, show_mention: bool = False) -> str:
    """The managed block, at most `limit` characters: long tables lose rows and say how many."""
    todo: Sequence[Upgrade | Task] = tasks(draft) if draft.is_posture else upgrades(draft)
    template = f"{markup}/{'posture' if draft.is_posture else 'ticket'}.md.j2"
    most = max(len(draft.lines), len(draft.attached), len(draft.excused), len(todo))
    rows = most
    while True:
        said = render(template, _values(draft, due, todo, rows, show_mention))
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


def closing(draft: Draft, markup: str, limit: int = 60_000) -> str:
    """Why a ticket is closed, with the evidence; long lists say how much they leave out."""
    rows = _EVIDENCE
    while True:
        values = {
            "draft": draft, "gone": draft.gone[:rows], "more_gone": max(0, len(draft.gone) - rows),
            "excused": draft.excused[:rows], "more_excused": max(0, len(draft.excused) - rows),
        }  # fmt: skip
        said = render(f"{markup}/closing.md.j2", values)
        if len(said) <= limit or rows == 0:
            return said
        rows = max(0, min(rows - 1, rows * limit // len(said)))


def day(at: datetime | None) -> str:
    """A due date as people read it."""
    return f"{at:%Y-%m-%d}" if at else ""


def finding(line: Line) -> str:
    """One finding in one line of a comment."""
    if not line.package.startswith("pkg:"):
        return f"{line.severity} {markdown_text(line.vulnerability)} in {markdown_code(where(line))}"
    fixed = f", fixed in {markdown_code(line.fixed)}" if line.fixed else ""
    said = f"{line.severity} {markdown_text(line.vulnerability)} in {markdown_code(line.name)}"
    return f"{said} {markdown_code(', '.join(line.installed))}{fixed}"
