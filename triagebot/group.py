"""Findings -> drafts: the line between tables and objects. One draft per ticket key."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import polars as pl

from triagebot import severity
from triagebot.decisions import Held
from triagebot.excuses import Excuse, said
from triagebot.files import Rule, TeamFile
from triagebot.identity import finding_id, masked, package_name, place_of
from triagebot.model import FINDING, SEVERITIES, Belief, Change, Draft, Gone, Line, Ticket, Waiting, Want
from triagebot.rules import NO_RULE, VULNERABILITY, digest
from triagebot.versions import branch_fix, split

_LONGEST = 300
"""Characters of a package's name in a key."""


@dataclass(frozen=True)
class Grouping:
    """How findings become tickets, and what they are judged by."""

    by: Literal["image", "upgrade"]
    rules: Sequence[Rule]
    exemptions: Sequence[Excuse]
    teams: TeamFile
    team_of: Mapping[str, str]
    stream: str = "main"
    baseline: bool = False
    sources: Sequence[str] = ()
    """Whose severity counts, in order."""

    @cached_property
    def digest(self) -> str:
        """What the rules say, in eight hex digits."""
        return digest(self.rules)


@dataclass(frozen=True)
class Room:
    """How many new tickets each tracker takes in this run, and the keys that are not to be counted as new."""

    new_tickets: int
    taken: frozenset[str] = frozenset()


def drafts(
    judged: pl.DataFrame,
    belief: Belief,
    coverage: pl.DataFrame,
    tickets: Iterable[Ticket],
    held: Mapping[str, Held],
    grouping: Grouping,
    room: Room | None = None,
) -> list[Draft]:
    """One draft per key that has something to act on or that has a ticket.

    `judged`: the findings table with `rule` and `excused` (indices); `coverage`: of the last scan; `tickets`:
    those of this stream; `held`: people's decisions by finding id; `room`: where it is given, what will not become
    a ticket in this run is counted and not spelt out (after a first scan that is nearly everything).
    """
    owned = [_renamed(t, grouping) for t in tickets]
    markers: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in owned:
        markers[ticket.marker.key].append(ticket)
    lines = _Lines(judged, belief, held, grouping)
    rows = lines.relevant(owned)
    waiting: list[Draft] = []
    if room and not any(foreign(key, grouping) for key in markers):
        rows, waiting = lines.within(rows, room, room.taken | set(markers))
    by_key: dict[str, list[_Judged]] = defaultdict(list)
    for item in lines.spelt_out(rows):
        by_key[item.key].append(item)
    seen = _Coverage(coverage)
    gone = _gone(belief, owned)
    keys = dict.fromkeys([*sorted(by_key), *sorted(markers)])
    unverified = lines.unverified()
    every = [item for items in by_key.values() for item in items]
    ids = {item.line.id for item in every}
    away = {key for key in keys if foreign(key, grouping) or (key not in by_key and _live(markers[key], ids))}
    made = (
        _draft(
            key,
            by_key.get(key, []),
            every if key in away else [],
            markers.get(key, []),
            gone,
            seen,
            key in unverified,
            key in away,
            grouping,
        )
        for key in keys
    )
    return [*(draft for draft in made if draft is not None), *waiting]


def _renamed(ticket: Ticket, grouping: Grouping) -> Ticket:
    """The ticket under the key that its team's present id gives."""
    kind, _, rest = ticket.marker.key.partition(":")
    named, _, subject = rest.partition(":")
    for team_id, team in grouping.teams.teams.items():
        if kind != "image" and named in team.was and named not in grouping.teams.teams:
            return replace(ticket, marker=replace(ticket.marker, key=f"{kind}:{team_id}:{subject}"))
    return ticket


@dataclass(frozen=True)
class _Judged:
    key: str
    line: Line
    rule: Rule
    baseline: bool


