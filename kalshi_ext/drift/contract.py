"""Read the operations of a document: what a client can call, what it sends, what may come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import field, frozen

from kalshi_ext.drift.document import Document, Node
from kalshi_ext.drift.security import Alternative, alternatives_of

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")


@frozen(eq=False, slots=False)
class Operation:
    """One method of one path, with what the path and the document say about it."""

    method: str
    path: str
    item: Node = field(repr=False)
    node: Node = field(repr=False)

    @property
    def pointer(self) -> str:
        """Tell where the operation stands."""
        return self.node.pointer

    @property
    def id(self) -> str:
        """Tell the operationId, or nothing."""
        return self.node.text("operationId")

    @property
    def label(self) -> str:
        """Name the operation for people."""
        wire = f"{self.method.upper()} {self.path}"
        return f"{self.id} ({wire})" if self.id else wire

    @property
    def wire(self) -> tuple[str, str]:
        """Identify the operation as a server does: names of path variables do not matter."""
        return self.method, _VARIABLE.sub("{}", self.path)

    @property
    def variables(self) -> list[str]:
        """List the variables of the path in order."""
        return _VARIABLE.findall(self.path)

    @cached_property
    def parameters(self) -> dict[tuple[str, str], Node]:
        """List the parameters by place and name; the operation's own win over its path's."""
        found: dict[tuple[str, str], Node] = {}
        for holder in (self.item, self.node):
            found |= {_parameter_key(each): each for each in _parameters(holder)}
        return found

    @cached_property
    def body(self) -> Node | None:
        """Take the request body."""
        found = self.node.get("requestBody")
        return found.resolved() if found is not None and found.value is not None else None

    @cached_property
    def responses(self) -> dict[str, Node]:
        """List the responses by status: 200, 4XX or default."""
        entries = self.node.entries("responses")
        kept = {k: n for k, n in entries.items() if not k.startswith("x-")}
        return {_status(key): node.resolved() for key, node in kept.items()}

    @cached_property
    def security(self) -> tuple[Alternative, ...]:
        """List the ways to be let in; none means anybody."""
        own = self.node.get("security")
        holder = self.node if own is not None else self.node.document.at("")
        return alternatives_of(holder)

    @property
    def schemes(self) -> frozenset[str]:
        """List the security schemes it asks for, by what they put on the wire."""
        return frozenset(identity for way in self.security for identity, _ in way.needs)

    @property
    def servers(self) -> Node:
        """Take the nearest holder of `servers`."""
        holders = (self.node, self.item)
        return next((h for h in holders if h.get("servers")), self.node.document.at(""))


def operations_of(document: Document) -> list[Operation]:
    """List the operations of a document in its order."""
    return list(_operations(document))


def _operations(document: Document) -> Iterator[Operation]:
    for path, raw in document.at("").entries("paths").items():
        if not path.startswith("x-"):
            item = raw.resolved()
            for method, node in item.children().items():
                if method in METHODS:
                    yield Operation(method, path, item, node.mapping())


def _parameters(holder: Node) -> list[Node]:
    return [each.resolved() for each in holder.members("parameters")]


def _parameter_key(parameter: Node) -> tuple[str, str]:
    place, name = parameter.text("in"), parameter.text("name")
    if not (place and name):
        raise parameter.refuse("a parameter needs a name and a place (in)")
    return place, name.lower() if place == "header" else name


def _status(key: str) -> str:
    return key if key == "default" else key.upper()
