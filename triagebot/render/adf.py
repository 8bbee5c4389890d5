"""Texts as documents of Jira Cloud, from the nodes of `adf_nodes`. Jira counts the JSON against its limit: be brief.

What markup would escape needs no escape here; only links are checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triagebot.render.adf_nodes import Node, bullets, code, heading, panel, paragraph, strong, table, text, words
from triagebot.render.escape import markdown_url, plain

Values = Mapping[str, Any]

FOOT = "This block is kept up to date by triagebot; write outside it."
"""How the managed block ends; the tracker finds it by these words."""

HEAD = "triagebot: "
"""How the title of the panel begins that the managed block begins with."""


def told(template: str, values: Values) -> str:
    """A list of block nodes as compact JSON."""
    return json.dumps(_TEMPLATES[template](values), ensure_ascii=False, separators=(",", ":"))


def named(there: str) -> str:
    """How a comment names a ticket, as the JSON that stands in it."""
    return json.dumps(text(there, link=markdown_url(there)), ensure_ascii=False, separators=(",", ":"))[1:-1]


def _ticket(v: Values) -> list[Node]:
    draft, by_image = v["draft"], v["by_image"]
    many = f" has {v['to_act_on']}"
    if by_image:
        lead = paragraph(words("Image "), code(draft.subject, 200), words(f"{many}; {v['cleared']}."))
    else:
        where, end = words(f"{many} in {v['images']} of "), words(f"; {v['cleared']}.")
        lead = paragraph(words("Package "), code(draft.subject, 200), where, text(draft.team_name), end)
    heads = [*([] if by_image else ["Image"]), "Severity", "Vulnerability", "Package", "What it is"]
    return _framed(v, lead, [_upgrade(u) for u in v["upgrades"]], "Vulnerabilities", heads, lambda x: _row(x, by_image))


def _posture(v: Values) -> list[Node]:
    advice = "No upgrade mends this: change what is deployed or built."
    lead = paragraph(code(v["draft"].subject, 200), words(f" has {v['found']} to deal with. {advice}"))

    def row(line: Any) -> list[list[Node]]:
        place = v["where"].get(line.id, line.asset)
        return [text(line.severity), _linked(line), text(place, limit=200), text(line.title)]

    heads = ["Severity", "Check", "Where", "What it is"]
    return _framed(v, lead, [_task(t) for t in v["upgrades"]], "Findings", heads, row)


def _framed(
    v: Values,
    lead: Node,
    todo: Sequence[Sequence[Node]],
    title: str,
    heads: Sequence[str],
    row: Callable[[Any], list[list[Node]]],
) -> list[Node]:
    """A ticket around what it is about: the verdict, what to do, the findings, what is excused."""
    draft = v["draft"]
    due = f", due {v['due']}" if v["due"] else ""
    verdict = paragraph(strong(f"{HEAD}Priority {v['priority']}{due}"))
    made = [panel("error" if v["priority"] in ("P0", "P1") else "warning", verdict, *_reasons(v)), lead]
    if draft.mention and v["show_mention"]:
        made.append(paragraph(text(draft.mention)))
    if draft.is_stale:
        stale = "Not looked at by the last scans: what stands here is what was last seen."
        made.append(panel("note", paragraph(words(stale))))
    made += [heading("What to do"), *bullets(todo, v["more_upgrades"])]
    made += [heading(title), *table(heads, [row(line) for line in v["lines"]], v["more_lines"])]
    if v["attached"]:
        made += [heading("For information"), paragraph(words("Found here too; nothing to do about these now."))]
        made += table(heads, [row(x) for x in v["attached"]], v["more_attached"])
    if v["excused"]:
        made += [heading("Excused"), *bullets([_excuse(line) for line in v["excused"]], v["more_excused"])]
    decide = f"resolve the issue as Won\u2019t Do: these findings are then left alone for {v['spared']}"
    end = f"To decide against it, {decide}; anything new reopens it. When a scan shows that all is gone, "
    made.append(paragraph(words(f"{end}triagebot closes it.")))
    return [*made, paragraph([{"type": "text", "text": FOOT, "marks": [{"type": "em"}]}])]


def _reasons(v: Values) -> list[Node]:
    reasons = v["reasons"]
    if len(reasons) == 1:
        return [paragraph(words("Why: "), text(reasons[0][1]))]
    listed = [[*words(f"{what}: "), *text(because)] for what, because in reasons]
    return [paragraph(words("Why:")), *bullets(listed, v["more_reasons"])] if reasons else []


def _upgrade(u: Any) -> list[Node]:
    if u.to:
        said = [
            *words("Upgrade "),
            *code(u.name),
            *words(" to "),
            *code(u.to),
            *_packages(u),
            *words(": clears " + u.told),
        ]
    else:
        rest = f" is known yet for {u.told}: remove it, work around it or decide against it"
        said = [*words("No fixed version of "), *code(u.name), *_packages(u), *words(rest)]
    return [*said, *words(", in " if u.places else ""), *_places(u)]


def _packages(u: Any) -> list[Node]:
    if not u.packages:
        return []
    more = f" and {u.more_packages} more" if u.more_packages else ""
    return [
        *words(" (packages "),
        *text(", ".join(plain(name, 120) for name in u.packages), limit=800),
        *words(more + ")"),
    ]


def _task(t: Any) -> list[Node]:
    what = plain(t.what, 120)
    if t.is_secret:
        said = [*words("Revoke and replace the secret "), *code(t.check), *words(f" ({what})" if what else "")]
        return [*said, *words(" first, then remove it from where it lies and from its history: "), *_places(t)]
    check = text(t.check, link=markdown_url(t.url))
    named = [*words(f"Put right \u201c{what}\u201d ("), *check, *words(")")] if what else [*words("Put right "), *check]
    return [*named, *words(": "), *_places(t)]


def _places(u: Any) -> list[Node]:
    more = f" and {u.more_places} more" if u.more_places else ""
    return [*text(", ".join(plain(place, 120) for place in u.places), limit=800), *words(more)]


def _row(line: Any, by_image: bool) -> list[list[Node]]:
    """One finding. What is installed and what fixes it stand in one cell: a cell takes 90 characters by itself."""
    package = " ".join(filter(None, (line.name, ", ".join(line.installed))))
    fixed = f", fixed in {line.fixed}" if line.fixed else ", no fix yet"
    severity = line.severity
    if line.others:
        severity += f" ({line.severity_source}; {', '.join(line.others)})"
    told = [text(severity), _linked(line), text(package + fixed), text(line.title)]
    return told if by_image else [text(line.asset, limit=200), *told]


def _linked(line: Any) -> list[Node]:
    return text(line.vulnerability, link=markdown_url(line.url))


def _excuse(line: Any) -> list[Node]:
    address = markdown_url(line.excuse_url)
    where = [*words(" ("), *text(address, link=address), *words(")")] if address else []
    return [*text(line.vulnerability), *words(" in "), *code(line.name), *words(": "), *text(line.excuse), *where]


def _below(b: Any) -> list[Node]:
    said = "ignores it" if b.ignored else "makes no ticket of it"
    because = [*words(" ("), *text(b.because), *words(")")] if b.because else []
    named = [*text(b.vulnerability), *words(" in "), *code(b.name), *words(": rule "), *code(b.rule)]
    return [*named, *words(f" {said}"), *because]


def _closing(v: Values) -> list[Node]:
    draft = v["draft"]
    made = [panel("success" if v["is_done"] else "info", paragraph(words(v["verdict"])))]
    if not v["is_done"] and draft.want != "retired":
        made += bullets([_excuse(line) for line in v["excused"]], v["more_excused"])
        made += bullets([_below(b) for b in v["below"]], v["more_below"])
    if v["has_gone"]:
        what = _POSTURE_EVIDENCE if draft.is_posture else _EVIDENCE
        made += table(what, [_left(left, draft.is_posture) for left in v["gone"]], v["more_gone"])
    return made


_EVIDENCE = [
    "Vulnerability", "Package", "Image before", "Version before", "Image after", "Version after", "Gone in scan",
]  # fmt: skip
_POSTURE_EVIDENCE = ["Check", "Policy or place", "Before", "After", "Gone in scan"]


def _left(left: Any, is_posture: bool) -> list[list[Node]]:
    """One row of evidence."""
    g, said = left.gone, left.said
    named = [text(g.vulnerability), text(g.name), text(g.before)]
    if is_posture:
        after = [*text(left.after), *words(f" {said}" if left.after and said else said)]
        return [*named, after, text(g.label)]
    version = text(left.version_after)
    version += words(f" ({said})" if version and said else said)
    return [*named, text(g.version_before), text(left.after), version, text(g.label)]


def _named(v: Values) -> list[Node]:
    def item(line: Any) -> list[Node]:
        fixed = [*words(", fixed in "), *code(line.fixed)] if line.fixed else []
        return [
            *words(f"{line.severity} "), *text(line.vulnerability), *words(" in "), *code(line.name),
            *words(" " if line.installed else ""), *code(", ".join(line.installed)), *fixed,
        ]  # fmt: skip

    return bullets([item(line) for line in v["lines"]], v["more_lines"])


def _news(v: Values) -> list[Node]:
    made, raised = [], v["raised"]
    if raised:
        more = f" and {raised.more} more" if raised.more else ""
        made.append(paragraph(
            words(f"Priority raised from {raised.was} to {raised.now} by "), text(raised.line.vulnerability),
            words(" in "), code(raised.line.name), words(f"{more}: "), text(raised.because),
        ))  # fmt: skip
    if v["count"]:
        made.append(paragraph(words(f"New since this ticket was last updated: {v['count']} critical or high.")))
    if v["again"]:
        made.append(paragraph(words(f"{v['known']}: {v['again']} critical or high.")))
    return [*made, *_named(v)]


def _reopened(v: Values) -> list[Node]:
    made = [panel("warning", paragraph(words("Reopened: "), text(v["reason"]), words(".")))]
    if v["scans"]:
        one = len(v["scans"]) == 1
        more = f" and {v['more_images']} more" if v["more_images"] else ""
        made.append(paragraph(
            words("Scan " if one else "Scans "), _listed(v["scans"]),
            words(" shows this in " if one else " show this in "), _listed(v["images"]), words(f"{more}."),
        ))  # fmt: skip
    return [*made, *([paragraph(words(v["then"]))] if v["then"] else []), *_named(v)]


def _listed(names: Sequence[str]) -> list[Node]:
    return [node for at, name in enumerate(names) for node in (*words(", " if at else ""), *code(name))]


def _moved(v: Values) -> list[Node]:
    there = v["there"]
    why = [*words(" "), *text(v["why"])] if v["why"] else []
    return [paragraph(words("Moved: the work goes on in "), text(there, link=markdown_url(there)), words("."), why)]


_TEMPLATES: dict[str, Callable[[Values], list[Node]]] = {
    "ticket": _ticket, "posture": _posture, "closing": _closing, "news": _news, "reopened": _reopened, "moved": _moved,
}  # fmt: skip
