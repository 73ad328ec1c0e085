"""Send a whole answer in one packet.

uvicorn writes head and body apart, and each write is a system call: a quarter of what a small
answer costs (measured: 55 of 257 us). Writes of one turn of the loop are joined here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class CorkedProtocol(HttpToolsProtocol):
    """Be uvicorn's protocol on a corked transport."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows asyncio's parameter
        self, transport: asyncio.Transport
    ) -> None:
        """Cork the transport before uvicorn takes it."""
        super().connection_made(_Cork(transport, self.loop))


class _Cork(asyncio.Transport):
    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner, self._loop = inner, loop
        self._held: list[bytes | bytearray | memoryview[Any]] = []

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._held:
            self._loop.call_soon(self._release)
        self._held.append(data)

    def close(self) -> None:
        self._release()
        self._inner.close()

    def abort(self) -> None:
        self._held.clear()
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner.get_protocol()

    def _release(self) -> None:
        if self._held:
            joined, self._held = b"".join(self._held), []
            self._inner.write(joined)
