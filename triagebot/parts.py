"""Some files of a scan -> tables. Files do not know of each other, so that several hands can share the work."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from triagebot import archive, formats
from triagebot.errors import InputError, ReportError
from triagebot.formats import ROW, Report, Row
from triagebot.formats.interface import Rating
from triagebot.identity import Image, parse_image, rewrite
from triagebot.model import COVERAGE, OCCURRENCES

CLOCK_SKEW = timedelta(minutes=10)
OF_IMAGE = ["asset", "tag", "digest", "scanner", "scanned_at"]
"""What an occurrence has from the report that it stands in."""


@dataclass(frozen=True)
class Reading:
    """How a scan is to be read. `image_paths`: templates such as `docker/{image}/snyk.json`; `past`: it may be old."""

    now: datetime
    taken_at: datetime | None = None
    label: str = ""
    stream: str = "main"
    image_paths: tuple[str, ...] = ("docker/{image}/snyk.json",)
    rewrites: tuple[tuple[str, str], ...] = ()
    past: bool = False


@dataclass
class Part:
    """What some files say, in their order. `rows`: the columns of `ROW`, and `report`: which line of the coverage,
    whose `scanned_at` is null where the report does not say.

    `digests`: one for each report file, of what it says, whenever it is read; `errors` name each file that could
    not be read; `known`: how many are of a format that there is, or may be, since they were not looked into;
    `left_out`: how many raw entries are not in the tables, by rule.
    """

    rows: pl.DataFrame
    coverage: pl.DataFrame
    aliases: dict[tuple[str, str], None]
    ratings: dict[str, dict[str, tuple[Rating, ...]]]
    """By scanner, then by vulnerability."""
    digests: list[bytes]
    errors: list[ReportError]
    ignored: int
    entries: int
    left_out: dict[str, int]
    known: int


@dataclass(frozen=True)
class Job:
    """Files of one folder, to be read in one way."""

    root: Path
    reading: Reading


def read_files(job: Job, names: Sequence[str], progress: Callable[[str], None] | None = None) -> Part:
    """The tables of the files of these names below the root."""
    return read(_contents(job.root, names), job.reading, progress)


def _contents(root: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes | ReportError]]:
    for name in names:
        yield name, archive.content(root / name)


def read(
    files: Iterable[tuple[str, bytes | ReportError]], reading: Reading, progress: Callable[[str], None] | None = None
) -> Part:
    """The tables of these files. `progress` is told the name of each that is done."""
    tables = _Tables(reading)
    for name, data in files:
        tables.take(name, data)
        if progress:
            progress(name)
    return tables.part()


def image_of(name: str, told: str, reading: Reading) -> Image:
    """The image that a report is of: as it says itself, else as its path says by `image_paths`, else its file name."""
    image = parse_image(told or _named_by(name, reading.image_paths))
    return Image(rewrite(image.asset, reading.rewrites), image.tag, image.digest)


def _named_by(name: str, templates: Iterable[str]) -> str:
    for text in templates:
        if found := template(text).search(name):
            return found["image"]
    return re.sub(r"(\.(json|ya?ml|sarif|cdx|xml))+$", "", Path(name).name)


@lru_cache(maxsize=64)
def template(text: str) -> re.Pattern[str]:
    """A path with `{image}` in it as an expression. Raises `InputError` where it holds none."""
    before, mark, after = text.partition("{image}")
    if not mark:
        raise InputError("image_paths", f"{text!r} holds no {{image}}", "for example docker/{image}/snyk.json")
    return re.compile(f"(?:^|/){re.escape(before)}(?P<image>.+){re.escape(after)}$")


@dataclass
class _Said:
    """The reports of one file."""

    rows: list[Row] = field(default_factory=list)
    coverage: list[dict[str, Any]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """How many of the rows are of each report."""


class _Tables:
    """Collects what the files say."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.files: list[_Said] = []
        self.aliases: dict[tuple[str, str], None] = {}
        self.ratings: dict[str, dict[str, tuple[Rating, ...]]] = {}
        self.digests: list[bytes] = []
        self.errors: list[ReportError] = []
        self.ignored = 0
        self.entries = 0
        self.left_out: dict[str, int] = {}
        self.known = 0

    def take(self, name: str, data: bytes | ReportError) -> None:
        if not formats.is_report_like(b"" if isinstance(data, ReportError) else data, name):
            self.ignored += 1
            return
        said = _Said()
        try:
            if isinstance(data, ReportError):
                self.known += 1
                raise data
            _, reports = formats.read(data)
            self.known += 1
            for report in reports:
                self._add(said, name, report)
        except ReportError as error:
            self.errors.append(ReportError(name, error.cause, error.remedy))
            self._cover(said, name, Report(""), error=error.cause)
        self.digests.append(hashlib.sha256(msgspec.json.encode([said.rows, said.counts, said.coverage])).digest())
        self.files.append(said)

    def _add(self, said: _Said, name: str, report: Report) -> None:
        if report.scanned_at and report.scanned_at > self.reading.now + CLOCK_SKEW:
            raise ReportError("", f"says it was made at {report.scanned_at:%Y-%m-%dT%H:%MZ}, which is ahead of now",
                              "set the clock of the scanner right")  # fmt: skip
        self._cover(said, name, report, error=report.error)
        if report.rows and not report.error:
            said.rows += report.rows
            said.counts[-1] = len(report.rows)
            self.aliases.update(dict.fromkeys(sorted(report.aliases)))
            self.ratings.setdefault(report.scanner, {}).update(report.ratings)
        self.entries += report.entries
        for rule, count in report.left_out.items():
            self.left_out[rule] = self.left_out.get(rule, 0) + count

    def _cover(self, said: _Said, name: str, report: Report, error: str) -> None:
        image = image_of(name, report.image, self.reading)
        said.counts.append(0)
        said.coverage.append(
            {
                "asset": image.asset,
                "tag": image.tag,
                "digest": image.digest or report.digest,
                "scanner": report.scanner,
                "scanner_version": report.scanner_version,
                "db_date": report.db_date,
                "scanned_at": report.scanned_at,
                "status": "failed" if error else "scanned",
                "report": name,
                "error": error,
                "targets": ",".join(sorted(report.targets)),
            }
        )

    def part(self) -> Part:
        coverage = pl.DataFrame([c for said in self.files for c in said.coverage], schema=COVERAGE)
        counts = [n for said in self.files for n in said.counts]
        columns = list(zip(*(row for said in self.files for row in said.rows), strict=True)) or [()] * len(ROW)
        rows = pl.DataFrame(dict(zip(ROW, columns, strict=True)), schema={name: OCCURRENCES[name] for name in ROW})
        report = pl.Series("report", [at for at, count in enumerate(counts) for _ in range(count)], dtype=pl.UInt32)
        return Part(
            rows.with_columns(report),
            coverage,
            self.aliases,
            self.ratings,
            self.digests,
            self.errors,
            self.ignored,
            self.entries,
            self.left_out,
            self.known,
        )
