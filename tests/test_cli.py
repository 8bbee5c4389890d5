"""The command line as a user meets it: what it prints, writes and returns."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from reports import trivy, vulnerability, write

Call = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parent.parent
SEVERITIES = ["critical", "high", "medium", "low", "negligible", "unknown"]
NOW = "2026-05-03T06:00:00Z"
LATER = "2026-05-10T06:00:00Z"
SENTENCE = (
    "1.3% of vulns are critical (68.8% of those fixable), 2.6% are high (73.2% of those fixable); "
    "19 of 178 images have critical or high vulns"
)


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Runs the command line in a folder of its own."""

    def run(*words: object, code: int = 0, at: str = NOW) -> subprocess.CompletedProcess[str]:
        named = [str(w) for w in words]
        if named[0] in ("run", "plan", "apply", "summary", "explain"):
            named += ["--now", at]
        if named[0] in ("run", "plan"):
            named += ["--taken-at", at]
        done = subprocess.run(
            [sys.executable, "-m", "triagebot", *named], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write(
        tmp_path / "scan",
        one=trivy("a/a:1.0", [vulnerability("CVE-2026-0001"), vulnerability("CVE-2026-0002", severity="LOW")]),
        two=trivy("a/b:1.0", []),
    )


def tickets(folder: Path) -> dict[str, dict[str, Any]]:
    """The front matter of each ticket, by its key."""
    held = [yaml.safe_load(p.read_text().split("---\n")[1]) for p in (folder / "tickets").glob("*.md")]
    return {front["triagebot"]["key"]: front for front in held}


def naive(folder: Path) -> tuple[str, set[str]]:
    """The sentence and the images that it counts, from the raw files alone."""
    findings: dict[tuple[str, str, str], tuple[str, bool]] = {}
    images: dict[str, set[str]] = {}
    for path in folder.rglob("snyk.json"):
        report = json.loads(path.read_text())
        image = path.parent.relative_to(folder / "docker").as_posix()
        images[image] = set()
        for part in (report, *report.get("applications", [])):
            for v in part["vulnerabilities"]:
                if v.get("type") == "license":
                    continue
                manager = v.get("packageManager") or part["packageManager"]
                os_level = manager.split(":")[0] in ("alpine", "debian", "ubuntu", "rhel", "centos", "sles")
                package = f"{manager}|{v['name'].split('/')[-1] if os_level else v['name']}"
                fixable = bool(v.get("nearestFixedInVersion")) or v.get("isUpgradable", False)
                for cve in v["identifiers"]["CVE"]:
                    _, before = findings.get((image, package, cve), ("", False))
                    findings[image, package, cve] = (v["severityWithCritical"], fixable or before)
                    images[image].add(v["severityWithCritical"])
    parts = []
    for severity, words in (("critical", "of vulns are critical"), ("high", "are high")):
        fixes = [fixable for s, fixable in findings.values() if s == severity]
        parts.append(
            f"{100 * len(fixes) / len(findings):.1f}% {words} ({100 * sum(fixes) / len(fixes):.1f}% of those fixable)"
        )
    serious = {image for image, held in images.items() if held & {"critical", "high"}}
    return f"{', '.join(parts)}; {len(serious)} of {len(images)} images have critical or high vulns", serious


def test_the_demo_says_the_sentence_that_people_wrote_by_hand(call: Call, tmp_path: Path) -> None:
    sentence, serious = naive(ROOT / "examples/csm/scans/1.2.0-alpha.68")
    assert sentence == SENTENCE
    said = call("demo", "--folder", tmp_path / "demo").stdout
    assert f"1.2.0-alpha.68: {SENTENCE}.\n" in said
    summary = (tmp_path / "demo/summary.md").read_text()
    assert SENTENCE in summary
    assert "4,700 before + 346 new - 123 fixed = 4,923 now" in summary
    opened = {key for key, front in tickets(tmp_path / "demo").items() if front["state"] == "open"}
    expected = {f"image:{image.rpartition(':')[0]}" for image in serious}
    assert len(expected) == 19
    # One more stays open: what it showed is still there, but no longer above the threshold.
    assert opened - expected == {"image:registry.example/csm-docker/stable/cray-postgres-exporter"}
    assert expected <= opened


def test_the_example_is_what_its_generator_writes(tmp_path: Path) -> None:
    generate = ROOT / "examples/csm/generate.py"
    subprocess.run([sys.executable, generate, "--out", tmp_path], check=True, capture_output=True)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert len(made) > 356
    for name, data in made.items():
        assert (generate.parent / name).read_bytes() == data, name


def test_the_document_has_the_agreed_shape(call: Call, scan: Path) -> None:
    told = json.loads(call("run", scan, "--json").stdout)
    assert list(told) == [
        "schema", "run_id", "stream", "scan", "diff", "totals", "posture", "images_total",
        "images_with_critical_or_high", "findings", "exceptions", "plan", "actions", "trackers", "summary", "waiting",
        "unassignable", "stuck", "refused", "warnings", "errors",
    ]  # fmt: skip
    assert list(told["scan"]) == [
        "label", "taken_at", "reports_scanned", "reports_failed", "images_scanned", "images_failed", "images_missing",
    ]  # fmt: skip
    assert list(told["diff"]) == [
        "previous", "new", "reappeared", "fixed", "withdrawn", "merged", "retired", "unverified", "current",
    ]  # fmt: skip
    assert list(told["totals"]) == SEVERITIES
    assert told["totals"]["high"] == {"total": 1, "fixable": 1, "excepted": 0}
    assert list(told["plan"]) == ["create", "update", "comment", "close", "reopen", "move", "leave", "deferred"]
    [action] = told["actions"]
    assert list(action) == [
        "kind", "cause", "key", "team", "tracker", "priority", "title", "reason", "ticket", "outcome",
    ]  # fmt: skip
    assert (action["kind"], action["cause"], action["outcome"]) == ("create", "new-findings", "done")
    assert told["trackers"] == [{"name": "default", "reachable": True, "deferred": 0, "reads": 1, "writes": 1}]


def test_a_broken_report_stops_nobody_and_ends_with_1(call: Call, scan: Path, tmp_path: Path) -> None:
    (scan / "broken.json").write_text('{"SchemaVersion": 2, "Results": [{"Tar')
    (scan / "README.txt").write_text("notes")
    done = call("run", scan, code=1)
    assert re.search(r"^error: broken\.json: broken JSON: .*; scan the image again$", done.stderr, re.MULTILINE)
    assert "warning: 1 file is no report and was ignored" in done.stderr
    assert len(tickets(tmp_path)) == 1


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
def test_a_scan_may_be_an_archive(call: Call, scan: Path, tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"1.2.0{suffix}"
    with tarfile.open(archive, "w:gz" if suffix == ".tar.gz" else "w") as tar:
        tar.add(scan, "scan")
        link = tarfile.TarInfo("../../outside.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    told = json.loads(call("run", archive, "--json", code=1).stdout)
    assert (told["scan"]["label"], told["scan"]["reports_scanned"]) == ("1.2.0", 2)
    assert [error.partition(";")[0] for error in told["errors"]] == [
        "../../outside.json: its path leads out of the archive"
    ]


def test_a_scan_may_be_one_file(call: Call, scan: Path) -> None:
    assert json.loads(call("run", scan / "one.json", "--json").stdout)["scan"]["reports_scanned"] == 1


def test_a_damaged_archive_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"\x1f\x8b no archive")
    assert "not a readable archive" in call("run", tmp_path / "x.tar.gz", code=2).stderr


def test_a_report_from_the_future_is_refused(call: Call, tmp_path: Path) -> None:
    folder = write(tmp_path / "s", a=trivy("a/a:1", [], at="2026-06-01T00:00:00Z"), b=trivy("a/b:1", []))
    assert "ahead of now" in call("run", folder, code=1).stderr


def test_plan_then_apply_and_a_ticket_that_drifted(call: Call, scan: Path, tmp_path: Path) -> None:
    call("run", scan)
    more = [vulnerability(f"CVE-2026-000{i}") for i in (1, 3)]
    after = write(tmp_path / "after", one=trivy("a/a:1.1", more), two=trivy("a/b:1.1", more))
    assert "planned create" in call("plan", after, "--out", "plan.json", at=LATER).stdout
    assert len(tickets(tmp_path)) == 1
    [path] = (tmp_path / "tickets").glob("*.md")
    path.write_text(path.read_text().replace("state: open", "state: closed"))
    done = call("apply", "plan.json", code=1, at=LATER)
    assert "drifted update" in done.stdout
    assert "the next run plans it anew" in done.stderr
    assert set(tickets(tmp_path)) == {"image:docker.io/a/a", "image:docker.io/a/b"}
    assert "4 before" not in call("summary", at=LATER).stdout


@pytest.mark.parametrize("how", ["deleted", "closed"])
def test_a_plan_that_is_applied_again_files_nothing_that_a_person_decided_on(
    call: Call, scan: Path, tmp_path: Path, how: str
) -> None:
    call("plan", scan, "--out", "plan.json")
    assert "done create" in call("apply", "plan.json").stdout
    [path] = (tmp_path / "tickets").glob("*.md")
    if how == "deleted":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    call("run", scan, at=LATER)
    again = call("apply", "plan.json", at=LATER).stdout
    assert "create" not in again
    assert "it was filed since the plan was made" in again
    assert path.is_file() == (how == "closed")


def test_a_plan_of_another_scan_is_not_applied(call: Call, scan: Path) -> None:
    call("plan", scan, "--out", "plan.json")
    (scan / "two.json").write_text(json.dumps(trivy("a/b:1.0", [vulnerability("CVE-2026-0009")])))
    assert "not what the plan was made from" in call("apply", "plan.json", code=2).stderr
    assert "no plan file" in call("apply", scan / "one.json", code=2).stderr


def test_explain_says_what_a_file_is_taken_for(call: Call, scan: Path, tmp_path: Path) -> None:
    said = call("explain", "--report", scan / "one.json").stdout
    assert "taken for trivy: it says ArtifactName, SchemaVersion, Target" in said
    assert "docker.io/a/a:1.0 (as the report says)" in said
    assert re.search(r"2 entries: 2 rows \(2 vulnerability\)", said)
    folder = tmp_path / "docker" / "registry.example" / "x:2.0"
    folder.mkdir(parents=True)
    (folder / "snyk.json").write_text(
        '{"ok": true, "packageManager": "apk", "dependencyCount": 1, "vulnerabilities": []}'
    )
    said = call("explain", "--report", folder / "snyk.json").stdout
    assert "registry.example/x:2.0 (by the path: the report names none), snyk" in said
    (tmp_path / "odd.json").write_text('{"matches": 5, "descriptor": {}}')
    said = call("explain", "--report", tmp_path / "odd.json", code=1).stdout
    assert "nearest: grype (Expected array" in said
    assert "what to do: " in said
    (tmp_path / "notes.md").write_text("# notes")
    told = call("explain", "--report", tmp_path / "notes.md", code=2)
    why = "is no report, neither called nor written like one; in a scan it is counted as ignored"
    assert (told.stdout, told.stderr) == (
        "", f"triagebot: {tmp_path / 'notes.md'}: {why}; give a report, as a scanner writes it\n",
    )  # fmt: skip
    assert "no such file" in call("explain", "--report", tmp_path / "none.json", code=2).stderr
    assert "takes either a name or --report" in call("explain", code=2).stderr


def test_explain_names_rule_team_and_ticket(call: Call, scan: Path) -> None:
    call("run", scan)
    said = call("explain", "CVE-2026-0001").stdout
    assert "rule high-fixable: ticket, P2" in said
    assert "team platform" in said
    finding = re.search(r"finding ([0-9a-f]{8})", said)
    assert finding
    assert said == call("explain", finding[1]).stdout
    assert "none shows it" in call("explain", "CVE-2026-0002").stdout
    assert "should be: open" in call("explain", "image:docker.io/a/a").stdout
    assert "no ticket, finding or vulnerability" in call("explain", "CVE-1999-0001", code=2).stderr


def test_an_exception_excuses_until_its_day(call: Call, scan: Path, tmp_path: Path) -> None:
    exception = {"asset": "*/a", "package": "busybox", "vulnerability": "CVE-2026-0001", "kind": "accepted-risk",
                 "reason": "no shell", "approved_by": "security", "expires": "2026-05-10"}  # fmt: skip
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"exceptions": [exception]}))
    (tmp_path / "triagebot.yaml").write_text("rules: [rules.yaml]\n")
    told = json.loads(call("run", scan, "--json").stdout)
    assert told["totals"]["high"] == {"total": 1, "fixable": 1, "excepted": 1}
    assert told["plan"]["create"] == 0
    assert json.loads(call("run", scan, "--json", at=LATER).stdout)["plan"]["create"] == 1


