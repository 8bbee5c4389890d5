"""CycloneDX as XML, with or without namespace, turned into the JSON that `cyclonedx` reads.

Also the vulnerability extension of 1.2 and 1.3, where a vulnerability stands by its component.
https://cyclonedx.org/docs/1.6/xml/, https://cyclonedx.org/ext/vulnerability/
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import msgspec

from triagebot.errors import ReportError
from triagebot.formats import documents


def as_json(text: bytes) -> bytes:
    """The document as CycloneDX JSON. Raises `ReportError` where the XML is of another kind."""
    root = documents.from_xml(text)
    if _name(root) != "bom":
        raise ReportError("", f"XML of another kind (its root: {_name(root)}); nearest: cyclonedx",
                          "of XML, CycloneDX is read")  # fmt: skip
    inside: list[dict[str, Any]] = []
    for at, component in enumerate(c for c in root.iter() if _name(c) == "component"):
        component.set("bom-ref", component.get("bom-ref") or component.get("ref") or f"component {at}")
        for element in _children(_child(component, "vulnerabilities"), "vulnerability"):
            inside.append({**_vulnerability(element), "affects": [{"ref": component.get("bom-ref"), "versions": []}]})
    vulnerabilities = [*inside, *map(_vulnerability, _children(_child(root, "vulnerabilities"), "vulnerability"))]
    held = any(_name(element) == "vulnerabilities" for element in root.iter())
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "xml",
        "metadata": _metadata(_child(root, "metadata")),
    }
    made["components"] = [_component(c) for c in _children(_child(root, "components"), "component")]
    if held:
        made["vulnerabilities"] = vulnerabilities
    return msgspec.json.encode(made)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: Element | None, name: str) -> list[Element]:
    return [c for c in element if _name(c) == name] if element is not None else []


def _child(element: Element | None, *path: str) -> Element | None:
    for name in path:
        element = next(iter(_children(element, name)), None)
    return element


def _text(element: Element | None, *path: str) -> str:
    found = _child(element, *path)
    return (found.text or "").strip() if found is not None else ""


def _metadata(element: Element | None) -> dict[str, Any]:
    tools = _child(element, "tools")
    made = [*_children(tools, "tool"), *_children(_child(tools, "components"), "component")]
    subject = _child(element, "component")
    return {
        "timestamp": _text(element, "timestamp"),
        "tools": [{"name": _text(t, "name"), "version": _text(t, "version")} for t in made],
        "component": None if subject is None else _component(subject),
    }


def _component(element: Element) -> dict[str, Any]:
    held = {name: _text(element, name) for name in ("group", "name", "version", "purl")}
    properties = _children(_child(element, "properties"), "property")
    return {
        **held, "type": element.get("type", ""), "bom-ref": element.get("bom-ref", ""),
        "properties": [{"name": p.get("name", ""), "value": (p.text or "").strip()} for p in properties],
        "components": [_component(c) for c in _children(_child(element, "components"), "component")],
    }  # fmt: skip


def _vulnerability(element: Element) -> dict[str, Any]:
    source = _child(element, "source")
    told = [_rating(rating) for rating in _children(_child(element, "ratings"), "rating")]
    affects = [
        {"ref": _text(target, "ref"), "versions": [{"version": _text(v, "version")} for v in
         _children(_child(target, "versions"), "version")]}
        for target in _children(_child(element, "affects"), "target")
    ]  # fmt: skip
    if element.get("ref"):
        affects.append({"ref": element.get("ref", ""), "versions": []})
    analysis = _child(element, "analysis")
    references = _children(_child(element, "references"), "reference")
    made: dict[str, Any] = {
        "id": _text(element, "id"), "ratings": told, "affects": affects,
        "description": _text(element, "description"), "recommendation": _text(element, "recommendation"),
        "references": [{"id": _text(reference, "id")} for reference in references],
    }  # fmt: skip
    if source is not None:
        made["source"] = {"name": _text(source, "name") or source.get("name", ""), "url": _text(source, "url")}
    if analysis is not None:
        responses = _children(_child(analysis, "responses"), "response")
        made["analysis"] = {
            "state": _text(analysis, "state"), "response": [(r.text or "").strip() for r in responses],
        }  # fmt: skip
    return made


def _rating(element: Element) -> dict[str, Any]:
    score = _text(element, "score") or _text(element, "score", "base")
    made: dict[str, Any] = {"severity": _text(element, "severity").lower(), "method": _text(element, "method")}
    try:
        made["score"] = float(score)
    except ValueError:
        made["score"] = None
    name = _text(element, "source", "name")
    return {**made, "source": {"name": name}} if name else made
