"""The exchange is a process of its own: it starts, ends with its parent, restarts, begins anew."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sandbox_client import SignedClient, signed_client

from kalshi_ext.sandbox import AsyncSandbox, Sandbox, SandboxError

_PARENT = """
import sys, time
from kalshi_ext.sandbox import Sandbox
sandbox = Sandbox(seed_data=False)
sandbox.start()
print(sandbox.pid, flush=True)
time.sleep(60)
"""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child nobody has waited for yet is dead all the same.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while _is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_the_exchange_ends_with_its_parent_however_that_ends(signal_number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _is_running(pid)
        parent.send_signal(signal_number)
    assert _wait_for_end(pid)


def test_the_exchange_ends_with_the_block() -> None:
    with Sandbox(seed_data=False) as sandbox:
        pid, address = sandbox.pid, urlsplit(sandbox.url)
    assert pid is not None
    assert _wait_for_end(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_the_block_may_be_async() -> None:
    async def inside() -> str:
        async with AsyncSandbox(seed_data=False) as sandbox:
            return sandbox.url

    assert asyncio.run(inside()).startswith("http://127.0.0.1:")


def test_outside_the_block_there_is_nothing_to_ask() -> None:
    sandbox = Sandbox()
    with pytest.raises(SandboxError, match="not running"):
        _ = sandbox.url
    with pytest.raises(SandboxError, match="not running"):
        sandbox.reset()


def test_an_exchange_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"did not start: .*directory.db"):
        Sandbox(state=tmp_path / "no" / "such" / "directory.db").start()
    with pytest.raises(SandboxError, match=r"did not start: .*'nonsense' is not known"):
        Sandbox(settings={"nonsense": 1}).start()


def test_a_contract_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="contract: one of current, classic, both-today"):
        Sandbox(contract="modern")


def test_a_reset_exchange_is_as_new_and_keys_stay(exchange: Sandbox, caller: SignedClient) -> None:
    fresh = exchange.truth.orders()
    caller.place("before-reset")
    exchange.faults.add("throttle", times=None)
    exchange.reset()
    assert [row["client_order_id"] for row in exchange.truth.orders()] == [
        row["client_order_id"] for row in fresh
    ]
    assert exchange.truth.requests() == []
    assert exchange.faults.list() == []
    assert caller.call("GET", "/portfolio/balance").status == 200


def test_credentials_are_files_only_the_owner_reads(exchange: Sandbox) -> None:
    exchange.account("maker")
    directory = exchange.credentials_dir
    names = {path.name for path in directory.iterdir()}
    assert {"trader.key_id", "trader.pem", "trader.token", "maker.pem"} <= names
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert (directory / "trader.key_id").read_text().strip() == exchange.key_id


def test_secrets_do_not_show(exchange: Sandbox) -> None:
    key = exchange.account("trader")
    reprs = f"{exchange!r} {key!r} {exchange.link!r} {exchange.options!r}"
    for secret in (key.private_key, key.token, exchange.link.token, "PRIVATE KEY"):
        assert secret not in reprs


def test_the_admin_side_wants_its_token(exchange: Sandbox) -> None:
    import http.client

    address = urlsplit(exchange.link.url)
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        connection.request("POST", "/run/reset", "{}", headers)
        assert connection.getresponse().status == 401
        connection.close()


def test_the_api_port_knows_nothing_of_the_admin_side(
    exchange: Sandbox, caller: SignedClient
) -> None:
    token = {"Authorization": f"Bearer {exchange.link.token}"}
    assert caller.call("POST", "/run/reset", {}, headers=token).status == 404


def test_an_account_of_ones_own_has_money_and_a_key(exchange: Sandbox) -> None:
    with signed_client(exchange, "newcomer") as newcomer:
        assert newcomer.call("GET", "/portfolio/balance").json["balance"] == 100_000
    assert exchange.account("newcomer") == exchange.account("newcomer")


def test_time_can_be_moved(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.configure(dedupe="seconds", dedupe_seconds=60)
    order_id = caller.place("again", expiration_time=int(time.time()) + 30).json["order_id"]
    exchange.clock.advance(31)
    assert exchange.truth.orders(client_order_id="again")[0]["status"] == "canceled"
    with signed_client(exchange, skew=31) as later:
        assert later.place("again").status == 409
        exchange.clock.advance(30)
        later.skew = 61
        assert later.place("again").json["order_id"] != order_id
