"""The differ's words about the facade against the facade itself: calls, models and arguments."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from driftsuite.editing import get
from driftsuite.sites import REQUEST, body, operations, parameters, sites

from kalshi_ext import Kalshi
from kalshi_ext.contracts import contract
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.facade import CALLS, argument_name
from kalshi_ext.requests import OrderTicket

CONTRACTS = ("current", "classic")
OPERATIONS = {
    row.id: row.facade for name in CONTRACTS for row in contract(name).operations.values()
}
# What the contract can say and the facade cannot, with the reason.
WITHOUT_ARGUMENT = {
    "cursor": "the walk over pages says it",
    "count_up": "counts positions by a rule nobody documents",
    "count_down": "counts positions by a rule nobody documents",
    "type": "price=None says 'market'",
}


def call(word: str) -> Any:
    resource, method = word.split(".")
    with Kalshi(environment="http://127.0.0.1:1") as client:
        return getattr(getattr(client, resource), method)


def arguments_of(word: str) -> set[str]:
    return set(inspect.signature(call(word)).parameters)


def test_every_operation_of_both_contracts_is_named_by_its_facade_call() -> None:
    named = {id_: found.name for id_, found in CALLS.items()}
    assert named == {id_: f"client.{word}" for id_, word in OPERATIONS.items()}


@pytest.mark.parametrize("id_", sorted(OPERATIONS))
def test_the_model_named_is_what_the_call_returns(id_: str) -> None:
    returned = str(inspect.signature(call(OPERATIONS[id_])).return_annotation)
    inner = re.sub(r"^(?:Rows|list)\[(.*)\]$", r"\1", returned).split(" | ")[0]
    assert CALLS[id_].model == ("" if inner == "None" else inner)


def wire_names(name: str) -> list[tuple[str, str, str]]:
    """List (operationId, part, path) of every parameter and every leaf of a request body."""
    whole, names = document(name), []
    for path, method in operations(whole):
        id_ = whole["paths"][path][method]["operationId"]
        for at in parameters(whole, path, method):
            parameter = get(whole, at)
            names.append((id_, f"{parameter['in']} parameter", parameter["name"]))
        if body(whole, path, method):
            request_sites = [
                each.at for each in sites(whole, path, method) if each.direction == REQUEST
            ]
            for at in request_sites:
                names += [(id_, "request body", f) for f in get(whole, at).get("properties", {})]
    return names


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_wire_name_leads_to_an_argument_that_exists(name: str) -> None:
    tickets = set(inspect.signature(OrderTicket.of).parameters)
    targets = {"order_id", "ticker", "subaccount", "exchange_index"}
    inside = {"orders.place_many": tickets, "orders.cancel_many": targets,
              "portfolio.set_target_allocation": {"exchange_index", "percent"}}  # fmt: skip
    wrong = []
    for id_, part, wire in wire_names(name):
        call_name = OPERATIONS[id_]
        argument = argument_name(call_name, part, wire)
        known = arguments_of(call_name) | inside.get(call_name, set())
        if argument not in known and not (argument == "" and wire in WITHOUT_ARGUMENT):
            wrong.append((id_, part, wire, argument))
    assert wrong == []


def test_fields_inside_a_batch_are_named_by_the_ticket() -> None:
    assert argument_name("orders.place_many", "request body", "orders[].expiration_time") == (
        "tickets[].expires"
    )


def test_a_name_that_nobody_knows_is_given_back_as_it_is() -> None:
    assert argument_name("orders.place", "request body", "brand_new") == "brand_new"
