"""Several hands read one scan: this process, and beside it processes of the same program.

A large scan is cut into pieces of some megabytes; each hand takes the next piece that nobody has taken. What a
hand that dies had taken is read here, so that the result never depends on how the work was shared.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from triagebot import parts
from triagebot.parts import Part, Reading

FILE_LIMIT = 2 * 1024**3
WORTH_IT = 48 * 1024**2
"""Bytes below which another process takes longer to start than it saves."""

PIECE = 6 * 1024**2
MOST_HELPERS = 3


@dataclass(frozen=True)
class Job:
    """What every hand is told at first."""

    root: Path
    reading: Reading


@dataclass
class _Work:
    """The pieces, and who has which."""

    pieces: Sequence[Sequence[str]]
    done: dict[int, Part] = field(default_factory=dict)
    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> int | None:
        """The number of a piece that nobody has; None: all are taken."""
        with self.lock:
            self.taken += 1
            return self.taken - 1 if self.taken <= len(self.pieces) else None


def read(job: Job, files: Sequence[tuple[str, int]], progress: Callable[[str], None] | None = None) -> list[Part]:
    """The parts of these files, in their order. `files`: name below `root` and size in bytes."""
    said = progress or _silent
    work = _Work(list(_pieces(files)))
    count = 0 if sum(size for _, size in files) < WORTH_IT else min(_processors() - 1, MOST_HELPERS)
    helpers = [threading.Thread(target=_helped, args=(job, work, said)) for _ in range(count)]
    for helper in helpers:
        helper.start()
    for number in iter(work.next, None):
        work.done[number] = parts.read(_contents(job.root, work.pieces[number]), job.reading, said)
    for helper in helpers:
        helper.join()
    for number, names in enumerate(work.pieces):
        if number not in work.done:
            work.done[number] = parts.read(_contents(job.root, names), job.reading, said)
    return [work.done[number] for number in range(len(work.pieces))]


def _silent(_: str) -> None:
    pass


def _pieces(files: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
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


def _contents(root: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        path = root / name
        yield name, b"" if path.stat().st_size > FILE_LIMIT else path.read_bytes()


def _processors() -> int:
    held = getattr(os, "sched_getaffinity", None)
    return len(held(0)) if held else os.cpu_count() or 1


def _helped(job: Job, work: _Work, said: Callable[[str], None]) -> None:
    """Start one process and hand it piece after piece; whatever befalls it, the rest is done without it."""
    command = [sys.executable, "-m", "triagebot.beside"]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            if process.stdin and process.stdout:
                work.done.update(_fed(process.stdin, process.stdout, job, work, said))
    except (OSError, EOFError, pickle.UnpicklingError):
        return


def _fed(to: IO[bytes], back: IO[bytes], job: Job, work: _Work, said: Callable[[str], None]) -> dict[int, Part]:
    """What the helper read. It is kept one piece ahead, so that it never waits, and hands over all in one go.

    Large answers while this process is at work would cost both: each reading of a pipe waits for its interpreter.
    """
    _tell(to, job)
    numbers: list[int] = []
    for number in iter(work.next, None):
        numbers.append(number)
        _tell(to, work.pieces[number])
        if len(numbers) > 1:
            pickle.load(back)  # noqa: S301 - from our own program, as below: that it is done with a piece
            for name in work.pieces[numbers[-2]]:
                said(name)
    _tell(to, None)
    if numbers:
        pickle.load(back)  # noqa: S301
    read: list[bytes] = pickle.load(back)  # noqa: S301
    return {number: pickle.loads(part) for number, part in zip(numbers, read, strict=True)}  # noqa: S301


def _tell(pipe: IO[bytes], value: object) -> None:
    pickle.dump(value, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def main() -> None:
    """Be a helper: a job, then pieces, from standard input; their parts, at the end, to standard output."""
    gc.disable()
    source, out = sys.stdin.buffer, sys.stdout.buffer
    job: Job = pickle.load(source)  # noqa: S301 - from our own program
    read: list[bytes] = []
    while (names := pickle.load(source)) is not None:  # noqa: S301
        read.append(pickle.dumps(parts.read(_contents(job.root, names), job.reading), pickle.HIGHEST_PROTOCOL))
        _tell(out, len(read))
    _tell(out, read)


if __name__ == "__main__":
    with suppress(EOFError, BrokenPipeError):  # who started us is no more
        main()
