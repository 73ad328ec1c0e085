"""A PostgreSQL that is killed again and again under load loses no order and doubles none."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kill_cases import TICKER, start_sandbox
from killed_bot import POLICY
from traders import orders_in_books

from kalshi_ext import Kalshi, NotSent, OutcomeUnknown
from kalshi_ext.journal import State, open_journal

sys.path.insert(0, str(Path(__file__).parents[1] / "wire" / "journal"))
from postgres_server import Server, running_server  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from kalshi_ext.sandbox import Sandbox

BOTS = 3
ORDERS = 40  # of each bot; every other one has the same intent as that of the bot before it
RESTARTS = 5
BETWEEN = BOTS * ORDERS // (RESTARTS + 1)  # orders from one restart to the next
PATIENCE_S = 120.0  # for one order


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with start_sandbox("seconds") as sandbox:
        yield sandbox


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server("the shared journal was NOT tested") as running:
        yield running


def intents_of(bot: int) -> list[str]:
    """Name the orders of a bot, half of them in common with another one."""
    return [f"shared/{n}" if n % 2 else f"{bot}/{n}" for n in range(ORDERS)]


def place_all(options: dict[str, Any], bot: int, placed: dict[tuple[int, str], str]) -> None:
    """Place each order until the client says that it stands."""
    with Kalshi(**options) as client:
        for intent in intents_of(bot):
            deadline = time.monotonic() + PATIENCE_S
            while (bot, intent) not in placed and time.monotonic() < deadline:
                try:
                    ack = client.orders.place(
                        TICKER, side="bid", count=1, price="0.10", intent=intent
                    )
                    placed[bot, intent] = ack.order_id
                except (NotSent, OutcomeUnknown):
                    time.sleep(0.05)


def test_a_server_killed_every_moment_under_load_loses_and_doubles_nothing(
    box: Sandbox, server: Server
) -> None:
    account = box.account("restarts", funds="1000", kind="ed25519")
    keys = {"key_id": account.key_id, "private_key": account.private_key}
    options = keys | {"environment": box.url, "journal": server.url(), "policy": POLICY}
    Kalshi(**options).close()
    placed: dict[tuple[int, str], str] = {}
    bots = [threading.Thread(target=place_all, args=(options, bot, placed)) for bot in range(BOTS)]
    for bot in bots:
        bot.start()
    for kills in range(RESTARTS):
        while len(placed) < BETWEEN * (kills + 1):
            assert any(bot.is_alive() for bot in bots), "the bots have given up"
            time.sleep(0.005)
        server.kill()
        server.start()
    for bot in bots:
        bot.join(300)
    assert len(placed) == BOTS * ORDERS, "an order was given up"
    orders = orders_in_books(box, "restarts")
    wanted = {intent for bot in range(BOTS) for intent in intents_of(bot)}
    assert len(orders) == len(wanted)
    assert set(placed.values()) == set(orders.values())
    with open_journal(server.url(), readonly=True) as journal:
        entries = {entry.intent: entry for entry in journal.entries()}
        assert journal.verify() == []
    assert set(entries) == wanted
    ended = (State.ACKNOWLEDGED, State.RESOLVED)
    open_still = [entry for entry in entries.values() if entry.state not in ended]
    with Kalshi(**options) as client:  # what a lost commit left open is found by reading
        resolved = {each.key: each.state for each in client.recover()}
    assert {resolved.get(entry.key) for entry in open_still} <= {State.RESOLVED}
