"""Make a certificate for loopback, and the authority a client must trust for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeAlias, cast

import trustme
from attrs import frozen

from kalshi_ext.sandbox.store import Store

_Configure: TypeAlias = Callable[[ssl.SSLContext], None]


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
        leaf = self.ca.issue_cert("localhost", "127.0.0.1")
        # trustme's own type also names a class of pyOpenSSL, which is not installed.
        cast("_Configure", leaf.configure_cert)(context)  # pyright: ignore[reportUnknownMemberType]
        return context


def authority(store: Store | None) -> Authority:
    """Make an authority, or take the one in the state file: clients go on trusting it."""
    kept = store.get("authority") if store is not None else None
    if kept:
        ca = trustme.CA.from_pem(kept["cert"].encode(), kept["key"].encode())
        return Authority(ca)
    ca = trustme.CA()
    if store is not None:
        key = ca.private_key_pem.bytes().decode()
        store.put("authority", {"cert": ca.cert_pem.bytes().decode(), "key": key})
    return Authority(ca)
