"""One run at a time: a file that says who holds the history, and until when."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triagebot.errors import LeaseError, TriagebotError
from triagebot.folder import Folder, read_json

LEASE_SECONDS = 15 * 60


class Lease:
    """The lease of one history folder."""

    def __init__(self, files: Folder) -> None:
        self.files = files
        self.path = files.path / "lease.json"
        self._token = ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder alone. Raises `LeaseError` that names the holder while another run has it.

        A lease ends when it expires, or at once when its process, on this machine, is no more.
        """
        self.files.path.mkdir(parents=True, exist_ok=True)
        token = self._token = secrets.token_hex(8)
        mine = self.files.aside("lease")
        mine.write_text(json.dumps(_owner(token)), encoding="utf-8")
        try:
            self._take(mine)
        finally:
            mine.unlink(missing_ok=True)
        try:
            self._sweep()
            yield
        finally:
            with suppress(OSError, ValueError):
                if read_json(self.path).get("token") == token:
                    self.path.unlink()

    def renew(self) -> None:
        """Hold it for longer. Called as a long run goes on; raises `LeaseError` if it was lost meanwhile."""
        held = _held(self.path) or {}
        if held.get("token") != self._token:
            raise LeaseError(str(self.path), "the lease ran out and another run took the history", "run again later")
        if held["expires"] - time.time() < LEASE_SECONDS / 2:
            self.files.write(self.path, json.dumps({**held, "expires": time.time() + LEASE_SECONDS}))

    def _take(self, mine: Path) -> None:
        for _ in range(3):
            try:
                os.link(mine, self.path)
                return
            except FileExistsError:
                held = _held(self.path)
            except FileNotFoundError:
                break  # the holder tidied our half-written claim away: it has the history
            if held is None:
                continue
            if not _is_over(held):
                raise LeaseError(
                    str(self.path),
                    f"another run holds the history: process {held.get('pid')} on {held.get('host')}, "
                    f"until {datetime.fromtimestamp(held['expires'], UTC):%Y-%m-%d %H:%M} UTC",
                    "wait for it to end; a lease that was left behind ends by itself",
                )
            stale = self.files.aside("stale")
            with suppress(OSError):
                self.path.rename(stale)
                stale.unlink()
        raise LeaseError(str(self.path), "another run took the history just now", "run again later")

    def _sweep(self) -> None:
        """Remove what a killed run left half written."""
        for left in self.files.path.glob(".aside-*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            elif not left.name.startswith(".aside-lease") or _is_over(_held(left) or {"expires": 0}):
                left.unlink(missing_ok=True)


def _owner(token: str) -> dict[str, Any]:
    return {
        "host": socket.gethostname(), "pid": os.getpid(), "token": token, "expires": time.time() + LEASE_SECONDS,
    }  # fmt: skip


def _held(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except FileNotFoundError:
        return None
    except TriagebotError:
        return {"expires": 0}


def _is_over(held: Mapping[str, Any]) -> bool:
    if held["expires"] < time.time():
        return True
    return held.get("host") == socket.gethostname() and not _is_alive(int(held["pid"]))


def _is_alive(pid: int) -> bool:
    """Whether a process runs. One that was killed and not yet reaped by its parent does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:1]
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return state != ["Z"]
