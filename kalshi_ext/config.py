"""Where to connect, how long to wait, and what the environment variables say."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, redacted_repr

Contract = Literal["current", "classic"]
_CONTRACTS: Final[dict[str, Contract]] = {"current": "current", "classic": "classic"}


@frozen
class Environment:
    """One exchange: `base_url` has the path prefix and no trailing slash.

    `name` is one of the words of `environment`, or the host of a URL that was given.
    """

    name: str
    base_url: str


DEMO: Final = Environment("demo", "https://external-api.demo.kalshi.co/trade-api/v2")
DEMO_OLD_HOST: Final = Environment("demo-old-host", "https://demo-api.kalshi.co/trade-api/v2")
PRODUCTION: Final = Environment("production", "https://external-api.kalshi.com/trade-api/v2")
PRODUCTION_OLD_HOST: Final = Environment(
    "production-old-host", "https://api.elections.kalshi.com/trade-api/v2"
)

_KNOWN: Final = {
    known.name: known for known in (DEMO, DEMO_OLD_HOST, PRODUCTION, PRODUCTION_OLD_HOST)
}
_KNOWN_HOSTS: Final = {urlsplit(known.base_url).netloc: known.name for known in _KNOWN.values()}

# urlsplit drops line breaks, an empty query and an empty fragment without a word.
_URL_TEXT = re.compile(r"[!-~]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1", re.ASCII)


def environment(
    value: str | Environment | None = None,
    *,
    name: str = "environment",
    allow_insecure: bool = False,
) -> Environment:
    """Choose the exchange: nothing said is demo; production must be said.

    Takes "demo", "production", "demo-old-host", "production-old-host" or an https URL. An http
    URL is for this machine only, unless `allow_insecure`: a bearer token or an order in the
    clear can be read on the way. Raises Misuse.
    """
    if value is None:
        return DEMO
    if isinstance(value, Environment):
        return value
    if value in _KNOWN:
        return _KNOWN[value]
    return _from_url(value, name, allow_insecure)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def _from_url(value: object, name: str, allow_insecure: bool) -> Environment:
    url = _split(value)
    if url is None:
        words = ", ".join(_KNOWN)
        raise Misuse(f"{name}={redacted_repr(value)}: say one of {words} or an http(s) URL")
    wrong = _fault(str(value), url, allow_insecure)
    if wrong:
        raise Misuse(f"{name}={redacted_repr(value)}: {wrong}")
    base_url = f"{url.scheme}://{url.netloc.lower()}{url.path.rstrip('/')}"
    host = url.netloc.lower().removesuffix(":443")
    return Environment(_KNOWN_HOSTS.get(host, host), base_url)


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not _URL_TEXT.fullmatch(value):
        return None
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # a port out of range, brackets left open
        return None
    return url if usable else None


def _fault(text: str, url: SplitResult, allow_insecure: bool) -> str | None:
    if "@" in url.netloc:
        return "a URL with a user or password is refused"
    if "?" in text or "#" in text:
        return "a query or fragment does not belong here"
    if not _HOST.fullmatch(url.netloc) or not _PATH.fullmatch(url.path):
        return "host and path may hold letters, digits and ._~- only"
    if url.scheme == "http" and not allow_insecure and not is_loopback(url.hostname or ""):
        return "http is for this machine only; use https"
    return None


def _seconds(_: object, attribute: object, value: object) -> None:
    name = getattr(attribute, "name", "seconds")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(cast("float", value)) or cast("float", value) <= 0:
        raise Misuse(f"timeout {name}={redacted_repr(value)}: must be a number of seconds above 0")


@frozen
class Timeout:
    """Seconds a request may take: `total` for everything, `connect` within it for connecting."""

    total: float = field(default=10.0, validator=_seconds)
    connect: float = field(default=3.0, validator=_seconds)


def timeout(value: float | Timeout | None = None) -> Timeout:
    """Take seconds in total, a Timeout, or nothing for the default. Raises Misuse."""
    if value is None:
        return Timeout()
    return value if isinstance(value, Timeout) else Timeout(total=value)


@frozen
class Settings:
    """What the environment variables say; None where one is unset or empty."""

    environment: Environment
    contract: Contract
    timeout: Timeout
    key_id: str | None = field(default=None, repr=False)
    private_key: Secret[str] | Path | None = None
    passphrase: Secret[str] | None = None
    bearer_token: Secret[str] | None = None
    # A path or a database URL, which may hold a password.
    journal: str | None = field(default=None, repr=False)


def settings_from_env(variables: Mapping[str, str] | None = None) -> Settings:
    """Read the KALSHI_ variables (of the process, when none are given).

    KALSHI_KEY_ID, KALSHI_PRIVATE_KEY (PEM text, also with `\\n` written out),
    KALSHI_PRIVATE_KEY_PATH, KALSHI_PRIVATE_KEY_PASSPHRASE, KALSHI_BEARER_TOKEN,
    KALSHI_ENVIRONMENT, KALSHI_CONTRACT, KALSHI_TIMEOUT (seconds), KALSHI_JOURNAL.
    Raises Misuse on contradictions; it names the variables, never a secret's value.
    """
    known = _read_variables(os.environ if variables is None else variables)
    del variables  # a traceback shows the locals of its frames
    _refuse_contradictions(known)
    return Settings(
        environment=environment(_text_of(known, "ENVIRONMENT"), name="KALSHI_ENVIRONMENT"),
        contract=contract(_text_of(known, "CONTRACT"), name="KALSHI_CONTRACT"),
        timeout=_timeout_text(_text_of(known, "TIMEOUT")),
        key_id=_text_of(known, "KEY_ID"),
        private_key=_private_key(known),
        passphrase=known.get("PRIVATE_KEY_PASSPHRASE"),
        bearer_token=known.get("BEARER_TOKEN"),
        journal=_text_of(known, "JOURNAL"),
    )


_VARIABLES: Final = (
    "KEY_ID",
    "PRIVATE_KEY",
    "PRIVATE_KEY_PATH",
    "PRIVATE_KEY_PASSPHRASE",
    "BEARER_TOKEN",
    "ENVIRONMENT",
    "CONTRACT",
    "TIMEOUT",
    "JOURNAL",
)
_NO_KEY: Final = "is set without KALSHI_PRIVATE_KEY or KALSHI_PRIVATE_KEY_PATH"
_Variables = Mapping[str, Secret[str]]


def _read_variables(variables: Mapping[str, str]) -> _Variables:
    found = {name: Secret(variables.get(f"KALSHI_{name}", "")) for name in _VARIABLES}
    return {name: secret for name, secret in found.items() if secret.reveal().strip()}


def _text_of(known: _Variables, name: str) -> str | None:
    return known[name].reveal().strip() if name in known else None


def _refuse_contradictions(known: _Variables) -> None:
    has_key = "PRIVATE_KEY" in known or "PRIVATE_KEY_PATH" in known
    for wrong, message in (
        (
            "PRIVATE_KEY" in known and "PRIVATE_KEY_PATH" in known,
            "KALSHI_PRIVATE_KEY and KALSHI_PRIVATE_KEY_PATH are both set: unset one",
        ),
        (
            has_key and "BEARER_TOKEN" in known,
            "KALSHI_BEARER_TOKEN and a private key are both set: unset one",
        ),
        (has_key and "KEY_ID" not in known, "a private key is set without KALSHI_KEY_ID"),
        (not has_key and "KEY_ID" in known, f"KALSHI_KEY_ID {_NO_KEY}"),
        (
            not has_key and "PRIVATE_KEY_PASSPHRASE" in known,
            f"KALSHI_PRIVATE_KEY_PASSPHRASE {_NO_KEY}",
        ),
    ):
        if wrong:
            raise Misuse(message)


def _private_key(known: _Variables) -> Secret[str] | Path | None:
    path = _text_of(known, "PRIVATE_KEY_PATH")
    text = known.get("PRIVATE_KEY")
    if text is not None and "-----BEGIN" not in text.reveal():
        raise Misuse(
            "KALSHI_PRIVATE_KEY holds no PEM text (-----BEGIN …);"
            " the path of a key file goes into KALSHI_PRIVATE_KEY_PATH"
        )
    return Path(path) if path else text


def contract(value: str | None = None, *, name: str = "contract") -> Contract:
    """Take "current" (when nothing is said) or "classic". Raises Misuse."""
    chosen = _CONTRACTS.get("current" if value is None else value)
    if chosen is None:
        raise Misuse(f"{name}={redacted_repr(value)}: must be 'current' or 'classic'")
    return chosen


def _timeout_text(value: str | None) -> Timeout:
    if value is None:
        return Timeout()
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise Misuse(f"KALSHI_TIMEOUT={redacted_repr(value)}: must be a number of seconds above 0")
    return Timeout(total=seconds)
