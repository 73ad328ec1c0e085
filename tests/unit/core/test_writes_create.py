"""Writes without a key are listed before and after; the others are simply repeated."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.contracts.interface import InstanceTransferTicket
from kalshi_ext.journal import State
from kalshi_ext.protocol.messages import Repeat

LOST = core.lost(bytes_sent=True)
GROUPS, TRANSFERS, BALANCES = "/order_groups", "_transfers", "/balances"


def group(name: str, limit: str | None = "9.00") -> dict[str, Any]:
    return {"id": name, "contracts_limit_fp": limit, "is_auto_cancel_enabled": True}


def listed(*rows: dict[str, Any], name: str = "order_groups") -> Any:
    return core.reply(200, {name: list(rows)})


def create(exchange: ex.FakeExchange) -> Any:
    flow = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    return exchange.run(flow)


def lists(before: Any, after: Any, ending: str = GROUPS) -> Any:
    first = ex.once(before, method="GET", ending=ending)
    rest = ex.always(after, method="GET", ending=ending)
    return lambda request: first(request) or rest(request)


def test_a_created_group_is_in_the_journal_with_its_id() -> None:
    made = core.reply(201, {"order_group_id": "g1"})
    exchange = ex.FakeExchange([lists(listed(), listed()), ex.once(made)])
    assert create(exchange).id == "g1"
    (entry,) = exchange.journal.entries()
    assert (entry.state, entry.order_id) == (State.ACKNOWLEDGED, "g1")


def test_the_one_new_group_that_fits_is_the_lost_one() -> None:
    after = listed(group("g0"), group("g1"), group("g2", "8.00"))
    exchange = ex.FakeExchange([lists(listed(group("g0")), after), ex.once(LOST)])
    assert create(exchange).id == "g1"
    assert len(exchange.sent("POST")) == 1


def test_a_contract_that_tells_no_limit_makes_every_new_group_fit() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed(group("g1", None))), ex.once(LOST)])
    assert create(exchange).id == "g1"


def test_two_new_groups_that_fit_are_left_to_a_person() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed(group("g1"), group("g2"))), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        create(exchange)
    assert exchange.states() == ["unknown"]


def test_a_group_that_never_came_is_not_created_again() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed()), ex.always(LOST, method="POST")])
    with pytest.raises(errors.NotSent, match="can no longer be"):
        create(exchange)
    assert exchange.waited >= 60
    assert len(exchange.sent("POST")) == 1
    assert exchange.states() == ["not_sent"]


@pytest.mark.parametrize("before", [core.reply(500), LOST, core.reply(200, b"["), listed(None)])  # type: ignore[arg-type]
def test_nothing_is_created_where_what_is_there_cannot_be_listed(before: Any) -> None:
    exchange = ex.FakeExchange([ex.always(before, method="GET", ending=GROUPS)])
    with pytest.raises(errors.NotSent, match="could not be listed"):
        create(exchange)
    assert exchange.sent("POST") == []


def test_a_list_that_cannot_be_read_in_full_afterwards_tells_nothing() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed(None)), ex.once(LOST)])  # type: ignore[arg-type]
    with pytest.raises(errors.OutcomeUnknown):
        create(exchange)


def test_two_flows_of_a_client_create_one_after_the_other() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed())])
    first = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    second = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    assert type(next(first)).__name__ == "Send"
    assert type(next(second)).__name__ == "Sleep"
    first.close()
    assert type(second.send(None)).__name__ == "Send"
    second.close()
    assert "turn of group" not in exchange.context.locks


def transfer_row(name: str, **changes: Any) -> dict[str, Any]:
    fields = {
        "transfer_id": name,
        "source": "event_contract",
        "destination": "margined",
        "amount": "1.2345",
        "status": "complete",
        "source_exchange_shard": 0,
        "destination_exchange_shard": 2,
        "created_ts": 1_800_000_000,
    }
    return fields | changes


def transfer(exchange: ex.FakeExchange) -> Any:
    ticket = InstanceTransferTicket(
        source="event_contract",
        destination="margined",
        amount=12_345,
        destination_exchange_shard=2,
    )
    return exchange.run(writes.transfer_between_instances(core.CURRENT, ticket, exchange.context))


@pytest.mark.parametrize("status", ["complete", "pending"])
def test_the_one_new_transfer_that_fits_is_the_lost_one(status: str) -> None:
    others = [
        transfer_row("t2", amount="1.2346"),
        transfer_row("t3", destination_exchange_shard=0),
        transfer_row("t4", source="margined"),
        transfer_row("t5", destination="event_contract"),
    ]
    after = listed(*others, transfer_row("t1", status=status), name="transfers")
    exchange = ex.FakeExchange([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    assert transfer(exchange) == "t1"


def test_a_transfer_of_an_unknown_status_is_not_taken_for_done() -> None:
    after = listed(transfer_row("t1", status="failed"), name="transfers")
    exchange = ex.FakeExchange([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


def balance(number: int, shard: int = 0) -> dict[str, Any]:
    return {"subaccount_number": number, "exchange_index": shard, "balance": "0.00"}


def test_a_lost_subaccount_is_the_new_number_on_whatever_shards() -> None:
    name = "subaccount_balances"
    after = listed(balance(0), balance(1), balance(1, 2), name=name)
    exchange = ex.FakeExchange(
        [lists(listed(balance(0), name=name), after, BALANCES), ex.once(LOST)]
    )
    assert exchange.run(writes.create_subaccount(core.CURRENT, None, exchange.context)) == 1


def delete(exchange: ex.FakeExchange) -> None:
    exchange.run(writes.delete_group(core.CURRENT, "g1", None, None, exchange.context))


@pytest.mark.parametrize("outcomes", [[core.reply(200, {})], [LOST, core.reply(200, {})]])
def test_a_group_is_deleted(outcomes: list[Any]) -> None:
    delete(ex.FakeExchange([ex.once(*outcomes, method="DELETE")]))


def test_a_404_after_a_doubtful_delete_is_success_where_the_list_has_the_group_no_more() -> None:
    listing = ex.always(listed(group("g2")), method="GET", ending=GROUPS)
    delete(ex.FakeExchange([ex.once(LOST, ex.not_found(), method="DELETE"), listing]))


@pytest.mark.parametrize("groups", [listed(group("g1")), core.reply(500), listed(None)])  # type: ignore[arg-type]
def test_a_404_after_a_doubtful_delete_is_unknown_where_the_list_does_not_tell(groups: Any) -> None:
    listing = ex.always(groups, method="GET", ending=GROUPS)
    with pytest.raises(errors.OutcomeUnknown):
        delete(ex.FakeExchange([ex.once(LOST, ex.not_found(), method="DELETE"), listing]))


def test_the_first_404_of_a_delete_is_told() -> None:
    with pytest.raises(errors.NotFound):
        delete(ex.FakeExchange())


def test_an_upgrade_is_never_repeated() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST")])
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(writes.send_idempotent(core.CURRENT.account.upgrade(), exchange.context))
    assert len(exchange.sent("POST")) == 1


def test_a_limit_is_repeated_at_once() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, core.reply(200, {}), method="PUT")])
    call = core.CURRENT.order_groups.set_limit("g1", Decimal(5), None, None)
    exchange.run(writes.send_idempotent(call, exchange.context))
    assert [json.loads(r.body or b"") for r in exchange.sent("PUT")] == [
        {"contracts_limit_fp": "5.00"}
    ] * 2


def test_what_a_repeatable_write_answers_is_returned() -> None:
    write = core.operation(Repeat.ABSOLUTE)
    exchange = ex.FakeExchange([ex.once(core.reply(201, {"done": "it is"}))])
    assert exchange.run(writes.send_idempotent(core.call(write), exchange.context)) == {
        "done": "it is"
    }
