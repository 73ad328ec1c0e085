"""What a client is made of: the other end, the contract, the shared context. Checked, no I/O."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import httpx
from attrs import evolve, frozen

from kalshi_ext import contracts
from kalshi_ext.config import Environment, Settings, environment, timeout
from kalshi_ext.drive import Line
from kalshi_ext.errors import Misuse
from kalshi_ext.flow import Context, Policy
from kalshi_ext.journal import Journal
from kalshi_ext.pacing import Pacer
from kalshi_ext.signing import signer
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport

JournalPlace: TypeAlias = str | Path | Journal | None


@frozen
class Session:
    """One client's parts, the same for both colours."""

    environment: Environment
    contract: contracts.Contract
    context: Context
    line: Line
    authenticated: bool

    def require_credentials(self) -> None:
        """Refuse a private operation without credentials, before anything is sent."""
        if not self.authenticated:
            raise Misuse(
                "this operation needs credentials: give key_id and private_key (or bearer_token), "
                "or set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_PATH and use from_env()"
            )


def build(
    *,
    key_id: str | None,
    private_key: Any,
    passphrase: Any,
    bearer_token: Any,
    environment_: str | Environment | None,
    contract: str,
    policy: Policy | None,
    timeout_: Any,
    pace: str | Pacer | None,
) -> Session:
    """Check the arguments of a client and put its parts together. Raises Misuse."""
    place = environment(environment_)
    signs = signer(
        key_id=key_id, private_key=private_key, passphrase=passphrase, bearer_token=bearer_token
    )
    del private_key, passphrase, bearer_token  # a traceback shows the locals of its frames
    rules = policy or Policy()
    if timeout_ is not None:
        rules = evolve(rules, timeout=timeout(timeout_).total)
    pacer = Pacer.of_tier(pace) if isinstance(pace, str) else pace
    return Session(
        place,
        contracts.contract(contract),
        Context(policy=rules, pacer=pacer),
        Line(place.base_url, signs),
        signs.authenticated,
    )


def from_settings(settings: Settings) -> dict[str, Any]:
    """Turn what the environment variables say into the arguments of a client."""
    return {
        "key_id": settings.key_id,
        "private_key": settings.private_key,
        "passphrase": settings.passphrase,
        "bearer_token": settings.bearer_token,
        "environment": settings.environment,
        "contract": settings.contract,
        "timeout": settings.timeout,
        "journal": settings.journal,
    }


def sync_transport(given: httpx.BaseTransport | None, **options: Any) -> httpx.BaseTransport:
    """Return the transport given, else ours."""
    return given if given is not None else DeadlineTransport(**options)


def async_transport(
    given: httpx.AsyncBaseTransport | None, **options: Any
) -> httpx.AsyncBaseTransport:
    """Return the transport given, else ours."""
    return given if given is not None else AsyncDeadlineTransport(**options)