class _Lines:
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
            found.append(self._shown(rows.filter(~acts).collect(), tickets))
        named = pl.concat(found)
        keys = [
            self._key(*row) for row in named.select("kind", "asset", "team", "source_package", "package").iter_rows()
        ]
        return named.with_columns(key=pl.Series(keys, dtype=pl.String))

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
                *((pl.col("severity") == word).sum().alias(word) for word in SEVERITIES),
            )
            .filter("verified")
            .sort("priority", "key")
        )
        left: dict[str, int] = defaultdict(lambda: room.new_tickets)
        waiting = []
        for row in counted.iter_rows(named=True):
            draft = _addressed(row["key"], self.grouping)
            if left[draft.tracker] > 0:
                left[draft.tracker] -= 1
                continue
            told = tuple((s, row[s]) for s in SEVERITIES if row[s])
            waiting.append(replace(draft, waiting=Waiting(row["priority"], told)))
        return rows.filter(~pl.col("key").is_in([draft.key for draft in waiting])), waiting

    def spelt_out(self, rows: pl.DataFrame) -> list[_Judged]:
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

    def _shown(self, rows: pl.DataFrame, tickets: Sequence[Ticket]) -> pl.DataFrame:
        """The rows that a ticket shows. Ids are hashes, so only rows that can be meant are hashed."""
        ids = {finding for t in tickets for finding in t.marker.shown}
        keys = [t.marker.key.removesuffix(f"@{self.grouping.stream}") for t in tickets]
        assets = [key.partition(":")[2] for key in keys if key.startswith("image:")]
        sources = [key.split(":", 2)[2] for key in keys if key.startswith("upgrade:")]
        places = [key.split(":", 2)[2] for key in keys if key.startswith(POSTURE)]
        name = pl.col("package").str.extract(r"([^/]+)$")
        near = rows.filter(
            pl.col("asset").is_in(assets) | pl.col("source_package").is_in(sources) | name.is_in(sources)
            | pl.any_horizontal([pl.lit(False), *(pl.col("asset").str.starts_with(place) for place in places)])
        )  # fmt: skip
        meant = [finding_id(*finding) in ids for finding in near.select(FINDING).iter_rows()]
        return near.filter(pl.Series(meant, dtype=pl.Boolean))

    def _details(self, rows: pl.DataFrame) -> dict[tuple[str, str, str], list[tuple[str, str, str]]]:
        places: dict[tuple[str, str, str], list[tuple[str, str, str]]] = defaultdict(list)
        held = self.shown.join(rows.select(FINDING), on=FINDING, how="semi")
        for asset, package, vulnerability, tag, installed, fixed in held.select(
            [*FINDING, "tag", "installed_version", "fixed_version"]
        ).iter_rows():
            places[asset, package, vulnerability].append((tag, installed, fixed))
        return places

    def _judged(
        self,
        row: Mapping[str, Any],
        places: list[tuple[str, str, str]],
        rated: Sequence[tuple[str, str, float | None]],
    ) -> _Judged:
        rule = self.rules[row["rule"]]
        package, asset = row["package"], row["asset"]
        finding = finding_id(asset, package, row["vulnerability"])
        excuse = ""
        if row["excused"] is not None:
            excuse = said(self.grouping.exemptions[row["excused"]])
        elif decision := self.held.get(finding):
            excuse = f"{decision.said}, until {decision.until:%Y-%m-%d}"
        fixes = [branch_fix(package, installed, split(fixed)) for _, installed, fixed in places if fixed]
        line = Line(
            id=finding, vulnerability=row["vulnerability"], package=package, name=package_name(package),
            asset=asset, severity=row["severity"], severity_source=row["severity_source"],
            priority=rule.priority, rule=rule.id, because=rule.because, fixable=row["fixable"],
            due=row["first_seen"] + rule.due if rule.due else None, first_seen=row["first_seen"],
            verified=row["verified"], missed=row["missed"],
            tags=tuple(sorted({tag for tag, _, _ in places if tag})),
            installed=tuple(sorted({installed for _, installed, _ in places if installed})),
            fixed=", ".join(sorted(set(fixes))), title=row["title"], url=row["url"], excuse=excuse,
            others=severity.others(package, row["severity"], row["severity_source"], rated, self.grouping.sources),
        )  # fmt: skip
        return _Judged(row["key"], line, rule, bool(row["baseline"]))

    def _key(self, kind: str, asset: str, team: str, source: str, package: str) -> str:
        if kind != VULNERABILITY:
            return keyed(f"{POSTURE}{team}:{place_of(asset)}", self.grouping.stream)
        grouped = f"upgrade:{team}:{_short(source or package_name(package))}"
        return keyed(f"image:{asset}" if self.grouping.by == "image" else grouped, self.grouping.stream)


