"""A budget in PostgreSQL whose server's clock is set: the machines' clocks take no part."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared budget was NOT tested")

from postgres_server import Server

from kalshi_ext.budget import postgres
from kalshi_ext.budget.postgres import PostgresBudget
from kalshi_ext.budget.store import Demand
from kalshi_ext.redact import Secret

_accounts = itertools.count(1)


@pytest.mark.parametrize("hours", [3, -3, 24 * 365])
def test_a_server_whose_clock_is_set_gives_nobody_more_than_the_limit(
    server: Server, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    account, clock = f"clock-{next(_accounts)}", postgres._CLOCK
    machines = [PostgresBudget(Secret(server.url()), account) for _ in range(2)]

    def lease(number: int, tokens: float) -> Any:
        # A rate so low that the time of the test refills nothing.
        return machines[number].lease(
            Demand(bucket="write", owner=f"m{number}", rate=0.01, capacity=100, cost=tokens, want=0)
        )

    assert lease(0, 50).wait == lease(1, 40).wait == 0
    monkeypatch.setattr(postgres, "_CLOCK", f"{clock} + {hours * 3600}")
    assert lease(0, 50).wait > 1000
    assert lease(1, 50).wait > lease(0, 0).wait
    monkeypatch.setattr(postgres, "_CLOCK", clock)
    assert lease(1, 50).wait > 1000
    for machine in machines:
        machine.close()
