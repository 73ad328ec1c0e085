"""The budget against a sandbox that keeps the exchange's rate limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kalshi_ext import AsyncKalshi, Kalshi, OrderAck
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

CONTRACTS = ("current", "classic")


@pytest.fixture(scope="module", params=CONTRACTS)
def limited_box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(contract=request.param, proxy=False) as box:
        yield box


def options_of(box: Sandbox, name: str, **options: Any) -> dict[str, Any]:
    key = box.account(name)
    named = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    return named | {"contract": box.options.contract} | options


def order() -> dict[str, Any]:
    ticker = "KXRAIN-26DEC31-NYC"
    return {"ticker": ticker, "side": "yes", "action": "buy", "count": 1, "price": "0.01"}


def placed_by_threads(count: int, **options: Any) -> list[Any]:
    with Kalshi(**options) as client, ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: client.orders.place(**order()), range(count)))


def placed_by_tasks(count: int, **options: Any) -> list[Any]:
    async def work() -> list[Any]:
        async with AsyncKalshi(**options) as client:
            calls = (client.orders.place(**order()) for _ in range(count))
            return list(await asyncio.gather(*calls))

    return asyncio.run(work())


PLACED = {"sync": placed_by_threads, "async": placed_by_tasks}


def answers_of(box: Sandbox, name: str) -> list[tuple[str | None, int | None]]:
    asked = [each for each in box.truth.requests() if each.account == name]
    return [(each.operation, each.status) for each in asked]


@pytest.mark.parametrize("how", PLACED)
def test_orders_as_fast_as_they_come_are_all_placed_and_none_is_refused(
    limited_box: Sandbox, how: str
) -> None:
    name = f"busy-{how}"
    options = options_of(limited_box, name)
    acks = PLACED[how](16, **options)
    assert all(isinstance(ack, OrderAck) for ack in acks)
    answers = answers_of(limited_box, name)
    assert {status for _, status in answers} <= {200, 201}
    reads = [operation for operation, _ in answers if "Order" not in str(operation)]
    assert len(reads) <= 1  # the costs are public


@pytest.mark.parametrize("how", PLACED)
def test_a_few_orders_ask_for_no_limits(limited_box: Sandbox, how: str) -> None:
    name = f"calm-{how}"
    PLACED[how](5, **options_of(limited_box, name))
    assert len(answers_of(limited_box, name)) == 5


@pytest.mark.parametrize("how", PLACED)
def test_an_account_of_a_higher_tier_is_paced_by_its_own_numbers(
    limited_box: Sandbox, how: str
) -> None:
    if limited_box.options.contract == "classic":
        pytest.skip("an exchange of the classic contract alone tells no limits")
    name = f"premier-{how}"
    options = options_of(limited_box, name)
    limited_box.do(admin.set_account(name, tier="premier"))
    PLACED[how](25, **options)
    answers = answers_of(limited_box, name)
    assert {status for _, status in answers} <= {200, 201}
    assert answers.count(("GetAccountApiLimits", 200)) == 1


def test_the_budget_tells_what_is_left_without_a_request() -> None:
    with Kalshi(bearer_token="one", environment="http://127.0.0.1:1") as client:
        budget = client.account.budget()
        assert budget is not None
        assert (budget.source, budget.write.tokens, budget.read.queued) == ("assumed", 100, 0)
    for pace, capacity in (("prime", 8000), ((50, 30), 30)):
        client = AsyncKalshi(bearer_token="one", environment="http://127.0.0.1:1", pace=pace)
        told = client.account.budget()
        assert told is not None
        assert (told.source, told.write.capacity) == ("given", capacity)
    with Kalshi(bearer_token="one", environment="http://127.0.0.1:1", pace=None) as client:
        assert client.account.budget() is None


def test_the_clients_of_one_account_share_one_budget() -> None:
    options = {"bearer_token": "shared", "environment": "http://127.0.0.1:1"}
    with Kalshi(**options) as one, Kalshi(**options) as two, Kalshi(**options, pace="basic") as own:
        assert one.session.context.pacer is two.session.context.pacer
        assert own.session.context.pacer is not one.session.context.pacer


def exchange_that_tells(status: int, asked: list[str]) -> httpx.MockTransport:
    """Answer reads of the balance, and what the account may spend where it is told."""
    bucket = {"bucket_capacity": 2000, "refill_rate": 1000}
    limits = {"usage_tier": "premier", "read": bucket, "write": bucket, "grants": []}
    costs = {"default_cost": 10, "endpoint_costs": []}
    told = {"/account/limits": limits, "/account/endpoint_costs": costs}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/trade-api/v2")
        asked.append(path)
        if path in told:
            return httpx.Response(status, json=told[path] if status == 200 else {})
        return httpx.Response(200, json={"balance": 1, "portfolio_value": 1, "updated_ts": 1})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(("status", "source"), [(200, "learned"), (404, "assumed")])
@pytest.mark.parametrize("how", PLACED)
def test_the_classic_contract_learns_limits_from_an_exchange_that_tells_them(
    how: str, status: int, source: str
) -> None:
    asked: list[str] = []
    options: dict[str, Any] = {"bearer_token": f"{how}{status}", "contract": "classic"}
    options |= {"environment": "http://127.0.0.1:1"}
    options |= {"transport": exchange_that_tells(status, asked)}

    async def read() -> Any:
        async with AsyncKalshi(**options) as client:
            for _ in range(44):
                await client.portfolio.balance()
            return client.account.budget()

    if how == "async":
        budget = asyncio.run(read())
    else:
        with Kalshi(**options) as client:
            for _ in range(44):
                client.portfolio.balance()
            budget = client.account.budget()
    assert budget.source == source
    assert asked.count("/account/limits") == 1
    assert asked.count("/account/endpoint_costs") == (1 if status == 200 else 0)
