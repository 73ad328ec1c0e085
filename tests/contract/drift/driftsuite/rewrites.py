"""Rewrites of a contract after which every message is what it was: no finding is due.

Each generator gives (what, rewritten document), once for each place it applies to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .crawl import alone, operations, parameters, resolve, responses, sites
from .editing import get, pointer, put, with_, without
from .rewrites_whole import Rewrites, everywhere, moved_parts, whole_document

_SECTIONS = ("schemas", "parameters", "responses", "securitySchemes")


def schema_places(document: Any) -> list[Any]:
    """List every schema that any operation reaches, each place once."""
    found: dict[Any, None] = {}
    for path, method in operations(document):
        found |= {site.at: None for site in sites(document, path, method)}
    return list(found)


def references(document: Any, at: Any = ()) -> Iterator[Any]:
    """List the places that hold a $ref."""
    value = get(document, at)
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield at
        for key in value:
            yield from references(document, (*at, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from references(document, (*at, index))


def renamed_components(document: Any) -> Rewrites:
    """Rename one component at a time, and at last all of a kind."""
    for section in _SECTIONS:
        names = list(document["components"].get(section, {}))
        for name in names:
            yield f"rename {section} {name}", _renamed(document, section, {name: f"{name}New"})
        yield f"rename all {section}", _renamed(document, section, {n: f"Z{n}" for n in names})


def _renamed(document: Any, section: str, names: dict[str, str]) -> Any:
    start = f"#/components/{section}/"

    def edit(value: Any) -> Any:
        if isinstance(value, dict) and str(value.get("$ref", "")).startswith(start):
            name = value["$ref"].removeprefix(start)
            return {**value, "$ref": start + names.get(name, name)}
        return value

    new = everywhere(document, edit)
    moved = {names.get(n, n): v for n, v in new["components"].get(section, {}).items()}
    new = put(new, ("components", section), moved)
    return _with_schemes(new, names) if section == "securitySchemes" else new


def _with_schemes(document: Any, names: dict[str, str]) -> Any:
    for path, method in operations(document):
        at = ("paths", path, method, "security")
        ways = document["paths"][path][method].get("security")
        if ways:
            new = [{names.get(n, n): scopes for n, scopes in way.items()} for way in ways]
            document = put(document, at, new)
    return document


def inlined(document: Any) -> Rewrites:
    """Write out one reference at a time, then every one of an operation."""
    for at in references(document):
        target = get(document, resolve(document, at))
        rest = without(get(document, at), "$ref")
        yield f"inline {pointer(at)}", put(document, at, {**target, **rest})
    for path, method in operations(document):
        item = alone(document, path, method)["paths"][path][method]
        yield f"write out {method} {path}", put(document, ("paths", path, method), item)


def hoisted(document: Any) -> Rewrites:
    """Give one inline schema, parameter or response at a time a component of its own."""
    for at in schema_places(document):
        if len(at) != 3 or at[0] != "components":
            yield f"hoist {pointer(at)}", _hoist(document, at, "schemas")
    for path, method in operations(document):
        for at in parameters(document, path, method):
            if at[0] == "paths":
                yield f"hoist {pointer(at)}", _hoist(document, at, "parameters")
        for at in responses(document, path, method).values():
            if at[0] == "paths":
                yield f"hoist {pointer(at)}", _hoist(document, at, "responses")
        at = ("paths", path, method, "requestBody")
        if "requestBody" in document["paths"][path][method]:
            yield f"hoist {pointer(at)}", _hoist(document, at, "requestBodies")


def _hoist(document: Any, at: Any, section: str) -> Any:
    new = put(document, at, {"$ref": f"#/components/{section}/Hoisted~1Thing"})
    known = new["components"].get(section, {})
    return put(new, ("components", section), {**known, "Hoisted/Thing": get(document, at)})


def duplicated(document: Any) -> Rewrites:
    """Point one reference at an identical copy of its component."""
    for at in references(document):
        _, section, name = resolve_once(document, at)
        new = put(document, ("components", section, f"{name}Copy"),
                  document["components"][section][name])  # fmt: skip
        reference = {**get(new, at), "$ref": f"#/components/{section}/{name}Copy"}
        yield f"copy for {pointer(at)}", put(new, at, reference)


def resolve_once(document: Any, at: Any) -> Any:
    """Split the reference at a place."""
    return get(document, at)["$ref"].removeprefix("#/").split("/")


def wrapped(document: Any) -> Rewrites:
    """Wrap one schema at a time in an allOf, oneOf or anyOf of one."""
    for at in [*schema_places(document), *_schema_references(document)]:
        schema = get(document, at)
        for word in ("allOf", "oneOf", "anyOf"):
            yield f"{word} around {pointer(at)}", put(document, at, {word: [schema]})
        if schema.keys() & {"nullable", "default", "deprecated"} and "$ref" not in schema:
            said = {k: v for k, v in schema.items() if k in ("nullable", "default", "deprecated")}
            rest = without(schema, *said)
            if rest:
                new = put(document, at, {"allOf": [rest], **said})
                yield f"allOf under {pointer(at)}", new


def _schema_references(document: Any) -> list[Any]:
    return [
        at for at in references(document) if "/components/schemas/" in get(document, at)["$ref"]
    ]


def split_objects(document: Any) -> Rewrites:
    """Write one object at a time as an allOf of two halves."""
    for at in schema_places(document):
        schema = get(document, at)
        names = list(schema.get("properties", {}))
        if len(names) > 1:
            halves = [_half(schema, names[::2]), _half(schema, names[1::2])]
            outside = without(schema, "properties", "required")
            yield f"split {pointer(at)}", put(document, at, {**outside, "allOf": halves})


def _half(schema: Any, names: list[str]) -> Any:
    fields = {name: schema["properties"][name] for name in names}
    required = [name for name in schema.get("required", []) if name in names]
    return {"type": "object", "properties": fields} | ({"required": required} if required else {})


def other_words(document: Any) -> Rewrites:
    """Say the same in the words of another OpenAPI version, or say what goes without saying."""
    for at in schema_places(document):
        schema = get(document, at)
        for name, new in _synonyms(schema):
            yield f"{name} at {pointer(at)}", put(document, at, new)


def _synonyms(schema: Any) -> Rewrites:
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        bare = without(schema, "nullable")
        if "enum" not in schema:
            yield "list of types", with_(bare, {"type": [schema["type"], "null"]})
        yield "oneOf with null", {"oneOf": [bare, {"type": "null"}]}
        yield "anyOf with null", {"anyOf": [{"type": "null"}, bare]}
    if "enum" in schema:
        constants = [{"const": member} for member in schema["enum"]]
        yield "oneOf of constants", with_(without(schema, "enum"), {"oneOf": constants})
        yield "enum said twice", {"allOf": [schema, {"enum": list(schema["enum"])}]}
    if isinstance(schema.get("type"), str):
        yield "list of one type", with_(schema, {"type": [schema["type"]]})
    yield from _numbers(schema)
    yield from _needless(schema)


def _numbers(schema: Any) -> Rewrites:
    if schema.get("type") == "integer" and "minimum" in schema:
        low = schema["minimum"]
        rest = without(schema, "minimum")
        yield "exclusive, 3.1", with_(rest, {"exclusiveMinimum": low - 1})
        yield "exclusive, 3.0", with_(rest, {"minimum": low - 1, "exclusiveMinimum": True})
        yield "as a float", with_(schema, {"minimum": float(low)})
        yield "half in a wrapper", {"allOf": [rest], "minimum": low}
    if "default" in schema:
        yield "x-default", with_(without(schema, "default"), {"x-default": schema["default"]})


def _needless(schema: Any) -> Rewrites:
    idle = {"deprecated": False, "nullable": False, "readOnly": False, "writeOnly": False}
    idle = {word: value for word, value in idle.items() if word not in schema}
    yield "needless words", {**schema, **idle}
    extra = {"object": {"additionalProperties": True}, "string": {"minLength": 0},
             "array": {"uniqueItems": False, "minItems": 0}}  # fmt: skip
    more = extra.get(str(schema.get("type")), {})
    if more and not more.keys() & schema.keys():
        yield "needless bounds", {**schema, **more}
    if schema.get("type") == "object" and "properties" in schema:
        yield "type left to the properties", without(schema, "type")


REWRITES: tuple[Callable[[Any], Rewrites], ...] = (
    whole_document, renamed_components, inlined, hoisted, duplicated, wrapped, split_objects,
    other_words, moved_parts,
)  # fmt: skip
