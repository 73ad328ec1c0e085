"""Do what the admin side asks: one method a word, plain data in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import define, field

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.sandbox.engine import Admin, Event
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.founding import add_rule, keep_clock, keep_key, renew
from kalshi_ext.sandbox.keyring import issue, key_kind
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.proxy.proxy import Proxy
from kalshi_ext.sandbox.wire import Json


@define
class Console:
    """Run admin words on an exchange."""

    exchange: Exchange
    options: Options
    proxy: Proxy
    words: dict[str, Callable[..., Json]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        truth = ("orders", "fills", "balances", "positions", "book", "markets", "accounts")
        self.words = {
            **{f"truth.{name}": self._truth(name) for name in truth},
            "truth.events": self._events,
            "admin": self._admin,
            "clock.now": lambda: self.exchange.clock.now().isoformat(),
            "clock.set": self._set_clock,
            "clock.advance": self._advance,
            "faults.add": self._add_fault,
            "faults.remove": self._remove_fault,
            "faults.list": lambda: [rule.to_data() for rule in self.exchange.faults.rules],
            "oracle.requests": self._requests,
            "oracle.network": lambda: [passage.to_data() for passage in self.proxy.fired],
            "keys.issue": self._issue,
            "keys.of": self._key_of,
            "keys.list": self.keys,
            "reset": self._reset,
            "check": lambda: self.exchange.engine.check_invariants(),
            "digest": lambda: self.exchange.engine.digest(),
        }

    def run(self, word: str, given: Mapping[str, Json]) -> Json:
        """Run one word; raises KalshiError for what cannot be done."""
        if word not in self.words:
            raise Misuse(f"admin: one of {', '.join(self.words)}, not {word!r}")
        try:
            return self.words[word](**given)
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, KalshiError):
                raise
            raise Misuse(f"{word}: {error}") from error

    def keys(self) -> list[Json]:
        """List every key issued."""
        return [known.to_data() for known in self.exchange.gate.keyring.issued]

    def _reset(self) -> None:
        renew(self.exchange, self.options)
        self.proxy.fired.clear()

    def _truth(self, name: str) -> Callable[..., Json]:
        def look(**given: Json) -> Json:
            # Looked up at each call: a reset puts a new engine in place.
            return getattr(self.exchange.engine.truth, name)(**given)

        return look

    def _events(self, since: int = 0) -> Json:
        return [_event(event) for event in self.exchange.engine.truth.events(since=since)]

    def _admin(self, action: str, params: Mapping[str, Json]) -> Json:
        answer = self.exchange.execute(Admin(action, params))
        if answer.status >= 400:
            raise Misuse(f"{action}: {answer.body}")
        return answer.body

    def _set_clock(self, to: str | None) -> None:
        self.exchange.clock.set(None if to is None else datetime.fromisoformat(to))
        self._moved()

    def _advance(self, seconds: float) -> None:
        self.exchange.clock.advance(seconds)
        self._moved()

    def _moved(self) -> None:
        keep_clock(self.exchange)
        self.exchange.engine.advance(now=self.exchange.clock.now())

    def _add_fault(self, **data: Json) -> Json:
        return add_rule(self.exchange, self.options, data).to_data()

    def _remove_fault(self, number: int | None = None) -> None:
        self.exchange.faults.remove(number)

    def _requests(self, since: int = 0) -> Json:
        return [entry.to_data() for entry in self.exchange.oracle.since(since)]

    def _issue(
        self,
        account: str,
        kind: str = "rsa",
        scopes: tuple[str, ...] = ("read", "write"),
        subaccount: int | None = None,
    ) -> Json:
        made = issue(account, kind=key_kind(kind), scopes=frozenset(scopes), subaccount=subaccount)
        return keep_key(self.exchange, made).to_data()

    def _key_of(self, account: str) -> Json:
        known = self.exchange.gate.keyring.of(account)
        return known.to_data() if known else None


def _event(event: Event) -> Json:
    return {
        "seq": event.seq,
        "time": event.time.isoformat(),
        "kind": event.kind,
        "data": dict(event.data),
    }
