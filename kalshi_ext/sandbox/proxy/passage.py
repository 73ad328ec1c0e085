"""Follow one request and its answer through the proxy, with the fault that befalls them."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from kalshi_ext.sandbox.faults import Rule


@define
class Passage:
    """Count the bytes of one request and its answer; what the oracle keeps of a network fault."""

    name: str
    """operationId, or method and path."""
    rule: Rule | None = None
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
            "kind": self.rule.kind if self.rule else None,
            "request": self.request.decode("latin-1"),
        }

    def kind(self) -> str | None:
        """Name the fault that acts, if any."""
        return self.rule.kind if self.rule else None

    def outlives_sender(self) -> bool:
        """Tell whether the request reaches the exchange although the client has left.

        So it is with one that came whole before its sender was cut off, and with one that is
        still on its way: that its sender gave up does not call it back.
        """
        held = self.kind() == "delay" and self.option("where") == "request"
        return self.complete and (held or self.kind() == "reset_request")

    def option(self, name: str) -> Any:
        """Read a parameter of the acting rule."""
        return self.rule.parameters[name] if self.rule else None


@define
class Step:
    """Say what to do with some bytes: wait, pass them on, then perhaps end the connection."""

    data: bytes
    wait: float = 0
    end: str | None = None
    """reset, close, or None."""


def request_steps(passage: Passage, data: bytes, *, ends: bool) -> list[Step]:
    """Decide what becomes of bytes of a request."""
    start = passage.received
    passage.received += len(data)
    passage.complete = passage.complete or ends
    if passage.rule is not None:
        passage.request += data
    steps = _request(passage, data, start, ends=ends)
    passage.forwarded += sum(len(step.data) for step in steps)
    return steps


def answer_steps(passage: Passage, data: bytes, *, ends: bool) -> list[Step]:
    """Decide what becomes of bytes of an answer."""
    start = passage.answered
    passage.answered += len(data)
    steps = _answer(passage, data, start, ends=ends)
    passage.returned += sum(len(step.data) for step in steps)
    return steps


def _request(passage: Passage, data: bytes, start: int, *, ends: bool) -> list[Step]:
    match passage.kind():
        case "silence" if not passage.option("forward"):
            return []
        case "reset_request":
            at = passage.option("at")
            return [_cut(data, None if at is None else int(at) - start, "reset", ends=ends)]
        case "delay" if passage.option("where") == "request":
            return [Step(data, wait=float(passage.option("seconds")) if start == 0 else 0)]
        case _:
            return [Step(data)]


def _answer(passage: Passage, data: bytes, start: int, *, ends: bool) -> list[Step]:
    match passage.kind():
        case "silence":
            return []
        case "reset_response" | "close_response" as kind:
            end = kind.removesuffix("_response")
            return [_cut(data, int(passage.option("at")) - start, end, ends=ends)]
        case "garble":
            return [Step(_garbled(passage, data, start))]
        case "delay" if passage.option("where") == "response" and start == 0:
            return [Step(data, wait=float(passage.option("seconds")))]
        case "drip":
            size, pause = int(passage.option("size")), float(passage.option("seconds"))
            return [Step(data[at : at + size], wait=pause) for at in range(0, len(data), size)]
        case _:
            return [Step(data)]


def _cut(data: bytes, left: int | None, end: str, *, ends: bool) -> Step:
    """Pass what is left before the cut; past the last byte of the message counts as the last."""
    if left is None or len(data) < left:
        return Step(data, end=end if ends else None)
    return Step(data[: max(0, left)], end=end)


def _garbled(passage: Passage, data: bytes, start: int) -> bytes:
    if passage.rule is None:
        return data
    clean = max(0, int(passage.option("at")) - start)
    noise = passage.rule.random.randbytes(max(0, len(data) - clean))
    return data[:clean] + noise
