"""Bad arguments are refused by name, before anything is sent, in the class of this library."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bad_arguments
import bad_values
import pytest
from attrs import fields
from bad_arguments import Attempt, Verdicts
from calls import BOTH
from case_samples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext import Kalshi
from kalshi_ext._sync.resource import Resource

STRIDE = 23  # of all attempts; `make fuzz` tries each


def test_every_parameter_of_every_method_has_a_kind() -> None:
    known = {*bad_values.KINDS, "self"}
    for contract in BOTH:
        clients = bad_arguments.Clients(contract)
        for example in bad_arguments.examples_of(contract):
            names = bad_arguments._signature(clients, "sync", example.word).parameters
            assert {*names} - known == set(), example.word
        clients.close()


def test_every_option_of_a_client_and_every_method_is_tried() -> None:
    options = {*inspect.signature(Kalshi).parameters}
    assert options == {*bad_arguments.OPTIONS}
    tried = {example.word for contract in BOTH for example in bad_arguments.examples_of(contract)}
    tried |= {*bad_arguments.OTHER_METHODS, "request"}
    with Kalshi(bearer_token="a-token-of-a-test") as client:
        found = {
            word
            for word, method in public_methods(client)
            if [*inspect.signature(method).parameters]
        }
    # What is generated checks itself; a flow and rows are made by this library.
    assert found - tried == {"call", "run", "trading.note", "from_env"}


def public_methods(client: Kalshi) -> Iterator[tuple[str, Any]]:
    for name in (name for name in dir(client) if not name.startswith("_")):
        part = getattr(client, name)
        if callable(part):
            yield name, part
        elif isinstance(part, Resource):
            for word in (word for word in dir(part) if not word.startswith("_")):
                if callable(getattr(part, word, None)):
                    yield f"{name}.{word}", getattr(part, word)


@pytest.mark.parametrize("kind", bad_arguments.CLASSES)
def test_every_field_of_a_class_that_a_caller_makes_is_checked(kind: type) -> None:
    together = {"name", "base_url", "side", "action"}  # by `_check_together`
    names = {part.name for part in fields(kind) if part.init and not part.name.startswith("_")}
    free = {name for owner, name in bad_arguments.FREE if owner is kind}
    assert names - set(kind._checks) - free <= together


@pytest.mark.parametrize("start", range(2))
def test_no_bad_argument_reaches_the_wire_or_passes(
    start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a journal's name is a file's
    verdicts = Verdicts()
    for attempt in itertools.islice(bad_arguments.everything(), start, None, 2 * STRIDE):
        verdicts.add(attempt)
    assert verdicts.tried > 300
    assert verdicts.examples == []


CURRENT = bad_arguments.Clients("current")
TEXTS = [
    (example, parameter)
    for example in bad_arguments.examples_of("current")
    for parameter in bad_arguments._parameters(CURRENT, "sync", example.word)
]


@settings(max_examples=examples(100))
@given(st.text(max_size=40), st.sampled_from(bad_arguments.CONTROLS), st.sampled_from(TEXTS))
def test_a_text_with_a_control_character_inside_is_no_argument(
    text: str, control: str, target: tuple[Any, str]
) -> None:
    example, parameter = target
    value = f"x{control}x{text}"
    arguments = bad_arguments._with(CURRENT, "sync", example.word, example.full, parameter, value)
    attempt = Attempt(
        example.word, parameter, value,
        lambda: CURRENT.call("sync", example.word, arguments), lambda: CURRENT.transport.count,
    )  # fmt: skip
    assert bad_arguments.judge(attempt) == ("refused", "")
