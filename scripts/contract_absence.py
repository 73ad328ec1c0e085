#!/usr/bin/env python3
"""Derive what the client does when a field of an answer is gone, by trying it with each.

Every answer of both contracts is made up in full and decoded; then once without each of its
fields. What differs is written to kalshi_ext/contract/absence.py, which the drift report reads.
`--check` compares instead and exits 1 when the file differs.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / place) for place in ("scripts", "examples", "tests/contract")]

import attrs
from adopt_steps.coverage import Sampler
from adopt_steps.references import dereference
from figures import write_or_compare
from operations_bound import CONTRACTS, EVERY, calls_of

from kalshi_ext.drift.documents import document
from kalshi_ext.protocol.messages import Page

FILE = ROOT / "kalshi_ext" / "contract" / "absence.py"
HEAD = '''"""What this client does when a field of an answer is not there: each was left out once.

By operation and path of fields:

    answer           the whole answer cannot be read
    row              the row cannot be read, and is among the invalid rows
    empty            the list is empty, without an error
    last             the page is taken for the last one
    none A.x B.y     these attributes are None, without an error
    other A.x        these attributes have another value, of another field or a default
    unread           no attribute changes: it stands in `.raw` alone, or another field says it too

Derived by `python scripts/contract_absence.py`; do not edit.
"""

from __future__ import annotations

from typing import Final

ABSENCE: Final[dict[str, dict[str, str]]] = {
'''
# The worst first: several calls read one answer in different ways, and a user meets the worst.
ORDER = ("answer", "row", "empty", "last", "none", "other", "unread")


def absences(name: str, operation: str) -> dict[str, str]:
    """Map every path of fields in the answers of an operation to what its absence does."""
    found: dict[str, list[str]] = {}
    for call in calls_of(name, operation):
        for sample in _samples(name, operation):
            for path in _paths(sample, ""):
                found.setdefault(path, []).append(_effect(call, sample, path))
    return {path: _joined(effects) for path, effects in sorted(found.items())}


def _samples(name: str, operation: str) -> Iterator[Any]:
    """Make answers in full; a row of a batch holds either a result or an error."""
    tree = document(name)
    bound = CONTRACTS[name].operations[operation]
    schema = _answer_schema(tree, bound)
    if schema is not None:
        batch = "batch" in operation.lower()
        for without in (None, "error") if batch else (None,):
            sample = json.loads(json.dumps(Sampler(tree).make_answer(schema, without=without)))
            yield sample
            if batch and without is None:
                yield {key: [_refused(row) for row in rows] for key, rows in sample.items()}


def _refused(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in ("error", "client_order_id")}


def _answer_schema(tree: dict[str, Any], bound: Any) -> dict[str, Any] | None:
    documented = tree["paths"][bound.path][bound.method.lower()]["responses"]
    response = dereference(tree, documented.get(str(min(bound.success)), {}))
    schema: dict[str, Any] | None = (
        response.get("content", {}).get("application/json", {}).get("schema")
    )
    return schema


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        yield from (inner for each in value for inner in _paths(each, f"{path}[]"))
    elif isinstance(value, dict):
        for key, inner in value.items():
            at = f"{path}.{key}".lstrip(".")
            yield at
            yield from _paths(inner, at)


def _effect(call: Any, sample: Any, path: str) -> str:
    whole, _ = _decoded(call, sample)
    partial, failed = _decoded(call, _without(sample, path.split(".")))
    if failed:
        return "answer"
    if isinstance(partial, Page) and len(partial.invalid_rows) > len(whole.invalid_rows):
        return "row"
    if isinstance(partial, Page):
        if len(partial.items) < len(whole.items):
            return "empty"
        if partial.cursor != whole.cursor:
            return "last"
    changes = list(_changes(_value(whole), _value(partial), ""))
    if not changes:
        return "unread"
    gone = sorted({name for name, after in changes if after is None})
    other = sorted({name for name, _ in changes})
    return " ".join(["none", *gone] if gone else ["other", *other]).rstrip()


def _decoded(call: Any, sample: Any) -> tuple[Any, bool]:
    # The decoders may keep and change what they are given.
    try:
        return call.decode(json.loads(json.dumps(sample))), False
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None, True


def _without(value: Any, path: list[str]) -> Any:
    """Copy an answer without a field, wherever its path leads."""
    step = path[0].partition("[]")[0]
    copy = dict(value)
    if len(path) == 1 and "[]" not in path[0]:
        copy.pop(step, None)
    elif step in copy:
        copy[step] = _mapped(copy[step], path[0].count("[]"), path[1:])
    return copy


def _mapped(value: Any, lists: int, path: list[str]) -> Any:
    if lists:
        return [_mapped(each, lists - 1, path) for each in value]
    return _without(value, path)


def _value(decoded: Any) -> Any:
    return decoded.items if isinstance(decoded, Page) else decoded


def _changes(before: Any, after: Any, name: str) -> Iterator[tuple[str, Any]]:
    """List the attributes that differ, as Model.attribute, with what they have now."""
    if attrs.has(type(before)) and type(before) is type(after):
        for each in attrs.fields(type(before)):
            if each.name.strip("_") != "raw":
                attribute = f"{type(before).__name__}.{each.name}"
                values = getattr(before, each.name), getattr(after, each.name)
                yield from _changes(*values, attribute)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        if len(before) != len(after):
            yield name, after or None
        for pair in zip(before, after, strict=False):
            yield from _changes(*pair, name)
    elif isinstance(before, Exception) and isinstance(after, Exception):
        if repr(before) != repr(after):  # two equal errors are not `==`
            yield "error", after
    elif before != after:
        yield name, after.value if isinstance(after, Enum) else after


def _joined(effects: list[str]) -> str:
    kind = min((effect.split()[0] for effect in effects), key=ORDER.index)
    names = {name for effect in effects if effect.startswith(kind) for name in effect.split()[1:]}
    return " ".join([kind, *sorted(names)])


def text() -> str:
    """Write the module."""
    lines = [HEAD]
    for name, operation in EVERY:
        found = absences(name, operation)
        if found:
            lines.append(f"    {json.dumps(operation)}: {{\n")
            lines += [
                f"        {json.dumps(path)}: {json.dumps(effect)},\n"
                for path, effect in found.items()
            ]
            lines.append("    },\n")
    return "".join([*lines, "}\n"])


def main(arguments: list[str] | None = None) -> int:
    """Write or compare the module."""
    logging.getLogger("kalshi_ext.drift").disabled = True  # answers without fields deviate
    return write_or_compare(FILE, text(), arguments, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
