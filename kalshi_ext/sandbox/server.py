"""Run an exchange in this process: the exchange's port, the admin port, the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from attrs import asdict, define, field

from kalshi_ext.sandbox.app import App
from kalshi_ext.sandbox.backstage import Backstage
from kalshi_ext.sandbox.console import Console
from kalshi_ext.sandbox.founding import found
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.routes import BASE_PATH

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
    ui_url: str | None = None

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        return asdict(self)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Two servers share one loop: the process decides what a signal means, not each of them.
        yield


async def serve(
    options: Options, announce: Callable[[Announcement], None], leave: asyncio.Event
) -> None:
    """Serve until leave is set; announce as soon as connections are accepted."""
    exchange = found(options)
    console = Console(exchange, options)
    backstage = Backstage(console, secrets.token_urlsafe(24))
    front, back = listen(options.port), listen(0)
    servers = [_server(App(exchange)), _server(backstage.app())]
    running = [
        asyncio.create_task(server.serve(sockets=[sock]))
        for server, sock in zip(servers, (front, back), strict=True)
    ]
    url = f"http://{HOST}:{front.getsockname()[1]}{BASE_PATH}"
    announce(
        Announcement(
            url=url,
            direct_url=url,
            admin_url=f"http://{HOST}:{back.getsockname()[1]}",
            admin_token=backstage.token,
            credentials=[
                console.run("keys.of", {"account": known.account})
                for known in exchange.gate.keyring.issued
            ],
        )
    )
    await leave.wait()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*running)
    if exchange.store is not None:
        exchange.store.close()


def listen(port: int) -> socket.socket:
    """Listen on loopback; from here on connections queue up even before they are accepted."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    sock.listen(2048)
    return sock


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        date_header=False,
        server_header=False,
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
