"""The TLS context of a client, made when the first TLS connection needs it."""

from __future__ import annotations

import ssl
import threading

from kalshi_ext.arguments import misuse
from kalshi_ext.redact import is_a
from kalshi_ext.transport.family import default_tls_context


class TlsContext:
    """Provide the TLS context of connections: the caller's, or httpx's default, made once.

    httpcore's pools are built with `placeholder`; `replaced` gives the real one at the handshake.
    """

    # Loading the default's root certificates takes 30 ms (measured), which a client of a sandbox on
    # this machine never needs. The placeholder trusts no certificate: a mistake here fails closed.

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._lock = threading.RLock()
        self._context = context
        self.placeholder = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def context(self) -> ssl.SSLContext:
        """Return the context of connections to the exchange."""
        with self._lock:
            if self._context is None:
                self._context = default_tls_context()
                # HTTP/2 is never negotiated.
                self._context.set_alpn_protocols(["http/1.1"])
        return self._context

    async def context_async(self) -> ssl.SSLContext:
        """Return the context; the event loop is not kept from its work while it is made."""
        import asyncio  # late: a sync client does without it

        ready = self._context
        return await asyncio.to_thread(self.context) if ready is None else ready

    def replaced(self, requested: ssl.SSLContext) -> ssl.SSLContext:
        """Return the context to use where a pool asks for `requested`."""
        return self.context() if requested is self.placeholder else requested


def checked_verify(verify: object) -> ssl.SSLContext | None:
    """Return the TLS context of an argument, None for the default. Raises Misuse."""
    if verify is None or verify is True or is_a(verify, ssl.SSLContext):
        return verify if is_a(verify, ssl.SSLContext) else None
    raise misuse(
        "verify",
        verify,
        "certificates are always checked; for roots of your own give an ssl.SSLContext, "
        "like ssl.create_default_context(cafile=...)",
    )
