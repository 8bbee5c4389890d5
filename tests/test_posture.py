"""Configuration and secrets, from reports to tickets: own rules, own tickets by namespace, counted apart."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import reports
from conftest import SETTINGS, Place, written

from triagebot import app, config
from triagebot.errors import ConfigError, UnsafeError
from triagebot.explain import explained
from triagebot.files import Rule
from triagebot.look import Options
from triagebot.rules import verdicts

DAY = datetime.fromisoformat("2026-05-04T06:00:00Z")
WEEK = timedelta(days=7)
TEAMS = """
teams:
  platform: {name: Platform}
  payments: {name: Payments, labels: [team/payments]}
  web: {name: Web}
unowned: platform
images:
  - {match: "k8s://*/payments/*", team: payments}
  - {match: "*/shop/*", team: web}
"""


def policy(kind: str, name: str, namespace: str, *failed: str, passed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Kyverno report of one workload. A policy is named with its rule, `policy/rule`."""
    told = [(p, "fail") for p in failed] + [(p, "pass") for p in passed]
    results = [
        {"policy": p.split("/")[0], "rule": p.split("/")[1], "result": result, "severity": "medium",
         "source": "kyverno", "message": f"validation error: {p} is broken. rule x failed at path /spec/"}
        for p, result in told
    ]  # fmt: skip
    scope = {"kind": kind, "name": name, "namespace": namespace}
    head = {"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport", "metadata": {"name": name}}
    return {**head, "scope": scope, "results": results}


def image(*secrets: str, vulnerable: bool = True) -> dict[str, Any]:
    """A Trivy report of an image with a vulnerability and secrets of these rules."""
    made = reports.trivy(
        "registry.example/shop/web:1.4", [reports.vulnerability("CVE-2026-1001")] if vulnerable else []
    )
    held = [
        {"RuleID": s, "Severity": "CRITICAL", "Title": s, "StartLine": 3, "Match": "NEVER-TO-BE-READ"} for s in secrets
    ]
    made["Results"].append({"Target": "/app/.env", "Class": "secret", "Secrets": held})
    return made


