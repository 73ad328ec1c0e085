"""What a client tells, over sockets: events, logs, health, another key, refusals of their own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import key_files
import pytest
from scripted_server import OK, Connection, Server

from kalshi_ext import (
    AsyncKalshi,
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    CallEnded,
    Kalshi,
    MarketClosed,
    MarketNotOpen,
    Misuse,
    OrderTicket,
    OutcomeUnknown,
    Policy,
    StopCalled,
    UnknownOpened,
    UnknownResolved,
    errors,
)
from kalshi_ext.protocol.rate_limits import Backoff
from kalshi_ext.sandbox import Sandbox

TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {
    "ticker": TICKER, "side": "yes", "action": "buy", "count": 1, "price": "0.05",
}  # fmt: skip
QUICK = Policy(timeout=2.0, attempts=2, backoff=Backoff(first=0.0))


@pytest.fixture(params=["current", "classic"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Give the exchange of each contract."""
    made: Sandbox = request.getfixturevalue(f"{request.param}_box")
    yield made
    made.faults.remove()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def options_of(box: Sandbox, name: str, **options: Any) -> dict[str, Any]:
    key = box.account(name)
    named = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    return named | {"contract": box.options.contract, "policy": QUICK} | options


def using(kind: str, options: dict[str, Any], *calls: Any) -> list[Any]:
    """Make calls of one client, and return what each returned or raised."""

    async def work() -> list[Any]:
        async with AsyncKalshi(**options) as client:
            results = []
            for call in calls:
                try:
                    value = call(client)
                    results.append(await value if inspect.isawaitable(value) else value)
                except errors.KalshiError as error:
                    results.append(error)
            return results

    if kind == "async":
        return asyncio.run(work())
    results = []
    with Kalshi(**options) as client:
        for call in calls:
            try:
                results.append(call(client))
            except errors.KalshiError as error:
                results.append(error)
    return results


def create_of(box: Sandbox) -> str:
    return "CreateOrderV2" if box.options.contract == "current" else "createOrder"


def place(**other: Any) -> Any:
    return lambda client: client.orders.place(**(ORDER | other))


def test_an_order_is_told_from_its_sending_to_its_outcome(box: Sandbox, kind: str) -> None:
    told: list[Any] = []
    (ack,) = using(kind, options_of(box, "told", on_event=told.append), place())
    sent, answered, ended = told
    assert (type(sent), type(answered), type(ended)) == (AttemptSent, AttemptAnswered, CallEnded)
    assert (sent.method, sent.attempt) == ("POST", 1)
    assert answered.status == 201
    assert answered.seconds > 0
    assert ended.order_id == ack.order_id
    assert {each.client_order_id for each in told} == {ack.client_order_id}


