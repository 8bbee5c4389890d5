"""Columns as one text that a browser unpacks piece by piece: numbers as they lie in memory, words once each.

The bytes are: the length of the header (4 bytes), the header (JSON), the blobs. All numbers are little-endian and begin
at a multiple of 4. The header tells where each column lies: `numbers`: name -> [bytes of one number, offset, how many];
`words`: name -> [offset, bytes, how many], words joined by line feeds; `told`: what is small, as it is.
These bytes are gzipped (RFC 1952, without a date: the same columns are the same text) and written as base64 (RFC 4648),
which holds nothing that could end an element of HTML.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

_TYPES = {1: "B", 2: "H", 4: "I"}
_ALIGNED = 4


def packed(numbers: Mapping[str, Sequence[int]], words: Mapping[str, Sequence[str]], told: Mapping[str, Any]) -> str:
    """The columns as base64. `numbers` are not negative and below 2**32; no word holds a line feed."""
    blobs: list[bytes] = []
    at = 0

    def laid(blob: bytes) -> int:
        nonlocal at
        here, full = at, blob + b"\0" * (-len(blob) % _ALIGNED)
        blobs.append(full)
        at += len(full)
        return here

    header: dict[str, Any] = {"numbers": {}, "words": {}, "told": told}
    for name, column in numbers.items():
        width = _width(max(column, default=0))
        header["numbers"][name] = [width, laid(_bytes(column, width)), len(column)]
    for name, held in words.items():
        text = "\n".join(held).encode()
        header["words"][name] = [laid(text), len(text), len(held)]
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % _ALIGNED)
    whole = b"".join([len(said).to_bytes(4, "little"), said, *blobs])
    return base64.b64encode(gzip.compress(whole, 6, mtime=0)).decode()


def unpacked(text: str) -> tuple[dict[str, list[int]], dict[str, list[str]], dict[str, Any]]:
    """What `packed` was given."""
    whole = gzip.decompress(base64.b64decode(text))
    begin = 4 + int.from_bytes(whole[:4], "little")
    header = json.loads(whole[4:begin])
    numbers: dict[str, list[int]] = {}
    for name, (width, at, count) in header["numbers"].items():
        column = array(_TYPES[width], whole[begin + at : begin + at + width * count])
        numbers[name] = _little(column).tolist()
    words = {}
    for name, (at, length, count) in header["words"].items():
        words[name] = whole[begin + at : begin + at + length].decode().split("\n") if count else []
    return numbers, words, header["told"]


def _width(most: int) -> int:
    return 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4


def _bytes(column: Sequence[int], width: int) -> bytes:
    return _little(array(_TYPES[width], column)).tobytes()


def _little(column: array[int]) -> array[int]:
    if sys.byteorder == "big":
        column.byteswap()
    return column
