"""The two drivers against transports that raise, hang and answer anything."""

from __future__ import annotations

import asyncio
import inspect
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import core_samples as core
import httpcore
import httpx
import pytest

from kalshi_ext import Misuse, errors
from kalshi_ext.events import Events, JournalFailed, JournalRecovered
from kalshi_ext.journal import JournalUnusable
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.flow import Flow, Record
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.transport import BodyTooLarge
from kalshi_ext.transport.async_driver import AsyncDriver
from kalshi_ext.transport.driver import Driver
from kalshi_ext.transport.endpoint import Clock, Endpoint
from kalshi_ext.transport.signing import Anonymous


def exceptions_of(module: Any) -> list[type[Exception]]:
    """Give every exception class a library shows, base classes too."""
    classes = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    return sorted((c for c in classes if issubclass(c, Exception)), key=lambda c: c.__name__)


def raised_by(kind: type[Exception]) -> Exception:
    """Make an exception of a class, whatever its arguments."""
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://x")
        return httpx.HTTPStatusError("m", request=request, response=httpx.Response(500))
    try:
        return kind("m")
    except TypeError:
        return kind()


EXCEPTIONS = [
    *exceptions_of(httpx),
    *exceptions_of(httpcore),
    *(OSError, ConnectionResetError, TimeoutError, ssl.SSLError, RuntimeError, ValueError),
    *(KeyError, AssertionError, UnicodeError, MemoryError, BodyTooLarge),
]


class Failing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A foreign transport that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise self.error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self.error


class Silent(httpx.AsyncBaseTransport):
    """A transport that never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError


def endpoint(url: str = "http://127.0.0.1:1/trade-api/v2", **options: Any) -> Endpoint:
    return Endpoint(url, Anonymous(), **options)


def perform(steps: flow.Flow[Any], transport: Any, mode: str, to: Endpoint | None = None) -> Any:
    """Run a flow with the sync or the async driver."""
    if mode == "sync":
        return Driver(to or endpoint(), transport).run(steps)
    return asyncio.run(AsyncDriver(to or endpoint(), transport).run(steps))


def send_once(request: Request | None = None, timeout: float = 5.0) -> flow.Flow[Any]:
    """Send one request and return what came of it."""
    return (yield flow.Send(request or Request("GET", "/x"), True, timeout))


def test_the_walk_over_httpx_meets_all_its_exceptions() -> None:
    names = {kind.__name__ for kind in exceptions_of(httpx)}
    assert len(names) >= 25
    assert {"ConnectTimeout", "ReadError", "RemoteProtocolError", "InvalidURL"} <= names


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_whatever_a_transport_raises_becomes_a_lost_request(
    kind: type[Exception], mode: str
) -> None:
    outcome = perform(send_once(), Failing(raised_by(kind)), mode)
    assert isinstance(outcome, Lost)
    assert outcome.bytes_sent  # whatever it is called: it may come from a second try of its own
    assert outcome.reason.startswith(kind.__name__)
    assert type(flow.lost_error(core.READ, outcome)) is errors.NoAnswer
    assert type(flow.lost_error(core.WRITE, outcome)) is errors.OutcomeUnknown


class FailingOver(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that sends by one way and, when its answer is lost, tries another one."""

    def __init__(self, second: Any) -> None:
        self.sent, self.second = 0, second

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        return self.second.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        return await self.second.handle_async_request(request)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_failure_to_connect_proves_nothing_of_a_transport_that_may_have_sent_before(
    mode: str,
) -> None:
    plain = httpx.HTTPTransport() if mode == "sync" else httpx.AsyncHTTPTransport()
    transport = FailingOver(plain)
    outcome = perform(send_once(), transport, mode)
    assert isinstance(outcome, Lost)
    assert transport.sent == 1
    assert outcome.reason.startswith("ConnectError")
    assert outcome.bytes_sent


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_plain_httpx_transport_that_could_not_connect_proves_that_nothing_left(
    mode: str,
) -> None:
    plain = httpx.HTTPTransport() if mode == "sync" else httpx.AsyncHTTPTransport()
    outcome = perform(send_once(), plain, mode)
    assert isinstance(outcome, Lost)
    assert not outcome.bytes_sent


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_lost_request_and_ends_the_flow(
    kind: type[BaseException], mode: str
) -> None:
    ended = []

    class Interrupting(httpx.MockTransport):
        def __init__(self) -> None:
            super().__init__(self.interrupt)

        def interrupt(self, request: httpx.Request) -> httpx.Response:
            raise kind

    def steps() -> flow.Flow[None]:
        try:
            yield flow.Send(Request("GET", "/x"), True, 5.0)
        finally:
            ended.append(True)

    with pytest.raises(kind):
        perform(steps(), Interrupting(), mode)
    assert ended == [True]


