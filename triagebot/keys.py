"""The keys of tickets: what they are made of, and which findings they can mean.

`image:<asset>`, `upgrade:<team>:<source package>`, `posture:<team>:<namespace or image>`; with `@<stream>` behind it
where the stream is not the default one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import polars as pl

from triagebot.identity import package_name, place_of
from triagebot.rules import VULNERABILITY

POSTURE = "posture:"
"""How the keys of tickets begin that are about configuration and secrets."""

Grouped = Literal["image", "upgrade"]
_LONGEST = 300
"""Characters of a package's name in a key."""


def key_of(by: Grouped, stream: str, kind: str, asset: str, team: str, source: str, package: str) -> str:
    """The key of the ticket that a finding belongs to."""
    if kind != VULNERABILITY:
        return keyed(f"{POSTURE}{team}:{place_of(asset)}", stream)
    return keyed(f"image:{asset}" if by == "image" else f"upgrade:{team}:{_upgraded(source, package)}", stream)


def keyed(key: str, stream: str) -> str:
    """The key with its stream; the default stream goes without."""
    return key if stream == "main" else f"{key}@{stream}"


def bare(key: str, stream: str) -> str:
    """The key without its stream. A name of a package may hold an `@` too: only what ends it is the stream."""
    return key.removesuffix(f"@{stream}")


def subject(key: str, stream: str) -> str:
    """The image, the package or the place that a key is about."""
    kind, _, rest = bare(key, stream).partition(":")
    return rest if kind == "image" else rest.partition(":")[2]


def foreign(key: str, by: Grouped) -> bool:
    """Whether a key is of another grouping than the present one."""
    return not key.startswith((f"{by}:", POSTURE))


def near(rows: pl.DataFrame, keys: Iterable[str]) -> pl.DataFrame:
    """The findings that tickets of these keys (without stream) can be about, whatever their rules and teams are now.

    Ids of findings are hashes: only rows that can be meant are worth hashing. Every one that is meant is among them.
    """
    subjects: dict[str, list[str]] = {"image": [], "upgrade": [], "posture": []}
    for key in sorted(set(keys)):
        if (kind := key.partition(":")[0]) not in subjects:
            return rows  # people can edit a key: it may mean anything
        subjects[kind].append(subject(key, "main"))
    can_be = pl.col("asset").is_in(subjects["image"])
    if subjects["posture"]:
        can_be = can_be | pl.any_horizontal(pl.col("asset").str.starts_with(place) for place in subjects["posture"])
    if not subjects["upgrade"]:
        return rows.filter(can_be)
    pairs = rows.select("source_package", "package").unique()
    named = [_upgraded(*pair) in subjects["upgrade"] for pair in pairs.iter_rows()]
    meant = pairs.filter(pl.Series(named, dtype=pl.Boolean)).with_columns(is_meant=True)
    marked = rows.join(meant, on=["source_package", "package"], how="left", maintain_order="left")
    return marked.filter(can_be | pl.col("is_meant").is_not_null()).drop("is_meant")


def _upgraded(source: str, package: str) -> str:
    """What an upgrade is called. No package has so long a name, but a report may say so."""
    name = source or package_name(package)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…{hashed(name)}"


def hashed(*parts: str) -> str:
    """Eight hex digits for a key or a marker."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
