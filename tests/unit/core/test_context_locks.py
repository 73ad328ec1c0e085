"""Key locks and recent writes: their rules, their cost, and naive versions to compare with."""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from racing_threads import race

from kalshi_ext.journal import Latch
from kalshi_ext.journal.in_flight import PendingWrites, StopMarks
from kalshi_ext.protocol.context import LockOwner, LockRegistry, RecentWrites

KEYS = "abcd"


def test_an_owner_takes_keys_in_several_calls_and_frees_them_all() -> None:
    locks, owner = LockRegistry(), LockOwner()
    assert locks.acquire(["a"], owner) == {"a"}
    assert locks.acquire(["a", "b"], owner) == {"b"}, "what it has is not taken again"
    locks.release(owner)
    assert [key for key in KEYS if key in locks] == []
    locks.release(owner)
    locks.release(LockOwner())


def test_an_owner_needs_neither_hash_nor_equality() -> None:
    class Same:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            return True

    locks, one, two = LockRegistry(), Same(), Same()
    locks.acquire(["a"], one)
    locks.acquire(["b"], two)
    locks.release(one)
    assert [key for key in KEYS if key in locks] == ["b"]


def test_keys_of_a_collected_owner_go_to_another_and_stay_there() -> None:
    locks, heir = LockRegistry(), LockOwner()
    locks.acquire(["a", "b"], LockOwner())  # collected at once
    assert locks.abandoned
    assert locks.acquire(["a"], heir) == {"a"}
    locks.release(LockOwner())
    assert [key for key in KEYS if key in locks] == ["a"]


def test_a_collected_owner_leaves_nothing_behind() -> None:
    locks = LockRegistry()
    for number in range(1000):
        locks.acquire([f"{number}"], LockOwner())
    locks.release(LockOwner())
    assert (len(locks._owners), len(locks._leases), len(locks._gone)) == (0, 0, 0)


def test_an_owner_collected_inside_a_call_does_not_stop_it() -> None:
    locks = LockRegistry()

    class Flow:
        """Frees its keys when it is collected, as a generator does."""

        def __del__(self) -> None:
            locks.release(self)

    def keys() -> Any:
        yield "b"
        cycle: Any = [Flow()]
        cycle.append(cycle)
        locks.acquire(["c"], cycle[0])
        del cycle
        gc.collect()  # the collector runs whenever it likes
        yield "c"

    owner = LockOwner()
    taken: list[set[str]] = []
    thread = threading.Thread(target=lambda: taken.append(locks.acquire(keys(), owner)))
    thread.daemon = True
    thread.start()
    thread.join(20)
    assert taken == [{"b", "c"}]


class NaiveLocks:
    """The same by one table from keys to owners."""

    def __init__(self) -> None:
        self.owners: dict[str, int] = {}

    def acquire(self, keys: list[str], owner: int) -> set[str]:
        free = {key for key in keys if key not in self.owners}
        self.owners.update(dict.fromkeys(free, owner))
        return free

    def release(self, owner: int) -> None:
        self.owners = {key: other for key, other in self.owners.items() if other != owner}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "release", "collect"]),
        st.integers(0, 3),
        st.lists(st.sampled_from(KEYS), max_size=4),
    ),
    max_size=30,
)


@given(STEPS)
@settings(deadline=None)
def test_locks_do_as_a_table_of_owners_does(steps: list[tuple[str, int, list[str]]]) -> None:
    locks, naive = LockRegistry(), NaiveLocks()
    owners = [LockOwner() for _ in range(4)]
    for step, number, keys in steps:
        if step == "acquire":
            assert locks.acquire(iter(keys), owners[number]) == naive.acquire(keys, number)
        else:
            locks.abandoned = False
            had_keys = number in naive.owners.values()
            naive.release(number)
            if step == "release":
                locks.release(owners[number])
            owners[number] = LockOwner()  # the former one is collected
            assert locks.abandoned == (step == "collect" and had_keys)
        assert {key for key in KEYS if key in locks} == set(naive.owners)


def test_threads_that_want_one_key_have_it_one_after_another() -> None:
    locks, inside, most = LockRegistry(), list[int](), list[int]()

    def work(number: int) -> None:
        for _ in range(300):
            owner = LockOwner()
            while not locks.acquire(["a", f"{number}"], owner) >= {"a"}:
                locks.release(owner)
            inside.append(number)
            most.append(len(inside))
            inside.pop()
            locks.release(owner)

    race(work, 3)
    assert (len(most), max(most)) == (900, 1)
    assert (len(locks._owners), len(locks._leases)) == (0, 0)


