"""Run an exchange in this process: the API's port, the admin port, the proxy.

```text
client ── proxy (TLS ends here, network faults act) ── uvicorn ── ExchangeApp ── SimulatedExchange
tests, page ── uvicorn ── AdminApi ── AdminCommands ── SimulatedExchange
```

All of it shares one event loop and one thread, so nothing here needs a lock. Without proxy and
TLS the client's port is uvicorn's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import uvicorn
from attrs import asdict, define, field
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kalshi_ext.sandbox.admin_api import AdminApi, AdminCommands
from kalshi_ext.sandbox.bootstrap import open_exchange
from kalshi_ext.sandbox.clock import http_date
from kalshi_ext.sandbox.exchange import SimulatedExchange
from kalshi_ext.sandbox.http_messages import (
    MAX_BODY,
    Message,
    Receive,
    Send,
    error_response,
    read_body,
    request_from_asgi,
    send_response,
)
from kalshi_ext.sandbox.loopback import HOST, listen, open_authority, port_of
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.proxy.proxy import Proxy, RequestNames
from kalshi_ext.sandbox.routes import BASE_PATH, NoMatch
from kalshi_ext.sandbox.state_file import StateFile

if TYPE_CHECKING:
    from kalshi_ext.sandbox.ui.app import UiApp


@define
class Announcement:
    """Tell where an exchange is and how to reach it."""

    url: str
    direct_url: str
    """The exchange without the proxy in front."""
    admin_url: str
    admin_token: str = field(repr=False)
    credentials: list[dict[str, Any]] = field(repr=False)
    ca_pem: str | None = None
    ui_url: str | None = field(default=None, repr=False)
    """The page; the token is in its fragment."""

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        return asdict(self)


@define
class ExchangeApp:
    """The exchange as an ASGI application: requests in the order they are complete."""

    exchange: SimulatedExchange

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        if body is None:  # a request that did not come whole never happened
            return
        if len(body) > MAX_BODY:
            response = error_response(413, "body_too_large")
        else:
            response = self.exchange.serve(request_from_asgi(scope, body))
        await send_response(response, send, (b"date", http_date(self.exchange.clock.now())))


async def serve(
    options: Options, announce: Callable[[Announcement], None], stop: asyncio.Event
) -> None:
    """Serve until stop is set; announce as soon as connections are accepted."""
    exchange = open_exchange(options)
    proxied = options.proxy or options.tls
    api_socket, admin_socket = listen(0 if proxied else options.port), listen(0)
    names = _request_names(exchange)
    proxy = Proxy((HOST, port_of(api_socket)), exchange.faults, names=names)
    admin_api = AdminApi(AdminCommands(exchange, options, proxy), secrets.token_urlsafe(24))
    servers = {_server(ExchangeApp(exchange)): api_socket, _server(admin_api): admin_socket}
    tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers.items()]
    announcement = _announcement(admin_api, api_socket, admin_socket)
    if proxied:
        await _start_proxy(proxy, options, announcement, exchange.state_file)
    ui = _add_ui(admin_api, announcement) if options.ui else None
    announce(announcement)
    await stop.wait()
    if ui is not None:
        ui.close()
    await proxy.stop()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)
    # Last: a request that was still being answered is in the log.
    if exchange.state_file is not None:
        exchange.state_file.close()


async def _start_proxy(
    proxy: Proxy, options: Options, announcement: Announcement, state_file: StateFile | None
) -> None:
    sock = listen(options.port)
    authority = open_authority(state_file) if options.tls else None
    await proxy.start(sock, tls=authority.context() if authority else None)
    scheme = "https" if authority else "http"
    announcement.url = f"{scheme}://{HOST}:{port_of(sock)}{BASE_PATH}"
    announcement.ca_pem = authority.pem if authority else None


def _announcement(
    admin_api: AdminApi, api_socket: socket.socket, admin_socket: socket.socket
) -> Announcement:
    url = f"http://{HOST}:{port_of(api_socket)}{BASE_PATH}"
    return Announcement(
        url=url,
        direct_url=url,
        admin_url=f"http://{HOST}:{port_of(admin_socket)}",
        admin_token=admin_api.token,
        credentials=admin_api.commands.keys(),
    )


def _add_ui(admin_api: AdminApi, announcement: Announcement) -> UiApp:
    from kalshi_ext.sandbox.ui.app import UiApp  # Starlette only for those who look

    commands = admin_api.commands
    ui = UiApp(
        commands.exchange,
        admin_api.authorized,
        contract=commands.options.contract,
        url=announcement.url,
    )
    admin_api.ui = ui.app()
    announcement.ui_url = f"{announcement.admin_url}/#{admin_api.token}"
    return ui


def _request_names(exchange: SimulatedExchange) -> RequestNames:
    """Let the proxy name requests by operationId too, as the exchange does."""

    def names(method: str, path: str) -> tuple[str, ...]:
        plain = f"{method} {path}"
        match = exchange.routes.find(method, path)
        return (plain,) if isinstance(match, NoMatch) else (match.operation.id, plain)

    return names


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Two servers share one loop: the process decides what a signal means, not each of them.
        yield


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=_CoalescingProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        date_header=False,  # the exchange's clock gives the Date, not this machine's
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


class _CoalescingProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a transport that sends a whole answer in one packet."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows asyncio's parameter
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(_CoalescingTransport(transport, self.loop))


class _CoalescingTransport(asyncio.Transport):
    """Join the writes of one turn of the event loop.

    uvicorn writes head and body apart, and each write is a system call: a quarter of what a small
    answer costs (measured: 55 of 257 us).
    """

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner, self._loop = inner, loop
        self._pending: list[bytes | bytearray | memoryview[Any]] = []

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def close(self) -> None:
        # The inner transport flushes only what it was given.
        self._flush()
        self._inner.close()

    def abort(self) -> None:
        self._pending.clear()
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

    def _flush(self) -> None:
        if self._pending:
            data, self._pending = b"".join(self._pending), []
            if not self._inner.is_closing():  # the client may have gone in the middle of answers
                self._inner.write(data)
