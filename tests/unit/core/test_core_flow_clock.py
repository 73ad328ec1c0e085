"""Clock correction, pacing and the numbers of a policy."""

from __future__ import annotations

import math
from email.utils import formatdate

import core_samples as core
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import Misuse, errors
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.flow import Monotonic, Policy, Send, Sleep
from kalshi_ext.protocol.messages import Repeat, Reply
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket

EXPIRED = {"error": {"code": "header_timestamp_expired", "message": "expired"}}


def expired(seconds: float, body: object = EXPIRED) -> Reply:
    """Make the refusal of a timestamp by an exchange whose clock is ahead by so much."""
    return core.reply(401, body, date=formatdate(core.EPOCH + seconds, usegmt=True))


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("seconds", [60.0, -60.0, 3600.0])
def test_a_refused_timestamp_corrects_the_clock_from_the_date_and_is_sent_again_at_once(
    repeat: Repeat, seconds: float
) -> None:
    driver = core.ScriptedDriver([expired(seconds), core.reply(201, {})])
    driver.run(flow.send_with_retries(core.call(core.operation(repeat)), core.context()))
    assert driver.corrections == [seconds]
    assert (len(driver.sends), driver.sleeps) == (2, [])


@pytest.mark.parametrize(
    "body",
    [
        EXPIRED,
        {"code": "header_timestamp_expired"},
        {"error": {"code": "authentication_error", "details": "header_timestamp_expired"}},
        {"msg": "header_timestamp_expired"},
        {"error": "header_timestamp_expired"},
    ],
)
def test_the_expired_timestamp_is_recognised_in_every_shape(body: object) -> None:
    driver = core.ScriptedDriver([expired(60.0, body), core.reply(200, {})])
    driver.run(flow.request(core.call(), core.context()))
    assert driver.corrections == [60.0]


@pytest.mark.parametrize("repeat", Repeat)
def test_each_refused_timestamp_corrects_the_clock_from_its_own_date(repeat: Repeat) -> None:
    answers = [expired(60.0), expired(-30.0), expired(3600.0), core.reply(201, {})]
    driver = core.ScriptedDriver(answers)
    driver.run(flow.send_with_retries(core.call(core.operation(repeat)), core.context()))
    assert driver.corrections == [60.0, -90.0, 3630.0]
    assert (len(driver.sends), driver.sleeps) == (4, [])


@pytest.mark.parametrize("repeat", Repeat)
def test_a_timestamp_refused_again_and_again_ends_as_expired_and_speaks_of_the_clock(
    repeat: Repeat,
) -> None:
    driver = core.ScriptedDriver([expired(60.0)] * 9)
    with pytest.raises(errors.TimestampExpired) as caught:
        driver.run(flow.request(core.call(core.operation(repeat)), core.context()))
    assert (len(driver.sends), driver.sleeps) == (4, [])
    assert isinstance(caught.value, errors.Unauthorized)
    assert (caught.value.status, caught.value.code) == (401, "header_timestamp_expired")
    assert "set this machine's clock" in str(caught.value)
    assert "2027-01-15 08:01:00 UTC" in str(caught.value)  # the exchange's own
    assert "check key" not in str(caught.value)


BY, TO = b'{"reduce_by": "1.00"}', b'{"reduce_to": "1.00"}'


@pytest.mark.parametrize(
    ("repeat", "body", "adds"),
    [
        (Repeat.UNKEYED, None, True),
        (Repeat.RELATIVE, BY, True),
        (Repeat.RELATIVE, TO, False),
        (Repeat.KEYED, None, False),
        (Repeat.ABSOLUTE, None, False),
    ],
)
@pytest.mark.parametrize("ahead", [60.0, -60.0])
def test_what_a_copy_would_add_to_does_not_go_again_while_a_refused_copy_may_be_accepted(
    repeat: Repeat, body: bytes | None, adds: bool, ahead: float
) -> None:
    refused = evolve(expired(-ahead), stamp=core.EPOCH)
    call = core.call(core.operation(repeat))
    call = evolve(call, request=evolve(call.request, body=body))
    driver = core.ScriptedDriver([refused, core.reply(201, {})])
    outcome = driver.run(flow.send_with_retries(call, core.context()))
    stays = adds and ahead > 0
    assert len(driver.sends) == (1 if stays else 2)
    assert driver.corrections == [-ahead]
    assert outcome.maybe_executed is stays
    # However it went on, a copy lives as long as the latest timestamp that was signed.
    assert (outcome.stamp == core.EPOCH) is (ahead > 0)


