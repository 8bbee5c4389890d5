"""A runner for the shell steps of workflows and composite actions, as far as ours go.

Runs each `run:` as GitHub's runner does (bash, `-eo pipefail`, the files behind `GITHUB_OUTPUT` and others), and fills
in `${{ … }}` in `env`. What it does not know it refuses: a test must not pass because a condition was read wrongly.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#defaultsrunshell
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Job:
    """One job on a fresh machine. `contexts`: values such as `inputs.scan` and `github.token`."""

    workspace: Path
    temp: Path
    environment: Mapping[str, str]
    contexts: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: str = ""

    def steps(self, steps: list[dict[str, Any]]) -> Job:
        """All of them, in their order; what follows a failed one runs only with `always()`."""
        self.temp.mkdir(parents=True, exist_ok=True)
        for step in steps:
            name = step.get("name") or step.get("uses") or "step"
            if not self.holds(str(step.get("if", ""))):
                self.skipped.append(name)
            elif "run" in step:
                self.shell(name, step)
            else:
                assert step["uses"].startswith(("actions/checkout@", "actions/setup-python@")), step["uses"]
        return self

    def holds(self, condition: str) -> bool:
        """Whether a step runs: conditions joined by `&&`."""
        terms = [term.strip() for term in condition.split("&&")] if condition else []
        if "always()" not in terms and self.failed:
            return False
        return all(self._term(term) for term in terms if term != "always()")

    def _term(self, term: str) -> bool:
        found = re.fullmatch(r"([\w.-]+) (==|!=) '(.*)'", term)
        assert found, f"the runner of the tests does not know the condition {term!r}"
        return (self.value(found[1]) == found[3]) is (found[2] == "==")

    def value(self, name: str) -> str:
        """A context, or the output of a step that has run."""
        if step := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", name):
            return self.outputs.get(f"{step[1]}.{step[2]}", "")
        return self.contexts[name]

    def filled(self, text: str) -> str:
        """The text with its expressions filled in."""
        return EXPRESSION.sub(lambda found: self._expression(found[1]), text)

    def _expression(self, said: str) -> str:
        if choice := re.fullmatch(r"([\w.-]+) && '(.*)' \|\| '(.*)'", said):
            return choice[2] if self.value(choice[1]) not in ("", "false") else choice[3]
        return self.value(said)

    def shell(self, name: str, step: Mapping[str, Any]) -> None:
        """One step. Its script is run as it is written: an expression in it would be an injection."""
        assert not EXPRESSION.search(step["run"]), f"{name}: values go into a script by the environment"
        files = {
            key: self.temp / key.lower()
            for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
        }
        for path in files.values():
            path.write_text("", encoding="utf-8")
        env = {key: self.filled(str(value)) for key, value in step.get("env", {}).items()}
        held = {
            **self.environment,
            **{key: str(path) for key, path in files.items()},
            "RUNNER_TEMP": str(self.temp),
            **env,
        }
        script = self.temp / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(command, cwd=self.workspace, env=held, capture_output=True, text=True, check=False)
        self.log.append(f"== {name}\n{done.stdout}{done.stderr}")
        for line in files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            self.outputs[f"{step['id']}.{key}"] = value
        self.outputs["summary"] = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8") or self.outputs.get(
            "summary", ""
        )
        if done.returncode and not self.failed:
            self.failed = f"{name}: exit code {done.returncode}"

    @property
    def said(self) -> str:
        """All that the steps printed."""
        return "\n".join(self.log)
