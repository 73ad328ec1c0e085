from __future__ import annotations

import json

import core_samples as core
import pytest
from case_samples import sampled
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import errors
from kalshi_ext.protocol import responses
from kalshi_ext.protocol.flow import decode_response
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.protocol.responses import ErrorBody

SHAPES = {
    "nested": (
        {"error": {"code": "c", "message": "m", "details": "d"}},
        ErrorBody("c", "m", "d"),
    ),
    "nested without details": ({"error": {"code": "c", "message": "m"}}, ErrorBody("c", "m")),
    "flat": ({"code": "c", "message": "m", "details": "d"}, ErrorBody("c", "m", "d")),
    "flat with a service": ({"code": "c", "message": "m", "service": "s"}, ErrorBody("c", "m")),
    "msg": ({"msg": "invalid parameter: limit"}, ErrorBody(None, "invalid parameter: limit")),
    "text under error": ({"error": "too many requests"}, ErrorBody(None, "too many requests")),
    "twice nested": ({"error": {"error": {"code": "c"}}}, ErrorBody("c")),
    "null error": ({"error": None, "code": "c"}, ErrorBody("c")),
    "empty error text": ({"error": "", "message": "m"}, ErrorBody(None, "m")),
    "code is a number": ({"code": 17, "message": None}, ErrorBody("17")),
    "details is an object": (
        {"code": "c", "details": {"field": ["a", 1]}},
        ErrorBody("c", None, '{"field": ["a", 1]}'),
    ),
    "text": ("service unavailable", ErrorBody(None, "service unavailable")),
    "list": (["a"], ErrorBody()),
    "null": (None, ErrorBody()),
    "number": (5, ErrorBody()),
    "empty object": ({}, ErrorBody()),
}
FOREIGN = {
    "nothing": b"",
    "spaces": b" \n ",
    "html": b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "truncated": b'{"error": {"code": "internal_server_er',
    "latin": "Durchgangsserver überlastet".encode("latin-1"),
    "binary": bytes(range(256)),
    "deep list": b"[" * 100_000,
    "deep object": b'{"error":' * 5_000 + b"1" + b"}" * 5_000,
    "nan": b'{"code": NaN}',
    "endless number": b'{"code": ' + b"9" * 5_000 + b"}",
    "half a surrogate": b'{"code": "\\ud800", "message": "\\udfff"}',
}
STATUSES = [*range(100, 200), *range(300, 600)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_an_error_body_gives_code_message_and_details(shape: str) -> None:
    document, expected = SHAPES[shape]
    assert responses.read_error_bytes(json.dumps(document).encode()) == expected


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 502, 520, 561])
@pytest.mark.parametrize("body", [*SHAPES, *FOREIGN])
def test_no_body_whatever_hides_its_status(body: str, status: int) -> None:
    raw = FOREIGN[body] if body in FOREIGN else json.dumps(SHAPES[body][0]).encode()
    for operation in core.BOTH:
        error = responses.refusal(operation, core.reply(status, raw))
        assert isinstance(error, errors.Refused)
        assert (error.status, error.body, error.operation) == (status, raw, operation.id)
        str(error).encode()
        assert f"{operation.facade} ({operation.id}): the exchange answered {status}" in str(error)