def test_a_lost_answer_is_one_warning_and_then_the_order_is_found(
    box: Sandbox, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    box.faults.add("html", operation=create_of(box), executed=True, times=1)
    with caplog.at_level(logging.INFO, logger="kalshi_ext"):
        (ack,) = using(kind, options_of(box, "lost", on_event=told.append), place())
    assert ack.replayed
    (opened,) = [each for each in told if isinstance(each, UnknownOpened)]
    (resolved,) = [each for each in told if isinstance(each, UnknownResolved)]
    assert opened.key == resolved.key == ack.client_order_id
    assert resolved.verdict == "executed"
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert sorted(each.name for each in warnings) == ["kalshi_ext.requests", "kalshi_ext.writes"]
    assert all(each.operation == "orders.place" for each in warnings)
    assert any("executed, known after" in each.message for each in caplog.records)


def test_no_event_and_no_log_line_shows_key_signature_or_token(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    token = "a-bearer-token-that-nobody-may-see"
    options = {
        "bearer_token": token, "environment": "http://127.0.0.1:9", "policy": QUICK,
        "on_event": told.append,
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG, logger="kalshi_ext"):
        (error,) = using(kind, options, lambda client: client.portfolio.balance())
    assert isinstance(error, errors.NotSent)
    assert [each for each in told if isinstance(each, AttemptLost)]
    text = repr(told) + caplog.text + "".join(map(str, vars(caplog.records[-1]).values()))
    assert token not in text


def test_a_coroutine_function_cannot_listen(kind: str) -> None:
    async def listener(event: object) -> None: ...

    with pytest.raises(Misuse, match="on_event"):
        using(kind, {"on_event": listener})


def test_a_healthy_client_says_so(box: Sandbox, kind: str) -> None:
    before, _, after, now = using(
        kind,
        options_of(box, "healthy"),
        lambda client: client.health(),
        place(),
        lambda client: client.health(),
        lambda client: client.now(),
    )
    assert (before.last_answer, before.clock_offset) == (None, None)
    assert after.open_writes == after.calls == ()
    assert 0 <= after.last_answer_age < 60
    assert abs(after.clock_offset) < 60
    assert after.budget.write.tokens <= before.budget.write.tokens
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=60)


def test_an_open_write_and_its_age_are_shown_also_to_the_next_process(
    box: Sandbox, kind: str, tmp_path: Path
) -> None:
    options = options_of(box, "open", journal=tmp_path / "j.db")
    box.faults.add("html", operation=create_of(box), executed=True, times=1)
    for operation in ("GetOrders", "getOrders", "GetUserDataTimestamp"):
        box.faults.add("html", operation=operation, times=None)
    error, health = using(
        kind,
        options,
        lambda client: client.orders.place(**ORDER, deadline=0.5),
        lambda client: client.health(),
    )
    assert isinstance(error, OutcomeUnknown)
    (later,) = using(kind, options, lambda client: client.health())
    for each in (health, later):
        (open_write,) = each.open_writes
        assert open_write.key == error.client_order_id
        assert open_write.operation == "orders.place"
        assert open_write.ticker == TICKER
        assert 0 <= open_write.age == each.oldest_open_write < 60
    assert later.journal_error is None


def test_a_call_in_flight_is_shown_with_its_age(kind: str) -> None:
    free = threading.Event()

    def late(connection: Connection) -> None:
        connection.request()
        free.wait(10)
        connection.send(OK.replace(b"{}", b"[]"))

    async def looked(client: AsyncKalshi) -> Any:
        call = asyncio.ensure_future(client.portfolio.balance())
        try:
            for _ in range(500):
                health = await client.health()
                if any(each.operation for each in health.calls):
                    break
                await asyncio.sleep(0.01)
            return health
        finally:
            free.set()
            await asyncio.gather(call, return_exceptions=True)

    def looked_by_threads(client: Kalshi) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.portfolio.balance)
            try:
                for _ in range(500):
                    health = client.health()
                    if any(each.operation for each in health.calls):
                        break
                    time.sleep(0.01)
                return health
            finally:
                free.set()

    with Server(late) as server:
        options = {"bearer_token": "t" * 20, "environment": server.url(), "policy": QUICK}
        look: Any = looked if kind == "async" else looked_by_threads
        health, after = using(kind, options, look, lambda client: client.health())
    (call,) = health.calls
    assert call.operation == "portfolio.balance"
    assert 0 < call.age == health.longest_call
    assert after.calls == ()


def test_another_key_signs_from_the_next_attempt_on_and_a_bad_one_changes_nothing(
    box: Sandbox, kind: str
) -> None:
    options = options_of(box, "keys")
    other = box.account("other keys")
    same, wrong, ack, refused, unsigned = using(
        kind,
        options,
        lambda client: client.use_key(key_id=other.key_id, private_key=other.private_key),
        lambda client: client.use_key(key_id="x"),
        place(),
        lambda client: client.use_key(key_id=other.key_id, private_key=key_files.rsa_key()),
        lambda client: client.portfolio.balance(),
    )
    assert same is refused is None
    assert isinstance(wrong, Misuse)
    assert ack.order_id
    assert isinstance(unsigned, errors.Unauthorized)
    signed = [each.account for each in box.truth.requests() if each.status == 201]
    assert signed[-1] == "other keys"
    (misuse,) = using(kind, options, lambda client: client.use_key())
    assert isinstance(misuse, Misuse)


