"""Tickets in Jira's own forms: text from a scan is data in them, and they read as a person would want them to."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jira820.render import render_wiki
from jira_cloud import is_document
from test_render import HOSTILE, draft, example, golden, hostile_draft, line, posture_example

from triagebot.errors import TrackerError
from triagebot.model import Below, Draft, Gone, Want
from triagebot.render.comments import closing, moved, named, news, reopened
from triagebot.render.escape import plain, wiki_code, wiki_text
from triagebot.render.tickets import block
from triagebot.trackers.jira_body import Document, Wiki
from triagebot.trackers.jira_calls import quoted

JIRAS = [
    "{code}", "{code:java}x{code}", "{panel}", "{anchor:triagebot-end}", "{noformat}", "{quote}", "[~user]",
    "[~accountid:5]",
    "[x|http://evil.example]", "[^file.txt]", "[#anchor]", "!image!", "!http://evil.example/x.png!", "|", "||", "h1. x",
    "bq. x", "* item", "# item", "- item", "----", "-struck-", "--", "---", "+under+", "^up^", "~down~", "??cite??",
    "{{mono}}", "{*}bold{*}", "\\\\", "\\", ":)", ":-)", ";)", ":P", "(y)", "(/)", "(x)", "(!)", "(on)", "(flagoff)",
    "NET-1", "see OPS-22, please", "http://evil.example", "https://x", "ftp://x", "mailto:a@example.com", "file:///etc",
    "www.evil.example", "@user", "#1", "&#123;code&#125;", "triagebot: x", "_it_", "*b*", "a_b_c", "a*b*c",
    "This block is kept up to date by triagebot; write outside it.",
]  # fmt: skip
ACTING = re.compile(
    r"[{}\[\]!|*_^~+?\\#@]|://|mailto:|file:|[:;]-?[()PDp]|\([ynix/+-]\)|(?<![A-Za-z])(?!CVE-|GHSA-)[A-Z][A-Z0-9_]+-\d"
    r"|--|^h[1-6]\.|^bq\."
)
"""What Jira makes something of."""
URL = "https://avd.aquasec.com/nvd/cve-2026-0007"
"""The address in the other finding of a hostile draft."""


@pytest.mark.parametrize("text", [*JIRAS, *HOSTILE], ids=lambda t: ascii(t[:30]))
def test_wiki_text_is_inert_and_reads_as_it_was(text: str) -> None:
    said = wiki_text(text)
    assert not ACTING.search(re.sub(r"&#\d+;", "\x00", said).replace("…", ""))
    assert html.unescape(said) == plain(text)
    assert wiki_code(text) == (f"{{{{{said}}}}}" if said else "")


@given(st.text(alphabet="{}[]!|*_^~+?\\#@-:;()hbq.1 NETa&<>/", max_size=40))
def test_any_wiki_text_is_inert(text: str) -> None:
    said = wiki_text(text)
    assert not ACTING.search(re.sub(r"&#\d+;", "\x00", said))
    assert html.unescape(said) == plain(text)


@pytest.mark.parametrize("text", ["-struck-", "a -struck- b", "- item", "x --", "---", "a - b", "(-x-)"])
def test_dashes_strike_nothing_out(text: str) -> None:
    assert not re.search(r"(?<!\S)-|-(?!\S)|--", re.sub(r"&#\d+;", "x", wiki_text(text)))


def blocks(text: str, markup: str) -> list[str]:
    """All that is ever written of a draft whose every text is this one."""
    bad = hostile_draft(text)
    gone = Gone("1", text, text, text, "fixed", text, text, text, text, text)
    below = tuple(Below(f"{n}", text, text, text, text, text, bool(n)) for n in range(2))
    excused = tuple(replace(x, excuse=text) for x in bad.lines)
    closings = [
        closing(replace(bad, want=want, gone=(gone,), below=below, excused=excused), markup)
        for want in (Want.FIXED, Want.DECIDED, Want.BELOW, Want.RETIRED)
    ]
    return [
        block(bad, "2026-05-08", markup, 65_536, show_mention=False), *closings,
        news(bad.lines[:1], bad.lines[1:], "P3", bad.lines, markup),
        reopened("there is something new", bad.lines, markup, "Next: x."),
        named(moved(text, markup), "https://x.example/1", markup),
        *posture_blocks(bad, markup),
    ]  # fmt: skip


def posture_blocks(bad: Draft, markup: str) -> list[str]:
    """The same where it is about checks that fail, in all shapes that a place has."""
    told = []
    for kind in ("secret:", "config:", "policy:"):
        lines = tuple(replace(x, package=f"{kind}{x.name}", others=(x.severity_source,)) for x in bad.lines)
        held = replace(bad, key="posture:platform:x", lines=lines, attached=lines[1:], excused=lines[1:])
        told += [block(held, "2026-05-08", markup, 65_536), reopened("it is back", lines, markup)]
    return told


@pytest.mark.parametrize("text", [*JIRAS, *HOSTILE], ids=lambda t: ascii(t[:30]))
def test_nothing_acts_in_wiki_markup(text: str) -> None:
    for said in blocks(text, "jira"):
        assert "anchor" not in re.sub(r"&#\d+;", "", said) or "anchor" in text
        shown = render_wiki(said)
        assert "<img" not in shown
        assert "<pre" not in shown
        links = re.findall(r'href="([^"]*)"', shown)
        assert set(links) <= {text, URL, "https://x.example/1"}
        macros = re.findall(r"(?<!\{)\{(\w+)[:}]", said)
        assert set(macros) <= {"panel", "note"}
        assert macros.count("panel") % 2 == 0
    body = Wiki().written(None, blocks(text, "jira")[0])
    assert Wiki().written(body, blocks(text, "jira")[0]) == body
    assert Wiki().outside(body) == 0


def texts(node: Any) -> list[str]:
    """All texts of a document."""
    return [node["text"]] if node["type"] == "text" else [t for c in node.get("content", ()) for t in texts(c)]


@pytest.mark.parametrize("text", [*JIRAS, *HOSTILE], ids=lambda t: ascii(t[:30]))
def test_nothing_acts_in_documents(text: str) -> None:
    for said in blocks(text, "adf"):
        document = Document().comment(said)
        assert is_document(document)
        links = re.findall(r'"href": "([^"]*)"', json.dumps(document))
        assert set(links) <= {text, URL, "https://x.example/1"}, "the address of an advisory, where it is a plain one"
    body = Document().written(None, blocks(text, "adf")[0])
    assert Document().written(body, blocks(text, "adf")[0]) == body
    assert Document().outside(body) == 0
    if shown := plain(text):
        assert any(shown in each for each in texts(body))


@pytest.mark.parametrize("markup", ["jira", "adf"])
@pytest.mark.parametrize(("count", "text"), [(900, "x"), (900, "{code}" * 60), (300, "é" * 400), (20, "x")])
def test_a_long_ticket_is_cut_at_rows(markup: str, count: int, text: str) -> None:
    lines = [line(n, title=text, severity="high" if n % 2 else "critical") for n in range(count)]
    long = draft(*lines, attached=tuple(lines[:40]))
    said = block(long, "2026-05-08", markup, 32_500)
    assert len(said) <= 32_500
    assert bool(re.search(r"and \d+ more", said)) == (count > 100)
    assert len(said) > 32_500 * 0.6 or count < 100
    if markup == "adf":
        assert is_document(Document().written(None, said))


def gone() -> tuple[Gone, ...]:
    """What left, with evidence."""
    told = Gone("00000001", "CVE-2026-0001", "busybox", "registry.example/dns", "fixed", "week-20",
                "0.7.0@sha256:0123456789ab", "0.7.1@sha256:ba9876543210", "1.32.1-r6", "1.32.1-r7")  # fmt: skip
    return told, replace(told, id="00000002", vulnerability="CVE-2026-0002", how="withdrawn")


def test_a_ticket_as_people_read_it_in_data_center() -> None:
    golden("ticket.wiki", block(example(), "2026-05-08", "jira", 32_500))


def test_a_ticket_as_people_read_it_in_cloud() -> None:
    told = json.loads(block(example(), "2026-05-08", "adf", 32_500))
    golden("ticket.adf.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def test_a_posture_ticket_as_people_read_it() -> None:
    golden("posture.wiki", block(posture_example(), "2026-05-08", "jira", 32_500))
    told = json.loads(block(posture_example(), "2026-05-08", "adf", 32_500))
    golden("posture.adf.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def test_a_severity_that_sources_differ_about_says_so() -> None:
    told = draft(line(1, severity="high", severity_source="nvd", others=("debian: low",)))
    assert "high (nvd; debian: low)" in block(told, "2026-05-08", "jira", 32_500)
    assert "high (nvd; debian: low)" in block(told, "2026-05-08", "adf", 32_500)


def test_comments_as_people_read_them() -> None:
    closed = replace(example(), want=Want.FIXED, gone=gone())
    said = [
        closing(closed, "jira"), news(example().lines[:2], example().lines[2:], "P2", example().lines, "jira"),
        reopened("it was closed 2026-05-01 and the findings are still there", example().lines[:1], "jira",
                 "Next: roll out the upgrade."),
        named(moved("Tickets are grouped by upgrade now.", "jira"), "https://jira.example.com/browse/OPS-7", "jira"),
    ]  # fmt: skip
    golden("comments.wiki", "\n".join(said))
    documents = [
        json.loads(told) for told in (
            closing(closed, "adf"), news(example().lines[:2], example().lines[2:], "P2", example().lines, "adf"),
            reopened("it was closed 2026-05-01", example().lines[:1], "adf", "Next: roll out the upgrade."),
            named(moved("Tickets are grouped by upgrade now.", "adf"), "https://jira.example.com/browse/OPS-7", "adf"),
        )
    ]  # fmt: skip
    golden("comments.adf.json", json.dumps(documents, indent=1, ensure_ascii=False) + "\n")


def test_a_block_whose_half_was_deleted_is_put_back_whole() -> None:
    said = block(example(), "2026-05-08", "adf", 32_500)
    theirs = {"type": "paragraph", "content": [{"type": "text", "text": "Ask first."}]}
    body = Document().written({"type": "doc", "version": 1, "content": [theirs]}, said)
    body["content"].pop()
    assert not Document().stands(body)
    mended = Document().written(body, said)
    assert Document().stands(mended)
    assert mended["content"][0] == theirs
    assert [n["type"] for n in mended["content"]].count("panel") == 1
    text = Wiki().written("Ask first.", "x").replace("{anchor:triagebot-end}", "")
    assert Wiki().written(text, "y").count("{anchor:triagebot-begin}") == 1


@pytest.mark.parametrize("text", ['x" OR project = "OPS', "\\", '\\"', 'a\\" OR 1', "NET", "größe"])
def test_jql_is_quoted(text: str) -> None:
    said = quoted(text)
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', said)
    assert re.sub(r"\\(.)", r"\1", said[1:-1]) == text


@pytest.mark.parametrize("text", ["a\nb", "\x00"])
def test_jql_that_cannot_be_asked_is_refused(text: str) -> None:
    with pytest.raises(TrackerError):
        quoted(text)
