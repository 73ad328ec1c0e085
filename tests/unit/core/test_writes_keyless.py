"""Writes without a key are listed before and after; the others are simply repeated."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.contracts.interface import InstanceTransferTicket
from kalshi_ext.journal import State
from kalshi_ext.protocol.messages import Repeat

LOST = core.lost(left=True)
GROUPS, TRANSFERS, BALANCES = "/order_groups", "_transfers", "/balances"


def group(name: str, limit: str | None = "9.00") -> dict[str, Any]:
    return {"id": name, "contracts_limit_fp": limit, "is_auto_cancel_enabled": True}


def listed(*rows: dict[str, Any], name: str = "order_groups") -> Any:
    return core.reply(200, {name: list(rows)})


def create(floor: ex.Floor) -> Any:
    flow = writes.create_group(core.CURRENT, Decimal(9), None, None, floor.context)
    return floor.run(flow)


def lists(before: Any, after: Any, ending: str = GROUPS) -> Any:
    first = ex.once(before, method="GET", ending=ending)
    rest = ex.always(after, method="GET", ending=ending)
    return lambda request: first(request) or rest(request)


def states(floor: ex.Floor) -> list[str]:
    return [entry.state.value for entry in floor.journal.entries()]


def test_a_created_group_is_in_the_journal_with_its_id() -> None:
    made = core.reply(201, {"order_group_id": "g1"})
    floor = ex.Floor([lists(listed(), listed()), ex.once(made)])
    assert create(floor).id == "g1"
    (entry,) = floor.journal.entries()
    assert (entry.state, entry.order_id) == (State.ACKNOWLEDGED, "g1")


def test_the_one_new_group_that_fits_is_the_lost_one() -> None:
    after = listed(group("g0"), group("g1"), group("g2", "8.00"))
    floor = ex.Floor([lists(listed(group("g0")), after), ex.once(LOST)])
    assert create(floor).id == "g1"
    assert len(floor.sent("POST")) == 1


def test_a_contract_that_tells_no_limit_makes_every_new_group_fit() -> None:
    floor = ex.Floor([lists(listed(), listed(group("g1", None))), ex.once(LOST)])
    assert create(floor).id == "g1"


def test_two_new_groups_that_fit_are_left_to_a_person() -> None:
    floor = ex.Floor([lists(listed(), listed(group("g1"), group("g2"))), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        create(floor)
    assert states(floor) == ["unknown"]


def test_a_group_that_never_came_is_not_created_again() -> None:
    floor = ex.Floor([lists(listed(), listed()), ex.always(LOST, method="POST")])
    with pytest.raises(errors.NotSent, match="can no longer be"):
        create(floor)
    assert floor.waited >= 60
    assert len(floor.sent("POST")) == 1
    assert states(floor) == ["not_sent"]


@pytest.mark.parametrize("before", [core.reply(500), LOST, core.reply(200, b"["), listed(None)])  # type: ignore[arg-type]
def test_nothing_is_created_where_what_is_there_cannot_be_listed(before: Any) -> None:
    floor = ex.Floor([ex.always(before, method="GET", ending=GROUPS)])
    with pytest.raises(errors.NotSent, match="could not be listed"):
        create(floor)
    assert floor.sent("POST") == []


def test_a_list_that_cannot_be_read_in_full_afterwards_tells_nothing() -> None:
    floor = ex.Floor([lists(listed(), listed(None)), ex.once(LOST)])  # type: ignore[arg-type]
    with pytest.raises(errors.OutcomeUnknown):
        create(floor)


def test_two_flows_of_a_client_create_one_after_the_other() -> None:
    floor = ex.Floor([lists(listed(), listed())])
    first = writes.create_group(core.CURRENT, Decimal(9), None, None, floor.context)
    second = writes.create_group(core.CURRENT, Decimal(9), None, None, floor.context)
    assert type(next(first)).__name__ == "Send"
    assert type(next(second)).__name__ == "Sleep"
    first.close()
    assert type(second.send(None)).__name__ == "Send"
    second.close()
    assert "turn of group" not in floor.context.locks


def transfer_row(name: str, **more: Any) -> dict[str, Any]:
    said = {
        "transfer_id": name,
        "source": "event_contract",
        "destination": "margined",
        "amount": "1.2345",
        "status": "complete",
        "source_exchange_shard": 0,
        "destination_exchange_shard": 2,
        "created_ts": 1_800_000_000,
    }
    return said | more


def transfer(floor: ex.Floor) -> Any:
    ticket = InstanceTransferTicket(
        source="event_contract",
        destination="margined",
        amount=12_345,
        destination_exchange_shard=2,
    )
    return floor.run(writes.transfer_between_instances(core.CURRENT, ticket, floor.context))


@pytest.mark.parametrize("status", ["complete", "pending"])
def test_the_one_new_transfer_that_fits_is_the_lost_one(status: str) -> None:
    others = [
        transfer_row("t2", amount="1.2346"),
        transfer_row("t3", destination_exchange_shard=0),
        transfer_row("t4", source="margined"),
        transfer_row("t5", destination="event_contract"),
    ]
    after = listed(*others, transfer_row("t1", status=status), name="transfers")
    floor = ex.Floor([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    assert transfer(floor) == "t1"


def test_a_transfer_of_an_unknown_status_is_not_taken_for_done() -> None:
    after = listed(transfer_row("t1", status="failed"), name="transfers")
    floor = ex.Floor([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(floor)


def balance(number: int, shard: int = 0) -> dict[str, Any]:
    return {"subaccount_number": number, "exchange_index": shard, "balance": "0.00"}


def test_a_lost_subaccount_is_the_new_number_on_whatever_shards() -> None:
    name = "subaccount_balances"
    after = listed(balance(0), balance(1), balance(1, 2), name=name)
    floor = ex.Floor([lists(listed(balance(0), name=name), after, BALANCES), ex.once(LOST)])
    assert floor.run(writes.create_subaccount(core.CURRENT, None, floor.context)) == 1


def delete(floor: ex.Floor) -> None:
    floor.run(writes.delete_group(core.CURRENT, "g1", None, None, floor.context))


@pytest.mark.parametrize("outcomes", [[core.reply(200, {})], [LOST, core.reply(200, {})]])
def test_a_group_is_deleted(outcomes: list[Any]) -> None:
    delete(ex.Floor([ex.once(*outcomes, method="DELETE")]))


def test_a_404_after_a_doubtful_delete_is_success_where_the_list_has_the_group_no_more() -> None:
    gone = ex.always(listed(group("g2")), method="GET", ending=GROUPS)
    delete(ex.Floor([ex.once(LOST, ex.not_found(), method="DELETE"), gone]))


@pytest.mark.parametrize("shown", [listed(group("g1")), core.reply(500), listed(None)])  # type: ignore[arg-type]
def test_a_404_after_a_doubtful_delete_is_unknown_where_the_list_does_not_tell(shown: Any) -> None:
    still = ex.always(shown, method="GET", ending=GROUPS)
    with pytest.raises(errors.OutcomeUnknown):
        delete(ex.Floor([ex.once(LOST, ex.not_found(), method="DELETE"), still]))


def test_the_first_404_of_a_delete_is_told() -> None:
    with pytest.raises(errors.NotFound):
        delete(ex.Floor())


def test_an_upgrade_is_never_repeated() -> None:
    floor = ex.Floor([ex.always(LOST, method="POST")])
    with pytest.raises(errors.OutcomeUnknown):
        floor.run(writes.send_idempotent(core.CURRENT.account.upgrade(), floor.context))
    assert len(floor.sent("POST")) == 1


def test_a_limit_is_repeated_at_once() -> None:
    floor = ex.Floor([ex.once(LOST, core.reply(200, {}), method="PUT")])
    call = core.CURRENT.order_groups.set_limit("g1", Decimal(5), None, None)
    floor.run(writes.send_idempotent(call, floor.context))
    assert [json.loads(r.body or b"") for r in floor.sent("PUT")] == [
        {"contracts_limit_fp": "5.00"}
    ] * 2


def test_what_a_repeatable_write_answers_is_returned() -> None:
    write = core.operation(Repeat.ABSOLUTE)
    floor = ex.Floor([ex.once(core.reply(201, {"done": "it is"}))])
    assert floor.run(writes.send_idempotent(core.call(write), floor.context)) == {"done": "it is"}
