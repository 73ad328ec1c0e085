"""Rewrites of a whole document, and of its parts that are not schemas: no finding is due."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from .crawl import METHODS, alone, operations, resolve, responses
from .editing import change, drop, get, pointer, put, without

Rewrites = Iterator[tuple[str, Any]]


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
        item = alone(document, path, method)["paths"][path][method]
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
    """Say of a path, or of the document, what was said of each operation."""
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
    """Say the commonest way in for the whole document."""
    said = [document["paths"][p][m].get("security") for p, m in operations(document)]
    guarded = [each for each in said if each]
    if not guarded:
        return
    usual = max(guarded, key=said.count)
    new = put(document, ("security",), usual)
    for path, method in operations(document):
        here = ("paths", path, method, "security")
        own = document["paths"][path][method].get("security", [])
        new = drop(new, here) if own == usual else put(new, here, own)
    yield "security of the document", new
