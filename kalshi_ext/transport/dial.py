"""Look a name up and connect, within a bound: what `socket.create_connection` does not do.

It looks a name up for as long as the system likes and then gives each address the whole time. Here
a look-up runs on a thread that can be left behind, and each address gets its share of what is left.
"""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from kalshi_ext.transport.family import httpx

Found = list[str] | Exception


def connect(host: str, port: int, limit: float | None) -> socket.socket:
    """Connect to a host within `limit` seconds. Raises ConnectError or ConnectTimeout."""
    deadline = None if limit is None else time.monotonic() + limit
    addresses = look_up(host, port, limit)
    last_error: Exception = httpx.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = time_share(deadline, len(addresses) - tried)
        try:
            return _tuned(socket.create_connection((address, port), share))
        except TimeoutError:
            last_error = httpx.ConnectTimeout(f"{address} did not answer in time")
        except OSError as error:
            last_error = httpx.ConnectError(f"{address}: {error}")
    raise last_error


async def connect_async(host: str, port: int, limit: float | None) -> socket.socket:
    """Connect on the running loop; otherwise like `connect`. The socket does not block."""
    deadline = None if limit is None else time.monotonic() + limit
    addresses = await look_up_async(host, port, limit)
    last_error: Exception = httpx.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = time_share(deadline, len(addresses) - tried)
        try:
            async with asyncio.timeout(share):
                return await _connect_to(address, port)
        except TimeoutError:
            last_error = httpx.ConnectTimeout(f"{address} did not answer in time")
        except OSError as error:
            last_error = httpx.ConnectError(f"{address}: {error}")
    raise last_error


async def _connect_to(address: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await loop.sock_connect(made, (address, port))
        return _tuned(made)
    except BaseException:  # a cancelled task, too
        # A coroutine that is collected leaves the loop watching a number that is soon another's.
        with suppress(RuntimeError):
            loop.remove_writer(made)
        made.close()
        raise


def _tuned(made: socket.socket) -> socket.socket:
    # A head and its body are one write; nothing is gained by waiting for more.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def time_share(deadline: float | None, addresses: int) -> float | None:
    """Return the seconds that one of so many addresses gets. Raises ConnectTimeout for none."""
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise httpx.ConnectTimeout("the time to connect is over")
    # The first of three addresses gets a third: one that never answers leaves time for the others.
    return remaining / addresses


def look_up(host: str, port: int, limit: float | None) -> list[str]:
    """Return the addresses of a host. Raises ConnectError, and ConnectTimeout after the limit."""
    if _is_address(host):
        return [host]  # no thread for what needs no look-up
    results: queue.SimpleQueue[Found] = queue.SimpleQueue()
    _start_look_up(host, port, results.put)
    try:
        return _addresses(host, results.get(timeout=limit))
    except queue.Empty:
        raise httpx.ConnectTimeout(f"no address of {host} in time") from None


async def look_up_async(host: str, port: int, limit: float | None) -> list[str]:
    """Look a host up on the running loop; otherwise like `look_up`."""
    if _is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Found] = loop.create_future()

    def settle(found: Found) -> None:
        if not result.done():
            result.set_result(found)

    def deliver(found: Found) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    _start_look_up(host, port, deliver)
    try:
        async with asyncio.timeout(limit):
            found = await result
    except TimeoutError:
        raise httpx.ConnectTimeout(f"no address of {host} in time") from None
    return _addresses(host, found)


def _addresses(host: str, found: Found) -> list[str]:
    if isinstance(found, Exception):
        raise httpx.ConnectError(f"{host}: {found}") from found
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _start_look_up(host: str, port: int, deliver: Callable[[Found], None]) -> None:
    # getaddrinfo has no timeout and cannot be interrupted; a daemon thread can be left behind.
    threading.Thread(target=_resolve, args=(host, port, deliver), daemon=True).start()


def _resolve(host: str, port: int, deliver: Callable[[Found], None]) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        deliver(list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except Exception as error:  # noqa: BLE001 - handed to whoever waits
        deliver(error)
