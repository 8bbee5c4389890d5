"""What a week changed: the last scan before it against the last one now, and what explains the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median

import polars as pl

from triagebot.identity import package_name
from triagebot.model import FINDING, Arithmetic, Change
from triagebot.render import many, number
from triagebot.trend import COME, GONE, SERIOUS, Point, Why

SHOWN_SCANS = 12
"""How many scans the trend shows."""

_VULNERABILITY = "vulnerability"


@dataclass(frozen=True)
class Mover:
    """One thing that explains a part of the change. `net`: findings more or less; `serious`: critical or high ones.

    `rated`: findings that stayed and are critical or high now, or are no longer. `vulnerability` is empty where an
    image brought or lost a package's findings, `package` too where images came or went, or rules ignore others.
    """

    why: Why
    package: str
    vulnerability: str
    net: int
    serious: int
    images: int
    rated: int = 0


@dataclass(frozen=True)
class Fixed:
    """What a team fixed, and the median of the days that it took."""

    count: int
    days: float


@dataclass(frozen=True)
class Span:
    """One week of a stream. `before`: what stood at the last scan before it; None: it had none.

    `points`: the whole trail; `scans`: how many of these are of the week; `by_why`: findings more or less, by cause.
    """

    monday: date
    before: Point | None
    points: tuple[Point, ...]
    scans: int
    arithmetic: Arithmetic
    movers: tuple[Mover, ...] = ()
    by_why: Mapping[Why, int] = field(default_factory=dict)
    fixed: Mapping[str, Fixed] = field(default_factory=dict)

    @property
    def now(self) -> Point:
        """What stands now."""
        return self.points[-1]

    @property
    def shown(self) -> tuple[Point, ...]:
        """What the trend shows."""
        return self.points[-SHOWN_SCANS:]


def monday_of(at: datetime) -> date:
    """The first day of an ISO week, in UTC."""
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def begin(points: Sequence[Point], now: datetime) -> tuple[date, int]:
    """(the Monday of the week to tell of, the place of its first scan in the trail).

    It is the week of `now`; where that has no scan yet, it is the week of the last one: what a scan of Sunday night
    changed is told on Monday.
    """
    monday = min(monday_of(now), monday_of(points[-1].taken_at))
    first = next(at for at, point in enumerate(points) if monday_of(point.taken_at) >= monday)
    return monday, first


def span(
    points: Sequence[Point], monday: date, first: int, events: pl.DataFrame, team_of: Mapping[str, str],
    ignoring: bool = False,
) -> Span:  # fmt: skip
    """The week from the scan at `first` on. `events`: what its scans changed (`History.events`).

    `ignoring`: there are rules that ignore findings. What they ask for moves without any finding that comes or goes
    (a severity, an age, a feed): what that makes of the difference is a mover of its own.
    """
    week = points[first:]
    names = ("new", "reappeared", "fixed", "withdrawn", "merged", "retired")
    told = {name: sum(getattr(point.arithmetic, name) for point in week) for name in names}
    last = week[-1].arithmetic
    arithmetic = replace(last, previous=week[0].arithmetic.previous, **told)
    events = events.with_columns(net=_signed(pl.lit(True), pl.lit(True)), serious=_serious())
    about = events.filter(pl.col("kind") == _VULNERABILITY)
    told_by = dict(about.group_by("why").agg(pl.col("net").sum()).iter_rows())
    movers = _movers(about)
    if first and ignoring:
        before, now = points[first - 1], points[-1]
        net = now.total - before.total - int(about["net"].sum())
        serious = _serious_of(now) - _serious_of(before) - int(about["serious"].sum())
        told_by[Why.RULES.value] = net
        movers = _sorted([*movers, Mover(Why.RULES, "", "", net, serious, 0)] if net or serious else movers)
    return Span(
        monday, points[first - 1] if first else None, tuple(points), len(week), arithmetic, movers,
        {Why(why): net for why, net in told_by.items() if net}, _fixed(events, points, team_of),
    )  # fmt: skip


def _serious_of(point: Point) -> int:
    return sum(point.of(severity) for severity in SERIOUS)


def _signed(now: pl.Expr, was: pl.Expr) -> pl.Expr:
    """+1 for a finding that came and is `now` meant, -1 for one that went and `was`."""
    came = pl.when(pl.col("change").is_in(COME) & now).then(1).otherwise(0)
    went = pl.when(pl.col("change").is_in(GONE) & was).then(1).otherwise(0)
    return (came - went).cast(pl.Int64)


def _serious() -> pl.Expr:
    """The change of critical and high findings, re-rated ones too."""
    now, was = pl.col("severity").is_in(SERIOUS), pl.col("was_severity").is_in(SERIOUS)
    rated = pl.when(pl.col("change") == Change.PERSISTING.value)
    return rated.then(now.cast(pl.Int64) - was.cast(pl.Int64)).otherwise(_signed(now, was))


def _movers(events: pl.DataFrame) -> tuple[Mover, ...]:
    """Every change, each once, the largest first: critical and high ones count before others.

    What came and went again within the week is none. Of an advisory or a scanner the vulnerability is named, of an
    image the package, of a scope that changed only how many images it was about.
    """
    if events.is_empty():
        return ()
    by_image, by_scope = pl.col("why") == Why.IMAGE.value, pl.col("why") == Why.SCOPE.value
    name = pl.when(pl.col("source_package") != "").then(pl.col("source_package")).otherwise(pl.col("package"))
    once = events.group_by(FINDING).agg(pl.col("net").sum().alias("settled"), pl.col("serious").sum().alias("weight"))
    moved = (
        events.join(once.filter((pl.col("settled") != 0) | (pl.col("weight") != 0)), on=FINDING, how="semi")
        .with_columns(
            name=pl.when(by_scope).then(pl.lit("")).otherwise(name),
            about=pl.when(by_image | by_scope).then(pl.lit("")).otherwise(pl.col("vulnerability")),
            rated=(pl.col("change") == Change.PERSISTING.value) & (pl.col("serious") != 0),
        )
        .group_by("why", "name", "about")
        .agg(pl.col("net").sum(), pl.col("serious").sum(), pl.col("rated").sum(),
             pl.col("asset").n_unique())
    )  # fmt: skip
    found = [
        Mover(Why(why), package_name(package), about, net, serious, images, rated)
        for why, package, about, net, serious, rated, images in moved.iter_rows()
        if net or serious
    ]  # fmt: skip
    return _sorted(found)


def _sorted(movers: Iterable[Mover]) -> tuple[Mover, ...]:
    return tuple(sorted(movers, key=lambda m: (-abs(m.serious), -abs(m.net), m.package, m.vulnerability, m.why)))


def _fixed(events: pl.DataFrame, points: Sequence[Point], team_of: Mapping[str, str]) -> dict[str, Fixed]:
    """What each team fixed, whatever its kind and severity: what the reconciling line says, but for ignored ones."""
    days: dict[str, list[float]] = {}
    rows = events.filter(pl.col("change") == Change.FIXED.value).select("asset", "scan", "first_seen")
    for asset, scan, seen in rows.iter_rows():
        took = (points[scan].taken_at - seen).total_seconds() / 86400
        days.setdefault(team_of.get(asset, ""), []).append(max(0.0, took))
    return {team: Fixed(len(held), median(held)) for team, held in days.items()}


_CAUSE = {
    Why.IMAGE: "image changed", Why.ADVISORY: "advisory data changed", Why.SCANNER: "scanner changed",
    Why.SCOPE: "scope changed", Why.RULES: "what rules ignore changed",
}  # fmt: skip


def words(mover: Mover) -> tuple[str, str, str]:
    """A mover in three parts: the package, the vulnerability, and what became of it and why."""
    images = many(mover.images, "image")
    if mover.why is Why.SCOPE:
        came = "scanned for the first time" if mover.net > 0 else "no longer scanned"
        return "", "", f"{images} {came}: {_net(mover, '')}; {_CAUSE[mover.why]}"
    if mover.why is Why.RULES:
        what = "more" if mover.net < 0 else "less" if mover.net else "others"
        return "", "", f"rules ignore {what} than before: {_net(mover, '')}; {_CAUSE[mover.why]}"
    if not mover.net:
        now = "critical or high now" if mover.serious > 0 else "no longer critical or high"
        found = many(mover.rated, "finding")
        return mover.package, mover.vulnerability, f"{found} in {images} rated {now}; {_CAUSE[mover.why]}"
    return mover.package, mover.vulnerability, f"{_net(mover, f' in {images}')}; {_CAUSE[mover.why]}"


def _net(mover: Mover, where: str) -> str:
    noun = "finding" if abs(mover.net) == 1 else "findings"
    if mover.serious == mover.net:
        return f"{signed(mover.net)} critical or high {noun}{where}"
    worse = f" ({signed(mover.serious)} critical or high)" if mover.serious else ""
    return f"{signed(mover.net)} {noun}{where}{worse}"


def largest(movers: Sequence[Mover], most: int) -> tuple[Sequence[Mover], str]:
    """(the first of the movers, what the others come to in words; empty: there are no others)."""
    left = movers[most:]
    rest = sum(mover.net for mover in left)
    noun = "finding" if abs(rest) == 1 else "findings"
    return movers[:most], f"{many(len(left), 'smaller change')}: {signed(rest)} {noun}" if left else ""


def signed(change: int) -> str:
    """12 -> `+12`, -3 -> `-3`, 0 -> `0`."""
    return f"{'+' if change > 0 else ''}{number(change)}"


def causes(by_why: Mapping[Why, int]) -> str:
    """The whole change, told apart: `image changed -120, advisory data changed +212`; empty where nothing changed."""
    return ", ".join(f"{said} {signed(by_why[why])}" for why, said in _CAUSE.items() if by_why.get(why))
