"""Runs the command line again and again, each time in a process of its own that is spared the imports.

A line of JSON on standard input is one run: `words`, `folder`, `environment`, and `said`, the file for what it prints.
The run's process id and then its exit code (negative: the signal that ended it) are printed, a line each.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

import triagebot.app
import triagebot.trackers.github
import triagebot.trackers.jira  # noqa: F401 - what a run would import
from triagebot.cli import main


def run(words: list[str], folder: str, environment: dict[str, str], said: str) -> int:
    """One run, in this process; its exit code."""
    os.chdir(folder)
    os.environ.update(environment)
    file = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["triagebot", *words]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        return int(end.code or 0)
    return 0


def child(job: dict[str, Any]) -> None:
    """Be the run, and never return."""
    code = 70
    try:
        code = run(**job)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


for line in sys.stdin:
    pid = os.fork()
    if not pid:
        child(json.loads(line))
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    sys.stdout.flush()
