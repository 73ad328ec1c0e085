"""Edges of the flow: which statuses are counted, how a reply is read, what is remembered."""

from __future__ import annotations

import core_samples as core
import pytest
from attrs import evolve

from kalshi_ext import errors
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.context import PendingWrites, Policy, RecentWrites
from kalshi_ext.protocol.messages import Repeat

BALANCE = core.CURRENT.portfolio.balance(None, None)


def test_a_policy_waits_as_the_page_for_traders_says() -> None:
    policy = Policy()
    assert (policy.timeout, policy.attempts, policy.rounds) == (10.0, 4, 3)
    assert (policy.signature_life, policy.resolve_within) == (60.0, 180.0)
    assert (policy.read_lag, policy.poll, policy.poll_ceiling) == (10.0, 0.25, 5.0)
    assert policy.resend


@pytest.mark.parametrize(
    ("status", "noticed"), [(199, 1), (299, 0), (300, 1), (418, 1), (404, 1), (401, 0), (500, 0)]
)
def test_a_refusal_under_a_status_the_contract_does_not_name_is_counted(
    status: int, noticed: int
) -> None:
    context = core.context(attempts=1)
    driver = core.ScriptedDriver([core.reply(status, {"code": "x"})])
    driver.run(flow.send_with_retries(BALANCE, context))
    counted = [where for _, kind, where in context.deviations.counts if kind == "status"]
    assert counted == [str(status)] * noticed


def test_no_answer_has_no_status_to_count() -> None:
    context = core.context(attempts=1)
    core.ScriptedDriver([core.lost(bytes_sent=True)]).run(flow.send_with_retries(BALANCE, context))
    assert not context.deviations.counts


@pytest.mark.parametrize("status", [199, 300, 301])
def test_a_status_beside_the_successes_is_a_refusal_whatever_its_body_says(status: int) -> None:
    answer = core.reply(status, {"balance_dollars": "1.00"})
    with pytest.raises(errors.Refused):
        flow.decode_response(BALANCE, answer, core.context())


def test_a_date_without_a_zone_is_utc() -> None:
    date = "Sun, 22 Nov 2026 12:00:00"
    bare, zoned = (core.reply(200, date=text) for text in (f"{date} -0000", f"{date} GMT"))
    assert flow.server_time(bare) == flow.server_time(zoned) == 1_795_348_800


def test_a_date_of_another_zone_is_that_zones() -> None:
    reply = core.reply(200, date="Sun, 22 Nov 2026 13:00:00 +0100")
    assert flow.server_time(reply) == 1_795_348_800


def test_a_refusal_under_a_documented_status_with_another_body_is_that_refusal() -> None:
    operation = evolve(core.operation(Repeat.READ), success=frozenset({200, 409}))
    call = evolve(BALANCE, operation=operation)
    with pytest.raises(errors.Conflict):
        flow.decode_response(call, core.reply(409, {"error": {"code": "no"}}), core.context())


def test_changes_long_past_are_forgotten_also_when_the_clock_is_set_back() -> None:
    recent = RecentWrites()
    recent.add("old", 1_000_000.0)
    recent.add("new", 1_000_500.0)
    assert recent.last_write_at("old") == 1_000_000.0
    recent.add("newer", 1_000_601.0)
    assert (recent.last_write_at("old"), recent.last_write_at("new")) == (None, 1_000_500.0)
    recent.add("before", 900_000.0)
    assert recent.last_write_at("newer") is None


def test_what_is_unsettled_is_kept_by_ticker() -> None:
    pending = PendingWrites()
    pending.add("T", "a")
    pending.drop("T", "b")
    pending.drop("U", "a")
    assert pending.by_ticker["T"] == {"a"}
