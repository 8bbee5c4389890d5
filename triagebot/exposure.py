"""Where a vulnerability or a package is, in every image that is known: the question that is asked when one is news.

An answer counts only with what it rests on: how many images were looked at, and which were not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import polars as pl

from triagebot.decisions import Held
from triagebot.errors import InputError
from triagebot.excuses import Excuse, said
from triagebot.files import Exemption, Rule
from triagebot.identity import finding_id, glob, is_advisory, is_bulletin, package_name, package_of
from triagebot.looked import Look
from triagebot.model import FINDING, Belief, Ticket
from triagebot.openvex import EXCUSING
from triagebot.rules import NO_RULE
from triagebot.severity import RANK

Finding = tuple[str, str, str]
_SIMILAR = 10
_WILD = re.compile(r"[*?{]")


@dataclass(frozen=True)
class Question:
    """What is asked: vulnerabilities by any of their names, a package, or both (then both must hold)."""

    ids: tuple[str, ...] = ()
    package: str = ""


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


def question(ids: Iterable[str], package: str) -> Question:
    """The question; raises `InputError` if there is none."""
    asked = tuple(dict.fromkeys(text.strip() for text in ids if text.strip()))
    package = package.strip()
    if not asked and not package:
        raise InputError("exposure", "asks for nothing", "name a vulnerability, or a package with --package")
    return Question(asked, package)


def touched(asked: Question, beliefs: Sequence[Belief]) -> list[set[str]]:
    """The assets of each belief that have what is asked for: only their findings need to be judged."""
    names, packages = _meant(asked, beliefs), _packages(asked, beliefs)
    return [set(belief.shown.filter(_holds(asked, names, packages))["asset"].unique()) for belief in beliefs]


def answer(asked: Question, streams: Sequence[Stream]) -> Answer:
    """Put the question to every stream.

    Raises `InputError` for what no scan could answer: "not found" would read as an all-clear.
    """
    beliefs = [stream.belief for stream in streams]
    names, packages = _meant(asked, beliefs), _packages(asked, beliefs)
    _check(asked, names, beliefs)
    hits: list[Hit] = []
    past: list[Past] = []
    for stream in streams:
        holds = _holds(asked, names, packages)
        hits += _hits(stream, stream.belief.shown.filter(holds))
        past += _past(stream, stream.belief.gone.filter(holds))
    similar = _similar(asked, beliefs, packages) if asked.package else ()
    return Answer(asked, names, tuple(hits), tuple(past), tuple(_ground(s) for s in streams), similar)


def _ground(stream: Stream) -> Ground:
    """What an ended stream holds is retired: nothing of it can be affected, and nothing was to be scanned."""
    scanned = sum(look.status == "scanned" for look in stream.looks)
    unscanned = tuple(look for look in stream.looks if look.status != "scanned")
    return Ground(stream.name, stream.label, stream.taken_at, stream.ended, scanned, unscanned)


# -- what is meant -------------------------------------------------------------------------------------------


def _meant(asked: Question, beliefs: Sequence[Belief]) -> dict[str, tuple[str, ...]]:
    """Every name of each id that is asked for, in whatever case it was written; its own first.

    The aliases of all streams count together: what one has learnt holds for the others.
    """
    pairs = {pair for belief in beliefs for pair in belief.aliases.iter_rows()}
    held = {v for belief in beliefs for table in (belief.known, belief.gone) for v in table["vulnerability"].unique()}
    spelt = {name.upper(): name for name in sorted({name for pair in pairs for name in pair} | held)}
    stands: dict[str, set[str]] = {}
    called: dict[str, set[str]] = {}
    for alias, vulnerability in pairs:
        stands.setdefault(alias, set()).add(vulnerability)
        called.setdefault(vulnerability, set()).add(alias)
    names = {}
    for text in asked.ids:
        own = spelt.get(text.upper(), text)
        stands_for = stands.get(own, {own})
        others = {alias for vulnerability in stands_for for alias in called.get(vulnerability, ())}
        names[text] = tuple(dict.fromkeys([*sorted(stands_for), own, *sorted(others)]))
    return names


def _check(asked: Question, names: Mapping[str, tuple[str, ...]], beliefs: Sequence[Belief]) -> None:
    """What is not known by that name must be spelt as a vulnerability is, and be one.

    A vendor's bulletin stands for several vulnerabilities and is no alias of one.
    """
    held = {v for belief in beliefs for table in (belief.known, belief.gone) for v in table["vulnerability"].unique()}
    for text in asked.ids:
        if held & set(names[text]):
            continue
        if is_bulletin(text):
            raise InputError(
                text,
                "is a vendor's bulletin, and findings are kept under the vulnerabilities that it fixes",
                "ask for the CVEs that it names",
            )
        if not is_advisory(text):
            remedy = "write for example CVE-2021-44228; a package is asked for with --package"
            raise InputError(text, "reads like no vulnerability id", remedy)


def _packages(asked: Question, beliefs: Sequence[Belief]) -> set[str]:
    """The packages that are called what is asked for."""
    return {package for package, source in _known_packages(beliefs) if _is_called(package, source, asked.package)}


def _known_packages(beliefs: Sequence[Belief]) -> set[tuple[str, str]]:
    pairs = (
        table.select("package", "source_package").unique().iter_rows()
        for belief in beliefs
        for table in (belief.shown, belief.gone)
    )
    return {pair for rows in pairs for pair in rows}


def _is_called(package: str, source: str, asked: str) -> bool:
    """By its purl, the name that people use, the last part of that, or its source package; globs match all of each."""
    if not asked:
        return False
    wanted = _bare(asked).casefold()
    called = _called(package, source)
    return any(re.match(glob(wanted), name) for name in called) if _WILD.search(wanted) else wanted in called


def _called(package: str, source: str) -> set[str]:
    name = package_name(package)
    every = {package, unquote(package), name, re.split(r"[/:]", name)[-1], source}
    return {text.casefold() for text in every if text}


def _bare(asked: str) -> str:
    """The package without the version that someone wrote behind it; the `@` of a scope is none."""
    at = asked.rfind("@")
    if at > max(asked.rfind("/"), 0):
        asked = asked[:at]
    return asked if _WILD.search(asked) else package_of(asked) or asked


def _similar(asked: Question, beliefs: Sequence[Belief], packages: set[str]) -> tuple[str, ...]:
    """What someone may have meant as well; whoever wrote a glob has said what was meant, if it met anything."""
    wanted = re.split(r"[/:]", _bare(asked.package).casefold().strip("*"))[-1]
    if len(wanted) < 3 or (packages and _WILD.search(asked.package)):
        return ()
    close = {
        package_name(package)
        for package, source in _known_packages(beliefs)
        if package not in packages and any(wanted in name for name in _called(package, source))
    }
    return tuple(sorted(close)[:_SIMILAR])


def _holds(asked: Question, names: Mapping[str, tuple[str, ...]], packages: set[str]) -> pl.Expr:
    holds = pl.lit(True)
    if asked.ids:
        holds = holds & pl.col("vulnerability").is_in(sorted({name for told in names.values() for name in told}))
    if asked.package:
        holds = holds & pl.col("package").is_in(sorted(packages))
    return holds


# -- what is there -------------------------------------------------------------------------------------------


def _hits(stream: Stream, shown: pl.DataFrame) -> list[Hit]:
    """One per image, package and vulnerability, the worst first. Its severity is the finding's, as tickets have it."""
    judged = {tuple(row[c] for c in FINDING): row for row in _judged(stream, shown).iter_rows(named=True)}
    filed = _Filed(stream)
    hits = []
    for (asset, tag, package, vulnerability), rows in shown.group_by(
        "asset", "tag", "package", "vulnerability", maintain_order=True
    ):
        finding = (asset, package, vulnerability)
        row = judged[finding]
        rule = [*stream.rules, NO_RULE][row["rule"]]
        hits.append(
            Hit(
                stream.name, asset, tag, " ".join(_told(rows, "digest")), package,
                package_name(package), vulnerability, row["severity"], bool(rows["fixable"].any()),
                _told(rows, "installed_version"), _told(rows, "fixed_version"), _told(rows, "scanner"),
                stream.team_of.get(asset, ""), rule.id, rule.action, row["first_seen"], max(rows["seen_at"].to_list()),
                bool(rows["verified"].any()), filed.of(finding, rule.action == "attach"),
                _cover(stream, finding, row["excused"]),
            )
        )  # fmt: skip
    return sorted(hits, key=lambda h: (-RANK.get(h.severity, 0), h.image, h.name, h.vulnerability))


