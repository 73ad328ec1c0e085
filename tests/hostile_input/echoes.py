"""Answers that quote what was sent, as exchanges and proxies do: each with its own writing."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Final

import httpx


def _json(sent: dict[str, str]) -> bytes:
    return json.dumps(
        {"error": {"code": "c", "message": "m", "details": json.dumps(sent)}}
    ).encode()


ECHOES: Final[dict[str, Callable[[dict[str, str]], bytes]]] = {
    "json": _json,
    "json object": lambda sent: json.dumps({"headers": sent}).encode(),
    "lines": lambda sent: "\r\n".join(f"{name}: {value}" for name, value in sent.items()).encode(),
    "one line": lambda sent: "; ".join(f"{n}={v}" for n, v in sent.items()).encode(),
    "html list": lambda sent: "".join(f"<li>{n}: {html.escape(v)}</li>" for n, v in sent.items()).encode(),  # noqa: E501
    "html table": lambda sent: "".join(f"<tr><td>{n}</td>\n<td><b>{v}</b></td></tr>" for n, v in sent.items()).encode(),  # noqa: E501
    "html quotes": lambda sent: html.escape(json.dumps(sent)).encode(),
    "values": lambda sent: " ".join(sent.values()).encode(),
    "values in a code": lambda sent: json.dumps({"error": {"code": " ".join(sent.values())}}).encode(),  # noqa: E501
    "go": lambda sent: f"map[{' '.join(f'{n.title()}:[{v}]' for n, v in sent.items())}]".encode(),
    "python": lambda sent: repr(sent).encode(),
    "url": lambda sent: str(httpx.QueryParams(sent)).encode(),
    "split": lambda sent: "".join(f"{n}: {v[:6]}\0{v[6:]}\n" for n, v in sent.items()).encode(),
    "an order": lambda sent: json.dumps({"order_id": "o", "fill_count": sent}).encode(),
    "a row": lambda sent: json.dumps({"orders": [{"order_id": list(sent.values())}]}).encode(),
}  # fmt: skip


class Echo(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answer with what was sent, or fail with it."""

    def __init__(self, status: int, write: Callable[[dict[str, str]], bytes]) -> None:
        self._status, self._write = status, write

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = self._write(dict(request.headers))
        if self._status == 0:
            raise httpx.ReadError(body.decode("latin-1"))
        headers = {"location": body.decode("latin-1")[:300].replace("\n", " ").replace("\r", " ")}
        return httpx.Response(self._status, content=body, headers=headers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)
