"""Writes without a key are listed before and after; the others are simply repeated."""

from __future__ import annotations

import json
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import Sleep
from kalshi_ext.protocol.messages import Repeat
from kalshi_ext.requests import InstanceTransferTicket
from kalshi_ext.writes.create import Listing

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


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC])
def test_a_client_that_is_closed_while_it_looks_for_a_group_ends_at_once(contract: Any) -> None:
    exchange = ex.FakeExchange([lists(listed(), listed()), ex.once(LOST)])
    perform = exchange.perform

    def closing(effect: Any) -> Any:
        if ex.is_send(effect) and exchange.sent("POST"):
            raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closing  # type: ignore[method-assign]
    flow = writes.create_group(contract, Decimal(9), None, None, exchange.context)
    with pytest.raises(errors.OutcomeUnknown, match="this client is closed"):
        exchange.run(flow)
    assert exchange.waited < 1
    assert exchange.states() == ["unknown"]


def test_two_new_groups_that_fit_are_left_to_a_person() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed(group("g1"), group("g2"))), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        create(exchange)
    assert exchange.states() == ["unknown"]


def test_a_group_that_is_never_seen_is_unknown_as_soon_as_no_copy_is_left() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed()), ex.always(LOST, method="POST")])
    with pytest.raises(errors.OutcomeUnknown, match="do not send it again before its list shows"):
        create(exchange)
    assert 60 <= exchange.waited < 70
    assert len(exchange.sent("POST")) == 1
    assert exchange.states() == ["unknown"]


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


@pytest.mark.parametrize("status", [401, 403])
def test_nothing_is_created_where_the_list_is_forbidden_and_the_refusal_is_told(
    status: int,
) -> None:
    refused = ex.always(ex.refused(status, "permission_denied"), method="GET", ending=GROUPS)
    exchange = ex.FakeExchange([refused])
    with pytest.raises((errors.Forbidden, errors.Unauthorized)):
        create(exchange)
    assert (exchange.sent("POST"), exchange.waited) == ([], 0.0)


def test_a_new_group_is_seen_without_a_watermark() -> None:
    handlers = [lists(listed(), listed(group("g1"))), ex.once(LOST)]
    assert create(ex.FakeExchange(handlers, watermark=None)).id == "g1"


def test_a_row_of_an_earlier_create_that_shows_late_is_not_taken_for_the_lost_one() -> None:
    late = listed(group("g1"))
    exchange = ex.FakeExchange([lists(listed(), listed())])
    exchange.handlers.append(ex.once(core.reply(201, {"order_group_id": "g1"}), LOST))
    assert create(exchange).id == "g1"
    exchange.handlers[0] = lists(listed(), late)
    with pytest.raises(errors.OutcomeUnknown):
        create(exchange)
    assert exchange.states() == ["acknowledged", "unknown"]


def crash_create(exchange: ex.FakeExchange, limit: int = 9) -> None:
    exchange.handlers = [ex.always(listed(), method="GET", ending=GROUPS)]
    exchange.crash(writes.create_group(core.CURRENT, Decimal(limit), None, None, exchange.context))


def recover(exchange: ex.FakeExchange, groups: Any) -> list[Any]:
    exchange.handlers = [ex.always(groups, method="GET", ending=GROUPS)]
    exchange.restart()
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    return [(each.state, each.order_id) for each in resolutions]


def test_one_new_row_resolves_no_two_creates_of_one_like() -> None:
    exchange = ex.FakeExchange()
    crash_create(exchange)
    crash_create(exchange)
    assert recover(exchange, listed(group("g1"))) == [(State.UNKNOWN, None)] * 2
    assert exchange.states() == ["intent", "intent"]


def test_one_new_row_is_of_the_create_that_it_fits() -> None:
    exchange = ex.FakeExchange()
    crash_create(exchange)
    crash_create(exchange, limit=8)
    assert recover(exchange, listed(group("g1"))) == [
        (State.RESOLVED, "g1"),
        (State.UNKNOWN, None),
    ]


def test_a_create_that_is_not_seen_stays_open_in_recovery() -> None:
    exchange = ex.FakeExchange()
    crash_create(exchange)
    assert recover(exchange, listed()) == [(State.UNKNOWN, None)]
    assert recover(exchange, listed(group("g1"))) == [(State.RESOLVED, "g1")]


def test_the_entry_of_an_earlier_version_names_all_that_was_listed() -> None:
    exchange = ex.FakeExchange()
    crash_create(exchange)
    (entry,) = exchange.journal.entries()
    payload = json.loads(entry.ticket)
    for name in ("whole", "listed_at"):
        payload.pop(name, None)
    assert Listing.of(payload) == Listing((), whole=True, at=None)


def test_two_flows_of_a_client_create_one_after_the_other() -> None:
    exchange = ex.FakeExchange([lists(listed(), listed())])
    first = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    second = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    exchange.run_until(first, ex.is_send)
    exchange.run_until(second, lambda effect: isinstance(effect, Sleep))
    first.close()
    assert type(second.send(None)).__name__ == "Monotonic"
    assert type(second.send(exchange.monotonic())).__name__ == "Send"
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


OUR_ID = "a0000000-0000-4000-8000-00000000000b"


