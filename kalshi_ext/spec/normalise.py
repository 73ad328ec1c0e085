"""Bring an OpenAPI document of the exchange into the one form that we compare and build on."""

from __future__ import annotations

from typing import Any, Final

from kalshi_ext.spec.downgrade import downgraded
from kalshi_ext.spec.errors import SpecError
from kalshi_ext.spec.grammar import METHODS, escape, expect, rewrite
from kalshi_ext.spec.hoist import hoist
from kalshi_ext.spec.order import operations, ordered
from kalshi_ext.spec.prune import reachable, split, with_used_schemes
from kalshi_ext.spec.scope import is_ours
from kalshi_ext.spec.tree import is_mapping

_PROSE: Final = frozenset(
    {"description", "summary", "title", "example", "examples", "externalDocs", "links"}
)
_INFO: Final = frozenset({"title", "version"})
_PHRASES: Final = {
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


def normalise(document: dict[str, Any]) -> dict[str, Any]:
    """Cut a document to our paths and write equal things equally.

    Prose and vendor extensions go, inline enums and objects get names, keywords beside a
    $ref move out of its shadow, 3.1 becomes 3.0, keys get one order. Doing it twice changes
    nothing. Raises SpecError for what is not an OpenAPI 3 document.
    """
    version = _version(document)
    document = rewrite(reachable(_our_paths(document)), "document", _plain)
    document = hoist(wrapped(_pushed_down({**document, "openapi": version})))
    return ordered(_with_phrases(with_used_schemes(document)))


def _version(document: dict[str, Any]) -> str:
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        raise SpecError(f"not an OpenAPI 3.0 or 3.1 document: openapi is {version!r}")
    return version if version.startswith("3.0") else "3.0.3"


def _our_paths(document: dict[str, Any]) -> dict[str, Any]:
    paths = expect(document.get("paths"), dict, "/paths")
    kept = {path: item for path, item in paths.items() if is_ours(path)}
    for path, item in kept.items():
        if "$ref" in expect(item, dict, f"/paths/{escape(path)}"):
            raise SpecError(f"/paths/{escape(path)}: a $ref in place of a path is not understood")
    return {**document, "paths": kept}


def _plain(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    """Drop prose and vendor extensions; say schemas in 3.0 words."""
    if kind == "info":
        return {key: value for key, value in node.items() if key in _INFO}
    prose = _PROSE | {"tags"} if kind == "document" else _PROSE
    new = {key: node[key] for key in node if key not in prose and not key.startswith("x-")}
    return downgraded(new) if kind == "schema" else new


def _pushed_down(document: dict[str, Any]) -> dict[str, Any]:
    """Write what holds for a whole path or document into each operation."""
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
    taken = {(each.get("name"), each.get("in")) for each in own if "$ref" not in each}
    inherited = [
        each
        for each in parameters
        if "$ref" in each or (each.get("name"), each.get("in")) not in taken
    ]
    needed = [expect(each, dict, "security") for each in operation.get("security", security)]
    new = operation | {
        "parameters": [*inherited, *own],
        "security": [each for each in needed if each],
    }
    return {key: value for key, value in new.items() if value != [] or key == "tags"}


def wrapped(document: dict[str, Any]) -> dict[str, Any]:
    """Wrap each $ref that has siblings in allOf, where readers do not ignore them."""
    result: dict[str, Any] = rewrite(document, "document", _wrap)
    return result


def _wrap(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    if kind != "schema":
        return node
    if "$ref" in node and len(node) > 1:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {"allOf": [{"$ref": node["$ref"]}], **rest}
    if set(node) == {"allOf"} and len(node["allOf"]) == 1 and is_mapping(node["allOf"][0]):
        only: dict[str, Any] = node["allOf"][0]
        return only
    return node


def _with_phrases(document: dict[str, Any]) -> dict[str, Any]:
    """Give every response the phrase of its status: OpenAPI demands some description."""
    used: dict[str, set[str]] = {}
    for _, _, operation in operations(document):
        for status, response in operation.get("responses", {}).items():
            if "$ref" in response:
                used.setdefault(split(response["$ref"])[1], set()).add(status)
            else:
                response["description"] = _phrase({status})
    for name, response in document.get("components", {}).get("responses", {}).items():
        response["description"] = _phrase(used.get(name, set()))
    return document


def _phrase(statuses: set[str]) -> str:
    return " or ".join(_PHRASES.get(status, status) for status in sorted(statuses))
