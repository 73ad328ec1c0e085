"""Look a name up and connect, within a bound: what `socket.create_connection` does not do.

It looks a name up for as long as the system likes and then gives each address the whole time. Here
a look-up runs on a thread that can be left behind, and each address gets its share of what is left.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable

from kalshi_ext.transport import failures

Found = list[str] | Exception


def connect(host: str, port: int, limit: float | None) -> socket.socket:
    """Connect to a host within `limit` seconds. Raises ConnectError or ConnectTimeout."""
    deadline = None if limit is None else time.monotonic() + limit
    addresses = look_up(host, port, limit)
    last_error: Exception = failures.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = time_share(deadline, len(addresses) - tried)
        try:
            return tuned(socket.create_connection((address, port), share))
        except TimeoutError:
            last_error = failures.ConnectTimeout(f"{address} did not answer in time")
        except OSError as error:
            last_error = failures.ConnectError(f"{address}: {error}")
    raise last_error


def tuned(made: socket.socket) -> socket.socket:
    # A head and its body are one write; nothing is gained by waiting for more.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def time_share(deadline: float | None, addresses: int) -> float | None:
    """Return the seconds that one of so many addresses gets. Raises ConnectTimeout for none."""
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise failures.ConnectTimeout("the time to connect is over")
    # The first of three addresses gets a third: one that never answers leaves time for the others.
    return remaining / addresses


def look_up(host: str, port: int, limit: float | None) -> list[str]:
    """Return the addresses of a host. Raises ConnectError, and ConnectTimeout after the limit."""
    if is_address(host):
        return [host]  # no thread for what needs no look-up
    results: queue.SimpleQueue[Found] = queue.SimpleQueue()
    start_look_up(host, port, results.put)
    try:
        return addresses_found(host, results.get(timeout=limit))
    except queue.Empty:
        raise failures.ConnectTimeout(f"no address of {host} in time") from None


def addresses_found(host: str, found: Found) -> list[str]:
    if isinstance(found, Exception):
        raise failures.ConnectError(f"{host}: {found}") from found
    return found


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def start_look_up(host: str, port: int, deliver: Callable[[Found], None]) -> None:
    # getaddrinfo has no timeout and cannot be interrupted; a daemon thread can be left behind.
    threading.Thread(target=_resolve, args=(host, port, deliver), daemon=True).start()


def _resolve(host: str, port: int, deliver: Callable[[Found], None]) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        deliver(list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except Exception as error:  # noqa: BLE001 - handed to whoever waits
        deliver(error)
