"""With a state file the exchange survives a restart and a kill."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

import pytest
from sandbox_client import SignedClient, signed_client

from kalshi_ext.sandbox import Sandbox, SandboxError


def _orders(sandbox: Sandbox) -> list[str]:
    return [row["client_order_id"] for row in sandbox.truth.orders(account="trader")]


def test_a_killed_exchange_comes_back_with_everything_it_acknowledged(tmp_path: Path) -> None:
    with Sandbox(state=tmp_path / "exchange.db") as sandbox:
        with signed_client(sandbox) as caller:
            caller.place("kept", price="0.56", count="2.00")
            key, digest = sandbox.key_id, sandbox.truth.digest()
        sandbox.kill()
        sandbox.restart()
        assert (sandbox.key_id, sandbox.truth.digest()) == (key, digest)
        with signed_client(sandbox) as caller:
            newest = caller.call("GET", "/portfolio/orders?limit=1").json["orders"][0]
            assert newest["client_order_id"] == "kept"
            assert caller.place("kept").status == 409
        sandbox.truth.check_invariants()


def test_a_kill_in_mid_traffic_loses_no_acknowledged_order(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def trade(caller: SignedClient) -> None:
        for number in range(100_000):
            try:
                if caller.place(f"storm-{number}").status == 201:
                    acknowledged.append(f"storm-{number}")
            except (OSError, ValueError, HTTPException):
                return

    with Sandbox(state=tmp_path / "exchange.db", seed_data=True) as sandbox:
        with signed_client(sandbox) as caller:
            trader = threading.Thread(target=trade, args=(caller,))
            trader.start()
            while len(acknowledged) < 40:
                assert trader.is_alive()
                trader.join(timeout=0.01)
            sandbox.kill()
            trader.join()
        sandbox.restart()
        placed = [name for name in _orders(sandbox) if name.startswith("storm-")]
        assert set(acknowledged) <= set(placed)
        # The one in flight may have been logged; it was never answered.
        assert len(placed) - len(acknowledged) in (0, 1)
        sandbox.truth.check_invariants()


def test_a_moved_clock_stays_moved(tmp_path: Path) -> None:
    with Sandbox(state=tmp_path / "exchange.db", seed_data=False) as sandbox:
        before = sandbox.clock.now()
        sandbox.clock.advance(3600)
        sandbox.kill()
        sandbox.restart()
        assert (sandbox.clock.now() - before).total_seconds() >= 3600
        sandbox.reset()
        assert (sandbox.clock.now() - before).total_seconds() < 3600
        fixed = datetime(2027, 1, 1, tzinfo=UTC)
        sandbox.clock.set(fixed)
        sandbox.kill()
        sandbox.restart()
        assert sandbox.clock.now() == fixed


def test_a_restart_waits_for_a_port_that_another_connection_has_for_a_moment() -> None:
    with Sandbox(seed_data=False) as sandbox:
        port = int(sandbox.url.split(":")[2].partition("/")[0])
        sandbox.kill()
        with socket.create_server(("127.0.0.1", port)) as other:
            threading.Timer(1.0, other.close).start()
            sandbox.restart()
        assert f":{port}/" in sandbox.url


def test_a_fixed_clock_goes_on_where_it_stood(tmp_path: Path) -> None:
    clock = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with Sandbox(state=tmp_path / "exchange.db", clock=clock) as sandbox:
        with signed_client(sandbox) as caller:
            for number in range(3):
                caller.place(f"before-{number}")
        sandbox.kill()
        sandbox.restart()
        with signed_client(sandbox) as caller:
            caller.place("after")
            listed = caller.call("GET", "/portfolio/orders?limit=4").json["orders"]
    times = [row["created_time"] for row in listed]
    assert [row["client_order_id"] for row in listed] == ["after", *_BEFORE]
    assert sorted(set(times), reverse=True) == times


_BEFORE = [f"before-{number}" for number in (2, 1, 0)]


def test_another_exchange_opens_the_same_file_later(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    with Sandbox(state=path) as first, signed_client(first) as caller:
        caller.place("yesterday")
        key, guest = first.account("trader"), first.account("guest", funds="5")
        digest = first.truth.digest()
    with Sandbox(state=path) as second:
        assert second.account("trader") == key
        assert second.account("guest") == guest
        assert second.truth.digest() == digest
        assert "yesterday" in _orders(second)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_an_exchange_with_other_rules_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    with Sandbox(state=path, seed_data=False):
        pass
    with pytest.raises(SandboxError, match="other settings"):
        Sandbox(state=path, seed_data=False, settings={"dedupe": "while_open"}).start()


def test_a_trusted_authority_stays_trusted_after_a_restart(tmp_path: Path) -> None:
    with Sandbox(state=tmp_path / "exchange.db", tls=True, seed_data=False) as sandbox:
        before = sandbox.ca_pem
        sandbox.kill()
        sandbox.restart()
        assert sandbox.ca_pem == before


def test_the_same_seed_clock_and_calls_give_the_same_bytes() -> None:
    runs = []
    for _ in range(2):
        clock = datetime(2026, 11, 23, 12, tzinfo=UTC)
        with Sandbox(seed=7, clock=clock, fixed_keys=True, key_kind="ed25519") as sandbox:
            with signed_client(sandbox) as caller:
                answers = [
                    caller.place("same", price="0.56", count="3.00"),
                    caller.call("GET", "/portfolio/fills"),
                    caller.call("GET", "/portfolio/orders"),
                    caller.call("GET", "/exchange/status"),
                ]
            contents = [(answer.status, answer.headers, answer.raw) for answer in answers]
            runs.append((contents, sandbox.account("trader"), sandbox.truth.digest()))
    assert runs[0] == runs[1]
