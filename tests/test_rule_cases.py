"""Rules as people write them: what each says of one finding, and how it is explained where it does not hold."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from triagebot.files import NUMBER_FIELDS, WHEN_FIELDS, Rule
from triagebot.findings import findings
from triagebot.model import Belief
from triagebot.reasons import earlier, failed
from triagebot.rules import verdicts

ALIASES = {"GHSA-jfh8-c2jp-5v3q": ["CVE-2021-44228"], "SNYK-JAVA-1": ["CVE-2021-44228"]}
FINDING: dict[str, Any] = {
    "asset": "registry.example/csm/cray-dns-unbound", "kind": "vulnerability", "package": "pkg:apk/alpine/libssl3",
    "source_package": "openssl", "installed_version": "3.1.2-r0", "fixed_version": "3.1.4-r1", "fix_state": "fixed",
    "vulnerability": "CVE-2021-44228", "severity": "high", "severity_source": "nvd", "location": "", "scanner": "trivy",
    "title": "Denial of service in openssl", "url": "", "team": "dns", "vex": "", "cvss": 7.5, "epss": 0.02, "age": 12,
    "missed": 0, "fixable": True, "kev": False, "ransomware": False, "verified": True, "baseline": False,
}  # fmt: skip

HOLDS = ""
CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # when, what differs from FINDING, the explanation (empty: it holds)
    ({}, {}, HOLDS),
    ({"severity": "high", "fixable": True}, {}, HOLDS),
    ({"severity": "critical"}, {}, "severity is 'high', not 'critical'"),
    ({"severity": ["critical", "high"]}, {"severity": "low"}, "severity is 'low', not 'critical' or 'high'"),
    ({"severity": "high", "fixable": True}, {"fixable": False}, "fixable is false, not true"),
    ({"kev": True}, {}, "kev is false, not true"),
    ({"kev": True, "ransomware": True}, {"kev": True}, "ransomware is false, not true"),
    ({"kev": True, "ransomware": True}, {"kev": True, "ransomware": True}, HOLDS),
    ({"epss": ">= 0.5"}, {}, "epss is 0.02, not >= 0.5"),
    ({"epss": ">= 0.5"}, {"epss": None}, "epss is not known, so not >= 0.5"),
    ({"epss": ">= 0.5"}, {"epss": 0.5}, HOLDS),
    ({"cvss": "> 7.5"}, {}, "cvss is 7.5, not > 7.5"),
    ({"cvss": 7.5}, {}, HOLDS),
    ({"age": "> 30d"}, {}, "age is 12, not > 30"),
    ({"age": "> 30d"}, {"age": 31}, HOLDS),
    ({"missed": ">= 3"}, {}, "missed is 0, not >= 3"),
    ({"team": "platform"}, {}, "team is 'dns', not 'platform'"),
    ({"asset": "*/cray-dns-*"}, {}, HOLDS),
    ({"asset": "*/cray-hms-*"}, {},
     "asset is 'registry.example/csm/cray-dns-unbound', not '*/cray-hms-*'"),
    ({"vulnerability": "GHSA-jfh8-*"}, {}, HOLDS),
    ({"vulnerability": "GHSA-jfh8-*"}, {"vulnerability": "CVE-2021-1"},
     "vulnerability is 'CVE-2021-1', not 'GHSA-jfh8-*'"),
    ({"source_package": ["openssl", "gnutls"]}, {}, HOLDS),
    ({"location": "usr/bin/*"}, {}, "location is not known, not 'usr/bin/*'"),
    ({"title": "*denial*"}, {}, "title is 'Denial of service in openssl', not '*denial*'"),
    ({"vex": "under_investigation"}, {"vex": "under_investigation"}, HOLDS),
    ({"not": {"team": "dns"}}, {}, "not (team dns): it holds"),
    ({"not": {"team": "dns", "severity": "low"}}, {}, HOLDS),
    ({"any": [{"kev": True}, {"epss": "> 0.1"}]}, {},
     "any of 2: kev is false, not true; epss is 0.02, not > 0.1"),
    ({"any": [{"kev": True}, {"epss": "> 0.01"}]}, {}, HOLDS),
    ({"all": [{"severity": "high"}, {"any": [{"cvss": ">= 9"}]}]}, {}, "any of 1: cvss is 7.5, not >= 9"),
    ({"fix_state": "wont-fix", "severity": "low"}, {}, "fix_state is 'fixed', not 'wont-fix'"),
    ({"verified": False}, {"verified": False}, HOLDS),
    ({"baseline": True}, {}, "baseline is false, not true"),
    ({"not": {"any": [{"kev": True}, {"not": {"fixable": True}}]}}, {}, HOLDS),
]  # fmt: skip


def rule(when: dict[str, Any], name: str = "r") -> Rule:
    return Rule(id=name, when=when, priority="P1", action="ticket", because="So.")


def table(row: dict[str, Any]) -> pl.DataFrame:
    schema: dict[str, Any] = dict.fromkeys(NUMBER_FIELDS, pl.Float64)
    return pl.DataFrame([row], schema_overrides=schema)


@pytest.mark.parametrize(("when", "differs", "said"), CASES)
def test_a_case(when: dict[str, Any], differs: dict[str, Any], said: str) -> None:
    row = {**FINDING, **differs}
    assert failed(when, row, ALIASES) == said
    assert verdicts(table(row), [rule(when)], ALIASES).to_list() == [0 if said == HOLDS else 1]


def test_each_rule_before_the_one_that_decides_is_explained() -> None:
    rules = [rule({"kev": True}, "kev"), rule({"severity": "critical"}, "critical"), rule({"fixable": True}, "fixable"),
             rule({}, "rest")]  # fmt: skip
    [decided] = verdicts(table(FINDING), rules, ALIASES).to_list()
    assert rules[decided].id == "fixable"
    assert [(r.id, why) for r, why in earlier(rules, decided, FINDING, ALIASES)] == [
        ("kev", "kev is false, not true"), ("critical", "severity is 'high', not 'critical'"),
    ]  # fmt: skip


def test_every_column_that_a_rule_may_ask_for_is_there() -> None:
    from datetime import UTC, datetime

    made = findings(Belief.nothing(), {}, datetime(2026, 5, 3, tzinfo=UTC))
    assert set(WHEN_FIELDS) - {"any", "all", "not"} <= set(made.columns)
    assert set(WHEN_FIELDS) - {"any", "all", "not"} == set(FINDING)
