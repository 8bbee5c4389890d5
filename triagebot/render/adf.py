"""Texts as documents of Jira Cloud: plain JSON nodes, built here. Text from a scan only ever becomes a text node.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triagebot.render.escape import markdown_url, plain

Node = dict[str, Any]
Values = Mapping[str, Any]

FOOT = "This block is kept up to date by triagebot; write outside it."
"""How the managed block ends; the tracker finds it by these words."""

HEAD = "triagebot: "
"""How the title of the panel begins that the managed block begins with."""


def told(template: str, values: Values) -> str:
    """A list of block nodes as compact JSON."""
    return json.dumps(_TEMPLATES[template](values), ensure_ascii=False, separators=(",", ":"))


def text(said: object, *marks: str, link: str = "", limit: int = 300) -> list[Node]:
    """A text node; none for nothing, which is no text in ADF."""
    shown = plain(said, limit)
    marked: list[Node] = [{"type": mark} for mark in marks]
    marked += [{"type": "link", "attrs": {"href": link}}] if link else []
    return [{"type": "text", "text": shown, **({"marks": marked} if marked else {})}] if shown else []


def words(said: str) -> list[Node]:
    """Our own words, with the spaces at their ends."""
    return [{"type": "text", "text": said}] if said else []


def code(said: object, limit: int = 300) -> list[Node]:
    """Text in a fixed-width font."""
    return text(said, "code", limit=limit)


def paragraph(*parts: Sequence[Node]) -> Node:
    """Inline nodes in a row."""
    return {"type": "paragraph", "content": [node for part in parts for node in part]}


def heading(said: str) -> Node:
    """A heading of the third level."""
    return {"type": "heading", "attrs": {"level": 3}, "content": words(said)}


def bullets(items: Sequence[Sequence[Node]], more: int = 0) -> list[Node]:
    """A list, one paragraph an item; nothing where there are none."""
    rows = [*items, *([words(f"and {more} more")] if more else [])]
    listed = [{"type": "listItem", "content": [paragraph(row)]} for row in rows]
    return [{"type": "bulletList", "content": listed}] if listed else []


def table(heads: Sequence[str], rows: Sequence[Sequence[Sequence[Node]]], more: int = 0) -> list[Node]:
    """A table with a row of heads, and how many rows it leaves out."""
    top = [{"type": "tableHeader", "attrs": {}, "content": [paragraph(words(head))]} for head in heads]
    body = [[{"type": "tableCell", "attrs": {}, "content": [paragraph(cell)]} for cell in row] for row in rows]
    made: Node = {"type": "table", "content": [{"type": "tableRow", "content": row} for row in (top, *body)]}
    return [made, *([paragraph(words(f"and {more} more"))] if more else [])]


def panel(kind: str, *content: Node) -> Node:
    """A coloured box."""
    return {"type": "panel", "attrs": {"panelType": kind}, "content": list(content)}


def _ticket(v: Values) -> list[Node]:
    draft, by_image = v["draft"], v["by_image"]
    count = len(draft.lines)
    many = "vulnerability" if count == 1 else "vulnerabilities"
    due = f", due {v['due']}" if v["due"] else ""
    title = paragraph([{"type": "text", "text": f"{HEAD}Priority {v['priority']}{due}", "marks": [{"type": "strong"}]}])
    reasons = [paragraph(text(" ".join(v["reasons"]), limit=2000))] if v["reasons"] else []
    kind = "error" if v["priority"] in ("P0", "P1") else "warning"
    if by_image:
        rest = f" has {count} {many} that an upgrade can fix or that must be dealt with now."
        lead = paragraph(words("Image "), code(draft.subject, 200), words(rest))
    else:
        images = len(v["assets"])
        where = f" has {count} {many} in {images} {'image' if images == 1 else 'images'} of "
        lead = paragraph(
            words("Package "), code(draft.subject, 200), words(where), text(draft.team_name), words(".")
        )  # fmt: skip
    made = [panel(kind, title, *reasons), lead]
    if draft.mention and v["show_mention"]:
        made.append(paragraph(text(draft.mention)))
    if draft.is_stale:
        stale = "Not looked at by the last scans: what stands here is what was last seen."
        made.append(panel("note", paragraph(words(stale))))
    made += [heading("What to do"), *bullets([_upgrade(u) for u in v["upgrades"]], v["more_upgrades"])]
    made += [heading("Vulnerabilities"), *_findings(v["lines"], v["more_lines"], by_image)]
    if v["attached"]:
        made += [heading("Also there"), *_findings(v["attached"], v["more_attached"], by_image)]
    if v["excused"]:
        made += [heading("Excused"), *bullets([_excuse(line) for line in v["excused"]], v["more_excused"])]
    foot = f"{FOOT} Resolve the issue as Won\u2019t Do to decide against it."
    return [*made, paragraph([{"type": "text", "text": foot, "marks": [{"type": "em"}]}])]


def _upgrade(u: Any) -> list[Node]:
    many = "vulnerability" if u.count == 1 else "vulnerabilities"
    if u.to:
        said = [*words("Upgrade "), *code(u.name), *words(" to "), *code(u.to)]
    else:
        said = [*words("Deal with "), *code(u.name), *words(" (no fixed version is known)")]
    said += words(f": clears {u.count} {many}{' in ' if u.places else ''}")
    for at, place in enumerate(u.places):
        said += [*words(", " if at else ""), *code(place)]
    return [*said, *words(f" and {u.more_places} more" if u.more_places else "")]


def _findings(lines: Sequence[Any], more: int, by_image: bool) -> list[Node]:
    heads = ["Severity", "Vulnerability", "Package", "Installed", "Fixed in", "What it is"]

    def row(line: Any) -> list[list[Node]]:
        told = [
            text(line.severity), text(line.vulnerability, link=markdown_url(line.url)), code(line.name),
            code(", ".join(line.installed)), code(line.fixed), text(line.title),
        ]  # fmt: skip
        return told if by_image else [code(line.asset, 200), *told]

    return table(heads if by_image else ["Image", *heads], [row(line) for line in lines], more)


def _excuse(line: Any) -> list[Node]:
    address = markdown_url(line.excuse_url)
    where = [*words(" ("), *text(address, link=address), *words(")")] if address else []
    return [*text(line.vulnerability), *words(" in "), *code(line.name), *words(": "), *text(line.excuse), *where]


def _closing(v: Values) -> list[Node]:
    draft = v["draft"]
    made = [panel("success" if v["is_done"] else "info", paragraph(words(v["verdict"])))]
    if draft.want == "decided":
        made += bullets([_excuse(line) for line in v["excused"]], v["more_excused"])
    elif draft.gone and v["is_done"]:
        rows = [
            [text(g.vulnerability), code(g.name), code(f"{g.before} {g.version_before}"), _after(g), code(g.label)]
            for g in v["gone"]
        ]
        made += table(["Vulnerability", "Package", "Before", "After", "Seen in scan"], rows, v["more_gone"])
    return made


def _after(g: Any) -> list[Node]:
    if g.how not in ("fixed", "withdrawn"):
        return words(g.how)
    said = code(f"{g.after} {g.version_after or 'not reported any more'}")
    return [*said, *words(" (advisory withdrawn)" if g.how == "withdrawn" else "")]


def _named(v: Values) -> list[Node]:
    def item(line: Any) -> list[Node]:
        fixed = [*words(", fixed in "), *code(line.fixed)] if line.fixed else []
        return [
            *words(f"{line.severity} "), *text(line.vulnerability), *words(" in "), *code(line.name),
            *words(" " if line.installed else ""), *code(", ".join(line.installed)), *fixed,
        ]  # fmt: skip

    return bullets([item(line) for line in v["lines"]], v["more_lines"])


def _news(v: Values) -> list[Node]:
    return [*(paragraph(words(said)) for said in v["said"]), *_named(v)]


def _reopened(v: Values) -> list[Node]:
    return [panel("warning", paragraph(words("Reopened: "), text(v["reason"]), words("."))), *_named(v)]


def _moved(v: Values) -> list[Node]:
    there = v["there"]
    return [paragraph(words("Moved: the work goes on in "), text(there, link=markdown_url(there)), words("."))]


_TEMPLATES: dict[str, Callable[[Values], list[Node]]] = {
    "ticket": _ticket, "closing": _closing, "news": _news, "reopened": _reopened, "moved": _moved,
}  # fmt: skip
