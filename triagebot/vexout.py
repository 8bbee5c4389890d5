"""Our decisions, as things stand, for others to read."""

from __future__ import annotations

from typing import Any

import polars as pl

from triagebot import __version__, standing, vexwrite
from triagebot.config import Config
from triagebot.errors import InputError
from triagebot.look import Options, View
from triagebot.render import many
from triagebot.vexwrite import Decision, Finding


def written(config: Config, options: Options, view: View, author: str) -> dict[str, Any]:
    """The OpenVEX document of all exceptions and people's decisions that cover a believed vulnerability.

    Raises `InputError` where there is none: a document without statements is not valid.
    """
    # What documents say, ours fed back among them, is no decision of ours.
    of_ours = pl.col("excused") < len(config.exemptions)
    judged = view.judged.filter(pl.col("kind") == "vulnerability").with_columns(
        excused=pl.when(of_ours).then("excused")
    )
    decided: dict[Finding, Decision] = {}
    excepted = judged.filter(pl.col("excused").is_not_null())
    for asset, package, vulnerability, index in excepted.select(
        "asset", "package", "vulnerability", "excused"
    ).iter_rows():
        decided[asset, package, vulnerability] = Decision.of_exception(config.exemptions[index])
    for finding, held in standing.decided(judged, view.held).items():
        decided[finding] = Decision.of_person(held)
    if not decided:
        raise InputError("vex", _nothing(config, view), "nothing was written, as a document must hold a statement")
    belief = view.state.belief
    return vexwrite.document(decided, belief.shown, belief.aliases, options.now, author, f"triagebot/{__version__}")


def _nothing(config: Config, view: View) -> str:
    """Why there is nothing to say, and what would be said."""
    rules = many(len(config.exemptions), "exception")
    people = many(len({held.ticket for held in view.held.values()}), "ticket")
    return (
        "there is nothing to say: it tells of vulnerabilities that are believed and that an exception or a person's "
        f"decision covers; of {rules} in the rules and decisions on {people} none covers one"
    )
