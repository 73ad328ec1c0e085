"""Lists read in windows side by side: the rows of a page-by-page read, each once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import core_clients as clients
import httpx
import pytest
from case_samples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from listing_exchange import SECOND, START, ListedRow, ListingExchange

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.errors import NoAnswer
from kalshi_ext.protocol.windows import MAX_WIDTH

PAGE = 4
MOVING = ("fills", "asyncio", 0)
SINCE = START - timedelta(days=1)


def rows_at(*moments: int, moves: Callable[[int], int] = lambda at: at) -> list[ListedRow]:
    return [ListedRow(at, f"r{number:04}", moves(at)) for number, at in enumerate(moments)]


def read(exchange: ListingExchange, lists: Callable[[Any], Any], *, on: str) -> list[Any]:
    """Read a list with a client of either kind."""
    options = clients.DEFAULTS | {"transport": exchange}
    if on == "threads":
        with Kalshi(**options) as client:
            return lists(client).all()

    async def read_async() -> list[Any]:
        async with AsyncKalshi(**options) as client:
            return await lists(client).all()

    return asyncio.run(read_async())


def fills_since(client: Any) -> Any:
    return client.portfolio.fills(since=SINCE, page_size=PAGE)


def ids(rows: list[Any]) -> list[str]:
    return [getattr(row, "fill_id", None) or row.order_id for row in rows]


# Microseconds: dense and sparse stretches, ties, and both sides of whole seconds.
moments = st.lists(
    st.one_of(
        st.integers(0, 40).map(lambda second: second * SECOND),
        st.integers(0, 400 * SECOND),
        st.integers(0, 100_000).map(lambda second: second * SECOND + 1),
        st.sampled_from([7 * SECOND, 7 * SECOND + 999_999, 8 * SECOND]),
    ),
    max_size=60,
)


@settings(max_examples=examples(80))
@given(
    moments,
    st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 3),
    st.sampled_from(["threads", "asyncio"]),
)
def test_the_rows_are_those_of_a_page_by_page_read(
    moments: list[int], includes: tuple[bool, bool], slow: int, on: str
) -> None:
    def exchange() -> ListingExchange:
        turns: Callable[[int], int] = lambda number: (number * 7 + slow) % (slow + 1)  # noqa: E731
        return ListingExchange(rows_at(*moments), includes=includes, slow=turns)

    def by_pages(client: Any) -> Any:
        return client.portfolio.fills(since=SINCE, page_size=PAGE, limit=10_000)

    windows = read(exchange(), fills_since, on=on)
    assert windows == read(exchange(), by_pages, on=on)
    assert len(set(ids(windows))) == len(windows)


@settings(max_examples=examples(60))
@given(
    moments,
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 200_000 * SECOND)), max_size=5),
    st.integers(0, 100_000 * SECOND),
    st.sampled_from(["fills", "orders"]),
    st.sampled_from(["threads", "asyncio"]),
    st.integers(0, 50),
)
@example([SECOND * n for n in range(30)], [(3, 9 * SECOND), (6, 25 * SECOND)], 0, *MOVING)
def test_no_row_is_lost_or_doubled_while_cutoffs_move_and_rows_arrive(
    moments: list[int],
    steps: list[tuple[int, int]],
    cutoff: int,
    kind: str,
    on: str,
    late: int,
) -> None:
    def move_and_insert(at: int) -> Callable[[ListingExchange], None]:
        def happen(exchange: ListingExchange) -> None:
            exchange.cutoff = max(exchange.cutoff, at)
            new = 300_000 * SECOND + len(exchange.requests)
            exchange.rows.append(ListedRow(new, f"new{len(exchange.requests)}", new))

        return happen

    # An order's cutoff looks at its last change, which is later than its creation.
    moves = (lambda at: at) if kind == "fills" else (lambda at: at + at * late // 7)
    rows = rows_at(*moments, moves=moves)
    events = {number: move_and_insert(at) for number, at in steps}
    exchange = ListingExchange(list(rows), cutoff, events=events, slow=lambda number: number % 3)
    whole = read(
        exchange,
        lambda client: getattr(client.history, f"all_{kind}")(page_size=PAGE),
        on=on,
    )
    given_ids = [each for each in ids(whole) if not each.startswith("new")]
    assert sorted(given_ids) == sorted(row.id for row in rows)
    assert len(set(ids(whole))) == len(whole)


@pytest.mark.parametrize("on", ["threads", "asyncio"])
def test_a_list_of_many_pages_is_read_side_by_side_and_in_few_requests(on: str) -> None:
    exchange = ListingExchange(rows_at(*range(0, 4000 * SECOND, 10 * SECOND)), slow=lambda _: 5)
    rows = read(exchange, fills_since, on=on)
    assert ids(rows) == list(exchange.expected())
    pages = len(rows) / PAGE
    assert len(exchange.requests) < 1.6 * pages
    # The first page in order is asked for beside those that are under way already.
    assert on == "threads" or 2 < exchange.most_under_way <= MAX_WIDTH + 1


def test_a_list_that_fits_a_page_takes_one_request() -> None:
    exchange = ListingExchange(rows_at(0, SECOND))
    read(exchange, fills_since, on="threads")
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("bound", [{"limit": 9}, {"max_pages": 2}])
def test_a_bound_asks_for_nothing_beyond_it(bound: dict[str, int]) -> None:
    exchange = ListingExchange(rows_at(*range(0, 400 * SECOND, SECOND)))
    read(
        exchange,
        lambda client: client.portfolio.fills(since=SINCE, page_size=PAGE, **bound),
        on="threads",
    )
    assert len(exchange.requests) == (3 if "limit" in bound else 2)


@pytest.mark.parametrize("on", ["threads", "asyncio"])
def test_an_exchange_that_does_not_keep_to_windows_is_read_by_cursor(on: str) -> None:
    exchange = ListingExchange(rows_at(*range(0, 400 * SECOND, 3 * SECOND)), keeps=False)
    rows = read(exchange, fills_since, on=on)
    assert ids(rows) == list(exchange.expected())


def test_pages_of_a_joined_list_hold_its_rows_and_end_without_a_cursor() -> None:
    exchange = ListingExchange(rows_at(*range(0, 100 * SECOND, SECOND)), cutoff=50 * SECOND)
    with Kalshi(**clients.DEFAULTS, transport=exchange) as client:
        pages = list(client.history.all_fills(page_size=PAGE).pages())
    assert [each for page in pages for each in ids(list(page.items))] == list(exchange.expected())
    assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]


def test_one_page_is_under_way_at_a_time_after_a_refusal_for_too_many() -> None:
    exchange = ListingExchange(rows_at(*range(0, 400 * SECOND, SECOND)), slow=lambda _: 3)
    options = clients.DEFAULTS | {"transport": exchange}

    async def read_throttled() -> list[Any]:
        async with AsyncKalshi(**options) as client:
            client.session.context.throttle.first = 0.0  # it does not end by itself
            client.session.context.throttle.interval = 1e-9
            return await fills_since(client).all()

    rows = asyncio.run(read_throttled())
    assert ids(rows) == list(exchange.expected())
    assert exchange.most_under_way == 1


@pytest.mark.parametrize("word", ["portfolio.fills", "history.all_fills"])
def test_a_loop_that_ends_early_leaves_nothing_under_way(word: str) -> None:
    exchange = ListingExchange(rows_at(*range(0, 4000 * SECOND, SECOND)), slow=lambda _: 3)
    since = {"since": SINCE, "page_size": PAGE}

    async def read_some() -> int:
        async with AsyncKalshi(**clients.DEFAULTS, transport=exchange) as client:
            async for _ in clients.resolve(client, word)(**since):
                if len(exchange.requests) > 20:
                    break
            for _ in range(200):  # the loop closes what was left, in its time
                if len(asyncio.all_tasks()) > 1:
                    await asyncio.sleep(0.01)
            return len(asyncio.all_tasks())

    assert asyncio.run(read_some()) == 1
    with Kalshi(**clients.DEFAULTS, transport=exchange) as client:
        for _ in clients.resolve(client, word)(**since):
            if len(exchange.requests) > 60:
                break
    assert len(exchange.requests) < 80


@pytest.mark.parametrize("on", ["threads", "asyncio"])
def test_an_error_comes_in_its_place_after_the_rows_above_it(on: str) -> None:
    exchange = ListingExchange(rows_at(*range(0, 400 * SECOND, SECOND)))

    def fail(_: ListingExchange) -> None:
        raise httpx.ReadError("cut")

    exchange.events = dict.fromkeys(range(30, 10_000), fail)
    given: list[Any] = []

    async def read_async() -> None:
        async with AsyncKalshi(**clients.DEFAULTS, transport=exchange) as client:
            async for page in fills_since(client).pages():
                given.extend(page.items)

    def read_sync() -> None:
        with Kalshi(**clients.DEFAULTS, transport=exchange) as client:
            for page in fills_since(client).pages():
                given.extend(page.items)

    with pytest.raises(NoAnswer):
        asyncio.run(read_async()) if on == "asyncio" else read_sync()
    assert given  # how many depends on how far the windows ran ahead of each other
    assert ids(given) == list(exchange.expected())[: len(given)]
