"""A transfer between subaccounts carries a key: in doubt it is repeated, and a crash loses none."""

from __future__ import annotations

from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.journal import (
    JournalUnusable,
    NotOwner,
    Reservation,
    State,
    Transition,
    TransitionUnwritten,
)
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.flow import Effect, Record, Send
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket

LOST = core.lost(bytes_sent=True)
KEY = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
DONE, TAKEN = core.reply(200, {}), ex.refused(409, "transfer_already_applied")


def transfer(exchange: ex.FakeExchange, cents: int = 500) -> None:
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, cents, 0)
    exchange.run(writes.transfer_between_subaccounts(call, exchange.context))


def state(exchange: ex.FakeExchange) -> State:
    (entry,) = exchange.journal.entries()
    return entry.state


@pytest.mark.parametrize(
    "outcomes",
    [
        [core.reply(200, {})],
        [LOST, core.reply(200, {})],
        [ex.created(), core.reply(200, {})],  # the answer to another operation
        [LOST, ex.refused(409, "transfer_already_applied")],
        [ex.refused(409, "transfer_already_applied")],
        [*[LOST] * 6, core.reply(200, {})],
        [ex.refused(409, None), ex.refused(409, "transfer_already_applied")],
    ],
)
def test_a_keyed_transfer_is_repeated_until_it_is_done(outcomes: list[Any]) -> None:
    exchange = ex.FakeExchange([ex.once(*outcomes)])
    transfer(exchange)
    assert len({request.body for request in exchange.sent("POST")}) == 1
    assert len(exchange.sent("POST")) == len(outcomes)


def test_a_keyed_transfer_that_stays_unknown_tells_its_key() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST")])
    with pytest.raises(errors.OutcomeUnknown) as caught:
        transfer(exchange)
    assert caught.value.__dict__["client_transfer_id"] == KEY
    assert exchange.monotonic() - 1_000 >= 180


def test_a_refused_keyed_transfer_is_refused() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "insufficient_balance"))])
    with pytest.raises(errors.BadRequest):
        transfer(exchange)
    assert len(exchange.requests) == 1


def test_a_refusal_after_rounds_of_doubt_does_not_say_that_nothing_happened() -> None:
    exchange = ex.FakeExchange([ex.once(*[LOST] * 4, ex.refused(403, "permission_denied"))])
    exchange.handlers.append(ex.always(LOST, method="POST"))
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (DONE, State.ACKNOWLEDGED),
        (TAKEN, State.ACKNOWLEDGED),
        (ex.refused(400, "insufficient_balance"), State.REFUSED),
        (core.lost(bytes_sent=False), State.NOT_SENT),
    ],
)
def test_the_journal_keeps_what_became_of_it(outcome: Any, expected: State) -> None:
    exchange = ex.FakeExchange([ex.always(outcome, method="POST")])
    try:
        transfer(exchange)
    except errors.KalshiError:
        assert expected is not State.ACKNOWLEDGED
    assert state(exchange) is expected


def test_it_is_in_the_journal_before_it_is_sent() -> None:
    exchange = ex.FakeExchange()
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, 500, 0)
    flow = writes.transfer_between_subaccounts(call, exchange.context)
    verbs: list[object] = []
    effect = next(flow)
    while not isinstance(effect, Send):
        verbs += [effect.verb] if isinstance(effect, Record) else []
        effect = flow.send(exchange.perform(effect))
    assert verbs == ["reserve_many"]
    flow.close()


def test_what_was_done_is_not_sent_again() -> None:
    exchange = ex.FakeExchange([ex.always(DONE, method="POST")])
    transfer(exchange)
    transfer(exchange)
    assert len(exchange.sent("POST")) == 1


def test_what_was_refused_may_be_tried_again() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "insufficient_balance"), DONE)])
    with pytest.raises(errors.BadRequest):
        transfer(exchange)
    transfer(exchange)
    assert state(exchange) is State.ACKNOWLEDGED


def test_the_same_key_names_the_same_transfer() -> None:
    exchange = ex.FakeExchange([ex.always(DONE, method="POST")])
    transfer(exchange)
    with pytest.raises(
        errors.DuplicateIdConflict, match="already names another transfer"
    ) as caught:
        transfer(exchange, cents=501)
    assert caught.value.differs == {"amount_cents": (501, 500)}
    assert len(exchange.sent("POST")) == 1


def crash_transfer(exchange: ex.FakeExchange) -> None:
    """Drop a transfer while its request is on the wire."""
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, 500, 0)
    flow = writes.transfer_between_subaccounts(call, exchange.context)
    exchange.crash(flow)


@pytest.mark.parametrize("outcome", [DONE, TAKEN])
def test_after_a_crash_the_same_call_finishes_it(outcome: Any) -> None:
    exchange = ex.FakeExchange([ex.once(outcome)])
    crash_transfer(exchange)
    transfer(exchange)
    assert state(exchange) is State.ACKNOWLEDGED


def test_a_refusal_after_a_crash_does_not_say_that_nothing_happened() -> None:
    exchange = ex.FakeExchange([ex.always(ex.refused(403, "permission_denied"), method="POST")])
    crash_transfer(exchange)
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)
    assert state(exchange) is State.UNKNOWN


