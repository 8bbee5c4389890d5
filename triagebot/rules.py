"""Rules -> priority, due, action. Each `when` is put to the whole table; the first that holds decides."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from triagebot.files import COMPARISON, FLAG_FIELDS, NUMBER_FIELDS, Rule
from triagebot.identity import glob, names_of

_COMPARE: dict[str, Callable[[pl.Series, float], pl.Series]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

NO_RULE = Rule(id="no-rule", when={}, priority="P9", action="report", because="No rule matches it.")
"""What a finding gets that no rule matches: it is counted and nothing else."""

VULNERABILITY = "vulnerability"

Aliases = Mapping[str, Sequence[str]]
"""alias -> the canonical ids that it stands for."""


def verdicts(findings: pl.DataFrame, rules: Sequence[Rule], aliases: Aliases) -> pl.Series:
    """The index of the first rule that matches, for each finding; `len(rules)` where none does."""
    if findings.is_empty():
        return pl.Series("rule", [], dtype=pl.Int32)
    judge = Judge(findings, aliases)
    return judge.first([judge.obeys(rule) for rule in rules]).alias("rule")


class Judge:
    """Conditions put to a whole table at once: each is a column that is true or false, never null.

    A text column is looked at once for each value that it holds, not for each row: of 200,000 findings a few thousand
    differ. What was asked before is answered from memory.
    """

    def __init__(self, findings: pl.DataFrame, aliases: Aliases) -> None:
        self.findings, self.aliases = findings, aliases
        self._columns: dict[str, tuple[pl.Series, pl.Series]] = {}
        self._asked: dict[tuple[str, str], pl.Series] = {}
        self._names: pl.DataFrame | None = None

    def first(self, held: Sequence[pl.Series]) -> pl.Series:
        """The index of the first of these columns that is true, for each row; their number where none is."""
        found = pl.repeat(len(held), self.findings.height, dtype=pl.Int32, eager=True)
        for index in reversed(range(len(held))):
            found = pl.repeat(index, found.len(), dtype=pl.Int32, eager=True).zip_with(held[index], found)
        return found

    def obeys(self, rule: Rule) -> pl.Series:
        """Whether a rule matches. One that names no kind is about vulnerabilities: others must not slip in."""
        held = self.holds(rule.when)
        return held if rule.names_kind else held & self.holds({"kind": VULNERABILITY})

    def holds(self, when: Mapping[str, Any]) -> pl.Series:
        """Whether all parts of one `when` hold."""
        held = self._all(True)
        for name, value in when.items():
            held = held & self._part(name, value)
        return held

    def text(self, name: str, patterns: Sequence[str]) -> pl.Series:
        """Whether any of the globs matches the column; a vulnerability is matched by any of its aliases too, a package
        by what it is called."""
        held = self._all(False)
        for pattern in patterns:
            held = held | self._glob(name, pattern)
        return held

    def _part(self, name: str, value: Any) -> pl.Series:
        if name == "not":
            return ~self.holds(value)
        if name in ("all", "any"):
            held = self._all(name == "all")
            for part in value:
                held = held & self.holds(part) if name == "all" else held | self.holds(part)
            return held
        if name in FLAG_FIELDS:
            flag: pl.Series = self.findings[name] == value
            return flag.fill_null(False)
        if name in NUMBER_FIELDS:
            found = COMPARISON.match(value) if isinstance(value, str) else None
            compare, number = (_COMPARE[found[1]], float(found[2])) if found else (operator.eq, float(value))
            held = compare(self.findings[name], number)
            return held.fill_null(False)
        return self.text(name, value if isinstance(value, list) else [value])

    def _all(self, value: bool) -> pl.Series:
        return pl.repeat(value, self.findings.height, dtype=pl.Boolean, eager=True)

    def _glob(self, name: str, pattern: str) -> pl.Series:
        held = self._asked.get((name, pattern))
        if held is None:
            values, rows = self._column(name)
            known = _matching(values, pattern)
            if name == "package":
                known = known | self._called(values, pattern)
            if name == "vulnerability" and self.aliases:
                told, _ = self._column("")
                meant = {c for alias in told.filter(_matching(told, pattern)) for c in self.aliases[alias]}
                known = known | values.is_in(sorted(meant)).fill_null(False)
            held = self._asked[name, pattern] = known.gather(rows)
        return held

    def _called(self, packages: pl.Series, pattern: str) -> pl.Series:
        """Which packages have a name that fits. A glob is about packages alone: no secret or check slips in by one."""
        if self._names is None:
            pairs = [(at, name) for at, package in enumerate(packages) for name in names_of(package or "")]
            self._names = pl.DataFrame(pairs, schema={"at": pl.UInt32, "name": pl.String}, orient="row")
        found = self._names.filter(_matching(self._names["name"], pattern))["at"]
        held = pl.Series(range(packages.len()), dtype=pl.UInt32).is_in(found.unique().implode())
        return held & packages.str.starts_with("pkg:").fill_null(False) if _WILD.search(pattern) else held

    def _column(self, name: str) -> tuple[pl.Series, pl.Series]:
        """(the values that a column holds, which of them stands in each row); of no name: the aliases."""
        if name not in self._columns:
            column = self.findings[name] if name else pl.Series(list(self.aliases), dtype=pl.String)
            values = column.unique()
            places = pl.Series(range(values.len()), dtype=pl.UInt32)
            rows = column.replace_strict(values, places, return_dtype=pl.UInt32) if name else places
            self._columns[name] = (values, rows)
        return self._columns[name]


_WILD = re.compile(r"[*?{]")


def _matching(values: pl.Series, pattern: str) -> pl.Series:
    """Which of the values a glob matches. The usual shapes need no regular expression."""
    inner = pattern.strip("*")
    if not _WILD.search(pattern):
        held = values == pattern
    elif _WILD.search(inner) or not inner:
        held = values.str.contains(glob(pattern))
    elif pattern.startswith("*") and pattern.endswith("*"):
        held = values.str.contains(inner, literal=True)
    else:
        held = values.str.ends_with(inner) if pattern.startswith("*") else values.str.starts_with(inner)
    return held.fill_null(False)


def digest(rules: Sequence[Rule]) -> str:
    """Sixteen hex digits of what the rules say; the last eight of what they make a ticket of alone (see `same`)."""
    every = [rule.model_dump(mode="json") for rule in rules]
    acting = [{name: rule[name] for name in ("when", "action")} for rule in every]
    return "".join(
        hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8] for told in (every, acting)
    )


def same(one: str, other: str) -> bool:
    """Whether two digests are of rules with the same conditions and actions: then it was the data that moved."""
    if min(len(one), len(other)) <= 8:  # a ticket of an earlier version: all that the rules say
        return one[:8] == other[:8]
    return one[-8:] == other[-8:]
