"""Find what the generator mishandles in silence, and what we promised of our documents.

Each trap was met by running openapi-python-client 0.29.1 on such a document: no warning, and a
client that is wrong. A rule is a generator of messages, in one table by its name:

    SCHEMA_RULES, PARAMETER_RULES   rule(element)
    OPERATION_RULES                 rule(document, element)
    name-clash, vendor-extension    for the whole document, and for every element
    yaml-1.1                        for the text, before it is parsed (lint_text)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from contract.dump import is_ambiguous
from contract.grammar import Element, visit
from contract.naming import snake
from contract.references import dereference, operations
from kalshi_ext.drift.limits import is_mapping
from kalshi_ext.drift.yaml import resolve_scalar

# Degrees or inches, say: what a market is about, no money.
_MEASURES: Final = frozenset({"cap_strike", "floor_strike"})

Rule = Callable[[Element], Iterator[str]]
OperationRule = Callable[[dict[str, Any], Element], Iterator[str]]
_TYPES: Final = frozenset({"type", "$ref", "allOf", "anyOf", "oneOf", "not"})
# Names the generated code uses for itself: `d = d.pop("d")`.
_RESERVED: Final = frozenset({"d", "cls", "additional_properties"})


@frozen
class Finding:
    """A trap: `at` is a JSON Pointer, or a line of the text (`line 7`)."""

    rule: str
    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.message} [{self.rule}]"


def lint(document: dict[str, Any]) -> list[Finding]:
    """List every finding in a parsed document, in its order; none for a good one."""
    findings = [Finding("name-clash", "/", message) for message in names_clash(document)]
    for element in visit(document):
        findings += [
            Finding(name, element.pointer(), message)
            for name, messages in _messages(document, element)
            for message in messages
        ]
    return findings


def _messages(document: dict[str, Any], element: Element) -> Iterator[tuple[str, Iterator[str]]]:
    for name, rule in _ELEMENT_RULES.get(element.kind, {}).items():
        yield name, rule(element)
    yield "vendor-extension", extension(element)
    if element.kind == "operation":
        for name, check in OPERATION_RULES.items():
            yield name, check(document, element)


def lint_text(text: str) -> list[Finding]:
    """List the plain scalars that a reader of YAML 1.1 takes for something else."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe")
    return [
        Finding("yaml-1.1", f"line {event.start_mark.line + 1}", f"quote {event.value!r}")
        for event in yaml.parse(text)
        if type(event).__name__ == "ScalarEvent" and event.implicit[0] and _misread(event.value)
    ]


def _misread(text: str) -> bool:
    value = resolve_scalar(text)
    if isinstance(value, str):
        return is_ambiguous(text)
    # A leading zero is octal to 1.1, and 0o17 a text.
    digits = text.lstrip("+-")
    return isinstance(value, int) and len(digits) > 1 and digits[0] == "0" and digits[1] != "x"


def names_clash(document: dict[str, Any]) -> Iterator[str]:
    """Find names that become one module: operations of a tag, and schemas."""
    ids = Counter(
        (str(tag), snake(str(operation.get("operationId"))))
        for _, _, operation in operations(document)
        for tag in operation.get("tags", ["default"])
    )
    schemas = Counter(snake(name) for name in document.get("components", {}).get("schemas", {}))
    for name, count in [*ids.items(), *schemas.items()]:
        if count > 1:
            yield f"{count} things become the module {name}"


def has_id(_document: dict[str, Any], element: Element) -> Iterator[str]:
    """Find operations that would be named after their path."""
    if not element.node.get("operationId"):
        yield "no operationId"


def has_one_tag(_document: dict[str, Any], element: Element) -> Iterator[str]:
    """Find operations without a tag, or with several: the generator takes the first."""
    if len(element.node.get("tags", [])) != 1:
        yield "needs exactly one tag"


def is_described(_document: dict[str, Any], element: Element) -> Iterator[str]:
    """Find operations without a summary or description."""
    for key in ("summary", "description"):
        if not str(element.node.get(key, "")).strip():
            yield f"no {key}"


def error_bodies(document: dict[str, Any], element: Element) -> Iterator[str]:
    """Find errors without a body: the client would drop what the exchange said."""
    for status, response in element.node.get("responses", {}).items():
        resolved = dereference(document, response["$ref"]) if "$ref" in response else response
        if status[:1] in ("4", "5") and not resolved.get("content"):
            yield f"{status} has no body"
        if not str(resolved.get("description", "")).strip():
            yield f"{status} has no description"


OPERATION_RULES: Final[dict[str, OperationRule]] = {
    "operation-id": has_id,
    "tag": has_one_tag,
    "undescribed": is_described,
    "error-body": error_bodies,
}


