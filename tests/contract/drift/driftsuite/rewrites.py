"""Rewrites of a contract after which every message is what it was: no finding is expected.

In the words of mutation testing these are equivalent mutants. Each generator gives (what,
rewritten document), once for each place it applies to.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from .editing import change, drop, get, pointer, put, updated, without
from .sites import (
    METHODS,
    operations,
    parameters,
    resolve,
    responses,
    sites,
    with_written_out_operation,
)

Rewrites = Iterator[tuple[str, Any]]
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
        item = with_written_out_operation(document, path, method)["paths"][path][method]
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
        _, section, name = reference_steps(document, at)
        new = put(document, ("components", section, f"{name}Copy"),
                  document["components"][section][name])  # fmt: skip
        reference = {**get(new, at), "$ref": f"#/components/{section}/{name}Copy"}
        yield f"copy for {pointer(at)}", put(new, at, reference)


def reference_steps(document: Any, at: Any) -> Any:
    """Split the reference at a place."""
    return get(document, at)["$ref"].removeprefix("#/").split("/")


def wrapped(document: Any) -> Rewrites:
    """Wrap one schema at a time in an allOf, oneOf or anyOf of one."""
    for at in [*schema_places(document), *_schema_references(document)]:
        schema = get(document, at)
        for word in ("allOf", "oneOf", "anyOf"):
            yield f"{word} around {pointer(at)}", put(document, at, {word: [schema]})
        if schema.keys() & {"nullable", "default", "deprecated"} and "$ref" not in schema:
            outer = {k: v for k, v in schema.items() if k in ("nullable", "default", "deprecated")}
            rest = without(schema, *outer)
            if rest:
                new = put(document, at, {"allOf": [rest], **outer})
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


def other_notation(document: Any) -> Rewrites:
    """Use the notation of another OpenAPI version, or state what holds by default."""
    for at in schema_places(document):
        schema = get(document, at)
        for name, new in _synonyms(schema):
            yield f"{name} at {pointer(at)}", put(document, at, new)


def _synonyms(schema: Any) -> Rewrites:
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        bare = without(schema, "nullable")
        if "enum" not in schema:
            yield "list of types", updated(bare, {"type": [schema["type"], "null"]})
        yield "oneOf with null", {"oneOf": [bare, {"type": "null"}]}
        yield "anyOf with null", {"anyOf": [{"type": "null"}, bare]}
    if "enum" in schema:
        constants = [{"const": member} for member in schema["enum"]]
        yield "oneOf of constants", updated(without(schema, "enum"), {"oneOf": constants})
        yield "enum said twice", {"allOf": [schema, {"enum": list(schema["enum"])}]}
    if isinstance(schema.get("type"), str):
        yield "list of one type", updated(schema, {"type": [schema["type"]]})
    yield from _numbers(schema)
    yield from _needless(schema)


def _numbers(schema: Any) -> Rewrites:
    if schema.get("type") == "integer" and "minimum" in schema:
        low = schema["minimum"]
        rest = without(schema, "minimum")
        yield "exclusive, 3.1", updated(rest, {"exclusiveMinimum": low - 1})
        yield "exclusive, 3.0", updated(rest, {"minimum": low - 1, "exclusiveMinimum": True})
        yield "as a float", updated(schema, {"minimum": float(low)})
        yield "half in a wrapper", {"allOf": [rest], "minimum": low}
    if "default" in schema:
        yield "x-default", updated(without(schema, "default"), {"x-default": schema["default"]})


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


def everywhere(document: Any, edit: Callable[[Any], Any]) -> Any:
    """Give the document with an edit made to every mapping and list, inner ones first."""
    if isinstance(document, dict):
        return edit({key: everywhere(value, edit) for key, value in document.items()})
    if isinstance(document, list):
        return edit([everywhere(value, edit) for value in document])
    return document


def whole_document(document: Any) -> Rewrites:
    """Rewrite everything at once: order, prose, needless words, place of shared parts."""
    yield "nothing", copy.deepcopy(document)
    yield "keys reversed", everywhere(document, _reversed_keys)
    yield "lists reordered", everywhere(document, _reordered_lists)
    yield "paths reversed", put(document, ("paths",), dict(reversed(document["paths"].items())))
    yield "prose", everywhere(document, _with_prose)
    yield "no prose", everywhere(document, _without_prose)
    yield "vendor words", everywhere(document, lambda v: {**v, "x-note": 1} if _is_schema(v) else v)
    yield "version", put(document, ("info", "version"), "99.0.0")
    yield "3.1", put(document, ("openapi",), "3.1.0")
    yield "through JSON", json.loads(json.dumps(document))
    yield "spare component", put(document, ("components", "schemas", "Spare"), {"type": "string"})
    yield "servers with a slash", put(document, ("servers",), [
        {**server, "url": server["url"] + "/"} for server in document["servers"]])  # fmt: skip
    everything = document
    for path, method in operations(document):
        item = with_written_out_operation(document, path, method)["paths"][path][method]
        everything = put(everything, ("paths", path, method), item)
    yield "everything written out", put(everything, ("components",), {
        "securitySchemes": document["components"]["securitySchemes"]})  # fmt: skip


def _reversed_keys(value: Any) -> Any:
    return dict(reversed(value.items())) if isinstance(value, dict) else value


def _reordered_lists(value: Any) -> Any:
    """Turn round the lists whose order says nothing."""
    if not isinstance(value, dict):
        return value
    words = (
        "required",
        "enum",
        "parameters",
        "security",
        "servers",
        "tags",
        "allOf",
        "oneOf",
        "anyOf",
    )
    return {k: v[::-1] if k in words and isinstance(v, list) else v for k, v in value.items()}


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str) and "flows" not in value


def _with_prose(value: Any) -> Any:
    if not _is_schema(value):
        return {**value, "summary": "S", "tags": ["new"]} if _is_operation(value) else value
    return {**value, "description": "D", "title": "T", "example": 1, "externalDocs": {"url": "u"}}


def _is_operation(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("responses"), dict)
        and "operationId" in value
    )


def _without_prose(value: Any) -> Any:
    keep = isinstance(value, dict) and not isinstance(value.get("description"), dict)
    return without(value, "description") if keep and "properties" not in value else value


def moved_parts(document: Any) -> Rewrites:
    """Move what each operation states to its path, or to the document."""
    for path, method in operations(document):
        here = ("paths", path, method)
        for index in range(len(document["paths"][path][method].get("parameters", []))):
            if len([m for m in document["paths"][path] if m in METHODS]) == 1:
                yield (
                    f"{pointer(here)} parameter {index} of the path",
                    _raised(document, here, index),
                )
        yield f"{pointer(here)} servers", put(document, (*here, "servers"), document["servers"])
        for status, at in responses(document, path, method).items():
            if status != "default":
                yield f"{pointer(here)} media {status}", _other_media_names(document, here, at)
        yield from _needless_in_operation(document, here)
    yield "path items as components", _path_components(document)
    yield from _security(document)


def _raised(document: Any, here: Any, index: int) -> Any:
    parameter = get(document, (*here, "parameters", index))
    new = change(document, (*here, "parameters"), lambda listed: without(listed, index))
    return put(new, (*here[:-1], "parameters"), [parameter])


def _other_media_names(document: Any, here: Any, at: Any) -> Any:
    def edit(response: Any) -> Any:
        content = response.get("content")
        if not content:
            return response
        names = {
            k: k.replace("application/json", "Application/JSON; charset=utf-8") for k in content
        }
        return {**response, "content": {names[k]: v for k, v in content.items()}}

    return change(document, at, edit)


def _needless_in_operation(document: Any, here: Any) -> Rewrites:
    operation = get(document, here)
    if "deprecated" not in operation:
        yield f"{pointer(here)} not deprecated", put(document, (*here, "deprecated"), False)
    for index in range(len(operation.get("parameters", []))):
        at = resolve(document, (*here, "parameters", index))
        style = "form" if get(document, at)["in"] in ("query", "cookie") else "simple"
        words = {"style": style, "explode": style == "form", "allowReserved": False}
        yield f"{pointer(at)} style said", change(document, at, lambda p, w=words: {**w, **p})
    if "security" not in operation:
        yield f"{pointer(here)} open", put(document, (*here, "security"), [])


def _path_components(document: Any) -> Any:
    items = {f"P{index}": item for index, item in enumerate(document["paths"].values())}
    paths = dict(zip(document["paths"], ({"$ref": f"#/components/pathItems/{n}"} for n in items)))
    return put(put(document, ("components", "pathItems"), items), ("paths",), paths)


def _security(document: Any) -> Rewrites:
    """State the commonest `security` for the whole document."""
    listed = [document["paths"][p][m].get("security") for p, m in operations(document)]
    nonempty = [each for each in listed if each]
    if not nonempty:
        return
    usual = max(nonempty, key=listed.count)
    new = put(document, ("security",), usual)
    for path, method in operations(document):
        here = ("paths", path, method, "security")
        own = document["paths"][path][method].get("security", [])
        new = drop(new, here) if own == usual else put(new, here, own)
    yield "security of the document", new


REWRITES: tuple[Callable[[Any], Rewrites], ...] = (
    whole_document, renamed_components, inlined, hoisted, duplicated, wrapped, split_objects,
    other_notation, moved_parts,
)  # fmt: skip
