"""Rules decide by count and seed, the same way every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.sandbox.faults import Plan, Rule

_COUNTS = st.integers(0, 6)


def _fires(plan: Plan, requests: int, name: str = "GetBalance") -> list[bool]:
    return [plan.take("answer", names=(name,)) is not None for _ in range(requests)]


@given(skip=_COUNTS, times=_COUNTS, every=st.integers(1, 4))
def test_skip_every_and_times_choose_exactly_these_requests(
    skip: int, times: int, every: int
) -> None:
    plan = Plan()
    plan.add(Rule.from_data({"kind": "html", "skip": skip, "times": times, "every": every}))
    due = list(range(skip, 40, every))[:times]
    assert [at for at, fired in enumerate(_fires(plan, 40)) if fired] == due


@given(seed=st.integers(), chance=st.floats(0, 1))
def test_chance_is_the_same_for_the_same_seed(seed: int, chance: float) -> None:
    runs = []
    for _ in range(2):
        plan = Plan(seed=seed)
        plan.add(Rule.from_data({"kind": "html", "times": None, "chance": chance}))
        runs.append(_fires(plan, 30))
    assert runs[0] == runs[1]
    if chance in (0, 1):
        assert set(runs[0]) == {bool(chance)}


@given(st.lists(st.sampled_from(["GetBalance", "GetFills", "CreateOrderV2"]), max_size=30))
def test_other_operations_neither_count_nor_meet_the_fault(names: list[str]) -> None:
    plan = Plan()
    rule = plan.add(Rule.from_data({"kind": "html", "operation": "get*, x", "times": None}))
    met = [name for name in names if plan.take("answer", names=(name,))]
    assert met == [name for name in names if name.startswith("Get")]
    assert rule.seen == rule.fired == len(met)


def test_the_first_rule_that_fires_acts_and_the_later_ones_still_count() -> None:
    plan = Plan()
    first = plan.add(Rule.from_data({"kind": "html", "skip": 1}))
    second = plan.add(Rule.from_data({"kind": "throttle", "times": None}))
    acted = [plan.take("answer", names=("GetFills",)) for _ in range(3)]
    assert acted == [second, first, second]
    assert (first.seen, second.seen) == (3, 3)


def test_a_network_rule_does_not_act_inside_the_exchange() -> None:
    plan = Plan()
    plan.add(Rule.from_data({"kind": "silence"}))
    assert plan.take("answer", names=("GetFills",)) is None
    assert plan.take("network", names=("GetFills",)) is not None
