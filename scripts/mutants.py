"""Small changes to a module that a test should notice: one operator, constant or statement each.

Messages, docstrings, annotations and logging are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
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
NAMES = {"min": "max", "max": "min", "all": "any", "any": "all"}
SILENT = {"log", "warn", "warning", "exception", "debug", "info"}


@frozen
class Mutant:
    """One change: where it is, what it says, and the whole module with it."""

    path: str
    line: int
    source: str
    change: str
    text: str

    @property
    def key(self) -> str:
        """Name the mutant independently of line numbers."""
        return f"{self.path}: {self.source} -> {self.change}"


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Walk all mutants of a module, in the order of its lines."""
    tree = ast.parse(text)
    lines = text.splitlines()
    skipped = {id(node) for node in _skipped(tree)}
    nodes = [node for node in ast.walk(tree) if id(node) not in skipped]
    for at, node in enumerate(nodes):
        for change, edit in _edits(node):
            mutated, found = _copied(tree, skipped)
            edit(found[at])
            line = getattr(node, "lineno", 1)
            code = ast.unparse(ast.fix_missing_locations(mutated))
            yield Mutant(path, line, lines[line - 1].strip(), change, code)


def _copied(tree: ast.Module, skipped: set[int]) -> tuple[ast.Module, list[ast.AST]]:
    memo: dict[int, Any] = {}
    mutated = copy.deepcopy(tree, memo)
    return mutated, [memo[id(node)] for node in ast.walk(tree) if id(node) not in skipped]


def _skipped(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what is no behaviour: annotations, docstrings, f-strings, messages, type checks."""
    for node in ast.walk(tree):
        for part in _silent_parts(node):
            yield from ast.walk(part)


def _silent_parts(node: ast.AST) -> list[ast.AST]:
    parts: list[ast.AST | None] = []
    if isinstance(node, ast.AnnAssign):
        parts.append(node.annotation)
    if isinstance(node, ast.arg):
        parts.append(node.annotation)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts += [node.returns, *node.decorator_list]
    if isinstance(node, ast.JoinedStr):
        parts.append(node)
    if isinstance(node, ast.Subscript) and _is_type(node.value):
        parts.append(node)
    if isinstance(node, ast.Call) and _called(node) in {*SILENT, "TypeVar", "cast", "getLogger"}:
        parts.append(node)
    if isinstance(node, ast.Assign) and any(_is_type(target) for target in node.targets):
        parts.append(node)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        parts += [node] if node.test.id == "TYPE_CHECKING" else []
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
            if (other := SWAPS.get(type(operator))) is not None:
                yield _said(operator, other), _setter("ops", at, other())
        yield from _texts(node)
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in SWAPS:
        other = SWAPS[type(node.op)]
        yield _said(node.op, other), lambda found: setattr(found, "op", other())
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "negated condition", _negate
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield "returns None", lambda found: setattr(found, "value", ast.Constant(None))
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in NAMES:
        name = NAMES[node.func.id]  # type: ignore[attr-defined]
        yield f"{name}()", lambda found: setattr(found.func, "id", name)
    yield from _blocks(node)


def _said(before: ast.AST, after: type[ast.AST]) -> str:
    return f"{type(before).__name__} becomes {after.__name__}"


def _setter(name: str, at: int, value: Any) -> Callable[[Any], None]:
    def put(found: Any) -> None:
        getattr(found, name)[at] = value

    return put


def _negate(found: Any) -> None:
    found.test = ast.UnaryOp(ast.Not(), found.test)


def _texts(node: ast.Compare) -> Iterator[Edit]:
    for at, part in enumerate(node.comparators):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield (
                f"{part.value!r} becomes another text",
                _setter("comparators", at, ast.Constant("XX" + part.value)),
            )


def _constants(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} becomes {not value}", lambda found: setattr(found, "value", not value)
    elif isinstance(value, int | float):
        yield f"{value} becomes {value + 1}", lambda found: setattr(found, "value", value + 1)


def _is_none(node: ast.AST | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _blocks(node: ast.AST) -> Iterator[Edit]:
    """Walk the statements of a block that can be left out."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if not isinstance(block, list) or isinstance(node, ast.Module):
            continue
        for at, statement in enumerate(block):
            if _can_go(statement):
                gone = ast.unparse(statement).splitlines()[0][:60]
                yield f"left out: {gone}", _setter(name, at, ast.Pass())
            elif isinstance(statement, ast.Continue | ast.Break):
                other = SWAPS[type(statement)]()
                yield _said(statement, type(other)), _setter(name, at, other)


def _can_go(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise | ast.AugAssign):
        return True
    if isinstance(statement, ast.Assign):  # of an attribute or an item: names would be undefined
        return all(isinstance(to, ast.Attribute | ast.Subscript) for to in statement.targets)
    if not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Constant):
        return False
    value = statement.value
    return not (isinstance(value, ast.Call) and _called(value) in SILENT)
