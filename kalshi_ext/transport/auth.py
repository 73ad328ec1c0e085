"""Sign the requests of a client of httpx's, with the signers of this library."""

from __future__ import annotations

from collections.abc import Callable, Generator

from kalshi_ext.config import is_loopback
from kalshi_ext.errors import Misuse
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.signing import Signer, wall_clock_ms


class KalshiAuth(httpx.Auth):
    """Sign the requests of a plain httpx client, for use with the generated packages alone.

    Keep `follow_redirects` off, as it is by default: httpx would send the headers on to the
    redirect's host. A client of httpx2 takes it as well, as a function.
    """

    def __init__(self, signer: Signer, *, clock: Callable[[], int] = wall_clock_ms) -> None:
        self._signer = signer
        self._clock = clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signer's headers. Raises Misuse for plain http to another machine."""
        yield self(request)

    def __call__(self, request: httpx.Request) -> httpx.Request:
        """Add the signer's headers, likewise."""
        # Here, because such a client is built without config.environment, which refuses http URLs.
        url = request.url
        if url.scheme != "https" and not is_loopback(url.host):
            raise Misuse(f"url={url.scheme}://{url.host}: credentials travel over https only")
        request.headers.update(self._signer.headers(request.method, url.raw_path, self._clock()))
        return request
