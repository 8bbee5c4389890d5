"""Takes a scan into the history: once, in its place among the others, and not if it is suspect.

A scan that was recorded with a wrong time moves when a person takes it in with `--record-only` and says when it was
taken: it is then taken in like a new one. No ordinary run moves one: a pipeline may tell its own time with each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from triagebot import diff
from triagebot.beliefs import State
from triagebot.config import Config
from triagebot.errors import InputError, UnsafeError
from triagebot.history import History
from triagebot.look import Options
from triagebot.model import Belief, Scan
from triagebot.scan import Loaded
from triagebot.snapshots import Snapshot, snapshot_name
from triagebot.suspicion import suspicion


def record(config: Config, history: History, loaded: Loaded, options: Options) -> tuple[State, pl.DataFrame]:
    """Take the scan into the history, once, unless it is suspect; (state after it, coverage of the last scan).

    `options.taken_at`: what a person said; with `record_only`, a scan that was recorded as taken at another time moves.
    Raises `UnsafeError` for a scan that is quarantined.
    """
    scope = diff.Scope(config.inventory, config.settings.retire_after, options.end_stream)
    name = snapshot_name(loaded.scan, loaded.content)
    recorded = {s.name: s for s in history.snapshots(options.stream)}
    held = recorded.get(name)
    is_other = held is not None and options.taken_at not in (None, held.taken_at)
    moved = held if is_other and options.record_only else None
    if moved:
        del recorded[name]
        held = None
    if held:  # an assumed time is another with each run; it stays what it was
        loaded.scan = replace(loaded.scan, taken_at=held.taken_at)
    elif loaded.assumed:
        loaded.notes.append(loaded.assumed)
    last = max((s for s in recorded.values() if s.accepted), key=lambda s: s.order, default=None)
    scan = loaded.scan = loaded.scan if held else _behind(last, loaded, options)
    if held and not held.accepted and options.accept_drop and not options.dry_run:
        history.accept(name)
        state = history.state(options.stream)
        return state, _last_coverage(history, state, loaded, name)
    snapshot = Snapshot(name, scan.label, scan.stream, scan.taken_at, True, (), scope)
    is_older = last is not None and snapshot.order < last.order
    if last and is_older and options.record_only:
        return _imported(history, loaded, snapshot, last, options, held, moved)
    before = history.state(options.stream, keep_cache=not (options.dry_run or moved), without=name if moved else "")
    if held and held.accepted:
        moves = f" as taken at {held.taken_at:%Y-%m-%d %H:%M} (--record-only --taken-at TIME moves it)"
        when = moves if loaded.assumed or is_other else ""
        loaded.notes.append(
            f"scan {scan.label} was recorded before{when}; this is how things stand after the last scan"
        )
        return before, _last_coverage(history, before, loaded, name)
    if before.last and scan.taken_at < before.last.taken_at:
        raise InputError(
            scan.label, f"was taken {scan.taken_at:%Y-%m-%d %H:%M}, before the last recorded scan "
            f"({before.last.label}, {before.last.taken_at:%Y-%m-%d %H:%M})",
            "pass --record-only to import an older scan, or --taken-at to say when it was taken",
        )  # fmt: skip
    trusted = options.accept_drop or options.end_stream or (moved is not None and _follows(moved, snapshot, recorded))
    reasons = () if trusted else suspicion(before.belief, scan, config.settings.drop_fraction).reasons
    if not options.dry_run:
        history.record(scan, scope, loaded.content, reasons, anew=bool(moved))
    if moved:
        loaded.notes.append(_moved(moved, snapshot, options))
    if reasons:
        raise _set_aside(scan.label, reasons)
    if is_older and not options.dry_run:  # taken at the same time as the last one
        state = history.state(options.stream)
        return state, _last_coverage(history, state, loaded, name)
    step = diff.advance(before.belief, scan, scope)
    state = State(step.belief, step.changes, step.arithmetic, snapshot)
    if not options.dry_run:
        history.keep(options.stream, state, before.belief, step, scan)
    return state, scan.coverage


def _behind(last: Snapshot | None, loaded: Loaded, options: Options) -> Scan:
    """The scan; where only its day is known, behind the last one of that day, as which it comes in."""
    scan = loaded.scan
    if last is None or not loaded.assumed or options.record_only or scan.taken_at > last.taken_at:
        return scan
    is_same_day = scan.taken_at.date() == last.taken_at.date()
    return replace(scan, taken_at=min(last.taken_at + timedelta(minutes=1), options.now)) if is_same_day else scan


def _imported(
    history: History,
    loaded: Loaded,
    snapshot: Snapshot,
    last: Snapshot,
    options: Options,
    held: Snapshot | None,
    moved: Snapshot | None,
) -> tuple[State, pl.DataFrame]:
    """Take in a scan that comes before the last one; (what it says by itself, its coverage).

    What follows from it for all later scans is derived once, by whoever asks next, and not by every import.
    Raises `UnsafeError` for one that was set aside before.
    """
    before = held or moved
    if before and not (before.accepted or options.accept_drop):
        raise _set_aside(before.label, before.reasons)
    if not (options.dry_run or held):
        history.record(loaded.scan, snapshot.scope, loaded.content, (), anew=bool(moved))
    if moved:
        loaded.notes.append(_moved(moved, snapshot, options))
    loaded.notes.append(
        f"scan {snapshot.label} {'was recorded before' if held else 'is recorded'}; it is older than the last one "
        f"({last.label}): these are the figures of it alone, and it falls into its place at the next run"
    )
    step = diff.advance(Belief.nothing(), loaded.scan)
    return State(step.belief, step.changes, step.arithmetic, snapshot), loaded.scan.coverage


def _follows(before: Snapshot, now: Snapshot, others: Mapping[str, Snapshot]) -> bool:
    """Whether an accepted scan still comes after the one that it was accepted after: it is as plausible there."""
    places = [[s.name for s in others.values() if s.accepted and s.order < one.order] for one in (before, now)]
    return before.accepted and places[0] == places[1]


def _moved(before: Snapshot, now: Snapshot, options: Options) -> str:
    times = f"from {before.taken_at:%Y-%m-%d %H:%M} to {now.taken_at:%Y-%m-%d %H:%M}"
    return f"scan {now.label} was recorded before and {'would move' if options.dry_run else 'moves'} {times}"


def _set_aside(label: str, reasons: Sequence[str]) -> UnsafeError:
    return UnsafeError(
        f"scan {label}", "suspect and set aside: " + "; ".join(reasons),
        "look at the scanner; if the scan is right, run again with --accept-drop",
    )  # fmt: skip


def _last_coverage(history: History, state: State, loaded: Loaded, name: str) -> pl.DataFrame:
    if state.last is None or (state.last.name == name and not loaded.assumed):
        return loaded.scan.coverage
    return history.scan(state.last).coverage
