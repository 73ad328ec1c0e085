"""Read a request as the exchange's router does."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kalshi_ext.protocol.messages import Operation, Request

Read = tuple[str, dict[str, str], dict[str, str], Any]


class Delivery:
    """The routes of a contract; each request object is read once."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        """Build the routes; literal paths go before templates: /orders/batched is no order id."""
        self._literal = {
            (operation.method, operation.path): operation.id
            for operation in operations.values()
            if "{" not in operation.path
        }
        self._routes: dict[tuple[str, int], list[tuple[re.Pattern[str], str]]] = defaultdict(list)
        for operation in sorted(operations.values(), key=lambda o: o.path.count("{")):
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path)
            where = (operation.method, operation.path.count("/"))
            self._routes[where].append((re.compile(pattern + r"\Z"), operation.id))

    def read(self, request: Request) -> Read:
        """Return operation, path parameters, query and body of a request."""
        body = None if request.body is None else json.loads(request.body)
        literal = self._literal.get((request.method, request.path))
        if literal is not None:
            return literal, {}, dict(request.query), body
        for pattern, operation in self._routes[request.method, request.path.count("/")]:
            if found := pattern.match(request.path):
                path = {name: unquote(value) for name, value in found.groupdict().items()}
                return operation, path, dict(request.query), body
        raise AssertionError(f"no route for {request}")
