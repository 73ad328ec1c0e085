"""Load root certificates when the first TLS connection needs them, not before."""

from __future__ import annotations

import ssl
import threading

import httpx


class TlsContext:
    """Give the TLS context for connections: the caller's, or httpx's default, made once.

    Making the default takes 30 ms, which a client of a sandbox on this machine never needs.
    Until then `stand_in` is handed to the pool; it trusts nobody, so that a mistake here fails.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._lock = threading.Lock()
        self._context = context
        self.placeholder = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def context(self, asked: ssl.SSLContext) -> ssl.SSLContext:
        """Give the context to use where the pool asks for `asked`."""
        if asked is not self.placeholder:
            return asked
        with self._lock:
            if self._context is None:
                self._context = httpx.create_ssl_context(trust_env=False)
                self._context.set_alpn_protocols(["http/1.1"])
        return self._context
