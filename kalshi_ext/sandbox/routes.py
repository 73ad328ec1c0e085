"""Find the operation that a method and a path name.

The routes are a tree of path segments. A literal segment beats a placeholder: of
`/portfolio/orders/queue_positions` and `/portfolio/orders/{order_id}` the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import unquote

from attrs import define, field, frozen

from kalshi_ext.contract.operations import OperationRow
from kalshi_ext.sandbox.engine import CLASSIC, CURRENT, RETIRED
from kalshi_ext.sandbox.options import Contract

BASE_PATH = "/trade-api/v2"


@frozen
class Match:
    """Name the operation a request asks for."""

    operation: OperationRow
    path: Mapping[str, str]
    """Path parameters, percent-decoded."""


@frozen
class NoMatch:
    """Say why no operation answers: an unknown path (404) or a method it lacks (405)."""

    status: Literal[404, 405]
    allowed: tuple[str, ...] = ()
    """The methods the path has, with a 405."""


@define
class _PathNode:
    children: dict[str, _PathNode] = field(factory=lambda: {})  # noqa: PIE807 - typed by its annotation
    placeholder: tuple[str, _PathNode] | None = None
    operations: dict[str, OperationRow] = field(factory=dict[str, OperationRow])

    def add_child(self, segment: str) -> _PathNode:
        """Give the child for a segment of a template, made when it is missing."""
        if not segment.startswith("{"):
            return self.children.setdefault(segment, _PathNode())
        if self.placeholder is None:
            self.placeholder = (segment[1:-1], _PathNode())
        return self.placeholder[1]


class Routes:
    """Look operations up by method and path.

    70 patterns tried in turn, as Starlette does it, cost more than an order; a tree does not.
    """

    def __init__(self, contract: Contract, *, recorded: bool = False) -> None:
        self._root = _PathNode()
        for operation in _served(contract, recorded=recorded):
            self._add(operation)

    def find(self, method: str, raw_path: str) -> Match | NoMatch:
        """Match a path as it stood on the request line, without its query."""
        if not raw_path.startswith(BASE_PATH + "/"):
            return NoMatch(404)
        return _lookup(self._root, method, raw_path[len(BASE_PATH) + 1 :].split("/"))

    def _add(self, operation: OperationRow) -> None:
        node = self._root
        for segment in operation.path.strip("/").split("/"):
            node = node.add_child(segment)
        node.operations.setdefault(operation.method, operation)


def _lookup(root: _PathNode, method: str, segments: list[str]) -> Match | NoMatch:
    node, parameters = root, dict[str, str]()
    for segment in segments:
        child = node.children.get(segment)
        # An empty segment is no id: /portfolio/orders//queue_position is 404.
        if child is None and node.placeholder is not None and segment:
            name, child = node.placeholder
            parameters[name] = unquote(segment)
        if child is None:
            return NoMatch(404)
        node = child
    if not node.operations:
        return NoMatch(404)
    operation = node.operations.get(method)
    if operation is None and method == "GET":
        return NoMatch(404)  # observed: GET of /portfolio/events/orders
    if operation is None:
        return NoMatch(405, tuple(sorted(node.operations)))
    return Match(operation, parameters)


# What the 2.x exchange served on the wire, in the documents' place (recorded).
_INSTEAD_OF_POST = {
    "getQueuePositions": "GetOrderQueuePositions",
    "resetOrderGroup": "ResetOrderGroup",
}


def _served(contract: Contract, *, recorded: bool) -> Iterable[OperationRow]:
    """List what a contract serves; where two share method and path the first one listed wins."""
    if contract == "classic":
        if not recorded:
            return CLASSIC
        wire = {*_INSTEAD_OF_POST.values(), "GetOrderGroup"}
        return tuple(row for row in CLASSIC if row.id not in _INSTEAD_OF_POST) + tuple(
            row for row in CURRENT if row.id in wire
        )
    if contract == "both-today":
        return CURRENT + CLASSIC
    # The six retired writes are still routed (observed): the engine answers them with 410.
    return CURRENT + tuple(operation for operation in CLASSIC if operation.id in RETIRED)
