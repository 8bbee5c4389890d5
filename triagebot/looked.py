"""Which images the last scan of a stream looked at, and which it did not: what an answer "not found" rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from triagebot.identity import NO_IMAGE
from triagebot.model import Belief

IMAGE = ["asset", "tag"]
Status = Literal["scanned", "failed", "missing", "absent"]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Look:
    """One image, and whether the last scan looked at it.

    `failed`: one of its reports at least; `missing`: believed in or in the inventory, and without a report;
    `absent`: nothing is believed of it, and it was scanned before. `last`: when it was last scanned, if ever.
    """

    asset: str
    tag: str
    status: Status
    digest: str = ""
    why: str = ""
    last: datetime | None = None

    @property
    def image(self) -> str:
        """`asset:tag`; without a tag the repository stands for all of them."""
        return f"{self.asset}:{self.tag}" if self.tag else self.asset


def missing(told: pl.DataFrame, shown: pl.DataFrame, listed: Iterable[Pair]) -> set[Pair]:
    """Images that are believed in or listed, and that the scan has no report of. `told`: the coverage of the scan.

    An empty tag in `listed` stands for any.
    """
    here = set(images(told).select(IMAGE).unique().iter_rows())
    assets = {asset for asset, _ in here}
    believed = set(images(shown).filter(~pl.col("verified")).select(IMAGE).unique().iter_rows()) - here
    absent = {(a, t) for a, t in listed if ((a, t) not in here if t else a not in assets)}
    return believed | {(a, t) for a, t in absent if t or not any(b == a for b, _ in believed)}


def looks(
    told: pl.DataFrame, belief: Belief, listed: Iterable[Pair] | None = None, since: datetime | None = None
) -> list[Look]:
    """Every image that there is, by name. `listed`: the inventory, where there is one: what it does not name is gone.

    `since`: what was last scanned before is taken for gone, unless something is believed of it.
    """
    last, digests = _last(belief.coverage)
    held: dict[Pair, Look] = {}
    for asset, tag, digest, status, error in images(told).select([*IMAGE, "digest", "status", "error"]).iter_rows():
        before = held.get((asset, tag))
        if status != "scanned":
            known = digest or digests.get((asset, tag), "")
            held[asset, tag] = Look(asset, tag, "failed", known, error or "the report failed", last.get((asset, tag)))
        elif before is None:
            held[asset, tag] = Look(asset, tag, "scanned", digests[asset, tag], "", last[asset, tag])
    for asset, tag in missing(told, belief.shown, listed or ()):
        when, digest = last.get((asset, tag)), digests.get((asset, tag), "")
        held[asset, tag] = Look(asset, tag, "missing", digest, "the last scan has no report of it", when)
    assets = {asset for asset, _ in held}
    for (asset, tag), when in last.items() if listed is None else ():
        if asset not in assets and (since is None or when > since):
            why = "the last scan has no report of it; nothing was found in it before"
            held[asset, tag] = Look(asset, tag, "absent", digests[asset, tag], why, when)
    return [held[pair] for pair in sorted(held)]


def counted(told: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Every image that counts, once: the last scan has a report of it, be it one that failed, or a finding is believed.

    `told`: the coverage of the last scan; `shown`: of all that is believed, also what a rule ignores. What only the
    inventory names is missing, and no image that counts: there may be none.
    """
    return images(pl.concat([shown.select(IMAGE), told.select(IMAGE)])).unique().sort(IMAGE)


def images(table: pl.DataFrame) -> pl.DataFrame:
    """The rows about images: what runs in a cluster or a cloud is an asset too, and is counted as none."""
    return table.filter(~pl.col("asset").str.contains(NO_IMAGE))


def _last(coverage: pl.DataFrame) -> tuple[dict[Pair, datetime], dict[Pair, str]]:
    """When each image was last scanned without a failure, and the digest that it had then."""
    last: dict[Pair, datetime] = {}
    digests: dict[Pair, str] = {}
    rows = images(coverage).filter(pl.col("status") == "scanned").sort("scanned_at", maintain_order=True)
    for asset, tag, digest, at in rows.select([*IMAGE, "digest", "scanned_at"]).iter_rows():
        last[asset, tag] = at
        digests[asset, tag] = digest or digests.get((asset, tag), "")
    return last, digests
