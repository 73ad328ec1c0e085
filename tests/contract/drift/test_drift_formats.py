"""Every format says the same findings, and no document can steer what shows them."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from driftsuite.small_contract import (
    add_fee,
    deprecate,
    drop_count,
    edited,
    files,
    grow_side,
    small,
)

from kalshi_ext.drift.baseline import read_baseline
from kalshi_ext.drift.check import DriftReport, check, report_on
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.documents import document_path as path
from kalshi_ext.drift.render import FORMATS
from kalshi_ext.drift.source_map import stable_name

EDITS = (drop_count, grow_side, add_fee, deprecate)

# The parts of SARIF 2.1.0 that code scanning demands (OASIS, sections 3.13 to 3.58).
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": {
                            "type": "object", "required": ["id"], "properties": {
                                "id": {"type": "string"},
                                "shortDescription": {"$ref": "#/$defs/text"},
                                "fullDescription": {"$ref": "#/$defs/text"},
                                "help": {"$ref": "#/$defs/text"},
                                "defaultConfiguration": {"properties": {
                                    "level": {"$ref": "#/$defs/level"}}}}}}}}}},
                "results": {"type": "array", "items": {
                    "type": "object",
                    "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                    "properties": {
                        "message": {"$ref": "#/$defs/text"},
                        "ruleIndex": {"type": "integer", "minimum": 0},
                        "level": {"$ref": "#/$defs/level"},
                        "locations": {"type": "array", "minItems": 1, "items": {"properties": {
                            "physicalLocation": {
                                "required": ["artifactLocation"], "properties": {
                                    "artifactLocation": {"required": ["uri"], "properties": {
                                        "uri": {"type": "string", "pattern": "^[^ ]+$"}}},
                                    "region": {"properties": {
                                        "startLine": {"type": "integer", "minimum": 1}}}}}}}},
                        "partialFingerprints": {
                            "type": "object", "additionalProperties": {"type": "string"}},
                        "suppressions": {"type": "array", "items": {
                            "required": ["kind"],
                            "properties": {"kind": {"enum": ["inSource", "external"]},
                                           "status": {"enum": ["accepted"]}}}}}}}}}},
    },
    "$defs": {"text": {"type": "object", "required": ["text"],
                       "properties": {"text": {"type": "string", "minLength": 1}}},
              "level": {"enum": ["none", "note", "warning", "error"]}},
}  # fmt: skip


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DriftReport:
    monkeypatch.chdir(tmp_path)
    accepted = tmp_path / "accepted.yaml"
    accepted.write_text(
        "accepted: [{rule: operation-deprecated, pointer: /paths/~1portfolio~1fills/get,\n"
        "  reason: moves in May, expires: '2999-01-01'}]",
        "utf-8",
    )
    base, new = files(tmp_path, *EDITS)
    return check(base, new, accept=accepted)


def test_text_names_place_meaning_and_what_to_do(report: DriftReport) -> None:
    text = FORMATS["text"](report)
    assert "BREAKING the field `fills[].count` is gone  [response-field-removed-required]" in text
    assert "  base  /components/schemas/Fill/properties/count\n" in text
    assert "  new   /components/schemas/Fill/properties\n" in text
    assert "  means client.portfolio.fills, model Fill, field `fills[].count`: " in text
    assert "  do    find where the value can be had now, then run `make adopt`" in text
    assert "accepted until 2999-01-01: the operation is now deprecated (moves in May)" in text
    assert text.endswith("1 breaking, 1 risky, 1 compatible, 1 accepted\n")


def test_json_holds_everything_text_does(report: DriftReport) -> None:
    value = json.loads(FORMATS["json"](report))
    assert (value["version"], value["exit"]) == (1, 2)
    assert value["counts"] == {"breaking": 1, "risky": 1, "compatible": 1, "deprecation": 0,
                               "note": 0}  # fmt: skip
    first = value["findings"][0]
    assert first["rule"] == "response-field-removed-required"
    assert first["base"] == "/components/schemas/Fill/properties/count"
    assert first["uses"] == [{
        "operation": "GetFills", "method": "GET", "path": "/portfolio/fills",
        "part": "response 200", "field": "fills[]", "call": "client.portfolio.fills",
        "model": "Fill"}]  # fmt: skip
    assert {"means", "do", "title", "touches", "severity"} <= set(first)
    assert [each["why"] for each in value["accepted"]] == ["moves in May"]


def test_markdown_has_a_heading_for_each_severity_that_is_there(report: DriftReport) -> None:
    text = FORMATS["markdown"](report)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Breaking (1)", "Risky (1)", "Compatible (1)", "Accepted (1)"]  # fmt: skip
    assert "touches `client.portfolio.fills, model Fill, field 'fills[].count'`" in text


def test_github_annotates_the_line_of_the_users_document(
    report: DriftReport, tmp_path: Path
) -> None:
    rows = FORMATS["github"](report).splitlines()
    commands = [re.match(r"::(\w+) file=([^,]+),line=(\d+),title=([^:]+)::", row) for row in rows]
    found = [match.groups() for match in commands if match]
    assert [(level, file, rule) for level, file, _, rule in found] == [
        ("error", "new.json", "response-field-removed-required"),
        ("warning", "new.json", "response-enum-member-added"),
        ("notice", "new.json", "response-field-added-optional"),
    ]
    lines = (tmp_path / "new.json").read_text("utf-8").splitlines()
    assert '"properties"' in lines[int(found[0][2]) - 1]
    assert '"enum"' in lines[int(found[1][2]) - 1]
    assert rows[-1].startswith("::notice title=drift::1 breaking")


def test_sarif_has_the_structure_that_code_scanning_demands(report: DriftReport) -> None:
    value = json.loads(FORMATS["sarif"](report))
    jsonschema.Draft202012Validator(SARIF).validate(value)
    run = value["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    levels = [result["level"] for result in run["results"]]
    assert levels == ["error", "warning", "note", "note"]
    assert ["suppressions" in result for result in run["results"]] == [False, False, False, True]
    prints = [result["partialFingerprints"]["difference/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_sarif_of_two_whole_contracts_is_valid() -> None:
    report = check(str(path("classic")), str(path("upstream")))
    value = json.loads(FORMATS["sarif"](report))
    jsonschema.Draft202012Validator(SARIF).validate(value)
    assert len(value["runs"][0]["results"]) == len(report.findings)


def test_sarif_writes_a_path_as_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a #1 %é"
    folder.mkdir()
    base, new = files(folder, drop_count)
    monkeypatch.chdir(tmp_path)
    assert annotated_file(base, new) == "a%20%231%20%25%C3%A9/new.json"


def annotated_file(base: str, new: str) -> str:
    value = json.loads(FORMATS["sarif"](check(base, new)))
    location = value["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    uri: str = location["artifactLocation"]["uri"]
    return uri


def test_annotations_point_into_the_users_document_and_never_to_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    inside, outside = files(tmp_path / "in", drop_count), files(tmp_path / "out", drop_count)
    monkeypatch.chdir(tmp_path / "in")
    installed = str(path("upstream"))
    assert annotated_file(*inside) == "new.json"
    assert annotated_file(installed, inside[1]) == "new.json"
    assert annotated_file(inside[0], outside[1]) == "base.json"
    # Nothing of the user's: a name that is the same on every machine.
    assert annotated_file(*outside) == "new.json"
    assert annotated_file(outside[0], installed) == "openapi/upstream.yaml"
    for form in ("github", "sarif", "markdown", "text"):
        assert str(tmp_path) not in FORMATS[form](check(*outside))


@pytest.mark.parametrize(
    ("name", "stable"),
    [
        ("https://docs.kalshi.com/openapi.yaml", "openapi.yaml"),
        ("https://docs.kalshi.com/v3/openapi.yaml?token=x#y", "openapi.yaml"),
        ("https://docs.kalshi.com/", "document"),
        ("/nowhere/at/all.yaml", "all.yaml"),
        ("", "document"),
    ],
)
def test_a_document_has_a_stable_name_wherever_it_came_from(name: str, stable: str) -> None:
    assert stable_name(name) == stable


def test_the_fingerprint_of_a_report_is_that_of_its_findings() -> None:
    prose = edited(drop_count)
    prose["info"] = {"description": "other words", "title": "t", "version": "9"}
    reports = [
        report_on(compare(small(), new))
        for new in (edited(drop_count), prose, edited(drop_count, grow_side))
    ]
    prints = [json.loads(FORMATS["json"](each))["fingerprint"] for each in reports]
    assert prints[0] == prints[1] != prints[2]
    assert re.fullmatch("[0-9a-f]{12}", prints[0])


def test_a_fingerprint_stays_when_other_findings_come(report: DriftReport, tmp_path: Path) -> None:
    alone = report_on(compare(small(), edited(drop_count)))
    prints = [
        json.loads(FORMATS["sarif"](each))["runs"][0]["results"][0]["partialFingerprints"]
        for each in (report, alone)
    ]
    assert prints[0] == prints[1]


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_without_findings_is_written_in_every_format(form: str) -> None:
    text = FORMATS[form](report_on(compare(small(), small())))
    assert text.endswith("\n")
    if form in ("json", "sarif"):
        json.loads(text)
    else:
        assert "no difference" in text


HOSTILE = "x\n::error::owned\r\x1b[31m\u202e`@everyone` <script>|](http://e)%0A"


@pytest.fixture(scope="module")
def hostile() -> DriftReport:
    base = small()
    new = copy.deepcopy(base)
    fields = new["components"]["schemas"]["Fill"]["properties"]
    fields[HOSTILE] = {"type": "string"}
    fields["side"]["enum"].append(HOSTILE)
    new["info"]["version"] = HOSTILE
    new["servers"].append({"url": HOSTILE})
    return report_on(compare(base, new))


def test_no_format_passes_on_what_a_terminal_obeys(hostile: DriftReport) -> None:
    for form in FORMATS:
        text = FORMATS[form](hostile)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\r" not in text


def test_a_value_cannot_start_a_workflow_command(hostile: DriftReport) -> None:
    rows = FORMATS["github"](hostile).splitlines()
    assert len(rows) == len(hostile.findings) + 1
    assert all(re.match(r"::(error|warning|notice) ", row) for row in rows)


def test_a_value_cannot_leave_its_code_span_in_markdown(hostile: DriftReport) -> None:
    text = FORMATS["markdown"](hostile)
    outside = "".join(
        part for line in text.splitlines() for part in line.split("`")[::2]
    )  # what stands between code spans
    for word in ("@everyone", "<script>", "](http"):
        assert word in text
        assert word not in outside


def test_markdown_fits_into_an_issue(tmp_path: Path) -> None:
    text = FORMATS["markdown"](check(str(path("classic")), str(path("upstream"))))
    many = edited(*(lambda new, n=n: _field(new, n) for n in range(2000)))
    cut = FORMATS["markdown"](report_on(compare(small(), many)))
    assert len(text.encode()) < 65_536
    assert len(cut.encode()) < 65_536
    assert cut.endswith("the rest is in the JSON report.\n")


def _field(new: dict[str, Any], number: int) -> None:
    new["components"]["schemas"]["Fill"]["properties"][f"new_{number}"] = {"type": "string"}


def test_a_finding_about_the_acceptance_file_points_into_no_document(tmp_path: Path) -> None:
    base, new = files(tmp_path)
    stale = tmp_path / "accepted.json"
    entry = {
        "rule": "server-added",
        "pointer": "/servers/0",
        "reason": "r",
        "expires": "2999-01-01",
    }
    stale.write_text(json.dumps({"accepted": [entry]}), "utf-8")
    assert read_baseline(stale)
    row = FORMATS["github"](check(base, new, accept=stale)).splitlines()[0]
    assert row.startswith("::error title=acceptance-stale::")
