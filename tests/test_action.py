"""The Action, its steps run as action.yml has them: issues on the emulated GitHub, history on a branch."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from actions import Job
from github import Auth
from github_emulator import REPOSITORIES
from github_front import Call
from github_server import Github
from reports import trivy, vulnerability, write

from triagebot import __version__

ROOT = Path(__file__).resolve().parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
SETTINGS = "trackers: {default: {type: github, repo: acme/platform, timeout: 300, pause: 0}}\n"
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"][1:]
"""All but the first, which `installed` has run."""
PARTS = ("triagebot", "rules", "examples", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "action.yml")
BRANCH = "triagebot-history"
BARE = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    # In place of the network: what pip would fetch is what the tests run with.
    "PYTHONPATH": os.pathsep.join(site.getsitepackages()), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
}  # fmt: skip


@dataclass
class World:
    """A repository on a server: its settings, its scans, and jobs on machines that keep nothing."""

    folder: Path
    github: Github
    installed: Job

    def __post_init__(self) -> None:
        self.origin = self.folder / "server" / "acme" / "platform.git"
        git(self.folder, "init", "--quiet", "--bare", str(self.origin))
        self.token = self.github.workflow_token()
        self.jobs = 0

    def job(self, reports: Path, **inputs: str) -> Job:
        """A job that has checked the repository out and holds the scan, on a machine of its own."""
        self.jobs += 1
        machine = self.folder / f"machine-{self.jobs}"
        write_text(machine / "work" / "triagebot.yaml", SETTINGS)
        shutil.copytree(reports, machine / "work" / "scans" / reports.name)
        given = {f"inputs.{name}": str(told.get("default", "")) for name, told in ACTION["inputs"].items()}
        given |= {"github.token": self.token}
        given |= {"inputs.token": self.token} | {f"inputs.{name.replace('_', '-')}": v for name, v in inputs.items()}
        environment = BARE | {
            "HOME": str(machine),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": f"file://{self.folder}/server", "GITHUB_REPOSITORY": "acme/platform",
            "GITHUB_RUN_ID": str(self.jobs), "GITHUB_WORKSPACE": str(machine / "work"),
        }  # fmt: skip
        return Job(machine / "work", machine / "temp", environment, given, dict(self.installed.outputs))

    def kept(self, folder: str = "history/runs") -> list[str]:
        """The files of a folder of the branch."""
        return git(self.origin, "ls-tree", "-r", "--name-only", BRANCH, f"{folder}/").splitlines()

    def keys(self) -> Counter[str]:
        """The keys of the issues, and how many carry each."""
        bodies = (issue["body"] or "" for issue in self.github.repo().issues())
        return Counter(found[1] for body in bodies if (found := re.search(r'"key":"(.*?)"', body)))


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout  # noqa: S607


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A machine on which the first step has run: it takes longer than all others, and is the same for every job."""
    machine = tmp_path_factory.mktemp("machine")
    (machine / "work").mkdir()
    for part in PARTS:
        source, target = ROOT / part, machine / "action" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    environment = BARE | {"HOME": str(machine), "GITHUB_ACTION_PATH": str(machine / "action")}
    job = Job(machine / "work", machine / "temp", environment, {}).steps(ACTION["runs"]["steps"][:1])
    assert not job.failed, job.said
    return job


@pytest.fixture
def world(tmp_path: Path, github: Github, installed: Job) -> World:
    return World(tmp_path, github, installed)


def scan(folder: Path, *images: str, tag: str = "1.0", at: str = "2026-05-01T06:00:00Z") -> Path:
    one = {f"r{n}": trivy(f"{image}:{tag}", [vulnerability("CVE-2026-0001")], at=at) for n, image in enumerate(images)}
    return write(folder, **one)


