"""Recorded shapes: no value lost by the client, every field in the sandbox, the docs' table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from figures import write_block
from recorded_shapes import (
    RAIN,
    SHAPES,
    TICKET,
    RawSandbox,
    Shape,
    entry,
    fields,
    lost,
    read,
    table,
)

from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.messages import Page
from kalshi_ext.sandbox import Sandbox

DOCS = Path(__file__).resolve().parents[2] / "docs" / "witnesses.md"
BY_NAME = {shape.name: shape for shape in SHAPES}
ANSWERS: dict[str, set[tuple[str, str]]] = {}
Ask = Callable[[tuple[str, str]], RawSandbox]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Give a sandbox by contract and dialect, started when it is first asked."""
    opened: dict[tuple[str, str], tuple[Sandbox, httpx.Client]] = {}

    def sandbox(served: tuple[str, str]) -> RawSandbox:
        if served not in opened:
            kind, dialect = served
            settings = {"classic_dialect": dialect, "rate_limits": False}
            box = Sandbox(contract=kind, settings=settings, clock_tolerance=None)
            box.start()
            token = {"authorization": f"Bearer {box.token}"}
            opened[served] = (box, httpx.Client(base_url=box.url, headers=token))
        return RawSandbox(opened[served][1])

    yield sandbox
    for box, http in opened.values():
        http.close()
        box.close()


