"""When a scan was taken: what the reports say, what is assumed and warned of, and how a wrong time is put right."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Place, written
from reports import trivy, vulnerability, write
from typer.testing import CliRunner

from triagebot import app, config
from triagebot.cli import app as command
from triagebot.errors import InputError, UnsafeError
from triagebot.history import History
from triagebot.look import Options
from triagebot.union import Kept, unite

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
DAY = timedelta(days=1)
SAID = "2026-05-01T05:00:00Z"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.create(tmp_path / "place")


def silent(folder: Path, count: int = 1, tag: str = "1") -> Path:
    """A scan whose report does not say when it was made."""
    found = [vulnerability(f"CVE-2026-{n:04}") for n in range(count)]
    return write(folder, one=trivy(f"shop/app:{tag}", found))


def mixed(folder: Path) -> Path:
    """One of two reports does."""
    return write(silent(folder), two=trivy("shop/web:1", [vulnerability("CVE-2026-0009")], at=SAID))


def run(place: Place, scan: Path, now: datetime = NOW, **options: Any) -> dict[str, Any]:
    settings = config.load(place.folder / "triagebot.yaml")
    return app.run(settings, scan, Options(now=now, **options)).document


def times(place: Place) -> dict[str, str]:
    """When each recorded scan was taken, in their order."""
    return {s.label: f"{s.taken_at:%Y-%m-%d %H:%M}" for s in History(place.history).snapshots("main")}


def seen_first(place: Place) -> set[str]:
    return {f"{at:%Y-%m-%d %H:%M}" for at in place.belief().known["first_seen"].to_list()}


# What is assumed


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=["run", "dry run"])
def test_a_run_that_had_to_assume_says_so(place: Place, tmp_path: Path, options: dict[str, Any]) -> None:
    told = run(place, silent(tmp_path / "1.2.0"), **options)
    assert told["warnings"] == [
        "the reports of 1.2.0 do not say when they were made: the scan counts as taken now; --taken-at TIME says when"
    ]
    assert told["scan"]["taken_at"] == NOW.isoformat()


def test_a_plan_that_had_to_assume_says_so(place: Place, tmp_path: Path) -> None:
    settings = config.load(place.folder / "triagebot.yaml")
    told, _ = app.make_plan_file(settings, silent(tmp_path / "1.2.0"), Options(now=NOW, dry_run=True))
    assert "the scan counts as taken now; --taken-at TIME says when" in told.document["warnings"][0]


def test_a_run_that_is_told_says_nothing(place: Place, tmp_path: Path) -> None:
    assert run(place, silent(tmp_path / "1.2.0"), taken_at=NOW - DAY)["warnings"] == []


def test_one_report_that_does_not_say_is_enough(place: Place, tmp_path: Path) -> None:
    told = run(place, mixed(tmp_path / "1.2.0"))
    assert told["warnings"] == [
        "1 of 2 reports of 1.2.0 do not say when they were made: the scan counts as taken now; "
        "--taken-at TIME says when"
    ]
    assert times(place) == {"1.2.0": "2026-05-03 06:00"}


def test_a_report_that_cannot_be_read_has_no_say(place: Place, tmp_path: Path) -> None:
    scan = write(tmp_path / "1.2.0", two=trivy("shop/web:1", [vulnerability("CVE-2026-0009")], at=SAID))
    (scan / "one.json").write_text("{")
    assert [w for w in run(place, scan)["warnings"] if "made" in w] == []
    assert times(place) == {"1.2.0": "2026-05-01 05:00"}


@pytest.mark.parametrize("name", ["2026-05-01", "20260501", "nightly-2026-05-01", "2026-05-01.tar.gz"])
@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
def test_an_ordinary_run_takes_the_day_of_the_name_before_now(
    place: Place, tmp_path: Path, name: str, dry_run: bool
) -> None:
    scan = silent(tmp_path / name.removesuffix(".tar.gz"))
    if name.endswith(".gz"):
        with tarfile.open(tmp_path / name, "w:gz") as packed:
            packed.add(scan, "reports")
        scan = tmp_path / name
    told = run(place, scan, dry_run=dry_run)
    day = "the scan counts as taken on 2026-05-01, by its name; --taken-at TIME says when"
    assert [w.partition("made: ")[2] for w in told["warnings"]] == [day]
    assert told["scan"]["taken_at"] == "2026-05-01T12:00:00+00:00"
    if not dry_run:
        assert seen_first(place) == {"2026-05-01 12:00"}


@pytest.mark.parametrize("name", ["2026-05-03", "2026-05-04", "1.2.0"], ids=["today", "to come", "no day"])
def test_an_ordinary_run_takes_now_where_no_name_says_better(place: Place, tmp_path: Path, name: str) -> None:
    run(place, silent(tmp_path / name))
    assert times(place) == {name: "2026-05-03 06:00"}


def test_the_folder_has_a_day_whatever_the_scan_is_called(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "2026-05-01"), label="1.2.0")
    assert times(place) == {"1.2.0": "2026-05-01 12:00"}


@pytest.mark.parametrize(
    ("name", "at"), [("2026-05-01", "2026-05-01 05:00"), ("2026-05-02", "2026-05-02 12:00"), ("a", "2026-05-03 06:00")]
)
def test_of_an_ordinary_run_reports_that_say_it_speak_for_the_others_of_their_day(
    place: Place, tmp_path: Path, name: str, at: str
) -> None:
    run(place, mixed(tmp_path / name))
    assert times(place) == {name: at}


def test_reports_that_say_it_need_no_name(place: Place, tmp_path: Path) -> None:
    scan = write(tmp_path / "2026-04-01", two=trivy("shop/web:1", [vulnerability("CVE-2026-0009")], at=SAID))
    assert run(place, scan)["warnings"] == []
    assert times(place) == {"2026-04-01": "2026-05-01 05:00"}


def test_a_day_that_is_scanned_again_stands_behind_what_was_there(place: Place, tmp_path: Path) -> None:
    """Whatever its content: of equal times the name of the content would decide."""
    for count in range(1, 6):
        told = run(place, silent(tmp_path / str(count) / "2026-05-01", count))
        assert told["diff"]["current"] == count
    held = [f"{s.taken_at:%d %H:%M}" for s in History(place.history).snapshots("main")]
    assert held == [f"01 12:0{n}" for n in range(5)]
    assert written(run(place, silent(tmp_path / "5" / "2026-05-01", 5), NOW + DAY)) == {}


def test_a_day_that_was_scanned_late_can_be_scanned_again_the_next(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "a" / "2026-05-03"), NOW + DAY / 2)
    run(place, silent(tmp_path / "b" / "2026-05-03", 2), NOW + DAY)
    assert [f"{s.taken_at:%d %H:%M}" for s in History(place.history).snapshots("main")] == ["03 18:00", "03 18:01"]


def test_an_older_day_is_refused_and_not_taken_for_today(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "2026-05-02"))
    with pytest.raises(InputError, match="before the last recorded scan"):
        run(place, silent(tmp_path / "2026-05-01", 2), NOW + DAY)


@pytest.mark.parametrize("option", ["--taken-at", "--now"])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_time_is_refused(place: Place, tmp_path: Path, option: str, text: str) -> None:
    """It comes from a variable that is not set: to pass it over would date the scan otherwise than was meant."""
    words = ["run", str(silent(tmp_path / "1.2.0")), "--config", str(place.folder / "triagebot.yaml"), option, text]
    refused = CliRunner().invoke(command, words).exception
    assert isinstance(refused, InputError)
    assert refused.exit_code == 2
    assert str(refused) == f"{option}: {text!r} is no ISO 8601 time; write for example 2026-05-03T06:00:00Z"
    assert times(place) == {}


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("2024-03-01", "2024-03-01 12:00"), ("20240301", "2024-03-01 12:00"), ("2024_03_01", "2024-03-01 12:00"),
        ("2024-03-01T0600", "2024-03-01 12:00"), ("20240301-nightly", "2024-03-01 12:00"),
        ("2026-05-03", "2026-05-03 06:00"),
    ],
)  # fmt: skip
def test_a_past_scan_called_after_its_day_is_of_that_day(place: Place, tmp_path: Path, name: str, at: str) -> None:
    """At noon; of today, not ahead of now."""
    told = run(place, silent(tmp_path / name), record_only=True)
    assert told["warnings"] == [
        f"the reports of {name} do not say when they were made: the scan counts as taken on {at[:10]}, by its name; "
        "--taken-at TIME says when"
    ]
    assert times(place) == {name: at}
    assert seen_first(place) == {at}


@pytest.mark.parametrize(
    "name",
    ["1.2.0", "2024-13-01", "2024-02-30", "2031-01-01", "20240301123456", "1.20240301", "2024-0301", "2024.03.01"],
)
def test_a_past_scan_of_which_nothing_says_when_is_refused(place: Place, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as refused:
        run(place, silent(tmp_path / name), record_only=True)
    assert str(refused.value) == (
        f"{name}: the reports do not say when they were made, and its name is no date of the past; "
        "pass --taken-at TIME, for example 2026-05-03T06:00:00Z"
    )
    assert times(place) == {}


def test_a_label_counts_for_the_name(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "scan"), record_only=True, label="2024-03-01")
    assert times(place) == {"2024-03-01": "2024-03-01 12:00"}


def test_of_a_past_scan_the_reports_that_say_it_speak_for_the_others(place: Place, tmp_path: Path) -> None:
    told = run(place, mixed(tmp_path / "1.2.0"), record_only=True)
    assert told["warnings"] == [
        "1 of 2 reports of 1.2.0 do not say when they were made: the scan counts as taken at 2026-05-01 05:00, "
        "as the others say; --taken-at TIME says when"
    ]
    assert times(place) == {"1.2.0": "2026-05-01 05:00"}
    assert seen_first(place) == {"2026-05-01 05:00"}


def test_what_was_assumed_once_holds_in_later_runs(place: Place, tmp_path: Path) -> None:
    """Each run would assume another time: the scan is the same, and nothing is written."""
    scan = silent(tmp_path / "1.2.0")
    run(place, scan)
    told = run(place, scan, NOW + DAY)
    assert told["warnings"] == [
        "scan 1.2.0 was recorded before as taken at 2026-05-03 06:00 (--record-only --taken-at TIME moves it); "
        "this is how things stand after the last scan"
    ]
    assert written(told) == {}
    assert times(place) == {"1.2.0": "2026-05-03 06:00"}


# Putting it right


def test_a_scan_moves_to_the_time_that_it_is_given(place: Place, tmp_path: Path) -> None:
    scan = silent(tmp_path / "1.2.0")
    run(place, scan)
    told = run(place, scan, NOW + DAY, record_only=True, taken_at=NOW - DAY)
    assert told["warnings"] == ["scan 1.2.0 was recorded before and moves from 2026-05-03 06:00 to 2026-05-02 06:00"]
    assert times(place) == {"1.2.0": "2026-05-02 06:00"}
    assert seen_first(place) == {"2026-05-02 06:00"}
    run(place, scan, NOW + 2 * DAY)  # what is due is due earlier
    assert written(run(place, scan, NOW + 3 * DAY)) == {}
    assert [p for p in place.history.iterdir() if p.name.startswith(".aside")] == []


@pytest.mark.parametrize("is_cached", [False, True])
def test_a_moved_scan_is_as_if_it_had_been_recorded_right(tmp_path: Path, is_cached: bool) -> None:
    """Its place among the others, what is believed, and the trend; whatever was cached before."""
    scans = [silent(tmp_path / f"1.{n}", 3 + n, f"1.{n}") for n in range(3)]
    right, wrong = Place.create(tmp_path / "right"), Place.create(tmp_path / "wrong")
    for at, scan in enumerate(scans):
        run(right, scan, record_only=True, taken_at=NOW - (9 - at) * DAY)
    for at in (1, 2, 0):  # the first one last, and as of now
        moment = {"taken_at": NOW - (9 - at) * DAY} if at else {"taken_at": NOW}
        run(wrong, scans[at], record_only=True, **moment)
    if is_cached:
        History(wrong.history).state("main")
        History(wrong.history).trail("main", keep=True)
    assert list(times(wrong)) == ["1.1", "1.2", "1.0"]
    told = run(wrong, scans[0], record_only=True, taken_at=NOW - 9 * DAY)
    assert told["warnings"][0] == "scan 1.0 was recorded before and moves from 2026-05-03 06:00 to 2026-04-24 06:00"
    assert times(wrong) == times(right)
    mine, other = History(right.history), History(wrong.history)
    assert mine.trail("main") == other.trail("main")
    for table in ("shown", "known", "gone", "tags", "coverage"):
        assert getattr(right.belief(), table).equals(getattr(wrong.belief(), table)), table


def test_where_the_order_stays_the_cache_is_not_taken_for_what_it_was(place: Place, tmp_path: Path) -> None:
    first, second = silent(tmp_path / "1.0"), silent(tmp_path / "1.1", 2)
    run(place, first, taken_at=NOW - 3 * DAY)
    run(place, second, taken_at=NOW)
    run(place, first, NOW, record_only=True, taken_at=NOW - 9 * DAY)
    state = History(place.history).state("main")
    assert f"{min(state.belief.known['first_seen'].to_list()):%Y-%m-%d}" == "2026-04-24"
    assert [f"{p.taken_at:%Y-%m-%d}" for p in History(place.history).trail("main")] == ["2026-04-24", "2026-05-03"]


def test_a_scan_that_moved_here_moves_in_another_copy(place: Place, tmp_path: Path) -> None:
    """Also where that one has cached what it believed before."""
    scan = silent(tmp_path / "1.2.0")
    run(place, scan)
    other = place.copy(tmp_path / "other")
    ground = Kept({"history": place.history}).ids()
    run(place, scan, NOW + DAY, record_only=True, taken_at=NOW - DAY)
    unite(Kept({"history": other.history}), Kept({"history": place.history}), ground)
    assert times(other) == times(place) == {"1.2.0": "2026-05-02 06:00"}
    assert seen_first(other) == {"2026-05-02 06:00"}


def test_a_try_moves_nothing(place: Place, tmp_path: Path) -> None:
    scan = silent(tmp_path / "1.2.0")
    run(place, scan)
    told = run(place, scan, NOW + DAY, taken_at=NOW - DAY, record_only=True, dry_run=True)
    assert "would move from 2026-05-03 06:00 to 2026-05-02 06:00" in told["warnings"][0]
    assert told["scan"]["taken_at"] == (NOW - DAY).isoformat()
    assert times(place) == {"1.2.0": "2026-05-03 06:00"}


def test_an_ordinary_run_moves_nothing_whatever_time_a_pipeline_passes(place: Place, tmp_path: Path) -> None:
    scan = silent(tmp_path / "1.0")
    run(place, scan, taken_at=NOW - 3 * DAY)
    told = run(place, scan, NOW + DAY, taken_at=NOW + DAY)
    assert told["warnings"] == [
        "scan 1.0 was recorded before as taken at 2026-04-30 06:00 (--record-only --taken-at TIME moves it); "
        "this is how things stand after the last scan"
    ]
    assert written(told) == {}
    assert times(place) == {"1.0": "2026-04-30 06:00"}


def test_a_scan_moves_before_others(place: Place, tmp_path: Path) -> None:
    first, second = silent(tmp_path / "1.0"), silent(tmp_path / "1.1", 2)
    run(place, first, taken_at=NOW - 3 * DAY)
    run(place, second)
    run(place, second, taken_at=NOW - 4 * DAY, record_only=True)
    assert list(times(place)) == ["1.1", "1.0"]


def test_a_scan_that_moves_past_others_is_checked_against_them(place: Place, tmp_path: Path) -> None:
    """It was accepted in its place; after a scan with far more it would look like a great week."""
    old = silent(tmp_path / "1.0", 20)
    run(place, old, taken_at=NOW - 9 * DAY)
    run(place, silent(tmp_path / "1.1", 400), taken_at=NOW - 2 * DAY)
    with pytest.raises(UnsafeError, match="400 to 20"):
        run(place, old, NOW, record_only=True, taken_at=NOW - DAY)
    assert [p.label for p in History(place.history).trail("main")] == ["1.1"]
    assert place.belief().known.height == 400
    told = run(place, old, NOW, record_only=True, accept_drop=True, taken_at=NOW - 9 * DAY)
    assert "moves from 2026-05-02 06:00 to 2026-04-24 06:00" in told["warnings"][0]
    assert [p.label for p in History(place.history).trail("main")] == ["1.0", "1.1"]


def test_a_scan_is_not_lost_where_a_run_is_killed_while_it_moves(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = silent(tmp_path / "1.0", 3)
    run(place, scan, taken_at=NOW - 3 * DAY)
    real = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if ".aside" in str(path) and Path(target).parent.name == "snapshots":
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run(place, scan, NOW, record_only=True, taken_at=NOW - 5 * DAY)
    monkeypatch.undo()
    assert times(place) == {"1.0": "2026-04-30 06:00"}
    told = run(place, silent(tmp_path / "1.1", 4), NOW)
    assert (told["diff"]["previous"], told["diff"]["new"]) == (3, 1)
    run(place, scan, NOW, record_only=True, taken_at=NOW - 5 * DAY)
    assert times(place) == {"1.0": "2026-04-28 06:00", "1.1": "2026-05-03 06:00"}
    assert len(list((place.history / "snapshots").iterdir())) == 2


def test_a_scan_that_was_set_aside_is_not_let_in_by_moving(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "1.1", 30), taken_at=NOW - DAY)
    old = silent(tmp_path / "1.0", 5)
    with pytest.raises(UnsafeError, match="30 to 5"):
        run(place, old)
    with pytest.raises(UnsafeError, match="30 to 5"):
        run(place, old, record_only=True, taken_at=NOW - 9 * DAY)
    assert len(History(place.history).trail("main")) == 1
    told = run(place, old, record_only=True, taken_at=NOW - 9 * DAY, accept_drop=True)
    assert "moves from 2026-05-03 06:00 to 2026-04-24 06:00" in told["warnings"][0]
    assert len(History(place.history).trail("main")) == 2


def test_a_moved_scan_is_not_let_in_where_it_is_suspect(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "1.1", 30), taken_at=NOW - DAY)
    for at in (NOW, NOW + DAY):
        with pytest.raises(UnsafeError, match="30 to 5"):
            run(place, silent(tmp_path / "1.2", 5), NOW + DAY, record_only=True, taken_at=at)
    assert times(place) == {"1.1": "2026-05-02 06:00", "1.2": "2026-05-04 06:00"}
    assert len(History(place.history).trail("main")) == 1


def test_a_scan_that_was_accepted_stays_so_when_it_moves(place: Place, tmp_path: Path) -> None:
    run(place, silent(tmp_path / "1.1", 30), taken_at=NOW - DAY)
    run(place, silent(tmp_path / "1.2", 5), accept_drop=True)
    run(place, silent(tmp_path / "1.2", 5), NOW + DAY, record_only=True, taken_at=NOW - DAY / 2)
    assert [f"{p.label} {p.taken_at:%d %H:%M}" for p in History(place.history).trail("main")] == [
        "1.1 02 06:00", "1.2 02 18:00",
    ]  # fmt: skip


def test_applying_a_plan_moves_nothing(place: Place, tmp_path: Path) -> None:
    scan, settings = silent(tmp_path / "1.2.0"), config.load(place.folder / "triagebot.yaml")
    _, file = app.make_plan_file(settings, scan, Options(now=NOW, dry_run=True, taken_at=NOW - DAY))
    run(place, scan, NOW + DAY)
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(file))
    app.apply_plan_file(settings, tmp_path / "plan.json", Options(now=NOW + DAY))
    assert times(place) == {"1.2.0": "2026-05-04 06:00"}