def test_twice_in_a_row_there_is_one_ticket_and_one_history(world: World, tmp_path: Path) -> None:
    reports = scan(tmp_path / "1.0", "a/a", "a/b")
    first = world.job(reports).steps(STEPS)
    assert not first.failed, first.said
    assert (first.outputs["run.created"], first.outputs["run.closed"]) == ("2", "0")
    assert json.loads(Path(first.outputs["run.document"]).read_text())["scan"]["label"] == "1.0"
    assert "2 of 2 images" in first.outputs["summary"]
    assert "it starts anew" in first.said
    second = world.job(reports).steps(STEPS)
    assert not second.failed, second.said
    assert (second.outputs["run.created"], second.outputs["run.closed"]) == ("0", "0")
    assert "was recorded before" in second.said
    assert set(world.keys().values()) == {1}
    assert len(world.kept()) == 2
    assert world.token not in first.said + second.said
    assert git(world.origin, "for-each-ref", "refs/triagebot") == ""


def test_two_at_once_file_each_ticket_once_and_keep_both_histories(world: World, tmp_path: Path) -> None:
    one, two = (world.job(scan(tmp_path / name, "a/a", "a/b", more)) for name, more in (("x", "a/c"), ("y", "a/d")))
    asked = shim(two)
    arrived, opened = threading.Event(), threading.Event()

    def gate(moment: str, call: Call) -> bool:
        """The first run stands still with its first ticket in its hands."""
        if (moment, call.method) == ("before", "POST") and call.path.endswith("/issues") and not arrived.is_set():
            arrived.set()
            opened.wait(60)
        return True

    world.github.front.gate(gate)
    with ThreadPoolExecutor(2) as machines:
        first = machines.submit(one.steps, STEPS)
        assert arrived.wait(60), one.said
        second = machines.submit(two.steps, STEPS)
        while "+refs/triagebot/" not in asked.read_text() and not second.done():
            threading.Event().wait(0.05)  # until it has seen that another run holds the history
        opened.set()
        done = [first.result(), second.result()]
    assert [job.failed for job in done] == ["", ""], "\n".join(job.said for job in done)
    assert world.keys() == Counter({f"image:docker.io/a/{name}": 1 for name in "abcd"})
    assert [job.outputs["run.created"] for job in done] == ["3", "1"]
    assert len(world.kept()) == 2
    assert len({name.split("/")[2] for name in world.kept("history/snapshots")}) == 2


