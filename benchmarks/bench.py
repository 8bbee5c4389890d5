"""What a run costs: `python benchmarks/bench.py`. Prints a table; judges, but never fails for being slow.

- wall: the whole process `triagebot run` on 2,000 reports with 200,000 findings, into a history and a local tracker
  that are empty, limits as by default. From start to exit, with interpreter and imports.
- loads: a process of its own reads every file and gives it to `orjson.loads`; the clock runs inside it around read
  and loads, without interpreter start. Measured thrice, as these differ much: letting each document go before the
  next is read, holding all of them, and holding them without the garbage collector, which walks what is held again
  and again. Compare ratios only where they have the same name.
- rules: what 50 rules cost over all of these findings, of the kinds that people write, in a process of its own that has
  the findings at hand; as a share of the run, whose own rules are few.
- peak: the largest resident size of `triagebot run` and the helpers beside it together, looked at every 5 ms (what
  they share counts more than once); where there is no /proc, of the largest process, as the kernel tells at its exit.

Runs of both alternate, each is done `--rounds` times, and the best of each counts. The files are read once before,
so that they come from the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RATIO_BAR, MEMORY_BAR, HELP_BAR, RULES_BAR = 0.5, 1024.0, 0.3, 0.1
LINEAR_BAR = 1.25
"""How much longer than its share twice as many reports may take."""

LOADS = """
import gc, sys, time
from pathlib import Path
import orjson
files = sorted(Path(sys.argv[1]).iterdir())
held = []
if sys.argv[2] == "uncollected":
    gc.disable()
begun = time.perf_counter()
for file in files:
    document = orjson.loads(file.read_bytes())
    if sys.argv[2] != "each":
        held.append(document)
print(time.perf_counter() - begun)
"""

RULES = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from triagebot.files import RuleFile
from triagebot.findings import findings
from triagebot.history import History
from triagebot.look import by_alias
from triagebot.rules import verdicts
whens = []
for n in range(10):
    whens += [
        {"kev": True, "asset": f"*/team-{n}/*"},
        {"severity": ["critical", "high"], "fixable": True, "package": f"pkg:*/*{n}lib*"},
        {"any": [{"epss": ">= 0.9"}, {"cvss": f">= 9.{n}"}], "not": {"title": f"*overflow in part {n}*"}},
        {"vulnerability": [f"CVE-19{n:02}-*", f"GHSA-{n}*"], "age": f">= {n}d"},
        {"all": [{"team": f"team-{n}"}, {"not": {"location": "usr/{bin,lib}/*"}}], "source_package": f"{{lib,}}x{n}*"},
    ]
whens[-1] = {}
rules = RuleFile.model_validate({"rules": [
    {"id": f"r{n}", "when": when, "priority": "P2", "action": "ticket", "because": "x"} for n, when in enumerate(whens)
]}).rules
belief = History(Path(sys.argv[1])).state("main", keep_cache=False).belief
table = findings(belief, {}, datetime.now(UTC))
aliases = by_alias(belief)
begun = time.perf_counter()
told = verdicts(table, rules, aliases)
took = time.perf_counter() - begun
assert told.len() == table.height == int(sys.argv[2]) and len(rules) == 50 and told.n_unique() > 2
print(took)
"""


