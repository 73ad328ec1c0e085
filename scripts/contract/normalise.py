"""Bring an OpenAPI document of the exchange into normal form: equal contracts give equal text.

The exchange's document changes in ways that mean nothing: prose, order, a schema written in place
or by name, 3.0 or 3.1. The normal form takes those away, in this order:

    our paths only, and what they reach    documents.is_ours, references.reachable
    no prose, no vendor extensions         _strip_prose
    3.1 keywords as 3.0 ones               downgrade
    no default in so many words            plain.plain
    path and document defaults inlined     _push_down
    no keyword beside a $ref               wrap_references
    one object of an allOf of objects      plain.merged
    a name for every enum and object       naming.hoist
    no security scheme without a user      references.with_used_schemes
    descriptions of responses              with_reason_phrases
    one order                              ordered

It is idempotent: normalise(normalise(x)) == normalise(x). Then two versions can be compared as
text, and the generated client changes only where the contract does.
"""

from __future__ import annotations

from typing import Any, Final

from contract.grammar import GRAMMAR, METHODS, escape, expect, rewrite
from contract.naming import hoist
from contract.plain import merged, plain
from contract.references import (
    dereference,
    operations,
    reachable,
    split_reference,
    with_used_schemes,
)
from kalshi_ext.drift.documents import is_ours
from kalshi_ext.drift.limits import SpecError, is_list, is_mapping

_PROSE: Final = frozenset(
    {"description", "summary", "title", "example", "examples", "externalDocs", "links"}
)
_INFO_KEYS: Final = frozenset({"title", "version"})
# HTTP's own (RFC 9110), not http.HTTPStatus: Python 3.13 changed some of its phrases, and the
# document must not depend on the interpreter.
_REASON_PHRASES: Final = {
    "200": "OK",
    "201": "Created",
    "202": "Accepted",
    "204": "No Content",
    "400": "Bad Request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Not Found",
    "409": "Conflict",
    "410": "Gone",
    "422": "Unprocessable Content",
    "429": "Too Many Requests",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
}
_NULL = {"type": "null"}
_LOCATIONS = ("path", "query", "header", "cookie")


def normalise(document: dict[str, Any]) -> dict[str, Any]:
    """Give the normal form of a document; raises SpecError for what is not OpenAPI 3.0 or 3.1.

    The argument is not changed.
    """
    version = _target_version(document)
    # Our paths first: what is broken elsewhere in the exchange's document is not our concern.
    document = rewrite(reachable(_keep_our_paths(document)), "document", _strip_prose)
    document = wrap_references(_push_down(plain({**document, "openapi": version})))
    document = hoist(reachable(merged(document)))
    return ordered(with_reason_phrases(with_used_schemes(document)))


def _target_version(document: dict[str, Any]) -> str:
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        raise SpecError(f"not an OpenAPI 3.0 or 3.1 document: openapi is {version!r}")
    return version if version.startswith("3.0") else "3.0.3"


def _keep_our_paths(document: dict[str, Any]) -> dict[str, Any]:
    paths = expect(document.get("paths"), dict, "/paths")
    kept = {path: item for path, item in paths.items() if is_ours(path)}
    for path, item in kept.items():
        kept[path] = _in_place(document, expect(item, dict, f"/paths/{escape(path)}"), path)
    return {**document, "paths": kept}


def _in_place(document: dict[str, Any], item: dict[str, Any], path: str) -> dict[str, Any]:
    """Give a path that 3.1 keeps under components/pathItems."""
    if "$ref" not in item:
        return item
    section = split_reference(str(item["$ref"]))[0] if _is_component(item["$ref"]) else ""
    found = dereference(document, item["$ref"]) if section == "pathItems" else None
    if not is_mapping(found) or "$ref" in found:
        raise SpecError(f"/paths/{escape(path)}: such a $ref in place of a path is not understood")
    return {**found, **{key: value for key, value in item.items() if key != "$ref"}}


def _is_component(reference: object) -> bool:
    return isinstance(reference, str) and reference.startswith("#/components/")