POSTURE = "posture:"
"""How the keys of tickets begin that are about configuration and secrets: `posture:<team>:<namespace or image>`."""


def _short(name: str) -> str:
    """The name of a package as a key holds it: no package has so long a name, but a report may say so."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…{hashed(name)}"


def keyed(key: str, stream: str) -> str:
    """The key with its stream; the default stream goes without."""
    return key if stream == "main" else f"{key}@{stream}"


class _Coverage:
    """What the last scan looked at, in the hashed form in which markers remember it."""

    def __init__(self, coverage: pl.DataFrame) -> None:
        self.told = coverage.select("asset", "tag", "scanner", "digest", "status", "scanned_at").rows()
        self.scanned_at: dict[str, datetime] = {}
        self.scanned: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for asset, tag, scanner, digest_, status, at in self.told:
            if status == "scanned":
                self.scanned_at[asset] = max(at, self.scanned_at.get(asset, at))
                self.scanned[asset].append((tag, scanner, digest_))

    def images(self, asset: str) -> set[str]:
        """The images of an asset that were scanned: each as itself, as its line, and as what stood there."""
        return {
            f"{hashed(asset, tag, scanner)}.{hashed(asset, masked(tag), scanner)}.{hashed(digest_ or tag)}"
            for tag, scanner, digest_ in self.scanned.get(asset, ())
        }

    @cached_property
    def worked(self) -> set[str]:
        """The images and lines that were scanned and of which no report failed."""
        worked: set[str] = set()
        failed: set[str] = set()
        unnamed = {
            (asset, tag) for asset, tag, scanner, _, status, _ in self.told if status != "scanned" and not scanner
        }
        for asset, tag, scanner, _, status, _ in self.told:
            did = status == "scanned" and (asset, tag) not in unnamed
            (worked if did else failed).update((hashed(asset, tag, scanner), hashed(asset, masked(tag), scanner)))
        return worked - failed

    def looked_at(self, images: Iterable[str]) -> bool:
        """Whether each image that a marker names was scanned again, under its tag or one of the same line."""
        named = [image.split(".") for image in images]
        return bool(named) and all(tag in self.worked or line in self.worked for tag, line, _ in named)


def hashed(*parts: str) -> str:
    """Eight hex digits for a marker."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _gone(belief: Belief, tickets: Sequence[Ticket]) -> dict[str, Gone]:
    """The findings that left, by id; only those that a ticket showed are needed."""
    wanted = {finding for t in tickets for finding in t.marker.shown}
    if not wanted or belief.gone.is_empty():
        return {}
    left = {}
    for row in belief.gone.iter_rows(named=True):
        finding = finding_id(row["asset"], row["package"], row["vulnerability"])
        if finding in wanted:
            left[finding] = Gone(
                finding, row["vulnerability"], package_name(row["package"]), row["asset"], row["how"],
                row["label"], _image(row["tag"], row["digest"]), _image(row["tag_after"], row["digest_after"]),
                row["installed_version"], row["version_after"],
            )  # fmt: skip
    return left


def _image(tag: str, digest_: str) -> str:
    return f"{tag}@{digest_[:19]}" if digest_ else tag


