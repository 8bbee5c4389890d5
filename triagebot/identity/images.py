"""What images are called: references, assets, tags, workloads; globs over them.

https://github.com/distribution/reference
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_DIGEST = re.compile(r"@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,})")
_TAG = re.compile(r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$")
_PORTED = re.compile(r"^[^/:]+:\d+/")
_HEX_WORD = re.compile(r"(?<![0-9A-Za-z])g?[0-9a-f]{7,}(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d+")


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


def inventory_image(line: str) -> Image:
    """One line of an inventory: an image, or a repository without tag that stands for all its tags."""
    image = parse_image(line)
    named = line.rpartition("/")[2]
    return image if ":" in named or "@" in named else Image(image.asset, "")


def masked(tag: str) -> str:
    """The tag with commit hashes and numbers blotted out: two tags that mask alike are of one line."""
    return _DIGITS.sub("#", _HEX_WORD.sub("#", tag.lower()))


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
