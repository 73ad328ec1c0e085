"""A full-size upstream document: our part is judged, the rest only told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from contract.dump import dump_yaml
from contract.references import reachable
from driftsuite.contracts import full_size_document
from driftsuite.sites import operations

from kalshi_ext.drift.check import DriftReport, check, installed_contract, report_on
from kalshi_ext.drift.compare import compare, every_path, our_paths
from kalshi_ext.drift.documents import is_ours

MARKETS = "/markets/kind_0/{ticker}"
FULL = full_size_document()
Edit = Callable[[dict[str, Any]], object]


def portion() -> dict[str, Any]:
    """Give a copy of a part of the whole document: three operations of ours and four of others."""
    kept = ["/portfolio/fills", "/portfolio/balance", "/exchange/status"]
    kept += [path for path in FULL["paths"] if not is_ours(path)][:4]
    return copy.deepcopy(reachable({**FULL, "paths": {path: FULL["paths"][path] for path in kept}}))


def compared(edit: Edit, *, base: Any = None, everything: bool = False) -> DriftReport:
    """Compare a portion, or another base, with an edited portion."""
    new = portion()
    edit(new)
    before = portion() if base is None else base
    ours = every_path if everything else our_paths(before, new)
    return report_on(compare(before, new, is_ours=ours))


def _drop_a_market(new: dict[str, Any]) -> None:
    del new["paths"][MARKETS]


def _break_a_market(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["Thing1"]["properties"] = {"a": {"type": "integer"}}


def _add_a_market(new: dict[str, Any]) -> None:
    new["paths"]["/markets/new"] = copy.deepcopy(new["paths"][MARKETS])
    new["paths"]["/markets/new"]["get"]["operationId"] = "GetNewMarket"


def _replace_a_market(new: dict[str, Any]) -> None:
    moved = new["paths"].pop(MARKETS)
    moved["get"]["operationId"] = "Thing0V2"
    new["paths"]["/markets/v2/kind_0/{ticker}"] = moved


OUTSIDE = [_drop_a_market, _break_a_market, _add_a_market, _replace_a_market]


def test_the_document_is_as_large_as_the_exchanges() -> None:
    listed = list(operations(FULL))
    assert len(listed) >= 120
    assert sum(is_ours(path) for path, _ in listed) == 51


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("full") / "openapi.yaml"
    file.write_text(dump_yaml(FULL), "utf-8")
    return str(file)


def test_the_whole_document_against_the_installed_contract_gives_no_finding(full: str) -> None:
    report = check(str(installed_contract()), full)
    assert (report.findings, report.compared.outside) == ((), 81)
    assert "81 outside our part" in report.headline


def test_our_part_taken_out_of_the_whole_document_gives_no_finding(full: str) -> None:
    assert check(full, str(installed_contract())).findings == ()


@pytest.mark.parametrize("edit", OUTSIDE)
def test_changes_outside_our_part_are_notes(edit: Edit) -> None:
    report = compared(edit)
    assert {finding.severity.value for finding in report.findings} == {"note"}
    assert {finding.rule.id.split("-")[0] for finding in report.findings} == {"outside"}
    assert report.exit == 1


@pytest.mark.parametrize("edit", OUTSIDE)
def test_changes_outside_our_part_are_judged_when_asked(edit: Edit) -> None:
    report = compared(edit, everything=True)
    expected = 1 if edit is _add_a_market else 2
    assert report.exit == expected
    assert not any(finding.rule.id.startswith("outside") for finding in report.findings)


def test_a_break_inside_our_part_is_judged_among_the_rest() -> None:
    def edit(new: dict[str, Any]) -> None:
        del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
        _drop_a_market(new)

    report = compared(edit)
    assert [finding.severity.value for finding in report.findings] == ["breaking", "note"]


def test_an_operation_of_ours_that_moves_out_of_our_part_breaks() -> None:
    def edit(new: dict[str, Any]) -> None:
        new["paths"]["/trading/balance"] = new["paths"].pop("/portfolio/balance")

    assert [each.rule.id for each in compared(edit).findings] == ["operation-path-changed"]


def test_a_new_operation_of_ours_is_found_among_the_rest() -> None:
    def edit(new: dict[str, Any]) -> None:
        new["paths"]["/portfolio/brand_new"] = {
            "get": {"operationId": "GetBrandNew", "responses": {"200": {"description": ""}}}
        }

    base = portion()
    base["paths"] = {path: item for path, item in base["paths"].items() if is_ours(path)}
    report = compared(edit, base=base)
    assert [each.rule.id for each in report.findings] == ["operation-added"]


def test_documents_that_have_nothing_of_ours_are_judged_whole() -> None:
    def none_of_ours(new: dict[str, Any]) -> None:
        for path in [path for path in new["paths"] if is_ours(path)]:
            del new["paths"][path]

    base = portion()
    none_of_ours(base)

    def edit(new: dict[str, Any]) -> None:
        none_of_ours(new)
        _drop_a_market(new)

    assert compared(edit, base=base).exit == 2
