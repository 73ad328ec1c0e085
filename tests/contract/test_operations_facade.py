"""The words of the facade against the tables, sync and async."""

from __future__ import annotations

import inspect
import re
from typing import Any

import httpx
import pytest
from operations_bound import CONTRACTS, EVERY

from kalshi_ext import AsyncKalshi, Kalshi, Misuse
from kalshi_ext._async.complete import AsyncCompleteRows
from kalshi_ext._async.rows import AsyncRows
from kalshi_ext._sync.complete import CompleteRows
from kalshi_ext._sync.rows import Rows
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import FACADE_WORDS

RESOURCES = (
    "orders",
    "order_groups",
    "portfolio",
    "subaccounts",
    "history",
    "account",
    "exchange",
    "markets",
)
# What the facade says beyond the operations, and of which they are made.
COMPOSED = {
    "orders.amend_many": "AmendOrderV2 or amendOrder, once for each",
    "account.budget": "none: what the client counts",
    "exchange.wait_until_open": "GetMarket and GetExchangeSchedule, until it is open",
    "orders.find": "GetOrders and GetHistoricalOrders, matched by client_order_id",
    "portfolio.event_positions": "GetPositions, the other list of its answer",
    "history.all_orders": "GetOrders, GetHistoricalOrders, GetHistoricalCutoff",
    "history.all_fills": "GetFills, GetFillsHistorical, GetHistoricalCutoff",
}
LISTS = ("rows", "complete rows")
NOTHING = httpx.MockTransport(lambda request: httpx.Response(500))
CLIENTS: dict[str, Any] = {
    "sync": Kalshi(transport=NOTHING),
    "async": AsyncKalshi(transport=NOTHING),
}


def methods(client: Any) -> dict[str, Any]:
    """Give every public method of a client's resources by its word."""
    return {
        f"{resource}.{name}": method
        for resource in RESOURCES
        for name, method in inspect.getmembers(getattr(client, resource), inspect.ismethod)
        if not name.startswith("_")
    }


def overridden(vocabulary: Interface) -> set[str]:
    """Give the words a contract says itself, not through the language's refusal."""
    spoken = {name for name in vars(type(vocabulary)) if not name.startswith("_")}
    return {name for name in spoken if callable(getattr(vocabulary, name))}


@pytest.mark.parametrize("client_kind", CLIENTS)
def test_every_operation_has_its_word_and_every_word_its_operation(client_kind: str) -> None:
    words = {row.facade for name, id_ in EVERY for row in [CONTRACTS[name].operations[id_]]}
    assert set(methods(CLIENTS[client_kind])) == words | set(COMPOSED)
    assert not words & set(COMPOSED)


@pytest.mark.parametrize("client_kind", CLIENTS)
def test_a_client_has_no_other_resources(client_kind: str) -> None:
    attributes = {name for name in vars(CLIENTS[client_kind]) if not name.startswith("_")}
    assert attributes == {*RESOURCES, "driver", "session", "trading"}


# What a contract's documents have not, and its wire was recorded to have.
RECORDED: dict[str, set[str]] = {"current": set(), "classic": {"order_groups.get"}}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_says_exactly_the_words_of_its_table(name: str) -> None:
    contract = CONTRACTS[name]
    words = {
        f"{resource}.{word}"
        for resource in RESOURCES
        for word in overridden(getattr(contract, resource))
    }
    table = {row.facade for row in contract.operations.values()}
    assert words == table | {"portfolio.event_positions"} | RECORDED[name]


@pytest.mark.parametrize("name", CONTRACTS)
def test_words_a_contract_cannot_say_are_refused_by_name(name: str) -> None:
    refused = 0
    for resource in RESOURCES:
        part = getattr(CONTRACTS[name], resource)
        words = {word.partition(".")[2] for word in FACADE_WORDS if word.startswith(f"{resource}.")}
        for word in sorted(words - overridden(part)):
            with pytest.raises(Misuse, match=f"the {name} contract has no {resource}.{word}"):
                getattr(part, word)()
            refused += 1
    own = {row.facade for row in CONTRACTS[name].operations.values()}
    assert refused == len(FACADE_WORDS - own - RECORDED[name])
    assert (refused > 0) == (name == "classic")


@pytest.mark.parametrize("name", CONTRACTS)
@pytest.mark.parametrize("word", ["nettings", "_place", "__len__"])
def test_a_word_of_neither_contract_is_an_attribute_error(name: str, word: str) -> None:
    with pytest.raises(AttributeError, match=word):
        getattr(CONTRACTS[name].subaccounts, word)


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_classic_contract_takes_the_arguments_of_the_current_one(resource: str) -> None:
    classic, current = (getattr(CONTRACTS[name], resource) for name in ("classic", "current"))
    for word in overridden(classic):
        classic_signature, current_signature = (
            inspect.signature(getattr(part, word)) for part in (classic, current)
        )
        assert classic_signature == current_signature, word


def normal(text: object) -> str:
    """Say an annotation or a name in the words of threads."""
    words = str(text).replace("typing.", "").replace("kalshi_ext._async", "kalshi_ext._sync")
    for old, new in (("Async", ""), ("aclose", "close"), ("__aenter__", "__enter__")):
        words = words.replace(old, new)
    words = re.sub(r"Awaitable\[(\w+)\]", r"\1", words)
    return words.replace("__aexit__", "__exit__").replace("__aiter__", "__iter__")


def surface(kind: type) -> dict[str, str]:
    """Give the public names of a class with their signatures in the words of threads."""
    found: dict[str, str] = {}
    for name, member in inspect.getmembers(kind):
        is_public = not name.startswith("_") or name in {"__aiter__", "__iter__", "__init__"}
        if is_public and (callable(member) or isinstance(member, property)):
            function = member.fget if isinstance(member, property) else member
            assert function is not None
            found[normal(name)] = normal(inspect.signature(function))
    return found


def classes(client_kind: str) -> dict[str, type]:
    client = CLIENTS[client_kind]
    found = {resource: type(getattr(client, resource)) for resource in RESOURCES}
    lists = (AsyncRows, AsyncCompleteRows) if client_kind == "async" else (Rows, CompleteRows)
    return {**found, "client": type(client), **dict(zip(LISTS, lists, strict=True))}


@pytest.mark.parametrize("name", [*RESOURCES, "client", *LISTS])
def test_both_colours_have_the_same_names_arguments_and_answers(name: str) -> None:
    sync, asynchronous = surface(classes("sync")[name]), surface(classes("async")[name])
    assert sync == asynchronous
    assert sync


@pytest.mark.parametrize("name", RESOURCES)
def test_what_waits_in_one_colour_is_a_coroutine_in_the_other(name: str) -> None:
    for word, method in inspect.getmembers(classes("async")[name], inspect.isfunction):
        if not word.startswith("_"):
            answer = str(inspect.signature(method).return_annotation)
            lazily = answer.startswith(("AsyncRows", "AsyncCompleteRows", "Budget"))
            assert inspect.iscoroutinefunction(method) is not lazily, word
            assert not inspect.iscoroutinefunction(getattr(classes("sync")[name], word))


@pytest.mark.parametrize("client_kind", CLIENTS)
def test_every_call_says_what_it_does_and_names_its_arguments(client_kind: str) -> None:
    for word, method in methods(CLIENTS[client_kind]).items():
        assert (method.__doc__ or "").strip(), word
        parameters = list(inspect.signature(method).parameters.values())
        positional = [one for one in parameters if one.kind is not one.KEYWORD_ONLY]
        assert len(positional) <= (2 if word == "order_groups.set_limit" else 1), word
