"""Every regular expression of the package takes time in proportion to its input."""

from __future__ import annotations

import re

import pattern_growth
import pytest

PATTERNS = pattern_growth.patterns()
SIZE = 2_000  # characters, and twice as many


def test_all_patterns_of_the_package_are_found() -> None:
    assert len(PATTERNS) >= 44
    assert {name for name in PATTERNS if "redact.patterns" in name}


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_time_of_a_pattern_doubles_with_its_input(name: str) -> None:
    growth = pattern_growth.growth(PATTERNS[name], SIZE, prefixes=("",))
    assert growth.is_linear, growth


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?<![a-z])(?:user|member)[a-z_]*:_?[0-9]",  # as it was
        r"[^@]*@",
        r"\s+$",
    ],
)
def test_a_pattern_that_is_quadratic_is_told(pattern: str) -> None:
    assert not pattern_growth.growth(re.compile(pattern), SIZE, prefixes=("",)).is_linear
