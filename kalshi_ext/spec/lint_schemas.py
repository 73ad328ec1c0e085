"""Rules for schemas: what openapi-python-client 0.29.1 turns into a wrong class, unwarned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from kalshi_ext.spec.naming import snake
from kalshi_ext.spec.tree import is_mapping
from kalshi_ext.spec.visit import Place

_TYPES: Final = frozenset({"type", "$ref", "allOf", "anyOf", "oneOf", "not"})
# Names the generated code uses for itself: `d = d.pop("d")`.
_RESERVED: Final = frozenset({"d", "cls", "additional_properties"})


def ref_siblings(place: Place) -> Iterator[str]:
    """Find keywords beside a $ref: they are ignored, nullable too."""
    if "$ref" in place.node and len(place.node) > 1:
        yield f"{sorted(set(place.node) - {'$ref'})} beside $ref are ignored: wrap it in allOf"


def inline_enum(place: Place) -> Iterator[str]:
    """Find enums without a name: one class for each place, and nullable is ignored."""
    if "enum" in place.node and place.component is None:
        yield "an enum without a name: move it to components"


def nullable_enum(place: Place) -> Iterator[str]:
    """Find enums that would refuse null, or make three classes of one."""
    if "enum" not in place.node:
        return
    if place.node.get("nullable"):
        yield "nullable is ignored on an enum: say it where the enum is used"
    if None in place.node["enum"]:
        yield "null as a member makes three classes: say nullable where it is used"


def enum_members(place: Place) -> Iterator[str]:
    """Find members that become no class, or the same name twice."""
    members = [member for member in place.node.get("enum", []) if member is not None]
    if len({type(member).__name__ for member in members}) > 1 or any(
        isinstance(m, float) for m in members
    ):
        yield "members of several types, or floats: the schema is dropped"
    for name in _twice(_constant(member) for member in members if isinstance(member, str)):
        yield f"two members become the constant {name}: the generator stops"


def _constant(member: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in member).upper()


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def title(place: Place) -> Iterator[str]:
    """Find titles: they rename the class."""
    if "title" in place.node:
        yield f"the title {place.node['title']!r} becomes the name of the class"


def property_names(place: Place) -> Iterator[str]:
    """Find properties the generated code cannot hold."""
    names = place.node.get("properties", {})
    for name in sorted(_RESERVED & set(names)):
        yield f"a property named {name!r} breaks from_dict"
    for name in _twice(snake(name) for name in names):
        yield f"two properties become the attribute {name}"


def required_exists(place: Place) -> Iterator[str]:
    """Find required names that are no property."""
    if "properties" in place.node:
        for name in set(place.node.get("required", [])) - set(place.node["properties"]):
            yield f"{name!r} is required but not described"


def typed(place: Place) -> Iterator[str]:
    """Find properties without a type: what an overlay left behind when its property went."""
    if place.property is not None and not _TYPES & set(place.node):
        yield "a property without a type"


def default(place: Place) -> Iterator[str]:
    """Find defaults: the generated client puts them on the wire in every request."""
    if "default" in place.node:
        yield f"the default {place.node['default']!r} would be sent by every call"


def number(place: Place) -> Iterator[str]:
    """Find floats: money and counts are integers or decimal text."""
    if place.node.get("type") == "number":
        yield "type number is a float: use integer, or decimal text"


def inline_object(place: Place) -> Iterator[str]:
    """Find objects without a name: the generator makes one up from the place."""
    if "properties" in place.node and place.component is None:
        yield "an object without a name: move it to components"


def described(place: Place) -> Iterator[str]:
    """Find named schemas and properties that nobody explains."""
    named = place.component is not None or place.property is not None
    if named and not str(place.node.get("description", "")).strip():
        yield "no description"


def nullable_typed(place: Place) -> Iterator[str]:
    """Find nullable without anything that could be null: readers disagree about it."""
    if "nullable" in place.node and not _TYPES & set(place.node):
        yield "nullable without a type says nothing"


def extension(place: Place) -> Iterator[str]:
    """Find vendor extensions: x-enum-varnames renames constants."""
    for key in place.node:
        if key.startswith("x-"):
            yield f"{key}: vendor extensions do not belong in this document"


def array_items(place: Place) -> Iterator[str]:
    """Find arrays of anything."""
    if place.node.get("type") == "array" and not is_mapping(place.node.get("items")):
        yield "an array without items"


SCHEMA_RULES: Final[dict[str, Callable[[Place], Iterator[str]]]] = {
    "ref-siblings": ref_siblings,
    "inline-enum": inline_enum,
    "nullable-enum": nullable_enum,
    "enum-members": enum_members,
    "title": title,
    "property-name": property_names,
    "required-unknown": required_exists,
    "untyped": typed,
    "default": default,
    "float": number,
    "inline-object": inline_object,
    "undescribed": described,
    "nullable-untyped": nullable_typed,
    "array-items": array_items,
}
