"""What is believed and what stands, put side by side: tickets listed, findings judged, drafts made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from triagebot import decisions, group, owners, renamed, rules, sharing, vexjoin
from triagebot.beliefs import State
from triagebot.config import Config, strange_sources
from triagebot.decisions import Held
from triagebot.excuses import Excuse, excused
from triagebot.findings import findings
from triagebot.grouping import Grouping, Room
from triagebot.history import History
from triagebot.identity import finding_id
from triagebot.model import FINDING, Belief, Decision, Draft, Ticket, TrackerFacts
from triagebot.outside import Outside, look_outside
from triagebot.owners import Ownership
from triagebot.render import many, number
from triagebot.seen import Options, Seen, connected, deletions, former, listed, surveyed
from triagebot.trackers import Tracker

__all__ = ["Options", "View", "assets", "beside", "judge", "look"]


@dataclass(frozen=True)
class View:
    """Everything that is believed and judged at one point: the ground of plan, summary and explanations."""

    state: State
    coverage: pl.DataFrame
    judged: pl.DataFrame
    ownership: Ownership
    facts: Mapping[str, TrackerFacts]
    trackers: Mapping[str, Tracker]
    held: Mapping[str, Held]
    drafts: Sequence[Draft]
    excuses: Sequence[Excuse] = ()
    """What the column `excused` counts: exceptions, then VEX statements."""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    outside: Outside | None = None
    tracking: Mapping[str, Ticket] = field(default_factory=dict)
    """The ticket that carries the weekly summaries, by tracker."""
    untracked: Mapping[str, str] = field(default_factory=dict)
    """Why a tracker gets none."""
    former: Sequence[Ticket] = ()
    """Tickets of trackers that the settings name no more, as they were last seen: for what people decided there."""

    @property
    def tickets(self) -> list[Ticket]:
        """All own tickets of all trackers."""
        return [t for facts in self.facts.values() for t in facts.tickets]


def look(
    config: Config,
    history: History,
    state: State,
    coverage: pl.DataFrame,
    options: Options,
    keep: bool,
    every: bool = False,
    outside: Outside | None = None,
) -> View:
    """List the trackers, and judge what is believed.

    `keep`: note in history what was seen of the tickets; `every`: spell out also the drafts that wait. With
    `record_only` no ticket is wanted: no tracker is asked. `outside`: feeds and VEX, where they are read already.
    """
    importing = options.record_only
    trackers = {} if importing else connected(config, options)
    known = history.tickets()
    seen = listed(config, history, trackers, known, options, keep)
    there = [t for f in seen.facts.values() for t in f.tickets]
    before = [] if importing else former(config, known.values(), options, there)
    seen, before = _called_now(seen, before, state.belief, options.stream)
    warnings = list(seen.warnings)
    tickets = [t for f in seen.facts.values() for t in f.tickets if t.marker.stream == options.stream]
    is_lost = state.belief.scans <= 1 and not known and bool(tickets)
    if is_lost:
        warnings.append("history was lost: tickets exist that it does not know; all findings count as new once")
    expiry = config.settings.decision_expiry
    warnings += _former(decisions.in_force(before, expiry, options.now), before)
    held = {**seen.held, **decisions.held_by_people([*before, *tickets], expiry, options.now)}
    owned = assets(state.belief, coverage) | {_asset(t) for t in tickets}
    ownership = owners.assign(sorted(owned), config.teams, config.charts)
    outside = outside or look_outside(config, options.now, keep, ask=not every)
    if not (every or importing):
        warnings += sharing.warnings(config, history, known.values(), tickets, options.stream)
    warnings += [*outside.warnings, *strange_sources(config, [state.belief])]
    excuses: tuple[Excuse, ...] = (*config.exemptions, *outside.statements)
    judged = judge(config, state.belief, ownership, outside, options.now)
    grouping = Grouping(
        config.settings.group_by, config.rules, excuses, config.teams, ownership.team_of, options.stream,
        config.settings.backlog == "baseline", config.settings.severity_sources,
    )  # fmt: skip
    if is_lost and grouping.baseline:
        warnings += _baseline_lost(config, judged, tickets, held)
    broken = frozenset(key for f in seen.facts.values() for key in (*f.broken, *f.unsure, *(k for _, k in f.claimed)))
    room = None if every else Room(config.settings.limits.new_tickets, broken)
    drafts = [] if importing else group.drafts(judged, state.belief, coverage, tickets, held, grouping, room)
    facts, errors = (seen.facts, list(seen.errors)) if every else surveyed(seen, trackers, drafts)
    return View(
        state, coverage, judged, ownership, facts, trackers, held, drafts, excuses, tuple(errors), tuple(warnings),
        outside, seen.tracking, seen.untracked, before,
    )  # fmt: skip


def beside(config: Config, history: History, view: View, options: Options) -> View:
    """The same for another stream (`options.stream`), by what was listed already; without drafts."""
    state = history.state(options.stream, keep_cache=False)
    ground = grounds(config, history, state.belief, view.tickets, options)
    coverage = history.scan(state.last).coverage if state.last else view.coverage.clear()
    owned = assets(state.belief, coverage) | {_asset(t) for t in ground.tickets}
    ownership = owners.assign(sorted(owned), config.teams, config.charts)
    outside = view.outside or look_outside(config, options.now, keep=False, ask=False)
    judged = judge(config, state.belief, ownership, outside, options.now)
    return replace(
        view, state=state, coverage=coverage, judged=judged, ownership=ownership, held=ground.held, drafts=(),
        former=ground.former,
    )  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """The tickets of a stream, those of former trackers, and what people decided, under the names of today."""

    tickets: list[Ticket]
    former: list[Ticket]
    held: Mapping[str, Held]


def grounds(config: Config, history: History, belief: Belief, tickets: Sequence[Ticket], options: Options) -> Ground:
    """What stands for one stream among tickets that were listed before; nothing is noted."""
    missed = deletions(config, history, options, tickets)
    mine = [t for t in tickets if t.marker.stream == options.stream]
    before = former(config, history.tickets().values(), options, tickets)
    ids = renamed.renamed(belief, [*before, *mine], missed)
    mine, before = ([renamed.ticket(t, ids) for t in some] for some in (mine, before))
    people = decisions.held_by_people([*before, *mine], config.settings.decision_expiry, options.now)
    return Ground(mine, before, {**renamed.decisions(missed, ids), **people})


def _baseline_lost(
    config: Config, judged: pl.DataFrame, tickets: Sequence[Ticket], held: Mapping[str, Held]
) -> list[str]:
    """What is taken for the first scan's, because nobody knows any more what that had: it may be new."""
    acting = [i for i, rule in enumerate(config.rules) if rule.action == "ticket"]
    rows = judged.filter("baseline", pl.col("rule").is_in(acting), pl.col("excused").is_null())
    seen = {finding for ticket in tickets for finding in ticket.marker.shown} | set(held)
    left = [row["severity"] for row in rows.iter_rows(named=True) if finding_id(*(row[c] for c in FINDING)) not in seen]
    serious = sum(severity in ("critical", "high") for severity in left)
    return [
        f"with it went what the first scan had: with `backlog: baseline`, {many(len(left), 'finding')} of this scan "
        f"that no ticket shows, {number(serious)} of them critical or high, get no ticket, new or not; "
        "bring the history back and run again, or set `backlog: ticket` to file them"
    ] if left else []  # fmt: skip


