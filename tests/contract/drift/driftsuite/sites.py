"""Find every place of a contract that can be mutated, with a reference resolver of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen

from .editing import Place, get

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
REQUEST, RESPONSE = "request", "response"


@frozen
class Site:
    """A schema where a message meets it.

    `enclosing` is the nearest union above, or the place itself. The flags tell what a wrapper above
    states already, so that stating it again below changes nothing.
    """

    at: Place
    direction: str
    enclosing: Place
    null_above: bool = False
    default_above: bool = False
    deprecated_above: bool = False
    in_union: bool = False
    trail: tuple[Place, ...] = ()


def operations(document: Any) -> Iterator[tuple[str, str]]:
    """List (path, method)."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method


def resolve(document: Any, at: Place) -> Place:
    """Follow references to the place they mean."""
    value = get(document, at)
    while isinstance(value, dict) and "$ref" in value:
        at = tuple(s.replace("~1", "/").replace("~0", "~") for s in value["$ref"].split("/")[1:])
        value = get(document, at)
    return at


def parameters(document: Any, path: str, method: str) -> list[Place]:
    """List the places of an operation's parameters, references followed."""
    here = ("paths", path, method, "parameters")
    listed = document["paths"][path][method].get("parameters", [])
    return [resolve(document, (*here, index)) for index in range(len(listed))]


def responses(document: Any, path: str, method: str) -> dict[str, Place]:
    """List the places of an operation's responses by status."""
    here = ("paths", path, method, "responses")
    return {status: resolve(document, (*here, status)) for status in get(document, here)}


def body(document: Any, path: str, method: str) -> Place | None:
    """Find the place of an operation's request body."""
    has = "requestBody" in document["paths"][path][method]
    return resolve(document, ("paths", path, method, "requestBody")) if has else None


def root_schemas(document: Any, path: str, method: str) -> Iterator[tuple[Place, str]]:
    """List the outermost schemas of an operation's messages, each with its direction."""
    for at in parameters(document, path, method):
        if "schema" in get(document, at):
            yield (*at, "schema"), REQUEST
    holders = [(body(document, path, method), REQUEST)]
    holders += [(at, RESPONSE) for at in responses(document, path, method).values()]
    for at, direction in holders:
        content = get(document, at).get("content", {}) if at else {}
        for kind, media in content.items():
            if "schema" in media:
                yield (*at, "content", kind, "schema"), direction


def sites(document: Any, path: str, method: str, *, once: bool = False) -> Iterator[Site]:
    """List every schema that an operation sends or receives, outer ones first.

    Most errors of an operation have one and the same body: `once` lists it once.
    """
    bodies: list[Any] = []
    for at, direction in root_schemas(document, path, method):
        schema = get(document, at)
        if not once or direction == REQUEST or schema not in bodies:
            yield from sites_below(document, Site(at, direction, at))
        bodies.append(schema)


def sites_below(document: Any, site: Site) -> Iterator[Site]:
    """List a schema and everything inside it; recursion ends where it repeats."""
    schema = get(document, site.at)
    if site.at in site.trail:
        return
    site = evolve(site, trail=(*site.trail, site.at))
    if "$ref" in schema:
        to = resolve(document, site.at)
        yield from sites_below(
            document, evolve(site, at=to, enclosing=site.enclosing if site.in_union else to)
        )
        return
    yield site
    for step, inner in _inner_schemas(schema):
        yield from sites_below(document, _inner_site(site, schema, step, inner))


def _inner_schemas(schema: Any) -> Iterator[tuple[str, Place]]:
    for name in schema.get("properties", {}):
        yield "field", ("properties", name)
    if "items" in schema:
        yield "items", ("items",)
    if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        yield "extras", ("additionalProperties",)
    for word in ("allOf", "oneOf", "anyOf"):
        for index in range(len(schema.get(word, []))):
            yield word, (word, index)


def _inner_site(site: Site, schema: Any, step: str, inner: Place) -> Site:
    at = (*site.at, *inner)
    if step == "allOf":
        return evolve(
            site,
            at=at,
            enclosing=site.enclosing if site.in_union else at,
            null_above=site.null_above or schema.get("nullable") is True,
            default_above=site.default_above or "default" in schema,
            deprecated_above=site.deprecated_above or schema.get("deprecated") is True,
        )
    if step in ("oneOf", "anyOf"):
        enclosing = site.enclosing if site.in_union else site.at
        null = site.null_above or schema.get("nullable") is True
        return evolve(site, at=at, enclosing=enclosing, in_union=True, null_above=null)
    return Site(at, site.direction, at, trail=site.trail)


def dereferenced(document: Any, value: Any, trail: tuple[str, ...] = ()) -> Any:
    """Write a part of a document with every reference replaced by a copy of what it means."""
    if isinstance(value, list):
        return [dereferenced(document, item, trail) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" not in value:
        return {key: dereferenced(document, item, trail) for key, item in value.items()}
    if value["$ref"] in trail:
        return value
    steps = [s.replace("~1", "/").replace("~0", "~") for s in value["$ref"].split("/")[1:]]
    return dereferenced(document, get(document, tuple(steps)), (*trail, value["$ref"]))


def with_one_operation(document: Any, path: str, method: str) -> Any:
    """Give the document with one operation, its components kept."""
    return {**document, "paths": {path: {method: document["paths"][path][method]}}}


def with_written_out_operation(document: Any, path: str, method: str) -> Any:
    """Give the document with one operation, written out without references."""
    operation = document["paths"][path][method]
    parts = dereferenced(document, {k: operation[k] for k in _DEREFERENCED_PARTS if k in operation})
    schemes = {"securitySchemes": document["components"]["securitySchemes"]}
    written = {path: {method: {**operation, **parts}}}
    return {**document, "paths": written, "components": schemes}


_DEREFERENCED_PARTS = ("parameters", "requestBody", "responses")
