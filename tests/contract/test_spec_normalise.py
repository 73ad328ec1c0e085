"""Normal form: equal contracts give equal text, and what we rely on is there."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from case_samples import examples
from contract.dump import dump_yaml
from contract.grammar import rewrite
from contract.normalise import normalise
from contract.references import operations
from documents_for_spec import full_upstream, shuffled, small, with_prose
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.drift.documents import document, is_ours
from kalshi_ext.drift.limits import SpecError
from kalshi_ext.drift.load import load

UPSTREAM = document("upstream")


def text(document: dict[str, Any]) -> str:
    """Two documents are written alike only when they are equal and in the same order."""
    return json.dumps(document)


def answer(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The property `p` of the only answer, after normalisation."""
    normal = normalise(small(Answer={"type": "object", "properties": {"p": schema}}, **more))
    normalised: dict[str, Any] = normal["components"]["schemas"]["Answer"]["properties"]["p"]
    return normalised


def schemas(document: dict[str, Any]) -> dict[str, Any]:
    normalised: dict[str, Any] = normalise(document)["components"]["schemas"]
    return normalised


def test_the_committed_contract_is_in_normal_form() -> None:
    assert normalise(UPSTREAM) == UPSTREAM
    assert text(normalise(UPSTREAM)) == text(UPSTREAM)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_says_nothing(seed: int) -> None:
    assert text(normalise(shuffled(UPSTREAM, seed))) == text(UPSTREAM)


def test_the_order_of_lists_without_meaning_says_nothing() -> None:
    generator = random.Random(7)

    def shuffle_lists(kind: str, node: dict[str, Any]) -> dict[str, Any]:
        for key in ("required", "enum", "parameters"):
            if isinstance(node.get(key), list):
                node = {**node, key: generator.sample(node[key], len(node[key]))}
        return node

    assert text(normalise(rewrite(UPSTREAM, "document", shuffle_lists))) == text(UPSTREAM)


def test_prose_examples_and_vendor_extensions_leave_no_trace() -> None:
    assert text(normalise(with_prose(UPSTREAM))) == text(UPSTREAM)


def test_a_property_named_like_a_keyword_is_not_prose() -> None:
    names = ("description", "title", "example", "summary", "x-thing", "enum", "$id", "properties")
    props = {name: {"type": "string", "description": "prose"} for name in names}
    normal = schemas(small(Answer={"type": "object", "properties": props}))
    assert normal["Answer"]["properties"] == {name: {"type": "string"} for name in names}


def test_json_or_yaml_in_gives_the_same_out() -> None:
    from_json = normalise(load(json.dumps(full_upstream()).encode()))
    from_yaml = normalise(load(dump_yaml(shuffled(UPSTREAM, 1)).encode()))
    assert text(from_json) == text(from_yaml) == text(UPSTREAM)


def test_a_path_added_under_our_prefixes_comes_in_and_market_data_stays_out() -> None:
    assert is_ours("/portfolio/brand_new/{id}")
    assert is_ours("/historical/settlements")
    assert is_ours("/exchange/status")
    assert not is_ours("/historical/markets")
    assert not is_ours("/historical/markets/{ticker}/candlesticks")
    assert not is_ours("/exchange/announcements")
    assert not is_ours("/portfoliomanager")
    assert is_ours("/markets")
    assert is_ours("/markets/{market_ticker}/orderbook")
    assert not is_ours("/markets/{ticker}/candlesticks")
    assert not is_ours("/markets/orderbooks")
    assert all(is_ours(path) for path in UPSTREAM["paths"])


def test_components_only_other_paths_use_are_left_out_even_when_broken() -> None:
    source = small(Answer={"type": "object"}, Other={"type": "object", "properties": 5})
    source["paths"]["/events"] = {"get": {"$ref": "#/nowhere"}}
    assert set(schemas(source)) == {"Answer"}


def test_siblings_of_a_reference_move_out_of_its_shadow() -> None:
    text = {"$ref": "#/components/schemas/Text", "nullable": True, "description": "prose"}
    assert answer(text, Text={"type": "string"}) == {
        "allOf": [{"$ref": "#/components/schemas/Text"}],
        "nullable": True,
    }


def test_a_reference_wrapped_for_its_prose_alone_is_a_plain_reference() -> None:
    reference = {"$ref": "#/components/schemas/Text"}
    wrapped = {"allOf": [reference], "description": "prose"}
    assert answer(wrapped, Text={"type": "string"}) == reference


