from __future__ import annotations

import pytest

from kalshi_ext.config import (
    DEMO,
    DEMO_OLD_HOST,
    PRODUCTION,
    PRODUCTION_OLD_HOST,
    Environment,
    environment,
    is_loopback,
)
from kalshi_ext.errors import Misuse


def test_nothing_said_is_demo() -> None:
    assert environment() == environment(None) == DEMO


@pytest.mark.parametrize(("word", "host"), [
    ("demo", "external-api.demo.kalshi.co"),
    ("demo-old-host", "demo-api.kalshi.co"),
    ("production", "external-api.kalshi.com"),
    ("production-old-host", "api.elections.kalshi.com"),
])  # fmt: skip
def test_a_word_is_a_host(word: str, host: str) -> None:
    assert environment(word) == Environment(word, f"https://{host}/trade-api/v2")


def test_only_words_with_production_lead_to_production() -> None:
    assert [e.name for e in (PRODUCTION, PRODUCTION_OLD_HOST, DEMO, DEMO_OLD_HOST)] == [
        "production", "production-old-host", "demo", "demo-old-host",
    ]  # fmt: skip
    for word in ("prod", "live", "real", "Production", "PRODUCTION", "sandbox", "", " production"):
        with pytest.raises(Misuse, match=r"say one of demo, .*production.* or an http\(s\) URL"):
            environment(word)


@pytest.mark.parametrize(("url", "base"), [
    ("https://example.com/trade-api/v2", "https://example.com/trade-api/v2"),
    ("https://example.com/trade-api/v2/", "https://example.com/trade-api/v2"),
    ("https://example.com", "https://example.com"),
    ("https://example.com/", "https://example.com"),
    ("https://EXAMPLE.com:8443/x", "https://example.com:8443/x"),
    ("http://127.0.0.1:8000/trade-api/v2", "http://127.0.0.1:8000/trade-api/v2"),
    ("http://localhost:8000", "http://localhost:8000"),
    ("http://[::1]:8000/v2", "http://[::1]:8000/v2"),
])  # fmt: skip
def test_a_url_keeps_its_path_and_loses_a_trailing_slash(url: str, base: str) -> None:
    assert environment(url).base_url == base


def test_the_url_of_a_known_host_has_its_name() -> None:
    assert environment(PRODUCTION.base_url + "/") == PRODUCTION
    assert environment("https://demo-api.kalshi.co:443/trade-api/v2").name == "demo-old-host"
    assert environment("https://example.com/x").name == "example.com"


@pytest.mark.parametrize("url", [
    "ftp://example.com", "example.com", "//example.com", "https://", "https:///x", "https:",
    "https://user@example.com", "https://user:pass@example.com/x", "https://exam ple.com",
    "https://example.com/x?y=1", "https://example.com/x?", "https://example.com/x#y",
    "https://example.com/x#", "https://example.com/a/../b", "https://example.com/./b",
    "https://example.com/a//b", "https://example.com/a%2Fb", "https://example.com\\x",
    "https://example.com:99999", "https://example.com:port", "https://example.com:0",
    "https://[::1", "https://exämple.com", "https://example.com\n", "http://example.com",
    "http://127.0.0.1.example.com", "http://10.0.0.1:8000", "http://0.0.0.0:8000",
    "http://localhost.example.com",
])  # fmt: skip
def test_a_url_that_is_not_plain_and_safe_is_refused(url: str) -> None:
    with pytest.raises(Misuse, match=r"^environment="):
        environment(url)


@pytest.mark.parametrize("value", [5, b"demo", ["demo"], True], ids=repr)
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises((Misuse, TypeError)):
        environment(value)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(Misuse) as caught:
        environment("https://user:hunter2hunter2@example.com/x")
    assert "hunter2" not in str(caught.value)


def test_http_to_another_machine_must_be_said() -> None:
    insecure = environment("http://10.0.0.1:8000/v2", allow_insecure=True)
    assert insecure.base_url == "http://10.0.0.1:8000/v2"


def test_an_environment_passes_through() -> None:
    custom = Environment("mine", "https://example.com")
    assert environment(custom) is custom


def test_this_machine_has_four_kinds_of_names() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.9.10", "::1"]))
    assert not any(map(is_loopback, ["", "10.0.0.1", "localhost.x", "x127.0.0.1", "127.0.0.1.x"]))
