"""An intent placed twice is one order: in a process, in threads, in tasks, today and later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from intents_processes import standing
from kills import TICKER, exchange
from kills_bot import POLICY

from kalshi_ext import AsyncKalshi, DuplicateIdConflict, Journal, Kalshi
from kalshi_ext.sandbox import Sandbox

WORDS: dict[str, Any] = {"side": "bid", "count": 3, "price": "0.10"}
AT_ONCE = 8


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with exchange("while_open") as opened:
        yield opened


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return str(tmp_path / "orders.db") if request.param == "file" else None


def known(box: Sandbox, name: str, journal: str | Journal | None) -> dict[str, Any]:
    account = box.account(name, kind="ed25519")
    keys = {"key_id": account.key_id, "private_key": account.private_key}
    return {**keys, "environment": box.url, "journal": journal, "policy": POLICY}


def name_of(request: pytest.FixtureRequest) -> str:
    """Name an account that no other test uses."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)


def test_the_second_call_returns_the_order_of_the_first(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = name_of(request)
    with Kalshi(**known(box, name, journal)) as client:
        first = client.orders.place(TICKER, **WORDS, intent="once")
        second = client.orders.place(TICKER, **WORDS, intent="once")
    assert (first.replayed, second.replayed) == (False, True)
    assert second.order_id == first.order_id
    assert list(standing(box, name).values()) == [first.order_id]


def test_an_intent_with_other_words_is_a_conflict_and_sends_nothing(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = name_of(request)
    with Kalshi(**known(box, name, journal)) as client:
        first = client.orders.place(TICKER, **WORDS, intent="once")
        arrived = len(box.truth.requests())
        for other in ({"count": 4}, {"price": "0.11"}, {"side": "ask"}):
            with pytest.raises(DuplicateIdConflict, match="once"):
                client.orders.place(TICKER, **{**WORDS, **other}, intent="once")
        assert len(box.truth.requests()) == arrived
    assert list(standing(box, name).values()) == [first.order_id]


def test_threads_with_one_intent_get_one_order(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = name_of(request)
    start = threading.Barrier(AT_ONCE)
    with Kalshi(**known(box, name, journal)) as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def place(_: int) -> Any:
            start.wait(60)
            return client.orders.place(TICKER, **WORDS, intent="once")

        acks = list(pool.map(place, range(AT_ONCE)))
    assert {ack.order_id for ack in acks} == set(standing(box, name).values())
    assert sum(not ack.replayed for ack in acks) == 1


def test_tasks_with_one_intent_get_one_order(
    box: Sandbox, journal: str | None, request: pytest.FixtureRequest
) -> None:
    name = name_of(request)

    async def place_all() -> list[Any]:
        async with AsyncKalshi(**known(box, name, journal)) as client:
            place = client.orders.place
            calls = (place(TICKER, **WORDS, intent="once") for _ in range(AT_ONCE))
            return await asyncio.gather(*calls)

    acks = asyncio.run(place_all())
    assert {ack.order_id for ack in acks} == set(standing(box, name).values())
    assert sum(not ack.replayed for ack in acks) == 1


def test_an_intent_of_another_day_is_still_that_order_even_when_it_is_over(
    box: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # The exchange has forgotten the id by then (it forgets it when the order is closed).
    name, journal = name_of(request), str(tmp_path / "orders.db")
    with Kalshi(**known(box, name, journal)) as client:
        first = client.orders.place(TICKER, **WORDS, intent="once")
        client.orders.cancel(first)
    with Kalshi(**known(box, name, journal)) as client:
        again = client.orders.place(TICKER, **WORDS, intent="once")
        assert (again.order_id, again.replayed) == (first.order_id, True)
        with pytest.raises(DuplicateIdConflict):
            client.orders.place(TICKER, **{**WORDS, "count": 9}, intent="once")
    assert list(standing(box, name).values()) == [first.order_id]
