"""From the wire to models: direction and price of orders and fills, both contracts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import core_meaning as meaning
import pytest
from case_samples import sampled

from kalshi_ext.contracts import decode_orders as current
from kalshi_ext.contracts.classic.orders import read_order as decode_classic_order
from kalshi_ext.contracts.classic.portfolio import read_fill as decode_classic_fill
from kalshi_ext.contracts.decode_markets import decode_market
from kalshi_ext.contracts.decode_portfolio import decode_deposit, decode_settlement
from kalshi_ext.models import Fill, Order

Row = dict[str, Any]
TICKS = sampled(meaning.TICKS, 11)
SIDES = {"bid": ("yes", +1), "ask": ("no", -1)}
CURRENT_ORDER: Row = {
    "order_id": "o",
    "ticker": "T",
    "status": "resting",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "1.00",
}
CURRENT_FILL: Row = {"fill_id": "f", "order_id": "o", "ticker": "T", "count_fp": "1.00"}
CLASSIC_ORDER: Row = {"order_id": "o", "ticker": "T", "status": "resting", "remaining_count": 1}
CLASSIC_FILL: Row = {"fill_id": "f", "order_id": "o", "ticker": "T", "count": 1}
# On real fills the deprecated fields contradict the direction (observed): they must not be read.
LEGACY = [{}, {"side": "yes", "action": "sell"}, {"side": "no", "action": "sell"}]


def meaning_of(row: Order | Fill) -> meaning.Meaning:
    """Return what a model means; its two fields for the direction must agree."""
    outcome, direction = SIDES[row.book_side.value]
    assert row.outcome_side == outcome
    assert row.price is not None
    assert row.no_price == Decimal(1) - row.price
    return direction, int(row.price * 10_000)


@pytest.mark.parametrize(
    ("read", "base"), [(current.decode_order, CURRENT_ORDER), (current.decode_fill, CURRENT_FILL)]
)
def test_current_rows_are_read_by_book_and_outcome_side_alone(
    read: Callable[[Any], Order | Fill], base: Row
) -> None:
    tried, mismatches = 0, []
    for tick in TICKS:
        price = {"yes_price_dollars": meaning.dollars(tick)}
        legacy = LEGACY[tick % 3]
        for book, (outcome, direction) in SIDES.items():
            for fields in (
                {"book_side": book, "outcome_side": outcome},
                {"book_side": book},
                {"outcome_side": outcome},
            ):
                tried += 1
                if meaning_of(read({**base, **price, **legacy, **fields})) != (direction, tick):
                    mismatches.append((tick, fields))
    assert (tried, mismatches) == (6 * len(TICKS), [])


@pytest.mark.parametrize("given", [("yes",), ("no",), ("yes", "no")])
def test_classic_orders_are_read_by_side_and_action_at_every_cent(given: tuple[str, ...]) -> None:
    tried, mismatches = 0, []
    for yes in range(1, 100):
        both = {"yes_price": yes, "no_price": 100 - yes}
        prices = {name: both[name] for name in (f"{side}_price" for side in given)}
        for side, action in meaning.SIDES_AND_ACTIONS[:4]:
            tried += 1
            row = {**CLASSIC_ORDER, **prices, "side": side, "action": action}
            named = yes if side == "yes" else 100 - yes
            if meaning_of(decode_classic_order(row)) != meaning.meaning_of(
                side, action, named * 100
            ):
                mismatches.append((side, action, prices))
    assert (tried, mismatches) == (396, [])


def test_classic_fills_name_the_price_of_their_side() -> None:
    tried, mismatches = 0, []
    for cents in range(1, 100):
        for side, action in meaning.SIDES_AND_ACTIONS[:4]:
            tried += 1
            row = {**CLASSIC_FILL, "price": cents, "side": side, "action": action}
            if meaning_of(decode_classic_fill(row)) != meaning.meaning_of(
                side, action, cents * 100
            ):
                mismatches.append((side, action, cents))
    assert (tried, mismatches) == (396, [])


@pytest.mark.parametrize("book", ["bid", "ask"])
@pytest.mark.parametrize(
    ("read", "base"), [(current.decode_order, CURRENT_ORDER), (current.decode_fill, CURRENT_FILL)]
)
def test_a_row_whose_two_directions_contradict_is_not_believed(
    read: Callable[[Any], Order | Fill], base: Row, book: str
) -> None:
    opposite = {"bid": "no", "ask": "yes"}[book]
    with pytest.raises(ValueError, match="contradicts"):
        read({**base, "book_side": book, "outcome_side": opposite})


@pytest.mark.parametrize(
    "sides",
    [{"book_side": "long", "outcome_side": "no"}, {"book_side": "ask", "outcome_side": "down"}],
)
@pytest.mark.parametrize(
    ("read", "base"),
    [
        (current.decode_order, CURRENT_ORDER),
        (current.decode_fill, CURRENT_FILL),
        (decode_classic_order, CURRENT_ORDER),
        (decode_classic_fill, CURRENT_FILL),
    ],
)
def test_a_direction_that_is_half_known_is_not_believed(
    read: Callable[[Any], Order | Fill], base: Row, sides: Row
) -> None:
    with pytest.raises(ValueError, match="contradicts"):
        read({**base, **sides, "side": "no", "action": "buy"})


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (current.decode_order, {**CURRENT_ORDER, "book_side": "ask", "outcome_side": "no"}),
        (decode_classic_order, {**CLASSIC_ORDER, "side": "yes", "action": "buy"}),
        (decode_market, {"ticker": "T"}),
        (decode_deposit, {"id": "d"}),
    ],
)
def test_a_blank_status_costs_the_row_as_one_that_is_null(
    read: Callable[[Any], Any], row: Row
) -> None:
    assert read({**row, "status": "parked"}).status.known is False
    for blank in ("", None):
        with pytest.raises((ValueError, KeyError, TypeError)):
            read({**row, "status": blank})


def test_a_settlement_whose_result_is_blank_reads_the_older_name() -> None:
    assert (
        decode_settlement({"ticker": "T", "market_result": "", "result": "no"}).market_result
        == "no"
    )
    with pytest.raises((ValueError, KeyError)):
        decode_settlement({"ticker": "T", "market_result": ""})


@pytest.mark.parametrize("fields", [{}, {"book_side": None}, {"book_side": "", "outcome_side": ""}])
@pytest.mark.parametrize(
    ("read", "base"), [(current.decode_order, CURRENT_ORDER), (current.decode_fill, CURRENT_FILL)]
)
def test_a_row_without_direction_is_never_guessed_from_the_deprecated_words(
    read: Callable[[Any], Order | Fill], base: Row, fields: Row
) -> None:
    with pytest.raises(KeyError, match="side"):
        read({**base, **fields, "side": "yes", "action": "buy"})


@pytest.mark.parametrize(
    "fields",
    [{"side": "yes", "action": "hold"}, {"side": "maybe", "action": "buy"}, {"side": "bid"}],
)
def test_a_classic_row_of_unknown_words_has_no_direction(fields: Row) -> None:
    with pytest.raises((ValueError, KeyError)):
        decode_classic_order({**CLASSIC_ORDER, **fields})


def test_prices_read_are_exact_whatever_the_precision_the_caller_chose_for_decimals() -> None:
    with localcontext(prec=2):
        row = {**CURRENT_ORDER, "book_side": "bid", "yes_price_dollars": "0.1234"}
        order = current.decode_order(row)
        assert str(order.price) == "0.1234"
        assert str(order.no_price) == "0.8766"
