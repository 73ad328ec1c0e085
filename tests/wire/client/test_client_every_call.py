"""Every call of both contracts against the sandbox exchange, in both colours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import client_walk
import core_every_call
import pytest
from attrs import fields, has

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.contracts import contract
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.values.enums import OpenEnum

WALKS = {"current": client_walk.CURRENT, "classic": client_walk.CLASSIC}
EVERY = [(name, colour) for name in WALKS for colour in ("sync", "async")]


@pytest.fixture(scope="module", params=EVERY, ids="-".join)
def walked(
    request: pytest.FixtureRequest, current_box: Sandbox, classic_box: Sandbox
) -> tuple[str, dict[str, Any], Any, Sandbox]:
    """Walk through a contract in a colour; give its notes, the drift and the exchange."""
    name, colour = request.param
    box = current_box if name == "current" else classic_box
    box.reset()
    given = {
        "key_id": box.key_id,
        "private_key": box.private_key,
        "environment": box.url,
        "contract": name,
    }

    async def asynchronously() -> tuple[dict[str, Any], Any]:
        async with AsyncKalshi(**given) as client:
            return await client_walk.walk(client, WALKS[name]), client.drift()

    async def synchronously() -> tuple[dict[str, Any], Any]:
        with Kalshi(**given) as client:
            return await client_walk.walk(client, WALKS[name]), client.drift()

    run = asynchronously if colour == "async" else synchronously
    notes, drift = asyncio.run(run())
    return name, notes, drift, box


Walked = tuple[str, dict[str, Any], Any, Sandbox]


def test_every_word_gives_what_it_promises(walked: Walked) -> None:
    name, notes, _, _ = walked
    assert set(notes) == set(core_every_call.TABLES[name])
    for word, _, kind in WALKS[name]:
        if isinstance(kind, list):
            assert isinstance(notes[word], list), word
            assert notes[word], f"{word} gave no rows to look at"
            assert {type(row) for row in notes[word]} == set(kind), word
        else:
            assert type(notes[word]) is kind, word


def test_every_operation_was_really_asked_and_answered(walked: Walked) -> None:
    name, _, _, box = walked
    answered = {
        one.operation for one in box.truth.requests() if one.status is not None and one.status < 300
    }
    assert answered == set(contract(name).operations)


def test_nothing_the_exchange_answers_lies_beyond_the_contract(walked: Walked) -> None:
    _, _, drift, _ = walked
    assert drift == {}


def test_the_books_reconcile_after_the_walk(walked: Walked) -> None:
    walked[3].truth.check_invariants()


def values_of(model: Any) -> list[tuple[str, Any]]:
    """Give the values of a model and the models in it, without what is raw."""
    found: list[tuple[str, Any]] = []
    for attribute in fields(type(model)):
        value = getattr(model, attribute.name)
        if attribute.name == "raw":
            continue
        inner = value if isinstance(value, tuple) else (value,)
        for one in inner:
            found += values_of(one) if has(type(one)) else [(attribute.name, one)]
    return found


def test_money_is_decimal_and_times_are_aware_in_every_answer(walked: Walked) -> None:
    _, notes, _, _ = walked
    seen: dict[type, int] = {}
    for noted in notes.values():
        for model in noted if isinstance(noted, list) else [noted]:
            for name, value in values_of(model) if has(type(model)) else []:
                assert not isinstance(value, float), name
                if isinstance(value, datetime):
                    assert value.tzinfo is UTC, name
                if isinstance(value, OpenEnum):
                    assert value.known, name
                seen[type(value)] = seen.get(type(value), 0) + 1
    assert min(seen[Decimal], seen[datetime], seen[str]) >= 10


def test_every_answer_keeps_what_was_received(walked: Walked) -> None:
    _, notes, _, _ = walked
    for word, noted in notes.items():
        for model in noted if isinstance(noted, list) else [noted]:
            if hasattr(model, "raw"):
                assert model.raw, word
                assert "raw" not in repr(model), word
