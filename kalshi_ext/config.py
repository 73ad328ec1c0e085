"""Which exchange to connect to, how long to wait, and the settings of the KALSHI_ variables.

Environments and timeouts check themselves. A contradiction between variables is refused instead of
ranked: two keys set at once mean that one of them is the wrong one.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, cast
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from kalshi_ext.arguments import Checked, misuse, plain, seconds, text
from kalshi_ext.bases import Value
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, as_secret, is_a, without_key, without_password

Contract = Literal["current", "classic"]
_CONTRACTS: Final[dict[str, Contract]] = {"current": "current", "classic": "classic"}


# Documented. The exchange recommends the external-api hosts; keys of demo and production are not
# interchangeable. No trailing slash: the exchange answers one with 301; no redirect is followed.
_URLS: Final = {
    "demo": "https://external-api.demo.kalshi.co/trade-api/v2",
    "demo-old-host": "https://demo-api.kalshi.co/trade-api/v2",
    "production": "https://external-api.kalshi.com/trade-api/v2",
    "production-old-host": "https://api.elections.kalshi.com/trade-api/v2",
}
_NAMES: Final = {urlsplit(url).netloc: name for name, url in _URLS.items()}


# The text is checked before urlsplit sees it, which silently drops line breaks, an empty query and
# an empty fragment: what was checked would not be what is connected to.
_URL_TEXT = re.compile(r"[!-~]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?", re.ASCII)
_MAX_URL: Final = 2048
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1", re.ASCII)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine; no name is looked up."""
    return _LOOPBACK.fullmatch(host) is not None


def _base_url(value: object, name: str, *, allow_insecure: bool) -> str:
    """Check an http(s) URL and return it without trailing slash, its host in lower case."""
    url = _split_url(value)
    if url is None:
        words = ", ".join(_URLS)
        raise misuse(name, value, f"say one of {words} or an http(s) URL")
    problem = _url_problem(str(value), url, allow_insecure)
    if problem:
        raise misuse(name, value, problem)
    return f"{url.scheme}://{url.netloc.lower()}{url.path.rstrip('/')}"


def _split_url(value: object) -> SplitResult | None:
    if type(value) is not str or len(value) > _MAX_URL or not _URL_TEXT.fullmatch(value):
        return None
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # a port out of range, brackets left open
        return None
    return url if usable else None


def _url_problem(given: str, url: SplitResult, allow_insecure: bool) -> str | None:
    if "@" in url.netloc:
        # URLs are printed in messages and reprs; a password would be printed with them.
        return "a URL with a user or password is refused"
    if "?" in given or "#" in given:
        return "a query or fragment does not belong here"
    if not _HOST.fullmatch(url.netloc) or not _PATH.fullmatch(url.path):
        return "host and path may hold letters, digits and ._~- only"
    if url.scheme == "http" and not allow_insecure and not is_loopback(url.hostname or ""):
        return "http is for this machine only; use https"
    return _known_host_problem(url)


def _known_host_problem(url: SplitResult) -> str | None:
    # Another path of the exchange is another API, or nothing: the mistake would look like a 404.
    known = _URLS.get(_NAMES.get((url.hostname or "").rstrip("."), ""))
    if known is None or _host_of(url) + url.path.rstrip("/") == known.removeprefix("https://"):
        return None
    return f"the API of this host is at {known}"


def _host_of(url: SplitResult) -> str:
    return url.netloc.lower().removesuffix(":443")


@frozen(init=False, eq=False, repr=False)
class Environment(Checked):
    """One exchange: `base_url` has the path prefix and no trailing slash.

    `name` is one of the words of `environment`, or the host of a URL that was given. Raises Misuse
    for a URL that `environment` refuses: http leads to this machine only, unless `allow_insecure`,
    because a bearer token or an order in the clear can be read on the way.
    """

    name: str
    base_url: str
    allow_insecure: bool = field(default=False, kw_only=True, repr=False)

    def __init__(self, name: str, base_url: str, *, allow_insecure: bool = False) -> None:
        # First of all: a traceback shows the locals of its frames, and the instance.
        swapped = is_a(name, str) and "://" in str.__str__(name)  # an @ alone may belong to a name
        name = without_password(name) if swapped else without_key(name)
        base_url = without_password(base_url)
        # By name: one of the type checkers does not know what attrs adds.
        getattr(self, "__attrs_init__")(name, base_url, allow_insecure=allow_insecure)  # noqa: B009

    def _check_together(self) -> None:
        if not text(self.name, "environment name", max_length=255).isprintable():
            raise misuse("environment name", self.name, "must be printable")
        url = _base_url(self.base_url, "environment base_url", allow_insecure=self.allow_insecure)
        object.__setattr__(self, "base_url", url)


