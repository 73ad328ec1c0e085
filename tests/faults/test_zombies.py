"""Requests that arrive after their sender gave them up: the client waits until none can.

The rule: an unanswered write is seen to be done, or no copy of it can be accepted any more, before
it is sent again. How long a copy can be accepted is an assumption (`Policy.signature_life`).
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve
from skies import LATE, Weather, late_copies
from switchboard import Switchboard
from trials import POLICY, TICKER, WRITES, Case, client, exchange, trial, write
from weather import Met, deliver, run

from kalshi_ext.sandbox import Sandbox


@pytest.mark.parametrize("lag", [0, 1.0])
def test_a_request_that_arrives_late_is_found_or_refused_and_never_doubled(lag: float) -> None:
    some = [one for one in late_copies() if lag == 0 or one.late in (LATE[1], LATE[-1])]
    with exchange("seconds", settings={"read_lag_seconds": lag}) as box:
        tally = asyncio.run(run(box, some, at_once=40))
    assert tally.faults == []
    assert tally.fired == tally.cases == len(some) >= len(WRITES) * 2


async def outlive(box: Sandbox) -> list[str]:
    """Lose a create, place it anew, cancel it, and let the lost copy arrive after all."""
    policy = evolve(POLICY, timeout=1.0, signature_life=2.0)
    one = trial(box, Case("create", "silence", 0))
    met = Met(Weather("create", policy=policy), one)
    with Switchboard(box.direct_url) as board:
        async with client("async", one, board.url, policy) as kalshi:
            board.arm(one.key_id, "silence", WRITES["create"], forward=False)
            ack = await write(kalshi, one)
            assert not ack.replayed  # it was proven absent, and sent again
            await kalshi.orders.cancel(ack.order_id, ticker=TICKER)
        await asyncio.sleep(1.1)  # the exchange forgets the ids of ended orders after a second
        await deliver(box, board, met)
    return [row["status"] for row in box.truth.orders(account=one.account)]


def test_a_copy_that_outlives_the_signature_life_is_beyond_the_promise() -> None:
    # The exchange takes timestamps for a minute, the client was told two seconds, and the id is
    # forgotten: the copy makes a second order. This is why signature_life must not be too short.
    with exchange("seconds", clock_tolerance=60.0) as box:
        assert asyncio.run(outlive(box)) == ["canceled", "resting"]


def test_where_ids_are_kept_such_a_copy_is_refused_all_the_same() -> None:
    with exchange("forever", clock_tolerance=60.0) as box:
        assert asyncio.run(outlive(box)) == ["canceled"]
