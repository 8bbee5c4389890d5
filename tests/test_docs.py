"""The command blocks of README and docs are run, one page in one folder; those that are not stand in a table.

`docs/untested.md` names them, each with the reason; a line there that is no block any more is a fault. The YAML that
the pages show loads.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from pydantic import BaseModel
from reports import trivy, vulnerability, write

from triagebot.files import RuleFile, Settings, TeamFile

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TABLE = ROOT / "docs" / "untested.md"
COMMAND = re.compile(
    r"^\s*(\$ )?(triagebot|make|pip|pipx|uvx|python3?|git|gh|npm|curl|export|head|ls|bash|sh|\d+ \d+ \* \* \*)(?= |$)"
)


@dataclass(frozen=True)
class Block:
    """One block of commands."""

    page: str
    text: str

    @property
    def first(self) -> str:
        """What the table names it by."""
        return self.text.strip().splitlines()[0].strip()


def tokens(page: Path) -> Iterator[tuple[str, str]]:
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            yield token.info.strip(), token.content


def blocks(page: Path) -> list[Block]:
    """The blocks that hold commands: fenced as such, or unlabelled and beginning with one."""
    name = page.relative_to(ROOT).as_posix()
    found = [(info, text) for info, text in tokens(page) if text.strip()]
    return [Block(name, t) for info, t in found if info in ("sh", "bash", "console") or (not info and COMMAND.match(t))]


def untested() -> dict[tuple[str, str], str]:
    """(page, first line) -> reason, as the table says."""
    rows = re.findall(r"^\| (\S+) \| `` (.+?) `` \| (.+?) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    return {(page, first): reason for page, first, reason in rows}


def prepared(folder: Path) -> None:
    """What the pages speak of: scans of three images, a week apart, the first of them recorded."""
    kubectl = [vulnerability("CVE-2018-25032", "zlib"), vulnerability("CVE-2026-0002", "busybox")]
    for name, tag, day, entries in (
        ("1.1.0", "1.20.0", 1, kubectl[1:]),
        ("1.2.0", "1.20.1", 8, kubectl), ("1.2.1", "1.20.2", 15, kubectl), ("1.3.0", "1.20.3", 22, kubectl[:1]),
    ):  # fmt: skip
        at = f"2026-05-{day:02}T06:00:00Z"
        images = {"nginx": "nginx:1.27", "redis": "redis:7.4", "kubectl": f"bitnami/kubectl:{tag}"}
        made = {n: trivy(image, entries if n == "kubectl" else [], at=at) for n, image in images.items()}
        write(folder / "scans" / name, **made)
    (folder / "triagebot.yaml").write_text("teams: rules/teams.yaml\nrules: [rules/exceptions.yaml]\n")
    (folder / "rules").mkdir()
    (folder / "rules" / "exceptions.yaml").write_text(
        "exceptions: [{asset: '*', vulnerability: CVE-2026-0002, kind: accepted-risk, reason: Low., approved_by: us, "
        "expires: 2099-01-01}]\n"
    )
    (folder / "rules" / "teams.yaml").write_text("teams: {platform: {name: Platform}}\nunowned: platform\n")


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.stem)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    prepared(tmp_path)
    skipped = untested()
    recorded = [sys.executable, "-m", "triagebot", "run", "scans/1.1.0"]
    subprocess.run(recorded, cwd=tmp_path, check=True, capture_output=True)
    bare = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    for block in blocks(page):
        if (block.page, block.first) in skipped:
            continue
        session = re.findall(r"^\s*\$ (.*)$", block.text, re.MULTILINE)  # what else stands there was printed
        script = "\n".join(session) or block.text
        done = subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, env=bare, capture_output=True, text=True, check=False,  # noqa: S607
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{block.page}: `{block.first}` ends with {done.returncode}:\n{script}\n{said}"
        assert "Traceback" not in said


def test_the_script_for_a_scheduler_runs_with_next_to_no_environment(tmp_path: Path) -> None:
    prepared(tmp_path)
    (tmp_path / "scans" / "README.md").write_text("# Scans\n")
    (page,) = [page for page in PAGES if page.stem == "tutorial"]
    (block,) = [block for block in blocks(page) if "run.sh <<" in block.text]
    (tmp_path / "triagebot-venv").mkdir()
    (tmp_path / "triagebot-venv" / "bin").symlink_to(Path(sys.executable).parent)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["/bin/bash", "-euc", block.text], cwd=tmp_path, env=bare, check=True)
    assert (tmp_path / "triage.env").stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        done = subprocess.run([tmp_path / "run.sh"], cwd="/", env=bare, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + (tmp_path / "triage.log").read_text()
        assert "scan 1.3.0: images: 3 scanned" in done.stdout


def test_the_table_names_blocks_that_are_there_each_with_a_reason() -> None:
    there = {(block.page, block.first) for page in PAGES for block in blocks(page)}
    assert set(untested()) - there == set(), "no such block: take the line out of docs/untested.md"
    assert all(len(reason) > 10 for reason in untested().values())
    assert len(untested()) < len(there) / 2, "most blocks are run"


def model_of(value: object) -> type[BaseModel] | None:
    if not isinstance(value, dict):
        return None
    keys = set(value)
    if keys & {"rules", "exceptions"} and all(
        isinstance(v, list) and v and isinstance(v[0], dict) for v in value.values()
    ):
        return RuleFile
    if isinstance(value.get("teams"), dict):
        return TeamFile if "unowned" in keys else None  # a part of one
    known = set(Settings.model_fields)
    return Settings if keys and keys <= known else None


def test_the_yaml_of_the_pages_loads() -> None:
    loaded = 0
    for page in PAGES:
        for info, text in tokens(page):
            if info not in ("yaml", "yml") or text.startswith("---"):
                continue
            value = yaml.safe_load(text)
            model = model_of(value)
            if model and "…" not in text:
                model.model_validate(value)
                loaded += 1
    assert loaded > 8


def test_every_command_and_option_that_is_named_exists() -> None:
    """`triagebot COMMAND` and its `--options`, in blocks and in running text."""
    from typer.main import get_command

    from triagebot.cli import app

    group = get_command(app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    commands |= {f"history {name}": sub for name, sub in commands["history"].commands.items()}
    faults = []
    for page in PAGES:
        for said in re.findall(r"triagebot ((?:history )?[a-z]+)((?: [^\n`|&;>]*)?)", page.read_text(encoding="utf-8")):
            name, rest = said
            command = commands.get(name)
            if command is None:
                continue  # running text
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            faults += [
                f"{page.name}: {name} {o}" for o in re.findall(r"(?<!\S)--[a-z][a-z-]+", rest) if o not in options
            ]
    assert faults == []
