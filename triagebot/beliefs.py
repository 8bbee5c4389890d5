"""What is believed after the last scan of a stream: kept beside the history, so that no run replays all scans.

Derived from the snapshots and never trusted over them: it is kept under a name that all scans up to it give.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import polars as pl

from triagebot.folder import Folder, read_json
from triagebot.model import Arithmetic, Belief
from triagebot.snapshots import Snapshot

_TABLES = ("shown", "known", "gone", "tags", "coverage", "aliases", "ratings")
_VERSION = "4"


@dataclass(frozen=True)
class State:
    """The belief after the last accepted scan of a stream, and what that scan changed."""

    belief: Belief
    changes: pl.DataFrame
    arithmetic: Arithmetic
    last: Snapshot | None


class Beliefs:
    """The kept points of one history folder."""

    def __init__(self, files: Folder) -> None:
        self._files = files
        self.folder = files.path / "cache"

    def kept(self, accepted: Sequence[Snapshot]) -> State | None:
        """What is believed after these scans, oldest first; None where it is not kept."""
        folder = self.folder / _name(accepted)
        if not folder.exists():
            return None
        try:
            tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in (*_TABLES, "changes")}
            told = read_json(folder / "state.json")
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return None  # a cache is only a shortcut: whatever is wrong with it, the snapshots tell
        belief = Belief(**{name: tables[name] for name in _TABLES}, scans=told["scans"])
        return State(belief, tables["changes"], Arithmetic(**told["arithmetic"]), accepted[-1])

    def keep(self, accepted: Sequence[Snapshot], state: State) -> None:
        """Keep what is believed after these scans; of earlier points nothing is kept."""
        name = _name(accepted)
        target = self.folder / name
        if target.exists():
            return
        aside = self._files.aside("cache")
        aside.mkdir(parents=True)
        for table in _TABLES:
            getattr(state.belief, table).write_parquet(aside / f"{table}.parquet", compression="lz4", statistics=False)
        state.changes.write_parquet(aside / "changes.parquet", compression="lz4", statistics=False)
        told = {"scans": state.belief.scans, "arithmetic": asdict(state.arithmetic)}
        (aside / "state.json").write_text(json.dumps(told), encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            aside.replace(target)
        for other in target.parent.glob(f"{accepted[-1].stream}-*"):
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)


def _name(accepted: Sequence[Snapshot]) -> str:
    said = "\n".join([_VERSION, pl.__version__, *(s.stamp for s in accepted)])
    return f"{accepted[-1].stream}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
