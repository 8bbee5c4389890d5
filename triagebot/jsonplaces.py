"""JSON documents of others, read so that a fault can be told with its line."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_SPACE = re.compile(r"[\s,]*")


class Faulty(ValueError):
    """A document that cannot be used. `faults`: (line, what is wrong there), all that were found."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"line {line}: {said}" for line, said in faults))


def document(data: bytes) -> tuple[Any, str]:
    """(the value, its text) of a JSON document in UTF-8, with or without a byte order mark. Raises `Faulty`.

    It is read as strictly as scans are: no NaN, and no halves of characters, which nothing could write down again.
    """
    try:
        text = data.decode("utf-8-sig")
        return msgspec.json.decode(text.encode()), text
    except UnicodeDecodeError as error:
        raise Faulty([(data.count(b"\n", 0, error.start) + 1, "is no UTF-8 text")]) from error
    except RecursionError as error:
        raise Faulty([(1, "is nested too deeply")]) from error
    except msgspec.DecodeError as error:
        raise Faulty([_malformed(text, str(error))]) from error


def _malformed(text: str, said: str) -> tuple[int, str]:
    """Where a document is broken: as Python's reader tells, which names the line, or as the stricter one does."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, f"no valid JSON: {error.msg}"
    except (ValueError, RecursionError):
        pass
    at = re.search(r"\(byte (\d+)\)", said)
    line = text.encode().count(b"\n", 0, int(at[1])) + 1 if at else 1
    return line, f"no valid JSON: {said.removeprefix('JSON is malformed: ')}"


def lines(text: str, key: str) -> list[int]:
    """The line on which each element of the list `key` of the outermost object begins; empty where there is none."""
    decoder = json.JSONDecoder()
    at = text.find("{") + 1
    while at and (at := _behind(text, at)) < len(text) and text[at] == '"':
        name, at = decoder.raw_decode(text, at)
        at = text.index(":", at) + 1
        at = _behind(text, at)
        if name == key and text[at] == "[":
            return _elements(decoder, text, at + 1)
        _, at = decoder.raw_decode(text, at)
    return []


def _elements(decoder: json.JSONDecoder, text: str, at: int) -> list[int]:
    found: list[int] = []
    line, counted = 1, 0
    at = _behind(text, at)
    while at < len(text) and text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        found.append(line)
        _, at = decoder.raw_decode(text, at)
        at = _behind(text, at)
    return found


def _behind(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