def test_what_another_program_drives_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = ex.FakeExchange()
    crash_transfer(exchange)
    monkeypatch.setattr(type(exchange.journal), "take_over", lambda *_: False)
    with pytest.raises(errors.OutcomeUnknown, match="another program") as caught:
        transfer(exchange)
    assert caught.value.__dict__["client_transfer_id"] == KEY
    assert exchange.sent("POST") == []


def test_what_a_failing_journal_cannot_take_over_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> bool:
        raise TransitionUnwritten("the disk is full")

    exchange = ex.FakeExchange()
    crash_transfer(exchange)
    monkeypatch.setattr(type(exchange.journal), "take_over", fails)
    with pytest.raises(errors.OutcomeUnknown, match="no verdict yet: the disk is full"):
        transfer(exchange)
    assert exchange.sent("POST") == []


def test_what_was_refused_is_not_tried_again_while_another_program_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "insufficient_balance"))])
    with pytest.raises(errors.BadRequest):
        transfer(exchange)
    (entry,) = exchange.journal.entries()
    monkeypatch.setattr(exchange.journal, "reopen", lambda _: Reservation(entry, acquired=False))
    with pytest.raises(errors.OutcomeUnknown, match="another program"):
        transfer(exchange)
    assert len(exchange.sent("POST")) == 1


def test_what_was_resolved_by_hand_needs_a_new_key() -> None:
    exchange = ex.FakeExchange()
    crash_transfer(exchange)
    exchange.journal.advance_many([Transition(f"transfer-{KEY}", State.RESOLVED)])
    with pytest.raises(errors.Misuse, match="resolved by hand"):
        transfer(exchange)
    assert exchange.sent("POST") == []


def row(cents: int = 500, to: int = 1, at: float = core.EPOCH) -> dict[str, Any]:
    ends = {"from_subaccount": 0, "to_subaccount": to, "exchange_index": 0}
    return {"transfer_id": "t1", "amount_cents": cents, "created_ts": int(at), **ends}


@pytest.mark.parametrize("rows", [[], [row()], [row(cents=501), row(to=2)]])
def test_no_list_tells_recovery_what_became_of_a_transfer_only_its_repeat_does(
    rows: list[dict[str, Any]],
) -> None:
    exchange = ex.FakeExchange()
    listing = core.reply(200, {"transfers": rows, "cursor": ""})
    exchange.handlers.append(ex.always(listing, method="GET", ending="/transfers"))
    crash_transfer(exchange)
    (resolution,) = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert resolution.state is State.UNKNOWN
    assert (exchange.sent("POST"), exchange.waited) == ([], 0.0)
    exchange.handlers = [ex.once(ex.refused(409, "transfer_already_applied"))]
    transfer(exchange)
    assert state(exchange) is State.ACKNOWLEDGED


@pytest.mark.parametrize(("crashed", "expected"), [(False, State.NOT_SENT), (True, State.UNKNOWN)])
def test_a_transfer_larger_than_its_bucket_is_recorded_as_never_sent_by_this_call(
    crashed: bool, expected: State
) -> None:
    exchange = ex.FakeExchange()
    if crashed:
        crash_transfer(exchange)
    exchange.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse):
        transfer(exchange)
    assert (state(exchange), exchange.requests) == (expected, [])


# A journal that other processes share


def suspended(exchange: ex.FakeExchange, fails: Exception | None) -> list[list[str]]:
    """Suspend the process once its entry is reserved; return what it asks the journal for then."""
    asked: list[list[str]] = []
    perform = exchange.perform

    def slow(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "renew":
            asked.append(list(effect.args[0]))
            if fails is not None:
                raise fails
            return None
        result = None if effect == Record("read_stops") else perform(effect)
        if isinstance(effect, Record) and effect.verb == "reserve_many":
            exchange.time += RENEW_AFTER + 1
        return result

    exchange.perform = slow  # type: ignore[method-assign]
    exchange.context = evolve(exchange.context, shared_journal=True)
    return asked


def test_a_late_transfer_is_confirmed_by_the_journal_first() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DONE)])
    asked = suspended(exchange, None)
    transfer(exchange)
    assert asked == [[f"transfer-{KEY}"]]
    assert state(exchange) is State.ACKNOWLEDGED


@pytest.mark.parametrize("fails", [NotOwner("it is driven by another"), JournalUnusable("gone")])
def test_a_late_transfer_that_the_journal_does_not_confirm_is_unknown_and_not_sent(
    fails: Exception,
) -> None:
    exchange = ex.FakeExchange([ex.once(DONE)])
    suspended(exchange, fails)
    with pytest.raises(errors.OutcomeUnknown, match="call it again with the same id") as caught:
        transfer(exchange)
    assert caught.value.__dict__["client_transfer_id"] == KEY
    assert str(fails.args[0]) in str(caught.value)
    assert exchange.sent("POST") == []


def test_a_client_that_is_closed_while_it_repeats_a_transfer_advises_the_same_id() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    perform = exchange.perform

    def closing(effect: Effect) -> Any:
        if ex.is_send(effect) and exchange.requests:
            raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown, match=r"closed.*again with the same id"):
        transfer(exchange)
