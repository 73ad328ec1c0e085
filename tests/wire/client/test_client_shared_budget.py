"""A budget that several processes share: real processes, a file and a database, one of them killed.

The processes run where KALSHI_BULK is set, as by `make bulk`: each takes seconds to start. Clients
of one process, each with a connection of its own, run always.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi, Misuse
from kalshi_ext.sandbox import Sandbox

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(proxy=False) as running:
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    sys.path.insert(0, str(HERE.parent / "journal"))
    from postgres_server import Server, find_binaries

    if find_binaries() is None:
        pytest.skip("NO PostgreSQL binaries: the shared budget in a database was NOT tested")
    server = Server().create()
    yield server.url()
    server.remove()


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
