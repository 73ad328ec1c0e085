from __future__ import annotations

import json

import key_files
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.redact import REDACTED, SECRET_HEADERS, redact_text, redacted_repr

UUID = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c"
SIGNATURE = "d3JvbmcvK3NpZ25hdHVyZQ=="
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_a_secret_header_loses_its_value_in_every_writing(name: str) -> None:
    for writing in (name, name.upper(), name.title()):
        assert SIGNATURE not in redact_text(f"{writing}: {SIGNATURE}")
        assert SIGNATURE not in redact_text(str([(writing.encode(), SIGNATURE.encode())]))


def test_other_headers_keep_their_values() -> None:
    headers = "Accept: a, KALSHI-ACCESS-TIMESTAMP: 1, Date: d"
    assert redact_text(headers) == headers


@pytest.mark.parametrize("text", [
    f"KALSHI-ACCESS-SIGNATURE: {SIGNATURE}",
    f"kalshi-access-signature={SIGNATURE}",
    f"headers={{'KALSHI-ACCESS-SIGNATURE': '{SIGNATURE}', 'a': 'b'}}",
    f"Headers([('KALSHI-ACCESS-SIGNATURE', '{SIGNATURE}')])",
    f"[(b'KALSHI-ACCESS-SIGNATURE', b'{SIGNATURE}')]",
    json.dumps({"KALSHI-ACCESS-SIGNATURE": SIGNATURE}),
    json.dumps(json.dumps({"KALSHI-ACCESS-SIGNATURE": SIGNATURE})),
    f"Authorization: Bearer {SIGNATURE}",
    f"sent with bearer {SIGNATURE} and failed",
    f"Cookie: session={SIGNATURE}",
    f'{{"user_id":"{SIGNATURE}","x":1}}',
    f"{{'member_id': '{SIGNATURE}'}}",
    f'"bearer_token" : "{SIGNATURE}"',
    f"postgresql://trader:{SIGNATURE}@db.example/orders",
    f"proxy='socks5://{SIGNATURE}@127.0.0.1:9'",
    f"passphrase={SIGNATURE}",
])  # fmt: skip
def test_a_secret_disappears_from_any_writing(text: str) -> None:
    redacted = redact_text(text)
    assert SIGNATURE not in redacted
    assert REDACTED in redacted


def test_a_dynamic_error_code_keeps_its_words_and_loses_the_account() -> None:
    assert redact_text(f"user_not_found:_{UUID}") == f"user_not_found:_{REDACTED}"


@pytest.mark.parametrize("make", [key_files.rsa_key, key_files.ed25519_key, key_files.ec_key])
def test_no_line_of_a_private_key_is_left(make: object) -> None:
    pem = make().decode()
    lines = [line for line in pem.splitlines() if "-----" not in line]
    for text in (pem, repr(pem), json.dumps(pem), pem.replace("\n", " "), f"key {pem} end"):
        assert [line for line in lines if line in redact_text(text)] == []


def test_text_around_a_key_stays_and_a_key_cut_short_takes_the_rest() -> None:
    pem = key_files.rsa_key().decode()
    assert redact_text(f"before {pem} after").endswith("after")
    assert redact_text(f"before {pem[:300]}") == f"before -----BEGIN PRIVATE KEY-----{REDACTED}"


def test_what_is_not_secret_stays() -> None:
    text = json.dumps(
        {
            "order_id": UUID,
            "client_order_id": "abc",
            "cursor": "CjkKDAiE" * 12,
            "ticker": "KXBTC-26NOV2215-T50000",
            "error": {"code": "authentication_error", "details": "INCORRECT_API_KEY_SIGNATURE"},
        }
    )
    assert redact_text(text) == text
    for message in ("bearer of bad news", "the token is missing", "https://api.example/a@b"):
        assert redact_text(message) == message


ALPHABET = st.sampled_from(
    ["KALSHI-ACCESS-KEY", "user_id", "Bearer ", ": ", "=", '"', "'", ", ", "\n", "abc",
     "12345678", REDACTED, "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
     "https://a:b@c", "{", "}"]
)  # fmt: skip


@given(st.lists(ALPHABET, max_size=12).map("".join) | st.text(max_size=60))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


def test_a_shown_value_is_short_and_without_secrets() -> None:
    assert redacted_repr("abc") == "'abc'"
    assert len(redacted_repr("x" * 10_000)) == 80
    assert "MII" not in redacted_repr(key_files.rsa_key().decode())
    assert "MII" not in redacted_repr(key_files.rsa_key())
