"""Why a scan is not to be believed as it stands: a scanner that breaks must not look like a good week."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import polars as pl

from triagebot.model import FINDING, Belief, Scan, Suspicion
from triagebot.render import many
from triagebot.revisits import GROUP, looks

_SMALL = 20
"""Below so many findings a fall by half is an ordinary week, not a broken scanner."""


def suspicion(before: Belief, scan: Scan, drop_fraction: float) -> Suspicion:
    """Why a scan is not to be believed as it stands; no reasons: nothing speaks against it."""
    reasons = [
        *_fall(before, scan, drop_fraction),
        *_missing_targets(before, scan),
        *_older_database(before, scan),
    ]
    return Suspicion(tuple(reasons))


def _fall(before: Belief, scan: Scan, drop_fraction: float) -> list[str]:
    """Findings that were seen, of what this scan looked at again, against what it shows of the same assets.

    Vulnerabilities by themselves: a thousand failed checks must not hide that a scanner finds nothing any more.
    """
    looked = looks(before, scan.coverage).filter("looked")
    shown = before.shown.filter(pl.col("verified")).join(looked, on=[*GROUP, "seen_at"], how="semi")
    here = scan.occurrences.join(looked, on=["asset", "scanner"], how="semi")
    vulnerable = pl.col("kind") == "vulnerability"
    told = []
    for name, place, mine in (
        ("findings", "image", vulnerable),
        ("misconfigurations and secrets", "asset", ~vulnerable),
    ):
        was = shown.filter(mine).select(FINDING).n_unique()
        now = here.filter(mine).select(FINDING).n_unique()
        if was >= _SMALL and now < was * (1 - drop_fraction):
            on = f"{many(shown.filter(mine).select('asset').n_unique(), place)} scanned both times"
            told.append(f"{name} fell from {was} to {now} on {on} (limit: {drop_fraction:.0%})")
    return told


def _missing_targets(before: Belief, scan: Scan) -> list[str]:
    """A kind of package target that several earlier reports had, and no report of the same images has now."""
    told = scan.coverage.filter((pl.col("status") == "scanned") & (pl.col("targets") != ""))
    both = before.coverage.join(told, on=["asset", "scanner"], how="semi")
    had: dict[tuple[Any, str], set[str]] = defaultdict(set)
    for asset, scanner, targets in both.select("asset", "scanner", "targets").iter_rows():
        for target in filter(None, targets.split(",")):
            had[scanner, target].add(asset)
    has = {
        (scanner, target)
        for scanner, targets in told.select("scanner", "targets").iter_rows()
        for target in targets.split(",")
    }
    return [
        f"{scanner}: no report has {target!r} packages any more; reports of {len(assets)} images had them before"
        for (scanner, target), assets in sorted(had.items())
        if len(assets) > 1 and (scanner, target) not in has
    ]


def _older_database(before: Belief, scan: Scan) -> list[str]:
    newest = pl.col("db_date").max()
    was = before.coverage.group_by("scanner").agg(newest.alias("was"))
    now = scan.coverage.group_by("scanner").agg(newest.alias("now"))
    back = was.join(now, on="scanner").filter(pl.col("now") < pl.col("was")).sort("scanner")
    return [
        f"{scanner}: the vulnerability database went back from {old:%Y-%m-%d %H:%M} to {new:%Y-%m-%d %H:%M}"
        for scanner, old, new in back.iter_rows()
    ]
