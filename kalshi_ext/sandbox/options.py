"""How a sandbox exchange runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import asdict, define, field

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.engine.accounts import check_account_name

Contract: TypeAlias = Literal["current", "classic", "both-today"]
CONTRACTS: tuple[Contract, ...] = ("current", "classic", "both-today")

TRADER = "trader"
"""The account whose key the sandbox hands out first."""


def _check_contract(_options: object, _attribute: object, contract: str) -> None:
    if contract not in CONTRACTS:
        raise Misuse(f"contract: one of {', '.join(CONTRACTS)}, not {contract!r}")


def _check_port(_options: object, _attribute: object, port: int) -> None:
    if not isinstance(port, int) or not 0 <= port <= 65_535:
        raise Misuse(f"port: a number from 0 to 65535, not {port!r}")


def _check_accounts(_options: object, _attribute: object, accounts: Sequence[str]) -> None:
    names: object = accounts  # a text is a sequence of texts too: each letter would be an account
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise Misuse(f"accounts: a list of names, not {names!r}")
    try:
        for name in accounts:
            check_account_name(name)
    except ValueError as error:
        raise Misuse(f"accounts: {error}") from None


@define(kw_only=True)
class Options:
    """Everything a sandbox can be started with; JSON-ready through to_data and from_data."""

    contract: Contract = field(default="current", validator=_check_contract)
    """current: the 51 operations, and 410 for the six retired writes · classic: the 19 of 2.x ·
    both-today: current, and the classic operations that were never switched off."""
    port: int = field(default=0, validator=_check_port)
    """0: any free one."""
    seed: int = 0
    seed_data: bool = True
    """Markets, accounts, resting liquidity and history to begin with."""
    settings: Mapping[str, Any] = field(factory=dict[str, Any])
    """Switches of the engine (engine/settings.py)."""
    clock: datetime | None = None
    """Fix the exchange's clock at a moment; it then moves a millisecond with each command."""
    clock_tolerance: float | None = 15.0
    """Seconds a signed timestamp may be off; None: any (also whenever the clock is fixed)."""
    key_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    """PEM text for the first account; None: a new key."""
    key_kind: str = "rsa"
    accounts: Sequence[str] = field(default=(), validator=_check_accounts)
    """Further accounts to open and give keys to."""
    fixed_keys: bool = False
    """Derive key ids and tokens from the seed."""
    proxy: bool = True
    """Put the TCP proxy in front, which makes the network faults."""
    tls: bool = False
    state: Path | None = None
    """SQLite file that keeps the exchange over restarts."""
    faults: Sequence[Mapping[str, Any]] = ()
    """Fault rules to begin with."""
    ui: bool = False
    """Serve the page on the admin port."""
    record: bool = True
    """Keep every request in the request log."""

    @property
    def tolerance(self) -> float | None:
        """Seconds a timestamp may be off, given the clock."""
        # A client signs with its machine's time, which may be years away from a fixed clock.
        return None if self.clock is not None else self.clock_tolerance

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        data = asdict(self, recurse=False)
        data["settings"] = dict(self.settings)
        data["accounts"] = list(self.accounts)
        data["faults"] = [dict(rule) for rule in self.faults]
        data["clock"] = self.clock.isoformat() if self.clock else None
        data["state"] = str(self.state) if self.state else None
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Options:
        """Read back what to_data rendered."""
        fields = dict(data)
        fields["clock"] = datetime.fromisoformat(data["clock"]) if data["clock"] else None
        fields["state"] = Path(data["state"]) if data["state"] else None
        return cls(**fields)
