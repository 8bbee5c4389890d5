"""`triagebot init`: what it drafts from real scans and owners loads, is left alone when it is there, and runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from actions import Job
from github_server import Github
from hypothesis import given
from hypothesis import strategies as st
from reports import trivy, vulnerability, write
from typer.testing import CliRunner, Result

from triagebot import codeowners, config, drafts, teamdraft
from triagebot.begin import begin, origin
from triagebot.cli import app
from triagebot.drafts import Place
from triagebot.errors import ConfigError, InputError
from triagebot.files import TeamFile
from triagebot.layout import layout
from triagebot.owners import assign

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CSM = ROOT / "examples" / "csm"
HISTORIES = ("dimpact-trivy-json", "dimpact-trivy-sarif", "dimpact-grype-json", "openaf-trivy-v1array-json")
OWNERS = (
    "nshi-airbyte", "aquasecurity-trivy", "argoproj-argo-cd", "cloud-custodian-cloud-custodian", "Azure-AgentBaker",
    "Cray-HPE-csm", "StackVista-vexhub", "pypa-cibuildwheel",
)  # fmt: skip
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs the command line in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def called(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
        fault = getattr(result.exception, "exit_code", result.exit_code)
        assert fault == code, f"{result.output}\n{result.exception!r}"
        return result

    return called


@pytest.mark.parametrize("name", HISTORIES)
def test_what_is_drafted_from_real_scans_loads_and_doctor_is_content(corpus: Path, call: Call, name: str) -> None:
    said = call("init", corpus / "history" / name).stdout
    assert re.search(r": \d+ images \(reports: \d+ \w+\); teams drafted: \d+", said)
    assert f"{name} holds " in said
    assert call("doctor").stdout == "tracker 'default': all is well\n"
    assert steps_of(said)[-1].startswith(f"triagebot run {layout(corpus / 'history' / name).scans[-1]}")
    for step in steps_of(said):
        paste(call, step)
    assert list(Path("tickets").glob("*.md"))


def steps_of(said: str) -> list[str]:
    return [line.strip() for line in said.partition("next:\n")[2].splitlines()]


def paste(call: Call, step: str) -> None:
    """What a person does with a line that `init` printed."""
    words = shlex.split(step, comments=True)
    assert words[0] == "triagebot"
    call(*words[1:])


DAYS = ("2026-05-01", "2026-05-08", "2026-05-15")
REPORTS = {f"r{n}": trivy(f"x/{n}:1", [vulnerability("CVE-2026-0001")], at="2026-05-01T06:00:00Z") for n in "abc"}


def days(folder: Path) -> None:
    for day in DAYS:
        write(folder / day, **REPORTS)


def beside_days(folder: Path) -> None:
    """A folder for each day, and what lies beside such folders."""
    days(folder)
    (folder / "empty").mkdir()
    (folder / "2026-06-01").mkdir()
    (folder / "2026-05-32-notes").mkdir()
    (folder / "2026-05-32-notes" / "notes.md").write_text("# Notes\n")
    write(folder / "tools", other=trivy("x/tool:1", []))
    write(folder / "zz9", other=trivy("x/tool:1", []))
    (folder / "README.md").write_text("# Scans\n")
    (folder / "index.json").write_text('{"scans": 3}')
    (folder / "latest").symlink_to("2026-05-01")


def beside_releases(folder: Path) -> None:
    for name in ("1.9", "1.10", "1.11"):
        write(folder / name, **REPORTS)
    (folder / "empty").mkdir()
    write(folder / "extra", other=trivy("x/tool:1", []))


def files_of_days(folder: Path) -> None:
    for day in DAYS:
        write(folder, **{f"nightly-{day}": REPORTS["ra"]})
    (folder / "README.md").write_text("# Scans\n")


def archives(ending: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        folder.mkdir()
        for day in DAYS:
            reports = write(folder.parent / "packed" / day, **REPORTS)
            with tarfile.open(folder / f"scan-{day}{ending}", "w:gz" if ending.endswith("gz") else "w") as archive:
                archive.add(reports, arcname=day)
        (folder / "empty").mkdir()
        (folder / "README.md").write_text("# Scans\n")
        with tarfile.open(folder / "zz-tools.tar.gz", "w:gz") as archive:
            archive.add(folder / "README.md", arcname="README.md")

    return made


def one_archive(folder: Path) -> None:
    with tarfile.open(folder.parent / "all.tar.gz", "w:gz") as archive:
        archive.add(write(folder.parent / "packed", **REPORTS), arcname="all")
    folder.mkdir()
    (folder.parent / "all.tar.gz").rename(folder / "all.tar.gz")


LAYOUTS: list[tuple[str, Callable[[Path], object], str, list[str], str]] = [
    ("days", days, "scans/2026-05-15", [f"scans/{day}" for day in DAYS[:2]], ""),
    ("beside", beside_days, "scans/2026-05-15", [f"scans/{day}" for day in DAYS[:2]], "tools, zz9"),
    ("first day", lambda f: write(f / "2026-05-15", **REPORTS), "scans/2026-05-15", [], ""),
    ("releases", beside_releases, "scans/1.11", ["scans/1.9", "scans/1.10"], "extra"),
    ("flat", lambda f: write(f, **REPORTS), "scans", [], ""),
    ("files", files_of_days, f"scans/nightly-{DAYS[2]}.json", [f"scans/nightly-{day}.json" for day in DAYS[:2]], ""),
    ("one archive", one_archive, "scans/all.tar.gz", [], ""),
    *(
        (f"archives {end}", archives(end), f"scans/scan-{DAYS[2]}{end}",
         [f"scans/scan-{day}{end}" for day in DAYS[:2]], "zz-tools.tar.gz")
        for end in (".tar.gz", ".tgz", ".tar")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "newest", "older", "beside"), [pytest.param(*case, id=n) for n, *case in LAYOUTS])
def test_what_init_says_next_works_however_scans_lie(
    call: Call, make: Callable[[Path], object], newest: str, older: list[str], beside: str
) -> None:
    make(Path("scans"))
    said = call("init").stdout
    assert said.startswith(f"{newest}: ")
    taken = [shlex.split(step, comments=True)[2:] for step in steps_of(said) if step.startswith("triagebot run")]
    words = [*([scan, "--record-only"] for scan in older), [newest, "--dry-run"], [newest]]
    assert [[word for word in t if word != "--taken-at" and word not in DAYS] for t in taken] == words
    assert (f"note: taken for no scans: {beside}\n" in said) == bool(beside)
    for step in steps_of(said):
        paste(call, step)
    assert list(Path("tickets").glob("*.md"))
    assert "nothing to do" in call("run", newest).stdout, "and so does the schedule that finds it again"


def test_of_two_scans_of_one_day_the_later_one_counts(call: Call) -> None:
    """In the order in which people count, and not in that of letters."""
    for number, entries in ((9, 2), (10, 3)):
        found = [vulnerability(f"CVE-2026-{n:04}") for n in range(entries)]
        write(Path("scans") / f"2026-05-01-{number}", a=trivy("x/a:1", found), b=trivy("x/b:1", []))
    for step in steps_of(call("init", "scans", "--tracker", "local").stdout):
        paste(call, step)
    said = call("summary").stdout
    assert "the last one is 2026-05-01-10 of 2026-05-01" in said
    assert "= 3 now" in said


@pytest.mark.parametrize(("make", "newest"), [pytest.param(*case[:2], id=n) for n, *case in LAYOUTS])
def test_the_drafted_workflow_takes_the_scan_that_init_looked_at(
    call: Call, make: Callable[[Path], object], newest: str
) -> None:
    make(Path("scans"))
    call("init")
    assert chosen() == newest


def chosen(folder: str = ".") -> str:
    """The scan that the drafted workflow takes."""
    (step,) = [s for s in yaml.safe_load(Path(drafts.WORKFLOW).read_text())["jobs"]["triage"]["steps"]
               if s.get("name") == "Triage"]  # fmt: skip
    script = step["run"].replace("triagebot run", "echo triagebot run")
    done = subprocess.run(
        ["bash", "-euc", f'{script}\necho "$scan"'],  # noqa: S607
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "SCANS": step["env"]["SCANS"],
             "CHOSEN": "", "DRY_RUN": ""},
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["scäns", "scans (old)", "it's", "-scans", '"q" $x `y`', "a\\b"])
def test_scans_may_be_called_anything(call: Call, name: str) -> None:
    days(Path(name))
    steps = steps_of(call("init", "--", name).stdout)
    path = f"{'./' if name.startswith('-') else ''}{name}/{DAYS[2]}"
    assert chosen() == path
    for step in steps:
        paste(call, step)
    assert call("newest", "--", name).stdout == f"{path}\n"


def test_scans_one_level_below_are_found(call: Call) -> None:
    for name in ("2025/11", "2025/12", "2026/01", "2026/02"):
        write(Path("ym") / name, **REPORTS)
    days(Path("scans/platform"))
    for folder, newest, older in (("ym", "ym/2026/02", 3), ("scans", f"scans/platform/{DAYS[2]}", 2)):
        said = call("init", folder, "--force").stdout
        assert said.startswith(f"{newest}: 3 images")
        assert sum("--record-only" in step for step in steps_of(said)) == older
        assert chosen() == newest


def test_which_of_several_folders_of_scans_is_meant_a_person_must_say(call: Call) -> None:
    days(Path("scans/a"))
    days(Path("scans/b"))
    for command in ("init", "newest"):
        said = str(call(command, "scans", code=2).exception)
        assert "holds folders that hold scans of several days each (a, b)" in said
        assert "name one of them, for example scans/a" in said
    assert call("newest", "scans/b").stdout == f"scans/b/{DAYS[2]}\n"


@pytest.mark.parametrize("timed", [True, False])
def test_scans_called_after_commits_are_ordered_by_their_reports(call: Call, timed: bool) -> None:
    for name, day in (("f3a91c2", 1), ("0be77d1", 8), ("9c01ab4", 5)):
        at = f"2026-05-{day:02}T06:00:00Z" if timed or day != 5 else ""
        write(Path("scans") / name, **{n: trivy(f"x/{n}:1", [], at=at) for n in "abc"})
    said = call("init").stdout
    assert said.startswith("scans/0be77d1: " if timed else "scans/9c01ab4: ")
    assert ("note: the scans are called after commits, and not all reports say when" in said) is not timed
    assert chosen() == ("scans/0be77d1" if timed else "scans/9c01ab4")
    for pattern in ("scans", "scans/*", "scans/*[0-9]"):
        assert call("newest", pattern).stdout.strip() == chosen()
    ran = [shlex.split(step, comments=True)[2] for step in steps_of(said) if "--record-only" in step]
    assert ran == (["scans/f3a91c2", "scans/9c01ab4"] if timed else [])


def test_below_the_root_of_a_clone_the_workflow_is_written_to_the_root(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_git(Path(), "https://github.com/acme/platform.git")
    days(Path("tools/triage/scans"))
    monkeypatch.chdir("tools/triage")
    said = call("init", "scans").stdout
    assert "wrote ../../.github/workflows/triage.yml\n" in said
    assert "GitHub reads workflows at the root of a clone only" in said
    monkeypatch.chdir("../..")
    assert yaml.safe_load(Path(drafts.WORKFLOW).read_text())["defaults"] == {
        "run": {"working-directory": "tools/triage"}
    }
    assert chosen("tools/triage") == f"scans/{DAYS[2]}"
    assert not Path("tools/triage/.github").exists()


PATTERNS = [
    ("scans", f"scans/{DAYS[2]}"), ("scans/*", f"scans/{DAYS[2]}"), ("scans/2026-05-0*", f"scans/{DAYS[1]}"),
    ("flat", "flat"), ("flat/*", "flat"), ("flat/*.json", "flat"), ("flat/ra.json", "flat/ra.json"),
    ("files/*.json", f"files/nightly-{DAYS[2]}.json"), ("releases/1.*", "releases/1.11"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "newest"), PATTERNS)
def test_the_newest_scan_is_chosen_from_a_folder_or_pattern(call: Call, pattern: str, newest: str) -> None:
    beside_days(Path("scans"))
    write(Path("flat"), **REPORTS)
    (Path("flat") / "README.md").write_text("# Scans\n")
    files_of_days(Path("files"))
    beside_releases(Path("releases"))
    assert call("newest", pattern).stdout == f"{newest}\n"


@pytest.mark.parametrize("pattern", ["absent", "absent/*", "flat/r[ab].json", "flat/*.md"])
def test_where_there_is_no_newest_scan_that_is_said(call: Call, pattern: str) -> None:
    write(Path("flat"), **REPORTS)
    (Path("flat") / "README.md").write_text("# Scans\n")
    call("newest", pattern, code=2)


def test_one_report_and_one_archive_are_scans(call: Call) -> None:
    write(Path("out"), **REPORTS)
    with tarfile.open("all.tar.gz", "w:gz") as archive:
        archive.add("out", arcname="out")
    for scan in ("out/ra.json", "all.tar.gz"):
        for step in steps_of(call("init", scan, "--force").stdout):
            paste(call, step)


def test_reports_of_several_days_in_one_folder_are_told_of(call: Call) -> None:
    for day in DAYS:
        write(Path("scans"), **{f"{name}-{day}": report for name, report in REPORTS.items()})
    said = call("init").stdout
    assert "reports of several days lie in one folder and are read as one scan" in said
    for step in steps_of(said):
        paste(call, step)


def test_an_image_each_is_no_scan_each(tmp_path: Path) -> None:
    for name in ("nginx-1.27", "redis-7", "redis-2026-05-01", "redis-2026-06-01", "tools"):
        write(tmp_path / name, report=trivy(f"x/{name}:1", []))
    assert layout(tmp_path).scans == ()


def test_the_day_in_the_name_counts_whatever_the_reports_say(call: Call) -> None:
    for day in DAYS:
        write(Path("scans") / day, a=[{"Target": "x/a:1 (debian 12)", "Vulnerabilities": None}])
    steps = steps_of(call("init").stdout)
    assert steps[1].startswith(f"triagebot run scans/{DAYS[0]} --taken-at {DAYS[0]} --record-only")
    assert steps[-1] == f"triagebot run scans/{DAYS[2]} --taken-at {DAYS[2]}"


@pytest.mark.parametrize(("made", "are_taken"), [((1, 2, 3), True), ((3, 1, 2), False)])
def test_older_releases_are_taken_in_only_in_the_order_in_which_they_were_made(
    call: Call, made: tuple[int, ...], are_taken: bool
) -> None:
    for n, day in enumerate(made):
        write(Path("scans") / f"1.{n}", a=trivy("x/a:1", [], at=f"2026-05-0{day}T06:00:00Z"))
    said = call("init").stdout
    assert ("the reports do not say that the older scans were made in the order" in said) == (not are_taken)
    assert len([step for step in steps_of(said) if "--record-only" in step]) == 2 * are_taken
    for step in steps_of(said):
        paste(call, step)


def test_scans_beside_the_settings_are_named_as_they_are_typed(call: Call) -> None:
    days(Path("there/scans"))
    steps = steps_of(call("init", "there/scans", "--folder", "there").stdout)
    assert steps[-1] == f"triagebot run there/scans/{DAYS[2]} --taken-at {DAYS[2]} --config there/triagebot.yaml"
    for step in steps:
        paste(call, step)


def test_of_many_scans_the_note_says_how_many_it_does_not_name(call: Call) -> None:
    for day in range(1, 21):
        write(Path("scans") / f"2026-05-{day:02}", **REPORTS)
    said = call("init").stdout
    named = "2026-05-01, 2026-05-02, 2026-05-03, … 14 more …, 2026-05-18, 2026-05-19, 2026-05-20"
    assert f"note: scans holds 20 scans ({named}); the newest was looked at" in said
    assert len(steps_of(said)) == 1 + 12 + 2


@pytest.mark.parametrize("name", OWNERS)
def test_every_real_codeowners_makes_a_team_file_that_loads(corpus: Path, call: Call, name: str) -> None:
    call(
        "init", CSM / "scans", "--repo", "acme/platform", "--codeowners", corpus / "owners" / f"{name}__CODEOWNERS",
    )  # fmt: skip
    teams = config.load(None).teams
    assert teams.unowned in teams.teams


def test_images_go_to_whom_codeowners_names(call: Call, tmp_path: Path) -> None:
    (tmp_path / "OWNERS").write_text(
        "* @acme/everyone @octocat\n/services/shop/ @acme/shop # theirs\n/services/pay/** @pay-lead a@b.example\n"
        "docs/shop/README.md @acme/docs\n[Payments] @acme/payments\n/charts/ledger\n/services/old/\n"
    )
    images = {name: trivy(f"registry.example/acme/{name}:1", []) for name in ("shop", "pay", "ledger", "old", "other")}
    call("init", write(tmp_path / "scans", **images), "--repo", "a/b", "--codeowners", tmp_path / "OWNERS")
    loaded = config.load(None)
    teams = assign([f"registry.example/acme/{name}" for name in images], loaded.teams, loaded.charts).team_of
    assert {asset.rpartition("/")[2]: team for asset, team in teams.items()} == {
        # `docs/shop/README.md` is a file in a folder called shop, and the last line about it: GitHub's rule.
        "shop": "docs", "pay": "pay-lead", "ledger": "payments", "old": "payments", "other": "everyone",
    }  # fmt: skip
    everyone = loaded.teams.teams["everyone"]
    assert (everyone.assignees, everyone.mention) == (["octocat"], "@acme/everyone")
    assert loaded.teams.teams["pay-lead"].assignees == ["pay-lead"]


def test_charts_become_teams_and_the_map_is_brought(call: Call) -> None:
    call("init", CSM / "scans", "--chart-map", CSM / "chartmap.csv")
    loaded = config.load(None)
    team_of = assign(["quay.io/keycloak/keycloak"], loaded.teams, loaded.charts).team_of
    assert loaded.charts["quay.io/keycloak/keycloak"]
    assert set(team_of.values()) <= set(loaded.teams.teams)
    lines = [line.chart[0] for line in loaded.teams.images]
    assert "cray-cfs-operator" in lines
    assert "cray-hms-*" in lines
    assert lines.index("cray-cfs-operator") < lines.index("cray-cfs-*"), "the narrower line comes first"


def test_a_real_map_of_images_to_charts_is_read(corpus: Path, call: Call) -> None:
    scans = corpus / "history" / "dimpact-trivy-sarif"
    call("init", scans, "--chart-map", corpus / "owners" / "dimpact__discovered-image-to-chart.yaml")
    assert config.load(None).charts["docker.elastic.co/eck/eck-operator"] == {"eck-operator"}


def test_teams_by_name_are_few_and_narrower_lines_come_first(call: Call) -> None:
    call("init", CSM / "scans")
    loaded = config.load(None)
    assert 3 < len(loaded.teams.teams) <= teamdraft.MOST + 1
    assets = [f"registry.example/csm-docker/stable/{n}" for n in ("cray-hms-smd", "cray-ims-utils")]
    assert list(assign(assets, loaded.teams, {}).team_of.values()) == ["cray-hms", "cray-ims"]


def test_what_is_there_stays(call: Call) -> None:
    call("init", CSM / "scans")
    Path("rules/teams.yaml").write_text("mine\n")
    before = Path("triagebot.yaml").stat()
    said = call("init", CSM / "scans", "--repo", "acme/platform").stdout
    assert said.count("as it is (--force writes over it)") == 3
    assert "wrote" not in said
    assert (Path("rules/teams.yaml").read_text(), Path("triagebot.yaml").stat()) == ("mine\n", before)
    assert call("init", CSM / "scans", "--repo", "acme/platform", "--force").stdout.count("wrote") == 3
    assert "acme/platform" in Path("triagebot.yaml").read_text()


def test_a_link_is_not_written_through(call: Call, tmp_path: Path) -> None:
    Path("triagebot.yaml").symlink_to(tmp_path / "outside.yaml")
    assert "left triagebot.yaml" in call("init", CSM / "scans").stdout
    assert not (tmp_path / "outside.yaml").exists()


def test_where_tickets_go_is_told_by_the_clone(call: Call) -> None:
    Path(".git").mkdir()
    Path(".git/config").write_text(
        '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@github.com:acme/platform.git\n'
    )
    call("init", CSM / "scans")
    assert config.load(None).settings.trackers["default"].model_dump()["repo"] == "acme/platform"
    assert origin(Path("rules")) == "acme/platform"


@pytest.mark.parametrize("url", ["https://github.com/a/b", "ssh://git@github.com/a/b.git", "https://x@github.com/a/b/"])
def test_addresses_of_github(tmp_path: Path, url: str) -> None:
    write_git(tmp_path, url)
    assert origin(tmp_path) == "a/b"


@pytest.mark.parametrize("url", ["https://gitlab.com/a/b", "https://evil.example/github.com/a/b", "../x"])
def test_other_addresses_are_none_of_github(tmp_path: Path, url: str) -> None:
    write_git(tmp_path, url)
    assert origin(tmp_path) == ""


def write_git(folder: Path, url: str) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(f'[remote "origin"]\n  url = {url}\n')


def test_what_is_run_by_hand_first_is_known_to_the_schedule(
    call: Call, github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `init` says, line by line, with a token of one's own; then the workflow, as another."""
    origin_of(tmp_path / "acme/platform.git", tmp_path)
    days(Path("scans"))
    monkeypatch.setenv("GITHUB_TOKEN", github.token())
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    steps = steps_of(call("init").stdout)
    assert steps[-1].startswith("triagebot history push #")
    for step in steps[1:]:
        paste(call, step)
    assert {issue["user"]["login"] for issue in github.repo().issues()} == {"triage-bot"}
    filed = len(github.repo().issues())
    done = scheduled(tmp_path / "machine", tmp_path / "acme/platform.git", github)
    assert not done.failed, done.said
    assert (len(github.repo().issues()), "nothing to do" in done.said) == (filed, True)


