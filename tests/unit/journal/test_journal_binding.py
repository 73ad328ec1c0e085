"""The name of an exchange and an account: what is one account, what is another, what is told."""

from __future__ import annotations

import pytest

from kalshi_ext.config import DEMO, DEMO_OLD_HOST, PRODUCTION, PRODUCTION_OLD_HOST
from kalshi_ext.errors import Misuse
from kalshi_ext.journal import account_label
from kalshi_ext.journal.binding import mismatch

KEY = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c"
LOCAL = "http://127.0.0.1:8080/trade-api/v2"


def test_a_key_id_is_named_by_its_hash_only() -> None:
    label = account_label(PRODUCTION.base_url, key_id=KEY)
    assert label.startswith("production key:")
    assert len(label) == len("production key:") + 16
    assert not [part for part in KEY.split("-") if part in label]
    assert label == account_label(PRODUCTION.base_url, key_id=KEY)
    assert label != account_label(PRODUCTION.base_url, key_id=KEY + "x")
    assert label.split("key:")[1] not in account_label(PRODUCTION.base_url, token=KEY)


def test_a_name_stands_for_all_keys_of_an_account() -> None:
    first = account_label(DEMO.base_url, account="main", key_id=KEY)
    assert first == account_label(DEMO.base_url, account="main", token="t") == "demo account:main"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DEMO.base_url, DEMO_OLD_HOST.base_url),
        (PRODUCTION.base_url, PRODUCTION_OLD_HOST.base_url),
        (PRODUCTION.base_url, "https://EXTERNAL-API.kalshi.com:443/trade-api/v2/"),
        (LOCAL, "http://localhost:8080/trade-api/v2"),
        (LOCAL, "http://[::1]:8080/trade-api/v2/"),
        ("https://x.example/a", "https://x.example:443/a/"),
    ],
)
def test_two_names_of_one_environment_are_one_exchange(one: str, other: str) -> None:
    assert account_label(one, account="a") == account_label(other, account="a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DEMO.base_url, PRODUCTION.base_url),
        (LOCAL, "http://127.0.0.1:8081/trade-api/v2"),
        ("https://x.example/a", "https://x.example/b"),
        ("https://x.example/a", "https://y.example/a"),
        (PRODUCTION.base_url, "https://external-api.kalshi.com:8443/trade-api/v2"),
    ],
)
def test_two_exchanges_are_two(one: str, other: str) -> None:
    assert account_label(one, account="a") != account_label(other, account="a")


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a\nb", "a\x1b[2J", "x" * 129, "☃" * 43, 7, "\ud800"]
)
def test_a_name_that_cannot_be_printed_is_refused(name: object) -> None:
    with pytest.raises(Misuse, match=r"^account: "):
        account_label(DEMO.base_url, account=name)  # type: ignore[arg-type]


def test_without_any_credential_there_is_no_account() -> None:
    with pytest.raises(Misuse, match="account: give account, key_id or token"):
        account_label(DEMO.base_url)


def test_a_long_url_keeps_the_label_short_enough_for_an_index() -> None:
    long = "https://x.example/" + "a" * 5000
    assert len(account_label(long, account="a" * 128)) < 400
    assert account_label(long, account="a") != account_label(long + "b", account="a")


def test_a_mismatch_names_both_and_says_what_to_do() -> None:
    error = mismatch("demo key:1", "production key:2")
    assert isinstance(error, Misuse)
    assert (error.bound, error.asked) == ("demo key:1", "production key:2")
    assert "[demo key:1]" in str(error)
    assert "[production key:2]" in str(error)
    assert "journal adopt --from" in str(error)
