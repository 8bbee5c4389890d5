"""What feeds know of vulnerabilities, as tables, and joined to the findings.

- CISA KEV, the catalogue of what is exploited in the wild (JSON, or the CSV of the same name):
  https://www.cisa.gov/known-exploited-vulnerabilities-catalog, schema at
  https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities_schema.json
- FIRST EPSS, the probability that something is exploited within 30 days (the daily CSV, plain or gzip; also what the
  API answers): https://www.first.org/epss/data_stats, https://www.first.org/epss/api
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import polars as pl

from triagebot.jsonplaces import Faulty, document, lines
from triagebot.model import Schema, empty

KEV: Schema = {"vulnerability": pl.String, "ransomware": pl.Boolean}
EPSS: Schema = {"vulnerability": pl.String, "epss": pl.Float64}
LARGEST = 512 * 1024**2
"""Bytes that a feed may have once it is unpacked."""
_TOLD = 20
"""So many faults of one file are spelt out."""
_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)


@dataclass(frozen=True)
class Feeds:
    """The tables of both feeds; without rows where there is no feed."""

    kev: pl.DataFrame = field(default_factory=lambda: empty(KEV))
    epss: pl.DataFrame = field(default_factory=lambda: empty(EPSS))


def enriched(findings: pl.DataFrame, feeds: Feeds, aliases: pl.DataFrame) -> pl.DataFrame:
    """The findings with `kev`, `ransomware` and `epss`, joined by canonical id and by every alias of it."""
    made = findings.with_columns(ransomware=pl.lit(False))
    if not feeds.kev.is_empty():
        known = _canonical(feeds.kev, aliases).group_by("vulnerability").agg(pl.col("ransomware").any())
        made = (
            made.drop("kev", "ransomware")
            .join(known.with_columns(kev=pl.lit(True)), on="vulnerability", how="left", maintain_order="left")
            .with_columns(pl.col("kev", "ransomware").fill_null(False))
        )
    if not feeds.epss.is_empty():
        scores = _canonical(feeds.epss, aliases).group_by("vulnerability").agg(pl.col("epss").max())
        made = made.drop("epss").join(scores, on="vulnerability", how="left", maintain_order="left")
    return made


def _canonical(feed: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """The feed under its own ids and under what these are aliases of."""
    meant = feed.join(aliases.rename({"vulnerability": "is"}), left_on="vulnerability", right_on="alias")
    return pl.concat([feed, meant.drop("vulnerability").rename({"is": "vulnerability"}).select(feed.columns)])


# ---- CISA KEV ----


def kev(data: bytes) -> pl.DataFrame:
    """The catalogue as a table. Raises `Faulty` with every fault."""
    data = unpacked(data)
    return _kev_json(data) if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")) else _kev_csv(data)


def _kev_json(data: bytes) -> pl.DataFrame:
    told, text = document(data)
    entries = told.get("vulnerabilities") if isinstance(told, dict) else None
    if not isinstance(entries, list):
        raise Faulty([(1, "is no KEV catalogue: it holds no list 'vulnerabilities'")])
    rows: list[tuple[str, bool]] = []
    faults: list[tuple[int, str]] = []
    for number, entry in enumerate(entries):
        name = entry.get("cveID") if isinstance(entry, dict) else None
        if isinstance(name, str) and _CVE.fullmatch(name.strip()):
            rows.append((name.strip().upper(), _is_ransomware(entry.get("knownRansomwareCampaignUse"))))
        else:
            faults.append((number, f"'cveID' should be a CVE, not {name!r}"))
    if faults:
        at = lines(text, "vulnerabilities")
        raise Faulty(_shortened([(at[number] if number < len(at) else 1, said) for number, said in faults]))
    return _whole(pl.DataFrame(rows, schema=KEV, orient="row"))


def _kev_csv(data: bytes) -> pl.DataFrame:
    reader = csv.reader(io.StringIO(_text(data), newline=""))
    rows: list[tuple[str, bool]] = []
    faults: list[tuple[int, str]] = []
    begins = 1
    try:
        header = next(reader, [])
        if "cveID" not in header:
            had = ", ".join(header)[:200] or "none"
            raise Faulty([(1, f"is no KEV catalogue: needs the column cveID, has {had}{_near(['cveID'], header)}")])
        at = header.index("cveID")
        use = header.index("knownRansomwareCampaignUse") if "knownRansomwareCampaignUse" in header else -1
        begins = reader.line_num + 1
        for row in reader:
            name = row[at].strip() if at < len(row) else ""
            if _CVE.fullmatch(name):
                rows.append((name.upper(), 0 <= use < len(row) and _is_ransomware(row[use])))
            elif row:
                faults.append((begins, f"'cveID' should be a CVE, not {name!r}"))
            begins = reader.line_num + 1
    except csv.Error as error:
        faults.append((begins, f"cannot be read: {error}"))
    if faults:
        raise Faulty(_shortened(faults))
    return _whole(pl.DataFrame(rows, schema=KEV, orient="row"))


def _is_ransomware(said: Any) -> bool:
    return str(said).strip().lower() == "known"


# ---- FIRST EPSS ----


def epss(data: bytes) -> pl.DataFrame:
    """The scores as a table. Raises `Faulty` with every fault."""
    data = unpacked(data)
    return _epss_json(data) if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")) else _epss_csv(data)


def _epss_csv(data: bytes) -> pl.DataFrame:
    text = _text(data)
    skipped = 0
    while text.startswith(("#", "\n", "\r\n")):
        text = text.partition("\n")[2]
        skipped += 1
    if not text.strip():
        raise Faulty([(1, "holds nothing")])
    header = [name.strip().strip('"') for name in text.partition("\n")[0].split(",")]
    names = ("cve", "epss")
    if not set(names) <= set(header):
        had = ", ".join(header)[:200]
        said = f"is no EPSS table: needs the columns cve and epss, has {had}{_near(names, header)}"
        raise Faulty([(skipped + 1, said)])
    if twice := [name for name in names if header.count(name) > 1]:
        raise Faulty([(skipped + 1, f"is no EPSS table: has several columns {' and '.join(twice)}")])
    columns = [f"{at}" for at in range(len(header))]  # what others are called is theirs: twice the same, or nothing
    try:
        named = f"{','.join(columns)}\n{text.partition(chr(10))[2]}".encode()
        told = pl.read_csv(named, infer_schema=False, truncate_ragged_lines=True, quote_char=None)
    except pl.exceptions.PolarsError as error:
        raise Faulty([(skipped + 1, f"cannot be read: {str(error).splitlines()[0]}")]) from error
    at = {name: pl.col(columns[header.index(name)]).str.strip_chars().str.strip_chars('"') for name in names}
    is_blank = pl.all_horizontal(pl.col(columns).fill_null("").str.strip_chars() == "")
    return _scored(told.with_row_index("line", offset=skipped + 2).filter(~is_blank).select("line", **at))


def _near(wanted: Sequence[str], header: Sequence[str]) -> str:
    """What to do about columns that are called nearly so, or stand in a table that is written otherwise."""
    for sign, called in ((";", "';'"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            return f"; its columns should be parted by commas, not by {called}"
    told = ""
    for name in wanted:
        if name not in header:
            alike = [h for h in header if h.casefold() == name.casefold()] or get_close_matches(name, header, n=1)
            told += f"; its {alike[0]!r} should be called {name!r}" if alike else ""
    return told


def _epss_json(data: bytes) -> pl.DataFrame:
    told, text = document(data)
    entries = told.get("data") if isinstance(told, dict) else told
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise Faulty([(1, "is no EPSS answer: it holds no list of scores")])
    at = lines(text, "data") if isinstance(told, dict) else []
    rows = [
        (at[i] if i < len(at) else 1, str(e.get("cve") or ""), str(e.get("epss", ""))) for i, e in enumerate(entries)
    ]
    return _scored(pl.DataFrame(rows, schema={"line": pl.UInt32, "cve": pl.String, "epss": pl.String}, orient="row"))


def _scored(told: pl.DataFrame) -> pl.DataFrame:
    made = told.with_columns(
        vulnerability=pl.col("cve").fill_null("").str.strip_chars().str.to_uppercase(),
        score=pl.col("epss").str.strip_chars().cast(pl.Float64, strict=False),
    )
    bad_id = ~pl.col("vulnerability").str.contains(r"^CVE-\d{4}-\d{4,}$")
    bad_score = ~pl.col("score").is_between(0, 1).fill_null(False)
    faults: list[tuple[int, str]] = []
    for line, cve, score, no_id in made.filter(bad_id | bad_score).select("line", "cve", "epss", bad_id).iter_rows():
        said = f"cve: {cve!r} is no CVE" if no_id else f"epss: {score!r} is no number between 0 and 1"
        faults.append((line, said))
    if faults:
        raise Faulty(_shortened(faults))
    return _whole(made.select("vulnerability", pl.col("score").alias("epss")))


# ---- both ----


def unpacked(data: bytes) -> bytes:
    """The content of a gzip file; anything else as it is. Raises `Faulty` where it is broken or far too large."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Faulty([(1, f"is a broken gzip file: {error}")]) from error
    if len(content) > LARGEST:
        raise Faulty([(1, f"is larger than {LARGEST // 1024**2} MiB once unpacked")])
    return content


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Faulty([(data.count(b"\n", 0, error.start) + 1, "is no UTF-8 text")]) from error


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    if table.is_empty():
        raise Faulty([(1, "holds nothing")])
    return table


def _shortened(faults: list[tuple[int, str]]) -> list[tuple[int, str]]:
    more = len(faults) - _TOLD
    return faults if more <= 0 else [*faults[:_TOLD], (faults[_TOLD][0], f"and {more} more faults from here on")]
