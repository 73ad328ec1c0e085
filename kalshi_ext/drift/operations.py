"""The operations of a document, and which operation of one document is which of the other.

Operations are matched by method and path first, as a server does; then by operationId, for one
that moved; at last by likeness, for one that a successor replaced under another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Final

from attrs import define, field, frozen

from kalshi_ext.drift.document import Document, Node, canonical, join

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SCHEMES: Final = "/components/securitySchemes"
_PATH_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")


@frozen
class Alternative:
    """Credentials that admit a caller when all of them are given.

    `needs` holds pairs of a scheme's identity and a scope; the scheme itself has the scope "".
    """

    pointer: str
    needs: frozenset[tuple[str, str]]
    names: tuple[str, ...] = field(eq=False)

    @property
    def text(self) -> str:
        """Name the credentials for people."""
        return " and ".join(self.names) or "no credentials"


def alternatives_of(holder: Node) -> tuple[Alternative, ...]:
    """List the alternatives of `security`; an empty or absent list admits anybody."""
    alternatives = tuple(map(_alternative, holder.members("security")))
    return alternatives or (Alternative(join(holder.pointer, "security"), frozenset(), ()),)


def _alternative(node: Node) -> Alternative:
    schemes = node.mapping().children()
    needs = {need for name, scopes in schemes.items() for need in _needs(node, name, scopes)}
    return Alternative(node.pointer, frozenset(needs), tuple(schemes))


def _needs(node: Node, name: str, scopes: Node) -> Iterator[tuple[str, str]]:
    pointer = join(SCHEMES, name)
    identity = scheme_identity(node.document.at(pointer, wanted_by=node.pointer).resolved())
    yield identity, ""
    yield from ((identity, str(scope.value)) for scope in scopes.children().values())


def scheme_identity(scheme: Node) -> str:
    """Write what a security scheme puts on the wire; the name a document gives it is not."""
    return canonical({key: _wire_value(key, scheme.value[key]) for key in _wire_keys(scheme)})


def _wire_keys(scheme: Node) -> list[str]:
    keys = {"apiKey": ["in", "name"], "http": ["scheme"], "oauth2": ["flows"],
            "openIdConnect": ["openIdConnectUrl"]}  # fmt: skip
    return [k for k in ["type", *keys.get(scheme.text("type"), [])] if k in scheme]


def _wire_value(key: str, value: Any) -> Any:
    # RFC 9110: header names and authentication schemes are case-insensitive.
    return value.lower() if key in ("name", "scheme") and isinstance(value, str) else value


@frozen(eq=False, slots=False)  # cached_property needs a __dict__
class DocumentedOperation:
    """One method of one path, with what the path and the document say about it."""

    method: str
    path: str
    path_item: Node = field(repr=False)
    node: Node = field(repr=False)

    @property
    def pointer(self) -> str:
        """Point at the operation."""
        return self.node.pointer

    @property
    def id(self) -> str:
        """Read the operationId; empty without one."""
        return self.node.text("operationId")

    @property
    def label(self) -> str:
        """Name the operation for people."""
        request_line = f"{self.method.upper()} {self.path}"
        return f"{self.id} ({request_line})" if self.id else request_line

    @property
    def route(self) -> tuple[str, str]:
        """Identify the operation as a server does: names of path variables do not matter."""
        return self.method, _PATH_VARIABLE.sub("{}", self.path)

    @property
    def path_variables(self) -> list[str]:
        """List the variables of the path in order."""
        return _PATH_VARIABLE.findall(self.path)

    @cached_property
    def parameters(self) -> dict[tuple[str, str], Node]:
        """List the parameters by `in` and name; the operation's own override its path's."""
        parameters: dict[tuple[str, str], Node] = {}
        for holder in (self.path_item, self.node):
            nodes = [each.resolved() for each in holder.members("parameters")]
            parameters |= {_parameter_key(node): node for node in nodes}
        return parameters

    @cached_property
    def body(self) -> Node | None:
        """Take the request body."""
        node = self.node.get("requestBody")
        return node.resolved() if node is not None and node.value is not None else None

    @cached_property
    def responses(self) -> dict[str, Node]:
        """List the responses by status: 200, 4XX or default."""
        entries = self.node.entries("responses")
        kept = {key: node for key, node in entries.items() if not key.startswith("x-")}
        return {_status(key): node.resolved() for key, node in kept.items()}

    @cached_property
    def security(self) -> tuple[Alternative, ...]:
        """List the alternatives of credentials: the operation's own, or else the document's."""
        own = self.node.get("security")
        holder = self.node if own is not None else self.node.document.at("")
        return alternatives_of(holder)

    @property
    def schemes(self) -> frozenset[str]:
        """List the identities of the security schemes that it names."""
        return frozenset(identity for each in self.security for identity, _ in each.needs)

    @property
    def servers(self) -> Node:
        """Take the nearest holder of `servers`: the operation, its path, or the document."""
        holders = (self.node, self.path_item)
        return next((h for h in holders if h.get("servers")), self.node.document.at(""))


def operations_of(document: Document) -> list[DocumentedOperation]:
    """List the operations of a document in its order."""
    return list(_operations(document))


def _operations(document: Document) -> Iterator[DocumentedOperation]:
    for path, raw in document.at("").entries("paths").items():
        if not path.startswith("x-"):
            item = raw.resolved()
            for method, node in item.children().items():
                if method in METHODS:
                    yield DocumentedOperation(method, path, item, node.mapping())


def _parameter_key(parameter: Node) -> tuple[str, str]:
    place, name = parameter.text("in"), parameter.text("name")
    if not (place and name):
        raise parameter.error("a parameter needs a name and a place (in)")
    return place, name.lower() if place == "header" else name


def _status(key: str) -> str:
    return key if key == "default" else key.upper()


OperationMatch = tuple[DocumentedOperation, DocumentedOperation]
_MIN_LIKENESS: Final = 0.75
_MAX_LIKENESS_SCORES: Final = 20_000
_VERSION_SUFFIX: Final = re.compile(r"_?[vV][0-9]+$")


@define(eq=False)
class Matches:
    """Operations of two documents: the same, replaced by a successor, removed, and added."""

    same: list[OperationMatch] = field(factory=list[OperationMatch])
    replaced: list[OperationMatch] = field(factory=list[OperationMatch])
    removed: list[DocumentedOperation] = field(factory=list[DocumentedOperation])
    added: list[DocumentedOperation] = field(factory=list[DocumentedOperation])


def match(base: list[DocumentedOperation], new: list[DocumentedOperation]) -> Matches:
    """Match the operations of two documents."""
    matches = Matches(removed=list(base), added=list(new))
    _match_by(matches, lambda operation: operation.route)
    _match_by(matches, lambda operation: operation.id or None)
    _match_successors(matches)
    position = {id(operation): index for index, operation in enumerate(base)}
    matches.same.sort(key=lambda pair: position[id(pair[0])])
    return matches


def _match_by(matches: Matches, key: Callable[[DocumentedOperation], Hashable | None]) -> None:
    after = {key(operation): operation for operation in matches.added}
    after.pop(None, None)
    pairs = [(each, after.pop(key(each))) for each in matches.removed if key(each) in after]
    matches.same += pairs
    _withdraw(matches, pairs)


def _match_successors(matches: Matches) -> None:
    if len(matches.removed) * len(matches.added) > _MAX_LIKENESS_SCORES:
        return  # in a document that is mostly new, likeness is chance, and costs quadratic time
    scores = [(_likeness(b, n), b, n) for b in matches.removed for n in matches.added]
    likely = [row for row in scores if row[0] >= _MIN_LIKENESS]
    # Sorted labels make the order, and so the choice, the same with the documents swapped.
    likely.sort(key=lambda row: (-row[0], *sorted((row[1].label, row[2].label))))
    matched: set[int] = set()
    for _, before, after in likely:
        if matched.isdisjoint((id(before), id(after))):
            matched |= {id(before), id(after)}
            matches.replaced.append((before, after))
    _withdraw(matches, matches.replaced)


# Segments of a path that tell a later version of it: /v2/orders, and /events/orders for /orders.
_VERSION_SEGMENT: Final = re.compile(r"/(?:v[0-9]+|events)(?=/)")


def successor_of(gone: DocumentedOperation, new: list[DocumentedOperation]) -> str:
    """Name the operation of the new document that does the same in a later version; "" for none.

    It was there before, mostly: the exchange adds `CreateOrderV2` at /portfolio/events/orders
    months before it takes `CreateOrder` at /portfolio/orders away. One announced to go is none.
    """
    kept = [each for each in new if not each.node.flag("deprecated") and each.route != gone.route]
    name, version = _versioned(gone.id)
    later = [(_versioned(each.id), each) for each in kept]
    by_name = [(n[1], each) for n, each in later if name and n[0] == name and n[1] > version]
    if by_name:
        return max(by_name, key=lambda pair: pair[0])[1].label
    by_path = [each for each in kept if _unversioned(each) == gone.route]
    return by_path[-1].label if by_path else ""


def _unversioned(operation: DocumentedOperation) -> tuple[str, str]:
    method, path = operation.route
    return method, _VERSION_SEGMENT.sub("", path)


def _versioned(operation_id: str) -> tuple[str, int]:
    """Split an operationId into its name and version: CreateOrder is the first of its name."""
    suffix = _VERSION_SUFFIX.search(operation_id)
    if suffix is None:
        return operation_id.casefold(), 1
    return operation_id[: suffix.start()].casefold(), int(suffix[0].lstrip("_vV"))


def _withdraw(matches: Matches, pairs: list[OperationMatch]) -> None:
    matched = {id(operation) for pair in pairs for operation in pair}
    matches.removed = [each for each in matches.removed if id(each) not in matched]
    matches.added = [each for each in matches.added if id(each) not in matched]


def _likeness(base: DocumentedOperation, new: DocumentedOperation) -> float:
    """Score two operations from 0 to 1; CreateOrder and CreateOrderV2 score 1."""
    names = [_VERSION_SUFFIX.sub("", operation.id).casefold() for operation in (base, new)]
    if all(names) and names[0] == names[1]:
        return 1.0
    if base.method != new.method:
        return 0.0
    return min(_text_likeness(*names), _text_likeness(base.path, new.path))


def _text_likeness(left: str, right: str) -> float:
    first, second = sorted((left, right))  # SequenceMatcher is not symmetric
    return SequenceMatcher(None, first, second).ratio()
