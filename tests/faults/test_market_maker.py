"""examples/market_maker.py under faults, killed and started again; the sandbox's books judge it."""

from __future__ import annotations

import asyncio
import signal
from argparse import Namespace
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import market_maker
import pytest
from maker_runs import ACCOUNT, LIMIT, QUICK_FAULTS, SIZE, TICKERS, MakerRun, hit, judge

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.sandbox import Sandbox


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(record=False) as box:
        yield box


@pytest.fixture
def run(box: Sandbox, tmp_path: Path) -> Iterator[MakerRun]:
    box.reset()
    run = MakerRun(box, tmp_path)
    yield run
    if run.process is not None and run.process.poll() is None:
        run.end(signal.SIGKILL)


def unfired(run: MakerRun) -> list[str]:
    """Return the faults that have not happened yet."""
    return [rule["kind"] for rule in run.box.faults.list() if not rule["fired"]]


def test_a_market_maker_killed_and_restarted_under_faults_doubles_nothing_and_ends_flat(
    run: MakerRun,
) -> None:
    run.box.configure(read_lag_seconds=0.3)
    run.box.faults.load(QUICK_FAULTS)
    run.start()
    run.trade_until(lambda: run.orders() >= 7 and len(run.resting()) > 2)
    run.end(signal.SIGKILL)
    assert run.resting(), "a killed bot leaves its orders behind"
    before = run.orders()
    run.start()
    run.trade_until(lambda: run.orders() >= before + 4 and not unfired(run))
    code = run.end(signal.SIGTERM)
    assert (code, judge(run.box, journal=run.journal)) == (0, []), run.log.read_text()
    assert unfired(run) == []


def test_a_market_maker_that_was_stopped_does_not_trade_until_it_is_resumed(run: MakerRun) -> None:
    options = Namespace(tickers=TICKERS, deadman=False, seconds=0, patience=None, every=1)
    options.size, options.limit = SIZE, LIMIT

    async def live() -> int:
        async with AsyncKalshi.from_env(run.variables()) as client:
            return await market_maker.run(client, options)

    assert [asyncio.run(live()), asyncio.run(live())] == [0, market_maker.LATCHED]


def test_the_judge_sees_a_double_an_order_left_resting_a_limit_passed_and_a_second_quote(
    run: MakerRun,
) -> None:
    run.box.configure(dedupe="while_open")
    keys = run.box.account(ACCOUNT)
    order = {"side": "bid", "count": 8, "price": "0.54"}
    with Kalshi(
        key_id=keys.key_id, private_key=keys.private_key, environment=run.box.url
    ) as client:
        first = client.orders.place(TICKERS[0], client_order_id="twice", **order)
        client.orders.cancel(first)
    with Kalshi(
        key_id=keys.key_id, private_key=keys.private_key, environment=run.box.url
    ) as client:
        client.orders.place(TICKERS[0], client_order_id="twice", **order)
        client.orders.place(TICKERS[0], client_order_id="other", **order)
    place = (TICKERS[0], "bid")
    found = judge(run.box)
    assert "2 orders under twice" in found
    assert f"{place}: 16.00 contracts possible, over {LIMIT}" in found
    assert f"{place}: 2 quotes at once" in found
    assert len([fault for fault in found if fault.startswith("rests: ")]) == 2
    for _ in range(9):  # what was bought counts as well as what rests
        hit(run.box, TICKERS[0], "ask", "0.54")
    assert judge(run.box, limit=Decimal(100)) == [
        "2 orders under twice",
        f"{place}: 2 quotes at once",
    ]
