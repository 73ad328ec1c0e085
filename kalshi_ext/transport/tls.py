"""The TLS context of a client, made when the first TLS connection needs it."""

from __future__ import annotations

import ssl
import threading

import httpx


class TlsContext:
    """Provide the TLS context of connections: the caller's, or httpx's default, made once.

    The pool is built with `placeholder`; `context` replaces it at the handshake.
    """

    # Loading the default's root certificates takes 30 ms (measured), which a client of a sandbox on
    # this machine never needs. The placeholder trusts no certificate: a mistake here fails closed.

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._lock = threading.Lock()
        self._context = context
        self.placeholder = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def context(self, requested: ssl.SSLContext) -> ssl.SSLContext:
        """Return the context to use where the pool asks for `requested`."""
        if requested is not self.placeholder:
            return requested
        with self._lock:
            if self._context is None:
                self._context = httpx.create_ssl_context(trust_env=False)
                # httpcore sets this on the placeholder only. HTTP/2 is never negotiated.
                self._context.set_alpn_protocols(["http/1.1"])
        return self._context
