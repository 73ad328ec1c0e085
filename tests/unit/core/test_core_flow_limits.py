"""How long a call may go on, what keeps an attempt here, and how that is told."""

from __future__ import annotations

import math
from typing import Any

import core_samples as core
import pytest
from attrs import evolve

from kalshi_ext import errors
from kalshi_ext.arguments import LONGEST_WAIT
from kalshi_ext.events import AttemptLost, Events, WriteDenied
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import CallLimits, Effect, begin_call
from kalshi_ext.protocol.limits import ALL, checked_deadline
from kalshi_ext.protocol.messages import Lost, Operation, Reply

BEGAN = core.EPOCH
QUEUED = Lost(False, "every connection is busy", core.EPOCH, queued=True)


def test_the_policy_is_the_one_that_the_docs_promise() -> None:
    policy = Policy()
    assert (policy.timeout, policy.attempts, policy.rounds, policy.resend) == (10, 4, 3, True)
    assert (policy.signature_life, policy.resolve_within, policy.resend_within) == (60, 180, 5)
    assert (policy.poll, policy.poll_ceiling, policy.read_lag) == (0.25, 5, 10)


LIMITS = {"deadline": 200.0, "resend_until": 105.0}


@pytest.mark.parametrize(
    ("known", "attempts", "now", "read", "write"),
    [
        (LIMITS, 0, 199.9, None, None),
        (LIMITS, 0, 200.0, "deadline", "deadline"),
        (LIMITS, 1, 105.0, None, None),
        (LIMITS, 1, 105.1, None, "5 s have passed"),
        ({}, 0, 279.9, None, None),
        ({}, 0, 280.0, "the 180 s that", None),  # only its caller may say so of the first
        ({}, 1, 279.9, None, None),
        ({}, 1, 280.0, "the 180 s that", "the 180 s that"),
    ],
)
def test_a_call_ends_at_its_deadline_at_its_end_and_for_a_repeat_when_it_is_old(
    known: dict[str, float], attempts: int, now: float, read: str | None, write: str | None
) -> None:
    limits = CallLimits(100.0, 280.0, attempts=attempts, **known)
    for expected, reason in ((read, limits.refusal(now)), (write, limits.write_refusal(now))):
        assert reason is None if expected is None else expected in (reason or "")


def test_an_attempt_may_take_its_usual_time_or_what_the_deadline_leaves() -> None:
    limits = CallLimits(100.0, 280.0, deadline=200.0)
    assert [limits.timeout(10.0, now) for now in (100.0, 190.0, 195.0)] == [10.0, 10.0, 5.0]


@pytest.mark.parametrize("names_price", [None, False, True])
def test_only_what_names_a_price_grows_old(*, names_price: bool | None) -> None:
    named = {} if names_price is None else {"names_price": names_price}
    limits = core.ScriptedDriver([]).run(begin_call(Context(), **named))
    assert limits.ends == BEGAN + 180
    assert limits.resend_until == (BEGAN + 5 if names_price else math.inf)
    assert not Context().shared_journal


def test_a_deadline_may_be_as_long_as_the_longest_wait() -> None:
    assert checked_deadline(LONGEST_WAIT) == LONGEST_WAIT
    with pytest.raises(errors.Misuse, match="deadline"):
        checked_deadline(LONGEST_WAIT * 1.001)


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(400, False), (408, True), (409, False), (428, False), (429, True), (499, False), (500, True)],
)
def test_only_what_is_a_trouble_is_told_to_the_log(
    status: int, caplog: pytest.LogCaptureFixture, *, trouble: bool
) -> None:
    call, context = core.call(core.WRITE), core.context(attempts=1)
    core.ScriptedDriver([core.refused(status)]).run(flow.send_with_retries(call, context))
    assert bool(caplog.records) is trouble


# What keeps an attempt here


def told_by(
    operation: Operation, outcomes: list[Reply | Lost], limits: CallLimits | None, stopped: bool
) -> list[Any]:
    told: list[Any] = []
    context = evolve(core.context(attempts=1), events=Events(told.append))
    if limits is not None and stopped:
        limits.stops.add([ALL], "orders.cancel_all", 0.0)
    driver = core.ScriptedDriver(outcomes)
    driver.run(flow.send_with_retries(core.call(operation), context, limits=limits))
    return told[1:] if len(told) > 1 else told


