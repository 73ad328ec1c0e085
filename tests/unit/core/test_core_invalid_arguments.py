"""Bad arguments of every other call: refused by name, before anything is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import core_clients as clients
import pytest
from core_every_call import CURRENT

from kalshi_ext import Kalshi, Misuse

Work = Callable[[Any], Any]
BAD_TICKERS = ["", None, 5, ".", "..", "a\nb", "\ud800", "x" * 129]
BAD_IDS = ["", None, 5, ".", "..", "a/b", "a b", "a?b", "ü", "x" * 129]
BY_ID: dict[str, Work] = {
    "orders.get": lambda c: c.orders.get(c.bad),
    "orders.cancel": lambda c: c.orders.cancel(c.bad),
    "orders.decrease": lambda c: c.orders.decrease(c.bad, by=1),
    "orders.amend": lambda c: c.orders.amend(c.bad, ticker="T", side="bid", price="0.5", count=1),
    "orders.cancel_many": lambda c: c.orders.cancel_many([c.bad]),
    "orders.queue_position": lambda c: c.orders.queue_position(c.bad),
    "order_groups.get": lambda c: c.order_groups.get(c.bad),
    "order_groups.delete": lambda c: c.order_groups.delete(c.bad),
    "order_groups.reset": lambda c: c.order_groups.reset(c.bad),
    "order_groups.trigger": lambda c: c.order_groups.trigger(c.bad),
    "order_groups.set_limit": lambda c: c.order_groups.set_limit(c.bad, 5),
    "portfolio.get_transfer": lambda c: c.portfolio.get_transfer(c.bad),
    "portfolio.fills order_id": lambda c: c.portfolio.fills(order_id=c.bad or 0),
}
BY_TICKER: dict[str, Work] = {
    "orders.list": lambda c: c.orders.list(ticker=c.bad or 0),
    "orders.list event_ticker": lambda c: c.orders.list(event_ticker=c.bad or 0),
    "orders.find": lambda c: c.orders.find("c1", ticker=c.bad),
    "orders.cancel": lambda c: c.orders.cancel("o1", ticker=c.bad or 0),
    "orders.queue_positions": lambda c: c.orders.queue_positions(tickers=[c.bad]),
    "history.all_fills": lambda c: c.history.all_fills(ticker=c.bad or 0),
}
UUID = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
CASES: list[tuple[str, Work]] = [
    ("decrease needs exactly one", lambda c: c.orders.decrease("o")),
    ("decrease needs exactly one", lambda c: c.orders.decrease("o", by=1, to=1)),
    ("by=", lambda c: c.orders.decrease("o", by=1.5)),
    ("by=", lambda c: c.orders.decrease("o", by=0)),
    ("to=", lambda c: c.orders.decrease("o", to=-1)),
    ("to=", lambda c: c.orders.decrease("o", to="0.001")),
    ("amend needs a new price, count or expires", lambda c: c.orders.amend("o")),
    ("amend needs ticker", lambda c: c.orders.amend("o", price="0.5", count=1, side="bid")),
    ("amend needs side", lambda c: c.orders.amend("o", ticker="T", price="0.5", count=1)),
    ("amend needs price", lambda c: c.orders.amend("o", ticker="T", side="bid", count=1)),
    ("amend needs count", lambda c: c.orders.amend("o", ticker="T", side="bid", price="0.5")),
    ("action='sell' needs side", lambda c: c.orders.amend("o", action="sell", price="0.5")),
    ("price=", lambda c: c.orders.amend("o", ticker="T", side="bid", price=0.5, count=1)),
    (
        "expires",
        lambda c: c.orders.amend("o", ticker="T", side="bid", price="0.5", count=1, expires=False),
    ),
    ("tickets must be a list", lambda c: c.orders.place_many("abc")),
    ("tickets must be a list", lambda c: c.orders.place_many(5)),
    ("tickets must hold at least one", lambda c: c.orders.place_many([])),
    ("tickets must be built with OrderTicket", lambda c: c.orders.place_many([{"ticker": "T"}])),
    ("orders must be a list", lambda c: c.orders.cancel_many("order-1")),
    ("orders must be a list", lambda c: c.orders.cancel_many(None)),
    ("orders must hold at least one", lambda c: c.orders.cancel_many([])),
    ("tickers must be a list", lambda c: c.orders.queue_positions(tickers="KXRAIN")),
    ("tickers must hold at least one", lambda c: c.orders.queue_positions(tickers=[])),
    ("exactly one of tickers and event_ticker", lambda c: c.orders.queue_positions()),
    (
        "exactly one of tickers",
        lambda c: c.orders.queue_positions(tickers=["T"], event_ticker="E"),
    ),
    ("subaccount must be", lambda c: c.orders.cancel_all(subaccount=64)),
    ("client_order_id", lambda c: c.orders.find("", ticker="T")),
    ("ticker", lambda c: c.orders.find("id", ticker="")),
    ("status must be", lambda c: c.orders.list(status="")),
    ("status must be", lambda c: c.orders.list(status=5)),
    ("status must be", lambda c: c.orders.list(status="resting&limit=1")),
    ("count_filter must be", lambda c: c.portfolio.positions(count_filter="a b")),
    ("settlement_status must be", lambda c: c.portfolio.positions(settlement_status="open")),
    ("contracts_limit", lambda c: c.order_groups.create(contracts_limit=1.5)),
    ("contracts_limit", lambda c: c.order_groups.create(contracts_limit=0)),
    ("contracts_limit", lambda c: c.order_groups.set_limit("g", "x")),
    ("amount", lambda c: c.portfolio.transfer(5)),
    ("amount", lambda c: c.portfolio.transfer(5.0)),
    ("amount", lambda c: c.portfolio.transfer("-1")),
    ("amount", lambda c: c.portfolio.transfer("0.00001")),
    ("source must be one of", lambda c: c.portfolio.transfer("5", source="spot")),
    ("destination must be one of", lambda c: c.portfolio.transfer("5", destination=None)),
    ("client_transfer_id", lambda c: c.portfolio.transfer("5", client_transfer_id="x")),
    ("source_exchange_shard", lambda c: c.portfolio.transfer("5", source_exchange_shard=1000)),
    ("source_subaccount", lambda c: c.portfolio.transfer("5", source_subaccount=64)),
    ("percent must be", lambda c: c.portfolio.set_target_allocation({})),
    ("percent must be", lambda c: c.portfolio.set_target_allocation([(0, 50)])),
    ("percent must name shards", lambda c: c.portfolio.set_target_allocation({-1: 50})),
    ("percent must be whole", lambda c: c.portfolio.set_target_allocation({0: 101})),
    ("percent must be whole", lambda c: c.portfolio.set_target_allocation({0: 0.5})),
    ("percent must be whole", lambda c: c.portfolio.set_target_allocation({0: True})),
    (
        "resting_margin_reservation must be one of",
        lambda c: c.portfolio.set_target_allocation({0: 100}, resting_margin_reservation="all"),
    ),
    ("amount", lambda c: c.subaccounts.transfer(5, from_subaccount=0, to_subaccount=1)),
    ("amount", lambda c: c.subaccounts.transfer("0.001", from_subaccount=0, to_subaccount=1)),
    ("to_subaccount", lambda c: c.subaccounts.transfer("5", from_subaccount=0, to_subaccount=64)),
    (
        "from_subaccount",
        lambda c: c.subaccounts.transfer("5", from_subaccount=None, to_subaccount=1),
    ),
    (
        "client_transfer_id",
        lambda c: c.subaccounts.transfer(
            "5", from_subaccount=0, to_subaccount=1, client_transfer_id=5
        ),
    ),
    ("subaccount must be", lambda c: c.subaccounts.set_netting(None, enabled=True)),
    ("enabled must be True or False", lambda c: c.subaccounts.set_netting(0, enabled="yes")),
    ("exchange_index must be", lambda c: c.subaccounts.create(exchange_index=101)),
]


def words_with(*arguments: str) -> list[str]:
    """List the words whose method takes all of these arguments."""
    with Kalshi() as client:
        return [
            word
            for word in CURRENT
            if {*arguments} <= {*inspect.signature(clients.resolve(client, word)).parameters}
        ]


LISTS = words_with("page_size", "max_pages")
TIMED = words_with("since", "until", "max_pages")
SMALL_PAGES = ["portfolio.deposits", "portfolio.withdrawals", "portfolio.transfers"]


def refused(rule: str, work: Work, **options: Any) -> None:
    transport = clients.RecordingTransport()
    for error in clients.sync_and_async(work, transport, **options):
        assert isinstance(error, Misuse), repr(error)
        with pytest.raises(Misuse, match=rule):
            raise error
    assert transport.requests == []


@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
@pytest.mark.parametrize("name", BY_ID)
def test_an_id_that_could_lead_elsewhere_never_leaves(name: str, bad: object) -> None:
    def work(client: Any) -> Any:
        client.bad = bad
        return BY_ID[name](client)

    refused("must be|only letters|longer", work)


@pytest.mark.parametrize("bad", BAD_TICKERS, ids=repr)
@pytest.mark.parametrize("name", BY_TICKER)
def test_a_ticker_that_is_no_printable_text_never_leaves(name: str, bad: object) -> None:
    def work(client: Any) -> Any:
        client.bad = bad
        return BY_TICKER[name](client)

    refused("ticker", work)


@pytest.mark.parametrize(
    ("rule", "work"), CASES, ids=lambda case: case if isinstance(case, str) else ""
)
def test_a_bad_argument_is_refused_by_name(rule: str, work: Work) -> None:
    refused(rule, work)


@pytest.mark.parametrize("value", [0, -1, 2.5, "5", True, float("nan")], ids=repr)
@pytest.mark.parametrize("name", ["limit", "max_pages", "page_size"])
@pytest.mark.parametrize("facade", LISTS)
def test_bounds_of_lists_are_whole_numbers_from_one(facade: str, name: str, value: object) -> None:
    refused(f"{name} must be", lambda c: clients.resolve(c, facade)(**{name: value}))


@pytest.mark.parametrize("facade", LISTS)
def test_a_page_larger_than_the_exchange_gives_is_refused_and_not_cut(facade: str) -> None:
    refused("page_size must be", lambda c: clients.resolve(c, facade)(page_size=1_001))


@pytest.mark.parametrize("facade", SMALL_PAGES)
def test_pages_of_payments_and_transfers_hold_at_most_500(facade: str) -> None:
    refused("at most 500 here, not 501", lambda c: clients.resolve(c, facade)(page_size=501))


@pytest.mark.parametrize("bad", ["yesterday", "", "2026-01-01T00:00:00", -1, 10**12, True, []])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("facade", TIMED)
def test_a_moment_that_is_none_is_refused(facade: str, name: str, bad: object) -> None:
    refused(name, lambda c: clients.resolve(c, facade)(**{name: bad}))


@pytest.mark.parametrize("facade", TIMED)
def test_a_window_that_ends_before_it_begins_is_refused(facade: str) -> None:
    refused(
        "since must not lie after until",
        lambda c: clients.resolve(c, facade)(since="2026-02-01", until="2026-01-01"),
    )
