"""docs/errors.md says about every error what the code does."""

from __future__ import annotations

import errors_table  # the script itself, as people run it
import pytest
from docs_pages import DOCS

from kalshi_ext import errors
from kalshi_ext.errors import (
    BY_CODE,
    BY_STATUS,
    Misuse,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unavailable,
    Unintelligible,
)

PAGE = next(page for page in DOCS if page.name == "errors.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells[1:]]
    for cells in (line.strip("| ").split(" | ") for line in PAGE.splitlines())
    if len(cells) == 4 and cells[0].startswith("`")
}
CLIENT_ERRORS = {kind.__name__: kind for kind in errors_table.client_classes()}
TOOL_ERRORS = errors_table.all_classes() - set(CLIENT_ERRORS.values())


def test_every_error_has_its_row_and_every_row_its_error() -> None:
    assert set(ROWS) == set(CLIENT_ERRORS)


def test_every_error_of_the_package_is_among_them() -> None:
    assert set(errors.__all__) <= set(CLIENT_ERRORS)


@pytest.mark.parametrize("name", sorted(kind.__name__ for kind in TOOL_ERRORS))
def test_every_error_of_the_tools_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("block", ["tree", "table"])
def test_the_tree_and_the_table_are_those_of_the_classes(block: str) -> None:
    assert f"\n{getattr(errors_table, block)()}\n" in PAGE


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_a_row_names_the_status_that_raises_it(status: int, kind: type[Refused]) -> None:
    assert str(status) in ROWS[kind.__name__][0]


@pytest.mark.parametrize(("known", "kind"), BY_CODE.items())
def test_a_row_names_the_code_that_raises_it(known: tuple[int, str], kind: type[Refused]) -> None:
    assert f"{known[0]} `{known[1]}`" in ROWS[kind.__name__][0]


@pytest.mark.parametrize("name", sorted(CLIENT_ERRORS))
def test_whether_it_was_executed_agrees_with_the_class(name: str) -> None:
    executed, kind = ROWS[name][1], CLIENT_ERRORS[name]
    if issubclass(kind, OutcomeUnknown):
        assert executed in {"maybe", "probably"}
    elif issubclass(kind, NotSent | Misuse):
        assert executed in {"no", "not this one"}
    elif issubclass(kind, NoAnswer | Unavailable | Unintelligible):
        assert executed == "a read"
    else:
        assert executed not in {"maybe", "probably"}


@pytest.mark.parametrize("name", sorted(n for n, kind in CLIENT_ERRORS.items() if kind.advice))
def test_an_error_with_advice_prints_it(name: str) -> None:
    kind = CLIENT_ERRORS[name]
    assert str(kind("said")) == f"said ({kind.advice})"
    assert ROWS[name][2] != "–"
