"""A scan - a folder, one file, or a `.tar.gz` - as tables.

Each file is read, decoded and turned into rows on its own; what cannot be read becomes a failed line of the
coverage, and the others go on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from triagebot import archive, formats
from triagebot.errors import InputError, ReportError
from triagebot.formats import ROW, Report
from triagebot.identity import Image, parse_image, rewrite
from triagebot.model import ALIASES, COVERAGE, OCCURRENCES, Scan, empty

CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Reading:
    """How a scan is to be read. `image_paths`: templates such as `docker/{image}/snyk.json`."""

    now: datetime
    taken_at: datetime | None = None
    label: str = ""
    stream: str = "main"
    image_paths: tuple[str, ...] = ("docker/{image}/snyk.json",)
    rewrites: tuple[tuple[str, str], ...] = ()


@dataclass
class Loaded:
    """A scan, and what the reader has to say of it.

    `content`: digest of what the files say, whenever they are read; `errors` name each file that could not be.
    """

    scan: Scan
    content: str
    errors: list[ReportError] = field(default_factory=list)
    ignored: int = 0
    entries: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def load(path: Path, reading: Reading, progress: Callable[[str], None] | None = None) -> Loaded:
    """Read a scan. Raises `InputError` where there is nothing to read; a broken file is in `errors`."""
    if reading.taken_at and reading.taken_at > reading.now + CLOCK_SKEW:
        raise InputError(
            "--taken-at", f"{reading.taken_at:%Y-%m-%d %H:%M} is ahead of now", "give the time of the scan"
        )
    tables = _Tables(reading)
    for name, data in _files(path):
        tables.take(name, data)
        if progress:
            progress(name)
    if not tables.coverage:
        raise InputError(str(path), "no scan reports in it", f"give the folder that holds them ({_known()})")
    return tables.loaded(reading.label or _label(path))


def nothing(label: str, stream: str, now: datetime) -> Loaded:
    """A scan without reports: nothing was looked at."""
    scan = Scan(empty(OCCURRENCES), empty(COVERAGE), empty(ALIASES), label, stream, now)
    return Loaded(scan, content=f"nothing at {now.isoformat()}")


def _known() -> str:
    return ", ".join(f.NAME for f in formats.FORMATS)


def _label(path: Path) -> str:
    name = path.resolve().name
    for ending in (".tar.gz", ".tgz", ".tar", ".json", ".yaml"):
        name = name.removesuffix(ending)
    return name


def _files(path: Path) -> Iterator[tuple[str, bytes | ReportError]]:
    """(relative name, content) of each file, in a stable order; for one that is not to be read, why."""
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and ".git" not in p.parts):
            yield file.relative_to(path).as_posix(), archive.content(file)
    elif path.name.endswith((".tar.gz", ".tgz", ".tar")):
        yield from archive.members(path)
    elif path.is_file():
        yield path.name, archive.content(path)
    else:
        raise InputError(str(path), "no such file or folder", "give a folder, a report or a .tar.gz of reports")


class _Tables:
    """Collects rows column by column."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.columns: list[list[Any]] = [[] for _ in ROW]
        self.report_of: list[int] = []
        self.coverage: list[dict[str, Any]] = []
        self.aliases: dict[tuple[str, str], None] = {}
        self.errors: list[ReportError] = []
        self.said_at: list[datetime | None] = []
        self.ignored = 0
        self.entries = 0
        self.left_out: dict[str, int] = {}
        for text in reading.image_paths:
            _template(text)

    def take(self, name: str, data: bytes | ReportError) -> None:
        if isinstance(data, ReportError) and formats.is_report_like(b"", name):
            self._fail(name, data)
            return
        if isinstance(data, ReportError) or not formats.is_report_like(data, name):
            self.ignored += 1
            return
        try:
            _, reports = formats.read(data)
            for report in reports:
                self._add(name, report)
        except ReportError as error:
            self._fail(name, error)

    def _fail(self, name: str, error: ReportError) -> None:
        self.errors.append(ReportError(name, error.cause, error.remedy))
        self._cover(name, Report(""), error=error.cause)

    def _add(self, name: str, report: Report) -> None:
        if report.scanned_at and report.scanned_at > self.reading.now + CLOCK_SKEW:
            raise ReportError("", f"says it was made at {report.scanned_at:%Y-%m-%dT%H:%MZ}, which is ahead of now",
                              "set the clock of the scanner right")  # fmt: skip
        self._cover(name, report, error=report.error)
        if report.rows and not report.error:
            for column, values in zip(self.columns, zip(*report.rows, strict=True), strict=True):
                column.extend(values)
            self.report_of.extend([len(self.coverage) - 1] * len(report.rows))
            self.aliases.update(dict.fromkeys(sorted(report.aliases)))
        self.entries += report.entries
        for rule, count in report.left_out.items():
            self.left_out[rule] = self.left_out.get(rule, 0) + count

    def _cover(self, name: str, report: Report, error: str) -> None:
        image = image_of(name, report.image, self.reading)
        self.said_at.append(report.scanned_at)
        self.coverage.append(
            {
                "asset": image.asset,
                "tag": image.tag,
                "digest": image.digest or report.digest,
                "scanner": report.scanner,
                "scanner_version": report.scanner_version,
                "db_date": report.db_date,
                "scanned_at": report.scanned_at or self.reading.taken_at or self.reading.now,
                "status": "failed" if error else "scanned",
                "report": name,
                "error": error,
                "targets": ",".join(sorted(report.targets)),
            }
        )

    def loaded(self, label: str) -> Loaded:
        coverage = pl.DataFrame(self.coverage, schema=COVERAGE)
        occurrences = _occurrences(self.columns, self.report_of, coverage)
        taken_at = self.reading.taken_at or max(c["scanned_at"] for c in self.coverage)
        aliases = pl.DataFrame(list(self.aliases), schema=ALIASES, orient="row")
        scan = Scan(occurrences, coverage, aliases, label, self.reading.stream, taken_at)
        covered = [{**c, "scanned_at": at} for c, at in zip(self.coverage, self.said_at, strict=True)]
        content = hashlib.sha256(msgspec.json.encode([self.columns, self.report_of, covered])).hexdigest()
        return Loaded(scan, content, self.errors, self.ignored, self.entries, self.left_out)


