"""The client in hostile worlds: what it tells is true of the books, whatever they do to it.

A bounded selection; `make hostile` runs many (scripts/hostile.py), and replays one by its text.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from hostile_bot import connect
from hostile_draws import draw_scenarios
from hostile_freedoms import Fault, Freedoms
from hostile_journals import journals
from hostile_judge import judge
from hostile_scenario import Run, Scenario, Step, changed, play_all

SCENARIOS = draw_scenarios(36, 20261126)


# Worlds in which a client was dishonest once, each the smallest that shows it.
REGRESSIONS = (
    # any 2xx was taken for "everything is cancelled"
    Scenario((Step("place"), Step("cancel_all")), faults=(Fault("cancel", "stolen"),)),
    # a group that was made was told as not sent, as its list was answered with {}
    Scenario(
        (Step("create_group"),),
        Freedoms(empty_list="empty_object"),
        (Fault("group", "bare", nth=1),),
    ),
    # a wrong Date header narrowed the search, and the order was outside
    Scenario(
        (Step("place"),),
        Freedoms(contract="classic", date="hour_ahead"),
        (Fault("create", "bare"),),
        client="sync",
        resend_within=0.5,
    ),
    # an order that ended after the change was told as closed, which denied the change
    Scenario(
        (Step("place"), Step("decrease_to")),
        Freedoms(meanwhile="filled"),
        (Fault("change", "nothing_said"),),
    ),
    # the 404 of a single cancel denied what the batch before it had done
    Scenario(
        (Step("place"), Step("cancel_many")),
        Freedoms(contract="classic", order_get="404"),
        (Fault("cancel", "lose_answer"),),
    ),
    # and so did another refusal of it
    Scenario(
        (Step("place"), Step("cancel_many")),
        Freedoms(order_get="404"),
        (Fault("cancel", "lose_answer"), Fault("cancel", "paused", nth=2, times=3)),
    ),
    # what the create was answered was taken for the answer to the amend
    Scenario(
        (Step("place"), Step("amend")),
        Freedoms(contract="classic", fill="all"),
        (Fault("change", "swap"),),
        client="sync",
    ),
    # a group went again at once while a copy of it, refused as too early, was kept: two groups
    Scenario(
        (Step("create_group"),),
        faults=(Fault("group", "copy_later", nth=1, seconds=0.9),),
        client="sync",
        clock_step=(0, 2.0),
    ),
    # any 2xx was taken for "the group is deleted"
    Scenario(
        (Step("create_group"), Step("delete_group")), faults=(Fault("group", "stolen", nth=2),)
    ),
    # an order that was to die with its deadline lived as long as this machine's clock was ahead
    *(
        Scenario(
            (Step(word, deadline=2.5, expires=True, aware=aware),),
            Freedoms(contract=contract, clock_ahead=-90_000.0),
            client=client,
            journal="memory",
        )
        for word, aware, contract, client in (
            ("place", False, "current", "sync"),
            ("place", True, "current", "async"),
            ("place", False, "classic", "async"),
            ("place_many", False, "classic", "sync"),
        )
    ),
    # a late copy of a change whose answer was lost undid the next one of the same state
    *(
        Scenario(
            (*before, Step(first), Step(second, state=1)),
            faults=(Fault(on, "delay", nth=nth, seconds=0.9),),
            client=client,
        )
        for before, on, nth, first, second, client in (
            ((Step("create_group"),), "group", 2, "reset_group", "trigger_group", "sync"),
            ((Step("create_group"),), "group", 2, "trigger_group", "reset_group", "async"),
            ((Step("create_group"),), "group", 2, "set_limit", "set_limit", "async"),
            ((), "setting", 0, "set_netting", "set_netting", "sync"),
            ((), "setting", 0, "set_allocation", "set_allocation", "async"),
        )
    ),
    # and so did that of an amend whose own time was over
    *(
        Scenario(
            (Step("place"), Step("amend", deadline=0.2), Step(second, state=1)),
            Freedoms(contract=contract),
            (Fault("change", "delay", seconds=0.9),),
            client=client,
        )
        for second, contract, client in (
            ("amend", "current", "async"),
            ("amend", "classic", "sync"),
            ("decrease_to", "current", "sync"),
        )
    ),
    # a refused write was told as unknown, and was not open, where its client was closed meanwhile
    *(
        Scenario(
            (Step(word, closed_after=0.02),),
            faults=(Fault(on, "limited", times=9),),
            client=client,
        )
        for word, on, client in (
            ("place", "create", "sync"),
            ("place_many", "create", "async"),
            ("transfer", "transfer", "sync"),
            ("transfer", "transfer", "async"),
        )
    ),
)


def play_here(scenarios: list[Scenario], folder: Path) -> list[Run]:
    """Run scenarios, each on a journal of its own."""
    with journals(scenarios, folder) as places:
        return asyncio.run(play_all(scenarios, connect, places))


def dishonesties(runs: list[Run]) -> list[str]:
    """Return what is dishonest in runs, with the scenario that shows it."""
    return [f"{found} in {changed(run.scenario)}" for run in runs for found in judge(run)]


def test_whatever_a_world_does_the_caller_is_told_the_truth(tmp_path: Path) -> None:
    # All at once, for worlds mostly wait.
    runs = play_here(SCENARIOS, tmp_path)
    assert dishonesties(runs) == []
    assert sum(sum(run.struck.values()) for run in runs) > len(SCENARIOS) / 2


def test_what_was_dishonest_once_is_honest_now(tmp_path: Path) -> None:
    assert dishonesties(play_here([*REGRESSIONS], tmp_path)) == []
