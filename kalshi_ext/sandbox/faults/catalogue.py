"""List every fault, where it happens, and what it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

Layer: TypeAlias = Literal["answer", "network", "connection"]
"""answer: inside the exchange · network: on the bytes of one request and its answer, in the proxy
· connection: on a whole connection, in the proxy."""


@frozen
class Kind:
    """Describe one kind of fault."""

    layer: Layer
    does: str
    parameters: Mapping[str, Any] = field(factory=dict[str, Any])
    """Names with their defaults."""


def _answer(does: str, **parameters: Any) -> Kind:
    return Kind("answer", does, parameters)


def _network(does: str, **parameters: Any) -> Kind:
    return Kind("network", does, parameters)


CATALOGUE: Mapping[str, Kind] = {
    # inside the exchange; executed=True: the command was carried out before the lie was told
    "html": _answer("an HTML page of a proxy", status=502, executed=False),
    "status": _answer(
        "any status and body",
        status=500,
        code="internal_server_error",
        body=None,
        content_type="application/json",
        executed=False,
    ),
    "error_in_success": _answer(
        "a 2xx that holds an error", code="internal_server_error", executed=False
    ),
    "wrong_type": _answer(
        "a 2xx whose JSON has other types: list, null, text, or numbers", to="list", executed=True
    ),
    "garbage_body": _answer("a 2xx of random bytes", size=64, executed=True),
    "truncated_body": _answer("a 2xx whose JSON stops early", keep=10, executed=True),
    "throttle": _answer("429, not executed"),
    "skew": _answer("401: the two clocks are apart by so many seconds", seconds=60.0),
    "stale": _answer("the answer an equal earlier read got"),
    "lost_entries": _answer("a batch answer without some entries", entries=(0,)),
    "reordered": _answer("a batch answer in another order"),
    "another_order": _answer("an answer that names another order", order_id=None),
    "cursor_loop": _answer("a page whose cursor leads to itself"),
    "zombie": _answer("a second delivery of the request, after so many later ones", later=1),
    "before": _answer("admin commands carried out just before the request", commands=()),
    # on the bytes, in the proxy; at: byte offset from the start of the message
    "silence": _network("no answer ever; forward=False: the request is swallowed", forward=True),
    "reset_request": _network("a TCP reset after so many bytes of the request", at=None),
    "reset_response": _network("a TCP reset after so many bytes of the answer", at=0),
    "close_response": _network("an orderly close after so many bytes of the answer", at=0),
    "delay": _network(
        "wait before a message passes; a request arrives even when its sender has left by then",
        seconds=1.0,
        where="response",
    ),
    "drip": _network("pass the answer in small pieces", size=1, seconds=0.05),
    "garble": _network("random bytes in the answer from an offset on", at=0),
    "refuse": Kind("connection", "a TCP reset as soon as the connection is there"),
    "cut_up": Kind("connection", "a TCP reset after so many bytes sent", {"at": 0}),
    "cut_down": Kind("connection", "a TCP reset after so many bytes received", {"at": 0}),
    "stall": Kind("connection", "nothing is passed back after so many bytes", {"at": 0}),
}