def explode(element: Element) -> Iterator[str]:
    """Find lists in the query that are not repeated keys: the generator repeats them anyway."""
    schema = element.node.get("schema", {})
    if schema.get("type") != "array" or element.node.get("in") != "query":
        return
    if element.node.get("explode") is False or element.node.get("style", "form") != "form":
        yield "explode: false is ignored: make it text with commas"


def parameter_described(element: Element) -> Iterator[str]:
    """Find parameters without a description."""
    if "$ref" not in element.node and not str(element.node.get("description", "")).strip():
        yield "no description"


PARAMETER_RULES: Final[dict[str, Rule]] = {
    "explode": explode,
    "undescribed": parameter_described,
}


def ref_siblings(element: Element) -> Iterator[str]:
    """Find keywords beside a $ref: they are ignored, nullable too."""
    if "$ref" in element.node and len(element.node) > 1:
        yield f"{sorted(set(element.node) - {'$ref'})} beside $ref are ignored: wrap it in allOf"


def inline_enum(element: Element) -> Iterator[str]:
    """Find enums without a name: one class for each element, and nullable is ignored."""
    if "enum" in element.node and element.component is None:
        yield "an enum without a name: move it to components"


def nullable_enum(element: Element) -> Iterator[str]:
    """Find enums that would refuse null, or make three classes of one."""
    if "enum" not in element.node:
        return
    if element.node.get("nullable"):
        yield "nullable is ignored on an enum: say it where the enum is used"
    if None in element.node["enum"]:
        yield "null as a member makes three classes: say nullable where it is used"


def enum_members(element: Element) -> Iterator[str]:
    """Find members that become no class, or the same name twice."""
    members = [member for member in element.node.get("enum", []) if member is not None]
    if len({type(member).__name__ for member in members}) > 1 or any(
        isinstance(m, float) for m in members
    ):
        yield "members of several types, or floats: the schema is dropped"
    for name in _duplicates(_constant(member) for member in members if isinstance(member, str)):
        yield f"two members become the constant {name}: the generator stops"


def _constant(member: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in member).upper()


def _duplicates(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def title(element: Element) -> Iterator[str]:
    """Find titles: they rename the class."""
    if "title" in element.node:
        yield f"the title {element.node['title']!r} becomes the name of the class"


def property_names(element: Element) -> Iterator[str]:
    """Find properties the generated code cannot hold."""
    names = element.node.get("properties", {})
    for name in sorted(_RESERVED & set(names)):
        yield f"a property named {name!r} breaks from_dict"
    for name in _duplicates(snake(name) for name in names):
        yield f"two properties become the attribute {name}"


def required_exists(element: Element) -> Iterator[str]:
    """Find required names that no property has."""
    if "properties" in element.node:
        for name in set(element.node.get("required", [])) - set(element.node["properties"]):
            yield f"{name!r} is required but not described"


def typed(element: Element) -> Iterator[str]:
    """Find properties without a type: what an overlay left behind when its property went."""
    if element.property is not None and not _TYPES & set(element.node):
        yield "a property without a type"


def default(element: Element) -> Iterator[str]:
    """Find defaults: the generated client puts them on the wire in every request."""
    if "default" in element.node:
        yield f"the default {element.node['default']!r} would be sent by every call"


def number(element: Element) -> Iterator[str]:
    """Find floats: money and counts are integers or decimal text."""
    if element.node.get("type") == "number" and element.property not in _MEASURES:
        yield "type number is a float: use integer, or decimal text"


def inline_object(element: Element) -> Iterator[str]:
    """Find objects without a name: the generator makes one up from the place."""
    if "properties" in element.node and element.component is None:
        yield "an object without a name: move it to components"


def described(element: Element) -> Iterator[str]:
    """Find named schemas and properties without a description."""
    named = element.component is not None or element.property is not None
    if named and not str(element.node.get("description", "")).strip():
        yield "no description"


def nullable_typed(element: Element) -> Iterator[str]:
    """Find nullable without anything that could be null: readers disagree about it."""
    if "nullable" in element.node and not _TYPES & set(element.node):
        yield "nullable without a type says nothing"


def extension(element: Element) -> Iterator[str]:
    """Find vendor extensions: x-enum-varnames renames constants."""
    for key in element.node:
        if key.startswith("x-"):
            yield f"{key}: vendor extensions do not belong in this document"


def array_items(element: Element) -> Iterator[str]:
    """Find arrays whose items have no schema."""
    if element.node.get("type") == "array" and not is_mapping(element.node.get("items")):
        yield "an array without items"


SCHEMA_RULES: Final[dict[str, Rule]] = {
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
# By the kind of element; defined last, because the tables are.
_ELEMENT_RULES: Final[dict[str, dict[str, Rule]]] = {
    "schema": SCHEMA_RULES,
    "parameter": PARAMETER_RULES,
}
