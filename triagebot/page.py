"""The page of how things stand: figures and trends that can be read at once, and every finding to search.

The figures are those of the summary; `report` tells the findings, `render.page` makes the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from triagebot import __version__, report, standing, summary
from triagebot.columns import packed
from triagebot.config import Config
from triagebot.document import summarised
from triagebot.look import Options, View
from triagebot.render.page import page


@dataclass(frozen=True)
class Written:
    """The page, and how many findings it holds."""

    text: str
    findings: int


def written(config: Config, options: Options, view: View) -> Written:
    """The page of a view."""
    figures = summarised(config, options, view)
    ignoring = [i for i, rule in enumerate(config.rules) if rule.action == "ignore"]
    judged = view.judged.filter(~pl.col("rule").is_in(ignoring))
    belief = view.state.belief
    told = report.columns(
        report.Grounds(
            judged, belief.shown, view.coverage, belief.aliases, config.rules, view.excuses, view.held,
            [t for t in view.tickets if t.marker.stream == options.stream], view.drafts, view.ownership.team_of,
            {name: team.name or name for name, team in config.teams.teams.items()},
        )
    )  # fmt: skip
    values = {
        "s": figures, "c": figures.coverage, "headline": summary.headline(figures),
        "reconciled": summary.reconciled(figures.arithmetic), "made": options.now, "version": __version__,
        "notices": [(n.exception, standing.words(n)) for n in figures.notices],
        "all_fixable": sum(row.fixable for row in figures.severities),
        "findings": judged.height, "charts": [],
    }  # fmt: skip
    return Written(page(values, packed(told.numbers, told.words, told.told)), judged.height)
