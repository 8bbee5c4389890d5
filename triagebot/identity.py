"""What is the same thing: image repositories, packages, advisories.

References: https://github.com/distribution/reference, https://github.com/package-url/purl-spec.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from packageurl import PackageURL

_DIGEST = re.compile(r"@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,})")
_TAG = re.compile(r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$")
_PORTED = re.compile(r"^[^/:]+:\d+/")
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
_HEX_WORD = re.compile(r"(?<![0-9A-Za-z])g?[0-9a-f]{7,}(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d+")

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


@dataclass(frozen=True)
class Image:
    """An image reference taken apart. `asset` is fully qualified; `digest` is empty or `sha256:…`."""

    asset: str
    tag: str
    digest: str = ""

    @property
    def label(self) -> str:
        """`asset:tag`, the unit in which people count."""
        return f"{self.asset}:{self.tag}" if self.tag else self.asset


@lru_cache(maxsize=65536)
def parse_image(reference: str) -> Image:
    """Take an image reference apart as Docker does: no registry is docker.io, no tag and no digest is `latest`.

    A text that is a path or archive rather than a repository becomes the asset `file://…` without a tag; what runs
    in a cluster or a cloud (`k8s://…`, `arn:…`) stays as it is.
    """
    text = reference.strip()
    if text.startswith(("k8s://", "arn:")):
        return Image(text, "")
    if not text or text.startswith(("/", ".", "docker-archive:", "oci-archive:", "file:", "dir:")):
        return _file(text)
    if re.match(r"^[A-Za-z]:[\\/]", text) or text.endswith((".tar", ".tar.gz", ".tgz", ".img", ".json")):
        return _file(text)
    digest = ""
    if found := _DIGEST.search(text):
        digest = found["digest"].lower()
        text = text[: found.start()]
    tag = ""
    if found := _TAG.search(text):
        tag = found["tag"]
        text = text[: found.start()]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*", text):
        return _file(reference.strip())
    return Image(qualify(text), tag or ("" if digest else "latest"), digest)


def _file(text: str) -> Image:
    for prefix in ("docker-archive:", "oci-archive:", "file://", "file:", "dir:"):
        text = text.removeprefix(prefix)
    return Image("file://" + text.replace("\\", "/"), "")


def tagged(tag: str, digest: str) -> str:
    """One image of a repository: its tag, and its digest as short as people compare it."""
    return f"{tag}@{digest[:19]}" if digest else tag


def qualify(repository: str) -> str:
    """`nginx` -> `docker.io/library/nginx`; a name with a registry stays as it is. Lower case."""
    first, slash, rest = repository.lower().partition("/")
    has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    if not has_registry:
        first, rest = "docker.io", repository.lower()
    if first in ("index.docker.io", "registry-1.docker.io"):
        first = "docker.io"
    if first == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return f"{first}/{rest}"


def workload(kind: str, name: str, namespace: str = "", cluster: str = "") -> str:
    """A thing in a cluster as an asset, `k8s://cluster/namespace/Kind/name`.

    Pods and ReplicaSets come and go under generated names: they are folded to what owns them. `_` stands for the
    namespace of what has none, `cluster` for a cluster that the report does not name; of an ARN the name is taken.
    """
    if kind == "ReplicaSet":
        kind, name = "Deployment", re.sub(r"-[0-9a-z]{8,10}$", "", name)
    elif kind == "Pod" and (folded := re.sub(r"-[0-9a-z]{8,10}-[0-9a-z]{5}$", "", name)) != name:
        kind, name = "Deployment", folded
    place = (cluster.rpartition("/")[2] or "cluster", namespace or "_", kind or "_", name.replace("/", "_") or "_")
    return "k8s://" + "/".join(place)


NO_IMAGE = r"^(k8s://|arn:)"
"""The assets that run in a cluster or a cloud: they are counted as no images, and no inventory of images lists them."""


def place_of(asset: str) -> str:
    """Where the faults of an asset are dealt with together: the namespace of a workload, else the asset itself."""
    return "/".join(asset.split("/")[:4]) if asset.startswith("k8s://") else asset


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


def inventory_image(line: str) -> Image:
    """One line of an inventory: an image, or a repository without tag that stands for all its tags."""
    image = parse_image(line)
    named = line.rpartition("/")[2]
    return image if ":" in named or "@" in named else Image(image.asset, "")


def masked(tag: str) -> str:
    """The tag with commit hashes and numbers blotted out: two tags that mask alike are of one line."""
    return _DIGITS.sub("#", _HEX_WORD.sub("#", tag.lower()))


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


@lru_cache(maxsize=4096)
def glob(pattern: str) -> str:
    """A glob as an anchored regular expression: `*` (also across slashes), `?`, `{a,b}`; all else is text."""
    out, depth = [], 0
    for part in re.findall(r"\*+|.", pattern, re.DOTALL):
        if part.startswith("*"):
            out.append("(.*)")
        elif part == "?":
            out.append(".")
        elif part == "{":
            depth += 1
            out.append("(?:")
        elif part == "}" and depth:
            depth -= 1
            out.append(")")
        elif part == "," and depth:
            out.append("|")
        else:
            out.append(re.escape(part))
    return "(?s)^" + "".join(out) + ")" * depth + "$"


def rewrite(asset: str, rewrites: tuple[tuple[str, str], ...]) -> str:
    """The asset after the first rewrite that matches (a registry moved); `*` in `as` takes what matched."""
    for pattern, target in rewrites:
        if found := re.match(glob(pattern), asset):
            for part in found.groups():
                target = re.sub(r"\*+", part.replace("\\", r"\\"), target, count=1)  # noqa: PLW2901 - filled up
            return target
    return asset
