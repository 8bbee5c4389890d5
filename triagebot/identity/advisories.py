"""What vulnerabilities and checks are called: one id of many, and what the others stand for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

_CVE = re.compile(r"^CVE-\d{4}-\d{4,}$", re.IGNORECASE)
_GHSA = re.compile(r"^GHSA(-[0-9a-z]{4}){3}$", re.IGNORECASE)
_CHECK = re.compile(
    r"^(?:AVD-)?(?P<family>KSV|KCV|DS|AWS|AZU|GCP|GIT|DIG|OPNSTK|NIF|OCI|CLDSTK)-?(?P<number>\d{2,4})$", re.IGNORECASE
)
_BULLETIN = re.compile(
    r"^(DSA|DLA|DTSA|RH[SBE]A|ALAS[0-9A-Z]*|USN|EL[SB]A|(open)?SUSE-[SRO]U|AL[SB]A|RLSA|RXSA|GLSA|FEDORA|MGASA|PHSA|CGA)"
    r"[-:]",
    re.IGNORECASE,
)
_ADVISORY = re.compile(
    r"^([A-Z]+(-[A-Z0-9.]+)*-[A-Z]*\d[A-Z0-9]*(:\d+)?|(AVD-)?[A-Z]{2,6}\d{2,4}|npm:[^:\s]+:\d{8})$", re.I
)


@lru_cache(maxsize=4096)
def check_id(text: str) -> tuple[str, tuple[str, ...]]:
    """A check's one id, and how else Trivy and the benchmarks spell it.

    `KSV012`, `AVD-KSV-0012` and `KSV-0012` are one check: https://avd.aquasec.com/misconfig/.
    """
    said = text.strip()
    found = _CHECK.match(said)
    if not found:
        return said, ()
    chosen = f"{found['family'].upper()}-{int(found['number']):04d}"
    return chosen, () if said == chosen else (said,)


def advisory_ids(own: str, others: Iterable[str | None]) -> tuple[str, ...]:
    """The ids of one entry for `canonical`: its own first; vendor bulletins go as soon as anything better is known."""
    ids = dict.fromkeys(i.strip() for i in (own, *others) if i and i.strip())
    better = tuple(i for i in ids if not _BULLETIN.match(i))
    return better if any(_CVE.match(i) or _GHSA.match(i) for i in better) else tuple(ids)


def is_cve(vulnerability: str) -> bool:
    """Whether this is a CVE id."""
    return bool(_CVE.match(vulnerability))


def is_bulletin(text: str) -> bool:
    """Whether this is the id of a vendor's bulletin, which stands for several vulnerabilities."""
    return bool(_BULLETIN.match(text.strip()))


def is_advisory(text: str) -> bool:
    """Whether this is spelt as an advisory's id: a CVE or GHSA in full, letters that end in a number, or `npm:x:2018…`.

    Names of packages are not (`log4j-core`, `openssl3`).
    """
    kind = text[:5].upper()
    if kind.startswith("CVE-"):
        return is_cve(text)
    return bool((_GHSA if kind == "GHSA-" else _ADVISORY).match(text))


@lru_cache(maxsize=262144)
def canonical(ids: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The canonical ids of one advisory entry, and what its other ids are aliases of.

    `ids` holds the scanner's own id first. Every CVE among them is one canonical id (two CVEs are never one),
    else the GHSA, else the scanner's own. Vendor bulletins are the caller's to leave out.
    """
    ids = tuple(i for i in ids if i)
    cves = tuple(dict.fromkeys(i.upper() for i in ids if _CVE.match(i)))
    ghsas = tuple(dict.fromkeys("GHSA" + i[4:].lower() for i in ids if _GHSA.match(i)))
    chosen = cves or ghsas[:1] or ids[:1]
    others = dict.fromkeys([*ghsas, *(i for i in ids if not _CVE.match(i) and not _GHSA.match(i))])
    return chosen, tuple((o, c) for o in others for c in chosen if o != c)


def finding_id(asset: str, package: str, vulnerability: str) -> str:
    """Eight hex digits that name a finding inside a ticket."""
    return hashlib.sha256(f"{asset}\n{package}\n{vulnerability}".encode()).hexdigest()[:8]