@pytest.mark.parametrize(("url", "authors"), [("", ["github-actions[bot]"]), ("https://ghe.example/api/v3", [])])
def test_the_settings_name_who_files_for_the_workflow(call: Call, url: str, authors: list[str]) -> None:
    days(Path("scans"))
    call("init", "--repo", "acme/platform", *(["--url", url] if url else []))
    assert config.load(None).settings.trackers["default"].model_dump()["authors"] == authors


def origin_of(repository: Path, folder: Path) -> None:
    """Have the working directory be a clone of acme/platform, whose server is this folder."""
    subprocess.run(["git", "init", "--quiet", "--bare", repository], check=True)  # noqa: S607
    subprocess.run(["git", "init", "--quiet"], check=True)  # noqa: S607
    with Path(".git/config").open("a") as config_file:
        config_file.write(
            '[remote "origin"]\n\turl = https://github.com/acme/platform.git\n'
            f'[url "file://{folder}/"]\n\tinsteadOf = https://github.com/\n'
        )


def scheduled(machine: Path, repository: Path, github: Github) -> Job:
    """The drafted workflow, but for the installation, on a machine that has only what is committed."""
    away = shutil.ignore_patterns(".triagebot", "tickets", ".git")
    work = shutil.copytree(".", machine / "work", ignore=away)
    steps = [
        step for step in yaml.safe_load(Path(drafts.WORKFLOW).read_text())["jobs"]["triage"]["steps"]
        if step.get("name") != "Install triagebot"
    ]  # fmt: skip
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(machine),
        "GITHUB_API_URL": github.url, "REMOTE": f"file://{repository}",
    }  # fmt: skip
    contexts = {"github.token": github.workflow_token(), "inputs.scan": "", "inputs.dry-run": ""}
    return Job(work, machine / "temp", environment, contexts).steps(steps)


