"""Where a vulnerability or a package is, in every image that is known: the question that is asked when one is news.

An answer counts only with what it rests on: how many images were looked at, and which were not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from triagebot import wanted
from triagebot.decisions import Held
from triagebot.excuses import Excuse, said
from triagebot.files import Exemption, Rule
from triagebot.identity import finding_id, package_name
from triagebot.looked import Look
from triagebot.model import FINDING, Belief, Ticket
from triagebot.openvex import EXCUSING
from triagebot.rules import NO_RULE
from triagebot.severity import RANK
from triagebot.wanted import Question

Finding = tuple[str, str, str]


@dataclass(frozen=True)
class Stream:
    """What one stream knows. `judged`: the findings table of every asset that the question touches.

    `looks` are the images of its last scan, none if the stream `ended`; `held`: people's decisions by finding id.
    """

    name: str
    label: str
    taken_at: datetime
    belief: Belief
    looks: Sequence[Look]
    judged: pl.DataFrame
    tickets: Sequence[Ticket] = ()
    held: Mapping[str, Held] = field(default_factory=dict)
    excuses: Sequence[Excuse] = ()
    rules: Sequence[Rule] = ()
    team_of: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False


@dataclass(frozen=True)
class Filed:
    """A ticket that a hit is on."""

    id: str
    url: str
    is_open: bool


@dataclass(frozen=True)
class Cover:
    """What covers a hit. `clears`: it says that the image is not affected; otherwise people live with it."""

    said: str
    clears: bool


@dataclass(frozen=True)
class Hit:
    """One vulnerability in one package of one image, believed now.

    `fixed`: the versions that fix it, as the scanners name them; `verified`: the last scan saw it.
    """

    stream: str
    asset: str
    tag: str
    digest: str
    package: str
    name: str
    vulnerability: str
    severity: str
    fixable: bool
    installed: tuple[str, ...]
    fixed: tuple[str, ...]
    scanners: tuple[str, ...]
    team: str
    rule: str
    action: str
    first_seen: datetime
    last_seen: datetime
    verified: bool
    tickets: tuple[Filed, ...] = ()
    cover: Cover | None = None

    @property
    def image(self) -> str:
        """`asset:tag`."""
        return f"{self.asset}:{self.tag}" if self.tag else self.asset

    @property
    def affects(self) -> bool:
        """Whether nothing says that the image is not affected."""
        return self.cover is None or not self.cover.clears


@dataclass(frozen=True)
class Past:
    """One finding that was there and is not any more. `how`: fixed, withdrawn or retired, in scan `label` at `at`."""

    stream: str
    asset: str
    tag: str
    package: str
    name: str
    vulnerability: str
    how: str
    label: str
    at: datetime
    first_seen: datetime | None
    installed: str
    version_after: str
    tag_after: str
    team: str
    tickets: tuple[Filed, ...] = ()

    @property
    def image(self) -> str:
        """`asset:tag`, as it was."""
        return f"{self.asset}:{self.tag}" if self.tag else self.asset


@dataclass(frozen=True)
class Ground:
    """What the answer of one stream rests on."""

    stream: str
    label: str
    taken_at: datetime
    ended: bool
    scanned: int
    unscanned: tuple[Look, ...]


@dataclass(frozen=True)
class Answer:
    """Everything that is known. `names`: of each id that was asked for, what else it is called, itself first."""

    question: Question
    names: Mapping[str, tuple[str, ...]]
    hits: tuple[Hit, ...]
    past: tuple[Past, ...]
    grounds: tuple[Ground, ...]
    similar: tuple[str, ...] = ()
    """Other packages whose name holds the one that was asked for."""

    @property
    def scanned(self) -> int:
        """Images that were looked at, in all streams."""
        return sum(ground.scanned for ground in self.grounds)

    @property
    def unscanned(self) -> tuple[tuple[str, Look], ...]:
        """(stream, image) of those that were not looked at, or not by every report."""
        return tuple((ground.stream, look) for ground in self.grounds for look in ground.unscanned)

    @property
    def is_clear(self) -> bool:
        """Whether it can be said that nothing has it: not where an image was not looked at, or where there is none.

        Of a stream that ended nothing is in use, so that there is nothing to look at.
        """
        return not self.affected and not self.unscanned and (self.scanned > 0 or all(g.ended for g in self.grounds))

    @property
    def affected(self) -> bool:
        """Whether any image has it, and nothing says that it is not affected."""
        return any(hit.affects for hit in self.hits)

    def of(self, asked: str) -> tuple[tuple[Hit, ...], tuple[Past, ...]]:
        """What is and what was there of one id that was asked for."""
        names = set(self.names[asked])
        return (
            tuple(hit for hit in self.hits if hit.vulnerability in names),
            tuple(past for past in self.past if past.vulnerability in names),
        )


def touched(asked: Question, beliefs: Sequence[Belief]) -> list[set[str]]:
    """The assets of each belief that have what is asked for: only their findings need to be judged."""
    holds = wanted.holds(asked, wanted.meant(asked, beliefs), wanted.packages(asked, beliefs))
    return [set(belief.shown.filter(holds)["asset"].unique()) for belief in beliefs]


def answer(asked: Question, streams: Sequence[Stream]) -> Answer:
    """Put the question to every stream.

    Raises `InputError` for what no scan could answer: "not found" would read as an all-clear.
    """
    beliefs = [stream.belief for stream in streams]
    names, packages = wanted.meant(asked, beliefs), wanted.packages(asked, beliefs)
    wanted.check(asked, names, beliefs)
    holds = wanted.holds(asked, names, packages)
    hits: list[Hit] = []
    past: list[Past] = []
    for stream in streams:
        hits += _hits(stream, stream.belief.shown.filter(holds))
        past += _past(stream, stream.belief.gone.filter(holds))
    similar = wanted.similar(asked, beliefs, packages) if asked.package else ()
    return Answer(asked, names, tuple(hits), tuple(past), tuple(_ground(s) for s in streams), similar)


def _ground(stream: Stream) -> Ground:
    """What an ended stream holds is retired: nothing of it can be affected, and nothing was to be scanned."""
    scanned = sum(look.status == "scanned" for look in stream.looks)
    unscanned = tuple(look for look in stream.looks if look.status != "scanned")
    return Ground(stream.name, stream.label, stream.taken_at, stream.ended, scanned, unscanned)


def _hits(stream: Stream, shown: pl.DataFrame) -> list[Hit]:
    """One per image, package and vulnerability, the worst first. Its severity is the finding's, as tickets have it."""
    judged = {tuple(row[c] for c in FINDING): row for row in _judged(stream, shown).iter_rows(named=True)}
    filed = _Filed(stream)
    hits = []
    for row in _places(shown).iter_rows(named=True):
        finding = (row["asset"], row["package"], row["vulnerability"])
        known = judged[finding]
        rule = [*stream.rules, NO_RULE][known["rule"]]
        hits.append(
            Hit(
                stream.name, row["asset"], row["tag"], row["digest"], row["package"], package_name(row["package"]),
                row["vulnerability"], known["severity"], row["fixable"],
                _told(row["installed_version"]), _told(row["fixed_version"]), _told(row["scanner"]),
                stream.team_of.get(row["asset"], ""), rule.id, rule.action, known["first_seen"], row["seen_at"],
                row["verified"], filed.of(finding, rule.action == "attach"), _cover(stream, finding, known["excused"]),
            )
        )  # fmt: skip
    return sorted(hits, key=lambda h: (-RANK.get(h.severity, 0), h.image, h.name, h.vulnerability))


