"""What packages are called: purls without version, from what a report says of a package.

https://github.com/package-url/purl-spec
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from packageurl import PackageURL

DISTRO_PURL = {
    "alpine": "apk/alpine", "wolfi": "apk/wolfi", "chainguard": "apk/chainguard", "apk": "apk/alpine",
    "debian": "deb/debian", "ubuntu": "deb/ubuntu", "deb": "deb/debian", "linux": "deb/debian",
    "redhat": "rpm/redhat", "rhel": "rpm/redhat", "centos": "rpm/centos", "rocky": "rpm/rocky",
    "alma": "rpm/alma", "almalinux": "rpm/alma", "fedora": "rpm/fedora", "amazon": "rpm/amazon",
    "amzn": "rpm/amazon", "oracle": "rpm/oracle", "oraclelinux": "rpm/oracle", "ol": "rpm/oracle",
    "photon": "rpm/photon", "mariner": "rpm/mariner", "cbl-mariner": "rpm/mariner",
    "azurelinux": "rpm/azurelinux", "opensuse": "rpm/opensuse", "opensuse.leap": "rpm/opensuse",
    "opensuse.tumbleweed": "rpm/opensuse", "suse linux enterprise server": "rpm/suse", "sles": "rpm/suse",
    "slem": "rpm/suse", "rpm": "rpm/redhat", "bottlerocket": "bottlerocket/bottlerocket",
}  # fmt: skip
"""Distribution names, as the scanners spell them, to purl type and namespace."""

LANGUAGE_PURL = {
    "npm": "npm", "yarn": "npm", "pnpm": "npm", "node-pkg": "npm", "bun": "npm", "javascript": "npm",
    "pypi": "pypi", "pip": "pypi", "pipenv": "pypi", "poetry": "pypi", "python-pkg": "pypi", "python": "pypi",
    "uv": "pypi", "pylock": "pypi", "maven": "maven", "jar": "maven", "pom": "maven", "gradle": "maven",
    "java": "maven",
    "java-archive": "maven", "sbt": "maven", "gomod": "golang", "gobinary": "golang", "golang": "golang",
    "gomodules": "golang", "go-module": "golang", "golangdep": "golang", "govendor": "golang",
    "bundler": "gem", "gemspec": "gem", "rubygems": "gem", "gem": "gem", "composer": "composer",
    "composer-vendor": "composer", "php-composer": "composer", "nuget": "nuget", "dotnet-core": "nuget",
    "dotnet": "nuget", "cargo": "cargo", "rust-binary": "cargo", "rustbinary": "cargo",
    "rust-crate": "cargo", "conan": "conan", "cocoapods": "cocoapods", "hex": "hex", "pub": "pub",
    "swift": "swift", "bitnami": "bitnami", "conda-pkg": "conda", "conda": "conda", "julia": "julia",
}  # fmt: skip
"""Package managers, as the scanners spell them, to purl type."""


@lru_cache(maxsize=65536)
def package_of(purl: str) -> str:
    """A purl without version, qualifiers and subpath, spelt one way; the empty string if it is no purl."""
    path = purl.partition("?")[0].partition("#")[0]
    at, slash = path.rfind("@"), path.rfind("/")
    return _package_of(path[:at] if at > slash + 1 else path)  # the `@` of a scope such as `@babel/` is no version


@lru_cache(maxsize=262144)
def _package_of(purl: str) -> str:
    if not purl.startswith("pkg:"):
        return ""
    try:
        parsed = PackageURL.from_string(purl)
    except ValueError:
        return ""
    namespace, name = parsed.namespace or "", parsed.name
    if parsed.type == "rpm":
        namespace = DISTRO_PURL.get(namespace, f"rpm/{namespace}").removeprefix("rpm/")
    if parsed.type == "golang":
        namespace, name = namespace.lower(), name.lower()
    return PackageURL(type=parsed.type, namespace=namespace or None, name=name).to_string()


@lru_cache(maxsize=65536)
def one_spelling(package: str) -> str:
    """A package identity as `package_of` spells it, to compare it with one of another document.

    Where a report tells no purl, the name is kept as it was written: `pkg:generic/libstdc++6`, with `@` and `+`.
    """
    generic = package.removeprefix("pkg:generic/")
    if generic == package:
        return package_of(package) or package
    namespace, _, name = unquote(generic).strip("/").rpartition("/")
    try:
        return PackageURL(type="generic", namespace=namespace or None, name=name).to_string()
    except ValueError:
        return package


UNNAMED = "pkg:generic/unnamed"
"""The package of an entry that names none: it is kept, for a report must not look clean because it says little."""


@lru_cache(maxsize=262144)
def build_package(kind: str, name: str) -> str:
    """A package identity where a report gives no purl: from the scanner's type or distribution, and the name."""
    kind = kind.lower().partition(":")[0]
    purl_type, namespace, last = LANGUAGE_PURL.get(kind, ""), "", name
    if kind in DISTRO_PURL:
        purl_type, _, namespace = DISTRO_PURL[kind].partition("/")
    elif purl_type:
        namespace, _, last = (name.replace(":", "/", 1) if purl_type == "maven" else name).rpartition("/")
    if purl_type and last.strip("/"):
        return package_of(PackageURL(type=purl_type, namespace=namespace or None, name=last).to_string())
    return f"pkg:generic/{quote(name, safe='+._-~/@')}" if name else UNNAMED


def package_name(package: str) -> str:
    """What people call it: `pkg:apk/alpine/busybox` -> `busybox`, `pkg:maven/a.b/c` -> `a.b:c`; `check:X` -> `X`."""
    if not package.startswith("pkg:"):
        return package.partition(":")[2] or package
    purl_type, _, path = package.removeprefix("pkg:").partition("/")
    path = unquote(path)
    if purl_type in ("apk", "deb", "rpm"):
        return path.rpartition("/")[2]
    return path.replace("/", ":") if purl_type == "maven" else path


@lru_cache(maxsize=65536)
def names_of(package: str) -> frozenset[str]:
    """All that a package may be called in a rule or a question: its identity, the same as people spell it, its name as
    tickets print it, and the last part of either."""
    name = package_name(package)
    every = {package, unquote(package), name, re.split(r"[/:]", name)[-1], package.rpartition("/")[2]}
    return frozenset(every - {""})
