"""When a call is sent again: the table of operations by outcomes, performed by a script."""

from __future__ import annotations

from itertools import pairwise

import core_samples as core
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import errors
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.flow import Send, Sleep
from kalshi_ext.protocol.messages import Lost, Repeat, Reply
from kalshi_ext.protocol.rate_limits import RetryQuota

WRITES = [Repeat.KEYED, Repeat.ABSOLUTE, Repeat.RELATIVE, Repeat.UNKEYED]
TRANSIENT = [408, 500, 502, 503, 504, 520, 561, 599]
FINAL = [400, 401, 403, 404, 405, 409, 410, 418, 300, 301, 304]


def sends(repeat: Repeat, outcome: Reply | Lost, **policy: object) -> int:
    """Return how often a call is sent when this outcome never changes."""
    driver = core.ScriptedDriver([outcome] * 50)
    last = driver.run(
        flow.send_with_retries(core.call(core.operation(repeat)), core.context(**policy))
    )
    assert evolve(last, maybe_executed=False) == outcome
    return len(driver.sends)


@pytest.mark.parametrize("repeat", [Repeat.READ, Repeat.CANCEL])
@pytest.mark.parametrize("status", TRANSIENT)
def test_reads_and_cancels_are_sent_again_after_failures_in_passing(
    repeat: Repeat, status: int
) -> None:
    assert sends(repeat, core.reply(status)) == 4


@pytest.mark.parametrize("repeat", WRITES)
@pytest.mark.parametrize("status", TRANSIENT)
def test_a_write_that_may_have_run_is_sent_once(repeat: Repeat, status: int) -> None:
    assert sends(repeat, core.reply(status)) == 1


@pytest.mark.parametrize("repeat", WRITES)
def test_a_write_whose_bytes_left_is_sent_once(repeat: Repeat) -> None:
    assert sends(repeat, core.lost(bytes_sent=True)) == 1


@pytest.mark.parametrize("repeat", Repeat)
def test_whatever_cannot_have_run_is_sent_again(repeat: Repeat) -> None:
    assert sends(repeat, core.lost(bytes_sent=False)) == 4
    assert sends(repeat, core.reply(429, {"error": "too many requests"})) == 4


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("status", FINAL)
def test_an_answer_that_will_not_change_is_final(repeat: Repeat, status: int) -> None:
    assert sends(repeat, core.reply(status)) == 1


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_of_whatever_status_is_final(repeat: Repeat, status: int) -> None:
    assert sends(repeat, core.reply(status)) == 1


def test_a_failing_status_that_the_contract_documents_as_an_answer_is_one() -> None:
    status = core.CURRENT.exchange.status()
    driver = core.ScriptedDriver(
        [core.reply(503, {"exchange_active": False, "trading_active": False})] * 5
    )
    answer = driver.run(flow.request(status, core.context()))
    assert len(driver.sends) == 1
    assert answer.exchange_active is False


def test_a_documented_failing_status_with_another_body_is_a_refusal() -> None:
    status = core.CURRENT.exchange.status()
    driver = core.ScriptedDriver([core.reply(503, b"<html>")])
    with pytest.raises(errors.Unavailable):
        driver.run(flow.request(status, core.context()))


MAYBE_EXECUTED = [core.lost(bytes_sent=True), core.reply(500), core.reply(520), core.reply(408)]
NOT_EXECUTED = [
    *(core.lost(bytes_sent=False), core.THROTTLED),
    *(core.refused(404, "not_found"), core.refused(403, "permission_denied")),
]


@pytest.mark.parametrize("first", MAYBE_EXECUTED)
@pytest.mark.parametrize("last", NOT_EXECUTED)
def test_a_refusal_after_an_attempt_that_may_have_run_leaves_the_outcome_unknown(
    first: Reply | Lost, last: Reply | Lost
) -> None:
    driver = core.ScriptedDriver([first, *[last] * 4])
    with pytest.raises(errors.OutcomeUnknown, match="an earlier attempt may have been executed"):
        driver.run(flow.request(core.call(core.operation(Repeat.CANCEL)), core.context()))


