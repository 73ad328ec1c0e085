"""Take credentials and account names out of what is recorded, by the list the logs use.

A message without them stays as it is, byte for byte: replays compare bytes.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from kalshi_ext.redact import REDACTED, SECRET_FIELDS, SECRET_HEADERS, redact_text

# Of headers only these are kept: what is not known to be harmless is not recorded.
REQUEST_HEADERS = frozenset({"accept", "content-length", "content-type"})
RESPONSE_HEADERS = ("content-type", "date")
SECRET_NAMES = SECRET_FIELDS | SECRET_HEADERS


def scrubbed_request(request: Any, stands_for: str) -> Any:
    """Change a vcrpy request in place; `stands_for` is the URL that replaces a loopback one.

    The name stands for whatever port the sandbox had, so that recordings are the same each time.
    """
    for name in [*request.headers]:
        if name.lower() not in REQUEST_HEADERS:
            del request.headers[name]
    request.uri = scrubbed_uri(request.uri, stands_for)
    if request.body:
        request.body = scrubbed_text(_text(request.body)).encode()
    return request


def scrubbed_response(response: dict[str, Any], date: str) -> dict[str, Any]:
    """Return a response with the harmless headers only, and the date of every recording."""
    headers = {name.lower(): value for name, value in response["headers"].items()}
    kept = {name: headers[name] for name in RESPONSE_HEADERS if name in headers}
    if "date" in kept:
        kept["date"] = [date]
    status = {**response["status"], "message": redact_text(response["status"]["message"] or "")}
    body = scrubbed_text(_text(response["body"]["string"]))
    return {**response, "headers": kept, "status": status, "body": {"string": body.encode()}}


def scrubbed_uri(uri: str, stands_for: str) -> str:
    """Take user, secret parameters and, of this machine, the port out of a URI."""
    parts = urlsplit(uri)
    if parts.hostname in ("127.0.0.1", "::1", "localhost"):
        name = urlsplit(stands_for)
        parts = parts._replace(scheme=name.scheme, netloc=name.netloc)
    parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    query = parse_qsl(parts.query, keep_blank_values=True)
    clean = [(key, _scrubbed(key, value)) for key, value in query]
    if clean != query:  # otherwise byte for byte: quoting anew may change what is not secret
        pairs = (f"{quote(key, safe='')}={quote(str(value), safe='')}" for key, value in clean)
        parts = parts._replace(query="&".join(pairs))
    path = "/".join(redact_text(step) for step in parts.path.split("/"))
    return urlunsplit(parts._replace(path=path))


def scrubbed_text(text: str) -> str:
    """Take secrets out of a body, JSON or not."""
    try:
        document = json.loads(text)
    except ValueError:
        return redact_text(text)
    clean = _scrubbed("", document)
    if clean == document:
        return text
    return json.dumps(clean, separators=(",", ":"), ensure_ascii=False)


def _scrubbed(name: str, value: Any) -> Any:
    if name.lower() in SECRET_NAMES and value not in (None, ""):
        return REDACTED
    if isinstance(value, dict):
        return {_scrubbed("", key): _scrubbed(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrubbed(name, inner) for inner in value]
    return redact_text(value) if isinstance(value, str) else value


def _text(body: str | bytes) -> str:
    return body.decode() if isinstance(body, bytes) else body
