"""Connections that wait for their next request: last in, first out, checked before use.

    put back     only after a whole answer with nothing behind it (`AnswerReader.reusable`)
    taken out    only if its time is not over and it is quiet: no byte and no end waits to be read

The last one in is the likeliest to be alive, and those that a burst opened grow old at the bottom,
where each return closes up to two of them. So a request costs the same with one idle connection
and with a hundred.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, Protocol, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed

Origin = tuple[str, str, int]
"""Scheme, host and port."""

# Seconds. Proxies and load balancers in front of exchanges close an idle connection after 60 s. A
# request that is written while that happens has an unknown outcome, hence the margin; a server that
# closes sooner is met by the look before use, or says so itself (`Keep-Alive: timeout=`).
KEEPALIVE_SECONDS: Final = 55.0
MARGIN: Final = 1.0  # seconds before the moment a server names


class Idle(Protocol):
    """A connection at rest."""

    idle_until: float

    def quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, not even the end."""
        ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Idle)


@define(eq=False, repr=False)
class IdleStack(Printed, Generic[C]):
    """The idle connections of one transport. Not for several threads at once."""

    limit: int
    _stacks: dict[Origin, deque[C]] = field(factory=dict[Origin, deque[C]])
    _count: int = 0

    def take(self, origin: Origin, now: float) -> C | None:
        """Return the connection that was used last, None when all of them are gone."""
        stack = self._stacks.get(origin)
        while stack:
            connection = stack.pop()
            self._count -= 1
            if now < connection.idle_until and connection.quiet():
                return connection
            connection.close()
        return None

    def put(self, origin: Origin, connection: C, now: float) -> None:
        """Keep a connection until its `idle_until`."""
        stack = self._stacks.setdefault(origin, deque())
        stack.append(connection)
        self._count += 1
        for _ in range(2):
            if stack and now >= stack[0].idle_until:
                self._drop(stack)
        while self._count > self.limit:
            self._drop(next(stack for stack in self._stacks.values() if stack))

    def _drop(self, stack: deque[C]) -> None:
        self._count -= 1
        stack.popleft().close()

    def clear(self) -> list[C]:
        """Forget all connections and return them."""
        dropped = [connection for stack in self._stacks.values() for connection in stack]
        self._stacks.clear()
        self._count = 0
        return dropped