@pytest.mark.parametrize("first", NOT_EXECUTED[:2])
@pytest.mark.parametrize("last", [core.lost(bytes_sent=False), core.refused(404, "not_found")])
def test_a_refusal_after_attempts_that_cannot_have_run_stands(
    first: Reply | Lost, last: Reply | Lost
) -> None:
    driver = core.ScriptedDriver([first, *[last] * 4])
    with pytest.raises((errors.NotSent, errors.NotFound)):
        driver.run(flow.request(core.call(core.operation(Repeat.CANCEL)), core.context()))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"slow down"}', b'{"msg":"slow"}'])
@pytest.mark.parametrize("repeat", Repeat)
def test_a_429_that_the_exchange_did_not_write_is_repeated_only_where_anything_may_be(
    repeat: Repeat, body: bytes
) -> None:
    freely = repeat in (Repeat.READ, Repeat.CANCEL)
    assert sends(repeat, core.reply(429, body)) == (4 if freely else 1)
    assert sends(repeat, core.THROTTLED) == 4
    assert sends(repeat, core.refused(429, "too_many_requests")) == 4


@pytest.mark.parametrize("repeat", [each for each in Repeat if each is not Repeat.READ])
def test_an_expired_timestamp_told_by_somebody_else_is_not_sent_again(repeat: Repeat) -> None:
    words = {"error": "header_timestamp_expired"}
    assert sends(repeat, core.reply(401, words, date="Fri, 15 Jan 2027 08:00:00 GMT")) == 1


@pytest.mark.parametrize("last", NOT_EXECUTED)
def test_a_read_is_never_in_doubt(last: Reply | Lost) -> None:
    driver = core.ScriptedDriver([core.reply(500), *[last] * 4])
    outcome = driver.run(flow.send_with_retries(core.call(), core.context()))
    assert not outcome.maybe_executed


@pytest.mark.parametrize("code", ["order_already_exists", "transfer_already_applied"])
def test_a_key_that_is_taken_is_told_as_such_also_after_a_doubtful_attempt(code: str) -> None:
    taken = core.reply(409, {"error": {"code": code, "message": "taken"}})
    driver = core.ScriptedDriver([core.lost(bytes_sent=True), taken])
    with pytest.raises(errors.Conflict) as caught:
        driver.run(flow.request(core.call(core.operation(Repeat.CANCEL)), core.context()))
    assert caught.value.code == code


def test_the_caller_may_know_of_an_earlier_attempt_in_doubt() -> None:
    driver = core.ScriptedDriver([core.reply(400)])
    outcome = driver.run(
        flow.send_with_retries(core.call(core.WRITE), core.context(), maybe_executed=True)
    )
    assert outcome.maybe_executed


@pytest.mark.parametrize("retry", [True, False])
@pytest.mark.parametrize("repeat", Repeat)
def test_the_caller_may_say_that_an_ambiguous_attempt_can_be_repeated(
    repeat: Repeat, retry: bool
) -> None:
    for outcome in (core.lost(bytes_sent=True), core.reply(503)):
        driver = core.ScriptedDriver([outcome] * 5)
        driver.run(
            flow.send_with_retries(core.call(core.operation(repeat)), core.context(), retry=retry)
        )
        assert len(driver.sends) == (4 if retry else 1)


@pytest.mark.parametrize("attempts", [1, 2, 7])
def test_the_policy_bounds_the_attempts(attempts: int) -> None:
    assert sends(Repeat.READ, core.reply(500), attempts=attempts) == attempts


def test_each_attempt_gets_the_whole_timeout() -> None:
    driver = core.ScriptedDriver([core.reply(500), core.reply(200, {})])
    driver.run(flow.request(core.call(), core.context(timeout=2.5)))
    assert [send.timeout for send in driver.sends] == [2.5, 2.5]


