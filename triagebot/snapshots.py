"""Recorded scans: folders of Parquet tables, named after their content and never changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from triagebot.diff import Scope
from triagebot.errors import InputError
from triagebot.folder import Folder
from triagebot.identity import inventory_image
from triagebot.model import COVERAGE, OCCURRENCES, RATINGS, Scan, empty

FORMER = ".former"
"""What a scan that moves is called until it stands anew: whoever is killed in between loses nothing."""

_REMEDY = (
    "bring it back (`triagebot history pull`, where a branch keeps it), or delete its folder: "
    "then this scan is forgotten, and can be recorded again"
)
_TABLES = ("occurrences", "coverage", "aliases", "ratings")


@dataclass(frozen=True)
class Snapshot:
    """One recorded scan. `accepted` is false while it is quarantined."""

    name: str
    label: str
    stream: str
    taken_at: datetime
    accepted: bool
    reasons: tuple[str, ...]
    scope: Scope

    @property
    def order(self) -> tuple[datetime, bool, str, str]:
        """Its place among the others, whichever came in first. The end of a stream is behind all of its time."""
        return self.taken_at, self.scope.end_stream, self.label, self.name

    @property
    def stamp(self) -> str:
        """What is derived from it holds for this content at this time: a scan that moved is another step."""
        return f"{self.name} {self.taken_at.isoformat()}"


class Snapshots:
    """Those of one history folder."""

    def __init__(self, files: Folder) -> None:
        self._files = files
        self.folder = files.path / "snapshots"

    def holds(self, name: str) -> bool:
        """Whether there is one of this name."""
        return (self._place(name) / "meta.json").exists()

    def unfinished(self) -> list[Path]:
        """Folders without the file that makes them a recorded scan: it was lost, or a pull was killed."""
        there = (path for path in self.folder.glob("*") if path.is_dir() and path.suffix != FORMER)
        return sorted(path for path in there if not self.holds(path.name))

    def of(self, stream: str | None = None) -> list[Snapshot]:
        """The recorded scans of a stream, or all; in their order, the oldest first."""
        found = []
        for meta in self.folder.glob("*/meta.json"):
            name = meta.parent.name.removesuffix(FORMER)
            if meta.parent != self._place(name):
                continue
            snapshot = _told(meta, name)
            if stream in (None, snapshot.stream):
                found.append(snapshot)
        return sorted(found, key=lambda s: s.order)

    def store(self, name: str, scan: Scan, scope: Scope, reasons: Sequence[str]) -> None:
        """Write a scan under its name, aside and then renamed; one of that name is replaced."""
        target, former = self.folder / name, self.folder / f"{name}{FORMER}"
        aside = self._files.aside("snapshot")
        aside.mkdir(parents=True)
        for table in _TABLES:
            getattr(scan, table).write_parquet(aside / f"{table}.parquet", compression="lz4", statistics=False)
        meta = {
            "schema": 1, "label": scan.label, "stream": scan.stream, "taken_at": scan.taken_at.isoformat(),
            "reasons": list(reasons), "scope": _scope_told(scope),
        }  # fmt: skip
        (aside / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
            target.replace(former)
        aside.replace(target)
        shutil.rmtree(former, ignore_errors=True)

    def _place(self, name: str) -> Path:
        """Where a scan lies; under its former name, if a run was killed while it moved."""
        folder, former = self.folder / name, self.folder / f"{name}{FORMER}"
        return former if former.exists() and not (folder / "meta.json").exists() else folder

    def accept(self, name: str) -> None:
        """Promote a quarantined scan."""
        self._files.write(self._place(name) / "accepted", "accepted\n")

    def read(self, snapshot: Snapshot) -> Scan:
        """A recorded scan, read back. Raises `InputError` where it cannot be."""
        folder = self._place(snapshot.name)
        try:
            occurrences, coverage, aliases = (pl.read_parquet(folder / f"{t}.parquet") for t in _TABLES[:3])
            rated = folder / "ratings.parquet"  # not in snapshots of the first release
            ratings = pl.read_parquet(rated) if rated.exists() else empty(RATINGS)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(
                str(folder),
                f"a snapshot cannot be read: {error}",
                _REMEDY,
            ) from error
        return Scan(
            occurrences.select(list(OCCURRENCES)), coverage.select(list(COVERAGE)), aliases, snapshot.label,
            snapshot.stream, snapshot.taken_at, ratings,
        )  # fmt: skip


def damage(folder: Path) -> str:
    """What of a recorded scan cannot be read, and why; empty: all can be. Reads all of it."""
    meta = folder / "meta.json"
    if not meta.exists():
        return "meta.json is missing"
    try:
        _told(meta, folder.name)
        for table in _TABLES:
            if (path := folder / f"{table}.parquet").exists() or table != "ratings":
                pl.read_parquet(path)
    except InputError:
        return "meta.json cannot be read"
    except (OSError, pl.exceptions.PolarsError):
        return f"{table}.parquet cannot be read"
    return ""


def _told(meta: Path, name: str) -> Snapshot:
    """What a recorded scan says of itself. Raises `InputError` where it does not."""
    try:
        told = json.loads(meta.read_text(encoding="utf-8"))
        is_accepted = not told["reasons"] or (meta.parent / "accepted").exists()
        return Snapshot(
            name, told["label"], told["stream"], datetime.fromisoformat(told["taken_at"]), is_accepted,
            tuple(told["reasons"]), _scope(told["scope"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(str(meta), f"a snapshot cannot be read: {error!r}", _REMEDY) from error


def snapshot_name(scan: Scan, content: str) -> str:
    """The name of a snapshot: the same content, label and stream is the same scan."""
    said = f"{scan.stream}\n{scan.label}\n{content}"
    return f"{hashlib.sha256(said.encode()).hexdigest()[:24]}"


def _scope_told(scope: Scope) -> dict[str, Any]:
    images = None if scope.inventory is None else sorted(i.label for i in scope.inventory)
    return {"inventory": images, "retire_after": scope.retire_after, "end_stream": scope.end_stream}


def _scope(told: Mapping[str, Any]) -> Scope:
    listed = told["inventory"]
    images = None if listed is None else frozenset(inventory_image(label) for label in listed)
    return Scope(images, told["retire_after"], told["end_stream"])
