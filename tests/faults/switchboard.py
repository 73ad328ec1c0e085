"""One proxy for many cases at once: a fault is meant for the requests of one API key alone."""

from __future__ import annotations

import re
from typing import Any, Self

from attrs import define, field

from kalshi_ext.sandbox import NetworkProxy
from kalshi_ext.sandbox.faults import FaultRule
from kalshi_ext.sandbox.proxy.byte_faults import MessageFault
from kalshi_ext.sandbox.proxy.proxy import Proxy, _request_line

_KEY = re.compile(rb"\r\nkalshi-access-key:[ \t]*([^\r\n]+)", re.IGNORECASE)


@define
class KeyedProxy(Proxy):
    """Choose the fault of a request by the key that signed it."""

    rules: dict[str, FaultRule] = field(factory=dict)
    struck: dict[str, MessageFault] = field(factory=dict)

    def message_fault(self, head: bytes, connection: int) -> MessageFault:
        """Begin to follow a request, with the fault that awaits its sender."""
        method, path = _request_line(head)
        name = f"{method} {path}"
        found = _KEY.search(head)
        key = found[1].decode() if found else ""
        rule = self.rules.get(key)
        if rule is None or not rule.matches("network", (name,), None) or not rule.fires():
            return MessageFault(name, None, connection)
        fault = self.struck[key] = MessageFault(name, rule, connection)
        return fault


class Switchboard:
    """The network in front of a sandbox, for the length of a with-block."""

    def __init__(self, target: str) -> None:
        self._network = NetworkProxy(target)
        self._proxy = self._network._proxy = KeyedProxy(self._network._proxy.target)
        self.url = self._network.url

    def __enter__(self) -> Self:
        self._network.__enter__()
        return self

    def __exit__(self, *gone: Any) -> None:
        self._network.__exit__(*gone)

    def arm(self, key: str, kind: str, operation: str, **parameters: Any) -> None:
        """Let a fault befall the next request of a key that matches; the earlier one is forgotten.

        One dict entry is set, which needs no lock against the proxy's thread.
        """
        rule = FaultRule.from_data({"kind": kind, "operation": operation, "times": 1, **parameters})
        self._proxy.rules[key] = rule

    def struck(self, key: str) -> MessageFault | None:
        """Return what the fault of a key acted on."""
        return self._proxy.struck.get(key)
