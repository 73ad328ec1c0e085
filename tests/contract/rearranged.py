"""The exchange's whole document, and ways of writing it anew that say the same."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract.grammar import METHODS, rewrite
from contract.references import dereference, split_reference
from documents_for_spec import shuffled

Node = dict[str, Any]
_SECTIONS = {
    "schema": "schemas",
    "parameter": "parameters",
    "response": "responses",
    "body": "requestBodies",
}


def whole_document() -> Node:
    """Give the document of 26 October 2026: 128 operations, names, types and bounds only."""
    packed = Path(__file__).with_name("exchange-3.34.json.gz").read_bytes()
    document: Node = json.loads(gzip.decompress(packed))
    return document


def reordered(document: Node) -> Node:
    """Write every mapping in another order, and the operations with it."""
    result: Node = shuffled(document, seed=7)
    return result


def inlined(document: Node) -> Node:
    """Write every schema, parameter and response in place; no component is left but schemes."""

    def in_place(_kind: str, node: Node) -> Node:
        if "$ref" in node:
            found = dereference(document, node["$ref"])
            rest = {key: value for key, value in node.items() if key != "$ref"}
            section, _ = split_reference(node["$ref"])
            kind = next(kind for kind, name in _SECTIONS.items() if name == section)
            return {**rewrite(found, kind, in_place), **rest}
        if len(node.get("allOf", [])) == 1:
            rest = {key: value for key, value in node.items() if key != "allOf"}
            return {**node["allOf"][0], **rest}
        return node

    schemes = {"securitySchemes": document["components"]["securitySchemes"]}
    paths = {"paths": document["paths"]}
    result: Node = rewrite({**document, **paths, "components": schemes}, "document", in_place)
    return result


def hoisted(document: Node, kinds: frozenset[str] = frozenset(_SECTIONS)) -> Node:
    """Give every schema, parameter, response and body in place a component of its own."""
    components: Node = copy.deepcopy(document["components"])

    def by_name(kind: str, node: Node) -> Node:
        section = _SECTIONS.get(kind)
        if section is None or kind not in kinds or "$ref" in node:
            return node
        named = components.setdefault(section, {})
        name = f"Hoisted{len(named)}"
        named[name] = node
        return {"$ref": f"#/components/{section}/{name}"}

    moved = rewrite({"openapi": "3.0.0", "paths": document["paths"]}, "document", by_name)
    return {**document, "paths": moved["paths"], "components": components}


def shared(document: Node) -> Node:
    """Give everything but schemas a component of its own, with its schemas in place."""
    return hoisted(inlined(document), frozenset(_SECTIONS) - {"schema"})


def renamed(document: Node) -> Node:
    """Give every schema, parameter and response another name."""
    sections = set(_SECTIONS.values())

    def other_name(_kind: str, node: Node) -> Node:
        reference = node.get("$ref")
        if not reference or split_reference(reference)[0] not in sections:
            return node
        return {**node, "$ref": f"{reference}Renamed"}

    result: Node = rewrite(document, "document", other_name)
    for section in sections:
        named = result["components"].get(section, {})
        result["components"][section] = {f"{name}Renamed": node for name, node in named.items()}
    return result


def parameters_of_paths(document: Node) -> Node:
    """Write the parameters that all operations of a path share beside them."""
    result = copy.deepcopy(document)
    for item in result["paths"].values():
        operations = [item[method] for method in METHODS if method in item]
        shared = [
            each
            for each in operations[0].get("parameters", [])
            if all(each in operation.get("parameters", []) for operation in operations)
        ]
        for operation in operations:
            own = [each for each in operation.get("parameters", []) if each not in shared]
            operation["parameters"] = own
        item["parameters"] = shared
    return result


def other_placeholders(document: Node) -> Node:
    """Give every placeholder of a path another name."""

    def other_name(kind: str, node: Node) -> Node:
        is_ours = kind == "parameter" and node.get("in") == "path"
        return {**node, "name": f"the_{node['name']}"} if is_ours else node

    result: Node = rewrite(document, "document", other_name)
    paths = {path.replace("{", "{the_"): item for path, item in result["paths"].items()}
    return {**result, "paths": paths}


def _each(document: Node, transform: Callable[[str, Node], Node]) -> Node:
    result: Node = rewrite(copy.deepcopy(document), "document", transform)
    return result


def outspoken(document: Node) -> Node:
    """Say every default, and every bound as a fraction; other words, titles and examples."""
    defaults: Node = {
        "schema": dict.fromkeys(("nullable", "deprecated", "readOnly", "writeOnly"), False),
        "parameter": dict.fromkeys(("required", "deprecated", "allowReserved"), False),
        "operation": {"deprecated": False, "description": "Other words.", "x-more": True},
    }

    def said(kind: str, node: Node) -> Node:
        if "$ref" in node:
            return node
        new = {**defaults.get(kind, {}), **node}
        if kind == "parameter" and new["in"] == "query":
            new = {"style": "form", "explode": True, **new}
        if kind != "schema":
            return new
        new |= {"title": "Another", "example": None}
        if new.get("type") == "object":
            new.setdefault("additionalProperties", True)
        bounds = {k: float(v) for k, v in new.items() if k.startswith(("min", "max"))}
        return {**new, **bounds}

    result = _each(document, said)
    return {**result, "info": {**result["info"], "title": "Another title"}}


def wrapped(keyword: str) -> Callable[[Node], Node]:
    """Write each reference to a schema as an allOf, anyOf or oneOf of one."""

    def wrap(kind: str, node: Node) -> Node:
        return {keyword: [node]} if kind == "schema" and set(node) == {"$ref"} else node

    def rearranged(document: Node) -> Node:
        return _each(document, wrap)

    rearranged.__name__ = f"wrapped in {keyword}"
    return rearranged


def in_parts(document: Node) -> Node:
    """Write each object as an allOf of two, the first of them in a component of its own."""
    components: Node = {}

    def split(kind: str, node: Node) -> Node:
        fields = list(node.get("properties", {}).items()) if kind == "schema" else []
        if len(fields) < 2 or "allOf" in node:
            return node
        halves = [
            {
                "type": "object",
                "properties": dict(half),
                "required": [name for name, _ in half if name in node.get("required", [])],
            }
            for half in (fields[:1], fields[1:])
        ]
        name = f"Base{len(components)}"
        components[name], rest = halves
        kept = {k: v for k, v in node.items() if k not in ("type", "properties", "required")}
        return {**kept, "allOf": [{"$ref": f"#/components/schemas/{name}"}, rest]}

    result = _each(document, split)
    result["components"]["schemas"] |= components
    return result


def in_3_1(document: Node) -> Node:
    """Write null as a type, one word as a constant, and each path under components."""

    def said(kind: str, node: Node) -> Node:
        if kind != "schema":
            return node
        new = {key: value for key, value in node.items() if key != "nullable"}
        if len(new.get("enum", ())) == 1:
            new["const"] = new.pop("enum")[0]
        if not node.get("nullable"):
            return new
        if "type" not in new:
            return {"anyOf": [new, {"type": "null"}]}
        nullable = {"enum": [*new["enum"], None]} if "enum" in new else {}
        return {**new, **nullable, "type": ["null", new["type"]]}

    result: Node = {**_each(document, said), "openapi": "3.1.0"}
    items = dict(enumerate(result["paths"].values()))
    result["components"]["pathItems"] = {f"Path{number}": each for number, each in items.items()}
    references = [{"$ref": f"#/components/pathItems/Path{number}"} for number in items]
    result["paths"] = dict(zip(result["paths"], references, strict=True))
    return result


def other_access(document: Node) -> Node:
    """Write servers with a variable, schemes under other names, media types with a charset."""
    text = json.dumps(document).replace('"application/json"', '"application/json; charset=utf-8"')
    for name in document["components"]["securitySchemes"]:
        text = text.replace(f'"{name}"', f'"{name}Scheme"')
    result: Node = json.loads(text)
    for server in result["servers"]:
        server["url"] = server["url"].replace("/v2", "/{version}/")
        server["variables"] = {"version": {"default": "v2", "enum": ["v2"]}}
    return result


def all_at_once(document: Node) -> Node:
    return reordered(renamed(parameters_of_paths(hoisted(outspoken(in_parts(document))))))


REARRANGEMENTS: tuple[Callable[[Node], Node], ...] = (
    reordered,
    inlined,
    hoisted,
    shared,
    renamed,
    parameters_of_paths,
    other_placeholders,
    outspoken,
    wrapped("allOf"),
    wrapped("anyOf"),
    wrapped("oneOf"),
    in_parts,
    in_3_1,
    other_access,
    all_at_once,
)
