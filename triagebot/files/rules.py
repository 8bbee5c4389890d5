"""`rules/*.yaml`: rules, and exceptions from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)
from pydantic import field_validator as checks

from triagebot.errors import joined
from triagebot.files.words import Day, Duration, Fault, Priority, Strict, Texts, suggest
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

WHEN_FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *FLAG_FIELDS, *LOGIC)
COMPARISON = re.compile(r"^\s*(>=|<=|>|<|==|!=)\s*(-?\d+(?:\.\d+)?)\s*d?\s*$")


class Rule(Strict):
    """One line of the rule file: the first whose `when` matches a finding decides."""

    id: str = Field(min_length=1)
    when: dict[str, Any]
    priority: Priority
    due: Duration | None = None
    action: Literal["ticket", "attach", "report", "ignore"]
    because: str

    @checks("when")
    @classmethod
    def _known(cls, when: dict[str, Any]) -> dict[str, Any]:
        faults = list(_when_faults(when))
        if faults:
            raise ValueError(joined(*faults))
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
        wanted = "a number of days, or a comparison such as '> 30'"
        wanted = wanted if name == "age" else "a number or a comparison such as '>= 0.5'"
        return [f"{name!r} takes {wanted}, not {value!r}"]
    if name not in TEXT_FIELDS:
        return [f"unknown field {name!r}{suggest(name, WHEN_FIELDS)}"]
    if not all(isinstance(v, str) for v in texts):
        return [f"{name!r} takes a text or a list of texts, not {value!r}"]
    known = _VALUES.get(name, texts)
    odd = [v for v in texts if v not in known and not re.search(r"[*?{]", v)]
    return [f"there is no {name} {v!r}{suggest(v, known)}" for v in odd]


ExemptionKind = Literal["accepted-risk", "false-positive", "version-lock", "not-affected", "tracked-elsewhere"]


def _lacking(exception: Mapping[str, Any]) -> list[str]:
    """What an exception of its kind needs and does not have, also where other fields of it are wrong.

    Of a misspelt name it is told as such.
    """
    kind = exception.get("kind")
    wanted = [
        *(["expires"] if kind in get_args(ExemptionKind) and kind != "not-affected" else []),
        *(["url"] if kind == "tracked-elsewhere" else []),
    ]
    there = {name for name, value in exception.items() if value}
    meant = {name for name in wanted if any(suggest(str(other), [name]) for other in exception if other != name)}
    return [f"an exception of kind {kind!r} needs {name!r}" for name in wanted if name not in there | meant]


def _severities(value: list[str]) -> list[str]:
    odd = [f"there is no severity {v!r}{suggest(v, SEVERITIES)}" for v in value if v not in SEVERITIES]
    if odd:
        raise ValueError(joined(*odd))
    return value


class Exemption(Strict):
    """One excused set of findings: all that is named must match. It ends on the day `expires`.

    `package`: a purl, a name, or either of the source package; `source_package`: that alone; `vulnerability`: any of
    its ids; `team`: the id of the owner.
    """

    asset: str = "*"
    package: str = "*"
    source_package: str = "*"
    vulnerability: str = "*"
    team: str = "*"
    severity: Annotated[Texts, AfterValidator(_severities)] = []
    kind: ExemptionKind
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    expires: Day | None = None
    url: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Exemption:
        if lacking := _lacking({"kind": self.kind, "expires": self.expires, "url": self.url}):
            raise ValueError(lacking[0])
        globs = {self.asset, self.package, self.source_package, self.vulnerability, self.team}
        if globs == {"*"} and not self.severity:
            raise ValueError("it would excuse everything; name an asset, package, vulnerability, team or severity")
        return self


class RuleFile(Strict):
    """`rules/*.yaml`: rules, exceptions, or both."""

    rules: list[Rule] = []
    exceptions: list[Exemption] = []

    @classmethod
    def cross_faults(cls, value: Any) -> list[Fault]:
        """Rules whose id another one before them has: of the two nobody could tell which one decided."""
        listed = value.get("rules") if isinstance(value, dict) else None
        seen: dict[str, int] = {}
        faults: list[Fault] = []
        for at, rule in enumerate(listed if isinstance(listed, list) else ()):
            named = rule.get("id") if isinstance(rule, dict) else None
            if isinstance(named, str) and seen.setdefault(named, at) != at:
                faults.append(Fault(("rules", at, "id"), "stands twice", ("rules", seen[named], "id")))
        excused = value.get("exceptions") if isinstance(value, dict) else None
        for at, exception in enumerate(excused if isinstance(excused, list) else ()):
            if isinstance(exception, dict):
                faults += [Fault(("exceptions", at), said) for said in _lacking(exception)]
        return faults
