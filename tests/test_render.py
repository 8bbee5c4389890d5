"""Text from a scan is data: nothing in it acts. And a ticket as people read it, compared byte for byte.

What acts is told by a real Markdown parser (`markdown-it-py`, which `rich` brings) for markup and HTML, and by
patterns for what servers add to it: mentions, references and bare links.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from triagebot.model import Below, Draft, Gone, Line, Want
from triagebot.render import markdown_code, markdown_text, markdown_url, percent, plain, shares
from triagebot.render.comments import NEW_TICKET, closing, moved, named, news, reopened
from triagebot.render.tasks import upgrades
from triagebot.render.tickets import block, content_digest, title
from triagebot.trackers.interface import BEGIN, END, splice

GOLDEN = Path(__file__).parent / "golden"
AT = datetime(2026, 5, 1, tzinfo=UTC)

HOSTILE = [
    "@org/team", "@octocat", "a@org/team", "mail me@example.org", "fixes #1", "Closes: #12", "closes org/repo#3",
    "resolves GH-5", "gh-5", "#5", "fixes https://github.com/o/r/issues/1", "https://evil.example", "www.evil.example",
    "HTTPS://EVIL.EXAMPLE/", "WWW.evil.example", "<https://evil.example>", "ftp://evil.example/x",
    "<!-- triagebot:end -->", "<!-- triagebot:begin -->", "<!-- triagebot:comment 0123456789ab -->", "-->", "<!--",
    "</details>", "<details><summary>x</summary>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>", "&lt;b&gt;", "&#64;org", "&commat;org", "a | b | c", "|---|---|", "\\|",
    "\\",
    "trailing \\", "\\\\", "`code`", "``", "`", "```\nblock\n```", "~~~", "~~x~~", "**bold**", "_it_", "*", "***",
    "___",
    "[x](javascript:alert(1))", "![x](http://evil.example/x.png)", "[x]: http://evil.example", "[x][y]", "[ ] task",
    "- item", "+ item", "1. item", "1) item", "# heading", "> quote", "===", "---", "=====\n", "    code", "\tcode",
    "one\ntwo", "one\r\n\r\n## two", "one\u2028two\u2029three\x85four", "a\x00b", "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "\x9b31mred", "user\u202egnp.exe", "\u2066x\u2069",
    "\u200b@\u200borg",
    "#\u20601", "@\u2060org", "\ufeff", "\ud800", "$x^2$", "$$x$$", "{{ 7 * 7 }}", "{% raw %}", "{color:red}x{color}",
    "h1. heading", "javascript:alert(1)", "data:text/html,x", "'\"", "%00", "../../etc/passwd", ":tada:", "x" * 100_000,
    "@a #1 | ` <b> " * 7_000, "| " * 400, "\\" * 400, "`" * 400, "&" * 400, "<" * 400, "é" * 400, "🐳" * 400, "",
    " ", "\n",
]  # fmt: skip

ACTS = {
    "a mention": re.compile(r"(?<![\w`])@\w|\w@\w+\.\w"),
    "an issue reference": re.compile(r"#\d|\bgh-\d", re.IGNORECASE),
    "a bare link": re.compile(r"\w://|\bwww\.|\bmailto:", re.IGNORECASE),
}
COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(markdown: str) -> list[Token]:
    """All tokens, blocks and what is inside."""
    flat = []
    for token in COMMONMARK.parse(markdown):
        flat += [token, *(token.children or [])]
    return flat


def acting(markdown: str) -> list[str]:
    """What acts in a text: HTML, images, mentions, references and links that nobody made on purpose."""
    found = []
    for token in tokens(markdown):
        if token.type in ("html_block", "html_inline", "image"):
            found.append(f"{token.type}: {token.content!r}")
        if token.type == "link_open" and not re.fullmatch(r"https?://[\w./?&=%+:@,;~-]*", str(token.attrs["href"])):
            found.append(f"link: {token.attrs['href']!r}")
        if token.type == "text":
            found += [f"{name}: {token.content!r}" for name, acts in ACTS.items() if acts.search(token.content)]
    found += [f"control {c!r}" for c in markdown if c not in "\n\u2060" and unicodedata.category(c) in ("Cc", "Cf")]
    return found


def line(number: int = 1, **said: Any) -> Line:
    """One finding."""
    return replace(
        Line(
            id=f"{number:08x}", vulnerability=f"CVE-2026-{number:04}", package=f"pkg:apk/alpine/p{number}",
            name=f"p{number}", asset="registry.example/app", severity="critical", severity_source="nvd",
            priority="P1", rule="critical-fixable", because="Critical, and an upgrade fixes it.", fixable=True,
            due=AT, first_seen=AT, verified=True, missed=0, tags=("1.0",), installed=("1.0-r0",), fixed="1.0-r1",
            title="Something is wrong", url=f"https://avd.aquasec.com/nvd/cve-2026-{number:04}",
        ),
        **said,
    )  # fmt: skip


def draft(*lines: Line, **said: Any) -> Draft:
    """One ticket."""
    return replace(
        Draft(
            key="image:registry.example/app", stream="main", subject="registry.example/app", team="platform",
            team_name="Platform", tracker="default", labels=(), assignees=(), mention="", want=Want.OPEN, lines=lines,
        ),
        **said,
    )  # fmt: skip


def hostile_draft(text: str) -> Draft:
    """The text in every place that a scan fills."""
    bad = line(
        1,
        vulnerability=text,
        name=text,
        url=text,
        title=text,
        tags=(text,),
        installed=(text, text),
        fixed=text,
        severity_source=text,
        asset=text,
        package=text,
        excuse=text,
        because=text,
        source=text,
        images=(text,),
        seen_in=text,
        excuse_url=f"javascript:{text}",
    )
    return draft(line(7, excuse=""), bad, attached=(bad,), excused=(bad,), subject=text, team_name=text)


# ---- single texts ----


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_a_text_is_inert(text: str) -> None:
    said = markdown_text(text)
    assert "\n" not in said
    for where in ("{}", "x {} y", "- {}\n", "> {}\n", "| a |\n|---|\n| {} |\n", "**{}**"):
        assert acting(where.format(said)) == []
    inside = [t.type for t in tokens(f"x {said} y") if t.type not in ("text", "inline", "text_special")]
    assert inside == ["paragraph_open", "paragraph_close"]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_a_text_alone_in_its_paragraph_is_a_paragraph(text: str) -> None:
    kinds = {t.type for t in tokens(markdown_text(text))}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@pytest.mark.parametrize("text", [t for t in HOSTILE if len(t) < 200], ids=lambda t: ascii(t[:30]))
def test_a_text_reads_as_it_was_written(text: str) -> None:
    """Escaped, parsed, and without the joiners: what the scanner said, in one line."""
    html = "".join(t.content for t in tokens(f"x {markdown_text(text)} y") if t.type in ("text", "text_special"))
    assert html.replace("\u2060", "") == f"x {plain(text)} y"


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_code_is_inert(text: str) -> None:
    said = markdown_code(text)
    assert "\n" not in said
    assert "|" not in said
    assert BEGIN not in said
    assert END not in said
    assert "<!--" not in said
    if not said:
        assert not plain(text)
        return
    for where in ("{}", "x {} y", "- {}\n", "> {}\n", "x {}: {}, {} and y"):
        inside = [t for t in tokens(where.replace("{}", said)) if t.type == "code_inline"]
        assert len(inside) == where.count("{}")
        assert acting(where.replace("{}", said)) == []
    rows = [t for t in tokens(f"| a | b |\n|---|---|\n| {said} | {said} |\n") if t.type == "td_open"]
    assert len(rows) == 2


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_both_are_short(text: str) -> None:
    assert len(plain(text)) <= 300
    assert len(markdown_code(text)) <= 302
    assert len(plain(text, 20)) <= 20


@given(st.text(st.sampled_from("@#:/\\|`*_~[]()<>!&;-+=.wgh1aé \n\x1b\u202e\u2060"), max_size=30))
@settings(max_examples=400, deadline=None)
def test_no_text_acts(text: str) -> None:
    for where in ("{}", "x {} y", "| a |\n|---|\n| {} |\n"):
        assert acting(where.format(markdown_text(text))) == []
        assert acting(where.format(markdown_code(text))) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://avd.aquasec.com/nvd/cve-2026-0001", "http://example.org", "https://example.org:8443/a/b?c=d&e=%20",
        "https://security.snyk.io/vuln/SNYK-ALPINE312-BUSYBOX-1", "https://example.org/~a/b,c;d+e@f:g",
    ],
)  # fmt: skip
def test_addresses_that_are_links(url: str) -> None:
    assert markdown_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "", None, "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "file:///etc/passwd",
        "//evil.example",
        "ftp://example.org", "https://example.org/a b", "https://example.org/)", "https://example.org/(x)", "https://",
        "https://example.org/\n[x](javascript:alert(1))", "https://example.org\n", "https://example.org/|",
        "https://a@b/",
        "https://example.org/<b>", "https://example.org/`", "https://example.org/\\", 'https://example.org/"',
        " https://a.b",
        "https://example.org/\u202e", "https://ex\u0430mple.org/",
    ],
)  # fmt: skip
def test_addresses_that_are_none(url: str | None) -> None:
    assert markdown_url(url) == ""


# ---- whole tickets ----


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
@pytest.mark.parametrize("key", ["image:x", "upgrade:platform:x"])
def test_a_ticket_is_inert(text: str, key: str) -> None:
    bad = replace(hostile_draft(text), key=key)
    said = block(bad, "2026-05-08", "markdown", 65_536)
    assert len(said) <= 65_536
    assert acting(said) == []
    parsed = tokens(said)
    assert [said_of(parsed, i) for i, t in enumerate(parsed) if t.type == "heading_open"] == [
        "What to do", "Vulnerabilities", "For information", "Excused",
    ]  # fmt: skip
    kinds = {t.type for t in parsed}
    assert not kinds & {"blockquote_open", "fence", "code_block", "hr", "ordered_list_open", "html_block"}
    assert len([t for t in parsed if t.type == "tr_open"]) == 2 + 2 + 1
    columns = 6 if key.startswith("image:") else 7  # grouped by upgrade, the image stands in front
    assert len([t for t in parsed if t.type == "td_open"]) == columns * 3
    assert len([t for t in parsed if t.type == "list_item_open"]) == 2 + 2 + 1


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
@pytest.mark.parametrize("kind", ["check:", "config:", "secret:"])
def test_a_posture_ticket_is_inert(text: str, kind: str) -> None:
    made = hostile_draft(text)
    lines = tuple(replace(x, package=f"{kind}{text}", name=text) for x in made.lines)
    bad = replace(made, key="posture:platform:x", lines=lines, attached=lines[1:], excused=lines[1:])
    said = block(bad, "2026-05-08", "markdown", 65_536)
    assert len(said) <= 65_536
    assert acting(said) == []
    parsed = tokens(said)
    assert [said_of(parsed, i) for i, t in enumerate(parsed) if t.type == "heading_open"] == [
        "What to do", "Findings", "For information", "Excused",
    ]  # fmt: skip
    kinds = {t.type for t in parsed}
    assert not kinds & {"blockquote_open", "fence", "code_block", "hr", "ordered_list_open", "html_block"}
    assert len([t for t in parsed if t.type == "td_open"]) == 4 * 3
    assert len([t for t in parsed if t.type == "list_item_open"]) == 2 + 2 + 1
    assert acting(news(lines[1:], [], "P3", lines[1:], "markdown")) == []
    assert acting(reopened(text, lines[1:], "markdown", "Next: x.")) == []
    assert (said.count(BEGIN), said.count(END)) == (0, 0)


def said_of(parsed: list[Token], at: int) -> str:
    """The text behind an opening token."""
    return parsed[at + 1].content


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_a_ticket_can_be_spliced_again_and_again(text: str) -> None:
    said = block(hostile_draft(text), "2026-05-08", "markdown", 65_536)
    assert (said.count(BEGIN), said.count(END)) == (0, 0)
    body = splice("Mine, above.\n", said) + "\nMine, below.\n"
    assert splice(body, said) == body


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_comments_are_inert(text: str) -> None:
    bad = hostile_draft(text)
    gone = Gone("1", text, text, text, "fixed", text, text, text, text, text)
    for want in (Want.FIXED, Want.DECIDED, Want.BELOW, Want.RETIRED):
        left = (gone, replace(gone, how="withdrawn"))
        below = (Below("1", text, text, text, text, text, True), Below("2", text, text, text, text, text, False))
        said = closing(replace(bad, want=want, gone=left, below=below, excused=bad.lines), "markdown")
        assert acting(said) == []
        assert said.startswith("Closed")
        assert "<!--" not in said
        if want is Want.FIXED:
            assert len([t for t in tokens(said) if t.type == "td_open"]) == 2 * 7
    assert acting(news([bad.lines[1]], [], "P3", [bad.lines[1]], "markdown")) == []
    assert acting(reopened(text, [bad.lines[1]], "markdown", "Next: x.")) == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_a_title_is_one_short_plain_line(text: str) -> None:
    said = title(hostile_draft(text))
    assert len(said) <= 250
    assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
    assert said.startswith("[P1]")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:30]))
def test_a_digest_can_be_made_of_anything(text: str) -> None:
    assert re.fullmatch("[0-9a-f]{16}", content_digest(hostile_draft(text), ""))


# ---- size ----


@pytest.mark.parametrize(
    ("limit", "count", "text"),
    [
        (2_000, 5_000, "x"), (65_536, 5_000, "|" * 400), (2_000, 300, "&<@#" * 100), (2_000, 40, "x"), (4_000, 700,
        "x"),
        (10_000, 900, "&<@#" * 100), (32_767, 900, "x"), (65_536, 900, "x"), (65_536, 900, "\\" * 400),
    ],
)  # fmt: skip
def test_a_long_ticket_is_cut_at_rows(limit: int, count: int, text: str) -> None:
    lines = [line(n, title=text, severity="high" if n % 2 else "critical") for n in range(count)]
    long = draft(*lines, attached=tuple(lines[:40]), excused=tuple(replace(x, excuse=text) for x in lines[:30]))
    said = block(long, "2026-05-08", "markdown", limit)
    assert len(said) <= limit
    assert acting(said) == []
    rows = [row for row in said.splitlines() if row.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}
    shown = [row for row in said.partition("### Vulnerabilities")[2].partition("###")[0].splitlines() if "CVE-" in row]
    assert f"\n\nand {count - len(shown)} more\n" in said.replace(",", "")
    assert "\n- and " in said
    assert said.endswith("This block is kept up to date by triagebot; write outside it.\n")
    if limit >= 10_000:
        assert len(said) > limit * 0.6, "no more is left out than must be"


def test_many_reasons_fit_too() -> None:
    lines = [line(n, because=f"Reason {n}: " + "because " * 40) for n in range(30)]
    assert len(block(draft(*lines), "", "markdown", 32_767)) <= 32_767


def test_what_fits_is_not_cut() -> None:
    assert " more" not in block(draft(*(line(n) for n in range(100))), "", "markdown", 65_536)


@pytest.mark.parametrize("want", [Want.FIXED, Want.DECIDED, Want.BELOW])
@pytest.mark.parametrize("text", ["x", "\\" * 400])
def test_a_long_closing_says_what_it_leaves_out_and_fits_into_a_comment(want: Want, text: str) -> None:
    gone = tuple(Gone(f"{n}", text, text, text, "fixed", text, text, text, text, text) for n in range(60))
    excused = tuple(line(n, vulnerability=text, name=text, excuse=text) for n in range(60))
    below = tuple(Below(f"{n}", text, text, text, text, text, False) for n in range(60))
    said = closing(draft(want=want, gone=gone, excused=excused, below=below), "markdown")
    assert "and 10 more" in said or len(text) > 300
    assert re.search(r"and \d+ more", said)
    assert len(said) <= 65_536


# ---- what to do ----


def test_upgrades_are_one_a_source_and_version_the_most_urgent_first() -> None:
    """Two packages of one source are one thing to do, and a vulnerability that both have counts once."""
    busybox: dict[str, Any] = {"package": "pkg:apk/alpine/busybox", "name": "busybox", "source": "busybox"}
    ssl: dict[str, Any] = {"package": "pkg:apk/alpine/ssl_client", "name": "ssl_client", "source": "busybox"}
    many = [
        line(1, **busybox, fixed="1.32.1-r9", tags=("1.0",), severity="high"),
        line(2, **busybox, fixed="1.32.1-r10", tags=("1.1", "1.0")),
        line(5, **ssl, fixed="1.32.1-r10", vulnerability="CVE-2026-0001"),
        line(6, **ssl, fixed="1.32.1-r10", severity="low"),
        line(3, package="pkg:apk/alpine/zlib", name="zlib", fixed="1.3", priority="P0", severity="low"),
        line(4, package="pkg:apk/alpine/musl", name="musl", source="musl", fixed=""),
        line(7, package="pkg:deb/debian/busybox", name="busybox", source="busybox", fixed="1.32.1-r10"),
    ]
    told = [(u.name, u.to, u.packages, u.told, u.places, u.more_places) for u in upgrades(draft(*many))]
    assert told == [
        ("zlib", "1.3", (), "1 CVE (1 low)", ("1.0",), 0),
        ("busybox", "1.32.1-r10", ("busybox", "ssl_client"), "3 CVEs (2 critical)", ("1.0", "1.1"), 0),
        ("busybox", "1.32.1-r10", (), "1 CVE (1 critical)", ("1.0",), 0),
        ("musl", "", (), "1 CVE (1 critical)", ("1.0",), 0),
    ]


def test_packages_of_one_source_that_are_fixed_in_other_versions_are_two_upgrades() -> None:
    lib: dict[str, Any] = {"package": "pkg:deb/debian/libx", "name": "libx", "source": "x"}
    dev: dict[str, Any] = {"package": "pkg:deb/debian/x-dev", "name": "x-dev", "source": "x"}
    told = upgrades(draft(line(1, **lib, fixed="1.1"), line(2, **dev, fixed="1:2.0")))
    assert [(u.name, u.to, u.packages) for u in told] == [("libx", "1.1", ()), ("x-dev", "1:2.0", ())]


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        (("1",), "1 vulnerability to act on; an upgrade clears it."),
        (("",), "1 vulnerability to act on; no upgrade clears it yet."),
        (("1", "1"), "2 vulnerabilities to act on; upgrades clear all of them."),
        (("", ""), "2 vulnerabilities to act on; no upgrade clears any of them yet."),
        (("1", "", "1"), "3 vulnerabilities to act on; upgrades clear 2 of them."),
    ],
)
@pytest.mark.parametrize("markup", ["markdown", "jira", "adf"])
def test_a_ticket_says_how_much_upgrades_clear(fixed: tuple[str, ...], said: str, markup: str) -> None:
    lines = [line(n, fixed=version) for n, version in enumerate(fixed)]
    assert said in block(draft(*lines), "", markup, 65_536)


@pytest.mark.parametrize("markup", ["markdown", "jira", "adf"])
def test_what_is_in_two_packages_and_fixed_in_one_is_not_cleared(markup: str) -> None:
    twice = [line(1), line(2, vulnerability="CVE-2026-0001", fixed="")]
    said = block(draft(*twice), "", markup, 65_536)
    assert "has 1 vulnerability to act on (2 findings); no upgrade clears it yet." in said


@pytest.mark.parametrize("markup", ["markdown", "jira", "adf"])
def test_a_ticket_says_for_how_long_a_decision_holds_and_is_written_anew_when_that_changes(markup: str) -> None:
    held = draft(line(1))
    said = block(held, "", markup, 65_536, spared=timedelta(days=30))
    assert "these findings are then left alone for 30 days; anything new reopens it." in said
    assert content_digest(held, "", timedelta(days=30)) != content_digest(held, "", timedelta(days=31))


def test_where_a_finding_was_seen_last_changes_no_ticket() -> None:
    """Each scan has another name: a ticket that changed by it would be written at every run."""
    held = line(1, seen_in="week-20", images=("1.0@sha256:0123456789ab",))
    assert content_digest(draft(held), "") == content_digest(draft(line(1)), "")
    assert content_digest(draft(line(1, source="s")), "") != content_digest(draft(line(1)), "")


@pytest.mark.parametrize("markup", ["markdown", "jira", "adf"])
def test_a_priority_that_is_raised_names_what_raised_it(markup: str) -> None:
    urgent = line(1, priority="P0", because="It is exploited.")
    said = news([], [], "P2", (urgent, line(2, priority="P0"), line(3)), markup)
    assert re.search(
        r"Priority raised from P2 to P0 by .*CVE-2026-0001.* in .*p1.* and 1 more: ?.*It is exploited\.", said
    )
    assert "New since" not in said


@pytest.mark.parametrize("markup", ["markdown", "jira", "adf"])
def test_a_place_of_a_move_is_put_in_once_and_the_reason_stays(markup: str) -> None:
    said = named(moved(f"Its team changed from {NEW_TICKET} to b.", markup), "https://x.example/1", markup)
    assert said.count("https://x.example/1") == (2 if markup == "adf" else 1)  # a document names what it links to
    assert said.count(NEW_TICKET) == 1
    assert "Its team changed from" in said


def test_upgrades_name_six_places_and_count_the_rest() -> None:
    (told,) = upgrades(draft(line(1, tags=tuple(f"1.{n}" for n in range(9)))))
    assert (len(told.places), told.more_places) == (6, 3)


# ---- a ticket as people read it ----


def example() -> Draft:
    """A ticket with one of everything."""
    busybox: dict[str, Any] = {
        "package": "pkg:apk/alpine/busybox", "name": "busybox", "installed": ("1.32.1-r6",), "tags": ("0.7.0", "0.7.1"),
        "source": "busybox", "images": ("0.7.0@sha256:0123456789ab", "0.7.1@sha256:ba9876543210"), "seen_in": "week-20",
    }  # fmt: skip
    return draft(
        line(
            1, **busybox, vulnerability="CVE-2026-12345", fixed="1.32.1-r7", priority="P0",
            because="It is exploited in the wild (CISA KEV).", title="busybox: out-of-bounds read in `unlzma`",
            url="https://avd.aquasec.com/nvd/cve-2026-12345",
        ),
        line(
            6, **{**busybox, "package": "pkg:apk/alpine/ssl_client", "name": "ssl_client"}, fixed="1.32.1-r7",
            vulnerability="CVE-2026-0002", title="use-after-free in awk", url="https://avd.aquasec.com/nvd/cve-2026-0002",
        ),
        line(2, **busybox, fixed="1.32.1-r7", title="use-after-free in awk | fixes #1, thanks to @octocat"),
        line(
            3, severity="high", package="pkg:golang/golang.org/x/net", name="golang.org/x/net",
            installed=("v0.10.0", "v0.7.0"), fixed="0.17.0", title="HTTP/2 <rapid reset>", url="javascript:alert(1)",
            tags=("0.7.1",), vulnerability="GHSA-4374-p667-p6c8", because="High, and an upgrade fixes it.",
        ),
        key="image:registry.example/dns", subject="registry.example/dns", mention="@acme/dns", team_name="DNS",
        attached=(line(4, severity="high", name="musl", fixed="", title="overflow in iconv", url=""),),
        excused=(line(5, name="curl", excuse="accepted risk until 2027-01-31: not reachable, approved by A. Person"),),
    )  # fmt: skip


def golden(name: str, said: str) -> None:
    """Compare with the file; write it first where it is missing."""
    path = GOLDEN / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, encoding="utf-8")
        pytest.fail(f"{path} was missing and is written: read it as a person who gets this ticket")
    assert said == path.read_bytes().decode("utf-8")


def test_the_title_counts_what_the_ticket_counts() -> None:
    """A vulnerability once, as its worst finding, in whatever order they come; a failed check wherever it fails."""
    told = example()
    assert title(told) == "[P0] registry.example/dns: 2 critical, 1 high to fix"
    milder = replace(told.lines[1], severity="medium")
    lines = (milder, *told.lines[2:], told.lines[0])
    assert title(replace(told, lines=lines)) == title(replace(told, lines=lines[::-1])) == title(told)


def test_a_ticket_as_people_read_it() -> None:
    golden("ticket.md", block(example(), "2026-05-08", "markdown", 65_536))


def posture_example() -> Draft:
    """A ticket about a namespace, with one of everything."""
    place = "k8s://prod/payments"
    check: dict[str, Any] = {"installed": (), "tags": (), "fixed": "", "fixable": False, "priority": "P2", "url": ""}
    root: dict[str, Any] = {**check, "vulnerability": "KSV-0012", "title": "Runs as root user", "severity": "medium",
                            "package": "check:KSV-0012", "name": "KSV-0012", "because": "It runs as root."}  # fmt: skip
    return draft(
        line(
            3, **{**check, "priority": "P1"}, vulnerability="aws-access-key-id", package="secret:/app/.env",
            name="/app/.env", title="AWS Access Key ID", asset=f"{place}/Deployment/web",
            because="Anyone who can read it has the secret.",
        ),
        line(1, **{**root, "url": "https://avd.aquasec.com/misconfig/ksv-0012"}, asset=f"{place}/Deployment/web"),
        line(2, **root, asset=f"{place}/StatefulSet/db"),
        key="posture:pay:k8s://prod/payments", subject=place, team_name="Payments",
        attached=(line(4, **check, severity="high", package="check:C-0002", name="C-0002", vulnerability="C-0002",
                       title="Exec into container", asset=f"{place}/Deployment/web"),),
        excused=(line(5, **check, name="require-limits", package="check:require-limits", vulnerability="limits",
                      excuse="accepted risk until 2027-01-31: legacy, approved by A. Person"),),
    )  # fmt: skip


def test_a_posture_ticket_as_people_read_it() -> None:
    golden("posture.md", block(posture_example(), "2026-05-08", "markdown", 65_536))
    assert title(posture_example()) == "[P1] k8s://prod/payments: 1 critical, 2 medium to put right"


def test_a_closing_as_people_read_it() -> None:
    def gone(number: int, how: str, **said: str) -> Gone:
        told = {
            "vulnerability": f"CVE-2026-{number:04}", "name": "busybox", "asset": "registry.example/dns",
            "label": "week-20",
            "before": "0.7.0@sha256:0123456789ab", "after": "0.7.1@sha256:ba9876543210", "version_before": "1.32.1-r6",
            "version_after": "1.32.1-r7",
        }  # fmt: skip
        return Gone(id=f"{number:08x}", how=how, **{**told, **said})

    left = (
        gone(1, "fixed"),
        gone(2, "fixed", name="curl", version_after=""),
        gone(3, "withdrawn", after="0.7.0@sha256:0123456789ab", version_after="1.32.1-r6"),
    )
    golden("closing.md", closing(replace(example(), want=Want.FIXED, gone=left), "markdown"))


@pytest.mark.parametrize(("how", "told"), [("retired", "no longer scanned"), ("merged", "counted under another name")])
def test_what_was_not_looked_at_is_not_said_to_be_gone(how: str, told: str) -> None:
    """One finding was fixed; the other left for a reason that proves nothing about the image."""
    fixed = Gone("1", "CVE-2026-0001", "curl", "r/a", "fixed", "week-20", "1.0", "1.1", "1-r0", "1-r1")
    other = replace(fixed, id="2", vulnerability="CVE-2026-0002", how=how, after="", version_after="")
    said = closing(draft(want=Want.FIXED, gone=(fixed, other)), "markdown")
    row = next(row for row in said.splitlines() if "CVE-2026-0002" in row)
    assert f"| `1.0` | `1-r0` |  | {told} | `week-20` |" in row


# ---- numbers ----


@given(st.lists(st.integers(0, 10**9), max_size=12))
def test_shares_add_up(counts: list[int]) -> None:
    told = [round(share * 1000) for share in shares(counts)]
    assert len(told) == len(counts)
    assert sum(told) == (1000 if sum(counts) else 0)
    total = sum(counts)
    for count, share in zip(counts, told, strict=True):
        assert share >= 0
        assert not total or abs(share - count * 1000 / total) < 1
        assert count or share == 0
    pairs = sorted(zip(counts, told, strict=True))
    assert [s for _, s in pairs] == sorted(s for _, s in pairs), "more is never shown as less"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([1, 1, 1], ["33.4%", "33.3%", "33.3%"]),
        ([64, 127, 4732], ["1.3%", "2.6%", "96.1%"]),
        ([0, 0], ["0.0%", "0.0%"]),
        ([], []),
        ([5], ["100.0%"]),
    ],
)
def test_shares_as_people_read_them(counts: list[int], said: list[str]) -> None:
    assert [percent(s) for s in shares(counts)] == said