class NaiveRecent:
    """The same by looking through all changes on each addition."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    def add(self, order_id: str, now: float) -> None:
        self.times = {key: at for key, at in self.times.items() if abs(now - at) <= 600.0}
        self.times[order_id] = now


CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 400)), max_size=60)
STEPPING = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(-1500, 1500) | st.integers(-3, 300)),
    max_size=60,
)


@given(CHANGES)
def test_while_the_clock_goes_on_exactly_the_recent_changes_are_returned(
    changes: list[tuple[str, int]],
) -> None:
    recent, naive, now = RecentWrites(), NaiveRecent(), 1_000_000.0
    for order_id, seconds in changes:
        now += seconds
        recent.add(order_id, now)
        naive.add(order_id, now)
        assert all(recent.last_write_at(key) == naive.times.get(key) for key in "abcdefgh")


@given(STEPPING)
def test_whatever_the_clock_does_no_recent_change_is_lost_and_none_long_past_is_told(
    changes: list[tuple[str, int]],
) -> None:
    recent, naive, latest = RecentWrites(), NaiveRecent(), dict[str, float]()
    now = 1_000_000.0
    for order_id, seconds in changes:
        now += seconds
        recent.add(order_id, now)
        naive.add(order_id, now)
        latest[order_id] = now
        for key in "abcdefgh":
            time = recent.last_write_at(key)
            assert time is None or (time == latest[key] and abs(now - time) <= 600.0)
            assert key not in naive.times or time == naive.times[key]


@given(STEPPING)
def test_whatever_the_clock_did_nothing_is_kept_for_ever(changes: list[tuple[str, int]]) -> None:
    recent, now = RecentWrites(), 1_000_000.0
    for order_id, seconds in changes:
        now += seconds
        recent.add(order_id, now)
    for number in range(len(recent._times)):
        recent.add(f"later {number}", now + 1_000_000.0)
    assert all(key.startswith("later ") for key in recent._times)


@given(st.lists(st.integers(0, 300), max_size=400))
def test_no_more_is_kept_than_three_times_what_is_recent(pauses: list[int]) -> None:
    recent, naive, now, most = RecentWrites(), NaiveRecent(), 1_000_000.0, 0
    for number, seconds in enumerate(pauses):
        now += seconds if seconds < 20 else 0
        recent.add(f"{number}", now)
        naive.add(f"{number}", now)
        most = max(most, len(naive.times))
        assert len(recent._times) <= 3 * most


def test_a_clock_set_back_keeps_what_it_dates_ahead() -> None:
    recent = RecentWrites()
    recent.add("before", 1000.0)
    recent.add("after", 500.0)
    assert (recent.last_write_at("before"), recent.last_write_at("after")) == (1000.0, 500.0)
    recent.add("later", 399.0)
    assert recent.last_write_at("before") is None, "dated ahead by more than is kept"


@pytest.mark.parametrize("step", [0.01, -0.001])
def test_threads_may_add_at_once(step: float) -> None:
    recent = RecentWrites(keep=1.0)

    def work(number: int) -> None:
        for count in range(2000):
            recent.add(f"{number}/{count}", count * step)
            recent.last_write_at(f"{number}/{count}")

    race(work, 3)
    recent.add("last", 2000 * step)
    assert recent.last_write_at("last") == 2000 * step


def lines_run(work: Any) -> int:
    """Count the lines of the context's code that a call runs: a cost that no machine changes."""
    count = 0

    def local(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    former = sys.gettrace()
    sys.settrace(
        lambda frame, event, arg: local if "context.py" in frame.f_code.co_filename else None
    )
    try:
        work()
    finally:
        sys.settrace(former)
    return count


def test_no_operation_costs_more_when_there_is_more() -> None:
    costs = []
    for others in (10, 1000):
        locks, recent, owners = LockRegistry(), RecentWrites(), [LockOwner() for _ in range(others)]
        for number, owner in enumerate(owners):
            locks.acquire([f"{number}"], owner)
            recent.add(f"{number}", 0.0)
        owner = LockOwner()
        costs.append(
            [
                lines_run(lambda locks=locks, owner=owner: locks.acquire(["a"], owner)),
                lines_run(lambda locks=locks, owner=owner: locks.release(owner)),
                lines_run(lambda recent=recent: recent.add("a", 1.0)),
                lines_run(lambda recent=recent: recent.last_write_at("a")),
            ]
        )
    few, many = costs
    assert few == many


def test_a_write_that_has_its_verdict_leaves_nothing_behind() -> None:
    pending = PendingWrites()
    for key in ("c1", "c2"):
        pending.add(None, key)
        pending.sent_times[key] = 1.0
        pending.exhausted.add(key)
    pending.settle("c1")
    pending.drop(None, "c1")
    pending.settle("never seen")
    assert pending.by_ticker == {"": {"c2"}}
    assert (pending.sent_times, pending.exhausted) == ({"c2": 1.0}, {"c2"})


def test_a_stop_ends_the_calls_that_began_before_it_and_no_later_one() -> None:
    marks, everything, order = StopMarks(), ("all", None), ("order", "o1")
    marks.add([everything], "cancel_all", 0.0)
    marks.add([order], "cancel", 0.0)
    told = [marks.since(began, [order, everything]) for began in (0, 1, 2)]
    assert told == ["cancel", "cancel", None]
    assert [marks.since(began, [everything]) for began in (0, 1, 2)] == ["cancel_all", None, None]


def test_a_latch_ends_the_calls_of_its_markets_that_began_before_it() -> None:
    marks, latch = StopMarks(), Latch(ticker="KXA-1", by="stop")
    marks.shut(latch)
    for ticker, stopped in (("KXA-1", "stop"), ("KXB-1", None)):
        assert marks.since(0, [("market", (ticker, 0))]) == stopped
        assert marks.since(1, [("market", (ticker, 0))]) is None


def test_a_latch_that_was_shut_again_meanwhile_is_not_lifted() -> None:
    latch = Latch(ticker="KXA-1")
    for began, left in ((0, (latch,)), (1, ())):
        marks = StopMarks()
        marks.shut(latch)
        marks.lift([latch], began)
        assert marks.latches == left