def transfer(exchange: ex.FakeExchange, client_transfer_id: str | None = None) -> Any:
    ticket = InstanceTransferTicket(
        source="event_contract",
        destination="margined",
        amount=12_345,
        destination_exchange_shard=2,
        client_transfer_id=client_transfer_id,
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


def test_a_transfer_that_carries_our_id_is_ours_whatever_looks_like_it() -> None:
    after = listed(
        transfer_row("t1"),
        transfer_row("t2", client_transfer_id=OUR_ID.upper()),
        transfer_row("t3", client_transfer_id=OUR_ID.replace("b", "c")),
        name="transfers",
    )
    exchange = ex.FakeExchange([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    assert transfer(exchange, OUR_ID) == "t2"


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"amount": "1.2346"}, {}])
def test_a_transfer_under_another_id_or_of_another_content_is_not_ours(
    changes: dict[str, Any],
) -> None:
    row_id = OUR_ID if changes else OUR_ID.replace("b", "c")
    after = listed(transfer_row("t1", client_transfer_id=row_id) | changes, name="transfers")
    exchange = ex.FakeExchange([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange, OUR_ID)


def test_a_transfer_of_an_unknown_status_is_not_taken_for_done() -> None:
    after = listed(transfer_row("t1", status="failed"), name="transfers")
    exchange = ex.FakeExchange([lists(listed(name="transfers"), after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


def dated(reply: Any, seconds: float = core.EPOCH) -> Any:
    return evolve(reply, headers={"date": formatdate(seconds, usegmt=True)})


def page(*rows: dict[str, Any], cursor: str = "") -> Any:
    return dated(core.reply(200, {"transfers": list(rows), "cursor": cursor}))


def test_a_transfer_on_an_account_with_thousands_costs_a_few_requests_and_a_small_entry() -> None:
    old = [transfer_row(f"old-{n:030}", created_ts=int(core.EPOCH) - n) for n in range(1, 5001)]
    before = page(*old[:100], cursor="more")
    after = page(transfer_row("t1", created_ts=int(core.EPOCH)), *old[:99], cursor="more")
    exchange = ex.FakeExchange([lists(before, after, TRANSFERS), ex.once(LOST)])
    assert transfer(exchange) == "t1"
    assert len(exchange.sent("GET", TRANSFERS)) == 2
    (entry,) = exchange.journal.entries()
    assert len(entry.ticket) < 5000
    assert dict(exchange.sent("GET", TRANSFERS)[0].query)["limit"] == "100"


def test_pages_are_read_only_as_far_as_the_first_row_from_before() -> None:
    before = page(transfer_row("old", created_ts=0), cursor="more")
    new = [page(transfer_row(f"n{n}", amount="9.99"), cursor=f"c{n}") for n in range(2)]
    last = page(transfer_row("t1"), transfer_row("old", created_ts=0), cursor="more")
    handler = ex.once(before, *new, last, method="GET", ending=TRANSFERS)
    exchange = ex.FakeExchange([handler, ex.once(LOST)])
    assert transfer(exchange) == "t1"
    assert len(exchange.sent("GET", TRANSFERS)) == 4


@pytest.mark.parametrize("told", [True, False])
def test_an_old_row_of_a_list_that_is_not_newest_first_is_not_ours(told: bool) -> None:
    before = page(transfer_row("a", created_ts=0), cursor="more")
    created = int(core.EPOCH) - 1 if told else None
    after = page(transfer_row("a", created_ts=0), transfer_row("b", created_ts=created))
    exchange = ex.FakeExchange([lists(before, after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


def test_a_list_that_never_shows_what_was_there_before_is_not_read_for_ever() -> None:
    def endless(request: Any) -> Any:
        if request.method != "GET" or not request.path.endswith(TRANSFERS):
            return None
        number = len(exchange.requests)
        return page(transfer_row(f"t{number}", created_ts=0), cursor=f"c{number}")

    exchange = ex.FakeExchange([endless, ex.once(LOST)])
    exchange.context = Context(policy=Policy(resolve_within=60.0))
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


def test_an_answer_without_the_list_does_not_make_later_rows_new() -> None:
    before = dated(core.reply(200, {}))
    after = page(transfer_row("t1", created_ts=None))
    exchange = ex.FakeExchange([lists(before, after, TRANSFERS), ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)


def test_a_transfer_that_another_entry_cannot_be_told_from_waits_for_a_person() -> None:
    exchange = ex.FakeExchange([lists(page(), page(), TRANSFERS), ex.once(LOST, LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)
    exchange.handlers[0] = lists(page(), page(transfer_row("t1")), TRANSFERS)
    with pytest.raises(errors.OutcomeUnknown):
        transfer(exchange)
    assert exchange.states() == ["unknown", "unknown"]


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


def test_a_group_whose_timestamp_was_ahead_is_looked_for_and_not_sent_again() -> None:
    exchange = ex.FakeExchange()
    groups: list[dict[str, Any]] = []

    def answer(request: Any) -> Any:
        if request.method == "GET" and request.path.endswith(GROUPS):
            exchange.offset = 45.0 if not exchange.sent("POST") else exchange.offset
            return core.reply(200, {"order_groups": groups})
        if request.method == "POST":
            groups.append(group("g1"))  # a copy of it that the network kept
            body = {"error": {"code": "header_timestamp_expired", "message": "no"}}
            return core.reply(401, body, date=formatdate(exchange.time, usegmt=True))
        return None

    exchange.handlers = [answer]
    made = writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context)
    assert exchange.run(made).id == "g1"
    assert len(exchange.sent("POST")) == 1
