"""Several processes share one list of work: this one, and helpers that run beside it.

Each takes the next piece that nobody has taken. What a helper that dies had taken is done here, so that the result
never depends on how the work was shared. Knows nothing of what the work is, and imports next to nothing: helpers
are hired while this process still loads what it needs itself.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

T = TypeVar("T")

WORTH_IT = 48 * 1024**2
"""Bytes below which another process takes longer to start than it saves."""

MOST_HELPERS = 3

Helper = subprocess.Popen[bytes]


@contextmanager
def hired(scan: Path | None) -> Iterator[Sequence[Helper]]:
    """Helpers for a scan folder that is worth it and a machine that has the processors; they end with the block."""
    count = min(_processors() - 1, MOST_HELPERS) if scan and _is_large(scan) else 0
    helpers: list[Helper] = []
    with suppress(OSError):  # a machine that starts none reads alone
        helpers += (_hire() for _ in range(count))
    try:
        yield helpers
    finally:
        for helper in helpers:
            helper.kill()
            helper.communicate()


def _hire() -> Helper:
    command = [sys.executable, "-m", "triagebot.helper"]
    alone = {**os.environ, "POLARS_MAX_THREADS": "1"}  # its small tables gain nothing from more
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=alone)


def _processors() -> int:
    held = getattr(os, "sched_getaffinity", None)
    return len(held(0)) if held else os.cpu_count() or 1


def _is_large(folder: Path) -> bool:
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += Path(place, name).stat().st_size
            if size >= WORTH_IT:
                return True
    return False


@dataclass
class _Work(Generic[T]):
    """The pieces, and which are done."""

    pieces: Sequence[Sequence[str]]
    done: dict[int, T] = field(default_factory=dict)
    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> int | None:
        """The number of a piece that nobody has; None: all are taken."""
        with self.lock:
            self.taken += 1
            return self.taken - 1 if self.taken <= len(self.pieces) else None


def shared(
    pieces: Sequence[Sequence[str]],
    do: Callable[[Sequence[str]], T],
    helpers: Sequence[Helper],
    job: object,
    said: Callable[[str], None],
) -> list[T]:
    """What `do` makes of each piece, in their order. `job`: what helpers must know to do the same."""
    work: _Work[T] = _Work(pieces)
    threads = [threading.Thread(target=_helped, args=(helper, work, job, said)) for helper in helpers]
    for thread in threads:
        thread.start()
    for number in iter(work.next, None):
        work.done[number] = do(pieces[number])
    for thread in threads:
        thread.join()
    for number, piece in enumerate(pieces):
        if number not in work.done:
            work.done[number] = do(piece)
    return [work.done[number] for number in range(len(pieces))]


def _helped(helper: Helper, work: _Work[T], job: object, said: Callable[[str], None]) -> None:
    """Hand one helper piece after piece; whatever befalls it, the rest is done without it."""
    if helper.stdin and helper.stdout:
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            work.done.update(_fed(helper.stdin, helper.stdout, work, job, said))


def _fed(to: IO[bytes], back: IO[bytes], work: _Work[T], job: object, said: Callable[[str], None]) -> dict[int, T]:
    """What the helper did. It is kept one piece ahead, so that it never waits, and hands over all in one go.

    Large answers while this process is at work would cost both: each reading of a pipe waits for its interpreter.
    """
    tell(to, job)
    numbers: list[int] = []
    for number in iter(work.next, None):
        numbers.append(number)
        tell(to, work.pieces[number])
        if len(numbers) > 1:
            told(back)
            for name in work.pieces[numbers[-2]]:
                said(name)
    tell(to, None)
    if numbers:
        told(back)
        for name in work.pieces[numbers[-1]]:
            said(name)
    return dict(zip(numbers, (pickle.loads(made) for made in told(back)), strict=True))  # noqa: S301 - as in `told`


def serve(do: Callable[[Any, Sequence[str]], object]) -> None:
    """Be a helper: a job and then pieces come in, and when there are no more, what `do` made of them goes out."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, BrokenPipeError):  # who hired us is no more, or had nothing to do
        job = told(source)
        made: list[bytes] = []
        while (piece := told(source)) is not None:
            made.append(pickle.dumps(do(job, piece), pickle.HIGHEST_PROTOCOL))
            tell(out, len(made))
        tell(out, made)


def tell(pipe: IO[bytes], value: object) -> None:
    """Send one value."""
    pickle.dump(value, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def told(pipe: IO[bytes]) -> Any:
    """The next value. Raises `EOFError` where the other side is no more."""
    return pickle.load(pipe)  # noqa: S301 - the other end of the pipe is this program itself