def _former(decided: Sequence[Decision], before: Sequence[Ticket]) -> list[str]:
    """That people decided in trackers that the settings name no more; one sentence for each tracker."""
    named = {ticket.id: ticket.tracker for ticket in before}
    counted = Counter(named[decision.ticket] for decision in decided)
    return [
        f"tracker {name!r} is in the settings no more: history keeps {many(count, 'decision')} of people on "
        "its tickets, each until its day; name the tracker in `trackers:` again to change one"
        for name, count in sorted(counted.items())
    ]


def _called_now(seen: Seen, before: list[Ticket], belief: Belief, stream: str) -> tuple[Seen, list[Ticket]]:
    """What was seen, and what was before, with the findings of this stream under the names that they have by now."""
    mine = [t for facts in seen.facts.values() for t in facts.tickets if t.marker.stream == stream]
    ids = renamed.renamed(belief, [*before, *mine], seen.held)
    if not ids:
        return seen, before
    facts = {
        name: replace(f, tickets=tuple(renamed.ticket(t, ids) if t.marker.stream == stream else t for t in f.tickets))
        for name, f in seen.facts.items()
    }
    seen = replace(seen, facts=facts, held=renamed.decisions(seen.held, ids))
    return seen, [renamed.ticket(t, ids) for t in before]


def assets(belief: Belief, coverage: pl.DataFrame) -> set[str]:
    """What is there: all that something is believed of, and all that the last scan has a report of, clean or not."""
    return {*belief.known["asset"].unique().to_list(), *coverage["asset"].unique().to_list()}


def _asset(ticket: Ticket) -> str:
    return ticket.marker.key.removesuffix(f"@{ticket.marker.stream}").partition(":")[2]


def by_alias(belief: Belief) -> dict[str, list[str]]:
    """What each alias stands for."""
    aliases: dict[str, list[str]] = {}
    for alias, vulnerability in belief.aliases.iter_rows():
        aliases.setdefault(alias, []).append(vulnerability)
    return aliases


def judge(config: Config, belief: Belief, ownership: Ownership, outside: Outside, now: datetime) -> pl.DataFrame:
    """The findings, each with the rule that decides on it and what excuses it (an index into `View.excuses`)."""
    aliases = by_alias(belief)
    table = findings(belief, ownership.team_of, now, config.settings.severity_sources, outside.feeds)
    covered = excused(table, config.exemptions, aliases, now)
    if outside.statements:
        told = vexjoin.judged(table, belief.shown, outside.statements, belief.aliases, now)
        table = table.with_columns(told["vex"], told["stated"])
        covered = covered.fill_null(told["stated"] + len(config.exemptions))
    return table.with_columns(rules.verdicts(table, config.rules, aliases).alias("rule"), covered)
