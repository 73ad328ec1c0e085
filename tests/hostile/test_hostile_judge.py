"""The judge can fail: for each broken client it finds the dishonesty that is in it."""

from __future__ import annotations

import asyncio
from typing import Any

import broken_clients as broken
import broken_money as money
import pytest
from broken_clients import Naive, connect_broken
from hostile_draws import WRITES
from hostile_freedoms import Fault, Freedoms
from hostile_judge import KINDS, judge
from hostile_scenario import Run, Scenario, Step, play_all
from hostile_unkeyed import CHANGES
from hostile_unkeyed import OPERATIONS as UNKEYED

PLACE = (Step("place"),)
LOST = Fault("create", "lose_answer")  # executed
NEVER = Fault("create", "lose_request")


def world(*faults: Fault, steps: tuple[Step, ...] = PLACE, **free: Any) -> Scenario:
    """Return a scenario of one order."""
    return Scenario(steps, Freedoms(**free), faults, resend_within=0.5)


def lost(word: Any, kind: Any = "lose_answer", **free: Any) -> Scenario:
    """Return a scenario of one write of money, or of a group, whose answer is lost."""
    return world(Fault(WRITES[word], kind), steps=(Step(word),), **free)


def of_group(word: Any, kind: Any = "lose_answer") -> Scenario:
    """Return a scenario of a group and one change of it whose answer is lost."""
    return world(Fault("group", kind, nth=1), steps=(Step("create_group"), Step(word)))


def undone(first: str, second: str, *before: str) -> Scenario:
    """Return a scenario of two changes of one state; a copy of the first comes after the second."""
    before = before or ("create_group",)
    on = WRITES[first]
    late = Fault(on, "delay", nth=1 if on == "group" else 0, seconds=0.9)
    words = [Step(word) for word in before if word]
    return world(late, steps=(*words, Step(first), Step(second, state=1)))


HTML = Fault("create", "page_after", status=403)
# Each broken client, a world that deceives it, and the dishonesty that the judge must find there.
DECEIVED: tuple[tuple[type[Naive], Scenario, str], ...] = (
    (broken.SendsAgainAtOnce, world(LOST, ids="forgotten"), "double"),
    (broken.GivesUp, world(LOST), "wrong"),
    (broken.TrustsOneList, world(LOST, orders_lag=30.0), "wrong"),
    (broken.TrustsOneList, world(Fault("create", "delay", seconds=0.9)), "wrong"),
    (broken.TrustsAnEmptyObject, world(LOST, empty_list="empty_object"), "wrong"),
    (broken.TrustsTheFirstRow, world(NEVER, strangers="other"), "wrong"),
    (
        broken.TrustsTheFirstRow,
        world(Fault("create", "delay", seconds=0.9), strangers="other"),
        "foreign",
    ),
    (broken.BelievesAnyAck, world(Fault("create", "stolen")), "wrong"),
    (broken.BelievesAStatus, world(HTML), "wrong"),
    (broken.KeepsNoJournal, world(LOST), "unopened"),
    (broken.KeepsNoJournal, world(LOST), "lost"),
    (broken.TakesAConflictForARefusal, world(LOST), "wrong"),
    (broken.RaisesWhateverComes, world(LOST), "no verdict"),
    (broken.NeverLooksAgain, world(LOST), "unsettled"),
    (broken.NeverEnds, world(NEVER, steps=(Step("place", deadline=0.5),)), "endless"),
    (broken.RecoversByGuess, world(NEVER), "wrong"),
    (broken.PersistsForEver, world(NEVER), "late"),
    (
        broken.PersistsForEver,
        world(NEVER, steps=(Step("place", killed_after=0.5),)),
        "after kill",
    ),
    (broken.ForgetsWhomItTold, world(), "untold"),
    # a client that is closed meanwhile, a second one beside it, an expiry, and a moment
    (money.SaysThatItWasClosed, world(LOST, steps=(Step("place", closed_after=0.1),)), "wrong"),
    (broken.RecoversByGuess, world(NEVER, steps=(Step("place", beside="recover"),)), "wrong"),
    (broken.Naive, world(steps=(Step("place", deadline=2.5, expires=True),)), "late"),
    (broken.NeverEnds, world(NEVER, steps=(Step("place", deadline=0.5, aware=True),)), "endless"),
    # money under a key
    (money.NaiveMoney, lost("transfer"), "wrong"),
    (money.TakesANewKey, lost("transfer"), "double"),
    (money.TakesSilenceForYes, lost("transfer", "lose_request"), "wrong"),
    (money.KeepsNothingOpen, lost("transfer"), "unopened"),
    (money.KeepsNothingOpen, lost("transfer"), "lost"),
    (money.KeepsItOpenForEver, lost("transfer"), "unsettled"),
    # what has no key
    *((money.NaiveMoney, lost(word), "wrong") for word in UNKEYED),
    *((money.SendsMoneyAgain, lost(word, transfer_keys="ignored"), "double") for word in UNKEYED),
    *((money.TakesSilenceForYes, lost(word, "lose_request"), "wrong") for word in UNKEYED),
    *((money.KeepsNothingOpen, lost(word), "unopened") for word in UNKEYED),
    *((money.KeepsNothingOpen, lost(word), "lost") for word in UNKEYED),
    # what is done to a group
    *((money.NaiveMoney, of_group(word), "wrong") for word in CHANGES),
    *((money.TakesSilenceForYes, of_group(word, "lose_request"), "wrong") for word in CHANGES),
    # a late copy of what came before undoes what was told done
    *(
        (money.SendsMoneyAgain, undone(*words), "wrong")
        for words in (
            ("reset_group", "trigger_group"),
            ("trigger_group", "reset_group"),
            ("set_limit", "set_limit"),
            ("set_netting", "set_netting", ""),
            ("set_allocation", "set_allocation", ""),
        )
    ),
    *(
        (broken.AmendsAfterALostOne, undone(*words, "place"), "wrong")
        for words in (("amend", "amend"), ("amend", "decrease_to"), ("decrease_to", "amend"))
    ),
)
NAMES = [
    f"{kind.__name__}-{scenario.steps[-1].word}-{found.replace(' ', '-')}"
    for kind, scenario, found in DECEIVED
]


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Run every broken client in the world that deceives it, many side by side."""
    kinds, scenarios, _ = zip(*DECEIVED, strict=True)
    # Not all: some worlds deceive by a second, which a busy machine may take.
    return asyncio.run(play_all(list(scenarios), connect_broken, list(kinds), at_once=20))


@pytest.mark.parametrize("number", range(len(DECEIVED)), ids=NAMES)
def test_the_judge_finds_what_a_broken_client_does_wrong(number: int, runs: list[Run]) -> None:
    assert DECEIVED[number][2] in {found.kind for found in judge(runs[number])}


def test_a_broken_client_stands_for_every_kind_of_dishonesty() -> None:
    assert {found for _, _, found in DECEIVED} == set(KINDS)
