"""A late copy of a group's reset, or of another wanted state, does not undo what came after it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import core_clients as clients
import core_samples as core
import fake_exchange as ex
import httpx
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal.in_flight import StrayWrites
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import Effect, Flow, Send, Sleep
from kalshi_ext.protocol.messages import Call

LOST = core.lost(bytes_sent=True)
DONE = core.reply(200, {})
GROUP = ("group", "g1")
RESET = core.CURRENT.order_groups.reset("g1", None, None)
TRIGGER = core.CURRENT.order_groups.trigger("g1", None, None)


def limit(contracts: int, group: str = "g1") -> Call[None]:
    return core.CURRENT.order_groups.set_limit(group, Decimal(contracts), None, None)


def exchange_of(*answers: Any) -> ex.FakeExchange:
    exchange = ex.FakeExchange([ex.once(*answers, method="PUT"), ex.always(DONE, method="PUT")])
    exchange.context = Context(policy=Policy(backoff=core.no_jitter(first=0.0)))
    return exchange


def flow_of(exchange: ex.FakeExchange, call: Call[Any], **options: Any) -> Flow[Any]:
    stops = GROUP if call.operation.facade == "order_groups.trigger" else None
    name = call.request.path.split("/")[3]
    return writes.send_idempotent(
        call, exchange.context, stops=stops, state_of=("group", name), **options
    )


def send(exchange: ex.FakeExchange, *calls: Call[Any], **options: Any) -> list[float]:
    """Send calls one after the other; return how long each took, in seconds."""
    took: list[float] = []
    for call in calls:
        began = exchange.time
        exchange.run(flow_of(exchange, call, **options))
        took.append(exchange.time - began)
    return took


def words(exchange: ex.FakeExchange) -> list[str]:
    return [each.path.rpartition("/")[2] for each in exchange.sent("PUT")]


STRAY = core.reply(200, {"order_id": "another"})


@pytest.mark.parametrize("unproven", [LOST, core.reply(502, b"<html>"), STRAY])
def test_a_trigger_is_sent_at_once_and_has_the_last_word_over_a_late_reset(unproven: Any) -> None:
    exchange = exchange_of(unproven)
    repeated, took = send(exchange, RESET, TRIGGER)
    assert words(exchange) == ["reset", "reset", "trigger", "trigger"]
    assert repeated < 1
    assert 60 < took < 70


def test_a_trigger_after_an_answered_reset_is_sent_once() -> None:
    exchange = exchange_of()
    assert max(send(exchange, RESET, TRIGGER, RESET, limit(9), limit(5))) < 1
    assert words(exchange) == ["reset", "trigger", "reset", "limit", "limit"]


@pytest.mark.parametrize(("first", "then"), [(limit(9), limit(5)), (TRIGGER, RESET)])
def test_what_is_no_stop_is_sent_when_nothing_earlier_can_arrive(
    first: Call[None], then: Call[None]
) -> None:
    exchange = exchange_of(LOST)
    took = send(exchange, first, then, then)
    assert took[0] < 1
    assert 60 < took[1] < 70
    assert took[2] < 1  # nothing is left of the first
    assert len(words(exchange)) == 4


@pytest.mark.parametrize("then", [limit(9), limit(5, "another")])
def test_a_late_copy_that_wants_the_same_or_another_thing_keeps_nobody_waiting(
    then: Call[None],
) -> None:
    exchange = exchange_of(LOST)
    assert max(send(exchange, limit(9), then)) < 1


def test_a_copy_is_remembered_over_a_repeat_that_was_answered() -> None:
    exchange = exchange_of(LOST)
    assert send(exchange, RESET, RESET, TRIGGER)[2] > 60


def test_a_trigger_whose_time_is_over_says_that_the_reset_may_still_arrive() -> None:
    exchange = exchange_of(LOST)
    send(exchange, RESET)
    with pytest.raises(errors.OutcomeUnknown, match=r"done, but .*order_groups.reset may still"):
        send(exchange, TRIGGER, deadline=5.0)
    assert words(exchange) == ["reset", "reset", "trigger"]
    assert exchange.waited <= 5


def test_what_cannot_wait_long_enough_is_not_sent() -> None:
    exchange = exchange_of(LOST)
    send(exchange, limit(9))
    with pytest.raises(errors.NotSent, match=r"an earlier order_groups\.set_limit may"):
        send(exchange, limit(5), deadline=5.0)
    assert len(words(exchange)) == 2


def test_a_trigger_ends_what_waits_for_an_earlier_copy() -> None:
    exchange = exchange_of(LOST)
    send(exchange, limit(9))
    flow = flow_of(exchange, limit(5))
    exchange.run_until(flow, sleeps_after(exchange, 3))
    exchange.context.stops.add([GROUP], "order_groups.trigger", exchange.monotonic())
    with pytest.raises(errors.NotSent, match=r"order_groups.trigger was called meanwhile"):
        exchange.run(resumed(flow, exchange))
    assert len(words(exchange)) == 2


def sends(effect: Effect) -> bool:
    return isinstance(effect, Send)


def sleeps_after(exchange: ex.FakeExchange, seconds: float) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, Sleep) and exchange.time > core.EPOCH + seconds


def resumed(flow: Flow[Any], exchange: ex.FakeExchange) -> Flow[Any]:
    """Go on with a flow that stands before an effect that sleeps."""
    try:
        while True:
            effect = flow.send(None)
            while True:
                effect = flow.send((yield effect))
    except StopIteration as finished:
        return finished.value


@pytest.mark.parametrize("unanswered", [False, True])
def test_a_reset_that_was_interrupted_may_arrive_from_then_on(unanswered: bool) -> None:
    exchange = exchange_of(*([LOST] * 9 if unanswered else []))
    if unanswered:
        with pytest.raises(errors.OutcomeUnknown):
            send(exchange, RESET)
    else:
        flow = flow_of(exchange, RESET)
        exchange.run_until(flow, sends)
        flow.close()
        exchange.time += 300.0  # nobody knows whether it left right before
    exchange.handlers.pop(0)
    assert send(exchange, TRIGGER)[0] > 60
    assert send(exchange, TRIGGER)[0] < 1


def test_a_trigger_waits_for_a_reset_that_another_thread_sends_and_is_sent_once_more() -> None:
    exchange = exchange_of()
    reset = flow_of(exchange, RESET)
    exchange.run_until(reset, sends)
    trigger = flow_of(exchange, TRIGGER)
    exchange.run_until(trigger, sleeps_after(exchange, 2))
    with pytest.raises(StopIteration):
        reset.send(exchange._dated(DONE))
    exchange.run(resumed(trigger, exchange))
    assert words(exchange) == ["trigger", "trigger"]


def test_a_reset_beside_a_trigger_that_waits_is_sent_after_its_last_word() -> None:
    exchange = exchange_of(LOST)
    send(exchange, RESET)
    trigger, reset = flow_of(exchange, TRIGGER), flow_of(exchange, RESET)
    exchange.run_until(trigger, sleeps_after(exchange, 2))
    exchange.run_until(reset, sleeps_after(exchange, 4))
    exchange.run(resumed(trigger, exchange))
    exchange.run(resumed(reset, exchange))
    assert words(exchange) == ["reset", "reset", "trigger", "trigger", "reset"]


def test_what_was_interrupted_before_it_was_sent_keeps_nobody_waiting() -> None:
    exchange = exchange_of(LOST)
    send(exchange, limit(9))
    flow = flow_of(exchange, limit(5))
    exchange.run_until(flow, sleeps_after(exchange, 2))
    flow.close()
    exchange.time += 70
    assert max(send(exchange, limit(3), limit(4))) < 1


@pytest.mark.parametrize("second", [core.lost(bytes_sent=False), ex.not_found()])
def test_a_trigger_that_was_done_is_never_called_not_sent_or_refused(second: Any) -> None:
    exchange = exchange_of(LOST, DONE, DONE, *[second] * 9)
    send(exchange, RESET)
    with pytest.raises(errors.OutcomeUnknown, match="it was done, but not once more"):
        send(exchange, TRIGGER)


def test_a_reset_of_a_strange_answer_may_arrive_though_it_was_not_repeated() -> None:
    exchange = exchange_of()

    def answer(request: Any) -> Any:
        if not request.path.endswith("reset"):
            return None
        exchange.context.stops.add([GROUP], "order_groups.trigger", exchange.monotonic())
        return STRAY

    exchange.handlers.insert(0, answer)
    with pytest.raises(errors.OutcomeUnknown):
        send(exchange, RESET)
    assert send(exchange, TRIGGER)[0] > 60


def test_what_can_no_longer_arrive_is_forgotten_though_nobody_waits_for_it() -> None:
    exchange = exchange_of(*[LOST] * 90)
    for number in range(30):
        with pytest.raises(errors.OutcomeUnknown):
            send(exchange, limit(9, f"g{number}"), deadline=0.005)
        exchange.time += 70
    assert len(exchange.context.stray_writes._writes) <= 2


def test_a_write_whose_end_an_interrupt_cut_off_keeps_others_waiting_for_a_minute() -> None:
    exchange = exchange_of()
    reset = flow_of(exchange, RESET)
    exchange.run_until(reset, sends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrayWrites, "release", lambda *_: None)
        reset.close()
    del reset
    assert 60 < send(exchange, TRIGGER)[0] < 70


@pytest.mark.parametrize(
    ("call", "contract", "thing"),
    [
        (lambda c: c.order_groups.reset("g1"), "current", GROUP),
        (lambda c: c.order_groups.reset("g1"), "classic", GROUP),
        (lambda c: c.order_groups.trigger("g1"), "current", GROUP),
        (lambda c: c.order_groups.set_limit("g1", 9), "current", GROUP),
        (lambda c: c.subaccounts.set_netting(1, enabled=True), "current", ("netting", 1)),
        (
            lambda c: c.portfolio.set_target_allocation({0: 100}),
            "current",
            ("target allocation", None),
        ),
    ],
)
def test_a_client_remembers_each_wanted_state_that_may_still_arrive(
    call: Callable[[Any], Any], contract: str, thing: tuple[str, Any]
) -> None:
    held: list[Any] = []

    def holding(client: Any) -> Any:
        held.append(client)
        return call(client)

    transport = clients.RecordingTransport(lambda _: httpx.Response(503))
    results = clients.sync_and_async(holding, transport, contract=contract)
    assert core.kinds(results) == {"UnavailableWrite"}
    assert [_things(each.session.context.stray_writes) for each in held] == [[thing]] * 2


def _things(strays: StrayWrites) -> list[tuple[str, Any]]:
    return [each.state_of for each in strays._writes]
