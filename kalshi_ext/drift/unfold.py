"""Write out a part of a document with its references replaced by what they mean.

For the few parts that are compared by their text: callbacks, encodings, rare schema words.
"""

from __future__ import annotations

from typing import Any, Final

from kalshi_ext.drift.document import Node
from kalshi_ext.drift.json_types import is_list, is_mapping
from kalshi_ext.drift.leaves import PROSE
from kalshi_ext.drift.values import canonical

_MAX_VALUES: Final = 50_000


def unfolded(node: Node | None) -> str:
    """Write a part without prose, vendor keys and references, for comparison by text."""
    return "" if node is None else canonical(_unfold(node, (), [0]))


def _unfold(node: Node, trail: tuple[str, ...], count: list[int]) -> Any:
    count[0] += 1
    if count[0] > _MAX_VALUES:
        raise node.refuse(f"more than {_MAX_VALUES} values once references are written out")
    if is_mapping(node.value) and "$ref" in node.value:
        target = node.resolved()
        if target.pointer in trail:
            return {"again": len(trail) - trail.index(target.pointer)}
        return _unfold(target, (*trail, target.pointer), count)
    return _members(node, trail, count)


def _members(node: Node, trail: tuple[str, ...], count: list[int]) -> Any:
    if is_list(node.value):
        return [_unfold(child, trail, count) for child in node.children().values()]
    if not is_mapping(node.value):
        return node.value
    kept = {k: c for k, c in node.children().items() if k not in PROSE and not k.startswith("x-")}
    return {key: _unfold(child, trail, count) for key, child in kept.items()}
