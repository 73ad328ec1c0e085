"""What a schema says about a value, read off its normal form.

Every fact knows its pointer, so that a finding can point at it in its own document. Facts are
lazy: a component of hundreds of fields costs nothing until something refers to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from kalshi_ext.drift.document import Document, Node, canonical, join
from kalshi_ext.drift.limits import is_list
from kalshi_ext.drift.normal_form import (
    Assertion,
    Bound,
    as_variant,
    bounds_of,
    flatten,
    variants_of,
)

Types = frozenset[str] | None  # the JSON types a value may have; None is any
ABSENT: Final = object()  # None would be taken for a JSON null
JUDGED: Final = frozenset({
    "additionalProperties", "anyOf", "const", "default", "deprecated", "discriminator", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "oneOf", "pattern", "properties", "readOnly", "required", "type",
    "unevaluatedProperties", "uniqueItems", "writeOnly",
})  # fmt: skip
# Keywords that mean a type when none is named: generators read them so.
_IMPLIED_TYPES: Final = (
    ("properties", "object"),
    ("additionalProperties", "object"),
    ("required", "object"),
    ("items", "array"),
)


@frozen(eq=False)
class Field:
    """A property of an object: its schema, and whether it must be there."""

    pointer: str
    schema: Schema
    required: bool


@frozen(eq=False)
class Union:
    """A `oneOf` or `anyOf` (`kind`) of several variants."""

    kind: str
    pointer: str
    variants: tuple[Schema, ...]


@frozen(eq=False, slots=False)  # cached_property is cheaper with a __dict__
class Schema:
    """A conjunction of schema nodes, read as one schema."""

    document: Document = field(repr=False)
    nodes: tuple[Node, ...]
    assertions: tuple[Assertion, ...]
    is_variant: bool = False

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Identify what is asserted, wherever it was referred from."""
        pointers = tuple(assertion.pointer for assertion in self.assertions)
        key = pointers or (self.nodes[0].pointer, "any")
        return (*key, "variant") if self.is_variant else key

    @cached_property
    def text(self) -> str | None:
        """Write the schema out as it stands; None when it refers elsewhere.

        Equal texts are equal schemas. Python's own equality would take True for 1.
        """
        text = repr((self.is_variant, [node.value for node in self.nodes]))
        return None if "'$ref'" in text else text

    @cached_property
    def as_variant(self) -> Schema:
        """Take this schema as one variant of a union: null, default and deprecated left out."""
        assertions = tuple(map(as_variant, self.assertions))
        return Schema(self.document, self.nodes, assertions, is_variant=True)

    @property
    def pointer(self) -> str:
        """Point at the schema: at a component rather than at a reference to it."""
        return self.assertions[0].pointer if self.assertions else self.nodes[0].pointer

    def pointer_to(self, *keywords: str, beside: str = "") -> str:
        """Point at the first of some keywords, or at the schema when none is used.

        `beside` points at the keyword in the other document: where this schema has the same
        component, that is the place, and not whatever wraps a reference to it.
        """
        for assertion in self.assertions:
            for keyword in keywords:
                implied = keyword == "nullable" and assertion.allows_null
                if keyword in assertion.keywords or implied:
                    return join(assertion.pointer, keyword)
        holder = beside.rpartition("/")[0]
        is_here = any(assertion.pointer == holder for assertion in self.assertions)
        return holder if is_here else self.pointer

    def value_of(self, keyword: str) -> Any:
        """Take the outermost value of a keyword, or ABSENT."""
        values = (a.keywords[keyword] for a in self.assertions if keyword in a.keywords)
        return next(values, ABSENT)

    def flag(self, keyword: str) -> bool:
        """Tell whether any assertion has `keyword: true`."""
        return any(assertion.keywords.get(keyword) is True for assertion in self.assertions)

    @cached_property
    def types(self) -> Types:
        """List the JSON types a value may have, without null."""
        of_unions = [_types_of_any(v.types for v in self._variants(u)) for u in self.unions]
        return _types_of_all([*map(_types_of, self.assertions), *of_unions])

    @cached_property
    def nullable(self) -> bool:
        """Tell whether the value may be null."""
        votes = [_null_vote(assertion) for assertion in self.assertions]
        votes += [any(v.nullable for v in self._variants(union)) for union in self.unions]
        explicit = any(assertion.allows_null for assertion in self.assertions)
        return explicit or (True in votes and False not in votes)

    @cached_property
    def enum(self) -> dict[str, Any] | None:
        """List the allowed constants without null, by their canonical text; None is any."""
        enums = [enum for each in self.assertions if (enum := _enum(each)) is not None]
        if not enums:
            return None
        return {key: value for key, value in enums[0].items() if all(key in e for e in enums)}

    @cached_property
    def bounds(self) -> dict[str, Bound]:
        """List the bounds on numbers, texts, lists and objects by keyword."""
        return bounds_of(self.assertions, integer=self.types == frozenset({"integer"}))

    @cached_property
    def fields(self) -> dict[str, Field]:
        """List the properties; one that is required without a schema counts too."""
        nodes: dict[str, list[Node]] = {}
        for assertion in self.assertions:
            for name, node in assertion.node.entries("properties").items():
                nodes.setdefault(name, []).append(node)
        undescribed = [name for name in self.required if name not in nodes]
        described = {name: self._field(name, tuple(each)) for name, each in nodes.items()}
        return described | {name: self._undescribed_field(name) for name in undescribed}

    @cached_property
    def required(self) -> dict[str, str]:
        """Map each required property to the pointer of its entry in `required`."""
        return {
            str(node.value): node.pointer
            for assertion in self.assertions
            for node in assertion.node.members("required")
        }

    @cached_property
    def items(self) -> Schema | None:
        """Read the schema of a list's elements."""
        nodes = [node for each in self.assertions if (node := each.node.get("items"))]
        return schema_of(*nodes) if nodes else None

    @cached_property
    def additional_properties(self) -> Schema | bool:
        """Read what properties without a name may be: anything, nothing, or of one schema."""
        keywords = ("additionalProperties", "unevaluatedProperties")
        nodes = [n for each in self.assertions for k in keywords if (n := each.node.get(k))]
        if any(node.value is False for node in nodes):
            return False
        typed = [node for node in nodes if node.value is not True and node.value != {}]
        return schema_of(*typed) if typed else True

    @cached_property
    def unions(self) -> tuple[Union, ...]:
        """List the unions of several variants."""
        return tuple(
            Union(kind, join(each.pointer, kind), _variant_schemas(each, kind))
            for each in self.assertions
            for kind in ("oneOf", "anyOf")
            if kind in each.keywords
        )

    @property
    def is_only_a_union(self) -> bool:
        """Tell whether nothing is said beside the variants of a union."""
        return bool(self.unions) and not (self.fields or self.items or self.enum)

    @cached_property
    def unjudged(self) -> frozenset[str]:
        """List the keywords that no rule judges: they are compared by text."""
        return frozenset(k for each in self.assertions for k in each.keywords.keys() - JUDGED)

    def _variants(self, union: Union) -> Iterator[Schema]:
        """List the variants of a union; a variant that is the union again adds nothing."""
        in_progress = self.document.in_progress
        if self.key in in_progress:
            return
        in_progress.add(self.key)
        try:
            yield from union.variants
        finally:
            in_progress.discard(self.key)

    def _field(self, name: str, nodes: tuple[Node, ...]) -> Field:
        return Field(nodes[0].pointer, schema_of(*nodes), name in self.required)

    def _undescribed_field(self, name: str) -> Field:
        pointer = self.required[name]
        return Field(pointer, schema_of(Node({}, pointer, self.document)), True)


