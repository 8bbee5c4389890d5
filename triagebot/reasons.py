"""Why a condition does not hold for one finding, in words. Rules are judged in the table engine; this only explains.

The second reading of the rule language: a test holds it against the first (`triagebot.rules`), case by case.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triagebot.files import COMPARISON, FLAG_FIELDS, NUMBER_FIELDS, Rule
from triagebot.identity import glob, names_of
from triagebot.rules import VULNERABILITY, Aliases

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def earlier(rules: Sequence[Rule], decided: int, row: Mapping[str, Any], aliases: Aliases) -> list[tuple[Rule, str]]:
    """Each rule before the one that decided, with the condition of it that failed."""
    return [(rule, _unmet(rule, row, aliases)) for rule in rules[:decided]]


def _unmet(rule: Rule, row: Mapping[str, Any], aliases: Aliases) -> str:
    if not rule.names_kind and row["kind"] != VULNERABILITY:
        return f"it names no kind, so it is about vulnerabilities, and this is a {row['kind']}"
    return failed(rule.when, row, aliases)


def failed(when: Mapping[str, Any], row: Mapping[str, Any], aliases: Aliases) -> str:
    """The first condition that does not hold, and what the finding has instead; empty: all hold."""
    for name, value in when.items():
        if name == "not":
            if not failed(value, row, aliases):
                return f"not {_shown(value)}: it holds"
        elif name == "any":
            told = [failed(part, row, aliases) for part in value]
            if all(told):
                return f"any of {len(told)}: {'; '.join(told)}"
        elif name == "all":
            told = [why for part in value if (why := failed(part, row, aliases))]
            if told:
                return told[0]
        elif why := _field(name, value, row.get(name), row, aliases):
            return why
    return ""


def _field(name: str, value: Any, has: Any, row: Mapping[str, Any], aliases: Aliases) -> str:
    if name in FLAG_FIELDS:
        return "" if has is value else f"{name} is {_said(has)}, not {_said(value)}"
    if name in NUMBER_FIELDS:
        return _number(name, value, has)
    patterns = value if isinstance(value, list) else [value]
    called = [has, *_aliases(row, aliases)] if name == "vulnerability" else [has]
    known = [text for text in called if text is not None]
    if any(re.match(glob(pattern), text) for pattern in patterns for text in known):
        return ""
    if name == "package" and has and any(_is_called(has, pattern) for pattern in patterns):
        return ""
    wanted = " or ".join(map(repr, patterns)) or "anything"
    return f"{name} is {_said(has)}, not {wanted}"


def _is_called(package: str, pattern: str) -> bool:
    """By a name that people use; of what is no package, such as a secret, by the whole name alone."""
    if not re.search(r"[*?{]", pattern):
        return pattern in names_of(package)
    return package.startswith("pkg:") and any(re.match(glob(pattern), name) for name in names_of(package))


def _number(name: str, value: Any, has: Any) -> str:
    found = COMPARISON.match(value) if isinstance(value, str) else None
    sign, bound = (found[1], float(found[2])) if found else ("==", float(value))
    if has is None:
        return f"{name} is not known, so not {sign} {bound:g}"
    return "" if _COMPARE[sign](has, bound) else f"{name} is {has:g}, not {sign} {bound:g}"


def _aliases(row: Mapping[str, Any], aliases: Aliases) -> list[str]:
    return [alias for alias, ids in aliases.items() if row.get("vulnerability") in ids]


def _said(value: Any) -> str:
    if value is None or value == "":
        return "not known"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else f"{value}"


def _shown(when: Mapping[str, Any]) -> str:
    told = []
    for name, value in when.items():
        if name in ("any", "all"):
            told.append(f"{name} of ({', '.join(_shown(part) for part in value)})")
        elif name == "not":
            told.append(f"not {_shown(value)}")
        else:
            told.append(f"{name} {value if isinstance(value, str) else _said(value)}")
    return f"({', '.join(told)})"