def test_jira_is_drafted_and_loads(call: Call) -> None:
    call("init", CSM / "scans", "--tracker", "jira", "--url", "https://jira.acme.example", "--project", "NET")
    tracker = config.load(None).settings.trackers["default"].model_dump()
    assert (tracker["type"], tracker["url"], tracker["project"]) == ("jira", "https://jira.acme.example", "NET")
    assert "JIRA_TOKEN: ${{ secrets.JIRA_TOKEN }}" in Path(drafts.WORKFLOW).read_text()
    assert "issues: write" not in Path(drafts.WORKFLOW).read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["--tracker", "gitlab"], ["--tracker", "github"], ["--repo", "a/b/c"], ["--tracker", "jira", "--project", "x"],
        ["--repo", "a/b", "--url", "ftp://x"], ["--codeowners", "absent"],
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_written(call: Call, words: list[str]) -> None:
    call("init", CSM / "scans", *words, code=2)
    assert list(Path().iterdir()) == []


def test_a_folder_without_reports_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    call("init", tmp_path / "empty", code=2)
    call("init", tmp_path / "absent", code=2)


def test_reports_that_name_no_image_are_told_by_their_path(tmp_path: Path) -> None:
    nameless = {"SchemaVersion": 2, "ArtifactName": "", "Results": []}
    for image in ("registry.example/a/x:1", "registry.example/a/y:2"):
        path = tmp_path / "scan" / "out" / image / "report.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(nameless))
    begun = begin(tmp_path / "scan", tmp_path / "here", Place("local"), NOW)
    assert begun.sight.template == "out/{image}/report.json"
    assert "out/{image}/report.json" in "".join(begun.notes)
    assert config.load(tmp_path / "here" / "triagebot.yaml").settings.image_paths == [begun.sight.template]


