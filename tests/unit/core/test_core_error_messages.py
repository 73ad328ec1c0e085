from __future__ import annotations

import core_samples as core
import pytest

from kalshi_ext import errors
from kalshi_ext.protocol import responses

USER = "0b1f9a52-7f8e-4a0b-9d53-0c6a3e1b7f24"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": f"user_not_found:_{USER}", "message": "no such user"}},
        {"code": "c", "message": f"user_not_found:_{USER}"},
        {"msg": f"authorization: Bearer {USER}{USER}"},
        f"KALSHI-ACCESS-SIGNATURE: {USER}".encode(),
        f"<html>kalshi-access-key: {USER}</html>".encode(),
    ],
)
def test_messages_hold_no_secret_and_name_no_account(body: object) -> None:
    error = responses.refusal(core.WRITE, core.reply(403, body))
    assert USER not in str(error)
    assert USER not in repr(error)


def test_the_code_itself_stays_as_sent_to_branch_on() -> None:
    code = f"user_not_found:_{USER}"
    error = responses.refusal(core.READ, core.reply(404, {"error": {"code": code}}))
    assert error.code == code


def test_a_message_is_one_short_printable_line() -> None:
    body = {"code": "c", "message": "a\nb\r\n\x1b[31mred\x00\ud800 " + "x" * 5_000}
    text = responses.refusal(core.READ, core.reply(500, body)).args[0]
    assert text.isprintable()
    assert text.startswith("things.get (GetThing): the exchange answered 500 c: a b [31mred xx")
    assert len(text) < 300


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (404, b"", "things.get (GetThing): the exchange answered 404: no reason given"),
        (429, {"error": "too many requests"}, "answered 429: too many requests"),
        (400, {"code": "invalid_price", "message": "off grid"}, "answered 400 invalid_price: off"),
        (502, b"<html>\n  <h1>Bad Gateway</h1>", "answered 502: <html> <h1>Bad Gateway</h1>"),
    ],
)
def test_a_refusal_says_operation_status_code_and_reason(
    status: int, body: object, text: str
) -> None:
    error = responses.refusal(core.READ, core.reply(status, body))
    assert text in str(error)
    assert error.advice == "" or error.advice in str(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "order_already_exists", "message": "m"}, errors.DuplicateOrder),
        ({"error": {"code": "market_closed"}}, errors.MarketClosed),
        ({"code": "insufficient_balance"}, errors.InsufficientBalance),
        ("some text", errors.BadRequest),
    ],
)
def test_a_refused_entry_of_a_batch_gets_the_class_of_its_code(
    error: object, kind: type[errors.Refused]
) -> None:
    assert type(responses.entry_refusal(core.WRITE, error)) is kind


@pytest.mark.parametrize(
    ("decode", "reason"),
    [
        (lambda document: document["absent"], "field 'absent' is missing"),
        (lambda document: document.absent, "no attribute"),
        (lambda document: int("x"), "invalid literal"),
        (lambda document: document + 1, "unsupported operand"),
        (lambda document: 1 // 0, "by zero"),
    ],
)
def test_an_answer_that_cannot_be_read_says_why_and_keeps_its_bytes(decode, reason: str) -> None:
    for operation, kind in (
        (core.READ, errors.Unintelligible),
        (core.WRITE, errors.UnintelligibleWrite),
    ):
        call = core.call(operation)
        unread = type(call)(operation, call.request, decode)
        with pytest.raises(kind, match=reason) as caught:
            responses.decode(unread, core.reply(200, {"a": 1}), core.context().deviations)
        assert caught.value.body == b'{"a": 1}'
        assert reason in caught.value.reason


def test_a_missing_field_and_a_foreign_success_status_are_counted() -> None:
    context = core.context()
    call = core.call(core.READ)
    unread = type(call)(core.READ, call.request, lambda document: document["gone"])
    with pytest.raises(errors.Unintelligible):
        responses.decode(unread, core.reply(202, {"a": 1}), context.deviations)
    assert context.deviations.counts == {
        ("GetThing", "status", "202"): 1,
        ("GetThing", "missing_field", "gone"): 1,
    }
