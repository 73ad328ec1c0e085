"""Reading documents: what a value is, and what is refused."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
import yaml as pyyaml
from contract.dump import dump_yaml
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.drift import limits, yaml
from kalshi_ext.drift.documents import FILES, document_path
from kalshi_ext.drift.limits import Unreadable
from kalshi_ext.drift.load import load


@pytest.fixture(params=["C parser", "Python parser"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python parser":
        monkeypatch.setattr(yaml, "PURE", True)
    elif not ruamel.yaml.__with_libyaml__:
        pytest.skip("ruamel.yaml.clib is not installed: only the Python parser is tested")


def read(text: str) -> Any:
    return load(text.encode())["v"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("17", 17),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("'17'", "17"),
        ("!!str 17", "17"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
@pytest.mark.usefixtures("either_parser")
def test_a_yaml_scalar_has_the_value_of_the_1_2_core_rules(text: str, value: object) -> None:
    scalar = read(f"v: {text}")
    assert scalar == value
    assert type(scalar) is type(value)


@pytest.mark.usefixtures("either_parser")
def test_keys_are_text_even_when_they_look_like_numbers_or_booleans() -> None:
    assert load(b"200: a\nyes: b\ntrue: c\n3.0: d\n") == {
        "200": "a",
        "yes": "b",
        "true": "c",
        "3.0": "d",
    }


def test_json_and_yaml_of_the_same_document_read_alike(tmp_path: Path) -> None:
    tree = {"openapi": "3.0.0", "v": {"200": ["yes", 1, None, True, "2026-01-01", {"é": ""}]}}
    path = tmp_path / "document.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    assert load(path) == load(str(path)) == tree
    assert load(dump_yaml(tree).encode()) == tree
    assert load(b"\xef\xbb\xbf" + json.dumps(tree).encode()) == tree


def test_an_alias_gives_a_copy_of_its_own() -> None:
    tree = load(b"a: &x {k: [1]}\nb: *x\n")
    tree["a"]["k"].append(2)
    assert tree["b"] == {"k": [1]}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than"),
        ("a: &a [*a]", "no finished anchor"),
        ("a: *b", "no finished anchor|undefined"),
        ("a: " + "[" * 150 + "]" * 150, "deeper than"),
        ("a: 1\na: 2", "there twice"),
        ('{"a": 1, "a": 2}', "there twice"),
        ("a: !!python/object/apply:os.system ['true']", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("a: &x {k: 1}\nb:\n  <<: *x\n", "merge key"),
        ("? [1, 2]\n: 3", "not a scalar"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1, 2", "not YAML"),
        ("\tb: 1", "not YAML"),
        ("- 1\n- 2", "not a mapping"),
        ("[1, 2]", "not a mapping"),
        ("", "not a mapping"),
        ("just text", "not a mapping"),
        ('{"a": NaN}', "not a JSON number"),
        ('{"a": 1', "not JSON"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "deeper than"),
        ('{"a": ' + "[" * 200_000 + "}", "deeper than|not JSON"),
        ('{"a": 1' + "0" * 5000 + "}", "not JSON"),
        ('{"a": [' + "1," * limits.MAX_NODES + "1]}", "more than"),
    ],
)
@pytest.mark.usefixtures("either_parser")
def test_what_is_hostile_or_broken_is_refused_with_the_rule(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        load(text.encode())


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml")
    path = tmp_path / "picture.yaml"
    path.write_bytes(b"a: \xff\xfe")
    with pytest.raises(Unreadable, match=r"picture\.yaml: not UTF-8 at byte 3"):
        load(path)


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(Unreadable, match="larger than"):
        load(path)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_give_a_document_or_one_error(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(load(data), dict)


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["yes", "No", "012", "1_0", "2026-01-01", "1:30", "=", "null", "0x1", " a", "a: b", "#", ".5"]
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, TREES, max_size=3))
def test_what_is_written_is_read_the_same_by_1_2_and_by_1_1(tree: dict[str, Any]) -> None:
    text = dump_yaml(tree)
    assert load(text.encode()) == tree
    assert pyyaml.safe_load(text) == tree


@pytest.mark.parametrize("which", sorted(FILES))
def test_both_parsers_see_the_same_contract(which: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = load(document_path(which))
    monkeypatch.setattr(yaml, "PURE", True)
    assert load(document_path(which)) == fast


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, chunks = self.server.answers[self.path]  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for chunk in chunks():
                self.wfile.write(chunk)
        except OSError:
            pass  # the reader went away, as it should

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(answers: dict[str, Any]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.answers = answers  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def endless() -> Iterator[bytes]:
    while True:
        yield b"# much\n" * 10_000


def test_a_url_is_read_but_a_redirect_is_not_followed() -> None:
    answers = {
        "/good": (200, {}, lambda: [b"openapi: 3.0.0\n"]),
        "/moved": (302, {"Location": "/good"}, list),
        "/gone": (404, {}, list),
        "/page": (200, {"Content-Type": "text/html"}, lambda: [b"<html></html>"]),
        "/endless": (200, {}, endless),
    }
    with serving(answers) as url:
        assert load(url + "/good") == {"openapi": "3.0.0"}
        for path, words in (
            ("/moved", "redirects to /good"),
            ("/gone", "status 404"),
            ("/page", "not a mapping"),
            ("/endless", "larger than"),
        ):
            with pytest.raises(Unreadable, match=words):
                load(url + path)


def test_a_url_nobody_answers_is_one_error() -> None:
    with serving({}) as url:
        pass
    with pytest.raises(Unreadable, match="ConnectError"):
        load(url + "/good")
    with pytest.raises(Unreadable, match=r"http:|InvalidURL|Unsupported"):
        load("http://[")


def test_a_drip_is_cut_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    with (
        serving({"/drip": (200, {}, endless)}) as url,
        pytest.raises(Unreadable, match=r"longer than|larger than"),  # whichever bound comes first
    ):
        load(url + "/drip")
