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


def _ticket(v: Values) -> list[Node]:
    draft, by_image = v["draft"], v["by_image"]
    count = len(draft.lines)
    many = _many(count, "vulnerability", "vulnerabilities")
    if by_image:
        rest = f" has {many} that an upgrade can fix or that must be dealt with now."
        lead = paragraph(words("Image "), code(draft.subject, 200), words(rest))
    else:
        where = f" has {many} in {_many(len(v['assets']), 'image', 'images')} of "
        lead = paragraph(
            words("Package "), code(draft.subject, 200), words(where), text(draft.team_name), words(".")
        )  # fmt: skip
    heads = [*([] if by_image else ["Image"]), "Severity", "Vulnerability", "Package", "What it is"]
    return _framed(v, lead, [_upgrade(u) for u in v["upgrades"]], "Vulnerabilities", heads, lambda x: _row(x, by_image))


def _posture(v: Values) -> list[Node]:
    draft, secrets = v["draft"], v["secrets"]
    faults = len(draft.lines) - secrets
    said = [_many(faults, "fault", "faults") + " of configuration"] if faults else []
    said += [_many(secrets, "secret that lies", "secrets that lie") + " open"] if secrets else []
    advice = "An upgrade does not put this right: a change of what is deployed or built does."
    lead = paragraph(code(draft.subject, 200), words(f" has {' and '.join(said)}. {advice}"))

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
    reasons = [paragraph(text(" ".join(v["reasons"]), limit=2000))] if v["reasons"] else []
    made = [panel("error" if v["priority"] in ("P0", "P1") else "warning", verdict, *reasons), lead]
    if draft.mention and v["show_mention"]:
        made.append(paragraph(text(draft.mention)))
    if draft.is_stale:
        stale = "Not looked at by the last scans: what stands here is what was last seen."
        made.append(panel("note", paragraph(words(stale))))
    made += [heading("What to do"), *bullets(todo, v["more_upgrades"])]
    made += [heading(title), *table(heads, [row(line) for line in v["lines"]], v["more_lines"])]
    if v["attached"]:
        made += [heading("Also there"), *table(heads, [row(x) for x in v["attached"]], v["more_attached"])]
    if v["excused"]:
        made += [heading("Excused"), *bullets([_excuse(line) for line in v["excused"]], v["more_excused"])]
    foot = f"{FOOT} Resolve the issue as Won\u2019t Do to decide against it."
    return [*made, paragraph([{"type": "text", "text": foot, "marks": [{"type": "em"}]}])]


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _upgrade(u: Any) -> list[Node]:
    if u.to:
        said = [*words("Upgrade "), *code(u.name), *words(" to "), *code(u.to)]
    else:
        said = [*words("Deal with "), *code(u.name), *words(" (no fixed version is known)")]
    many = _many(u.count, "vulnerability", "vulnerabilities")
    return [*said, *words(f": clears {many}{' in ' if u.places else ''}"), *_places(u)]


def _task(t: Any) -> list[Node]:
    said = [*words("Take the secret "), *code(t.check), *words(" out and replace it")] if t.is_secret else [
        *words("Put right "), *code(t.check)]  # fmt: skip
    what = [*words(" ("), *text(t.what, limit=120), *words(")")] if plain(t.what) else []
    return [*said, *what, *words(": "), *_places(t)]


def _places(u: Any) -> list[Node]:
    more = f" and {u.more_places} more" if u.more_places else ""
    return [*text(", ".join(plain(place, 120) for place in u.places), limit=800), *words(more)]


def _row(line: Any, by_image: bool) -> list[list[Node]]:
    """One finding. What is installed and what fixes it stand in one cell: a cell takes 90 characters by itself."""
    package = " ".join(filter(None, (line.name, ", ".join(line.installed))))
    fixed = f", fixed in {line.fixed}" if line.fixed else ""
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


def _closing(v: Values) -> list[Node]:
    draft = v["draft"]
    made = [panel("success" if v["is_done"] else "info", paragraph(words(v["verdict"])))]
    if draft.want == "decided":
        made += bullets([_excuse(line) for line in v["excused"]], v["more_excused"])
    elif draft.gone and v["is_done"]:
        rows = [
            [text(g.vulnerability), text(g.name), text(f"{g.before} {g.version_before}"), _after(g), text(g.label)]
            for g in v["gone"]
        ]
        what = ["Check", "Policy or place"] if draft.is_posture else ["Vulnerability", "Package"]
        made += table([*what, "Before", "After", "Seen in scan"], rows, v["more_gone"])
    return made


def _after(g: Any) -> list[Node]:
    if g.how not in ("fixed", "withdrawn"):
        return words(g.how)
    said = text(f"{g.after} {g.version_after or 'not reported any more'}")
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
    "ticket": _ticket, "posture": _posture, "closing": _closing, "news": _news, "reopened": _reopened, "moved": _moved,
}  # fmt: skip
