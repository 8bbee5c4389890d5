"""Which source's severity counts. A scanner chooses one; people may prefer others, and see both.

`severity_sources: [vendor, nvd]` in the settings: the first source of the list that rates a vulnerability decides.
`vendor` stands for the distribution or the advisory database that the package comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import polars as pl

from triagebot.files import suggest
from triagebot.model import FINDING, SEVERITIES, Belief

RANK = {name: rank for rank, name in enumerate(reversed(SEVERITIES))}
VENDOR = "vendor"
NVD = "nvd"

_SAME = {
    "github": "ghsa", "rhel": "redhat", "red hat": "redhat", "centos": "redhat", "sles": "suse", "suse-cvrf": "suse",
    "opensuse": "suse", "opensuse-cvrf": "suse", "opensuse.leap": "suse",
    "oracle-oval": "oracle", "oraclelinux": "oracle",
    "ol": "oracle", "amzn": "amazon", "amazonlinux": "amazon", "almalinux": "alma", "rockylinux": "rocky",
    "mariner": "azure", "cbl-mariner": "azure", "azurelinux": "azure", "nist": "nvd", "nvd@nist.gov": "nvd",
}  # fmt: skip
"""How scanners spell one source, where they differ."""
_LANGUAGE = "ghsa"
"""The advisory database of packages that no distribution ships."""


_KNOWN = frozenset({
    VENDOR, NVD, "ghsa", "redhat", "redhat-oval", "suse", "oracle", "amazon", "alma", "rocky", "azure", "alpine",
    "debian", "ubuntu", "photon", "fedora", "wolfi", "chainguard", "minimos", "echo", "arch-linux", "coreos", "bitnami",
    "msrc", "osv", "glad", "govulndb", "go-vulndb", "ruby-advisory-db", "php-security-advisories", "julia", "k8s",
    "nodejs-security-wg", "aqua", "snyk", "trivy", "xray", "clair", "harbor", "inspector", "ecr", "kubescape",
    "kyverno", "policyreport",
})  # fmt: skip
"""The sources that scanners are known to quote, in our spelling. Sources are open words: there are others."""


@lru_cache(maxsize=4096)
def source(name: str) -> str:
    """One spelling of a source: `debian:distro:debian:12` -> `debian`, `nvd:cpe` -> `nvd`, `SUSE-CVRF` -> `suse`."""
    parts = name.strip().lower().split(":")
    named = parts[2] if len(parts) > 2 and parts[1] == "distro" else parts[0]
    return _SAME.get(named, named)


@lru_cache(maxsize=262144)
def vendor(package: str) -> str:
    """The source that a package comes from: its distribution, else the advisory database of its language."""
    kind, _, rest = package.removeprefix("pkg:").partition("/")
    return source(rest.partition("/")[0]) if kind in ("apk", "deb", "rpm") else _LANGUAGE


def score_severity(score: float) -> str:
    """The word for a CVSS base score (https://www.first.org/cvss/v3.1/specification-document, section 5)."""
    bounds = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
    return next((word for bound, word in bounds if score >= bound), "negligible")


def preferred(findings: pl.DataFrame, shown: pl.DataFrame, ratings: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """The findings with `severity`, `severity_source` and `cvss` of the first source of `order` that rates them.

    Where several ratings are of that source, the worst counts; what no source of `order` rates stays as it is.
    """
    if not order or findings.is_empty():
        return findings
    own = shown.select(*FINDING, _spelt("severity_source", shown).alias("source"), "severity", "cvss")
    told = findings.select(FINDING).join(ratings, on="vulnerability").with_columns(_spelt("source", ratings))
    from_vendor = pl.col("source") == _mapped("package", {p: vendor(p) for p in findings["package"].unique()})
    place = pl.lit(None, dtype=pl.Int32)
    for at, name in reversed(list(enumerate(order))):
        holds = from_vendor if name == VENDOR else pl.col("source") == source(name)
        place = pl.when(holds).then(pl.lit(at, dtype=pl.Int32)).otherwise(place)
    rank = pl.col("severity").replace_strict(RANK, default=0, return_dtype=pl.Int8)
    best = (
        pl.concat([own, told.select(own.columns)])
        .with_columns(place=place, rank=rank)
        .filter(pl.col("place").is_not_null() & (pl.col("severity") != "unknown"))
        .sort("place", -pl.col("rank").cast(pl.Int16), "source", maintain_order=True)
        .unique(FINDING, keep="first", maintain_order=True)
        .select(*FINDING, *(pl.col(c).alias(f"best_{c}") for c in ("source", "severity", "cvss")))
    )
    return (
        findings.join(best, on=FINDING, how="left", maintain_order="left")
        .with_columns(
            severity=pl.coalesce("best_severity", "severity"),
            severity_source=pl.coalesce("best_source", "severity_source"),
            cvss=pl.coalesce("best_cvss", "cvss"),
        )
        .drop("best_source", "best_severity", "best_cvss")
    )


def strange(order: Sequence[str]) -> list[int]:
    """Which names of `order` no scanner is known to quote, by their index."""
    return [at for at, name in enumerate(order) if source(name) not in _KNOWN]


def unheard(order: Sequence[str], beliefs: Iterable[Belief]) -> dict[int, str]:
    """What to say of those names of `order`, by index, that nobody is known to quote and that no finding carries."""
    strangers = strange(order)
    if not strangers:
        return {}
    names = {
        name
        for belief in beliefs
        for column in (belief.shown["severity_source"], belief.ratings["source"])
        for name in map(source, column.unique())
        if name
    }
    known = sorted(_KNOWN | names)
    return {
        at: f"nothing is rated by {order[at]!r}{suggest(source(order[at]), known)}"
        for at in strangers
        if source(order[at]) not in names
    }


def others(
    package: str, severity: str, chosen: str, rated: Iterable[tuple[str, str, float | None]], order: Sequence[str]
) -> tuple[str, ...]:
    """What else was said of a finding, in words, the worst first: by NVD, its vendor, and the sources of `order`.

    `rated`: (source, severity, CVSS score) of every source; only those that say otherwise are told.
    """
    wanted = {NVD, vendor(package), *(source(name) for name in order)} - {source(chosen)}
    told = {(RANK.get(word, 0), source(name), word, score) for name, word, score in rated if source(name) in wanted}
    differing = sorted((t for t in told if t[2] not in (severity, "unknown")), key=lambda t: (-t[0], t[1]))
    return tuple(f"{word}{f' {score:g}' if score else ''} by {name}" for _, name, word, score in differing)


def by_vulnerability(
    ratings: pl.DataFrame, vulnerabilities: Iterable[str]
) -> Mapping[str, list[tuple[str, str, float | None]]]:
    """The ratings of these vulnerabilities: (source, severity, CVSS score)."""
    found: dict[str, list[tuple[str, str, float | None]]] = {}
    rows = ratings.filter(pl.col("vulnerability").is_in(sorted(set(vulnerabilities))))
    for vulnerability, name, word, score in rows.select("vulnerability", "source", "severity", "cvss").iter_rows():
        found.setdefault(vulnerability, []).append((name, word, score))
    return found


def _spelt(column: str, table: pl.DataFrame) -> pl.Expr:
    return _mapped(column, {name: source(name) for name in table[column].unique()})


def _mapped(column: str, to: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(to), default="", return_dtype=pl.String)
