from __future__ import annotations

import math
from pathlib import Path

import key_files
import pytest
from secret_leaks import leaked_fragments

from kalshi_ext.config import DEMO, PRODUCTION, Timeout, contract, settings_from_env, timeout
from kalshi_ext.errors import Misuse

KEY_ID = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def all_variables() -> dict[str, str]:
    return {
        "KALSHI_KEY_ID": KEY_ID,
        "KALSHI_PRIVATE_KEY": key_files.rsa_key().decode(),
        "KALSHI_PRIVATE_KEY_PASSPHRASE": " a passphrase ",
        "KALSHI_ENVIRONMENT": "production",
        "KALSHI_CONTRACT": "classic",
        "KALSHI_TIMEOUT": "7.5",
        "KALSHI_JOURNAL": "orders.sqlite",
    }


def test_nothing_set_is_demo_without_credentials() -> None:
    for variables in ({}, dict.fromkeys(all_variables(), ""), dict.fromkeys(all_variables(), "  ")):
        settings = settings_from_env(variables)
        assert (settings.environment, settings.contract, settings.timeout) == (
            DEMO,
            "current",
            Timeout(),
        )
        assert (
            settings.key_id
            is settings.private_key
            is settings.passphrase
            is settings.bearer_token
            is None
        )
        assert settings.journal is None


def test_every_variable_is_read() -> None:
    settings = settings_from_env(all_variables())
    assert settings.environment == PRODUCTION
    assert settings.contract == "classic"
    assert settings.timeout == Timeout(total=7.5)
    assert settings.key_id == KEY_ID
    assert settings.private_key.reveal() == all_variables()["KALSHI_PRIVATE_KEY"]
    assert settings.passphrase.reveal() == " a passphrase "
    assert settings.journal == "orders.sqlite"
    assert settings_from_env({"KALSHI_BEARER_TOKEN": TOKEN}).bearer_token.reveal() == TOKEN


def test_a_path_is_kept_as_a_path() -> None:
    variables = {"KALSHI_KEY_ID": KEY_ID, "KALSHI_PRIVATE_KEY_PATH": "~/kalshi.pem"}
    assert settings_from_env(variables).private_key == Path("~/kalshi.pem")


def test_without_an_argument_the_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in all_variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KALSHI_CONTRACT", "classic")
    assert settings_from_env().contract == "classic"


def test_settings_show_no_secret() -> None:
    text = repr(
        settings_from_env(all_variables() | {"KALSHI_JOURNAL": "postgresql://me:hunter2@db/x"})
    )
    for secret in (KEY_ID, "MII", "a passphrase", "hunter2"):
        assert secret not in text


CONTRADICTIONS = [
    ({"KALSHI_PRIVATE_KEY_PATH": "key.pem"}, (), "KALSHI_PRIVATE_KEY and KALSHI_PRIVATE_KEY_PATH"),
    ({"KALSHI_BEARER_TOKEN": TOKEN}, (), "KALSHI_BEARER_TOKEN and a private key are both set"),
    ({}, ("KALSHI_KEY_ID",), "without KALSHI_KEY_ID"),
    ({}, ("KALSHI_PRIVATE_KEY",), "KALSHI_KEY_ID is set without KALSHI_PRIVATE_KEY or"),
    (
        {},
        ("KALSHI_KEY_ID", "KALSHI_PRIVATE_KEY"),
        "KALSHI_PRIVATE_KEY_PASSPHRASE is set without KALSHI_PRIVATE_KEY or",
    ),
    ({"KALSHI_PRIVATE_KEY": "key.pem"}, (), "goes into KALSHI_PRIVATE_KEY_PATH"),
    ({"KALSHI_PRIVATE_KEY": "MIIEvQIBADANBgkqhkiG9w0BAQ"}, (), "KALSHI_PRIVATE_KEY holds no PEM"),
    ({"KALSHI_ENVIRONMENT": "prod"}, (), "KALSHI_ENVIRONMENT='prod'"),
    ({"KALSHI_CONTRACT": "v2"}, (), "KALSHI_CONTRACT='v2': must be 'current' or 'classic'"),
    ({"KALSHI_TIMEOUT": "soon"}, (), "KALSHI_TIMEOUT='soon'"),
    ({"KALSHI_TIMEOUT": "0"}, (), "KALSHI_TIMEOUT='0'"),
    ({"KALSHI_TIMEOUT": "-1"}, (), "KALSHI_TIMEOUT='-1'"),
    ({"KALSHI_TIMEOUT": "nan"}, (), "KALSHI_TIMEOUT='nan'"),
    ({"KALSHI_TIMEOUT": "inf"}, (), "KALSHI_TIMEOUT='inf'"),
]


@pytest.mark.parametrize(("added", "removed", "message"), CONTRADICTIONS)
def test_a_contradiction_names_the_variables_and_no_secret(
    added: dict[str, str], removed: tuple[str, ...], message: str
) -> None:
    variables = {name: v for name, v in (all_variables() | added).items() if name not in removed}
    with pytest.raises(Misuse) as caught:
        settings_from_env(variables)
    assert message in str(caught.value)
    secrets = [key_files.rsa_key(), " a passphrase ", TOKEN, "MIIEvQIBADANBgkqhkiG9w0BAQ"]
    assert leaked_fragments(caught.value, *secrets) == []


def test_seconds_are_a_timeout() -> None:
    assert timeout() == Timeout()
    assert timeout(2) == Timeout(total=2)
    assert timeout(Timeout(5, connect=1)) == Timeout(total=5, connect=1)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "5", None, []], ids=repr)
def test_a_timeout_is_a_positive_number_of_seconds(value: object) -> None:
    with pytest.raises(Misuse, match="timeout total="):
        Timeout(total=value)
    with pytest.raises(Misuse, match="timeout connect="):
        Timeout(connect=value)


def test_there_are_two_contracts() -> None:
    assert (contract(), contract("current"), contract("classic")) == (
        "current", "current", "classic",
    )  # fmt: skip
    for value in ("", "Current", "2.x"):
        with pytest.raises(Misuse, match="must be 'current' or 'classic'"):
            contract(value)
