"""What the exchange makes of bodies that are not what it asked for."""

from __future__ import annotations

import pytest
from sandbox_client import SignedClient, order_body

EVENTS = "/portfolio/events/orders"
GROUPS = "/portfolio/order_groups"


def test_a_write_without_a_body_has_an_invalid_content_type(caller: SignedClient) -> None:
    answer = caller.call("POST", EVENTS)
    assert (answer.status, answer.code) == (400, "invalid_content_type")


def test_a_body_declared_as_something_else_counts_as_none(caller: SignedClient) -> None:
    headers = caller.sign("POST", "/trade-api/v2" + EVENTS)
    answer = caller.call(
        "POST", EVENTS, order_body(), headers={**headers, "Content-Type": "text/plain"}
    )
    assert (answer.status, answer.code) == (400, "invalid_content_type")


def test_resetting_a_group_needs_an_empty_object(caller: SignedClient) -> None:
    group = caller.call("POST", f"{GROUPS}/create", {"contracts_limit": 5}).json
    path = f"{GROUPS}/{group['order_group_id']}/reset"
    assert caller.call("PUT", path).code == "invalid_content_type"
    assert caller.call("PUT", path, {}).status == 200


@pytest.mark.parametrize(
    "raw",
    [b"{", b"\xff\xfe", b"nothing", b'{"count": NaN}', b"[" * 100_000, b'{"a":1}{"b":2}'],
    ids=["cut", "not-utf8", "no-json", "nan", "deep", "two"],
)
def test_a_body_that_is_not_json_is_a_bad_request(caller: SignedClient, raw: bytes) -> None:
    assert caller.call("POST", EVENTS, raw=raw).status == 400


@pytest.mark.parametrize("body", [[], "text", 1, True, None], ids=str)
def test_a_body_that_is_no_object_is_a_bad_request(caller: SignedClient, body: object) -> None:
    raw = b"null" if body is None else None
    assert caller.call("POST", EVENTS, body, raw=raw).status == 400


@pytest.mark.parametrize(("name", "number"), [("count", 1), ("price", 0.5)])
def test_a_json_number_where_text_is_due_is_a_bad_request(
    caller: SignedClient, name: str, number: float
) -> None:
    answer = caller.call("POST", EVENTS, order_body(**{name: number}))
    assert (answer.status, answer.code) == (400, "bad_request")


def test_a_body_beyond_all_measure_is_refused_unread(caller: SignedClient) -> None:
    raw = b'{"x":"' + b"y" * (9 * 1024 * 1024) + b'"}'
    assert caller.call("POST", EVENTS, raw=raw).status == 413
