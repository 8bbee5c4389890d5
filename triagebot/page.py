"""The page of how things stand: figures and trends that can be read at once, and every finding to search.

The figures are those of the summary; `report` tells the findings, `render.page` makes the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from triagebot import __version__, owners, report, standing, summary
from triagebot.columns import packed
from triagebot.config import Config
from triagebot.figures import left_by, summarised
from triagebot.history import History
from triagebot.look import Options, View
from triagebot.render.page import page
from triagebot.trend import Point

SCANS = 26
"""The most scans that a trend shows: half a year of weeks."""


@dataclass(frozen=True)
class Written:
    """The page, and how many findings it holds."""

    text: str
    findings: int


def written(config: Config, options: Options, view: View) -> Written:
    """The page of a view, with the trend of its stream."""
    history = History(config.history, config.settings.severity_sources)
    trail, last = history.trail(options.stream), history.last_run(options.stream)
    figures = summarised(config, options, view, left_by(last))
    ignoring = [i for i, rule in enumerate(config.rules) if rule.action == "ignore"]
    judged = view.judged.filter(~pl.col("rule").is_in(ignoring))
    belief = view.state.belief
    assets = {*belief.known["asset"].unique(), *view.coverage["asset"].unique()}
    owned = owners.assign(sorted(assets), config.teams, config.charts)
    told = report.columns(
        report.Grounds(
            judged, belief.shown, view.coverage, belief.aliases, config.rules, view.excuses, view.held,
            [t for t in view.tickets if t.marker.stream == options.stream], view.drafts, owned.team_of,
            {name: team.name or name for name, team in config.teams.teams.items()},
        )
    )  # fmt: skip
    values = {
        "s": figures, "c": figures.coverage, "headline": _capital(summary.headline(figures)),
        "reconciled": summary.reconciled(figures.arithmetic), "made": options.now, "version": __version__,
        "stuck": summary.stuck_words(figures),
        "notices": [(n.name, standing.words(n)) for n in figures.notices],
        "all_fixable": sum(row.fixable for row in figures.severities),
        "findings": judged.height, "open": told.numbers["state"].count(0),
        "verdict": _verdict(trail) if not figures.ignored else "", "charts": _charts(trail[-SCANS:]),
    }  # fmt: skip
    return Written(page(values, packed(told.numbers, told.words, told.told)), judged.height)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _verdict(trail: Sequence[Point]) -> str:
    """What the last scan moved of what matters; nothing where there is none to compare with."""
    if len(trail) < _COMPARED:
        return ""
    before, now = trail[-2:]
    moved = [(word, before.of(word), now.of(word)) for word in ("critical", "high")]
    moved.append(("critical and fixable", before.fixable("critical"), now.fixable("critical")))
    told = ", ".join(f"{word} {was:,} → {now_:,}" for word, was, now_ in moved)
    return f"Since {before.label}: {told}."


_COMPARED = 2
"""Scans that a comparison takes."""


def _charts(trail: Sequence[Point]) -> list[dict[str, Any]]:
    """What is drawn: each line with a value per scan. The first scan changed nothing that was known before."""
    told = {
        "labels": [point.label for point in trail],
        "days": [f"{point.taken_at:%Y-%m-%d}" for point in trail],
        "short": [f"{point.taken_at.day} {point.taken_at:%b}" for point in trail],
    }
    serious = [
        _line("Critical", "critical", [point.of("critical") for point in trail]),
        _line("High", "high", [point.of("high") for point in trail]),
    ]
    everything = [
        _line("All", "all", [point.total for point in trail]),
        _line("Fixable", "fixable", [sum(fixable for _, fixable in p.totals.values()) for p in trail]),
    ]
    changes = [point.arithmetic for point in trail]
    came = [a.new + a.reappeared if a.previous else 0 for a in changes]
    went = [a.fixed + a.withdrawn + a.merged + a.retired for a in changes]
    moved = [_line("Came", "came", came), _line("Went", "went", went)]
    return [
        {"title": "Critical and high", "kind": "lines", "series": serious, **told},
        {"title": "All vulnerabilities", "kind": "lines", "series": everything, **told},
        {"title": "Findings that came and went", "kind": "bars", "series": moved, **told},
    ]


def _line(name: str, colour: str, counts: Sequence[int]) -> dict[str, Any]:
    return {"name": name, "colour": colour, "counts": list(counts)}
