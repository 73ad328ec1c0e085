"""Accept connections, carry them to a server, and let the fault rules act on their bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeAlias

from attrs import define, field

from kalshi_ext.sandbox.faults import Plan, Rule
from kalshi_ext.sandbox.faults.catalogue import Layer
from kalshi_ext.sandbox.proxy.fate import Fate
from kalshi_ext.sandbox.proxy.passage import Passage
from kalshi_ext.sandbox.proxy.relay import Relay

Names: TypeAlias = Callable[[str, str], tuple[str, ...]]


def plain_names(method: str, path: str) -> tuple[str, ...]:
    """Name a request by method and path, where nothing more is known."""
    return (f"{method} {path}",)


@define
class Proxy:
    """Stand between clients and a server."""

    target: tuple[str, int]
    plan: Plan = field(factory=Plan)
    names: Names = plain_names
    """All the names that a method and a path go by."""
    opaque: bool = False
    """Carry bytes without reading them (TLS that ends elsewhere): connection faults only."""
    fired: list[Passage] = field(factory=list[Passage])
    """What a fault acted on, in order."""
    connections: int = 0
    _server: asyncio.Server | None = None
    _relays: set[Relay] = field(factory=set[Relay])

    async def start(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a listening socket."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Relay(self).client_end(), sock=sock, ssl=tls
        )

    async def stop(self) -> None:
        """Accept no more, and break what is open."""
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.drop()

    def opened(self, relay: Relay) -> Fate:
        """Count a connection and decide what befalls it."""
        self._relays.add(relay)
        self.connections += 1
        return Fate(self._follow("connection", ("connection",), self.connections))

    def closed(self, relay: Relay) -> None:
        """Forget a connection."""
        self._relays.discard(relay)

    def passage(self, head: bytes, connection: int) -> Passage:
        """Begin to follow a request, with the fault that awaits it."""
        method, path = _request_line(head)
        passage = self._follow("network", self.names(method, path), connection)
        passage.bodiless = method == "HEAD"
        return passage

    def _follow(self, layer: Layer, names: tuple[str, ...], connection: int) -> Passage:
        rule: Rule | None = self.plan.take(layer, names=names) if self.plan.rules else None
        passage = Passage(names[0], rule, connection)
        if rule is not None:
            self.fired.append(passage)
        return passage


def _request_line(head: bytes) -> tuple[str, str]:
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3:
        return "?", "?"
    return words[0], words[1].partition("?")[0]
