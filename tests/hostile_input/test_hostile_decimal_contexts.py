"""A caller's decimal context changes nothing: not what is sent, and not what is read."""

from __future__ import annotations

import asyncio
import decimal
import json
import re
from typing import Any

import httpx
import pytest
from attrs import evolve
from bad_arguments import QUICK
from calls import BOTH, Example, examples_of
from case_samples import examples
from hostile_answers import recorded_answers_of
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError
from kalshi_ext.contract.operations import OPERATIONS

SIGNALS = [
    decimal.Clamped, decimal.DivisionByZero, decimal.FloatOperation, decimal.Inexact,
    decimal.InvalidOperation, decimal.Overflow, decimal.Rounded, decimal.Subnormal,
    decimal.Underflow,
]  # fmt: skip
ROUNDINGS = [
    decimal.ROUND_CEILING, decimal.ROUND_DOWN, decimal.ROUND_FLOOR, decimal.ROUND_HALF_DOWN,
    decimal.ROUND_HALF_EVEN, decimal.ROUND_HALF_UP, decimal.ROUND_UP, decimal.ROUND_05UP,
]  # fmt: skip
CONTEXTS = st.builds(
    decimal.Context,
    prec=st.sampled_from([1, 2, 3, 28, 10_000]),
    rounding=st.sampled_from(ROUNDINGS),
    Emin=st.sampled_from([0, -1, -6, -999_999]),
    Emax=st.sampled_from([0, 1, 6, 999_999]),
    capitals=st.integers(0, 1),
    clamp=st.integers(0, 1),
    flags=st.just([]),
    traps=st.lists(st.sampled_from(SIGNALS), unique=True) | st.just(SIGNALS),
)
# No time to look anything up: how far that comes would depend on the machine.
AT_ONCE = evolve(QUICK, resolve_within=0.0)
WORDS = [(contract, example) for contract in BOTH for example in examples_of(contract)]


def _answers(contract: str) -> list[tuple[str, re.Pattern[str], bytes]]:
    """List what was recorded of each operation: method, path, body without a cursor."""
    listed = []
    for name, recorded in recorded_answers_of(contract).items():
        row = OPERATIONS.get(name)
        if row is not None and row.contract == contract:
            # Without a cursor: a list ends with its first page.
            body = {key: value for key, value in recorded[0].items() if key != "cursor"}
            path = re.compile(re.sub(r"\{\w+\}", "[^/]+", row.path))
            listed.append((row.method, path, json.dumps(body).encode()))
    return listed


ANSWERS = {contract: _answers(contract) for contract in BOTH}


class Recorded(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answer each operation with what was recorded of it; keep what was sent."""

    def __init__(self, contract: str) -> None:
        self._answers = ANSWERS[contract]
        self.sent: list[tuple[str, str, bytes]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.method, str(request.url), request.content))
        for method, path, body in self._answers:
            if request.method == method and path.fullmatch(request.url.path):
                return httpx.Response(201 if method == "POST" else 200, content=body)
        return httpx.Response(404, json={"error": {"code": "not_found", "message": "no"}})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def outcome(contract: str, example: Example, kind: str) -> tuple[list[Any], Any]:
    """Make a call; return what was sent and what the caller got, or its error's class."""
    transport = Recorded(contract)
    options: dict[str, Any] = {
        "bearer_token": "a-token-of-a-test", "transport": transport, "policy": AT_ONCE,
        "environment": "http://127.0.0.1:1", "pace": None, "contract": contract,
    }  # fmt: skip
    try:
        got = _sync(options, example) if kind == "sync" else asyncio.run(_async(options, example))
    except Exception as error:
        got = error
    entries = got if isinstance(got, list) else [got]
    shown = [type(each) if isinstance(each, Exception) else each for each in entries]
    # How often a write is looked for depends on time: each request once, reads of a write not.
    sent = dict.fromkeys(transport.sent)
    return [each for each in sent if each[0] != "GET"] or list(sent), shown


def _sync(options: dict[str, Any], example: Example) -> Any:
    with Kalshi(**options) as client:
        result = example.call_in_full(client)
        return result.all() if hasattr(result, "all") else result


async def _async(options: dict[str, Any], example: Example) -> Any:
    async with AsyncKalshi(**options) as client:
        result = example.call_in_full(client)
        return await (result.all() if hasattr(result, "all") else result)


@settings(max_examples=examples(120))
@given(CONTEXTS, st.sampled_from(WORDS), st.sampled_from(["sync", "async"]))
def test_what_is_sent_and_read_is_the_same_in_every_context(
    context: decimal.Context, word: tuple[str, Example], kind: str
) -> None:
    expected = outcome(*word, kind)
    with decimal.localcontext(context):
        found = outcome(*word, kind)
    assert found == expected


@pytest.mark.parametrize("contract", BOTH)
def test_the_calls_above_are_sent_and_end_in_no_foreign_error(contract: str) -> None:
    outcomes = [outcome(contract, example, "sync") for example in examples_of(contract)]
    # What is listed before it is sent has no time for both.
    assert sum(bool(sent) for sent, _ in outcomes) > 0.8 * len(outcomes)
    classes = {got[0] for _, got in outcomes if got and isinstance(got[0], type)}
    assert all(issubclass(kind, KalshiError) for kind in classes)


class Amended(httpx.BaseTransport):
    """Acknowledge an amend of o1 to 123.45 contracts."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        counts = {"fill_count": "100.21", "remaining_count": "23.24"}
        return httpx.Response(200, json={"order_id": "o1", "ts_ms": 1, **counts})


@settings(max_examples=40)
@given(CONTEXTS)
def test_the_counts_of_an_acknowledgement_are_added_exactly(context: decimal.Context) -> None:
    with (
        decimal.localcontext(context),
        Kalshi(
            bearer_token="a-token-of-a-test", transport=Amended(), policy=AT_ONCE, pace=None
        ) as client,
    ):
        ack = client.orders.amend("o1", ticker="T", side="bid", price="0.5", count="123.45")
    assert str(ack.remaining_count) == "23.24"
