"""Every error of the library: kind, copies, pickles and what it advises."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from typing import Any

import core_samples as core
import pytest

import kalshi_ext
from kalshi_ext import errors
from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.pagination import CursorRepeated
from kalshi_ext.protocol.responses import refusal, unintelligible
from kalshi_ext.requests import OrderTicket

# Rooms whose errors are the client's; the tools (sandbox, spec, drift) have errors of their own.
ROOMS = ("errors", "protocol", "journal", "writes", "contracts", "transport", "config", "values")
# Their message says what to do, or their kinds do.
WITHOUT_ADVICE = {"KalshiError", "Misuse", "Refused", "Conflict"}
KNOWN: dict[str, Any] = {
    "operation": "CreateOrderV2",
    "status": 409,
    "body": b'{"code":"x"}',
    "code": "x",
    "details": "d",
    "client_order_id": "c1",
    "order_id": "o1",
    "reason": "r",
    "ticket": OrderTicket.of("T", side="bid", count=1, price="0.5", client_order_id="c1"),
}


def load() -> None:
    for room in ROOMS:
        package = importlib.import_module(f"kalshi_ext.{room}")
        for module in pkgutil.walk_packages(
            getattr(package, "__path__", ()), f"{package.__name__}."
        ):
            if "postgres" not in module.name:
                importlib.import_module(module.name)


def descendants(kind: type[KalshiError]) -> set[type[KalshiError]]:
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


load()
CLASSES = sorted(
    (kind for kind in descendants(KalshiError) if kind.__module__.split(".")[1] in ROOMS),
    key=lambda kind: kind.__qualname__,
)
PUBLIC = [kind for kind in CLASSES if not kind.__name__.startswith("_")]


def test_the_walk_meets_every_error() -> None:
    assert {getattr(errors, name) for name in errors.__all__} <= set(PUBLIC)
    assert CursorRepeated in PUBLIC
    assert len(PUBLIC) >= 30


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying_with_all_it_knows(kind: type[KalshiError]) -> None:
    error = kind("what happened", **KNOWN)
    for duplicate in (
        *(pickle.loads(pickle.dumps(error, level)) for level in range(2, 6)),
        copy.copy(error),
        copy.deepcopy(error),
    ):
        assert type(duplicate) is kind
        assert str(duplicate) == str(error)
        assert duplicate.args == error.args
        assert vars(duplicate) == vars(error)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_an_error_says_what_the_caller_may_do_next(kind: type[KalshiError]) -> None:
    text = str(kind("what happened"))
    assert text.startswith("what happened")
    if kind.__module__ == errors.__name__:
        assert bool(kind.advice) is (kind.__name__ not in WITHOUT_ADVICE)
    assert text == (f"what happened ({kind.advice})" if kind.advice else "what happened")
    assert (kind.__doc__ or "").strip()


def test_an_error_without_a_word_can_be_shown() -> None:
    for kind in PUBLIC:
        assert isinstance(str(kind()), str)
        assert kind.__name__ in repr(kind())


def test_an_error_for_an_unknown_outcome_never_advises_to_send_again() -> None:
    for kind in CLASSES:
        if issubclass(kind, errors.OutcomeUnknown):
            assert "do not send it again" in kind.advice, kind


def test_errors_of_nothing_sent_say_so() -> None:
    for kind in CLASSES:
        if issubclass(kind, errors.NotSent):
            assert "nothing was sent" in kind.advice, kind


def test_no_error_is_both_an_unknown_outcome_and_nothing_sent() -> None:
    for kind in CLASSES:
        verdicts = (errors.OutcomeUnknown, errors.NotSent, errors.Misuse)
        assert sum(issubclass(kind, verdict) for verdict in verdicts) <= 1, kind


def test_a_misuse_is_a_value_error_for_those_who_catch_that() -> None:
    assert issubclass(errors.Misuse, ValueError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429, 500])
def test_errors_built_from_answers_survive_pickling_too(status: int) -> None:
    for operation in core.BOTH:
        for error in (
            refusal(operation, core.reply(status, {"code": "c", "message": "m"})),
            unintelligible(operation, core.reply(200, b"x"), "why"),
        ):
            duplicate = pickle.loads(pickle.dumps(error))
            assert (type(duplicate), str(duplicate)) == (type(error), str(error))
            assert vars(duplicate) == vars(error)


def test_errors_are_reachable_from_the_package() -> None:
    for name in errors.__all__:
        assert getattr(kalshi_ext, name) is getattr(errors, name)
