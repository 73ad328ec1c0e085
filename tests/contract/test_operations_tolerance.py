"""Which fields may cost a row, over every answer of both contracts; all others become None.

Every field of every answer is replaced, one at a time, by what no reader takes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from test_operations_decoders import SHOWN, calls_of, sampled, sampler_of

from kalshi_ext.contracts.decoding import DECODE_ERRORS
from kalshi_ext.protocol.deviations import decode_noting
from kalshi_ext.protocol.messages import Page

Path = tuple[str | int, ...]

# By name, over both contracts. Whatever is not here may hold anything and costs nothing.
IDENTITY = {
    *(
        "order_id",
        "fill_id",
        "ticker",
        "event_ticker",
        "id",
        "order_group_id",
        "transfer_id",
        "trade_id",
    ),
    *("subaccount_number", "exchange_index", "percent", "usage_tier", "level", "method", "path"),
}
DIRECTION = {
    *("book_side", "outcome_side", "side", "action"),
    *("source", "destination", "from_subaccount", "to_subaccount"),
}
# What a row or an answer counts; the amount of a transfer is what a lost answer is looked up by.
COUNTS = {
    *("fill_count_fp", "fill_count", "remaining_count_fp", "remaining_count", "reduced_by"),
    *("count_fp", "count", "position_fp", "position", "queue_position_fp", "queue_position", "o1"),
    *("amount", "amount_cents", "total_resting_order_value", "balance", "trailing_30d_volume_fp"),
    *("earn_volume_goal_fp", "keep_volume_goal_fp"),
    *("cost", "default_cost", "refill_rate", "bucket_capacity"),
}
STATUS = {
    *("status", "market_result", "result", "enabled", "exchange_active", "trading_active"),
    *("as_of_time", "orders_updated_ts", "trades_created_ts", "open_time", "close_time"),
}
MAY_COST = IDENTITY | DIRECTION | COUNTS | STATUS
# Objects that hold all an answer says, and the cursor, without which a list would end early.
ENVELOPES = {
    *("order", "orders", "responses", "transfer", "transfers", "fills", "settlements", "deposits"),
    *("withdrawals", "order_groups", "queue_positions", "market_positions", "event_positions"),
    *("subaccount_balances", "netting_configs", "volume_progress", "cursor", "read"),
    *("write", "allocations", "endpoint_costs", "market", "markets", "trades"),
    *("orderbook_fp", "yes_dollars", "no_dollars"),  # a book with holes misleads
}


class Broken(NamedTuple):
    """What an answer with one unreadable field was: its field, whether it cost, what was noted."""

    name: str
    costs: bool
    noted: set[tuple[str, str]]


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def paths_of(value: Any, at: Path = ()) -> Iterator[Path]:
    """List where something stands in a document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        if isinstance(value, dict):
            yield (*at, key)
        if isinstance(inner, dict | list):
            yield from paths_of(inner, (*at, key))


def replaced(document: Any, path: Path, value: object) -> Any:
    copied = copy.deepcopy(document)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return copied


def broken(name: str, id_: str, garbage: object) -> Iterator[Broken]:
    """Read an answer once for each of its fields, with that field replaced."""
    drop = "error" if "batch" in id_.lower() else None
    document = plain(sampled(sampler_of(name), name, id_, drop=drop))
    for call in calls_of(name, id_):
        call.decode(document)
        for path in paths_of(document):
            noted: set[tuple[str, str]] = set()
            try:
                answer = decode_noting(call.decode, replaced(document, path, garbage), noted)
                costs = isinstance(answer, Page) and answer.invalid_rows != ()
            except DECODE_ERRORS:
                costs = True
            yield Broken(str(path[-1]), costs, noted)


@pytest.mark.parametrize(("name", "id_"), SHOWN)
def test_only_identity_direction_counts_and_status_may_cost_a_row(name: str, id_: str) -> None:
    costly = {each.name for each in broken(name, id_, {"x": 1}) if each.costs}
    assert costly - MAY_COST - ENVELOPES == set()


def test_every_name_that_may_cost_a_row_does_so_somewhere() -> None:
    every = [each for pair in SHOWN for each in broken(*pair, {"x": 1})]
    costly = {each.name for each in every if each.costs}
    # A row in a row costs itself only, and is noted.
    costly |= {each.name for each in every if any(k == "invalid_row" for k, _ in each.noted)}
    assert (MAY_COST | ENVELOPES) - costly == set()


@pytest.mark.parametrize(("name", "id_"), SHOWN)
def test_a_field_that_cannot_be_read_is_noted_by_its_name(name: str, id_: str) -> None:
    sampler = sampler_of(name)
    answer = sampled(sampler, name, id_)
    for call in calls_of(name, id_):
        call.decode(answer)
    looked = set[str]().union(*sampler.read.values())
    silent = {
        each.name
        for each in broken(name, id_, {"x": 1})
        if not each.costs and not each.noted and each.name in looked
    }
    if "ositions" in id_:  # of two lists in one answer a call reads one
        silent -= looked
    # An object of another kind holds no hours, and the exact balance stands in for the rounded one.
    # A strike of a market's own may be any object.
    assert silent - {"schedule", "balance", "custom_strike"} == set()
