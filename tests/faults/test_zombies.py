"""Requests that arrive after their sender gave them up: the client waits until none can.

The rule: an unanswered write is seen to be done, or no copy of it can be accepted any more, before
it is sent again. How long a copy can be accepted is an assumption (`Policy.signature_life`).
"""

from __future__ import annotations

import asyncio
from functools import partial

from attrs import evolve
from skies import LATE, Weather, late_copies
from switchboard import Switchboard
from trials import POLICY, TICKER, WRITES, Case, Tally, client, exchange, side_by_side, trial, write
from weather import Met, deliver, run

from kalshi_ext.sandbox import Sandbox


def late(lag: float, some: list[Weather]) -> Tally:
    """Live late arrivals against an exchange whose reads lag."""
    with exchange("seconds", settings={"read_lag_seconds": lag}) as box:
        return asyncio.run(run(box, some, at_once=30))


def test_a_request_that_arrives_late_is_found_or_refused_and_never_doubled() -> None:
    lagging = [one for one in late_copies() if one.late in (LATE[1], LATE[-1])]
    tally = side_by_side(partial(late, 0, late_copies()), partial(late, 1.0, lagging))
    assert tally.faults == []
    assert tally.fired == tally.cases == len(WRITES) * (len(LATE) + 2)


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


def outlived(dedupe: str, found: dict[str, list[str]]) -> Tally:
    """Do the above in a mode of the exchange that takes timestamps for a minute."""
    with exchange(dedupe, clock_tolerance=60.0) as box:
        found[dedupe] = asyncio.run(outlive(box))
    return Tally()


def test_a_copy_that_outlives_the_signature_life_is_beyond_the_promise() -> None:
    # The client was told two seconds. Where the id is forgotten too, the copy makes a second
    # order: this is why signature_life must not be too short. Where ids are kept it is refused.
    found: dict[str, list[str]] = {}
    side_by_side(*(partial(outlived, dedupe, found) for dedupe in ("seconds", "forever")))
    assert found == {"seconds": ["canceled", "resting"], "forever": ["canceled"]}