def test_what_a_rule_ignores_is_in_no_table_and_the_line_says_so(call: Call, scan: Path, tmp_path: Path) -> None:
    rules = [{"id": "low", "when": {"severity": "low"}, "priority": "P9", "action": "ignore", "because": "noise"}]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"rules": rules}))
    (tmp_path / "triagebot.yaml").write_text("rules: [rules.yaml]\n")
    told = json.loads(call("run", scan, "--json").stdout)
    assert (told["totals"]["low"]["total"], told["diff"]["current"]) == (0, 2)
    said = call("summary").stdout
    assert "0 before + 2 new = 2 now (1 of these is ignored by rules and counted nowhere else)" in said
    assert "| low |" not in said


def test_grouped_by_upgrade_there_is_one_ticket_for_a_package_across_images(call: Call, tmp_path: Path) -> None:
    (tmp_path / "triagebot.yaml").write_text("group_by: upgrade\n")
    both = {f"r{i}": trivy(f"a/{i}:1", [vulnerability("CVE-2026-0001")]) for i in range(3)}
    call("run", write(tmp_path / "s", **both))
    [(key, front)] = tickets(tmp_path).items()
    assert key == "upgrade:platform:busybox"
    assert front["title"] == "[P2] busybox: 1 high to fix"
    (tmp_path / "triagebot.yaml").write_text("group_by: image\n")
    told = json.loads(call("run", tmp_path / "s", "--json").stdout)
    assert (told["plan"]["create"], told["plan"]["move"]) == (3, 1)
    states = {key: front["state"] for key, front in tickets(tmp_path).items()}
    assert states == {"upgrade:platform:busybox": "closed"} | {f"image:docker.io/a/{i}": "open" for i in range(3)}
    assert json.loads(call("run", tmp_path / "s", "--json").stdout)["plan"] == dict.fromkeys(told["plan"], 0)


