"""What an argument of the facade is called when the contract calls it by another name."""

from __future__ import annotations

from typing import Final

# What goes on the wire by itself: nobody says it in a call.
UNSAID: Final = ""
_WORDS: Final = {
    "amount_cents": "amount",
    "buy_max_cost": "max_cost",
    "contracts_limit_fp": "contracts_limit",
    "count_down": UNSAID,
    "count_up": UNSAID,
    "cursor": UNSAID,
    "expiration_time": "expires",
    "expiration_ts": "expires",
    "limit": "page_size",
    "market_ticker": "ticker",
    "market_tickers": "tickers",
    "max_ts": "until",
    "min_ts": "since",
    "no_price": "price",
    "order_ids": "orders",
    "reduce_by": "by",
    "reduce_to": "to",
    "self_trade_prevention_type": "self_trade_prevention",
    "subaccount_number": "subaccount",
    "type": UNSAID,  # price=None says "market"
    "yes_price": "price",
}
_OF_A_CALL: Final = {
    ("orders.amend", "order_id"): "order",
    ("orders.cancel", "order_id"): "order",
    ("orders.decrease", "order_id"): "order",
    ("orders.place_many", "orders"): "tickets",
    ("order_groups.list", "cursor"): UNSAID,
    ("order_groups.list", "limit"): "limit",
    ("portfolio.set_target_allocation", "allocations"): "percent",
}
_PATH_VARIABLES: Final = {"order_group_id": "group_id"}


def argument(call: str, part: str, path: str) -> str:
    """Name the argument behind a parameter or a path of body fields, as in `tickets[].price`.

    `call` is the facade's word (orders.place), `part` the piece of the operation. Nothing for
    what no argument says. A name that nobody knows yet is given back as it is.
    """
    steps = [_step(call, part, step) for step in path.split(".")]
    return "" if UNSAID in steps else ".".join(steps)


def _step(call: str, part: str, step: str) -> str:
    name, bracket, rest = step.partition("[")
    word = _OF_A_CALL.get((call, name), _WORDS.get(name, name))
    if part == "path parameter":
        word = _PATH_VARIABLES.get(name, word)
    return f"{word}{bracket}{rest}" if word else UNSAID
