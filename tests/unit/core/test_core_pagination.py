from __future__ import annotations

from typing import Any

import core_samples as core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import CursorRepeated, Misuse, errors
from kalshi_ext.protocol import pagination
from kalshi_ext.protocol.messages import InvalidRow, Page, Reply
from kalshi_ext.protocol.pagination import MAX_EMPTY_PAGES, Paginator, collect
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.requests.markets import MarketQuery

GROUPS = core.CURRENT.order_groups.list(ListQuery())


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "is_auto_cancel_enabled": True} for name in names]


def page(cursor: str | None, *names: str) -> Reply:
    return core.reply(200, {"order_groups": rows(*names), "cursor": cursor})


def paginator(**bounds: Any) -> Paginator[Any]:
    return Paginator(GROUPS, core.context(), **bounds)


def drain(driver: core.ScriptedDriver, pages: Paginator[Any]) -> list[str]:
    return [row.id for row in driver.run(collect(pages))]


def cursors(driver: core.ScriptedDriver) -> list[str | None]:
    return [dict(send.request.query).get("cursor") for send in driver.sends]


def test_pages_are_read_until_there_is_no_cursor() -> None:
    driver = core.ScriptedDriver([page("c1", "a", "b"), page("c2", "c"), page(None, "d")])
    assert drain(driver, paginator()) == ["a", "b", "c", "d"]
    assert cursors(driver) == [None, "c1", "c2"]


@pytest.mark.parametrize("last", [None, ""])
def test_a_null_or_empty_cursor_ends_a_list(last: str | None) -> None:
    assert drain(core.ScriptedDriver([page(last, "a")]), paginator()) == ["a"]


@pytest.mark.parametrize(
    "body",
    [{}, {"order_groups": None}, {"order_groups": []}, {"cursor": ""}, {"cursor": None}],
)
def test_a_null_or_absent_list_is_empty(body: object) -> None:
    assert drain(core.ScriptedDriver([core.reply(200, body)]), paginator()) == []


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    driver = core.ScriptedDriver([page("c1"), page("c2", "a"), page(None)])
    assert drain(driver, paginator()) == ["a"]


@pytest.mark.parametrize(
    "body",
    [b"", None, [], "text", 5, {"order_groups": {}}, {"order_groups": "abc"}, {"cursor": 5}],
)
def test_a_page_that_is_none_is_unintelligible_and_never_an_empty_list(body: object) -> None:
    with pytest.raises(errors.Unintelligible):
        drain(core.ScriptedDriver([core.reply(200, body)]), paginator())


@pytest.mark.parametrize(
    "body",
    [
        {"configs": rows("a"), "cursor": ""},
        {"cursor": "", "data": {"order_groups": rows("a")}},
        {"error": {"code": "internal_server_error"}, "cursor": ""},
    ],
)
def test_a_list_that_moved_elsewhere_is_not_an_empty_list(body: object) -> None:
    context = core.context()
    with pytest.raises(errors.Unintelligible, match="order_groups is missing"):
        core.ScriptedDriver([core.reply(200, body)]).run(collect(Paginator(GROUPS, context)))


@pytest.mark.parametrize("extra", [0, None, "x", True, [], {}])
def test_a_new_field_beside_an_absent_list_is_noted_and_does_no_harm(extra: object) -> None:
    context = core.context()
    driver = core.ScriptedDriver([core.reply(200, {"total": extra})])
    netting = core.CURRENT.subaccounts.netting()
    assert driver.run(collect(Paginator(netting, context))) == []
    absent = "GetSubaccountNettingResponse.netting_configs"  # the contract requires it
    assert context.deviations.counts == {
        ("GetSubaccountNetting", "unknown_field", "GetSubaccountNettingResponse.total"): 1,
        ("GetSubaccountNetting", "missing_field", absent): 1,
    }


def test_a_repeated_cursor_is_an_error_after_the_rows_of_its_page_were_handed_out() -> None:
    """A garbage cursor answers page 1 again: a naive loop would never end."""
    driver = core.ScriptedDriver([page("c1", "a"), page("c2", "b"), page("c1", "c")])
    pages, returned = paginator(), []
    for _ in range(3):
        step = pages.next_page()
        assert step is not None
        returned += [row.id for row in pages.take(driver.run(step))]
    with pytest.raises(CursorRepeated, match="the cursor of page 3 was given before"):
        pages.next_page()
    assert returned == ["a", "b", "c"]
    assert len(driver.sends) == 3


def test_a_cursor_that_leads_to_itself_ends_after_two_pages() -> None:
    driver = core.ScriptedDriver([page("loop", "a"), page("loop", "a")])
    with pytest.raises(CursorRepeated):
        drain(driver, paginator())


