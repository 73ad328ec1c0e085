"""A full-size upstream document: our part is judged, the rest only told."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driftsuite.crawl import operations
from driftsuite.whole import whole_document

from kalshi_ext.drift.check import check
from kalshi_ext.drift.installed import installed_contract
from kalshi_ext.drift.report import Report
from kalshi_ext.spec.documents import document
from kalshi_ext.spec.dump import dump_yaml
from kalshi_ext.spec.scope import is_ours

MARKETS = "/markets/kind_0/{ticker}"
Edit = Callable[[dict[str, Any]], object]


@functools.cache
def _whole() -> dict[str, Any]:
    return whole_document()


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Report]:
    """Compare a base with an edited copy of the whole document, as files."""

    def run(edit: Edit, *, base: Any = None, everything: bool = False) -> Report:
        new = copy.deepcopy(_whole())
        edit(new)
        files = [tmp_path / name for name in ("base.yaml", "new.yaml")]
        for file, one in zip(files, (_whole() if base is None else base, new)):
            file.write_text(dump_yaml(one), "utf-8")
        return check(*map(str, files), everything=everything)

    return run


def _drop_a_market(new: dict[str, Any]) -> None:
    del new["paths"][MARKETS]


def _break_a_market(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["Thing79"]["properties"] = {"a": {"type": "integer"}}


def _add_a_market(new: dict[str, Any]) -> None:
    new["paths"]["/markets/new"] = copy.deepcopy(new["paths"][MARKETS])
    new["paths"]["/markets/new"]["get"]["operationId"] = "GetNewMarket"


def _replace_a_market(new: dict[str, Any]) -> None:
    moved = new["paths"].pop(MARKETS)
    moved["get"]["operationId"] = "Thing0V2"
    new["paths"]["/markets/v2/kind_0/{ticker}"] = moved


OUTSIDE = [_drop_a_market, _break_a_market, _add_a_market, _replace_a_market]


def test_the_document_is_as_large_as_the_exchanges() -> None:
    listed = list(operations(_whole()))
    assert len(listed) >= 120
    assert sum(is_ours(path) for path, _ in listed) == 47


def test_the_whole_document_against_the_installed_contract_gives_no_finding(
    tmp_path: Path,
) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(dump_yaml(_whole()), "utf-8")
    report = check(str(installed_contract()), str(file))
    assert (report.findings, report.compared.outside) == ((), 81)
    assert "81 outside our part" in report.headline


def test_its_own_part_taken_out_of_it_gives_no_finding(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(dump_yaml(_whole()), "utf-8")
    assert check(str(file), str(installed_contract())).findings == ()


@pytest.mark.parametrize("edit", OUTSIDE)
def test_changes_outside_our_part_are_notes(edit: Edit, compared: Any) -> None:
    report = compared(edit)
    assert {finding.severity.value for finding in report.findings} == {"note"}
    assert {finding.rule.id.split("-")[0] for finding in report.findings} == {"outside"}
    assert report.exit == 1


@pytest.mark.parametrize("edit", OUTSIDE)
def test_changes_outside_our_part_are_judged_when_asked(edit: Edit, compared: Any) -> None:
    report = compared(edit, everything=True)
    due = 1 if edit is _add_a_market else 2
    assert report.exit == due
    assert not any(finding.rule.id.startswith("outside") for finding in report.findings)


def test_a_break_inside_our_part_is_judged_among_the_rest(compared: Any) -> None:
    def edit(new: dict[str, Any]) -> None:
        del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
        _drop_a_market(new)

    report = compared(edit)
    assert [finding.severity.value for finding in report.findings] == ["breaking", "note"]


def test_an_operation_of_ours_that_moves_out_of_our_part_breaks(compared: Any) -> None:
    def edit(new: dict[str, Any]) -> None:
        new["paths"]["/trading/balance"] = new["paths"].pop("/portfolio/balance")

    assert [each.rule.id for each in compared(edit).findings] == ["operation-path-changed"]


def test_a_new_operation_of_ours_is_found_among_the_rest(compared: Any) -> None:
    def edit(new: dict[str, Any]) -> None:
        new["paths"]["/portfolio/brand_new"] = {
            "get": {"operationId": "GetBrandNew", "responses": {"200": {"description": ""}}}
        }

    report = compared(edit, base=document("upstream"))
    assert [each.rule.id for each in report.findings] == ["operation-added"]


def test_documents_that_have_nothing_of_ours_are_judged_whole(compared: Any) -> None:
    def none_of_ours(new: dict[str, Any]) -> None:
        for path in [path for path in new["paths"] if is_ours(path)]:
            del new["paths"][path]

    base = copy.deepcopy(_whole())
    none_of_ours(base)

    def edit(new: dict[str, Any]) -> None:
        none_of_ours(new)
        _drop_a_market(new)

    assert compared(edit, base=base).exit == 2