DEMO: Final = Environment("demo", _URLS["demo"])
DEMO_OLD_HOST: Final = Environment("demo-old-host", _URLS["demo-old-host"])
PRODUCTION: Final = Environment("production", _URLS["production"])
PRODUCTION_OLD_HOST: Final = Environment("production-old-host", _URLS["production-old-host"])
_ENVIRONMENTS: Final = {
    named.name: named for named in (DEMO, DEMO_OLD_HOST, PRODUCTION, PRODUCTION_OLD_HOST)
}


def environment(
    value: str | Environment | None = None,
    *,
    name: str = "environment",
    allow_insecure: bool = False,
) -> Environment:
    """Choose the exchange. None is demo; production has to be named.

    Takes "demo", "production", "demo-old-host", "production-old-host" or an https URL. An http
    URL is for this machine only, unless `allow_insecure`: a bearer token or an order in the
    clear can be read on the way. Raises Misuse.
    """
    value = without_password(value)
    if value is None:
        return DEMO
    if is_a(value, Environment):
        return value
    given = plain(value)
    if type(given) is str and given in _ENVIRONMENTS:
        return _ENVIRONMENTS[given]
    url = _base_url(given, name, allow_insecure=allow_insecure)
    # A known host given as a URL keeps its name, so that reports call one exchange one thing.
    host = _host_of(urlsplit(url))
    return Environment(_NAMES.get(host, host), url, allow_insecure=allow_insecure)


@frozen(eq=False, repr=False)
class Timeout(Checked):
    """Seconds one attempt may take.

    `total` covers everything from the name look-up to the last byte of the body; `connect` is the
    part of it that connecting may use. Raises Misuse for what is no number of seconds above 0, at
    most a day.
    """

    total: float = 10.0
    connect: float = 3.0

    _checks: ClassVar = {"total": seconds, "connect": seconds}
    _prefix: ClassVar = "timeout "


def timeout(value: float | Timeout | None = None) -> Timeout:
    """Accept seconds in total, a Timeout, or None for the default. Raises Misuse."""
    if value is None:
        return Timeout()
    return value if is_a(value, Timeout) else Timeout(total=cast("float", value))


@frozen(eq=False, repr=False)
class EnvironmentSettings(Value):
    """The values of the environment variables; None where one is unset or empty."""

    environment: Environment
    contract: Contract
    timeout: Timeout
    key_id: str | None = field(default=None, repr=False)
    private_key: Secret[str] | Path | None = None
    passphrase: Secret[str] | None = None
    bearer_token: Secret[str] | None = None
    # A path or a database URL, which may hold a password.
    journal: str | None = field(default=None, repr=False)
    account: str | None = None


def settings_from_env(
    variables: Mapping[str, str] | Secret[Any] | None = None,
) -> EnvironmentSettings:
    """Read the KALSHI_ variables (of the process, when none are given).

    KALSHI_KEY_ID, KALSHI_PRIVATE_KEY (PEM text, also with `\\n` written out),
    KALSHI_PRIVATE_KEY_PATH, KALSHI_PRIVATE_KEY_PASSPHRASE, KALSHI_BEARER_TOKEN,
    KALSHI_ENVIRONMENT, KALSHI_CONTRACT, KALSHI_TIMEOUT (seconds), KALSHI_JOURNAL,
    KALSHI_ACCOUNT.
    Raises Misuse on contradictions; it names the variables, never a secret's value.
    """
    variables = as_secret(variables)  # a traceback shows the locals of its frames
    values = _read_variables(variables)
    _refuse_contradictions(values)
    return EnvironmentSettings(
        environment=environment(_word(values, "ENVIRONMENT"), name="KALSHI_ENVIRONMENT"),
        contract=contract(_word(values, "CONTRACT"), name="KALSHI_CONTRACT"),
        timeout=_timeout_text(_word(values, "TIMEOUT")),
        key_id=_stripped(values, "KEY_ID"),
        private_key=_private_key(values),
        passphrase=values.get("PRIVATE_KEY_PASSPHRASE"),
        bearer_token=values.get("BEARER_TOKEN"),
        journal=_stripped(values, "JOURNAL"),
        account=without_key(_stripped(values, "ACCOUNT")),
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
    "ACCOUNT",
)
_NO_KEY: Final = "is set without KALSHI_PRIVATE_KEY or KALSHI_PRIVATE_KEY_PATH"
_Variables = Mapping[str, Secret[str]]