def _occurrences(columns: list[list[Any]], report_of: Iterable[int], coverage: pl.DataFrame) -> pl.DataFrame:
    """The rows with what their report says of the image; the same place told by two reports stands once."""
    told = ["asset", "tag", "digest", "scanner", "scanned_at"]
    image = coverage.select(told)[pl.Series(list(report_of), dtype=pl.UInt32)]
    schema = {name: OCCURRENCES[name] for name in ROW}
    rows = pl.DataFrame(dict(zip(ROW, columns, strict=True)), schema=schema)
    placed = pl.concat([rows, image], how="horizontal").select(list(OCCURRENCES))
    told_twice = coverage.select(told).is_duplicated().any()
    return placed.unique(maintain_order=True) if told_twice else placed


def image_of(name: str, told: str, reading: Reading) -> Image:
    """The image that a report is of: as it says itself, else as its path says by `image_paths`, else its file name."""
    image = parse_image(told or _named_by(name, reading.image_paths))
    return Image(rewrite(image.asset, reading.rewrites), image.tag, image.digest)


def _named_by(name: str, templates: Iterable[str]) -> str:
    for text in templates:
        if found := _template(text).search(name):
            return found["image"]
    return re.sub(r"(\.(json|ya?ml|sarif|cdx|xml))+$", "", Path(name).name)


@lru_cache(maxsize=64)
def _template(text: str) -> re.Pattern[str]:
    before, mark, after = text.partition("{image}")
    if not mark:
        raise InputError("image_paths", f"{text!r} holds no {{image}}", "for example docker/{image}/snyk.json")
    return re.compile(f"(?:^|/){re.escape(before)}(?P<image>.+){re.escape(after)}$")
