"""The retry matrix names every write of both contracts, and the flows follow it."""

from __future__ import annotations

from pathlib import Path

import pytest

import kalshi_ext
from kalshi_ext.contracts import contract
from kalshi_ext.protocol.flow import Context, Send, send_with_retries
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply, Request
from kalshi_ext.protocol.retry_policy import RETRY_POLICY, retry_rule

WRITES = [
    (name, operation)
    for name in ("current", "classic")
    for operation in contract(name).operations.values()
    if operation.writes
]
PAGE = Path(kalshi_ext.__file__).parent.parent / "docs" / "reliability.md"


@pytest.mark.parametrize(("name", "operation"), WRITES)
def test_every_write_of_both_contracts_is_in_the_matrix_under_its_kind(
    name: str, operation: Operation
) -> None:
    assert RETRY_POLICY[operation.facade].repeat is operation.repeat


def test_the_matrix_names_no_operation_that_does_not_exist() -> None:
    words = {operation.facade for _, operation in WRITES}
    assert set(RETRY_POLICY) - words == {"orders.decrease(to)"}


@pytest.mark.parametrize("row", RETRY_POLICY.values(), ids=RETRY_POLICY)
def test_every_row_gives_its_reason_and_how_the_outcome_is_found_out(row: object) -> None:
    assert row.reason  # type: ignore[attr-defined]
    assert row.resolved_by  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", RETRY_POLICY.values(), ids=RETRY_POLICY)
def test_what_may_go_at_once_may_go_again(row: object) -> None:
    assert row.resend_when_absent or not row.retry_immediately  # type: ignore[attr-defined]


def test_what_has_no_key_or_names_a_difference_never_goes_at_once() -> None:
    loose = [
        row for row in RETRY_POLICY.values() if row.repeat in (Repeat.UNKEYED, Repeat.RELATIVE)
    ]
    assert loose
    assert not any(row.retry_immediately for row in loose)


def test_no_row_is_a_read() -> None:
    assert all(row.repeat is not Repeat.READ for row in RETRY_POLICY.values())


@pytest.mark.parametrize("outcome", [Lost(True, "ReadTimeout"), Reply(502, {}, b"")])
@pytest.mark.parametrize(("name", "operation"), WRITES)
def test_an_attempt_that_may_have_run_is_repeated_at_once_only_where_the_matrix_says_so(
    name: str, operation: Operation, outcome: Reply | Lost
) -> None:
    call = Call(operation, Request(operation.method, operation.path), lambda document: None)
    flow, sends = send_with_retries(call, Context()), 0
    effect = next(flow)
    try:
        while True:
            sends += isinstance(effect, Send)
            effect = flow.send(outcome if isinstance(effect, Send) else None)
    except StopIteration:
        assert (sends > 1) == retry_rule(operation).retry_immediately


@pytest.mark.parametrize("repeat", Repeat)
def test_an_operation_the_matrix_does_not_name_goes_again_at_once_only_where_that_is_harmless(
    repeat: Repeat,
) -> None:
    found = retry_rule(Operation("X", "POST", "/x", "things.do", repeat))
    assert found.repeat is repeat
    assert found.retry_immediately == (repeat in (Repeat.READ, Repeat.CANCEL))
    assert found.resend_when_absent == (repeat not in (Repeat.RELATIVE, Repeat.UNKEYED))


def test_the_page_for_traders_shows_the_matrix_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [row.reason for row in RETRY_POLICY.values() if row.reason not in page] == []
