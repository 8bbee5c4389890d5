"""`rules/*.yaml`: rules, and exceptions from them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)
from pydantic import field_validator as checks

from triagebot.files.words import Duration, Strict, Texts, suggest
from triagebot.model import SEVERITIES

TEXT_FIELDS = (
    "asset", "kind", "package", "source_package", "installed_version", "fixed_version", "fix_state", "vulnerability",
    "severity", "severity_source", "location", "title", "url", "scanner", "team", "vex",
)  # fmt: skip

NUMBER_FIELDS = ("cvss", "epss", "age", "missed")
FLAG_FIELDS = ("fixable", "kev", "ransomware", "verified", "baseline")
LOGIC = ("any", "all", "not")

_VALUES: dict[str, tuple[str, ...]] = {
    "severity": SEVERITIES,
    "kind": ("vulnerability", "misconfiguration", "secret"),
    "fix_state": ("fixed", "not-fixed", "wont-fix", "unknown"),
    "vex": ("", "not_affected", "affected", "fixed", "under_investigation"),
}
"""The fields that can hold nothing else: a misspelt one would match nothing, and nobody would see why."""

_NOTHING = " and matches nothing"
WHEN_FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *FLAG_FIELDS, *LOGIC)
COMPARISON = re.compile(r"^\s*(>=|<=|>|<|==|!=)\s*(-?\d+(?:\.\d+)?)\s*d?\s*$")


class Rule(Strict):
    """One line of the rule file: the first whose `when` matches a finding decides."""

    id: str = Field(min_length=1)
    when: dict[str, Any]
    priority: str = Field(pattern=r"^P\d$")
    due: Duration | None = None
    action: Literal["ticket", "attach", "report", "ignore"]
    because: str

    @checks("when")
    @classmethod
    def _known(cls, when: dict[str, Any]) -> dict[str, Any]:
        faults = list(_when_faults(when))
        if faults:
            raise ValueError("; ".join(faults))
        return when

    @property
    def names_kind(self) -> bool:
        """Whether it says which kind of finding it is about; one that does not is about vulnerabilities."""
        return _names_kind(self.when)


def _names_kind(when: dict[str, Any]) -> bool:
    parts = [*when.get("any", ()), *when.get("all", ()), *([when["not"]] if "not" in when else ())]
    return "kind" in when or any(_names_kind(part) for part in parts)


def _when_faults(when: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for name, value in when.items():
        parts = [value] if name == "not" else value if name in ("any", "all") else None
        if parts is None:
            faults += _field_faults(name, value)
        elif parts == []:
            faults.append(f"{name!r} is empty{_NOTHING if name == 'any' else ''}; name a condition, or leave it out")
        elif isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
            faults += [fault for part in parts for fault in _when_faults(part)]
        else:
            faults.append("'not' takes one condition" if name == "not" else f"{name!r} takes a list of conditions")
    return faults


def _field_faults(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if name in FLAG_FIELDS:
        return [] if isinstance(value, bool) else [f"{name!r} takes true or false, not {value!r}"]
    if name in NUMBER_FIELDS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and COMPARISON.match(value)):
            return []
        return [f"{name!r} takes a number or a comparison such as '>= 0.5', not {value!r}"]
    if name not in TEXT_FIELDS:
        return [f"unknown field {name!r}{suggest(name, WHEN_FIELDS)}"]
    if not all(isinstance(v, str) for v in texts):
        return [f"{name!r} takes a text or a list of texts, not {value!r}"]
    known = _VALUES.get(name, texts)
    odd = [v for v in texts if v not in known and not re.search(r"[*?{]", v)]
    nothing = [] if texts else [f"{name!r} is empty{_NOTHING}; name one, or leave it out"]
    return nothing or [f"there is no {name} {v!r}{suggest(v, known)}" for v in odd]


def _severities(value: list[str]) -> list[str]:
    if not value:
        raise ValueError(f"is empty{_NOTHING}; name one, or leave it out")
    odd = [f"there is no severity {v!r}{suggest(v, SEVERITIES)}" for v in value if v not in SEVERITIES]
    if odd:
        raise ValueError("; ".join(odd))
    return value


class Exemption(Strict):
    """One excused set of findings: all that is named must match. It ends on the day `expires`.

    `package`: a purl, a name as tickets print it or its last part, or the source package; `source_package`: that
    alone; `vulnerability`: any of
    its ids; `team`: the id of the owner.
    """

    asset: str = "*"
    package: str = "*"
    source_package: str = "*"
    vulnerability: str = "*"
    team: str = "*"
    severity: Annotated[Texts, AfterValidator(_severities)] = []
    kind: Literal["accepted-risk", "false-positive", "version-lock", "not-affected", "tracked-elsewhere"]
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    expires: date | None = None
    url: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Exemption:
        if self.expires is None and self.kind != "not-affected":
            raise ValueError(f"an exception of kind {self.kind!r} needs 'expires'")
        if self.kind == "tracked-elsewhere" and not self.url:
            raise ValueError("an exception of kind 'tracked-elsewhere' needs 'url'")
        globs = {self.asset, self.package, self.source_package, self.vulnerability, self.team}
        if globs == {"*"} and not self.severity:
            raise ValueError("it would excuse everything; name an asset, package, vulnerability, team or severity")
        return self


class RuleFile(Strict):
    """`rules/*.yaml`: rules, exceptions, or both."""

    rules: list[Rule] = []
    exceptions: list[Exemption] = []

    @checks("rules")
    @classmethod
    def _distinct(cls, rules: list[Rule]) -> list[Rule]:
        seen: set[str] = set()
        for rule in rules:
            if rule.id in seen:
                raise ValueError(f"rule {rule.id!r} stands twice")
            seen.add(rule.id)
        return rules