def test_a_walk_that_is_bounded_needs_no_complaint_about_a_cursor_it_does_not_follow() -> None:
    driver = core.ScriptedDriver([page("loop", "a"), page("loop", "b")])
    assert drain(driver, paginator(max_pages=2)) == ["a", "b"]
    assert drain(core.ScriptedDriver([page("l", "a"), page("l", "b")]), paginator(limit=2)) == [
        "a",
        "b",
    ]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(1, 30), st.integers(1, 9))
def test_limit_counts_rows_and_max_pages_counts_pages(
    sizes: list[int], limit: int, max_pages: int
) -> None:
    names, answers = [], []
    for at, size in enumerate(sizes):
        page_names = [f"{at}.{n}" for n in range(size)]
        names += [page_names]
        answers.append(page(None if at == len(sizes) - 1 else f"c{at}", *page_names))
    driver = core.ScriptedDriver(answers)
    expected = [name for page_names in names[:max_pages] for name in page_names][:limit]
    assert drain(driver, paginator(limit=limit, max_pages=max_pages)) == expected
    before_last = [name for page_names in names[: len(driver.sends) - 1] for name in page_names]
    assert len(driver.sends) <= max_pages
    assert len(before_last) < limit


def test_rows_that_cannot_be_read_are_set_aside_and_the_page_is_kept() -> None:
    unreadable = [{"is_auto_cancel_enabled": True}, None, 5, "row", [], {"id": 2}]
    body = {"order_groups": [*rows("a"), *unreadable, *rows("b")]}
    pages = paginator()
    assert drain(core.ScriptedDriver([core.reply(200, body)]), pages) == ["a", "b"]
    assert [invalid.row for invalid in pages.invalid_rows] == unreadable
    assert pages.invalid_rows[0].reason == "field 'id' is missing"
    assert pages.invalid_rows[1].reason == "OrderGroup is no object"


def test_rows_set_aside_are_counted() -> None:
    context = core.context()
    body = {"order_groups": [{"is_auto_cancel_enabled": True}, *rows("a")]}
    core.ScriptedDriver([core.reply(200, body)]).run(collect(Paginator(GROUPS, context)))
    assert context.deviations.counts == {
        ("GetOrderGroups", "invalid_row", "OrderGroup"): 1,
        ("GetOrderGroups", "missing_field", "OrderGroup.id"): 1,
    }


def test_a_page_of_which_no_row_can_be_read_is_an_error_and_not_an_empty_list() -> None:
    """An account that holds positions would look like one that holds none."""
    pages = paginator()
    driver = core.ScriptedDriver([page("c1", "a"), core.reply(200, {"order_groups": [{"id": 5}]})])
    with pytest.raises(errors.Unintelligible, match=r"order_groups\.list.*1 of 1 rows: id is not"):
        drain(driver, pages)
    assert [invalid.row for invalid in pages.invalid_rows] == [{"id": 5}]


def test_one_row_that_cannot_be_read_costs_a_list_that_is_returned_whole() -> None:
    body = {"order_groups": [*rows("a"), {"id": 5}]}
    with pytest.raises(errors.Unintelligible, match="1 of 2 rows") as caught:
        drain(core.ScriptedDriver([core.reply(200, body)]), paginator(invalid="any_row"))
    assert caught.value.body == b'[{"id": 5}]'


def test_a_caller_who_looks_at_the_rows_themselves_may_have_a_page_without_one() -> None:
    pages = paginator(invalid="allowed")
    assert drain(core.ScriptedDriver([core.reply(200, {"order_groups": [{"id": 5}]})]), pages) == []
    assert len(pages.invalid_rows) == 1


@pytest.mark.parametrize("length", [1, 2, 3])
def test_pages_that_come_again_under_ever_fresh_cursors_end_the_list(length: int) -> None:
    """A cursor that the exchange does not know is answered with page 1 (observed)."""
    circle = [page(f"c{turn}", f"a{turn % length}", f"b{turn % length}") for turn in range(50)]
    driver, pages, returned = core.ScriptedDriver(circle), paginator(), list[str]()

    def walk() -> None:
        while (step := pages.next_page()) is not None:
            returned.extend(row.id for row in pages.take(driver.run(step)))

    with pytest.raises(CursorRepeated, match=f"page {length + 1} holds rows of earlier pages only"):
        walk()
    assert returned == [f"{letter}{turn}" for turn in range(length) for letter in "ab"]


def test_a_page_with_one_new_row_goes_on() -> None:
    driver = core.ScriptedDriver([page("c1", "a", "b"), page("c2", "b", "c"), page(None, "d")])
    assert drain(driver, paginator()) == ["a", "b", "b", "c", "d"]


def test_the_same_rows_again_at_the_end_are_an_error_too() -> None:
    with pytest.raises(CursorRepeated):
        drain(core.ScriptedDriver([page("c1", "a"), page(None, "a")]), paginator())


