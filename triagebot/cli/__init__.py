"""The command line. The only place that prints or exits."""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Annotated

import typer

from triagebot import __version__
from triagebot.cli import asks, runs, setting_up
from triagebot.cli.base import app, is_logged_as_json, note
from triagebot.errors import InputError, TriagebotError

__all__ = ["app", "asks", "main", "runs", "setting_up"]


def main() -> None:
    """Run the command line; a known fault is one line on stderr and its exit code."""
    gc.disable()  # one short run: walking hundreds of thousands of rows for cycles that are not there only costs time
    atexit.register(gc.freeze)  # nor at its end
    try:
        app()
    except TriagebotError as error:
        if is_logged_as_json():
            told = {"place": error.place, "cause": error.cause, "remedy": error.remedy, "exit_code": error.exit_code}
            note("error", str(error), **told)
        else:
            sys.stderr.write(f"triagebot: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:  # of this machine, wherever it was met: where and why says more than the way there
        place, cause = error.filename or "this machine", error.strerror or error
        sys.stderr.write(f"triagebot: {place}: {cause}; see that it is there, what it is, and who may write to it\n")
        sys.exit(InputError.exit_code)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
