"""What changed: the belief after a scan, from the belief before it and what the scan looked at.

A finding is fixed only if everything that last showed it was looked at again without it (`revisits`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from triagebot.errors import ArithmeticFault
from triagebot.identity import NO_IMAGE, Image
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
)
from triagebot.revisits import GROUP, looks
from triagebot.severity import RANK


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
    shown_before = old.shown.join(looks(old, scan.coverage), on=[*GROUP, "seen_at"], how="left")
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
    retired = old.gone.filter(pl.col("how") == Change.RETIRED.value).with_columns(baseline=pl.lit(False))
    columns = [*FINDING, "first_seen", "baseline"]
    before = pl.concat([old.known.select(columns), retired.select(columns)])  # nobody mended what was only not scanned
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
