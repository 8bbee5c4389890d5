"""A vulnerability database for Trivy, as small as can be, so that Trivy itself finds vulnerabilities without network.

The file is a bbolt database: pages of 4,096 bytes, two of them meta pages, one the list of free pages, and here one
leaf with everything, buckets inside buckets (https://github.com/etcd-io/bbolt, `page.go`, `bucket.go`, `db.go`).
What stands in it: https://github.com/aquasecurity/trivy-db, `pkg/db`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PAGE = 4096
_LEAF, _META, _FREE = 2, 4, 16
_BUCKET = 1
_ROOT = 3
"""The page that holds everything; what comes before it are the meta pages and the list of free pages."""
_TIME = "2026-05-03T06:00:00Z"

Tree = Mapping[str, Any]
"""Buckets by name; what is no mapping, or stands in `Value`, is a value."""


class Value(dict[str, Any]):
    """A JSON object that is a value, not a bucket."""


def write(cache: Path, tree: Tree) -> None:
    """The database into the cache folder of Trivy."""
    folder = cache / "db"
    folder.mkdir(parents=True)
    content = _content(tree)
    pages = -(-(16 + len(content)) // _PAGE)
    data = b"".join(_meta(number, _ROOT + pages) for number in (0, 1))
    data += _padded(_header(2, _FREE, 0, 0))
    data += _padded(_header(_ROOT, _LEAF, len(tree), pages - 1) + content)
    (folder / "trivy.db").write_bytes(data)
    times = {name: "2099-01-01T00:00:00Z" if name == "NextUpdate" else _TIME
             for name in ("NextUpdate", "UpdatedAt", "DownloadedAt")}  # fmt: skip
    (folder / "metadata.json").write_text(json.dumps({"Version": 2, **times}))


def _header(number: int, flags: int, count: int, overflow: int) -> bytes:
    return struct.pack("<QHHI", number, flags, count, overflow)


def _meta(number: int, pages: int) -> bytes:
    said = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, _PAGE, 0, _ROOT, 0, 2, pages, number)
    return _padded(_header(number, _META, 0, 0) + said + struct.pack("<Q", _fnv(said)))


def _fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    made = 0xCBF29CE484222325
    for byte in data:
        made = (made ^ byte) * 0x100000001B3 % 2**64
    return made


def _content(tree: Tree) -> bytes:
    """The elements of a leaf, and behind them their keys and values. A bucket is a value that holds a leaf."""
    entries = sorted((name.encode(), value) for name, value in tree.items())
    heads, bodies, at = b"", b"", 16 * len(entries)
    for place, (name, value) in enumerate(entries):
        is_bucket = isinstance(value, Mapping) and not isinstance(value, Value)
        held = _bucket(value) if is_bucket else json.dumps(value).encode()
        heads += struct.pack("<IIII", _BUCKET if is_bucket else 0, at + len(bodies) - 16 * place, len(name), len(held))
        bodies += name + held
    return heads + bodies


def _bucket(tree: Tree) -> bytes:
    return struct.pack("<QQ", 0, 0) + _header(0, _LEAF, len(tree), 0) + _content(tree)


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // _PAGE) * _PAGE, b"\0")
