"""What a finding says beyond its rule: what is kept, twins, successors, what absence does, advice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driftsuite.sites import operations
from driftsuite.small_contract import drop_count, edited, files, findings, small

from kalshi_ext.contract.absence import ABSENCE
from kalshi_ext.drift.check import check
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.documents import document, document_path
from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.messages import advice, affected, reason, title
from kalshi_ext.drift.render import FORMATS
from kalshi_ext.drift.rules import RULES, Reader, Severity
from kalshi_ext.drift.twins import twins_of


def limit_of(tree: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = tree["paths"]["/portfolio/fills"]["get"]["parameters"][0]["schema"]
    return schema


def fill_of(tree: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = tree["components"]["schemas"]["Fill"]
    return schema


# --- judged against what the client speaks


def judged(spoken: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Severity]]:
    found = compare(small(), new, spoken=spoken).findings
    return [(each.rule.id, each.severity) for each in found]


def test_a_bound_the_client_keeps_already_is_compatible() -> None:
    new, spoken = small(), small()
    limit_of(new)["minimum"], limit_of(spoken)["minimum"] = 1, 1
    assert judged(small(), new) == [("request-bound-tightened", Severity.BREAKING)]
    assert judged(spoken, new) == [("request-bound-tightened", Severity.COMPATIBLE)]
    limit_of(spoken)["minimum"] = 5
    assert judged(spoken, new) == [("request-bound-tightened", Severity.COMPATIBLE)]


def test_a_bound_that_is_tighter_than_the_clients_own_breaks() -> None:
    new, spoken = small(), small()
    limit_of(new)["minimum"], limit_of(spoken)["minimum"] = 5, 1
    assert judged(spoken, new) == [("request-bound-tightened", Severity.BREAKING)]


def test_another_bound_that_differs_at_the_same_place_does_not_count() -> None:
    new, spoken = small(), small()
    limit_of(new)["minimum"] = limit_of(spoken)["minimum"] = 1
    limit_of(spoken)["maximum"] = 5000
    assert judged(spoken, new) == [("request-bound-tightened", Severity.COMPATIBLE)]


def test_a_type_that_hides_the_bounds_below_it_keeps_nothing() -> None:
    new, spoken = small(), small()
    limit_of(new)["minimum"] = 1
    limit_of(spoken)["type"] = "boolean"
    assert judged(spoken, new) == [("request-bound-tightened", Severity.BREAKING)]


def test_an_answer_that_the_client_reads_already_is_compatible() -> None:
    new, spoken = small(), small()
    fill_of(new)["properties"]["count"]["nullable"] = True
    assert judged(small(), new) == [("response-nullable-added", Severity.BREAKING)]
    fill_of(spoken)["properties"]["count"]["nullable"] = True
    assert judged(spoken, new) == [("response-nullable-added", Severity.COMPATIBLE)]


def test_a_removed_parameter_is_kept_only_by_a_client_that_does_not_send_it() -> None:
    new, spoken = small(), small()
    new["paths"]["/portfolio/fills"]["get"]["parameters"] = []
    assert judged(small(), new) == [("parameter-removed-optional", Severity.BREAKING)]
    spoken["paths"]["/portfolio/fills"]["get"]["parameters"] = []
    assert judged(spoken, new) == [("parameter-removed-optional", Severity.COMPATIBLE)]


def test_a_removed_operation_breaks_however_the_client_speaks_it() -> None:
    new = small()
    new["paths"] = {"/portfolio/x": {"get": {"operationId": "X", "responses": {}}}}
    assert ("operation-removed", Severity.BREAKING) in judged(small(), new)


def test_a_grown_enum_stays_risky_though_the_client_reads_every_member() -> None:
    new, spoken = small(), small()
    fill_of(new)["properties"]["side"]["enum"].append("both")
    del fill_of(spoken)["properties"]["side"]["enum"]
    assert judged(spoken, new) == [("response-enum-member-added", Severity.RISKY)]


def test_a_difference_kept_at_one_place_is_open_at_the_other() -> None:
    def two_lists() -> dict[str, Any]:
        tree = small()
        other = copy.deepcopy(tree["paths"]["/portfolio/fills"])
        other["get"]["operationId"] = "GetHistoricalFills"
        tree["paths"]["/historical/fills"] = other
        shared = tree["components"]["parameters"] = {"Limit": other["get"]["parameters"][0]}
        assert shared
        for path in ("/portfolio/fills", "/historical/fills"):
            ref = {"$ref": "#/components/parameters/Limit"}
            tree["paths"][path]["get"]["parameters"] = [ref]
        return tree

    base, new, spoken = two_lists(), two_lists(), two_lists()
    for tree in (new, spoken):
        tree["components"]["parameters"]["Limit"] = copy.deepcopy(
            tree["components"]["parameters"]["Limit"]
        )
    new["components"]["parameters"]["Limit"]["schema"]["maximum"] = 200
    own = copy.deepcopy(new["components"]["parameters"]["Limit"])
    spoken["paths"]["/historical/fills"]["get"]["parameters"] = [own]
    found = compare(base, new, spoken=spoken).findings
    judged = {
        each.locations[0].operation.id: each.severity
        for each in found
        if each.locations[0].operation
    }
    assert judged == {"GetFills": Severity.BREAKING, "GetHistoricalFills": Severity.COMPATIBLE}
    assert len(found) == 2


def test_the_first_run_against_a_document_with_bounds_the_overlay_has_breaks_nothing(
    tmp_path: Path,
) -> None:
    import json

    new = document("upstream")
    for parameter in new["components"]["parameters"].values():
        if parameter["name"] == "subaccount":
            parameter["schema"]["minimum"] = 0
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(new), "utf-8")
    assert check(str(document_path("upstream")), str(file)).exit in (0, 1)
    # A base of the user's own is judged by itself.
    own = tmp_path / "own.json"
    own.write_text(json.dumps(document("upstream")), "utf-8")
    assert check(str(own), str(file)).exit in (0, 2)


# --- every place of a shared schema


def places_of(tree: dict[str, Any], name: str) -> set[tuple[str, str, str]]:
    """Find by a walk of its own where operations meet a component: operation, part and path."""
    found: set[tuple[str, str, str]] = set()

    def walk(node: Any, at: tuple[str, str], path: str, trail: tuple[str, ...]) -> None:
        reference = node.get("$ref", "").rpartition("/")[2]
        if reference == name:
            found.add((*at, path))
        if reference and reference not in trail:
            walk(tree["components"]["schemas"][reference], at, path, (*trail, reference))
        for word in ("allOf", "anyOf", "oneOf"):
            for part in node.get(word, ()):
                walk(part, at, path, trail)
        for key, inner in node.get("properties", {}).items():
            walk(inner, at, f"{path}.{key}".lstrip("."), trail)
        if "items" in node:
            walk(node["items"], at, path + "[]", trail)

    for path, method in operations(tree):
        operation = tree["paths"][path][method]
        for status, response in operation["responses"].items():
            reference = response.get("$ref", "").rpartition("/")[2]
            whole = tree["components"]["responses"][reference] if reference else response
            for media in whole.get("content", {}).values():
                walk(media["schema"], (operation["operationId"], f"response {status}"), "", ())
        for media in operation.get("requestBody", {}).get("content", {}).values():
            walk(media["schema"], (operation["operationId"], "request body"), "", ())
    return found


@pytest.mark.parametrize("name", ["FixedPointDollars", "FixedPointCount", "OrderStatus", "Fill"])
def test_a_changed_shared_schema_is_named_at_every_place_it_is_met(name: str) -> None:
    base, new = document("upstream"), document("upstream")
    new["components"]["schemas"][name]["deprecated"] = True
    found = [each for each in compare(base, new).findings if each.rule.id.endswith("-deprecated")]
    named = {
        (location.operation.id, location.part, location.path)
        for finding in found
        for location in finding.locations
        if location.operation
    }
    assert named == places_of(base, name)
    # One for what is sent and one for what is received, whatever stands around a reference.
    assert len(found) == len({each.rule.id for each in found})
    assert len(named) >= 2


@pytest.mark.parametrize("keyword", ["maxLength", "pattern", "enum", "format", "default"])
def test_a_shared_schema_is_one_finding_however_it_is_wrapped(keyword: str) -> None:
    base = small()
    base["components"]["schemas"]["Price"] = {"type": "string"}
    reference = {"$ref": "#/components/schemas/Price"}
    fill_of(base)["properties"] |= {
        "a": reference,
        "b": {"allOf": [reference], "nullable": True},
        "c": {"allOf": [reference], "deprecated": True},
        "d": {"type": "array", "items": {"allOf": [reference], "minLength": 1}},
    }
    new = copy.deepcopy(base)
    value = {"maxLength": 9, "enum": ["x"]}.get(keyword, "x")
    new["components"]["schemas"]["Price"][keyword] = value
    for pair in ((base, new), (new, base)):
        (finding,) = compare(*pair).findings
        assert [each.path[7:] for each in finding.locations] == [".a", ".b", ".c", ".d[]"]


def test_a_recursive_schema_is_named_once_and_ends() -> None:
    base = small()
    fill_of(base)["properties"]["next"] = {"$ref": "#/components/schemas/Fill"}
    new = copy.deepcopy(base)
    fill_of(new)["properties"]["count"]["type"] = "string"
    (finding,) = compare(base, new).findings
    assert [each.path for each in finding.locations] == ["fills[].count"]


def test_places_that_double_at_each_level_end() -> None:
    base = small()
    schemas = base["components"]["schemas"]
    for level in range(40):
        inner = {"$ref": f"#/components/schemas/L{level + 1}"}
        schemas[f"L{level}"] = {"type": "object", "properties": {"a": inner, "b": inner}}
    schemas["L40"] = {"type": "integer"}
    fill_of(base)["properties"]["deep"] = {"$ref": "#/components/schemas/L0"}
    new = copy.deepcopy(base)
    new["components"]["schemas"]["L40"] = {"type": "string"}
    (finding,) = compare(base, new).findings
    assert finding.locations


# --- twins and successors


@pytest.mark.parametrize(
    ("name", "new", "base", "twin"),
    [
        ("count", ("count_fp",), ("count", "count_fp"), "count_fp"),
        ("count", ("count_fp", "fill_count"), ("count", "fill_count"), "count_fp"),
        (
            "yes_price",
            ("no_price_dollars", "yes_price_dollars"),
            ("yes_price",),
            "yes_price_dollars",
        ),
        ("yes_price_fixed", ("yes_price_dollars",), ("yes_price_fixed",), "yes_price_dollars"),
        ("balance", ("balance_dollars", "updated_ts"), ("balance",), "balance_dollars"),
        ("expiration_ts", ("expiration_time",), ("expiration_ts",), "expiration_time"),
        ("count_fp", ("count",), ("count", "count_fp"), "count"),
        ("result", ("market_result", "x"), ("result",), "market_result"),
        ("side", ("outcome_side", "book_side"), ("side",), "outcome_side, book_side"),
        # Beside it all the time under another name: another field.
        ("count", ("fill_count",), ("count", "fill_count"), ""),
        ("taker_fees", ("maker_fees",), ("taker_fees",), ""),
        ("yes_price", ("no_price",), ("yes_price",), ""),
        ("ts", ("time",), ("ts",), ""),
    ],
)
def test_a_twin_is_another_name_of_the_same_value(
    name: str, new: tuple[str, ...], base: tuple[str, ...], twin: str
) -> None:
    assert twins_of(name, new, base) == twin


def test_a_removed_field_names_the_twin_beside_it() -> None:
    def add_twin(tree: dict[str, Any]) -> None:
        fill_of(tree)["properties"]["count_fp"] = {"type": "string"}

    base = edited(add_twin)
    (finding,) = compare(base, edited(add_twin, drop_count)).findings
    assert title(finding) == "the field `fills[].count` is gone; beside it is `count_fp`"
    assert "`count_fp`" in advice(finding, Reader.USER)


def test_a_removed_parameter_names_its_twin() -> None:
    base, new = small(), small()
    new["paths"]["/portfolio/fills"]["get"]["parameters"][0]["name"] = "limit_fp"
    finding = next(f for f in compare(base, new).findings if "removed" in f.rule.id)
    assert title(finding) == "`limit` is gone; beside it is `limit_fp`"


def with_version(tree: dict[str, Any], suffix: str, path: str) -> None:
    operation = copy.deepcopy(tree["paths"]["/portfolio/fills"]["get"])
    operation["operationId"] += suffix
    tree["paths"][path] = {"get": operation}


@pytest.mark.parametrize("removed", [True, False])
def test_an_operation_whose_successor_exists_already_names_it(removed: bool) -> None:
    base, new = small(), small()
    for tree in (base, new):
        with_version(tree, "V2", "/portfolio/events/fills")
        with_version(tree, "V3", "/portfolio/events/v3/fills")
    if removed:
        del new["paths"]["/portfolio/fills"]
    else:
        new["paths"]["/portfolio/fills"]["get"]["deprecated"] = True
    (finding,) = compare(base, new).findings
    assert "GetFillsV3 (GET /portfolio/events/v3/fills)" in title(finding)
    assert "GetFillsV3" in advice(finding, Reader.USER)


def test_the_six_order_writes_of_2x_name_what_replaced_them() -> None:
    both = document("upstream")
    old = document("classic")["paths"]
    named = {}
    for path, method, id_ in (
        ("/portfolio/orders", "post", "CreateOrder"),
        ("/portfolio/orders/batched", "post", "BatchCreateOrders"),
        ("/portfolio/orders/batched", "delete", "BatchCancelOrders"),
        ("/portfolio/orders/{order_id}", "delete", "CancelOrder"),
        ("/portfolio/orders/{order_id}/amend", "post", "AmendOrder"),
        ("/portfolio/orders/{order_id}/decrease", "post", "DecreaseOrder"),
    ):
        assert method in old[path]
        base = copy.deepcopy(both)
        operation = {"operationId": id_, "responses": {"201": {"description": ""}}}
        base["paths"].setdefault(path, {})[method] = operation
        found = [f for f in compare(base, both).findings if f.rule.id == "operation-removed"]
        named[id_] = found[0].difference.after.partition(" ")[0]
    assert named == {id_: f"{id_}V2" for id_ in named}


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        ("/portfolio/events/fills", "ListTrades"),
        ("/portfolio/v2/fills", "ListTrades"),
        ("/v3/portfolio/fills", "ListTrades"),
        ("/portfolio/margin/fills", ""),
        ("/portfolio/events/fills/all", ""),
    ],
)
def test_a_successor_of_another_name_is_known_by_its_path(path: str, successor: str) -> None:
    base = small()
    with_version(base, "", path)
    base["paths"][path]["get"]["operationId"] = "ListTrades"
    new = copy.deepcopy(base)
    del new["paths"]["/portfolio/fills"]
    (finding,) = compare(base, new).findings
    assert finding.difference.after.partition(" ")[0] == successor


def test_what_is_announced_to_go_itself_is_no_successor() -> None:
    base = small()
    with_version(base, "V2", "/portfolio/events/fills")
    base["paths"]["/portfolio/events/fills"]["get"]["deprecated"] = True
    new = copy.deepcopy(base)
    del new["paths"]["/portfolio/fills"]
    (finding,) = compare(base, new).findings
    assert finding.difference.after == ""


def test_an_older_or_unlike_operation_is_no_successor() -> None:
    base = small()
    with_version(base, "V2", "/portfolio/events/fills")
    with_version(base, "ByTicker", "/portfolio/fills/by_ticker")
    new = copy.deepcopy(base)
    del new["paths"]["/portfolio/events/fills"]
    (finding,) = compare(base, new).findings
    assert finding.difference.after == ""


# --- what absence does


def without_fields(names: dict[str, list[str]]) -> list[Finding]:
    base, new = document("upstream"), document("upstream")
    for schema in names:
        tree = new["components"]["schemas"][schema]
        tree["required"] = [each for each in tree.get("required", ()) if each not in names[schema]]
        for name in names[schema]:
            del tree["properties"][name]
    return [f for f in compare(base, new).findings if "field-removed" in f.rule.id]


def without_field(schema: str, name: str) -> Finding:
    (finding,) = without_fields({schema: [name]})
    return finding


@pytest.mark.parametrize(
    ("schema", "name", "words"),
    [
        ("Order", "order_id", "cannot be read, and is in `.invalid_rows`"),
        ("Order", "user_id", "No attribute changes without it"),
        ("Fill", "fee_cost", "`Fill.fee"),
    ],
)
def test_a_removed_field_says_what_its_absence_really_does(
    schema: str, name: str, words: str
) -> None:
    assert words in reason(without_field(schema, name))


def test_every_required_field_of_an_answer_says_what_its_absence_does() -> None:
    base = document("upstream")
    unknown = [
        f"{operation}: {path}"
        for operation, paths in ABSENCE.items()
        for path, effect in paths.items()
        if effect.split()[0] not in ("answer", "row", "empty", "last", "none", "other", "unread")
    ]
    assert unknown == []
    schemas = base["components"]["schemas"]
    names = {
        schema: schemas[schema]["required"]
        for schema in ("Order", "Fill", "Settlement", "MarketPosition", "Deposit", "Withdrawal")
    }
    removed = without_fields(names)
    expected = [name for required in names.values() for name in required]
    assert sorted(each.difference.name for each in removed) == sorted(expected)
    silent = [f for f in removed if "without it" not in reason(f).casefold()]
    assert [title(finding) for finding in silent] == []


def error_changed(edit: Callable[[dict[str, Any]], object]) -> list[Finding]:
    new = document("upstream")
    edit(new["components"]["schemas"]["ErrorResponse"]["properties"])
    return list(compare(document("upstream"), new).findings)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("code", "a refusal of a write may prove nothing"),
        ("message", "a refusal of a write may prove nothing"),
        ("details", "Without it `Refused.details` is None."),
    ],
)
def test_a_field_removed_from_errors_says_what_becomes_of_refusals(name: str, words: str) -> None:
    (finding,) = error_changed(lambda fields: fields.pop(name))
    assert finding.severity is Severity.BREAKING
    assert words in reason(finding)
    assert "No attribute" not in reason(finding)


def test_a_field_added_to_the_errors_of_writes_is_risky() -> None:
    """A body with a field that this version does not know may be another server's."""
    (finding,) = error_changed(lambda fields: fields.update(trace={"type": "string"}))
    assert finding.severity is Severity.RISKY
    assert "a refusal of a write that has it may prove nothing" in reason(finding).casefold()


