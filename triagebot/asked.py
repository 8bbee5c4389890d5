"""Gathers what the streams of a history know, for a question that is put to all of them. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from triagebot import owners
from triagebot.beliefs import State
from triagebot.config import Config
from triagebot.counted import ignoring
from triagebot.exposure import Answer, Stream, answer, touched
from triagebot.history import History
from triagebot.look import Options, grounds, judge
from triagebot.looked import Look, looks
from triagebot.model import Belief, Ticket
from triagebot.outside import Outside, look_outside
from triagebot.seen import connected, listed
from triagebot.sheet import Sheet, make
from triagebot.snapshots import Snapshot
from triagebot.wanted import Question


@dataclass(frozen=True)
class Told:
    """The answer, and what a person should know of how it was come by."""

    answer: Answer
    warnings: tuple[str, ...] = ()


def exposure(config: Config, options: Options, asked: Question, stream: str = "") -> Told:
    """Answer from every stream, or from one.

    A tracker that cannot be read keeps nobody from an answer: its tickets are then told as a run last saw them.
    """
    history = History(config.history, config.settings.severity_sources)
    states = _states(config, history, stream)
    known = history.tickets()
    seen = listed(config, history, connected(config, options), known, options, keep=False)
    tickets = [ticket for facts in seen.facts.values() for ticket in facts.tickets]
    standing = {(ticket.tracker, ticket.id) for ticket in tickets}
    unread = {name: facts.broken if not facts.incomplete else None for name, facts in seen.facts.items()}
    for (name, ticket_id), remembered in known.items():
        broken = unread.get(name, frozenset())
        is_unread = broken is None or remembered.ticket.marker.key in broken
        if is_unread and not remembered.deleted_seen and (name, ticket_id) not in standing:
            tickets.append(remembered.ticket)
    outside = look_outside(config, options.now, keep=False, ask=False)
    beliefs = [state.belief for _, state in states]
    streams = [
        _stream(config, history, last, state, assets, tickets, outside, replace(options, stream=last.stream))
        for (last, state), assets in zip(states, touched(asked, beliefs), strict=True)
    ]
    warnings = [f"{error}; its tickets are told as they were last seen" for error in seen.errors]
    return Told(answer(asked, streams), (*warnings, *outside.warnings))


def images(config: Config, history: History, last: Snapshot, belief: Belief) -> list[Look]:
    """Every image of a stream, and whether its last scan looked at it; none of one that ended."""
    if last.scope.end_stream:
        return []
    listed = None if config.inventory is None else [(i.asset, i.tag) for i in config.inventory]
    return looks(history.scan(last).coverage, belief, listed, _kept_since(config, history, last.stream))


def _kept_since(config: Config, history: History, stream: str) -> datetime | None:
    """What was last scanned at that time or before has been missing for `retire_after` scans."""
    after = config.settings.retire_after
    accepted = [s for s in history.snapshots(stream) if s.accepted]
    return accepted[-1 - after].taken_at if after and len(accepted) > after else None


def _states(config: Config, history: History, stream: str) -> list[tuple[Snapshot, State]]:
    """The last scan of each stream, and what is believed since."""
    names = [stream] if stream else sorted({s.stream for s in history.snapshots()})
    states = [history.state(name, keep_cache=False) for name in names]
    found = [(state.last, state) for state in states if state.last]
    if not found:
        raise history.unknown(stream)
    return found


def _stream(
    config: Config, history: History, last: Snapshot, state: State, assets: set[str], tickets: Sequence[Ticket],
    outside: Outside, options: Options,
) -> Stream:  # fmt: skip
    belief = state.belief
    every = {*assets, *belief.gone["asset"].unique().to_list()}
    ownership = owners.assign(sorted(every), config.teams, config.charts)
    ground = grounds(config, history, belief, tickets, options)
    return Stream(
        options.stream, last.label, last.taken_at, belief, images(config, history, last, belief),
        judge(config, _of(belief, assets), ownership, outside, options.now), ground.tickets, ground.held,
        (*config.exemptions, *outside.statements), config.rules, ownership.team_of, last.scope.end_stream,
    )  # fmt: skip


def _of(belief: Belief, assets: set[str]) -> Belief:
    """What is believed of some assets: VEX statements look at all that stands beside a package."""
    mine = pl.col("asset").is_in(sorted(assets))
    return replace(belief, shown=belief.shown.filter(mine), known=belief.known.filter(mine))


def sheet(config: Config, options: Options) -> Sheet:
    """The per-image sheet of a stream, as things stand after its last scan."""
    history = History(config.history, config.settings.severity_sources)
    ((last, state),) = _states(config, history, options.stream)
    belief = state.belief
    told = images(config, history, last, belief)
    every = {*belief.known["asset"].unique().to_list(), *(look.asset for look in told)}
    ownership = owners.assign(sorted(every), config.teams, config.charts)
    outside = look_outside(config, options.now, keep=False, ask=False)
    return make(
        last.label, last.stream, last.taken_at, told, belief, judge(config, belief, ownership, outside, options.now),
        ignoring(config), config.settings.severity_sources,
        config.charts, ownership.team_of,
    )  # fmt: skip
