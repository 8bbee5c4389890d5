"""What changed: the belief after a scan, from the belief before it and what the scan looked at.

A finding is fixed only if everything that last showed it was looked at again without it. The unit of looking
is the *group*: all rows of one (asset, tag, scanner).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from triagebot.errors import ArithmeticFault
from triagebot.identity import NO_IMAGE, Image, masked
from triagebot.model import (
    ALIASES,
    COVERAGE,
    FINDING,
    GONE,
    KNOWN,
    SHOWN,
    TAGS,
    Arithmetic,
    Belief,
    Change,
    Scan,
    Suspicion,
)
from triagebot.severity import RANK

GROUP = ["asset", "tag", "scanner"]
_SMALL = 20
"""Below so many findings a fall by half is an ordinary week, not a broken scanner."""


@dataclass(frozen=True)
class Scope:
    """Which findings leave without having been looked at. `inventory`: the images that exist; None: not told."""

    inventory: frozenset[Image] | None = None
    retire_after: int = 0
    end_stream: bool = False


@dataclass(frozen=True)
class Step:
    """One scan taken into the belief. `changes`: one row per finding, `FINDING` columns and `change`."""

    belief: Belief
    changes: pl.DataFrame
    arithmetic: Arithmetic


def advance(before: Belief, scan: Scan, scope: Scope | None = None) -> Step:
    """Take one scan into the belief. Raises `ArithmeticFault` if the reconciling line would not hold."""
    scope = scope or Scope()
    aliases = learn(before.aliases, scan.aliases)
    old = _recanonicalised(before, aliases)
    now = _named(scan.occurrences, aliases).with_columns(
        seen_at=pl.lit(scan.taken_at, dtype=KNOWN["first_seen"]),
        seen_in=pl.lit(scan.label),
        missed=pl.lit(0, dtype=pl.Int32),
        verified=pl.lit(True),
    )
    looks = _looks(old, scan.coverage)
    shown_before = old.shown.join(looks, on=[*GROUP, "seen_at"], how="left")
    unseen = shown_before.filter(~pl.col("looked")).with_columns(missed=pl.col("missed") + 1, verified=False)
    leaves = _leaves(scope, scan.coverage)
    shown = pl.concat([unseen.filter(~leaves).select(list(SHOWN)), now.select(list(SHOWN))])
    folded = _folded(shown)
    lost = shown_before.join(folded.select(FINDING), on=FINDING, how="anti")
    retired = unseen.filter(leaves).select(FINDING).unique()
    changes = _changes(old, folded, lost, retired)
    known = _known(old, folded, changes, first_scan=before.scans == 0)
    gone = _gone(old, lost, changes, now, scan)
    arithmetic = _arithmetic(before.known.height, old.known.height, changes, known.height)
    after = Belief(
        shown, known, gone, _tags(old.tags, scan, shown), _coverage(old.coverage, scan.coverage), aliases,
        before.scans + 1, _ratings(old.ratings, _named(scan.ratings, aliases), shown),
    )  # fmt: skip
    return Step(after, changes, arithmetic)


def learn(known: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The alias table with what a scan tells of it. One alias stands for one vulnerability.

    What was learnt first stays, unless a CVE replaces what is none: so identities only ever merge.
    """
    best: dict[str, str] = {}
    for alias, vulnerability in [*known.iter_rows(), *told.sort(list(ALIASES)).iter_rows()]:
        held = best.get(alias)
        if held is None or (vulnerability.startswith("CVE-") and not held.startswith("CVE-")):
            best[alias] = vulnerability
    resolved = {alias: best.get(target, target) for alias, target in best.items()}
    return pl.DataFrame(list(resolved.items()), schema=ALIASES, orient="row")


def suspicion(before: Belief, scan: Scan, drop_fraction: float) -> Suspicion:
    """Why a scan is not to be believed as it stands; no reasons: nothing speaks against it."""
    reasons = [
        *_fall(before, scan, drop_fraction),
        *_missing_targets(before, scan),
        *_older_database(before, scan),
    ]
    return Suspicion(tuple(reasons))


