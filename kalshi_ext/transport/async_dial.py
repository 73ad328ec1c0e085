"""Look a name up and connect on an event loop; `dial.py` does it for threads."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

from kalshi_ext.transport import failures
from kalshi_ext.transport.dial import (
    Found,
    addresses_found,
    is_address,
    start_look_up,
    time_share,
    tuned,
)


async def connect_async(host: str, port: int, limit: float | None) -> socket.socket:
    """Connect on the running loop; otherwise like `connect`. The socket does not block."""
    deadline = None if limit is None else time.monotonic() + limit
    addresses = await look_up_async(host, port, limit)
    last_error: Exception = failures.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = time_share(deadline, len(addresses) - tried)
        try:
            async with asyncio.timeout(share):
                return await _connect_to(address, port)
        except TimeoutError:
            last_error = failures.ConnectTimeout(f"{address} did not answer in time")
        except OSError as error:
            last_error = failures.ConnectError(f"{address}: {error}")
    raise last_error


async def _connect_to(address: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await loop.sock_connect(made, (address, port))
        return tuned(made)
    except BaseException:  # a cancelled task, too
        # A coroutine that is collected leaves the loop watching a number that is soon another's.
        with suppress(RuntimeError):
            loop.remove_writer(made)
        made.close()
        raise


async def look_up_async(host: str, port: int, limit: float | None) -> list[str]:
    """Look a host up on the running loop; otherwise like `look_up`."""
    if is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Found] = loop.create_future()

    def settle(found: Found) -> None:
        if not result.done():
            result.set_result(found)

    def deliver(found: Found) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    start_look_up(host, port, deliver)
    try:
        async with asyncio.timeout(limit):
            found = await result
    except TimeoutError:
        raise failures.ConnectTimeout(f"no address of {host} in time") from None
    return addresses_found(host, found)
