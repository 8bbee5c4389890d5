"""What counts: all that is believed but what a rule ignores, in tables and trends alike, now and in past scans.

A past scan is counted by the rules of today, so that a rule that is new or gone makes no step in a trend.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import polars as pl

from triagebot import owners
from triagebot.config import Config
from triagebot.history import History
from triagebot.look import judge
from triagebot.model import FINDING, Belief
from triagebot.outside import Outside, look_outside
from triagebot.trend import Counting


def history_of(config: Config) -> History:
    """The history, whose trend counts by the settings and the rules of today."""
    return History(config.history, config.settings.severity_sources, counting(config))


def ignoring(config: Config) -> list[int]:
    """The rules (by index) whose findings count nowhere."""
    return [at for at, rule in enumerate(config.rules) if rule.action == "ignore"]


def counting(config: Config) -> Counting | None:
    """What counts in a trend; None where no rule ignores anything.

    Each scan is judged as of its own day, with the feeds and VEX documents that there are when it is counted. It is
    counted again when a rule up to the last that ignores changed, or, where one of these asks for it, who owns what.
    """
    found = ignoring(config)
    if not found:
        return None

    read: list[Outside] = []

    def ignored(belief: Belief, at: datetime) -> pl.DataFrame:
        if not read:
            read.append(look_outside(config, at, keep=False, ask=False))
        ownership = owners.assign(sorted(belief.known["asset"].unique()), config.teams, config.charts)
        judged = judge(config, belief, ownership, read[0], at)
        return judged.filter(pl.col("rule").is_in(found)).select(FINDING)

    return Counting(_name(config, found[-1]), ignored)


def _name(config: Config, last: int) -> str:
    """Of other rules another name. The first rule that matches decides: those behind the last one do not matter."""
    rules = [rule.model_dump(mode="json") for rule in config.rules[: last + 1]]
    said: list[Any] = [rules]
    if "team" in set(_fields(rule["when"] for rule in rules)):
        said += [config.teams.model_dump(mode="json"), sorted((k, sorted(v)) for k, v in config.charts.items())]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _fields(told: Iterable[Any]) -> Iterable[str]:
    """Every field that conditions ask for, however deep."""
    for part in told:
        if isinstance(part, dict):
            yield from part
            yield from _fields(part.values())
        elif isinstance(part, list):
            yield from _fields(part)
