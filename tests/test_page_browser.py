"""The page in a real browser: looked for, walked through, read aloud, printed, on a phone, and attacked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser import Open, serious
from page_world import OPENSSL, REPORTS, page_of
from page_world import on_a_server as tickets_on_a_server
from reports import trivy, vulnerability

from triagebot import demo

VIEWS = ("teams", "images", "upgrades", "findings")
FIXED = {**REPORTS, "db": trivy("registry.example/shop/db:2.0", [])}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small platform, scanned twice, with tickets that have addresses."""
    folder = tmp_path_factory.mktemp("small")
    return page_of(folder, [FIXED, REPORTS], changed=tickets_on_a_server)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five thousand findings: the example."""
    folder = tmp_path_factory.mktemp("large") / "demo"
    demo.play(folder, lambda line: None)
    return folder / "report.html"


def test_from_team_to_image_to_upgrade_to_finding_to_ticket(small: Path, opened: Open) -> None:
    told = opened(small)
    page = told.page
    assert told.rows() == [
        ["Shop", "2", "2", "2", "0", "1", "4", "5"],
        ["Network", "1", "0", "0", "1", "0", "0", "1"],
    ]
    page.click("text=Shop >> nth=-1")
    told.says("2 images with 5 findings of 6")
    assert told.rows() == [
        ["registry.example/shop/web:1.4", "Shop", "1", "2", "0", "1", "3", "4", "scanned"],
        ["registry.example/shop/db:2.0", "Shop", "1", "0", "0", "0", "1", "1", "scanned"],
    ]
    page.click("text=web:1.4")
    told.says("3 upgrades with 4 findings of 6")
    assert told.rows() == [
        ["openssl", "1.0-r2", "1", "1", "1", "0", "0", "2", "2"],
        ["busybox", "1.0-r1", "1", "0", "0", "0", "1", "1", "1"],
        ["zlib", "no fix is known", "1", "0", "1", "0", "0", "0", "1"],
    ]
    page.click("#list >> text=openssl")
    told.says("2 findings of 6")
    assert [row[:6] for row in told.rows()] == [
        ["CVE-2026-0001", "critical", "P1", "openssl", "1.0-r0", "1.0-r1"],
        ["CVE-2026-0002", "high", "P2", "openssl", "1.0-r0", "1.0-r2"],
    ]
    page.click("#list >> text=CVE-2026-0001")
    told.until("!document.querySelector('#finding').hidden")
    card = page.inner_text("#finding")
    for words in ("a fault in openssl", "P1", "Critical, and an upgrade fixes it.", "registry.example/shop/web:1.4",
                  "upgrade to 1.0-r2", "First seen\n2026-05-03"):  # fmt: skip
        assert words in card
    ticket = page.locator("#finding dd a", has_text="[P1] registry.example/shop/web")
    assert ticket.get_attribute("href").startswith("https://git.example/acme/platform/issues/")
    assert ticket.get_attribute("rel") == "noopener noreferrer external"
    trail = page.eval_on_selector_all("#crumbs li", "all => all.map(e => e.textContent)")
    assert trail == ["All teams", "Shop", "registry.example/shop/web:1.4", "openssl → 1.0-r2"]
    page.click("#crumbs >> text=Shop")
    told.says("2 images with 5 findings of 6")
    for _ in range(2):
        page.go_back()
    told.says("2 findings of 6")
    page.go_back()
    told.says("3 upgrades with 4 findings of 6")


def test_filters_change_the_address_and_an_address_sets_the_filters(small: Path, opened: Open) -> None:
    told = opened(small)
    page = told.page
    page.select_option("#f-team", "shop")
    page.check("input[name=severity][value=critical]")
    page.check("input[name=severity][value=high]")
    page.select_option("#f-fixable", "yes")
    told.says("1 team with 3 findings of 6")
    assert page.evaluate("location.hash") == "#view=teams&team=shop&fixable=yes&severity=critical,high"
    page.fill("#f-text", "OPENSSL 0002")
    told.says("1 team with 1 finding of 6")
    same = opened(small, page.evaluate("location.hash"))
    assert same.count == told.count
    assert same.page.input_value("#f-team") == "shop"
    assert same.page.input_value("#f-text") == "OPENSSL 0002"
    assert same.page.is_checked("input[name=severity][value=high]")
    assert not same.page.is_checked("input[name=severity][value=low]")
    page.click("#clear")
    told.says("2 teams with 6 findings")
    assert page.input_value("#f-text") == ""
    assert page.is_disabled("#clear")


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("text=cve-2026-0001", 2), ("text=shop/db", 1), ("text=fault%20bind", 1), ("text=nothing", 0),
        ("text=pkg%3Aapk", 6), ("image=registry.example/shop/web:1.4", 4), ("image=shop", 5), ("image=WEB", 4),
        ("image=no/such:image", 0), ("team=nobody", 0), ("upgrade=no%20such", 0), ("severity=nonsense", 0),
        ("fixable=no", 2), ("priority=P1,P2", 3), ("state=open", 6), ("state=excepted", 0), ("view=%00&text=%25", 0),
        ("text=%E2%80%A8", 6), ("finding=zzz", 6), ("finding=__proto__&sort=constructor", 6),
    ],
)  # fmt: skip
def test_whatever_an_address_says_is_answered(small: Path, opened: Open, fragment: str, found: int) -> None:
    told = opened(small, f"#view=findings&{fragment}")
    assert told.found == found
    assert told.ask("#view=findings") == "6 findings"


def test_where_nothing_is_found_the_page_says_so(tmp_path: Path, opened: Open) -> None:
    told = opened(page_of(tmp_path, [{"dhcp": REPORTS["dhcp"]}]), "#view=findings")
    assert told.page.inner_text("h1") == "No vulns are known in 1 image."
    assert told.found == 0
    assert told.rows() == []
    told.ask("#view=images")
    assert [row[0] for row in told.rows()] == ["registry.example/net/dhcp:1.0"]
    assert serious(told.page) == []


def test_each_box_says_what_it_would_add(small: Path, opened: Open) -> None:
    told = opened(small, "#view=findings&severity=critical&priority=P2")
    assert told.count == "0 findings of 6"
    boxes = told.page.eval_on_selector_all(".chip", "all => all.map(c => [c.children[1].textContent, c.innerText])")
    assert {name: said.split()[-1] for name, said in boxes} == {
        "critical": "0", "high": "1", "medium": "0", "low": "0", "P1": "2", "P2": "0", "P3": "0", "P4": "0",
    }  # fmt: skip


def test_a_finding_in_two_tags_is_one_finding_in_two_images(tmp_path: Path, opened: Open) -> None:
    tags = {tag: trivy(f"registry.example/shop/web:1.{tag}", [OPENSSL]) for tag in "45"}
    told = opened(page_of(tmp_path, [tags]), "#view=findings")
    assert told.found == 1
    told.page.click("#list >> text=CVE-2026-0001")
    told.until("document.querySelectorAll('#finding tbody tr').length === 2")
    told.ask("#view=teams")
    assert told.rows() == [["Shop", "2", "1", "0", "0", "0", "1", "1"]]
    told.ask("#view=images")
    assert [row[0][-3:] + row[-2] for row in told.rows()] == ["1.41", "1.51"]
    told.ask("#view=upgrades")
    assert told.rows() == [["openssl", "1.0-r1", "2", "1", "0", "0", "0", "1", "1"]]


def test_a_finding_is_found_by_its_id(small: Path, opened: Open) -> None:
    told = opened(small, "#view=findings")
    told.page.click("#list >> text=CVE-2026-0005")
    told.until("!document.querySelector('#finding').hidden")
    name = told.page.inner_text("#finding dd code >> nth=-1")
    assert opened(small, f"#view=findings&text={name}").found == 1
    again = opened(small, f"#view=findings&finding={name}")
    assert "CVE-2026-0005 in bind" in again.page.inner_text("#finding h3")


def test_columns_sort_and_say_so(small: Path, opened: Open) -> None:
    told = opened(small, "#view=findings")
    page = told.page
    page.click("[data-sort=package]")
    told.until("document.querySelector('th.package').ariaSort === 'ascending'")
    assert [row[3] for row in told.rows()] == ["bind", "busybox", "openssl", "openssl", "openssl", "zlib"]
    page.click("[data-sort=package]")
    told.until("document.querySelector('th.package').ariaSort === 'descending'")
    assert [row[3] for row in told.rows()] == ["zlib", "openssl", "openssl", "openssl", "busybox", "bind"]
    assert page.evaluate("document.activeElement.dataset.sort") == "package"
    told.ask("#view=images")
    page.click("[data-sort=name]")
    told.until("document.querySelector('th.name').ariaSort === 'ascending'")
    names = [row[0].rpartition("/")[2] for row in told.rows()]
    assert names == ["dhcp:1.0", "dns:1.0", "db:2.0", "web:1.4"]


def test_a_clean_image_is_listed_until_something_is_looked_for(small: Path, opened: Open) -> None:
    told = opened(small, "#view=images")
    assert [row for row in told.rows() if row[7] == "0"] == [
        ["registry.example/net/dhcp:1.0", "Network", "0", "0", "0", "0", "0", "0", "scanned"]
    ]
    told.ask("#view=images&severity=medium")
    assert len(told.rows()) == 1


def test_it_is_worked_by_the_keyboard_alone(small: Path, opened: Open) -> None:
    told = opened(small)
    page, press = told.page, told.page.keyboard.press

    def here() -> str:
        said: str = page.evaluate("document.activeElement.textContent || document.activeElement.id")
        return said

    def tab_to(wanted: str) -> None:
        for _ in range(60):
            press("Tab")
            if page.evaluate("w => document.activeElement.matches(w)", wanted):
                ringed = "document.activeElement.closest('.chip') ?? document.activeElement"
                assert page.evaluate(f"getComputedStyle({ringed}).outlineStyle") == "solid"
                return
        raise AssertionError(f"Tab does not come to {wanted}")

    press("Tab")
    assert here() == "Skip to the findings"
    press("Enter")
    tab_to("#f-text")
    page.keyboard.type("openssl")
    told.until("location.hash.includes('text=openssl')")
    assert page.evaluate("document.activeElement.id") == "f-text"
    tab_to("input[value=critical]")
    press("Space")
    told.says("1 team with 2 findings of 6")
    tab_to("#views a:last-child")
    press("Enter")
    told.says("2 findings of 6")
    assert page.evaluate("document.activeElement.id") == "explore-title"
    tab_to(".scroller")
    tab_to("tbody a")
    first = page.evaluate("document.activeElement.closest('tr').rowIndex")
    press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == first + 1
    press("Home")
    press("Enter")
    told.until("!document.querySelector('#finding').hidden")
    assert page.evaluate("document.activeElement.id") == "finding"
    tab_to("#finding .close")
    press("Enter")
    told.until("document.querySelector('#finding').hidden")
    assert page.evaluate("document.activeElement.closest('tbody') !== null")
    assert page.get_attribute("#count", "aria-live") == "polite"


def test_only_what_is_seen_is_in_the_document(large: Path, opened: Open) -> None:
    told = opened(large, "#view=findings")
    page = told.page
    assert page.locator(".list tbody tr[aria-rowindex]").count() < 80
    assert page.get_attribute("table.list", "aria-rowcount") == "4924"
    page.focus(".list tbody a")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.closest('tr').getAttribute('aria-rowindex')") == "4924"
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.closest('tr').getAttribute('aria-rowindex')") == "4884"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.closest('tr').getAttribute('aria-rowindex')") == "2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_serious_for_people_who_hear_it_or_see_it_badly(
    large: Path, opened: Open, scheme: Any, width: int
) -> None:
    told = opened(large, scheme=scheme, width=width)
    for view in VIEWS:
        told.ask(f"#view={view}&team=dns")
        assert serious(told.page) == []
    told.ask("#view=findings&severity=critical,medium&state=open")
    told.page.click(".list tbody a >> nth=0")
    told.until("!document.querySelector('#finding').hidden")
    told.page.eval_on_selector_all("details", "all => all.forEach(e => e.open = true)")
    assert serious(told.page) == []


def test_on_a_phone_nothing_moves_sideways(large: Path, opened: Open) -> None:
    told = opened(large, width=390)
    told.page.eval_on_selector_all("details", "all => all.forEach(e => e.open = true)")
    for fragment in (*(f"#view={view}" for view in VIEWS), "#view=findings&severity=critical&team=sysmgmt"):
        told.ask(fragment)
        assert told.page.evaluate("document.documentElement.scrollWidth") == 390
    told.page.click(".list tbody a >> nth=0")
    told.until("!document.querySelector('#finding').hidden")
    assert told.page.evaluate("document.documentElement.scrollWidth") == 390
    assert told.page.evaluate(
        "document.querySelector('.scroller').scrollWidth <= document.querySelector('.scroller').clientWidth"
    )


def test_paper_gets_the_rows_and_not_the_filters(large: Path, opened: Open, tmp_path: Path) -> None:
    told = opened(large, "#view=findings&severity=critical,high", scheme="dark")
    page = told.page
    page.evaluate(
        """() => addEventListener("afterprint", () => {
            window.printed = {
                rows: document.querySelectorAll(".list tbody tr[aria-rowindex]").length,
                ground: getComputedStyle(document.documentElement).getPropertyValue("--panel").trim(),
            };
        }, { capture: true })"""
    )
    page.evaluate("addEventListener('beforeprint', () => window.seen = true)")
    page.pdf(path=tmp_path / "page.pdf")
    assert page.evaluate("window.seen")
    assert page.evaluate("document.querySelectorAll('.list tbody tr[aria-rowindex]').length") < 80
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelectorAll('.list tbody tr[aria-rowindex]').length") == 191
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--panel').trim()") == "#fff"
    assert page.is_hidden("#filters")
    assert page.is_visible("#severities")
    told.ask("#view=findings")
    assert page.inner_text(".printed") == "and 3,923 more"


HOSTILE = [
    "</script><script>hacked('script')</script>", "<img src=x onerror=hacked('img')>", "<svg/onload=hacked('svg')>",
    "\"onfocus=hacked('attribute') autofocus x=\"", "'--><iframe srcdoc='<script>parent.hacked()</script>'>",
    "<a href=javascript:hacked('link')>x</a>", "{{constructor.constructor('hacked()')()}}", "<!--<script>", "]]><b>",
    "\u202egnp.exe", "<style>*{display:none}</style>", "=cmd|'/C calc'!A0",
    "<meta http-equiv=refresh content=0;url=//x>",
]  # fmt: skip


ADDRESSES = ["javascript:hacked('url')", "data:text/html,<script>hacked()</script>", "//evil.example",
             "https://user@evil.example/"]  # fmt: skip


def hostile_reports() -> dict[str, Any]:
    """Reports in which every text is an attack."""
    entries = []
    for at, text in enumerate(HOSTILE):
        entry = vulnerability(f"CVE-2026-{at:04}", f"p{at}{text}", severity=["CRITICAL", "HIGH", "LOW"][at % 3])
        entry |= {"Title": text, "InstalledVersion": f"1{text}", "FixedVersion": f"2{text}", "Description": text}
        entry |= {"PrimaryURL": [*ADDRESSES, f"https://evil.example/{text}"][at % 5]}
        entry["PkgIdentifier"] = {}
        entries.append(entry)
    named = vulnerability(HOSTILE[0], "id")
    return {
        "a": trivy("registry.example/shop/web:1.4", [*entries, named]),
        "b": {"SchemaVersion": 2, "ArtifactName": HOSTILE[1], "Results": 5},
    }


def test_hostile_text_does_nothing(tmp_path: Path, opened: Open) -> None:
    teams = 'teams: {shop: {name: "</script><img src=x onerror=hacked(1)>"}}\nunowned: shop\n'
    reports = hostile_reports()
    file = page_of(tmp_path, [reports, reports], teams=teams, label="<script>hacked('label')</script>")
    text = file.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 3
    told = opened(file)
    page = told.page
    for view in VIEWS:
        told.ask(f"#view={view}")
        assert told.rows()
    told.ask(f"#view=findings&text={'%3Cimg'}")
    assert told.found == 1
    told.ask("#view=findings")
    links = page.locator(".list tbody a")
    for at in range(links.count()):
        links.nth(at).click()
        told.until(f"document.querySelectorAll('.list tbody a')[{at}].ariaCurrent === 'true'")
        for href in page.eval_on_selector_all("#finding a", "all => all.map(a => a.href)"):
            assert href.startswith((told.url, "https://evil.example/")), href
    page.eval_on_selector_all("details", "all => all.forEach(e => e.open = true)")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('img, svg, iframe, object, embed, base, style').length") == 1
    assert page.locator("text=onerror=hacked(1)").count() > 1  # it is there to read
    assert page.evaluate("document.querySelectorAll('[onerror], [onload], [onfocus], [onclick]').length") == 0
    assert serious(page) == []


def test_nothing_can_be_made_html_even_by_the_script_itself(small: Path, opened: Open) -> None:
    told = opened(small)
    tried = """() => { try { document.body.innerHTML = "<b>x</b>"; return "made"; } catch (e) { return e.name; } }"""
    assert told.page.evaluate(tried) == "TypeError"
    run = """() => { const s = document.createElement("script"); try { s.textContent = "window.ran = 1"; } catch {}
                     document.head.append(s); return typeof window.ran; }"""
    assert told.page.evaluate(run) == "undefined"
    assert told.faults
    told.faults.clear()


def test_an_old_browser_and_a_torn_file_are_told_so(small: Path, opened: Open, tmp_path: Path) -> None:
    told = opened(small)
    told.page.add_init_script("delete globalThis.DecompressionStream")
    told.page.goto("about:blank")
    told.page.goto(told.url)
    assert "too old" in told.page.inner_text("#loading")
    assert "images have critical or high vulns" in told.page.inner_text("h1")
    text = small.read_text(encoding="utf-8")
    begin = text.index('id="packed">') + len('id="packed">')
    torn = tmp_path / "torn.html"
    torn.write_text(text[: begin + 400] + text[text.index("</script>", begin) :], encoding="utf-8")
    told.page.goto("about:blank")
    other = told.page.context.new_page()
    other.goto(torn.as_uri())
    other.wait_for_selector("#loading.wrong")
    assert "not complete" in other.inner_text("#loading")
    told.faults.clear()


def test_without_script_the_figures_are_there(small: Path, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(small.as_uri())
    assert "2 of 4 images have critical or high vulns" in page.inner_text("h1")
    assert "allow this page to run its script" in page.inner_text("#explore")
    assert page.is_visible("#severities")
    context.close()


def test_the_charts_are_drawn_in_the_colours_of_the_scheme(small: Path, opened: Open) -> None:
    told = opened(small)
    page = told.page
    inked = """() => [...document.querySelectorAll(".chart canvas")].map((c) => {
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const ink = {};
        for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255) ink[[d[i], d[i + 1], d[i + 2]]] = 1;
        return Object.keys(ink);
    })"""
    light = page.evaluate(inked)
    assert len(light) == 3
    assert "194,24,75" in light[0]  # --chart-critical
    page.evaluate("() => document.querySelectorAll('.chart canvas').forEach((c) => { c.dataset.light = 1; })")
    page.emulate_media(color_scheme="dark")
    told.until("document.querySelectorAll('.chart canvas:not([data-light])').length === 3")  # drawn anew
    dark = page.evaluate(inked)
    assert "255,111,148" in dark[0]
    assert "194,24,75" not in dark[0]
    assert json.loads(page.text_content("#charts"))[0]["series"][0]["counts"] == [1, 2]