def test_waits_double_up_to_a_ceiling() -> None:
    driver = core.ScriptedDriver([core.reply(500)] * 9)
    policy = {"attempts": 9, "backoff": core.no_jitter(first=0.5, ceiling=8.0)}
    driver.run(flow.send_with_retries(core.call(), core.context(**policy)))
    assert driver.sleeps == [0.5, 1, 2, 4, 8, 8, 8, 8]


def test_an_outage_is_not_answered_with_a_storm() -> None:
    budget = RetryQuota(capacity=100, cost=5)
    context = flow.Context(policy=flow.Policy(attempts=4), retry_quota=budget)
    total = 0
    for _ in range(50):
        driver = core.ScriptedDriver([core.reply(503)] * 4)
        driver.run(flow.send_with_retries(core.call(), context))
        total += len(driver.sends)
    assert total == 50 + 100 // 5


def test_successes_give_the_budget_back_one_by_one() -> None:
    budget = RetryQuota(capacity=10, cost=5)
    context = flow.Context(retry_quota=budget)
    assert budget.acquire()
    assert budget.acquire()
    assert not budget.acquire()
    for _ in range(5):
        core.ScriptedDriver([core.reply(200, {})]).run(flow.request(core.call(), context))
    assert budget.acquire()
    assert not budget.acquire()


OUTCOMES = st.lists(
    st.one_of(
        st.sampled_from([*TRANSIENT, *FINAL, 429, 200, 201]).map(core.reply),
        st.booleans().map(lambda sent: core.lost(bytes_sent=sent)),
    ),
    min_size=8,
    max_size=8,
)


@given(st.sampled_from(list(Repeat)), OUTCOMES)
def test_no_write_is_ever_sent_after_an_attempt_that_may_have_run(
    repeat: Repeat, outcomes: list[Reply | Lost]
) -> None:
    operation = core.operation(repeat)
    driver = core.ScriptedDriver(list(outcomes))
    driver.run(flow.send_with_retries(core.call(operation), core.context(attempts=8)))
    before_last = outcomes[: len(driver.sends) - 1]
    if repeat not in (Repeat.READ, Repeat.CANCEL):
        assert all(
            not outcome.bytes_sent if isinstance(outcome, Lost) else outcome.status == 429
            for outcome in before_last
        )
    waited = [type(effect) for effect in driver.effects if isinstance(effect, Send | Sleep)]
    assert all(pair != (Send, Send) for pair in pairwise(waited))


@pytest.mark.parametrize(
    ("repeat", "bytes_sent", "kind"),
    [
        (Repeat.READ, True, errors.NoAnswer),
        (Repeat.READ, False, errors.NotSent),
        *[(repeat, False, errors.NotSent) for repeat in Repeat],
        *[(repeat, True, errors.OutcomeUnknown) for repeat in (*WRITES, Repeat.CANCEL)],
    ],
)
def test_silence_is_told_by_whether_bytes_left(
    repeat: Repeat, bytes_sent: bool, kind: type[errors.KalshiError]
) -> None:
    driver = core.ScriptedDriver([core.lost(bytes_sent=bytes_sent)] * 5)
    with pytest.raises(kind, match=r"ops.op \(Op\): ReadTimeout: it took too long") as caught:
        driver.run(flow.request(core.call(core.operation(repeat)), core.context()))
    assert type(caught.value) is kind
    assert caught.value.__dict__["operation"] == "Op"


def test_a_read_that_was_sent_once_is_never_told_as_not_sent() -> None:
    outcomes = [core.lost(bytes_sent=True), *[core.lost(bytes_sent=False)] * 4]
    with pytest.raises(errors.NoAnswer, match="an earlier attempt was sent"):
        core.ScriptedDriver(outcomes).run(
            flow.request(core.call(core.operation(Repeat.READ)), core.context())
        )
