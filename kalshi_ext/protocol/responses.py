"""Read what came back: one parser for every body shape, one judgement for every status.

Shapes seen on the wire: {"error": {code, message, details}}, {code, message, details},
{"msg": text}, {"error": text}, an `error` inside a batch entry, HTML or nothing from a proxy.

Who wrote a status is told by the body only: proxies answer 403, 404 and 429 too, also after the
exchange executed the request (observed: HTML under 403 and 429). So a refusal of a write is
believed where its body has a shape of the exchange's own errors:

    body                                         believed under    source
    {"error": {code, message?, details?, ...}}   `NOT_EXECUTED`    documented
    {code, message, details?, ...}               `NOT_EXECUTED`    observed
    either, with fields that nobody has met      `NOT_EXECUTED`    inferred; only `OWN_CODES`
    {"msg": text}                                400               observed, of parameters
    {"error": "too many requests"}               429               observed

and where its code is none of a failing server. Anything else is an unknown outcome of a write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar, cast

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.errors import (
    BY_CODE,
    BY_STATUS,
    BY_WORDS,
    Refused,
    TimestampExpired,
    Unavailable,
    UnavailableWrite,
    Unintelligible,
    UnintelligibleWrite,
)
from kalshi_ext.protocol.deviations import (
    Deviation,
    DeviationCounter,
    decode_noting,
    find_deviations,
    printable,
)
from kalshi_ext.protocol.messages import Call, Document, InvalidRow, Operation, Page, Reply
from kalshi_ext.redact import clean_text, without_known_text, without_known_values
from kalshi_ext.values.money import EXACT

T = TypeVar("T")

# A refusal with one of these, and with a body of the exchange's own, proves that the request was
# not executed. Every other status from 300 up proves nothing about a write, whatever its body.
NOT_EXECUTED = frozenset(
    {301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 411}
    | {413, 414, 415, 421, 422, 426, 428, 429, 431}
)
ERROR_FIELDS = frozenset({"error", "code", "message", "details", "msg", "service"})
CODED_FIELDS = frozenset({"code", "message", "details", "service"})
# Codes that speak of trading, in lower case. No gateway writes them: a field more beside one, in a
# later version of the exchange, makes no stranger of it. Each was observed or documented.
OWN_CODES = frozenset(
    {"invalid_order", "invalid_price", "invalid_order_size", "insufficient_balance"}
    | {"notional_risk_limit_exceeded", "market_not_active", "market_closed", "trading_is_paused"}
    | {"amend_order_no_op", "fill_or_kill_insufficient_resting_volume"}
    | {"header_timestamp_expired", "deprecated_v1_order_endpoint"}
)
# A word, perhaps with an id of somebody behind it: `user_not_found:_<uuid>` (observed). Gateways
# write numbers and sentences there.
_CODE = re.compile(r"[A-Za-z][\w.:-]*")
# Codes of a failing server: the exchange's own words, and yet no refusal.
_NO_PROOF = re.compile(
    "internal|unavailable|timeout|timed_out|deadline|gateway|upstream|server_error|overload|unknown_",
    re.IGNORECASE,
)
# Codes that say "done before", whatever the status: the key is known, so nothing is refused.
_DONE_BEFORE = frozenset({"order_already_exists", "transfer_already_applied"})
EXCERPT = 200  # characters of a foreign body shown in a message
MAX_DETAIL = 2_000  # characters of the exchange's words that an error keeps beside its body
_NO_NUMBER = Decimal("NaN")


@frozen(eq=False, repr=False)
class ErrorBody(Value):
    """The three fields every error shape can be reduced to."""

    code: str | None = None
    message: str | None = None
    details: str | None = None


def parse_json(body: bytes) -> Document:
    """Parse JSON with numbers as int or Decimal, never float. ValueError when it is not JSON."""
    # As json.loads does, which would make a decoder for each answer.
    return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits, EXACT)
    except InvalidOperation:
        # 1e9999999999999999999 is JSON, and no number of anything here: it costs its own field.
        return _NO_NUMBER


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_float=_decimal, parse_constant=_no_constant)


def error_body(document: Document) -> ErrorBody:
    """Reduce any error shape to code, message and details; an unknown shape gives an empty one."""
    if not isinstance(document, Mapping):
        return ErrorBody(message=document if isinstance(document, str) else None)
    fields = cast("Mapping[str, Any]", document)
    # A loop: how deep JSON may be nested is the parser's to say, and Python 3.13's goes beyond what
    # a recursion here could follow.
    while isinstance(inner := fields.get("error"), Mapping):
        fields = cast("Mapping[str, Any]", inner)
    if isinstance(inner, str) and inner:
        return ErrorBody(message=inner)
    message = fields.get("message") or fields.get("msg")
    return ErrorBody(_text(fields.get("code")), _text(message), _text(fields.get("details")))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, default=str)


def read_error_bytes(body: bytes) -> ErrorBody:
    """Read the body of a refusal; HTML and other foreign text becomes a short excerpt."""
    if not body:
        return ErrorBody()
    try:
        return error_body(parse_json(body))
    except (ValueError, RecursionError):
        text = body[: EXCERPT * 40].decode("utf-8", "replace")
        return ErrorBody(message=clean_text(text, EXCERPT))


def maybe_executed(operation: Operation, reply: Reply) -> bool:
    """Say whether a write with this answer, which is no 2xx, may have been executed."""
    return operation.writes and not _proves_refusal(reply)


def _proves_refusal(reply: Reply) -> bool:
    if reply.status not in NOT_EXECUTED:
        return False
    try:
        document = parse_json(reply.body)
        code = error_body(document).code or ""
    except (ValueError, RecursionError):
        return False
    return _is_exchange_error(reply.status, document) and not _NO_PROOF.search(code)


def _is_exchange_error(status: int, document: Document) -> bool:
    """Say whether a document has a shape of the exchange's own errors (table at the top)."""
    if not isinstance(document, Mapping):
        return False
    fields = cast("Mapping[str, Any]", document)
    inner = fields.get("error")
    if isinstance(inner, Mapping):
        coded = cast("Mapping[str, Any]", inner)
        return _is_coded(coded) and (len(fields) == 1 or _has_own_code(coded))
    if set(fields) == {"error"}:
        return status == 429 and isinstance(inner, str) and inner.lower() == "too many requests"
    if set(fields) == {"msg"}:
        return status == 400 and isinstance(fields["msg"], str) and bool(fields["msg"])
    # Flat errors of gateways have a message and no code, or a code and no message.
    return isinstance(fields.get("message"), str) and _is_coded(fields)


