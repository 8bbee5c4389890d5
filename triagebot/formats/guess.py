"""Which kind of package it is, where a report names it without saying: from versions, paths and names.

SARIF, Clair or Harbor name a package `libssl3` and no more. The same package has to have the same identity in all
reports, so the distribution and the language are told from what else the report says. What cannot be told is
`pkg:generic/…`: known, counted, and not the same as what a better report says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from triagebot.identity import build_package

_VERSIONS = (
    ("ubuntu", re.compile(r"ubuntu|~\d\d\.\d\d")),
    ("debian", re.compile(r"(\+|~|-|\.)?deb\d+u\d+|\+b\d+$|~bpo\d|~deb\d")),
    ("alpine", re.compile(r"-r\d+$")),
    ("amazon", re.compile(r"\.amzn\d")),
    ("azurelinux", re.compile(r"\.azl\d")),
    ("mariner", re.compile(r"\.cm\d")),
    ("photon", re.compile(r"\.ph\d")),
    ("fedora", re.compile(r"\.fc\d\d")),
    ("redhat", re.compile(r"\.(el|module\+el)\d")),
)
"""Marks that a distribution leaves in its versions, the telling ones first."""

_NAMES = (
    "wolfi", "chainguard", "alpine", "ubuntu", "debian", "rocky", "almalinux", "centos", "fedora", "photon",
    "amazonlinux", "oraclelinux", "opensuse", "sles", "ubi",
)  # fmt: skip
_CALLED = {"amazonlinux": "amazon", "ubi": "redhat"}
_FAMILY = {"wolfi": "apk", "chainguard": "apk", "alpine": "apk", "ubuntu": "deb", "debian": "deb"}
_MARKED = {"alpine": "apk", "debian": "deb", "ubuntu": "deb"}

_FILES = {
    "package.json": "npm", "package-lock.json": "npm", "yarn.lock": "npm", "pnpm-lock.yaml": "npm", "bun.lock": "npm",
    "node.js": "npm", "pom.xml": "maven", "gradle.lockfile": "maven", "build.sbt.lock": "maven", "java": "maven",
    "pipfile.lock": "pypi", "poetry.lock": "pypi", "uv.lock": "pypi", "python": "pypi", "gemfile.lock": "gem",
    "ruby": "gem", "go.mod": "golang", "go.sum": "golang", "composer.lock": "composer", "installed.json": "composer",
    "php": "composer", "cargo.lock": "cargo", "packages.lock.json": "nuget", "packages.config": "nuget",
    "conan.lock": "conan", "podfile.lock": "cocoapods", "mix.lock": "hex", "pubspec.lock": "pub",
    "package.resolved": "swift", "environment.yml": "conda", "environment.yaml": "conda",
}  # fmt: skip
"""The files in which package managers keep what they installed, and the groups under which Trivy sums them up."""

_PATHS = (
    ("npm", re.compile(r"(^|/)node_modules/")),
    ("maven", re.compile(r"\.([jwep]ar|[hj]pi)(/|:|$)")),
    ("pypi", re.compile(r"(site|dist)-packages/|\.(egg|dist)-info(/|$)|\.egg(/|$)|(^|/)requirements[\w.-]*\.txt$")),
    ("pypi", re.compile(r"(^|/)pylock[\w.-]*\.toml$")),
    ("gem", re.compile(r"\.gemspec$")),
    ("nuget", re.compile(r"\.deps\.json$|\.csproj$")),
    ("bitnami", re.compile(r"(^|/)opt/bitnami/([^/]+|.*\.spdx[^/]*)$")),
    ("conda", re.compile(r"(^|/)conda-meta/")),
)
"""Where else they keep it. Paths in lower case."""

_GO = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)+/.+|^stdlib$", re.IGNORECASE)


def distribution(versions: Iterable[str], image: str = "") -> str:
    """The distribution whose marks most of the OS versions carry, as its name in an image reference refines it.

    Rocky, Alma and CentOS leave Red Hat's mark and Wolfi leaves Alpine's: only the image's name tells these apart.
    """
    counted: Counter[str] = Counter()
    for version in versions:
        name = next((name for name, mark in _VERSIONS if mark.search(version)), "")
        if name:
            counted[name] += 1
    marked = counted.most_common(1)[0][0] if counted else ""
    named = next((n for n in _NAMES if re.search(rf"(?<![a-z]){n}(?![a-z])", image.lower())), "")
    if not marked:
        return _CALLED.get(named, named)
    family = _MARKED.get(marked, "rpm")
    if named and _FAMILY.get(named, "rpm") == family and marked in ("alpine", "redhat"):
        return _CALLED.get(named, named)
    return marked


def os_package(distro: str, name: str) -> str:
    """An OS package of a distribution; generic where that is not known."""
    return build_package(distro or "unknown", name) if name else ""


def is_of_language(path: str) -> bool:
    """Whether a path is one where a package manager of a language keeps what it installed."""
    return bool(_kind(path))


def _kind(path: str) -> str:
    where = path.lower().replace("\\", "/")
    named = _FILES.get(where.rpartition("/")[2], "")
    return named or next((kind for kind, mark in _PATHS if mark.search(where)), "")


def language_package(path: str, name: str) -> str:
    """A package of a language, from the path of what installed it and from how it is called."""
    kind = _kind(path)
    if kind in ("", "bitnami") and _GO.match(name):
        kind = "golang"  # Bitnami lists what it compiled beside what it packed
    if not kind and re.fullmatch(r"[\w.-]+:[\w.-]+", name):
        kind = "maven"
    return build_package(kind or "unknown", name) if name else ""
