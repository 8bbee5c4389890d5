"""What a VEX document means by a product: a package, an image, or a package in an image.

purl types: https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst (`oci`, `docker` are images).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from packageurl import PackageURL

from triagebot.identity import one_spelling, package_of, parse_image, qualify

_IMAGE_TYPES = ("oci", "docker")
_NARROWING = {"arch", "distro", "os", "platform", "classifier"}
"""Qualifiers that mean some builds only. Scanners do not tell us these: a version or digest implies them, more or less;
without one the purl would be taken for more than it says."""
_WITH_EPOCH = ("deb", "rpm")
_SOURCE_ARCH = ("source", "src")
_EVERY_ARCH = (*_SOURCE_ARCH, "all", "any", "noarch")
_OURS = "urn:triagebot:asset:"
_OF_URIS = "/:@!$&'()*+,;=-._~?#[]"
OF_SOURCE = "?arch=source"
"""What tells a source package from the package of the same name that is built from it."""


@dataclass(frozen=True)
class Product:
    """What a statement is about. An empty field stands for any.

    `asset`: the image repository; `image`: its last part alone, where no registry is named; `package`: without
    version; `origin`: likewise, a source package; `beside`: a package (`@` its version, where that is told) that must
    stand in the same image, `OF_SOURCE` behind it if it is the source of one; `within`: a range of versions (https://github.com/package-url/vers-spec).
    """

    asset: str = ""
    image: str = ""
    digest: str = ""
    tag: str = ""
    package: str = ""
    origin: str = ""
    version: str = ""
    within: str = ""
    beside: str = ""

    @property
    def is_image(self) -> bool:
        """It names an image, not a package."""
        return bool(self.asset or self.image or self.digest)

    @property
    def name(self) -> str:
        """The package that it names, built or as source; empty where it names none."""
        return self.package or self.origin

    def anywhere(self) -> Product:
        """The same content wherever it lies: a digest says it all."""
        return replace(self, asset="", image="", tag="") if self.digest else self

    def at(self, version: str, within: str) -> Product | None:
        """The same at one version, or in a range of them; an image's version is its tag. None for a range of tags: they
        have no order."""
        if self.name:
            return replace(self, version=version, within=within)
        return replace(self, tag=version) if version and not within else None

    def part(self, of: Product) -> Product | None:
        """This package, as a subcomponent of an image or of a package. None where `of` names neither, or this no
        package: what is told of a part is never said of more."""
        if self.is_image or not self.name:
            return None
        if of.is_image:
            return replace(of, package=self.package, origin=self.origin, version=self.version, within=self.within)
        if not of.name:
            return None
        beside = f"{of.name}@{of.version}" if of.version else of.name
        return replace(self, beside=beside if of.package else beside + OF_SOURCE)


def of_openvex(told: Any, common: Any = None, exact: bool = False) -> tuple[list[Product], list[str]]:
    """(products, names that tell none) of the products of an OpenVEX statement.

    `common`: subcomponents of the whole statement, as it was before 0.2.0; they hold for products without their own.
    `exact`: as we wrote it. An image with a digest is meant in its repository only, under its tag, else wherever the
    content lies; what is no purl is an asset by its own name.
    """
    found: list[Product] = []
    unknown: list[str] = []
    for entry in told if isinstance(told, list) else [told]:
        products = _as_written(entry) if exact else [p.anywhere() for p in _identified(entry)]
        if not products:
            unknown.append(_shown(entry))
        below = (entry.get("subcomponents") if isinstance(entry, dict) else None) or common
        for product in products:
            if not below:
                found.append(product)
            for part in below or ():
                named = _package_as_written(part) if exact else _identified(part)
                parts = [meant for p in named if (meant := p.part(product))]
                found += parts
                unknown += [] if parts else [_shown(part)]
    return list(dict.fromkeys(found)), unknown


def of_component(component: Mapping[str, Any]) -> Product | None:
    """A CycloneDX component, if it tells a package or an image."""
    if isinstance(component.get("purl"), str) and (found := of_purl(component["purl"])):
        return found.anywhere()
    if component.get("type") == "container" and isinstance(component.get("name"), str):
        name, version = component["name"], str(component.get("version") or "")
        joint = "@" if version.startswith("sha256:") else ":"
        is_whole = not version or (joint == ":" and _has_tag(name))
        found = of_image(name if is_whole else f"{name}{joint}{version}")
        return found.anywhere() if found else None
    return None


def of_ref(ref: str) -> Product | None:
    """A reference that is itself a purl."""
    found = of_purl(ref) if ref.startswith("pkg:") else None
    return found.anywhere() if found else None


def of_purl(purl: str) -> Product | None:
    """A purl as a product; None where it is none."""
    try:
        parsed = PackageURL.from_string(purl)
    except ValueError:
        return None
    told = parsed.qualifiers if isinstance(parsed.qualifiers, dict) else {}
    version = parsed.version or ""
    if not version and any(name in _NARROWING and value not in _EVERY_ARCH for name, value in told.items()):
        return None
    if parsed.type in _IMAGE_TYPES:
        return _of_image_purl(parsed, told, version)
    package = package_of(purl)
    if parsed.type in _WITH_EPOCH and told.get("epoch", "0") != "0" and ":" not in version:
        version = f"{told['epoch']}:{version}" if version else ""
    if parsed.type == "golang":
        version = version.removeprefix("v")
    if told.get("arch") in _SOURCE_ARCH:
        return Product(origin=package, version=version)
    return Product(package=package, version=version)


def _of_image_purl(parsed: PackageURL, told: Mapping[str, str], version: str) -> Product:
    digest = version.lower() if ":" in version else ""
    tag = told.get("tag", "") or ("" if digest else version)
    name = "/".join(part for part in (parsed.namespace, parsed.name) if part).lower()
    if url := told.get("repository_url", "").removeprefix("https://").strip("/").lower():
        return Product(
            asset=qualify(url if url.endswith(f"/{name}") or url == name else f"{url}/{name}"), tag=tag, digest=digest
        )
    if parsed.type == "docker":
        return Product(asset=qualify(name), tag=tag, digest=digest)
    return Product(image=name.rpartition("/")[2], tag=tag, digest=digest)


def of_image(text: str) -> Product | None:
    """An image reference as a product; None where it is none. Without a tag it means all of them."""
    if text.startswith("k8s://"):
        return Product(asset=text)
    if text.startswith("file://"):
        return Product(asset=text)
    image = parse_image(text)
    if image.asset.startswith("file://"):
        return None
    return Product(asset=image.asset, tag=image.tag if _has_tag(text) else "", digest=image.digest)


def _has_tag(reference: str) -> bool:
    return ":" in reference.partition("@")[0].rpartition("/")[2]


def _identified(entry: Any) -> list[Product]:
    """What an OpenVEX component names: by purl, else by hash, else by its `@id`."""
    if isinstance(entry, str):
        return [p for p in [_named(entry)] if p]
    if not isinstance(entry, dict):
        return []
    identifiers, hashes = entry.get("identifiers"), entry.get("hashes")
    purl = identifiers.get("purl") if isinstance(identifiers, dict) else None
    named = [_named(text) for text in (purl, entry.get("@id")) if isinstance(text, str)]
    found = next((p for p in named if p), None)
    digest = hashes.get("sha-256") or hashes.get("sha256") if isinstance(hashes, dict) else None
    if isinstance(digest, str) and (found is None or found.is_image):
        return [replace(found or Product(), digest=f"sha256:{digest.lower().removeprefix('sha256:')}")]
    return [found] if found else []


def _as_written(entry: Any) -> list[Product]:
    """What `name_of_image` wrote."""
    text = entry.get("@id") if isinstance(entry, dict) else None
    if not isinstance(text, str):
        return _identified(entry)
    if text.startswith(_OURS):
        return [Product(asset=unquote(text.removeprefix(_OURS)))]
    found = _named(text)
    return [found if found and text.startswith("pkg:") else Product(asset=text)]


def _package_as_written(part: Any) -> list[Product]:
    """What `purls_of_package` wrote."""
    text = part.get("@id") if isinstance(part, dict) else None
    return [_of_package(text)] if isinstance(text, str) else _identified(part)


def _of_package(text: str) -> Product:
    """A package, be it of a type that means images elsewhere."""
    found = of_purl(text)
    if found and not found.is_image:
        return found
    try:
        return Product(package=package_of(text), version=PackageURL.from_string(text).version or "")
    except ValueError:
        return Product(package=text)


def _named(text: str) -> Product | None:
    if text.startswith("pkg:"):
        return of_purl(text)
    is_reference = "/" in text or ":" in text
    is_address = text.startswith(("http://", "https://", "urn:", "cpe:"))
    return of_image(text) if is_reference and not is_address else None


def _shown(entry: Any) -> str:
    return str(entry.get("@id") or entry.get("identifiers") or "a product without name") if isinstance(
        entry, dict) else str(entry)  # fmt: skip


@lru_cache(maxsize=65536)
def name_of_image(asset: str, tag: str, digest: str) -> str:
    """The URI under which we write an image: a purl where that means the same when it is read, else the asset's name.

    As Trivy spells purls, which compares all that one says: Docker Hub by its older name, and no tag beside a digest.
    What lies in no registry (a workload, an ARN, a file, a name that a rewrite made) is no purl.
    """
    url = f"index.{asset}" if asset.startswith("docker.io/") else asset
    told = {"repository_url": url, **({"tag": tag} if tag and not digest else {})}
    meant = Product(asset=asset, tag=told.get("tag", ""), digest=digest)
    with suppress(ValueError):
        purl = PackageURL(
            type="oci", name=asset.rpartition("/")[2], version=digest or None, qualifiers=told
        ).to_string()
        if of_purl(purl) == meant:
            return purl
    is_uri = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", asset) and not asset.startswith(("pkg:", _OURS))
    return asset if is_uri and quote(asset, safe=_OF_URIS) == asset else _OURS + quote(asset, safe="/:@")


def purls_of_package(package: str, version: str) -> list[str]:
    """A package with its version, as purls: an epoch stands in the version, as the types are defined, or beside it.

    Without the version where a purl of this type cannot hold it as it is.
    """
    spelt = one_spelling(package)
    try:
        bare = PackageURL.from_string(spelt)
    except ValueError:
        return [spelt]
    epoch, colon, rest = version.partition(":")
    ways: list[tuple[str, dict[str, str]]] = [(version, {})]
    if bare.type in _WITH_EPOCH and colon and epoch.isdecimal():
        ways.append((rest, {"epoch": epoch}))
    purls = [
        PackageURL(bare.type, bare.namespace, bare.name, version=told, qualifiers=beside).to_string()
        for told, beside in ways
    ]
    meant = version.removeprefix("v") if bare.type == "golang" else version
    return purls if version and _of_package(purls[0]) == Product(package=spelt, version=meant) else [spelt]


def rows(products: Iterable[Product]) -> list[tuple[str, ...]]:
    """The fields of products, in the order of `FIELDS`."""
    return [tuple(getattr(p, name) for name in FIELDS) for p in products]


FIELDS = ("asset", "image", "digest", "tag", "package", "origin", "version", "within", "beside")
