"""A draft as the text of a ticket: title and managed block; shortened to fit, never cut mid-markup."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from triagebot.model import Draft, Line
from triagebot.render import many, plain, render
from triagebot.render.tasks import Task, Upgrade, cleared, is_secret, tasks, to_act_on, upgrades, where

_REASONS = 8


def title(draft: Draft) -> str:
    """One line that says where and how bad."""
    told = ", ".join(f"{n} {s}" for s, n in draft.counts.items())
    stream = "" if draft.stream == "main" else f" ({draft.stream})"
    todo = "to put right" if draft.is_posture else "to fix"
    return plain(f"[{draft.priority}] {draft.subject}{stream}: {told} {todo}", 250)


SPARED = timedelta(days=90)
"""How long what a person decided by closing a ticket is left alone, where the settings do not say."""


def content_digest(draft: Draft, due: str, spared: timedelta = SPARED) -> str:
    """Sixteen hex digits of what the ticket says: neither dates of runs nor rendering go in."""

    def line(x: Line) -> list[Any]:
        told = [x.id, x.severity, x.priority, x.rule, x.installed, x.fixed, x.tags, x.title, x.excuse]
        told += [x.excuse_url] if x.excuse_url else []
        told += [x.severity_source, x.others] if x.others else []
        return [*told, {"source": x.source}] if x.source not in ("", x.name) else told

    said = [
        draft.key, draft.subject, draft.team, draft.mention, due, draft.is_stale, draft.rules,
        [line(x) for x in draft.lines], [line(x) for x in draft.attached], [line(x) for x in draft.excused],
        _lasting(spared),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def block(
    draft: Draft, due: str, markup: str, limit: int, show_mention: bool = False, spared: timedelta = SPARED
) -> str:
    """The managed block, at most `limit` characters: long tables lose rows and say how many.

    `spared`: how long its findings are left alone if a person closes the ticket to decide against it.
    """
    todo: Sequence[Upgrade | Task] = tasks(draft) if draft.is_posture else upgrades(draft)
    template = "posture" if draft.is_posture else "ticket"
    most = max(len(draft.lines), len(draft.attached), len(draft.excused), len(todo))
    whole = {**_about(draft), "due": due, "show_mention": show_mention, "spared": _lasting(spared)}
    rows = most
    while True:
        said = render(markup, template, {**whole, **_cut(draft, todo, rows)})
        if len(said) <= limit or rows == 0:
            return said
        rows = max(0, min(rows - 1, rows * limit // len(said)))


def _about(draft: Draft) -> dict[str, Any]:
    """What stands around the tables."""
    secrets = sum(is_secret(line) for line in draft.lines)
    faults = len(draft.lines) - secrets
    found = [many(faults, "failed check", "failed checks")] if faults else []
    found += [many(secrets, "exposed secret", "exposed secrets")] if secrets else []
    reasons = _reasons(draft)
    return {
        "draft": draft, "by_image": draft.key.startswith("image:"), "priority": draft.priority,
        "reasons": reasons[:_REASONS], "more_reasons": max(0, len(reasons) - _REASONS),
        "images": many(len({line.asset for line in draft.lines}), "image", "images"),
        "to_act_on": to_act_on(draft.lines), "cleared": cleared(draft.lines), "found": " and ".join(found),
    }  # fmt: skip


def _reasons(draft: Draft) -> list[tuple[str, str]]:
    """Each priority with how much has it, and the reason that its rule gives; the most urgent first."""
    by_rule: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in draft.lines:
        by_rule[line.priority, line.because].append(line)
    told = []
    for (priority, because), lines in sorted(by_rule.items(), key=lambda item: item[0][0]):
        count = len({line.vulnerability for line in lines})
        what = many(count, "vulnerability", "vulnerabilities")
        if draft.is_posture:
            what = many(len(lines), "finding", "findings")
        told.append((f"{priority}, {what}", because))
    return told


def _cut(draft: Draft, todo: Sequence[Upgrade | Task], rows: int) -> dict[str, Any]:
    """The tables with at most so many rows."""

    def cut(lines: Sequence[Any]) -> tuple[Sequence[Any], int]:
        return lines[:rows], max(0, len(lines) - rows)

    (ups, more_upgrades), (lines, more_lines) = cut(todo), cut(draft.lines)
    (attached, more_attached), (excused, more_excused) = cut(draft.attached), cut(draft.excused)
    return {
        "where": {x.id: where(x, draft.subject) for x in (*lines, *attached)},
        "upgrades": ups, "more_upgrades": more_upgrades, "lines": lines, "more_lines": more_lines,
        "attached": attached, "more_attached": more_attached, "excused": excused, "more_excused": more_excused,
    }  # fmt: skip


def _lasting(span: timedelta) -> str:
    """A length of time in the largest unit that holds it."""
    if span.days:
        return many(span.days, "day", "days")
    return many(int(span.total_seconds() // 3600), "hour", "hours")


def day(at: datetime | None) -> str:
    """A due date as people read it."""
    return f"{at:%Y-%m-%d}" if at else ""
