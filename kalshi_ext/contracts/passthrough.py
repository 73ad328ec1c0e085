"""The way out: send any operation of the generated clients through this library's one path."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import httpx

from kalshi_ext.contracts.decoding import build_request
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import Call, Document, Operation, Repeat

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PACKAGES = {"kalshi_portfolio": "current", "kalshi_classic": "classic"}


class GeneratedResponse(Protocol[T_co]):
    """What a generated `sync_detailed` returns: a Response with the parsed model."""

    @property
    def parsed(self) -> T_co | None:
        """Return the model, None where the status is not documented."""
        ...


def passthrough_call(
    contract: Contract, operation: Callable[..., GeneratedResponse[T]], arguments: Mapping[str, Any]
) -> Call[T]:
    """Bind a generated operation to its request and its generated parser. Raises Misuse."""
    module = _module(operation, contract.name)
    entry = _operation_named(contract, module.__name__.rpartition(".")[2])
    kwargs = module._get_kwargs(**arguments)
    _refuse_dot_segments(kwargs["url"])

    def decode(document: Document) -> T:
        status = min(entry.success)
        body = b"" if document is None else json.dumps(document, default=float).encode()
        parsed: T = module._parse_response(
            client=_client(module), response=httpx.Response(HTTPStatus(status), content=body)
        )
        return parsed

    return Call(entry, build_request(kwargs), decode)


def _module(operation: object, name: str) -> Any:
    path = getattr(operation, "__module__", "")
    package = path.partition(".")[0]
    if PACKAGES.get(package) != name or ".api." not in path:
        wanted = next(word for word, known in PACKAGES.items() if known == name)
        raise Misuse(f"operation must be a function of {wanted}.api for this client's contract")
    return importlib.import_module(path)


def _operation_named(contract: Contract, name: str) -> Operation:
    for operation in contract.operations.values():
        if _snake(operation.id) == name:
            return operation
    # An operation the contract has gained and the table not yet: the careful assumption.
    return Operation(name, "?", "?", name, Repeat.UNKEYED, frozenset({200, 201, 204}))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _client(module: Any) -> Any:
    return importlib.import_module(module.__name__.partition(".")[0]).Client(base_url="")


def _refuse_dot_segments(url: str) -> None:
    """Refuse ids that a client would fold away: '..' reaches another resource (measured)."""
    if any(part in {"", ".", "..", "None"} for part in url.split("/")[1:]):
        raise Misuse(f"an id in the path must not be empty, '.' or '..': {url!r}")
