"""VEX documents: what suppliers, and people by way of us, say of whether a vulnerability matters in a product.

- OpenVEX 0.2.0 (and the older spellings seen): https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
- CycloneDX VEX, JSON: https://cyclonedx.org/docs/1.6/json/#vulnerabilities_items_analysis and, for references into
  other documents, https://cyclonedx.org/capabilities/bomlink/

A document with a fault is refused as a whole: half of what a supplier said is not what was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from triagebot.files import suggest
from triagebot.jsonplaces import Faulty, document, lines
from triagebot.products import Product, of_component, of_openvex, of_ref

OPENVEX = "https://openvex.dev/ns/v0.2.0"
STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
EXCUSING = ("not_affected", "fixed")
JUSTIFICATIONS = (
    "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
)  # fmt: skip
OWN_NOTE = re.compile(r"^triagebot: excused(?: until (\d{4}-\d\d-\d\d))?\b")
"""How a statement of ours says that it excuses, whatever its status: people accept risks that do affect them."""

_STATES = {
    "not_affected": "not_affected", "false_positive": "not_affected", "exploitable": "affected",
    "in_triage": "under_investigation", "resolved": "fixed", "resolved_with_pedigree": "fixed",
}  # fmt: skip
_LINK = re.compile(r"^urn:cdx:(?P<serial>[0-9a-fA-F-]{36})/(?P<version>\d+)(?:#(?P<ref>.+))?$")


@dataclass(frozen=True)
class Statement:
    """One thing that a document says. `until`: the day on which it ends to excuse; None: it does not end."""

    status: str
    vulnerabilities: tuple[str, ...]
    products: tuple[Product, ...]
    said: str
    at: datetime | None = None
    excuses: bool = False
    until: date | None = None

    def is_excusing(self, today: date) -> bool:
        """Whether it excuses what it matches, on that day."""
        return self.excuses and (self.until is None or today < self.until)


@dataclass(frozen=True)
class Document:
    """What one file says. `unmatched`: product names in it that tell no package and no image."""

    name: str
    statements: tuple[Statement, ...]
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bom:
    """The components of a CycloneDX document, by reference, for other documents that link to it."""

    components: Mapping[str, Product | None]


def read(files: Sequence[tuple[str, bytes]]) -> tuple[list[Document], list[tuple[str, Faulty]]]:
    """(documents, faults by file) of these files, in their order. Links between CycloneDX files are followed."""
    told: list[tuple[str, Any, str]] = []
    faults: list[tuple[str, Faulty]] = []
    boms: dict[tuple[str, str], Bom] = {}
    for name, data in files:
        try:
            value, text = _decoded(data)
        except Faulty as fault:
            faults.append((name, fault))
            continue
        told.append((name, value, text))
        if _is_cyclonedx(value):
            serial = str(value.get("serialNumber", "")).rpartition(":")[2].lower()
            boms[serial, str(value.get("version", 1))] = Bom(dict(_components(value)))
    documents = []
    for name, value, text in told:
        try:
            made = _cyclonedx(name, value, text, boms) if _is_cyclonedx(value) else _openvex(name, value, text)
            documents.append(made)
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
    if not isinstance(value, dict) or not (_is_cyclonedx(value) or "statements" in value or "@context" in value):
        raise Faulty([(1, "is neither OpenVEX (no 'statements') nor CycloneDX (no 'bomFormat')")])
    return value, text


def _is_cyclonedx(value: Mapping[str, Any]) -> bool:
    return str(value.get("bomFormat", "")).lower() == "cyclonedx"


# ---- OpenVEX ----


def _openvex(name: str, value: Mapping[str, Any], text: str) -> Document:
    entries = value.get("statements")
    if not isinstance(entries, list):
        raise Faulty([(1, "field 'statements' should be a list")])
    context = value.get("@context", "")
    if not (isinstance(context, str) and "openvex" in context):
        raise Faulty([(1, f"'@context' should name OpenVEX ({OPENVEX}), not {context!r}")])
    faults: list[tuple[int, str]] = []
    statements: list[Statement] = []
    unmatched: dict[str, None] = {}
    for number, entry in enumerate(entries):
        wrong = _openvex_faults(entry)
        faults += [(number, said) for said in wrong]
        if not wrong:
            own = OWN_NOTE.match(str(entry.get("status_notes", ""))) is not None
            products, unknown = of_openvex(entry.get("products") or (), exact=own)
            unmatched.update(dict.fromkeys(unknown))
            statements.append(_openvex_statement(name, value, entry, products))
    _refuse(faults, text, "statements", "statement")
    return Document(name, tuple(statements), tuple(unmatched))


def _openvex_faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["should be a mapping"]
    found = []
    status, justification = entry.get("status"), entry.get("justification")
    if status is None:
        found.append("field 'status' is missing")
    elif status not in STATUSES:
        found.append(f"status: there is no status {status!r}{suggest(str(status), STATUSES)}")
    if justification and justification not in JUSTIFICATIONS:
        found.append(
            f"justification: there is no justification {justification!r}{suggest(str(justification), JUSTIFICATIONS)}"
        )
    if not _named(entry.get("vulnerability")):
        found.append("field 'vulnerability' names none")
    products = entry.get("products")
    if products is not None and not isinstance(products, list):
        found.append("products: should be a list")
    at = entry.get("timestamp")
    if at is not None and _time(at) is None:
        found.append(f"timestamp: {at!r} is no RFC 3339 time")
    return found


def _named(vulnerability: Any) -> tuple[str, ...]:
    """The ids of a vulnerability: a mapping (0.2.0), or the plain text of earlier documents."""
    if isinstance(vulnerability, str):
        return (vulnerability,) if vulnerability else ()
    if not isinstance(vulnerability, dict):
        return ()
    aliases = vulnerability.get("aliases")
    named = [vulnerability.get("name"), *(aliases if isinstance(aliases, list) else ())]
    named += [vulnerability.get("@id")] if not named[0] else []
    return tuple(dict.fromkeys(n for n in named if isinstance(n, str) and n))


def _openvex_statement(
    name: str, value: Mapping[str, Any], entry: Mapping[str, Any], products: Sequence[Product]
) -> Statement:
    status = entry["status"]
    own = OWN_NOTE.match(str(entry.get("status_notes", "")))
    why = [entry.get("impact_statement"), entry.get("action_statement"), entry.get("status_notes")]
    said = next((str(text) for text in why if text and not OWN_NOTE.match(str(text))), "")
    dates = (of.get(key) for of in (entry, value) for key in ("last_updated", "timestamp"))
    return Statement(
        status, _named(entry["vulnerability"]), tuple(products),
        _words(status, entry.get("justification"), said, value.get("author"), name),
        next((at for text in dates if (at := _time(text))), None),
        status in EXCUSING or own is not None, date.fromisoformat(own[1]) if own and own[1] else None,
    )  # fmt: skip


# ---- CycloneDX ----


def _cyclonedx(name: str, value: Mapping[str, Any], text: str, boms: Mapping[tuple[str, str], Bom]) -> Document:
    entries = value.get("vulnerabilities") or []
    if not isinstance(entries, list):
        raise Faulty([(1, "field 'vulnerabilities' should be a list")])
    here = dict(_components(value))
    faults: list[tuple[int, str]] = []
    statements: list[Statement] = []
    unmatched: dict[str, None] = {}
    for number, entry in enumerate(entries):
        wrong = _cyclonedx_faults(entry)
        faults += [(number, said) for said in wrong]
        analysis = entry.get("analysis") if isinstance(entry, dict) else None
        if wrong or not analysis:
            continue  # without an analysis it is a report of a scanner, and says nothing of whether it matters
        products: list[Product] = []
        for affected in entry.get("affects") or [{}]:
            found = _affected(affected, here, boms)
            products += found
            if not found:
                unmatched[str(affected.get("ref", "no product at all"))] = None
        statements.append(_cyclonedx_statement(name, value, entry, products))
    _refuse(faults, text, "vulnerabilities", "vulnerability")
    return Document(name, tuple(statements), tuple(unmatched))


def _cyclonedx_faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["should be a mapping"]
    found = []
    analysis = entry.get("analysis")
    if analysis is not None and not isinstance(analysis, dict):
        return ["analysis: should be a mapping"]
    if analysis:
        state = analysis.get("state")
        if state is None:
            found.append("analysis: field 'state' is missing")
        elif state not in _STATES:
            found.append(f"analysis: there is no state {state!r}{suggest(str(state), _STATES)}")
    if not isinstance(entry.get("id"), str) or not entry["id"]:
        found.append("field 'id' is missing")
    affects = entry.get("affects")
    if affects is not None and not (isinstance(affects, list) and all(isinstance(a, dict) for a in affects)):
        found.append("affects: should be a list of mappings")
    return found


def _cyclonedx_statement(
    name: str, value: Mapping[str, Any], entry: Mapping[str, Any], products: Sequence[Product]
) -> Statement:
    analysis, metadata = entry["analysis"], value.get("metadata")
    status = _STATES[analysis["state"]]
    known = metadata if isinstance(metadata, dict) else {}
    supplier = known.get("supplier") or known.get("manufacture") or known.get("manufacturer") or {}
    references = [r.get("id") for r in entry.get("references") or () if isinstance(r, dict)]
    named = dict.fromkeys(n for n in [entry["id"], *references] if isinstance(n, str) and n)
    times = (analysis.get("lastUpdated"), analysis.get("firstIssued"), entry.get("updated"), known.get("timestamp"))
    return Statement(
        status, tuple(named), tuple(products),
        _words(status, analysis.get("justification"), str(analysis.get("detail") or ""),
               supplier.get("name") if isinstance(supplier, dict) else None, name),
        next((at for text in times if (at := _time(text))), None), status in EXCUSING,
    )  # fmt: skip


def _components(value: Mapping[str, Any]) -> Iterator[tuple[str, Product | None]]:
    metadata = value.get("metadata")
    waiting: list[Any] = [metadata.get("component")] if isinstance(metadata, dict) else []
    waiting += value.get("components") or []
    while waiting:
        component = waiting.pop()
        if isinstance(component, dict):
            waiting += component.get("components") or []
            if isinstance(component.get("bom-ref"), str):
                yield component["bom-ref"], of_component(component)


def _affected(
    affected: Mapping[str, Any], here: Mapping[str, Product | None], boms: Mapping[tuple[str, str], Bom]
) -> list[Product]:
    """What an entry of `affects` means: a component here or in another document, or a purl; with its versions."""
    ref = affected.get("ref")
    if not isinstance(ref, str):
        return []
    product = here.get(ref)
    link = _LINK.match(ref)
    if link and product is None:
        bom = boms.get((link["serial"].lower(), link["version"]))
        product = bom.components.get(link["ref"]) if bom and link["ref"] else None
    product = product or of_ref(link["ref"] or "" if link else ref)
    if product is None:
        return []
    told = [v for v in affected.get("versions") or () if isinstance(v, dict)]
    if not told or product.version:
        return [product]
    return [product.at(str(v.get("version", "")), str(v.get("range", ""))) for v in told]


# ---- both ----


def _words(status: str, justification: Any, said: str, author: Any, name: str) -> str:
    reason = f" ({justification})" if justification else ""
    by = f", says {author}" if author else ""
    text = " ".join(said.split())[:200]
    return f"VEX {status}{reason}{by} in {name.rpartition('/')[2]}{f': {text}' if text else ''}"


def _refuse(faults: list[tuple[int, str]], text: str, key: str, what: str) -> None:
    """Raises `Faulty` where there are faults. `faults`: number of the entry, what is wrong with it."""
    if faults:
        at = lines(text, key)
        raise Faulty([(at[n] if n < len(at) else 1, f"{what} {n + 1}: {said}") for n, said in faults])


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        # nanoseconds, as Go writes them: six digits of the fraction are all that matters
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