def test_folders_are_scans_only_if_they_hold_the_same(tmp_path: Path) -> None:
    def scans_in(folder: Path) -> list[Path]:
        return [*layout(folder).scans]

    for name in ("1.9", "1.10"):
        write(tmp_path / "a" / name, one=trivy("x/a:1", []), two=trivy("x/b:1", []))
    assert [p.name for p in scans_in(tmp_path / "a")] == ["1.9", "1.10"]
    for n, name in enumerate(("team1", "team2")):
        write(tmp_path / "b" / name, **{f"r{'ab'[n]}": trivy("x/a:1", [])})
    assert scans_in(tmp_path / "b") == []
    for name in ("prod", "test"):
        write(tmp_path / "c" / name, one=trivy("x/a:1", []))
    assert scans_in(tmp_path / "c") == []


def test_names_from_outside_are_data(call: Call, tmp_path: Path) -> None:
    (tmp_path / "OWNERS").write_text("* @acme/x'}\"\n/${{ secrets.X }}/ @acme/y\n")
    folder = tmp_path / "${{ github.token }}\n"
    write(folder, a=trivy("registry.example/a/${{ x }}: [evil]:1", []), b=trivy("registry.example/a/b:1", []))
    call("init", folder, "--repo", "a/b", "--codeowners", tmp_path / "OWNERS")
    workflow = Path(drafts.WORKFLOW).read_text()
    assert "github.token }}\n" not in workflow.replace("GITHUB_TOKEN: ${{ github.token }}\n", "")
    yaml.safe_load(workflow)
    config.load(None)


