"""The network before the hostile exchange: plain TCP, HTTP by hand, and what it does to requests.

Each connection is read by its own task. A request is classified, the faults that strike it are
looked up, and one of them decides whether, when and how often it is executed and what is answered.
Copies that arrive later are tasks of the network: `play_out` waits for all of them, so that a
judge sees everything that can still happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field
from hostile_books import Attempt
from hostile_exchange import Answer, HostileExchange, WireRequest, parse_target
from hostile_freedoms import PAGES, Fault
from hostile_money import KEYED, LISTS, SETTINGS, SUBACCOUNTS, UNKEYED

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
REASONS = {200: "OK", 201: "Created", 204: "No Content", 429: "Too Many Requests"}


def kind_of(method: str, path: str) -> str:
    """Say which kind of request it is, as faults name it."""
    if path == "/exchange/user_data_timestamp":
        return "watermark"
    if path.startswith("/portfolio/order_groups"):
        return "group"
    if path in LISTS:
        return "money"
    if path in SETTINGS:
        return "setting"
    if path in (KEYED, UNKEYED, SUBACCOUNTS):
        return {KEYED: "transfer", UNKEYED: "instance"}.get(path, "subaccount")
    if method == "GET":
        if path.startswith("/historical/"):
            return "history"
        if path == "/portfolio/fills":
            return "fills"
        return "list" if path == "/portfolio/orders" else "get"
    if method == "DELETE":
        return "cancel"
    return "change" if path.endswith(("/amend", "/decrease")) else "create"


@define
class HostileNetwork:
    """One server on a port of its own; `step` and `stepped` belong to whoever runs the script."""

    exchange: HostileExchange
    faults: list[Fault] = field(factory=list)
    step: int = 0
    attempts: list[WireRequest] = field(factory=list)
    struck: Counter[str] = field(factory=Counter)
    copied: set[int] = field(factory=set[int])  # answered, and a copy was kept
    stepped: Callable[[WireRequest], None] = lambda _: None
    _seen: Counter[str] = field(factory=Counter)
    _later: set[asyncio.Task[Any]] = field(factory=set)
    _last_answers: dict[str, Answer] = field(factory=dict)
    _server: asyncio.Server | None = None

    async def open(self) -> str:
        """Listen, and return the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/trade-api/v2"

    async def play_out(self) -> None:
        """Wait until every copy on its way has arrived."""
        while self._later:
            await asyncio.gather(*self._later, return_exceptions=True)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        # Whatever ends a connection, the client's leaving above all, ends it quietly.
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.CancelledError):
            shifted: list[bytes] = []  # answers to come one request too late
            while (request := await self._read(reader)) is not None:
                if not await self._answer(request, reader, writer, shifted):
                    break
        writer.close()

    async def _read(self, reader: Reader) -> WireRequest | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path, query = parse_target(target)
        attempt = Attempt(len(self.attempts), self.step, time.monotonic())
        kind = kind_of(method, path)
        request = WireRequest(method, path, query, headers, body, attempt, kind)
        self.attempts.append(request)
        self.stepped(request)
        return request

    async def _answer(
        self, request: WireRequest, reader: Reader, writer: Writer, shifted: list[bytes]
    ) -> bool:
        """Do what is to be done with a request; say whether the connection goes on."""
        number = self._seen[request.kind]
        self._seen[request.kind] += 1
        struck = (fault for fault in self.faults if fault.strikes(request.kind, number))
        fault = next(struck, None)
        if fault is None:
            return await self._send(writer, self._execute(request), shifted)
        self.struck[fault.kind] += 1
        if fault.kind == "shift":
            answer = self._execute(request)
            if answer[0] < 300:
                shifted.insert(0, self._render(answer))
            return await self._send(writer, answer, [])
        raw = await self._suffer(fault, request)
        if raw is None:
            await silence(reader)
            return False
        if isinstance(raw, bytes):
            writer.write(raw)
            await writer.drain()
            return False
        return await self._send(writer, raw, shifted)

    def _execute(self, request: WireRequest) -> Answer:
        status, document = self.exchange.execute(request)
        if status < 300:
            self._last_answers[request.kind] = (status, document)
        return status, document

    async def _suffer(self, fault: Fault, request: WireRequest) -> Answer | bytes | None:
        """Return what is answered under a fault: an answer, raw bytes and an end, or silence."""
        kind = fault.kind
        if kind in ("lose_request", "delay"):
            if kind == "delay":
                self._deliver_later(request, fault.seconds)
            return None
        if kind == "page_meanwhile":
            self._deliver_later(request, fault.seconds)
            return self._page(fault)
        if kind in _UNEXECUTED:
            return self._unexecuted(fault, request)
        answer = self._execute(request)
        if kind == "lose_answer":
            return None
        if kind == "cut_answer":
            raw = self._render(answer)
            return raw[: max(1, int(len(raw) * fault.share))]
        if kind == "page_after":
            return self._page(fault)
        if kind == "late_answer":
            await asyncio.sleep(fault.seconds)
        elif kind == "double":
            self.exchange.execute(request)
        elif kind == "copy_later":
            self.copied.add(request.attempt.number)
            self._deliver_later(request, fault.seconds)
        elif kind == "swap":
            return self._foreign_answer(request)
        elif kind in _FALSE_ACKS and answer[0] in (200, 201):
            return answer[0], _FALSE_ACKS[kind](answer[1])
        return answer

    def _unexecuted(self, fault: Fault, request: WireRequest) -> Answer | bytes:
        if fault.kind == "page_before":
            return self._page(fault)
        if fault.kind == "stolen":
            return 201, _other_order(self._last_answers.get("create", (201, _ANY_ACK))[1])
        status, code = _UNEXECUTED[fault.kind]
        if status == 429:
            return status, {"error": "too many requests"}
        return status, {"error": {"code": code, "message": "no"}}

    def _foreign_answer(self, request: WireRequest) -> Answer | None:
        others = [a for kind, a in self._last_answers.items() if kind != request.kind]
        return others[-1] if others else None

    def _deliver_later(self, request: WireRequest, seconds: float) -> None:
        async def arrive() -> None:
            await asyncio.sleep(seconds)
            self.exchange.execute(request)

        task = asyncio.get_running_loop().create_task(arrive())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _page(self, fault: Fault) -> bytes:
        body = PAGES[fault.page]
        kind = "text/html" if fault.page == "html" else "application/json"
        head = f"HTTP/1.1 {fault.status} X\r\nContent-Type: {kind}\r\nServer: front\r\n"
        location = "Location: /elsewhere\r\n" if fault.status < 400 else ""
        return f"{head}{location}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _render(self, answer: Answer) -> bytes:
        status, document = answer
        body = b"" if document is None else json.dumps(document).encode()
        headers = {**self.exchange.date_header(), "Content-Type": "application/json"}
        if status != 204:
            headers["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {status} {REASONS.get(status, 'X')}\r\n{lines}\r\n".encode() + body

    async def _send(self, writer: Writer, answer: Answer, shifted: list[bytes]) -> bool:
        raw = self._render(answer)
        # A refusal of another request, in the exchange's words, would be no test; nor would a
        # connection that stays out of step when all faults are over.
        if answer[0] >= 300 or not self.faults:
            shifted.clear()
        if shifted:
            shifted.append(raw)
            raw = shifted.pop(0)
        writer.write(raw)
        await writer.drain()
        return True


async def silence(reader: Reader) -> None:
    """Say nothing until the client leaves."""
    while await reader.read(4096):
        pass


_UNEXECUTED = {
    "page_before": (0, ""),
    "stolen": (0, ""),
    "limited": (429, ""),
    "expired": (401, "header_timestamp_expired"),
    "paused": (409, "trading_is_paused"),
}
_ANY_ACK = {"order_id": "o-1", "client_order_id": "x", "fill_count": "0.00"}


def _other_order(document: Any) -> Any:
    """Name another order and another id; the classic contract answers with the order inside."""
    named = {"order_id": "o-999999", "client_order_id": "of-somebody-else"}
    if "orders" in document or "responses" in document:
        return document
    return {"order": document["order"] | named} if "order" in document else document | named


def _bare(document: Any) -> Any:
    return {"order_id": document.get("order", document).get("order_id", "o-1")}


def _cancel_shape(document: Any) -> Any:
    order = document.get("order", document)
    return {"order_id": order.get("order_id", "o-1"), "reduced_by": "1.00", "ts_ms": 1}


def _too_many(document: Any) -> Any:
    if "order" in document:
        return {"order": document["order"] | {"remaining_count": 100_000}}
    return document | {"remaining_count": "100000.00"}


_FALSE_ACKS: dict[str, Callable[[Any], Any]] = {
    "other_order": _other_order,
    "cancel_shape": _cancel_shape,
    "too_many": _too_many,
    "bare": _bare,
    "nothing_said": lambda _: {},
}
