"""The quick readers of orders and fills against those of any spelling: never another answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts import decode_orders
from kalshi_ext.contracts.decode_orders import (
    any_fill,
    any_order,
    decode_ack,
    decode_fill,
    decode_order,
    quick_fill,
    quick_order,
)
from kalshi_ext.contracts.decoding import DECODE_ERRORS
from kalshi_ext.protocol.deviations import decode_noting, find_deviations
from kalshi_ext.protocol.responses import parse_json

ORDER: dict[str, Any] = {
    "order_id": "o1",
    "user_id": "u",
    "client_order_id": "c1",
    "ticker": "T",
    "outcome_side": "no",
    "book_side": "ask",
    "type": "limit",
    "status": "resting",
    "yes_price_dollars": "0.0400",
    "no_price_dollars": "0.9600",
    "initial_count_fp": "7.00",
    "fill_count_fp": "3.00",
    "remaining_count_fp": "2.00",
    "taker_fill_cost_dollars": "1.92",
    "maker_fill_cost_dollars": "0.96",
    "taker_fees_dollars": "0.011",
    "maker_fees_dollars": "0.0137",
    "expiration_time": "2026-07-01T00:00:00Z",
    "created_time": "2026-06-01T10:00:00.123456Z",
    "last_update_time": "2026-06-01T10:00:05.5Z",
    "self_trade_prevention_type": "maker",
    "order_group_id": "g1",
    "cancel_order_on_pause": True,
    "subaccount_number": 5,
    "exchange_index": 2,
}
FILL: dict[str, Any] = {
    "fill_id": "f1",
    "trade_id": "t1",
    "order_id": "o1",
    "ticker": "T",
    "market_ticker": "T",
    "outcome_side": "no",
    "book_side": "ask",
    "count_fp": "3.00",
    "yes_price_dollars": "0.0400",
    "no_price_dollars": "0.9600",
    "is_taker": True,
    "fee_cost": "0.0081",
    "created_time": "2026-06-01T10:00:01Z",
    "ts": 1780308001,
    "subaccount_number": 5,
    "exchange_index": 2,
}
READERS: dict[str, tuple[dict[str, Any], Any, Any, Any]] = {
    "order": (ORDER, quick_order, any_order, decode_order),
    "fill": (FILL, quick_fill, any_fill, decode_fill),
}
VALUES: list[Any] = [
    *(None, "", "n/a", "0", "0.5", "1.5", "2", 0, 2, 0.5, 2.0, Decimal("0.5"), True, False),
    *([], {}, [1], {"a": 1}, "yes", "no", "bid", "ask", "1970-01-01T00:00:00Z", 1780308001, ...),
]


def outcome(read: Any, row: dict[str, Any], **options: Any) -> Any:
    """Give what a reader makes of a row, and what it notes; None where it refuses the row."""
    noted: set[tuple[str, str]] = set()
    try:
        return decode_noting(lambda given: read(given, **options), row, noted), noted
    except DECODE_ERRORS:
        return None


def changed(row: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = {**row, **changes}
    return {name: value for name, value in merged.items() if value is not ...}


@pytest.mark.parametrize("kind", READERS)
def test_the_quick_reader_takes_rows_of_today(kind: str) -> None:
    row, quick, careful, _ = READERS[kind]
    assert quick(row) == careful(row, side_and_action=False)


@pytest.mark.parametrize("kind", READERS)
def test_with_one_field_of_another_kind_both_readers_agree(kind: str) -> None:
    row, quick, careful, whole = READERS[kind]
    tried = 0
    for name in row:
        for value in VALUES:
            tried += 1
            mutant = changed(row, {name: value})
            expected = outcome(careful, mutant, side_and_action=False)
            if (quickly := outcome(quick, mutant)) is not None:
                assert quickly == expected, (name, value)
            assert outcome(whole, mutant) == expected, (name, value)
    assert tried == len(row) * len(VALUES)


@pytest.mark.parametrize("kind", READERS)
@given(st.data())
def test_with_several_fields_of_another_kind_both_readers_agree(
    kind: str, data: st.DataObject
) -> None:
    row, quick, careful, _ = READERS[kind]
    changes = st.dictionaries(st.sampled_from(sorted(row)), st.sampled_from(VALUES), max_size=4)
    mutant = changed(row, data.draw(changes))
    quickly = outcome(quick, mutant)
    assert quickly is None or quickly == outcome(careful, mutant, side_and_action=False)


def test_what_the_quick_reader_refuses_is_noted_once_by_the_other() -> None:
    noted: set[tuple[str, str]] = set()
    order = decode_noting(decode_order, {**ORDER, "maker_fees_dollars": "n/a"}, noted)
    assert order.maker_fees is None
    assert noted == {("unreadable_field", "Order.maker_fees_dollars")}


ACK: dict[str, Any] = {
    "order_id": "o1",
    "client_order_id": "c1",
    "fill_count": "1.00",
    "remaining_count": "2.00",
    "average_fill_price": "0.5600",
    "average_fee_paid": "0.0154",
    "ts_ms": 1_700_000_000_123,
}
ODD_VALUES: list[Any] = [None, "", "n/a", "0.1", " ", 0, 7, 1.5, True, [], {}, "\0", "x" * 600]


@pytest.mark.parametrize("name", [*ACK, "reduced_by"])
def test_an_acknowledgement_is_read_quickly_as_it_is_read_carefully(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(row: Any) -> Any:
        return decode_ack(row, "T", shapes.CreateOrderV2Response)

    rows = [ACK, *({**ACK, name: value} for value in ODD_VALUES)]
    rows.append({key: value for key, value in ACK.items() if key != name})
    quickly = [outcome(read, row) for row in rows]
    monkeypatch.setattr(decode_orders, "_plain_ack", refuse)
    assert quickly == [outcome(read, row) for row in rows]


def refuse(*_: object) -> None:
    raise ValueError


ACK: dict[str, Any] = {
    "order_id": "o1",
    "client_order_id": "c1",
    "fill_count": "3.00",
    "remaining_count": "2.00",
    "average_fill_price": "0.0400",
    "average_fee_paid": "0.0154",
    "ts_ms": 1780308001000,
}


@given(
    changes=st.dictionaries(st.sampled_from([*ACK, "reduced_by", "other"]), st.sampled_from(VALUES))
)
def test_an_acknowledgement_is_read_from_its_bytes_as_from_its_document_or_not_at_all(
    changes: dict[str, Any],
) -> None:
    document = {name: value for name, value in (ACK | changes).items() if value is not ...}
    body = json.dumps(document, default=float).encode()
    fast = decode_orders.fast_ack("CreateOrderV2", "T", body)
    if fast is None:
        return
    parsed, found = parse_json(body), set[Any]()
    assert not find_deviations("CreateOrderV2", parsed)
    shape = shapes.CreateOrderV2Response
    slow = decode_noting(lambda row: decode_ack(row, "T", shape), parsed, found)
    assert (fast, fast.raw, found) == (slow, slow.raw, set())
    assert {type(value) for value in fast.raw.values()} <= {str, int}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ACK).encode(),
        json.dumps({n: v for n, v in ACK.items() if not n.startswith("average")}).encode(),
    ],
)
def test_a_usual_acknowledgement_is_read_in_one_pass(body: bytes) -> None:
    assert decode_orders.fast_ack("CreateOrderV2", "T", body) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b'"order_id"',
        b"[" * 100_000,
        json.dumps(ACK).encode("utf-16"),
        json.dumps(ACK | {"order_id": "\ud800"}).encode(),
        json.dumps(ACK | {"order_id": "o\0"}).encode(),
        json.dumps(ACK | {"fill_count": 1.5}).encode(),
        json.dumps(ACK).encode() + b"}",
    ],
)
def test_an_acknowledgement_with_any_surprise_is_left_to_the_tolerant_reader(body: bytes) -> None:
    assert decode_orders.fast_ack("CreateOrderV2", "T", body) is None
