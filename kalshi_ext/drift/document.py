"""An OpenAPI document as a tree of JSON values, addressed by JSON Pointers (RFC 6901).

A document is hostile until it is read. Every reference must stay inside the document and end, and
a value of the wrong type raises CannotCompare with its pointer instead of failing somewhere later.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote

from attrs import define, field

from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import is_list, is_mapping

# Keywords that describe and assert nothing: JSON Schema calls them annotations.
ANNOTATIONS: Final = frozenset({
    "$anchor", "$comment", "$id", "$schema", "description", "example", "examples",
    "externalDocs", "summary", "title", "xml",
})  # fmt: skip
# References multiply what is written out: ten levels of ten references are 10^10 values.
_MAX_DEREFERENCED: Final = 50_000
_ABSENT: Final = object()  # None would be taken for a JSON null


def canonical(value: Any) -> str:
    """Write a JSON value so that equal values have equal texts: 1 is 1.0, neither is true."""
    # `default=str`: a document that another YAML reader loaded may hold dates.
    return json.dumps(_whole_numbers_as_int(value), sort_keys=True, default=str)


def _whole_numbers_as_int(value: Any) -> Any:
    if is_mapping(value):
        return {str(key): _whole_numbers_as_int(item) for key, item in value.items()}
    if is_list(value):
        return [_whole_numbers_as_int(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def join(pointer: str, *steps: object) -> str:
    """Append steps to a pointer, escaping `~` and `/`."""
    for step in steps:
        pointer += "/" + _escape(str(step))
    return pointer


def steps(pointer: str) -> list[str]:
    """Split a pointer into its unescaped steps; the root has none."""
    return [_unescape(step) for step in pointer.split("/")[1:]]


def last_step(pointer: str) -> str:
    """Name the last step of a pointer; empty for the root."""
    return _unescape(pointer.rpartition("/")[2])


def _escape(step: str) -> str:
    # The test saves two copies of nearly every step: pointers are the hot path of a comparison.
    return step.replace("~", "~0").replace("/", "~1") if "~" in step or "/" in step else step


def _unescape(step: str) -> str:
    # `~1` before `~0`: the other order would turn `~01`, which is `~1`, into `/`.
    return step.replace("~1", "/").replace("~0", "~") if "~" in step else step


@define(eq=False)
class Document:
    """An OpenAPI 3 document, its name for messages, and caches of what was read from it.

    `schemas` and `fingerprints` are filled by schema.py and variants.py. `in_progress` holds the
    schemas whose unions are being read, so that a recursive union ends.
    """

    root: dict[str, Any]
    name: str
    nodes: dict[str, Node] = field(factory=lambda: dict[str, Node](), repr=False)
    schemas: dict[tuple[str, ...], Any] = field(factory=dict[tuple[str, ...], Any], repr=False)
    fingerprints: dict[Any, str] = field(factory=dict[Any, str], repr=False)
    in_progress: set[tuple[str, ...]] = field(factory=set[tuple[str, ...]], repr=False)

    @property
    def version(self) -> str:
        """Read `info.version`; `?` without one."""
        info = self.root.get("info")
        return str(info.get("version", "?")) if is_mapping(info) else "?"

    def at(self, pointer: str, *, wanted_by: str = "") -> Node:
        """Find the node of a pointer; a dangling one raises CannotCompare at `wanted_by`."""
        node = self.nodes.get(pointer)
        if node is None:
            node = self.nodes[pointer] = Node(self._value(pointer, wanted_by), pointer, self)
        return node

    def error(self, pointer: str, broken_rule: str) -> CannotCompare:
        """Make the error that names this document, a place in it and the broken rule."""
        return CannotCompare(f"{self.name}: {pointer or '/'}: {broken_rule}")

    def _value(self, pointer: str, wanted_by: str) -> Any:
        value: Any = self.root
        for step in steps(pointer):
            value = _member(value, step)
            if value is _ABSENT:
                raise self.error(wanted_by, f"refers to #{pointer}, which is not there")
        return value


def _member(value: Any, step: str) -> Any:
    if is_mapping(value):
        return value.get(step, _ABSENT)
    if is_list(value) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return _ABSENT


@define(eq=False)
class Node:
    """A value of a document and its pointer."""

    value: Any
    pointer: str
    document: Document = field(repr=False)

    def __contains__(self, key: str) -> bool:
        return is_mapping(self.value) and key in self.value

    def get(self, key: str) -> Node | None:
        """Take the member `key`."""
        if key not in self:
            return None
        return Node(self.value[key], join(self.pointer, key), self.document)

    def entries(self, key: str) -> dict[str, Node]:
        """Take the members of the mapping `key`; absent or null has none."""
        node = self._typed(key, dict, "a mapping")
        return node.children() if node else {}

    def members(self, key: str) -> list[Node]:
        """Take the members of the list `key`; absent or null has none."""
        node = self._typed(key, list, "a list")
        return list(node.children().values()) if node else []

    def children(self) -> dict[str, Node]:
        """Take every member of a mapping or a list, by its step."""
        pairs: Any = ()
        if is_mapping(self.value):
            pairs = self.value.items()
        elif is_list(self.value):
            pairs = enumerate(self.value)
        make, pointer, document = Node, self.pointer, self.document
        return {str(key): make(value, join(pointer, key), document) for key, value in pairs}

    def text(self, key: str, default: str = "") -> str:
        """Read the text `key`; another type raises CannotCompare."""
        value = self.value.get(key, default)
        if not isinstance(value, str):
            raise self.error(f"{key} must be text, not {type(value).__name__}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Read the boolean `key`; another type counts as absent."""
        value = self.value.get(key, default)
        return value if isinstance(value, bool) else default

    def resolved(self) -> Node:
        """Follow `$ref` to its end, which must be a mapping; a node without one is itself."""
        node, trail = self, {self.pointer}
        while is_mapping(node.value) and "$ref" in node.value:
            node = node.target()
            if node.pointer in trail:
                raise self.error("refers to itself")
            trail.add(node.pointer)
        return node.mapping()

    def target(self) -> Node:
        """Follow one `$ref`; one that leaves the document raises CannotCompare."""
        reference = self.text("$ref")
        if reference != "#" and not reference.startswith("#/"):
            raise self.error(f"refers outside the document: {reference!r}")
        # A reference is a URI fragment: percent-encoded around the pointer's own escapes.
        return self.document.at(unquote(reference[1:]), wanted_by=self.pointer)

    def mapping(self) -> Node:
        """Return this node if it is a mapping; anything else raises CannotCompare."""
        if not is_mapping(self.value):
            raise self.error(f"must be a mapping, not {type(self.value).__name__}")
        return self

    def error(self, broken_rule: str) -> CannotCompare:
        """Make the error that names this node's place and the rule it breaks."""
        return self.document.error(self.pointer, broken_rule)

    def _typed(self, key: str, expected: type, description: str) -> Node | None:
        node = self.get(key)
        if node is None or node.value is None:
            return None
        if not isinstance(node.value, expected):
            raise node.error(f"must be {description}, not {type(node.value).__name__}")
        return node


