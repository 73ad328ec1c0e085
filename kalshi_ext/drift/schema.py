"""What a schema says about a value, read off its flattened statements.

Every fact knows where it stands, so that a finding can point at it in its own document.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from kalshi_ext.drift.bounds import Bound, bounds_of
from kalshi_ext.drift.document import Document, Node
from kalshi_ext.drift.json_types import is_list
from kalshi_ext.drift.leaves import Leaf, alternatives, as_form, flatten
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.values import Types, canonical, meet, null_vote, types_of

MISSING: Final = object()
JUDGED: Final = frozenset({
    "additionalProperties", "anyOf", "const", "default", "deprecated", "discriminator", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "oneOf", "pattern", "properties", "readOnly", "required", "type",
    "unevaluatedProperties", "uniqueItems", "writeOnly",
})  # fmt: skip


@frozen(eq=False)
class Field:
    """A property of an object: its name, its schema, and whether it must be there."""

    pointer: str
    schema: Schema
    required: bool


@frozen(eq=False)
class Union:
    """A value that has one of several forms."""

    kind: str
    pointer: str
    members: tuple[Schema, ...]


@frozen(eq=False, slots=False)  # cached_property is cheaper with a __dict__
class Schema:
    """A conjunction of schemas, as one."""

    document: Document = field(repr=False)
    nodes: tuple[Node, ...]
    leaves: tuple[Leaf, ...]
    as_form: bool = False

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Identify what is said, wherever it was referred from."""
        key = tuple(leaf.pointer for leaf in self.leaves) or (self.nodes[0].pointer, "any")
        return (*key, "form") if self.as_form else key

    @cached_property
    def text(self) -> str | None:
        """Write it out as it stands, nothing where it refers to other places.

        Equal texts are equal schemas; Python's own equality would take True for 1.
        """
        found = repr((self.as_form, [node.value for node in self.nodes]))
        return None if "'$ref'" in found else found

    @cached_property
    def form(self) -> Schema:
        """Take what is left of it as one form of a union, which says the rest outside."""
        leaves = tuple(map(as_form, self.leaves))
        return Schema(self.document, self.nodes, leaves, as_form=True)

    @property
    def pointer(self) -> str:
        """Tell where the schema stands: a component rather than a reference to it."""
        return self.leaves[0].pointer if self.leaves else self.nodes[0].pointer

    def where(self, *words: str) -> str:
        """Tell where one of the words is said, or where it would be."""
        for leaf in self.leaves:
            for word in words:
                if word in leaf.words or (word == "nullable" and leaf.says_null):
                    return join(leaf.pointer, word)
        return self.pointer

    def said(self, word: str) -> Any:
        """Take the first, outermost value of a word, or MISSING."""
        return next((leaf.words[word] for leaf in self.leaves if word in leaf.words), MISSING)

    def flag(self, word: str) -> bool:
        """Tell whether any statement says `word: true`."""
        return any(leaf.words.get(word) is True for leaf in self.leaves)

    @cached_property
    def types(self) -> Types:
        """List the JSON types a value may have, without null; None is any."""
        return meet([*(types_of(leaf) for leaf in self.leaves), *self._types_of_forms()])

    @cached_property
    def nullable(self) -> bool:
        """Tell whether the value may be null."""
        votes = [null_vote(leaf) for leaf in self.leaves] + self._null_votes_of_forms()
        return any(leaf.says_null for leaf in self.leaves) or (True in votes and False not in votes)

    @cached_property
    def enum(self) -> dict[str, Any] | None:
        """List the allowed constants without null, by their canonical text; None is any."""
        lists = [listed for leaf in self.leaves if (listed := _enum(leaf)) is not None]
        if not lists:
            return None
        return {key: value for key, value in lists[0].items() if all(key in x for x in lists)}

    @cached_property
    def bounds(self) -> dict[str, Bound]:
        """List the bounds on numbers, texts, lists and objects, tightest first taken."""
        return bounds_of(self.leaves, whole=self.types == frozenset({"integer"}))

    @cached_property
    def fields(self) -> dict[str, Field]:
        """List the properties; one that is required without being described counts too."""
        nodes: dict[str, list[Node]] = {}
        for leaf in self.leaves:
            for name, node in leaf.node.entries("properties").items():
                nodes.setdefault(name, []).append(node)
        bare = [name for name in self.required if name not in nodes]
        described = {name: self._field(name, tuple(found)) for name, found in nodes.items()}
        return described | {name: self._undescribed(name) for name in bare}

    @cached_property
    def required(self) -> dict[str, str]:
        """List the required properties and where each is said to be."""
        return {
            str(node.value): node.pointer
            for leaf in self.leaves
            for node in leaf.node.members("required")
        }

    @cached_property
    def items(self) -> Schema | None:
        """Describe the elements of a list."""
        nodes = [node for leaf in self.leaves if (node := leaf.node.get("items"))]
        return schema_of(*nodes) if nodes else None

    @cached_property
    def extras(self) -> Schema | bool:
        """Describe properties that are not named: allowed, refused, or of one schema."""
        words = ("additionalProperties", "unevaluatedProperties")
        said = [n for leaf in self.leaves for w in words if (n := leaf.node.get(w))]
        if any(node.value is False for node in said):
            return False
        typed = [node for node in said if node.value is not True and node.value != {}]
        return schema_of(*typed) if typed else True

    @cached_property
    def unions(self) -> tuple[Union, ...]:
        """List the choices a value has among several forms."""
        return tuple(
            Union(kind, join(leaf.pointer, kind), _members(leaf, kind))
            for leaf in self.leaves
            for kind in ("oneOf", "anyOf")
            if kind in leaf.words
        )

    @property
    def is_only_a_union(self) -> bool:
        """Tell whether nothing is said beside the forms the value may have."""
        return bool(self.unions) and not (self.fields or self.items or self.enum)

    @cached_property
    def unjudged(self) -> frozenset[str]:
        """List the words that are compared by their text only."""
        return frozenset(word for leaf in self.leaves for word in leaf.words.keys() - JUDGED)

    def _types_of_forms(self) -> list[Types]:
        return [_together(form.types for form in self._forms(union)) for union in self.unions]

    def _null_votes_of_forms(self) -> list[bool | None]:
        return [any(form.nullable for form in self._forms(union)) for union in self.unions]

    def _forms(self, union: Union) -> Iterator[Schema]:
        """Give the forms of a union; a form that is the union itself again adds nothing."""
        busy = self.document.busy
        if self.key in busy:
            return
        busy.add(self.key)
        try:
            yield from union.members
        finally:
            busy.discard(self.key)

    def _field(self, name: str, nodes: tuple[Node, ...]) -> Field:
        return Field(nodes[0].pointer, schema_of(*nodes), name in self.required)

    def _undescribed(self, name: str) -> Field:
        pointer = self.required[name]
        return Field(pointer, schema_of(Node({}, pointer, self.document)), True)