def _strip_prose(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    """Drop prose and vendor extensions, and downgrade schemas to OpenAPI 3.0."""
    if kind == "info":
        return {key: value for key, value in node.items() if key in _INFO_KEYS}
    prose = _PROSE | {"tags"} if kind == "document" else _PROSE
    # `properties` is a map of names, not an element: a property called "title" stays.
    kept = {key: node[key] for key in node if key not in prose and not key.startswith("x-")}
    return downgrade(kept) if kind == "schema" else kept


def _push_down(document: dict[str, Any]) -> dict[str, Any]:
    """Write the parameters of a path and the security of the document into each operation."""
    default = document.get("security", [])
    paths = {
        path: {
            method: _with_inherited(operation, item.get("parameters", []), default)
            for method, operation in item.items()
            if method in METHODS
        }
        for path, item in document["paths"].items()
    }
    return {key: value for key, value in document.items() if key != "security"} | {"paths": paths}


def _with_inherited(
    operation: dict[str, Any], parameters: list[Any], security: list[Any]
) -> dict[str, Any]:
    own = operation.get("parameters", [])
    # A parameter is identified by name and location (OpenAPI 3.0, Path Item Object).
    overridden = {(each.get("name"), each.get("in")) for each in own if "$ref" not in each}
    inherited = [
        each
        for each in parameters
        if "$ref" in each or (each.get("name"), each.get("in")) not in overridden
    ]
    # An empty list of an operation overrides the document's: the operation is public.
    required = [expect(each, dict, "security") for each in operation.get("security", security)]
    complete = operation | {
        "parameters": [*inherited, *own],
        "security": [each for each in required if each],
    }
    return {key: value for key, value in complete.items() if value != [] or key == "tags"}


def wrap_references(document: dict[str, Any]) -> dict[str, Any]:
    """Wrap each $ref that has siblings in allOf, where readers do not ignore them."""
    result: dict[str, Any] = rewrite(document, "document", _wrap_reference)
    return result


def _wrap_reference(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    if kind != "schema":
        return node
    if "$ref" in node and len(node) > 1:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {"allOf": [{"$ref": node["$ref"]}], **rest}
    # The other way round: an allOf that was only there for prose is a plain reference again.
    if set(node) == {"allOf"} and len(node["allOf"]) == 1 and is_mapping(node["allOf"][0]):
        part: dict[str, Any] = node["allOf"][0]
        return part
    return node


def with_reason_phrases(document: dict[str, Any]) -> dict[str, Any]:
    """Describe every response by its reason phrase: OpenAPI requires a description."""
    used: dict[str, set[str]] = {}
    for _, _, operation in operations(document):
        for status, response in operation.get("responses", {}).items():
            if "$ref" in response:
                used.setdefault(split_reference(response["$ref"])[1], set()).add(status)
            else:
                response["description"] = _reason_phrase({status})
    for name, response in document.get("components", {}).get("responses", {}).items():
        response["description"] = _reason_phrase(used.get(name, set()))
    return document


def _reason_phrase(statuses: set[str]) -> str:
    return " or ".join(_REASON_PHRASES.get(status, status) for status in sorted(statuses))


def downgrade(schema: dict[str, Any]) -> dict[str, Any]:
    """Rewrite one OpenAPI 3.1 schema by 3.0 keywords.

    {"type": ["string", "null"]}       {"type": "string", "nullable": True}
    {"const": 1}                       {"enum": [1]}
    {"exclusiveMinimum": 0}            {"minimum": 0, "exclusiveMinimum": True}
    """
    new = dict(schema)
    if "const" in new:
        new["enum"] = [new.pop("const")]
    for key in ("anyOf", "oneOf"):
        if is_list(new.get(key)):
            new = _without_null_part(new, key)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        limit = new.get(exclusive)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            new[bound], new[exclusive] = limit, True
    return _without_type_list(new)


def _without_null_part(schema: dict[str, Any], key: str) -> dict[str, Any]:
    parts = [part for part in schema[key] if part != _NULL]
    if len(parts) == len(schema[key]):
        return schema
    rest = {name: value for name, value in schema.items() if name != key}
    rest["nullable"] = True
    if len(parts) != 1:
        return {**rest, key: parts}
    if is_mapping(parts[0]) and "$ref" not in parts[0]:
        return {**parts[0], **rest}
    # 3.0 readers ignore nullable beside a $ref.
    return {**rest, "allOf": parts}


def _without_type_list(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema.get("type")
    if not is_list(types):
        return schema
    rest = {key: value for key, value in schema.items() if key != "type"}
    # Unquoted in YAML, the word null is no word; nothing else than words is a type.
    types = ["null" if kind is None else kind for kind in types]
    if odd := [kind for kind in types if not isinstance(kind, str)]:
        raise SpecError(f"a list of types has words only, not {odd[0]!r}")
    kinds = [kind for kind in types if kind != "null"]
    if len(kinds) < len(types):
        rest["nullable"] = True
    if len(kinds) == 1:
        return {"type": kinds[0], **rest}
    return {**rest, "anyOf": [{"type": kind} for kind in kinds]} if kinds else rest


def ordered(document: dict[str, Any]) -> dict[str, Any]:
    """Sort a document: keywords as the grammar lists them, names by alphabet.

    The order of the source has no meaning: a document and its reordered copy give equal text.
    """

    def transform(kind: str, node: dict[str, Any]) -> dict[str, Any]:
        return _sorted_node(document, kind, node)

    result: dict[str, Any] = rewrite(document, "document", transform)
    return result


def _sorted_node(document: dict[str, Any], kind: str, node: dict[str, Any]) -> dict[str, Any]:
    known = list(GRAMMAR[kind])
    rank = {key: index for index, key in enumerate(known)}
    keys = sorted(node, key=lambda key: (rank.get(key, len(known)), key))
    new = {key: node[key] for key in keys}
    for key, child in GRAMMAR[kind].items():
        # Lists keep their order, but for those sorted below: in allOf or servers it has a meaning.
        if key in new and child is not None and child[0] == "map":
            new[key] = dict(sorted(new[key].items()))
    if kind == "schema":
        _sort_schema(new)
    if kind == "operation":
        _sort_operation(document, new)
    return new


def _sort_schema(schema: dict[str, Any]) -> None:
    if is_list(schema.get("required")):
        schema["required"] = sorted({str(name) for name in schema["required"]})
    if is_list(schema.get("enum")):
        schema["enum"] = sorted(schema["enum"], key=_member_key)


def _member_key(member: object) -> tuple[str, str]:
    return type(member).__name__, str(member)


def _sort_operation(document: dict[str, Any], operation: dict[str, Any]) -> None:
    if "parameters" in operation:
        operation["parameters"] = sorted(
            operation["parameters"], key=lambda each: _parameter_key(document, each)
        )
    if "security" in operation:
        operation["security"] = [dict(sorted(each.items())) for each in operation["security"]]


def _parameter_key(document: dict[str, Any], parameter: dict[str, Any]) -> tuple[int, str]:
    if "$ref" in parameter:
        parameter = dereference(document, parameter["$ref"])
    location, name = str(parameter.get("in")), str(parameter.get("name"))
    return (_LOCATIONS.index(location) if location in _LOCATIONS else len(_LOCATIONS), name)
