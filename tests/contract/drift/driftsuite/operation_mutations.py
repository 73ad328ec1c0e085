"""Mutations of operations, bodies, statuses, security and servers, with reasoned verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from .editing import change, drop, put, updated, without
from .schema_mutations import B, C, D, N, R

Operation = dict[str, Any]


@frozen
class OperationMutation:
    """A mutation inside one operation; it may apply at several steps, such as statuses."""

    name: str
    steps: Callable[[Operation], list[Any]]
    edit: Callable[[Operation, Any], Operation]
    verdict: str


def _once(applies: Callable[[Operation], Any] = lambda operation: True) -> Callable[..., list[Any]]:
    return lambda operation: [None] if applies(operation) else []


def _set(**items: Any) -> Callable[[Operation, Any], Operation]:
    return lambda operation, _: updated(operation, items)


def _statuses(kind: str, *, content: bool | None = None) -> Callable[[Operation], list[Any]]:
    """List the statuses of a kind (2 success, 4 error), with or without content."""

    def steps(operation: Operation) -> list[Any]:
        found = [
            (s, r) for s, r in operation["responses"].items() if (s[0] == "2") == (kind == "2")
        ]
        return [s for s, r in found if content is None or bool(r.get("content")) == content]

    return steps


def _errors_described_once(operation: Operation) -> list[Any]:
    """List the error statuses that no range and no default describes as well."""
    found = operation["responses"]
    errors = [s for s in _statuses("4")(operation) if s[0] not in "13"]
    return [s for s in errors if not {f"{s[0]}XX", "default"} & (set(found) - {s})]


def _response(edit: Callable[[Any], Any]) -> Callable[[Operation, Any], Operation]:
    return lambda operation, status: change(operation, ("responses", status), edit)


def _moved_status(to: str) -> Callable[[Operation, Any], Operation]:
    def edit(operation: Operation, status: Any) -> Operation:
        left = drop(operation, ("responses", status))
        return put(left, ("responses", to), operation["responses"][status])

    return edit


def _copied_status(to: str) -> Callable[[Operation, Any], Operation]:
    return lambda o, status: put(o, ("responses", to), o["responses"][status])


def _statuses_with_headers(operation: Operation) -> list[Any]:
    """List the statuses with headers, some always there and some not."""
    return [s for s, r in operation["responses"].items() if r.get("headers")]


def _headers(required: bool) -> Callable[[Operation, Any], Operation]:
    return _response(lambda r: updated(r, {"headers": {
        name: updated(header, {"required": required}) for name, header in r["headers"].items()}}))  # fmt: skip


def _media(edit: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda holder: change(holder, ("content",), edit)


_XML = {"application/xml": {"schema": {"type": "string"}}}
_TEXT = {"text/csv": {"schema": {"type": "string"}}}
_HEADER = {"X-Limit": {"schema": {"type": "integer"}}}


def _only_media(content: Any) -> Any:
    return {"application/msgpack": content["application/json"]}


def _has_body(operation: Operation) -> bool:
    return "requestBody" in operation


def _body_is(required: bool) -> Callable[[Operation], bool]:
    return lambda o: _has_body(o) and bool(o["requestBody"].get("required")) == required


def _body(edit: Callable[[Any], Any]) -> Callable[[Operation, Any], Operation]:
    return lambda operation, _: change(operation, ("requestBody",), edit)


def _new_body(required: bool) -> Operation:
    return {"required": required, "content": {"application/json": {"schema": {"type": "object"}}}}


def _requires_credentials(operation: Operation) -> bool:
    return bool(operation.get("security"))


def _with_security(operation: Operation, edit: Callable[[Any], Any]) -> Operation:
    return updated(operation, {"security": edit(operation["security"])})


_NEW_SCHEME = "aNewScheme"

OPERATION_MUTATIONS: tuple[OperationMutation, ...] = (
    OperationMutation("operation deprecated", _once(lambda o: not o.get("deprecated")),
                  _set(deprecated=True), D),
    OperationMutation("operation no longer deprecated", _once(lambda o: o.get("deprecated")),
                  _set(deprecated=False), N),
    OperationMutation("operationId changed", _once(), _set(operationId="SomethingElse"), N),
    OperationMutation("servers of its own", _once(), _set(servers=[{"url": "https://other.example/v9"}]), B),
    OperationMutation("callbacks", _once(), _set(callbacks={"onFill": {"{$request.body#/u}": {
        "post": {"responses": {"200": {"description": ""}}}}}}), R),
    OperationMutation("callbacks gone", _once(lambda o: "callbacks" in o),
                  lambda o, _: without(o, "callbacks"), R),
    # Bodies.
    OperationMutation("body removed", _once(_has_body), lambda o, _: without(o, "requestBody"), B),
    OperationMutation("body became required", _once(_body_is(False)),
                  _body(lambda b: updated(b, {"required": True})), B),
    OperationMutation("body became optional", _once(_body_is(True)),
                  _body(lambda b: updated(b, {"required": False})), C),
    OperationMutation("optional body added", _once(lambda o: not _has_body(o)),
                  _set(requestBody=_new_body(False)), C),
    OperationMutation("required body added", _once(lambda o: not _has_body(o)),
                  _set(requestBody=_new_body(True)), B),
    OperationMutation("another request media type", _once(_has_body),
                  _body(_media(lambda c: {**c, **_XML})), C),
    OperationMutation("request media type replaced", _once(_has_body), _body(_media(_only_media)), B),
    OperationMutation("request encoding", _once(_has_body), _body(_media(lambda c: {
        k: {**m, "encoding": {"x": {"contentType": "text/plain"}}} for k, m in c.items()})), R),
    # Statuses: exceptions exist for every error; a success under another number is not read.
    OperationMutation("error status removed", _errors_described_once,
                  lambda o, s: drop(o, ("responses", s)), C),
    OperationMutation("error status added",
                  _once(lambda o: not {"4XX", "default"} & set(o["responses"])), lambda o, _: put(o, ("responses", "418"), {
        "description": "", "content": {"application/json": {"schema": {"type": "object"}}}}), C),
    OperationMutation("error status became a range", lambda o: [s for s in _errors_described_once(o)
        if s[1:] != "XX" and s != "default"],
        lambda o, s: _moved_status(f"{s[0]}XX")(o, s), C),
    OperationMutation("success replaced", _statuses("2"), _moved_status("299"), B),
    OperationMutation("another success", _statuses("2"), _copied_status("202"), R),
    OperationMutation("success no longer described", _statuses("2"),
                  lambda o, s: drop(o, ("responses", s)), B),
    OperationMutation("redirect added", _once(),
                  lambda o, _: put(o, ("responses", "307"), {"description": ""}), R),
    OperationMutation("content of success removed", _statuses("2", content=True),
                  _response(lambda r: without(r, "content")), B),
    OperationMutation("content of error removed", _statuses("4", content=True),
                  _response(lambda r: without(r, "content")), R),
    OperationMutation("content where there was none", _statuses("2", content=False),
                  _response(lambda r: updated(r, {"content": _TEXT})), C),
    OperationMutation("content of error described", _statuses("4", content=False),
                  _response(lambda r: updated(r, {"content": _TEXT})), C),
    OperationMutation("another answer media type", _statuses("2", content=True),
                  _response(_media(lambda c: {**c, **_TEXT})), R),
    OperationMutation("answer media type replaced", _statuses("2", content=True),
                  _response(_media(_only_media)), B),
    OperationMutation("answer header added", _statuses("2"),
                  _response(lambda r: updated(r, {"headers": {**r.get("headers", {}), **_HEADER}})), C),
    OperationMutation("answer headers gone", _statuses_with_headers, _response(lambda r: without(r, "headers")), B),
    OperationMutation("answer headers always there", _statuses_with_headers, _headers(True), C),
    OperationMutation("answer headers not always there", _statuses_with_headers, _headers(False), B),
    OperationMutation("redirect no longer described", lambda o: [s for s in o["responses"] if s[0] == "3"],
                  lambda o, s: drop(o, ("responses", s)), C),
    # Security: a caller who gave what was asked must still be let in.
    OperationMutation("no credentials any more", _once(_requires_credentials), _set(security=[]), C),
    OperationMutation("credentials now needed", _once(lambda o: not _requires_credentials(o)),
                  _set(security=[{_NEW_SCHEME: []}]), B),
    OperationMutation("another way to authenticate", _once(_requires_credentials),
                  lambda o, _: _with_security(o, lambda ways: [*ways, {_NEW_SCHEME: []}]), C),
    OperationMutation("one more credential in each way", _once(_requires_credentials),
                  lambda o, _: _with_security(o, lambda ways: [{**w, _NEW_SCHEME: []} for w in ways]), B),
    OperationMutation("first way removed", _once(lambda o: len(o.get("security", [])) > 1),
                  lambda o, _: _with_security(o, lambda ways: ways[1:]), B),
    OperationMutation("one credential less", _once(lambda o: any(len(w) > 1 for w in o.get(
        "security", []))), lambda o, _: _with_security(o, lambda ways: [
            without(w, next(iter(w))) if len(w) > 1 else w for w in ways]), C),
    OperationMutation("scope demanded", _once(_requires_credentials), lambda o, _: _with_security(o, lambda ways: [
        {name: ["trade"] for name in w} for w in ways]), B),
)  # fmt: skip
