"""The series of the corpus, walked date by date beside the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conftest import Place
from oracle import Oracle
from test_histories import SCANS, Dated, scans_of

__all__ = ["SCANS", "walk"]


def walk(corpus: Path, name: str, folder: Path) -> Iterator[tuple[Dated, Place, Oracle]]:
    """Each scan of a series, recorded in one place, and what the oracle says then."""
    place, oracle = Place.create(folder / "place"), Oracle()
    for at, scan in enumerate(scans_of(corpus, name)):
        place.run(scan.laid_out(folder / f"scan-{at}"), scan.taken_at, label=scan.label, record_only=True)
        oracle.scan(scan.files.values(), f"{scan.taken_at:%Y-%m-%d}")
        yield scan, place, oracle
