"""One example call of every word of the client: the list that demo, recordings and tests share.

A row says the word and its arguments, in the order of a trader's day. A read that needs no argument
is whole with its word: `Example("subaccounts.netting")`. There are two ways to make each call:

    in full    every argument the contract has, with ids made up: for clients that reach no
               exchange, where what is sent is looked at
    in a run   what an exchange executes: ids come from the results of the calls before it, by word

    Example("order_groups.get", full=given("g1", subaccount=1),
            run=lambda results: given(results["order_groups.create"].id))

The classic contract has fewer arguments: `full_classic` and `run_classic` stand where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from kalshi_ext import OrderTicket
from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.contract.types import BookSide, OrderStatus, OutcomeSide
from kalshi_ext.models import Order

Results: TypeAlias = Mapping[str, Any]
RAIN: Final = "KXRAIN-26DEC31-NYC"
CHICAGO: Final = "KXRAIN-26DEC31-CHI"
TRANSFER_KEY: Final = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
BOTH: Final = ("current", "classic")


@frozen
class Arguments:
    """The arguments of one call, by place and by name."""

    args: tuple[Any, ...]
    named: dict[str, Any]


def given(*args: Any, **named: Any) -> Arguments:
    """Note the arguments of a call as one would type them."""
    return Arguments(args, named)


RunArguments: TypeAlias = Arguments | Callable[[Results], Arguments]


def _contracts_with(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.contract for row in OPERATIONS.values() if row.facade == word))


@frozen
class Example:
    """One word of the client with its arguments.

    A word made of several operations is in no table: it says its `contracts`, and in `returns` the
    model of its result, as openapi/facade.yaml does for the others.
    """

    word: str
    full: Arguments = field(default=given(), kw_only=True)
    run: RunArguments = field(default=given(), kw_only=True)
    full_classic: Arguments | None = field(default=None, kw_only=True)
    run_classic: RunArguments | None = field(default=None, kw_only=True)
    contracts: tuple[str, ...] = field(kw_only=True)
    returns: str = field(default="", kw_only=True)

    @contracts.default
    def _(self) -> tuple[str, ...]:
        return _contracts_with(self.word)

    def needs_results(self, contract: str) -> bool:
        """Say whether its run names what earlier calls returned."""
        return callable(self._run_of(contract))

    def run_arguments(self, contract: str, results: Results) -> Arguments:
        """Return the arguments of its run; `results` are those of earlier calls, by word."""
        run = self._run_of(contract)
        return run(results) if callable(run) else run

    def call_in_full(self, client: Any) -> Any:
        """Call a client with every argument its contract has."""
        classic = client.session.contract.name == "classic"
        return self._call(client, self.full_classic if classic and self.full_classic else self.full)

    def call(self, client: Any, results: Results) -> Any:
        """Call a client as in a run."""
        return self._call(client, self.run_arguments(client.session.contract.name, results))

    def _run_of(self, contract: str) -> RunArguments:
        return self.run_classic if contract == "classic" and self.run_classic else self.run

    def _call(self, client: Any, arguments: Arguments) -> Any:
        resource, _, name = self.word.partition(".")
        return getattr(getattr(client, resource), name)(*arguments.args, **arguments.named)


def examples_of(contract: str) -> list[Example]:
    """List the examples of one contract."""
    return [example for example in EXAMPLES if contract in example.contracts]


# Arguments made up for calls in full.
_IN_ACCOUNT: Final = {"subaccount": 1, "exchange_index": 0}
_JANUARY: Final = {"since": "2026-01-01", "until": "2026-01-31"}
_MARKET_TIMES: Final = {
    f"{what}_{end}": day
    for what in ("created", "updated", "close", "settled")
    for end, day in _JANUARY.items()
}
_LIST: Final[dict[str, Any]] = {"ticker": "T", "event_ticker": "E", "limit": 5}
_ORDER: Final[dict[str, Any]] = {
    "ticker": "T",
    "side": "no",
    "action": "buy",
    "count": 5,
    "price": "0.44",
    "client_order_id": "c1",
    "expires": "2030-01-01T00:00:00Z",
    "post_only": True,
    "order_group_id": "g1",
}
_CURRENT_ORDER: Final = {
    **_ORDER,
    **_IN_ACCOUNT,
    "reduce_only": False,
    "cancel_order_on_pause": True,
}
_CLASSIC_ORDER: Final = {**_ORDER, "max_cost": "5.00", "sell_position_floor": 0}
_AMEND: Final[dict[str, Any]] = {
    "ticker": "T",
    "side": "bid",
    "price": "0.57",
    "count": 5,
    "client_order_id": "c1",
    "updated_client_order_id": "c2",
}
# A batch cancel knows subaccount and shard from an Order alone.
_RESTING: Final = Order(
    order_id="o1",
    client_order_id="c1",
    ticker="T",
    book_side=BookSide.BID,
    outcome_side=OutcomeSide.YES,
    status=OrderStatus.RESTING,
    fill_count=Decimal(0),
    remaining_count=Decimal(5),
    raw={},
    **_IN_ACCOUNT,
)


def _two_tickets(order: dict[str, Any]) -> list[OrderTicket]:
    return [
        OrderTicket.of(**order),
        OrderTicket.of(**order | {"side": "yes", "client_order_id": "c2"}),
    ]


def _bid(key: str) -> OrderTicket:
    return OrderTicket.of(CHICAGO, side="bid", count=4, price="0.21", client_order_id=key)


def _group(results: Results) -> Arguments:
    return given(results["order_groups.create"].id)


def _placed(results: Results) -> Arguments:
    return given(results["orders.place"].order_id)


# In the order of a trader's day: a row may use what a row above it returned, by word.
EXAMPLES: Final = (
    Example("exchange.status"),
    Example("exchange.schedule"),
    Example("exchange.data_timestamp"),
    Example(
        "markets.list",
        full=given(
            status="open",
            event_ticker="E",
            series_ticker="S",
            tickers=["T", "U"],
            mve_filter="exclude",
            **_MARKET_TIMES,
            limit=5,
        ),
        run=given(status="open"),
    ),
    Example("markets.get", full=given("T"), run=given(RAIN)),
    Example("markets.orderbook", full=given("T", depth=10), run=given(RAIN, depth=10)),
    Example(
        "markets.trades",
        full=given(ticker="T", is_block_trade=False, limit=5, **_JANUARY),
        run=given(ticker=RAIN),
    ),
    Example("account.limits"),
    Example("account.endpoint_costs"),
    Example("account.volume_progress"),
    Example("account.upgrade"),
    Example("portfolio.balance", full=given(**_IN_ACCOUNT), full_classic=given()),
    Example(
        "order_groups.create",
        full=given(contracts_limit="9.50", **_IN_ACCOUNT),
        full_classic=given(contracts_limit=9),
        run=given(contracts_limit=500),
    ),
    Example("order_groups.get", full=given("g1", subaccount=1), run=_group),
    Example(
        "order_groups.list",
        full=given(subaccount=1),
        full_classic=given(status="active"),
    ),
    Example(
        "order_groups.set_limit",
        full=given("g1", 12, **_IN_ACCOUNT),
        run=lambda results: given(results["order_groups.create"].id, 400),
    ),
    Example("order_groups.trigger", full=given("g1", **_IN_ACCOUNT), run=_group),
    Example(
        "order_groups.reset",
        full=given("g1", **_IN_ACCOUNT),
        full_classic=given("g1"),
        run=_group,
    ),
    Example(
        "orders.place",
        full=given(**_CURRENT_ORDER),
        full_classic=given(**_CLASSIC_ORDER),
        run=lambda results: given(
            RAIN,
            side="yes",
            action="buy",
            count=10,
            price="0.30",
            order_group_id=results["order_groups.create"].id,
        ),
        run_classic=given(RAIN, side="no", action="buy", count=10, price="0.20"),
    ),
    Example("orders.get", full=given("o1"), run=_placed),
    Example(
        "orders.find",
        full=given("c1", ticker="T", since=1_700_000_000),
        run=lambda results: given(results["orders.place"].client_order_id, ticker=RAIN),
        contracts=BOTH,
        returns="Order",
    ),
    Example("orders.queue_position", full=given("o1"), run=_placed),
    Example(
        "orders.queue_positions",
        full=given(tickers=["T", "U"], subaccount=1),
        full_classic=given(["o1", "o2"]),
        run=given(tickers=[RAIN]),
        run_classic=lambda results: given([results["orders.place"]]),
    ),
    Example(
        "orders.list",
        full=given(**_LIST, status="resting", **_IN_ACCOUNT, **_JANUARY),
        full_classic=given(**_LIST, status="resting", **_JANUARY),
        run=given(status="resting"),
    ),
    Example(
        "orders.amend",
        full=given("o1", expires=0, **_AMEND, **_IN_ACCOUNT),
        full_classic=given("o1", **_AMEND),
        # Without a side the price is that of YES; classic bought NO at 0.20, which is YES at 0.80.
        run=lambda results: given(results["orders.get"], price="0.31", count=9),
        run_classic=lambda results: given(results["orders.get"], price="0.81", count=9),
    ),
    Example(
        "orders.decrease",
        full=given("o1", to=2, ticker="T", **_IN_ACCOUNT),
        full_classic=given("o1", by=2),
        run=lambda results: given(results["orders.place"].order_id, to=5, ticker=RAIN),
        run_classic=lambda results: given(results["orders.place"], by=2),
    ),
    Example(
        "orders.cancel",
        full=given("o1", ticker="T", **_IN_ACCOUNT),
        full_classic=given("o1"),
        run=lambda results: given(results["orders.place"].order_id, ticker=RAIN),
        run_classic=lambda results: given(results["orders.place"]),
    ),
    Example(
        "orders.place_many",
        # One of each side: on classic YES and NO have a price field each.
        full=given(_two_tickets(_CURRENT_ORDER)),
        full_classic=given(_two_tickets(_CLASSIC_ORDER)),
        run=given([_bid("walk-1"), _bid("walk-2")]),
    ),
    Example(
        "orders.cancel_many",
        full=given([_RESTING]),
        full_classic=given(["o1"]),
        run=lambda results: given(results["orders.place_many"]),
    ),
    Example("orders.cancel_all", full=given(subaccount=1)),
    Example(
        "order_groups.delete",
        full=given("g1", **_IN_ACCOUNT),
        full_classic=given("g1"),
        run=_group,
    ),
    Example(
        "portfolio.positions",
        full=given(**_LIST, count_filter="position", settlement_status="all", **_IN_ACCOUNT),
        full_classic=given(**_LIST),
    ),
    Example(
        "portfolio.event_positions",
        full=given(event_ticker="E"),
        contracts=BOTH,
        returns="EventPosition",
    ),
    Example(
        "portfolio.fills",
        full=given(ticker="T", order_id="o1", limit=5, **_IN_ACCOUNT, **_JANUARY),
        full_classic=given(ticker="T", order_id="o1", limit=5, **_JANUARY),
    ),
    Example(
        "portfolio.settlements",
        full=given(ticker="T", event_ticker="E", subaccount=1, page_size=20, **_JANUARY),
        full_classic=given(limit=5),
    ),
    Example("portfolio.deposits", full=given(limit=5)),
    Example("portfolio.withdrawals", full=given(page_size=20)),
    Example("portfolio.resting_value"),
    Example(
        "portfolio.transfer",
        full=given(
            "1.2345",
            source="event_contract",
            destination="margined",
            source_exchange_shard=0,
            destination_exchange_shard=1,
            source_subaccount=1,
            destination_subaccount=2,
            client_transfer_id=TRANSFER_KEY,
        ),
        run=given("1.50", destination_exchange_shard=2),
    ),
    Example(
        "portfolio.get_transfer",
        full=given("t1"),
        run=lambda results: given(results["portfolio.transfer"]),
    ),
    Example("portfolio.transfers", full=given(limit=5)),
    Example(
        "portfolio.set_target_allocation",
        full=given({0: 60, 2: 40}, resting_margin_reservation="max"),
        run=given({0: 60, 2: 40}),
    ),
    Example("portfolio.target_allocation"),
    Example("subaccounts.create", full=given(exchange_index=0)),
    Example("subaccounts.balances"),
    Example(
        "subaccounts.transfer",
        full=given(
            "5.00",
            from_subaccount=0,
            to_subaccount=1,
            client_transfer_id=TRANSFER_KEY,
            exchange_index=0,
        ),
        run=given("2.00", from_subaccount=0, to_subaccount=1),
    ),
    Example("subaccounts.transfers", full=given(limit=5)),
    Example("subaccounts.set_netting", full=given(1, enabled=True), run=given(1, enabled=True)),
    Example("subaccounts.netting"),
    Example("history.cutoff"),
    Example("history.orders", full=given(ticker="T", subaccount=1, limit=5, **_JANUARY)),
    Example("history.fills", full=given(ticker="T", subaccount=1, limit=5, **_JANUARY)),
    Example("history.positions", full=given(**_LIST, subaccount=1)),
    Example("history.all_orders", full=given(ticker="T"), contracts=("current",), returns="Order"),
    Example("history.all_fills", contracts=("current",), returns="Fill"),
)
