"""The pytest plugin, in a project of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_TRADING = """
import asyncio

def test_a_client_trades(kalshi_client, kalshi_exchange):
    assert kalshi_exchange.truth.requests() == []
    order = {"side": "yes", "action": "buy", "count": 3, "price": "0.56"}
    kalshi_client.orders.place("KXRAIN-26DEC31-NYC", **order)
    assert len(kalshi_exchange.truth.requests()) == 1

def test_each_test_has_an_exchange_as_new(kalshi_exchange, kalshi_faults):
    assert kalshi_exchange.truth.requests() == []
    kalshi_faults.add("throttle", times=None)

def test_faults_of_another_test_are_gone(kalshi_exchange):
    assert kalshi_exchange.faults.list() == []

def test_an_async_client_reads(kalshi_async_client):
    async def read():
        async with kalshi_async_client as client:
            return await client.portfolio.balance()
    assert asyncio.run(read())
"""

_BARE = """
import sys

def test_nothing_was_loaded():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not {"uvicorn", "starlette", "cryptography", "httpx", "attrs"} & loaded
"""

_WITHOUT_EXTRA = """
import sys

sys.modules["uvicorn"] = None
sys.modules["kalshi_ext.sandbox.sandbox"] = None

def test_it_is_asked_for(kalshi_exchange):
    pass

def test_it_is_not():
    pass
"""


_OTHERS = ("asyncio", "schemathesis", "hypothesispytest", "anyio")


def _pytest(directory: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_mine.py").write_text(text)
    without_plugins = [word for name in _OTHERS for word in ("-p", f"no:{name}")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *without_plugins,
        *options,
    ]
    return subprocess.run(
        [*command, "-W", "error"], cwd=directory, capture_output=True, text=True, check=False
    )


def test_fixtures_give_each_worker_an_exchange_clients_and_faults(tmp_path: Path) -> None:
    result = _pytest(tmp_path, _TRADING, "-n", "2")
    assert "4 passed" in result.stdout, result.stdout + result.stderr


def test_who_does_not_ask_pays_nothing(tmp_path: Path) -> None:
    result = _pytest(tmp_path, _BARE, "-p", "no:xdist")
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_without_the_extra_only_the_tests_that_ask_fail_and_say_why(tmp_path: Path) -> None:
    result = _pytest(tmp_path, _WITHOUT_EXTRA, "-p", "no:xdist")
    assert "1 passed" in result.stdout
    assert "1 error" in result.stdout
    assert "pip install '.[sandbox]'" in result.stdout
