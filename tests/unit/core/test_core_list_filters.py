from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import core_samples as core
import pytest

from kalshi_ext import Misuse
from kalshi_ext.requests.filters import ListQuery, list_query

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
    ("limit", "page_size", "largest", "size"),
    [
        (None, None, 1000, None),
        (5, None, 1000, 5),
        (5_000, None, 1000, 1000),
        (5_000, None, 500, 500),
        (5, 100, 1000, 100),
        (None, 1000, 1000, 1000),
    ],
)
def test_a_page_is_as_large_as_asked_else_as_the_limit_allows(
    limit: int | None, page_size: int | None, largest: int, size: int | None
) -> None:
    assert list_query(limit=limit, page_size=page_size, largest=largest).size == size


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
