"""Run flows side by side on the running event loop; `side_by_side.py` does it on threads."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.protocol.flow import Flow
from kalshi_ext.transport.async_driver import AsyncDriver
from kalshi_ext.transport.side_by_side import result_of

K = TypeVar("K")
T = TypeVar("T")


@define(eq=False, repr=False)
class AsyncRunning(Printed, Generic[K, T]):
    """Flows that run as tasks; who starts them bounds how many."""

    driver: AsyncDriver
    width: int
    _started: dict[asyncio.Task[T], K] = field(factory=dict[asyncio.Task[T], K], init=False)

    def start(self, key: K, flow: Flow[T]) -> None:
        """Begin a flow; `wait` gives its result with the key."""
        self._started[asyncio.create_task(self.driver.run(flow))] = key

    async def wait(self) -> list[tuple[K, T | Exception]]:
        """Wait until one has ended; return all that have, with what each returned or raised."""
        done, _ = await asyncio.wait(self._started, return_when=asyncio.FIRST_COMPLETED)
        return [(self._started.pop(each), result_of(each)) for each in done]

    async def aclose(self) -> None:
        """Cancel what runs and wait for its end."""
        for task in self._started:
            task.cancel()
        await asyncio.gather(*self._started, return_exceptions=True)
