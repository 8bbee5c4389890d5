"""Image -> team: ordered lines, the first that matches decides; what none matches goes to `unowned`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from triagebot.files import TeamFile
from triagebot.identity import glob, parse_image


@dataclass(frozen=True)
class Ownership:
    """Team id by asset, and the assets that no line matched."""

    team_of: Mapping[str, str]
    unowned: frozenset[str]


def charts_by_asset(rows: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """(chart, image) pairs of a chart map as the charts of each asset."""
    charts: dict[str, set[str]] = {}
    for chart, image in rows:
        charts.setdefault(parse_image(image).asset, set()).add(chart)
    return charts


def assign(assets: Iterable[str], teams: TeamFile, charts: Mapping[str, set[str]]) -> Ownership:
    """The owner of each asset."""
    lines = [
        ([re.compile(glob(g)) for g in line.match], [re.compile(glob(g)) for g in line.chart], line.team)
        for line in teams.images
    ]
    team_of: dict[str, str] = {}
    unowned = set()
    for asset in assets:
        for images, chart_names, team in lines:
            if any(p.match(asset) for p in images) or any(
                p.match(chart) for p in chart_names for chart in charts.get(asset, ())
            ):
                team_of[asset] = team
                break
        else:
            team_of[asset] = teams.unowned
            unowned.add(asset)
    return Ownership(team_of, frozenset(unowned))
