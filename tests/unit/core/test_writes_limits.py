"""An order is a wish of now: deadlines, the age of a resend, stops, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import core_clients as clients
import core_samples as core
import fake_exchange as ex
import httpx
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext import stop as stops
from kalshi_ext.journal import JournalUnusable, Latch, NotOwner, State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.context import Context, LockOwner, Policy
from kalshi_ext.protocol.flow import Effect, Flow, Record, Send, Sleep, Told
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import Backoff, TokenBucket
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec

LOST = core.lost(bytes_sent=True)
REFUSED_CONNECTION = core.lost(bytes_sent=False)
ID = ex.row()["order_id"]
DONE = core.reply(200, {"order_id": ID, "remaining_count": "2.00"})
AMENDED = core.reply(200, {"order_id": ID, "fill_count": "0.00", "remaining_count": "6.00"})
DEFAULT = Policy(backoff=core.no_jitter(first=0.0))


def exchange_of(*handlers: Any, policy: Policy = DEFAULT, **options: Any) -> ex.FakeExchange:
    exchange = ex.FakeExchange(list(handlers), **options)
    exchange.context = Context(policy=policy)
    return exchange


def place(exchange: ex.FakeExchange, number: int = 1, **options: Any) -> OrderAck:
    changes = {k: options.pop(k) for k in list(options) if k not in LIMITS}
    flow = writes.place(core.CURRENT, ex.ticket(number, **changes), exchange.context, **options)
    ack: OrderAck = exchange.run(flow)
    return ack


LIMITS = ("deadline", "expire_at_deadline")


def amend_flow(exchange: ex.FakeExchange, **options: Any) -> Flow[OrderAck]:
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    return writes.amend(core.CURRENT, ticket, exchange.context, **options)


def decrease_flow(exchange: ex.FakeExchange, **arguments: Any) -> Flow[OrderAck]:
    options = {k: arguments.pop(k) for k in list(arguments) if k in LIMITS}
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **arguments)
    return writes.decrease(core.CURRENT, ticket, exchange.context, **options)


CHANGES: list[Callable[..., Flow[OrderAck]]] = [
    amend_flow,
    lambda exchange, **options: decrease_flow(exchange, to=2, **options),
    lambda exchange, **options: decrease_flow(exchange, by=1, **options),
]
PRICED: list[Callable[..., Flow[OrderAck]]] = [
    lambda exchange, **options: writes.place(
        core.CURRENT, ex.ticket(), exchange.context, **options
    ),
    *CHANGES,
]


def taking(seconds: float, outcome: Reply | Lost, method: str = "POST") -> Any:
    """Answer requests of a method after a time; `handler.exchange` is set by the test."""

    def handler(request: Any) -> Reply | Lost | None:
        if request.method != method:
            return None
        handler.exchange.time += seconds  # type: ignore[attr-defined]
        return outcome

    return handler


# Age


@pytest.mark.parametrize("flow", PRICED)
def test_what_is_proven_absent_later_than_resend_within_is_not_sent_again(
    flow: Callable[..., Flow[Any]],
) -> None:
    exchange = exchange_of(ex.always(LOST, method="POST"), orders=[])
    if flow is not PRICED[0]:
        exchange.orders = [ex.row()]
    with pytest.raises(errors.NotSent) as caught:
        exchange.run(flow(exchange))
    assert len(exchange.sent("POST")) == 1
    text = str(caught.value)
    assert "was sent" in text
    assert "s have passed since the call" in text
    assert "nothing was sent" not in text
    assert exchange.states() == [State.NOT_SENT]


@pytest.mark.parametrize(("within", "sends"), [(59.0, 1), (70.0, 2)])
def test_the_policy_says_how_old_a_wish_may_be(within: float, sends: int) -> None:
    policy = evolve(DEFAULT, resend_within=within)
    exchange = exchange_of(ex.once(LOST, ex.created()), policy=policy)
    if sends == 1:
        with pytest.raises(errors.NotSent):
            place(exchange)
    else:
        place(exchange)
    assert len(exchange.sent("POST")) == sends


@pytest.mark.parametrize("outcome", [REFUSED_CONNECTION, core.THROTTLED])
def test_no_attempt_after_the_first_begins_later_than_resend_within(outcome: Reply | Lost) -> None:
    slow = taking(3.0, outcome)
    policy = evolve(DEFAULT, attempts=10)
    slow.exchange = exchange = exchange_of(slow, policy=policy)
    with pytest.raises((errors.NotSent, errors.RateLimited)):
        place(exchange)
    assert len(exchange.sent("POST")) == 2  # at 0 and 3 s, and not at 6


def test_a_cancel_never_grows_old() -> None:
    slow = taking(3.0, LOST, "DELETE")
    slow.exchange = exchange = exchange_of(slow)
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(writes.cancel(core.CURRENT, Target.of(ID), exchange.context))
    assert len(exchange.sent("DELETE")) == 4


def test_a_policy_checks_how_old_a_wish_may_be() -> None:
    for value in (-1, "5", None, True):
        with pytest.raises(errors.Misuse, match="resend_within"):
            Policy(resend_within=value)


# Deadlines


@pytest.mark.parametrize("flow", PRICED)
@pytest.mark.parametrize("kind", ["seconds", "moment"])
def test_a_deadline_bounds_the_call_and_cuts_its_timeouts(
    flow: Callable[..., Flow[Any]], kind: str
) -> None:
    exchange = exchange_of(ex.always(LOST, method="POST"), watermark=None, orders=[ex.row(2)])
    exchange.handlers.append(
        ex.always(core.reply(200, {"order": ex.row()}), method="GET", ending=ID)
    )
    now = journal_codec.instant(exchange.time)
    deadline: Any = 20.0 if kind == "seconds" else now + timedelta(seconds=20)
    timeouts: list[float] = []
    perform = exchange.perform

    def watched(effect: Effect) -> Any:
        if isinstance(effect, Send):
            timeouts.append(effect.timeout)
            assert effect.timeout <= 20.0 - (exchange.monotonic() - 1_000.0) + 1e-6
        return perform(effect)

    exchange.perform = watched  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(flow(exchange, deadline=deadline))
    assert exchange.monotonic() - 1_000.0 <= 20.0 + 1e-6
    assert timeouts[0] == 10.0
    assert min(timeouts) < 10.0


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    exchange = exchange_of(ex.once(ex.created()))
    past = journal_codec.instant(exchange.time - 1)
    with pytest.raises(errors.NotSent, match="deadline of the call has passed"):
        place(exchange, deadline=past)
    assert exchange.requests == []
    assert exchange.states() == [State.NOT_SENT]


@pytest.mark.parametrize("deadline", [0, -1, True, "5", float("nan"), float("inf"), object()])
def test_a_deadline_is_seconds_or_a_moment(deadline: Any) -> None:
    exchange = exchange_of()
    with pytest.raises(errors.Misuse, match="deadline must be"):
        place(exchange, deadline=deadline)
    assert exchange.requests == []


def test_a_deadline_without_a_zone_is_refused() -> None:
    exchange = exchange_of()
    with pytest.raises(errors.Misuse, match="time zone"):
        place(exchange, deadline=journal_codec.instant(0).replace(tzinfo=None))


def test_a_clock_that_is_set_moves_no_deadline() -> None:
    exchange = exchange_of(ex.always(LOST, method="POST"), watermark=None)
    now = journal_codec.instant(exchange.time)
    flow = writes.place(
        core.CURRENT, ex.ticket(), exchange.context, deadline=now + timedelta(seconds=20)
    )
    perform = exchange.perform

    def stepping(effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            exchange.offset += 86_400.0
        return perform(effect)

    exchange.perform = stepping  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(flow)
    assert exchange.monotonic() - 1_000.0 == pytest.approx(20.0, abs=0.1)


def test_a_moment_that_is_over_by_the_exchange_s_clock_is_over() -> None:
    exchange = exchange_of(ex.once(ex.created(1), ex.created(2)))
    exchange.offset = -25.0  # this machine's clock: behind, and not so far that it is refused
    place(exchange)
    moment = journal_codec.instant(exchange.time - 1)
    with pytest.raises(errors.NotSent, match="deadline of the call has passed"):
        place(exchange, 2, deadline=moment)
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("seconds", [-30.0, 30.0])
def test_a_clock_corrected_within_a_call_moves_its_moment_to_the_exchange_s(seconds: float) -> None:
    expired = ex.refused(401, "header_timestamp_expired")
    exchange = exchange_of(ex.once(expired, ex.created()))
    exchange.offset = -7_200.0
    moment = journal_codec.instant(exchange.time + seconds)
    if seconds < 0:
        with pytest.raises(errors.KalshiError):
            place(exchange, deadline=moment)
    else:
        place(exchange, deadline=moment)
    assert len(exchange.sent("POST")) == (1 if seconds < 0 else 2)


def test_a_pace_that_does_not_fit_into_the_deadline_is_not_waited_for() -> None:
    exchange = exchange_of(ex.always(ex.created(), method="POST"))
    pacer = Pacer(TokenBucket(10, 10), TokenBucket(1, 10))
    exchange.context = Context(policy=DEFAULT, pacer=pacer)
    place(exchange)
    with pytest.raises(errors.NotSent, match="rate limit"):
        exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context, deadline=5.0))
    assert exchange.waited == 0.0
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize(("kind", "seconds"), [("seconds", 90.5), ("moment", 90.5)])
def test_an_order_may_expire_at_the_deadline_of_its_call(kind: str, seconds: float) -> None:
    exchange = exchange_of(ex.once(ex.created()))
    moment = journal_codec.instant(exchange.time + seconds)
    place(exchange, deadline=seconds if kind == "seconds" else moment, expire_at_deadline=True)
    body = json.loads(exchange.sent("POST")[0].body or b"")
    assert body["expiration_time"] == int(core.EPOCH + 90)


def test_an_expiry_is_never_in_the_past() -> None:
    exchange = exchange_of(ex.once(ex.created()))
    place(exchange, deadline=0.2, expire_at_deadline=True)
    body = json.loads(exchange.sent("POST")[0].body or b"")
    assert body["expiration_time"] == int(core.EPOCH) + 1


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC])
@pytest.mark.parametrize("off", [90_000.0, -90_000.0])
def test_an_order_dies_with_its_deadline_by_the_exchanges_clock_however_wrong_this_one_is(
    off: float, contract: Any
) -> None:
    exchange = exchange_of(ex.once(ex.created()))
    exchange.offset = off
    exchange.handlers.insert(0, ex.once(core.reply(200, {"orders": []}), method="GET"))
    options: Any = {"deadline": 30.5, "expire_at_deadline": True}
    with suppress(errors.KalshiError):  # of an answer in the other contract's words
        exchange.run(writes.place(contract, ex.ticket(), exchange.context, **options))
    body = json.loads(exchange.sent("POST")[0].body or b"")
    assert body.get("expiration_time", body.get("expiration_ts")) == int(core.EPOCH + 30)


def test_nothing_is_asked_for_an_order_that_the_contract_cannot_say() -> None:
    exchange, ticket = exchange_of(), ex.ticket(count="0.5")
    options: Any = {"deadline": 30.0, "expire_at_deadline": True}
    with pytest.raises(errors.Misuse, match="count"):
        exchange.run(writes.place(core.CLASSIC, ticket, exchange.context, **options))
    assert exchange.requests == []


def test_the_exchanges_time_is_asked_for_once_and_out_of_the_deadline_of_the_call() -> None:
    exchange = exchange_of(ex.once(ex.created()), ex.once(ex.created(2)))
    perform, asked = exchange.perform, []

    def slow(effect: Effect) -> Any:
        if isinstance(effect, Send) and effect.request.method == "GET":
            asked.append(effect.request.path)
            exchange.time += 1.5
        return perform(effect)

    exchange.perform = slow  # type: ignore[method-assign]
    place(exchange, deadline=20.0, expire_at_deadline=True)
    place(exchange, 2, deadline=20.0, expire_at_deadline=True)
    assert asked == ["/exchange/user_data_timestamp"]
    body = json.loads(exchange.sent("POST")[0].body or b"")
    assert body["expiration_time"] <= int(core.EPOCH) + 20


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {}),
        ({"expires": 1_900_000_000}, {"deadline": 5.0}),
        ({"time_in_force": "immediate_or_cancel"}, {"deadline": 5.0}),
    ],
)
def test_an_expiry_at_the_deadline_needs_one_and_an_order_that_may_rest(
    changes: dict[str, Any], options: dict[str, Any]
) -> None:
    exchange = exchange_of()
    with pytest.raises(errors.Misuse, match="expire_at_deadline"):
        place(exchange, **changes, **options, expire_at_deadline=True)
    assert exchange.requests == []


def test_the_same_intent_with_a_later_deadline_is_the_same_order() -> None:
    exchange = exchange_of(ex.once(ex.created(client_order_id=None)))
    options: dict[str, Any] = {"client_order_id": None, "intent": "i", "expire_at_deadline": True}
    place(exchange, deadline=30.0, **options)
    exchange.time += 10.0
    assert place(exchange, deadline=30.0, **options).replayed


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("answer", [ex.created(), core.reply(400, {"code": "invalid_price"})])
def test_an_order_that_dies_with_its_deadline_is_not_the_same_as_one_that_does_not(
    first: bool, answer: Reply
) -> None:
    # It was reopened as the same; lost then, it was found with an expiry and called another's.
    exchange = exchange_of(ex.once(answer))
    with suppress(errors.Refused):
        place(exchange, deadline=30.0, expire_at_deadline=first)
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        place(exchange, deadline=30.0, expire_at_deadline=not first)
    assert set(caught.value.differs) == {"expires"}
    assert len(exchange.sent("POST")) == 1


def test_an_order_found_with_the_expiry_of_its_deadline_is_ours() -> None:
    expiry = journal_codec.instant(core.EPOCH + 30).isoformat()
    exchange = exchange_of(ex.once(LOST), orders=[ex.row(expiration_time=expiry)])
    assert place(exchange, deadline=30.0, expire_at_deadline=True).replayed


# Stops


def stop(exchange: ex.FakeExchange, by: str) -> None:
    """Use one of the kill switches; its own request is answered."""
    orders, groups = core.CURRENT.orders, core.CURRENT.order_groups
    done = core.reply(200, {})
    exchange.handlers.insert(0, ex.once(done, done, method="PUT"))
    exchange.handlers.insert(0, ex.once(core.reply(204), method="DELETE"))
    flows: dict[str, Callable[[], Flow[Any]]] = {
        "all": lambda: writes.send_idempotent(
            orders.cancel_all(None), exchange.context, stops=("all", None)
        ),
        "subaccount": lambda: writes.send_idempotent(
            orders.cancel_all(3), exchange.context, stops=("subaccount", 3)
        ),
        "another subaccount": lambda: writes.send_idempotent(
            orders.cancel_all(4), exchange.context, stops=("subaccount", 4)
        ),
        "group": lambda: writes.send_idempotent(
            groups.trigger("g1", None, None), exchange.context, stops=("group", "g1")
        ),
        "another group": lambda: writes.send_idempotent(
            groups.trigger("g2", None, None), exchange.context, stops=("group", "g2")
        ),
    }
    exchange.run(flows[by]())


@pytest.mark.parametrize("by", ["all", "subaccount", "group"])
def test_a_kill_switch_stops_the_resends_of_what_it_covers(by: str) -> None:
    policy = evolve(DEFAULT, resend_within=1_000.0)
    exchange = exchange_of(ex.once(LOST), policy=policy)
    ticket = ex.ticket(subaccount=3, order_group_id="g1")
    flow = writes.place(core.CURRENT, ticket, exchange.context)
    with pytest.raises(errors.NotSent, match=r"was sent .* was called meanwhile"):
        exchange.run(interrupted_by(flow, exchange, lambda: stop(exchange, by)))
    assert len(exchange.sent("POST")) == 1


def interrupted_by(
    flow: Flow[Any], exchange: ex.FakeExchange, work: Callable[[], None], at: type = Sleep
) -> Flow[Any]:
    """Run a flow, and do something else before its first effect of a kind."""
    effect = next(flow)
    done = False
    try:
        while True:
            if isinstance(effect, at) and not done:
                done = True
                work()
            effect = flow.send((yield effect))
    except StopIteration as finished:
        return finished.value


@pytest.mark.parametrize("by", ["another subaccount", "another group"])
def test_a_kill_switch_stops_nothing_else(by: str) -> None:
    policy = evolve(DEFAULT, resend_within=1_000.0)
    exchange = exchange_of(ex.once(LOST, ex.created()), policy=policy)
    ticket = ex.ticket(subaccount=3, order_group_id="g1")
    flow = writes.place(core.CURRENT, ticket, exchange.context)
    exchange.run(interrupted_by(flow, exchange, lambda: stop(exchange, by)))
    assert len(exchange.sent("POST", "/orders")) == 2


def test_a_kill_switch_stops_no_call_that_begins_after_it() -> None:
    exchange = exchange_of(ex.once(ex.created()))
    stop(exchange, "all")
    place(exchange)


@pytest.mark.parametrize("by", ["all", "group"])
def test_a_kill_switch_stops_a_first_sending_that_waits_for_its_pace(by: str) -> None:
    exchange = exchange_of(ex.always(ex.created(), method="POST"))
    pacer = Pacer(TokenBucket(10_000, 10_000), TokenBucket(10, 10))
    exchange.context = Context(policy=DEFAULT, pacer=pacer)
    place(exchange)
    flow = writes.place(core.CURRENT, ex.ticket(2, order_group_id="g1"), exchange.context)
    with pytest.raises(errors.NotSent, match="was called meanwhile"):
        exchange.run(interrupted_by(flow, exchange, lambda: stop(exchange, by)))
    assert len(exchange.sent("POST", "/orders")) == 1
    assert exchange.entry("c2").state is State.NOT_SENT


@pytest.mark.parametrize("change", CHANGES)
def test_a_cancel_stops_the_resends_of_changes_of_its_order(
    change: Callable[..., Flow[OrderAck]],
) -> None:
    policy = evolve(DEFAULT, resend_within=1_000.0)
    exchange = exchange_of(ex.once(LOST), orders=[ex.row()], policy=policy)
    cancelled = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})

    def cancel() -> None:
        exchange.handlers.append(ex.once(cancelled, method="DELETE"))
        exchange.run(writes.cancel(core.CURRENT, Target.of(ID), exchange.context))

    with pytest.raises(errors.NotSent, match=r"orders.cancel was called meanwhile"):
        exchange.run(interrupted_by(change(exchange), exchange, cancel))
    assert len(exchange.sent("POST")) == 1


# Changes of one order


def test_changes_of_one_order_are_made_one_after_the_other() -> None:
    exchange = exchange_of(orders=[ex.row()])
    first, second = decrease_flow(exchange, by=1), decrease_flow(exchange, by=1)
    exchange.run_until(first, ex.is_post)
    exchange.run_until(second, lambda effect: isinstance(effect, Sleep))
    assert len(exchange.sent("GET", ID)) == 1
    first.close()
    exchange.run_until(second, ex.is_send)
    second.close()


def test_a_change_that_cannot_wait_for_another_is_not_sent() -> None:
    exchange = exchange_of(orders=[ex.row()])
    first = amend_flow(exchange)
    exchange.run_until(first, ex.is_post)
    with pytest.raises(errors.NotSent, match="still busy"):
        exchange.run(decrease_flow(exchange, to=2, deadline=3.0))
    assert exchange.sent("POST") == []
    first.close()


def test_a_cancel_waits_for_no_change() -> None:
    exchange = exchange_of(orders=[ex.row()])
    first = amend_flow(exchange)
    exchange.run_until(first, ex.is_post)
    cancelled = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})
    exchange.handlers.append(ex.once(cancelled, method="DELETE"))
    exchange.run(writes.cancel(core.CURRENT, Target.of(ID), exchange.context))
    assert exchange.waited == 0.0
    first.close()


# Ownership


def shared(*handlers: Any, **options: Any) -> ex.FakeExchange:
    """Make an exchange whose journal other processes share."""
    policy = options.pop("policy", evolve(DEFAULT, resend_within=1_000.0))
    exchange = exchange_of(*handlers, **options)
    exchange.context = Context(policy=policy, shared_journal=True)
    return exchange


def renewing(exchange: ex.FakeExchange, fails: Exception | None = None) -> list[list[str]]:
    """Answer `renew`; return the keys that were asked for."""
    asked: list[list[str]] = []
    perform = exchange.perform

    def answering(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "renew":
            asked.append(list(effect.args[0]))
            if fails is not None:
                raise fails
            return None
        return perform(effect)

    exchange.perform = answering  # type: ignore[method-assign]
    return asked


def suspended(flow: Flow[Any], exchange: ex.FakeExchange, seconds: float, clock: str) -> Flow[Any]:
    """Suspend the process between the reservation and what follows."""

    def sleep() -> None:
        if clock == "wall":  # a paused machine whose monotonic clock stood still
            exchange.offset += seconds
        else:
            exchange.time += seconds

    effect = next(flow)
    done = False
    try:
        while True:
            try:
                result = yield effect
            except Exception as error:
                effect = flow.throw(error)
                continue
            if isinstance(effect, Record) and effect.verb == "reserve_many" and not done:
                done = True
                sleep()
            effect = flow.send(result)
    except StopIteration as finished:
        return finished.value


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
@pytest.mark.parametrize("flow", PRICED)
def test_a_late_sending_confirms_that_the_entry_is_still_ours(
    flow: Callable[..., Flow[Any]], clock: str
) -> None:
    lost = NotOwner("entry is driven by another")
    for seconds, fails in ((1.0, None), (RENEW_AFTER + 1, None), (RENEW_AFTER + 1, lost)):
        answer = {PRICED[0]: ex.created(), amend_flow: AMENDED}.get(flow, DONE)
        exchange = shared(ex.once(answer), orders=[ex.row()])
        asked = renewing(exchange, fails)
        run = suspended(flow(exchange), exchange, seconds, clock)
        if fails is None:
            exchange.run(run)
            assert len(exchange.sent("POST")) == 1
        else:
            with pytest.raises(errors.NotSent, match="driven by another"):
                exchange.run(run)
            assert exchange.sent("POST") == []
        assert len(asked) == (1 if seconds > RENEW_AFTER else 0)


def test_a_resend_without_ownership_ends_as_unknown() -> None:
    exchange = shared(ex.once(LOST))
    asked = renewing(exchange, NotOwner("entry is driven by another"))
    with pytest.raises(errors.OutcomeUnknown, match="driven by another"):
        place(exchange)
    assert len(exchange.sent("POST")) == 1
    assert asked == [["c1"]]


def test_a_wait_for_pace_counts_as_late() -> None:
    exchange = shared(ex.always(ex.created(), method="POST"))
    pacer = Pacer(TokenBucket(10, 10), TokenBucket(1, 10))
    exchange.context = evolve(exchange.context, pacer=pacer)
    asked = renewing(exchange)
    for number in (1, 2):
        exchange.handlers = [ex.once(ex.created(number))]
        place(exchange, number)
    assert exchange.waited > 9.0
    assert asked == [["c2"]]


@pytest.mark.parametrize("same", [True, False])
def test_a_verdict_that_the_journal_refuses_ends_as_unknown_unless_it_has_the_same(
    same: bool,
) -> None:
    exchange = exchange_of(ex.once(ex.created()))
    journal, perform = exchange.journal, exchange.perform

    def taken_over(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb in ("advance_many", "conclude"):
            order_id = ID if same else "another"
            if exchange.entry().is_open:
                journal.advance("c1", State.RESOLVED, order_id=order_id)
            raise NotOwner("entry c1 is driven by another")
        return perform(effect)

    exchange.perform = taken_over  # type: ignore[method-assign]
    if same:
        assert place(exchange).order_id == ID
        return
    with pytest.raises(errors.OutcomeUnknown, match="driven by another"):
        place(exchange)


@pytest.mark.parametrize("there", [True, False])
def test_an_order_that_somebody_else_ended_is_looked_for_before_it_is_sent_again(
    there: bool,
) -> None:
    exchange = exchange_of(ex.once(ex.refused(400, "invalid_price"), ex.created()))
    with pytest.raises(errors.BadRequest):
        place(exchange)
    exchange.context = Context(policy=DEFAULT, journal_owner="another instance")
    exchange.orders = [ex.row()] if there else []
    assert place(exchange).replayed is there
    assert len(exchange.sent("POST")) == (1 if there else 2)


# One look


def test_a_write_that_was_looked_for_in_vain_costs_later_orders_one_look() -> None:
    exchange = exchange_of(ex.once(LOST), watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    waited = exchange.waited
    for number in (2, 3):
        before = len(exchange.requests)
        with pytest.raises(errors.EarlierWriteUnsettled):
            place(exchange, number)
        assert len({request.path for request in exchange.requests[before:]}) == 2
    assert exchange.waited - waited < 1.0


def test_the_one_look_tells_what_has_become_provable_since() -> None:
    exchange = exchange_of(ex.once(LOST, ex.created(2)), watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange, deadline=2.0)
    exchange.watermark = 0.0
    with pytest.raises(errors.EarlierWriteUnsettled):  # a copy may still arrive
        place(exchange, 2)
    exchange.time += 60.0
    waited = exchange.waited
    place(exchange, 2)
    assert exchange.waited == waited
    assert exchange.entry().state is State.NOT_SENT


# Bounds and words


@pytest.mark.parametrize("flow", PRICED)
def test_everything_returns_within_resolve_within_and_one_timeout(
    flow: Callable[..., Flow[Any]],
) -> None:
    def slow(_: Any) -> Lost:
        exchange.time += 10.0
        return LOST

    policy = Policy(backoff=Backoff(), resend_within=1_000.0)
    exchange = exchange_of(slow, policy=policy)
    with pytest.raises((errors.OutcomeUnknown, errors.NotSent)):
        exchange.run(flow(exchange))
    assert exchange.monotonic() - 1_000.0 <= 190.1


@pytest.mark.parametrize("flow", PRICED)
def test_a_client_closed_while_it_looks_says_that_the_outcome_is_unknown(
    flow: Callable[..., Flow[Any]],
) -> None:
    exchange = exchange_of(ex.once(LOST), orders=[ex.row(2)])
    perform, closed = exchange.perform, False

    def closing(effect: Effect) -> Any:
        nonlocal closed
        closed = closed or isinstance(effect, Sleep)
        if isinstance(effect, Send) and closed:
            raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.handlers.append(ex.once(core.reply(200, {"order": ex.row()}), method="GET", ending=ID))
    exchange.perform = closing  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown, match="this client is closed"):
        exchange.run(flow(exchange))
    assert exchange.waited < 1.0
    assert [entry.is_open for entry in exchange.journal.entries()] == [True]


REPEATED: list[Callable[[ex.FakeExchange], Flow[Any]]] = [
    lambda exchange: writes.transfer_between_subaccounts(
        core.CURRENT.subaccounts.transfer("00000000-0000-4000-8000-000000000001", 0, 1, 500, 0),
        exchange.context,
    ),
    lambda exchange: writes.send_idempotent(core.CURRENT.orders.cancel_all(None), exchange.context),
    lambda exchange: writes.delete_group(core.CURRENT, "g1", None, None, exchange.context),
    lambda exchange: writes.cancel(core.CURRENT, Target.of(ID), exchange.context),
]


@pytest.mark.parametrize("flow", REPEATED)
def test_a_client_closed_before_a_repeat_says_that_the_outcome_is_unknown(
    flow: Callable[[ex.FakeExchange], Flow[Any]],
) -> None:
    exchange = exchange_of(lambda _: LOST)
    perform, sent = exchange.perform, 0

    def closing(effect: Effect) -> Any:
        nonlocal sent
        if isinstance(effect, Send):
            sent += 1
            if sent > 1:
                raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown, match="this client is closed"):
        exchange.run(flow(exchange))


@pytest.mark.parametrize("flow", [*PRICED, *REPEATED])
def test_a_client_closed_before_a_retry_tells_what_its_write_was_answered(
    flow: Callable[[ex.FakeExchange], Flow[Any]],
) -> None:
    refused = core.reply(429, {"error": "too many requests"})
    row = core.reply(200, {"order": ex.row()})
    exchange = exchange_of(
        lambda request: row if request.method == "GET" and request.path.endswith(ID) else None,
        lambda request: None if request.method == "GET" else refused,
    )
    perform, sent = exchange.perform, 0

    def closing(effect: Effect) -> Any:
        nonlocal sent
        if isinstance(effect, Send) and effect.request.method != "GET":
            sent += 1
            if sent > 1:
                raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]
    with pytest.raises(errors.RateLimited):
        exchange.run(flow(exchange))
    assert not any(entry.is_open for entry in exchange.journal.entries())


def test_one_look_at_an_exchange_that_does_not_answer_ends_within_a_timeout() -> None:
    def slow(request: Any) -> Reply | Lost | None:
        exchange.time += timeouts[-1]
        return LOST

    exchange, timeouts = exchange_of(ex.once(LOST), watermark=None), [10.0]
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    exchange.handlers = [slow]
    perform = exchange.perform

    def timing(effect: Effect) -> Any:
        if isinstance(effect, Send):
            timeouts.append(effect.timeout)
        return perform(effect)

    exchange.perform = timing  # type: ignore[method-assign]
    before = exchange.monotonic()
    with pytest.raises(errors.EarlierWriteUnsettled):
        place(exchange, 2)
    assert exchange.monotonic() - before <= 10.1


def test_a_lost_answer_whose_order_is_listed_at_once_costs_three_requests() -> None:
    exchange = exchange_of(ex.once(LOST), orders=[ex.row()])
    place(exchange)
    assert len(exchange.requests) == 3


def test_a_clean_place_is_one_request() -> None:
    exchange = exchange_of(ex.once(ex.created()))
    place(exchange)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC])
@pytest.mark.parametrize("step", [-1e8, -86_400.0, -90.0, 90.0, 86_400.0, 1e8])
def test_a_step_of_the_clock_while_it_looks_changes_nothing(contract: Any, step: float) -> None:
    times = []
    for offset in (0.0, step):
        exchange = exchange_of(ex.once(LOST))
        perform, done = exchange.perform, False

        def stepping(effect: Effect) -> Any:
            nonlocal done
            if isinstance(effect, Sleep) and not done:
                done = True
                exchange.offset += offset  # noqa: B023 - called within its own turn
            return perform(effect)  # noqa: B023

        exchange.perform = stepping  # type: ignore[method-assign]
        with pytest.raises(errors.NotSent):
            exchange.run(writes.place(contract, ex.ticket(), exchange.context))
        times.append(exchange.waited)
    assert times[0] == pytest.approx(times[1], abs=1.0)
    assert times[0] >= 60.0


@pytest.mark.parametrize("ahead", [3_600.0, 1e6, -3_600.0])
def test_a_date_that_is_wrong_does_not_narrow_the_search(ahead: float) -> None:
    exchange = exchange_of(ex.once(LOST))
    made = core.EPOCH

    def listed(request: Any) -> Reply | None:
        wrong = formatdate(exchange.time + ahead, usegmt=True)
        if request.path == "/exchange/user_data_timestamp":
            return core.reply(503, b"", date=wrong)
        if request.method != "GET" or request.path != "/portfolio/orders":
            return None
        seen = int(dict(request.query)["min_ts"]) <= made
        return core.reply(200, {"orders": [ex.row()] if seen else [], "cursor": ""}, date=wrong)

    exchange.context.exchange_clock.note(
        {"date": formatdate(exchange.time + ahead, usegmt=True)}, exchange.monotonic()
    )
    exchange.handlers.append(listed)
    assert place(exchange).replayed


# Told


def told_by(flow: Flow[Any], exchange: ex.FakeExchange) -> list[str]:
    """Run a flow to its end, whatever it raises; return the keys it says were told."""
    keys: list[str] = []
    perform = exchange.perform

    def watched(effect: Effect) -> Any:
        if isinstance(effect, Told):
            keys.extend(effect.keys)
        return perform(effect)

    exchange.perform = watched  # type: ignore[method-assign]
    with suppress(errors.KalshiError):
        exchange.run(flow)
    exchange.perform = perform  # type: ignore[method-assign]
    return keys


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([ex.created()], True),
        ([ex.refused(400, "invalid_price")], True),
        ([REFUSED_CONNECTION] * 4, True),
        ([LOST], False),
    ],
)
def test_a_flow_says_which_verdicts_it_tells(outcomes: list[Any], told: bool) -> None:
    exchange = exchange_of(ex.once(*outcomes), watermark=None)
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    assert told_by(flow, exchange) == (["c1"] if told else [])


def test_a_replayed_verdict_is_told_once_more() -> None:
    exchange = exchange_of(ex.once(ex.created()))
    place(exchange)
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    assert told_by(flow, exchange) == ["c1"]


def test_a_change_and_a_recovery_tell_their_verdicts() -> None:
    exchange = exchange_of(ex.once(AMENDED), orders=[ex.row()])
    (key,) = told_by(amend_flow(exchange), exchange)
    assert exchange.entry(key).state is State.ACKNOWLEDGED
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert told_by(writes.recover(core.CURRENT, exchange.context), exchange) == ["c1"]


def test_what_a_later_order_settles_is_not_told() -> None:
    exchange = exchange_of(ex.once(ex.created(2)), orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    flow = writes.place(core.CURRENT, ex.ticket(2), exchange.context)
    assert told_by(flow, exchange) == ["c2"]
    assert exchange.entry().state is State.RESOLVED


def test_a_lock_that_is_never_free_is_waited_for_within_the_call() -> None:
    exchange = exchange_of()
    owner = LockOwner()
    exchange.context.locks.acquire(["turn of group"], owner)
    flow = writes.create_group(core.CURRENT, ex.ticket().count, None, None, exchange.context)
    with pytest.raises(errors.NotSent, match="still busy"):
        exchange.run(flow)
    assert exchange.requests == []
    assert exchange.waited == pytest.approx(180.0)


# Latches of other machines


def shut_elsewhere(exchange: ex.FakeExchange, *, at_read: int) -> list[float]:
    """Let another machine shut a latch before the given reading of the record; return the times."""
    reads: list[float] = []
    perform = exchange.perform

    def answering(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "read_stops":
            reads.append(exchange.time)
            if len(reads) == at_read:
                exchange.context.stops.record.change(lambda standing: standing.shut(Latch()))
            return None
        return perform(effect)

    exchange.perform = answering  # type: ignore[method-assign]
    return reads


def test_a_latch_of_another_machine_ends_an_order_before_its_second_attempt() -> None:
    refused = core.reply(429, {"error": {"code": "too_many_requests", "message": "slow down"}})
    exchange = shared(ex.once(refused, method="POST"))
    reads = shut_elsewhere(exchange, at_read=2)
    with pytest.raises(errors.KalshiError) as caught:
        exchange.run(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    assert not isinstance(caught.value, errors.OutcomeUnknown)
    assert len(reads) == 2  # one before the order, one before its second attempt
    assert len([each for each in exchange.requests if each.method == "POST"]) == 1


def test_an_order_that_goes_at_once_reads_the_latches_of_other_machines_once() -> None:
    exchange = shared(ex.once(ex.created(1), method="POST"))
    reads = shut_elsewhere(exchange, at_read=9)
    exchange.run(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    assert len(reads) == 1


def test_a_latch_of_another_machine_ends_an_order_that_waited_for_the_rate_limit() -> None:
    exchange = shared(ex.once(ex.created(1), method="POST"))
    pacer = Pacer(TokenBucket(1, 10), TokenBucket(1, 10))
    exchange.context = evolve(exchange.context, pacer=pacer)
    reads = shut_elsewhere(exchange, at_read=3)
    exchange.run(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    with pytest.raises(errors.NotSent, match="trading was stopped"):
        exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    assert len(reads) == 3
    assert len([each for each in exchange.requests if each.method == "POST"]) == 1


def test_latches_of_other_machines_that_cannot_be_read_keep_a_second_attempt_here() -> None:
    refused = core.reply(429, {"error": {"code": "too_many_requests", "message": "slow down"}})
    exchange = shared(ex.once(refused, method="POST"))
    reads, perform = [], exchange.perform

    def answering(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "read_stops":
            reads.append(effect)
            if len(reads) > 1:
                raise JournalUnusable("the database does not answer")
            return None
        return perform(effect)

    exchange.perform = answering  # type: ignore[method-assign]
    with pytest.raises(errors.KalshiError):
        exchange.run(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    assert len([each for each in exchange.requests if each.method == "POST"]) == 1


# Groups that are let trade again


def opening(exchange: ex.FakeExchange, contract: Any) -> list[Any]:
    """Return the calls that let group g1 trade, as far as the contract has them."""
    groups = contract.order_groups
    limits = [groups.set_limit("g1", Decimal(9), None, None)] if contract.has_watermark else []
    return [groups.reset("g1", None, None), *limits]


STOPS: dict[str, Callable[[ex.FakeExchange, Any], Flow[Any]]] = {
    "client.stop": lambda exchange, contract: stops.stop(
        contract, exchange.context, Latch(), verify=False
    ),
    "order_groups.delete": lambda exchange, contract: writes.delete_group(
        contract, "g1", None, None, exchange.context
    ),
    "order_groups.trigger": lambda exchange, contract: writes.send_idempotent(
        contract.order_groups.trigger("g1", None, None), exchange.context, stops=("group", "g1")
    ),
}


@pytest.mark.parametrize(
    ("contract", "by", "number"),
    [
        *((core.CURRENT, by, number) for by in STOPS for number in (0, 1)),
        *((core.CLASSIC, by, 0) for by in ("client.stop", "order_groups.delete")),
    ],
)
def test_whoever_stops_a_group_ends_what_would_let_it_trade_again(
    contract: Any, by: str, number: int
) -> None:
    exchange = exchange_of(policy=evolve(DEFAULT, backoff=core.no_jitter(first=1.0)))
    call = opening(exchange, contract)[number]
    path = call.request.path
    exchange.handlers.append(ex.always(LOST, ending=path, method=call.request.method))
    flow = writes.send_idempotent(call, exchange.context, state_of=("group", "g1"))

    def stop_it() -> None:
        exchange.handlers.append(ex.always(core.reply(204, None), method="DELETE"))
        with suppress(errors.KalshiError):
            exchange.run(STOPS[by](exchange, contract))

    with pytest.raises(errors.OutcomeUnknown, match=rf"{by} was called meanwhile"):
        exchange.run(interrupted_by(flow, exchange, stop_it))
    assert [each.path for each in exchange.requests].count(path) == 1


def test_a_stop_of_another_group_lets_a_reset_go_again() -> None:
    exchange = exchange_of(policy=evolve(DEFAULT, backoff=core.no_jitter(first=1.0)))
    call = core.CURRENT.order_groups.reset("g1", None, None)
    exchange.handlers.append(ex.once(LOST, core.reply(200, {}), method=call.request.method))
    flow = writes.send_idempotent(call, exchange.context, state_of=("group", "g1"))
    exchange.run(interrupted_by(flow, exchange, lambda: stop(exchange, "another group")))
    assert [each.path for each in exchange.requests].count(call.request.path) == 2


@pytest.mark.parametrize(
    ("contract", "call"),
    [
        ("current", lambda c: c.order_groups.reset("g1")),
        ("classic", lambda c: c.order_groups.reset("g1")),
        ("current", lambda c: c.order_groups.set_limit("g1", 9)),
    ],
)
def test_a_client_that_lets_a_group_trade_says_which_one(contract: Any, call: Any) -> None:
    held: list[Any] = []

    def stopped_meanwhile(_: httpx.Request) -> httpx.Response:
        held[-1].session.context.stops.add([("group", "g1")], "order_groups.trigger", 0.0)
        return httpx.Response(503)

    def holding(client: Any) -> Any:
        held.append(client)
        return call(client)

    transport = clients.RecordingTransport(stopped_meanwhile)
    results = clients.sync_and_async(holding, transport, contract=contract)
    assert [each.method for each in transport.requests] == [transport.requests[0].method] * 2
    assert core.kinds(results) == {"UnavailableWrite"}


def test_cancel_all_returns_by_its_deadline_whatever_the_look_after_it_meets() -> None:
    exchange = exchange_of(ex.once(core.reply(204, None), method="DELETE"))
    perform = exchange.perform

    def slow(effect: Effect) -> Any:
        if isinstance(effect, Send) and effect.request.method == "GET":
            exchange.time += effect.timeout
            return LOST
        return perform(effect)

    exchange.perform = slow  # type: ignore[method-assign]
    report = exchange.run(stops.cancel_all(core.CURRENT, exchange.context, None, deadline=3.0))
    assert report.unread
    assert report.took <= timedelta(seconds=3.0)


@pytest.mark.parametrize("path", ["/portfolio/orders", "/portfolio/fills"])
def test_cancel_all_that_was_done_is_told_where_the_client_is_closed_while_it_looks(
    path: str,
) -> None:
    exchange = exchange_of(ex.once(core.reply(204, None), method="DELETE"), orders=[])
    perform = exchange.perform

    def closing(effect: Effect) -> Any:
        if isinstance(effect, Send) and effect.request.path == path:
            raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]
    report = exchange.run(stops.cancel_all(core.CURRENT, exchange.context, None))
    assert report.unread == ("resting orders: this client is closed",)