@dataclass(frozen=True)
class Spent:
    """What one process took: seconds of wall time, MiB at its peak, and what it printed."""

    seconds: float
    peak: float
    said: str


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="where the reports are, or are to be written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reports", type=int, default=2000, help="a multiple of 8")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    name = f"triagebot-bench-{chosen.seed}-{chosen.reports}"
    data: Path = chosen.data or Path(tempfile.gettempdir()) / name
    facts = _generated(data, chosen.seed, chosen.reports)
    scans = [_part(data, chosen.reports // n) for n in (4, 2, 1)]
    _measured(facts, scans, chosen.rounds)


def _generated(data: Path, seed: int, reports: int) -> dict[str, int]:
    """The facts about the reports in the folder, which are written unless they are there."""
    told = data / "facts.json"
    if told.exists():
        facts: dict[str, int] = json.loads(told.read_text(encoding="utf-8"))
        if (facts["seed"], facts["reports"]) == (seed, reports):
            return facts
        raise SystemExit(f"{data} holds seed {facts['seed']}, {facts['reports']} reports; remove it or name another")
    print(f"writing {reports} reports to {data}", flush=True)
    # A process of its own: a child's peak counts from its parent's, which therefore stays small.
    command = [sys.executable, str(HERE / "generate.py"), str(data / str(reports))]
    said = _ran([*command, "--seed", str(seed), "--reports", str(reports)]).said
    told.write_text(said, encoding="utf-8")
    return dict(json.loads(said))


def _part(data: Path, reports: int) -> Path:
    """The folder of the first so many reports; links, where it is not all of them."""
    part = data / str(reports)
    if not part.exists():
        part.mkdir()
        whole = max((p for p in data.iterdir() if p.is_dir()), key=lambda p: int(p.name))
        for file in sorted(whole.iterdir())[:reports]:
            os.link(file, part / file.name)
    return part


def _measured(facts: dict[str, int], scans: Sequence[Path], rounds: int) -> None:
    whole = scans[-1]
    for file in whole.iterdir():
        file.read_bytes()
    steps: dict[str, Callable[[], Spent]] = {
        "run": lambda: _run(whole, facts["vulnerabilities"]),
        "each": lambda: _loads(whole, "each"),
        "all": lambda: _loads(whole, "all"),
        "uncollected": lambda: _loads(whole, "uncollected"),
        "half": lambda: _run(scans[1], facts["vulnerabilities"] // 2),
        "quarter": lambda: _run(scans[0], facts["vulnerabilities"] // 4),
        "rules": lambda: _rules(whole, facts["vulnerabilities"]),
    }
    spent: dict[str, list[Spent]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            spent[name].append(step())
    best = {name: min(s.seconds for s in taken) for name, taken in spent.items()}
    peak = max(s.peak for s in spent["run"])
    cold = min(_ran([sys.executable, "-m", "triagebot", "--help"]).seconds for _ in range(5))
    print(f"{facts['reports']} reports, {facts['vulnerabilities']} findings, {facts['bytes'] / 1e6:.0f} MB, ", end="")
    print(f"seed {facts['seed']}; best of {rounds}, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    rows = [
        ("triagebot run, whole process", f"{best['run']:.2f} s", "", None),
        ("orjson.loads, each document let go", f"{best['each']:.2f} s", "", None),
        ("orjson.loads, all documents held", f"{best['all']:.2f} s", "", None),
        ("the same with gc.disable()", f"{best['uncollected']:.2f} s", "", None),
        _judged("ratio to orjson.loads, each let go", best["run"] / best["each"], RATIO_BAR),
        _judged("ratio to orjson.loads, all held", best["run"] / best["all"], RATIO_BAR),
        _judged("peak memory with helpers, worst run", peak, MEMORY_BAR, " MiB"),
        ("50 rules over all findings", f"{best['rules']:.2f} s", "", None),
        _judged("50 rules, as a share of the run", best["rules"] / best["run"], RULES_BAR),
        (f"triagebot run, {scans[0].name} reports", f"{best['quarter']:.2f} s", "", None),
        (f"triagebot run, {scans[1].name} reports", f"{best['half']:.2f} s", "", None),
        _judged(f"{scans[1].name} : {scans[0].name} reports, over 2", best["half"] / best["quarter"] / 2, LINEAR_BAR),
        _judged(f"{whole.name} : {scans[1].name} reports, over 2", best["run"] / best["half"] / 2, LINEAR_BAR),
        _judged("triagebot --help, best of 5", cold, HELP_BAR, " s"),
    ]  # fmt: skip
    for what, value, bar, passed in rows:
        word = "" if passed is None else "pass" if passed else "FAIL"
        print(f"{what:38} {value:>11}  {bar:14} {word}".rstrip())


def _judged(what: str, value: float, bar: float, unit: str = "") -> tuple[str, str, str, bool]:
    digits = 0 if unit == " MiB" else 2
    return what, f"{value:.{digits}f}{unit}", f"bar {bar:g}{unit}", value <= bar


def _run(scan: Path, findings: int) -> Spent:
    """One `triagebot run`; anything but the expected outcome is an error, not a measurement."""
    with _folder() as folder:
        config = folder / "triagebot.yaml"
        config.write_text("history: history\ntrackers: {default: {type: local, path: tickets}}\n", encoding="utf-8")
        spent = _ran([sys.executable, "-m", "triagebot", "run", str(scan), "--config", str(config), "--json"], folder)
        told: dict[str, Any] = json.loads(spent.said)
        if told["diff"]["new"] != findings or not told["plan"]["create"] or told["errors"]:
            raise SystemExit(f"{scan}: not what was generated: {told['diff']} {told['plan']} {told['errors'][:3]}")
        if not list((folder / "history" / "snapshots").glob("*/occurrences.parquet")):
            raise SystemExit(f"{scan}: no snapshot was written")
    return spent


def _rules(scan: Path, findings: int) -> Spent:
    with _folder() as folder:
        config = folder / "triagebot.yaml"
        config.write_text("history: history\n", encoding="utf-8")
        run = [sys.executable, "-m", "triagebot", "run", str(scan), "--config", str(config), "--record-only", "--json"]
        _ran(run, folder)
        spent = _ran([sys.executable, "-c", RULES, str(folder / "history"), str(findings)])
    return Spent(float(spent.said), spent.peak, spent.said)


def _loads(scan: Path, held: str) -> Spent:
    spent = _ran([sys.executable, "-c", LOADS, str(scan), held])
    return Spent(float(spent.said), spent.peak, spent.said)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="triagebot-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ran(command: Sequence[str], folder: Path | None = None) -> Spent:
    """Run a process to its end; stop all where it fails."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, cwd=folder, env=environment)
        watched = _Watched(process.pid)
        watched.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        watched.over.set()
        watched.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"exit {process.returncode}: {' '.join(command)}")
        out.seek(0)
        said = out.read().decode()
    largest = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Spent(seconds, max(largest, watched.peak), said)


class _Watched(threading.Thread):
    """Adds up, again and again, what a process and its children hold in memory. `peak`: MiB; 0 without /proc."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0.0, threading.Event()

    def run(self) -> None:
        """Look until told that it is over."""
        while not self.over.wait(0.005):
            try:
                children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
                held = sum(_resident(pid) for pid in (str(self.pid), *children))
            except (OSError, IndexError):
                continue
            self.peak = max(self.peak, held)


def _resident(pid: str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
