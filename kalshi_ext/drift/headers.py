"""Compare the headers that a response documents."""

from __future__ import annotations

from collections.abc import Iterator

from kalshi_ext.drift.difference import RESPONSE, Difference
from kalshi_ext.drift.document import Node
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.schema import Schema, schema_of
from kalshi_ext.drift.walk import Walker


def compare_headers(base: Node, new: Node, use: Use, walker: Walker) -> Iterator[Met]:
    """Find every difference in the headers of two responses."""
    mine, theirs = _headers(base), _headers(new)
    for name in dict.fromkeys([*mine, *theirs]):
        before, after = mine.get(name), theirs.get(name)
        at = Use(use.operation, f"{use.part} header", name)
        if before and after:
            yield from _pair(before, after, at, walker)
        else:
            rule = f"response-header-{'removed' if before else 'added'}"
            pointers = [each.pointer if each else join(holder.pointer, "headers")
                        for each, holder in ((before, base), (after, new))]  # fmt: skip
            yield Difference(rule, pointers[0], pointers[1], name=name), at


def _headers(response: Node) -> dict[str, Node]:
    """List headers by name in any case; content-type is said by `content`."""
    found = {name.lower(): node for name, node in response.entries("headers").items()}
    return {name: node.resolved() for name, node in found.items() if name != "content-type"}


def _pair(base: Node, new: Node, use: Use, walker: Walker) -> Iterator[Met]:
    before, after = base.flag("required"), new.flag("required")
    if before != after:
        rule = f"response-header-became-{'required' if after else 'optional'}"
        yield Difference(rule, base.pointer, new.pointer, name=use.path), use
    for each, path in walker.differences(_schema(base), _schema(new), RESPONSE):
        yield each, Use(use.operation, use.part, use.path + path)


def _schema(header: Node) -> Schema:
    nothing = Node({}, join(header.pointer, "schema"), header.document)
    return schema_of(header.get("schema") or nothing)