def test_limits_defer_the_less_urgent(call: Call, tmp_path: Path) -> None:
    (tmp_path / "triagebot.yaml").write_text("limits: {new_tickets: 1}\n")
    scan = write(
        tmp_path / "s",
        a=trivy("a/high:1", [vulnerability("CVE-2026-0001")]),
        b=trivy("a/critical:1", [vulnerability("CVE-2026-0002", severity="CRITICAL")]),
    )
    told = json.loads(call("run", scan, "--json").stdout)
    assert [(a["key"], a["outcome"], a["cause"]) for a in told["actions"]] == [
        ("image:docker.io/a/critical", "done", "new-findings"),
        ("image:docker.io/a/high", "deferred", "limit"),
    ]
    call("run", scan)
    assert len(tickets(tmp_path)) == 2


def test_the_end_of_a_stream_retires_it_and_no_other(call: Call, scan: Path, tmp_path: Path) -> None:
    call("run", scan)
    call("run", scan, "--stream", "release")
    subprocess.run([sys.executable, "-m", "triagebot", "run", "--stream", "release", "--end-stream", "--now", LATER],
                   cwd=tmp_path, check=True, capture_output=True)  # fmt: skip
    states = {key: front["state"] for key, front in tickets(tmp_path).items()}
    assert states == {"image:docker.io/a/a": "open", "image:docker.io/a/a@release": "closed"}


