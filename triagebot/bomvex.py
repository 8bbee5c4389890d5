"""CycloneDX VEX, JSON: https://cyclonedx.org/docs/1.6/json/#vulnerabilities_items_analysis, and, for references into
other documents, https://cyclonedx.org/capabilities/bomlink/.

An analysis is made of a component where the document describes it: what is part of an image is judged in that image,
what is part of another package where that package is. Only what a document describes by itself is meant everywhere.
What is part of something that cannot be matched, an application without purl, cannot be matched either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triagebot.files import suggest
from triagebot.jsonplaces import Faulty
from triagebot.openvex import EXCUSING
from triagebot.products import Product, of_component, of_ref
from triagebot.statements import Document, Entries, Statement, gathered, moment, worded
from triagebot.versions import satisfies

_STATES = {
    "not_affected": "not_affected", "false_positive": "not_affected", "exploitable": "affected",
    "in_triage": "under_investigation", "resolved": "fixed", "resolved_with_pedigree": "fixed",
}  # fmt: skip
_JUSTIFICATIONS = (
    "code_not_present", "code_not_reachable", "requires_configuration", "requires_dependency", "requires_environment",
    "protected_by_compiler", "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control",
)  # fmt: skip
_VERSIONS = ("affected", "unaffected", "unknown")
_SPEAKS_OF = {
    "not_affected": ("", "affected", "unaffected"), "fixed": ("", "unaffected"),
    "affected": ("", "affected", "unknown"), "under_investigation": ("", "affected", "unknown"),
}  # fmt: skip
"""Which entries of `versions` a status is said of, by their own status. That a component's version is affected is why
somebody looked whether the product is; but a version that is affected was not fixed, and one that is unknown is not
known to be well."""
_LINK = re.compile(r"^urn:cdx:(?P<serial>[0-9a-fA-F-]{36})/(?P<version>\d+)(?:#(?P<ref>.+))?$")

_NONE = Product()
"""What is described, but cannot be matched: nothing is a part of it (`Product.part`)."""


@dataclass(frozen=True)
class Bom:
    """What a document describes. `whole`: its subject, `_NONE` if that cannot be matched; None: it names no subject.
    `parts`: what each reference means; None: nothing that can be matched."""

    whole: Product | None
    parts: Mapping[str, Product | None]

    def meant(self, ref: str) -> Product | None:
        """What a reference means here: a component, or a purl that is no component but part of the same."""
        if ref in self.parts:
            return self.parts[ref]
        return _within(of_ref(ref), self.whole)


Boms = Mapping[tuple[str, str], Bom]
"""Documents that others may link to, by serial number and version."""


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document is CycloneDX."""
    return str(value.get("bomFormat", "")).lower() == "cyclonedx"


def link(value: Mapping[str, Any]) -> tuple[str, str]:
    """How others link to a document: serial number and version."""
    return str(value.get("serialNumber", "")).rpartition(":")[2].lower(), str(value.get("version", 1))


def bom(value: Mapping[str, Any]) -> Bom:
    """What a document describes."""
    metadata = value.get("metadata")
    subject = metadata.get("component") if isinstance(metadata, dict) else None
    whole = None if subject is None else _product(subject) or _NONE
    return Bom(whole, dict(_components(value, subject, whole)))


def read(name: str, value: Mapping[str, Any], text: str, boms: Boms) -> Document:
    """What a document says. `text`: as it was written, for the lines of faults. Raises `Faulty` with every fault."""
    entries = value.get("vulnerabilities") or []
    if not isinstance(entries, list):
        raise Faulty([(1, "field 'vulnerabilities' should be a list")])
    here = bom(value)

    def said_by(entry: Mapping[str, Any]) -> tuple[Statement, list[str]] | None:
        analysis = entry.get("analysis")
        if not analysis:
            return None  # it is a report of a scanner, and says nothing of whether it matters
        products: list[Product] = []
        unmatched: list[str] = []
        for affected in entry.get("affects") or [{}]:
            product = _meant(affected, here, boms)
            meant = [product] if product is None else _at_versions(product, affected, _STATES[analysis["state"]])
            products += [p for p in meant if p]
            unmatched += [str(affected.get("ref", "no product at all"))] if None in meant else []
        return _statement(name, value, entry, products), unmatched

    return gathered(name, Entries(entries, text, "vulnerabilities", "vulnerability"), _faults, said_by)


