"""The way out: send any operation of the generated clients through this library's one path."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from kalshi_ext.arguments import plain, safely
from kalshi_ext.contracts.decoding import build_request
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import Call, Document, Operation, Repeat, Request
from kalshi_ext.redact import clean_text, redacted_repr

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
    kwargs = _kwargs(module, arguments)
    request: Request = safely(build_request, kwargs, "arguments", "make no JSON")
    _refuse_dot_segments(request.path)

    def decode(document: Document) -> T:
        status = HTTPStatus(min(entry.success))
        body = b"" if document is None else json.dumps(document, default=float).encode()
        # The package's own: it names the family of httpx that its code expects.
        generated = importlib.import_module(f"{module.__name__.partition('.')[0]}.client")
        response = generated.httpx.Response(status, content=body)
        parsed: T = module._parse_response(client=generated.Client(base_url=""), response=response)
        return parsed

    return Call(entry, request, decode)


def _kwargs(module: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        kwargs: dict[str, Any] = module._get_kwargs(**arguments)
    except Exception as error:  # noqa: BLE001 - the generated code checks nothing: it fails somewhere
        reason = clean_text(f"{type(error).__name__}: {error}", 200)
    else:
        return kwargs
    name = module.__name__.rpartition(".")[2]
    raise Misuse(f"arguments of {name} make no request: {reason}")


def _module(operation: object, name: str) -> Any:
    path = plain(getattr(operation, "__module__", ""))
    package = path.partition(".")[0] if type(path) is str else ""
    if PACKAGES.get(package) != name or ".api." not in path:
        wanted = next(word for word, known in PACKAGES.items() if known == name)
        raise Misuse(f"operation must be a function of {wanted}.api for this client's contract")
    return safely(importlib.import_module, path, "operation", "its module cannot be imported")


def _operation_named(contract: Contract, name: str) -> Operation:
    for operation in contract.operations.values():
        if _snake(operation.id) == name:
            return operation
    # An operation the contract has gained and the table not yet: the careful assumption.
    return Operation(name, "?", "?", name, Repeat.UNKEYED, frozenset({200, 201, 204}))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _refuse_dot_segments(url: str) -> None:
    """Refuse ids that a client would fold away: '..' reaches another resource (measured)."""
    if any(part in {"", ".", "..", "None"} for part in url.split("/")[1:]):
        raise Misuse(f"an id in the path must not be empty, '.' or '..': {redacted_repr(url)}")