def test_equal_enums_get_one_name_and_null_moves_to_the_place() -> None:
    side = {"type": "string", "enum": ["yes", "no"]}
    normal = schemas(
        small(
            Answer={
                "type": "object",
                "properties": {
                    "side": side,
                    "outcome_side": {"type": "string", "enum": ["no", "yes", None]},
                    "sides": {"type": "array", "items": side},
                },
            }
        )
    )
    reference = {"$ref": "#/components/schemas/OutcomeSide"}
    assert normal["OutcomeSide"] == {"type": "string", "enum": ["no", "yes"]}
    assert normal["Answer"]["properties"]["side"] == reference
    assert normal["Answer"]["properties"]["outcome_side"] == {
        "allOf": [reference],
        "nullable": True,
    }
    assert "enum" not in json.dumps(normal["Answer"])


@pytest.mark.parametrize(
    ("place", "members", "name"),
    [
        ("side", ["yes", "no"], "OutcomeSide"),
        ("side", ["bid", "ask"], "BookSide"),
        ("action", ["buy", "sell"], "OrderAction"),
        ("type", ["limit", "market", "stop"], "OrderType"),
        ("type", ["ach", "wire", "crypto", "debit", "apm", "rtp"], "PaymentType"),
        ("status", ["pending", "applied", "failed", "returned"], "PaymentStatus"),
        ("status", ["pending", "complete"], "AnswerStatus"),
        ("status", ["resting", "canceled", "executed", "pending"], "OrderStatus"),
        ("market_result", ["yes", "no", "scalar", "void"], "MarketResult"),
        ("settlement_status", ["unsettled", "settled", "all"], "SettlementStatusFilter"),
        ("time_in_force", ["fill_or_kill", "immediate_or_cancel"], "TimeInForce"),
        ("colour", ["red", "blue"], "AnswerColour"),
    ],
)
def test_an_enum_is_named_by_what_it_is_and_keeps_its_name_when_it_grows(
    place: str, members: list[str], name: str
) -> None:
    props = {place: {"type": "string", "enum": members}}
    assert name in schemas(small(Answer={"type": "object", "properties": props}))


def test_two_enums_that_came_apart_do_not_share_a_name() -> None:
    normal = schemas(
        small(
            Answer={
                "type": "object",
                "properties": {
                    "in": {"$ref": "#/components/schemas/In"},
                    "out": {"$ref": "#/components/schemas/Out"},
                },
            },
            In={"type": "object", "properties": {"type": {"enum": ["ach", "wire", "debit"]}}},
            Out={"type": "object", "properties": {"type": {"enum": ["ach", "wire", "apm"]}}},
        )
    )
    names = {
        name: normal[name]["properties"]["type"]["$ref"].rsplit("/", 1)[1] for name in ("In", "Out")
    }
    assert names == {"In": "PaymentType", "Out": "OutType"}


def test_inline_objects_get_the_agreed_names() -> None:
    components = UPSTREAM["components"]["schemas"]
    for name in (
        "BatchCreateOrdersV2ResponseEntry",
        "BatchCancelOrdersV2RequestEntry",
        "BatchCancelOrdersV2ResponseEntry",
        "IntraExchangeInstanceTransferStatus",
        "RestingMarginReservation",
    ):
        assert name in components
    assert "properties" not in json.dumps(
        [schema.get("properties", {}) for schema in components.values()]
    )


def test_an_inline_object_deep_inside_is_hoisted_with_its_nullable_left_behind() -> None:
    inner = {"type": "object", "nullable": True, "properties": {"q": {"type": "object"}}}
    normal = schemas(small(Answer={"type": "object", "properties": {"p": inner}}))
    assert normal["Answer"]["properties"]["p"] == {
        "allOf": [{"$ref": "#/components/schemas/AnswerP"}],
        "nullable": True,
    }
    assert normal["AnswerP"] == {"type": "object", "properties": {"q": {"type": "object"}}}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [{"$ref": "#/components/schemas/Text"}, {"type": "null"}]},
            {"$ref": "#/components/schemas/Text", "nullable": True},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"const": "a"}, {"enum": ["a"]}),
        (
            {"type": "integer", "exclusiveMinimum": 0},
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        ),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"type": ["string", None]}, {"type": "string", "nullable": True}),
    ],
)
def test_openapi_3_1_words_become_those_of_3_0(new: dict[str, Any], old: dict[str, Any]) -> None:
    def with_property(schema: dict[str, Any], version: str) -> dict[str, Any]:
        props = {"p": schema, "t": {"$ref": "#/components/schemas/Text"}}
        document = small(Answer={"type": "object", "properties": props}, Text={"type": "string"})
        return {**document, "openapi": version}

    assert normalise(with_property(new, "3.1.0")) == normalise(with_property(old, "3.0.3"))


