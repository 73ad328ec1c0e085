from __future__ import annotations

import string
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import values
from kalshi_ext.errors import Misuse

UNSAFE = [
    "", ".", "..", "...", "/", "a/b", "../x", "a\\b", "a?b", "a#b", "a b", " a", "a ", "a\n",
    "a\0b", "a\tb", "a%2Fb", "%2e%2e", "a,b", "a;b", "a&b", "é", "ａ", "x" * 129, "a\u200bb",
]  # fmt: skip


@pytest.mark.parametrize("value", [*UNSAFE, None, 5, b"abc", True, ["a"]], ids=repr)
def test_an_id_that_could_lead_elsewhere_is_refused(value: object) -> None:
    with pytest.raises(Misuse, match=r"^order="):
        values.path_id(value, name="order")


@pytest.mark.parametrize("value", [
    "", " ", ".", "..", "a\nb", "a\0", "a\tb", "a\u200bb", "\ud800", "x" * 129, None, 5, b"A",
], ids=repr)  # fmt: skip
def test_a_ticker_is_a_text_of_printable_characters(value: object) -> None:
    with pytest.raises(Misuse, match=r"^ticker="):
        values.ticker(value)


@pytest.mark.parametrize("value", ["KX/A", "KX A&B=C", "KX%2F", "KX#1?x", "KXÜ", "KX,Y", "KX+1"])
def test_a_ticker_may_have_any_characters_and_spaces_around_it_are_dropped(value: str) -> None:
    assert values.ticker(value) == value
    assert values.ticker(f" {value}\n") == value


@pytest.mark.parametrize("value", [
    "6b1f3c0a-7d55-4b7e-9d7a-0c8f5a3b2e11", "KXBTC-26NOV2215-T50000.5", "KXHIGHNY-26JAN05-B45.5",
    "a", "a..b", "x" * 128, "kx_under~:score",
])  # fmt: skip
def test_the_ids_and_tickers_of_the_exchange_pass_unchanged(value: str) -> None:
    assert values.path_id(value, name="order_id") == value
    assert values.ticker(value) == value


def test_a_uuid_is_an_id() -> None:
    uuid = UUID("6b1f3c0a-7d55-4b7e-9d7a-0c8f5a3b2e11")
    assert values.path_id(uuid, name="order_id") == values.client_order_id(uuid) == str(uuid)


@given(st.text(string.printable + "é\0", max_size=20))
def test_an_accepted_id_stays_one_segment_of_a_url(value: str) -> None:
    try:
        parsed = values.path_id(value, name="order_id")
    except Misuse:
        return
    url = httpx.URL(f"https://api.example/trade-api/v2/portfolio/orders/{parsed}")
    assert url.raw_path.decode() == f"/trade-api/v2/portfolio/orders/{value}"


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\n", "é", "x" * 65, "a\0", None, 5, b"a"], ids=repr
)
def test_a_client_order_id_is_short_printable_ascii(value: object) -> None:
    with pytest.raises(Misuse, match=r"^client_order_id="):
        values.client_order_id(value)


@pytest.mark.parametrize(
    "value", ["a", "x" * 64, "my order/7?", "6b1f3c0a-7d55-4b7e-9d7a-0c8f5a3b2e11"]
)
def test_a_client_order_id_may_be_any_other_text(value: str) -> None:
    assert values.client_order_id(value) == value


def test_a_secret_given_as_an_id_is_not_shown() -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    pem = f"{begin}\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n{end}"
    with pytest.raises(Misuse) as caught:
        values.path_id(pem, name="key_id")
    assert "MIIE" not in str(caught.value)
