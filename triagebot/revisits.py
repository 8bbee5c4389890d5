"""Which groups of what is believed a scan looked at again. A *group*: all rows of one (asset, tag, scanner)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import polars as pl

from triagebot.identity import masked
from triagebot.model import SHOWN, Belief

GROUP = ["asset", "tag", "scanner"]


def looks(old: Belief, coverage: pl.DataFrame) -> pl.DataFrame:
    """For each group that is believed: was it looked at again, and which tags and digests stood there."""
    groups = old.shown.select([*GROUP, "seen_at"]).unique(maintain_order=True)
    seen = _Seen(coverage, old.tags)
    rows = [(*group, *seen.look(*group)) for group in groups.iter_rows()]
    schema = {c: SHOWN[c] for c in [*GROUP, "seen_at"]}
    return pl.DataFrame(
        rows,
        schema={**schema, "looked": pl.Boolean, "tag_after": pl.String, "digests_after": pl.String},
        orient="row",
    )


class _Seen:
    """What a scan looked at, asked one group at a time (groups are few: one per report)."""

    def __init__(self, coverage: pl.DataFrame, tags: pl.DataFrame) -> None:
        self.tags: dict[str, set[str]] = defaultdict(set)
        self.scanned: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self.failed: set[tuple[str, str, str]] = set()
        for asset, tag, scanner, digest, status in coverage.select([*GROUP, "digest", "status"]).iter_rows():
            self.tags[asset].add(tag)
            if status == "scanned":
                self.scanned[asset, tag, scanner].add(digest)
            else:
                self.failed.add((asset, tag, scanner))
        self.before: dict[tuple[str, datetime], set[str]] = defaultdict(set)
        for asset, tag, taken_at in tags.iter_rows():
            self.before[asset, taken_at].add(tag)

    def _worked(self, asset: str, tag: str, scanner: str) -> bool:
        """Scanned, and no report of the same image failed beside it."""
        failed = (asset, tag, scanner) in self.failed or (asset, tag, "") in self.failed
        return (asset, tag, scanner) in self.scanned and not failed

    def look(self, asset: str, tag: str, scanner: str, seen_at: datetime) -> tuple[bool, str, str]:
        """(looked at again, the tag that now stands there, the digests there, joined)."""
        candidates = [tag] if tag in self.tags.get(asset, ()) else self._replacing(asset, tag, seen_at)
        if not candidates or not all(self._worked(asset, c, scanner) for c in candidates):
            return False, "", ""
        digests = {d for c in candidates for d in self.scanned[asset, c, scanner] if d}
        return True, candidates[-1], " ".join(sorted(digests))

    def _replacing(self, asset: str, tag: str, seen_at: datetime) -> list[str]:
        """The tags that took the place of one that is absent; each is new since the scan that showed it."""
        held = self.before[asset, seen_at]
        fresh = sorted(self.tags.get(asset, set()) - held)
        alike = [t for t in fresh if masked(t) == masked(tag)]
        nothing_common = not (self.tags.get(asset, set()) & held)
        return alike or (fresh if nothing_common else [])
