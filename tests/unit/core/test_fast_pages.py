"""The fast reader of pages against the tolerant one: the same rows, deviations and errors."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal, localcontext
from typing import Any

import attrs
import pytest
from case_samples import examples, sampled
from core_samples import CURRENT, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.contract import types
from kalshi_ext.contract.fields import FIELDS
from kalshi_ext.contracts.fast_pages import MAX_KNOWN, RULES, Known
from kalshi_ext.errors import KalshiError
from kalshi_ext.models import Fill, Order, Position, Settlement, Trade
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.responses import decode
from kalshi_ext.requests.filters import list_query

QUERY = list_query()
LISTS: dict[str, tuple[Call[Page[Any]], str, str, type]] = {
    "fills": (CURRENT.portfolio.fills(QUERY), "fills", "Fill", Fill),
    "old fills": (CURRENT.history.fills(QUERY), "fills", "Fill", Fill),
    "orders": (CURRENT.orders.list(QUERY), "orders", "Order", Order),
    "old orders": (CURRENT.history.orders(QUERY), "orders", "Order", Order),
    "trades": (CURRENT.markets.trades(QUERY, is_block_trade=None), "trades", "Trade", Trade),
    "settlements": (CURRENT.portfolio.settlements(QUERY), "settlements", "Settlement", Settlement),
    "positions": (
        CURRENT.portfolio.positions(QUERY),
        "market_positions",
        "MarketPosition",
        Position,
    ),
}
MODELS = ("fills", "orders", "trades", "settlements", "positions")  # one list of each
TIMES = ("2026-06-01T10:00:01Z", "2026-06-01T10:00:01.123456Z")
# What a field may hold, here or in another world.
ODD: list[Any] = [
    *(None, "", "n/a", "0", "0.5", "1.5", "-1", "2", "1e3", "1_0", " 1", "NaN", "Infinity", "９"),
    *("9" * 70, "x" * 600, 0, 2, 10**30, -(2**60), 0.5, 2.0, 1e22, True, False, [], {}, [1]),
    *({"a": 1}, "yes", "no", "bid", "ask", "buy", "limit", "resting", "void", "é", "a\\b", "\x7f"),
    *(
        "\ud800",
        "\x00",
        1780308001,
        1780308001123,
        "1780308001",
        "20260601",
        "0001-01-01T00:00:00Z",
    ),
    *("1970-01-01T00:00:00Z", "2026-06-01T10:00:01.1234567Z", "2026-06-01T10:00:01.9999999Z"),
    *("2026-06-01T10:00:01+02:00", "2026-06-01 10:00:01Z", "2026-06-01T10:00:01", "2026-06-01"),
    *("2026-06-01T24:00:00Z", "9999-12-31T23:59:59-01:00", "2026-06-01T10:00:60Z", "T"),
]
OTHER_NAMES = (
    *("fee_tier", "ts", "market_ticker", "price", "count", "taker_fees", "updated_time", "id"),
    *("yes_price", "yes_price_fixed", "no_price_dollars", "result", "total_cost", "side", "action"),
)


def row_of(shape: str) -> dict[str, Any]:
    """Make a row with every field of the contract."""
    return {name: value_of(name, inner) for name, (_, inner) in FIELDS["current"][shape].items()}


def value_of(name: str, inner: str) -> Any:
    if inner:
        words = {"book_side": "ask", "outcome_side": "no"}
        return words.get(name) or next(iter(getattr(types, inner))).value
    if name.endswith(("_dollars", "_fp", "fee_cost")):
        return "0.0400"
    if name in ("is_taker", "cancel_order_on_pause", "is_block_trade"):
        return True
    if name in ("exchange_index", "subaccount_number", "revenue", "value", "ts"):
        return 3
    return TIMES[1] if "time" in name or name == "last_updated_ts" else f"{name}-1"


def outcome(call: Call[Any], body: bytes) -> Any:
    """Give what an answer is read as, rows with their raw, and what it counts."""
    counter = DeviationCounter()
    try:
        page = decode(call, reply(200, body), counter)
    except KalshiError as error:
        return type(error), str(error), counter.counts
    raws = [row.raw for row in page.items]
    return repr(page), repr([attrs.asdict(row) for row in page.items]), raws, counter.counts


def fast(call: Call[Any], body: bytes) -> Page[Any] | None:
    assert call.decode_fast is not None
    page: Page[Any] | None = call.decode_fast(body)
    return page


def tolerant(call: Call[Any]) -> Call[Any]:
    return attrs.evolve(call, decode_fast=None)


def agree(call: Call[Any], body: bytes) -> None:
    assert outcome(call, body) == outcome(tolerant(call), body)


@st.composite
def mutated_pages(draw: st.DrawFn, key: str, shape: str) -> bytes:
    """Draw a page of a few rows, some of them with fields changed, missing or new."""
    rows = [row_of(shape) for _ in range(draw(st.integers(1, 3)))]
    for row in rows:
        names = st.sampled_from([*row, *OTHER_NAMES])
        for _ in range(draw(st.integers(0, 2))):
            name, value = draw(names), draw(st.sampled_from([*ODD, ...]))
            if value is ...:
                row.pop(name, None)
            else:
                row[name] = value
    document: dict[str, Any] = {key: rows, "cursor": draw(st.sampled_from(["c1", "", None]))}
    odd = draw(st.sampled_from([*([None] * 8), "cursor", key, "other", "whole row"]))
    if odd == "whole row":
        rows[0] = draw(st.sampled_from(ODD))
    elif odd:
        document[odd] = draw(st.sampled_from([*ODD, "c" * 9000]))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    text = text.replace("1e+22", draw(st.sampled_from(["1e+22", "1e400", "NaN", "-0", "2.50"])))
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", LISTS)
def test_the_fast_reader_reads_a_page_of_the_contract_by_itself(name: str) -> None:
    call, key, shape, _ = LISTS[name]
    body = json.dumps({key: [row_of(shape)] * 2, "cursor": "next"}).encode()
    assert fast(call, body) is not None
    agree(call, body)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_it_never_reads_a_page_otherwise_than_the_tolerant_reader(name: str, data: Any) -> None:
    call, key, shape, _ = LISTS[name]
    agree(call, data.draw(mutated_pages(key, shape)))


@pytest.mark.parametrize("name", MODELS)
def test_a_field_of_each_rule_may_hold_anything(name: str) -> None:
    call, key, shape, model = LISTS[name]
    base = row_of(shape)
    # One field of each rule, and one that no model reads.
    ruled = {id(rule): wire for wire, rule in reversed(RULES[model].values())}
    fields = [*ruled.values(), *sorted(base.keys() - dict(RULES[model].values()).keys())[:1]]
    for place, field in enumerate(fields):
        turn = place % 3
        for value in sampled(ODD[turn:] + ODD[:turn], 3):
            row = {**base, field: value}
            agree(call, json.dumps({key: [row]}, ensure_ascii=False).encode("utf-8", "replace"))


@pytest.mark.parametrize("name", MODELS)
def test_any_field_may_be_missing_and_any_other_be_there(name: str) -> None:
    call, key, shape, _ = LISTS[name]
    base = row_of(shape)
    for field in base:
        agree(call, json.dumps({key: [{k: v for k, v in base.items() if k != field}]}).encode())
    for field in OTHER_NAMES:
        agree(call, json.dumps({key: [{"x": 1, field: "0.5"}, {**base, field: 0}]}).encode())


@pytest.mark.parametrize("name", LISTS)
def test_what_the_contract_leaves_out_is_read_fast_too(name: str) -> None:
    call, key, shape, model = LISTS[name]
    optional = {field for field, (required, _) in FIELDS["current"][shape].items() if not required}
    row = {field: value for field, value in row_of(shape).items() if field not in optional}
    body = json.dumps({key: [row]}).encode()
    agree(call, body)
    assert model is Fill or fast(call, body) is not None  # a fill without its time: `ts` may tell


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"  ", b"[]", b"null", b'{"fills":[]}', b'{"fills":null}', b'{"fills":[{}]}'),
        *(b'{"fills":[]} x', b'\xef\xbb\xbf{"fills":[]}', b'{"fills":[],"fills":null}', b"\xff"),
        *(b'{"error":{"code":"x"}}', b'{"fills":[],"error":"x"}', b'{"fills":[' * 100_000),
        '{"fills":[]}'.encode("utf-16"),
    ],
)
def test_it_leaves_strange_bodies_to_the_tolerant_reader(body: bytes) -> None:
    agree(LISTS["fills"][0], body)


def test_a_field_sent_twice_is_read_as_json_says() -> None:
    call, key, shape, _ = LISTS["fills"]
    row = json.dumps(row_of(shape))
    for first in ('"other"', "7", "null"):
        agree(call, f'{{"{key}":[{{"order_id":{first},{row[1:]}]}}'.encode())


def test_rules_name_fields_of_the_contract_only() -> None:
    shapes = {model: shape for _, _, shape, model in LISTS.values()}
    for model, rules in RULES.items():
        assert {wire for wire, _ in rules.values()} <= FIELDS["current"][shapes[model]].keys()
        assert rules.keys() <= {field.name for field in attrs.fields(model)}
    unread = {model: {f.name for f in attrs.fields(model)} - r.keys() for model, r in RULES.items()}
    # Some of a position is of older rows: a page that has it is not of this contract.
    older = {"total_cost", "event_ticker", "market_result"}
    assert unread == {model: {"raw"} for model in RULES} | {Position: {"raw", *older}}


def test_a_kept_row_is_like_one_with_its_json() -> None:
    call, key, shape, _ = LISTS["orders"]
    body = json.dumps({key: [row_of(shape), {**row_of(shape), "order_id": "o2"}]}).encode()
    quick, slow = decode(call, reply(200, body), DeviationCounter()), json.loads(body)[key]
    first, second = quick.items
    assert (second.raw, first.raw) == (slow[1], slow[0])
    assert first.raw is first.raw
    for like in (pickle.loads(pickle.dumps(second)), copy.copy(second), copy.deepcopy(second)):
        assert (like, like.raw, repr(like), hash(like)) == (
            second,
            slow[1],
            repr(second),
            hash(second),
        )
    fresh = decode(call, reply(200, body), DeviationCounter()).items[1]
    assert attrs.evolve(fresh, count=Decimal(9)).raw == slow[1]
    assert attrs.asdict(fresh)["raw"] == slow[1]
    with pytest.raises(AttributeError, match="no attribute rew"):
        _ = fresh.rew


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_the_fast_reader_is_the_frozen_model_itself(name: str) -> None:
    call, key, shape, model = LISTS[name]
    page = fast(call, json.dumps({key: [row_of(shape)]}).encode())
    assert page is not None
    row = page.items[0]
    assert type(row) is model
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        row.ticker = "other"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del row.ticker


def test_numbers_are_read_alike_in_any_decimal_context() -> None:
    call, key, shape, _ = LISTS["fills"]
    with localcontext(prec=2, traps=[]):
        for value in ("0.123456", "abc", "sNaN"):
            agree(call, json.dumps({key: [{**row_of(shape), "fee_cost": value}]}).encode())


def test_what_is_remembered_of_values_is_bounded() -> None:
    known = Known(str)
    for number in range(MAX_KNOWN * 2):
        assert known[number] == str(number)
    assert len(known) <= MAX_KNOWN + 1
    assert known[None] is None
