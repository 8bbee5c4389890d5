"""The findings table: one row per believed finding, with every column that a rule can ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from triagebot.enrichment import Feeds, enriched
from triagebot.model import FINDING, Belief
from triagebot.severity import RANK, preferred


def findings(
    belief: Belief, team_of: Mapping[str, str], now: datetime, sources: Sequence[str] = (), feeds: Feeds | None = None
) -> pl.DataFrame:
    """Fold what is shown to findings.

    Severity is that of the first of `sources` which rates it, else the highest that any row gives (its source beside
    it); fixable if any row is. `age`: whole days since `first_seen`. `kev`, `ransomware`, `epss`: what feeds tell.
    """
    shown, known = belief.shown, belief.known.select([*FINDING, "first_seen", "baseline"])
    if shown.select(FINDING).equals(known.select(FINDING)):  # each told by one row: nothing to fold or to look up
        table = pl.concat([shown.select([*FINDING, *_FIRST, *_WORST, *_ANY]), known.drop(FINDING)], how="horizontal")
    else:
        table = _folded(shown.lazy()).join(known.lazy(), on=FINDING, how="left").collect()
    table = preferred(table, shown, belief.ratings, sources)
    table = table.with_columns(
        team=pl.col("asset").replace_strict(team_of, default="", return_dtype=pl.String),
        age=(pl.lit(now) - pl.col("first_seen")).dt.total_days(),
        kev=pl.lit(False),
        epss=pl.lit(None, dtype=pl.Float64),
        vex=pl.lit(""),
    )
    return enriched(table, feeds or Feeds(), belief.aliases)


_FIRST = ("kind", "source_package", "location", "title", "url", "scanner")
_WORST = ("severity", "severity_source")
_ANY = ("cvss", "fixable", "verified", "missed", "installed_version", "fixed_version", "fix_state")


def _folded(shown: pl.LazyFrame) -> pl.LazyFrame:
    worst = pl.col("severity").replace_strict(RANK, default=0, return_dtype=pl.Int8).arg_max()
    return shown.group_by(FINDING, maintain_order=True).agg(
        *(pl.col(name).first() for name in _FIRST),
        *(pl.col(name).get(worst) for name in _WORST),
        pl.col("cvss").max(),
        pl.col("fixable").any(),
        pl.col("verified").any(),
        pl.col("missed").min(),
        *(_of_fixable(name) for name in ("installed_version", "fixed_version", "fix_state")),
    )


def _of_fixable(name: str) -> pl.Expr:
    """The value of the first row that an upgrade fixes, else of the first."""
    return pl.col(name).get(pl.col("fixable").cast(pl.Int8).arg_max())
