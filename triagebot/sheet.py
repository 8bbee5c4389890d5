"""The sheet that a platform team publishes with a release: one row per image, and the totals.

A vulnerability counts once per image, with the worst severity of the packages that have it there, and as fixable if
an upgrade fixes it in one of them. Misconfigurations and secrets are not counted, nor is what a rule ignores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

import polars as pl

from triagebot.looked import IMAGE, Look
from triagebot.model import FINDING, SEVERITIES, Belief
from triagebot.render import plain
from triagebot.rules import VULNERABILITY
from triagebot.severity import RANK, preferred

Cell = str | int | float | None
"""`None`: nothing is known, which is not zero."""

HEAD = (
    "Image", "Digest", "Charts", "Team", "Status", "Last scanned", "Vulnerabilities",
    *(severity.capitalize() for severity in SEVERITIES),
    "Fixable", *(f"{severity.capitalize()} fixable" for severity in SEVERITIES),
    "CVSS max", "CVSS min", "CVSS avg", "Identifiers",
)  # fmt: skip
"""The columns; the last holds every identifier, the worst first."""
TOTALS = ("Severity", "Findings", "Findings fixable", "Vulnerabilities", "Vulnerabilities fixable", "Sum of images")
"""Findings: as the summary counts them, per repository and package. Vulnerabilities: each once for all images."""
_REASON = 200
_ACTS = "=+\\-@＝＋－＠"
_FORMULA = re.compile(rf"(^|[;,|\t\r\n\"])(\s*)([{_ACTS}])")


@dataclass(frozen=True)
class Sheet:
    """Rows under `HEAD`, one per image; `totals` under `TOTALS`; `facts`: what the figures rest on."""

    rows: Sequence[tuple[Cell, ...]]
    totals: Sequence[tuple[Cell, ...]]
    facts: Sequence[tuple[str, Cell]]
    taken_at: datetime


def make(
    label: str, stream: str, taken_at: datetime, looks: Sequence[Look], belief: Belief, judged: pl.DataFrame,
    ignoring: Iterable[int], order: Sequence[str], charts: Mapping[str, set[str]], team_of: Mapping[str, str],
) -> Sheet:  # fmt: skip
    """The sheet of one stream after its last scan.

    `ignoring`: the rules (by index) whose findings count nowhere; `order`: the sources whose severity is preferred.
    An image that was not scanned has the figures of what is still believed of it; where nothing is, none: no zeros.
    """
    every = judged.filter(pl.col("kind") == VULNERABILITY)
    counted = every.filter(~pl.col("rule").is_in(list(ignoring)))
    held = _by_image(belief, counted, order)
    figures = dict(_split(held))
    images = [look for look in looks if look.status != "absent"]
    rows = [_row(look, figures.get((look.asset, look.tag)), charts, team_of) for look in images]
    known = {*belief.shown.select(IMAGE).unique().iter_rows()}
    listed = sum(look.status == "missing" and (look.asset, look.tag) not in known for look in images)
    scanned = sum(look.status == "scanned" for look in images)
    serious = held.filter(pl.col("severity").is_in(["critical", "high"])).select(IMAGE).n_unique()
    facts: list[tuple[str, Cell]] = [
        ("Scan", inert(label)), ("Stream", inert(stream)), ("Taken at (UTC)", f"{taken_at:%Y-%m-%d %H:%M}"),
        ("Images", len(images) - listed), ("Images scanned", scanned),
        ("Images not scanned", len(images) - listed - scanned), ("In the inventory alone (not counted)", listed),
        ("Images with critical or high", serious),
        ("Findings not looked at again (counted)", counted.filter(~pl.col("verified")).height),
        ("Findings that a rule ignores (not counted)", every.height - counted.height),
    ]  # fmt: skip
    return Sheet(rows, _totals(counted, held), facts, taken_at)


def inert(text: object, limit: int = 10_000_000) -> str:
    """Text that no spreadsheet takes for a formula, wherever it cuts a line into cells.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return _FORMULA.sub(r"\1\2'\3", plain(text, limit))


def _by_image(belief: Belief, counted: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """One row per image and vulnerability: `severity`, `fixable`, `cvss`."""
    shown = belief.shown.join(counted.select(FINDING), on=FINDING, how="semi")
    by_package = _worst(shown, [*IMAGE, "package", "vulnerability"])
    return _worst(preferred(by_package, shown, belief.ratings, order), [*IMAGE, "vulnerability"])


def _worst(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    rank = pl.col("severity").replace_strict(RANK, default=0, return_dtype=pl.Int8)
    worst = rank.arg_max()
    return rows.group_by(keys, maintain_order=True).agg(
        pl.col("severity").get(worst), pl.col("severity_source").get(worst), pl.col("fixable").any(),
        pl.col("cvss").max(),
    )  # fmt: skip


def _split(held: pl.DataFrame) -> Iterable[tuple[tuple[str, str], pl.DataFrame]]:
    for (asset, tag), rows in held.group_by(IMAGE, maintain_order=True):
        yield (str(asset), str(tag)), rows


def _row(
    look: Look, held: pl.DataFrame | None, charts: Mapping[str, set[str]], team_of: Mapping[str, str]
) -> tuple[Cell, ...]:
    status = "scanned" if look.status == "scanned" else f"not scanned: {look.why}"
    last = f"{look.last:%Y-%m-%d}" if look.last else "never"
    named = (look.image, look.digest, ", ".join(sorted(charts.get(look.asset, ()))), team_of.get(look.asset, ""))
    told = (*(inert(text) for text in named), inert(status, _REASON), last)
    if held is None and look.status != "scanned":
        return (*told, *(None for _ in HEAD[len(told) : -1]), "")
    return (*told, *_figures(held))


def _figures(held: pl.DataFrame | None) -> tuple[Cell, ...]:
    if held is None:
        return (0, *(0 for _ in SEVERITIES), 0, *(0 for _ in SEVERITIES), None, None, None, "")
    totals, fixable = _counts(held), _counts(held.filter("fixable"))
    scores = [score for score in held["cvss"].to_list() if score is not None]
    cvss = (max(scores), min(scores), round(fmean(scores), 2)) if scores else (None, None, None)
    names = held.select("severity", "vulnerability").iter_rows()
    ordered = sorted(names, key=lambda row: (SEVERITIES.index(row[0]), row[1]))
    identifiers = ", ".join(inert(name) for _, name in ordered)
    return (held.height, *totals, sum(fixable), *fixable, *cvss, identifiers)


def _counts(rows: pl.DataFrame) -> tuple[int, ...]:
    counted: dict[Any, int] = dict(rows.group_by("severity").len().iter_rows())
    return tuple(counted.get(severity, 0) for severity in SEVERITIES)


def _totals(counted: pl.DataFrame, held: pl.DataFrame) -> list[tuple[Cell, ...]]:
    once = _worst(held, ["vulnerability"])
    columns = [
        _counts(counted), _counts(counted.filter("fixable")), _counts(once), _counts(once.filter("fixable")),
        _counts(held),
    ]  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (severity.capitalize(), *(column[at] for column in columns)) for at, severity in enumerate(SEVERITIES)
    ]
    return [*rows, ("All", *(sum(column) for column in columns))]
