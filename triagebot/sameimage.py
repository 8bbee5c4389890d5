"""Whether a scan holds old and new reports of the same image: what both show would count, and nothing be fixed."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl

from triagebot.identity import masked
from triagebot.render import many

APART = timedelta(hours=12)
"""No scan takes so long; whoever scans daily comes later."""


def note(coverage: pl.DataFrame) -> str:
    """What a person should know of it; empty: no image is looked at by one scanner at two times.

    Told by the times of the reports; where these do not say, by paths that are the same but for numbers in a folder.
    An image may well have several reports: of parts of it, of architectures, of clusters.
    """
    told = coverage.filter(pl.col("status") == "scanned").select("asset", "tag", "scanner", "scanned_at", "report")
    several = told.filter(pl.struct("asset", "tag", "scanner").is_duplicated())
    found: dict[str, tuple[str, str]] = {}
    for (asset, tag, _), rows in several.group_by("asset", "tag", "scanner", maintain_order=True):
        timed = rows.drop_nulls("scanned_at").sort("scanned_at", "report")
        at, names = timed["scanned_at"], timed["report"]
        if len(at) > 1 and at[-1] - at[0] > APART:
            found[f"{asset}:{tag}"] = (names[0], names[-1])
            continue
        silent = sorted(rows.filter(pl.col("scanned_at").is_null())["report"].to_list(), key=lambda n: (_alike(n), n))
        if pair := next(
            (pair for pair in pairwise(silent) if pair[0] != pair[1] and len({*map(_alike, pair)}) == 1), ()
        ):
            found[f"{asset}:{tag}"] = pair
    if not found:
        return ""
    image, (old, new) = next(iter(found.items()))
    more = f" (and {many(len(found) - 1, 'more image', 'more images')})" if len(found) > 1 else ""
    return (
        f"{image} has reports of two scans, {old} and {new}{more}: what either shows counts, and nothing of the older "
        "is ever fixed; give the folder of one scan, or record one after the other"
    )


def _alike(name: str) -> tuple[str, str]:
    folder, _, last = name.rpartition("/")
    return masked(folder), last
