"""What an OpenVEX 0.2.0 document must be, as facts of the format: names, types, and which field needs which other.

After https://github.com/openvex/spec/blob/main/openvex_json_schema.json, written down anew.
"""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_URI = {"type": "string", "format": "uri", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"}
_TIME = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
}
_COUNT = {"type": "integer", "minimum": 1}
_HASHES = (
    "md5", "sha1", "sha-256", "sha-384", "sha-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "blake2s-256",
    "blake2b-256", "blake2b-512",
)  # fmt: skip
STATUSES = ["not_affected", "affected", "fixed", "under_investigation"]
JUSTIFICATIONS = [
    "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
]  # fmt: skip


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """A mapping that knows all its fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def several(items: dict[str, Any]) -> dict[str, Any]:
    """A list in which nothing stands twice."""
    return {"type": "array", "uniqueItems": True, "items": items}


_PART = {
    "@id": _URI,
    "identifiers": closed(dict.fromkeys(("purl", "@cpe22", "@cpe23"), _TEXT)),
    "hashes": closed(dict.fromkeys(_HASHES, _TEXT)),
}
_VULNERABILITY = closed({"@id": _URI, "name": _TEXT, "description": _TEXT, "aliases": several(_TEXT)}, "name")
_ONE_REASON = [
    {"required": ["justification"], "not": {"required": ["impact_statement"]}},
    {"required": ["impact_statement"], "not": {"required": ["justification"]}},
]


def _if_status(status: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"status": {"const": status}}}, "then": then}


_STATEMENT = closed(
    {
        "@id": _URI, "version": _COUNT, "vulnerability": _VULNERABILITY, "timestamp": _TIME, "last_updated": _TIME,
        "products": several(closed({**_PART, "subcomponents": several(closed(_PART))})),
        "status": {"enum": STATUSES}, "supplier": _TEXT, "status_notes": _TEXT,
        "justification": {"enum": JUSTIFICATIONS}, "impact_statement": _TEXT, "action_statement": _TEXT,
        "action_statement_timestamp": _TIME,
    },
    "vulnerability", "status",
    allOf=[
        _if_status("not_affected", {"oneOf": _ONE_REASON}),
        _if_status("affected", {"required": ["action_statement"]}),
    ],
)  # fmt: skip
OPENVEX = closed(
    {
        "@context": _URI, "@id": _URI, "author": _TEXT, "role": _TEXT, "timestamp": _TIME, "last_updated": _TIME,
        "version": _COUNT, "tooling": _TEXT, "statements": {**several(_STATEMENT), "minItems": 1},
    },
    "@context", "@id", "author", "timestamp", "version", "statements",
)  # fmt: skip
