"""What a run remembers: snapshots of scans, known tickets, intents, run records; and the lease.

A folder of small files. Each is written aside and then renamed, none is ever changed in place by two runs at
once (the lease sees to that), and two copies of a history merge by union. The belief is derived by replaying
the snapshots; its cache can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from triagebot import trend
from triagebot.beliefs import Beliefs, State
from triagebot.diff import Scope, Step, advance
from triagebot.errors import InputError
from triagebot.files import suggest
from triagebot.folder import Folder, indented, read_json
from triagebot.lease import Lease
from triagebot.model import Arithmetic, Belief, Scan, Ticket, empty
from triagebot.snapshots import Snapshot, Snapshots, snapshot_name
from triagebot.steps import Steps
from triagebot.trend import EVENTS, Counting, Point

PULLED = "pulled.json"
"""Stands in a history that a branch keeps: what was pulled. Local tickets come and go with it."""
_RUN = re.compile(r"20\d\d[01]\d[0-3]\dT")


@dataclass(frozen=True)
class KnownTicket:
    """What history remembers of a ticket: how it stood when last seen, and when it was first seen closed or gone."""

    ticket: Ticket
    closed_seen: str = ""
    deleted_seen: str = ""


class History:
    """One history folder. Only a holder of the lease may write.

    `sources`: whose severity counts, as in the settings, and `counting`: what counts; points of the trend are counted
    by both.
    """

    def __init__(self, folder: Path, sources: Sequence[str] = (), counting: Counting | None = None) -> None:
        self.folder = folder
        self._counting = counting
        self._sources = tuple(sources)
        self._files = Folder(folder)
        self._lease = Lease(self._files)
        self._snapshots = Snapshots(self._files)
        self._beliefs = Beliefs(self._files)
        self._steps = Steps(self._files, self._sources, counting.name if counting else "")
        self._writer = ThreadPoolExecutor(1)
        self._tasks: list[Future[None]] = []

    # -- snapshots ---------------------------------------------------------------------------------------

    def snapshots(self, stream: str | None = None) -> list[Snapshot]:
        """The recorded scans, in their order: the oldest first."""
        self.written()
        return self._snapshots.of(stream)

    def unknown(self, stream: str) -> InputError:
        """The fault of a stream that has no scan: which ones there are."""
        there = sorted({s.stream for s in self.snapshots() if s.accepted})
        if not there:
            return InputError(str(self.folder), "no scan is recorded", "run `triagebot run SCAN` first")
        remedy = f"name one that there is: {', '.join(there)}{suggest(stream, there)}"
        return InputError(f"--stream {stream}", f"no scan of stream {stream!r} is recorded", remedy)

    def record(self, scan: Scan, scope: Scope, content: str, reasons: tuple[str, ...], anew: bool = False) -> str:
        """Store a scan under a name that its content gives; one that is there already is left as it is.

        `anew`: it is replaced, since its time was wrong. It is written beside what follows: `written` waits for it.
        """
        name = snapshot_name(scan, content)
        if anew or not self._snapshots.holds(name):
            self._tasks.append(self._writer.submit(self._snapshots.store, name, scan, scope, reasons))
        return name

    def accept(self, name: str) -> None:
        """Promote a quarantined scan."""
        self._snapshots.accept(name)

    def scan(self, snapshot: Snapshot) -> Scan:
        """A recorded scan, read back."""
        return self._snapshots.read(snapshot)

    # -- belief ------------------------------------------------------------------------------------------

    def state(self, stream: str, keep_cache: bool = True, without: str = "") -> State:
        """Replay the accepted scans of a stream, from the newest cached point on. `without`: as if this were none."""
        accepted = [s for s in self.snapshots(stream) if s.accepted and s.name != without]
        state = State(Belief.nothing(), pl.DataFrame(schema={"change": pl.String}), Arithmetic(), None)
        start = 0
        for at in range(len(accepted), 0, -1):
            if cached := self._beliefs.kept(accepted[:at]):
                state, start = cached, at
                break
        for at in range(start, len(accepted)):
            scan = self.scan(accepted[at])
            step = advance(state.belief, scan, accepted[at].scope)
            if keep_cache:
                self._keep_step(accepted[: at + 1], state.belief, step, scan)
            state = State(step.belief, step.changes, step.arithmetic, accepted[at])
        if keep_cache and start < len(accepted):
            self._beliefs.keep(accepted, state)
            self._steps.tidy(stream, [s.stamp for s in accepted])
        return state

    def keep(self, stream: str, state: State, before: Belief, step: Step, scan: Scan) -> None:
        """Spare the next run the replay: the state after the last recorded scan is known already.

        `step` led to it from `before`. Written beside the rest of the run, and done when the lease ends.
        """

        def cache() -> None:
            accepted = [s for s in self._snapshots.of(stream) if s.accepted]
            self._beliefs.keep(accepted, state)
            if state.last and accepted[-1].name == state.last.name:  # not so where two scans are of the same moment
                self._keep_step(accepted, before, step, scan)
            self._steps.tidy(stream, [s.stamp for s in accepted])

        self._tasks.append(self._writer.submit(cache))

    # -- trend -------------------------------------------------------------------------------------------

    def trail(self, stream: str, keep: bool = False) -> list[Point]:
        """One point per accepted scan, oldest first. Steps that are not kept are derived from the snapshots.

        `keep`: keep those too; only for a holder of the lease.
        """
        return [point for point, _ in self._walked(stream, 0, keep)]

    def events(self, stream: str, start: int, keep: bool = False) -> pl.DataFrame:
        """What the scans from the one at `start` of the trail on changed: `EVENTS`, and `scan`, their place in it."""
        walked = self._walked(stream, start, keep)
        told = [
            (table if table is not None else pl.DataFrame(schema=EVENTS)).with_columns(scan=pl.lit(at, dtype=pl.Int32))
            for at, (_, table) in enumerate(walked)
        ]
        return pl.concat([empty({**EVENTS, "scan": pl.Int32}), *told[start:]])

    def _walked(self, stream: str, start: int, keep: bool) -> list[tuple[Point, pl.DataFrame | None]]:
        """Every point, and the events of those from `start` on."""
        accepted = [s for s in self.snapshots(stream) if s.accepted]
        names = [s.stamp for s in accepted]
        found: list[tuple[Point, pl.DataFrame | None]] = []
        for at in range(len(accepted)):
            point = self._steps.point(stream, names[: at + 1])
            table = self._steps.events(stream, names[: at + 1]) if at >= start else None
            if point is None or (at >= start and table is None):
                return self._replayed(accepted, keep)
            found.append((point, table))
        return found

    def _replayed(self, accepted: list[Snapshot], keep: bool) -> list[tuple[Point, pl.DataFrame | None]]:
        belief = Belief.nothing()
        found: list[tuple[Point, pl.DataFrame | None]] = []
        for at, snapshot in enumerate(accepted):
            scan = self.scan(snapshot)
            step = advance(belief, scan, snapshot.scope)
            point, table = trend.told(belief, step, scan, self._sources, self._counting)
            if keep:
                self._steps.keep(snapshot.stream, [s.stamp for s in accepted[: at + 1]], point, table)
            found.append((point, table))
            belief = step.belief
        return found

    def _keep_step(self, accepted: list[Snapshot], before: Belief, step: Step, scan: Scan) -> None:
        names, stream = [s.stamp for s in accepted], accepted[-1].stream
        if self._steps.point(stream, names) is None:
            self._steps.keep(stream, names, *trend.told(before, step, scan, self._sources, self._counting))

    # -- tickets, intents, runs --------------------------------------------------------------------------

    def tickets(self) -> dict[tuple[str, str], KnownTicket]:
        """Known tickets by (tracker, id)."""
        known = {}
        for path in (self.folder / "tickets").glob("*.json"):
            ticket = msgspec.convert(read_json(path), KnownTicket, strict=False)
            known[ticket.ticket.tracker, ticket.ticket.id] = ticket
        return known

    def remember(self, ticket: Ticket, now: datetime, known: KnownTicket | None = None) -> KnownTicket:
        """Note a ticket as it stands; written only where it differs from what is known."""
        closed_seen = "" if ticket.is_open else (known.closed_seen if known else "") or now.isoformat()
        fresh = KnownTicket(ticket, closed_seen)
        if fresh != known:
            self._note(fresh)
        return fresh

    def note_deleted(self, known: KnownTicket, now: datetime) -> KnownTicket:
        """Note when a known ticket was first missed; its absence is a person's decision."""
        if known.deleted_seen:
            return known
        fresh = replace(known, deleted_seen=now.isoformat())
        self._note(fresh)
        return fresh

    def forget(self, tracker: str, ticket_id: str) -> None:
        """A ticket has another id now."""
        self._ticket_file(tracker, ticket_id).unlink(missing_ok=True)

    def _note(self, known: KnownTicket) -> None:
        text = msgspec.json.format(msgspec.json.encode(known), indent=1).decode()
        self._files.write(self._ticket_file(known.ticket.tracker, known.ticket.id), text)

    def _ticket_file(self, tracker: str, ticket_id: str) -> Path:
        name = hashlib.sha256(f"{tracker}\n{ticket_id}".encode()).hexdigest()[:24]
        return self.folder / "tickets" / f"{name}.json"

    def memory(self, tracker: str, known: Iterable[KnownTicket]) -> dict[str, Any]:
        """What a tracker asked to remember; nothing if the tickets are not those that it was remembered with."""
        path = self._memory_file(tracker)
        told = read_json(path) if path.exists() else {}
        memory: dict[str, Any] = told["memory"] if told.get("tickets") == _digest(known) else {}
        return memory

    def note_memory(self, tracker: str, memory: Mapping[str, Any], known: Iterable[KnownTicket]) -> None:
        """Remember what a tracker learnt, at the end of a run: one that is killed learns it again."""
        told = {"tracker": tracker, "memory": dict(memory), "tickets": _digest(known)}
        self._files.write(self._memory_file(tracker), json.dumps(told, indent=1))

    def _memory_file(self, tracker: str) -> Path:
        return self.folder / "trackers" / f"{hashlib.sha256(tracker.encode()).hexdigest()[:24]}.json"

    def intend(self, tracker: str, key: str, now: datetime, place: str = "") -> None:
        """Journal that a ticket is about to be created; `place`: its repository or project, where there are several."""
        told = {"tracker": tracker, "key": key, "at": now.isoformat(), "place": place}
        self._files.write(self._intent(tracker, key), json.dumps(told))

    def settle(self, tracker: str, key: str) -> None:
        """The create was answered: nothing is left to look up."""
        self._intent(tracker, key).unlink(missing_ok=True)

    def intents(self) -> list[dict[str, str]]:
        """Creates that were begun and never answered."""
        return [read_json(path) for path in sorted((self.folder / "intents").glob("*.json"))]

    def _intent(self, tracker: str, key: str) -> Path:
        return self.folder / "intents" / f"{hashlib.sha256(f'{tracker}{key}'.encode()).hexdigest()[:24]}.json"

    def record_run(self, run_id: str, document: Mapping[str, Any]) -> None:
        """Keep what a run did."""
        self._files.write(self.folder / "runs" / f"{run_id}.json", indented(document))

    def run_days(self, most: int = 200) -> list[date]:
        """The days, in UTC, of the newest runs of any stream; the names of their records begin with the time."""
        names = sorted(path.name for path in (self.folder / "runs").glob("*.json"))[-most:]
        return [date.fromisoformat(name[:8]) for name in names if _RUN.match(name)]

    def runs(self, stream: str) -> Iterator[dict[str, Any]]:
        """What the runs of a stream did, the newest first; of the newest hundred of all streams."""
        for path in sorted((self.folder / "runs").glob("*.json"), reverse=True)[:100]:
            told = read_json(path)
            if told.get("stream") == stream:
                yield told

    def last_run(self, stream: str) -> dict[str, Any]:
        """What the last run of a stream did; empty: there was none."""
        return next(self.runs(stream), {})

    # -- lease -------------------------------------------------------------------------------------------

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the history alone; what is written beside is written when it ends.

        Raises `LeaseError` that names the holder while another run has it.
        """
        with self._lease.held():
            try:
                yield
            finally:
                self._writer.shutdown(wait=True)
            self.written()

    def renew(self) -> None:
        """Hold the lease for longer; see `Lease.renew`."""
        self._lease.renew()

    def written(self) -> None:
        """Wait until what is written beside is written. Raises where it could not be."""
        for task in self._tasks:
            task.result()
        self._tasks.clear()


def _digest(known: Iterable[KnownTicket]) -> str:
    """What is known of tickets, in a word: a memory of other tickets, or of older ones, does not fit them."""
    told = sorted(msgspec.json.encode(k) for k in known)
    return hashlib.sha256(b"\n".join(told)).hexdigest()
