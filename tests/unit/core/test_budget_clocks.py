"""A shared budget whose server's clock is set, judged by the exchange's own bucket."""

from __future__ import annotations

import heapq

import pytest

from kalshi_ext.budget.store import Demand, Row, WatchedClock


@pytest.mark.parametrize("steps", [(), (7200.0,), (-7200.0,), (7200.0, 3600.0, -86400.0)])
def test_a_shared_budget_keeps_the_limit_and_starves_none_whatever_its_clock_does(
    steps: tuple[float, ...],
) -> None:
    # Judged by the exchange's own bucket, which knows nothing of rows, waits and holds.
    rate, capacity, machines = 100.0, 100.0, 3
    row, clocks, level, seen, offset = (
        None,
        [WatchedClock() for _ in range(machines)],
        100.0,
        0.0,
        0.0,
    )
    sent, refused, turns = [0] * machines, 0, [(0.01 * n, n, 0.0) for n in range(machines)]
    later = [(5.0 * (n + 1), step) for n, step in enumerate(steps)]
    while turns:
        now, machine, tokens = heapq.heappop(turns)
        level, seen = min(capacity, level + (now - seen) * rate), now
        refused += tokens > level + 1e-6
        level -= min(tokens, level)
        sent[machine] += int(tokens)
        while later and later[0][0] < now:
            offset += later.pop(0)[1]
        if now > 20:
            continue
        told = now + offset
        demand = Demand(
            bucket="b", owner=str(machine), rate=rate, capacity=capacity, cost=10, want=20
        )
        row = row or Row.full(demand, told)
        if step := clocks[machine].step(told, now, now):
            row.step_forward(step, told)
        grant = row.grant(demand, told)
        heapq.heappush(turns, (now + grant.wait, machine, grant.tokens))
    assert refused == 0
    assert min(sent) > 0.8 * max(sent)
    assert sum(sent) > 0.8 * 20 * rate
