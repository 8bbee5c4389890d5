"""README and docs against the command line: every option that they name is there, and every command is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from triagebot.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    root: Any = typer.main.get_command(app)
    found = {}
    for name, command in root.commands.items():
        inner = getattr(command, "commands", {"": command})
        found |= {f"{name} {word}".strip(): one for word, one in inner.items()}
    return found


COMMANDS = commands()


def options(command: str) -> set[str]:
    return {name for p in COMMANDS[command].params for name in (*p.opts, *p.secondary_opts)} | {"--help"}


def called(text: str) -> list[str]:
    """The commands that a text calls, each `triagebot COMMAND` without what follows."""
    return [found[1] for found in re.finditer(r"triagebot ((?:history )?[a-z]+)", text) if found[1] in COMMANDS]


def rows() -> list[tuple[list[str], str]]:
    """(commands, options) of each row of the table in README."""
    table = README.partition("| Command | What it does | Main options |")[2].partition("\n\n")[0]
    made = []
    for line in table.splitlines()[2:]:
        cells = line.strip("| ").split(" | ")
        told = [" ".join(w for w in span.split() if w[0].islower()) for span in re.findall(r"`([^`]+)`", cells[0])]
        names = [next(name for name in COMMANDS if f"{words} ".startswith(f"{name} ")) for words in told]
        made.append((names, line))
    return made


def test_the_table_names_every_command_and_only_options_that_there_are() -> None:
    assert {name for names, _ in rows() for name in names} == set(COMMANDS)
    for names, line in rows():
        told = {option for span in re.findall(r"`([^`]+)`", line) for option in _OPTION.findall(span)}
        known = set().union(*(options(name) for name in names))
        assert told <= known, f"{names}: {told - known}"


def test_which_commands_take_no_settings_and_no_time_is_told() -> None:
    lacks = {option: {name for name in COMMANDS if option not in options(name)} for option in ("--config", "--now")}
    told = re.search(
        r"All but (.*?) take `--config FILE`.*?; all but these and\s+(.*?) take `--now TIME`", README, re.DOTALL
    )
    assert told
    without, more = ({*re.findall(r"`(\w+)`", part)} for part in told.groups())
    assert {name.split()[0] for name in lacks["--config"]} == without
    assert {name.split()[0] for name in lacks["--now"]} == without | more


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_a_page_names_is_there(page: str) -> None:
    every = set().union(*map(options, COMMANDS))
    spans = re.findall(r"`([^`\n]+)`", PAGES[page])
    strange = {
        option
        for span in spans
        if span.startswith("-") or span.startswith("triagebot ")
        for option in _OPTION.findall(span)
        if option.startswith("--") and option not in every
    }
    assert strange == set()
    for line in PAGES[page].splitlines():
        for call in re.findall(r"triagebot (?:history )?[a-z]+ [^`|;&#\n]*", line):
            for name in called(call)[:1]:
                told = {option for option in _OPTION.findall(call.partition("#")[0]) if option.startswith("--")}
                assert told <= options(name), f"{page}: {line.strip()}"


def test_the_fields_that_doctor_prints_are_described() -> None:
    described = PAGES["docs/json.md"].partition("## `doctor --json`")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", described, re.MULTILINE)) == {"schema", "findings", "warnings"}


def test_help_waits_for_nothing_that_only_a_command_needs() -> None:
    said = "import sys, triagebot.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    told = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in told
    assert not {"polars", "pydantic", "jinja2", "yaml", "requests", "jira", "github", "matplotlib"} & set(told)
