"""The numbers of a summary: plain values, counted once, that add up; and the words around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from triagebot.files import TeamFile
from triagebot.identity import NO_IMAGE
from triagebot.looked import IMAGE, counted, missing
from triagebot.looked import images as _images
from triagebot.model import FINDING, SEVERITIES, Arithmetic, Decision, Ticket
from triagebot.render import many, number, percent, shares
from triagebot.standing import Buckets, Notice

VULNERABILITY = "vulnerability"


@dataclass(frozen=True)
class SeverityRow:
    """Findings of one severity. Shares are fractions of 1; those of a table add up."""

    severity: str
    total: int
    share: float
    fixable: int
    excepted: int

    @property
    def fixable_share(self) -> float:
        """What part of this severity an upgrade fixes."""
        return self.fixable / self.total if self.total else 0.0


@dataclass(frozen=True)
class PostureRow:
    """Failed checks and open secrets of one kind. `assets`: how many images and workloads they are in."""

    kind: str
    total: int
    critical: int
    high: int
    assets: int
    excepted: int


@dataclass(frozen=True)
class TeamRow:
    """What one team has before it. `posture`: its misconfigurations and secrets, whatever their severity."""

    id: str
    name: str
    images: int
    critical: int
    high: int
    fixable: int
    open_tickets: int
    overdue: int
    posture: int = 0
    oldest: date | None = None
    """Since when the oldest finding is known that a rule makes a ticket of and nothing excuses."""


@dataclass(frozen=True)
class Coverage:
    """What the scan looked at. `missing`: images that are believed in or listed, and had no report."""

    reports_scanned: int
    reports_failed: int
    images_scanned: int
    images_failed: int
    images_missing: int
    failures: tuple[tuple[str, str], ...]

    @property
    def is_blind(self) -> bool:
        """Whether there were reports, and every one of them failed."""
        return self.reports_failed > 0 and not self.reports_scanned


@dataclass(frozen=True)
class Stuck:
    """A ticket that its tracker does not let us bring into a state (`open`, `closed`): people were asked to."""

    tracker: str
    ticket: str
    url: str
    state: str


@dataclass(frozen=True)
class Summary:
    """Everything that the summary says."""

    label: str
    stream: str
    taken_at: datetime
    severities: tuple[SeverityRow, ...]
    arithmetic: Arithmetic
    coverage: Coverage
    images_total: int
    images_serious: int
    images_serious_excepted: int
    teams: tuple[TeamRow, ...]
    unowned: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    unassignable: tuple[str, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    """Tickets that cannot be read, each with the fault: counted as neither open nor closed."""
    ignored: int = 0
    """Findings that a rule ignores: in no table or trend, but in the reconciling line."""
    unverified: int = 0
    """Findings that count and that the last scan did not look at, excused or not."""
    buckets: Buckets = field(default_factory=Buckets)
    notices: tuple[Notice, ...] = ()
    due_soon: int = 0

    @property
    def open_tickets(self) -> int:
        """Open tickets, as far as they can be read."""
        return sum(team.open_tickets for team in self.teams)

    @property
    def overdue(self) -> int:
        """Open tickets that are past their day."""
        return sum(team.overdue for team in self.teams)

    posture: tuple[PostureRow, ...] = ()
    """Misconfigurations and secrets: in a table of their own, and in the reconciling line."""

    @property
    def total(self) -> int:
        """All believed findings."""
        return sum(row.total for row in self.severities)

    def row(self, severity: str) -> SeverityRow:
        """The line of one severity."""
        return next(row for row in self.severities if row.severity == severity)


def stuck_words(s: Summary) -> list[tuple[str, list[str]]]:
    """What people must do by hand, and on which tickets."""
    told = []
    for state, done in (("closed", "closed"), ("open", "opened again")):
        if names := [each.ticket for each in s.stuck if each.state == state]:
            why = "as the tracker offers no transition for it (do it by hand, or name one in the settings)"
            told.append((f"{many(len(names), 'ticket')} could not be {done}, {why}", names))
    return told


def without_owner(s: Summary) -> str:
    """How many have none, in words: who owns an image goes by its repository, whatever its tags."""
    with_workloads = ("image repository or workload", "image repositories and workloads")
    are_images = not any(re.match(NO_IMAGE, name) for name in s.unowned)
    return many(len(s.unowned), *(("image repository", "image repositories") if are_images else with_workloads))


def severities(judged: pl.DataFrame) -> tuple[SeverityRow, ...]:
    """The severity table over the findings (`judged` has `severity`, `fixable`, `excused`)."""
    counted = {
        severity: (total, fixable, excepted)
        for severity, total, fixable, excepted in judged.group_by("severity")
        .agg(pl.len(), pl.col("fixable").sum(), pl.col("excused").is_not_null().sum())
        .iter_rows()
    }
    rows = [(s, *counted.get(s, (0, 0, 0))) for s in SEVERITIES]
    return tuple(
        SeverityRow(severity, total, share, fixable, excepted)
        for (severity, total, fixable, excepted), share in zip(rows, shares(r[1] for r in rows), strict=True)
    )


def posture(judged: pl.DataFrame) -> tuple[PostureRow, ...]:
    """One row per kind that is no vulnerability and that there is."""
    rows = []
    for kind in ("misconfiguration", "secret"):
        held = judged.filter(pl.col("kind") == kind)
        counted = dict(held.group_by("severity").len().iter_rows())
        excepted = int(held["excused"].is_not_null().sum())
        rows.append(PostureRow(kind, held.height, counted.get("critical", 0), counted.get("high", 0),
                               held["asset"].n_unique(), excepted))  # fmt: skip
    return tuple(row for row in rows if row.total)


def images(judged: pl.DataFrame, shown: pl.DataFrame, told: pl.DataFrame) -> tuple[int, int, int]:
    """(all images, those with critical or high, those of these where an exception covers every one)."""
    serious = _images(judged).filter(pl.col("severity").is_in(["critical", "high"])).select([*FINDING, "excused"])
    by_image = (
        shown.select([*FINDING, "tag"]).join(serious, on=FINDING)
        .group_by(IMAGE).agg(pl.col("excused").is_not_null().all())
    )  # fmt: skip
    return counted(told, shown).height, by_image.height, int(by_image["excused"].sum())


def coverage(told: pl.DataFrame, shown: pl.DataFrame, listed: Sequence[tuple[str, str]] = ()) -> Coverage:
    """Counts of a scan's coverage. `listed`: (asset, tag) of the inventory; an empty tag stands for any."""
    reports = Counter(told["status"].to_list())
    failures = tuple(told.filter(pl.col("status") != "scanned").select("report", "error").iter_rows())
    absent = missing(told, shown, listed)
    told = _images(told)
    worked = told.filter(pl.col("status") == "scanned")
    failed = told.filter(pl.col("status") != "scanned")
    images_failed = failed.select(IMAGE).unique()
    return Coverage(
        reports["scanned"], reports.total() - reports["scanned"],
        worked.select(IMAGE).n_unique() - _both(worked, images_failed),
        images_failed.height, len(absent), failures,
    )  # fmt: skip


