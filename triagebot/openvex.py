"""OpenVEX 0.2.0, and the older spellings seen: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from triagebot.files import suggest
from triagebot.jsonplaces import Faulty
from triagebot.products import Product, of_openvex
from triagebot.statements import Document, Entries, Statement, gathered, moment, worded

CONTEXT = "https://openvex.dev/ns/v0.2.0"
STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
EXCUSING = ("not_affected", "fixed")
JUSTIFICATIONS = (
    "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
)  # fmt: skip
OWN_NOTE = re.compile(r"^triagebot: excused(?: until (\d{4}-\d\d-\d\d))?;")
"""How a statement of ours says that it excuses, whatever its status: people accept risks that do affect them."""


def read(name: str, value: Mapping[str, Any], text: str) -> Document:
    """What a document says. `text`: as it was written, for the lines of faults. Raises `Faulty` with every fault."""
    entries = value.get("statements")
    if not isinstance(entries, list):
        raise Faulty([(1, "field 'statements' should be a list")])
    context = value.get("@context", "")
    if not (isinstance(context, str) and "openvex" in context):
        raise Faulty([(1, f"'@context' should name OpenVEX ({CONTEXT}), not {context!r}")])

    def said_by(entry: Mapping[str, Any]) -> tuple[Statement, list[str]]:
        own = OWN_NOTE.match(str(entry.get("status_notes", ""))) is not None
        products, unknown = of_openvex(entry.get("products") or (), entry.get("subcomponents"), exact=own)
        unmatched = [*unknown] if entry.get("products") else ["no product at all"]
        return _statement(name, value, entry, products), unmatched

    return gathered(name, Entries(entries, text, "statements", "statement"), _faults, said_by)


def _faults(entry: Any) -> list[str]:
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
    if not isinstance(entry.get("subcomponents"), list | None):
        found.append("subcomponents: should be a list")
    for product in products if isinstance(products, list) else ():
        if isinstance(product, dict) and not isinstance(product.get("subcomponents"), list | None):
            found.append("products: subcomponents: should be a list")
    for field in ("timestamp", "last_updated"):
        if entry.get(field) is not None and moment(entry[field]) is None:
            found.append(f"{field}: {entry[field]!r} is no RFC 3339 time")
    note = str(entry.get("status_notes", ""))
    if (own := OWN_NOTE.match(note)) and own[1] and _day(own[1]) is None:
        found.append(f"status_notes: {own[1]!r} is no date; write for example 2027-01-31")
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


def _statement(name: str, value: Mapping[str, Any], entry: Mapping[str, Any], products: Sequence[Product]) -> Statement:
    status = entry["status"]
    own = OWN_NOTE.match(str(entry.get("status_notes", "")))
    why = [entry.get("impact_statement"), entry.get("action_statement"), entry.get("status_notes")]
    said = next((str(text) for text in why if text and not OWN_NOTE.match(str(text))), "")
    dates = (of.get(key) for of in (entry, value) for key in ("last_updated", "timestamp"))
    return Statement(
        status, _named(entry["vulnerability"]), tuple(products),
        worded(status, entry.get("justification"), said, value.get("author"), name),
        next((at for text in dates if (at := moment(text))), None),
        status in EXCUSING or own is not None, _day(own[1]) if own and own[1] else None, own is not None,
    )  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
