"""Takes a scan into the history: once, in its place among the others, and not if it is suspect."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from triagebot import diff
from triagebot.beliefs import State
from triagebot.config import Config
from triagebot.errors import InputError, UnsafeError
from triagebot.history import History
from triagebot.look import Options
from triagebot.model import Belief
from triagebot.scan import Loaded
from triagebot.snapshots import Snapshot, snapshot_name
from triagebot.suspicion import suspicion


def record(config: Config, history: History, loaded: Loaded, options: Options) -> tuple[State, pl.DataFrame]:
    """Take the scan into the history, once, unless it is suspect; (state after it, coverage of the last scan).

    Raises `UnsafeError` for a scan that is quarantined.
    """
    scan = loaded.scan
    if options.record_only and scan.taken_at == options.now:
        loaded.notes.append(
            f"the reports of {scan.label} do not say when they were made: it counts as taken now (--taken-at says when)"
        )
    scope = diff.Scope(config.inventory, config.settings.retire_after, options.end_stream)
    name = snapshot_name(scan, loaded.content)
    recorded = {s.name: s for s in history.snapshots(options.stream)}
    held = recorded.get(name)
    if held and not held.accepted and options.accept_drop and not options.dry_run:
        history.accept(name)
        state = history.state(options.stream)
        return state, _last_coverage(history, state, loaded, name)
    snapshot = Snapshot(name, scan.label, scan.stream, scan.taken_at, True, (), scope)
    last = max((s for s in recorded.values() if s.accepted), key=lambda s: s.order, default=None)
    is_older = last is not None and snapshot.order < last.order
    if last and is_older and options.record_only:
        return _imported(history, loaded, snapshot, last, options, held)
    before = history.state(options.stream, keep_cache=not options.dry_run)
    if held and held.accepted:
        loaded.notes.append(f"scan {scan.label} was recorded before; this is how things stand after the last scan")
        return before, _last_coverage(history, before, loaded, name)
    if before.last and scan.taken_at < before.last.taken_at:
        raise InputError(
            scan.label, f"was taken {scan.taken_at:%Y-%m-%d %H:%M}, before the last recorded scan "
            f"({before.last.label}, {before.last.taken_at:%Y-%m-%d %H:%M})",
            "pass --record-only to import an older scan, or --taken-at to say when it was taken",
        )  # fmt: skip
    trusted = options.accept_drop or options.end_stream
    reasons = () if trusted else suspicion(before.belief, scan, config.settings.drop_fraction).reasons
    if not options.dry_run:
        history.record(scan, scope, loaded.content, reasons)
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


def _imported(
    history: History, loaded: Loaded, snapshot: Snapshot, last: Snapshot, options: Options, held: Snapshot | None
) -> tuple[State, pl.DataFrame]:
    """Take in a scan that comes before the last one; (what it says by itself, its coverage).

    What follows from it for all later scans is derived once, by whoever asks next, and not by every import.
    Raises `UnsafeError` for one that was set aside before.
    """
    if held and not held.accepted:
        raise _set_aside(held.label, held.reasons)
    if not (options.dry_run or held):
        history.record(loaded.scan, snapshot.scope, loaded.content, ())
    loaded.notes.append(
        f"scan {snapshot.label} {'was recorded before' if held else 'is recorded'}; it is older than the last one "
        f"({last.label}): these are the figures of it alone, and it falls into its place at the next run"
    )
    step = diff.advance(Belief.nothing(), loaded.scan)
    return State(step.belief, step.changes, step.arithmetic, snapshot), loaded.scan.coverage


def _set_aside(label: str, reasons: Sequence[str]) -> UnsafeError:
    return UnsafeError(
        f"scan {label}", "suspect and set aside: " + "; ".join(reasons),
        "look at the scanner; if the scan is right, run again with --accept-drop",
    )  # fmt: skip


def _last_coverage(history: History, state: State, loaded: Loaded, name: str) -> pl.DataFrame:
    if state.last is None or state.last.name == name:
        return loaded.scan.coverage
    return history.scan(state.last).coverage
