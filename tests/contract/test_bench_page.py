"""What `make bench` writes: a page of blocks, rendered from rows, curves, profiles and rivals."""

from __future__ import annotations

import math
import re
from pathlib import Path

import bench_page
import figures
import pytest
from attrs import evolve
from bench_page import Curve, Part, Rival, Setup
from bench_turns import Must, Plan, Row, row_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
ROW = Row("create", "place()", "httpx", 850.0, 1000.0, 0.85, (0.8, 0.9))


def test_the_page_has_the_blocks_that_the_script_writes() -> None:
    blocks = re.findall(r"^<!-- figures: (\w+) \(", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(blocks) == bench_page.BLOCKS


def test_a_block_is_replaced_and_the_prose_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "DOCS", tmp_path)
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    for block in bench_page.BLOCKS:
        figures.write_block("performance.md", block, f"measured {block}")
    text = page.read_text(encoding="utf-8")
    bare = re.compile(r"(<!-- figures: .*-->)[^<]*(<!-- end of figures -->)")
    assert [text.count(f"measured {block}\n") for block in bench_page.BLOCKS] == [1] * 5
    assert bare.sub(r"\1\2", text) == bare.sub(r"\1\2", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("must", "said"),
    [
        (Must(0.93), "| ≤ 0.93 | met |"),
        (Must(0.85), "| ≤ 0.85 | met |"),
        (Must(0.84), "| ≤ 0.84 | **not met** |"),
        (Must(0.9, at_least=True), "| ≥ 0.9 | **not met** |"),
        (Must(849, "value"), "| ≤ 849 µs | **not met** |"),
        (Must(1000, "rate", at_least=True), "| ≥ 1,000 a second | met (1,176 a second) |"),
        (Must(2800, "rate", at_least=True), "| ≥ 2,800 a second | **not met** (1,176 a second) |"),
        (None, "|  |  |"),
    ],
)
def test_a_row_says_what_is_demanded_and_whether_it_is_met(must: Must | None, said: str) -> None:
    line = evolve(ROW, must=must).line()
    assert line.startswith("| create | place() | httpx | 850 µs | 1,000 µs | 0.85 | 0.80–0.90 |")
    assert line.endswith(said)


def test_the_rows_are_counted_by_what_they_meet() -> None:
    rows = [ROW, evolve(ROW, must=Must(0.93)), evolve(ROW, must=Must(0.5))]
    assert bench_page.rows_text(rows).endswith("Demanded: 2. Met: 1.")


def test_a_row_that_does_not_meet_its_demand_says_what_it_owes_that_to() -> None:
    rows = [evolve(ROW, must=Must(limit, why="the journal")) for limit in (0.93, 0.5)]
    assert bench_page.rows_text(rows).count("- create: the journal.") == 1


def test_rows_without_demands_have_no_columns_for_them() -> None:
    lines = bench_page.plain_rows_text([ROW]).splitlines()
    assert "must" not in lines[0]
    assert {line.count("|") for line in lines} == {8}


def test_a_row_has_the_medians_of_its_turns_and_the_quartiles_of_their_ratios() -> None:
    row = row_of("create", "ours", "theirs", [(1, 2), (3, 4), (9, 9), (4, 4), (5, 10)])
    assert (row.value, row.value_beside, row.ratio) == (4, 4, 0.75)
    assert row.quartiles == (0.5, 1.0)


def test_a_ratio_to_nothing_is_none() -> None:
    row = row_of("memory", "ours", "theirs", [(1, 0), (2, 0)], unit="MB", must=Must(10, "value"))
    assert math.isnan(row.ratio)
    assert "| none | none–none | ≤ 10 MB | met |" in row.line()


def test_a_curve_is_flat_where_no_decade_costs_much_more_than_a_cheaper_one_before() -> None:
    flat = Curve("orders", {100: 30.0, 1000: 20.0, 10_000: 29.0})
    steep = Curve("keys", {100: 1.0, 1000: 1.6})
    text = bench_page.curves_text([flat, steep])
    assert "| orders | 30.0 | 20.0 | 29.0 | ×1.45 | met |" in text
    assert "| keys | 1.0 | 1.6 | – | ×1.60 | **not met** |" in text


def test_a_profile_tells_shares_of_the_whole_by_room_and_by_function() -> None:
    rooms = [Part("writes", 20, 30.0), Part("transport", 10, 10.0)]
    text = bench_page.profile_text(rooms, [Part("`execute`", 1, 20.0)])
    assert text.startswith("30 calls, 40 µs")
    assert "| writes | 20.0 | 30.0 | 75% |" in text
    assert "| `execute` | 1.0 | 20.0 | 50% |" in text


def test_imports_are_listed_in_milliseconds() -> None:
    assert "| httpx | 23 | 65.5 |" in bench_page.imports_text([Part("httpx", 23, 65_500.0)])


def test_a_rival_has_a_ratio_or_a_dash_with_its_reason_once() -> None:
    ours = Rival("this library", {"sync": ROW, "async": evolve(ROW, value=9.25)}, {})
    slow = evolve(ROW, ratio=1.2, value=1100.0)
    other = Rival("other 1.0", {"sync": slow}, {"async": "no such.", "drain": "no such"})
    text = bench_page.rivals_text([ours, other])
    figures_of_both = "**0.85** (0.80–0.90), 850 µs | **1.20** (0.80–0.90), 1,100 µs"
    assert f"| sync | {figures_of_both} |" in text
    assert "| async | **0.85** (0.80–0.90), 9.25 µs | – |" in text
    assert text.endswith("- other 1.0; async; drain: no such.")


def test_a_block_says_where_and_when_it_was_measured() -> None:
    setup = Setup(Plan(), "3.13.0", "x86_64", {"httpx": "0.28.1"}, 2, 0.25, "2026-11-26 23:00 UTC")
    assert bench_page.setup_text(setup, 1.0) == (
        "2026-11-26 23:00 UTC · Python 3.13.0, httpx 0.28.1 · x86_64, 2 cores, each side on its"
        " own · load average 0.2 before and 1.0 after · 9 turns a row, after one that warms up"
    )
