"""Small changes to a module that a test should notice: one operator, constant or statement each.

Messages, docstrings, annotations and logging are left alone: no test should depend on them.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import frozen

OPERATOR_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.Continue: ast.Break,
    ast.Break: ast.Continue,
}
BUILTIN_SWAPS = {"min": "max", "max": "min", "all": "any", "any": "all"}
OTHER_PLATFORM = "win32"  # whose code no test runs here
LOGGING_CALLS = {"log", "warn", "warning", "exception", "debug", "info"}


@frozen
class Mutant:
    """One change: its place, the line's source, its description; `make` writes the whole module."""

    path: str
    line: int
    source: str
    change: str
    make: Callable[[], str]

    @property
    def text(self) -> str:
        """Make the module with the change in it."""
        return self.make()

    @property
    def key(self) -> str:
        """Name the mutant independently of line numbers."""
        return f"{self.path}: {self.source} -> {self.change}"


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of ast.walk."""
    tree = ast.parse(text)
    lines = text.splitlines()
    unmutated = {id(node) for node in _unmutated_nodes(tree)}
    nodes = [node for node in ast.walk(tree) if id(node) not in unmutated]
    for at, node in enumerate(nodes):
        for change, edit in _edits(node):
            line = getattr(node, "lineno", 1)
            make = partial(_edited, tree, unmutated, at, edit)
            yield Mutant(path, line, lines[line - 1].strip(), change, make)


def _edited(tree: ast.Module, unmutated: set[int], at: int, edit: Callable[[ast.AST], None]) -> str:
    mutated, nodes_copy = _copy(tree, unmutated)
    edit(nodes_copy[at])
    return ast.unparse(ast.fix_missing_locations(mutated))


def _copy(tree: ast.Module, unmutated: set[int]) -> tuple[ast.Module, list[ast.AST]]:
    memo: dict[int, Any] = {}
    mutated = copy.deepcopy(tree, memo)
    return mutated, [memo[id(node)] for node in ast.walk(tree) if id(node) not in unmutated]


def _unmutated_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is no behaviour: annotations, docstrings, f-strings, messages, type checks."""
    for node in ast.walk(tree):
        for part in _unmutated_parts(node):
            yield from ast.walk(part)


def _unmutated_parts(node: ast.AST) -> list[ast.AST]:
    parts: list[ast.AST | None] = []
    if isinstance(node, ast.AnnAssign):
        parts.append(node.annotation)
    if isinstance(node, ast.arg):
        parts.append(node.annotation)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts += [node.returns, *node.decorator_list]
    if isinstance(node, ast.ClassDef):  # what attrs is told there, type checkers hold
        parts += node.decorator_list
    if isinstance(node, ast.JoinedStr):
        parts.append(node)
    if isinstance(node, ast.Subscript) and _is_type(node.value):
        parts.append(node)
    if isinstance(node, ast.Call) and _called(node) == "zip":  # `strict` only guards
        parts += node.keywords
    if isinstance(node, ast.Call) and _called(node) in {
        *LOGGING_CALLS,
        "TypeVar",
        "cast",
        "getLogger",
    }:
        parts.append(node)
    if isinstance(node, ast.Assign) and any(_is_type(target) for target in node.targets):
        parts.append(node)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        parts += [node] if node.test.id == "TYPE_CHECKING" else []
    if isinstance(node, ast.If) and ast.unparse(node.test) == f"sys.platform == {OTHER_PLATFORM!r}":
        parts += [node.test, *node.body]
    if isinstance(node, ast.Import | ast.ImportFrom):
        parts.append(node)
    return [part for part in parts if part is not None]


def _is_type(node: ast.AST) -> bool:
    name = getattr(node, "id", "")
    return name in {"dict", "list", "set", "tuple", "__all__", "Call", "Callable", "Future"}


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


Edit = tuple[str, Callable[[Any], None]]


def _edits(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if (replacement := OPERATOR_SWAPS.get(type(operator))) is not None:
                yield _change_text(operator, replacement), _replace_item("ops", at, replacement())
        yield from _text_changes(node)
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OPERATOR_SWAPS:
        replacement = OPERATOR_SWAPS[type(node.op)]
        yield (
            _change_text(node.op, replacement),
            lambda node_copy: setattr(node_copy, "op", replacement()),
        )
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "negated condition", _negate
    elif isinstance(node, ast.Constant):
        yield from _constant_changes(node)
    elif isinstance(node, ast.Return) and not _is_empty(node.value):
        yield "returns None", lambda node_copy: setattr(node_copy, "value", ast.Constant(None))
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in BUILTIN_SWAPS:
        name = BUILTIN_SWAPS[node.func.id]  # type: ignore[attr-defined]
        yield f"{name}()", lambda node_copy: setattr(node_copy.func, "id", name)
    yield from _removals(node)


def _change_text(before: ast.AST, after: type[ast.AST]) -> str:
    return f"{type(before).__name__} becomes {after.__name__}"


def _replace_item(name: str, at: int, value: Any) -> Callable[[Any], None]:
    def replace(node_copy: Any) -> None:
        getattr(node_copy, name)[at] = value

    return replace


def _negate(node_copy: Any) -> None:
    node_copy.test = ast.UnaryOp(ast.Not(), node_copy.test)


def _text_changes(node: ast.Compare) -> Iterator[Edit]:
    for at, part in enumerate(node.comparators):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield (
                f"{part.value!r} becomes another text",
                _replace_item("comparators", at, ast.Constant("XX" + part.value)),
            )


def _constant_changes(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield (
            f"{value} becomes {not value}",
            lambda node_copy: setattr(node_copy, "value", not value),
        )
    elif isinstance(value, int | float):
        yield (
            f"{value} becomes {value + 1}",
            lambda node_copy: setattr(node_copy, "value", value + 1),
        )


def _is_empty(node: ast.AST | None) -> bool:
    """Say whether a value is None already, or is taken as None is: False."""
    return node is None or (
        isinstance(node, ast.Constant) and (node.value is None or node.value is False)
    )


def _removals(node: ast.AST) -> Iterator[Edit]:
    """Yield the removal of each statement of a block that can be left out."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if not isinstance(block, list) or isinstance(node, ast.Module):
            continue
        for at, statement in enumerate(block):
            if _can_be_removed(statement):
                removed = ast.unparse(statement).splitlines()[0][:60]
                yield f"left out: {removed}", _replace_item(name, at, ast.Pass())
            elif isinstance(statement, ast.Continue | ast.Break):
                replacement = OPERATOR_SWAPS[type(statement)]()
                yield (
                    _change_text(statement, type(replacement)),
                    _replace_item(name, at, replacement),
                )


def _can_be_removed(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise | ast.AugAssign):
        return True
    if isinstance(statement, ast.Assign):  # of an attribute or an item: names would be undefined
        return all(isinstance(to, ast.Attribute | ast.Subscript) for to in statement.targets)
    if not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Constant):
        return False
    value = statement.value
    return not (isinstance(value, ast.Call) and _called(value) in LOGGING_CALLS)
