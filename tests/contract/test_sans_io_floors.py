"""The floors that do no I/O do none: no clock, no randomness, no process, no order of a set.

A simulated world is replayed by its seed, and sync and async cannot differ in a decision, only
because what decides reads nothing but its arguments. So in the rooms of
`FLOORS` every exception stands here with its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITING = ("reads", "writes", "bulk", "stop")
FLOORS = ("protocol", "contracts", *WRITING, "requests", "values", "models")

# Modules that read a clock, the machine, chance or a file, or wait.
IMPURE = frozenset(
    {"time", "random", "secrets", "uuid", "os", "threading", "asyncio", "socket", "tempfile"}
    | {"subprocess", "multiprocessing", "io", "pathlib", "signal", "select", "queue", "platform"}
    | {"getpass", "locale", "gc", "ctypes", "shutil", "glob", "sqlite3", "httpx", "contextvars"}
)
# Calls that read a clock, or what differs from process to process.
IMPURE_CALLS = frozenset({"now", "utcnow", "today", "open", "input"})
BUILTINS = frozenset({"open", "input", "hash"})

# (file, what it does): why. Each must still be there; the list is for reading in a review.
ALLOWED = {
    ("protocol/rate_limits.py", "random"): "Backoff spreads retries; its generator is an argument",
    ("protocol/rate_limits.py", "threading"): "the quota is shared by threads; a lock only",
    ("protocol/pacer.py", "threading"): "a pacer is shared by threads; a lock only",
    ("protocol/deviations.py", "threading"): "deviations are counted by threads together",
    ("protocol/deviations.py", "contextvars"): "what decoders note goes to the answer being read",
    (
        "protocol/pagination.py",
        "hash()",
    ): "rows met before, kept small: compared in one process",
    ("protocol/tiers.py", "hash()"): "ids of rows given, kept small: compared in one process",
    ("requests/known.py", "threading"): "what was seen is shared by threads; a lock only",
    ("requests/vocabulary.py", "uuid"): "an id is made where the caller gave none, before any flow",
    ("requests/transfers.py", "uuid"): "a key is made where the caller gave none, before any flow",
    ("writes/single.py", "uuid"): "the journal's key of a write without one; it decides nothing",
    ("writes/journal_codec.py", "the order of a set"): "each name's value is replaced by itself",
}


class Finder(ast.NodeVisitor):
    """Collects what a module does that it should not, as (line, what)."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._module(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if {alias.name for alias in node.names} != {"UUID"}:  # the class only reads and compares
            self._module(node.lineno, node.module or "")

    def _module(self, line: int, name: str) -> None:
        if name.partition(".")[0] in IMPURE:
            self.found.append((line, name.partition(".")[0]))

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in IMPURE_CALLS:
            self.found.append((node.lineno, f".{called.attr}()"))
        if isinstance(called, ast.Name) and called.id in BUILTINS:
            self.found.append((node.lineno, f"{called.id}()"))
        # list(a_set), tuple, join, dict.fromkeys, enumerate, next(iter(...)): all show its order.
        shows = isinstance(called, ast.Name) and called.id in {"list", "tuple", "enumerate", "iter"}
        joins = isinstance(called, ast.Attribute) and called.attr in {"join", "fromkeys", "extend"}
        if (shows or joins) and node.args and is_set(node.args[0]):
            self.found.append((node.lineno, "the order of a set"))
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._iterated(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._iterated(node.iter)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        for generator in node.generators:  # a set of a set has no order to lose
            for child in (generator.target, *generator.ifs, node.elt):
                self.visit(child)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._iterated(node.value)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._iterated(node.value)
        self.generic_visit(node)

    def _iterated(self, node: ast.expr) -> None:
        if is_set(node):
            self.found.append((node.lineno, "the order of a set"))


SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})


def is_set(node: ast.expr) -> bool:
    """Say whether an expression is visibly a set; `sorted(...)` around it makes it none."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        name = node.func
        if isinstance(name, ast.Name):
            return name.id in {"set", "frozenset"}
        return isinstance(name, ast.Attribute) and name.attr in SET_METHODS
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return is_set(node.left) or is_set(node.right) or _is_keys(node.left)
    return False


def _is_keys(node: ast.expr) -> bool:
    # `d.keys() - other` is a set, and its order is not that of the dict.
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in {"keys", "items"}


def findings(text: str) -> list[tuple[int, str]]:
    """Return what a module's text does that its floor may not."""
    finder = Finder()
    tree = ast.parse(text)
    annotated = {id(n) for n in ast.walk(tree) if isinstance(n, ast.If) and _is_typing(n)}
    for node in tree.body:
        if id(node) not in annotated:
            finder.visit(node)
    return finder.found


def _is_typing(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules() -> Iterator[Path]:
    """Iterate over the modules of the floors."""
    for floor in FLOORS:
        yield from sorted((ROOT / "kalshi_ext" / floor).rglob("*.py"))


def test_the_floors_that_decide_read_no_clock_no_chance_and_no_machine() -> None:
    found = [
        f"{name}:{line}: {what}"
        for path in modules()
        for line, what in findings(path.read_text(encoding="utf-8"))
        if (name := path.relative_to(ROOT / "kalshi_ext").as_posix(), what) not in ALLOWED
    ]
    assert found == []


def test_every_exception_to_that_is_still_needed() -> None:
    used = {
        (path.relative_to(ROOT / "kalshi_ext").as_posix(), what)
        for path in modules()
        for _, what in findings(path.read_text(encoding="utf-8"))
    }
    assert sorted(ALLOWED.keys() - used) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from random import random",
        "from uuid import UUID, uuid4",
        "import os.path",
        "def f():\n    import uuid",
        "moment = datetime.now()",
        "moment = datetime.now(UTC)",
        "day = date.today()",
        "n = hash(key)",
        "for key in {1, 2}: pass",
        "rows = [key for key in set(keys)]",
        "rows = list({k for k in keys})",
        "text = ', '.join(set(names))",
        "rows = dict.fromkeys(keys - {1})",
        "for key in held.keys() - others: pass",
        "rows = [*frozenset(keys)]",
        "for key in keys.difference(others): pass",
    ],
)
def test_the_lint_sees(text: str) -> None:
    assert findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "for key in sorted({1, 2}): pass",
        "same = {key for key in set(keys)}",
        "known = 1 in {1, 2}",
        "if TYPE_CHECKING:\n    import time",
        "moment = datetime.fromtimestamp(seconds, UTC)",
        "now = yield Now()",
        "from uuid import UUID",
    ],
)
def test_the_lint_lets_pass(text: str) -> None:
    assert findings(text) == []