def test_a_bad_chart_map_is_named(call: Call, tmp_path: Path) -> None:
    for name, text in (("a.csv", "x,y\n1,2\n"), ("a.yaml", "a: [\n"), ("b.yaml", "charts: 3\n")):
        (tmp_path / name).write_text(text)
        result = call("init", CSM / "scans", "--chart-map", tmp_path / name, code=2)
        assert isinstance(result.exception, ConfigError)


def test_owner_lines_are_read_as_github_reads_them() -> None:
    lines = codeowners.read("# c\n*  @a\n/b\\ c/ @x/y @z a@b.example #end\n\n^[Docs][2] @d\n/docs\n!not\n")
    assert [(line.pattern, line.owners) for line in lines[:3]] == [
        ("*", ("@a",)), ("/b c/", ("@x/y", "@z")), ("/docs", ("@d",)),
    ]  # fmt: skip
    assert codeowners.default(lines) == lines[0]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4))
def test_whatever_people_call_charts_and_folders_the_team_file_loads(names: list[tuple[str, str]]) -> None:
    lines = [codeowners.OwnerLine(f"/{folder}/", ("@acme/team", "@octocat")) for folder, _ in names]
    charts = [(chart, f"registry.example/a/{n}") for n, (_, chart) in enumerate(names) for _ in range(3)]
    draft = teamdraft.draft([image for _, image in charts], lines, charts)
    for tracker in ("github", "local"):
        told = yaml.safe_load(teamdraft.told(draft, tracker))
        TeamFile.model_validate(told)
        assert [line.get("chart") or line["match"] for line in told["images"]] == [glob for _, glob, _ in draft.lines]


