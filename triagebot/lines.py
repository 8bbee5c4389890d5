"""The few rows of the findings table that tickets show, as objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from triagebot import keys, severity
from triagebot.decisions import Held
from triagebot.excuses import link, said
from triagebot.files import Rule
from triagebot.grouping import Grouping, Room, addressed
from triagebot.identity import finding_id, package_name, tagged
from triagebot.model import FINDING, SEVERITIES, Belief, Draft, Line, Ticket, Waiting
from triagebot.rules import NO_RULE
from triagebot.versions import branch_fix, split


@dataclass(frozen=True)
class Judged:
    key: str
    line: Line
    rule: Rule
    baseline: bool


class _Place(NamedTuple):
    """Where a finding is shown: columns of `SHOWN`."""

    tag: str
    digest: str
    installed_version: str
    fixed_version: str
    seen_in: str
    seen_at: datetime


class Lines:
    """Turns the few rows that tickets show into objects."""

    def __init__(self, judged: pl.DataFrame, belief: Belief, held: Mapping[str, Held], grouping: Grouping) -> None:
        self.judged, self.shown, self.held, self.grouping = judged, belief.shown, held, grouping
        self.rules = [*grouping.rules, NO_RULE]
        self.ratings = belief.ratings

    def relevant(self, tickets: Sequence[Ticket]) -> pl.DataFrame:
        """Findings whose rule says ticket or attach, and all that a ticket shows; with `key`."""
        acting = [i for i, rule in enumerate(self.rules) if rule.action in ("ticket", "attach")]
        rows = self.judged.lazy()
        acts = pl.col("rule").is_in(acting)
        found = [rows.filter(acts).collect()]
        if tickets:
            found.append(self._shown(rows.filter(~acts).collect(), tickets, spared=True))
        named = pl.concat(found)
        keys = [
            self._key(*row) for row in named.select("kind", "asset", "team", "source_package", "package").iter_rows()
        ]
        return named.with_columns(key=pl.Series(keys, dtype=pl.String))

    def strayed(self, rows: pl.DataFrame, tickets: Sequence[Ticket]) -> bool:
        """Whether something that an open ticket showed belongs to another key now, as after a change of teams.

        Then nothing may be left out of `rows`: a finding that waits for its new ticket would look gone from the old.
        The key of an image stays what it is whoever owns it.
        """
        owned = [t for t in tickets if t.is_open and not t.marker.key.startswith("image:")]
        shown = {(finding, t.marker.key) for t in owned for finding in t.marker.shown}
        here = self._shown(rows, owned).select([*FINDING, "key"]) if owned else rows.clear()
        return any((finding_id(*finding), key) not in shown for *finding, key in here.iter_rows())

    def within(self, rows: pl.DataFrame, room: Room, known: Collection[str]) -> tuple[pl.DataFrame, list[Draft]]:
        """The rows of keys that have a ticket or get one now, and a draft that only counts for each that waits.

        `known`: keys that take no room. Those that get one are the most urgent, as the plan orders them.
        """
        acting = [i for i, rule in enumerate(self.rules) if rule.action == "ticket"]
        opening = rows.filter(
            pl.col("rule").is_in(acting) & pl.col("excused").is_null() & ~pl.col("key").is_in(list(known))
        )
        if self.grouping.baseline:
            opening = opening.filter(~pl.col("baseline"))
        if self.held:
            ids = [finding_id(*finding) not in self.held for finding in opening.select(FINDING).iter_rows()]
            opening = opening.filter(pl.Series(ids, dtype=pl.Boolean))
        priority = [rule.priority for rule in self.rules]
        counted = (
            opening.group_by("key")
            .agg(
                pl.col("verified").any(),
                pl.col("asset").first(),
                pl.col("rule")
                .replace_strict(dict(enumerate(priority)), return_dtype=pl.String)
                .min()
                .alias("priority"),
            )
            .filter("verified")
            .join(_by_severity(opening), on="key")
            .sort("priority", "key")
        )
        left: dict[str, int] = defaultdict(lambda: room.new_tickets)
        waiting = []
        for row in counted.iter_rows(named=True):
            draft = addressed(row["key"], self.grouping)
            if left[draft.tracker] > 0:
                left[draft.tracker] -= 1
                continue
            told = tuple((s, row[s]) for s in SEVERITIES if row[s])
            waiting.append(replace(draft, waiting=Waiting(row["priority"], told)))
        return rows.filter(~pl.col("key").is_in([draft.key for draft in waiting])), waiting

    def spelt_out(self, rows: pl.DataFrame) -> list[Judged]:
        """The rows as objects."""
        details = self._details(rows)
        rated = severity.by_vulnerability(self.ratings, rows["vulnerability"])
        return [self._judged(row, details[row["asset"], row["package"], row["vulnerability"]],
                             rated.get(row["vulnerability"], ()))
                for row in rows.iter_rows(named=True)]  # fmt: skip

    def unverified(self) -> set[str]:
        """The keys with a finding that nobody looked at again."""
        rows = self.judged.filter(~pl.col("verified")).select("kind", "asset", "team", "source_package", "package")
        return {self._key(*row) for row in rows.unique().iter_rows()}

    def _shown(self, rows: pl.DataFrame, tickets: Sequence[Ticket], spared: bool = False) -> pl.DataFrame:
        """The rows that a ticket shows. `spared`: and those that it showed and that were excused."""
        ids = {finding for t in tickets for finding in t.marker.shown}
        if spared:
            ids |= {finding for t in tickets for finding in t.marker.spared}
        can_be = keys.near(rows, (keys.bare(t.marker.key, self.grouping.stream) for t in tickets))
        meant = [finding_id(*finding) in ids for finding in can_be.select(FINDING).iter_rows()]
        return can_be.filter(pl.Series(meant, dtype=pl.Boolean))

    def _details(self, rows: pl.DataFrame) -> dict[tuple[str, str, str], list[_Place]]:
        places: dict[tuple[str, str, str], list[_Place]] = defaultdict(list)
        held = self.shown.join(rows.select(FINDING), on=FINDING, how="semi")
        for asset, package, vulnerability, *place in held.select([*FINDING, *_Place._fields]).iter_rows():
            places[asset, package, vulnerability].append(_Place(*place))
        return places

    def _judged(
        self,
        row: Mapping[str, Any],
        places: list[_Place],
        rated: Sequence[tuple[str, str, float | None]],
    ) -> Judged:
        rule = self.rules[row["rule"]]
        package, asset = row["package"], row["asset"]
        finding = finding_id(asset, package, row["vulnerability"])
        excuse = excuse_url = ""
        if row["excused"] is not None:
            by = self.grouping.exemptions[row["excused"]]
            excuse, excuse_url = said(by, with_link=False), link(by)
        elif decision := self.held.get(finding):
            excuse = decision.words
        newest = max((place.seen_at for place in places), default=None)
        last = [place for place in places if place.seen_at == newest]
        fixes = [branch_fix(package, p.installed_version, split(p.fixed_version)) for p in places if p.fixed_version]
        line = Line(
            id=finding, vulnerability=row["vulnerability"], package=package, name=package_name(package),
            asset=asset, severity=row["severity"], severity_source=row["severity_source"],
            priority=rule.priority, rule=rule.id, because=rule.because, fixable=row["fixable"],
            due=row["first_seen"] + rule.due if rule.due else None, first_seen=row["first_seen"],
            verified=row["verified"], missed=row["missed"],
            tags=tuple(sorted({place.tag for place in places if place.tag})),
            installed=tuple(sorted({p.installed_version for p in places if p.installed_version})),
            fixed=", ".join(sorted(set(fixes))), title=row["title"], url=row["url"], excuse=excuse,
            excuse_url=excuse_url,
            others=severity.others(package, row["severity"], row["severity_source"], rated, self.grouping.sources),
            source=row["source_package"], baseline=bool(row["baseline"]), seen_in=last[0].seen_in if last else "",
            images=tuple(sorted({image for p in last if (image := tagged(p.tag, p.digest))})),
        )  # fmt: skip
        return Judged(row["key"], line, rule, bool(row["baseline"]))

    def _key(self, kind: str, asset: str, team: str, source: str, package: str) -> str:
        return keys.key_of(self.grouping.by, self.grouping.stream, kind, asset, team, source, package)


def _by_severity(rows: pl.DataFrame) -> pl.DataFrame:
    """One column per severity, as `Draft.counts` has them: a vulnerability once, as its worst finding."""
    named = (
        pl.when(pl.col("kind") == "vulnerability")
        .then("vulnerability")
        .otherwise(pl.concat_str(FINDING, separator="\n"))
    )
    rank = pl.col("severity").replace_strict({word: at for at, word in enumerate(SEVERITIES)}, return_dtype=pl.Int8)
    once = rows.group_by("key", named.alias("named")).agg(rank.min().alias("rank"))
    return once.group_by("key").agg((pl.col("rank") == at).sum().alias(word) for at, word in enumerate(SEVERITIES))
