"""What the environment says of proxies and certificates does not move a client."""

from __future__ import annotations

import ssl

import pytest

from kalshi_ext import Kalshi
from kalshi_ext.sandbox import Sandbox


def test_proxies_and_authorities_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable that somebody set on the machine must not send orders or trust elsewhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Sandbox(tls=True) as box:
        trusted = ssl.create_default_context(cadata=box.ca_pem)
        with Kalshi(bearer_token=box.token, environment=box.url, verify=trusted) as client:
            assert client.exchange.status().exchange_active
