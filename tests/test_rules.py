"""Compiled rules agree with a naive evaluator, row by row."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triagebot.files import Rule
from triagebot.reasons import failed
from triagebot.rules import NO_RULE, digest, same, verdicts

TEXTS = {
    "severity": ["critical", "high", "medium", "low", "negligible", "unknown"],
    "asset": ["docker.io/library/nginx", "registry.example/dns", "registry.example:5000/a/b", "registry.example/d(n)s"],
    "package": ["pkg:apk/alpine/busybox", "pkg:npm/%40a/b", "pkg:deb/debian/libstdc++6", ""],
    "vulnerability": ["CVE-2026-0001", "CVE-2026-0002", "GHSA-aaaa-bbbb-cc11", "SNYK-X-1"],
    "title": [
        "Stack overflow",
        "stack\noverflow",
        "a [b] {c}, d?",
        "50% *",
        "größe 画像",
        "a\\b",
        "",
        "x|y^z$",
        "a-b~c#d&e f",
    ],
}
GLOBS = [
    "*", "?*", "", "critical", "h*", "{critical,high}", "{critical,{high,low}}", "*/dns", "docker.io/**",
    "registry.example*/*",
    "*d(n)s", "pkg:{apk,npm}/*", "*++6", "CVE-2026-000?", "CVE-*", "GHSA-*", "SNYK-*", "ALIAS-1", "ALIAS-*",
    "*overflow*",
    "stack?overflow", "*[b]*", "*{b,c}*", "{", "}", "a,*", "50%*", "*画像", "a\\b", "*|*^*$", "*-b~c#d&e f",
    "Stack Overflow",
]  # fmt: skip
ALIASES = {
    "ALIAS-1": ["CVE-2026-0001"],
    "ALIAS-2": ["CVE-2026-0002", "GHSA-aaaa-bbbb-cc11"],
    "CVE-2026-0001": ["SNYK-X-1"],
}
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(TEXTS, pl.String), "cvss": pl.Float64, "epss": pl.Float64, "age": pl.Int64, "fixable": pl.Boolean,
    "kev": pl.Boolean,
}  # fmt: skip
COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def matches(pattern: str, said: str) -> bool:
    """A glob, by trying all ways: `*`, `?`, `{a,b}` (nested; without its end it ends at the end), text."""
    if not pattern:
        return not said
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(matches(rest, said[i:]) for i in range(len(said) + 1))
    if head == "?":
        return bool(said) and matches(rest, said[1:])
    if head == "{":
        depth, parts, at = 1, [""], 0
        while at < len(rest):
            c = rest[at]
            depth += (c == "{") - (c == "}")
            at += 1
            if depth == 0:
                break
            if c == "," and depth == 1:
                parts.append("")
            else:
                parts[-1] += c
        return any(matches(part + rest[at:], said) for part in parts)
    return said.startswith(head) and matches(rest, said[1:])


def holds(when: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """What a condition means, told as plainly as can be. What is not known matches nothing."""
    return all(part(name, value, row) for name, value in when.items())


def part(name: str, value: Any, row: Mapping[str, Any]) -> bool:
    if name in ("not", "any", "all"):
        parts = [holds(v, row) for v in ([value] if name == "not" else value)]
        return {"not": not any(parts), "any": any(parts), "all": all(parts)}[name]
    held = row[name]
    if held is None:
        return False
    if name in TEXTS:
        return told_by_text(name, held, value)
    if not isinstance(value, str):
        return bool(held == value)
    sign = value.strip()[:2].rstrip("0123456789 .-")
    return bool(COMPARE[sign](held, float(value.strip()[len(sign) :].strip(" d"))))


def told_by_text(name: str, held: str, value: str | list[str]) -> bool:
    """Any pattern fits the text, or, of a vulnerability, one of its other names."""
    told = [held]
    if name == "vulnerability":
        told += [alias for alias, ids in ALIASES.items() if held in ids]
    wanted = value if isinstance(value, list) else [value]
    return any(matches(pattern, text) for pattern in wanted for text in told)


NUMBERS = st.sampled_from([0, 1, 5, 7.5, 9.8, 0.5, 0.25, 30, -1])
CONDITION_NUMBERS = st.one_of(
    NUMBERS,
    st.tuples(
        st.sampled_from(sorted(COMPARE)), st.sampled_from(["", " "]), NUMBERS, st.sampled_from(["", "d", " d"])
    ).map(lambda t: f"{t[0]}{t[1]}{t[2]}{t[3]}"),
)


def texts(name: str) -> st.SearchStrategy[Any]:
    globs = [g for g in GLOBS if name != "severity" or set(g) & set("*?{")]  # a severity that is none is a fault
    one = st.sampled_from([*globs, *TEXTS[name]])
    return st.one_of(one, st.lists(one, max_size=3))


SIMPLE = st.fixed_dictionaries(
    {},
    optional={
        **{name: texts(name) for name in TEXTS},
        **dict.fromkeys(("cvss", "epss", "age"), CONDITION_NUMBERS),
        "fixable": st.booleans(),
        "kev": st.booleans(),
    },
).map(lambda d: dict(list(d.items())[:3]))
WHENS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda w: {"not": w}),
        st.lists(inner, max_size=3).map(lambda ws: {"any": ws}),
        st.lists(inner, max_size=3).map(lambda ws: {"all": ws}),
        st.tuples(SIMPLE, inner, inner).map(lambda t: {**t[0], "not": t[1], "any": [t[2]]}),
    ),
    max_leaves=5,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            **{name: st.sampled_from([*values, None]) for name, values in TEXTS.items()},
            "cvss": st.sampled_from([None, 0.0, 5.0, 7.5, 9.8]),
            "epss": st.sampled_from([None, 0.25, 0.5]),
            "age": st.sampled_from([None, 0, 1, 5, 30]),
            "fixable": st.sampled_from([True, False, None]),
            "kev": st.sampled_from([True, False]),
        }
    ),
    min_size=1,
    max_size=12,
)


def rule(when: dict[str, Any], name: str = "r", **said: Any) -> Rule:
    return Rule(id=name, when=when, priority="P1", action="ticket", because="So.", **said)


def judged(rules: Sequence[Rule], rows: list[dict[str, Any]]) -> list[int]:
    table = pl.DataFrame(rows, schema=SCHEMA).with_columns(kind=pl.lit("vulnerability"))
    return verdicts(table, rules, ALIASES).to_list()


@given(st.lists(WHENS, min_size=1, max_size=4), ROWS)
@settings(max_examples=400, deadline=None)
def test_compiled_rules_agree_with_a_naive_evaluator(whens: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    rules = [rule(when, f"r{i}") for i, when in enumerate(whens)]
    naive = [next((i for i, when in enumerate(whens) if holds(when, row)), len(whens)) for row in rows]
    assert judged(rules, rows) == naive


@given(WHENS, ROWS)
@settings(max_examples=400, deadline=None)
def test_the_explanation_of_a_failure_agrees_with_the_compiled_rule(
    when: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    told = [failed(when, row, ALIASES) for row in rows]
    assert [index == 0 for index in judged([rule(when)], rows)] == [not why for why in told]


@given(
    st.text(st.sampled_from("ab*?{},/.[]()\\+^$| \n-#~&é"), max_size=8),
    st.lists(st.text(st.sampled_from("ab/.[]()\\+^$| \n-#~&é,{}"), max_size=6), min_size=1, max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_any_glob_agrees_with_trying_all_ways(pattern: str, values: list[str]) -> None:
    rows = [{**dict.fromkeys(SCHEMA), "title": value} for value in values]
    assert [v == 0 for v in judged([rule({"title": pattern})], rows)] == [matches(pattern, v) for v in values]


ROW: dict[str, Any] = {
    "severity": "critical", "asset": "registry.example/dns", "package": "pkg:apk/alpine/busybox",
    "vulnerability": "CVE-2026-0001", "title": "Stack overflow", "cvss": 9.8, "epss": None, "age": 3, "fixable": True,
    "kev": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, True),
        ({"severity": "critical", "fixable": True}, True),
        ({"severity": ["high", "critical"]}, True),
        ({"severity": "C*"}, False),
        ({"severity": []}, False),
        ({"any": []}, False),
        ({"all": []}, True),
        ({"not": {}}, False),
        ({"cvss": ">= 9.8"}, True),
        ({"cvss": 9.8}, True),
        ({"epss": "< 1"}, False),
        ({"epss": "!= 1"}, False),
        ({"not": {"epss": "< 1"}}, True),
        ({"age": "> 2d"}, True),
        ({"age": ">= 3"}, True),
        ({"vulnerability": "ALIAS-1"}, True),
        ({"vulnerability": "ALIAS-2"}, False),
        ({"title": "*overflow"}, True),
    ],
)
def test_conditions(when: dict[str, Any], expected: bool) -> None:
    assert judged([rule(when)], [ROW]) == [0 if expected else 1]


def test_the_first_rule_that_matches_decides() -> None:
    rules = [rule({"kev": True}, "a"), rule({"severity": "critical"}, "b"), rule({}, "c")]
    assert judged(rules, [ROW, {**ROW, "kev": True}, {**ROW, "severity": "low"}]) == [1, 0, 2]


def test_without_a_match_and_without_rules() -> None:
    assert judged([rule({"severity": "low"})], [ROW]) == [1]
    assert judged([], [ROW, ROW]) == [0, 0]
    assert NO_RULE.action == "report"


@pytest.mark.parametrize("when", [{}, {"all": []}, {"not": {"any": []}}])
def test_rules_that_look_at_no_column_still_judge_every_row(when: dict[str, Any]) -> None:
    assert judged([rule(when)], [ROW, ROW, ROW]) == [0, 0, 0]
    assert judged([rule(when)], []) == []


def test_no_rows_no_verdicts() -> None:
    assert judged([rule({"severity": "x*", "any": [{"kev": True}]})], []) == []


def test_the_digest_tells_rules_apart() -> None:
    first = digest([rule({"severity": "high"}), rule({}, "z")])
    assert first == digest([rule({"severity": "high"}), rule({}, "z")])
    assert first != digest([rule({}, "z"), rule({"severity": "high"})])
    assert first != digest([rule({"severity": "high"}, due="3d"), rule({}, "z")])
    assert len(first) == 16


def test_rules_are_the_same_where_they_make_tickets_of_the_same_findings() -> None:
    """A reworded reason or another due date is no reason to close what data moved below the threshold."""
    first = digest([rule({"severity": "high"})])
    assert same(first, digest([rule({"severity": "high"}, due="3d")]))
    assert not same(first, digest([rule({"severity": "medium"})]))