REFUSALS = {
    "a post-only order that would cross": (
        errors.PostOnlyWouldCross,
        {"price": "0.99", "post_only": True},
    ),
    "more than the balance": (errors.InsufficientBalance, {"count": 1_000_000, "price": "0.99"}),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_an_expected_refusal_has_a_class_and_is_logged_quietly(
    box: Sandbox, kind: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, changes = REFUSALS[what]
    if wanted is errors.PostOnlyWouldCross:
        rest = place(action="sell", price="0.90", time_in_force="good_till_canceled")
        using("sync", options_of(box, "maker"), rest)
    caplog.clear()
    (error,) = using(kind, options_of(box, "refused"), place(**changes))
    assert type(error) is wanted
    assert isinstance(error, errors.BadRequest)
    assert error.advice
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_the_entry_of_a_batch_has_the_same_class(current_box: Sandbox, kind: str) -> None:
    tickets = [
        OrderTicket.of(**ORDER),
        OrderTicket.of(**(ORDER | REFUSALS["more than the balance"][1])),
    ]
    (results,) = using(
        kind, options_of(current_box, "batch"), lambda client: client.orders.place_many(tickets)
    )
    assert [type(each) for each in results][1] is errors.InsufficientBalance


def test_an_order_of_a_triggered_group_is_refused_by_its_name(
    current_box: Sandbox, kind: str
) -> None:
    options = options_of(current_box, "group")
    with Kalshi(**options) as client:
        group = client.order_groups.create(contracts_limit=10)
        client.order_groups.trigger(group.id)
    (error,) = using(kind, options, place(order_group_id=group.id))
    assert type(error) is errors.OrderGroupTriggered


@pytest.mark.parametrize(
    ("pause", "wanted"),
    [({}, errors.TradingPaused), ({"ticker": TICKER}, errors.MarketNotActive)],
)
def test_a_pause_is_refused_by_its_name_and_waited_out(
    current_box: Sandbox, kind: str, pause: dict[str, Any], wanted: type[errors.Refused]
) -> None:
    options = options_of(current_box, "paused")
    current_box.markets.pause(**pause)
    try:
        (error, late) = using(
            kind,
            options,
            place(),
            lambda client: client.exchange.wait_until_open(TICKER, deadline=0.3),
        )
    finally:
        current_box.markets.resume(**pause)
    assert type(error) is wanted
    assert isinstance(error, MarketNotOpen)
    assert type(late) is MarketNotOpen
    (market,) = using(kind, options, lambda client: client.exchange.wait_until_open(TICKER))
    assert market.ticker == TICKER


def test_a_market_that_has_ended_is_not_waited_for(current_box: Sandbox, kind: str) -> None:
    ticker = f"KXEND-{kind.upper()}"
    current_box.markets.add(ticker)
    current_box.markets.close(ticker)
    placed, waited = using(
        kind,
        options_of(current_box, "ended"),
        place(ticker=ticker),
        lambda client: client.exchange.wait_until_open(ticker, deadline=5),
    )
    assert type(placed) is MarketClosed
    assert type(waited) is MarketClosed


def test_a_latch_is_one_warning_and_one_line_when_it_is_lifted(
    current_box: Sandbox, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    with caplog.at_level(logging.INFO, logger="kalshi_ext"):
        stopped, refused, resumed = using(
            kind,
            options_of(current_box, "latched", on_event=told.append),
            lambda client: client.stop(verify=False),
            place(),
            lambda client: client.resume(),
        )
    assert stopped is not None
    assert isinstance(refused, errors.TradingStopped)
    assert len(resumed) == 1
    latches = [e for e in told if isinstance(e, StopCalled) and e.scopes[0][0] == "latch"]
    assert [each.lifted for each in latches] == [False, True]
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "client.stop" in warning.message
    assert any("client.resume lifts" in each.message for each in caplog.records)
