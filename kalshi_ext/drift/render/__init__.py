"""Write a report for people, programs, reviews and scanners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kalshi_ext.drift.render.github import as_github
from kalshi_ext.drift.render.markdown import as_markdown
from kalshi_ext.drift.render.plain import as_json, as_text
from kalshi_ext.drift.render.sarif import as_sarif
from kalshi_ext.drift.report import Report

__all__ = ["FORMATS"]

FORMATS: Final[dict[str, Callable[[Report], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "github": as_github,
    "sarif": as_sarif,
}
