"""Which codec reads answers: httptools, or h11 where httptools cannot be imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kalshi_ext.transport.framing import AnswerReader

Codec: TypeAlias = Callable[[str], AnswerReader]
"""Makes the reader of one answer to a request of the given method."""


def default_codec() -> Codec:
    """Return httptools' reader, h11's where httptools has no build for this machine."""
    try:
        from kalshi_ext.transport.codec_httptools import HttptoolsReader
    except ImportError:
        from kalshi_ext.transport.codec_h11 import H11Reader

        return H11Reader
    return HttptoolsReader
