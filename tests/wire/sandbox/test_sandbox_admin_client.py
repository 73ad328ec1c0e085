"""The connection of a sandbox's admin side outlives long pauses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from kalshi_ext.sandbox import admin_client
from kalshi_ext.sandbox.admin_client import AdminClient

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"result":"ok"}'


@pytest.fixture
def forgetful() -> Iterator[str]:
    """Serve one answer on each connection, then close it without having said so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n{}"):  # closing on unread bytes would reset
                request += connection.recv(65536)
            connection.sendall(ANSWER)


def test_a_connection_that_was_quiet_for_long_is_not_used_again(
    forgetful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_client, "MAX_IDLE", 0.0)  # every pause is a long one
    client = AdminClient(forgetful, "token")
    assert [client.run("reset") for _ in range(3)] == ["ok", "ok", "ok"]
    client.close()
