"""The built wheel in an environment of its own: the example, then from a folder of scans to issues."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from github_server import Github

ROOT = Path(__file__).resolve().parents[1]
SENTENCE = (
    "1.2.0-alpha.68: 1.3% of vulns are critical (68.8% of those fixable), 2.6% are high (73.2% of those fixable); "
    "19 of 178 images have critical or high vulns."
)
Call = Callable[..., str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    [path] = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel. What it depends on comes from where the tests run, in place of the network."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    [packages] = folder.glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text("".join(f"{path}\n" for path in site.getsitepackages()))
    return python


@pytest.fixture
def call(python: Path, tmp_path: Path) -> Call:
    """Runs what the wheel installed, in an empty folder and with an environment that says nothing."""
    here = tmp_path / "here"
    here.mkdir()

    def called(*words: object, env: dict[str, str] | None = None) -> str:
        command = [str(python.with_name("triagebot")), *map(str, words)]
        bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **(env or {})}
        done = subprocess.run(command, cwd=here, env=bare, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return called


def test_the_demo_runs_from_the_wheel(call: Call, python: Path) -> None:
    where = subprocess.run(
        [str(python), "-P", "-c", "import triagebot; print(triagebot.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(python.parents[1]) in where, "the tests must not find the checkout instead"
    said = call("demo")
    assert SENTENCE in said
    assert "tickets: demo/tickets/ (21 files)" in said


def test_from_a_folder_of_scans_to_issues(call: Call, corpus: Path, github: Github, tmp_path: Path) -> None:
    scans = corpus / "history" / "dimpact-trivy-json"
    env = {"GITHUB_TOKEN": github.token(), "GITHUB_API_URL": github.url}
    call("init", scans, "--repo", "acme/platform")
    drafted = (tmp_path / "here" / "triagebot.yaml").read_bytes()
    assert call("doctor", env=env) == "tracker 'default': all is well\n"
    newest = sorted(scans.iterdir())[-1]
    assert "planned create" in call("run", newest, "--dry-run", env=env)
    assert github.repo().issues() == []
    call("run", newest, env=env)
    filed = github.repo().issues()
    assert filed
    assert all("triagebot" in {label["name"] for label in issue["labels"]} for issue in filed)
    mark = len(github.front.log)
    assert "nothing to do" in call("run", newest, env=env)
    assert github.front.writes(mark) == []
    assert (tmp_path / "here" / "triagebot.yaml").read_bytes() == drafted, "run as init wrote it"


def test_the_wheel_holds_what_a_run_needs_and_no_name_that_a_system_refuses(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "triagebot/py.typed", "triagebot/defaults/priority.yaml", "triagebot/defaults/posture.yaml",
        "triagebot/defaults/teams.yaml", "triagebot/render/markdown/ticket.j2", "triagebot/example/triagebot.yaml",
        "triagebot/example/scans/1.2.0-alpha.68.tar.gz",
    ):  # fmt: skip
        assert part in names
    assert [name for name in names if set(name) & set(':*?"<>|\\')] == []
    assert wheel.stat().st_size < 2_000_000


def test_the_sdist_holds_what_make_check_needs(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"Makefile", ".ci/actionlint", ".ci/release", ".ci/sbom", ".github/workflows/ci.yml"} <= names
    assert [name for name in names if "node_modules" in name] == []


def test_the_wheel_is_the_same_whenever_it_is_built(built: Path, wheel: Path, tmp_path: Path) -> None:
    """From the sdist alone, on another day: what is released can be built again by anybody."""
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 is the first that has one
        tar.extractall(tmp_path)  # noqa: S202 - our own sdist
    [source] = tmp_path.iterdir()
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path / "o"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "o" / wheel.name).read_bytes() == wheel.read_bytes()
