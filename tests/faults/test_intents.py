"""An intent placed twice is one order: in a process, in threads, in tasks, today and later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kill_cases import TICKER, start_sandbox
from killed_bot import POLICY
from traders import orders_in_books

from kalshi_ext import AsyncKalshi, DuplicateIdConflict, Journal, Kalshi
from kalshi_ext.sandbox import Sandbox

ORDER: dict[str, Any] = {"side": "bid", "count": 3, "price": "0.10"}
CALLS_AT_ONCE = 8


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with start_sandbox("while_open") as sandbox:
        yield sandbox


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return str(tmp_path / "orders.db") if request.param == "file" else None


def client_options(box: Sandbox, name: str, journal: str | Journal | None) -> dict[str, Any]:
    account = box.account(name, kind="ed25519")
    credentials = {"key_id": account.key_id, "private_key": account.private_key}
    credentials["account"] = name  # every call makes a new key of it
    return {**credentials, "environment": box.url, "journal": journal, "policy": POLICY}


def account_name(request: pytest.FixtureRequest) -> str:
    """Name an account that no other test uses."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return name[-60:]  # the sandbox takes 64 letters


def test_the_second_call_returns_the_order_of_the_first(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = account_name(request)
    with Kalshi(**client_options(box, name, journal)) as client:
        first = client.orders.place(TICKER, **ORDER, intent="once")
        second = client.orders.place(TICKER, **ORDER, intent="once")
    assert (first.replayed, second.replayed) == (False, True)
    assert second.order_id == first.order_id
    assert list(orders_in_books(box, name).values()) == [first.order_id]


def test_an_intent_with_other_words_is_a_conflict_and_sends_nothing(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = account_name(request)
    with Kalshi(**client_options(box, name, journal)) as client:
        first = client.orders.place(TICKER, **ORDER, intent="once")
        requests_before = len(box.truth.requests())
        for changed in ({"count": 4}, {"price": "0.11"}, {"side": "ask"}):
            with pytest.raises(DuplicateIdConflict, match="once"):
                client.orders.place(TICKER, **{**ORDER, **changed}, intent="once")
        assert len(box.truth.requests()) == requests_before
    assert list(orders_in_books(box, name).values()) == [first.order_id]


def test_threads_with_one_intent_get_one_order(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = account_name(request)
    start = threading.Barrier(CALLS_AT_ONCE)
    with (
        Kalshi(**client_options(box, name, journal)) as client,
        ThreadPoolExecutor(CALLS_AT_ONCE) as pool,
    ):

        def place(_: int) -> Any:
            start.wait(60)
            return client.orders.place(TICKER, **ORDER, intent="once")

        acks = list(pool.map(place, range(CALLS_AT_ONCE)))
    assert {ack.order_id for ack in acks} == set(orders_in_books(box, name).values())
    assert sum(not ack.replayed for ack in acks) == 1


def test_tasks_with_one_intent_get_one_order(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = account_name(request)

    async def place_all() -> list[Any]:
        async with AsyncKalshi(**client_options(box, name, journal)) as client:
            place = client.orders.place
            calls = (place(TICKER, **ORDER, intent="once") for _ in range(CALLS_AT_ONCE))
            return await asyncio.gather(*calls)

    acks = asyncio.run(place_all())
    assert {ack.order_id for ack in acks} == set(orders_in_books(box, name).values())
    assert sum(not ack.replayed for ack in acks) == 1


def test_an_intent_of_another_day_is_still_that_order_even_when_it_is_over(
    box: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # The exchange has forgotten the id by then (it forgets it when the order is closed).
    name, journal = account_name(request), str(tmp_path / "orders.db")
    with Kalshi(**client_options(box, name, journal)) as client:
        first = client.orders.place(TICKER, **ORDER, intent="once")
        client.orders.cancel(first)
    with Kalshi(**client_options(box, name, journal)) as client:
        repeated = client.orders.place(TICKER, **ORDER, intent="once")
        assert (repeated.order_id, repeated.replayed) == (first.order_id, True)
        with pytest.raises(DuplicateIdConflict):
            client.orders.place(TICKER, **{**ORDER, "count": 9}, intent="once")
    assert list(orders_in_books(box, name).values()) == [first.order_id]
