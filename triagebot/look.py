"""What is believed and what stands, put side by side: tickets listed, findings judged, drafts made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from triagebot import decisions, group, owners, rules
from triagebot.beside import Helper
from triagebot.config import Config
from triagebot.decisions import Held
from triagebot.errors import TrackerError
from triagebot.findings import findings
from triagebot.history import History, KnownTicket, State
from triagebot.model import Belief, Draft, Ticket, TrackerFacts
from triagebot.owners import Ownership
from triagebot.trackers import Tracker, connect


@dataclass(frozen=True)
class Options:
    """What one call asks for."""

    now: datetime
    taken_at: datetime | None = None
    label: str = ""
    stream: str = "main"
    dry_run: bool = False
    record_only: bool = False
    accept_drop: bool = False
    allow_mass_close: bool = False
    end_stream: bool = False
    progress: Callable[[str], None] | None = None
    helpers: Sequence[Helper] = ()


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
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

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
) -> View:
    """List the trackers, and judge what is believed.

    `keep`: note in history what was seen of the tickets; `every`: spell out also the drafts that wait.
    """
    trackers = {
        name: connect(name, settings, config.base, options.now) for name, settings in config.settings.trackers.items()
    }
    known = history.tickets()
    facts, held, errors, warnings = _list_trackers(config, history, trackers, known, options, keep)
    tickets = [t for f in facts.values() for t in f.tickets if t.marker.stream == options.stream]
    if state.belief.scans <= 1 and not known and tickets:
        warnings.append("history was lost: tickets exist that it does not know; all findings count as new once")
    held = {**held, **decisions.held_by_people(tickets, config.settings.decision_expiry, options.now)}
    assets = {*state.belief.known["asset"].unique().to_list(), *(_asset(t) for t in tickets)}
    ownership = owners.assign(sorted(assets), config.teams, config.charts)
    judged = _judge(config, state.belief, ownership, options.now)
    grouping = group.Grouping(
        config.settings.group_by, config.rules, config.exemptions, config.teams, ownership.team_of, options.stream,
        config.settings.backlog == "baseline",
    )  # fmt: skip
    broken = frozenset(key for f in facts.values() for key in f.broken)
    room = None if every else group.Room(config.settings.limits.new_tickets, broken)
    drafts = group.drafts(judged, state.belief, coverage, tickets, held, grouping, room)
    return View(state, coverage, judged, ownership, facts, trackers, held, drafts, tuple(errors), tuple(warnings))


def _asset(ticket: Ticket) -> str:
    return ticket.marker.key.removesuffix(f"@{ticket.marker.stream}").partition(":")[2]


def _judge(config: Config, belief: Belief, ownership: Ownership, now: datetime) -> pl.DataFrame:
    aliases: dict[str, list[str]] = {}
    for alias, vulnerability in belief.aliases.iter_rows():
        aliases.setdefault(alias, []).append(vulnerability)
    table = findings(belief, ownership.team_of, now)
    return table.with_columns(
        rules.verdicts(table, config.rules, aliases).alias("rule"),
        decisions.excused(table, config.exemptions, aliases, now).alias("excused"),
    )


def _list_trackers(
    config: Config,
    history: History,
    trackers: Mapping[str, Tracker],
    known: Mapping[tuple[str, str], KnownTicket],
    options: Options,
    keep: bool,
) -> tuple[dict[str, TrackerFacts], dict[str, Held], list[str], list[str]]:
    """The tickets of each tracker; decisions that deleting a ticket made; errors; warnings."""
    facts: dict[str, TrackerFacts] = {}
    held: dict[str, Held] = {}
    errors: list[str] = []
    warnings: list[str] = []
    for name, tracker in trackers.items():
        if keep:
            tracker.tidy()
        mine = {ticket_id: k for (where, ticket_id), k in known.items() if where == name}
        try:
            listing = tracker.listing({i: k.marker for i, k in mine.items()})
        except TrackerError as error:
            errors.append(str(error))
            facts[name] = TrackerFacts(name, tracker.markup, tracker.body_limit, incomplete=str(error))
            continue
        errors += [f"{name}: {ticket_id} {fault}" for ticket_id, fault in listing.broken]
        errors += [f"{name}: {listing.incomplete}"] if listing.incomplete else []
        warnings += listing.warnings
        tickets = []
        for ticket in listing.tickets:
            noted = history.remember(ticket, options.now, mine.get(ticket.id)) if keep else mine.get(ticket.id)
            closed_seen = noted.closed_seen if noted else ""
            if not ticket.is_open and ticket.closed_at is None:
                seen = datetime.fromisoformat(closed_seen) if closed_seen else options.now
                ticket = replace(ticket, closed_at=seen)  # noqa: PLW2901 - the same ticket, known better
            tickets.append(ticket)
        unread = frozenset(mine[i].marker.key for i, _ in listing.broken if i in mine)
        facts[name] = TrackerFacts(name, tracker.markup, tracker.body_limit, tuple(tickets), listing.incomplete, unread)
        present = {t.id for t in tickets} | {ticket_id for ticket_id, _ in listing.broken}
        if not listing.incomplete:
            missed = [k for i, k in mine.items() if i not in present and k.marker.stream == options.stream]
            held |= _deleted(config, history, missed, options, keep, warnings)
    if keep and not errors:
        for intent in history.intents():
            history.settle(intent["tracker"], intent["key"])
    return facts, held, errors, warnings


def _deleted(
    config: Config,
    history: History,
    missed: list[KnownTicket],
    options: Options,
    keep: bool,
    warnings: list[str],
) -> dict[str, Held]:
    """Deleting a ticket is a decision on the findings that it showed: reported, and not filed again."""
    held: dict[str, Held] = {}
    for known in missed:
        noted = history.note_deleted(known, options.now) if keep else known
        since = datetime.fromisoformat(noted.deleted_seen) if noted.deleted_seen else options.now
        until = (since + config.settings.decision_expiry).date()
        if options.now.date() < until:
            warnings.append(f"{known.id} was deleted; what it showed is not filed again until {until}")
            held |= {finding: Held(until, decisions.SAID) for finding in known.marker.shown}
    return held
