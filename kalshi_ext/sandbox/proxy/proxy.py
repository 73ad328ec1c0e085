"""Accept connections, carry them to a server, and let the fault rules act on their bytes.

`Proxy` runs in an event loop and chooses the fault of each connection and request. `NetworkProxy`
gives it a thread of its own, so that a test or a notebook can put it in front of any server.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

from attrs import define, field, frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.faults import CATALOGUE, FaultPlan, FaultRule
from kalshi_ext.sandbox.faults.rules import Layer
from kalshi_ext.sandbox.loopback import HOST, listen, loop_factory, port_of
from kalshi_ext.sandbox.proxy.byte_faults import ConnectionFault, MessageFault
from kalshi_ext.sandbox.proxy.relay import Relay

RequestNames: TypeAlias = Callable[[str, str], tuple[str, ...]]
"""Give all the names that a method and a path go by, the best one first."""
_T = TypeVar("_T")


def plain_names(method: str, path: str) -> tuple[str, ...]:
    """Name a request by method and path, where nothing more is known."""
    return (f"{method} {path}",)


@define
class Proxy:
    """Stand between clients and a server."""

    target: tuple[str, int]
    plan: FaultPlan = field(factory=FaultPlan)
    names: RequestNames = plain_names
    opaque: bool = False
    """Carry bytes without reading them (TLS that ends elsewhere): connection faults only."""
    fired: list[MessageFault] = field(factory=list[MessageFault])
    """What a fault acted on, in order."""
    connections: int = 0
    _server: asyncio.Server | None = None
    _relays: set[Relay] = field(factory=set[Relay])

    async def start(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a listening socket."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Relay(self).client_endpoint(), sock=sock, ssl=tls
        )

    async def stop(self) -> None:
        """Accept no more, and break what is open."""
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.drop()

    def opened(self, relay: Relay) -> ConnectionFault:
        """Count a connection and choose its fault."""
        self._relays.add(relay)
        self.connections += 1
        return ConnectionFault(self._follow("connection", ("connection",), self.connections))

    def closed(self, relay: Relay) -> None:
        """Forget a connection."""
        self._relays.discard(relay)

    def message_fault(self, head: bytes, connection: int) -> MessageFault:
        """Begin to follow a request, with the fault chosen for it."""
        method, path = _request_line(head)
        fault = self._follow("network", self.names(method, path), connection)
        fault.bodiless = method == "HEAD"
        return fault

    def _follow(self, layer: Layer, names: tuple[str, ...], connection: int) -> MessageFault:
        # Without rules nothing is counted, and a request costs the proxy nothing here.
        rule = self.plan.due_rule(layer, names=names) if self.plan.rules else None
        fault = MessageFault(names[0], rule, connection)
        if rule is not None:
            self.fired.append(fault)
        return fault


def _request_line(head: bytes) -> tuple[str, str]:
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3:  # not HTTP
        return "?", "?"
    return words[0], words[1].partition("?")[0]


@frozen
class ProxyFaults:
    """Switch network faults on and off, in the words of Sandbox.faults."""

    _network: NetworkProxy

    def add(self, kind: str, /, **rule: Any) -> int:
        """Add a fault of the network or connection layer and give its number."""
        fault_rule = FaultRule.from_data({"kind": kind, **rule})
        layer = CATALOGUE[fault_rule.kind].layer
        if layer == "answer":
            raise Misuse(f"kind: {kind} happens inside the sandbox, a proxy cannot do it")
        if layer == "network" and self._network.opaque:
            raise Misuse(f"kind: {kind} needs to read requests; TLS hides them from a proxy")
        return self._network.run(lambda proxy: proxy.plan.add(fault_rule).number)

    def remove(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        self._network.run(lambda proxy: proxy.plan.remove(number))

    def list(self) -> Sequence[dict[str, Any]]:
        """List the rules with how often they matched and acted."""
        return self._network.run(lambda proxy: [rule.to_data() for rule in proxy.plan.rules])

    def fired(self) -> Sequence[dict[str, Any]]:
        """List what the faults acted on, with the bytes each way."""
        return self._network.run(lambda proxy: [fault.to_data() for fault in proxy.fired])


class NetworkProxy:
    """Break the network in front of a server for the length of a with-block.

    http targets: faults for each request, named "METHOD /path". https targets are carried
    unread: faults for each connection, at any byte of the encrypted stream; the client must
    accept a certificate that names the target while it connects to 127.0.0.1.
    """

    def __init__(self, target: str, *, seed: int = 0) -> None:
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misuse(f"target: an http or https URL, not {target!r}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.opaque = parts.scheme == "https"
        self._proxy = Proxy((parts.hostname, port), opaque=self.opaque)
        self._proxy.plan.seed = seed
        self._socket = listen(0)  # the port is known, and clients may queue, before the start
        netloc = f"{HOST}:{port_of(self._socket)}"
        self.url = urlunsplit(parts._replace(netloc=netloc))
        self._loop = loop_factory()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.faults = ProxyFaults(self)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._proxy.start(self._socket), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, action: Callable[[Proxy], _T]) -> _T:
        """Do something in the proxy's own thread, where its rules are read without a lock."""

        async def in_loop() -> _T:
            return action(self._proxy)

        return asyncio.run_coroutine_threadsafe(in_loop(), self._loop).result()
