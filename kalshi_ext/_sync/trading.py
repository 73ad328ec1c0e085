# Derived from kalshi_ext/_async/trading.py by scripts/unasync.py; do not edit.
"""client.trading: the trading state and the limits of a client that has `limits`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kalshi_ext import reads, values
from kalshi_ext._sync.resource import Resource
from kalshi_ext.arguments import LONGEST_WAIT, entries, line, must_be, one_of, seconds, whole_number
from kalshi_ext.errors import Misuse
from kalshi_ext.models import Fill, Order, OrderAck
from kalshi_ext.requests import Dollars

if TYPE_CHECKING:
    from kalshi_ext.risk import Override, RiskGate, TradingState


class Trading(Resource):
    """States and limits of this client alone, in memory: docs/limits.md tells what they count."""

    @property
    def _gate(self) -> RiskGate:
        gate = self._context.risk
        if gate is None:
            raise Misuse("this client has no limits: give it limits=Limits(...)")
        return gate

    @property
    def state(self) -> TradingState:
        """ACTIVE, REDUCING (what lowers risk) or HALTED (cancels and decreases); may be set."""
        from kalshi_ext.risk import TradingState

        gate = self._context.risk
        return TradingState.ACTIVE if gate is None else gate.state

    @state.setter
    def state(self, state: TradingState | str) -> None:
        from kalshi_ext.risk import TradingState

        words = [each.lower() for each in TradingState]
        self._gate.change_state(TradingState(one_of(state, "state", words).upper()))

    def set_reference(self, ticker: str, price: Dollars) -> None:
        """Set the YES price that `price_band` is around, from now for `reference_seconds`."""
        checked = values.price(price)
        self._gate.set_reference(values.ticker(ticker), checked, self._now())

    def override(self, name: str, *, for_seconds: float, **limits: Any) -> Override:
        """Replace limits for a while, under a name that is logged; end it sooner by `end()`.

        Also a context manager: `with trading.override("expiry", for_seconds=60, position=500):`.
        Raises Misuse while another one holds.
        """
        checked = line(name, "name", max_length=200)
        until = self._now() + seconds(for_seconds, "for_seconds", longest=LONGEST_WAIT)
        return self._gate.begin_override(checked, until, limits)

    def note(self, *rows: Fill | Order | OrderAck) -> None:
        """Take in fills and orders of this client that were read; each fill counts once."""
        gate = self._gate
        for row in rows:
            if not isinstance(row, (Fill, Order, OrderAck)):
                raise must_be("rows", row, "Fills, Orders or OrderAcks")
            gate.note(row, self._now())

    def refresh(self, *, subaccounts: Iterable[int] = (0,)) -> tuple[str, ...]:
        """Read positions, resting orders and what the account is worth; return what was left out.

        Call it at the start, and from time to time: orders that the exchange ended by itself count
        until then. A ticker with a write under way, or one ended within `Policy.read_lag`, is left
        as it was and returned.
        """
        _ = self._gate  # Misuse without limits
        numbers = entries(subaccounts, "subaccounts", check=_subaccount)
        return self._run(reads.read_account(self._contract, self._context, numbers))

    def _now(self) -> float:
        now: float = self._client.session.endpoint.clock.monotonic()
        return now


def _subaccount(value: object) -> int:
    return whole_number(value, "subaccounts", 0, 63)