def test_a_cancelled_task_ends_its_flow() -> None:
    ended = []

    def steps() -> flow.Flow[None]:
        try:
            yield flow.Send(Request("GET", "/x"), True, 60.0)
        finally:
            ended.append(True)

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(endpoint(), Silent()).run(steps()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert ended == [True]


def test_a_foreign_async_transport_that_never_answers_is_bounded_by_the_timeout() -> None:
    outcome = perform(send_once(timeout=0.05), Silent(), "async")
    assert isinstance(outcome, Lost)
    assert outcome.bytes_sent


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("status", [100, 199, 204, 226, 299, 304, 418, 499, 520, 561, 599, 999])
def test_any_status_survives(status: int, mode: str) -> None:
    answer = httpx.Response(status, headers=[("X-A", "1"), ("x-a", "2")], content=b"body")
    outcome = perform(send_once(), httpx.MockTransport(lambda request: answer), mode)
    assert isinstance(outcome, Reply)
    assert (outcome.status, outcome.body) == (status, b"body")
    assert outcome.headers["x-a"] == "1, 2"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_body_over_the_limit_is_a_lost_answer(mode: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"x" * 101))
    outcome = perform(send_once(), transport, mode, endpoint(max_body=100))
    assert isinstance(outcome, Lost)
    assert outcome.bytes_sent
    assert "larger than 100 bytes" in outcome.reason


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_request_that_makes_no_url_is_refused_before_anything_is_sent(mode: str) -> None:
    request = Request("GET", "/x", (("market_tickers", "T," * 50_000),))
    transport = Failing(AssertionError("nothing may be sent"))
    with pytest.raises(Misuse, match="makes no URL"):
        perform(send_once(request), transport, mode)


def test_a_clock_adds_up_its_corrections() -> None:
    clock = Clock()
    clock.adjust(100.0)
    clock.adjust(-40.0)
    assert clock.now() == pytest.approx(time.time() + 60.0, abs=5.0)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_performing_an_effect_raises_reaches_the_flow(mode: str) -> None:
    class Journal:
        blocking = True

        def get(self, key: str) -> None:
            raise LookupError(key)

        def submit(self, verb: str, *args: Any) -> Any:
            raise LookupError(*args)

    def steps() -> flow.Flow[str]:
        try:
            yield flow.Record("get", ("k",))
        except LookupError as error:
            return f"met {error}"
        raise AssertionError

    build: Callable[..., Any] = Driver if mode == "sync" else AsyncDriver
    result = build(endpoint(), Failing(AssertionError()), Journal()).run(steps())
    assert (asyncio.run(result) if mode == "async" else result) == "met k"


class TellingJournal:
    """A journal that remembers which verdicts it was told were told."""

    blocking = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def mark_told(self, keys: tuple[str, ...]) -> None:
        self.told.extend(keys)


def telling(ending: BaseException | None) -> flow.Flow[str]:
    """Say that a verdict is told, and end with a value, an error or an interrupt."""
    yield flow.Told(("k1", "k2"))
    if ending is not None:
        raise ending
    return "done"


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (None, True),
        (errors.NotSent("no"), True),
        (KeyboardInterrupt(), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_a_verdict_counts_as_told_once_its_flow_has_ended_with_it(
    ending: BaseException | None, told: bool, mode: str
) -> None:
    journal = TellingJournal()
    build: Callable[..., Any] = Driver if mode == "sync" else AsyncDriver
    driver = build(endpoint(), Failing(AssertionError()), journal)
    with suppress(errors.NotSent, KeyboardInterrupt, RuntimeError):
        result = driver.run(telling(ending))
        if mode == "async":
            asyncio.run(result)
    assert journal.told == (["k1", "k2"] if told else [])


def test_a_task_that_is_cancelled_before_its_flow_ends_was_told_nothing() -> None:
    journal = TellingJournal()

    def steps() -> flow.Flow[None]:
        yield flow.Told(("k1",))
        yield flow.Sleep(60.0)

    async def run() -> None:
        driver = AsyncDriver(endpoint(), Silent(), journal)
        task = asyncio.create_task(driver.run(steps()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert journal.told == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_answer_has_the_times_of_the_monotonic_clock_and_its_own_timestamp(mode: str) -> None:
    class SteppingClock(Clock):
        def now(self) -> float:
            return 5e8

        def monotonic(self) -> float:
            ticks.append(len(ticks) + 1.0)
            return ticks[-1]

    ticks: list[float] = []
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    outcome = perform(send_once(), transport, mode, endpoint(clock=SteppingClock()))
    assert (outcome.sent_at, outcome.received_at, outcome.stamp) == (1.0, 2.0, 5e8)
    lost = perform(send_once(), Failing(OSError()), mode, endpoint(clock=SteppingClock()))
    assert (lost.sent_at, lost.stamp) == (3.0, 5e8)


def test_the_monotonic_clock_goes_forward_whatever_is_corrected() -> None:
    clock = Clock()
    before = clock.monotonic()
    clock.adjust(-1e6)
    assert 0 <= clock.monotonic() - before < 60


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_journal_that_fails_is_told_and_that_it_works_again_too(mode: str) -> None:
    class Journal:
        blocking = False
        fails = True

        def untold(self) -> list[Any]:
            if self.fails:
                raise JournalUnusable("the disk is full")
            return []

        def mark_told(self, keys: Any) -> None: ...

    def steps() -> Flow[None]:
        for fails in (True, True, False):
            journal.fails = fails
            with suppress(JournalUnusable):
                yield Record("untold")

    journal, told = Journal(), list[Any]()
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    events = Events(told.append)
    if mode == "sync":
        Driver(endpoint(), transport, journal, events).run(steps())
    else:
        asyncio.run(AsyncDriver(endpoint(), transport, journal, events).run(steps()))
    assert [type(each) for each in told] == [JournalFailed, JournalFailed, JournalRecovered]
    assert told[0].reason == "the disk is full"
