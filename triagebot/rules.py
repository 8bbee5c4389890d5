"""Rules -> priority, due, action. Each `when` becomes one table expression; the first that holds decides."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from triagebot.files import COMPARISON, FLAG_FIELDS, NUMBER_FIELDS, Rule
from triagebot.identity import glob

_COMPARE: dict[str, Callable[[pl.Expr, float], pl.Expr]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

NO_RULE = Rule(id="no-rule", when={}, priority="P9", action="report", because="No rule matches it.")
"""What a finding gets that no rule matches: it is counted and nothing else."""

VULNERABILITY = "vulnerability"

Aliases = Mapping[str, Sequence[str]]
"""alias -> the canonical ids that it stands for."""


def verdicts(findings: pl.DataFrame, rules: Sequence[Rule], aliases: Aliases) -> pl.Series:
    """The index of the first rule that matches, for each finding; `len(rules)` where none does."""
    if not rules:
        return pl.Series("rule", [0] * findings.height, dtype=pl.Int32)
    chain = pl.coalesce(
        [pl.when(_holds(rule, aliases)).then(pl.lit(i, dtype=pl.Int32)) for i, rule in enumerate(rules)]
        + [pl.lit(len(rules), dtype=pl.Int32)]
    )
    return findings.lazy().with_columns(chain.alias("rule")).select("rule").collect().to_series()


def _holds(rule: Rule, aliases: Aliases) -> pl.Expr:
    """A rule that names no kind is about vulnerabilities: misconfigurations must not slip into rules made for these."""
    holds = condition(rule.when, aliases)
    return holds if rule.names_kind else holds & pl.col("kind").eq(VULNERABILITY)


def condition(when: Mapping[str, Any], aliases: Aliases) -> pl.Expr:
    """One `when` as an expression that is true, false, never null. All its parts must hold."""
    holds = pl.lit(True)
    for name, value in when.items():
        holds = holds & _part(name, value, aliases)
    return holds


def _part(name: str, value: Any, aliases: Aliases) -> pl.Expr:
    if name == "not":
        return ~condition(value, aliases)
    if name == "all":
        return pl.all_horizontal([pl.lit(True), *(condition(part, aliases) for part in value)])
    if name == "any":
        return pl.any_horizontal([pl.lit(False), *(condition(part, aliases) for part in value)])
    if name in FLAG_FIELDS:
        return pl.col(name).eq(value).fill_null(False)
    if name in NUMBER_FIELDS:
        return _number(name, value).fill_null(False)
    return text(name, value if isinstance(value, list) else [value], aliases)


def _number(name: str, value: Any) -> pl.Expr:
    found = COMPARISON.match(value) if isinstance(value, str) else None
    compare, number = (_COMPARE[found[1]], float(found[2])) if found else (operator.eq, float(value))
    expression: pl.Expr = compare(pl.col(name), number)
    return expression


def text(name: str, patterns: Sequence[str], aliases: Aliases) -> pl.Expr:
    """Any of the globs matches the column. A vulnerability is matched by any of its aliases too."""
    holds = pl.lit(False)
    for pattern in patterns:
        plain = not re.search(r"[*?{]", pattern)
        holds = holds | ((pl.col(name) == pattern) if plain else pl.col(name).str.contains(glob(pattern)))
        if name == "vulnerability":
            matcher = re.compile(glob(pattern))
            meant = {c for alias, ids in aliases.items() if matcher.match(alias) for c in ids}
            if meant:
                holds = holds | pl.col(name).is_in(sorted(meant))
    return holds.fill_null(False)


def digest(rules: Sequence[Rule]) -> str:
    """Eight hex digits of what the rules say: tells a changed rule file from data that moved."""
    said = json.dumps([rule.model_dump(mode="json") for rule in rules], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:8]
