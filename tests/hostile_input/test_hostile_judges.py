"""The judges of this folder tell what is wrong: each is given something that is."""

from __future__ import annotations

import logging
from typing import Any

import bad_arguments
import good_orders
import httpx
import pytest
import secret_surfaces
from bad_arguments import Attempt, judge
from hostile_answers import Answer, Trial, examples_of
from secret_surfaces import Leaks, Scenario, Vault

from kalshi_ext import Kalshi, Misuse, NotSent


def raising(error: BaseException) -> Any:
    def run() -> None:
        raise error

    return run


def busy() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (lambda: 5, "silent"),
        (raising(TypeError("x")), "foreign"),
        (raising(Misuse("something is wrong here")), "unclear"),
        (raising(Misuse("price: " + "x" * 1000)), "unclear"),
        (raising(Misuse("price=5: no \x1b[31m way")), "unclear"),
        (raising(Misuse("price=5: must be below 1")), "refused"),
    ],
)
def test_each_verdict_on_a_bad_argument(run: Any, verdict: str) -> None:
    assert judge(Attempt("word", "price", 5, run))[0] == verdict


def test_what_reached_the_wire_and_what_hung_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = iter(range(9))
    error = raising(Misuse("price=5: must be below 1"))
    assert judge(Attempt("word", "price", 5, error, lambda: next(sent)))[0] == "wire"
    monkeypatch.setattr(bad_arguments, "limited", lambda: limited_to(0.05))
    assert judge(Attempt("word", "price", 5, busy))[0] == "hung"


def limited_to(seconds: float) -> Any:
    from time_limit import limited

    return limited(seconds)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Misuse("nothing was sent"), "wrong verdict"),
        (NotSent("nothing was sent"), "wrong verdict"),
        (ValueError("x"), "foreign"),
    ],
)
def test_a_wrong_verdict_on_a_write_is_told(
    error: Exception, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial("current")
    example = next(each for each in examples_of("current") if each.word == "orders.place")

    def place(*_: Any, **__: Any) -> None:
        trial.transport.writes += 1
        raise error

    monkeypatch.setattr(trial.client("sync").orders, "place", place)
    assert trial.run("sync", example, Answer(502, b""))[0] == verdict
    trial.close()


def test_an_order_sent_otherwise_than_meant_is_told() -> None:
    transport = good_orders.Accepting()
    order, other, last = good_orders.good_orders(1, 3)
    with Kalshi(bearer_token="a-token-of-a-test", transport=transport) as client:
        assert good_orders.place(client, transport, order) is None
        other.body["count"] += 1
        assert "sent otherwise" in str(good_orders.place(client, transport, other))
        last.arguments["count"] = "-1"
        assert "refused" in str(good_orders.place(client, transport, last))


def leak_in_message(vault: Vault) -> None:
    raise ValueError(vault.token)


def leak_in_cause(vault: Vault) -> None:
    try:
        raise ValueError(vault.rsa_pem)
    except ValueError:
        raise RuntimeError("fine") from None


def leak_in_log(vault: Vault) -> None:
    logging.getLogger("some.library").debug("sent %s", httpx.Headers({"x": vault.key_id}))


def leak_in_locals(vault: Vault) -> None:
    exec(compile("def f(v):\n    text = v.password\n    1/0\nf(vault)", "elsewhere.py", "exec"),
         {"vault": vault})  # fmt: skip


@pytest.mark.parametrize("leak", [leak_in_message, leak_in_cause, leak_in_log, leak_in_locals])
def test_a_secret_that_is_shown_is_found(leak: Any) -> None:
    vault = Vault()
    leaks = Leaks(vault)
    secret_surfaces.watch(Scenario("it", lambda: leak(vault)), leaks)
    assert leaks.found != []
