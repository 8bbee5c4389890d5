"""A scan - a folder, one file, or a `.tar.gz` - as tables.

Each file is read, decoded and turned into rows on its own; what cannot be read becomes a failed line of the
coverage, and the others go on.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import polars as pl

from triagebot import archive, beside, formats, parts
from triagebot.errors import InputError, ReportError
from triagebot.formats.interface import Rating
from triagebot.model import ALIASES, COVERAGE, OCCURRENCES, RATINGS, Scan, empty
from triagebot.parts import CLOCK_SKEW, OF_IMAGE, Job, Part, Reading, image_of
from triagebot.render import many

__all__ = ["CLOCK_SKEW", "Loaded", "Reading", "image_of", "load", "names_in", "nothing"]


PIECE = 4 * 1024**2
"""Bytes that one hand takes at a time: small beside a large scan, large beside what handing over costs."""


@dataclass
class Loaded:
    """A scan, and what the reader has to say of it.

    `content`: digest of what the files say, whenever they are read; `errors` name each file that could not be;
    `assumed`: on what ground it counts as taken when it does, where neither the reports nor a person say it.
    """

    scan: Scan
    content: str
    errors: list[ReportError] = field(default_factory=list)
    ignored: int = 0
    entries: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assumed: str = ""


def load(
    path: Path,
    reading: Reading,
    progress: Callable[[str], None] | None = None,
    helpers: Sequence[beside.Helper] = (),
) -> Loaded:
    """Read a scan. Raises `InputError` where no file is a report; a broken one beside others is in `errors`.

    Raises it also for a past scan of which nothing says when it was taken.

    `progress` is told the name of each file that is done; `helpers`, where given, read some of a folder's files.
    """
    if reading.taken_at and reading.taken_at > reading.now + CLOCK_SKEW:
        raise InputError(
            "--taken-at", f"{reading.taken_at:%Y-%m-%d %H:%M} is ahead of now", "give the time of the scan"
        )
    for text in reading.image_paths:
        parts.template(text)
    if path.is_dir():
        read = _folder(Job(path, reading), progress or _silent, helpers)
    elif path.name.endswith((".tar.gz", ".tgz", ".tar")):
        read = [parts.read(archive.members(path), reading, progress)]
    elif path.is_file():
        read = [parts.read_files(Job(path.parent, reading), [path.name], progress)]
    else:
        raise InputError(str(path), "no such file or folder", "give a folder, a report or a .tar.gz of reports")
    if not any(part.digests for part in read):
        raise InputError(str(path), "no scan reports in it", f"give the folder that holds them ({_known()})")
    if not any(part.known for part in read):
        raise _none(path, [error for part in read for error in part.errors])
    return _whole(read, reading, reading.label or _label(path), _label(path))


def _none(path: Path, errors: Sequence[ReportError]) -> InputError:
    """What is said of a scan without a single report: taken for one, it would be a scan that failed everywhere."""
    first, more = errors[0], len(errors) - 1
    cause = f"no file in it is a report of a known format ({first.place}: {first.cause}"
    cause = first.cause if path.is_file() and not more else f"{cause}{f'; and {more} more' if more else ''})"
    remedy = "give a folder of reports, one report or an archive"
    if path.suffix in (".yaml", ".yml"):
        remedy += "; settings are given with --config"
    return InputError(str(path), f"is no scan: {cause}", remedy)


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


def _silent(_: str) -> None:
    pass


def _folder(job: Job, said: Callable[[str], None], helpers: Sequence[beside.Helper]) -> list[Part]:
    pieces = list(_pieces(names_in(job.root)))
    return beside.shared(pieces, lambda names: parts.read_files(job, names, said), helpers, job, said)


def _pieces(files: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """The names, some megabytes at a time. `files`: name and size in bytes."""
    piece: list[str] = []
    held = 0
    for name, size in files:
        piece.append(name)
        held += size
        if held >= PIECE:
            yield piece
            piece, held = [], 0
    if piece:
        yield piece


def names_in(root: Path) -> list[tuple[str, int]]:
    """(name below the folder, size) of each file, in a stable order; what lies under `.git` is none of ours."""
    found: list[tuple[tuple[str, ...], int]] = []
    _walk(str(root), (), found)
    return [("/".join(steps), size) for steps, size in sorted(found)]


def _walk(folder: str, above: tuple[str, ...], found: list[tuple[tuple[str, ...], int]]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git":
                    _walk(entry.path, (*above, entry.name), found)
            elif entry.is_file():
                found.append(((*above, entry.name), entry.stat().st_size))


def _placed(read: Sequence[Part], coverage: pl.DataFrame) -> pl.DataFrame:
    """The rows of all parts, each with what its report says of the image."""
    starts = accumulate((part.coverage.height for part in read), initial=0)
    moved = [part.rows.with_columns(pl.col("report") + start) for part, start in zip(read, starts, strict=False)]
    rows = pl.concat(moved, rechunk=True)
    return pl.concat([rows, coverage.select(OF_IMAGE)[rows["report"]]], how="horizontal").select(list(OCCURRENCES))


def _rated(read: Sequence[Part]) -> pl.DataFrame:
    """What the parts tell of sources; of two scanners that quote one source the later stands."""
    told: dict[str, dict[str, tuple[Rating, ...]]] = {}
    for part in read:
        for scanner, found in part.ratings.items():
            told.setdefault(scanner, {}).update(found)
    rows = {
        (vulnerability, source): (word, score)
        for _, found in sorted(told.items())
        for vulnerability, ratings in found.items()
        for source, word, score in ratings
    }
    columns = list(zip(*((*key, *value) for key, value in rows.items()), strict=True)) or [()] * len(RATINGS)
    return pl.DataFrame(dict(zip(RATINGS, columns, strict=True)), schema=RATINGS)


def _whole(read: Sequence[Part], reading: Reading, label: str, name: str) -> Loaded:
    """The parts as one scan; the same place told by two reports stands once. `name`: of its folder or file."""
    coverage = pl.concat([part.coverage for part in read], rechunk=True)
    taken_at, assumed = _taken(coverage, reading, label, name)
    coverage = coverage.with_columns(pl.col("scanned_at").fill_null(pl.lit(taken_at, dtype=COVERAGE["scanned_at"])))
    occurrences = _placed(read, coverage)
    if coverage.select(OF_IMAGE).is_duplicated().any():
        occurrences = occurrences.unique(maintain_order=True)
    aliases = dict.fromkeys(pair for part in read for pair in part.aliases)
    scan = Scan(
        occurrences, coverage, pl.DataFrame(list(aliases), schema=ALIASES, orient="row"), label, reading.stream,
        taken_at, _rated(read),
    )  # fmt: skip
    left_out: dict[str, int] = {}
    for rule, count in (item for part in read for item in part.left_out.items()):
        left_out[rule] = left_out.get(rule, 0) + count
    return Loaded(
        scan,
        hashlib.sha256(b"".join(digest for part in read for digest in part.digests)).hexdigest(),
        [error for part in read for error in part.errors],
        sum(part.ignored for part in read),
        sum(part.entries for part in read),
        left_out,
        assumed=assumed,
    )


def _taken(coverage: pl.DataFrame, reading: Reading, label: str, name: str) -> tuple[datetime, str]:
    """When a scan was taken, and on what ground it counts so where neither the reports nor a person say it.

    A report that failed has no say. The day that a scan is called after is a better guess than `now`, and of a past
    scan `now` is none at all: raises `InputError` if nothing is better.
    """
    told = coverage["scanned_at"].drop_nulls()
    silent = coverage.filter(pl.col("scanned_at").is_null(), pl.col("status") == "scanned").height
    if reading.taken_at:
        return reading.taken_at, ""
    if len(told) and not silent:
        return max(told.to_list()), ""
    of = "the reports" if not len(told) else f"{silent} of {many(coverage.height, 'report')}"
    said = f"{of} of {label} do not say when they were made"
    at = max(told.to_list(), default=None)
    named = _named(label, reading.now) or _named(name, reading.now)
    if named and named.date() == reading.now.date() and not reading.past:
        named = at = None  # of today nothing is nearer than now, and a later scan of the day stands after this one
    if named and (at is None or at.date() < named.date()):  # the others may be as old as they say
        return named, f"{said}: the scan counts as taken on {named:%Y-%m-%d}, by its name; --taken-at TIME says when"
    if at and (named or reading.past):
        then = f"{at:%Y-%m-%d %H:%M}"
        return at, f"{said}: the scan counts as taken at {then}, as the others say; --taken-at TIME says when"
    if not reading.past:
        return reading.now, f"{said}: the scan counts as taken now; --taken-at TIME says when"
    raise InputError(
        label, "the reports do not say when they were made, and its name is no date of the past",
        "pass --taken-at TIME, for example 2026-05-03T06:00:00Z",
    )  # fmt: skip


_DAY = re.compile(r"(20\d\d)([-_]?)(\d\d)\2(\d\d)(?:[-_T ].*)?", re.DOTALL)
_DATE = re.compile(r"(?<!\d)(20\d\d)(-)(\d\d)-(\d\d)(?!\d)")


def _named(label: str, now: datetime) -> datetime | None:
    """The noon of the day that a scan is called after; never ahead of now.

    As in `2024-03-01` or `20240301-nightly`; a date with dashes also further back: `nightly-2024-03-01`.
    """
    if not (found := _DAY.fullmatch(label) or _DATE.search(label)):
        return None
    try:
        noon = datetime(int(found[1]), int(found[3]), int(found[4]), 12, tzinfo=UTC)
    except ValueError:
        return None
    return min(noon, now) if noon.date() <= now.date() else None
