"""A number and what it counts: never "1 files"."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triagebot.render import many

SOURCE = Path(__file__).resolve().parent.parent / "triagebot"
COUNTED = (
    "assets|calls|charts|comments|CVEs|days|decisions|documents|entries|files|findings|images|issues|lines|minutes|names|"
    "packages|places|reports|rows|runs|scans|statements|teams|tickets|vulnerabilities|vulns|workloads"
)
UNHELPED = re.compile(rf"\{{([^{{}}]*)\}}\}}? (?:more |open |other )?(?:{COUNTED})\b")
"""A value with what it counts right behind it, where nobody asked whether it is one."""
MEANT = (
    re.compile(r"[A-Z_]+(:,)?"),  # a limit of ours
    re.compile(r"entries:,|len\(here\)|len\(assets\)|len\(members\)|len\(serious\)|gap\.usual\.days"),  # always several
    re.compile(r"target!r|is_open|excepted|seconds / 60:\.0f"),  # a name; "1 of 5 images"; a quarter of an hour or more
)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files"), (-1, "-1 files")]
)
def test_a_number_with_its_noun(count: int, said: str) -> None:
    assert many(count, "file") == said


def test_a_noun_that_takes_no_s() -> None:
    assert [many(n, "entry", "entries") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]


def test_every_number_is_asked_whether_it_is_one() -> None:
    found = []
    for path in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.j2")]):
        for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for value in UNHELPED.findall(line):
                if "==" not in value and "many(" not in value and not any(m.fullmatch(value) for m in MEANT):
                    found.append(f"{path.relative_to(SOURCE)}:{at}: {line.strip()}")
    assert found == []
