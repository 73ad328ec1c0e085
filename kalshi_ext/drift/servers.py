"""Compare the addresses a document names."""

from __future__ import annotations

from collections.abc import Iterator

from kalshi_ext.drift.contract import Operation
from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.document import Document, Node
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.unfold import unfolded


def compare_servers(base: Document, new: Document) -> Iterator[Met]:
    """Find the servers that came, went or changed for the whole document."""
    use = Use(None, "servers")
    return ((found, use) for found in _differences(base.at(""), new.at("")))


def compare_own_servers(base: Operation, new: Operation) -> Iterator[Met]:
    """Find them for an operation that has servers of its own, in either document."""
    before, after = base.servers, new.servers
    if before.pointer or after.pointer:
        use = Use(base, "servers")
        yield from ((found, use) for found in _differences(before, after))


def _differences(base: Node, new: Node) -> Iterator[Difference]:
    mine, theirs = _servers(base), _servers(new)
    where = join(base.pointer, "servers"), join(new.pointer, "servers")
    for url in dict.fromkeys([*mine, *theirs]):
        before, after = mine.get(url), theirs.get(url)
        if before and after:
            if unfolded(before.get("variables")) != unfolded(after.get("variables")):
                yield Difference("server-variables-changed", before.pointer, after.pointer, url)
        elif before:
            yield Difference("server-removed", before.pointer, where[1], url)
        elif after:
            yield Difference("server-added", where[0], after.pointer, url)


def _servers(holder: Node) -> dict[str, Node]:
    """List servers by URL; a document that names none is served from its own root."""
    listed = {each.mapping().text("url").rstrip("/"): each for each in holder.members("servers")}
    return listed or {"": Node({}, join(holder.pointer, "servers"), holder.document)}