def dereferenced(node: Node | None) -> str:
    """Write a part as text, its references replaced by their targets, without annotations.

    For the parts that are compared by text only: callbacks, webhooks, encodings, keywords that no
    rule judges. Vendor keys (`x-`) are left out; no node is the empty text.
    """
    return "" if node is None else canonical(_dereference(node, (), [0]))


def _dereference(node: Node, trail: tuple[str, ...], count: list[int]) -> Any:
    count[0] += 1
    if count[0] > _MAX_DEREFERENCED:
        raise node.error(f"more than {_MAX_DEREFERENCED} values once references are written out")
    if is_mapping(node.value) and "$ref" in node.value:
        target = node.resolved()
        if target.pointer in trail:
            # Levels up, not the name: recursion is the same whatever its component is called.
            return {"again": len(trail) - trail.index(target.pointer)}
        return _dereference(target, (*trail, target.pointer), count)
    return _dereference_members(node, trail, count)


def _dereference_members(node: Node, trail: tuple[str, ...], count: list[int]) -> Any:
    if is_list(node.value):
        return [_dereference(child, trail, count) for child in node.children().values()]
    if not is_mapping(node.value):
        return node.value
    kept = {
        key: child
        for key, child in node.children().items()
        if key not in ANNOTATIONS and not key.startswith("x-")
    }
    return {key: _dereference(child, trail, count) for key, child in kept.items()}