def _draft(
    key: str,
    items: list[_Judged],
    every: list[_Judged],
    tickets: list[Ticket],
    gone: Mapping[str, Gone],
    seen: _Coverage,
    has_unverified: bool,
    is_away: bool,
    grouping: Grouping,
) -> Draft | None:
    shown = {finding for t in tickets for finding in t.marker.shown}
    acting = [i for i in items if i.rule.action == "ticket"]
    if grouping.baseline:
        acting = [i for i in acting if not i.baseline or i.line.id in shown]
    excused = [i.line for i in acting if i.line.excuse]
    lines = [i.line for i in acting if not i.line.excuse]
    want = _want(
        lines,
        excused,
        {i.line.id for i in items},
        has_unverified,
        tickets,
        gone,
        seen,
        grouping.digest,
    )
    if is_away and shown - set(gone):
        want = Want.UNKNOWN  # it was grouped otherwise: the plan moves it once its findings have a home
    if not tickets and want is not Want.OPEN:
        return None
    if want is Want.STAYS:
        lines = [i.line for i in items if i.line.id in shown]
    draft = _addressed(key, grouping)
    assets = sorted({line.asset for line in lines}) or ([draft.subject] if key.startswith("image:") else [])
    at = [seen.scanned_at[a] for a in assets if a in seen.scanned_at]
    images = {image for asset in assets for image in seen.images(asset)}
    attached = (i.line for i in items if i.rule.action == "attach" and i.line.verified and not i.line.excuse)
    left = sorted((gone[f] for f in shown if f in gone), key=lambda g: (g.name, g.vulnerability, g.id))
    below = tuple(i.line.id for i in every if i.line.verified and i.rule.action != "ticket" and i.line.id in shown)
    return replace(
        draft, want=want, lines=_sorted(lines), attached=_sorted(attached), excused=_sorted(excused), gone=tuple(left),
        images=tuple(sorted(images)) or tuple(i for t in tickets for i in t.marker.images),
        below=below, scanned_at=max(at, default=None), regrouped=is_away,
    )  # fmt: skip


def _addressed(key: str, grouping: Grouping) -> Draft:
    """A draft that says where its ticket goes, and nothing else yet."""
    subject = _subject(key, grouping.stream)
    team_id = _team(key, subject, grouping)
    team = grouping.teams.teams[team_id]
    kind = key.partition(":")[0]
    former = [keyed(f"{kind}:{old}:{subject}", grouping.stream) for old in team.was if kind != "image"]
    return Draft(
        key=key, stream=grouping.stream, subject=subject, team=team_id, team_name=team.name or team_id,
        tracker=team.tracker, labels=tuple(team.labels), assignees=tuple(team.assignees), mention=team.mention,
        want=Want.OPEN, place=team.place, component=team.component, rules=grouping.digest, former_keys=tuple(former),
    )  # fmt: skip


def foreign(key: str, grouping: Grouping) -> bool:
    """Whether a key is of another grouping than the present one."""
    return not key.startswith((f"{grouping.by}:", POSTURE))


def _live(tickets: Iterable[Ticket], ids: set[str]) -> bool:
    """Whether what tickets of a key without findings showed is there all the same: its owner or its name changed."""
    return any(not ids.isdisjoint(ticket.marker.shown) for ticket in tickets)


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    def rank(line: Line) -> tuple[object, ...]:
        return line.priority, SEVERITIES.index(line.severity), line.name, line.vulnerability, line.asset, line.package

    return tuple(sorted(lines, key=rank))


def _subject(key: str, stream: str) -> str:
    """The image or the package that a key is about."""
    plain = key.removesuffix(f"@{stream}")
    return plain.partition(":")[2] if plain.startswith("image:") else plain.split(":", 2)[2]


def _team(key: str, subject: str, grouping: Grouping) -> str:
    """The team of a key: the image's owner, or named in it; a team that is no more leaves it to `unowned`."""
    teams = grouping.teams
    if key.startswith("image:"):
        return grouping.team_of.get(subject, teams.unowned)
    named = key.split(":")[1]
    renamed = (team_id for team_id, team in teams.teams.items() if named in team.was)
    return named if named in teams.teams else next(renamed, teams.unowned)


def _want(
    lines: list[Line],
    excused: list[Line],
    present: set[str],
    has_unverified: bool,
    tickets: list[Ticket],
    gone: Mapping[str, Gone],
    seen: _Coverage,
    rules: str,
) -> Want:
    """The state table of DESIGN section 6, first match."""
    shown = {finding for t in tickets for finding in t.marker.shown}
    if any(line.verified for line in lines):
        return Want.OPEN
    if has_unverified:
        return Want.LEAVE
    if excused:
        return Want.DECIDED
    if shown & present:
        return Want.STAYS if all(t.marker.rules == rules for t in tickets) else Want.BELOW
    if shown - set(gone) and not all(seen.looked_at(t.marker.images) for t in tickets):
        return Want.UNKNOWN
    left = [gone[f].how for f in shown if f in gone]
    return Want.RETIRED if left and all(how == Change.RETIRED.value for how in left) else Want.FIXED
