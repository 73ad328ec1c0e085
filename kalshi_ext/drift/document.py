"""Walk an OpenAPI document by pointer, with its references resolved and its shape checked.

Documents are hostile until read: every reference must stay inside the document and end, and
a value of the wrong kind is named by its pointer instead of failing somewhere later.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from attrs import define, field

from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.json_types import is_list, is_mapping
from kalshi_ext.drift.limits import SpecError, check_bounds
from kalshi_ext.drift.pointers import join, steps

# A budget of compared pairs of schemas: the exchange's full document needs a few thousand, and
# allOf over recursive schemas could otherwise multiply without end.
MAX_PAIRS: Final = 200_000


@define(eq=False)
class Document:
    """An OpenAPI 3 document, its name for messages, and what was already resolved in it."""

    root: dict[str, Any]
    name: str
    nodes: dict[str, Node] = field(factory=lambda: dict[str, Node](), repr=False)
    schemas: dict[tuple[str, ...], Any] = field(factory=dict[tuple[str, ...], Any], repr=False)
    prints: dict[Any, str] = field(factory=dict[Any, str], repr=False)
    busy: set[tuple[str, ...]] = field(factory=set[tuple[str, ...]], repr=False)

    @property
    def version(self) -> str:
        """Tell the document's own version, as its `info` states it."""
        info = self.root.get("info")
        return str(info.get("version", "?")) if is_mapping(info) else "?"

    def at(self, pointer: str, *, wanted_by: str = "") -> Node:
        """Find the node a pointer names; a dangling one raises CannotCompare."""
        found = self.nodes.get(pointer)
        if found is None:
            found = self.nodes[pointer] = Node(self._value(pointer, wanted_by), pointer, self)
        return found

    def refuse(self, pointer: str, rule: str) -> CannotCompare:
        """Make the error that names this document, a place in it and the rule."""
        return CannotCompare(f"{self.name}: {pointer or '/'}: {rule}")

    def _value(self, pointer: str, wanted_by: str) -> Any:
        value: Any = self.root
        for step in steps(pointer):
            value = _step(value, step)
            if value is _NOTHING:
                raise self.refuse(wanted_by, f"refers to #{pointer}, which is not there")
        return value


@define(eq=False)
class Node:
    """A value and where it stands."""

    value: Any
    pointer: str
    document: Document = field(repr=False)

    def __contains__(self, key: str) -> bool:
        return is_mapping(self.value) and key in self.value

    def get(self, key: str) -> Node | None:
        """Take the member `key`, or nothing."""
        if key not in self:
            return None
        return Node(self.value[key], join(self.pointer, key), self.document)

    def entries(self, key: str) -> dict[str, Node]:
        """Take the members of the mapping `key`; absent or null has none."""
        found = self._typed(key, dict, "a mapping")
        return found.children() if found else {}

    def members(self, key: str) -> list[Node]:
        """Take the members of the list `key`; absent or null has none."""
        found = self._typed(key, list, "a list")
        return list(found.children().values()) if found else []

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
        """Take the text `key`."""
        value = self.value.get(key, default)
        if not isinstance(value, str):
            raise self.refuse(f"{key} must be text, not {type(value).__name__}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Take the boolean `key`."""
        value = self.value.get(key, default)
        return value if isinstance(value, bool) else default

    def resolved(self) -> Node:
        """Follow `$ref` to what it means; a node without one is itself."""
        node, trail = self, {self.pointer}
        while is_mapping(node.value) and "$ref" in node.value:
            node = node.target()
            if node.pointer in trail:
                raise self.refuse("refers to itself")
            trail.add(node.pointer)
        return node.mapping()

    def target(self) -> Node:
        """Take one step along `$ref`."""
        reference = self.text("$ref")
        if reference != "#" and not reference.startswith("#/"):
            raise self.refuse(f"refers outside the document: {reference!r}")
        return self.document.at(unquote(reference[1:]), wanted_by=self.pointer)

    def mapping(self) -> Node:
        """Insist on a mapping."""
        if not is_mapping(self.value):
            raise self.refuse(f"must be a mapping, not {type(self.value).__name__}")
        return self

    def refuse(self, rule: str) -> CannotCompare:
        """Make the error that names this node's place and the rule it breaks."""
        return self.document.refuse(self.pointer, rule)

    def _typed(self, key: str, kind: type, wanted: str) -> Node | None:
        found = self.get(key)
        if found is None or found.value is None:
            return None
        if not isinstance(found.value, kind):
            raise found.refuse(f"must be {wanted}, not {type(found.value).__name__}")
        return found


def open_document(value: object, name: str) -> Document:
    """Check that a loaded value is an OpenAPI 3 document of bounded size; an opened one is."""
    if isinstance(value, Document):
        return value
    try:
        check_bounds(value, name)
    except SpecError as error:
        raise CannotCompare(str(error)) from error
    if not is_mapping(value):
        raise CannotCompare(f"{name}: not an OpenAPI document but a {type(value).__name__}")
    document = Document(value, name)
    _check_kind(document)
    return document


def _check_kind(document: Document) -> None:
    if "swagger" in document.root:
        raise document.refuse("/swagger", "Swagger 2 is not compared, only OpenAPI 3")
    version = str(document.root.get("openapi", ""))
    if not version.startswith("3."):
        raise document.refuse("/openapi", f"must say an OpenAPI version 3.x, not {version!r}")
    if not is_mapping(document.root.get("paths")):
        raise document.refuse("/paths", "must be a mapping of paths")


_NOTHING: Final = object()


def _step(value: Any, step: str) -> Any:
    if is_mapping(value):
        return value.get(step, _NOTHING)
    if is_list(value) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return _NOTHING
