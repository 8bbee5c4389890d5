"""The command line. The only place that prints or exits."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Callable
from itertools import pairwise
from traceback import format_exc
from typing import Annotated

import typer

from triagebot import __version__
from triagebot.cli import asks, runs, setting_up
from triagebot.cli.base import LogFormat, app, is_logged_as_json, log_as, note
from triagebot.errors import InputError, TriagebotError

__all__ = ["app", "asks", "main", "runs", "setting_up"]


def main() -> None:
    """Run the command line; a known fault is one line on stderr and its exit code."""
    gc.disable()  # one short run: walking hundreds of thousands of rows for cycles that are not there only costs time
    atexit.register(gc.freeze)  # nor at its end
    if not _asks_for_json(sys.argv):
        _called(app)
        return
    log_as(LogFormat.JSON)
    try:
        _called(lambda: sys.exit(app(standalone_mode=False) or 0))
    except typer.Abort:
        _end(TriagebotError("", "interrupted"))
    except Exception as fault:
        if told := getattr(fault, "format_message", None):  # of Typer, which has a Click of its own or not, by version
            _end(InputError("arguments", told(), "see `triagebot --help`"))
        cause = f"a defect: {type(fault).__name__}: {fault}"
        note("error", cause, place="triagebot", cause=cause, remedy="report it", exit_code=1, traceback=format_exc())
        sys.exit(1)


def _called(call: Callable[[], None]) -> None:
    try:
        call()
    except TriagebotError as error:
        _end(error)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:  # of this machine, wherever it was met: where and why says more than the way there
        place, cause = str(error.filename or "this machine"), str(error.strerror or error)
        _end(InputError(place, cause, "see that it is there, what it is, and who may write to it"))


def _end(error: TriagebotError) -> None:
    if is_logged_as_json():
        told = {"place": error.place, "cause": error.cause, "remedy": error.remedy, "exit_code": error.exit_code}
        note("error", str(error), **told)
    else:
        sys.stderr.write(f"triagebot: {error}\n")
    sys.exit(error.exit_code)


def _asks_for_json(words: list[str]) -> bool:
    """Told before anything is read: what is wrong with the other words is to be JSON, too."""
    return "--log-format=json" in words or ("--log-format", "json") in pairwise(words)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