def _is_coded(fields: Mapping[str, Any]) -> bool:
    code, message = fields.get("code"), fields.get("message")
    coded = isinstance(code, str) and _CODE.fullmatch(code) is not None
    known = fields.keys() <= CODED_FIELDS or _has_own_code(fields)
    return coded and isinstance(message, str | None) and known


def _has_own_code(fields: Mapping[str, Any]) -> bool:
    return str(fields.get("code")).lower() in OWN_CODES


def is_unknown_request(reply: Reply) -> bool:
    """Say whether the exchange has no such method, or no such path: a 404 that names no code."""
    nameless = reply.status == 404 and read_error_bytes(reply.body).code is None
    return reply.status == 405 or nameless


def refusal(
    operation: Operation, reply: Reply, kind: type[Refused] | None = None, **known: Any
) -> Refused:
    """Build the error of a reply that is no success; of the class that fits, or of `kind`."""
    body = read_error_bytes(reply.body)
    kind = kind or _error_class(operation, reply, body)
    answer = f"the exchange answered {reply.status}{_summary(body)}"
    error = kind(
        f"{operation.facade} ({operation.id}): {answer}",
        operation=operation.id,
        status=reply.status,
        body=without_known_values(reply.body),
        **known,
    )
    # A proxy may echo what we sent. The bytes stay in `body`, for who asks for them.
    error.code = None if body.code is None else without_known_text(body.code)
    error.message, error.details = _redacted(body.message), _redacted(body.details)
    return error


def _redacted(text: str | None) -> str | None:
    return None if text is None else clean_text(text, MAX_DETAIL)


def _summary(body: ErrorBody) -> str:
    """Say code and reason in one short line; codes too may name an account, as others' ids do."""
    words = f"{body.code or ''}: {body.message or body.details or 'no reason given'}"
    text = clean_text(words, EXCERPT)
    return f" {text}" if body.code else text


def is_timestamp_expired(status: int, body: ErrorBody) -> bool:
    """Say whether the exchange refused a request because its timestamp was too far off."""
    # Observed as a code; errors come in several shapes, so it may stand in another field.
    return status == 401 and "header_timestamp_expired" in (body.code, body.details, body.message)


def _error_class(operation: Operation, reply: Reply, body: ErrorBody) -> type[Refused]:
    status, code = reply.status, body.code
    if code in _DONE_BEFORE and 400 <= status < 500:
        return BY_CODE[409, code]
    if maybe_executed(operation, reply):
        return UnavailableWrite
    if is_timestamp_expired(status, body):
        return TimestampExpired
    if (known := _known_class(status, body)) is not None:
        return known
    if status in BY_STATUS:
        return BY_STATUS[status]
    return Unavailable if status >= 500 else Refused


