"""The stop button as flows: the latch, the order of bytes, and what is never taken for nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from stop_exchange import ALL, GROUP, NO_CONTENT, POLICY, Exchange, exchange_of, stop

from kalshi_ext import bulk, errors, writes
from kalshi_ext import stop as stops
from kalshi_ext.journal import JournalUnusable, Latch, MemoryJournal
from kalshi_ext.journal.stop_record import Standing
from kalshi_ext.protocol.flow import Effect, Record, Send
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.stop import AutoGroups
from kalshi_ext.values import count

LOST = core.lost(bytes_sent=True)
OTHER = "KXSUN-26DEC31-NYC"


def place(exchange: Exchange, number: int = 1, **changes: Any) -> Any:
    ticket = ex.ticket(number, **changes)
    return exchange.run(writes.place(core.CURRENT, ticket, exchange.context))


def listing(*rows: Any, **body: Any) -> Any:
    """Answer the list of resting orders."""
    return ex.always(core.reply(200, body or {"orders": rows}), method="GET", ending="/orders")


# The latch


def test_the_latch_is_kept_before_the_first_byte_leaves() -> None:
    exchange = exchange_of(group=True)
    seen: list[Effect] = []

    def first_send(effect: Effect) -> bool:
        seen.append(effect)
        return isinstance(effect, Send)

    flow = stops.stop(core.CURRENT, exchange.context, ALL)
    exchange.run_until(flow, first_send)
    flow.close()  # the process dies here
    assert [each.verb for each in seen if isinstance(each, Record)] == ["change_stops"]
    exchange.restart()
    with pytest.raises(errors.TradingStopped) as caught:
        place(exchange)
    assert isinstance(caught.value, errors.NotSent)
    assert "resume" in str(caught.value)
    assert exchange.requests == []


def test_a_latch_that_cannot_be_kept_stops_all_the_same_and_is_told() -> None:
    exchange = exchange_of(group=True)

    def broken(edit: Any) -> Standing:
        raise JournalUnusable("disk full")

    exchange.journal.change_stops = broken  # type: ignore[method-assign]
    report = stop(exchange)
    assert (report.latch_error, report.outcome) == ("disk full", "flat")
    assert exchange.triggered == {GROUP}
    with pytest.raises(errors.TradingStopped):
        place(exchange)


@pytest.mark.parametrize(
    ("latch", "ticker", "subaccount", "stops"),
    [
        (ALL, OTHER, 3, True),
        (Latch(ticker=ex.TICKER), ex.TICKER, 3, True),
        (Latch(ticker=ex.TICKER), OTHER, 0, False),
        (Latch(event_ticker="KXRAIN-26DEC31"), ex.TICKER, 0, True),
        (Latch(event_ticker="KXRAIN-26DEC3"), ex.TICKER, 0, False),
        (Latch(event_ticker="KXSUN-26DEC31"), ex.TICKER, 0, False),
        (Latch(subaccount=3), ex.TICKER, 3, True),
        (Latch(subaccount=3), ex.TICKER, 0, False),
        (Latch(subaccount=0), ex.TICKER, 0, True),
        (Latch(ticker=ex.TICKER, subaccount=3), ex.TICKER, 3, True),
        (Latch(ticker=ex.TICKER, subaccount=3), ex.TICKER, 4, False),
    ],
)
def test_a_latch_shuts_out_its_own_scope_and_nothing_else(
    latch: Latch, ticker: str, subaccount: int, stops: bool
) -> None:
    assert latch.covers(ticker, subaccount) is stops
    assert Standing.of_text(Standing().shut(latch).to_text()).latches == (latch,)


def test_orders_and_amends_are_refused_and_what_lowers_risk_goes() -> None:
    exchange = exchange_of()
    stop(exchange, Latch(ticker=ex.TICKER), verify=False)
    exchange.requests.clear()
    amend = AmendTicket.of("o1", ticker=ex.TICKER, side="bid", price="0.57", count=6)
    for flow in (
        writes.place(core.CURRENT, ex.ticket(), exchange.context),
        bulk.place_many(core.CURRENT, [ex.ticket()], exchange.context),
        writes.amend(core.CURRENT, amend, exchange.context),
    ):
        with pytest.raises(errors.TradingStopped, match="KXRAIN-26DEC31-NYC"):
            exchange.run(flow)
    assert exchange.requests == []
    smaller = DecreaseTicket.of(Target.of(ex.row()["order_id"], ticker=ex.TICKER), to=2)
    done = core.reply(200, {"order_id": ex.row()["order_id"], "remaining_count": "2.00"})
    exchange.handlers = [ex.once(done)]
    exchange.run(writes.decrease(core.CURRENT, smaller, exchange.context))
    exchange.handlers = [ex.once(core.refused(400), method="DELETE")]
    with pytest.raises(errors.BadRequest):
        exchange.run(writes.cancel(core.CURRENT, Target.of("o1"), exchange.context))
    assert len(exchange.requests) == 2


def test_what_waited_when_it_was_stopped_is_not_sent_even_after_resume() -> None:
    exchange = exchange_of(group=True)
    waiting = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    effect = next(waiting)
    while not (isinstance(effect, Record) and effect.verb == "reserve_many"):
        effect = waiting.send(exchange.perform(effect))
    stop(exchange, deadline=1)
    exchange.run(stops.resume(core.CURRENT, exchange.context, ALL))

    def rest() -> Any:
        current = effect
        while True:
            current = waiting.send(exchange.perform(current))

    exchange.requests.clear()
    with pytest.raises(errors.KalshiError, match="stop was called"):
        rest()
    assert exchange.sent("POST") == []


def damaged(**changes: Any) -> str:
    """Damage the latch of a record, or the record itself."""
    latch = Latch(ticker=OTHER, subaccount=3)
    record = json.loads(Standing().shut(latch).with_groups({"0/0": GROUP}).to_text())
    for name, value in changes.items():
        (record if name in record else record["latches"][0])[name] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"latches": 3}', '{"latches": [{}], "groups": {}}', "[" * 100_000),
        damaged(latches={}),
        damaged(latches=""),
        damaged(ticker=3),
        damaged(ticker=""),
        damaged(event_ticker=[]),
        damaged(subaccount="3"),
        damaged(subaccount=True),
        damaged(groups={"0": GROUP}),
        damaged(groups={"0/x": GROUP}),
        damaged(groups={"0/0": None}),
    ],
)
def test_a_record_that_cannot_be_read_shuts_everything(text: str) -> None:
    (latch,) = Standing.of_text(text).latches
    assert latch.covers(ex.TICKER, 7)


# The bytes


def test_groups_are_triggered_first_then_everything_is_cancelled_and_then_it_looks() -> None:
    exchange = exchange_of(group=True, orders=[ex.row(1), ex.row(2, order_group_id=GROUP)])
    report = stop(exchange)
    trigger, cancel_all, *reads = exchange.requests
    assert trigger.path == f"/portfolio/order_groups/{GROUP}/trigger"
    assert (cancel_all.method, cancel_all.path) == ("DELETE", "/portfolio/events/orders")
    assert {each.method for each in reads} == {"GET"}
    assert report.flat
    assert [group.triggered for group in report.groups] == [True]


@pytest.mark.parametrize("latch", [Latch(ticker=ex.TICKER), Latch(event_ticker="KXRAIN-26DEC31")])
def test_a_market_is_stopped_by_cancels_of_its_orders_in_batches(latch: Latch) -> None:
    exchange = exchange_of(group=True, orders=[ex.row(n) for n in range(1, 46)])
    report = stop(exchange, latch)
    assert exchange.triggered == set()
    batches = exchange.sent("DELETE", "/batched")
    assert [len(json.loads(each.body or b"")["orders"]) for each in batches] == [20, 20, 5]
    assert exchange.sent("DELETE", "/events/orders") == []
    assert report.flat


def test_a_market_that_the_list_was_not_asked_for_is_not_cancelled() -> None:
    exchange = exchange_of(orders=[ex.row(1, ticker=OTHER)])
    assert stop(exchange, Latch(ticker=ex.TICKER)).flat
    assert exchange.sent("DELETE") == []


def test_a_subaccount_is_stopped_with_its_own_groups_alone() -> None:
    exchange = exchange_of()
    exchange.journal.change_stops(lambda each: each.with_groups({"0/0": "zero", "3/2": "three"}))
    report = stop(exchange, Latch(subaccount=3))
    assert [group.id for group in report.groups] == ["three"]
    (trigger,) = exchange.sent("PUT")
    assert dict(trigger.query) == {"subaccount": "3", "exchange_index": "2"}
    (cancel_all,) = exchange.sent("DELETE")
    assert dict(cancel_all.query) == {"subaccount": "3"}


def test_a_lost_answer_holds_nothing_up_and_is_asked_for_again() -> None:
    exchange = exchange_of(
        ex.once(LOST, core.reply(502, b"<html>"), method="PUT"),
        ex.once(LOST, core.THROTTLED, method="DELETE"),
        group=True,
    )
    report = stop(exchange)
    assert [each.method for each in exchange.requests[:2]] == ["PUT", "DELETE"]
    assert len(exchange.sent("PUT")) == len(exchange.sent("DELETE")) == 3
    assert report.flat


def test_a_group_that_somebody_deleted_counts_as_stopped_and_is_forgotten() -> None:
    exchange = exchange_of(ex.always(ex.not_found(), method="PUT"), group=True)
    report = stop(exchange)
    assert report.flat
    assert exchange.journal.stops.record.read().groups == {}


def test_a_404_about_a_group_that_is_listed_proves_nothing() -> None:
    groups = core.reply(200, {"order_groups": [{"id": GROUP, "is_auto_cancel_enabled": True}]})
    exchange = exchange_of(
        ex.always(ex.not_found(), method="PUT"),
        ex.always(groups, method="GET", ending="/order_groups"),
        group=True,
    )
    report = stop(exchange, deadline=20)
    assert report.outcome == "unknown"
    assert GROUP in report.unread[0]


def test_a_cancel_all_that_is_refused_gives_way_to_cancels() -> None:
    exchange = exchange_of(
        ex.once(core.refused(403, "permission_denied"), method="DELETE"), orders=[ex.row()]
    )
    assert stop(exchange).flat
    assert len(exchange.sent("DELETE", "/batched")) == 1


# What is known


BAD_ROW = {**ex.row(), "order_id": None}


@pytest.mark.parametrize(
    "answer",
    [
        core.reply(200, {"orders": [BAD_ROW]}),
        core.reply(200, {}),
        core.reply(200, b"<html>"),
        core.reply(500),
        core.refused(403, "permission_denied"),
        core.THROTTLED,
        LOST,
    ],
)
def test_what_could_not_be_read_is_never_flat(answer: Reply | Lost) -> None:
    exchange = exchange_of(ex.always(answer, method="GET", ending="/portfolio/orders"))
    report = stop(exchange, deadline=20)
    assert (report.outcome, report.flat, report.resting) == ("unknown", False, ())
    assert "resting orders" in report.unread[0]


@pytest.mark.parametrize("second", [core.reply(500), core.reply(200, {}), "circle", "endless"])
def test_what_a_list_showed_before_it_broke_off_is_cancelled(second: Any) -> None:
    pages = iter(range(10**9))

    def pages_of(request: Request) -> Reply | None:
        if (request.method, request.path) != ("GET", "/portfolio/orders"):
            return None
        number = next(pages)
        if second == "endless":  # a page a round trip, and never the last
            exchange.time += 2
            rows = (
                exchange.orders if "cursor" not in dict(request.query) else [ex.row(1000 + number)]
            )
            return core.reply(200, {"orders": rows, "cursor": f"page {number}"})
        if second != "circle" and "cursor" in dict(request.query):
            return second  # type: ignore[no-any-return]
        return core.reply(200, {"orders": exchange.orders, "cursor": "2"})

    exchange = exchange_of(pages_of, orders=[ex.row(1), ex.row(2)])
    report = stop(exchange, Latch(ticker=ex.TICKER), deadline=20)
    assert exchange.orders == []
    assert not report.flat


def test_reads_that_tell_no_watermark_prove_nothing() -> None:
    report = stop(exchange_of(watermark=None), deadline=20)
    assert report.outcome == "unknown"
    assert report.unread[0].startswith("how fresh reads are: ")


def test_reads_from_before_the_last_cancel_prove_nothing() -> None:
    exchange = exchange_of(watermark=1_000.0)
    report = stop(exchange, deadline=20)
    assert (report.outcome, report.unread) == ("unknown", ("no read was fresh enough",))


def test_an_order_that_a_pause_keeps_is_told_with_its_reason() -> None:
    status = {"exchange_active": False, "trading_active": False}
    refusal = core.refused(503, "exchange_paused")
    exchange = exchange_of(
        ex.always(refusal, method="DELETE"),
        ex.always(core.reply(200, status), method="GET", ending="/exchange/status"),
        orders=[ex.row()],
    )
    report = stop(exchange, deadline=20)
    assert report.outcome == "resting"
    assert [(each.order.order_id, each.why) for each in report.resting] == [
        (ex.row()["order_id"], "the exchange is paused: it cancels nothing now")
    ]


def crashed(exchange: Exchange, **changes: Any) -> None:
    exchange.crash(writes.place(core.CURRENT, ex.ticket(**changes), exchange.context))
    exchange.restart()


def test_an_order_in_doubt_outside_a_group_is_waited_for_until_no_copy_can_arrive() -> None:
    exchange = exchange_of()
    crashed(exchange)
    report = stop(exchange)
    assert report.flat
    assert exchange.waited > POLICY.signature_life


def test_an_order_in_doubt_is_named_when_the_time_is_over() -> None:
    exchange = exchange_of()
    crashed(exchange)
    report = stop(exchange, deadline=10)
    assert (report.outcome, report.undecided) == ("unknown", ("c1",))


def test_an_order_in_doubt_in_a_triggered_group_is_not_waited_for() -> None:
    exchange = exchange_of(group=True)
    crashed(exchange, order_group_id=GROUP)
    assert stop(exchange).flat
    assert exchange.waited < 10


NO_OBJECTS = [core.reply(200, body=b""), core.reply(200, body=b" null "), NO_CONTENT]


@pytest.mark.parametrize("answer", NO_OBJECTS)
def test_a_trigger_that_is_answered_with_nothing_is_sent_again(answer: Reply) -> None:
    exchange = exchange_of(ex.once(answer, method="PUT"), group=True)
    crashed(exchange, order_group_id=GROUP)
    report = stop(exchange)
    assert (report.flat, exchange.triggered) == (True, {GROUP})
    assert len(exchange.sent("PUT")) == 2


@pytest.mark.parametrize("answer", NO_OBJECTS)
def test_an_order_in_doubt_in_a_group_whose_trigger_nothing_confirms_is_waited_for(
    answer: Reply,
) -> None:
    exchange = exchange_of(ex.always(answer, method="PUT"), group=True)
    crashed(exchange, order_group_id=GROUP)
    report = stop(exchange, deadline=10)
    assert (report.outcome, report.undecided) == ("unknown", ("c1",))
    assert [group.triggered for group in report.groups] == [False]


def test_without_verify_everything_is_sent_once_and_flat_is_not_claimed() -> None:
    exchange = exchange_of(group=True, orders=[ex.row()])
    report = stop(exchange, verify=False)
    assert (report.outcome, report.verified) == ("unknown", False)
    assert [each.method for each in exchange.requests] == ["PUT", "DELETE"]


def test_the_report_counts_what_was_cancelled_and_filled_since_the_stop() -> None:
    exchange = exchange_of()
    later = ex.journal_codec.instant(core.EPOCH + 30).isoformat()
    ended = [ex.row(1, status="canceled"), ex.row(2, status="canceled", last_update_time=later)]
    fill = {
        "fill_id": "f1", "order_id": ex.row(3)["order_id"], "ticker": ex.TICKER,
        "book_side": "bid", "outcome_side": "yes", "count_fp": "1.00", "created_time": later,
        "yes_price_dollars": "0.5600", "fee_cost": "0.01", "is_taker": False,
    }  # fmt: skip
    exchange.time = core.EPOCH + 25

    def rows(request: Request) -> Reply | None:
        status = dict(request.query).get("status")
        if request.path == "/portfolio/orders" and status == "canceled":
            return core.reply(200, {"orders": ended})
        return None

    exchange.handlers = [rows]
    exchange.fills = [fill]
    report = stop(exchange)
    assert [each.order_id for each in report.cancelled] == [ended[1]["order_id"]]
    assert [each.fill_id for each in report.filled] == ["f1"]
    (fills,) = exchange.sent("GET", "/fills")
    assert core.EPOCH + 22 <= int(dict(fills.query)["min_ts"]) <= core.EPOCH + 25


# Resume


def test_resume_resets_the_groups_before_it_opens() -> None:
    exchange = exchange_of(group=True)
    stop(exchange)
    exchange.handlers = [ex.once(core.reply(503, b"<html>"), method="PUT", ending="/reset")] * 4
    exchange.handlers = [ex.always(core.reply(503, b"<html>"), method="PUT", ending="/reset")]
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(stops.resume(core.CURRENT, exchange.context, ALL))
    with pytest.raises(errors.TradingStopped):
        place(exchange)
    exchange.handlers = []
    opened = exchange.run(stops.resume(core.CURRENT, exchange.context, ALL))
    assert opened == (ALL,)
    exchange.restart()
    exchange.handlers = [ex.once(ex.created())]
    place(exchange)


def test_resume_opens_the_scope_that_is_named_and_no_other() -> None:
    exchange = exchange_of(group=True)
    for latch in (ALL, Latch(ticker=OTHER)):
        stop(exchange, latch)
    with pytest.raises(errors.Misuse, match="no latch has the scope"):
        exchange.run(stops.resume(core.CURRENT, exchange.context, Latch(ticker=ex.TICKER)))
    exchange.requests.clear()
    exchange.run(stops.resume(core.CURRENT, exchange.context, Latch(ticker=OTHER)))
    assert exchange.requests == []  # the groups stay triggered: everything is still stopped
    with pytest.raises(errors.TradingStopped):
        place(exchange)


@pytest.mark.parametrize("scope", [ALL, Latch(subaccount=0)])
@pytest.mark.parametrize("second", [ALL, Latch(subaccount=0)])
def test_a_stop_that_is_called_while_resume_runs_stays_shut(scope: Latch, second: Latch) -> None:
    exchange = exchange_of(group=True)
    stop(exchange, scope)

    def stop_meanwhile(request: Request) -> None:
        if request.path.endswith("/reset"):
            exchange.handlers = []
            stop(exchange, evolve(second, at=second.at + timedelta(seconds=1)))

    exchange.handlers = [stop_meanwhile]
    resuming = stops.resume(core.CURRENT, exchange.context, scope)
    if second == scope:
        with pytest.raises(errors.TradingStopped, match=r"^resume: trading was stopped"):
            exchange.run(resuming)
    else:
        exchange.run(resuming)
    assert exchange.requests[-1].path.endswith("/trigger")
    exchange.restart()
    assert exchange.context.stops.latches == (second,)


# Automatic groups


def automatic(*handlers: Any) -> Exchange:
    exchange = exchange_of(*handlers)
    exchange.context = evolve(exchange.context, auto_groups=AutoGroups(count(10)))
    return exchange


def bodies(exchange: Exchange, ending: str = "/events/orders") -> list[dict[str, Any]]:
    return [json.loads(each.body or b"") for each in exchange.sent("POST", ending)]


def test_the_group_is_made_once_before_the_first_order_and_kept() -> None:
    exchange = automatic(
        ex.once(ex.created(1), ex.created(2), ex.created(3), ending="/events/orders")
    )
    place(exchange, 1)
    place(exchange, 2)
    groups = exchange.context.auto_groups
    exchange.restart()
    exchange.context = evolve(exchange.context, auto_groups=groups)
    place(exchange, 3)
    assert [each["order_group_id"] for each in bodies(exchange)] == [GROUP] * 3
    assert len(exchange.sent("POST", "/create")) == 1
    assert exchange.journal.stops.record.read().groups == {"0/0": GROUP}


def test_a_group_that_the_caller_names_wins() -> None:
    exchange = automatic(ex.once(ex.created(), ending="/events/orders"))
    place(exchange, order_group_id="mine")
    assert [each["order_group_id"] for each in bodies(exchange)] == ["mine"]
    assert exchange.sent("POST", "/create") == []


def test_an_order_whose_group_cannot_be_made_is_not_sent() -> None:
    exchange = automatic(ex.once(LOST, ending="/create"))
    with pytest.raises(errors.NotSent, match="no automatic order group"):
        place(exchange)
    assert bodies(exchange) == []


def test_the_automatic_group_is_no_part_of_what_an_intent_asks_for() -> None:
    plain, grouped = ex.ticket(), evolve(ex.ticket(), order_group_id=GROUP, auto_group=True)
    assert plain.fingerprint() == grouped.fingerprint()
    assert plain.fingerprint() != evolve(plain, order_group_id=GROUP).fingerprint()


def test_a_memory_journal_shares_its_latches_with_every_client_of_it() -> None:
    journal = MemoryJournal()
    exchange = exchange_of()
    exchange.context = evolve(exchange.context, stops=journal.stops)
    exchange.journal = journal
    stop(exchange)
    assert journal.stops.latches == (ALL,)


def test_what_is_not_confirmed_or_not_read_is_tried_until_it_is() -> None:
    group = exchange_of(ex.once(*[LOST] * 8, method="PUT"), group=True)
    assert stop(group).flat
    assert len(group.sent("PUT")) == 9
    unread = ex.once(*[core.reply(500)] * 8, method="GET", ending="/portfolio/orders")
    assert stop(exchange_of(unread)).flat


def test_a_latch_of_another_process_ends_what_was_about_to_be_sent() -> None:
    exchange = exchange_of()
    waiting = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    effect = next(waiting)
    while not (isinstance(effect, Record) and effect.verb == "reserve_many"):
        effect = waiting.send(exchange.perform(effect))
    exchange.journal.change_stops(lambda each: each.shut(ALL))

    def rest() -> None:
        current = effect
        while True:
            current = waiting.send(exchange.perform(current))

    with pytest.raises(errors.NotSent, match="trading was stopped"):
        rest()
    assert exchange.requests == []


def test_groups_stay_triggered_while_a_wider_latch_is_shut() -> None:
    exchange = exchange_of(group=True)
    for latch in (ALL, Latch(subaccount=0)):
        stop(exchange, latch)
    exchange.requests.clear()
    exchange.run(stops.resume(core.CURRENT, exchange.context, Latch(subaccount=0)))
    assert exchange.requests == []
    exchange.run(stops.resume(core.CURRENT, exchange.context, ALL))
    assert len(exchange.sent("PUT", "/reset")) == 1


# Which markets an event has

EVENT = "KXRAIN-26DEC31"


def market_list(*tickers: str, event: str = EVENT) -> Any:
    """Answer the list of markets."""
    rows = [
        {"ticker": ticker, "event_ticker": event, "status": "active", "market_type": "binary"}
        for ticker in tickers
    ]
    return ex.always(core.reply(200, {"markets": rows}), method="GET", ending="/markets")


def test_a_market_that_the_exchange_lists_under_the_event_is_stopped_whatever_its_name() -> None:
    exchange = exchange_of(market_list(ex.TICKER, OTHER))
    report = stop(exchange, Latch(event_ticker=EVENT))
    assert (report.outcome, report.inferred) == ("flat", ())
    exchange.restart()  # the record keeps it
    exchange.context.stops.lift(exchange.context.stops.latches, exchange.context.stops.count)
    for ticker in (ex.TICKER, OTHER):
        order = OrderTicket.of(ticker, side="bid", count=1, price="0.10")
        with pytest.raises(errors.TradingStopped):
            exchange.run(writes.place(core.CURRENT, order, exchange.context))
    (latch,) = Standing.of_text(exchange.journal.stops.record.read().to_text()).latches
    assert latch.markets == (OTHER,)


def test_a_market_of_another_event_in_the_list_is_not_stopped() -> None:
    exchange = exchange_of(market_list(OTHER, event="KXSUN-26DEC31"))
    stop(exchange, Latch(event_ticker=EVENT))
    assert not exchange.context.stops.latches[0].covers(OTHER, 0)
    assert exchange.context.stops.latches[0].covers(ex.TICKER, 0)


def test_an_event_whose_markets_cannot_be_read_goes_by_tickers_and_says_so() -> None:
    exchange = exchange_of(ex.always(ex.not_found(), method="GET", ending="/markets"))
    report = stop(exchange, Latch(event_ticker=EVENT))
    assert report.flat
    (said,) = report.inferred
    assert said.startswith(f"the markets of {EVENT}: could not be read, so tickers alone")
    assert report.summary()["inferred"] == [said]
    assert stop(exchange, ALL).inferred == ()


def test_an_event_is_ended_before_its_markets_are_read() -> None:
    exchange = exchange_of(market_list(ex.TICKER), orders=[ex.row(1)])
    stop(exchange, Latch(event_ticker=EVENT))
    paths = [(each.method, each.path) for each in exchange.requests]
    assert paths.index(("DELETE", "/portfolio/events/orders/batched")) < paths.index(
        ("GET", "/markets")
    )
