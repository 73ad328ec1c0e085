"""Flows side by side on threads: their answers are read in the order in which they were started."""

from __future__ import annotations

from threading import Event
from typing import Any, cast

import pytest
from attrs import define, field

from kalshi_ext.protocol.flow import Flow
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.transport import side_by_side
from kalshi_ext.transport.side_by_side import Running

COUNT = 4


@define
class HeldAnswers:
    """A driver whose answers come when a test lets them; `read` tells what flows did with them."""

    status: int = 200
    gates: list[Event] = field(factory=lambda: [Event() for _ in range(COUNT)])
    answered: list[Event] = field(factory=lambda: [Event() for _ in range(COUNT)])
    read: list[int] = field(factory=list[int])

    def run(self, steps: Flow[int]) -> int:
        number = cast("int", next(steps))
        self.gates[number].wait(10)
        self.answered[number].set()
        try:
            steps.send(Reply(self.status, {}, b"", 0.0, 0.0))
        except StopIteration as stop:
            return cast("int", stop.value)
        raise AssertionError("it has one answer")


def flow(driver: HeldAnswers, number: int) -> Any:
    reply = cast("Reply", (yield number))
    driver.read.append(number)
    if reply.status == 500:
        raise ValueError(number)
    return number


def started(driver: HeldAnswers) -> Running[int, int]:
    running = Running[int, int](cast("Any", driver), COUNT)
    for number in range(COUNT):
        running.start(number, flow(driver, number))
    return running


def results(running: Running[int, int], count: int = COUNT) -> dict[int, Any]:
    found: dict[int, Any] = {}
    while len(found) < count:
        found |= dict(running.wait())
    return found


def answer_backwards(driver: HeldAnswers) -> None:
    for gate, answered in zip(reversed(driver.gates), reversed(driver.answered), strict=True):
        gate.set()
        assert answered.wait(10)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "PATIENCE", 30.0)


@pytest.mark.usefixtures("patient")
def test_answers_are_read_in_the_order_of_their_flows_whichever_comes_first() -> None:
    driver = HeldAnswers()
    running = started(driver)
    answer_backwards(driver)
    assert results(running) == {number: number for number in range(COUNT)}
    assert driver.read == list(range(COUNT))
    running.close()


@pytest.mark.usefixtures("patient")
def test_a_refusal_waits_for_no_answer_before_it() -> None:
    driver = HeldAnswers(status=500)
    running = started(driver)
    driver.gates[3].set()
    assert list(results(running, 1)) == [3]
    answer_backwards(driver)
    assert sorted(results(running, 3)) == [0, 1, 2]
    running.close()


@pytest.mark.usefixtures("patient")
def test_a_flow_that_fails_gives_its_turn_on() -> None:
    driver = HeldAnswers()
    running = Running[int, int](cast("Any", driver), COUNT)

    def refused() -> Any:
        raise ValueError("no request")
        yield

    running.start(-1, refused())
    for number in range(COUNT):
        running.start(number, flow(driver, number))
    answer_backwards(driver)
    found = results(running, COUNT + 1)
    assert isinstance(found[-1], ValueError)
    assert driver.read == list(range(COUNT))
    running.close()


def test_an_answer_that_is_late_keeps_the_others_for_a_while_only() -> None:
    driver = HeldAnswers()
    running = started(driver)
    for gate in driver.gates[1:]:
        gate.set()
    assert sorted(results(running, COUNT - 1)) == [1, 2, 3]
    driver.gates[0].set()
    assert results(running, 1) == {0: 0}
    running.close()