BY_STATUS: dict[int, type[errors.Refused]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.Retired,
    429: errors.RateLimited,
}
CODED = {"code": "some_code", "message": "no"}
# Body, and the statuses under which it is one of the exchange's own.
OWN: dict[str, tuple[object, set[int]]] = {
    "nested": ({"error": CODED}, set(responses.NOT_EXECUTED)),
    "nested with details": (
        {"error": {**CODED, "details": {"x": 1}, "service": "s"}},
        set(responses.NOT_EXECUTED),
    ),
    "nested without message": ({"error": {"code": "some_code"}}, set(responses.NOT_EXECUTED)),
    "dynamic code": (
        {"error": {"code": "user_not_found:_5f0c-77", "message": "no"}},
        set(responses.NOT_EXECUTED),
    ),
    "flat": (CODED, set(responses.NOT_EXECUTED)),
    "flat with details": ({**CODED, "details": "d"}, set(responses.NOT_EXECUTED)),
    "a code of trading with more": (
        {"error": {"code": "invalid_order", "message": "no", "help": "h"}, "trace": "7d1"},
        set(responses.NOT_EXECUTED),
    ),
    "a flat code of trading with more": (
        {"code": "NOTIONAL_RISK_LIMIT_EXCEEDED", "message": "no", "trace": {"id": 1}},
        set(responses.NOT_EXECUTED),
    ),
    "msg": ({"msg": "invalid parameter: limit"}, {400}),
    "throttle": ({"error": "too many requests"}, {429}),
}
NOT_OWN: dict[str, object] = {
    "empty object": {},
    "null": None,
    "list": [CODED],
    "text": "Forbidden",
    "message alone": {"message": "Forbidden"},
    "code alone": {"code": "AccessDenied"},
    "empty msg": {"msg": ""},
    "msg and more": {"msg": "no", "ray": "7d1"},
    "another text under error": {"error": "Forbidden"},
    "number as code": {"error": {"code": 403, "message": "Forbidden"}},
    "number in text as code": {"error": {"code": "1020", "message": "Access denied"}},
    "sentence as code": {"code": "Access denied", "message": "no"},
    "no code": {"error": {"code": None, "message": "no"}},
    "foreign field": {"error": {**CODED, "status": "PERMISSION_DENIED"}},
    "foreign field beside": {"error": CODED, "ray": "7d1"},
    "foreign flat field": {**CODED, "requestId": "1"},
    "a flat code of trading without words": {"code": "invalid_price", "trace": "7d1"},
    "message is a list": {"error": {"code": "some_code", "message": ["no"]}},
    "failing server": {"error": {"code": "internal_server_error", "message": "no"}},
    "unavailable": {"code": "service_unavailable", "message": "no"},
    "timeout": {"error": {"code": "upstream_timeout", "message": "no"}},
}


def raw(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


BODIES = [*NOT_OWN.values(), *FOREIGN.values()]


def statuses_for(body: object) -> list[int]:
    """Those with a meaning, and a sample of the others: over all bodies each has its turn."""
    turn = next(n for n, each in enumerate(BODIES) if each is body) % 16
    meant = {*BY_STATUS, *responses.NOT_EXECUTED, 500, 502, 503, 504}
    if len(raw(body)) > 20_000:  # seconds for each hundred
        meant = set(BY_STATUS)
    return sorted({*meant, *sampled(STATUSES[turn:] + STATUSES[:turn], 16)})


def test_each_status_has_its_turn_under_some_body() -> None:
    assert {status for body in BODIES for status in statuses_for(body)} == set(STATUSES)


@pytest.mark.parametrize("body", OWN)
def test_a_refusal_of_a_write_is_believed_under_its_statuses_in_the_exchanges_own_shape(
    body: str,
) -> None:
    document, statuses = OWN[body]
    turn = list(OWN).index(body) % 3
    tried = {*responses.NOT_EXECUTED, *sampled(STATUSES[turn:] + STATUSES[:turn], 3)}
    kinds = {
        status: type(responses.refusal(core.WRITE, core.reply(status, document)))
        for status in sorted(tried)
    }
    assert {s for s, kind in kinds.items() if not issubclass(kind, errors.OutcomeUnknown)} == (
        statuses
    )
    assert {s: kinds[s] for s in statuses} == {
        s: BY_STATUS.get(s, errors.Refused) for s in statuses
    }


@pytest.mark.parametrize("body", BODIES, ids=[*NOT_OWN, *FOREIGN])
def test_no_status_proves_anything_of_a_write_under_a_body_that_is_not_the_exchanges(
    body: object,
) -> None:
    kinds = {
        type(responses.refusal(core.WRITE, core.reply(status, raw(body))))
        for status in statuses_for(body)
    }
    assert kinds == {errors.UnavailableWrite}


@pytest.mark.parametrize("body", BODIES, ids=[*NOT_OWN, *FOREIGN])
def test_a_status_of_a_read_gives_the_class_that_says_what_to_do_whoever_wrote_it(
    body: object,
) -> None:
    mismatches = {
        status: kind
        for status in statuses_for(body)
        for kind in [type(responses.refusal(core.READ, core.reply(status, raw(body))))]
        if kind
        is not BY_STATUS.get(status, errors.Unavailable if status >= 500 else errors.Refused)
    }
    assert mismatches == {}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=20) | st.just("some_code"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "code", "message", "details", "msg", "x"]), inner
            )
        ),
        max_leaves=10,
    ),
    st.sampled_from(STATUSES),
)
def test_whatever_json_is_believed_names_a_code_or_is_one_of_two_texts(
    document: object, status: int
) -> None:
    error = responses.refusal(core.WRITE, core.reply(status, document))
    if not isinstance(error, errors.OutcomeUnknown):
        assert status in responses.NOT_EXECUTED
        text_alone = document == {"error": "too many requests"} and status == 429
        assert error.code or text_alone or (status == 400 and set(document) == {"msg"})  # type: ignore[call-overload]