def schema_of(*nodes: Node) -> Schema:
    """Read the conjunction of some schema nodes; equal conjunctions share one Schema."""
    document = nodes[0].document
    requested = tuple(node.pointer for node in nodes)
    schema = document.schemas.get(requested)
    if schema is None:
        assertions = flatten(nodes)
        # The second key joins references to one component, which is then compared once.
        key = tuple(assertion.pointer for assertion in assertions) or requested
        schema = document.schemas.get(key) or Schema(document, nodes, assertions)
        document.schemas[requested] = document.schemas[key] = schema
    return schema


def schema_at(holder: Node) -> Schema:
    """Read the `schema` of a parameter, header or media type; none allows anything."""
    nothing = Node({}, join(holder.pointer, "schema"), holder.document)
    return schema_of(holder.get("schema") or nothing)


def unconstrained(like: Schema) -> Schema:
    """Make the schema that allows anything, at the pointer of `like`."""
    return Schema(like.document, (Node({}, like.pointer, like.document),), ())


def _variant_schemas(assertion: Assertion, kind: str) -> tuple[Schema, ...]:
    return tuple(schema_of(node) for node in variants_of(assertion.node, kind))


def _enum(assertion: Assertion) -> dict[str, Any] | None:
    if "const" in assertion.keywords:
        values = [assertion.keywords["const"]]
    elif "enum" in assertion.keywords:
        values = assertion.keywords["enum"]  # not the node's: it may be a union of constants
        if not is_list(values):
            raise assertion.node.error(f"enum must be a list, not {type(values).__name__}")
    else:
        return None
    return {canonical(value): value for value in values if value is not None}


