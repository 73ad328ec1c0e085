"""What a client tells of its work, at the level of flows: no socket, no clock."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs
import core_samples as core
import fake_exchange as fake
import pytest
from attrs import evolve

from kalshi_ext import contracts, errors, events
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.events import (
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    CallEnded,
    ClockCorrected,
    Event,
    Events,
    RetryPlanned,
    StopCalled,
    UnknownOpened,
    UnknownResolved,
    WaitBegan,
    WriteDenied,
    checked_listener,
    configure_logging,
)
from kalshi_ext.journal import State
from kalshi_ext.models import DailyHours, MaintenanceWindow, Schedule, WeeklyHours
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.exchange_clock import ExchangeClock
from kalshi_ext.protocol.hours import reopens_at
from kalshi_ext.protocol.messages import Lost, Repeat, Reply
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.reads import wait_until_open
from kalshi_ext.requests import OrderTicket, Target
from kalshi_ext.writes import cancel, place, recover

NAMES = ("requests", "writes", "pacing", "journal")


@pytest.fixture(params=["current", "classic"])
def contract(request: pytest.FixtureRequest) -> Contract:
    return contracts.contract(request.param)


@pytest.fixture(autouse=True)
def at_info(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, logger="kalshi_ext"):
        yield


def heard(context: Context) -> tuple[Context, list[Any]]:
    told: list[Any] = []
    return evolve(context, events=Events(told.append)), told


def exchange(*handlers: fake.Handler) -> tuple[fake.FakeExchange, list[Any]]:
    box = fake.FakeExchange(list(handlers))
    box.context, told = heard(box.context)
    return box, told


def kinds(told: list[Any]) -> list[type[Event]]:
    return [type(each) for each in told]


def records(caplog: pytest.LogCaptureFixture, level: int, name: str = "") -> list[Any]:
    return [
        each
        for each in caplog.records
        if each.levelno == level and each.name.startswith(f"kalshi_ext.{name}")
    ]


def ticket(key: str = "c1") -> OrderTicket:
    return OrderTicket.of(
        fake.TICKER, side="yes", action="buy", count=1, price="0.40", client_order_id=key
    )


def ran(box: fake.FakeExchange, steps: Any) -> Any:
    try:
        return box.run(steps)
    except errors.KalshiError as error:
        return error


def send(outcomes: list[Reply | Lost], repeat: Repeat = Repeat.READ, **policy: Any) -> list[Any]:
    context, told = heard(core.context(**policy))
    driver = core.ScriptedDriver(outcomes)
    driver.run(flow.send_with_retries(core.call(core.operation(repeat)), context))
    return told


def test_an_attempt_is_told_when_it_begins_and_when_it_is_answered() -> None:
    sent, answered = send([core.reply(200, {})])
    assert (type(sent), sent.attempt, sent.waited) == (AttemptSent, 1, 0.0)
    assert (type(answered), answered.attempt, answered.status) == (AttemptAnswered, 1, 200)


def test_a_lost_attempt_a_retry_and_its_wait_are_told_in_this_order() -> None:
    told = send([core.lost(bytes_sent=True), core.reply(503, {}), core.reply(200, {})])
    assert kinds(told) == [
        AttemptSent, AttemptLost, RetryPlanned,
        AttemptSent, AttemptAnswered, RetryPlanned,
        AttemptSent, AttemptAnswered,
    ]  # fmt: skip
    assert [each.attempt for each in told if isinstance(each, AttemptSent)] == [1, 2, 3]
    assert told[1].bytes_sent is True
    assert told[2].wait >= 0
    assert "503" in told[5].reason


def test_one_warning_a_trouble_and_one_line_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    send([core.lost(bytes_sent=True), *[core.reply(503, {})] * 2, core.reply(200, {})])
    (warning,) = records(caplog, logging.WARNING)
    assert warning.name == "kalshi_ext.requests"
    (end,) = [each for each in records(caplog, logging.INFO) if "answers again" in each.message]
    assert "(3 attempts" in end.message


def test_too_many_requests_are_a_trouble_of_the_pacing(caplog: pytest.LogCaptureFixture) -> None:
    send([core.reply(429, {"error": "too many requests"})] * 3 + [core.reply(200, {})])
    (warning,) = records(caplog, logging.WARNING)
    assert warning.name == "kalshi_ext.pacing"
    assert warning.status == 429
    assert [each for each in records(caplog, logging.INFO) if "no more 429" in each.message]


def test_a_wrong_clock_is_told_with_what_it_was_moved_by(caplog: pytest.LogCaptureFixture) -> None:
    body = {"error": {"code": "header_timestamp_expired", "message": "no"}}
    refused = core.reply(401, body, date="Thu, 26 Nov 2026 12:00:00 GMT")
    told = send([evolve(refused, stamp=2e9), core.reply(200, {})])
    (corrected,) = [each for each in told if isinstance(each, ClockCorrected)]
    assert corrected.seconds != 0
    assert "clock" in records(caplog, logging.WARNING)[0].message
    assert len(records(caplog, logging.WARNING)) == 1


def test_every_record_has_the_five_attributes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="kalshi_ext"):
        send([core.lost(bytes_sent=True), core.reply(200, {})])
    assert caplog.records
    for record in caplog.records:
        for name in ("operation", "client_order_id", "attempt", "waited", "status"):
            assert hasattr(record, name), (record.message, name)


def test_nothing_is_logged_above_debug_of_healthy_attempts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    send([core.reply(200, {})])
    assert records(caplog, logging.INFO) == records(caplog, logging.WARNING) == []


def created(request: Any) -> Reply | None:
    if request.method != "POST":
        return None
    row = {"order_id": "o1", "client_order_id": "c1", "fill_count": "0.00"}
    body = {**row, "remaining_count": "1.00", "ts_ms": 1}
    return core.reply(201, body if "events" in request.path else {"order": core_order()})


def core_order() -> dict[str, Any]:
    return {
        "order_id": "o1", "client_order_id": "c1", "ticker": fake.TICKER, "status": "resting",
        "side": "yes", "action": "buy", "yes_price": 40, "remaining_count": 1, "fill_count": 0,
    }  # fmt: skip


def lost_create(request: Any) -> Lost | None:
    return core.lost(bytes_sent=True) if request.method == "POST" else None


def test_an_order_is_told_by_its_id_from_the_first_byte_to_its_outcome(contract: Contract) -> None:
    box, told = exchange(created)
    ran(box, place(contract, ticket(), box.context))
    assert kinds(told) == [AttemptSent, AttemptAnswered, CallEnded]
    assert {each.client_order_id for each in told} == {"c1"}
    assert {each.operation for each in told} == {"orders.place"}
    assert (told[-1].error, told[-1].order_id) == (None, "o1")


def test_an_unknown_outcome_opens_and_is_resolved(
    contract: Contract, caplog: pytest.LogCaptureFixture
) -> None:
    box, told = exchange(lost_create)
    result = ran(box, place(contract, ticket(), box.context))
    (opened,) = [each for each in told if isinstance(each, UnknownOpened)]
    (resolved,) = [each for each in told if isinstance(each, UnknownResolved)]
    assert (opened.key, opened.ticker, opened.client_order_id) == ("c1", fake.TICKER, "c1")
    assert opened.within == pytest.approx(180, abs=1)
    not_done = isinstance(result, errors.NotSent)
    assert resolved.verdict == ("not executed" if not_done else "open")
    assert resolved.seconds > 30
    (warning,) = records(caplog, logging.WARNING, "writes")
    assert "nobody knows yet" in warning.message
    assert warning.client_order_id == "c1"


def test_what_is_left_open_is_an_error_once_and_no_news_the_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    contract = contracts.contract("current")
    box, told = exchange(lost_create)
    box.watermark = None
    assert isinstance(ran(box, place(contract, ticket(), box.context)), errors.OutcomeUnknown)
    assert [each.verdict for each in told if isinstance(each, UnknownResolved)] == ["open"]
    assert len(records(caplog, logging.ERROR, "writes")) == 1
    (again,) = box.run(recover(contract, box.context))
    assert again.state is State.UNKNOWN
    assert len(records(caplog, logging.ERROR, "writes")) == 1
    assert len(records(caplog, logging.WARNING, "writes")) == 1
    box.watermark = 0.0
    (found,) = box.run(recover(contract, box.context))
    assert found.state is State.NOT_SENT
    assert told[-1].verdict == "not executed"


def test_an_interrupt_while_looking_is_told() -> None:
    contract = contracts.contract("current")
    box, told = exchange(lost_create)
    steps = place(contract, ticket(), box.context)
    effect = next(steps)
    while not any(isinstance(each, UnknownOpened) for each in told):
        effect = steps.send(box.perform(effect))
    steps.close()
    (resolved,) = [each for each in told if isinstance(each, UnknownResolved)]
    assert (resolved.verdict, resolved.reason) == ("open", "the call was interrupted")


def test_a_cancel_tells_what_it_stops_and_how_it_ended(contract: Contract) -> None:
    box, told = exchange(lambda request: core.lost(bytes_sent=True))
    ran(box, cancel(contract, Target.of("7d8f6a52-0000-4000-8000-000000000001"), box.context))
    assert isinstance(told[0], StopCalled)
    assert told[0].scopes == (("order", "7d8f6a52-0000-4000-8000-000000000001"),)
    (opened,) = [each for each in told if isinstance(each, UnknownOpened)]
    assert opened.order_id == "7d8f6a52-0000-4000-8000-000000000001"
    assert opened.client_order_ids == ()
    assert type(told[-1]) is CallEnded
    assert told[-1].error == "OutcomeUnknown"


def test_a_refusal_is_an_outcome_with_status_and_code_and_no_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"error": {"code": "insufficient_balance", "message": "no"}}
    box, told = exchange(lambda request: core.reply(400, body))
    ran(box, place(contracts.contract("current"), ticket(), box.context))
    ended = told[-1]
    assert (ended.error, ended.status, ended.code) == (
        "InsufficientBalance", 400, "insufficient_balance",
    )  # fmt: skip
    assert records(caplog, logging.WARNING) == []


def test_a_denial_is_told_and_not_sent() -> None:
    context, told = heard(Context(pacer=Pacer.of_tier("basic")))
    call = core.call(core.operation(Repeat.KEYED))
    driver = core.ScriptedDriver([core.reply(200, {})] * 30)
    with_limits = flow.CallLimits(driver_now(driver), 1e12, deadline=driver_now(driver) + 0.01)
    for _ in range(30):
        driver.run(flow.send_with_retries(call, context, limits=with_limits))
    denied = [each for each in told if isinstance(each, WriteDenied)]
    assert denied
    assert "deadline" in denied[0].reason


def driver_now(driver: core.ScriptedDriver) -> float:
    return float(driver._perform(flow.Monotonic()))


def test_a_wait_for_the_rate_limit_is_told_with_its_length() -> None:
    context, told = heard(Context(pacer=Pacer.of_tier("basic")))
    call = core.call(core.operation(Repeat.KEYED))
    driver = core.ScriptedDriver([core.reply(200, {})] * 12)
    for _ in range(12):
        driver.run(flow.send_with_retries(call, context))
    waits = [each for each in told if isinstance(each, WaitBegan)]
    assert waits
    assert all("rate limit" in each.reason and each.seconds > 0 for each in waits)
    assert any(each.waited > 0 for each in told if isinstance(each, AttemptSent))


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError(1), RecursionError()])
def test_what_a_listener_raises_never_reaches_the_flow_and_is_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def listener(event: Event) -> None:
        raise error

    box = fake.FakeExchange([created])
    box.context = evolve(box.context, events=Events(listener))
    ack = ran(box, place(contracts.contract("current"), ticket(), box.context))
    assert ack.order_id == "o1"
    (warning,) = records(caplog, logging.WARNING)
    assert type(error).__name__ in warning.message
    assert "secret" not in warning.message


def test_a_log_handler_that_raises_does_not_reach_the_flow_either() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    handler = Broken()
    logging.getLogger("kalshi_ext").addHandler(handler)
    try:
        assert len(send([core.reply(503, {}), core.reply(200, {})])) == 5
    finally:
        logging.getLogger("kalshi_ext").removeHandler(handler)


def test_what_cannot_listen_is_refused() -> None:
    async def coroutine(event: Event) -> None: ...

    class Async:
        async def __call__(self, event: Event) -> None: ...

    def generator(event: Event) -> Any:
        yield event

    async def both(event: Event) -> Any:
        yield event

    for wrong in (coroutine, Async(), generator, both, "log", 1, object()):
        with pytest.raises(errors.Misuse, match="on_event"):
            checked_listener(wrong)
    assert checked_listener(None) is None
    assert checked_listener(print) is print


def test_every_kind_of_event_can_be_imported_and_is_frozen_data() -> None:
    names = {name for name, each in vars(events).items() if inspect.isclass(each)}
    for name in names - {"Events"}:
        kind = getattr(events, name)
        assert issubclass(kind, Event)
        assert attrs.has(kind)
        with pytest.raises(AttributeError):
            object.__new__(kind).time = 1


@pytest.mark.parametrize("secret", ["Bearer abcdefghijklmnopqrstuvwxyz123456"])
def test_a_reason_shows_no_secret_and_is_one_short_line(secret: str) -> None:
    event = AttemptLost(
        operation="x", attempt=1, reason=f"{secret}\nsecond\x1b[31m {'z' * 9000}", bytes_sent=True
    )
    assert "abcdefghijkl" not in event.reason
    assert len(event.reason) <= 300
    assert event.reason.isprintable()


def test_the_word_of_kalshi_log_is_checked_and_sets_the_level() -> None:
    root = logging.getLogger("kalshi_ext")
    before = root.level, root.propagate, list(root.handlers)
    try:
        with pytest.raises(errors.Misuse, match="KALSHI_LOG"):
            configure_logging("loud")
        for _ in range(2):
            configure_logging(" Info ")
        assert root.level == logging.INFO
        assert len(root.handlers) <= len(before[2]) + 1
    finally:
        root.setLevel(before[0])
        root.propagate = before[1]
        root.handlers[:] = before[2]


WHOLE_DAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
HOURS = {day: [("00:00", "24:00")] for day in WHOLE_DAYS}
HOURS["thursday"] = [("00:00", "03:00"), ("05:00", "24:00")]


def schedule(
    hours: Any = HOURS, maintenance: tuple[tuple[str, str], ...] = (), **week: Any
) -> Schedule:
    days = {
        day: tuple(DailyHours(open_time=a, close_time=b) for a, b in each)
        for day, each in hours.items()
    }
    span = {"start": None, "end": None} | week
    return Schedule(
        standard_hours=(WeeklyHours(days=days, **span),),
        maintenance_windows=tuple(
            MaintenanceWindow(start=utc(start), end=utc(end)) for start, end in maintenance
        ),
        raw={},
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-26T08:30", "2026-11-26T10:00"),  # winter: 3 to 5 in New York is 8 to 10 UTC
        ("2026-07-16T07:00", "2026-07-16T09:00"),  # summer
        ("2026-11-26T07:59", None),
        ("2026-11-26T10:00", None),
        ("2026-11-27T08:30", None),  # a Friday
    ],
)
def test_the_schedule_tells_when_the_weekly_pause_ends(now: str, opens: str | None) -> None:
    assert reopens_at(schedule(), utc(now)) == (None if opens is None else utc(opens))


def test_maintenance_that_ends_in_a_pause_is_followed_to_the_pause_s_end() -> None:
    told = schedule(maintenance=(("2026-11-26T06:00", "2026-11-26T08:30"),))
    assert reopens_at(told, utc("2026-11-26T07:00")) == utc("2026-11-26T10:00")


def test_a_schedule_of_no_use_tells_nothing() -> None:
    for told in (
        schedule({day: [("soon", "late")] for day in HOURS}),
        schedule({}),
        schedule(end=utc("2020-01-01T00:00")),
        schedule({day: [("99999999:00", "24:00")] for day in HOURS}),
    ):
        assert reopens_at(told, utc("2026-11-26T08:30")) is None


def paused(request: Any) -> Reply | None:
    if request.path == "/exchange/schedule":
        days = {
            day: [{"open_time": a, "close_time": b} for a, b in each] for day, each in HOURS.items()
        }
        span = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2099-01-01T00:00:00Z"}
        body = {"standard_hours": [{**span, **days}], "maintenance_windows": []}
        return core.reply(200, {"schedule": body})
    refused = {"error": {"code": "trading_is_paused", "message": "no"}}
    return core.reply(409, refused) if request.method == "POST" else None


def test_a_pause_tells_when_it_ends_with_one_read_for_many_orders() -> None:
    box, _ = exchange(paused)
    box.time = utc("2026-11-26T08:30").timestamp()
    contract = contracts.contract("current")
    results = [ran(box, place(contract, ticket(f"c{n}"), box.context)) for n in range(3)]
    assert {type(each) for each in results} == {errors.TradingPaused}
    assert {each.reopens_at for each in results} == {utc("2026-11-26T10:00")}
    assert [each.path for each in box.requests].count("/exchange/schedule") == 1


def test_a_schedule_that_cannot_be_read_costs_no_order_anything() -> None:
    def handler(request: Any) -> Reply | None:
        return core.reply(503, b"") if "schedule" in request.path else paused(request)

    box, _ = exchange(handler)
    error = ran(box, place(contracts.contract("current"), ticket(), box.context))
    assert (type(error), error.reopens_at) == (errors.TradingPaused, None)


def test_a_market_is_waited_for_until_it_opens_and_looked_at_again_by_the_schedule() -> None:
    opening = utc("2026-11-26T10:00").timestamp()

    def handler(request: Any) -> Reply | None:
        is_open = box.time >= opening
        if request.path.startswith("/markets/"):
            return core.reply(200, {"market": {"ticker": fake.TICKER, "status": "active"}})
        if request.path == "/exchange/status":
            body = {"exchange_active": True, "trading_active": is_open}
            return core.reply(200, body)
        return paused(request)

    box, _ = exchange(handler)
    box.time = utc("2026-11-26T08:30").timestamp()
    market = box.run(wait_until_open(contracts.contract("current"), fake.TICKER, box.context))
    assert market.ticker == fake.TICKER
    assert opening <= box.time < opening + 10
    assert len(box.requests) < 250


def test_the_exchange_s_time_is_its_date_refined_by_a_clock_that_agrees() -> None:
    clock = ExchangeClock()
    assert clock.best(5.0, 77.0) == 77.0
    clock.note({"date": "Thu, 26 Nov 2026 12:00:00 GMT"}, 10.0)
    date = utc("2026-11-26T12:00").timestamp()
    assert clock.best(11.0, date + 1.25) == date + 1.25
    assert clock.best(11.0, date - 500) == date + 1
    assert clock.best(11.0, date + 500) == date + 2
