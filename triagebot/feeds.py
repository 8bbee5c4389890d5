"""Feeds from a path or a URL. What cannot be had is never a failed run: the last good copy is used, with a warning.

A copy of each feed lies in the cache of the history, with its digest: one that was damaged is no copy. A URL is asked
with the `ETag` and `Last-Modified` of that copy (RFC 9110, section 13), so that what did not change is not sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from triagebot import enrichment
from triagebot.enrichment import LARGEST, Feeds
from triagebot.files import FeedSettings
from triagebot.jsonplaces import Faulty

TIMEOUT = (10, 60)
"""Seconds to connect, and between two pieces of an answer."""
ATTEMPTS = 3
_PIECE = 1 << 20

T = TypeVar("T")


class Unreachable(Exception):
    """A feed cannot be had; the message says why."""


@dataclass(frozen=True)
class Copy:
    """What is known of the copy of a feed: when it was fetched, its digest, and what its server calls this state."""

    fetched: str
    digest: str = ""
    etag: str = ""
    modified: str = ""


class Shelf:
    """The copies of feeds. `keep`: whether new ones may be written; `ask`: whether URLs are asked beside one."""

    def __init__(
        self, folder: Path, now: datetime, keep: bool, ask: bool, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.folder, self.now, self.keep, self.ask, self.sleep = folder, now, keep, ask, sleep
        self.warnings: list[str] = []

    def read(self, name: str, source: str, base: Path, parse: Callable[[bytes], T], nothing: T) -> T:
        """The feed; the copy of it where it cannot be had or understood; nothing where there is no copy either."""
        is_url = _is_url(source)
        kept = self._kept(name, source)
        try:
            if is_url and kept and not self.ask:
                return parse(kept[1])
            answer = self._asked(source, kept[0] if kept else None) if is_url else _contents(base / source)
            if answer is None and kept:
                return parse(kept[1])
            data, fresh = answer or (b"", Copy(""))
            made = parse(data)
        except Exception as error:
            return self._instead(name, source, parse, nothing, kept, _said(error, source))
        if self.keep:
            self._put(name, source, data, fresh)
        return made

    def _instead(
        self, name: str, source: str, parse: Callable[[bytes], T], nothing: T, kept: tuple[Copy, bytes] | None, why: str
    ) -> T:
        """What is used where a feed cannot be: its copy, or nothing; a warning says which."""
        warned = f"feeds.{name}: {_told(source)}: {why}"
        if kept:
            with suppress(Exception):
                made = parse(kept[1])
                self.warnings.append(f"{warned}; the copy of {kept[0].fetched[:10]} is used")
                return made
        self.warnings.append(f"{warned}; there is no copy of it: rules see no {name}")
        return nothing

    def _asked(self, url: str, held: Copy | None) -> tuple[bytes, Copy] | None:
        """(content, what is known of it); None: the copy is what the server has."""
        import requests  # noqa: PLC0415 - heavy, and only where a feed comes from afar
        import tenacity  # noqa: PLC0415

        asked = {"Accept-Encoding": "identity"}
        if held and held.etag:
            asked["If-None-Match"] = held.etag
        if held and held.modified:
            asked["If-Modified-Since"] = held.modified
        passing = (requests.ConnectionError, requests.Timeout, _ServerFault)
        tried = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS), wait=tenacity.wait_exponential(multiplier=1, max=8),
            retry=tenacity.retry_if_exception_type(passing), sleep=self.sleep, reraise=True,
        )  # fmt: skip
        try:
            status, headers, data = tried(_get, requests, url, asked)
        except Unreachable:
            raise
        except Exception as error:  # requests lets through what urllib3, idna and sockets say of odd addresses
            raise Unreachable(f"cannot be reached: {_short(error, url)}") from error
        if status == 304 and held:
            return None
        if status != 200:
            raise Unreachable(f"was answered with HTTP {status}")
        return data, Copy("", etag=headers.get("ETag", ""), modified=headers.get("Last-Modified", ""))

    # -- copies ------------------------------------------------------------------------------------------

    def _file(self, name: str, source: str) -> Path:
        return self.folder / f"{name}-{hashlib.sha256(source.encode(errors='surrogatepass')).hexdigest()[:12]}"

    def _kept(self, name: str, source: str) -> tuple[Copy, bytes] | None:
        """The copy. One that is not what was written is none: the feed is then asked for in full."""
        file = self._file(name, source)
        try:
            copy = Copy(**json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
            data = file.read_bytes()
        except (OSError, ValueError, TypeError):
            return None
        return (copy, data) if copy.digest == _digest(data) else None

    def _put(self, name: str, source: str, data: bytes, fresh: Copy) -> None:
        file = self._file(name, source)
        told = replace(fresh, fetched=self.now.isoformat(), digest=_digest(data))
        with suppress(OSError):  # a copy is a help for later; a full disk is told by what must be written
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(file, data)
            _write(file.with_suffix(".json"), json.dumps(asdict(told), indent=1).encode())


def gather(settings: FeedSettings, base: Path, shelf: Shelf) -> Feeds:
    """The feeds that the settings name; what is wrong with them is in the shelf's warnings."""
    found: dict[str, pl.DataFrame] = {}
    if settings.kev:
        found["kev"] = shelf.read("kev", settings.kev, base, enrichment.kev, Feeds().kev)
    if settings.epss:
        found["epss"] = shelf.read("epss", settings.epss, base, enrichment.epss, Feeds().epss)
    return Feeds(**found)


class _ServerFault(Exception):
    pass


def _get(requests: Any, url: str, asked: dict[str, str]) -> tuple[int, Any, bytes]:
    with requests.get(url, headers=asked, timeout=TIMEOUT, stream=True) as answer:
        if answer.status_code >= 500 or answer.status_code == 429:
            raise _ServerFault(f"HTTP {answer.status_code}")
        data = bytearray()
        for piece in answer.iter_content(_PIECE):
            data += piece
            if len(data) > LARGEST:
                raise Unreachable(f"is larger than {LARGEST // 1024**2} MiB")
        return answer.status_code, answer.headers, bytes(data)


def _contents(path: Path) -> tuple[bytes, Copy]:
    if path.stat().st_size > LARGEST:
        raise Unreachable(f"is larger than {LARGEST // 1024**2} MiB")
    return path.read_bytes(), Copy("")


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _told(source: str) -> str:
    """A source as it may be printed: who names a password in an address does not want to read it in a log."""
    return re.sub(r"(?<=://)[^/\s]*@", "", source).partition("?")[0] if _is_url(source) else source


def _said(error: Exception, source: str) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    if isinstance(error, Unreachable | Faulty):
        return str(error).replace(source, _told(source))
    return f"cannot be used: {_short(error, source)}"


def _short(error: Exception, source: str) -> str:
    """The innermost cause in one line: requests wraps what happened several times over."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    said = f"{type(cause).__name__}: {cause}".splitlines()[0].replace(source, _told(source))
    return re.sub(r"(?<=//)[^/\s]*@", "", said)[:200]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Aside, then renamed."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(data)
    aside.replace(path)