def _faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["should be a mapping"]
    found = []
    analysis = entry.get("analysis")
    if analysis is not None and not isinstance(analysis, dict):
        return ["analysis: should be a mapping"]
    if analysis:
        state, justification = analysis.get("state"), analysis.get("justification")
        if state is None:
            found.append("analysis: field 'state' is missing")
        elif not isinstance(state, str) or state not in _STATES:
            found.append(f"analysis: there is no state {state!r}{suggest(str(state), _STATES)}")
        if justification and justification not in _JUSTIFICATIONS:
            near = suggest(str(justification), _JUSTIFICATIONS)
            found.append(f"analysis: there is no justification {justification!r}{near}")
    if not isinstance(entry.get("id"), str) or not entry["id"]:
        found.append("field 'id' is missing")
    affects = entry.get("affects")
    if affects is not None and not (isinstance(affects, list) and all(isinstance(a, dict) for a in affects)):
        return [*found, "affects: should be a list of mappings"]
    return found + [said for affected in affects or () for said in _faults_of_versions(affected)]


def _faults_of_versions(affected: Mapping[str, Any]) -> list[str]:
    told = affected.get("versions")
    if told is not None and not (isinstance(told, list) and all(isinstance(v, dict) for v in told)):
        return ["affects: versions: should be a list of mappings"]
    return [
        f"affects: versions: there is no status {v['status']!r}{suggest(str(v['status']), _VERSIONS)}"
        for v in told or ()
        if v.get("status") is not None and v["status"] not in _VERSIONS
    ]


def _statement(name: str, value: Mapping[str, Any], entry: Mapping[str, Any], products: Sequence[Product]) -> Statement:
    analysis, metadata = entry["analysis"], value.get("metadata")
    status = _STATES[analysis["state"]]
    known = metadata if isinstance(metadata, dict) else {}
    supplier = known.get("supplier") or known.get("manufacture") or known.get("manufacturer") or {}
    listed = entry.get("references")
    references = [r.get("id") for r in (listed if isinstance(listed, list) else ()) if isinstance(r, dict)]
    named = dict.fromkeys(n for n in [entry["id"], *references] if isinstance(n, str) and n)
    times = (analysis.get("lastUpdated"), analysis.get("firstIssued"), entry.get("updated"), known.get("timestamp"))
    return Statement(
        status, tuple(named), tuple(products),
        worded(status, analysis.get("justification"), str(analysis.get("detail") or ""),
               supplier.get("name") if isinstance(supplier, dict) else None, name),
        next((at for text in times if (at := moment(text))), None), status in EXCUSING,
    )  # fmt: skip


def _components(value: Mapping[str, Any], subject: Any, whole: Product | None) -> Iterator[tuple[str, Product | None]]:
    """Each component by its reference, in what it is part of: an image, another package, or nothing that is told."""
    waiting: list[tuple[Any, Product | None]] = [(subject, None), *_below(value, whole)]
    while waiting:
        component, of = waiting.pop()
        if not isinstance(component, dict):
            continue
        product = _product(component)
        is_image = product.is_image if product else component.get("type") == "container"
        waiting += _below(component, (product or _NONE) if is_image or of is None else of)
        if isinstance(component.get("bom-ref"), str):
            yield component["bom-ref"], _within(product, of)


def _product(component: Any) -> Product | None:
    """What a component is by itself; its reference may be its purl."""
    if not isinstance(component, dict):
        return None
    return of_component(component) or of_ref(str(component.get("bom-ref", "")))


def _within(product: Product | None, of: Product | None) -> Product | None:
    """A product as part of what it stands in; an image, and the subject, stand by themselves."""
    if product is None or of is None or product.is_image or product == of:
        return product
    return product.part(of)


def _below(value: Mapping[str, Any], of: Product | None) -> list[tuple[Any, Product | None]]:
    listed = value.get("components")
    return [(component, of) for component in (listed if isinstance(listed, list) else ())]


def _meant(affected: Mapping[str, Any], here: Bom, boms: Boms) -> Product | None:
    """What an entry of `affects` means: a component here or in another document, or a purl.

    Of a document that is linked to and was not given only the purl is known.
    """
    ref = affected.get("ref")
    if not isinstance(ref, str):
        return None
    link = _LINK.match(ref)
    if link is None or ref in here.parts:
        return here.meant(ref)
    return boms.get((link["serial"].lower(), link["version"]), here).meant(link["ref"] or "")


def _at_versions(product: Product, affected: Mapping[str, Any], status: str) -> list[Product | None]:
    """The product at those versions that the status is said of; without `versions`, as it is. None: a version that
    cannot be matched."""
    told = affected.get("versions")
    if not told:
        return [product]
    meant = [v for v in told if str(v.get("status") or "") in _SPEAKS_OF[status]]
    spans = [(str(v.get("version") or ""), str(v.get("range") or "")) for v in meant]
    if product.version:
        within = any(
            product.version == version or (span and satisfies(product.name, product.version, span))
            for version, span in spans
        )
        return [product] if within else []
    if product.tag and not product.name:  # an image at a tag: the list must not move it to another
        return [product] if any(product.tag == version for version, _ in spans) else []
    return [product.at(version, span) for version, span in spans if version or span]
