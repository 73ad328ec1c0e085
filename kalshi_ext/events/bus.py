"""One place to which everything that a client tells goes: to its log, and to its listener."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias, cast

from attrs import define, field

from kalshi_ext.arguments import plain_function
from kalshi_ext.bases import Printed
from kalshi_ext.events.kinds import Event
from kalshi_ext.events.logs import EventLog, log, may_log

Listener: TypeAlias = Callable[[Event], object]


def checked_listener(value: object) -> Listener | None:
    """Return what `on_event` may be: None, or a plain callable of one event. Raises Misuse."""
    # The events come out of flows that do not wait: a coroutine would never be awaited.
    rule = "a plain function of one event (no coroutine or generator function)"
    return None if value is None else cast("Listener", plain_function(value, "on_event", rule))


@define(eq=False, repr=False)
class Events(Printed):
    """Hand every event to the log and to a listener; whatever those raise ends here.

    Shared by threads. The listener is called on the thread that runs the flow, in the middle of
    its work: what takes long belongs into a queue.
    """

    listener: Listener | None = field(default=None, repr=False)
    server: str = ""  # the base URL of the exchange
    _log: EventLog = field(factory=EventLog, init=False, repr=False)
    _has_raised: bool = field(default=False, init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)

    def wanted(self) -> bool:
        """Say whether anybody wants to know what goes as usual."""
        return self.listener is not None or self._log.is_troubled or may_log()

    def wants_calls(self) -> bool:
        """Say whether the listener asks for the beginning and the end of each call."""
        return getattr(self.listener, "wants_calls", False) is True

    def emit(self, event: Event) -> None:
        """Tell an event. Raises nothing."""
        with suppress(Exception):  # of a handler of the user's
            self._log.take(event)
        if self.listener is None:
            return
        try:
            self.listener(event)
        except Exception as error:  # noqa: BLE001 - the flow must not depend on its audience
            self._tell_once(error)

    def _tell_once(self, error: Exception) -> None:
        with self._lock:
            is_first, self._has_raised = not self._has_raised, True
        if is_first:
            # The class alone: a listener's message may hold anything.
            text = "on_event raised %s; the client goes on, and this is said once"
            with suppress(Exception):
                log("requests").warning(text, type(error).__name__)


NOBODY = Events()
"""For a flow or a driver of which nobody wants to know anything."""
