"""Samples of long sweeps for the suite; `make sweeps` (EVERY_CASE=1) takes every case."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")

EVERY_CASE = "EVERY_CASE" in os.environ

only_in_sweeps = pytest.mark.skipif(
    not EVERY_CASE, reason="many seconds of CPU: with EVERY_CASE=1 (make sweeps)"
)


def sampled(cases: Sequence[T], step: int) -> Sequence[T]:
    """Take each step-th case and the last; every one in a sweep."""
    if EVERY_CASE:
        return cases
    return [*cases[:-1:step], cases[-1]]


def examples(number: int) -> int:
    """Say how many examples hypothesis draws for the suite, of so many in a sweep."""
    return number if EVERY_CASE else max(10, number * 2 // 5)


def load_settings(**more: Any) -> None:
    """Let hypothesis draw for the suite what it drew before, and anything in a sweep.

    A change that lands then fails for what it changed only; new cases are what a sweep looks for.
    No test asserts a time, because on a busy machine an example may take any.
    """
    settings.register_profile(
        "suite", deadline=None, max_examples=examples(100), derandomize=not EVERY_CASE, **more
    )
    settings.load_profile("suite")
