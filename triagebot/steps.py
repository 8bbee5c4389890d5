"""What each recorded scan was a step to: kept beside the history, so that no run takes all scans in again.

Derived from the snapshots and never trusted over them: a step is kept under a name that all scans up to it give.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl

from triagebot.folder import Folder, indented
from triagebot.model import empty
from triagebot.trend import EVENTS, Point

_VERSION = "3"


class Steps:
    """The kept steps of one history folder. `sources`: whose severity counts, `counting`: what counts (its name, if
    rules ignore something); other ones are other steps."""

    def __init__(self, files: Folder, sources: Sequence[str], counting: str = "") -> None:
        self._files, self._sources, self._counting = files, tuple(sources), counting

    def point(self, stream: str, scans: Sequence[str]) -> Point | None:
        """What stood after these scans (the stamps of their snapshots, oldest first); None where it is not kept."""
        try:
            return msgspec.json.decode(self._file(stream, scans, "json").read_bytes(), type=Point)
        except (OSError, msgspec.DecodeError):
            return None

    def events(self, stream: str, scans: Sequence[str]) -> pl.DataFrame | None:
        """What the last of these scans changed; None where it is not kept."""
        try:
            table = pl.read_parquet(self._file(stream, scans, "parquet"))
        except (OSError, pl.exceptions.PolarsError):
            return None
        return table if dict(table.schema) == dict(empty(EVENTS).schema) else None

    def keep(self, stream: str, scans: Sequence[str], point: Point, events: pl.DataFrame) -> None:
        """Keep one step. The point is written last: where it is, its events are."""
        target = self._file(stream, scans, "parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = self._files.aside("events")
        events.write_parquet(aside, compression="zstd", statistics=False)
        aside.replace(target)
        self._files.write(target.with_suffix(".json"), indented(point))

    def tidy(self, stream: str, scans: Sequence[str]) -> None:
        """Remove what is no step to the last of these scans, such as steps that an older scan came before."""
        kept = {self._file(stream, scans[: at + 1], "json").stem for at in range(len(scans))}
        for path in (self._files.path / "cache" / "trail" / stream).glob("*.*"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)

    def _file(self, stream: str, scans: Sequence[str], suffix: str) -> Path:
        said = "\n".join([_VERSION, pl.__version__, *self._sources, "", self._counting, *scans])
        name = hashlib.sha256(said.encode()).hexdigest()[:24]
        return self._files.path / "cache" / "trail" / stream / f"{name}.{suffix}"
