"""Findings -> drafts: the line between tables and objects. One draft per ticket key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from triagebot import keys
from triagebot.covered import Looked
from triagebot.decisions import Held
from triagebot.grouping import Grouping, Room, addressed
from triagebot.identity import finding_id, package_name, tagged
from triagebot.lines import Judged, Lines
from triagebot.model import SEVERITIES, Belief, Below, Change, Draft, Gone, Line, Ticket, Want
from triagebot.rules import same


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
    lines = Lines(judged, belief, held, grouping)
    rows = lines.relevant(owned)
    waiting: list[Draft] = []
    if room and not any(keys.foreign(key, grouping.by) for key in markers) and not lines.strayed(rows, owned):
        rows, waiting = lines.within(rows, room, room.taken | set(markers))
    by_key: dict[str, list[Judged]] = defaultdict(list)
    for item in lines.spelt_out(rows):
        by_key[item.key].append(item)
    seen = Looked(coverage)
    gone = _gone(belief, owned)
    named = dict.fromkeys([*sorted(by_key), *sorted(markers)])
    unverified = lines.unverified()
    every = [item for items in by_key.values() for item in items]
    ids = {item.line.id for item in every}
    away = {key for key in named if keys.foreign(key, grouping.by) or (key not in by_key and _live(markers[key], ids))}
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
        for key in named
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
                row["label"], tagged(row["tag"], row["digest"]), tagged(row["tag_after"], row["digest_after"]),
                row["installed_version"], row["version_after"],
            )  # fmt: skip
    return left


def _draft(
    key: str,
    items: list[Judged],
    every: list[Judged],
    tickets: list[Ticket],
    gone: Mapping[str, Gone],
    seen: Looked,
    has_unverified: bool,
    is_away: bool,
    grouping: Grouping,
) -> Draft | None:
    shown = {finding for t in tickets for finding in t.marker.shown}
    acting = [i for i in items if i.rule.action == "ticket"]
    if grouping.baseline:
        acting = [i for i in acting if not i.baseline or i.line.id in shown]
    lines = [i.line for i in acting if not i.line.excuse]
    lower = [i for i in (every or items) if i.rule.action != "ticket" and i.line.id in shown]
    staying = [i.line for i in lower if not i.line.excuse]
    spared = shown.union(*(t.marker.spared for t in tickets))
    excused = [i.line for i in acting if i.line.excuse]
    excused += [i.line for i in items if i.line.excuse and i.rule.action != "ticket" and i.line.id in spared]
    absent: set[str] = set()
    if is_away:
        excused = [i.line for i in every if i.line.id in shown and i.line.excuse]
        if all(seen.looked_at(t.marker.images) for t in tickets):  # not there, and a lost history has no evidence
            absent = shown - set(gone) - {i.line.id for i in every}
    want = _want(lines, excused, staying, has_unverified, tickets, gone, seen, grouping.digest)
    if is_away and shown - set(gone) - absent:
        want = Want.UNKNOWN  # it was grouped otherwise: the plan moves it once its findings have a home
    if not tickets and want is not Want.OPEN:
        return None
    if want is Want.STAYS:
        lines = staying
    named = {line.id for line in (*lines, *excused)}
    info = [i.line for i in items if i.rule.action == "attach" and i.line.verified and i.line.id not in named]
    excused += [line for line in info if line.excuse]
    draft = addressed(key, grouping)
    assets = sorted({line.asset for line in lines}) or ([draft.subject] if key.startswith("image:") else [])
    at = [seen.scanned_at[a] for a in assets if a in seen.scanned_at]
    images = {image for asset in assets for image in seen.images(asset)}
    left = sorted((gone[f] for f in shown if f in gone), key=lambda g: (g.name, g.vulnerability, g.id))
    below = sorted(
        (
            Below(i.line.id, i.line.vulnerability, i.line.name, i.line.asset, i.rule.id, i.rule.because,
                  i.rule.action == "ignore")
            for i in lower if i.line.verified and not i.line.excuse
        ),
        key=lambda b: (b.name, b.vulnerability, b.id),
    )  # fmt: skip
    return replace(
        draft, want=want, lines=_sorted(lines), attached=_sorted(line for line in info if not line.excuse),
        excused=_sorted(excused), gone=tuple(left),
        images=tuple(sorted(images)) or tuple(i for t in tickets for i in t.marker.images),
        below=tuple(below), absent=tuple(sorted(absent)), scanned_at=max(at, default=None), regrouped=is_away,
    )  # fmt: skip


def _live(tickets: Iterable[Ticket], ids: set[str]) -> bool:
    """Whether what tickets of a key without findings showed is there all the same: its owner or its name changed."""
    return any(not ids.isdisjoint(ticket.marker.shown) for ticket in tickets)


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    def rank(line: Line) -> tuple[object, ...]:
        return line.priority, SEVERITIES.index(line.severity), line.name, line.vulnerability, line.asset, line.package

    return tuple(sorted(lines, key=rank))


def _want(
    lines: list[Line],
    excused: list[Line],
    staying: list[Line],
    has_unverified: bool,
    tickets: list[Ticket],
    gone: Mapping[str, Gone],
    seen: Looked,
    rules: str,
) -> Want:
    """The state table of DESIGN section 6, first match. `staying`: what tickets showed, and no rule asks for now."""
    shown = {finding for t in tickets for finding in t.marker.shown}
    if any(line.verified for line in lines):
        return Want.OPEN
    if has_unverified:
        return Want.LEAVE
    if staying:
        return Want.STAYS if all(same(t.marker.rules, rules) for t in tickets) else Want.BELOW
    if excused:
        return Want.DECIDED
    if shown - set(gone) and not all(seen.looked_at(t.marker.images) for t in tickets):
        return Want.UNKNOWN
    left = [gone[f].how for f in shown if f in gone]
    return Want.RETIRED if left and all(how == Change.RETIRED.value for how in left) else Want.FIXED
