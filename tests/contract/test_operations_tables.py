"""The tables of operations against the OpenAPI documents, both ways, with nothing left over."""

from __future__ import annotations

import re
from typing import Any

import pytest
from operations_bound import CALLS, CONTRACTS, DOCUMENTS, EVERY, calls_of, documented, schema_of

from kalshi_ext.protocol.messages import Operation, Repeat

BOTH = list(CONTRACTS)
AT_LEAST = {"current": 51, "classic": 19}  # as published in October 2026; none gets lost
# A status the exchange may answer with though its document does not say so, and why.
MORE_SUCCESSES = {"batchCreateOrders": {201}}  # a create; the batch of today answers 201


def rows(name: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {id_: (method, path, operation) for id_, method, path, operation in documented(name)}


def successes(name: str, operation: dict[str, Any]) -> set[int]:
    """Give the statuses whose body is the answer: 2xx, and others with the very same schema."""
    answers = operation["responses"]
    found = {int(status) for status in answers if status.startswith("2")}
    wanted = [schema_of(name, answers[str(status)]) for status in found]
    same = {
        int(status)
        for status, answer in answers.items()
        for one in ways(schema_of(name, answer))
        if status.isdigit() and one in wanted
    }
    return found | same


def ways(schema: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [] if schema is None else schema.get("anyOf", [schema])


@pytest.mark.parametrize("name", BOTH)
def test_the_table_and_the_document_name_the_same_operations(name: str) -> None:
    table, document = CONTRACTS[name].operations, rows(name)
    assert set(table) == set(document)
    assert len(table) == len(list(documented(name))) >= AT_LEAST[name]
    assert all(table[id_].id == id_ for id_ in table)


@pytest.mark.parametrize("name", BOTH)
def test_methods_and_paths_are_those_of_the_document(name: str) -> None:
    table = CONTRACTS[name].operations
    document = {id_: (method, path) for id_, (method, path, _) in rows(name).items()}
    assert {id_: (row.method, row.path) for id_, row in table.items()} == document


@pytest.mark.parametrize("name", BOTH)
def test_an_operation_is_public_where_the_document_asks_for_no_credentials(name: str) -> None:
    everywhere = DOCUMENTS[name].get("security")
    public = {id_ for id_, (_, _, row) in rows(name).items() if not row.get("security", everywhere)}
    assert {id_ for id_, row in CONTRACTS[name].operations.items() if row.public} == public
    assert len(public) == {"current": 9, "classic": 0}[name]


@pytest.mark.parametrize("name", BOTH)
def test_the_statuses_read_as_answers_are_those_of_the_document(name: str) -> None:
    wanted = {
        id_: successes(name, row) | MORE_SUCCESSES.get(id_, set())
        for id_, (_, _, row) in rows(name).items()
    }
    assert {id_: set(row.success) for id_, row in CONTRACTS[name].operations.items()} == wanted


@pytest.mark.parametrize("name", BOTH)
def test_reads_are_what_changes_nothing(name: str) -> None:
    reading = {id_ for id_, row in CONTRACTS[name].operations.items() if not row.writes}
    gets = {id_ for id_, (method, _, _) in rows(name).items() if method == "GET"}
    assert reading - gets == ({"getQueuePositions"} if name == "classic" else set())
    assert gets <= reading


@pytest.mark.parametrize("name", BOTH)
def test_every_create_says_how_its_repeat_is_kept_harmless(name: str) -> None:
    for row in CONTRACTS[name].operations.values():
        keyed = "client_order_id" in str(rows(name)[row.id]) or row.id.startswith("Apply")
        if row.success == {201} and row.facade.startswith("orders."):
            assert row.repeat is Repeat.KEYED, row.id
        if row.repeat is Repeat.KEYED:
            assert keyed or row.facade.startswith("orders.place")
        if row.method == "DELETE":
            assert row.repeat is Repeat.CANCEL, row.id


def template(operation: Operation) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(operation.path)))


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_a_bound_call_goes_to_its_operation(name: str, id_: str) -> None:
    for call in calls_of(name, id_):
        assert call.operation is CONTRACTS[name].operations[id_]
        assert call.request.method == call.operation.method
        assert template(call.operation).fullmatch(call.request.path)


@pytest.mark.parametrize("name", BOTH)
def test_every_operation_can_be_bound(name: str) -> None:
    assert set(CALLS[name]) == set(CONTRACTS[name].operations)


def test_the_same_word_never_means_two_operations_of_one_contract() -> None:
    for contract in CONTRACTS.values():
        words = [row.facade for row in contract.operations.values()]
        assert len(words) == len(set(words))