def _judged(stream: Stream, shown: pl.DataFrame) -> pl.DataFrame:
    return stream.judged.join(shown.select(FINDING).unique(), on=FINDING, how="semi")


def _told(rows: pl.DataFrame, column: str) -> tuple[str, ...]:
    """The different things that the rows say, without silence."""
    return tuple(text for text in rows[column].unique().sort().to_list() if text)


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
    return Cover(f"{held.said}, until {held.until}", held.kind == "false-positive") if held else None


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


def as_values(answer: Answer) -> dict[str, Any]:
    """The answer as the document of `--json` (docs/json.md)."""
    return {
        "schema": 1,
        "asked": {"vulnerabilities": list(answer.question.ids), "package": answer.question.package},
        "affected": answer.affected,
        "images_scanned": answer.scanned,
        "images_not_scanned": len(answer.unscanned),
        "vulnerabilities": [_verdict(answer, asked) for asked in answer.question.ids],
        "similar_packages": list(answer.similar),
        "streams": [
            {
                "stream": g.stream, "label": g.label, "taken_at": g.taken_at.isoformat(), "ended": g.ended,
                "images_scanned": g.scanned, "images_not_scanned": len(g.unscanned),
                "not_scanned": [
                    {"image": look.image, "status": look.status, "why": look.why, "last_scanned": _iso(look.last)}
                    for look in g.unscanned
                ],
            }
            for g in answer.grounds
        ],
        "hits": [_hit(hit) for hit in answer.hits],
        "past": [_gone(past) for past in answer.past],
    }  # fmt: skip


