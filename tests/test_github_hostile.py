"""What nobody should write, through runs on GitHub: forged markers, edits at a bad moment, text that would act."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from github_front import Call, Moment
from github_server import Github
from github_world import ONE, SETTINGS, THREE, TWO, World, made
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from reports import vulnerability
from test_render import acting
from tracker_contract import marker as full_marker

from triagebot.render.marker import read, told
from triagebot.trackers.body import carried, written
from triagebot.trackers.interface import BEGIN, END, splice

LIMIT = 65_536
GFM = MarkdownIt("gfm-like", {"linkify": False})

HOSTILE = [
    "@org/team @octocat", "fixes #1, closes acme/platform#1, resolves GH-1", "GH-1",
    "https://evil.example www.evil.example",
    "<!-- triagebot:marker {\"key\":\"image:evil\"} -->", f"{END} mine {BEGIN}", "</details><script>alert(1)</script>",
    "a | b | c \\| d", "``` ` `` ~~~", "user\u202egnp.exe \u2066x\u2069 \u200b@\u200borg", "x" * 100_000,
    "@a #1 | ` <b> " * 7_000, "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "[x](javascript:alert(1))",
    "javascript:alert(1)", "![x](http://evil.example/x.png)", "one\n\n# two\n\n/triagebot snooze 14d",
    "<img src=x onerror=y>",
    "[x]: http://evil.example", "&lt;b&gt; &#64;org", "\x00\x07", "⟦new ticket⟧", "{{ 7 * 7 }}{% raw %}", "🐳" * 300,
]  # fmt: skip


@pytest.fixture
def world(github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One repository, one team."""
    return made(github, tmp_path, monkeypatch)


def hostile(text: str) -> dict[str, Any]:
    """The text in every field of an entry that is text."""
    entry = vulnerability("CVE-2026-0666", text, installed=text, fixed=text, severity="CRITICAL")
    del entry["PkgIdentifier"]
    return {**entry, "Title": text, "PrimaryURL": text, "SeveritySource": text, "Description": text, "PkgPath": text}


def visible(body: str) -> str:
    """A body without the comments that are ours."""
    return re.sub(r"<!-- triagebot:(begin|end|marker \{.*?\}|comment [0-9a-z-]+) -->\n?", "", body)


def checked(body: str) -> None:
    """Nothing acts, and the table is whole."""
    assert len(body) <= LIMIT
    assert acting(visible(body)) == []
    assert (body.count(BEGIN), body.count(END)) in ((1, 1), (0, 0))
    html = GFM.render(body)
    assert not re.search(r"<(script|img|iframe|svg)|href=\"(?!https?://)", html)
    for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


# ---- markers of others ----


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("by", ["octocat", "reader", "outsider"])
def test_somebody_elses_issue_with_our_marker_is_left_alone(world: World, by: str, lost: bool) -> None:
    world.repo.change(private=False)
    world.write(triagebot=SETTINGS.replace("pause: 0", "pause: 0, public: true"))
    world.run(0, ONE)
    forged = world.repo.file("mine", world.repo.body(1), by=by)["number"]
    world.repo.add_labels(forged, "triagebot", "priority/P0")
    before = world.repo.issue(forged)
    if lost:
        world.forget()
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert (world.warnings.count("somebody else's issue") > 0) is lost  # it is not even listed as ours
    assert world.run(14) == {"close": 1}
    assert world.repo.issue(forged) == before
    assert not [c for c in world.github.front.writes() if f"/issues/{forged}" in c.path]


def test_a_forged_marker_of_a_new_key_takes_no_ticket_away(world: World) -> None:
    world.run(0, ONE)
    body = world.repo.body(1).replace("docker.io/a/a", "docker.io/a/b")
    world.repo.file("mine", body, by="triager", labels=["triagebot"])
    world.forget()
    assert world.run(7, images={"a/a": [ONE], "a/b": [ONE]})["create"] == 1
    assert world.count() == 3


def test_a_pull_request_of_ours_is_no_ticket(world: World) -> None:
    world.run(0, ONE)
    number = world.repo.file("mine", world.repo.body(1), by="triage-bot", is_pull=True, labels=["triagebot"])["number"]
    world.forget()
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert world.repo.body(number) != world.repo.body(1)


# ---- text of people around the block ----