def test_what_holds_for_a_path_or_the_document_is_written_into_the_operation() -> None:
    source = small()
    item = source["paths"]["/portfolio/thing"]
    item["parameters"] = [
        {"name": "a", "in": "query", "schema": {"type": "string"}},
        {"name": "b", "in": "query", "schema": {"type": "string"}},
    ]
    item["get"]["parameters"] = [{"name": "a", "in": "query", "schema": {"type": "integer"}}]
    source["security"] = [{"key": []}]
    source["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "K"},
        "unused": {"type": "http", "scheme": "bearer"},
    }
    normal = normalise(source)
    [(_, _, operation)] = operations(normal)
    assert [(p["name"], p["schema"]["type"]) for p in operation["parameters"]] == [
        ("a", "integer"),
        ("b", "string"),
    ]
    assert operation["security"] == [{"key": []}]
    assert set(normal["components"]["securitySchemes"]) == {"key"}
    assert "security" not in normal


def test_a_public_operation_in_a_signed_document_stays_public() -> None:
    source = small()
    source["security"] = [{"key": []}]
    source["paths"]["/portfolio/thing"]["get"]["security"] = []
    [(_, _, operation)] = operations(normalise(source))
    assert "security" not in operation


def test_recursive_schemas_are_no_trouble() -> None:
    tree = {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    assert schemas(small(Answer={"$ref": "#/components/schemas/Tree"}, Tree=tree))["Tree"] == tree


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"openapi": "2.0"}, "not an OpenAPI 3.0 or 3.1"),
        ({"openapi": None}, "not an OpenAPI"),
        ({"swagger": "2.0", "openapi": 3}, "not an OpenAPI"),
        ({"paths": []}, "/paths: must be a dict"),
        ({"paths": {"/portfolio/x": 5}}, "/paths/~1portfolio~1x: must be a dict"),
        ({"paths": {"/portfolio/x": {"$ref": "#/x"}}}, "in place of a path"),
        ({"paths": {"/portfolio/x": {"get": []}}}, "/paths/~1portfolio~1x/get: a operation"),
        ({"components": 3}, "/components: must be a dict"),
    ],
)
def test_what_is_no_contract_is_refused_with_the_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        normalise({**small(), **change})


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("#/components/schemas/Gone", "names nothing"),
        ("other.yaml#/components/schemas/Text", "only #/components"),
        ("#/components/schemas/Answer/properties/p", "only #/components"),
        ("https://example.com/x", "only #/components"),
    ],
)
def test_a_reference_to_nothing_or_elsewhere_is_refused(reference: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        answer({"$ref": reference})


def test_normalising_leaves_the_argument_alone() -> None:
    source = full_upstream()
    before = copy.deepcopy(source)
    normalise(source)
    assert source == before


@pytest.mark.parametrize("kind", [[], {}, 5, True])
def test_a_list_of_types_that_holds_no_word_is_refused(kind: Any) -> None:
    with pytest.raises(SpecError, match="words only"):
        normalise(small(Answer={"type": ["string", kind]}))


KEYWORDS = """type enum properties items allOf anyOf $ref nullable name in schema required content
parameters responses security get additionalProperties operationId requestBody tags 200 headers
application/json default const servers"""
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 5)
    | st.sampled_from(["string", "object", "#/components/schemas/Answer", "null", "a"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(KEYWORDS.split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=examples(200))
@given(JUNK, JUNK, JUNK)
def test_any_tree_is_normalised_for_good_or_refused(path: Any, schema: Any, rest: Any) -> None:
    source = small(Answer=schema)
    source["paths"]["/portfolio/thing"]["get"]["responses"]["400"] = rest
    source["paths"]["/portfolio/other"] = path
    try:
        normal = normalise(source)
    except SpecError:
        return
    assert normalise(normal) == normal