def covers(wide: Types, narrow: Types) -> bool:
    """Tell whether every value of the narrow types is also one of the wide types."""
    if wide is None:
        return True
    return narrow is not None and all(t in wide or _is_integer_of(t, wide) for t in narrow)


def _types_of(assertion: Assertion) -> Types:
    """List the types an assertion allows, without null; implied ones when none is named."""
    keywords = assertion.keywords
    named = keywords.get("type")
    if named is not None:
        return _without_null({str(t) for t in named} if is_list(named) else {str(named)})
    if is_list(keywords.get("enum")) or "const" in keywords:
        values = keywords.get("enum") or [keywords.get("const")]
        return _without_null({_type_name(value) for value in values})
    implied = {name for keyword, name in _IMPLIED_TYPES if keyword in keywords}
    return frozenset(implied) if len(implied) == 1 else None


def _null_vote(assertion: Assertion) -> bool | None:
    """Tell whether an assertion admits null: yes, no, or None when it says nothing of it."""
    named, enum = assertion.keywords.get("type"), assertion.keywords.get("enum")
    if is_list(enum) or "const" in assertion.keywords:
        return None in (enum or [assertion.keywords.get("const")])
    if named is None:
        return False if _types_of(assertion) else None
    return "null" in named if is_list(named) else named == "null"


def _types_of_all(conjuncts: Iterable[Types]) -> Types:
    """Intersect lists of types."""
    shared: Types = None
    for types in conjuncts:
        if types is not None:
            shared = types if shared is None else _intersection(shared, types)
    return shared


def _intersection(left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    # An integer is a number: "integer" and "number" meet in "integer".
    shared = {t for t in left if t in right or _is_integer_of(t, right)}
    return frozenset(shared | {t for t in right if _is_integer_of(t, left)})


def _types_of_any(variants: Iterable[Types]) -> Types:
    """Unite lists of types."""
    united: set[str] = set()
    # A list, so that `_variants` ends and frees its schema before an early return.
    for types in list(variants):
        if types is None:
            return None
        united |= types
    return frozenset(united - ({"integer"} if "number" in united else set()))


def _is_integer_of(name: str, types: frozenset[str]) -> bool:
    return name == "integer" and "number" in types


def _without_null(names: set[str]) -> frozenset[str]:
    redundant = {"null", "integer"} if "number" in names else {"null"}
    return frozenset(names - redundant)


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        # 2.0 is an integer to JSON Schema.
        return "number" if isinstance(value, float) and not value.is_integer() else "integer"
    if isinstance(value, str):
        return "string"
    return "array" if is_list(value) else "object"
