"""Runs that are killed around a request and started again, on any server with a `Front`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from github_front import Call, Front, Moment
from reports import trivy, vulnerability, write

FIRST = datetime(2026, 5, 3, 6, tzinfo=UTC)
SECOND = FIRST + timedelta(weeks=1)
AGAIN = timedelta(minutes=10)
"""A run that was killed is started again so much later: farther than a listing reaches back for good measure."""

_VOLATILE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?|\"comments\": \d+")
"""Times, and how many comments history has last seen on a ticket: an answer to a person is not counted at once."""


MOVED = """\
images:
  - {match: "**/moves", team: network}
  - {match: "**/other", team: network}
  - {match: "**/leaves", team: desk}
"""
"""The lines of a team file that give images to other teams."""
IMAGES = ("changes", "ends", "returns", "moves", "leaves")
FIXED, LEFT = vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0002", "zlib")
URGENT = vulnerability("CVE-2026-0003", "openssl", severity="CRITICAL")


def scans(base: Path, **more: dict[str, Any]) -> None:
    """Two scans, after the second of which a run takes each kind of step there is."""
    write(base / "one", **{name: trivy(f"a/{name}:1.0", [FIXED, LEFT]) for name in IMAGES})
    after = {
        "changes": trivy("a/changes:1.1", [LEFT, URGENT]),
        "ends": trivy("a/ends:1.1", []),
        "returns": trivy("a/returns:1.1", [FIXED, LEFT]),
        "moves": trivy("a/moves:1.1", [LEFT]),
        "leaves": trivy("a/leaves:1.1", [LEFT, URGENT]),
        "fresh": trivy("a/fresh:1.0", [FIXED]),
        "other": trivy("a/other:1.0", [URGENT]),
        **more,
    }
    write(base / "two", **after)


class Forker:
    """Starts runs as processes that are spared the imports."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).parent / "forker.py")]
        environment = os.environ | {"POLARS_MAX_THREADS": "1"}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words: Sequence[str], folder: Path, environment: dict[str, str], said: Path, pid: Future[int]) -> int:
        """One run; its exit code. `pid` is told as soon as there is one."""
        assert self._process.stdin
        assert self._process.stdout
        job = {"words": words, "folder": str(folder), "environment": environment, "said": str(said)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid.set_result(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def whole_process(words: Sequence[str], folder: Path, environment: dict[str, str], said: Path, pid: Future[int]) -> int:
    """The same as `Forker.run`, with all that starting a program takes."""
    with said.open("w") as file:
        command = [sys.executable, "-m", "triagebot", *words]
        run = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=file, stderr=file)
        pid.set_result(run.pid)
        return run.wait()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """One for all tests of a worker."""
    made = Forker()
    yield made
    made.stop()


@dataclass
class Start:
    """A server and a folder after a first run, to start from as often as one likes."""

    front: Front
    forker: Forker
    base: Path
    settings: str
    environment: Callable[[], dict[str, str]]
    lasting: Callable[[Path], Iterator[tuple[str, str]]]
    """Every part of what stands on the server, and of a folder, that must be the same wherever a run was killed."""
    again_after: timedelta = AGAIN
    copies: int = 0
    calls: list[Call] = field(default_factory=list)
    """Of the last run."""

    def __post_init__(self) -> None:
        self.front.reset()
        self.base.mkdir()
        self.folder = self.base / "start"
        self.folder.mkdir()
        (self.folder / "triagebot.yaml").write_text(self.settings)
        self.back = self.front.keep()

    def keep(self) -> None:
        """From here on everything starts with what stands now."""
        self.back = self.front.keep()

    def again(self) -> Path:
        """The server as it was kept, and a copy of the folder."""
        self.back()
        self.copies += 1
        return Path(shutil.copytree(self.folder, self.base / f"copy-{self.copies}"))

    def at(self, moment: datetime) -> None:
        """Let it be that time at the server."""
        self.front.shift(moment.timestamp() - time.time())

    def run(
        self, folder: Path, scan: str, now: datetime, point: int = -1, *, late: int = 0, whole: bool = False
    ) -> bool:
        """One run, killed at a point of its requests (see `Front.kill_at`); whether it came so far.

        `late`: how often the run of this scan was started before; `whole`: with all that starting a program takes.
        """
        front, pid = self.front, Future[int]()
        environment = self.environment()
        first = len(front.log)

        def gate(moment: Moment, call: Call) -> bool:
            here = 2 * (call.number - first) + (moment == "after")
            if here == point:
                os.kill(pid.result(10), signal.SIGKILL)
            return point < 0 or here < point

        self.at(now + late * self.again_after)
        words = [
            "run",
            f"../{scan}",
            "--now",
            (now + late * self.again_after).isoformat(),
            "--taken-at",
            now.isoformat(),
        ]
        start = whole_process if whole else self.forker.run
        front.gate(gate)
        code = start(words, folder, environment, self.base / "said", pid)
        front.drop(gate)
        assert code in (0, -signal.SIGKILL), (self.base / "said").read_text()
        self.calls = front.log[first:]
        return code != 0

    def unbroken(self) -> tuple[dict[str, str], list[Call]]:
        """What one run leaves that nobody kills, and its requests."""
        folder = self.again()
        self.run(folder, "two", SECOND)
        calls, left = self.calls, self.left(folder)
        self.run(folder, "two", SECOND, late=1)
        assert not [call for call in self.calls if not call.is_read]
        assert self.left(folder) == left
        return left, calls

    def healed(self, expected: dict[str, str], *points: int, whole: bool = False) -> str:
        """What is wrong after a run was killed at each of these points in turn, and started once more."""
        folder = self.again()
        for late, point in enumerate(points):
            if not self.run(folder, "two", SECOND, point, late=late, whole=whole):
                return f"{points}: {point} was never reached"
        self.run(folder, "two", SECOND, late=len(points))
        left = self.left(folder)
        shutil.rmtree(folder)
        differs = [f"  {k}: {left.get(k)!r}\n    not {expected.get(k)!r}" for k in sorted(expected.keys() | left.keys())
                   if expected.get(k) != left.get(k)]  # fmt: skip
        return "\n".join([f"killed at {points}:", *differs]) if differs else ""

    def left(self, folder: Path) -> dict[str, str]:
        """All that lasts, in words without what is volatile: the issues, local tickets, and history."""
        held = dict(self.lasting(folder))
        return {name: _VOLATILE.sub("", text.replace(str(folder), "")) for name, text in held.items()}


@dataclass(frozen=True)
class Case:
    """A start, what an unbroken run makes of it, and that run's requests."""

    start: Start
    expected: dict[str, str]
    calls: list[Call]

    def faults(self, *kills: tuple[int, ...], whole: bool = False) -> str:
        """What is wrong where runs are killed so; empty: nothing."""
        return "\n".join(said for points in kills if (said := self.start.healed(self.expected, *points, whole=whole)))

    @property
    def points(self) -> list[int]:
        """Before each request and after each write: after a read all is as it was before it, here and there."""
        return [2 * n + side for n, call in enumerate(self.calls) for side in range(1 if call.is_read else 2)]


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """Local tickets and history word for word, without what names only the run or can be derived."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith((".triagebot/runs", ".triagebot/cache", ".triagebot/trackers")):
            continue
        yield name, sha256(path.read_bytes()).hexdigest() if path.suffix == ".parquet" else path.read_text()
