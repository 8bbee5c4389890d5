"""VEX statements put to the findings, in the table engine.

A statement may speak of one digest, tag or version; a finding is all that shows a vulnerability in a package of a
repository. So a finding is excused only if each place that shows it is covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import polars as pl

from triagebot.identity import one_spelling
from triagebot.model import FINDING, TIME, Schema
from triagebot.products import FIELDS, OF_SOURCE, rows
from triagebot.statements import Statement
from triagebot.versions import satisfies

_KEYS = ("asset", "image", "digest", "package", "origin")
"""What a statement is joined by where it names it; the rest is compared afterwards."""
_STRONGEST = ("affected", "under_investigation", "not_affected", "fixed")
_FIRST_OF_ALL = datetime(1, 1, 1, tzinfo=UTC)


def judged(
    findings: pl.DataFrame, shown: pl.DataFrame, statements: Sequence[Statement], aliases: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """`vex` (status) and `stated` (index of the statement that excuses it, else null) of each finding, in their order.

    Of several statements on one place the latest counts, of equally late ones the last; a decision of ours counts
    before them as long as it holds, as it does in the exception file and on a ticket.
    """
    today = now.astimezone(UTC).date()
    covered = _covered(shown, statements, aliases, today)
    if covered.is_empty():
        return findings.select(vex=pl.repeat("", pl.len()), stated=pl.repeat(None, pl.len(), dtype=pl.Int32))
    excusing = [i for i, statement in enumerate(statements) if statement.is_excusing(today)]
    places = shown.with_row_index("place").join(
        covered.select("vulnerability").unique(), on="vulnerability", how="semi"
    )
    told = (
        places.join(covered.select("place", "statement"), on="place", how="left")
        .with_columns(
            excused=pl.col("statement").is_in(excusing).fill_null(False),
            status=pl.col("statement").replace_strict(
                {i: s.status for i, s in enumerate(statements)}, default="", return_dtype=pl.String
            ),
        )
        .group_by(FINDING, maintain_order=True)
        .agg(
            pl.when(pl.col("excused").all()).then(pl.col("statement").first()).cast(pl.Int32).alias("stated"),
            *((pl.col("status") == word).any().alias(word) for word in _STRONGEST),
            pl.col("statement").is_not_null().all().alias("all"),
        )
        .with_columns(vex=pl.coalesce([pl.when(_holds(word)).then(pl.lit(word)) for word in _STRONGEST] + [pl.lit("")]))
    )
    return findings.select(FINDING).join(told, on=FINDING, how="left", maintain_order="left").select(
        pl.col("vex").fill_null(""), "stated"
    )  # fmt: skip


def _holds(word: str) -> pl.Expr:
    """What is good news counts only if it is said of each place."""
    return pl.col(word) & pl.col("all") if word in ("not_affected", "fixed") else pl.col(word)


def _covered(shown: pl.DataFrame, statements: Sequence[Statement], aliases: pl.DataFrame, today: date) -> pl.DataFrame:
    """`place` (row of what is shown), `vulnerability` and `statement`: the one that counts there."""
    told = _table(statements, today)
    told = pl.concat([told, _canonical(told, aliases)]).unique(maintain_order=True)
    places = (
        shown.with_row_index("place")
        .select("place", *FINDING, "tag", "digest", "source_package", "installed_version")
        .join(told.select("vulnerability").unique(), on="vulnerability", how="semi")
        .with_columns(
            image=pl.when(pl.col("asset").str.contains("://", literal=True))  # a workload or a file: no repository
            .then(pl.lit(""))
            .otherwise(pl.col("asset").str.extract(r"([^/]+)$").fill_null("")),
            bare_version=_bare_version(),
        )
        .pipe(_spelt)
    )  # fmt: skip
    if places.is_empty():
        return pl.DataFrame(schema={"place": pl.UInt32, "vulnerability": pl.String, "statement": pl.Int32})
    met = [_met(places, part, keys) for keys, part in _by_keys(told)]
    found = pl.concat(met).filter(
        ((pl.col("tag_") == "") | (pl.col("tag_") == pl.col("tag")))
        & ((pl.col("version_") == "") | (pl.col("version_") == pl.col("bare_version")))
    )
    found = _in_range(_beside(found, shown))
    return (
        found.sort("rank", "at", "statement", maintain_order=True)
        .unique("place", keep="last", maintain_order=True)
        .select("place", "vulnerability", "statement")
    )


def _bare_version() -> pl.Expr:
    """The installed version as products spell it: Go's goes without its `v`."""
    is_go = pl.col("package").str.starts_with("pkg:golang/")
    return pl.when(is_go).then(pl.col("installed_version").str.strip_prefix("v")).otherwise("installed_version")


