"""What a plain YAML scalar means, by the 1.2 core rules, and which ones others misread."""

from __future__ import annotations

import re
from typing import Final

_INT: Final = re.compile(r"[-+]?[0-9]{1,4000}")
_OCTAL_HEX: Final = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Something else than this text to a reader of YAML 1.1 (or of 1.2): numbers with colons and
# underscores, dates, and the words for true and false.
_AMBIGUOUS: Final = re.compile(
    r"[-+.]?[0-9][0-9_,:.eExob+\-/ TtZ]*|0x[0-9a-fA-F_]+|[-+]?\.(inf|nan)|=|<<|~"
    r"|yes|no|on|off|y|n|true|false|null",
    re.IGNORECASE,
)


def resolve(text: str) -> str | int | float | bool | None:
    """Give a plain scalar its value; dates, yes and no, infinities and NaN stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    return text


def is_ambiguous(text: str) -> bool:
    """Say whether some YAML reader takes the plain text for something else."""
    return _AMBIGUOUS.fullmatch(text) is not None
