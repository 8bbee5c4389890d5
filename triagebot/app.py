"""One run, told top to bottom: read, check, record, diff, decide, group, plan, apply, summarise.

This is the composition root: it picks back ends, calls history and collects tables. It never prints.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from triagebot import __version__, decisions, failing, figures, sharing, week, weekly
from triagebot import plan as planning
from triagebot import scan as scans
from triagebot.answers import answered
from triagebot.apply import carry_out
from triagebot.config import Config
from triagebot.counted import history_of
from triagebot.document import Told, tell
from triagebot.errors import InputError, UnsafeError
from triagebot.history import History
from triagebot.look import Options, View, look
from triagebot.model import Action, Kind, Outcome, Plan, Ticket, TrackerFacts
from triagebot.outside import look_outside
from triagebot.recording import record
from triagebot.scan import Loaded, Reading
from triagebot.seen import folders
from triagebot.unfiled import unfiled
from triagebot.weekly import Posted

PLAN_VERSION = 1


@dataclass(frozen=True)
class PlanFile:
    """A plan on disk: what to do, and the scan that it was made from."""

    schema: int
    scan: str
    content: str
    label: str
    stream: str
    taken_at: datetime
    now: datetime
    accept_drop: bool
    plan: Plan


def run(config: Config, path: Path | None, options: Options) -> Told:
    """The main job. Raises what stops all of it; what stops only a part is in the document.

    Either way the ticket of the weekly summary, if there is one, gets a comment: at most one a day.
    """
    with failing.told(config, options):
        done = _done(config, read(config, path, options), options)
    return _said(config, options, done)


def _said(config: Config, options: Options, done: Told) -> Told:
    """What was done; what of it failed is said on the ticket."""
    if done.exit_code:
        failing.say(config, options, [*done.document["errors"], *filter(None, [done.document["refused"]])])
    return done


def _done(config: Config, loaded: Loaded, options: Options, planned: Plan | None = None) -> Told:
    """Record the scan, plan (unless `planned` says what to do), and carry the plan out under the lease."""
    folders(config)
    history = history_of(config)
    stage = options.stages.stage
    with nullcontext() if options.dry_run else history.lease():
        keep = not (options.dry_run or options.record_only)
        with stage("feeds"):  # first: what is wrong with a VEX document stops all, before anything is done
            outside = look_outside(config, options.now, keep=not options.dry_run, ask=not options.record_only)
        with stage("record"):
            state, coverage = record(config, history, loaded, options)
        with stage("look"):
            view = look(config, history, state, coverage, options, keep, outside=outside)
        with stage("plan"):
            plan = Plan() if options.record_only else planned or make_plan(config, view, options)
            if planned:
                since = options.now - config.settings.decision_expiry
                plan = unfiled(plan, view.facts, history.tickets().values(), since)
        outcomes: list[Outcome] = []
        posted = Posted()
        if not (options.dry_run or options.record_only or plan.refused):
            with stage("apply"):
                history.written()
                noted = _Noted(history, options.now)
                outcomes = carry_out(plan, view.trackers, noted, _progress(options), _homes(view, plan), config.named)
                view = answered(config, history, _after(view, outcomes), options)
            with stage("summary"):
                posted = _posted(config, history, view, options, plan, outcomes)
                _remembered(history, view)
        with stage("tell"):
            told = _told(config, history, options, loaded, view, plan, outcomes, posted)
        if not options.dry_run:
            history.record_run(told.document["run_id"], {**told.document, "took": _took(config, options, view)})
        return told


def _took(config: Config, options: Options, view: View) -> dict[str, object]:
    """What a run cost: seconds by stage, seconds that each tracker had us wait; who ran it, with which settings."""
    waited = {name: round(tracker.waited, 3) for name, tracker in view.trackers.items()}
    by = {"by": config.runner, "settings": {} if options.record_only else sharing.told(config)}
    return {"stages": options.stages.rounded(), "waited": waited, "version": __version__, **by}


def make_plan_file(config: Config, path: Path, options: Options) -> tuple[Told, PlanFile]:
    """What a run would do, as a file that `apply` carries out. Records nothing."""
    loaded = read(config, path, options)
    history = history_of(config)
    state, coverage = record(config, history, loaded, replace(options, dry_run=True))
    view = look(config, history, state, coverage, options, keep=False)
    plan = make_plan(config, view, options)
    scan = loaded.scan
    file = PlanFile(
        PLAN_VERSION, str(path.resolve()), loaded.content, scan.label, scan.stream, scan.taken_at, options.now,
        options.accept_drop, plan,
    )  # fmt: skip
    return _told(config, history, replace(options, dry_run=True), loaded, view, plan, []), file


def _left(history: History, options: Options, view: View, plan: Plan, outcomes: list[Outcome]) -> figures.Left:
    return figures.left(view, plan, outcomes, figures.left_by(history.last_run(options.stream)), options)


def _posted(
    config: Config, history: History, view: View, options: Options, plan: Plan, outcomes: list[Outcome]
) -> Posted:
    """Tell people of the week, where they are to be told."""
    if config.settings.summary is None and config.step_summary is None:
        return Posted()
    said = figures.summarised(config, options, view, _left(history, options, view, plan, outcomes))
    sheet = weekly.sheet(config, history, view, options, said)
    posted = weekly.post(config, history, view, options, sheet)
    note = weekly.appended(config, sheet)
    return replace(posted, notes=(*posted.notes, note)) if note else posted


def _told(
    config: Config, history: History, options: Options, loaded: Loaded | None, view: View, plan: Plan,
    outcomes: list[Outcome], posted: Posted | None = None,
) -> Told:  # fmt: skip
    """The document of a run; its summary is written when it is asked for."""
    said = figures.summarised(config, options, view, _left(history, options, view, plan, outcomes))

    def write() -> str:
        return week.text(weekly.sheet(config, history, view, options, said), "markdown")

    return tell(said, options, loaded, view, plan, outcomes, posted or Posted(), write)


def told(config: Config, options: Options, only: bool) -> Told:
    """How things stand after the last recorded scan, in words and figures. `only`: of no other stream."""
    history = history_of(config)
    view = standing(config, options)
    left = figures.left_by(history.last_run(options.stream))
    said = figures.summarised(config, options, view, left)

    def write() -> str:
        return week.text(weekly.sheet(config, history, view, options, said, only), "markdown")

    return tell(said, options, None, view, Plan(), [], Posted(), write)


def apply_plan_file(config: Config, path: Path, options: Options) -> Told:
    """Record the scan of a plan file and carry the plan out. Tickets that drifted since are refused, one by one.

    What fails is said as `run` says it.
    """
    with failing.told(config, options):
        done = _applied(config, path, options)
    return _said(config, options, done)


def _applied(config: Config, path: Path, options: Options) -> Told:
    remedy = "give a file that `triagebot plan --out` wrote"
    try:
        file = msgspec.json.decode(path.read_bytes(), type=PlanFile)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}", remedy) from error
    except msgspec.DecodeError as error:
        raise InputError(str(path), f"no plan file: {error}", remedy) from error
    if file.plan.refused and not options.allow_mass_close:
        raise UnsafeError(str(path), file.plan.refused)
    options = replace(
        options, stream=file.stream, label=file.label, taken_at=file.taken_at, accept_drop=file.accept_drop
    )
    loaded = read(config, Path(file.scan), options)
    if loaded.content != file.content:
        raise InputError(file.scan, "the scan is not what the plan was made from", "make the plan again")
    return _done(config, loaded, options, replace(file.plan, refused=""))


def standing(config: Config, options: Options) -> View:
    """What is believed after the last recorded scan; reads only."""
    history = history_of(config)
    state = history.state(options.stream, keep_cache=False)
    if state.last is None:
        raise history.unknown(options.stream)
    return look(config, history, state, history.scan(state.last).coverage, options, keep=False, every=True)


def read(config: Config, path: Path | None, options: Options) -> Loaded:
    """The scan as tables. Without one (the end of a stream): a scan of nothing."""
    if path is None:
        history = History(config.history)
        if not history.snapshots(options.stream):
            raise history.unknown(options.stream)
        return scans.nothing(options.label or "end of stream", options.stream, options.now)
    with options.stages.stage("read"):
        return scans.load(path, reading(config, options), options.progress, options.helpers)


def reading(config: Config, options: Options) -> Reading:
    """How the files of a scan are to be read."""
    return Reading(
        now=options.now, taken_at=options.taken_at, label=options.label, stream=options.stream,
        image_paths=tuple(config.settings.image_paths),
        rewrites=tuple((r.match, r.as_) for r in config.settings.assets), past=options.record_only,
    )  # fmt: skip


def make_plan(config: Config, view: View, options: Options) -> Plan:
    """What this run would do."""
    settings = config.settings
    policy = planning.Policy(
        options.now,
        settings.limits,
        settings.done_grace,
        options.allow_mass_close,
        settings.decision_expiry,
        settings.due_soon,
    )
    foreign = {t.marker.key for t in view.tickets if not t.marker.key.startswith((f"{settings.group_by}:", "posture:"))}
    return planning.make(view.drafts, view.facts, view.held, policy, foreign)


class _Noted:
    """Journals each step of an apply in history."""

    def __init__(self, history: History, now: datetime) -> None:
        self.history, self.now = history, now

    def intend(self, action: Action) -> None:
        self.history.intend(action.tracker, action.key, self.now, action.content.place if action.content else "")

    def refused(self, action: Action) -> None:
        self.history.settle(action.tracker, action.key)

    def done(self, action: Action, ticket: Ticket) -> None:
        self.history.renew()
        self.history.remember(ticket, self.now)
        if action.ticket and ticket.id != action.ticket:
            self.history.forget(action.tracker, action.ticket)
        if action.kind is Kind.CREATE:
            self.history.settle(action.tracker, action.key)

    def gone(self, action: Action) -> None:
        known = self.history.tickets().get((action.tracker, action.ticket))
        if known:
            self.history.note_deleted(known, self.now)


def _homes(view: View, plan: Plan) -> dict[str, str]:
    """The tickets that moves go to and that stand there already: their addresses, by key."""
    named = {key for action in plan.actions for key in action.after}
    urls = {(t.tracker, t.place, t.marker.key): t.url for t in reversed(view.tickets) if t.is_open}
    homes: dict[str, str] = {}
    for draft in (d for d in view.drafts if d.key in named):
        place = (draft.tracker, view.facts[draft.tracker].home(draft.place))
        found = [urls[*place, key] for key in (draft.key, *draft.former_keys) if (*place, key) in urls]
        if found:
            homes[draft.key] = found[0]
    return homes


def _progress(options: Options) -> Callable[[Action], None] | None:
    told = options.progress
    return (lambda action: told(f"{action.kind} {action.title}")) if told else None


def _remembered(history: History, view: View) -> None:
    """What the trackers learnt, for the next run."""
    known = history.tickets()
    for name, tracker in view.trackers.items():
        if (memory := tracker.memory()) and not view.facts[name].incomplete:
            history.note_memory(name, memory, [k for (where, _), k in known.items() if where == name])


def _after(view: View, outcomes: list[Outcome]) -> View:
    """The view with the tickets as they stand now."""
    changed = {(o.stands.tracker, o.action.ticket or o.stands.id): o.stands for o in outcomes if o.stands}
    facts: dict[str, TrackerFacts] = {}
    for name, held in view.facts.items():
        kept = [decisions.still_waiting(changed.pop((name, t.id), t), t) for t in held.tickets]
        new = [t for (tracker, _), t in changed.items() if tracker == name]
        facts[name] = replace(held, tickets=(*kept, *new))
    return replace(view, facts=facts)
