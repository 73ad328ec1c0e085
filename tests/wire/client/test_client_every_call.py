"""Every call of both contracts against the sandbox, with the sync and the async client."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import client_walk
import core_every_call
import pytest
from attrs import fields, has

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.contracts import contract
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.values.enums import OpenEnum

WALKS = {"current": client_walk.CURRENT, "classic": client_walk.CLASSIC}
CONTRACTS_AND_CLIENTS = [(name, client_kind) for name in WALKS for client_kind in ("sync", "async")]


@pytest.fixture(scope="module", params=CONTRACTS_AND_CLIENTS, ids="-".join)
def walk_results(
    request: pytest.FixtureRequest, current_box: Sandbox, classic_box: Sandbox
) -> tuple[str, dict[str, Any], Any, Sandbox]:
    """Walk through a contract with one client; give the results, the drift and the sandbox."""
    name, client_kind = request.param
    box = current_box if name == "current" else classic_box
    box.reset()
    options = {
        "key_id": box.key_id,
        "private_key": box.private_key,
        "environment": box.url,
        "contract": name,
        # The sandbox's reads do not lag: a classic decrease by a difference need not wait for them.
        "policy": Policy(read_lag=0.2),
    }

    async def walk_async() -> tuple[dict[str, Any], Any]:
        async with AsyncKalshi(**options) as client:
            return await client_walk.walk(client, WALKS[name]), client.drift()

    async def walk_sync() -> tuple[dict[str, Any], Any]:
        with Kalshi(**options) as client:
            return await client_walk.walk(client, WALKS[name]), client.drift()

    run = walk_async if client_kind == "async" else walk_sync
    results, drift = asyncio.run(run())
    return name, results, drift, box


WalkResults = tuple[str, dict[str, Any], Any, Sandbox]


def test_every_word_gives_what_it_promises(walk_results: WalkResults) -> None:
    name, results, _, _ = walk_results
    assert set(results) == set(core_every_call.TABLES[name])
    for word, _, kind in WALKS[name]:
        if isinstance(kind, list):
            assert isinstance(results[word], list), word
            assert results[word], f"{word} gave no rows to look at"
            assert {type(row) for row in results[word]} == set(kind), word
        else:
            assert type(results[word]) is kind, word


def test_every_operation_was_really_asked_and_answered(walk_results: WalkResults) -> None:
    name, _, _, box = walk_results
    answered = {
        entry.operation
        for entry in box.truth.requests()
        if entry.status is not None and entry.status < 300
    }
    assert answered == set(contract(name).operations)


def test_nothing_the_exchange_answers_lies_beyond_the_contract(walk_results: WalkResults) -> None:
    _, _, drift, _ = walk_results
    assert drift == {}


def test_the_books_reconcile_after_the_walk(walk_results: WalkResults) -> None:
    walk_results[3].truth.check_invariants()


def values_in(model: Any) -> list[tuple[str, Any]]:
    """Return the values of a model and of the models in it, without what is raw."""
    values: list[tuple[str, Any]] = []
    for attribute in fields(type(model)):
        value = getattr(model, attribute.name)
        if attribute.name == "raw":
            continue
        inner = value if isinstance(value, tuple) else (value,)
        for each in inner:
            values += values_in(each) if has(type(each)) else [(attribute.name, each)]
    return values


def test_money_is_decimal_and_times_are_aware_in_every_answer(walk_results: WalkResults) -> None:
    _, results, _, _ = walk_results
    seen: dict[type, int] = {}
    for result in results.values():
        for model in result if isinstance(result, list) else [result]:
            for name, value in values_in(model) if has(type(model)) else []:
                assert not isinstance(value, float), name
                if isinstance(value, datetime):
                    assert value.tzinfo is UTC, name
                if isinstance(value, OpenEnum):
                    assert value.known, name
                seen[type(value)] = seen.get(type(value), 0) + 1
    assert min(seen[Decimal], seen[datetime], seen[str]) >= 10


def test_every_answer_keeps_what_was_received(walk_results: WalkResults) -> None:
    _, results, _, _ = walk_results
    for word, result in results.items():
        for model in result if isinstance(result, list) else [result]:
            if hasattr(model, "raw"):
                assert model.raw, word
                assert "raw" not in repr(model), word