def test_a_failing_status_on_a_read_is_never_an_unknown_outcome() -> None:
    kinds = {type(responses.refusal(core.READ, core.reply(status))) for status in STATUSES}
    assert not [kind for kind in kinds if issubclass(kind, errors.OutcomeUnknown)]


@pytest.mark.parametrize(("key", "kind"), errors.BY_CODE.items(), ids=str)
@pytest.mark.parametrize("nested", [True, False])
def test_conflict_codes_have_classes_of_their_own(
    key: tuple[int, str], kind: type[errors.Refused], nested: bool
) -> None:
    status, code = key
    flat = {"code": code, "message": "no"}
    error = responses.refusal(core.WRITE, core.reply(status, {"error": flat} if nested else flat))
    assert type(error) is kind
    assert error.code == code
    # That the id is known is no refusal, whatever the status; other words are, under their own.
    under_400 = type(responses.refusal(core.WRITE, core.reply(400, flat)))
    done_before = kind in (errors.DuplicateOrder, errors.TransferAlreadyApplied)
    assert under_400 is (kind if done_before or key[0] == 400 else errors.BadRequest)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226])
@pytest.mark.parametrize("operation", core.BOTH, ids=["read", "write"])
@pytest.mark.parametrize(
    "body", [{"error": {"code": "internal_server_error"}}, {"code": "c", "message": "m"}]
)
def test_a_success_that_holds_an_error_is_no_success(
    operation: Operation, status: int, body: object
) -> None:
    with pytest.raises(errors.Unintelligible) as caught:
        decode_response(core.call(operation), core.reply(status, body), core.context())
    assert isinstance(caught.value, errors.OutcomeUnknown) is operation.writes
    assert caught.value.body == json.dumps(body).encode()


@given(st.binary(max_size=400), st.integers(100, 599))
def test_any_bytes_under_any_status_become_an_answer_or_an_error_of_ours(
    body: bytes, status: int
) -> None:
    for operation in core.BOTH:
        try:
            decode_response(core.call(operation), core.reply(status, body), core.context())
        except errors.KalshiError as error:
            str(error).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["error", "code", "message", "details", "msg", "x"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_reduces_to_texts_or_nothing(document: object) -> None:
    body = responses.error_body(document)
    assert all(part is None or isinstance(part, str) for part in (body.code, body.details))


def test_money_in_answers_is_never_a_float() -> None:
    document = responses.parse_json(b'{"a": 0.1, "b": 1e2, "c": 3, "d": [0.56]}')
    values = [document["a"], document["b"], document["c"], document["d"][0]]
    assert not [value for value in values if isinstance(value, float)]
    assert [str(value) for value in values] == ["0.1", "1E+2", "3", "0.56"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_word_for_what_is_no_number(literal: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        responses.parse_json(f'{{"a": {literal}}}'.encode())