def _both(worked: pl.DataFrame, failed: pl.DataFrame) -> int:
    """Images of which one report worked and another failed count as failed only."""
    return worked.select(IMAGE).unique().join(failed, on=IMAGE, how="semi").height


def teams(
    judged: pl.DataFrame, counted: pl.DataFrame, tickets: Sequence[Ticket], known: TeamFile,
    team_of: Mapping[str, str], now: datetime, oldest: Mapping[str, date],
) -> tuple[TeamRow, ...]:  # fmt: skip
    """One row per team, in the order of the team file; teams without anything are left out. `counted`: all images."""
    vulnerabilities = judged.filter(pl.col("kind") == VULNERABILITY)
    serious = vulnerabilities.filter(pl.col("severity").is_in(["critical", "high"]))
    checks = Counter(judged.filter(pl.col("kind") != VULNERABILITY)["team"].to_list())
    held = Counter(team_of.get(asset, "") for asset in counted["asset"].to_list())
    rows = []
    for team_id, team in known.teams.items():
        mine = serious.filter(pl.col("team") == team_id)
        opened = [t for t in tickets if t.is_open and _team(t, team_of) == team_id]
        rows.append(
            TeamRow(
                team_id,
                team.name or team_id,
                held[team_id],
                mine.filter(pl.col("severity") == "critical").height,
                mine.filter(pl.col("severity") == "high").height,
                int(mine["fixable"].sum()),
                len(opened),
                sum(bool(t.marker.due) and t.marker.due < f"{now:%Y-%m-%d}" for t in opened),
                checks[team_id],
                oldest.get(team_id),
            )
        )
    return tuple(r for r in rows if r.images or r.open_tickets or r.critical or r.high or r.posture)


def _team(ticket: Ticket, team_of: Mapping[str, str]) -> str:
    key = ticket.marker.key.removesuffix(f"@{ticket.marker.stream}")
    return team_of.get(key.partition(":")[2], "") if key.startswith("image:") else key.split(":")[1]


def headline(s: Summary) -> str:
    """The one sentence that managers read. What was not looked at never reads as clean."""
    critical, high = s.row("critical"), s.row("high")
    if not s.total:
        return _nothing_known(s)
    blind = "nothing could be looked at, as every report failed; as last seen, " if s.coverage.is_blind else ""

    def fixable(row: SeverityRow) -> str:
        return f" ({percent(row.fixable_share)} of those fixable)" if row.total else ""

    return (
        f"{blind}{percent(critical.share)} of vulns are critical{fixable(critical)}, "
        f"{percent(high.share)} are high{fixable(high)}; "
        f"{number(s.images_serious)} of {many(s.images_total, 'image has', 'images have')} critical or high vulns"
    )


def _nothing_known(s: Summary) -> str:
    images = many(s.images_total, "image")
    if s.coverage.is_blind:
        of = f" of {images}" if s.images_total else ""
        return f"nothing could be looked at, as every report failed; nothing is known{of}"
    if unseen := s.images_total - s.coverage.images_scanned:
        return f"no vulns are known in {images}, of which {number(unseen)} could not be looked at"
    return f"no vulns are known in {images}"


def reconciled(a: Arithmetic) -> str:
    """The reconciling line; terms that are zero are left out."""
    plus = [("new", a.new), ("reappeared", a.reappeared)]
    minus = [("fixed", a.fixed), ("withdrawn", a.withdrawn), ("merged", a.merged), ("retired", a.retired)]
    said = [f"{number(a.previous)} before"]
    said += [f"+ {number(n)} {word}" for word, n in plus if n]
    said += [f"- {number(n)} {word}" for word, n in minus if n]
    return f"{' '.join(said)} = {number(a.current)} now"