# The workflow


def test_the_schedule_is_at_an_odd_minute() -> None:
    assert {drafts.minute(str(n)) % 2 for n in range(200)} == {1}
    assert {drafts.minute(str(n)) for n in range(500)} <= set(range(3, 60))


def test_the_steps_of_the_drafted_workflow_file_each_ticket_once(
    call: Call, github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workflow as it is written, but for the installation; on two machines, one after the other."""
    write(Path("scans/1.0"), a=trivy("x/a:1", [vulnerability("CVE-2026-0001")], at="2026-05-01T06:00:00Z"))
    call("init", "--repo", "acme/platform")
    job = yaml.safe_load(Path(drafts.WORKFLOW).read_text())["jobs"]["triage"]
    assert job["permissions"] == {"contents": "write", "issues": "write"}
    steps = [step for step in job["steps"] if step.get("name") != "Install triagebot"]
    assert len(steps) == len(job["steps"]) - 1
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "acme/platform.git"], check=True)  # noqa: S607
    token = github.workflow_token()
    for machine, made in (("one", 1), ("two", 0)):
        work = shutil.copytree(".", tmp_path / machine)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
            "GITHUB_API_URL": github.url, "REMOTE": f"file://{tmp_path}/acme/platform.git",
        }  # fmt: skip
        contexts = {"github.token": token, "inputs.scan": "", "inputs.dry-run": "", "github.server_url": "x",
                    "github.repository": "y"}  # fmt: skip
        done = Job(work, tmp_path / f"{machine}-temp", environment, contexts).steps(steps)
        assert not done.failed, done.said
        assert done.said.count("done create") == made
        assert "1 of 1 image has" in done.outputs["summary"]
    assert len(github.repo().issues()) == 1
    with pytest.raises(InputError, match="no scan"):
        begin(tmp_path / "acme", tmp_path, Place("local"), NOW)
