"""Listen on loopback: the socket, the event loop, and a certificate that clients can trust."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, cast

from attrs import frozen

from kalshi_ext.sandbox.state_file import StateFile

if TYPE_CHECKING:
    import trustme

HOST = "127.0.0.1"
_ConfigureCert: TypeAlias = Callable[[ssl.SSLContext], None]


def listen(port: int) -> socket.socket:
    """Listen on loopback; from here on connections queue up even before they are accepted."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A restart on the same port must not wait for old connections in TIME_WAIT.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port}: {error.strerror}") from error
    return sock


def port_of(sock: socket.socket) -> int:
    """Read the port a socket listens on."""
    return int(sock.getsockname()[1])


def loop_factory() -> asyncio.AbstractEventLoop:
    """Make a uvloop where it is installed (not on Windows), else asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@frozen
class Authority:
    """Hold a certificate authority that lives as long as its sandbox (or its state file)."""

    ca: trustme.CA

    @property
    def pem(self) -> str:
        """The certificate to trust, as PEM text."""
        return self.ca.cert_pem.bytes().decode()

    def context(self) -> ssl.SSLContext:
        """Make the server's side of TLS for 127.0.0.1 and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = self.ca.issue_cert("localhost", HOST)
        # trustme's own type also names a class of pyOpenSSL, which is not installed.
        cast("_ConfigureCert", leaf.configure_cert)(context)  # pyright: ignore[reportUnknownMemberType]
        return context


def open_authority(state_file: StateFile | None) -> Authority:
    """Make an authority, or take the one in the state file: clients go on trusting it."""
    import trustme  # a twentieth of a second, which only tls=True needs to spend

    data = state_file.get("authority") if state_file is not None else None
    if data:
        return Authority(trustme.CA.from_pem(data["cert"].encode(), data["key"].encode()))
    ca = trustme.CA()
    if state_file is not None:
        key = ca.private_key_pem.bytes().decode()
        state_file.put("authority", {"cert": ca.cert_pem.bytes().decode(), "key": key})
    return Authority(ca)
