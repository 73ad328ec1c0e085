"""docs/errors.md says about every error what the code does."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from docs_pages import DOCS, pages

import kalshi_ext
from kalshi_ext import errors
from kalshi_ext.errors import (
    BY_CODE,
    BY_STATUS,
    KalshiError,
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
TOOLS = ("sandbox", "drift")


def all_error_classes() -> set[type[KalshiError]]:
    """Import all of the library and return every error class it defines."""
    for module in pkgutil.walk_packages(kalshi_ext.__path__, "kalshi_ext."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return set(_subclasses(KalshiError))


def _subclasses(kind: type[KalshiError]) -> Iterator[type[KalshiError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


ERROR_CLASSES = {
    kind
    for kind in all_error_classes()
    if kind.__module__.startswith("kalshi_ext.") and not kind.__name__.startswith("_")
}
TOOL_ERRORS = {kind for kind in ERROR_CLASSES if kind.__module__.split(".")[1] in TOOLS}
CLIENT_ERRORS = {kind.__name__: kind for kind in ERROR_CLASSES - TOOL_ERRORS}


def test_every_error_has_its_row_and_every_row_its_error() -> None:
    assert set(ROWS) == set(CLIENT_ERRORS)


def test_every_error_of_the_package_is_among_them() -> None:
    assert set(errors.__all__) <= set(CLIENT_ERRORS)


@pytest.mark.parametrize("name", sorted(kind.__name__ for kind in TOOL_ERRORS))
def test_every_error_of_the_tools_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


def parents_in_tree() -> dict[str, str]:
    """Read the tree: every name with the name it hangs on."""
    block = next(block for block in pages.blocks(PAGE) if block.text.startswith("KalshiError\n"))
    ancestors: dict[int, str] = {}
    parents: dict[str, str] = {}
    for line in block.text.splitlines():
        match = re.search(r"[A-Z]\w+", line)
        assert match, line
        depth = match.start() // 3
        ancestors[depth] = match.group()
        if depth:
            parents[match.group()] = ancestors[depth - 1]
    return parents


def test_the_tree_is_that_of_the_classes() -> None:
    parents = parents_in_tree()
    assert set(parents) == set(CLIENT_ERRORS) - {"KalshiError"}
    for name, parent in parents.items():
        bases = [base.__name__ for base in CLIENT_ERRORS[name].__bases__]
        public = [base for base in bases if not base.startswith("_")] or ["KalshiError"]
        assert parent == public[0], name


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
