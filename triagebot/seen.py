"""What stands in the trackers: each is listed once a run, and history is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from triagebot import decisions, sharing
from triagebot.beside import Helper
from triagebot.config import Config
from triagebot.decisions import Held
from triagebot.errors import InputError, TrackerError
from triagebot.files import LocalSettings
from triagebot.history import History, KnownTicket
from triagebot.keys import bare
from triagebot.model import SUMMARY_KEY, Draft, Ticket, TrackerFacts, Unread
from triagebot.stages import Stages
from triagebot.trackers import Known, Listing, Tracker, connect


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
    notice: Callable[[str], None] | None = None
    """Told what a person at a terminal should know at once, such as a wait."""
    attended: bool = False
    """Whether a person sits at a terminal, who sees what this call says."""
    stages: Stages = field(default_factory=Stages, compare=False)


@dataclass
class Seen:
    """The tickets of each tracker, the decisions that deleting a ticket made, and what went wrong."""

    facts: dict[str, TrackerFacts] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    tracking: dict[str, Ticket] = field(default_factory=dict)
    """The ticket that carries the weekly summaries, by tracker: it is no ticket on findings, and counted as none."""
    untracked: dict[str, str] = field(default_factory=dict)
    """Why a tracker gets none, in words."""
    named: dict[str, Callable[[str, str], str]] = field(default_factory=dict)
    """The id that the ticket of a key and stream has in a tracker, where these decide it."""
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def folders(config: Config) -> None:
    """Raises `InputError` where tickets are to be files in what is no folder: before a scan is recorded."""
    for name, tracker in config.settings.trackers.items():
        if isinstance(tracker, LocalSettings) and (config.base / tracker.path).is_file():
            raise InputError(f"tracker {name!r}", f"{tracker.path} is no folder", "name another folder in `path`")


def connected(config: Config, options: Options) -> dict[str, Tracker]:
    """The trackers that the settings name."""
    places: dict[str, set[str]] = defaultdict(set)
    for team in config.teams.teams.values():
        places[team.tracker].add(team.place)
    if told := config.settings.summary:
        places[told.tracker].add(told.place)
    return {
        name: connect(name, settings, config.base, options.now, places[name] - {""}, config.secrets, options.notice)
        for name, settings in config.settings.trackers.items()
    }


def listed(
    config: Config,
    history: History,
    trackers: Mapping[str, Tracker],
    known: Mapping[tuple[str, str], KnownTicket],
    options: Options,
    keep: bool,
) -> Seen:
    """List each tracker. `keep`: note in history what was seen."""
    seen = Seen()
    for name, tracker in trackers.items():
        if keep:
            tracker.tidy()
        named = [k for (where, _), k in known.items() if where == name]
        mine = {k.ticket.id: k for k in named if not sharing.is_other_kind(config, k.ticket)}
        alive = {i: k.ticket for i, k in mine.items() if not (k.deleted_seen or _is_others(config, k.ticket, options))}
        try:
            listing = tracker.listing(Known(alive, history.memory(name, named)))
        except TrackerError as error:
            seen.errors.append(str(error))
            seen.facts[name] = _facts(tracker, incomplete=_bare(name, str(error)))
            continue
        shut = {place: _bare(name, fault) for place, fault in listing.shut.items()}
        listing = replace(listing, incomplete=_bare(name, listing.incomplete), shut=shut)
        seen.errors += [f"{name}: {ticket_id} {fault}" for ticket_id, fault in listing.broken]
        seen.errors += [f"{name}: {fault}" for fault in (listing.incomplete, *listing.shut.values()) if fault]
        seen.warnings += listing.warnings
        for old, new in listing.renamed.items():
            mine.setdefault(new, mine.pop(old))
        tickets = tuple(_noted(history, t, mine.get(t.id), options, keep) for t in listing.tickets)
        for old in listing.renamed if keep else ():
            history.forget(name, old)  # not before the new one is known: a run can be killed in between
        unread = frozenset(mine[i].ticket.marker.key for i, _ in listing.broken if i in mine)
        unsure = _unsure(history, tracker, tickets, options, keep and not listing.shut)
        _tracked(seen, name, tickets)
        tickets = tuple(t for t in tickets if t.marker.key != SUMMARY_KEY)
        streams = {i: k.ticket.marker.stream for i, k in mine.items()}
        faults = tuple(Unread(i, fault, streams.get(i, "")) for i, fault in listing.broken)
        seen.facts[name] = replace(_facts(tracker, tickets, listing, unread), unsure=unsure, unread=faults)
        if listing.named:
            seen.named[name] = listing.named
        present = {t.id for t in listing.tickets} | {ticket_id for ticket_id, _ in listing.broken}
        if not listing.incomplete:
            away = [k for i, k in mine.items() if i not in present and not sharing.elsewhere(config, k.ticket)]
            lost = [k for k in away if k.ticket.marker.key == SUMMARY_KEY]
            _untracked(config, history, seen, name, lost, options, keep)
            missed = [k for k in away if k.ticket.marker.stream == options.stream]
            missed = _replaced(missed, tickets)
            seen.held |= _deleted(config, history, missed, options, keep, seen.warnings)
    return seen


def _is_others(config: Config, ticket: Ticket, options: Options) -> bool:
    """Whether a ticket is of another stream and of a folder that only other settings name."""
    return ticket.marker.stream != options.stream and sharing.elsewhere(config, ticket) is not None


def _tracked(seen: Seen, name: str, tickets: Sequence[Ticket]) -> None:
    """Of several, such as of a place where it was before, an open one counts."""
    for ticket in sorted((t for t in tickets if t.marker.key == SUMMARY_KEY), key=lambda t: (t.is_open, t.id)):
        seen.tracking[name] = ticket


def _untracked(
    config: Config, history: History, seen: Seen, name: str, lost: Sequence[KnownTicket], options: Options, keep: bool
) -> None:
    """Deleting the ticket of the summaries is a decision against it, as it is with other tickets."""
    for known in lost:
        noted = history.note_deleted(known, options.now) if keep else known
        since = datetime.fromisoformat(noted.deleted_seen) if noted.deleted_seen else options.now
        until = (since + config.settings.decision_expiry).date()
        if options.now.date() < until and name not in seen.tracking:
            seen.untracked[name] = f"{known.ticket.id} was deleted; it is not made again until {until}"


def deletions(config: Config, history: History, options: Options, tickets: Iterable[Ticket]) -> dict[str, Held]:
    """The decisions that deleting tickets of a stream made, as far as earlier runs have seen them."""
    known = history.tickets().values()
    missed = [k for k in known if k.deleted_seen and k.ticket.marker.stream == options.stream]
    return _deleted(config, history, _replaced(missed, tickets), options, False, [])


def _replaced(missed: Iterable[KnownTicket], tickets: Iterable[Ticket]) -> list[KnownTicket]:
    """Those in whose place no ticket stands: a later one carries the decision, one that was put back ends it."""
    standing = {(t.tracker, t.place, t.marker.key) for t in tickets}
    return [k for k in missed if (k.ticket.tracker, k.ticket.place, k.ticket.marker.key) not in standing]


def former(
    config: Config, known: Iterable[KnownTicket], options: Options, listed_now: Iterable[Ticket]
) -> list[Ticket]:
    """The tickets of a stream, as last seen, whose trackers the settings name no more: for what people decided there.

    Not those that are listed all the same, because their tracker has another name now, or its files another folder.
    """
    there = {name for t in listed_now for name in (t.url, (t.id, t.marker.key))}
    named = config.settings.trackers
    others = [k for k in known if k.ticket.tracker not in named or sharing.is_other_kind(config, k.ticket)]
    mine = [k for k in others if k.ticket.marker.stream == options.stream and not k.deleted_seen]
    gone = [_seen_closed(k.ticket, k, options) for k in mine
            if not there & {k.ticket.url, (k.ticket.id, k.ticket.marker.key)}]  # fmt: skip
    return sorted(gone, key=lambda ticket: (ticket.tracker, ticket.id))


def _bare(name: str, fault: str) -> str:
    """A fault without the name of its tracker: whoever tells of it says that."""
    return fault.removeprefix(f"{name}: ")


def _unsure(
    history: History, tracker: Tracker, tickets: tuple[Ticket, ...], options: Options, keep: bool
) -> dict[str, str]:
    """Creates that were begun, not answered, and may not show yet: each with the reason to wait. Others are settled."""
    standing = {(t.place, t.marker.key) for t in tickets}  # an image that changes team has a ticket elsewhere, too
    unsure: dict[str, str] = {}
    for intent in history.intents():
        if intent["tracker"] != tracker.name:
            continue
        until = datetime.fromisoformat(intent["at"]) + tracker.lag
        if (intent["place"], intent["key"]) not in standing and options.now < until:
            unsure[intent["key"]] = f"it may have been filed already; looked for again after {until:%H:%M} UTC"
        elif keep:
            history.settle(tracker.name, intent["key"])
    return unsure


def _facts(
    tracker: Tracker,
    tickets: tuple[Ticket, ...] = (),
    listing: Listing | None = None,
    unread: frozenset[str] = frozenset(),
    incomplete: str = "",
) -> TrackerFacts:
    calls, until = tracker.calls()
    return TrackerFacts(
        tracker.name, tracker.markup, tracker.body_limit, tickets, listing.incomplete if listing else incomplete,
        unread,
        tracker.place, dict(listing.shut) if listing else {}, frozenset(), calls, until, tracker.comment_writes,
        claimed=dict(listing.claimed) if listing else {}, flags=tracker.flags,
    )  # fmt: skip


def _noted(history: History, ticket: Ticket, known: KnownTicket | None, options: Options, keep: bool) -> Ticket:
    """The ticket, with the time when it was first seen closed where its tracker does not tell."""
    noted = history.remember(ticket, options.now, known) if keep else known
    return _seen_closed(ticket, noted, options)


def _seen_closed(ticket: Ticket, noted: KnownTicket | None, options: Options) -> Ticket:
    if ticket.is_open or ticket.closed_at is not None:
        return ticket
    seen_at = noted.closed_seen if noted else ""
    return replace(ticket, closed_at=datetime.fromisoformat(seen_at) if seen_at else options.now)


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
            warnings.append(f"{known.ticket.id} was deleted; what it showed is not filed again until {until}")
            marker = known.ticket.marker
            decision = decisions.made("deleted", until, "", since.date(), "", bare(marker.key, marker.stream))
            held |= dict.fromkeys(marker.shown, decision)
    return held


def _recognised(seen: Seen, drafts: Sequence[Draft]) -> dict[str, TrackerFacts]:
    """The facts of each tracker, with the keys of unread tickets that no history tells, as far as drafts name them."""
    facts = dict(seen.facts)
    for name, named in seen.named.items():
        unread = {one.id for one in facts[name].unread}
        keys = {d.key for d in drafts if unread and d.tracker == name and named(d.key, d.stream) in unread}
        facts[name] = replace(facts[name], broken=facts[name].broken | keys)
    return facts


def surveyed(
    seen: Seen, trackers: Mapping[str, Tracker], drafts: Sequence[Draft]
) -> tuple[dict[str, TrackerFacts], list[str]]:
    """What must be known of places before tickets are filed or assigned there; (facts, errors)."""
    asked: dict[tuple[str, str], set[str]] = {}
    held = {(t.tracker, t.marker.key): t for f in seen.facts.values() for t in f.tickets}
    for draft in drafts:
        facts = seen.facts[draft.tracker]
        ticket = next((t for k in (draft.key, *draft.former_keys) if (t := held.get((draft.tracker, k)))), None)
        if draft.waiting or not draft.lines or facts.incomplete or facts.home(draft.place) in facts.shut:
            continue
        unset = set(draft.assignees) - set(ticket.marker.assignees if ticket else ())
        if unset or ticket is None or ticket.place != facts.home(draft.place):
            asked.setdefault((draft.tracker, facts.home(draft.place)), set()).update(unset)
    facts_now, errors = _recognised(seen, drafts), list(seen.errors)
    for (name, place), people in asked.items():
        facts = facts_now[name]
        try:
            survey = trackers[name].survey(place, people)
        except TrackerError as error:
            errors.append(str(error))
            facts_now[name] = replace(facts, shut={**facts.shut, place: _bare(name, str(error))})
            continue
        if survey.refused:
            errors.append(f"{name}: {survey.refused}")
            facts = replace(facts, shut={**facts.shut, place: survey.refused})
        nobody = frozenset((place, person) for person in survey.unassignable)
        calls, until = trackers[name].calls()
        facts_now[name] = replace(facts, unassignable=facts.unassignable | nobody, calls=calls, calls_until=until)
    return facts_now, errors