_NO_WORD = re.compile("[^a-z0-9]+")


def _known_class(status: int, body: ErrorBody) -> type[Refused] | None:
    """Return the class of a refusal by its code, or by its words where it shares the code."""
    if (known := BY_CODE.get((status, body.code or ""))) is not None:
        return known
    if all(status != of for of, _, _ in BY_WORDS):
        return None
    said = " ".join(part[:EXCERPT] for part in (body.code, body.message, body.details) if part)
    text = _NO_WORD.sub(" ", said.lower())
    for of, words, kind in BY_WORDS:
        if status == of and all(word in text for word in words):
            return kind
    return None


def entry_refusal(operation: Operation, error: Document, *, status: int = 400) -> Refused:
    """Build the error of one refused entry of a batch whose envelope was a success.

    A batch entry carries no status of its own: known conflict codes give 409, others 400. Whether
    it proves anything is told by its code alone (`writes/outcomes.py`).
    """
    body = error_body(error)
    kind = BY_CODE.get((409, body.code or ""))
    if kind is not None:
        status = 409
    elif status == 400:
        kind = _known_class(status, body)
    reply = Reply(status, {}, json.dumps(error, default=str).encode())
    return refusal(operation, reply, kind or BY_STATUS[status])


def unintelligible(operation: Operation, reply: Reply, reason: str) -> Unintelligible:
    """Build the error of a 2xx that cannot be read; it keeps the bytes."""
    kind = UnintelligibleWrite if operation.writes else Unintelligible
    reason = clean_text(reason, EXCERPT)  # it may quote the answer
    return kind(
        f"{operation.facade} ({operation.id}): the answer {reply.status} cannot be read: {reason}",
        operation=operation.id,
        status=reply.status,
        body=without_known_values(reply.body),
        reason=reason,
    )


def decode(call: Call[T], reply: Reply, counter: DeviationCounter) -> T:
    """Return what a 2xx says and count its deviations; Unintelligible when it cannot be read."""
    operation = call.operation
    deviations: set[Deviation] = set()
    try:
        return _decode(call, reply, deviations)
    except KeyError as missing:
        name = clean_text(str(missing.args[0]), EXCERPT)
        if not any(where.endswith(f".{name}") for _, where in deviations):
            deviations.add(("missing_field", printable(name)))
        reason = f"field '{name}' is missing"
    except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = str(error) or type(error).__name__
    finally:
        if deviations:
            counter.add(operation.id, deviations)
    # Not raised in the handlers: the error would chain another, whose frames hold the answer.
    raise unintelligible(operation, reply, reason)


def _decode(call: Call[T], reply: Reply, deviations: set[Deviation]) -> T:
    if reply.status not in call.operation.success:
        deviations.add(("status", str(reply.status)))
    elif call.decode_fast is not None and (fast := call.decode_fast(reply.body)) is not None:
        return fast
    document = parse_json(reply.body) if reply.body.strip() else None
    is_object = type(document) is dict  # as JSON's objects are read
    if is_object and document and document.keys() <= ERROR_FIELDS:
        raise ValueError("a success that carries an error body")
    if is_object and call.operation.writes and _carries_error(document):
        raise ValueError("a success that carries an error beside it")
    if not is_object and document is not None and not call.operation.any_json:
        raise ValueError("the answer is not an object")
    deviations |= find_deviations(call.operation.id, document)
    answer = decode_noting(call.decode, document, deviations)
    page: object = answer
    if isinstance(page, Page):
        deviations |= _of_rows(page.invalid_rows, deviations)
    return answer


def _carries_error(document: Any) -> bool:
    """Say whether an answer tells an error beside what else it tells; no contract's does."""
    return bool(document.get("error") or document.get("errors")) or document.get("success") is False


def _of_rows(rows: Iterable[InvalidRow], known: Collection[Deviation]) -> set[Deviation]:
    """Return what rows that could not be decoded add to what the tables found (`known`).

    A decoder may need a field that the contract does not require.
    """
    listed = {where.rpartition(".")[2] for kind, where in known if kind == "missing_field"}
    missing = {(row.type, row.missing) for row in rows if row.missing and row.missing not in listed}
    return {("invalid_row", row.type) for row in rows} | {
        ("missing_field", f"{kind}.{name}") for kind, name in missing
    }
