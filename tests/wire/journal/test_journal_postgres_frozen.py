"""A PostgreSQL server whose processes stand still: no error, and no broken connection."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared journal was NOT tested")

from journal_writers import entry
from postgres_server import OpenJournals, Server
from test_journal_postgres import wait_until

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import State, Transition, writer
from kalshi_ext.journal.postgres import PostgresStore


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stop the processes of a server, and let them go on."""
    rows = server.query("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert server._process is not None
    numbers = [server._process.pid, *(row[0] for row in rows)]
    for number in numbers:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in numbers:
            os.kill(number, signal.SIGCONT)


def writer_of(client: Any) -> threading.Thread:
    thread: threading.Thread = client._journal._runner._thread
    return thread


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_CLOSE_WITHIN", 0.3)


def test_closing_a_journal_that_stands_still_returns_and_says_what_is_not_written(
    server: Server, open_journals: OpenJournals, caplog: pytest.LogCaptureFixture
) -> None:
    journal, told = open_journals(), list[Any]()
    journal.reserve_many([entry("a"), entry("b")])

    def reserve(key: str) -> None:
        try:
            told.append(journal.reserve(entry(key)))
        except JournalUnwritable as error:
            told.append(error)

    with frozen(server), caplog.at_level(logging.ERROR, "kalshi_ext.journal"):
        waiting = [threading.Thread(target=reserve, args=(key,)) for key in ("c", "d")]
        waiting[0].start()  # it is being written
        while not journal._runner._serving:
            waiting[0].join(0.01)
        journal.conclude([Transition("a", State.ACKNOWLEDGED, order_id="o")])
        waiting[1].start()  # it waits behind
        while journal._runner._queue.empty():
            waiting[1].join(0.01)
        journal.close()
        waiting[1].join()
    assert [type(each) for each in told] == [JournalUnwritable]  # no byte of its order was sent
    assert "not known to be written: 3 entries (a, c, d)" in caplog.text
    waiting[0].join()
    with open_journals() as after:  # it went on: what had begun is there, what failed is not
        while (found := after.get("a")) is None or found.state is not State.ACKNOWLEDGED:
            threading.Event().wait(0.02)
        assert after.get("c") is not None
        assert after.get("d") is None


def test_a_journal_that_has_nothing_to_write_says_so(
    server: Server, open_journals: OpenJournals, caplog: pytest.LogCaptureFixture
) -> None:
    journal = open_journals()
    with frozen(server), caplog.at_level(logging.ERROR, "kalshi_ext.journal"):
        journal.close()
    assert "not known to be written: no entry" in caplog.text


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_client_closes_while_its_journal_stands_still(server: Server, kind: Any) -> None:
    client = kind(journal=server.url(), bearer_token="t" * 20)
    with frozen(server):
        asyncio.run(client.aclose()) if kind is AsyncKalshi else client.close()


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_event_loop_runs_on_while_its_client_waits_for_a_journal_that_stands_still(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, cancelled: bool
) -> None:
    monkeypatch.setattr(writer, "_CLOSE_WITHIN", 30)

    async def story() -> None:
        client = AsyncKalshi(journal=server.url(), bearer_token="t" * 20)
        with frozen(server):
            closing = asyncio.ensure_future(client.aclose())
            await asyncio.to_thread(wait_until, lambda: client._journal._closed)
            assert not closing.done()
            if cancelled:
                closing.cancel()
        await asyncio.wait([closing])
        assert closing.cancelled() == cancelled
        await asyncio.to_thread(wait_until, lambda: not writer_of(client).is_alive())

    asyncio.run(story())


def test_a_store_that_is_slow_is_waited_for(
    open_journals: OpenJournals, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_MAX_GROUP", 1)
    journal, commit = open_journals(), PostgresStore.commit

    def slow(store: PostgresStore) -> None:
        threading.Event().wait(0.15)
        commit(store)

    monkeypatch.setattr(PostgresStore, "commit", slow)
    threads = [threading.Thread(target=journal.reserve, args=(entry(f"{n}"),)) for n in range(5)]
    for thread in threads:
        thread.start()
    while journal._runner._queue.qsize() + len(journal._runner._serving) < 4:
        threading.Event().wait(0.01)
    with caplog.at_level(logging.ERROR, "kalshi_ext.journal"):
        journal.close()
    assert not caplog.records
    for thread in threads:
        thread.join()


# A call whose journal stands still before its order is sent

TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 5, "price": "0.56"}


class Exchange(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Accept every order, and note what is asked."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.method)
        order = json.loads(request.read())
        given = {"client_order_id": order["client_order_id"], "order_id": str(uuid.uuid4())}
        counts = {"fill_count": "0.00", "remaining_count": "5.00", "ts_ms": 1_700_000_000_000}
        return httpx.Response(201, json=given | counts)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle_request(request)


def calls_of(client: Any, loop: asyncio.AbstractEventLoop, work: Callable[[Any], Any]) -> Any:
    """Do a piece of work with a client of either kind."""
    done = work(client)
    return loop.run_until_complete(done) if inspect.isawaitable(done) else done


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
@pytest.mark.parametrize("verb", ["read_stops", "open_entries", "reserve_many"])
def test_a_deadline_ends_an_order_whose_journal_stands_still_and_the_order_can_be_placed_again(
    server: Server, kind: Any, verb: str, loop: asyncio.AbstractEventLoop
) -> None:
    exchange = Exchange()
    options = {"bearer_token": "t" * 20, "transport": exchange, "pace": None}
    client = kind(journal=server.url(), account=f"{kind.__name__} {verb}", **options)
    journal, thaw = client._journal, ExitStack()
    submit = journal.submit

    def freeze_at(name: str, *args: Any) -> Any:
        if name == verb:
            journal.submit = submit
            thaw.enter_context(frozen(server))
        return submit(name, *args)

    key = f"{kind.__name__}-{verb}"
    order = ORDER | {"client_order_id": key}
    journal.submit = freeze_at
    with thaw, pytest.raises(JournalUnwritable, match="the journal does not answer"):
        calls_of(client, loop, lambda c: c.orders.place(TICKER, **order, deadline=0.2))
    assert exchange.requests == []
    calls_of(client, loop, lambda c: c.orders.place(TICKER, **order))
    assert exchange.requests == ["POST"]  # nothing was looked for
    assert calls_of(client, loop, lambda c: c.recover()) == []
    assert journal.get(key).state is State.ACKNOWLEDGED
    calls_of(client, loop, lambda c: c.aclose() if kind is AsyncKalshi else c.close())


def test_who_asks_for_a_key_while_its_reservation_is_given_up_finds_it_not_sent(
    server: Server, open_journals: OpenJournals
) -> None:
    journal = open_journals()
    with frozen(server):
        given_up = journal.submit("reserve_many", [entry("a")])
        while not journal._runner._serving:
            threading.Event().wait(0.01)
        waiting = journal.submit("get", "a")
        journal.cancel_reservation(given_up)
        again = journal.submit("reserve_many", [entry("a")])
    assert waiting.result().state is State.NOT_SENT
    (reservation,) = again.result()
    assert (reservation.acquired, reservation.entry.state) == (False, State.NOT_SENT)
