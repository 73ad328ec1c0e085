"""What is told of a write that is looked up: when it opens, and how the looking ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.events import Events, UnknownOpened, UnknownResolved
from kalshi_ext.journal import NotOwner
from kalshi_ext.protocol.flow import Effect, Flow, Record
from kalshi_ext.requests import AmendTicket, Target

LOST = core.lost(bytes_sent=True)
ID = ex.row()["order_id"]
LOOKED_FOR = "ReadTimeout: it took too long"
MISPRICED = ex.row(yes_price_dollars="0.5500")
EXECUTED = ex.row(status="executed", remaining_count_fp="0.00")
CANCELED = ex.row(status="canceled", remaining_count_fp="0.00")
HIDING = CANCELED | {"yes_price_dollars": "0.5700"}  # whether it was amended before
Work = Callable[[ex.FakeExchange], Flow[Any]]
Trouble = Callable[[ex.FakeExchange], None]


def place(exchange: ex.FakeExchange) -> Flow[Any]:
    return writes.place(core.CURRENT, ex.ticket(), exchange.context)


def amend(exchange: ex.FakeExchange) -> Flow[Any]:
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    return writes.amend(core.CURRENT, ticket, exchange.context)


def cancel(exchange: ex.FakeExchange) -> Flow[Any]:
    return writes.cancel(core.CURRENT, Target.of(ID), exchange.context)


def recover_amend(exchange: ex.FakeExchange) -> Flow[Any]:
    exchange.crash(amend(exchange))
    events = exchange.context.events
    exchange.restart()
    exchange.context = evolve(exchange.context, events=events)
    return writes.recover(core.CURRENT, exchange.context)


def none(exchange: ex.FakeExchange) -> None:
    """Leave the exchange as it is."""


def blind(exchange: ex.FakeExchange) -> None:
    """Let no read tell how fresh it is."""
    exchange.watermark = None


def closed(exchange: ex.FakeExchange) -> None:
    """Close the client once it looks."""
    perform = exchange.perform

    def closing(effect: Effect) -> Any:
        if ex.is_send(effect) and not ex.is_post(effect):
            raise errors.Misuse("the client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]


def disowned(exchange: ex.FakeExchange) -> None:
    """Let another process take the entry over before it is sent again."""
    exchange.context = evolve(exchange.context, shared_journal=True)
    perform = exchange.perform

    def renewing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "renew":
            raise NotOwner("it is driven by another")
        return None if effect == Record("read_stops") else perform(effect)

    exchange.perform = renewing  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("work", "trouble", "rows", "verdict", "seconds", "reason"),
    [
        (place, none, [ex.row()], "executed", 0, ""),
        (place, none, [MISPRICED], "not executed", 0, "differs in price"),
        (place, blind, [], "open", 180, LOOKED_FOR),
        (place, closed, [], "open", 0, f"{LOOKED_FOR}; the client is closed"),
        (place, disowned, [], "open", 63, "it is driven by another"),
        (amend, none, [HIDING], "open", 0, "whether it was changed before that cannot be told"),
        (
            recover_amend,
            none,
            [HIDING],
            "moot",
            0,
            "whether it was changed before that cannot be told",
        ),
        (recover_amend, blind, [ex.row()], "open", 180, "has no verdict yet"),
        (cancel, none, [CANCELED], "executed", 0, ""),
        (cancel, none, [EXECUTED], "not executed", 0, "0.00 contracts of it were filled"),
        (cancel, none, [], "open", 180, "no read told what became of it within 180 s"),
    ],
)
def test_a_write_in_doubt_is_told_once_when_it_opens_and_once_when_the_looking_ends(
    work: Work, trouble: Trouble, rows: list[Any], verdict: str, seconds: float, reason: str
) -> None:
    lost = [ex.always(LOST, method=method) for method in ("POST", "DELETE")]
    exchange, told = ex.FakeExchange(lost, orders=rows), list[Any]()
    exchange.context = evolve(exchange.context, events=Events(told.append))
    trouble(exchange)
    with suppress(errors.KalshiError):
        exchange.run(work(exchange))
    opened, resolved = (each for each in told if isinstance(each, UnknownOpened | UnknownResolved))
    assert opened.within == pytest.approx(180, abs=0.1)
    assert LOOKED_FOR in opened.reason or "has no verdict yet" in opened.reason
    assert (resolved.verdict, round(resolved.seconds)) == (verdict, seconds)
    assert resolved.reason.endswith(reason)
    assert bool(resolved.reason) == bool(reason)
    for each in (opened, resolved):
        assert each.client_order_ids == (("c1",) if work is place else ())
        assert each.order_id == (ID if work is cancel else None)
        assert each.key == (each.client_order_id or each.order_id or opened.key)
        assert each.ticker == (None if work is cancel else ex.TICKER)
        assert each.operation_id == WORDS[work]
        assert each.operation == f"orders.{work.__name__.removeprefix('recover_')}"


WORDS: dict[Work, str] = {
    place: "CreateOrderV2",
    amend: "AmendOrderV2",
    recover_amend: "AmendOrderV2",
    cancel: "CancelOrderV2",
}
