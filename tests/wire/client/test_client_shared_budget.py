"""A budget that several processes share: real processes, a file and a database, one of them killed.

The processes run where KALSHI_BULK is set, as by `make bulk`: each takes seconds to start. Clients
of one process, each with a connection of its own, run always.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from kalshi_ext import AsyncKalshi, BudgetFailed, Kalshi, Misuse
from kalshi_ext.budget import store as budget_store
from kalshi_ext.budget.sqlite import SqliteBudget
from kalshi_ext.budget.store import Demand
from kalshi_ext.sandbox import Sandbox

HERE = Path(__file__).parent
ORDER: dict[str, Any] = {
    "ticker": "KXRAIN-26DEC31-NYC", "side": "bid", "count": 1, "price": "0.01",
}  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(proxy=False) as running:
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    sys.path.insert(0, str(HERE.parent / "journal"))
    from postgres_server import running_server

    with running_server("the shared budget in a database was NOT tested") as server:
        yield server.url()


@pytest.fixture(params=["file", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "budget.sqlite")
    return str(request.getfixturevalue("database"))


def run(box: Sandbox, name: str, store: str, *, count: int, kill: bool) -> list[int | None]:
    """Run three processes on one account; return the status of each create."""
    key = box.account(name)
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    options |= {"environment": box.url, "budget": store}
    task = json.dumps({"options": options, "count": count})
    command = [sys.executable, str(HERE / "budget_process.py"), task]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    if kill:
        while not statuses(box, name):
            time.sleep(0.05)
        processes[0].kill()
    told = [process.communicate(timeout=60)[0] for process in processes]
    assert told[1:] == [f"{count}\n".encode()] * 2
    return statuses(box, name)


def statuses(box: Sandbox, name: str) -> list[int | None]:
    asked = [each for each in box.truth.requests() if each.account == name]
    return [each.status for each in asked if each.operation == "CreateOrderV2"]


@pytest.mark.skipif("KALSHI_BULK" not in os.environ, reason="make bulk runs it")
@pytest.mark.parametrize("kill", [False, True])
def test_three_processes_send_everything_and_are_refused_nothing(
    box: Sandbox, store: str, tmp_path: Path, kill: bool
) -> None:
    name = f"shared-{kill}-{'db' if '://' in store else 'file'}"
    answered = run(box, name, store, count=8, kill=kill)
    assert set(answered) - {None} == {201}
    assert len(answered) == 24 if not kill else len(answered) >= 16


def test_clients_with_a_connection_each_share_one_budget(box: Sandbox, tmp_path: Path) -> None:
    key = box.account("together")
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    options |= {"environment": box.url, "budget": tmp_path / "budget.sqlite"}
    order: dict[str, Any] = {"ticker": "KXRAIN-26DEC31-NYC", "side": "bid"}
    order |= {"count": 1, "price": "0.01"}

    def place() -> None:
        with Kalshi(**options) as client:
            for _ in range(7):
                client.orders.place(**order)

    async def place_async() -> None:
        async with AsyncKalshi(**options) as client:
            await asyncio.gather(*(client.orders.place(**order) for _ in range(7)))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(place), pool.submit(asyncio.run, place_async())]:
            done.result()
    assert statuses(box, "together") == [201] * 14


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_shared_budget_needs_credentials_and_a_pace(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="budget needs credentials"):
        kind(budget=tmp_path / "b")
    with pytest.raises(Misuse, match="budget needs credentials"):
        kind(bearer_token="one", budget=tmp_path / "b", pace=None)
    with pytest.raises(Misuse, match=r"postgresql:// URL"):
        kind(bearer_token="one", budget="mysql://host/db")
    with pytest.raises(Misuse, match="budget must be a path"):
        kind(bearer_token="one", budget=5)
    with pytest.raises(Misuse, match="budget: expected a path"):
        kind(bearer_token="one", budget="")
    with pytest.raises(Misuse, match="budget: at most 4,096 characters"):
        kind(bearer_token="one", budget="x" * 4097)


def _lock(path: Path) -> Any:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE other (n)")
    connection.execute("BEGIN EXCLUSIVE")
    return connection


BROKEN: dict[str, Any] = {
    "a folder": lambda path: path.mkdir(),
    "no database": lambda path: path.write_bytes(b"not a database, but long enough" * 9),
    "locked": _lock,
    "folder gone": lambda path: None,
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_budget_that_cannot_be_used_is_told_once_and_orders_go_on(
    box: Sandbox, tmp_path: Path, how: str, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ("gone/budget" if how == "folder gone" else "budget")
    held = BROKEN[how](path)
    key, told = box.account(f"broken-{how}"), list[Any]()
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    options |= {"environment": box.url, "budget": path, "on_event": told.append}

    async def work() -> Any:
        async with AsyncKalshi(**options) as client:
            for _ in range(3):
                await client.orders.place(**ORDER)
            return client.account.budget(), await client.health()

    if kind is AsyncKalshi:
        budget, health = asyncio.run(work())
    else:
        with Kalshi(**options) as client:
            for _ in range(3):
                client.orders.place(**ORDER)
            budget, health = client.account.budget(), client.health()
    if held is not None and not isinstance(held, int):
        held.close()
    assert budget is not None
    assert budget.store_error == health.budget_error != None  # noqa: E711
    assert any(isinstance(each, BudgetFailed) for each in told)
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert ["shared budget fails" in each.getMessage() for each in warnings] == [True]
    assert warnings[0].name == "kalshi_ext.pacing"


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_budget_that_never_answers_holds_neither_a_stop_nor_the_end_up(
    box: Sandbox, tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a database whose process stands still: no error, and no broken connection.
    key, answers = box.account(f"deaf-{kind.__name__}"), threading.Event()
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    options |= {"environment": box.url, "budget": tmp_path / "budget"}
    monkeypatch.setattr(SqliteBudget, "_read", lambda *_: answers.wait(60) and None)
    monkeypatch.setattr(budget_store, "_WITHIN", 0.1)

    def stop_in_a_client() -> Any:
        with Kalshi(**options) as client:
            return client.stop(deadline=10)

    async def stop_in_an_async_client() -> Any:
        async with AsyncKalshi(**options) as client:
            return await client.stop(deadline=10)

    work = stop_in_a_client if kind is Kalshi else lambda: asyncio.run(stop_in_an_async_client())
    reports: list[Any] = []
    stopping = threading.Thread(target=lambda: reports.append(work()), daemon=True)
    stopping.start()
    stopping.join(20)
    answers.set()
    assert [report.flat for report in reports] == [True]


def test_a_budget_that_works_again_is_used_again_and_told(
    box: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "later" / "budget"
    key = box.account("later")
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    caplog.set_level(logging.INFO, logger="kalshi_ext.pacing")
    with Kalshi(**options, environment=box.url, budget=path) as client:
        client.orders.place(**ORDER)
        path.parent.mkdir()
        deadline = time.monotonic() + 10
        while client.health().budget_error and time.monotonic() < deadline:
            client.orders.place(**ORDER)
            time.sleep(0.2)
        assert client.health().budget_error is None
    assert "the budget is shared again" in caplog.text
    assert path.exists()


def test_a_client_that_is_closed_gives_back_what_it_leased(box: Sandbox, tmp_path: Path) -> None:
    key, path = box.account("given back"), tmp_path / "budget"
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    with Kalshi(**options, environment=box.url, budget=path) as client:
        client.orders.place(**ORDER)
        (before,) = _levels(path)
    (after,) = _levels(path)
    assert after >= before + 10  # a fifth of a second of tokens less one order


def _levels(path: Path) -> list[float]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT level FROM budget WHERE bucket = 'write 0'").fetchall()
    connection.close()
    return [level for (level,) in rows]


def test_a_file_that_is_removed_is_made_again_and_shared(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    one, other = SqliteBudget(path, "a"), SqliteBudget(path, "a")
    demand = Demand(bucket="read", owner="x", rate=1, capacity=100, cost=10, want=10)
    one.lease(demand)
    for each in tmp_path.glob("budget*"):
        each.unlink()
    one.lease(demand)
    other.lease(evolve(demand, owner="y"))
    with sqlite3.connect(path) as connection:
        (level,) = connection.execute("SELECT level FROM budget").fetchone()
    connection.close()
    assert level < 90  # both took from one bucket
    one.close()
    other.close()


def test_a_database_that_goes_is_told_and_orders_go_on(
    box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    key = box.account("database gone")
    options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
    options["budget"] = "postgresql://bot:hunter2@127.0.0.1:9/none"
    with Kalshi(**options, environment=box.url) as client:
        for _ in range(3):
            client.orders.place(**ORDER)
        error = client.health().budget_error
    assert error is not None
    assert "hunter2" not in error + caplog.text
    assert caplog.text.count("shared budget fails") == 1