def test_a_field_added_to_the_errors_of_reads_alone_is_compatible() -> None:
    new = document("upstream")
    responses = new["paths"]["/portfolio/balance"]["get"]["responses"]
    schema = {"type": "object", "properties": {"trace": {"type": "string"}}}
    error = new["components"]["schemas"]["ErrorResponse"]
    schema["properties"] |= error["properties"]
    responses["401"] = {"description": "", "content": {"application/json": {"schema": schema}}}
    (finding,) = compare(document("upstream"), new).findings
    assert finding.severity is Severity.COMPATIBLE


def test_the_absence_of_a_field_of_a_foreign_operation_is_not_guessed() -> None:
    (finding,) = findings(drop_count)
    assert reason(finding) == "What reads it finds nothing there."


# --- advice for the reader it has


def test_nobody_who_has_a_wheel_is_told_to_adopt() -> None:
    for rule in RULES.values():
        words = rule.advice.to(Reader.USER)
        assert words
        assert not any(each in words for each in ("adopt", "make ", "kalshi_ext/", "table")), (
            rule.id
        )


def test_a_checkout_is_told_to_adopt_and_a_wheel_to_upgrade(tmp_path: Path) -> None:
    base, new = files(tmp_path, drop_count)
    texts = {reader: FORMATS["text"](check(base, new, reader=reader)) for reader in Reader}
    assert "upgrade kalshi-ext" in texts[Reader.USER]
    assert "make adopt" not in texts[Reader.USER]
    assert "make adopt" in texts[Reader.MAINTAINER]


def test_kept_differences_ask_nothing_of_anybody() -> None:
    new, spoken = small(), small()
    limit_of(new)["minimum"], limit_of(spoken)["minimum"] = 1, 1
    (finding,) = compare(small(), new, spoken=spoken).findings
    assert advice(finding, Reader.USER).startswith("nothing")
    assert "keeps to it already" in reason(finding)
    assert affected(finding) == ["client.portfolio.fills, argument `page_size` (sent as `limit`)"]
