"""VEX documents: what suppliers, and people by way of us, say of whether a vulnerability matters in a product.

A document with a fault is refused as a whole: half of what a supplier said is not what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triagebot import bomvex, openvex
from triagebot.jsonplaces import Faulty, document
from triagebot.statements import Document


def read(files: Sequence[tuple[str, bytes]]) -> tuple[list[Document], list[tuple[str, Faulty]]]:
    """(documents, faults by file) of these files, in their order. Links between CycloneDX files are followed."""
    told: list[tuple[str, Any, str]] = []
    faults: list[tuple[str, Faulty]] = []
    boms: dict[tuple[str, str], bomvex.Bom] = {}
    for name, data in files:
        try:
            value, text = _decoded(data)
        except Faulty as fault:
            faults.append((name, fault))
            continue
        told.append((name, value, text))
        if bomvex.is_one(value):
            boms[bomvex.link(value)] = bomvex.bom(value)
    documents = []
    for name, value, text in told:
        try:
            is_bom = bomvex.is_one(value)
            documents.append(bomvex.read(name, value, text, boms) if is_bom else openvex.read(name, value, text))
        except Faulty as fault:
            faults.append((name, fault))
    order = [name for name, _ in files]
    return documents, sorted(faults, key=lambda fault: order.index(fault[0]))


def _decoded(data: bytes) -> tuple[Any, str]:
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        raise Faulty([(1, "is XML; give OpenVEX or CycloneDX VEX as JSON")])
    if data.startswith(b"version https://git-lfs"):
        raise Faulty([(1, "is a Git LFS pointer, not the document; run `git lfs pull`")])
    value, text = document(data)
    if not isinstance(value, dict) or not (bomvex.is_one(value) or "statements" in value or "@context" in value):
        raise Faulty([(1, _other(value))])
    return value, text


def _other(value: Any) -> str:
    """What a document is that is not read, as far as it tells."""
    told = value.get("document") if isinstance(value, dict) else None
    if isinstance(told, dict) and "csaf_version" in told:
        return (
            f"is CSAF {told['csaf_version']} ({told.get('category') or 'without category'}), which is not read; give "
            "OpenVEX, or CycloneDX VEX as JSON"
        )
    return "is neither OpenVEX (no 'statements') nor CycloneDX (no 'bomFormat')"
