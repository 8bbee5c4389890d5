"""The page of how things stand: figures and trends that can be read at once, and every finding to search.

The figures are those of the summary; `report` tells the findings, `render.page` makes the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from triagebot import __version__, report, standing, summary
from triagebot import span as spans
from triagebot.columns import packed
from triagebot.config import Config
from triagebot.counted import history_of, ignoring
from triagebot.figures import left_by, summarised, trail
from triagebot.history import History
from triagebot.look import Options, View
from triagebot.render.page import page
from triagebot.trend import Point

MOVERS = 10
"""The most changes that are listed."""
SCANS = 26
"""The most scans that a trend shows: half a year of weeks."""


@dataclass(frozen=True)
class Written:
    """The page, and how many findings it holds."""

    text: str
    findings: int


def written(config: Config, options: Options, view: View) -> Written:
    """The page of a view, with the trend of its stream."""
    history = history_of(config)
    figures = summarised(config, options, view, left_by(history.last_run(options.stream)))
    points = trail(history, figures)
    judged = view.judged.filter(~pl.col("rule").is_in(ignoring(config)))
    belief = view.state.belief
    told = report.columns(
        report.Grounds(
            judged, belief.shown, view.coverage, belief.aliases, config.rules, view.excuses, view.held,
            [t for t in view.tickets if t.marker.stream == options.stream], view.drafts, view.ownership.team_of,
            {name: team.name or name for name, team in config.teams.teams.items()},
        )
    )  # fmt: skip
    values = {
        "s": figures, "c": figures.coverage, "headline": _capital(summary.headline(figures)),
        "reconciled": summary.reconciled(figures.arithmetic), "made": options.now, "version": __version__,
        "stuck": summary.stuck_words(figures), "without_owner": summary.without_owner(figures),
        "notices": [(n.name, standing.words(n)) for n in figures.notices],
        "all_fixable": sum(row.fixable for row in figures.severities),
        "findings": judged.height, "open": told.numbers["state"].count(0),
        "verdict": _verdict(points), "charts": _charts(points[-SCANS:]),
        "moved": _moved(config, history, points, figures),
    }  # fmt: skip
    return Written(page(values, packed(told.numbers, told.words, told.told)), judged.height)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _verdict(points: Sequence[Point]) -> str:
    """What the last scan moved of what matters; nothing where there is none to compare with."""
    if len(points) < _COMPARED:
        return ""
    before, now = points[-2:]
    moved = [(word, before.of(word), now.of(word)) for word in ("critical", "high")]
    moved.append(("critical and fixable", before.fixable("critical"), now.fixable("critical")))
    told = ", ".join(f"{word} {was:,} → {now_:,}" for word, was, now_ in moved)
    return f"Since {before.label}: {told}."


_COMPARED = 2
"""Scans that a comparison takes."""


def _moved(config: Config, history: History, points: Sequence[Point], said: summary.Summary) -> dict[str, Any] | None:
    """What the last scan changed, the largest part first, each with its cause; None where it changed nothing."""
    if len(points) < _COMPARED:
        return None
    at = len(points) - 1
    events = history.events(said.stream, at)
    told = spans.span(points, spans.monday_of(points[-1].taken_at), at, events, {}, bool(ignoring(config)))
    if not told.movers:
        return None
    shown, rest = spans.largest(told.movers, MOVERS)
    return {
        "since": points[-2], "causes": spans.causes(told.by_why), "rest": rest,
        "list": [(*spans.words(mover), mover.net > 0) for mover in shown],
    }  # fmt: skip


def _charts(points: Sequence[Point]) -> list[dict[str, Any]]:
    """What is drawn: each line with a value per scan. The first scan changed nothing that was known before."""
    told = {
        "labels": [point.label for point in points],
        "days": [f"{point.taken_at:%Y-%m-%d}" for point in points],
        "short": [f"{point.taken_at.day} {point.taken_at:%b}" for point in points],
    }
    serious = [
        _line("Critical", "critical", [point.of("critical") for point in points]),
        _line("High", "high", [point.of("high") for point in points]),
    ]
    everything = [
        _line("All", "all", [point.total for point in points]),
        _line("Fixable", "fixable", [sum(fixable for _, fixable in p.totals.values()) for p in points]),
    ]
    moved = [_line("Came", "came", [p.came for p in points]), _line("Went", "went", [p.went for p in points])]
    return [
        {"title": "Critical and high", "kind": "lines", "series": serious, **told},
        {"title": "All vulnerabilities", "kind": "lines", "series": everything, **told},
        {"title": "Findings that came and went", "kind": "bars", "series": moved, **told},
    ]


def _line(name: str, colour: str, counts: Sequence[int]) -> dict[str, Any]:
    return {"name": name, "colour": colour, "counts": list(counts)}
