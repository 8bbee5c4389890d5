"""How things went: one point per recorded scan, and what each scan changed, with the cause told apart.

Both follow from the belief before a scan and the step that the scan was (`diff.advance`), so they can be kept beside
the history and be made anew at any time. They tell what the scans showed, but for what rules ignore (`Counting`): other
rules and exceptions do not go in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from triagebot.diff import Step
from triagebot.identity import NO_IMAGE
from triagebot.model import FINDING, SEVERITIES, TIME, Arithmetic, Belief, Change, Scan, Schema, empty
from triagebot.severity import RANK, preferred

IMAGE = ["asset", "tag"]
SERIOUS = ("critical", "high")
_VULNERABILITY = "vulnerability"
_AT_ONCE = 3
"""In so many images at once a vulnerability that nobody knew is news, not a change of all of them."""


class Why(StrEnum):
    """What made a finding come, go or change (docs/decisions/0030)."""

    IMAGE = "image"
    ADVISORY = "advisory"
    SCANNER = "scanner"
    SCOPE = "scope"
    RULES = "rules"


EVENTS: Schema = {
    "asset": pl.String, "package": pl.String, "vulnerability": pl.String, "kind": pl.String,
    "source_package": pl.String, "change": pl.String, "why": pl.String, "was_severity": pl.String,
    "severity": pl.String, "was_fixable": pl.Boolean, "fixable": pl.Boolean, "first_seen": TIME,
}  # fmt: skip
"""What a scan changed: a row per finding that came (`new`, `reappeared`), went (`fixed`, `withdrawn`, `merged`,
`retired`), or was rated otherwise (`persisting`). Before it came `was_severity` is empty and `was_fixable` false; after
it went, `severity` and `fixable`."""


@dataclass(frozen=True)
class Counting:
    """What counts: all but what `ignored` tells of a belief at a time (`FINDING`). `name`: of other rules another."""

    name: str
    ignored: Callable[[Belief, datetime], pl.DataFrame]


@dataclass(frozen=True)
class Point:
    """What stood after one recorded scan. `totals`: (all, fixable) vulnerabilities of each severity.

    `came`, `went`: findings of all kinds, as `EVENTS` has them; the `arithmetic` is that of all, ignored ones too.
    """

    label: str
    taken_at: datetime
    totals: Mapping[str, tuple[int, int]]
    images_total: int
    images_serious: int
    arithmetic: Arithmetic
    came: int
    went: int

    @property
    def total(self) -> int:
        """All vulnerabilities."""
        return sum(count for count, _ in self.totals.values())

    def of(self, severity: str) -> int:
        """Vulnerabilities of one severity."""
        return self.totals[severity][0]

    def fixable(self, severity: str) -> int:
        """Those of one severity that an upgrade fixes."""
        return self.totals[severity][1]


def told(
    before: Belief, step: Step, scan: Scan, sources: Sequence[str] = (), counting: Counting | None = None
) -> tuple[Point, pl.DataFrame]:
    """(what stands after a scan, what it changed as `EVENTS`). `sources`: whose severity counts, as in the settings."""
    ignored = counting.ignored(step.belief, scan.taken_at) if counting else _NONE
    changed = _events(before, step, scan, sources)
    if counting and not changed.is_empty():
        was = counting.ignored(before, scan.taken_at).with_columns(_canonical(step.belief.aliases)).unique()
        went = changed.filter(pl.col("change").is_in(GONE)).join(was, on=FINDING, how="anti")
        here = changed.filter(~pl.col("change").is_in(GONE)).join(ignored, on=FINDING, how="anti")
        stayed = pl.col("change") == Change.PERSISTING.value
        both = [here.filter(~stayed), here.filter(stayed).join(was, on=FINDING, how="anti")]
        changed = pl.concat([both[0], went, both[1]])
    return _point(step, scan, sources, ignored, changed), changed


_NONE = pl.DataFrame(schema=dict.fromkeys(FINDING, pl.String))
COME = [Change.NEW.value, Change.REAPPEARED.value]
GONE = [Change.FIXED.value, Change.WITHDRAWN.value, Change.MERGED.value, Change.RETIRED.value]


def _point(step: Step, scan: Scan, sources: Sequence[str], ignored: pl.DataFrame, changed: pl.DataFrame) -> Point:
    every = _rated(step.belief, sources).filter(pl.col("kind") == _VULNERABILITY)
    rated = every.join(ignored, on=FINDING, how="anti")
    counted = {
        severity: (total, fixable)
        for severity, total, fixable in rated.group_by("severity").agg(pl.len(), pl.col("fixable").sum()).iter_rows()
    }
    shown = step.belief.shown
    serious = rated.filter(pl.col("severity").is_in(SERIOUS)).select(FINDING)
    return Point(
        scan.label, scan.taken_at, {s: counted.get(s, (0, 0)) for s in SEVERITIES},
        _images(pl.concat([shown.select(IMAGE), scan.coverage.select(IMAGE)])),  # as `looked.counted`
        _images(shown.select([*FINDING, "tag"]).join(serious, on=FINDING, how="semi")), step.arithmetic,
        int(changed["change"].is_in(COME).sum()), int(changed["change"].is_in(GONE).sum()),
    )  # fmt: skip


def _events(before: Belief, step: Step, scan: Scan, sources: Sequence[str]) -> pl.DataFrame:
    """All that a scan changed. Of a first scan nothing: there was nothing that could have changed."""
    if not before.scans:
        return empty(EVENTS)
    was, now = _rated(before, sources), _rated(step.belief, sources)
    renamed = was.with_columns(_canonical(step.belief.aliases))
    merged = renamed.filter(pl.struct(FINDING).is_duplicated() & (renamed["vulnerability"] != was["vulnerability"]))
    stood = (
        renamed.group_by(FINDING, maintain_order=True)
        .agg(
            pl.col("kind", "source_package", "first_seen").first(),
            pl.col("severity").sort_by(_rank("severity")).last(),
            pl.col("fixable").any(),
        )
        .select(*FINDING, *_KEPT, pl.col("severity").alias("was_severity"), pl.col("fixable").alias("was_fixable"))
    )
    came = _of(step.changes, Change.NEW, Change.REAPPEARED).join(now, on=FINDING)
    went = _of(step.changes, Change.FIXED, Change.WITHDRAWN, Change.RETIRED).join(stood, on=FINDING)
    differs = (pl.col("severity") != pl.col("was_severity")) | (pl.col("fixable") != pl.col("was_fixable"))
    rated = now.join(stood.drop(_KEPT), on=FINDING).filter(differs).with_columns(change=pl.lit(Change.PERSISTING.value))
    cause = _Causes(before, step.belief, scan)
    told = [cause.of_coming(came), cause.of_going(went), cause.of_rating(rated), _merged(merged, before, step)]
    return pl.concat([_event(table) for table in told])


_KEPT = ["kind", "source_package", "first_seen"]


def _images(rows: pl.DataFrame) -> int:
    """How many images there are: what runs in a cluster or a cloud is none."""
    return rows.filter(~pl.col("asset").str.contains(NO_IMAGE)).select(IMAGE).n_unique()


def _rank(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(RANK, default=0, return_dtype=pl.Int8)


def _rated(belief: Belief, sources: Sequence[str]) -> pl.DataFrame:
    """One row per believed finding: `FINDING`, what it is, and how bad."""
    shown, known = belief.shown, belief.known.select([*FINDING, "severity", "fixable", "first_seen"])
    told = ["kind", "source_package", "severity_source", "cvss"]
    if shown.select(FINDING).equals(known.select(FINDING)):
        table = pl.concat([known, shown.select(told)], how="horizontal")
    else:
        folded = shown.lazy().group_by(FINDING).agg(pl.col(told).first())
        table = known.lazy().join(folded, on=FINDING, how="left", maintain_order="left").collect()
    return preferred(table, shown, belief.ratings, sources)


def _canonical(aliases: pl.DataFrame) -> pl.Expr:
    return pl.col("vulnerability").replace(aliases["alias"], aliases["vulnerability"])


def _of(changes: pl.DataFrame, *wanted: Change) -> pl.DataFrame:
    return changes.filter(pl.col("change").is_in([change.value for change in wanted])).select([*FINDING, "change"])


def _event(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of `EVENTS`: what is not told is nothing."""
    blank = {"was_severity": "", "severity": "", "was_fixable": False, "fixable": False}
    lacking = [pl.lit(value).alias(name) for name, value in blank.items() if name not in table.columns]
    return table.with_columns(lacking).select([pl.col(name).cast(kind) for name, kind in EVENTS.items()])


