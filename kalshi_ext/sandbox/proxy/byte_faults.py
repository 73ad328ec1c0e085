"""What a fault does to the bytes that pass through the proxy.

| kinds | on the bytes of | class |
|---|---|---|
| reset_request | a request | MessageFault |
| reset_response, close_response, drip, garble | an answer | MessageFault |
| delay | a request or an answer, by `where` | MessageFault |
| silence | an answer; without `forward` the request too | MessageFault |
| cut_up | a connection, client to server | ConnectionFault |
| cut_down, stall | a connection, server to client | ConnectionFault |
| refuse | none: it acts before the first byte | ConnectionFault |

Both do no I/O. Bytes become steps (wait, pass these bytes, end the connection), which a channel
performs in order (relay.py). Offsets count from the first byte of the request, the answer, or
the connection's direction.

Example: reset_response(at=17), and the answer arrives as 100 + 60 bytes. The first part becomes
one step, Step(first 17 bytes, end="reset"); the rest is dropped with the connection.

TLS ends in the sandbox's proxy, so offsets count plain bytes. In front of foreign TLS only
ConnectionFault acts, and it counts encrypted bytes.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from kalshi_ext.sandbox.faults import FaultRule


@define
class Step:
    """Say what to do with some bytes: wait, pass them on, then perhaps end the connection."""

    data: bytes
    wait: float = 0
    """Seconds."""
    end: str | None = None
    """reset, close, or None."""


@define
class MessageFault:
    """Follow one request and its answer, with the rule that acts on them, if any.

    The counts are what the oracle keeps of a network fault.
    """

    name: str
    """operationId, or method and path."""
    rule: FaultRule | None = None
    connection: int = 0
    request: bytes = field(default=b"", repr=False)
    """Kept only when a rule acts."""
    received: int = 0
    """Bytes of the request that came from the client."""
    forwarded: int = 0
    """Bytes of it that went on to the exchange."""
    answered: int = 0
    """Bytes of the answer that came from the exchange."""
    returned: int = 0
    """Bytes that went back to the client."""
    complete: bool = False
    """Whether the whole request was received."""
    bodiless: bool = False
    """Whether the answer has no body whatever its head says (HEAD)."""

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        counts = ("connection", "name", "received", "forwarded", "answered", "returned", "complete")
        return {
            **{name: getattr(self, name) for name in counts},
            "rule": self.rule.number if self.rule else None,
            "kind": self.kind,
            "request": self.request.decode("latin-1"),
        }

    @property
    def kind(self) -> str | None:
        """The fault that acts, if any."""
        return self.rule.kind if self.rule else None

    def option(self, name: str) -> Any:
        """Read a parameter of the acting rule."""
        return self.rule.parameters[name] if self.rule else None

    def outlives_sender(self) -> bool:
        """Tell whether the request reaches the exchange although the client has left.

        It does when it came whole before its sender was cut off, and when a delay still holds it:
        a network does not call packets back because their sender gave up.
        """
        delayed = self.kind == "delay" and self.option("where") == "request"
        return self.complete and (delayed or self.kind == "reset_request")

    def request_steps(self, data: bytes, *, ends: bool) -> list[Step]:
        """Decide what becomes of bytes of the request; ends: they hold its last byte."""
        start = self.received
        self.received += len(data)
        self.complete = self.complete or ends
        if self.rule is not None:  # a copy of every request would cost memory for nothing
            self.request += data
        steps = self._on_request(data, start, ends=ends)
        self.forwarded += sum(len(step.data) for step in steps)
        return steps

    def answer_steps(self, data: bytes, *, ends: bool) -> list[Step]:
        """Decide what becomes of bytes of the answer; ends: they hold its last byte."""
        start = self.answered
        self.answered += len(data)
        steps = self._on_answer(data, start, ends=ends)
        self.returned += sum(len(step.data) for step in steps)
        return steps

    def _on_request(self, data: bytes, start: int, *, ends: bool) -> list[Step]:
        match self.kind:
            case "silence" if not self.option("forward"):
                return []
            case "reset_request":
                at = self.option("at")
                return [_cut(data, None if at is None else int(at) - start, "reset", ends=ends)]
            case "delay" if self.option("where") == "request":
                # Only the first bytes wait; the channel keeps those behind them in order.
                return [Step(data, wait=float(self.option("seconds")) if start == 0 else 0)]
            case _:
                return [Step(data)]

    def _on_answer(self, data: bytes, start: int, *, ends: bool) -> list[Step]:
        match self.kind:
            case "silence":
                return []
            case "reset_response" | "close_response" as kind:
                end = kind.removesuffix("_response")
                return [_cut(data, int(self.option("at")) - start, end, ends=ends)]
            case "garble":
                return [Step(self._garbled(data, start))]
            case "delay" if self.option("where") == "response" and start == 0:
                return [Step(data, wait=float(self.option("seconds")))]
            case "drip":
                size, pause = int(self.option("size")), float(self.option("seconds"))
                return [Step(data[at : at + size], wait=pause) for at in range(0, len(data), size)]
            case _:
                return [Step(data)]

    def _garbled(self, data: bytes, start: int) -> bytes:
        if self.rule is None:
            return data
        clean = max(0, int(self.option("at")) - start)
        # The rule's own random numbers: the same seed gives the same noise.
        noise = self.rule.random.randbytes(max(0, len(data) - clean))
        return data[:clean] + noise


@define
class ConnectionFault:
    """Count the bytes of a whole connection both ways, and say how many more may pass."""

    record: MessageFault
    """Holds the rule and the counts, as the oracle shows them."""

    def refuses(self) -> bool:
        """Tell whether the connection is broken as soon as it is there."""
        return self.record.kind == "refuse"

    def from_client(self, data: bytes) -> tuple[bytes, bool]:
        """Give what may go to the exchange, and whether the connection breaks after it."""
        self.record.received += len(data)
        if self.record.kind != "cut_up":
            return data, False
        return self._cut(data, self.record.received)

    def from_server(self, data: bytes) -> tuple[bytes, bool]:
        """Give what may go back to the client, and whether that was the last of it."""
        self.record.answered += len(data)
        if self.record.kind not in ("cut_down", "stall"):
            return data, False
        return self._cut(data, self.record.answered)

    def end(self) -> str | None:
        """Tell how the connection ends after the last bytes from the server; None: not at all."""
        return None if self.record.kind == "stall" else "reset"

    def _cut(self, data: bytes, total: int) -> tuple[bytes, bool]:
        remaining = int(self.record.option("at")) - (total - len(data))
        return data[: max(0, remaining)], len(data) >= remaining


def _cut(data: bytes, remaining: int | None, end: str, *, ends: bool) -> Step:
    """Pass the bytes before the cut; an offset past the message's last byte means that byte."""
    if remaining is None or len(data) < remaining:
        return Step(data, end=end if ends else None)
    return Step(data[: max(0, remaining)], end=end)
