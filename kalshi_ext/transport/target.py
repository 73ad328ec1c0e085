"""Where a request goes: the connection it needs, its path and query, and its Host header."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlencode

from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.idle import Origin

PORTS: Final = {"http": 80, "https": 443}

# The URLs that need no normalization; every other one is read by httpx. No segment of such a path
# begins with a dot: httpx resolves "." and "..".
_PLAIN = re.compile(
    r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,5}))?"
    r"((?:/(?!\.)(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+)+)",
    re.ASCII,
)
_LONGEST: Final = 60_000  # characters; httpx refuses more than 65,536


class Target(NamedTuple):
    """What connections are kept by, path and query, and the Host header."""

    origin: Origin
    raw_path: bytes
    host: bytes


def origin_of(url: httpx.URL) -> Origin:
    """Return what connections are kept by."""
    return url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme]


def target_of(url: httpx.URL) -> Target:
    """Return the target of a URL that httpx has read."""
    return Target(origin_of(url), url.raw_path, url.netloc)


def plain_target(url: str, query: tuple[tuple[str, str], ...]) -> Target | None:
    """Return what `target_of` gives for a URL and its query, None where httpx has to read it."""
    target = _without_query(url)
    if target is None or not query:
        return target
    names = list(dict.fromkeys(name for name, _ in query))
    # As httpx writes them: the values of one name stand together.
    pairs = query if len(names) == len(query) else tuple(sorted(query, key=_by_name(names)))
    text = urlencode(pairs)
    if len(url) + len(text) > _LONGEST:
        return None
    return target._replace(raw_path=b"%b?%b" % (target.raw_path, text.encode("ascii")))


def _by_name(names: list[str]) -> Callable[[tuple[str, str]], int]:
    return lambda pair: names.index(pair[0])


# Most orders go to one URL.
@lru_cache(maxsize=256)
def _without_query(url: str) -> Target | None:
    found = _PLAIN.fullmatch(url) if len(url) <= _LONGEST else None
    if found is None or not _is_host(found[2]):
        return None
    scheme, host, given, path = found.groups()
    port = int(given) if given else PORTS[scheme]
    netloc = host if port == PORTS[scheme] else f"{host}:{port}"
    return Target((scheme, host, port), path.encode("ascii"), netloc.encode("ascii"))


def _is_host(text: str) -> bool:
    """Say whether a host is a name, or an address that is one."""
    if text.strip("0123456789."):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