KEPT = Lost(False, "the deadline of the call has passed", BEGAN + 10)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (KEPT, WriteDenied),
        (evolve(KEPT, reason="refused"), AttemptLost),  # a connection that could not be made
        (evolve(KEPT, sent_at=BEGAN + 9), AttemptLost),  # before the deadline
        (evolve(KEPT, bytes_sent=True), AttemptLost),
    ],
)
def test_what_a_deadline_kept_once_it_had_a_connection_is_told_as_denied(
    outcome: Lost, kind: type[Any]
) -> None:
    limits = CallLimits(BEGAN, BEGAN + 180, deadline=BEGAN + 10)
    (event,) = told_by(core.WRITE, [outcome], limits, stopped=False)
    assert type(event) is kind
    assert event.reason == outcome.reason
    if kind is WriteDenied:
        assert event.code == "limit"


def test_what_a_stop_keeps_is_told_as_stopped() -> None:
    (event,) = told_by(core.WRITE, [], CallLimits(BEGAN, BEGAN + 180, scopes=(ALL,)), stopped=True)
    assert (type(event), event.code) == (WriteDenied, "stop")
    assert event.reason == "orders.cancel_all was called meanwhile"


def test_a_read_that_its_deadline_keeps_is_not_told_as_stopped() -> None:
    limits = CallLimits(BEGAN, BEGAN + 180, deadline=BEGAN, scopes=(ALL,))
    (event,) = told_by(core.READ, [], limits, stopped=True)
    assert (type(event), event.code) == (WriteDenied, "limit")


def test_a_connection_is_waited_for_in_short_turns_and_not_for_ever() -> None:
    driver = core.ScriptedDriver([QUEUED] * 99)
    limits = CallLimits(BEGAN, BEGAN + 180)
    steps = flow.send_with_retries(core.call(core.WRITE), core.context(attempts=4), limits=limits)
    outcome = driver.run(steps)
    assert isinstance(outcome, Lost)
    turns = [send.wait for send in driver.sends]
    assert turns == [3.0] * 15 * 4  # 45 s an attempt, of 180 in all


# The words of an attempt that was not made


class SlowDriver(core.ScriptedDriver):
    """Every effect takes two seconds, as on a busy machine."""

    def _perform(self, effect: Effect) -> Any:
        self.time += 2.0
        return super()._perform(effect)


def test_a_read_whose_repeat_comes_too_late_was_sent_and_says_why_both_ended() -> None:
    policy = Policy(backoff=core.no_jitter(first=0.0))
    limits = CallLimits(BEGAN, BEGAN + 180, deadline=BEGAN + 9)
    driver = SlowDriver([core.lost(bytes_sent=True)])
    with pytest.raises(errors.NoAnswer, match="took too long; the deadline of the call has passed"):
        driver.run(flow.request(core.call(core.READ), Context(policy=policy), limits=limits))


def test_an_expired_timestamp_after_an_attempt_says_that_a_copy_may_still_be_accepted() -> None:
    body = {"error": {"code": "header_timestamp_expired", "message": "no"}}
    reply = evolve(core.reply(401, body), maybe_executed=True)
    with pytest.raises(errors.OutcomeUnknown, match="or a copy of this one be accepted later"):
        flow.decode_response(core.call(core.WRITE), reply, Context())
    reply = evolve(core.refused(400), maybe_executed=True)
    with pytest.raises(errors.OutcomeUnknown, match=r"may have been executed \(do"):
        flow.decode_response(core.call(core.WRITE), reply, Context())


def test_reads_are_spaced_out_by_each_429_and_less_so_by_each_answer() -> None:
    context = Context(policy=Policy(backoff=core.no_jitter(first=0.0)))
    answers = [core.THROTTLED, core.THROTTLED, core.reply(200, {})]
    core.ScriptedDriver([*answers]).run(flow.request(core.call(core.READ), context))
    assert context.throttle.interval == pytest.approx(0.05 * 2 * 0.98)
    core.ScriptedDriver([core.reply(201, {})]).run(flow.request(core.call(core.WRITE), context))
    assert context.throttle.interval == pytest.approx(0.05 * 2 * 0.98)  # a write is none