def test_schemas_are_printed(call: Call) -> None:
    assert set(json.loads(call("schema").stdout)) == {"triagebot", "rules", "teams"}
    assert json.loads(call("schema", "teams").stdout)["title"] == "TeamFile"
    assert "did you mean 'teams'?" in call("schema", "team", code=2).stderr


def test_no_scan_is_an_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no scan reports in it" in call("run", tmp_path / "empty", code=2).stderr
    assert "no such file or folder" in call("run", tmp_path / "absent", code=2).stderr
    assert "run `triagebot run SCAN` first" in call("summary", code=2).stderr


def test_what_holds_no_report_at_all_is_no_scan(call: Call, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("history: .other\nteams: teams.yaml\n")
    said = call("run", "other.yaml", code=2).stderr
    assert "triagebot: other.yaml: is no scan: no known report (its keys: history, teams)" in said
    assert said.endswith("give a folder of reports, one report or an archive; settings are given with --config\n")
    assert said.count("\n") == 1
    (tmp_path / "lists").mkdir()
    for name, text in (("a.json", "{}"), ("b.json", ""), ("c.json", '{"Results": [')):
        (tmp_path / "lists" / name).write_text(text)
    said = call("plan", "lists", code=2).stderr
    assert "(a.json: no known report (an empty object); and 2 more)" in said
    assert not (tmp_path / ".triagebot").exists()
    (tmp_path / "lists" / "d.json").write_text((scan / "two.json").read_text())
    assert "1 scanned, 3 failed" in call("run", "lists", code=1).stdout


def test_what_a_scanner_left_of_a_failed_scan_is_a_scan(call: Call, tmp_path: Path) -> None:
    failed = {"stdout": "", "stderr": "no such image", "exitcode": 125, "cmd": "trivy image a/a:1"}
    (tmp_path / "failed.json").write_text(json.dumps(failed))
    assert "0 scanned, 1 failed" in call("run", "failed.json").stdout


def test_a_stream_that_there_is_not_cannot_end(call: Call, scan: Path) -> None:
    call("run", scan)
    told = call("run", "--end-stream", "--stream", "prdo", code=2)
    assert "--stream prdo: no scan of stream 'prdo' is recorded; name one that there is: main" in told.stderr


def test_faults_of_the_machine_are_one_line(call: Call, scan: Path, tmp_path: Path) -> None:
    call("run", scan)
    assert "--out .: is a folder; name a file" in call("report", "--out", ".", code=2).stderr
    (tmp_path / "file").write_text("")
    (tmp_path / "triagebot.yaml").write_text("history: file\n")
    told = call("run", scan, code=2).stderr.splitlines()
    assert len(told) == 1
    assert str(tmp_path / "file") in told[0]
