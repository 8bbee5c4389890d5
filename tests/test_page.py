"""The page as text: what is packed comes out again, the policy names what runs, and the command writes it."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_world import REPORTS, page_of
from reports import trivy, vulnerability, write

from triagebot.columns import packed, unpacked
from triagebot.render import web_url
from triagebot.render.page import SCRIPTS, STYLES

NUMBER = st.integers(0, 2**32 - 1)
WORD = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(NUMBER) | st.lists(st.integers(0, 65535)) | st.just([255, 0])),
    st.dictionaries(st.sampled_from("abc"), st.lists(WORD)),
)
def test_what_is_packed_comes_out_again(numbers: dict[str, list[int]], words: dict[str, list[str]]) -> None:
    told = {"teams": [["a", "</script>"]]}
    text = packed(numbers, words, told)
    assert re.fullmatch("[A-Za-z0-9+/=]*", text)
    assert unpacked(text) == (numbers, words, told)
    assert packed(numbers, words, told) == text


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://nvd.nist.gov/vuln/detail/CVE-2026-0001", True), ("http://a.example:8080/x?y=z#w", True),
        ("https://a.example", True), ("HTTPS://a.example/%20(x)", True), ("https://[::1]/x", True),
        ("javascript:alert(1)", False), ("JaVaScRiPt:alert(1)", False), (" javascript:alert(1)", False),
        ("data:text/html,x", False), ("file:///etc/passwd", False), ("//a.example/x", False), ("/x", False),
        ("", False), ("mailto:a@a.example", False),
        ("https://user:secret@a.example/", False), ("https://a.example/\"onx=\"", False),
        ("https://a.example/<b>", False), ("https://a.example/\\x", False), ("https://a.example/ x", False),
        ("https://a.example/\njavascript:x", False), ("https://ä.example/", False), ("https:///x", False),
        (f"https://a.example/{'x' * 2000}", False),
    ],
)  # fmt: skip
def test_only_plain_web_addresses_become_links(url: str, is_kept: bool) -> None:
    assert web_url(url) == (url if is_kept else "")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the small platform."""
    return page_of(tmp_path_factory.mktemp("small")).read_text(encoding="utf-8")


def test_the_policy_lets_our_script_run_and_nothing_else(text: str) -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    told = dict(part.strip().split(" ", 1) for part in policy.replace("&#39;", "'").split(";"))
    [script] = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)

    def named(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert told.pop("script-src") == named(script)
    assert told.pop("style-src") == named(style)
    assert told == {
        "default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
        "require-trusted-types-for": "'script'", "trusted-types": "'none'",
    }  # fmt: skip
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert not re.search(r"\son\w+=|\sstyle=", re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL))


def test_our_own_script_makes_no_html_of_texts() -> None:
    folder = Path(__file__).resolve().parent.parent / "triagebot/render/html"
    own = [folder / name for name in (*SCRIPTS, *STYLES) if not name.startswith("vendor/")]
    for file in own:
        said = file.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|fetch\(|\bimport\b", said
        ), file
        assert "</script" not in said
        assert "</style" not in said
        assert "url(" not in said
    assert {file.name for file in own} == {f.name for f in folder.iterdir() if f.suffix in (".js", ".css")}


def test_the_same_state_is_the_same_page(tmp_path: Path, text: str) -> None:
    assert page_of(tmp_path).read_text(encoding="utf-8") == text


def test_a_place_names_the_version_that_clears_all_of_a_package_there(text: str) -> None:
    numbers, words, told = unpacked(re.findall(r'id="packed">([^<]*)<', text)[0])
    steps = {
        (
            words["image"][image].rpartition("/")[2],
            words["name"][numbers["upgrade_package"][upgrade]],
            words["upgrade_to"][upgrade],
            numbers["upgrade_fixable"][upgrade],
        )
        for image, upgrade in zip(numbers["step_image"], numbers["step_upgrade"], strict=True)
    }
    assert steps == {
        ("web:1.4", "openssl", "1.0-r2", 1), ("web:1.4", "zlib", "", 0), ("web:1.4", "busybox", "1.0-r1", 1),
        ("db:2.0", "openssl", "1.0-r1", 1), ("dns:1.0", "bind", "", 0),
    }  # fmt: skip
    assert [ticket["title"] for ticket in told["tickets"]] == [
        "[P1] registry.example/shop/db: 1 critical to fix", "[P1] registry.example/shop/web: 1 critical, 1 high to fix",
    ]  # fmt: skip
    shows = {}
    for row, ticket in enumerate(numbers["ticket"]):
        name = words["vulnerability"][numbers["vulnerability"][row]], words["asset"][numbers["asset"][row]][-3:]
        shows[name] = told["tickets"][ticket - 1]["title"][:32] if ticket else ""
    web, db = "[P1] registry.example/shop/web: ", "[P1] registry.example/shop/db: 1"
    assert shows == {
        ("CVE-2026-0001", "web"): web, ("CVE-2026-0002", "web"): web, ("CVE-2026-0003", "web"): web,
        ("CVE-2026-0004", "web"): "", ("CVE-2026-0001", "/db"): db, ("CVE-2026-0005", "dns"): "",
    }  # fmt: skip


def call(folder: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The command line in a folder."""
    command = [sys.executable, "-m", "triagebot", *map(str, words), "--now", "2026-05-03T06:00:00Z"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_command_writes_the_page_and_says_where(tmp_path: Path) -> None:
    call(tmp_path, "report", code=2)
    scan = write(tmp_path / "scan", **REPORTS)
    call(tmp_path, "run", scan, "--taken-at", "2026-05-03T05:00:00Z")
    assert re.fullmatch(r"report: report\.html \(6 findings, 0\.\d MB\)\n", call(tmp_path, "report").stdout)
    other = call(tmp_path, "report", "--out", "out.html").stdout
    assert other.startswith("report: out.html (6 findings")
    assert (tmp_path / "out.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    assert "cannot be written" in call(tmp_path, "report", "--out", "no/such/folder.html", code=2).stderr
    assert "no scan of stream 'x'" in call(tmp_path, "report", "--stream", "x", code=2).stderr
    assert [path.name for path in tmp_path.glob(".*")] == [".triagebot"]


def test_ignored_findings_are_in_no_figure_and_a_stream_has_its_own_page(tmp_path: Path) -> None:
    (tmp_path / "triagebot.yaml").write_text("rules: [rules.yaml]\n", encoding="utf-8")
    rules = "rules: [{id: none, when: {severity: low}, action: ignore, priority: P9, because: Too small.}]\n"
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    scan = write(tmp_path / "a", **REPORTS)
    call(tmp_path, "run", scan, "--taken-at", "2026-05-03T05:00:00Z")
    assert "(5 findings" in call(tmp_path, "report").stdout
    assert "<dt>Ignored by rules</dt><dd>1 finding," in (tmp_path / "report.html").read_text(encoding="utf-8")
    other = write(tmp_path / "b", one=trivy("a/a:1", [vulnerability("CVE-2026-0009")]))
    call(tmp_path, "run", other, "--taken-at", "2026-05-03T05:00:00Z", "--stream", "1.3")
    assert "(1 finding," in call(tmp_path, "report", "--stream", "1.3").stdout
    assert "stream 1.3" in (tmp_path / "report.html").read_text(encoding="utf-8")
