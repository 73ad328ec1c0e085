"""Run an exchange in this process: the exchange's port, the admin port, the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import uvicorn
from attrs import asdict, define, field

from kalshi_ext.sandbox.app import App
from kalshi_ext.sandbox.backstage import Backstage
from kalshi_ext.sandbox.console import Console
from kalshi_ext.sandbox.cork import CorkedProtocol
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.founding import found
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.proxy.proxy import Names, Proxy
from kalshi_ext.sandbox.routes import BASE_PATH, NoMatch
from kalshi_ext.sandbox.store import Store

if TYPE_CHECKING:
    from kalshi_ext.sandbox.window.window import Window

HOST = "127.0.0.1"


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
    """The window; the token is in its fragment."""

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        return asdict(self)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Two servers share one loop: the process decides what a signal means, not each of them.
        yield


async def serve(
    options: Options, announce: Callable[[Announcement], None], leave: asyncio.Event
) -> None:
    """Serve until leave is set; announce as soon as connections are accepted."""
    exchange = found(options)
    fronted = options.proxy or options.tls
    inner = listen(0 if fronted else options.port)
    proxy = Proxy((HOST, port_of(inner)), exchange.faults, names=_names(exchange))
    console = Console(exchange, options, proxy)
    backstage, back = Backstage(console, secrets.token_urlsafe(24)), listen(0)
    servers = {_server(App(exchange)): inner, _server(backstage): back}
    running = [
        asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers.items()
    ]
    announcement = _announcement(backstage, inner, back)
    if fronted:
        await _front(proxy, options, announcement, exchange.store)
    window = _window(backstage, announcement) if options.ui else None
    announce(announcement)
    await leave.wait()
    if window is not None:
        window.close()
    await proxy.stop()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*running)
    if exchange.store is not None:
        exchange.store.close()


async def _front(
    proxy: Proxy, options: Options, announcement: Announcement, store: Store | None
) -> None:
    from kalshi_ext.sandbox.tls import authority  # a twentieth of a second few need to spend

    outer = listen(options.port)
    tls = authority(store) if options.tls else None
    await proxy.start(outer, tls=tls.context() if tls else None)
    announcement.url = f"{'https' if tls else 'http'}://{HOST}:{port_of(outer)}{BASE_PATH}"
    announcement.ca_pem = tls.pem if tls else None


def _announcement(backstage: Backstage, inner: socket.socket, back: socket.socket) -> Announcement:
    url = f"http://{HOST}:{port_of(inner)}{BASE_PATH}"
    return Announcement(
        url=url,
        direct_url=url,
        admin_url=f"http://{HOST}:{port_of(back)}",
        admin_token=backstage.token,
        credentials=backstage.console.keys(),
    )


def _window(backstage: Backstage, announcement: Announcement) -> Window:
    from kalshi_ext.sandbox.window.window import Window  # Starlette only for those who look

    console = backstage.console
    contract, url = console.options.contract, announcement.url
    window = Window(console.exchange, backstage.admits, contract=contract, url=url)
    backstage.window = window.app()
    announcement.ui_url = f"{announcement.admin_url}/#{backstage.token}"
    return window


def _names(exchange: Exchange) -> Names:
    def names(method: str, path: str) -> tuple[str, ...]:
        plain = f"{method} {path}"
        match = exchange.routes.find(method, path)
        return (plain,) if isinstance(match, NoMatch) else (match.operation.id, plain)

    return names


def port_of(sock: socket.socket) -> int:
    """Read the port a socket listens on."""
    return int(sock.getsockname()[1])


def listen(port: int) -> socket.socket:
    """Listen on loopback; from here on connections queue up even before they are accepted."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port}: {error.strerror}") from error
    return sock


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=CorkedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


def loop_factory() -> asyncio.AbstractEventLoop:
    """Make the fastest loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
