"""Rules decide by count and seed, the same way every time."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.faults import CATALOGUE, FaultPlan, FaultRule

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_COUNTS = st.integers(0, 6)


def _fires(plan: FaultPlan, requests: int, name: str = "GetBalance") -> list[bool]:
    return [plan.due_rule("answer", names=(name,)) is not None for _ in range(requests)]


@UNTIMED
@given(skip=_COUNTS, times=_COUNTS, every=st.integers(1, 4))
def test_skip_every_and_times_choose_exactly_these_requests(
    skip: int, times: int, every: int
) -> None:
    plan = FaultPlan()
    plan.add(FaultRule.from_data({"kind": "html", "skip": skip, "times": times, "every": every}))
    due = list(range(skip, 40, every))[:times]
    assert [at for at, fired in enumerate(_fires(plan, 40)) if fired] == due


@UNTIMED
@given(seed=st.integers(), chance=st.floats(0, 1))
def test_chance_is_the_same_for_the_same_seed(seed: int, chance: float) -> None:
    runs = []
    for _ in range(2):
        plan = FaultPlan(seed=seed)
        plan.add(FaultRule.from_data({"kind": "html", "times": None, "chance": chance}))
        runs.append(_fires(plan, 30))
    assert runs[0] == runs[1]
    if chance in (0, 1):
        assert set(runs[0]) == {bool(chance)}


@UNTIMED
@given(st.lists(st.sampled_from(["GetBalance", "GetFills", "CreateOrderV2"]), max_size=30))
def test_other_operations_neither_count_nor_meet_the_fault(names: list[str]) -> None:
    plan = FaultPlan()
    rule = plan.add(FaultRule.from_data({"kind": "html", "operation": "get*, x", "times": None}))
    met = [name for name in names if plan.due_rule("answer", names=(name,))]
    assert met == [name for name in names if name.startswith("Get")]
    assert rule.seen == rule.fired == len(met)


def test_the_first_rule_that_fires_acts_and_the_later_ones_still_count() -> None:
    plan = FaultPlan()
    first = plan.add(FaultRule.from_data({"kind": "html", "skip": 1}))
    second = plan.add(FaultRule.from_data({"kind": "throttle", "times": None}))
    acted = [plan.due_rule("answer", names=("GetFills",)) for _ in range(3)]
    assert acted == [second, first, second]
    assert (first.seen, second.seen) == (3, 3)


def test_a_network_rule_does_not_act_inside_the_exchange() -> None:
    plan = FaultPlan()
    plan.add(FaultRule.from_data({"kind": "silence"}))
    assert plan.due_rule("answer", names=("GetFills",)) is None
    assert plan.due_rule("network", names=("GetFills",)) is not None


def test_every_default_of_the_catalogue_is_one_it_would_take() -> None:
    for name, kind in CATALOGUE.items():
        FaultRule.from_data({"kind": name, **kind.parameters})


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)
)
_JSON = st.recursive(_VALUES, lambda inner: st.lists(inner, max_size=2))


@UNTIMED
@given(data=st.data(), kind=st.sampled_from(sorted(CATALOGUE)))
def test_whatever_a_rule_is_told_it_refuses_or_can_decide(data: st.DataObject, kind: str) -> None:
    own = ("operation", "account", "skip", "times", "every", "chance")
    names = st.sampled_from([*own, *CATALOGUE[kind].parameters])
    values = data.draw(st.dictionaries(names, _JSON, max_size=3))
    plan, refusal = FaultPlan(), ""
    try:
        plan.add(FaultRule.from_data({"kind": kind, **values}))
    except Misuse as refused:
        refusal = str(refused).partition(", not ")[0]
    for _ in range(3):
        plan.due_rule(CATALOGUE[kind].layer, names=("GetFills",), account="trader")
    assert plan.rules or any(name in refusal for name in values)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"kind": "html", "every": 0}, "every: a whole number from 1, not 0"),
        ({"kind": "html", "times": "many"}, "times: a whole number from 0, or null"),
        ({"kind": "html", "chance": 2}, "chance: a number from 0 to 1, not 2"),
        ({"kind": "html", "status": "bad"}, "html: status: a status from 200 to 599, not 'bad'"),
        ({"kind": "drip", "size": 0}, "drip: size: a whole number from 1, not 0"),
        ({"kind": "reset_response", "at": None}, "reset_response: at: a whole number from 0"),
        ({"kind": "delay", "where": "both"}, "delay: where: request or response, not 'both'"),
        ({"kind": "before", "commands": [{}]}, "before: commands: a list of"),
        ({"kind": ["html"]}, "kind: one of html"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_rule(
    rule: dict[str, object], complaint: str
) -> None:
    with pytest.raises(Misuse, match=re.escape(complaint)):
        FaultRule.from_data(rule)
