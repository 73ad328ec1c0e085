"""Compare what is sent or received as content: media types and the schema of each."""

from __future__ import annotations

from collections.abc import Iterator

from kalshi_ext.drift.difference import REQUEST, Difference
from kalshi_ext.drift.document import Node
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.schema import Schema, schema_of
from kalshi_ext.drift.unfold import unfolded
from kalshi_ext.drift.walk import Walker


def compare_content(
    base: Node, new: Node, direction: str, use: Use, walker: Walker
) -> Iterator[Met]:
    """Find every difference in the `content` of two bodies, responses or parameters."""
    mine, theirs = media_of(base), media_of(new)
    where = join(base.pointer, "content"), join(new.pointer, "content")
    for name in dict.fromkeys([*mine, *theirs]):
        before, after = mine.get(name), theirs.get(name)
        if before and after:
            yield from _pair(before, after, direction, use, walker)
        else:
            rule = f"{direction}-media-{'removed' if before else 'added'}"
            pointers = (
                before.pointer if before else where[0],
                after.pointer if after else where[1],
            )
            yield Difference(rule, *pointers, name=name), use


def media_of(holder: Node) -> dict[str, Node]:
    """List the media types of a body; case, blanks and the usual charset do not matter."""
    return {_name(key): node for key, node in holder.entries("content").items()}


def _name(key: str) -> str:
    parts = [part.strip() for part in key.lower().split(";")]
    return "; ".join(part for part in parts if part != "charset=utf-8")


def _pair(base: Node, new: Node, direction: str, use: Use, walker: Walker) -> Iterator[Met]:
    for each, path in walker.differences(_schema(base), _schema(new), direction):
        yield each, Use(use.operation, use.part, _inside(use.path, path))
    if direction == REQUEST and unfolded(base.get("encoding")) != unfolded(new.get("encoding")):
        yield Difference("request-encoding-changed", base.pointer, new.pointer), use


def _inside(outer: str, path: str) -> str:
    return outer + path if outer else path.lstrip(".")


def _schema(media: Node) -> Schema:
    node = media.mapping().get("schema")
    return schema_of(node or Node({}, join(media.pointer, "schema"), media.document))