def _spelt(shown: pl.DataFrame) -> pl.DataFrame:
    """The table with `package`, and `origin`, the source package, as documents are read to spell them."""
    made = shown.with_columns(origin=_origin())
    names = pl.concat([made["package"], made["origin"]]).unique()
    spelt = pl.Series([one_spelling(name) for name in names], dtype=pl.String)
    return made.with_columns(pl.col("package", "origin").replace_strict(names, spelt, return_dtype=pl.String))


def _origin() -> pl.Expr:
    """The source package, as a purl without version; empty where it is not told."""
    named = pl.col("package").str.extract(r"^(.*/)").fill_null("") + pl.col("source_package")
    return pl.when(pl.col("source_package") != "").then(named).otherwise(pl.lit(""))


def _table(statements: Sequence[Statement], today: date) -> pl.DataFrame:
    made = [
        (vulnerability, number, statement.rank(today), statement.at or _FIRST_OF_ALL, *fields)
        for number, statement in enumerate(statements)
        for fields in rows(statement.products)
        for vulnerability in statement.vulnerabilities
    ]
    schema: Schema = {"vulnerability": pl.String, "statement": pl.Int32, "rank": pl.Int8, "at": TIME}
    schema |= {f"{name}_": pl.String for name in FIELDS}
    columns = list(zip(*made, strict=True)) or [()] * len(schema)
    return pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)


def _canonical(told: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    meant = told.join(aliases.rename({"vulnerability": "is"}), left_on="vulnerability", right_on="alias")
    return meant.with_columns(vulnerability=pl.col("is")).select(told.columns)


def _by_keys(told: pl.DataFrame) -> list[tuple[list[str], pl.DataFrame]]:
    """The statements by what they name; those that name nothing are left out: they would mean everything."""
    marked = told.with_columns(named=pl.concat_str([(pl.col(f"{k}_") != "").cast(pl.Int8) for k in _KEYS]))
    groups = []
    for (named,), part in marked.group_by("named"):
        keys = [key for key, is_named in zip(_KEYS, str(named), strict=True) if is_named == "1"]
        if keys:
            groups.append((keys, part.drop("named")))
    return groups


def _met(places: pl.DataFrame, part: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    joined = places.join(part, left_on=["vulnerability", *keys], right_on=["vulnerability", *(f"{k}_" for k in keys)])
    return joined.select(
        "place", *FINDING, "tag", "bare_version", "statement", "rank", "at", "tag_", "version_", "within_", "beside_"
    )


def _beside(found: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Statements on a part of a package count where that package is known to stand in the same image."""
    if not (found["beside_"] != "").any():
        return found
    named = _spelt(shown.select("asset", "tag", "package", "source_package", version=_bare_version()))
    ways = ("{}", "package", ""), ("{}@{}", "package", ""), ("{}", "origin", OF_SOURCE), ("{}@{}", "origin", OF_SOURCE)
    known = pl.concat([
        named.filter(pl.col(name) != "").select(
            "asset", "tag", beside_=pl.format(way + mark, *(name, "version")[: way.count("{}")])
        )
        for way, name, mark in ways
    ]).unique()  # fmt: skip
    stands = found.join(known, on=["asset", "tag", "beside_"], how="semi")
    return pl.concat([found.filter(pl.col("beside_") == ""), stands])


def _in_range(found: pl.DataFrame) -> pl.DataFrame:
    if not (found["within_"] != "").any():
        return found
    asked = found.filter(pl.col("within_") != "").select("package", "bare_version", "within_").unique()
    held = asked.filter(pl.Series([satisfies(*row) for row in asked.iter_rows()], dtype=pl.Boolean))
    inside = found.join(held, on=["package", "bare_version", "within_"], how="semi")
    return pl.concat([found.filter(pl.col("within_") == ""), inside])
