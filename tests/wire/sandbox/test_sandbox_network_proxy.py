"""The proxy works in front of servers that are not the sandbox, TLS included."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sandbox_client import SignedClient, signed_client

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox import NetworkProxy, Sandbox


@pytest.fixture(scope="module")
def tls_sandbox() -> Iterator[Sandbox]:
    with Sandbox(tls=True, seed_data=False) as sandbox:
        yield sandbox


def _client_through(sandbox: Sandbox, proxy: NetworkProxy) -> SignedClient:
    return SignedClient(proxy.url, sandbox.key_id, sandbox.private_key, sandbox.ca_pem)


def test_plain_requests_are_named_by_method_and_path(exchange: Sandbox) -> None:
    with NetworkProxy(exchange.direct_url) as proxy, _client_through(exchange, proxy) as caller:
        proxy.faults.add("reset_response", operation="GET */balance", skip=1)
        assert caller.call("GET", "/portfolio/balance").status == 200
        with pytest.raises(ConnectionError):
            caller.call("GET", "/portfolio/balance")
        assert caller.call("GET", "/portfolio/balance").status == 200
        [fired] = proxy.faults.fired()
    assert (fired["name"], fired["returned"]) == ("GET /trade-api/v2/portfolio/balance", 0)
    assert fired["answered"] > 0


def test_tls_is_carried_unread_and_breaks_at_the_byte(tls_sandbox: Sandbox) -> None:
    with NetworkProxy(tls_sandbox.url) as proxy, _client_through(tls_sandbox, proxy) as caller:
        proxy.faults.add("cut_down", skip=1, at=40)
        assert caller.call("GET", "/portfolio/balance").status == 200
        caller.close()
        with pytest.raises((ConnectionError, ssl.SSLError)):
            caller.call("GET", "/portfolio/balance")
        assert caller.call("GET", "/portfolio/balance").status == 200
        [fired] = proxy.faults.fired()
    assert fired["answered"] >= 40


def test_a_stalled_handshake_never_ends(tls_sandbox: Sandbox) -> None:
    with NetworkProxy(tls_sandbox.url) as proxy:
        proxy.faults.add("stall")
        address = urlsplit(proxy.url)
        context = ssl.create_default_context(cadata=tls_sandbox.ca_pem)
        sock = socket.create_connection((address.hostname, address.port), timeout=0.3)
        with sock, pytest.raises(TimeoutError):
            context.wrap_socket(sock, server_hostname="127.0.0.1")


def test_faults_that_must_read_are_refused_on_tls(tls_sandbox: Sandbox) -> None:
    with NetworkProxy(tls_sandbox.url) as proxy:
        with pytest.raises(Misuse, match="TLS hides"):
            proxy.faults.add("reset_response")
        with pytest.raises(Misuse, match="inside the sandbox"):
            proxy.faults.add("html")


def test_the_sandbox_ends_tls_itself_so_every_fault_works_there(tls_sandbox: Sandbox) -> None:
    tls_sandbox.reset()
    assert tls_sandbox.url.startswith("https://")
    with signed_client(tls_sandbox) as caller:
        tls_sandbox.faults.add("reset_response", operation="GetBalance", skip=1)
        assert caller.call("GET", "/portfolio/balance").status == 200
        with pytest.raises((ConnectionError, ssl.SSLError)):
            caller.call("GET", "/portfolio/balance")
    assert len(tls_sandbox.truth.requests()) == 2


def test_only_who_trusts_the_authority_connects(tls_sandbox: Sandbox) -> None:
    stranger = SignedClient(tls_sandbox.url, tls_sandbox.key_id, tls_sandbox.private_key)
    with stranger, pytest.raises(ssl.SSLCertVerificationError):
        stranger.call("GET", "/portfolio/balance")


def test_a_target_that_is_no_url_is_refused() -> None:
    with pytest.raises(Misuse, match="target"):
        NetworkProxy("localhost:80")


def test_a_target_that_is_not_there_resets(exchange: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    proxy = NetworkProxy(f"http://127.0.0.1:{port}")
    with proxy, _client_through(exchange, proxy) as caller, pytest.raises(ConnectionError):
        caller.call("GET", "/portfolio/balance")
