"""Accepted differences: what an entry hides, until when, and how it fails when it is stale."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from driftsuite.small_contract import drop_count, edited, grow_side, small

from kalshi_ext.drift.baseline import read_baseline
from kalshi_ext.drift.check import DriftReport, report_on
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.errors import CannotCompare

TODAY = date(2026, 11, 23)
FIELD_REMOVED = {
    "rule": "response-field-removed-required",
    "pointer": "/components/schemas/Fill/properties/count",
    "reason": "we read count_fp since June",
    "expires": "2026-12-31",
}


def entries(folder: Path, *listed: Any) -> Any:
    file = folder / "accepted.json"
    file.write_text(json.dumps({"accepted": list(listed)}), "utf-8")
    return read_baseline(file)


def report_with(
    folder: Path, *listed: Any, today: date = TODAY, edits: Any = (drop_count,)
) -> DriftReport:
    compared = compare(small(), edited(*edits))
    return report_on(compared, entries(folder, *listed), today=today)


def test_without_an_entry_the_difference_breaks(tmp_path: Path) -> None:
    assert report_with(tmp_path).exit == 2


def test_an_entry_accepts_its_difference_and_keeps_showing_it(tmp_path: Path) -> None:
    report = report_with(tmp_path, FIELD_REMOVED)
    assert (report.exit, report.findings) == (0, ())
    assert [entry.reason for _, entry in report.suppressed] == ["we read count_fp since June"]


def test_an_entry_accepts_nothing_but_its_rule_and_place(tmp_path: Path) -> None:
    report = report_with(tmp_path, FIELD_REMOVED, edits=(drop_count, grow_side))
    assert [each.rule.id for each in report.findings] == ["response-enum-member-added"]
    assert report.exit == 1


def test_an_entry_holds_on_its_last_day_and_fails_on_the_next(tmp_path: Path) -> None:
    last = date(2026, 12, 31)
    assert report_with(tmp_path, FIELD_REMOVED, today=last).exit == 0
    report = report_with(tmp_path, FIELD_REMOVED, today=last + timedelta(days=1))
    assert report.exit == 2
    rules = {each.rule.id for each in report.findings}
    assert rules == {"acceptance-expired", "response-field-removed-required"}


def test_an_entry_that_fits_nothing_fails_until_it_is_deleted(tmp_path: Path) -> None:
    report = report_with(tmp_path, FIELD_REMOVED, edits=())
    assert [each.rule.id for each in report.findings] == ["acceptance-stale"]
    assert report.exit == 2
    assert report.findings[0].base == "/accepted/0"


def test_the_pointer_may_be_that_of_the_new_document(tmp_path: Path) -> None:
    pointer = "/components/schemas/Fill/properties"
    assert report_with(tmp_path, {**FIELD_REMOVED, "pointer": pointer}).exit == 0


def test_a_name_narrows_an_entry_to_one_member(tmp_path: Path) -> None:
    grown = {**FIELD_REMOVED, "rule": "response-enum-member-added",
             "pointer": "/components/schemas/Fill/properties/side/enum"}  # fmt: skip
    assert report_with(tmp_path, {**grown, "name": "both"}, edits=(grow_side,)).exit == 0
    report = report_with(tmp_path, {**grown, "name": "neither"}, edits=(grow_side,))
    rules = {each.rule.id for each in report.findings}
    assert rules == {"acceptance-stale", "response-enum-member-added"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "no-such-rule"}, "/accepted/0/rule: there is no rule 'no-such-rule'"),
        ({"reason": " "}, "/accepted/0/reason: must be text"),
        ({"reason": None}, "/accepted/0/reason: must be text"),
        ({"pointer": 5}, "/accepted/0/pointer: must be text"),
        ({"expires": "next week"}, "/accepted/0/expires: must be a date like 2026-12-31"),
        ({"expires": None}, "/accepted/0/expires: must be text"),
        ({"until": "2026-12-31"}, "/accepted/0: must be a mapping of"),
    ],
)
def test_a_malformed_entry_is_named_by_place_and_rule(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(CannotCompare, match=r"accepted\.json") as error:
        entries(tmp_path, {**FIELD_REMOVED, **change})
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["accepted: {}", "accepted: 3", "other: []", "[]", "accepted: ["])
def test_a_file_that_is_no_list_of_entries_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(CannotCompare, match=r"accepted\.yaml"):
        read_baseline(file)


def test_an_entry_in_yaml_may_have_its_date_without_quotes(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    lines = "".join(
        f"    {word}: {value}\n" for word, value in FIELD_REMOVED.items() if word != "rule"
    )
    file.write_text(f"accepted:\n  - rule: {FIELD_REMOVED['rule']}\n{lines}", "utf-8")
    assert [entry.expires for entry in read_baseline(file)] == [date(2026, 12, 31)]
