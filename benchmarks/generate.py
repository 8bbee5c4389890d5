"""Writes a folder of Trivy image reports, always the same for a seed: `python generate.py FOLDER`.

By default 2,000 reports with 200,000 vulnerabilities, about 430 MB, spelt as `trivy image --format json` does.
Reports 2i and 2i+1 hold 200 vulnerabilities between them, so that any even number of reports is in proportion.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = 1
"""Goes up when the same seed would give other bytes."""

SEVERITIES = {"CRITICAL": 1.5, "HIGH": 5.0, "MEDIUM": 38.0, "LOW": 51.5, "UNKNOWN": 4.0}
FIXED = 0.6
GENERATIONS = 6
MARKS = ("\x01", "\x02", "\x03")
"""Where an entry takes what differs from image to image: version, UID, layer."""

PROSE = (
    "a flaw was found in the way that handling of crafted input allows remote attacker to cause denial service heap "
    "buffer overflow out bounds read write when parsing malformed certificate chain request header before version "
    "use after free integer truncation could lead to information disclosure or arbitrary code execution under some "
    "conditions this issue affects all users who process untrusted data with default configuration and has been "
    'addressed by validating length fields; mitigations include disabling `legacy_mode` in <config>, see "notes" '
    "the component does not properly restrict recursion depth memory consumption signature verification timing"
)
WORDS = PROSE.split()
SOUNDS = "ba cu de fi go hu jo ka li mo nu pe qui ro sa tu ve xi zo cra dri fle glo ssl net lib pro core"
SYLLABLES = SOUNDS.split()


@dataclass(frozen=True)
class Ecosystem:
    """Where packages come from: how Trivy calls it, its purls and its advisories."""

    class_: str
    type: str
    purl: str
    source: str
    version: Callable[[random.Random], str]
    packages: int
    advisories: int


@dataclass(frozen=True)
class Entry:
    """One advisory for one package: the text of its JSON, cut at `MARKS`, and the versions an image may have."""

    cuts: tuple[tuple[str, int], ...]
    tail: str
    installed: tuple[str, ...]


def _apk(r: random.Random) -> str:
    return f"{r.randint(0, 9)}.{r.randint(0, 40)}.{r.randint(0, 20)}-r{r.randint(0, 9)}"


def _deb(r: random.Random) -> str:
    return f"{r.randint(0, 9)}.{r.randint(0, 40)}.{r.randint(0, 20)}-{r.randint(1, 6)}+deb12u{r.randint(1, 9)}"


def _rpm(r: random.Random) -> str:
    return f"{r.randint(0, 9)}.{r.randint(0, 40)}.{r.randint(0, 20)}-{r.randint(1, 40)}.el9_{r.randint(0, 5)}"


def _semver(r: random.Random) -> str:
    return f"{r.randint(0, 9)}.{r.randint(0, 40)}.{r.randint(0, 20)}"


SYSTEMS = (
    Ecosystem("os-pkgs", "alpine", "apk/alpine", "alpine", _apk, 180, 1500),
    Ecosystem("os-pkgs", "debian", "deb/debian", "debian", _deb, 420, 3000),
    Ecosystem("os-pkgs", "redhat", "rpm/redhat", "redhat", _rpm, 360, 2500),
)
LANGUAGES = (
    Ecosystem("lang-pkgs", "gobinary", "golang", "ghsa", _semver, 200, 900),
    Ecosystem("lang-pkgs", "node-pkg", "npm", "ghsa", _semver, 350, 1200),
    Ecosystem("lang-pkgs", "python-pkg", "pypi", "ghsa", _semver, 200, 900),
    Ecosystem("lang-pkgs", "jar", "maven", "ghsa", _semver, 250, 1100),
)
RELEASE = {"alpine": "3.18.4", "debian": "12.2", "redhat": "9.3"}
TARGET = {"gobinary": "usr/local/bin/server", "node-pkg": "Node.js", "python-pkg": "Python", "jar": "Java"}
REPORT_LANGUAGES = (0, 1, 1, 2)
"""How many language ecosystems an image has."""


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reports", type=int, default=2000)
    chosen = parser.parse_args()
    print(json.dumps(write(chosen.folder, chosen.seed, chosen.reports)))


def write(folder: Path, seed: int, reports: int) -> dict[str, int]:
    """Write the reports; the facts about them."""
    if reports % 2:
        raise SystemExit("the number of reports must be even")
    folder.mkdir(parents=True, exist_ok=True)
    size = found = 0
    for name, count, text in _reports(random.Random(seed), reports):
        data = text.encode()
        (folder / name).write_bytes(data)
        size += len(data)
        found += count
    return {"version": VERSION, "seed": seed, "reports": reports, "vulnerabilities": found, "bytes": size}


def _reports(r: random.Random, reports: int) -> Iterator[tuple[str, int, str]]:
    """(file name, number of vulnerabilities, text) of each report."""
    pools = {system.type: _pool(r, system) for system in (*SYSTEMS, *LANGUAGES)}
    spread = 0
    for number in range(reports):
        spread = -spread if number % 2 else int(r.triangular(0, 96, 40))
        count = 100 + spread
        repository = f"registry.example.com/{_word(r, 2)}/{_word(r, 3)}-{number:04d}"
        system = r.choice(SYSTEMS)
        languages = r.sample(LANGUAGES, r.choice(REPORT_LANGUAGES))
        shares = [0 if not languages else int(count * r.uniform(0.1, 0.6)) // len(languages)] * len(languages)
        parts = [(system, count - sum(shares)), *zip(languages, shares, strict=True)]
        yield f"{number:04d}.json", count, _report(r, repository, parts, pools)


def _report(
    r: random.Random, repository: str, parts: list[tuple[Ecosystem, int]], pools: dict[str, list[Entry]]
) -> str:
    tag = f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 30)}"
    generation = r.randrange(GENERATIONS)
    layers = [_sha(r) for _ in range(r.randint(3, 12))]
    system = parts[0][0]
    results = []
    for ecosystem, count in parts:
        target = TARGET.get(ecosystem.type, f"{repository}:{tag} ({ecosystem.type} {RELEASE.get(ecosystem.type)})")
        entries = [_fill(r, entry, generation, r.choice(layers)) for entry in r.sample(pools[ecosystem.type], count)]
        head = json.dumps({"Target": target, "Class": ecosystem.class_, "Type": ecosystem.type}, indent=2)
        opened = _indented(head.removesuffix("\n}"), 4)
        listed = ",\n".join(entries)
        results.append(f'    {opened},\n      "Vulnerabilities": [\n{listed}\n      ]\n    }}')
    document = {
        "SchemaVersion": 2,
        "CreatedAt": f"2024-03-01T{r.randint(0, 5):02d}:{r.randint(0, 59):02d}:00.{r.randint(1, 999999999):09d}Z",
        "ArtifactName": f"{repository}:{tag}",
        "ArtifactType": "container_image",
        "Metadata": _metadata(r, f"{repository}:{tag}", repository, system.type, layers),
    }
    opened = json.dumps(document, indent=2).removesuffix("\n}")
    listed = ",\n".join(results)
    return f'{opened},\n  "Results": [\n{listed}\n  ]\n}}\n'


def _fill(r: random.Random, entry: Entry, generation: int, layer: str) -> str:
    said = (entry.installed[generation], f"{r.getrandbits(64):016x}", layer)
    return "".join(text + said[mark] for text, mark in entry.cuts) + entry.tail


def _metadata(r: random.Random, image: str, repository: str, family: str, layers: list[str]) -> dict[str, Any]:
    created = "2024-02-20T10:00:00Z"
    return {
        "Size": r.randint(5_000_000, 900_000_000),
        "OS": {"Family": family, "Name": RELEASE[family]},
        "ImageID": _sha(r),
        "DiffIDs": layers,
        "RepoTags": [image],
        "RepoDigests": [f"{repository}@{_sha(r)}"],
        "ImageConfig": {
            "architecture": "amd64",
            "created": created,
            "history": [{"created": created, "created_by": f"RUN /bin/sh -c {_text(r, 60)}"} for _ in layers],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": layers},
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "WorkingDir": "/srv"},
        },
        "Layers": [{"Size": r.randint(1000, 9_000_000), "DiffID": layer} for layer in layers],
    }


def _pool(r: random.Random, system: Ecosystem) -> list[Entry]:
    """The advisories of an ecosystem; every (package, vulnerability) in it is distinct."""
    names = [_package(r, system, number) for number in range(system.packages)]
    versions = {name: tuple(system.version(r) for _ in range(GENERATIONS)) for name in names}
    return [_entry(r, system, name := r.choice(names), versions[name], n) for n in range(system.advisories)]


def _package(r: random.Random, system: Ecosystem, number: int) -> str:
    name = f"{_word(r, 3)}{number}"
    if system.type == "jar":
        return f"org.{_word(r, 2)}:{name}"
    return f"github.com/{_word(r, 2)}/{name}" if system.type == "gobinary" else name


def _entry(r: random.Random, system: Ecosystem, name: str, installed: tuple[str, ...], number: int) -> Entry:
    """One vulnerability as Trivy prints it, with marks where images differ."""
    offset = 10_000 * [s.type for s in (*SYSTEMS, *LANGUAGES)].index(system.type)
    year, serial = r.randint(2016, 2024), offset + number + 1000
    is_ghsa = system.class_ == "lang-pkgs" and r.random() < 0.05
    id_ = "GHSA-" + "-".join(_base32(r) for _ in range(3)) if is_ghsa else f"CVE-{year}-{serial}"
    severity = r.choices(list(SEVERITIES), list(SEVERITIES.values()))[0]
    path = name.replace(":", "/")
    suffix = f"?arch=x86_64&distro={system.type}-{RELEASE[system.type]}" if system.class_ == "os-pkgs" else ""
    has_fix = r.random() < FIXED
    bulletin = {"debian": f"DSA-{r.randint(4000, 5600)}-1", "redhat": f"RHSA-{year}:{r.randint(1, 9999):04d}"}
    told: dict[str, Any] = {"VulnerabilityID": id_}
    if has_fix and system.type in bulletin and r.random() < 0.2:
        told["VendorIDs"] = [bulletin[system.type]]
    told |= {
        "PkgID": f"{name}@{MARKS[0]}",
        "PkgName": name,
        "PkgIdentifier": {"PURL": f"pkg:{system.purl}/{path}@{MARKS[0]}{suffix}", "UID": MARKS[1]},
        "InstalledVersion": MARKS[0],
    }
    if has_fix:
        told["FixedVersion"] = system.version(r)
    told |= {
        "Status": "fixed" if has_fix else r.choice(["affected", "affected", "will_not_fix", "fix_deferred"]),
        "Layer": {"DiffID": MARKS[2]},
        "SeveritySource": r.choice([system.source, "nvd"]),
        "PrimaryURL": f"https://avd.aquasec.com/nvd/{id_.lower()}",
        "DataSource": {"ID": system.source, "Name": f"{system.source} tracker", "URL": _link(r, "tracker")},
        "Title": f"{name}: {_text(r, 60)}",
        "Description": _text(r, r.randint(300, 650)),
        "Severity": severity,
        "CweIDs": [f"CWE-{r.randint(20, 1300)}" for _ in range(r.choice([1, 1, 1, 2]))],
        "VendorSeverity": {v: r.randint(1, 4) for v in ("nvd", system.source)},
        "CVSS": {vendor: _cvss(r) for vendor in r.sample(["nvd", "redhat"], r.choice([1, 1, 1, 2]))},
        "References": [_link(r, id_) for _ in range(r.randint(2, 3))],
        "PublishedDate": f"{year}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}T15:15:08.{r.randint(100, 999)}Z",
        "LastModifiedDate": f"2024-01-{r.randint(1, 28):02d}T02:01:03.{r.randint(100, 999)}Z",
    }
    return _cut(" " * 8 + _indented(json.dumps(told, indent=2, ensure_ascii=False), 8), installed)


def _cut(text: str, installed: tuple[str, ...]) -> Entry:
    escaped = {json.dumps(mark)[1:-1]: number for number, mark in enumerate(MARKS)}
    cuts = []
    while found := [(at, mark) for mark in escaped if (at := text.find(mark)) >= 0]:
        at, mark = min(found)
        cuts.append((text[:at], escaped[mark]))
        text = text[at + len(mark) :]
    return Entry(tuple(cuts), text, installed)


def _cvss(r: random.Random) -> dict[str, Any]:
    return {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N", "V3Score": r.randint(20, 99) / 10}


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


def _text(r: random.Random, length: int) -> str:
    return " ".join(r.choices(WORDS, k=length // 5))[:length]


def _word(r: random.Random, syllables: int) -> str:
    return "".join(r.choices(SYLLABLES, k=syllables))


def _base32(r: random.Random) -> str:
    return "".join(r.choices("23456789cfghjmpqrvwx", k=4))


def _link(r: random.Random, about: str) -> str:
    return f"https://{_word(r, 2)}.example.org/{about}/{r.getrandbits(24):06x}"


def _sha(r: random.Random) -> str:
    return f"sha256:{r.getrandbits(256):064x}"


if __name__ == "__main__":
    main()
