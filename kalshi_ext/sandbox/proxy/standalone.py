"""Put the proxy in front of any server, from a test or a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from attrs import frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.faults import CATALOGUE, Rule
from kalshi_ext.sandbox.proxy.proxy import Proxy
from kalshi_ext.sandbox.server import HOST, listen, loop_factory, port_of

_T = TypeVar("_T")


@frozen
class ProxyFaults:
    """Switch network faults on and off, in the words of Sandbox.faults."""

    _network: NetworkProxy

    def add(self, kind: str, /, **rule: Any) -> int:
        """Add a fault of the network or connection layer and give its number."""
        made = Rule.from_data({"kind": kind, **rule})
        layer = CATALOGUE[made.kind].layer
        if layer == "answer":
            raise Misuse(f"kind: {kind} happens inside the sandbox, a proxy cannot do it")
        if layer == "network" and self._network.opaque:
            raise Misuse(f"kind: {kind} needs to read requests; TLS hides them from a proxy")
        return self._network.run(lambda proxy: proxy.plan.add(made).number)

    def remove(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        self._network.run(lambda proxy: proxy.plan.remove(number))

    def list(self) -> Sequence[dict[str, Any]]:
        """List the rules with how often they matched and acted."""
        return self._network.run(lambda proxy: [rule.to_data() for rule in proxy.plan.rules])

    def fired(self) -> Sequence[dict[str, Any]]:
        """List what the faults acted on, with the bytes each way."""
        return self._network.run(lambda proxy: [one.to_data() for one in proxy.fired])


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
        self._socket = listen(0)
        netloc = f"{HOST}:{port_of(self._socket)}"
        self.url = urlunsplit(parts._replace(netloc=netloc))
        self._loop = loop_factory()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.faults = ProxyFaults(self)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._proxy.start(self._socket), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, what: Callable[[Proxy], _T]) -> _T:
        """Do something with the proxy in its own thread."""

        async def there() -> _T:
            return what(self._proxy)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()
