"""Who is let in: signatures, timestamps, tokens, scopes, subaccount locks."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sandbox_client import HttpAnswer, SignedClient, order_body, signed_client

from kalshi_ext.sandbox import Sandbox

BALANCE = "/portfolio/balance"


def _error(answer: HttpAnswer) -> tuple[int, str | None, Any]:
    return answer.status, answer.code, answer.json["error"].get("details")


def test_a_signature_made_by_openssl_is_accepted(
    exchange: Sandbox, caller: SignedClient, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(exchange.private_key)
    stamp = str(int(time.time() * 1000))
    (tmp_path / "text").write_text(f"{stamp}GET{urlsplit(exchange.url).path}{BALANCE}")
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
    signing = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", "key.pem", *options, "text"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    headers = {
        "KALSHI-ACCESS-KEY": exchange.key_id,
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signing.stdout).decode(),
    }
    assert caller.call("GET", BALANCE, headers=headers).status == 200


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_a_salt_of_another_length_than_32_is_refused(
    exchange: Sandbox, caller: SignedClient, salt: int
) -> None:
    key = load_pem_private_key(exchange.private_key.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    headers = caller.sign("GET", urlsplit(exchange.url).path + BALANCE)
    text = headers["KALSHI-ACCESS-TIMESTAMP"] + "GET" + urlsplit(exchange.url).path + BALANCE
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    forged = key.sign(text.encode(), pss, hashes.SHA256())
    headers["KALSHI-ACCESS-SIGNATURE"] = base64.b64encode(forged).decode()
    answer = caller.call("GET", BALANCE, headers=headers)
    assert _error(answer) == (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE")


def test_an_ed25519_key_signs_the_same_text(exchange: Sandbox) -> None:
    key = exchange.account("edward", kind="ed25519")
    with SignedClient(exchange.url, key.key_id, key.private_key) as edward:
        assert edward.call("GET", BALANCE).status == 200
        edward.pem = exchange.account("rosa", kind="ed25519").private_key
        edward.close()
    with SignedClient(exchange.url, key.key_id, exchange.account("rosa").private_key) as forger:
        assert forger.call("GET", BALANCE).status == 401


def test_the_query_is_not_signed_but_the_path_and_method_are(
    exchange: Sandbox, caller: SignedClient
) -> None:
    base = urlsplit(exchange.url).path
    headers = caller.sign("GET", base + "/portfolio/orders")
    assert caller.call("GET", "/portfolio/orders?limit=1", headers=headers).status == 200
    assert caller.call("GET", "/portfolio/fills", headers=headers).status == 401
    headers = caller.sign("POST", base + "/portfolio/orders")
    assert caller.call("GET", "/portfolio/orders", headers=headers).status == 401
    with_query = caller.sign("GET", base + "/portfolio/orders?limit=1")
    assert caller.call("GET", "/portfolio/orders?limit=1", headers=with_query).status == 401


@pytest.mark.parametrize("missing", ["KEY", "TIMESTAMP", "SIGNATURE"])
def test_each_of_the_three_headers_is_needed(caller: SignedClient, missing: str) -> None:
    headers = caller.sign("GET", urlsplit(caller.url).path + BALANCE)
    del headers[f"KALSHI-ACCESS-{missing}"]
    answer = caller.call("GET", BALANCE, headers=headers)
    assert (answer.status, answer.code) == (401, "signature_is_missing_from_headers")


@pytest.mark.parametrize("skew", [-10, -5, 5, 10])
def test_a_timestamp_up_to_ten_seconds_off_is_accepted(exchange: Sandbox, skew: float) -> None:
    with signed_client(exchange, skew=skew) as caller:
        assert caller.call("GET", BALANCE).status == 200


@pytest.mark.parametrize("skew", [-60, -30, 60])
def test_a_timestamp_too_far_off_has_expired(exchange: Sandbox, skew: float) -> None:
    with signed_client(exchange, skew=skew) as caller:
        answer = caller.call("GET", BALANCE)
    assert (answer.status, answer.code) == (401, "header_timestamp_expired")


@pytest.mark.parametrize("stamp", ["", "soon", "1e12", "-1", "٣", "9" * 40])
def test_a_timestamp_that_is_no_number_of_milliseconds_is_refused(
    caller: SignedClient, stamp: str
) -> None:
    headers = caller.sign("GET", urlsplit(caller.url).path + BALANCE)
    headers["KALSHI-ACCESS-TIMESTAMP"] = stamp.encode().decode("latin-1")
    assert caller.call("GET", BALANCE, headers=headers).status == 401


def test_an_unknown_key_is_not_found(caller: SignedClient) -> None:
    caller.key_id = "00000000-0000-4000-8000-000000000000"
    answer = caller.call("GET", BALANCE)
    assert _error(answer) == (401, "authentication_error", "NOT_FOUND")


@pytest.mark.parametrize("signature", ["", "!!!", "AAAA", "é"])
def test_a_signature_that_is_none_is_refused_quietly(caller: SignedClient, signature: str) -> None:
    headers = caller.sign("GET", urlsplit(caller.url).path + BALANCE)
    headers["KALSHI-ACCESS-SIGNATURE"] = signature
    assert caller.call("GET", BALANCE, headers=headers).status == 401


def test_a_bearer_token_is_the_other_way_in(exchange: Sandbox, caller: SignedClient) -> None:
    token = {"Authorization": f"Bearer {exchange.token}"}
    assert caller.call("GET", BALANCE, headers=token).status == 200
    for wrong in ("Bearer nobody", f"Basic {exchange.token}", "Bearer", exchange.token):
        answer = caller.call("GET", BALANCE, headers={"Authorization": wrong})
        assert _error(answer) == (401, "authentication_error", "NOT_FOUND"), wrong


def test_public_operations_ask_for_nothing(caller: SignedClient) -> None:
    for path in ("/exchange/status", "/historical/cutoff", "/account/endpoint_costs"):
        assert caller.call("GET", path, headers={}).status == 200
    assert caller.call("GET", BALANCE, headers={}).status == 401


def test_a_reading_key_may_not_write(exchange: Sandbox) -> None:
    key = exchange.account("trader", scopes=frozenset({"read"}))
    with SignedClient(exchange.url, key.key_id, key.private_key) as reader:
        assert reader.call("GET", BALANCE).status == 200
        assert reader.place().status == 403


def test_a_key_locked_to_a_subaccount_acts_there_and_nowhere_else(exchange: Sandbox) -> None:
    key = exchange.account("trader", subaccount=1)
    with SignedClient(exchange.url, key.key_id, key.private_key) as locked:
        order_id = locked.place("in-the-lock").json["order_id"]
        assert locked.place(subaccount=0).status == 403
        transfer = {
            "client_transfer_id": "5a0f0f1e-54a1-4d0c-8f31-1c2a4f9f0c11",
            "from_subaccount": 1,
            "to_subaccount": 0,
            "amount_cents": 1,
        }
        path = "/portfolio/subaccounts/transfer"
        assert locked.call("POST", path, transfer).status == 403
    truth = exchange.truth.orders(client_order_id="in-the-lock")
    assert [(row["order_id"], row["subaccount_number"]) for row in truth] == [(order_id, 1)]


def test_two_accounts_do_not_see_each_other(exchange: Sandbox, caller: SignedClient) -> None:
    order_id = caller.place("mine").json["order_id"]
    with signed_client(exchange, "maker") as maker:
        assert maker.call("GET", f"/portfolio/orders/{order_id}").status == 404
        cancel = maker.call(
            "DELETE", f"/portfolio/events/orders/{order_id}?market_ticker={order_body()['ticker']}"
        )
        assert cancel.status == 404
