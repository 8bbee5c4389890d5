"""What a question about exposure means: every name of a vulnerability, and the packages that are called so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from triagebot.errors import InputError
from triagebot.identity import glob, is_advisory, is_bulletin, names_of, package_name, package_of
from triagebot.model import Belief

_SIMILAR = 10
_WILD = re.compile(r"[*?{]")


@dataclass(frozen=True)
class Question:
    """What is asked: vulnerabilities by any of their names, a package, or both (then both must hold)."""

    ids: tuple[str, ...] = ()
    package: str = ""


def question(ids: Iterable[str], package: str) -> Question:
    """The question; raises `InputError` if there is none."""
    asked = tuple(dict.fromkeys(text.strip() for text in ids if text.strip()))
    package = package.strip()
    if not asked and not package:
        raise InputError("exposure", "asks for nothing", "name a vulnerability, or a package with --package")
    return Question(asked, package)


def meant(asked: Question, beliefs: Sequence[Belief]) -> dict[str, tuple[str, ...]]:
    """Every name of each id that is asked for, in whatever case it was written; its own first.

    The aliases of all streams count together: what one has learnt holds for the others.
    """
    pairs = {pair for belief in beliefs for pair in belief.aliases.iter_rows()}
    held = {v for belief in beliefs for table in (belief.known, belief.gone) for v in table["vulnerability"].unique()}
    spelt = {name.upper(): name for name in sorted({name for pair in pairs for name in pair} | held)}
    stands: dict[str, set[str]] = {}
    called: dict[str, set[str]] = {}
    for alias, vulnerability in pairs:
        stands.setdefault(alias, set()).add(vulnerability)
        called.setdefault(vulnerability, set()).add(alias)
    names = {}
    for text in asked.ids:
        own = spelt.get(text.upper(), text)
        stands_for = stands.get(own, {own})
        others = {alias for vulnerability in stands_for for alias in called.get(vulnerability, ())}
        names[text] = tuple(dict.fromkeys([*sorted(stands_for), own, *sorted(others)]))
    return names


def check(asked: Question, names: Mapping[str, tuple[str, ...]], beliefs: Sequence[Belief]) -> None:
    """What is not known by that name must be spelt as a vulnerability is, and be one.

    A vendor's bulletin stands for several vulnerabilities and is no alias of one.
    """
    held = {v for belief in beliefs for table in (belief.known, belief.gone) for v in table["vulnerability"].unique()}
    for text in asked.ids:
        if held & set(names[text]):
            continue
        if is_bulletin(text):
            raise InputError(
                text,
                "is a vendor's bulletin, and findings are kept under the vulnerabilities that it fixes",
                "ask for the CVEs that it names",
            )
        if not is_advisory(text):
            remedy = "write for example CVE-2021-44228; a package is asked for with --package"
            raise InputError(text, "reads like no vulnerability id", remedy)


def packages(asked: Question, beliefs: Sequence[Belief]) -> set[str]:
    """The packages that are called what is asked for."""
    return {package for package, source in _known(beliefs) if _is_called(package, source, asked.package)}


def _known(beliefs: Sequence[Belief]) -> set[tuple[str, str]]:
    pairs = (
        table.select("package", "source_package").unique().iter_rows()
        for belief in beliefs
        for table in (belief.shown, belief.gone)
    )
    return {pair for rows in pairs for pair in rows}


def _is_called(package: str, source: str, asked: str) -> bool:
    """By its purl, the name that people use, the last part of that, or its source package; globs match all of each."""
    if not asked:
        return False
    wanted = _bare(asked).casefold()
    called = _called(package, source)
    return any(re.match(glob(wanted), name) for name in called) if _WILD.search(wanted) else wanted in called


def _called(package: str, source: str) -> set[str]:
    return {text.casefold() for text in {*names_of(package), source} if text}


def _bare(asked: str) -> str:
    """The package without the version that someone wrote behind it; the `@` of a scope is none."""
    at = asked.rfind("@")
    if at > max(asked.rfind("/"), 0):
        asked = asked[:at]
    return asked if _WILD.search(asked) else package_of(asked) or asked


def similar(asked: Question, beliefs: Sequence[Belief], packages: set[str]) -> tuple[str, ...]:
    """What someone may have meant as well; whoever wrote a glob has said what was meant, if it met anything."""
    wanted = re.split(r"[/:]", _bare(asked.package).casefold().strip("*"))[-1]
    if len(wanted) < 3 or (packages and _WILD.search(asked.package)):
        return ()
    close = {
        package_name(package)
        for package, source in _known(beliefs)
        if package not in packages and any(wanted in name for name in _called(package, source))
    }
    return tuple(sorted(close)[:_SIMILAR])


def holds(asked: Question, names: Mapping[str, tuple[str, ...]], packages: set[str]) -> pl.Expr:
    """Which rows of a table of findings are meant. `names` and `packages`: as `meant` and `packages` give them."""
    is_meant = pl.lit(True)
    if asked.ids:
        is_meant = is_meant & pl.col("vulnerability").is_in(sorted({name for told in names.values() for name in told}))
    if asked.package:
        is_meant = is_meant & pl.col("package").is_in(sorted(packages))
    return is_meant