def _verdict(answer: Answer, asked: str) -> dict[str, Any]:
    hits, past = answer.of(asked)
    return {
        "asked": asked,
        "names": list(answer.names[asked]),
        "images": len({(h.stream, h.image) for h in hits}),
        "images_affected": len({(h.stream, h.image) for h in hits if h.affects}),
        "images_past": len({(p.stream, p.image) for p in past}),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "stream": hit.stream, "image": hit.image, "asset": hit.asset, "tag": hit.tag, "digest": hit.digest,
        "package": hit.package, "vulnerability": hit.vulnerability, "severity": hit.severity,
        "fixable": hit.fixable, "installed": list(hit.installed), "fixed_in": list(hit.fixed),
        "scanners": list(hit.scanners), "team": hit.team, "rule": hit.rule, "action": hit.action,
        "first_seen": hit.first_seen.isoformat(), "last_seen": hit.last_seen.isoformat(), "verified": hit.verified,
        "tickets": _tickets(hit.tickets), "affected": hit.affects,
        "covered_by": hit.cover.said if hit.cover else None,
    }  # fmt: skip


def _gone(past: Past) -> dict[str, Any]:
    return {
        "stream": past.stream, "image": past.image, "asset": past.asset, "tag": past.tag, "package": past.package,
        "vulnerability": past.vulnerability, "how": past.how, "label": past.label, "at": past.at.isoformat(),
        "first_seen": _iso(past.first_seen), "installed": past.installed, "version_after": past.version_after,
        "tag_after": past.tag_after, "team": past.team, "tickets": _tickets(past.tickets),
    }  # fmt: skip


def _tickets(tickets: Iterable[Filed]) -> list[dict[str, Any]]:
    return [{"id": t.id, "url": t.url, "open": t.is_open} for t in tickets]


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