def served_fields(shape: Shape, ask: Ask) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Give the fields of a shape, and those that the sandbox answers too."""
    assert shape.served is not None
    assert shape.ask is not None
    wanted = fields(shape.body)
    if shape.name not in ANSWERS:  # some ask by creating an order, whose id is taken from then on
        ANSWERS[shape.name] = fields(shape.ask(ask(shape.served)))
    return wanted, wanted & ANSWERS[shape.name]


def fidelity(shape: Shape, ask: Ask) -> str:
    if shape.ask is None:
        return "not asked"
    wanted, answered = served_fields(shape, ask)
    return f"{len(answered)} of {len(wanted)}"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_no_value_of_a_recorded_shape_is_lost(shape: Shape) -> None:
    assert lost(shape) == []


LISTS = ("orders", "fills", "positions", "event positions", "settlements")


@pytest.mark.parametrize("contract", ["classic", "current"])
@pytest.mark.parametrize("older", ["documents", "2.x wire"])
@pytest.mark.parametrize("name", LISTS)
def test_a_row_of_two_spellings_falls_back_to_the_older_where_the_newer_is_no_use(
    name: str, older: str, contract: str
) -> None:
    old, new = BY_NAME[f"{name}, {older}"], BY_NAME[f"{name}, today"]
    (key, (old_row,)), (_, (new_row,)) = (next(iter(each.body.items())) for each in (old, new))
    both = {**old_row, **new_row}

    def told_of(row: dict[str, Any]) -> dict[str, Any]:
        shape = attrs.evolve(new, contract=contract, body={key: [row]})
        (model,) = read(shape).items
        return {each: getattr(model, each) for each in attrs.fields_dict(type(model))}

    alone, newest = told_of({**old_row, **sides(new_row)}), told_of(new_row)
    for field in new_row.keys() - {"book_side", "outcome_side"} - old_row.keys():
        for useless in ("", None, {}, "n/a"):
            row = told_of({**both, field: useless})
            for each in alone.keys() - {"raw"}:
                assert row[each] in (newest[each], alone[each]) or row[each] == useless, each
                assert row[each] is not None or None in (newest[each], alone[each]), each


def sides(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("book_side", "outcome_side") if name in row}


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.book_side], ids=lambda shape: shape.name
)
def test_every_recorded_row_is_read_in_the_direction_it_meant(shape: Shape) -> None:
    answer = read(shape)
    assert isinstance(answer, Page)
    (row,) = answer.items
    assert answer.invalid_rows == ()
    assert (row.book_side, row.price, row.no_price) == ("ask", Decimal("0.04"), Decimal("0.96"))


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.ask], ids=lambda shape: shape.name
)
def test_the_sandbox_answers_every_field_of_a_recorded_shape(shape: Shape, ask: Ask) -> None:
    wanted, answered = served_fields(shape, ask)
    assert wanted - answered == set()


def test_the_documents_table_of_recorded_shapes_is_what_was_measured(ask: Ask) -> None:
    """With WRITE_SHAPES in the environment it writes the table instead of comparing it."""
    measured = table(lambda shape: fidelity(shape, ask))
    if "WRITE_SHAPES" in os.environ:
        write_block(DOCS.name, "recorded shapes", measured)
    assert measured in DOCS.read_text()


def test_a_fills_price_in_json_dollars_is_not_taken_for_cents() -> None:
    """FACTS: fill `price`: JSON number, YES dollars (0.04 beside `yes_price` 4), whatever side."""
    page = read(BY_NAME["fills with `price` alone, a JSON number of YES dollars"])
    assert [fill.price for fill in page.items] == [Decimal("0.04")]


def test_a_create_in_dollars_is_accepted_in_the_recorded_dialect_only(ask: Ask) -> None:
    """FACTS: create: `yes_price_dollars` was accepted too, 201."""
    body = {**entry("dollars-1"), "yes_price_dollars": "0.0400"}
    del body["yes_price"]
    recorded = ask(("classic", "recorded"))
    assert recorded("POST", "/portfolio/orders", body)["order"]["yes_price"] == 4
    with pytest.raises(AssertionError, match="missing_parameters"):
        ask(("classic", "document"))("POST", "/portfolio/orders", body)


def test_batches_answer_201_and_200_in_the_recorded_dialect(ask: Ask) -> None:
    """FACTS: batch create, batch cancel: 201 / 200 `{"orders":[…]}`."""
    http = ask(("classic", "recorded")).http
    created = http.post("portfolio/orders/batched", json={"orders": [entry("status-1")]})
    assert (created.status_code, list(created.json())) == (201, ["orders"])
    body = {"order_ids": [created.json()["orders"][0]["order"]["order_id"]]}
    cancelled = http.request("DELETE", "portfolio/orders/batched", json=body)
    assert (cancelled.status_code, list(cancelled.json())) == (200, ["orders"])


def test_groups_are_reset_by_put_deleted_with_a_body_and_read_one_by_one(ask: Ask) -> None:
    """FACTS: groups: PUT reset 200 `{}`, delete 200 `{}`, GET of one group."""
    raw = ask(("classic", "recorded"))
    group = raw("POST", "/portfolio/order_groups/create", {"contracts_limit": 5})
    path = f"portfolio/order_groups/{group['order_group_id']}"
    assert raw.http.get(path).json()["is_auto_cancel_enabled"] is True
    assert raw.http.post(f"{path}/reset", json={}).status_code == 405
    for method, ending in (("PUT", "/reset"), ("DELETE", "")):
        answer = raw.http.request(method, path + ending, json={} if ending else None)
        assert (answer.status_code, answer.json()) == (200, {})


def test_an_order_that_ends_at_once_says_so() -> None:
    """FACTS: an order that ends at once: 201 with fill 0.00 and remaining 0.00, nothing else."""
    ended = read(BY_NAME["create that ends at once"])
    assert isinstance(ended, OrderAck)
    assert (ended.ended, ended.ended_unfilled) == (True, True)
    filled = read(BY_NAME["create that fills, its average fee cut"])
    assert (filled.ended, filled.ended_unfilled) == (False, False)
    assert filled.average_fee == Decimal("0.0154")
    gone = read(BY_NAME["cancel without client_order_id"])
    assert (gone.client_order_id, gone.ended, gone.ended_unfilled) == (None, False, False)


def test_the_ticket_of_the_shapes_is_of_the_market_that_they_name() -> None:
    assert TICKET.ticker == RAIN