def _merged(rows: pl.DataFrame, before: Belief, step: Step) -> pl.DataFrame:
    """The findings that turned out to be others: as many as the reconciling line counts."""
    return rows.head(step.arithmetic.merged).select(
        *FINDING, *_KEPT, pl.lit(Change.MERGED.value).alias("change"), pl.lit(Why.ADVISORY.value).alias("why"),
        pl.col("severity").alias("was_severity"), pl.col("fixable").alias("was_fixable"),
    )  # fmt: skip


class _Causes:
    """Why findings of one scan came, went or were rated otherwise (docs/decisions/0030)."""

    def __init__(self, before: Belief, after: Belief, scan: Scan) -> None:
        self.before, self.after = before, after
        place = ["asset", "scanner"]
        newest = (pl.col("db_date").max(), pl.col("scanner_version").max())
        was = before.coverage.group_by(place).agg(*newest, pl.lit(True).alias("looked_before"))
        now = scan.coverage.filter(pl.col("status") == "scanned").group_by(place).agg(*newest)
        version_was = pl.col("scanner_version_was").fill_null("")
        told = (version_was != "") & (pl.col("scanner_version") != "")
        self.scanners = now.join(was, on=place, how="left", suffix="_was").select(
            *place,
            pl.col("looked_before").fill_null(False),
            (told & (version_was != pl.col("scanner_version"))).alias("upgraded"),
            (pl.col("db_date") > pl.col("db_date_was")).fill_null(False).alias("newer_data"),
        )

    def of_coming(self, came: pl.DataFrame) -> pl.DataFrame:
        """Scope if nobody looked at the image before; the image, unless what it holds was there without the finding."""
        before = self.before
        looked = pl.concat([before.coverage.select("asset"), before.shown.select("asset")]).unique()
        alike = before.shown.select("asset", "package", "installed_version").unique()
        digests = before.coverage.filter(pl.col("digest") != "").select("asset", "scanner", "digest").unique()
        tags = before.coverage.select("asset", "tag").unique()
        known = pl.concat([before.known.select("vulnerability"), before.gone.select("vulnerability")]).unique()
        rows = (
            came.join(self._first(self.after.shown), on=FINDING, how="left")
            .join(self.scanners, on=["asset", "scanner"], how="left")
            .join(looked.with_columns(known_asset=True), on="asset", how="left")
            .join(alike.with_columns(alike=True), on=["asset", "package", "installed_version"], how="left")
            .join(digests.with_columns(same=True), on=["asset", "scanner", "digest"], how="left")
            .join(tags.with_columns(same_tag=True), on=IMAGE, how="left")
            .join(alike.select("asset", "package").unique().with_columns(had=True), on=["asset", "package"], how="left")
            .join(known.with_columns(known=True), on="vulnerability", how="left")
            .with_columns(pl.col("known_asset", "alike", "same", "same_tag", "had", "known").fill_null(False))
            .with_columns(looked_before=pl.col("looked_before").fill_null(True))
        )
        untold = pl.col("same_tag") & (pl.col("digest").fill_null("") == "") & ~pl.col("had")
        rows = rows.with_columns(unchanged=pl.col("alike") | pl.col("same") | untold)
        fresh = rows.filter(~pl.col("known"))
        widely = fresh.filter(~pl.col("had")).group_by("vulnerability").agg(pl.col("asset").n_unique())
        news = pl.concat([
            fresh.filter(pl.col("unchanged")).select("vulnerability"),
            widely.filter(pl.col("asset") >= _AT_ONCE).select("vulnerability"),
        ]).unique()  # fmt: skip
        rows = rows.join(news.with_columns(news=True), on="vulnerability", how="left")
        told = (
            pl.when(~pl.col("known_asset")).then(pl.lit(Why.SCOPE.value))
            .when(~pl.col("looked_before")).then(pl.lit(Why.SCANNER.value))
            .when(pl.col("unchanged")).then(_outside(pl.col("known")))
            .when(pl.col("news").fill_null(False) & ~pl.col("had")).then(pl.lit(Why.ADVISORY.value))
            .otherwise(pl.lit(Why.IMAGE.value))
        )  # fmt: skip
        return rows.with_columns(why=told)

    def of_going(self, went: pl.DataFrame) -> pl.DataFrame:
        """Scope if it was retired; the image, unless the package is there as it was."""
        left = self.after.gone.select([*FINDING, "installed_version", "version_after"]).unique(FINDING, keep="last")
        rows = (
            went.join(left, on=FINDING, how="left")
            .join(self._first(self.before.shown).select([*FINDING, "scanner"]), on=FINDING, how="left")
            .join(self.scanners, on=["asset", "scanner"], how="left")
        )
        still = (pl.col("version_after") != "") & (pl.col("version_after") == pl.col("installed_version"))
        told = (
            pl.when(pl.col("change") == Change.RETIRED.value).then(pl.lit(Why.SCOPE.value))
            .when((pl.col("change") == Change.WITHDRAWN.value) | still.fill_null(False)).then(_outside(pl.lit(True)))
            .otherwise(pl.lit(Why.IMAGE.value))
        )  # fmt: skip
        return rows.with_columns(why=told)

    def of_rating(self, rated: pl.DataFrame) -> pl.DataFrame:
        """Nothing in an image rates a finding."""
        rows = rated.join(self._first(self.after.shown), on=FINDING, how="left")
        rows = rows.join(self.scanners, on=["asset", "scanner"], how="left")
        return rows.with_columns(why=_outside(pl.lit(False)))

    def _first(self, shown: pl.DataFrame) -> pl.DataFrame:
        """The first row that shows each finding, under the id that it has now."""
        named = shown.with_columns(_canonical(self.after.aliases))
        kept = [*FINDING, "tag", "digest", "scanner", "installed_version"]
        return named.select(kept).unique(FINDING, keep="first", maintain_order=True)


def _outside(known: pl.Expr) -> pl.Expr:
    """The scanner, if it is another version with the same data, or tells of what was `known` before; else the data."""
    upgraded, newer = pl.col("upgraded").fill_null(False), pl.col("newer_data").fill_null(False)
    by_scanner = upgraded & (~newer | known)
    return pl.when(by_scanner).then(pl.lit(Why.SCANNER.value)).otherwise(pl.lit(Why.ADVISORY.value))
