"""Mutations of where operations are, and of what belongs to none, with reasoned verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from .editing import drop, put, updated
from .schema_mutations import B, C, N, R

Operation = dict[str, Any]


@frozen
class PathMutation:
    """A mutation of where an operation is, in the whole document."""

    name: str
    edit: Callable[[Any, str, str], Any]
    verdict: str


def _removed(document: Any, path: str, method: str) -> Any:
    left = drop(document, ("paths", path, method))
    return left if left["paths"][path] else drop(left, ("paths", path))


def _at(document: Any, path: str, method: str, to: tuple[str, str], **more: Any) -> Any:
    moved = updated(document["paths"][path][method], more)
    left = _removed(document, path, method)
    item = {**left["paths"].get(to[0], {}), to[1]: moved}
    return put(left, ("paths", to[0]), item)


def _free_method(document: Any, path: str) -> str:
    return next(m for m in ("patch", "put", "post") if m not in document["paths"][path])


def _other_method(document: Any, path: str, method: str) -> Any:
    return _at(document, path, method, (path, _free_method(document, path)))


def _other_path(document: Any, path: str, method: str) -> Any:
    return _at(document, path, method, ("/portfolio/v9" + path, method))


def _successor(document: Any, path: str, method: str) -> Any:
    name = document["paths"][path][method]["operationId"] + "V9"
    return _at(document, path, method, ("/portfolio/v9" + path, method), operationId=name)


def _added(document: Any, path: str, method: str) -> Any:
    new = updated(document["paths"][path][method], {"operationId": "BrandNewThing"})
    return put(document, ("paths", "/portfolio/brand/new/thing"), {"get": new})


def _renamed_variables(document: Any, path: str, method: str) -> Any:
    """Rename the path's variables in the path and in the parameters of all its operations."""
    new = path.replace("}", "_x}")
    item = {
        m: _with_renamed(document, operation) for m, operation in document["paths"][path].items()
    }
    return put(drop(document, ("paths", path)), ("paths", new), item)


def _with_renamed(document: Any, operation: Operation) -> Operation:
    from .sites import dereferenced

    listed = dereferenced(document, operation.get("parameters", []))
    renamed = [{**p, "name": p["name"] + "_x"} if p["in"] == "path" else p for p in listed]
    return {**operation, "parameters": renamed} if listed else operation


PATH_MUTATIONS: tuple[PathMutation, ...] = (
    PathMutation("operation removed", _removed, B),
    PathMutation("method changed", _other_method, B),
    PathMutation("path changed", _other_path, B),
    PathMutation("operation replaced by a successor", _successor, B),
    PathMutation("operation added", _added, C),
    PathMutation("path variables renamed", _renamed_variables, N),
)


def document_mutations(document: Any) -> Iterator[tuple[str, Any, str]]:
    """Give (name, mutated document, verdict) for what belongs to no operation."""
    servers = document["servers"]
    yield "server added", put(document, ("servers",), [*servers, {"url": "https://x.example"}]), C
    for index in range(len(servers)):
        one = updated(servers[index], {"url": "https://elsewhere.example/v3"})
        yield "server replaced", put(document, ("servers", index), one), B
        if len(servers) > 1:
            yield "server removed", drop(document, ("servers", index)), B
    yield "server variable", put(document, ("servers", 0), updated(servers[0], {
        "variables": {"host": {"default": "a"}}})), R  # fmt: skip
    yield from _schemes(document)
    hooks = {"onFill": {"post": {"responses": {"200": {"description": ""}}}}}
    yield "webhooks", put(document, ("webhooks",), hooks), R


def _schemes(document: Any) -> Iterator[tuple[str, Any, str]]:
    at = ("components", "securitySchemes")
    for name, scheme in document["components"]["securitySchemes"].items():
        other = {"type": "apiKey", "in": "header", "name": "X-OTHER"}
        yield "security scheme on the wire", put(document, (*at, name), other), B
        if scheme["type"] == "apiKey":
            yield "key in the query", put(document, (*at, name, "in"), "query"), B
    yield "unused scheme", put(document, (*at, "Spare"), {"type": "http", "scheme": "basic"}), C
