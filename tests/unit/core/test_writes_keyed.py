"""A transfer between subaccounts carries a key: in doubt it is repeated, and a crash loses none."""

from __future__ import annotations

from typing import Any

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import Reservation, State, Transition, TransitionUnwritten
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.flow import Record, Send
from kalshi_ext.protocol.rate_limits import Pacer, TokenBucket

LOST = core.lost(left=True)
KEY = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
DONE, TAKEN = core.reply(200, {}), ex.refused(409, "transfer_already_applied")


def keyed(floor: ex.Floor, cents: int = 500) -> None:
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, cents, 0)
    floor.run(writes.transfer_between_subaccounts(call, floor.context))


def state(floor: ex.Floor) -> State:
    (entry,) = floor.journal.entries()
    return entry.state


@pytest.mark.parametrize(
    "outcomes",
    [
        [core.reply(200, {})],
        [LOST, core.reply(200, {})],
        [LOST, ex.refused(409, "transfer_already_applied")],
        [ex.refused(409, "transfer_already_applied")],
        [*[LOST] * 6, core.reply(200, {})],
        [ex.refused(409, None), ex.refused(409, "transfer_already_applied")],
    ],
)
def test_a_keyed_transfer_is_repeated_until_it_is_done(outcomes: list[Any]) -> None:
    floor = ex.Floor([ex.once(*outcomes)])
    keyed(floor)
    assert len({request.body for request in floor.sent("POST")}) == 1
    assert len(floor.sent("POST")) == len(outcomes)


def test_a_keyed_transfer_that_stays_unknown_tells_its_key() -> None:
    floor = ex.Floor([ex.always(LOST, method="POST")])
    with pytest.raises(errors.OutcomeUnknown) as caught:
        keyed(floor)
    assert caught.value.__dict__["client_transfer_id"] == KEY
    assert floor.waited >= 180


def test_a_refused_keyed_transfer_is_refused() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "insufficient_balance"))])
    with pytest.raises(errors.BadRequest):
        keyed(floor)
    assert len(floor.requests) == 1


def test_a_refusal_after_rounds_of_doubt_does_not_say_that_nothing_happened() -> None:
    floor = ex.Floor([ex.once(*[LOST] * 4, ex.refused(403, "permission_denied"))])
    floor.answers.append(ex.always(LOST, method="POST"))
    with pytest.raises(errors.OutcomeUnknown):
        keyed(floor)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (DONE, State.ACKNOWLEDGED),
        (TAKEN, State.ACKNOWLEDGED),
        (ex.refused(400, "insufficient_balance"), State.REFUSED),
        (core.lost(left=False), State.NOT_SENT),
    ],
)
def test_the_journal_keeps_what_became_of_it(outcome: Any, expected: State) -> None:
    floor = ex.Floor([ex.always(outcome, method="POST")])
    try:
        keyed(floor)
    except errors.KalshiError:
        assert expected is not State.ACKNOWLEDGED
    assert state(floor) is expected


def test_it_is_in_the_journal_before_it_is_sent() -> None:
    floor = ex.Floor()
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, 500, 0)
    flow = writes.transfer_between_subaccounts(call, floor.context)
    kinds: list[object] = []
    effect = next(flow)
    while not isinstance(effect, Send):
        kinds += [effect.verb] if isinstance(effect, Record) else []
        effect = flow.send(floor._perform(effect))
    assert kinds == ["reserve_many"]
    flow.close()


def test_what_was_done_is_not_sent_again() -> None:
    floor = ex.Floor([ex.always(DONE, method="POST")])
    keyed(floor)
    keyed(floor)
    assert len(floor.sent("POST")) == 1


def test_what_was_refused_may_be_tried_again() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "insufficient_balance"), DONE)])
    with pytest.raises(errors.BadRequest):
        keyed(floor)
    keyed(floor)
    assert state(floor) is State.ACKNOWLEDGED


def test_the_same_key_names_the_same_transfer() -> None:
    floor = ex.Floor([ex.always(DONE, method="POST")])
    keyed(floor)
    with pytest.raises(errors.DuplicateIdConflict, match="already names another transfer"):
        keyed(floor, cents=501)
    assert len(floor.sent("POST")) == 1


