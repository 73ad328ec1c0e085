"""What a stop and a resume reach, and what they leave alone; what of it was not seen is said."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from stop_exchange import ALL, GROUP, Exchange, exchange_of, stop

from kalshi_ext import errors, writes
from kalshi_ext import stop as stops
from kalshi_ext.journal import JournalUnusable, Latch
from kalshi_ext.protocol.messages import Reply, Request

MARKET = Latch(ticker=ex.TICKER)
EVENT = Latch(event_ticker="KXRAIN-26DEC31")
SUBACCOUNT_0, SUBACCOUNT_1 = Latch(subaccount=0), Latch(subaccount=1)
ORDERS = "/portfolio/orders"


def cancelled(exchange: Exchange) -> list[str]:
    """Name the orders of the batches of cancels, as often as each was sent."""
    bodies = [json.loads(each.body or b"{}") for each in exchange.sent("DELETE", "/batched")]
    named = [
        body.get("order_ids") or [row["order_id"] for row in body["orders"]] for body in bodies
    ]
    return [each for ids in named for each in ids]


def resting(*rows: Any) -> ex.Handler:
    """Show these rows as resting, whatever was cancelled."""

    def handler(request: Request) -> Reply | None:
        is_list = (request.method, request.path) == ("GET", ORDERS)
        wanted = is_list and dict(request.query).get("status") == "resting"
        return core.reply(200, {"orders": rows}) if wanted else None

    return handler


def test_a_stop_that_the_contract_cannot_say_shuts_nothing() -> None:
    exchange = exchange_of()
    with pytest.raises(errors.Misuse, match="subaccount"):
        exchange.run(stops.stop(core.CLASSIC, exchange.context, Latch(subaccount=3)))
    assert exchange.context.stops.latches == ()
    assert exchange.journal.stops.record.read().latches == ()
    assert exchange.requests == []


@pytest.mark.parametrize(
    ("contract", "latch"),
    [(core.CURRENT, MARKET), (core.CURRENT, EVENT), (core.CLASSIC, ALL), (core.CLASSIC, MARKET)],
)
def test_without_verify_what_no_sweep_ends_is_cancelled_one_by_one(
    contract: Any, latch: Latch
) -> None:
    silent = [] if contract is core.CURRENT else [ex.always(core.reply(500), method="DELETE")]
    exchange = exchange_of(*silent, orders=[ex.row(1), ex.row(2)])
    exchange.run(stops.stop(contract, exchange.context, latch, verify=False))
    assert set(cancelled(exchange)) == {ex.row(1)["order_id"], ex.row(2)["order_id"]}


def test_an_event_of_the_classic_contract_goes_by_tickers_and_says_why() -> None:
    exchange = exchange_of()
    report = exchange.run(stops.stop(core.CLASSIC, exchange.context, EVENT, verify=False))
    assert "no list of markets" in report.inferred[0]
    assert exchange.sent("GET", "/markets") == []


@pytest.mark.parametrize("latch", [ALL, MARKET, EVENT])
def test_a_stop_whose_journal_cannot_be_read_ends_what_rests_and_says_so(latch: Latch) -> None:
    exchange = exchange_of(orders=[ex.row()])

    def broken(*_: Any) -> Any:
        raise JournalUnusable("disk full")

    exchange.journal.open_entries = broken  # type: ignore[method-assign]
    report = stop(exchange, latch, deadline=5)
    assert (report.outcome, report.unread) == ("unknown", ("the journal: disk full",))
    assert exchange.orders == []


def test_what_was_proven_of_an_event_is_proven_anew_once_it_has_more_markets() -> None:
    row = {"ticker": "KXSUN-1", "event_ticker": EVENT.event_ticker, "status": "active"}

    def markets(request: Request) -> Reply | None:
        if request.path != "/markets":
            return None
        exchange.watermark = 1_000.0  # from here on no read is fresh enough
        return core.reply(200, {"markets": [{**row, "market_type": "binary"}]})

    exchange = exchange_of(markets)
    report = stop(exchange, EVENT, deadline=10)
    assert (report.outcome, report.unread) == ("unknown", ("no read was fresh enough",))


def test_an_order_in_doubt_of_a_market_that_its_event_does_not_list_is_named() -> None:
    exchange = in_doubt()
    rows = {"ticker": "KXRAIN-26DEC31-OTHER", "event_ticker": EVENT.event_ticker}
    market = {**rows, "status": "active", "market_type": "binary"}
    exchange.handlers = [
        ex.always(core.reply(200, {"markets": [market]}), method="GET", ending="/markets")
    ]
    (said,) = stop(exchange, EVENT, deadline=10).inferred
    assert said.startswith(f"{ex.TICKER}: {EVENT.event_ticker} does not list it")


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_nothing_is_proven_by_reads_from_before_the_last_request_that_ends_orders(
    lag: float,
) -> None:
    exchange = exchange_of(ex.once(core.lost(bytes_sent=True), method="DELETE"), watermark=lag)
    last_sent: list[float] = []

    def note(request: Request) -> None:
        if request.method == "DELETE":
            exchange.time += 10  # an answer that is lost takes its time
            last_sent.append(exchange.time)

    exchange.handlers.insert(0, note)
    assert stop(exchange).flat
    assert len(last_sent) == 2
    proven = [each for each in exchange.requests if each.path.endswith("/user_data_timestamp")]
    assert proven
    assert exchange.time - last_sent[-1] >= lag


def test_an_order_is_cancelled_once_while_reads_lag_behind_its_cancel() -> None:
    exchange = exchange_of(resting(ex.row(1)), watermark=1_000.0)
    report = stop(exchange, MARKET, deadline=20)
    assert cancelled(exchange) == [ex.row(1)["order_id"]]
    assert [each.why for each in report.resting] == ["cancelled, and reads do not show it yet"]


def test_an_order_that_reads_show_after_its_cancel_is_cancelled_again() -> None:
    exchange = exchange_of(resting(ex.row(1)))
    assert stop(exchange, MARKET, deadline=20).outcome == "resting"
    assert len(cancelled(exchange)) > 1


def test_why_nobody_knows_how_fresh_reads_are_is_told() -> None:
    paused = core.refused(503, "exchange_paused")
    report = stop(
        exchange_of(ex.always(paused, method="GET", ending="/user_data_timestamp")), deadline=5
    )
    assert "exchange_paused" in report.unread[0]
    report = stop(
        exchange_of(ex.always(core.reply(200, {}), method="GET", ending="/user_data_timestamp")),
        deadline=5,
    )
    assert report.unread[0].removeprefix("how fresh reads are: ") not in ("", "None")


@pytest.mark.parametrize("answer", [core.reply(500), core.reply(200, {}), core.reply(200, b"<")])
def test_a_404_about_a_group_proves_nothing_where_the_groups_cannot_be_listed(
    answer: Reply,
) -> None:
    exchange = exchange_of(
        ex.always(ex.not_found(), method="PUT"),
        ex.always(answer, method="GET", ending="/order_groups"),
        group=True,
    )
    report = stop(exchange, deadline=10)
    assert (report.outcome, [each.triggered for each in report.groups]) == ("unknown", [False])
    assert exchange.journal.stops.record.read().groups == {"0/0": GROUP}


@pytest.mark.parametrize(("listed", "ends"), [([], True), ([GROUP], False)])
def test_a_classic_group_has_ended_once_the_list_does_not_show_it(
    listed: list[str], ends: bool
) -> None:
    rows = [{"id": each, "is_auto_cancel_enabled": True} for each in listed]
    exchange = exchange_of(
        ex.always(core.reply(200, {}), method="DELETE"),
        ex.always(core.reply(200, {"order_groups": rows}), method="GET", ending="/order_groups"),
        group=True,
    )
    report = exchange.run(stops.stop(core.CLASSIC, exchange.context, ALL, deadline=10))
    (group,) = report.groups
    told = None if ends else "the list of groups does not show it gone"
    assert (group.triggered, group.error) == (ends, told)
    assert (exchange.journal.stops.record.read().groups == {}) is ends


# What names no subaccount is of subaccount 0


def in_doubt(**changes: Any) -> Exchange:
    exchange = exchange_of()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(**changes), exchange.context))
    exchange.restart()
    return exchange


@pytest.mark.parametrize(
    ("changes", "latch", "undecided"),
    [
        ({}, SUBACCOUNT_0, ("c1",)),
        ({}, SUBACCOUNT_1, ()),
        ({"subaccount": 1}, SUBACCOUNT_1, ("c1",)),
        ({"subaccount": 1}, SUBACCOUNT_0, ()),
    ],
)
def test_an_order_in_doubt_is_waited_for_by_the_stop_of_its_subaccount_alone(
    changes: dict[str, Any], latch: Latch, undecided: tuple[str, ...]
) -> None:
    report = stop(in_doubt(**changes), latch, deadline=10)
    assert report.undecided == undecided


@pytest.mark.parametrize(
    ("told", "latch", "ends"),
    [
        ({}, SUBACCOUNT_0, True),
        ({}, SUBACCOUNT_1, False),
        ({"subaccount_number": 1}, SUBACCOUNT_1, True),
        ({"subaccount_number": 1}, SUBACCOUNT_0, False),
        ({"subaccount_number": "odd"}, SUBACCOUNT_0, False),
        ({"subaccount_number": "odd"}, ALL, True),
    ],
)
def test_a_row_that_cannot_be_read_is_cancelled_by_the_stop_of_its_subaccount_alone(
    told: dict[str, Any], latch: Latch, ends: bool
) -> None:
    row = {**ex.row(), "remaining_count_fp": "many", **told}
    exchange = exchange_of(resting(row))
    report = stop(exchange, latch, deadline=5)
    assert report.outcome == "unknown"
    assert (ex.row()["order_id"] in cancelled(exchange)) is ends


def fill(**changes: Any) -> dict[str, Any]:
    later = ex.journal_codec.instant(core.EPOCH + 30).isoformat()
    return {
        "fill_id": "f1", "order_id": ex.row(3)["order_id"], "ticker": ex.TICKER,
        "book_side": "bid", "outcome_side": "yes", "count_fp": "1.00", "created_time": later,
        "yes_price_dollars": "0.5600", "fee_cost": "0.01", "is_taker": False, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "latch", "counts"),
    [
        ({}, SUBACCOUNT_0, True),
        ({}, SUBACCOUNT_1, False),
        ({"subaccount_number": 1}, SUBACCOUNT_1, True),
        ({"subaccount_number": 1}, SUBACCOUNT_0, False),
    ],
)
def test_a_report_counts_the_fills_of_its_subaccount_alone(
    told: dict[str, Any], latch: Latch, counts: bool
) -> None:
    exchange = exchange_of(fills=[fill(**told)])
    assert len(stop(exchange, latch).filled) == counts


def test_a_report_says_of_how_many_rows_it_could_not_count() -> None:
    exchange = exchange_of(fills=[fill(), fill(fill_id="f2", count_fp="many")])
    report = stop(exchange)
    assert [each.fill_id for each in report.filled] == ["f1"]
    assert report.uncounted == ("filled: 1 rows could not be read",)


# Resume


def grouped() -> Exchange:
    exchange = exchange_of()
    groups = {"0/0": "zero", "3/0": "three", "3/2": "more"}
    exchange.journal.change_stops(lambda each: each.with_groups(groups))
    return exchange


def reset(exchange: Exchange, scope: Latch) -> list[str]:
    """Resume, and name the groups that may trade again."""
    exchange.requests.clear()
    exchange.run(stops.resume(core.CURRENT, exchange.context, scope))
    return [each.path.split("/")[-2] for each in exchange.sent("PUT", "/reset")]


def test_resume_lets_the_groups_of_its_scope_trade_again_and_no_others() -> None:
    exchange = grouped()
    stop(exchange, Latch(subaccount=3))
    assert reset(exchange, Latch(subaccount=3)) == ["three", "more"]
    exchange = grouped()
    for latch in (ALL, Latch(subaccount=0)):
        stop(exchange, latch)
    assert reset(exchange, ALL) == ["zero", "three", "more"]  # without a scope everything opens
    stop(exchange, MARKET)
    assert reset(exchange, MARKET) == []


def test_resume_with_nothing_shut_lets_every_group_trade_again() -> None:
    assert reset(grouped(), ALL) == ["zero", "three", "more"]


def test_resume_names_what_is_shut_where_its_scope_is_not() -> None:
    exchange = exchange_of()
    with pytest.raises(errors.Misuse, match="none is shut"):
        exchange.run(stops.resume(core.CURRENT, exchange.context, MARKET))
    stop(exchange, SUBACCOUNT_1)
    with pytest.raises(errors.Misuse, match=r"subaccount 1$"):
        exchange.run(stops.resume(core.CURRENT, exchange.context, MARKET))


def test_a_group_that_somebody_deleted_does_not_hold_resume_up_and_is_forgotten() -> None:
    exchange = grouped()
    stop(exchange)
    exchange.handlers = [ex.once(ex.not_found(), method="PUT", ending="/three/reset")]
    assert reset(exchange, ALL) == ["zero", "three", "more"]
    assert exchange.journal.stops.record.read().groups == {"0/0": "zero", "3/2": "more"}
