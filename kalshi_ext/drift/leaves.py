"""Flatten a schema into the plain statements it makes, however it is written.

`$ref`, `allOf`, a union of one, a union with null and a union of constants are only ways of
writing: what is left is a list of leaves, each saying something about the value itself. Two
schemas that flatten to equal statements are the same schema to a client.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define

from kalshi_ext.drift.document import Node
from kalshi_ext.drift.json_types import is_list, is_mapping

PROSE: Final = frozenset({
    "$anchor", "$comment", "$id", "$schema", "description", "example", "examples",
    "externalDocs", "summary", "title", "xml",
})  # fmt: skip
_OUTSIDE: Final = frozenset({"default", "deprecated"})
_UNIONS: Final = ("oneOf", "anyOf")
_WAYS_OF_WRITING: Final = frozenset({"$ref", "allOf", "nullable", "$defs", "definitions"})


@define(eq=False)
class Leaf:
    """One plain statement about a value.

    `says_null` is an explicit "may be null" that holds over whatever it wraps.
    """

    node: Node
    words: dict[str, Any]
    says_null: bool

    @property
    def pointer(self) -> str:
        """Tell where the statement stands."""
        return self.node.pointer


def as_form(leaf: Leaf) -> Leaf:
    """Take away what a union says beside its forms: null, default, deprecated."""
    words = {word: leaf.words[word] for word in leaf.words if word not in _OUTSIDE}
    if is_list(words.get("type")):
        words["type"] = [each for each in words["type"] if each != "null"]
    return Leaf(leaf.node, words, False)


def flatten(nodes: tuple[Node, ...]) -> tuple[Leaf, ...]:
    """List the statements of a conjunction of schemas, wrappers before what they wrap."""
    found: dict[str, Leaf | None] = {}
    for node in nodes:
        _gather(node, found, ())
    return tuple(leaf for leaf in found.values() if leaf is not None)


def _gather(node: Node, found: dict[str, Leaf | None], trail: tuple[str, ...]) -> None:
    if node.pointer in trail:
        raise node.refuse("a schema that is made of itself")
    if node.pointer in found:
        return  # also where it says nothing itself: two ways at each step would double for ever
    if isinstance(node.value, bool):
        node = Node({} if node.value else {"not": {}}, node.pointer, node.document)
    leaf, inner = _leaf(node.mapping())
    found[node.pointer] = leaf if leaf.words or leaf.says_null else None
    for part in _wrapped(node) + inner:
        _gather(part, found, (*trail, node.pointer))


def _wrapped(node: Node) -> list[Node]:
    targets = [node.target()] if "$ref" in node else []
    return targets + node.members("allOf")


def _leaf(node: Node) -> tuple[Leaf, list[Node]]:
    words = {key: value for key, value in node.value.items() if _speaks(key)}
    if "x-default" in node.value:  # how our own normal form keeps a default it does not send
        words.setdefault("default", node.value["x-default"])
    null, inner = node.flag("nullable"), list[Node]()
    for kind in _UNIONS:
        if kind in words:
            said, parts = _unwrap(node, kind, words)
            null, inner = null or said, inner + parts
    return Leaf(node, words, null), inner


def _speaks(key: object) -> bool:
    word = str(key)
    return word not in PROSE and word not in _WAYS_OF_WRITING and not word.startswith("x-")


def _unwrap(node: Node, kind: str, words: dict[str, Any]) -> tuple[bool, list[Node]]:
    """Take out a union that is only a way of writing; say whether it admits null."""
    members = node.members(kind)
    real = [member for member in members if not _is_null(member)]
    constants = _constants(real)
    if len(real) == 1 or constants is not None:
        del words[kind]
    if constants is not None and len(real) > 1:
        words.setdefault("enum", constants)
        return len(real) < len(members), []
    return len(real) < len(members), real if len(real) == 1 else []


def alternatives(node: Node, kind: str) -> list[Node]:
    """List what a union may be, without null."""
    return [member for member in node.members(kind) if not _is_null(member)]


def _is_null(member: Node) -> bool:
    value = _seen_through(member)
    if not is_mapping(value):
        return False
    said = [value.get("type"), value.get("enum"), [value.get("const", 0)]]
    return said[0] in ("null", ["null"]) or [None] in said[1:]


def _constants(members: list[Node]) -> list[Any] | None:
    """Read a union of constants as one enum."""
    values: list[Any] = []
    for member in members:
        value = _seen_through(member)
        listed = _listed(value) if is_mapping(value) else None
        if listed is None:
            return None
        values += listed
    return values or None


def _listed(value: dict[str, Any]) -> list[Any] | None:
    if {key for key in value if _speaks(key)} - {"type", "const", "enum"}:
        return None
    if "const" in value:
        return [value["const"]]
    enum = value.get("enum")  # one of several members is a form of its own, not a constant
    return list(enum) if is_list(enum) and len(enum) == 1 else None


def _seen_through(member: Node) -> Any:
    value = member.value
    return member.resolved().value if is_mapping(value) and "$ref" in value else value
