"""A bare signing HTTP client for the sandbox's own tests.

It shares no line with the library's client: a mistake made twice would hide itself.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TICKER = "KXRAIN-26DEC31-NYC"
OTHER_TICKER = "KXRAIN-26DEC31-CHI"
BTC = "KXBTC-26DEC31-B100"


@frozen
class HttpAnswer:
    """One response: status, headers (names in lower case) and raw body."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str | None:
        error = self.json.get("error", self.json)
        return error.get("code") if isinstance(error, dict) else None


@define
class SignedClient:
    """Sign and send requests over one connection."""

    url: str
    key_id: str
    pem: str
    ca_pem: str | None = None
    skew: float = 0
    timeout: float = 60
    _connection: http.client.HTTPConnection | None = None
    _key: Any = field(default=None)

    def sign(self, method: str, path: str, at: float | None = None) -> dict[str, str]:
        self._key = self._key or load_pem_private_key(self.pem.encode(), None)
        stamp = str(int(((at or time.time()) + self.skew) * 1000))
        text = (stamp + method + path).encode()
        if isinstance(self._key, RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            signature = self._key.sign(text, pss, hashes.SHA256())
        else:
            signature = self._key.sign(text)
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request below the base path; headers replace the signed ones when given."""
        base = urlsplit(self.url).path
        auth_headers = (
            self.sign(method, base + path.partition("?")[0]) if headers is None else headers
        )
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        content_type = {"Content-Type": "application/json"} if data is not None else {}
        connection = self._connect()
        try:
            connection.request(method, base + path, data, {**content_type, **auth_headers})
            answer = connection.getresponse()
            return HttpAnswer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        except BaseException:
            self.close()
            raise

    def place(self, name: str = "", /, **changes: Any) -> HttpAnswer:
        """Place a V2 order; a resting bid for one contract unless told otherwise."""
        return self.call("POST", "/portfolio/events/orders", order_body(name, **changes))

    def __enter__(self) -> SignedClient:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            address = urlsplit(self.url)
            if address.scheme == "https":
                context = ssl.create_default_context(cadata=self.ca_pem)
                self._connection = http.client.HTTPSConnection(
                    address.hostname, address.port, timeout=self.timeout, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(
                    address.hostname, address.port, timeout=self.timeout
                )
        return self._connection


def signed_client(sandbox: Any, account: str | None = None, **options: Any) -> SignedClient:
    """Make a client for the first account, or another."""
    key = sandbox.account(account) if account else sandbox
    return SignedClient(sandbox.url, key.key_id, key.private_key, sandbox.ca_pem, **options)


def order_body(name: str = "", /, **changes: Any) -> dict[str, Any]:
    """Describe a resting bid for one contract."""
    body = {
        "ticker": TICKER,
        "side": "bid",
        "count": "1.00",
        "price": "0.10",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    if name:
        body["client_order_id"] = name
    return {**body, **changes}