def _named(rows: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """The rows under the ids that are canonical now."""
    if aliases.is_empty() or rows.is_empty():
        return rows
    held = rows["vulnerability"]
    return rows.with_columns(vulnerability=held.replace(aliases["alias"], aliases["vulnerability"]))


def _recanonicalised(before: Belief, aliases: pl.DataFrame) -> Belief:
    known = (
        _named(before.known, aliases)
        .group_by(FINDING, maintain_order=True)
        .agg(
            pl.col("first_seen").min(),
            pl.col("baseline").any(),
            pl.col("severity").sort_by(_rank()).last(),
            pl.col("fixable").any(),
        )
    )
    gone = _named(before.gone, aliases).unique(FINDING, keep="last", maintain_order=True)
    return Belief(
        _named(before.shown, aliases), known, gone.join(known, on=FINDING, how="anti"), before.tags,
        before.coverage, aliases, before.scans, _named(before.ratings, aliases),
    )  # fmt: skip


def _rank() -> pl.Expr:
    return pl.col("severity").replace_strict(RANK, default=0, return_dtype=pl.Int8)


def _looks(old: Belief, coverage: pl.DataFrame) -> pl.DataFrame:
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


def _leaves(scope: Scope, coverage: pl.DataFrame) -> pl.Expr:
    """Which rows that nobody looked at are retired."""
    if scope.end_stream:
        return pl.lit(True)
    leaves = pl.lit(False)
    if scope.retire_after:
        leaves = leaves | (pl.col("missed") >= scope.retire_after)
    if scope.inventory is not None:
        whole = [i.asset for i in scope.inventory if not i.tag]
        tagged = [f"{i.asset}:{i.tag}" for i in scope.inventory if i.tag]
        here = coverage.select(pl.col("asset") + ":" + pl.col("tag")).to_series().to_list()
        image = pl.col("asset") + ":" + pl.col("tag")
        unlisted = ~(pl.col("asset").is_in(whole) | image.is_in([*tagged, *here]))
        leaves = leaves | (unlisted & ~pl.col("asset").str.contains(NO_IMAGE))
    return leaves


def _folded(shown: pl.DataFrame) -> pl.DataFrame:
    """One row per believed finding: its worst severity, whether an upgrade fixes it, whether it was looked at."""
    return (
        shown.lazy()
        .group_by(FINDING, maintain_order=True)
        .agg(
            _rank().max().alias("rank"),
            pl.col("fixable").any(),
            pl.col("verified").any(),
            pl.col("scanned_at").min(),
        )
        .with_columns(severity=pl.col("rank").replace_strict({v: k for k, v in RANK.items()}, return_dtype=pl.String))
        .drop("rank")
        .collect()
    )


def _changes(old: Belief, folded: pl.DataFrame, lost: pl.DataFrame, retired: pl.DataFrame) -> pl.DataFrame:
    was = old.known.select([*FINDING, pl.col("severity").alias("was_severity"), pl.col("fixable").alias("was_fixable")])
    stays = (
        folded.join(was, on=FINDING, how="left")
        .join(old.gone.select([*FINDING, pl.lit(True).alias("left")]), on=FINDING, how="left")
        .with_columns(
            change=pl.when(~pl.col("verified"))
            .then(pl.lit(Change.UNVERIFIED.value))
            .when(pl.col("was_severity").is_not_null())
            .then(pl.lit(Change.PERSISTING.value))
            .when(pl.col("left").is_not_null())
            .then(pl.lit(Change.REAPPEARED.value))
            .otherwise(pl.lit(Change.NEW.value)),
            note=_note(),
        )
    )
    same = pl.col("digest").ne("") & (" " + pl.col("digests_after") + " ").str.contains(
        pl.lit(" ") + pl.col("digest") + " ", literal=True
    )
    leaves = (
        lost.group_by(FINDING, maintain_order=True)
        .agg(same.all().alias("same"))
        .join(retired.with_columns(out=pl.lit(True)), on=FINDING, how="left")
        .with_columns(
            change=pl.when(pl.col("out").is_not_null())
            .then(pl.lit(Change.RETIRED.value))
            .when(pl.col("same"))
            .then(pl.lit(Change.WITHDRAWN.value))
            .otherwise(pl.lit(Change.FIXED.value)),
            note=pl.lit(""),
        )
    )
    columns = [*FINDING, "change", "note"]
    return pl.concat([stays.select(columns), leaves.select(columns)])


def _note() -> pl.Expr:
    """What else changed about a finding that persists."""
    rank_was = pl.col("was_severity").replace_strict(RANK, default=None, return_dtype=pl.Int8)
    raised = pl.when(_rank() > rank_was).then(pl.lit("severity raised"))
    lowered = raised.when(_rank() < rank_was).then(pl.lit("severity lowered"))
    fixable = lowered.when(pl.col("fixable") & ~pl.col("was_fixable")).then(pl.lit("became fixable"))
    return fixable.otherwise(pl.lit(""))


def _known(old: Belief, folded: pl.DataFrame, changes: pl.DataFrame, first_scan: bool) -> pl.DataFrame:
    before = old.known.select([*FINDING, "first_seen", "baseline"])
    return (
        folded.join(before, on=FINDING, how="left")
        .with_columns(
            first_seen=pl.coalesce("first_seen", "scanned_at"),
            baseline=pl.coalesce("baseline", pl.lit(first_scan)),
        )
        .select(list(KNOWN))
    )


def _gone(old: Belief, lost: pl.DataFrame, changes: pl.DataFrame, now: pl.DataFrame, scan: Scan) -> pl.DataFrame:
    """Those that left earlier and have not come back, and those that leave now, with the evidence."""
    back = changes.filter(pl.col("change") == Change.REAPPEARED.value)
    left = changes.filter(pl.col("change").is_in([Change.FIXED.value, Change.WITHDRAWN.value, Change.RETIRED.value]))
    met = now.join(lost.select("asset", "package").unique(), on=["asset", "package"], how="semi")
    version = met.group_by(["asset", "package"], maintain_order=True).agg(
        pl.col("installed_version").first().alias("version_after")
    )
    leaving = (
        lost.unique(FINDING, keep="first", maintain_order=True)
        .join(left.select([*FINDING, pl.col("change").alias("how")]), on=FINDING)
        .join(old.known.select([*FINDING, "first_seen"]), on=FINDING, how="left")
        .join(version, on=["asset", "package"], how="left")
        .with_columns(
            at=pl.lit(scan.taken_at, dtype=GONE["at"]),
            label=pl.lit(scan.label),
            digest_after=pl.col("digests_after").str.split(" ").list.first().fill_null(""),
            tag_after=pl.col("tag_after").fill_null(""),
            version_after=pl.col("version_after").fill_null(""),
        )
        .select(list(GONE))
    )
    return pl.concat([old.gone.join(back, on=FINDING, how="anti"), leaving])


def _tags(held: pl.DataFrame, scan: Scan, shown: pl.DataFrame) -> pl.DataFrame:
    here = scan.coverage.select("asset", "tag", pl.lit(scan.taken_at, dtype=TAGS["taken_at"]).alias("taken_at"))
    needed = shown.select("asset", pl.col("seen_at").alias("taken_at")).unique()
    return (
        pl.concat([held, here.unique(maintain_order=True)])
        .join(needed, on=["asset", "taken_at"], how="semi")
        .unique(maintain_order=True)
    )


def _ratings(held: pl.DataFrame, told: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """What each source said last, of what is believed."""
    if told.is_empty() and held.is_empty():
        return told
    return (
        pl.concat([held, told])
        .join(shown.select("vulnerability").unique(), on="vulnerability", how="semi")
        .unique(["vulnerability", "source"], keep="last", maintain_order=True)
    )


def _coverage(held: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    worked = told.filter(pl.col("status") == "scanned")
    return pl.concat([held, worked.select(list(COVERAGE))]).unique(GROUP, keep="last", maintain_order=True)


def _arithmetic(previous: int, merged_to: int, changes: pl.DataFrame, current: int) -> Arithmetic:
    counted: dict[str, int] = dict(changes.group_by("change").len().iter_rows())
    line = Arithmetic(
        previous=previous, merged=previous - merged_to, current=current,
        **{c: counted.get(c, 0) for c in ("new", "reappeared", "fixed", "withdrawn", "retired", "unverified")},
    )  # fmt: skip
    if not line.adds_up:
        raise ArithmeticFault("", f"the weekly numbers do not add up: {line}", "please report this with the scan")
    return line


def _fall(before: Belief, scan: Scan, drop_fraction: float) -> list[str]:
    """Findings that were seen, of what this scan looked at again, against what it shows of the same assets.

    Vulnerabilities by themselves: a thousand failed checks must not hide that a scanner finds nothing any more.
    """
    looked = _looks(before, scan.coverage).filter("looked")
    shown = before.shown.filter(pl.col("verified")).join(looked, on=[*GROUP, "seen_at"], how="semi")
    here = scan.occurrences.join(looked, on=["asset", "scanner"], how="semi")
    vulnerable = pl.col("kind") == "vulnerability"
    told = []
    for name, places, mine in (
        ("findings", "images", vulnerable),
        ("misconfigurations and secrets", "assets", ~vulnerable),
    ):
        was = shown.filter(mine).select(FINDING).n_unique()
        now = here.filter(mine).select(FINDING).n_unique()
        if was >= _SMALL and now < was * (1 - drop_fraction):
            on = f"{shown.filter(mine).select('asset').n_unique()} {places} scanned both times"
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
