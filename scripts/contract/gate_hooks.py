"""What importing a module executes without a call of its own text.

Python calls by itself what stands under known names: a decorator, a base, the methods of a class
of which importing makes an instance, `__init__` of an enum for each member. So the gate also asks

    names that import executes    bound by their own import or class only, at no level by another
    a class that import calls     fields and `__bool__`; no base but NamedTuple
    an enum                       members and `__str__`
    a dunder                      bound as a method (`DEFINED_DUNDERS`), or `__all__`
    arguments of `field`          those in `FIELD`: attrs writes source text of an alias
    attributes                    none that leads from a coroutine or frame to the interpreter
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from typing import Final

# The generator imports these two under names of its own.
ALIASES: Final = {("define", "_attrs_define"), ("field", "_attrs_field")}
CALLED_CLASSES: Final = frozenset({"Unset", "OperationRow", "RetryRow"})
ENUMS: Final = frozenset({"IntEnum", "StrEnum", "OpenEnum"})
FIELD: Final = frozenset({"alias", "default", "factory", "init", "kw_only"})
FACTORIES: Final = frozenset({"dict", "list"})
_FIELDS: Final = frozenset({"field", "_attrs_field"})
_INTERNALS: Final = frozenset(
    name
    for kind in (
        *(types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType),
        *(types.FrameType, types.TracebackType, types.CodeType),
    )
    for name in dir(kind)
    if "_" in name and not name.startswith("__")
)


def hook_problems(
    tree: ast.Module, nodes: list[ast.AST], executed: frozenset[str]
) -> Iterator[tuple[int, str]]:
    """Walk what would run at import by its name; `executed` are the names that import executes."""
    for node in nodes:
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if node.id.startswith("__") and node.id != "__all__":
                yield line, f"{node.id} is bound to something else"
        elif isinstance(node, ast.Attribute):
            if node.attr in _INTERNALS:
                yield line, f"the attribute {node.attr}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if _hides(node, alias, executed):
                    yield line, f"import of {alias.name} as {alias.asname or alias.name}"
        elif isinstance(node, ast.ClassDef):
            yield from ((line, text) for text in _class_problems(node, executed))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in executed:
                yield line, f"a function named {node.name}"
            if len(node.decorator_list) > 1:
                yield line, f"{node.name} has more than one decorator"
        elif isinstance(node, ast.Call):
            yield from ((line, text) for text in _argument_problems(node))
    yield from _format_problems(nodes)
    yield from _rebound(tree.body, executed)


def _hides(node: ast.ImportFrom, alias: ast.alias, executed: frozenset[str]) -> bool:
    if node.level:
        return alias.name in executed and alias.name not in CALLED_CLASSES
    return alias.asname is not None and (alias.name, alias.asname) not in ALIASES


def _class_problems(node: ast.ClassDef, executed: frozenset[str]) -> Iterator[str]:
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    methods = {each.name for each in node.body if isinstance(each, kinds)}
    if node.name in CALLED_CLASSES:
        if methods - {"__bool__"} or not bases <= {"NamedTuple"} or node.decorator_list:
            yield f"class {node.name}, which import calls, has more than fields"
    elif node.name in executed:
        yield f"a class named {node.name}"
    if bases & ENUMS and methods - {"__str__"}:
        yield f"the enum {node.name} has more than members"


def _argument_problems(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FIELDS:
        return
    if node.args:
        yield f"a positional argument of {node.func.id}"
    for each in node.keywords:
        if each.arg not in FIELD or not _is_plain(each.arg, each.value):
            yield f"the argument {each.arg} of {node.func.id}"


def _is_plain(name: str, value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return name == "factory" and value.id in FACTORIES
    if not isinstance(value, ast.Constant):
        return False
    return name != "alias" or (isinstance(value.value, str) and value.value.isidentifier())


def _format_problems(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if not isinstance(node, ast.Attribute):
            continue
        if node.attr == "format_map" or (node.attr == "format" and id(node) not in called):
            yield node.lineno, f"the attribute {node.attr} without its template"


def _rebound(body: list[ast.stmt], executed: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Walk the names that a module or class binds anew, though import executes them."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _rebound(statement.body, executed)
        # Without a value nothing is bound: a model's field may have any name.
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            continue
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in ast.walk(statement):
                stores = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                if isinstance(node, ast.Name) and stores and node.id in executed:
                    yield statement.lineno, f"{node.id} is bound to something else"
