"""The files that people write: a bad one gives one error that lists all its faults, each with its line."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from triagebot.cli import app
from triagebot.config import load, shipped
from triagebot.errors import ConfigError, InputError
from triagebot.files import FILES, RuleFile, Settings, Strict, TeamFile
from triagebot.identity import Image
from triagebot.yamlfile import read

MODELS: dict[str, type[Strict]] = {
    "triagebot.yaml": Settings,
    "rules/priority.yaml": RuleFile,
    "rules/teams.yaml": TeamFile,
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)


def faults(name: str, text: str) -> list[str]:
    """What the error says, line by line."""
    Path(name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read(Path(name), MODELS[name])
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {line}\n" for line in lines)


GOOD = "{id: ok, when: {}, priority: P1, action: ticket, because: x}"


def test_the_fault_of_the_design() -> None:
    text = "# Priorities\n# of ours\nrules:\n" + f"  - {GOOD}\n" + "\n\n" + (
        "  - {id: kev, when: {epps: '>= 0.5'}, priority: P0, action: ticket, because: x}\n"
    )  # fmt: skip
    assert faults("rules/priority.yaml", text) == [
        "rules/priority.yaml:7: rule 'kev': unknown field 'epps'; did you mean 'epss'?"
    ]


def test_all_faults_of_a_rule_file_are_listed() -> None:
    text = rules(
        GOOD,
        "{id: kev, when: {epps: 1, kev: 3}, priority: P1, action: tickt, because: x, dew: 3d}",
        "{id: b, when: {any: [{fixabel: true}], cvss: '>> 3'}, priority: 9, action: report}",
        "{id: c, when: [], priority: P1, due: 3x, action: ticket, because: x}",
    )
    said = faults("rules/priority.yaml", text + "exeptions: []\n")
    assert re.fullmatch("rules/priority.yaml:5: rule 'c': when: should be a mapping .+", said.pop(7))
    assert said == [
        "rules/priority.yaml:3: rule 'kev': action: should be 'ticket', 'attach', 'report' or 'ignore'; "
        "did you mean 'ticket'?",
        "rules/priority.yaml:3: rule 'kev': unknown field 'dew'; did you mean 'due'?",
        "rules/priority.yaml:3: rule 'kev': unknown field 'epps'; did you mean 'epss'? "
        "'kev' takes true or false, not 3",
        "rules/priority.yaml:4: rule 'b': field 'because' is missing",
        "rules/priority.yaml:4: rule 'b': priority: 9 is no priority; write P0 (the most urgent) to P9, for example P1",
        "rules/priority.yaml:4: rule 'b': unknown field 'fixabel'; did you mean 'fixable'? "
        "'cvss' takes a number or a comparison such as '>= 0.5', not '>> 3'",
        "rules/priority.yaml:5: rule 'c': due: '3x' is no duration; write for example 12h, 3d or 2w",
        "rules/priority.yaml:6: unknown field 'exeptions'; did you mean 'exceptions'?",
    ]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{kev: yess}", "'kev' takes true or false, not 'yess'"),
        ("{cvss: true}", "'cvss' takes a number or a comparison such as '>= 0.5', not True"),
        ("{cvss: high}", "'cvss' takes a number or a comparison such as '>= 0.5', not 'high'"),
        ("{severity: 3}", "'severity' takes a text or a list of texts, not 3"),
        ("{severity: [high, 3]}", "'severity' takes a text or a list of texts, not ['high', 3]"),
        ("{severity: null}", "'severity' takes a text or a list of texts, not None"),
        ("{any: {kev: true}}", "'any' takes a list of conditions"),
        ("{all: [kev]}", "'all' takes a list of conditions"),
        ("{not: [{kev: true}]}", "'not' takes one condition"),
        ("{not: {any: [{sevrity: high}]}}", "unknown field 'sevrity'; did you mean 'severity'?"),
        ("{severity: hihg}", "there is no severity 'hihg'; did you mean 'high'?"),
        ("{kind: [secret, misconfig]}", "there is no kind 'misconfig'; did you mean 'misconfiguration'?"),
        ("{fix_state: wont_fix}", "there is no fix_state 'wont_fix'; did you mean 'wont-fix'?"),
        ("{vex: not-affected}", "there is no vex 'not-affected'; did you mean 'not_affected'?"),
        ("{zzzzz: 1}", "unknown field 'zzzzz'"),
    ],
)
def test_faults_of_conditions(when: str, said: str) -> None:
    text = rules(f"{{id: a, when: {when}, priority: P1, action: ticket, because: x}}")
    assert faults("rules/priority.yaml", text) == [f"rules/priority.yaml:2: rule 'a': {said}"]


def test_faults_of_exceptions() -> None:
    text = (
        "exceptions:\n"
        "  - {asset: x, kind: version-lock, reason: r, approved_by: a}\n"
        "  - {asset: x, kind: bogus, reason: r, approved_by: a, expires: soon}\n"
        '  - {asset: x, knd: version-lock, reason: "", approved_by: a}\n'
        "  - {asset: x, kind: tracked-elsewhere, reason: a, approved_by: a, expires: 2027-01-01}\n"
        "  - {kind: not-affected, reason: a, approved_by: a}\n"
    )
    said = faults("rules/priority.yaml", text)
    assert [line.partition(" ")[0] for line in said] == [
        f"rules/priority.yaml:{n}:" for n in (2, 3, 3, 4, 4, 4, 5, 6)
    ]  # fmt: skip
    assert "needs 'expires'" in said[0]
    assert "unknown field 'knd'; did you mean 'kind'?" in said[5]
    assert "needs 'url'" in said[6]
    assert "would excuse everything" in said[7]


def test_faults_of_the_settings() -> None:
    text = (
        "hstory: x\nlimits: {new_ticket: 3, writes: -1}\ndone_grace: 14\ntrackers:\n  default: {type: local, pth: x}\n"
        "group_by: foo\nassets: [{match: a, ass: b}]\n"
    )
    said = "\n".join(faults("triagebot.yaml", text))
    for fault in (
        r"triagebot.yaml:1: unknown field 'hstory'; did you mean 'history'\?",
        r"triagebot.yaml:2: limits: unknown field 'new_ticket'; did you mean 'new_tickets'\?",
        r"triagebot.yaml:2: limits: writes: should be greater than or equal to 0",
        r"triagebot.yaml:3: done_grace: 14 is no duration; write for example 12h, 3d or 2w",
        r"triagebot.yaml:5: tracker 'default': unknown field 'pth'; did you mean 'path'\?",
        r"triagebot.yaml:6: group_by: should be 'image' or 'upgrade'",
        r"triagebot.yaml:7: asset 1: unknown field 'ass'; did you mean 'as'\?",
        r"triagebot.yaml:7: asset 1: field 'as' is missing",
    ):
        assert re.search(f"^{fault}$", said, re.MULTILINE), fault


def test_all_faults_of_a_team_file_are_listed() -> None:
    """Also those that lie between the parts, in the same error, each at its own line."""
    text = (
        "teams:\n  dns: {tracker: default, nam: x}\n  platform: {assignees: bob}\nunowned: platfrom\nimages:\n"
        '  - {match: "a/*", team: dsn}\n  - {match: "*", chart: x, team: dns}\n'
    )
    said = "\n".join(faults("rules/teams.yaml", text))
    for fault in (
        r"rules/teams.yaml:2: team 'dns': unknown field 'nam'; did you mean 'name'\?",
        r"rules/teams.yaml:3: team 'platform': assignees: should be a list; write \[bob\]",
        r"rules/teams.yaml:4: unowned: no team 'platfrom'; did you mean 'platform'\?",
        r"rules/teams.yaml:6: .*no team 'dsn'; did you mean 'dns'\?",
        r"rules/teams.yaml:7: image 2: give either 'match' or 'chart'",
    ):
        assert re.search(f"^{fault}$", said, re.MULTILINE), fault


def test_an_unknown_team_is_told_at_its_line() -> None:
    text = 'teams:\n  dns: {}\nunowned: dns\nimages:\n  - {match: "a/*", team: dns}\n  - {match: "*", team: dsn}\n'
    (said,) = faults("rules/teams.yaml", text)
    assert re.fullmatch(r"rules/teams.yaml:6: .*no team 'dsn'; did you mean 'dns'\?", said)


def test_all_faults_of_an_exceptions_file_are_listed() -> None:
    text = (
        "exceptions:\n"
        "  - {asset: x, kind: acepted-risk, reason: r, approved_by: a, expires: 2027-01-01}\n"
        "  - {asset: x, sorce_package: y, kind: version-lock, reason: r, approved_by: a, expires: 2027-13-01}\n"
        "  - {package: x, severity: [hihg, low], kind: not-affected, reason: r, approved_by: a}\n"
        "  - {asset: '*', kind: not-affected, reason: r, approved_by: a}\n"
    )
    said = faults("rules/priority.yaml", text)
    assert [line.partition(" ")[0] for line in said] == [f"rules/priority.yaml:{n}:" for n in (2, 3, 3, 4, 5)]
    assert "kind: should be 'accepted-risk'" in said[0]
    assert said[0].endswith("; did you mean 'accepted-risk'?")
    assert any("unknown field 'sorce_package'; did you mean 'source_package'?" in line for line in said[1:3])
    assert "severity: there is no severity 'hihg'; did you mean 'high'?" in said[3]
    assert "it would excuse everything; name an asset, package, vulnerability, team or severity" in said[4]


def test_exceptions_that_name_a_team_which_is_not_there() -> None:
    Path("triagebot.yaml").write_text("rules: [rules/a.yaml, rules/e.yaml]\nteams: rules/teams.yaml\n")
    Path("rules/teams.yaml").write_text("teams: {dns: {}, platform: {}}\nunowned: dns\n")
    Path("rules/a.yaml").write_text(rules(GOOD))
    Path("rules/e.yaml").write_text(
        "exceptions:\n"
        "  - {asset: x, team: dns, kind: not-affected, reason: r, approved_by: a}\n"
        "  - {asset: x, team: 'd*', kind: not-affected, reason: r, approved_by: a}\n"
        "  - asset: x\n    team: dnz\n    kind: not-affected\n    reason: r\n    approved_by: a\n"
        "  - {asset: x, team: zzzzzz, kind: not-affected, reason: r, approved_by: a}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value).splitlines() == [
        "rules/e.yaml:5: exception 3: no team 'dnz'; did you mean 'dns'?",
        "rules/e.yaml:9: exception 4: no team 'zzzzzz'; name one of the team file",
    ]


def test_charts_need_a_chart_map() -> None:
    text = "teams:\n  dns: {}\nunowned: dns\nimages:\n  - {chart: x, team: dns}\n"
    (said,) = faults("rules/teams.yaml", text)
    assert "lines with 'chart' need 'chart_map'" in said


def test_rules_that_name_a_team_which_is_not_there() -> None:
    """They would match nothing, and nobody would see why. A glob may: teams come and go."""
    Path("triagebot.yaml").write_text("rules: [rules/a.yaml]\nteams: rules/teams.yaml\n")
    Path("rules/teams.yaml").write_text("teams: {dns: {}, platform: {}}\nunowned: dns\n")
    Path("rules/a.yaml").write_text(
        rules(
            "{id: a, when: {team: dnz}, priority: P1, action: ticket, because: x}",
            "{id: b, when: {team: dns, not: {team: [platform, 'x*']}}, priority: P1, action: ticket, because: x}",
            "{id: c, when: {any: [{kev: true}, {all: [{team: zzzzz}]}]}, priority: P1, action: ticket, because: x}",
            "id: d\n    when:\n      not:\n        team:\n        - dns\n        - platfrom\n    priority: P1\n"
            "    action: ticket\n    because: x",
            "{id: e, when: {team: {a: b}, any: 3, not: [], asset: 'nothing/*'}, priority: P1, action: ticket}",
        )
    )
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert [line for line in str(caught.value).splitlines() if "'e'" not in line] == [
        "rules/a.yaml:2: rule 'a': no team 'dnz'; did you mean 'dns'? Name one of the team file",
        "rules/a.yaml:4: rule 'c': no team 'zzzzz'; name one of the team file",
        "rules/a.yaml:10: rule 'd': no team 'platfrom'; did you mean 'platform'? Name one of the team file",
    ]


def test_without_a_team_file_a_rule_has_no_team_to_name() -> None:
    Path("triagebot.yaml").write_text("rules: [rules/a.yaml]\n")
    Path("rules/a.yaml").write_text(rules("{id: a, when: {team: dns}, priority: P1, action: ticket, because: x}"))
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value) == (
        "rules/a.yaml:2: rule 'a': no team 'dns'; "
        "name a team file by `teams:` in triagebot.yaml (`triagebot init` drafts one)"
    )


def test_a_rule_that_stands_twice_is_told_with_the_other_faults() -> None:
    text = rules(GOOD, GOOD.replace("P1", "P11"), GOOD.replace("ok", "fine"), GOOD)
    assert faults("rules/priority.yaml", text) == [
        "rules/priority.yaml:3: rule 'ok': id: stands twice; the first is in line 2",
        "rules/priority.yaml:3: rule 'ok': priority: 'P11' is no priority; "
        "write P0 (the most urgent) to P9, for example P1",
        "rules/priority.yaml:5: rule 'ok': id: stands twice; the first is in line 2",
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("triagebot.yaml", "trackers: {default: {type: github, repo: acme}}",
         "tracker 'default': repo: 'acme' is no repository; write owner/name, for example acme/platform"),
        ("triagebot.yaml", "trackers: {default: {type: github, repo: a/b, url: ghe.example.com}}",
         "tracker 'default': url: 'ghe.example.com' is no address; "
         "write it in full, for example https://jira.example.com"),
        ("triagebot.yaml", "trackers: {default: {type: jira, url: 'http://x', project: net}}",
         "tracker 'default': project: 'net' is no key of a Jira project; "
         "write it in capital letters, for example NET"),
        ("triagebot.yaml", "trackers: {default: {type: jira, url: x, project: NET}}",
         "tracker 'default': url: 'x' is no address; write it in full, for example https://jira.example.com"),
        ("triagebot.yaml", "trackers: {default: {type: jira, url: 'http://x', project: NET, priorities: {p1: High}}}",
         "tracker 'default': priorities: p1: 'p1' is no priority; write P0 (the most urgent) to P9, for example P1"),
        ("triagebot.yaml", "summary: {tracker: default, repo: acme}",
         "summary: repo: 'acme' is no repository; write owner/name, for example acme/platform"),
        ("triagebot.yaml", "summary: {tracker: default, project: [NET]}",
         "summary: project: ['NET'] is no key of a Jira project; write it in capital letters, for example NET"),
        ("triagebot.yaml", "summary: {tracker: default, title: ''}", "summary: title: should not be empty"),
        ("triagebot.yaml", "image_paths: 3", "image_paths: should be a text, or a list of texts"),
        ("triagebot.yaml", "severity_sources: nvd", "severity_sources: should be a list; write [nvd]"),
        ("triagebot.yaml", "history: 3", "history: should be a text; put it in quotes"),
        ("triagebot.yaml", "trackers: {n: }", "tracker 'n': should be a mapping (name: value)"),
        ("triagebot.yaml", "trackers: {j: {type: jira, url: 'http://x', project: NET, transitions: {opne: x}}}",
         "tracker 'j': transitions: opne: should be 'open', 'done', 'not-planned' or 'duplicate'; "
         "did you mean 'open'?"),
        ("triagebot.yaml", "trackers: {g: {type: github, repo: a/b, app: {id: 1, kee: x}}}",
         "tracker 'g': app: unknown field 'kee'"),
        ("triagebot.yaml", "retire_after: some", "retire_after: should be a whole number"),
        ("triagebot.yaml", "retire_after: 1.5", "retire_after: should be a whole number"),
        ("triagebot.yaml", "drop_fraction: half", "drop_fraction: should be a number"),
        ("triagebot.yaml", "trackers: {default: {type: github, repo: a/b, public: maybe}}",
         "tracker 'default': public: should be true or false"),
        ("rules/teams.yaml", "teams: {}\nunowned: x", "teams: should not be empty"),
        ("rules/teams.yaml", "teams: {1: {}}\nunowned: x", "team 1: should be a text; put it in quotes"),
        ("rules/teams.yaml", "teams: {web: [x]}\nunowned: web", "team 'web': should be a mapping (name: value)"),
        ("rules/teams.yaml", "teams: {a: {labels: [1]}}\nunowned: a",
         "team 'a': labels: should be a text; put it in quotes"),
        ("rules/teams.yaml", "teams: {a: {repo: a/b, project: NET, nam: x}}\nunowned: a",
         "team 'a': give either 'repo' (GitHub) or 'project' (Jira)"),
        ("rules/teams.yaml", "unowned: x\nteams: {abc: {}}", "unowned: no team 'x'; name one of `teams:`"),
        ("rules/priority.yaml", "rules: [{id: a, when: , priority: P1, action: ticket, because: x}]",
         "rule 'a': when: should be a mapping (name: value)"),
        ("rules/priority.yaml", "rules: [{id: a, when: {age: 3d}, priority: P1, action: ticket, because: x}]",
         "rule 'a': 'age' takes a number of days, or a comparison such as '> 30', not '3d'"),
        ("rules/priority.yaml", "rules: [{id: a, when: {}, priority: P1, action: ticket, because: yes}]",
         "rule 'a': because: should be a text; put it in quotes"),
        ("rules/priority.yaml", "exceptions: [{asset: [x], kind: accepted-risk, reason: r, approved_by: a}]",
         "exception 1: an exception of kind 'accepted-risk' needs 'expires'"),
        ("rules/teams.yaml", "teams: {a: {repo: x}}\nunowned: a",
         "team 'a': repo: 'x' is no repository; write owner/name, for example acme/platform"),
        *(
            ("rules/priority.yaml",
             f"exceptions: [{{asset: x, kind: accepted-risk, reason: r, approved_by: a, expires: {day}}}]",
             f"exception 1: expires: {said} is no date; write for example 2027-01-31")
            for day, said in (("soon", "'soon'"), ("2027-02-30", "'2027-02-30'"), ("86400", "86400"), ("'0'", "'0'"))
        ),
    ],
)  # fmt: skip
def test_what_is_wanted_is_told_in_words(name: str, text: str, said: str) -> None:
    assert f"{name}:1: {said}" in faults(name, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [\n", r"triagebot.yaml:[12]: no valid YAML: .+"),
        ("a: 1\nb: : 2\n", r"triagebot.yaml:2: no valid YAML: .+"),
        ("a: \tx\n\tb: 1\n", r"triagebot.yaml:\d: no valid YAML: .+"),
        ("a: !!python/object:os.system {}\n", r"triagebot.yaml:1: no valid YAML: .+"),
        ("a: *nowhere\n", r"triagebot.yaml:1: no valid YAML: .+"),
        ("a: 1\nb: &b [1, {c: *b}]\n", r"triagebot.yaml:2: no valid YAML: what an alias names holds the alias"),
        ("a: 0b_\n", r"triagebot.yaml: no valid YAML: .+"),
        ("a: !!int x\n", r"triagebot.yaml: no valid YAML: .+"),
        ("- 1\n", r"triagebot.yaml:1: .+"),
        ("just words\n", r"triagebot.yaml:1: .+"),
        ("1: 2\n", r"triagebot.yaml:1: .+"),
        ("limits: 3\n", r"triagebot.yaml:1: limits: .+"),
        ("rules: {a: b}\n", r"triagebot.yaml:1: rules: .+"),
        ("trackers: {default: }\n", r"triagebot.yaml:1: .+"),
    ],
)
def test_what_is_no_settings_file_at_all(text: str, said: str) -> None:
    told = faults("triagebot.yaml", text)
    assert len(told) == 1
    assert re.fullmatch(said, told[0])


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file; create it, or correct the path"):
        read(Path("nowhere.yaml"), Settings)
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml: cannot be read"):
        read(Path("binary.yaml"), Settings)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path, Settings)


def test_nothing_that_is_said_names_our_insides() -> None:
    """People who write YAML need not know what pydantic, a dictionary or a class of ours is."""
    for text in ("- 1\n", "limits: 3\n", "trackers: {default: 1}\n"):
        said = faults("triagebot.yaml", text)[0]
        assert not re.search(r"instance of|dictionary|pydantic|Settings|Limits", said), said


def test_an_unknown_tracker_is_told_at_its_line() -> None:
    Path("rules/teams.yaml").write_text("teams:\n  a: {}\n  dns: {tracker: defalt}\nunowned: dns\n")
    Path("triagebot.yaml").write_text("teams: rules/teams.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load(Path("triagebot.yaml"))
    assert "team 'dns': no tracker 'defalt'; did you mean 'default'?" in str(caught.value)
    assert str(caught.value).startswith("rules/teams.yaml:3: ")


def test_missing_files_of_the_settings_are_errors() -> None:
    for text, said in (
        ("teams: nowhere.yaml", "teams: there is no file nowhere.yaml; create it, or correct the path"),
        ("rules: [nowhere.yaml]", "rules: there is no file nowhere.yaml; create it, or correct the path"),
        ("inventory: nowhere.txt", "inventory: there is no file nowhere.txt; create it, or correct the path"),
        ("rules: [rules]", "rules: rules cannot be read: Is a directory; correct the path, or who may read it"),
        ("inventory: rules", "inventory: rules cannot be read: Is a directory; correct the path, or who may read it"),
    ):
        Path("triagebot.yaml").write_text(f"retire_after: 1\n{text}\n")
        with pytest.raises(ConfigError) as caught:
            load(None)
        assert str(caught.value) == f"triagebot.yaml:2: {said}"


def test_a_chart_map_that_is_not_there_is_told_with_the_other_faults() -> None:
    Path("triagebot.yaml").write_text("teams: rules/teams.yaml\nrules: [rules/p.yaml]\n")
    Path("rules/p.yaml").write_text(rules(GOOD.replace("ticket", "tickt")))
    Path("rules/teams.yaml").write_text("teams: {dns: {nam: x}}\nunowned: dns\nchart_map: map.csv\n")
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value).splitlines()[1:] == [
        "rules/teams.yaml:1: team 'dns': unknown field 'nam'; did you mean 'name'?",
        "rules/teams.yaml:3: chart_map: there is no file rules/map.csv; create it, or correct the path",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: [\n", r"triagebot\.yaml:2: no valid YAML: .+"),
        (b"- 1\n", r"triagebot\.yaml:1: should be a mapping \(name: value\)"),
        (b"\xff", r"triagebot\.yaml: cannot be read: byte 1 is no UTF-8 text; save it as UTF-8"),
    ],
)
def test_of_settings_that_cannot_be_read_it_is_said_that_nothing_else_was_checked(text: bytes, said: str) -> None:
    Path("triagebot.yaml").write_bytes(text)
    Path("rules/priority.yaml").write_text("rules: 3\n")
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert re.fullmatch(
        f"{said}; mend that first: the files that it names are not known, so none of them was checked",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("settings", "name"), [("inventory: x.txt\n", "x.txt"), ("teams: rules/teams.yaml\n", "rules/x.csv")]
)
def test_a_list_that_is_no_text_is_told(settings: str, name: str) -> None:
    Path("triagebot.yaml").write_text(settings)
    Path("rules/teams.yaml").write_text("teams: {dns: {}}\nunowned: dns\nchart_map: x.csv\n")
    Path(name).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=rf"^{name}: is no "):
        load(None)


def test_lines_of_the_inventory_that_are_no_images_are_told() -> None:
    Path("triagebot.yaml").write_text("inventory: images.txt\n")
    Path("images.txt").write_text("# ours\nnginx:1 # one\nnginx redis\n\na b: c\n")
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value).splitlines() == [
        "images.txt:3: 'nginx redis' is no image",
        "images.txt:5: 'a b: c' is no image; write one image a line, repository or repository:tag",
    ]


def test_names_that_are_numbers_are_compared_with_none() -> None:
    Path("rules/teams.yaml").write_text("teams: {3: {}}\nunowned: x\n")
    with pytest.raises(ConfigError, match=r"rules/teams\.yaml:2: unowned: no team 'x'"):
        read(Path("rules/teams.yaml"), TeamFile)


def test_a_chart_map_without_its_columns() -> None:
    Path("rules/teams.yaml").write_text(
        "teams: {dns: {}}\nunowned: dns\nchart_map: map.csv\nimages: [{chart: x, team: dns}]\n"
    )
    Path("triagebot.yaml").write_text("teams: rules/teams.yaml\n")
    Path("rules/map.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        ConfigError, match=r"rules/map.csv:1: needs the columns chart and image; write: manifest,chart,image"
    ):
        load(None)


def test_good_files_are_read(tmp_path: Path) -> None:
    Path("triagebot.yaml").write_text(
        "history: h\nrules: [rules/priority.yaml]\nteams: rules/teams.yaml\ninventory: images.txt\n"
        "done_grace: 2w\ndecision_expiry: 36h\nassets: [{match: 'a/**', as: 'b/**'}]\nlimits: {new_tickets: 3}\n"
        "trackers:\n  default: {type: local}\n  other: {type: local, path: elsewhere}\n"
    )
    Path("rules/priority.yaml").write_text(
        rules("{id: a, when: {age: '> 3d', severity: [high]}, priority: P1, due: 12h, action: ticket, because: 'ü'}")
        + "exceptions:\n  - {asset: x, kind: accepted-risk, reason: r, approved_by: a, expires: 2027-01-31}\n"
    )
    Path("rules/teams.yaml").write_text(
        "teams:\n  dns: {tracker: other, assignees: [a], was: [ns]}\nunowned: dns\nimages: [{match: '*', team: dns}]\n"
    )
    Path("images.txt").write_text("# all of them\nnginx\nregistry:5000/a:1 # one tag\n\n")
    config = load(None)
    assert config.base == tmp_path
    assert config.history == tmp_path / "h"
    assert (config.settings.done_grace, config.settings.decision_expiry) == (timedelta(days=14), timedelta(hours=36))
    assert config.rules[0].due == timedelta(hours=12)
    assert config.exemptions[0].expires == date(2027, 1, 31)
    assert config.teams.images[0].match == ["*"]
    assert config.inventory == {Image("docker.io/library/nginx", ""), Image("registry:5000/a", "1")}


def test_what_stands_twice_is_told_for_yaml_takes_the_last_without_a_word() -> None:
    text = "teams:\n  ops: {name: Ops, name: Again}\n  ops: {name: Ops2}\nunowned: ops\n"
    assert faults("rules/teams.yaml", text) == [
        "rules/teams.yaml:2: 'name' stands twice, and the first (line 2) is passed over",
        "rules/teams.yaml:3: 'ops' stands twice, and the first (line 2) is passed over",
    ]
    assert faults("rules/priority.yaml", "rules: []\nrules: []\n") == [
        "rules/priority.yaml:2: 'rules' stands twice, and the first (line 1) is passed over"
    ]


def test_names_that_are_numbers_are_told_with_the_other_faults() -> None:
    Path("triagebot.yaml").write_text("trackers: {1: {type: local, path: p}}\nsummary: {tracker: x, weekday: 3}\n")
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert "triagebot.yaml:2: summary: no tracker 'x'" in str(caught.value)
    assert "triagebot.yaml:2: summary: weekday: " in str(caught.value)


def test_faults_of_all_files_are_told_at_once() -> None:
    """Of form and of meaning, whichever file; a person does not mend one file to hear of the next."""
    Path("triagebot.yaml").write_text(
        "hstory: x\nrules: [rules/p.yaml, rules/e.yaml, rules/absent.yaml]\nteams: rules/teams.yaml\n"
        "inventory: absent.txt\nvex: [v.json, w.json]\n"
        "trackers: {default: {type: local, pth: t}, net: {type: jira, url: 'http://x', project: NET}}\n"
        "summary: {tracker: nett, wekday: monday}\nfeeds: {kev: 'https://kev.example', epss: epss.csv}\n"
    )
    Path("rules/p.yaml").write_text(rules("{id: kev, when: {epps: 1}, priority: P0, action: ticket, because: x}"))
    Path("rules/e.yaml").write_text(
        "exceptions:\n  - {asset: 'x/*', team: dnz, kind: accepted-risk, reason: r, approved_by: us, expires: soon}\n"
    )
    Path("rules/teams.yaml").write_text(
        "teams:\n  dns: {tracker: defalt, nam: x}\n  web: {tracker: net, repo: a/b}\nunowned: dsn\n"
    )
    Path("v.json").write_text('{"@context": "https://openvex.dev/ns/v0.2.0",\n "statements": [{}]}')
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value).splitlines() == [
        "v.json:2: statement 1: field 'status' is missing",
        "v.json:2: statement 1: field 'vulnerability' names none; mend the document, or leave it out of `vex`",
        "triagebot.yaml:1: unknown field 'hstory'; did you mean 'history'?",
        "triagebot.yaml:2: rules: there is no file rules/absent.yaml; create it, or correct the path",
        "triagebot.yaml:4: inventory: there is no file absent.txt; create it, or correct the path",
        "triagebot.yaml:5: vex: no file matches w.json; a run only warns of it",
        "triagebot.yaml:6: tracker 'default': unknown field 'pth'; did you mean 'path'?",
        "triagebot.yaml:7: summary: no tracker 'nett'; did you mean 'net'? Name one of `trackers:`",
        "triagebot.yaml:7: summary: unknown field 'wekday'; did you mean 'weekday'?",
        "triagebot.yaml:8: feeds: epss: there is no file epss.csv; a run only warns of it",
        "rules/p.yaml:2: rule 'kev': unknown field 'epps'; did you mean 'epss'?",
        "rules/e.yaml:2: exception 1: expires: 'soon' is no date; write for example 2027-01-31",
        "rules/e.yaml:2: exception 1: no team 'dnz'; did you mean 'dns'? Name one of the team file",
        "rules/teams.yaml:2: team 'dns': no tracker 'defalt'; did you mean 'default'? "
        "Name one of `trackers:` in triagebot.yaml",
        "rules/teams.yaml:2: team 'dns': unknown field 'nam'; did you mean 'name'?",
        "rules/teams.yaml:3: team 'web': 'repo' is for github, and tracker 'net' is jira; "
        "correct `tracker`, or the place",
        "rules/teams.yaml:4: unowned: no team 'dsn'; did you mean 'dns'?",
    ]


def test_nothing_written_means_the_shipped_defaults() -> None:
    config = load(None)
    assert [rule.id for rule in config.rules] == [
        "known-exploited", "critical-fixable", "high-fixable", "critical-high-unfixable", "rest", "secret",
        "runs-as-root", "privilege-escalation", "cis", "posture-critical-high", "posture-rest",
    ]  # fmt: skip
    assert config.teams.unowned in config.teams.teams
    Path("triagebot.yaml").write_text("")
    assert load(None).rules == config.rules


@pytest.mark.parametrize(
    ("name", "model"),
    [("priority.yaml", RuleFile), ("posture.yaml", RuleFile), ("exceptions.yaml", RuleFile), ("teams.yaml", TeamFile)],
)
def test_shipped_files_load(name: str, model: type[Strict]) -> None:
    assert read(shipped(name), model)


# ---- schemas ----


def schema(*names: str) -> Any:
    result = CliRunner().invoke(app, ["schema", *names])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in references(value)]
    return [r for value in node for r in references(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_schema_is_whole(name: str) -> None:
    told = schema(name)
    assert told == schema()[name]
    assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert told["type"] == "object"
    assert told["additionalProperties"] is False
    for reference in references(told):
        assert reference.startswith("#/$defs/")
        assert reference.removeprefix("#/$defs/") in told["$defs"]
    kinds = {"object", "array", "string", "integer", "number", "boolean", "null"}
    for node in nodes(told):
        assert node.get("type", "object") in kinds
        if "pattern" in node:
            re.compile(node["pattern"])


def nodes(schema: Any) -> list[dict[str, Any]]:
    """The schema and all schemas in it."""
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    return [schema, *(node for part in inner for node in nodes(part))]


def test_schemas_know_the_fields_and_the_short_forms() -> None:
    """What `read` takes, an editor with the schema must not mark: one glob without a list, durations as text."""
    told = schema()
    assert told["triagebot"]["properties"]["done_grace"]["type"] == "string"
    for listed in (
        told["teams"]["$defs"]["Owner"]["properties"]["match"],
        told["triagebot"]["properties"]["image_paths"],
    ):
        assert {part.get("type") for part in listed.get("anyOf", [listed])} == {"string", "array"}
    rewrite = told["triagebot"]["$defs"]["Rewrite"]
    assert set(rewrite["properties"]) == {"match", "as"}


def test_defaults_in_schemas_are_as_people_write_them() -> None:
    properties = schema("triagebot")["properties"]
    for name in ("done_grace", "decision_expiry"):
        assert re.fullmatch(r"\d+[hdw]", properties[name]["default"])


def test_there_is_no_schema_of_that_name() -> None:
    result = CliRunner().invoke(app, ["schema", "ruls"])
    assert isinstance(result.exception, InputError)
    assert "did you mean 'rules'?" in str(result.exception)