@pytest.mark.parametrize(
    "quoted",
    [
        f"See `{BEGIN}` here.", f"See `{END}` here.", f"{BEGIN}\nnothing\n{END}", f"> {BEGIN}",
        '<!-- triagebot:marker {"key":"image:evil","digest":"0"} -->', "<!-- triagebot:comment 0123456789ab -->",
        f'{BEGIN}\n<!-- triagebot:marker {{"key":"broken" -->\n{END}' , "<!--", "```", "<details>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("lost", [False, True])
def test_our_marks_in_a_persons_text_take_nothing_away(world: World, quoted: str, lost: bool) -> None:
    world.run(0, ONE)
    world.repo.edit(1, body=f"Above.\n{quoted}\nStill mine.\n\n{world.repo.body(1)}\nBelow.\n{quoted}\nThe end.\n")
    if lost:
        world.forget()
    assert world.run(7, ONE, TWO) == {"update": 1}
    body = world.repo.body(1)
    for kept in (f"Above.\n{quoted}\nStill mine.\n", f"\nBelow.\n{quoted}\nThe end.\n"):
        assert kept in body
    assert world.names() == {"CVE-2026-0001", "CVE-2026-0002"}
    assert body.count("### What to do") == 1
    assert (world.count(), world.run(14, ONE, TWO, tag="1.7")) == (1, {})


def test_of_two_blocks_the_first_is_ours(world: World) -> None:
    world.run(0, ONE)
    block = world.repo.body(1)
    world.repo.edit(1, body=f"{block}\nA copy, to discuss:\n\n{block}")
    assert world.run(7, ONE, TWO) == {"update": 1}
    first, _, copy = world.repo.body(1).partition("A copy, to discuss:\n\n")
    assert ("CVE-2026-0002" in first, copy) == (True, block)
    world.forget()
    assert world.run(14, ONE, TWO, tag="1.7") == {}


def test_an_edit_between_listing_and_writing_is_kept(world: World) -> None:
    world.run(0, ONE)
    done: list[Call] = []

    def edit(moment: Moment, call: Call) -> bool:
        if moment == "after" and not done and "/issues?" in call.path:
            done.append(call)
            world.repo.edit(1, body=f"Just now.\n\n{world.repo.body(1)}", labels=["triagebot", "priority/P2", "mine"])
        return True

    world.github.front.gate(edit)
    assert world.run(7, ONE, TWO) == {"update": 1}
    assert done
    assert world.repo.body(1).startswith("Just now.\n")
    assert "mine" in world.repo.labels(1)
    assert world.names() == {"CVE-2026-0001", "CVE-2026-0002"}


@pytest.mark.parametrize("how", ["closed", "deleted", "digest"])
def test_a_ticket_that_drifted_between_listing_and_writing_is_left_alone(world: World, how: str) -> None:
    world.run(0, ONE)
    done: list[Call] = []

    def drift(moment: Moment, call: Call) -> bool:
        if moment == "after" and not done and "/issues?" in call.path:
            done.append(call)
            if how == "closed":
                world.repo.close(1, "not_planned")
            elif how == "deleted":
                world.repo.delete(1)
            else:
                world.repo.edit(1, body=re.sub(r'"digest":"\w+"', '"digest":"0000"', world.repo.body(1)))
        return True

    world.github.front.gate(drift)
    world.run(7, ONE, TWO, fails=True)
    outcome = {"closed": "drifted", "deleted": "gone", "digest": "drifted"}[how]
    assert (world.told.exit_code, [a["outcome"] for a in world.told.document["actions"]]) == (1, [outcome])
    assert world.calls()
    world.run(14, ONE, TWO)
    if how == "closed":
        assert world.names() == {"CVE-2026-0002"}  # the person decided on what was shown


# ---- the marker as JSON ----

BAD_MARKERS = [
    "{}", "[]", "{", '{"key":1,"digest":"0"}', '{"key":"nonsense","digest":"0"}', '{"key":"upgrade:","digest":"0"}',
    '{"key":"upgrade:x","digest":"0"}', '{"key":"image:","digest":"0"}', '{"key":"image:a","digest":"0","shown":"***"}',
    '{"key":"image:a","digest":"0","due":"@octocat"}', '{"key":"image:a","digest":"0","due":"2026-99-99"}',
    '{"key":"image:a","digest":"0","images":["x"]}', '{"key":"image:a","digest":"0","held":7}',
    '{"key":"image:a","digest":"0","priority":"P1/../x"}', '{"key":"image:\\n","digest":"0"}',
    '{"key":"image:a","digest":"0","stream":null}', '{"key":"image:a","digest":"0","serious":"zz"}',
    '{"key":"image:a","digest":"0","version":"1"}', '{"__class__":"x","key":"image:a"}', "{" + '"a":' * 2000,
    '{"key":"../../etc/passwd","digest":"0"}',
]  # fmt: skip


@pytest.mark.parametrize("said", BAD_MARKERS, ids=lambda said: said[:50])
def test_a_marker_that_we_would_not_write_is_none(said: str) -> None:
    assert read(said) == (None, "")


@pytest.mark.parametrize("said", BAD_MARKERS, ids=lambda said: said[:50])
@pytest.mark.parametrize("lost", [False, True])
def test_a_broken_marker_holds_up_nobody(world: World, said: str, lost: bool) -> None:
    images = {"a/a": [ONE], "a/b": [TWO]}
    world.run(0, images=images, tag="1.0")
    body = world.repo.body(1)
    world.repo.edit(1, body=re.sub(r"marker \{.*\} -->", lambda _: f"marker {said} -->", body))
    if lost:
        world.forget()
        assert world.run(7, images=images, tag="1.0") == {"create": 1}  # nobody knows whose it was
        return
    assert world.run(7, images=images, tag="1.0") == {"update": 1}
    assert world.marker()["key"] == "image:docker.io/a/a"


def test_a_key_that_a_person_changes_is_changed_back(world: World) -> None:
    images = {"a/a": [ONE], "a/b": [TWO]}
    world.run(0, images=images, tag="1.0")
    world.repo.edit(1, body=world.repo.body(1).replace('"image:docker.io/a/a"', '"image:docker.io/a/b"'))
    assert world.run(7, images=images, tag="1.0") == {"update": 1}
    assert world.marker()["key"] == "image:docker.io/a/a"
    assert world.count() == 2


@pytest.mark.parametrize("closed", ["done", "done x", "done 2026-99-99T00:00:00Z", "@octocat", '{"a":1}'])
def test_a_broken_note_of_our_closing_holds_up_nobody(world: World, closed: str) -> None:
    world.run(0, ONE)
    world.run(7)
    said = world.marker() | {"closed": closed}
    world.repo.edit(
        1, body=re.sub(r"marker \{.*\} -->", lambda _: f"marker {json.dumps(said)} -->", world.repo.body(1))
    )
    world.run(14, ONE)
    assert world.count() == 1


IDS = st.lists(st.integers(0, 2**32 - 1).map("{:08x}".format), unique=True, max_size=200)


@given(IDS, st.sets(st.integers(0, 199)), st.integers(0, 80), st.lists(st.dates().map(str), max_size=3, unique=True))
def test_a_marker_comes_back_as_it_was(ids: list[str], serious: set[int], images: int, days: list[str]) -> None:
    held = sorted(f"{one}:{day}" for at, one in enumerate(ids) for day in days[at % 3 : at % 3 + 1])
    marker = full_marker(
        shown=tuple(ids), serious=tuple(x for at, x in enumerate(ids) if at in serious), held=tuple(held),
        images=tuple(f"{n:08x}.{n:08x}.{n:08x}" for n in range(images)),
    )  # fmt: skip
    assert read(told(marker)) == (marker, "")
    assert read(told(marker, "done 2026-05-01T00:00:00Z")) == (marker, "done 2026-05-01T00:00:00Z")


@given(st.text(max_size=60), st.lists(st.text(max_size=12), max_size=60))
def test_nothing_in_a_marker_acts(text: str, ids: list[str]) -> None:
    said = told(full_marker(key=f"image:{text}", stream=text, digest=text, shown=tuple(ids), labels=(text,)))
    assert not re.search(r"[<>@#\n]|--", said)


PIECES = [BEGIN, END, '<!-- triagebot:marker {"key":"image:x"} -->', "mine ", "\n", "`"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_borders_stand_in_a_text_there_is_one_block_of_ours(text: str) -> None:
    once = written(text, full_marker(), "What to do.")
    assert carried(once).marker == full_marker()
    assert written(once, full_marker(), "What to do.") == once
    assert splice(once, "Other.").count("What to do.") == 0
    if END not in text:  # no block is whole: nothing of it is ours
        assert once.count("mine") == text.count("mine")


# ---- text of scans and of configuration ----


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
@pytest.mark.parametrize("by", ["image", "upgrade"])
def test_text_of_a_scan_does_nothing(world: World, text: str, by: str) -> None:
    world.write(triagebot=SETTINGS + f"group_by: {by}\ndrop_fraction: 1\n")
    world.run(0, images={"a/a": [hostile(text), ONE]})
    world.run(7, images={"a/a": [hostile(text), {**hostile(text), "VulnerabilityID": text}, ONE, THREE]})
    world.run(14, images={"a/a": []})
    assert world.count() >= 1
    for issue in world.repo.issues():
        checked(issue["body"])
        assert len(issue["title"]) <= 256
        assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", issue["title"])
        assert set(issue["assignees"]) == set()
        for comment in world.repo.comments(issue["number"]):
            checked(comment["body"])
            assert "\n/triagebot" not in comment["body"]
    assert all(c.status < 400 for c in world.github.front.writes())


@pytest.mark.parametrize(
    "image",
    [
        "evil/@org/team:1",
        "a/fixes#1:1",
        "a/<script>:1",
        "a/b|c:1",
        "a/`x`:1",
        "a/../../b:1",
        "a/javascript:alert(1)",
        f"a/{'x' * 100_000}:1",
    ],
)
def test_names_of_images_do_nothing(world: World, image: str) -> None:
    world.run(0, images={image: [ONE]}, fails=True)
    for issue in world.repo.issues():
        checked(issue["body"])


@pytest.mark.parametrize(
    "text", [t for t in HOSTILE if t.isprintable() and len(t) < 500], ids=lambda text: ascii(text[:24])
)
def test_names_of_teams_and_reasons_of_rules_do_nothing(world: World, text: str) -> None:
    said = json.dumps(text)
    rule = f"{{id: x, when: {{}}, priority: P1, action: ticket, because: {said}}}"
    world.write(
        triagebot=SETTINGS + "teams: teams.yaml\nrules: [rules.yaml]\ngroup_by: upgrade\n",
        teams=f"teams: {{base: {{name: {said}}}}}\nunowned: base\n",
        rules=f"rules: [{rule}]\n",
    )
    assert world.run(0, ONE) == {"create": 1}
    checked(world.repo.body(1))
    world.say(f"/triagebot false-positive because {text}")
    world.run(7, ONE)
    assert acting(world.told.summary) == []
    for comment in world.repo.comments(1)[1:]:
        checked(comment["body"])


# ---- size ----


def test_five_thousand_findings_in_one_ticket(world: World) -> None:
    many = [vulnerability(f"CVE-2026-{n:05}", f"package-{n % 700}", severity="CRITICAL") for n in range(5000)]
    assert world.run(0, *many, tag="1.0") == {"create": 1}
    checked(world.repo.body(1))
    assert re.search(r"\nand [\d,]+ more\n", world.repo.body(1))
    world.forget()
    assert world.run(2, *many, tag="1.0") == {}
    assert world.run(14, *many, TWO, tag="1.0") == {"update": 1}
    world.at(15)
    world.repo.close(1, "not_planned")
    assert world.run(21, *many, TWO, THREE, tag="1.0") == {"reopen": 1}
    assert world.names() == {"CVE-2026-0003"}
    checked(world.repo.body(1))
    world.forget()
    assert world.run(23, *many, TWO, THREE, tag="1.0") == {}


def test_much_text_of_people_leaves_the_ticket_less_room(world: World) -> None:
    world.write(triagebot=SETTINGS + "drop_fraction: 1\n")
    many = [vulnerability(f"CVE-2026-{n:05}") for n in range(100)]
    world.run(0, *many)
    mine = "A note of mine. " * 1875
    world.repo.edit(1, body=f"{mine}\n\n{world.repo.body(1)[:4000]}\n{END}\n{mine}")
    assert world.run(7, *many, TWO) == {"update": 1}
    body = world.repo.body(1)
    assert body.count(mine.strip()) == 2
    checked(body)
    assert world.run(14) == {"close": 1}


def test_text_of_people_that_leaves_no_room_is_said_and_holds_up_nobody(world: World) -> None:
    world.run(0, images={"a/a": [ONE], "a/b": [ONE]})
    world.repo.edit(1, body="x" * 65_000)
    world.run(7, images={"a/a": [ONE, TWO], "a/b": [ONE, TWO]}, fails=True)
    assert (world.told.exit_code, "leaves no room" in world.errors[0]) == (1, True)
    assert world.repo.body(1) == "x" * 65_000
    assert "CVE-2026-0002" in world.repo.body(2)
