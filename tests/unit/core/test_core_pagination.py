from __future__ import annotations

from typing import Any

import core_samples as core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import CursorRepeated, Misuse, errors
from kalshi_ext.protocol.messages import InvalidRow, Page, Reply
from kalshi_ext.protocol.pagination import Paginator, collect

GROUPS = core.CURRENT.order_groups
NETTING = core.CURRENT.subaccounts.netting()


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"subaccount_number": name, "enabled": True} for name in names]


def page(cursor: str | None, *names: str) -> Reply:
    return core.reply(200, {"netting_configs": rows(*names), "cursor": cursor})


def paginator(**bounds: Any) -> Paginator[Any]:
    return Paginator(NETTING, core.context(), **bounds)


def drain(driver: core.ScriptedDriver, pages: Paginator[Any]) -> list[str]:
    return [row.subaccount for row in driver.run(collect(pages))]


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
    [{}, {"netting_configs": None}, {"netting_configs": []}, {"cursor": ""}, {"cursor": None}],
)
def test_a_null_or_absent_list_is_empty(body: object) -> None:
    assert drain(core.ScriptedDriver([core.reply(200, body)]), paginator()) == []


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    driver = core.ScriptedDriver([page("c1"), page("c2", "a"), page(None)])
    assert drain(driver, paginator()) == ["a"]


@pytest.mark.parametrize(
    "body",
    [b"", None, [], "text", 5, {"netting_configs": {}}, {"netting_configs": "abc"}, {"cursor": 5}],
)
def test_a_page_that_is_none_is_unintelligible_and_never_an_empty_list(body: object) -> None:
    with pytest.raises(errors.Unintelligible):
        drain(core.ScriptedDriver([core.reply(200, body)]), paginator())


@pytest.mark.parametrize(
    "body",
    [
        {"configs": rows("a"), "cursor": ""},
        {"cursor": "", "data": {"netting_configs": rows("a")}},
        {"error": {"code": "internal_server_error"}, "cursor": ""},
    ],
)
def test_a_list_that_moved_elsewhere_is_not_an_empty_list(body: object) -> None:
    context = core.context()
    with pytest.raises(errors.Unintelligible, match="netting_configs is missing"):
        core.ScriptedDriver([core.reply(200, body)]).run(collect(Paginator(NETTING, context)))


@pytest.mark.parametrize("extra", [0, None, "x", True, [], {}])
def test_a_new_field_beside_an_absent_list_is_noted_and_does_no_harm(extra: object) -> None:
    context = core.context()
    driver = core.ScriptedDriver([core.reply(200, {"total": extra})])
    assert driver.run(collect(Paginator(NETTING, context))) == []
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
        returned += [row.subaccount for row in pages.take(driver.run(step))]
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
    unreadable = [{"enabled": True}, None, 5, "row", [], {"subaccount_number": 2}]
    body = {"netting_configs": [*rows("a"), *unreadable, *rows("b")]}
    pages = paginator()
    assert drain(core.ScriptedDriver([core.reply(200, body)]), pages) == ["a", "b"]
    assert [invalid.row for invalid in pages.invalid_rows] == unreadable
    assert pages.invalid_rows[0].reason == "field 'subaccount_number' is missing"
    assert pages.invalid_rows[-1].reason == "field 'enabled' is missing"


def test_rows_set_aside_are_counted() -> None:
    context = core.context()
    driver = core.ScriptedDriver(
        [core.reply(200, {"netting_configs": [{"enabled": True}, *rows("a")]})]
    )
    driver.run(collect(Paginator(NETTING, context)))
    whole = {
        key: n for key, n in context.deviations.counts.items() if "exchange_index" not in key[2]
    }
    assert whole == {
        ("GetSubaccountNetting", "invalid_row", "SubaccountNettingConfig"): 1,
        (
            "GetSubaccountNetting",
            "missing_field",
            "SubaccountNettingConfig.subaccount_number",
        ): 1,
    }


def test_rows_set_aside_do_not_count_towards_the_limit() -> None:
    body = {"netting_configs": [None, *rows("a"), None, *rows("b", "c")]}
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
    call = NETTING.with_cursor("a").with_cursor("b")
    assert call.request.query == (("cursor", "b"),)
    assert call.with_cursor(None).request.query == ()


def test_a_page_is_plain_data() -> None:
    assert Page((1, 2)).invalid_rows == ()
    assert InvalidRow({}, "why") == InvalidRow({}, "why")
