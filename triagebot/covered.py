"""What the last scan looked at, in the form in which tickets remember it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

import polars as pl

from triagebot.identity import masked
from triagebot.keys import hashed


class Looked:
    """What the last scan looked at, in the hashed form in which markers remember it."""

    def __init__(self, coverage: pl.DataFrame) -> None:
        self.told = coverage.select("asset", "tag", "scanner", "digest", "status", "scanned_at").rows()
        self.scanned_at: dict[str, datetime] = {}
        self.scanned: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for asset, tag, scanner, digest_, status, at in self.told:
            if status == "scanned":
                self.scanned_at[asset] = max(at, self.scanned_at.get(asset, at))
                self.scanned[asset].append((tag, scanner, digest_))

    def images(self, asset: str) -> set[str]:
        """The images of an asset that were scanned: each as itself, as its line, and as what stood there."""
        return {
            f"{hashed(asset, tag, scanner)}.{hashed(asset, masked(tag), scanner)}.{hashed(digest_ or tag)}"
            for tag, scanner, digest_ in self.scanned.get(asset, ())
        }

    @cached_property
    def worked(self) -> set[str]:
        """The images and lines that were scanned and of which no report failed."""
        worked: set[str] = set()
        failed: set[str] = set()
        unnamed = {
            (asset, tag) for asset, tag, scanner, _, status, _ in self.told if status != "scanned" and not scanner
        }
        for asset, tag, scanner, _, status, _ in self.told:
            did = status == "scanned" and (asset, tag) not in unnamed
            (worked if did else failed).update((hashed(asset, tag, scanner), hashed(asset, masked(tag), scanner)))
        return worked - failed

    def looked_at(self, images: Iterable[str]) -> bool:
        """Whether each image that a marker names was scanned again, under its tag or one of the same line."""
        named = [image.split(".") for image in images]
        return bool(named) and all(tag in self.worked or line in self.worked for tag, line, _ in named)