def test_rows_without_an_id_are_told_apart_by_their_content() -> None:
    event = {"event_ticker": "E", "total_cost_dollars": "1.0000"}
    pages = [{"event_positions": [event], "cursor": str(turn)} for turn in range(3)]
    call = core.CURRENT.portfolio.event_positions(ListQuery())
    driver = core.ScriptedDriver([core.reply(200, body) for body in pages])
    with pytest.raises(CursorRepeated):
        driver.run(collect(Paginator(call, core.context())))
    assert len(driver.sends) == 2


def test_empty_pages_under_ever_fresh_cursors_end_the_list() -> None:
    driver = core.ScriptedDriver([page(f"c{turn}") for turn in range(10 * MAX_EMPTY_PAGES)])
    with pytest.raises(CursorRepeated, match=f"{MAX_EMPTY_PAGES} pages in a row were empty"):
        drain(driver, paginator())
    assert len(driver.sends) == MAX_EMPTY_PAGES


def test_empty_pages_that_end_are_none_the_worse() -> None:
    empty = [page(f"c{turn}") for turn in range(MAX_EMPTY_PAGES - 1)]
    assert drain(core.ScriptedDriver([*empty, page(None, "a")]), paginator()) == ["a"]


def test_rows_set_aside_do_not_count_towards_the_limit() -> None:
    body = {"order_groups": [None, *rows("a"), None, *rows("b", "c")]}
    assert drain(core.ScriptedDriver([core.reply(200, body)]), paginator(limit=2)) == ["a", "b"]


def test_a_page_that_fails_in_passing_is_asked_again_at_the_same_cursor() -> None:
    driver = core.ScriptedDriver([page("c1", "a"), core.reply(503), page(None, "b")])
    assert drain(driver, paginator()) == ["a", "b"]
    assert cursors(driver) == [None, "c1", "c1"]


def test_a_walk_that_failed_can_go_on_where_it_was() -> None:
    pages = paginator()
    driver = core.ScriptedDriver([page("c1", "a"), core.reply(400), page(None, "b")])
    with pytest.raises(errors.BadRequest):
        drain(driver, pages)
    assert drain(driver, pages) == ["b"]


@pytest.mark.parametrize("name", ["limit", "max_pages"])
@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, "5", True, float("nan"), [1]])
def test_bounds_are_whole_numbers_from_one(name: str, value: object) -> None:
    with pytest.raises(Misuse, match=f"{name} must be a whole number of at least 1"):
        paginator(**{name: value})


def test_the_cursor_of_a_page_replaces_the_one_before() -> None:
    call = GROUPS.with_cursor("a").with_cursor("b")
    assert call.request.query == (("cursor", "b"),)
    assert call.with_cursor(None).request.query == ()


def test_a_page_is_plain_data() -> None:
    assert Page((1, 2)).invalid_rows == ()
    assert InvalidRow({}, "why") == InvalidRow({}, "why")


def test_markets_that_come_again_with_other_prices_end_the_list() -> None:
    """Quotes move between two reads of one page: its tickers tell that it is the same."""
    market = {"ticker": "M", "status": "active", "price_ranges": []}
    pages = (
        core.reply(200, {"markets": [market | {"yes_bid_dollars": f"0.{n}"}], "cursor": f"c{n}"})
        for n in range(10, 99)
    )
    markets = Paginator(core.CURRENT.markets.list(MarketQuery(page=ListQuery())), core.context())
    with pytest.raises(CursorRepeated, match="page 2 holds rows of earlier pages only"):
        core.ScriptedDriver(list(pages)).run(collect(markets))


@pytest.mark.parametrize("length", [3, 40])
def test_a_circle_longer_than_the_rows_that_are_kept_ends_at_its_first_page_too(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "KEPT_ROWS", 4)
    circle = [page(f"c{turn}", f"a{turn % length}", f"b{turn % length}") for turn in range(100)]
    with pytest.raises(CursorRepeated, match=f"page {length + 1} holds rows of earlier pages only"):
        drain(core.ScriptedDriver(circle), paginator())


def test_a_long_circle_whose_pages_are_cut_otherwise_each_time_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pagination, "KEPT_ROWS", 4)
    names = [f"a{n % 21}" for n in range(200)]
    circle = [page(f"c{turn}", *names[2 * turn : 2 * turn + 2]) for turn in range(100)]
    with pytest.raises(CursorRepeated, match="page 22 holds rows of earlier pages only"):
        drain(core.ScriptedDriver(circle), paginator())


def test_of_a_long_list_a_bounded_number_of_rows_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "KEPT_ROWS", 4)
    listed = [page(f"c{turn}", f"a{turn}", f"b{turn}") for turn in range(60)]
    pages = paginator()
    assert len(drain(core.ScriptedDriver([*listed, page("", "z")]), pages)) == 121
    assert len(pages._earlier._latest) + len(pages._earlier._before) <= 2 * (4 + 2)
