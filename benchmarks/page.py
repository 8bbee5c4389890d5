"""What the page of 200,000 findings costs a browser: `python benchmarks/page.py`. Judges its size.

The reports are those of `bench.py`, recorded once into a folder of its own. Chromium opens the page from a file, with
nothing in its caches, `--rounds` times; of each figure the worst counts.

- size: of the file.
- first paint: from the start of the navigation until something is seen (Paint Timing).
- usable: until the findings can be filtered.
- longest task: the longest time in which the tab answered nothing, while loading (Long Tasks, tasks of 50 ms and more).
- answer: from a change of a filter or a click until the table shows it, style and layout included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import _generated
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
SIZE_BAR = 15.0
"""Million bytes."""
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SETTINGS = """history: history
trackers: {default: {type: local, path: tickets}}
teams: teams.yaml
"""
TEAMS = """teams: {one: {name: One}, two: {name: Two}, three: {name: Three}}
unowned: one
images: [{match: "*{1,2,3}", team: two}, {match: "*{4,5,6}", team: three}]
"""
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ type: "longtask", buffered: true });
"""
ANSWER = """
async (fragment) => {
  const begun = performance.now();
  const shown = new Promise((done) => {
    addEventListener("hashchange", () => requestAnimationFrame(() => setTimeout(done)), { once: true });
  });
  location.hash = fragment;
  await shown;
  return performance.now() - begun;
}
"""
ASKED = {
    "every finding": "#view=findings",
    "one severity": "#view=findings&severity=critical",
    "by image": "#view=images",
    "by upgrade": "#view=upgrades",
    "one team's images": "#view=images&team=two",
    "words": "#view=findings&text=buffer%20lib",
    "sorted by package": "#view=findings&sort=package",
}


def main() -> None:
    """Make the page, open it, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="where the reports are, or are to be written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reports", type=int, default=2000, help="a multiple of 8")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    data: Path = chosen.data or Path(tempfile.gettempdir()) / f"triagebot-bench-{chosen.seed}-{chosen.reports}"
    facts = _generated(data, chosen.seed, chosen.reports)
    with tempfile.TemporaryDirectory(prefix="triagebot-page-") as folder:
        page = _written(Path(folder), data / str(chosen.reports), facts["vulnerabilities"])
        size = page.stat().st_size / 1e6
        word = "pass" if size <= SIZE_BAR else "FAIL"
        print(f"{'size':32} {size:8.1f} MB  bar {SIZE_BAR:g} MB  {word}")
        worst: dict[str, float] = {}
        for _ in range(chosen.rounds):
            for name, value in _opened(page).items():
                worst[name] = max(value, worst.get(name, 0.0))
        for name, value in worst.items():
            print(f"{name:32} {value:8.0f} ms")


def _written(folder: Path, scan: Path, findings: int) -> Path:
    (folder / "triagebot.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
    command = [sys.executable, "-m", "triagebot"]
    subprocess.run([*command, "run", str(scan)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    begun = time.perf_counter()
    done = subprocess.run([*command, "report"], cwd=folder, check=True, capture_output=True, text=True)
    print(f"{'triagebot report, whole process':32} {time.perf_counter() - begun:8.1f} s")
    if f"({findings:,} findings" not in done.stdout:
        raise SystemExit(f"not what was generated: {done.stdout}")
    return folder / "report.html"


def _opened(file: Path) -> dict[str, float]:
    """What one browser, just started, tells."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")
        told = {
            "first paint": _number(page, "performance.getEntriesByName('first-contentful-paint')[0].startTime"),
            "usable": _number(page, "performance.getEntriesByName('triagebot-ready')[0].startTime"),
            "longest task while loading": _number(page, "window.longest"),
        }
        told |= {f"answer: {name}": float(page.evaluate(ANSWER, fragment)) for name, fragment in ASKED.items()}
        told["longest task of all"] = _number(page, "window.longest")
        browser.close()
    return told


def _number(page: Page, expression: str) -> float:
    return float(page.evaluate(expression))


if __name__ == "__main__":
    main()