def shim(job: Job) -> Path:
    """Have a job's Git say what it is asked, in the file that is returned."""
    told, folder = job.temp.parent / "asked", job.temp.parent / "bin"
    told.touch()
    write_text(folder / "git", f'#!/bin/sh\necho "$*" >> {told}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    job.environment = {**job.environment, "PATH": f"{folder}:{job.environment['PATH']}"}
    return told


def test_a_lost_history_files_nothing_twice(world: World, tmp_path: Path) -> None:
    reports = scan(tmp_path / "1.0", "a/a")
    assert not world.job(reports).steps(STEPS).failed
    git(world.origin, "update-ref", "-d", f"refs/heads/{BRANCH}")
    again = world.job(reports).steps(STEPS)
    assert not again.failed, again.said
    assert again.outputs["run.created"] == "0"
    assert "history was lost" in again.said
    assert len(world.kept()) == 1


def test_a_run_that_fails_keeps_its_history_and_lets_others_in(world: World, tmp_path: Path) -> None:
    reports = scan(tmp_path / "1.0", "a/a")
    (reports / "broken.json").write_text('{"SchemaVersion": 2, "Results": [{"Tar', encoding="utf-8")
    job = world.job(reports).steps(STEPS)
    assert job.failed == "Triage: exit code 1"
    assert job.outputs["run.created"] == "1"
    assert len(world.kept()) == 1
    assert git(world.origin, "for-each-ref", "refs/triagebot") == ""


def test_a_dry_run_writes_nothing(world: World, tmp_path: Path) -> None:
    job = world.job(scan(tmp_path / "1.0", "a/a"), dry_run="true").steps(STEPS)
    assert not job.failed, job.said
    assert "planned create" in job.said
    assert job.outputs["run.created"] == "0"
    assert not world.keys()
    assert git(world.origin, "for-each-ref") == ""


@pytest.mark.parametrize("state", ["cache", "folder"])
@pytest.mark.parametrize("kind", ["github", "local"])
def test_a_folder_or_the_cache_keeps_the_history_and_the_tickets(
    world: World, tmp_path: Path, state: str, kind: str
) -> None:
    reports, kept = scan(tmp_path / "1.0", "a/a"), tmp_path / "kept"
    for created in ("1", "0", "0"):
        job = world.job(reports, state="cache" if state == "cache" else str(kept))
        if kind == "local":
            write_text(job.workspace / "triagebot.yaml", "trackers: {default: {type: local, path: tickets}}\n")
        cache = job.workspace / ".triagebot-cache"
        if state == "cache" and kept.exists():
            shutil.move(kept, cache)
        job.steps([step for step in STEPS if "uses" not in step])
        assert not job.failed, job.said
        assert job.outputs["run.created"] == created
        assert len(list((job.workspace / "tickets").glob("*.md"))) == (kind == "local")
        if state == "cache":
            shutil.move(cache, kept)
    place = kept if state == "cache" else kept / "triagebot.git"
    assert len(git(place, "ls-tree", "-r", "--name-only", BRANCH, "history/runs/").splitlines()) == 3


def test_the_cache_is_what_the_steps_restore_and_save() -> None:
    paths = [step["with"]["path"] for step in STEPS if "uses" in step]
    assert paths == [".triagebot-cache"] * 2


@pytest.mark.parametrize(("token", "sent"), [("", False), ("given", True)])
def test_the_token_of_the_job_is_for_github_alone(world: World, tmp_path: Path, token: str, sent: bool) -> None:
    with listening() as (port, heard):
        job = world.job(scan(tmp_path / "1.0", "a/a"), state=f"http://127.0.0.1:{port}/x.git")
        job.contexts["inputs.token"] = token or world.token
        job.steps([step for step in STEPS if step["name"] != "Triage"])
    assert heard, job.said
    assert any("authorization" in headers for headers in heard) is sent
    assert ("the token GITHUB_TOKEN is not sent to http://127.0.0.1" in job.said) is not sent


@contextmanager
def listening() -> Iterator[tuple[int, list[set[str]]]]:
    """A server that has nothing; its port, and the names of the headers of each request."""
    heard: list[set[str]] = []

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append({name.lower() for name in self.headers})
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, heard
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("private", "public", "refused"), [(False, "false", True), (False, "true", False), (True, "false", False)]
)
def test_a_public_repository_gets_no_history_unless_that_is_meant(
    world: World, tmp_path: Path, private: bool, public: str, refused: bool
) -> None:
    job = world.job(scan(tmp_path / "1.0", "a/a"), public=public)
    write_text(tmp_path / "event.json", json.dumps({"repository": {"full_name": "Acme/platform", "private": private}}))
    job.environment = {**job.environment, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    job.steps(STEPS)
    assert job.failed == ("Fetch the history: exit code 3" if refused else ""), job.said
    assert bool(git(world.origin, "for-each-ref")) is not refused
    assert ("give --public (the Action: `public: true`)" in job.said) is refused


@pytest.mark.parametrize(("public", "failed"), [("false", "Find the history: exit code 3"), ("true", "")])
def test_the_cache_of_a_public_repository_is_public(world: World, tmp_path: Path, public: str, failed: str) -> None:
    job = world.job(scan(tmp_path / "1.0", "a/a"), state="cache", public=public)
    write_text(tmp_path / "event.json", json.dumps({"repository": {"full_name": "acme/platform", "private": False}}))
    job.environment = {**job.environment, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    job.steps([step for step in STEPS if "uses" not in step])
    assert job.failed == failed, job.said
    assert ("public: true" in job.said) == bool(failed)


def test_the_workflow_of_this_repository_runs_when_that_is_public(world: World, tmp_path: Path) -> None:
    told = yaml.safe_load((ROOT / ".github/workflows/triage.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in told["jobs"]["triage"]["steps"] if step.get("uses") == "./"]
    job = world.job(scan(tmp_path / "1.0", "a/a"), public=step["with"].get("public", "false"))
    write_text(tmp_path / "event.json", json.dumps({"repository": {"full_name": "acme/platform", "private": False}}))
    job.environment = {**job.environment, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    assert not job.steps(STEPS).failed, job.said


def test_an_address_for_ssh_is_a_repository_and_no_folder(world: World, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "state.git")
    ssh = tmp_path / "ssh"
    write_text(ssh, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    job = world.job(scan(tmp_path / "1.0", "a/a"), state=f"git@host.example:{tmp_path}/state.git")
    job.environment = {**job.environment, "GIT_SSH_COMMAND": str(ssh), "GIT_SSH_VARIANT": "ssh"}
    job.steps(STEPS)
    assert not job.failed, job.said
    assert git(tmp_path / "state.git", "ls-tree", "--name-only", f"{BRANCH}:history/runs")
    assert [path.name for path in job.workspace.iterdir() if "@" in path.name] == []


def test_the_newest_scan_is_taken_and_a_missing_one_is_told(world: World, tmp_path: Path) -> None:
    job = world.job(scan(tmp_path / "1.9", "a/a"))
    shutil.copytree(scan(tmp_path / "1.10", "a/a", "a/b"), job.workspace / "scans" / "1.10")
    job.steps(STEPS)
    assert json.loads(Path(job.outputs["run.document"]).read_text())["scan"]["label"] == "1.10"
    gone = world.job(tmp_path / "1.9", scan="elsewhere/*").steps(STEPS)
    assert gone.failed == "Triage: exit code 2"
    assert "::error::there is no scan to be had from elsewhere/*" in gone.said


def test_what_lies_beside_or_in_one_folder_does_no_harm(world: World, tmp_path: Path) -> None:
    job = world.job(scan(tmp_path / "1.0", "a/a", "a/b"))
    write_text(job.workspace / "scans" / "README.md", "# Scans\n")
    (job.workspace / "scans" / "latest").symlink_to("1.0")
    assert not job.steps(STEPS).failed, job.said
    flat = world.job(tmp_path / "1.0")
    shutil.rmtree(flat.workspace / "scans")
    shutil.copytree(tmp_path / "1.0", flat.workspace / "scans")
    assert not flat.steps(STEPS).failed, flat.said
    assert "images: 2 scanned" in flat.said


def test_the_second_of_a_job_tells_nothing_of_the_first(world: World, tmp_path: Path) -> None:
    first = world.job(scan(tmp_path / "1.0", "a/a")).steps(STEPS)
    assert first.outputs["run.created"] == "1"
    second = Job(first.workspace, first.temp, first.environment, first.contexts, dict(world.installed.outputs))
    second.contexts["inputs.stream"] = "no stream"
    second.steps(STEPS)
    assert second.failed == "Triage: exit code 2"
    assert "run.created" not in second.outputs
    assert "run.document" not in second.outputs


def test_every_action_is_pinned_by_commit() -> None:
    files = [
        ROOT / "action.yml",
        *(ROOT / ".github/workflows").glob("*.yml"),
        *(ROOT / "examples/workflows").glob("*.yml"),
    ]
    used = [
        line for path in files for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"\buses: ", line)
    ]
    assert len(used) > 5
    for line in used:
        assert re.search(r"uses: (\./|[\w./-]+@[0-9a-f]{40} # v\d)", line), line


# The examples


def example(name: str) -> dict[str, Any]:
    """The job that triages, of one of the workflows in `examples/workflows`."""
    told = yaml.safe_load((ROOT / "examples/workflows" / name).read_text(encoding="utf-8"))
    job: dict[str, Any] = told["jobs"]["triage"]
    return job


def app_token(github: Github) -> str:
    """A token of the app that reaches what `many-repositories.yml` lists, as far as there is such a repository."""
    (step,) = [step for step in example("many-repositories.yml")["steps"] if step.get("id") == "app"]
    listed = [name.strip() for name in step["with"]["repositories"].split(",")]
    asked = {
        "repositories": [name for name in listed if f"acme/{name}" in REPOSITORIES],
        "permissions": {"issues": "write", "metadata": "read"},
    }
    signed = Auth.AppAuth(github.app, github.app_key).create_jwt()
    address = f"{github.url}/app/installations/{github.installation}/access_tokens"
    done = requests.post(address, json=asked, headers={"Authorization": f"Bearer {signed}"}, timeout=10)
    return str(done.json()["token"])


def lay_out(name: str, work: Path) -> None:
    """What the jobs before have left in the folder `scan`."""
    reports = scan(work / "reports", "a/a")
    (work / "scan").mkdir()
    if name == "snyk.yml":
        with tarfile.open(work / "scan" / "scan.tar.gz", "w:gz") as tar:
            tar.add(reports, ".")
    else:
        shutil.copytree(reports, work / "scan", dirs_exist_ok=True)


@pytest.mark.parametrize("name", ["trivy.yml", "snyk.yml", "kyverno.yml", "many-repositories.yml"])
def test_the_commands_of_the_examples_file_each_ticket_once(world: World, name: str) -> None:
    steps = [step for step in example(name)["steps"] if "triagebot " in step.get("run", "")]
    assert [step["name"] for step in steps] == ["Fetch the history", "Triage", "Keep the history"]
    for made in (1, 0):
        world.jobs += 1
        machine = world.folder / f"machine-{world.jobs}"
        write_text(machine / "work" / "triagebot.yaml", SETTINGS)
        contexts = {"github.token": world.token}
        outputs = {"app.token": app_token(world.github)}
        if name == "many-repositories.yml":
            contexts["github.token"] = "nobody's"
            settings = "token_env: TRIAGE_TOKEN, authors: ['triagebot-app[bot]'], pause: 0}}\n"
            write_text(machine / "work" / "triagebot.yaml", SETTINGS.replace("pause: 0}}\n", settings))
        lay_out(name, machine / "work")
        environment = BARE | {
            "HOME": str(machine), "GITHUB_API_URL": world.github.url, "GITHUB_RUN_NUMBER": str(world.jobs),
            "REMOTE": f"file://{world.origin}", "PYTHONPATH": "",
        }  # fmt: skip
        done = Job(machine / "work", machine / "temp", environment, contexts, outputs).steps(steps)
        assert not done.failed, done.said
        assert done.said.count("done create") == made, done.said
    assert [issue["user"]["login"] for issue in world.github.repo().issues()] == [
        "triagebot-app[bot]" if name == "many-repositories.yml" else "github-actions[bot]"
    ]


LISTED = b"nginx:1.27\r\n\t# remark\r\n  # another\n\nredis:7\t# cache\n  quay.io/a/b:1  \nlast:1"


@pytest.mark.parametrize("name", ["trivy", "grype", "snyk"])
def test_the_examples_scan_each_image_of_the_list_however_it_is_written(tmp_path: Path, name: str) -> None:
    """The scanner reads what it is given: that must not be the rest of the list."""
    told = yaml.safe_load((ROOT / f"examples/workflows/{name}.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in told["jobs"]["scan"]["steps"] if step.get("name") == "Scan"]
    scanner = tmp_path / "bin" / name
    write_text(scanner, f'#!/bin/sh\ncat > /dev/null\nfor word; do echo "$word"; done >> {tmp_path}/asked\n')
    scanner.chmod(0o755)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "images.txt").write_bytes(LISTED)
    environment = {"PATH": f"{scanner.parent}:{os.environ['PATH']}"}
    contexts = {"secrets.SNYK_TOKEN": "x"}
    job = Job(tmp_path / "work", tmp_path / "temp", environment, contexts, {"grype.cmd": str(scanner)}).steps([step])
    assert not job.failed, job.said
    asked = [word for word in (tmp_path / "asked").read_text().splitlines() if ":" in word and "json" not in word]
    assert asked == ["nginx:1.27", "redis:7", "quay.io/a/b:1", "last:1"]


def test_the_examples_install_this_version() -> None:
    for path in (ROOT / "examples/workflows").glob("*.yml"):
        assert f'"triagebot=={__version__}"' in path.read_text(encoding="utf-8")
