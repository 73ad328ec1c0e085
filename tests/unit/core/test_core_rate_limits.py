from __future__ import annotations

import threading
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import Misuse
from kalshi_ext.protocol.pacer import TIERS, Pacer
from kalshi_ext.protocol.rate_limits import Backoff, RetryQuota, TokenBucket


@given(st.integers(1, 10_000), st.floats(0, 60), st.floats(0, 600), st.integers())
def test_full_jitter_lies_between_zero_and_a_doubling_ceiling(
    attempt: int, first: float, ceiling: float, seed: int
) -> None:
    wait = Backoff(first, ceiling, Random(seed)).wait(attempt)
    assert 0 <= wait <= min(ceiling, first * 2 ** min(attempt - 1, 60))


def test_full_jitter_uses_the_whole_range() -> None:
    backoff = Backoff(1.0, 8.0, Random(1))
    waits = [backoff.wait(3) for _ in range(2_000)]
    assert min(waits) < 0.05
    assert max(waits) > 3.95


def go(bucket: TokenBucket, cost: float, now: float, *, urgent: bool = False) -> float:
    """Let one request wait as told, and have it answered at once; return when it went."""
    turn = bucket.book(cost, now, urgent=urgent)
    while (wait := bucket.wait(turn, now)) > 0:
        now += wait
    bucket.send(turn, now)
    bucket.answered(turn, now)
    return now


@given(
    st.floats(0.1, 1_000),
    st.floats(1, 1_000),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=40),
)
def test_no_window_of_time_sees_more_than_the_bucket_and_its_refill(
    rate: float, capacity: float, steps: list[tuple[float, float]]
) -> None:
    bucket, now, sent = TokenBucket(rate, capacity), 0.0, []
    for pause, share in steps:
        now += pause
        now = go(bucket, share * capacity, now)
        sent.append((now, share * capacity))
    for at, (start, _) in enumerate(sent):
        for end in range(at, len(sent)):
            taken = sum(cost for _, cost in sent[at : end + 1])
            allowed = capacity + rate * (sent[end][0] - start)
            assert taken <= allowed * (1 + 1e-9) + 1e-6


def test_a_request_larger_than_its_bucket_can_never_be_sent() -> None:
    with pytest.raises(Misuse, match="smaller batches"):
        TokenBucket(100, 200).book(201, 0.0)


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(1, 10)
    assert go(bucket, 10, 100.0) == 100.0
    assert go(bucket, 1, 50.0) >= 51.0


def test_a_clock_that_goes_back_an_hour_takes_no_hour_of_tokens() -> None:
    bucket = TokenBucket(1, 10)
    assert go(bucket, 8, 3_600.0) == 3_600.0
    assert go(bucket, 1, 0.0) == 0.0
    assert go(bucket, 1, 0.5) == 1.0


@pytest.mark.parametrize("tier", TIERS)
def test_tiers_have_the_documented_rates_and_capacities(tier: str) -> None:
    pacer = Pacer.of_tier(tier.upper())
    reads, writes = TIERS[tier]
    assert (pacer.read.rate, pacer.write.rate) == (reads, writes)
    assert pacer.read.capacity == reads * (2 if tier in ("basic", "advanced") else 1)
    assert pacer.write.capacity == writes * (1 if tier == "basic" else 2)


@pytest.mark.parametrize("tier", ["", "gold", "bas ic"])
def test_an_unknown_tier_is_refused_by_name(tier: str) -> None:
    with pytest.raises(Misuse, match="pace must be one of basic, advanced"):
        Pacer.of_tier(tier)


def test_a_budget_shared_by_threads_is_never_overdrawn() -> None:
    budget, taken = RetryQuota(capacity=1_000, cost=1), []

    def take() -> None:
        taken.append(sum(budget.acquire() for _ in range(500)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 1_000


def test_a_budget_never_grows_beyond_its_capacity() -> None:
    budget = RetryQuota(capacity=5, cost=5)
    for _ in range(50):
        budget.release()
    assert budget.acquire()
    assert not budget.acquire()