def test_an_expired_timestamp_after_an_attempt_in_doubt_proves_nothing_of_that_one() -> None:
    answers = [core.lost(bytes_sent=True), *[expired(60.0)] * 9]
    driver = core.ScriptedDriver(answers)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        driver.run(flow.request(core.call(core.operation(Repeat.CANCEL)), core.context()))
    assert isinstance(caught.value.__cause__, errors.TimestampExpired)


def test_a_clock_that_another_thread_corrected_meanwhile_is_not_corrected_twice() -> None:
    driver = core.ScriptedDriver([expired(60.0), core.reply(200, {})], offset=60.0)
    driver.run(flow.request(core.call(), core.context()))
    assert driver.corrections == [0.0]


@pytest.mark.parametrize("code", ["authentication_error", "signature_is_missing_from_headers"])
def test_another_401_corrects_nothing(code: str) -> None:
    driver = core.ScriptedDriver([expired(60.0, {"error": {"code": code}})])
    with pytest.raises(errors.Unauthorized):
        driver.run(flow.request(core.call(), core.context()))
    assert driver.corrections == []


@pytest.mark.parametrize("status", [400, 403, 500])
def test_the_words_under_another_status_correct_nothing(status: int) -> None:
    driver = core.ScriptedDriver([core.reply(status, EXPIRED, date=formatdate(0, usegmt=True))] * 4)
    driver.run(flow.send_with_retries(core.call(), core.context()))
    assert driver.corrections == []


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_without_a_readable_date_nothing_is_corrected(date: str | None) -> None:
    headers = {} if date is None else {"date": date}
    driver = core.ScriptedDriver([core.reply(401, EXPIRED, **headers)])
    with pytest.raises(errors.TimestampExpired, match="no readable Date"):
        driver.run(flow.request(core.call(), core.context()))
    assert driver.corrections == []


def test_a_date_without_a_zone_is_utc() -> None:
    reply = core.reply(200, b"", date="Fri, 15 Jan 2027 08:00:00 -0000")
    assert flow.server_time(reply) == core.EPOCH


@given(st.text(max_size=60) | st.integers(0, 10**12).map(lambda n: formatdate(n % 4 * 10**10)))
def test_no_date_header_whatever_breaks_a_call(date: str) -> None:
    seconds = flow.server_time(core.reply(200, b"", date=date))
    assert seconds is None or math.isfinite(seconds)


def test_without_a_pacer_nothing_asks_for_the_time() -> None:
    driver = core.ScriptedDriver([core.reply(200, {})])
    driver.run(flow.request(core.call(), core.context()))
    assert [type(effect) for effect in driver.effects] == [Send]


def test_a_pacer_makes_each_attempt_wait_for_its_tokens() -> None:
    pacer = Pacer(TokenBucket(10, 10), TokenBucket(5, 5))
    context = flow.Context(pacer=pacer, policy=Policy(backoff=core.no_jitter(first=0.0)))
    driver = core.ScriptedDriver([core.reply(500), core.reply(200, {})])
    driver.run(flow.request(core.call(), context))
    assert [type(effect) for effect in driver.effects] == [
        Monotonic,
        Send,
        Sleep,
        Monotonic,
        Sleep,
        Monotonic,
        Send,
    ]
    assert driver.sleeps == [0.0, 1.0]


def test_reads_and_writes_draw_on_buckets_of_their_own() -> None:
    context = flow.Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 50)))
    driver = core.ScriptedDriver([core.reply(200, {}), core.reply(201, {})])
    driver.run(flow.request(core.call(core.READ), context))
    driver.run(flow.request(core.call(core.WRITE), context))
    assert driver.sleeps == []


@pytest.mark.parametrize("name", ["attempts", "rounds"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None])
def test_a_policy_counts_attempts_in_whole_numbers_from_one(name: str, value: object) -> None:
    with pytest.raises(Misuse, match=name):
        Policy(**{name: value})


@pytest.mark.parametrize(
    "name",
    ["timeout", "signature_life", "resolve_within", "poll", "poll_ceiling", "read_lag"],
)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "3", True, None])
def test_a_policy_takes_seconds_only(name: str, value: object) -> None:
    with pytest.raises(Misuse, match=name):
        Policy(**{name: value})