ROOT = "require-run-as-nonroot/run-as-non-root"
LIMITS = "require-limits/limits"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place with an owner for each namespace and image."""
    made = Place.create(tmp_path / "place", f"{SETTINGS}teams: teams.yaml\n")
    (made.folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
    return made


def bodies(place: Place) -> dict[str, str]:
    """The text of each ticket by its key."""
    texts = [text.decode() for text in place.ticket_bytes().values()]
    return {text.partition("  key: ")[2].partition("\n")[0].strip("'\""): text for text in texts}


def test_posture_tickets_are_per_namespace_and_team_and_apart_from_vulnerabilities(
    place: Place, tmp_path: Path
) -> None:
    scan = reports.write(
        tmp_path / "one",
        pay=policy("Pod", "pay-5d4f8c7b9d-x2x4z", "payments", ROOT, LIMITS),
        ledger=policy("Deployment", "ledger", "payments", f"autogen-{ROOT}".replace("autogen-require", "require")),
        other=policy("Deployment", "other", "tools", LIMITS),
        web=image("aws-access-key-id"),
    )
    told = place.run(scan, DAY)
    assert place.open_keys() == {
        "posture:payments:k8s://cluster/payments",
        "posture:web:registry.example/shop/web",
        "image:registry.example/shop/web",
    }
    text = bodies(place)["posture:payments:k8s://cluster/payments"]
    assert "[P2] k8s://cluster/payments: 2 medium to put right" in text
    assert "has 2 failed checks to deal with" in text
    assert "(run-as-non-root): `Deployment/ledger`, `Deployment/pay`" in text
    assert "`Deployment/ledger`, `Deployment/pay`" in text
    assert "It runs as root." in text
    assert "limits" not in text.partition("triagebot:begin")[2]
    secret = bodies(place)["posture:web:registry.example/shop/web"]
    assert "Revoke and replace the secret `aws-access-key-id` first, then remove it" in secret
    assert "`/app/.env`" in secret
    assert "NEVER-TO-BE-READ" not in repr(place.ticket_bytes())
    assert "CVE-2026-1001" in bodies(place)["image:registry.example/shop/web"]
    assert "aws-access-key-id" not in bodies(place)["image:registry.example/shop/web"]
    assert told.document["totals"]["high"] == {"total": 1, "fixable": 1, "excepted": 0}
    assert sum(t["total"] for t in told.document["totals"].values()) == 1


def test_the_headline_and_the_table_count_vulnerabilities_only(place: Place, tmp_path: Path) -> None:
    scan = reports.write(
        tmp_path / "one", web=image("a", "b"), pay=policy("Deployment", "pay", "payments", ROOT, LIMITS)
    )
    told = place.run(scan, DAY)
    assert told.headline == (
        "0.0% of vulns are critical, 100.0% are high (100.0% of those fixable); 1 of 1 image has critical or high vulns"
    )
    assert told.document["images_total"] == 1
    assert told.document["scan"]["images_scanned"] == 1
    assert told.document["scan"]["reports_scanned"] == 2
    assert told.document["diff"]["current"] == 5
    assert told.document["posture"] == {
        "misconfiguration": {"total": 2, "critical": 0, "high": 0, "assets": 1, "excepted": 0},
        "secret": {"total": 2, "critical": 2, "high": 0, "assets": 1, "excepted": 0},
    }
    assert "0 before + 5 new = 5 now (4 of these are misconfigurations and secrets)" in told.summary
    assert "| misconfiguration | 2 | 0 | 0 | 1 place | 0 |" in told.summary
    assert "| Payments | 0 | 0 | 2 | 1 | 0 | 2026-05-04 | 0 | - |" in told.summary


def test_what_a_report_on_a_cluster_says_of_packages_is_no_image(place: Place, tmp_path: Path) -> None:
    made = policy("Deployment", "pay", "payments", LIMITS)
    told = {"pkgName": "libssl3", "installedVersion": "3.3.0-r0", "fixedVersion": "3.3.0-r1"}
    made["results"].append({"policy": "CVE-2026-1001", "result": "fail", "severity": "critical", "properties": told})
    found = place.run(reports.write(tmp_path / "one", pay=made, web=image()), DAY)
    assert found.document["totals"]["critical"]["total"] == 1
    assert found.headline.endswith("1 of 1 image has critical or high vulns")
    assert "image:k8s://cluster/payments/Deployment/pay" in place.open_keys()


def test_a_check_that_begins_to_fail_is_written_into_the_ticket(place: Place, tmp_path: Path) -> None:
    place.run(reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT)), DAY)
    more = policy("Deployment", "pay", "payments", ROOT, "disallow-privileged/privileged")
    told = place.run(reports.write(tmp_path / "two", pay=more), DAY + WEEK)
    assert [(a["kind"], a["cause"]) for a in told.document["actions"]] == [("update", "content-changed")]
    (text,) = bodies(place).values()
    assert "(privileged): `Deployment/pay`" in text


def test_the_same_scan_again_writes_nothing(place: Place, tmp_path: Path) -> None:
    scan = reports.write(tmp_path / "one", web=image("a"), pay=policy("Deployment", "pay", "payments", ROOT, LIMITS))
    place.run(scan, DAY)
    assert written(place.run(scan, DAY, timedelta(minutes=40)).document) == {}


def test_what_passes_is_fixed_and_what_is_not_looked_at_is_not(place: Place, tmp_path: Path) -> None:
    place.run(reports.write(
        tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT),
        ledger=policy("Deployment", "ledger", "payments", ROOT),
    ), DAY)  # fmt: skip
    told = place.run(
        reports.write(tmp_path / "two", pay=policy("Deployment", "pay", "payments", passed=(ROOT,))), DAY + WEEK
    )
    assert (told.document["diff"]["fixed"], told.document["diff"]["unverified"]) == (1, 1)
    assert place.open_keys() == {"posture:payments:k8s://cluster/payments"}
    told = place.run(reports.write(
        tmp_path / "three", pay=policy("Deployment", "pay", "payments", passed=(ROOT,)),
        ledger=policy("Deployment", "ledger", "payments", passed=(ROOT,)),
    ), DAY + 2 * WEEK)  # fmt: skip
    assert told.document["diff"]["current"] == 0
    assert place.open_keys() == set()
    (closed,) = (text.decode() for text in place.ticket_bytes().values())
    assert "| Check | Policy or place | Before | After | Gone in scan |" in closed


def test_an_inventory_of_images_retires_no_workload(place: Place, tmp_path: Path) -> None:
    settings = (place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    (place.folder / "triagebot.yaml").write_text(f"{settings}inventory: images.txt\n", encoding="utf-8")
    (place.folder / "images.txt").write_text("registry.example/shop/web:1.4\n", encoding="utf-8")
    pay = policy("Deployment", "pay", "payments", ROOT)
    place.run(reports.write(tmp_path / "one", pay=pay, web=image()), DAY)
    told = place.run(reports.write(tmp_path / "two", web=image()), DAY + WEEK)
    assert (told.document["diff"]["retired"], told.document["diff"]["unverified"]) == (0, 1)
    assert "posture:payments:k8s://cluster/payments" in place.open_keys()


def test_a_cluster_gets_its_name_like_a_moved_registry(place: Place, tmp_path: Path) -> None:
    settings = (place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    moved = 'assets: [{match: "k8s://cluster/**", as: "k8s://prod/**"}]\n'
    (place.folder / "triagebot.yaml").write_text(settings + moved, encoding="utf-8")
    place.run(reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT)), DAY)
    assert place.open_keys() == {"posture:payments:k8s://prod/payments"}


def test_failed_checks_do_not_hide_that_a_scanner_finds_nothing_any_more(place: Place, tmp_path: Path) -> None:
    checks = policy("Deployment", "pay", "payments", *(f"policy-{n}/rule" for n in range(90)))
    entries = [reports.vulnerability(f"CVE-2026-{n:04}") for n in range(1000, 1030)]
    web = reports.trivy("registry.example/shop/web:1.4", entries)
    place.run(reports.write(tmp_path / "one", pay=checks, web=web), DAY)
    broken = reports.trivy("registry.example/shop/web:1.4", entries[:1])
    with pytest.raises(UnsafeError, match="findings fell from 30 to 1 on 1 image "):
        place.run(reports.write(tmp_path / "two", pay=checks, web=broken), DAY + WEEK)
    fewer = policy("Deployment", "pay", "payments", "policy-1/rule")
    with pytest.raises(UnsafeError, match="misconfigurations and secrets fell from 90 to 1 on 1 asset "):
        place.run(reports.write(tmp_path / "three", pay=fewer, web=web), DAY + 2 * WEEK)


def test_a_finding_of_posture_is_explained(place: Place, tmp_path: Path) -> None:
    place.run(reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT)), DAY)
    settings = config.load(place.folder / "triagebot.yaml")
    options = Options(now=DAY + WEEK)
    said = explained(settings, options, app.standing(settings, options), "run-as-non-root")
    assert "run-as-non-root in check:require-run-as-nonroot of k8s://cluster/payments/Deployment/pay" in said
    assert "medium by kyverno, misconfiguration" in said
    assert "rule runs-as-root: ticket, P2: It runs as root." in said


def test_a_policy_that_could_not_be_evaluated_fixes_nothing(place: Place, tmp_path: Path) -> None:
    place.run(reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT)), DAY)
    broken = policy("Deployment", "pay", "payments", LIMITS)
    broken["results"].append({"policy": "require-run-as-nonroot", "result": "error", "source": "kyverno"})
    told = place.run(reports.write(tmp_path / "two", pay=broken), DAY + WEEK)
    assert told.document["diff"]["fixed"] == 0
    assert place.open_keys() == {"posture:payments:k8s://cluster/payments"}


def test_a_namespace_that_gets_another_owner_moves_its_ticket(place: Place, tmp_path: Path) -> None:
    scan = reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT))
    place.run(scan, DAY)
    (place.folder / "teams.yaml").write_text(TEAMS.replace("team: payments", "team: web"), encoding="utf-8")
    told = place.run(scan, DAY, timedelta(hours=1))
    done = {(a["kind"], a["cause"], a["key"]) for a in told.document["actions"]}
    assert done == {
        ("create", "new-findings", "posture:web:k8s://cluster/payments"),
        ("move", "moved", "posture:payments:k8s://cluster/payments"),
    }
    assert place.open_keys() == {"posture:web:k8s://cluster/payments"}
    assert written(place.run(scan, DAY, timedelta(hours=2)).document) == {}


def test_a_team_that_is_renamed_keeps_its_ticket(place: Place, tmp_path: Path) -> None:
    scan = reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT))
    place.run(scan, DAY)
    renamed = TEAMS.replace("  payments: {name: Payments,", "  money: {name: Money, was: [payments],")
    (place.folder / "teams.yaml").write_text(renamed.replace("team: payments", "team: money"), encoding="utf-8")
    told = place.run(scan, DAY, timedelta(hours=1))
    assert {a["kind"] for a in told.document["actions"]} <= {"update"}
    assert len(place.ticket_bytes()) == 1


def test_grouping_by_upgrade_leaves_posture_by_place(place: Place, tmp_path: Path) -> None:
    scan = reports.write(tmp_path / "one", web=image("a"), pay=policy("Deployment", "pay", "payments", ROOT))
    place.run(scan, DAY)
    settings = (place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    (place.folder / "triagebot.yaml").write_text(f"{settings}group_by: upgrade\n", encoding="utf-8")
    place.run(scan, DAY, timedelta(hours=1))
    assert place.open_keys() == {
        "posture:payments:k8s://cluster/payments", "posture:web:registry.example/shop/web", "upgrade:web:busybox",
    }  # fmt: skip


def test_an_exception_excuses_a_check(place: Place, tmp_path: Path) -> None:
    settings = (place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    (place.folder / "triagebot.yaml").write_text(f"{settings}rules: [exceptions.yaml]\n", encoding="utf-8")
    (place.folder / "exceptions.yaml").write_text(
        "exceptions:\n  - {asset: 'k8s://*/payments/*', vulnerability: run-as-non-root, kind: accepted-risk, "
        "reason: legacy, approved_by: security, expires: 2027-01-01}\n",
        encoding="utf-8",
    )
    told = place.run(reports.write(tmp_path / "one", pay=policy("Deployment", "pay", "payments", ROOT)), DAY)
    assert place.open_keys() == set()
    assert told.document["posture"]["misconfiguration"]["excepted"] == 1


@pytest.mark.parametrize(
    ("named", "excepted"),
    [("asset: '*'", None), ("asset: '*/web'", 0), ("asset: '*/web', package: 'secret:*'", 1),
     ("asset: '*/web', vulnerability: private-key", 1)],
)  # fmt: skip
def test_an_exception_for_an_image_does_not_hide_a_secret_in_it(
    place: Place, tmp_path: Path, named: str, excepted: int | None
) -> None:
    settings = (place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    (place.folder / "triagebot.yaml").write_text(f"{settings}rules: [exceptions.yaml]\n", encoding="utf-8")
    (place.folder / "exceptions.yaml").write_text(
        f"exceptions:\n  - {{{named}, kind: version-lock, reason: x, approved_by: a, expires: 2027-01-01}}\n"
    )
    if excepted is None:
        with pytest.raises(ConfigError, match="it would excuse everything"):
            config.load(place.folder / "triagebot.yaml")
        return
    told = place.run(reports.write(tmp_path / "one", web=image("private-key")), DAY).document
    assert told["posture"]["secret"]["excepted"] == excepted
    assert told["totals"]["high"]["total"] == 1
    assert told["totals"]["high"]["excepted"] == 1 - excepted


# ---- rules ----


def judged(rules: list[Rule], **columns: str) -> str:
    """The id of the rule that decides on one finding."""
    row = {"kind": "misconfiguration", "severity": "high", "vulnerability": "X-1", "package": "check:X-1",
           "fixable": False, "kev": False, **columns}  # fmt: skip
    at = verdicts(pl.DataFrame([row]), rules, {})[0]
    return rules[at].id if at < len(rules) else "none"


@pytest.mark.parametrize(
    ("check", "package", "rule"),
    [
        ("KSV-0012", "check:KSV-0012", "runs-as-root"),
        ("DS-0002", "config:Dockerfile", "runs-as-root"),
        ("C-0013", "check:C-0013", "runs-as-root"),
        ("run-as-non-root", "check:require-run-as-nonroot", "runs-as-root"),
        ("container-security-context", "check:require-run-as-non-root-user", "runs-as-root"),
        ("CIS-DI-0001", "check:CIS-DI-0001", "runs-as-root"),
        ("KSV-0001", "check:KSV-0001", "privilege-escalation"),
        ("privilege-escalation", "check:disallow-privilege-escalation", "privilege-escalation"),
        ("privileged-containers", "check:disallow-privileged-containers", "privilege-escalation"),
        ("C-0057", "check:C-0057", "privilege-escalation"),
        ("CIS-1.2.1", "check:CIS-1.2.1", "cis"),
        ("C-0002", "check:C-0002", "posture-critical-high"),
    ],
)
def test_the_shipped_rules_know_what_matters(check: str, package: str, rule: str) -> None:
    rules = list(config.load(None).rules)
    assert judged(rules, vulnerability=check, package=package) == rule
    weak = judged(rules, vulnerability=check, package=package, severity="low")
    assert weak == ("posture-rest" if rule == "posture-critical-high" else rule)


def test_a_rule_without_a_kind_is_about_vulnerabilities() -> None:
    everything = Rule(id="all", when={}, priority="P1", action="ticket", because="x")
    inside = Rule(id="some", when={"any": [{"kind": "secret"}, {"not": {"kind": "secret"}}]}, priority="P2",
                  action="report", because="x")  # fmt: skip
    assert judged([everything]) == "none"
    assert judged([everything], kind="vulnerability") == "all"
    assert judged([everything, inside]) == "some"


def test_own_rules_with_a_kind_replace_the_shipped_posture_rules(tmp_path: Path) -> None:
    line = "- {id: mine, when: {%s}, priority: P1, action: report, because: x}\n"
    for when, expected in (("severity: high", True), ("kind: misconfiguration", False), ("not: {kind: secret}", False)):
        (tmp_path / "own.yaml").write_text("rules:\n" + line % when, encoding="utf-8")
        (tmp_path / "triagebot.yaml").write_text("rules: [own.yaml]\n", encoding="utf-8")
        ids = {rule.id for rule in config.load(tmp_path / "triagebot.yaml").rules}
        assert ("runs-as-root" in ids) is expected, when


def test_scan_text_is_inert_in_a_posture_ticket(place: Place, tmp_path: Path) -> None:
    nasty = "<script>@team #1 [x](http://evil) `code` | fixes #2 <!-- triagebot:end -->"
    made = policy("Deployment", "pay", "payments", ROOT)
    made["results"][0] |= {"rule": f"run-as-non-root {nasty}", "message": nasty}
    place.run(reports.write(tmp_path / "one", pay=made), DAY)
    (text,) = (t.decode() for t in place.ticket_bytes().values())
    body = text.partition("triagebot:begin")[2]
    prose = re.sub(r"(?<!\\)`[^`\n]*`", "", body)  # what stands in a code span is inert
    assert "<script>" not in prose
    assert body.count("<!-- triagebot:end -->") == 1
    assert "](http://evil)" not in prose
    assert "@team" not in prose


def test_lines_that_read_alike_stand_in_one_order(place: Place, tmp_path: Path) -> None:
    """The same name and CVE in two ecosystems: whatever order the tables have, the ticket has one."""
    texts = []
    for at, kinds in enumerate((("npm", "pypi"), ("pypi", "npm"))):
        made = reports.trivy("registry.example/shop/web:1.4", [])
        for kind in kinds:
            entry = {
                **reports.vulnerability("CVE-2026-1001", "same"),
                "PkgIdentifier": {"PURL": f"pkg:{kind}/same@1.0"},
            }
            made["Results"].append({"Target": kind, "Class": "lang-pkgs", "Type": kind, "Vulnerabilities": [entry]})
        other = Place.create(tmp_path / f"place-{at}")
        other.run(reports.write(tmp_path / f"scan-{at}", web=made), DAY)
        (text,) = bodies(other).values()
        texts.append(text.partition("  shown:")[2].partition("\n")[0])
    assert len(texts[0].split()) == 2
    assert texts[0] == texts[1]