def schema_of(*nodes: Node) -> Schema:
    """Read the conjunction of some schema nodes, once for each."""
    document = nodes[0].document
    asked = tuple(node.pointer for node in nodes)
    found = document.schemas.get(asked)
    if found is None:
        leaves = flatten(nodes)
        key = tuple(leaf.pointer for leaf in leaves) or asked
        found = document.schemas.get(key) or Schema(document, nodes, leaves)
        document.schemas[asked] = document.schemas[key] = found
    return found


def anything(like: Schema) -> Schema:
    """Make the schema that allows anything, standing where `like` stands."""
    return Schema(like.document, (Node({}, like.pointer, like.document),), ())


def _together(all_types: Iterator[Types]) -> Types:
    """Unite the types of several forms."""
    found: set[str] = set()
    for types in list(all_types):
        if types is None:
            return None
        found |= types
    return frozenset(found - ({"integer"} if "number" in found else set()))


def _members(leaf: Leaf, kind: str) -> tuple[Schema, ...]:
    return tuple(schema_of(node) for node in alternatives(leaf.node, kind))


def _enum(leaf: Leaf) -> dict[str, Any] | None:
    if "const" in leaf.words:
        values = [leaf.words["const"]]
    elif "enum" in leaf.words:
        values = leaf.words["enum"]  # may come from a union of constants, not from the node
        if not is_list(values):
            raise leaf.node.refuse(f"enum must be a list, not {type(values).__name__}")
    else:
        return None
    return {canonical(value): value for value in values if value is not None}