def interrupted(floor: ex.Floor) -> None:
    """Leave a transfer where its request may have left."""
    call = core.CURRENT.subaccounts.transfer(KEY, 0, 1, 500, 0)
    flow = writes.transfer_between_subaccounts(call, floor.context)
    effect = next(flow)
    while not isinstance(effect, Send):
        effect = flow.send(floor._perform(effect))
    flow.close()


@pytest.mark.parametrize("outcome", [DONE, TAKEN])
def test_after_a_crash_the_same_call_finishes_it(outcome: Any) -> None:
    floor = ex.Floor([ex.once(outcome)])
    interrupted(floor)
    keyed(floor)
    assert state(floor) is State.ACKNOWLEDGED


def test_a_refusal_after_a_crash_does_not_say_that_nothing_happened() -> None:
    floor = ex.Floor([ex.always(ex.refused(403, "permission_denied"), method="POST")])
    interrupted(floor)
    with pytest.raises(errors.OutcomeUnknown):
        keyed(floor)
    assert state(floor) is State.UNKNOWN


def test_what_another_program_drives_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = ex.Floor()
    interrupted(floor)
    monkeypatch.setattr(type(floor.journal), "take_over", lambda *_: False)
    with pytest.raises(errors.OutcomeUnknown, match="another program") as caught:
        keyed(floor)
    assert caught.value.__dict__["client_transfer_id"] == KEY
    assert floor.sent("POST") == []


def test_what_a_failing_journal_cannot_take_over_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> bool:
        raise TransitionUnwritten("the disk is full")

    floor = ex.Floor()
    interrupted(floor)
    monkeypatch.setattr(type(floor.journal), "take_over", fails)
    with pytest.raises(errors.OutcomeUnknown, match="no verdict yet: the disk is full"):
        keyed(floor)
    assert floor.sent("POST") == []


def test_what_was_refused_is_not_tried_again_while_another_program_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "insufficient_balance"))])
    with pytest.raises(errors.BadRequest):
        keyed(floor)
    (entry,) = floor.journal.entries()
    monkeypatch.setattr(floor.journal, "reopen", lambda _: Reservation(entry, acquired=False))
    with pytest.raises(errors.OutcomeUnknown, match="another program"):
        keyed(floor)
    assert len(floor.sent("POST")) == 1


def test_what_was_resolved_by_hand_needs_a_new_key() -> None:
    floor = ex.Floor()
    interrupted(floor)
    floor.journal.advance_many([Transition(f"transfer-{KEY}", State.RESOLVED)])
    with pytest.raises(errors.Misuse, match="resolved by hand"):
        keyed(floor)
    assert floor.sent("POST") == []


def row(cents: int = 500, to: int = 1, at: float = core.EPOCH) -> dict[str, Any]:
    ends = {"from_subaccount": 0, "to_subaccount": to, "exchange_index": 0}
    return {"transfer_id": "t1", "amount_cents": cents, "created_ts": int(at), **ends}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], State.NOT_SENT),
        ([row(cents=501), row(to=2)], State.NOT_SENT),
        ([row(at=core.EPOCH - 2 * 86_400)], State.NOT_SENT),
        ([row()], State.UNKNOWN),
        ([row(at=core.EPOCH - 3600)], State.UNKNOWN),
    ],
)
def test_recovery_says_not_sent_only_where_no_transfer_fits(
    rows: list[dict[str, Any]], expected: State
) -> None:
    floor = ex.Floor()
    listed = core.reply(200, {"transfers": rows, "cursor": ""})
    floor.answers.append(ex.always(listed, method="GET", ending="/transfers"))
    interrupted(floor)
    (found,) = floor.run(writes.recover(core.CURRENT, floor.context))
    assert found.state is expected
    assert floor.sent("POST") == []


@pytest.mark.parametrize(("crashed", "expected"), [(False, State.NOT_SENT), (True, State.UNKNOWN)])
def test_a_transfer_larger_than_its_bucket_is_recorded_as_never_sent_by_this_call(
    crashed: bool, expected: State
) -> None:
    floor = ex.Floor()
    if crashed:
        interrupted(floor)
    floor.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse):
        keyed(floor)
    assert (state(floor), floor.requests) == (expected, [])
