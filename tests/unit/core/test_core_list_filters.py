from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import core_samples as core
import pytest

from kalshi_ext import Misuse
from kalshi_ext.contract.page_sizes import PAGE_SIZES
from kalshi_ext.drift.documents import document
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery, list_query
from kalshi_ext.requests.markets import MarketQuery

NOON = 1_767_268_800  # 2026-01-01T12:00:00Z
FORMS = [
    datetime(2026, 1, 1, 12, tzinfo=UTC),
    datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=-5))),
    "2026-01-01T12:00:00Z",
    "2026-01-01T12:00:00+00:00",
    "2026-01-01T07:00:00-05:00",
    "20260101T120000Z",
    NOON,
    str(NOON),
]


@pytest.mark.parametrize("moment", FORMS, ids=repr)
def test_a_moment_may_be_said_in_every_usual_form(moment: object) -> None:
    query = list_query(since=moment, until=moment)
    assert (query.since, query.until) == (NOON, NOON)


def test_a_day_is_its_first_second_as_a_beginning_and_its_last_as_an_end() -> None:
    for day in (date(2026, 1, 1), "2026-01-01"):
        query = list_query(since=day, until=day)
        assert query.since == NOON - 12 * 3600
        assert query.until == NOON + 12 * 3600


def test_parts_of_a_second_never_lose_a_row() -> None:
    half = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    query = list_query(since=half, until=half)
    assert (query.since, query.until) == (NOON, NOON + 1)


def test_times_go_out_as_unix_seconds() -> None:
    call = core.CURRENT.orders.list(list_query(since=FORMS[0], until=FORMS[1]))
    assert dict(call.request.query) == {"min_ts": str(NOON), "max_ts": str(NOON)}


@pytest.mark.parametrize(
    ("limit", "page_size", "size"),
    [
        (None, None, None),
        (5, None, 5),
        (5_000, None, MAX_PAGE),
        (5, 100, 100),
        (None, MAX_PAGE, MAX_PAGE),
    ],
)
def test_a_page_is_as_large_as_asked_else_as_the_limit_allows(
    limit: int | None, page_size: int | None, size: int | None
) -> None:
    assert list_query(limit=limit, page_size=page_size).size == size


# The public lists have filters of their own.
PUBLIC_LISTS: dict[str, Any] = {
    "GetMarkets": lambda build: lambda query: build(MarketQuery(page=query)),
    "GetTrades": lambda build: lambda query: build(query, is_block_trade=None),
}


def lists(name: str) -> list[tuple[str, Any]]:
    """Give every builder of a contract that a page size reaches, by its operation."""
    found: list[tuple[str, Any]] = []
    whole = core.CURRENT if name == "current" else core.CLASSIC
    for row in whole.operations.values():
        resource, _, word = row.facade.partition(".")
        if row.id in PAGE_SIZES:
            build = getattr(getattr(whole, resource), word)
            found.append((row.id, PUBLIC_LISTS.get(row.id, lambda build: build)(build)))
    return found


@pytest.mark.parametrize("name", ["current", "classic"])
def test_every_list_sends_at_most_what_its_contract_allows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(lists(name)) >= 4
    for lowered in (None, 200, 7):
        for operation, build in lists(name):
            if lowered:  # as if a contract with a lower maximum had been adopted
                monkeypatch.setitem(PAGE_SIZES, operation, lowered)
            sent = dict(build(ListQuery(size=MAX_PAGE)).request.query)["limit"]
            assert sent == str(PAGE_SIZES[operation]), operation
            with pytest.raises(Misuse, match="page_size must be at most"):
                build(ListQuery(size=PAGE_SIZES[operation] + 1, explicit_size=True))


def test_every_page_size_is_that_of_the_document() -> None:
    for name in ("current", "classic"):
        for path, item in document(name)["paths"].items():
            for operation in item.values():
                stated = f"{path} {operation.get('operationId')}"
                schemas = [
                    parameter["schema"]
                    for parameter in map(partial(resolve, name), operation.get("parameters", ()))
                    if parameter["name"] == "limit"
                ]
                if schemas and "maximum" in schemas[0]:
                    assert PAGE_SIZES[operation["operationId"]] == schemas[0]["maximum"], stated
                else:
                    assert operation["operationId"] not in PAGE_SIZES, stated


def resolve(name: Any, node: dict[str, Any]) -> dict[str, Any]:
    whole: Any = document(name)
    if "$ref" in node:
        for step in node["$ref"].removeprefix("#/").split("/"):
            whole = whole[step]
        return dict(whole)
    return node


@pytest.mark.parametrize(("limit", "sent"), [(5, "5"), (200, "200"), (201, "200"), (9_999, "200")])
def test_pages_of_the_classic_contract_are_cut_to_what_it_gives(limit: int, sent: str) -> None:
    call = core.CLASSIC.orders.list(list_query(limit=limit))
    assert dict(call.request.query) == {"limit": sent}


def test_a_page_said_too_large_for_the_classic_contract_is_refused() -> None:
    with pytest.raises(Misuse, match="page_size must be at most 200 here, not 201"):
        core.CLASSIC.orders.list(list_query(page_size=201))


@pytest.mark.parametrize(
    "filters",
    [
        {"subaccount": 0},
        {"exchange_index": 0},
        {"order_id": "o"},
        {"count_filter": "position"},
        {"settlement_status": "all"},
    ],
    ids=repr,
)
def test_filters_the_classic_contract_does_not_have_are_refused_by_name(
    filters: dict[str, object],
) -> None:
    with pytest.raises(Misuse, match=f"no {next(iter(filters))} in the classic contract"):
        core.CLASSIC.orders.list(list_query(**filters))


@pytest.mark.parametrize(
    "value", ["resting", "canceled", "executed", "pending", "position,total_traded", "tomorrow_s"]
)
def test_words_the_exchange_filters_by_are_its_own_to_know(value: str) -> None:
    assert list_query(status=value, count_filter=value) == ListQuery(
        status=value, count_filter=value
    )


def test_zero_is_said_and_nothing_is_not() -> None:
    call = core.CURRENT.orders.list(list_query(subaccount=0, exchange_index=0, since=0))
    assert dict(call.request.query) == {"subaccount": "0", "exchange_index": "0", "min_ts": "0"}
    assert core.CURRENT.orders.list(list_query()).request.query == ()
