"""A real browser, headless, and pages opened in it as a person opens a file.

Where there is no Chromium the tests are skipped; in CI they fail, so that none is lost unseen.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).resolve().parent / "emulators" / "node_modules" / "axe-core" / "axe.min.js"
Scheme = Literal["light", "dark"]


def missing(why: str) -> None:
    """Skip, or in CI fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for each worker; what is opened in it shares nothing."""
    from playwright.sync_api import sync_playwright

    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing("the browser is absent (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser. `faults`: what it said on its console, threw, asked the network for or opened."""

    page: Any
    url: str
    faults: list[str] = field(default_factory=list)

    def go(self, fragment: str) -> None:
        """Ask for what a link with that fragment asks for, in a page that is loaded anew."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}{fragment}")
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def ask(self, fragment: str) -> str:
        """The same without loading; the count that the page tells."""
        self.page.evaluate(
            """fragment => new Promise((done) => {
                if (location.hash === fragment) return done();
                addEventListener("hashchange", () => done(), { once: true });
                location.hash = fragment;
            })""",
            fragment,
        )
        return self.count

    def until(self, condition: str) -> None:
        """Let the page go on until that holds, for some 600 frames. (What Playwright has for it the policy refuses.)"""
        self.page.evaluate(
            f"""async () => {{
                for (let frame = 0; !({condition}); frame++) {{
                    if (frame > 600) throw new Error("never: " + {condition!r});
                    await new Promise(requestAnimationFrame);
                }}
            }}"""
        )

    def says(self, count: str) -> None:
        """The page comes to say that it shows so much."""
        self.until(f"document.querySelector('#count').textContent === {count!r}")

    @property
    def count(self) -> str:
        """What the page says that it shows."""
        said: str = self.page.inner_text("#count")
        return said

    @property
    def found(self) -> int:
        """How many findings are shown."""
        words = self.count.split(" finding")[0].split()
        return int(words[-1].replace(",", ""))

    def rows(self) -> list[list[str]]:
        """Every row of the table, the words of each cell; the table is scrolled from its beginning to its end."""
        told: dict[str, list[str]] = self.page.evaluate(
            """async () => {
                const scroller = document.querySelector(".scroller");
                const read = {};
                const settled = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
                for (let top = 0; ; top += scroller.clientHeight) {
                    scroller.scrollTop = top;
                    await settled();
                    for (const row of scroller.querySelectorAll("tr[aria-rowindex]")) {
                        const at = row.getAttribute("aria-rowindex");
                        if (at > 1) read[at] = [...row.cells].map((cell) => cell.textContent);
                    }
                    if (top + scroller.clientHeight >= scroller.scrollHeight) break;
                }
                scroller.scrollTop = 0;
                return read;
            }"""
        )
        rows = [told[at] for at in sorted(told, key=int)]
        assert len(rows) + 1 == int(self.page.get_attribute("table.list", "aria-rowcount")), rows
        return rows

    def body(self, table: str) -> dict[str, list[str]]:
        """The cells of a table that stands in the page, by the heading of each row."""
        rows: list[list[str]] = self.page.eval_on_selector_all(
            f"{table} tbody tr, {table} tfoot tr", "rows => rows.map(r => [...r.cells].map(c => c.textContent.trim()))"
        )
        return {row[0]: row[1:] for row in rows}


Open = Callable[..., Opened]


@pytest.fixture
def opened(chromium: Any) -> Iterator[Open]:
    """Opens a file in a profile of its own; whatever it does that a quiet page does not, ends the test."""
    contexts = []
    pages: list[Opened] = []

    def open_(file: Path, fragment: str = "", *, width: int = 1280, scheme: Scheme = "light") -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB")
        contexts.append(context)
        told = Opened(context.new_page(), file.as_uri())
        pages.append(told)
        told.page.on("console", lambda said: told.faults.append(f"console {said.type}: {said.text}"))
        told.page.on("pageerror", lambda error: told.faults.append(f"error: {error}"))
        told.page.on("dialog", lambda dialog: (told.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        told.page.on("popup", lambda popup: told.faults.append(f"popup: {popup.url}"))
        context.on("request", lambda request: _asked(told, request.url))
        told.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
        )
        told.go(fragment)
        return told

    yield open_
    faults = [fault for page in pages for fault in page.faults]
    for context in contexts:
        context.close()
    assert faults == []


def _asked(told: Opened, url: str) -> None:
    if url.partition("#")[0] not in (told.url, "about:blank") and not url.startswith("data:"):
        told.faults.append(f"request: {url}")


def serious(page: Any) -> list[str]:
    """What axe holds to be serious or critical for people who use the page by ear, keyboard or with weak sight."""
    if not AXE.is_file():
        missing("axe is absent (npm ci --ignore-scripts --prefix tests/emulators)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    told = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['impact']} {fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in told["violations"] if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]  # fmt: skip