def _places(shown: pl.DataFrame) -> pl.DataFrame:
    """What all rows of one image, package and vulnerability say together."""
    return shown.group_by("asset", "tag", "package", "vulnerability", maintain_order=True).agg(
        pl.col("digest").max(), pl.col("fixable", "verified").any(), pl.col("seen_at").max(),
        pl.col("installed_version", "fixed_version", "scanner").unique().sort(),
    )  # fmt: skip


def _told(texts: list[str]) -> tuple[str, ...]:
    """The different things that the rows say, without silence."""
    return tuple(filter(None, texts))


def _judged(stream: Stream, shown: pl.DataFrame) -> pl.DataFrame:
    return stream.judged.join(shown.select(FINDING).unique(), on=FINDING, how="semi")


def _cover(stream: Stream, finding: Finding, excused: int | None) -> Cover | None:
    if excused is not None:
        excuse = stream.excuses[excused]
        clears = (
            excuse.kind in ("false-positive", "not-affected")
            if isinstance(excuse, Exemption)
            else excuse.status in EXCUSING
        )
        return Cover(said(excuse), clears)
    held = stream.held.get(finding_id(*finding))
    return Cover(held.words, held.kind == "false-positive") if held else None


def _past(stream: Stream, gone: pl.DataFrame) -> list[Past]:
    filed = _Filed(stream)
    past = [
        Past(
            stream.name, row["asset"], row["tag"], row["package"], package_name(row["package"]), row["vulnerability"],
            row["how"], row["label"], row["at"], row["first_seen"], row["installed_version"], row["version_after"],
            row["tag_after"], stream.team_of.get(row["asset"], ""),
            filed.of((row["asset"], row["package"], row["vulnerability"]), by_image=True),
        )
        for row in gone.iter_rows(named=True)
    ]  # fmt: skip
    return sorted(past, key=lambda p: (p.image, p.name, p.vulnerability))


class _Filed:
    """Which tickets a finding is on."""

    def __init__(self, stream: Stream) -> None:
        self.by_finding: dict[str, list[Ticket]] = {}
        self.by_key: dict[str, list[Ticket]] = {}
        for ticket in stream.tickets:
            self.by_key.setdefault(ticket.marker.key.removesuffix(f"@{stream.name}"), []).append(ticket)
            for finding in ticket.marker.shown:
                self.by_finding.setdefault(finding, []).append(ticket)

    def of(self, finding: Finding, by_image: bool) -> tuple[Filed, ...]:
        """Those that name it. `by_image`: else those of its image, which tell of it without acting on it."""
        named = self.by_finding.get(finding_id(*finding), [])
        if not named and by_image:
            named = self.by_key.get(f"image:{finding[0]}", [])
        return tuple(Filed(t.id, t.url, t.is_open) for t in named)
