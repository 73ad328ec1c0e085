"""What a client is made of: the other end, the contract, the shared context. Checked, no I/O."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import httpx
from attrs import evolve, frozen

from kalshi_ext import contracts
from kalshi_ext.config import Environment, Settings, Timeout, environment, timeout
from kalshi_ext.errors import Misuse
from kalshi_ext.journal import Journal
from kalshi_ext.protocol.flow import Context, Policy
from kalshi_ext.protocol.rate_limits import Pacer
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport
from kalshi_ext.transport.driver import Endpoint
from kalshi_ext.transport.signing import signer

JournalSource: TypeAlias = str | Path | Journal | None


@frozen
class ClientSession:
    """One client's parts, the same for both colours."""

    environment: Environment
    contract: contracts.Contract
    context: Context
    endpoint: Endpoint
    timeout: Timeout
    authenticated: bool

    def require_credentials(self) -> None:
        """Refuse a private operation without credentials, before anything is sent."""
        if not self.authenticated:
            raise Misuse(
                "this operation needs credentials: give key_id and private_key (or bearer_token), "
                "or set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_PATH and use from_env()"
            )


def build_session(
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
) -> ClientSession:
    """Check the arguments of a client and put its parts together. Raises Misuse."""
    place = environment(environment_)
    signs = signer(
        key_id=key_id, private_key=private_key, passphrase=passphrase, bearer_token=bearer_token
    )
    del private_key, passphrase, bearer_token  # a traceback shows the locals of its frames
    rules, limits = _waiting(policy, timeout_)
    return ClientSession(
        place,
        contracts.contract(contract),
        Context(policy=rules, pacer=_pacer(pace)),
        Endpoint(place.base_url, signs),
        limits,
        signs.authenticated,
    )


def _waiting(policy: Policy | None, timeout_: Any) -> tuple[Policy, Timeout]:
    """Join the two ways to say a timeout: the one given goes over the policy's."""
    rules = Policy() if policy is None else policy
    if not isinstance(rules, Policy):
        raise Misuse(f"policy must be a Policy, not {rules!r}")
    limits = Timeout(total=rules.timeout) if timeout_ is None else timeout(timeout_)
    return evolve(rules, timeout=limits.total), limits


def _pacer(pace: str | Pacer | None) -> Pacer | None:
    if isinstance(pace, str):
        return Pacer.of_tier(pace)
    if pace is not None and not isinstance(pace, Pacer):
        raise Misuse(f"pace must be a usage tier or a Pacer, not {pace!r}")
    return pace


def from_settings(settings: Settings) -> dict[str, Any]:
    """Turn what the environment variables say into the arguments of a client."""
    return {
        "key_id": settings.key_id,
        "private_key": settings.private_key,
        "passphrase": settings.passphrase,
        "bearer_token": settings.bearer_token,
        "environment": settings.environment,
        "contract": settings.contract,
        "timeout": None if settings.timeout == Timeout() else settings.timeout,
        "journal": settings.journal,
    }


def sync_transport(given: httpx.BaseTransport | None, **options: Any) -> httpx.BaseTransport:
    """Return the transport given, else ours. Raises Misuse."""
    if given is None:
        return DeadlineTransport(**options)
    _refuse_both(given, httpx.BaseTransport, options)
    return given


def async_transport(
    given: httpx.AsyncBaseTransport | None, **options: Any
) -> httpx.AsyncBaseTransport:
    """Return the transport given, else ours. Raises Misuse."""
    if given is None:
        return AsyncDeadlineTransport(**options)
    _refuse_both(given, httpx.AsyncBaseTransport, options)
    return given


def _refuse_both(given: object, kind: type, options: dict[str, Any]) -> None:
    if not isinstance(given, kind):
        raise Misuse(f"transport must be an httpx.{kind.__name__}, not {type(given).__name__}")
    said = [name for name in ("verify", "proxy") if options.get(name) is not None]
    if said:
        raise Misuse(f"{', '.join(said)}: give it to your transport, or leave transport out")