def _read_variables(variables: Secret[Any]) -> _Variables:
    given = Secret(os.environ) if variables.reveal() is None else variables
    if not isinstance(given.reveal(), Mapping):
        raise Misuse("variables: must be a mapping of names to texts, such as os.environ")
    # All of them are held as secrets: a key pasted into the wrong variable must not be printed.
    values = {name: _variable(given, f"KALSHI_{name}") for name in _VARIABLES}
    return {name: secret for name, secret in values.items() if secret.reveal().strip()}


def _variable(variables: Secret[Any], name: str) -> Secret[str]:
    value = Secret(variables.reveal().get(name, ""))
    if not is_a(value.reveal(), str):
        raise Misuse(f"{name}: must be a text (value not shown)")
    return value


def _stripped(values: _Variables, name: str) -> str | None:
    return values[name].reveal().strip() if name in values else None


def _word(values: _Variables, name: str) -> str | None:
    return without_password(_stripped(values, name))  # a traceback shows what is refused


def _refuse_contradictions(values: _Variables) -> None:
    has_key = "PRIVATE_KEY" in values or "PRIVATE_KEY_PATH" in values
    for contradictory, message in (
        (
            "PRIVATE_KEY" in values and "PRIVATE_KEY_PATH" in values,
            "KALSHI_PRIVATE_KEY and KALSHI_PRIVATE_KEY_PATH are both set: unset one",
        ),
        (
            has_key and "BEARER_TOKEN" in values,
            "KALSHI_BEARER_TOKEN and a private key are both set: unset one",
        ),
        (has_key and "KEY_ID" not in values, "a private key is set without KALSHI_KEY_ID"),
        (not has_key and "KEY_ID" in values, f"KALSHI_KEY_ID {_NO_KEY}"),
        (
            not has_key and "PRIVATE_KEY_PASSPHRASE" in values,
            f"KALSHI_PRIVATE_KEY_PASSPHRASE {_NO_KEY}",
        ),
    ):
        if contradictory:
            raise Misuse(message)


def _private_key(values: _Variables) -> Secret[str] | Path | None:
    path = _stripped(values, "PRIVATE_KEY_PATH")
    text = values.get("PRIVATE_KEY")
    # load_key would take such text for a path; two variables of one meaning would hide mistakes.
    if text is not None and "-----BEGIN" not in text.reveal():
        raise Misuse(
            "KALSHI_PRIVATE_KEY holds no PEM text (-----BEGIN …);"
            " the path of a key file goes into KALSHI_PRIVATE_KEY_PATH"
        )
    return Path(path) if path else text


def contract(value: str | None = None, *, name: str = "contract") -> Contract:
    """Accept "current" (also for None) or "classic". Raises Misuse."""
    word = "current" if value is None else plain(value)
    chosen = _CONTRACTS.get(word) if type(word) is str else None
    if chosen is None:
        raise misuse(name, value, "must be 'current' or 'classic'")
    return chosen


def _timeout_text(value: str | None) -> Timeout:
    if value is None:
        return Timeout()
    try:
        number = float(value)
    except ValueError:
        number = math.nan  # refused below, with the numbers out of range
    if not 0 < number < math.inf:
        raise misuse("KALSHI_TIMEOUT", value, "must be a number of seconds above 0")
    return Timeout(total=number)
