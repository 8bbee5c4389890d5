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
from triagebot.folder import Folder, read_json
from triagebot.identity import inventory_image
from triagebot.model import COVERAGE, OCCURRENCES, RATINGS, Scan, empty

_FORMER = ".former"
"""What a scan that moves is called until it stands anew: whoever is killed in between loses nothing."""

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
        return (self.folder / name).exists()

    def of(self, stream: str | None = None) -> list[Snapshot]:
        """The recorded scans of a stream, or all; in their order, the oldest first."""
        found = []
        for meta in self.folder.glob("*/meta.json"):
            name = meta.parent.name.removesuffix(_FORMER)
            if meta.parent != self._place(name):
                continue
            told = read_json(meta)
            snapshot = Snapshot(
                name, told["label"], told["stream"], datetime.fromisoformat(told["taken_at"]),
                not told["reasons"] or (meta.parent / "accepted").exists(), tuple(told["reasons"]),
                _scope(told["scope"]),
            )  # fmt: skip
            if stream in (None, snapshot.stream):
                found.append(snapshot)
        return sorted(found, key=lambda s: s.order)

    def store(self, name: str, scan: Scan, scope: Scope, reasons: Sequence[str]) -> None:
        """Write a scan under its name, aside and then renamed; one of that name is replaced."""
        target, former = self.folder / name, self.folder / f"{name}{_FORMER}"
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
        folder = self.folder / name
        return folder if folder.exists() else self.folder / f"{name}{_FORMER}"

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
                "restore the history, or delete this folder",
            ) from error
        return Scan(
            occurrences.select(list(OCCURRENCES)), coverage.select(list(COVERAGE)), aliases, snapshot.label,
            snapshot.stream, snapshot.taken_at, ratings,
        )  # fmt: skip


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
