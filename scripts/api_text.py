#!/usr/bin/env python3
"""Write docs/api.txt: every public name with its signature, one a line: a diff shows what breaks.

Functions and methods with their arguments, models with their fields, enums with their members,
errors with their bases, the commands with their options, and exit codes. `--check` compares instead
and exits 1 when the file differs.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import FunctionType
from typing import Any

from figures import write_or_compare

ROOT = Path(__file__).resolve().parent.parent
# The client of this checkout goes before an installed one.
sys.path[:0] = [str(ROOT), str(ROOT / "generated")]

FILE = ROOT / "docs" / "api.txt"
HEAD = """\
# Every public name, derived by `python scripts/api_text.py`; do not edit. `make check` compares.
# A line that is gone or changed here breaks somebody's program; a new line is a promise.
"""
ROOMS = (
    *("kalshi_ext", "kalshi_ext.journal", "kalshi_ext.otel"),
    *("kalshi_ext.sandbox", "kalshi_ext.sandbox.faults"),
)
# Defaults whose text is their value; others, an object of ours or a function, are `...`.
_PLAIN = (bool, bytes, Decimal, float, int, str, type(None))


def api_text() -> str:
    """Derive the whole text."""
    parts = [*map(_room, ROOMS), _fixtures(), _clients(), _commands(), _exit_codes()]
    return HEAD + "".join(
        f"\n{line}" if line.startswith("#") else line for p in parts for line in p
    )


def _room(name: str) -> list[str]:
    """List the names of a module's `__all__`, each with what it has."""
    module = importlib.import_module(name)
    names = sorted(getattr(module, "__all__", ()))
    lines = [line for each in names for line in _lines(each, getattr(module, each))]
    return [f"# {name}\n", *(f"{line}\n" for line in lines)]


def _lines(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, type):
        yield from _class(name, value)
    elif isinstance(value, FunctionType):
        yield f"{name}{_signature(value)}"
    elif isinstance(value, str):
        yield f"{name}: str"
    else:
        yield f"{name} = {_alias(value)}"


def _alias(value: Any) -> str:
    if isinstance(value, frozenset):  # its order differs from run to run
        return f"{{{', '.join(sorted(map(str, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_alias(each)}' for key, each in value.items())}}}"
    return str(value).replace("typing.", "").replace("collections.abc.", "")


def _class(name: str, value: type) -> Iterator[str]:
    # How a class prints and compares is no base that a program could rely on.
    told = (base for base in value.__bases__ if base.__module__ != "kalshi_ext.bases")
    bases = ", ".join(base.__name__ for base in told if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    if issubclass(value, enum.Enum):
        yield from (f"{name}.{member.name} = {member.value!r}" for member in value)
    elif not _is_abstract(value):
        yield f"{name}{_signature(value.__init__, drop_self=True)}"
    yield from (_call(name, line) for line in _members(value))


def _is_abstract(value: type) -> bool:
    own = value.__init__
    return getattr(value, "_is_protocol", False) or not isinstance(own, FunctionType)


def _members(value: type) -> list[str]:
    """List the public methods, properties and fields that this library defines."""
    lines: dict[str, str] = {}
    for each in reversed(value.__mro__):
        if each.__module__.partition(".")[0] != "kalshi_ext":
            continue
        fields = inspect.get_annotations(each)
        lines |= {n: f"{n}: {_annotation(a)}" for n, a in fields.items() if not n.startswith("_")}
        for name, member in vars(each).items():
            line = "" if name.startswith("_") else _member(name, member)
            lines |= {name: line} if line else {}
    return [lines[name] for name in sorted(lines)]


def _member(name: str, member: Any) -> str:
    if isinstance(member, property) and member.fget is not None:
        return f"{name}: {_returned(member.fget)}"
    if isinstance(member, classmethod | staticmethod):
        is_class = isinstance(member, classmethod)
        return f"{name}{_signature(member.__func__, drop_self=is_class)}"
    if isinstance(member, FunctionType):
        return f"{_awaited(member)}{name}{_signature(member, drop_self=True)}"
    wrapped = getattr(member, "func", None)  # functools.cached_property
    return f"{name}: {_returned(wrapped)}" if isinstance(wrapped, FunctionType) else ""


def _awaited(function: FunctionType) -> str:
    return "await " if inspect.iscoroutinefunction(function) else ""


def _returned(function: Any) -> str:
    return _annotation(inspect.signature(function).return_annotation)


def _signature(function: Any, *, drop_self: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[int(drop_self) :]
    shown: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not any("*" in each for each in shown):
            shown.append("*")
        shown.append(_parameter(parameter))
    returned = signature.return_annotation
    arrow = "" if returned is signature.empty else f" -> {_annotation(returned)}"
    return f"({', '.join(shown)}){arrow}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        text += f" = {_default(parameter.default)}"
    return text


def _default(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    is_plain = isinstance(value, _PLAIN) or value in ((), {})
    return repr(value) if is_plain else "..."


def _annotation(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if isinstance(annotation, type) else _alias(annotation)


def _fixtures() -> list[str]:
    """List what the pytest plugin gives to a test."""
    from kalshi_ext.testing import plugin

    # pytest wraps a fixture in a class of its own, which has no public name.
    found = [name for name, each in vars(plugin).items() if "Fixture" in type(each).__name__]
    return ["# kalshi_ext.testing: fixtures\n", *(f"{name}\n" for name in sorted(found))]


def _clients() -> list[str]:
    """List the calls of both clients, as a user writes them."""
    from kalshi_ext import AsyncKalshi, Kalshi
    from kalshi_ext.contract.operations import OPERATIONS

    resources = sorted({row.facade.partition(".")[0] for row in OPERATIONS.values() if row.facade})
    lines: list[str] = []
    for title, client in (("client", Kalshi), ("async client", AsyncKalshi)):
        made = client(bearer_token="unused", environment="demo")  # noqa: S106  nothing is sent
        lines.append(f"# {title}: the calls of {client.__name__}\n")
        for resource in resources:
            members = _members(type(getattr(made, resource)))
            lines += [f"{_call(f'client.{resource}', line)}\n" for line in members]
    return lines


def _call(owner: str, line: str) -> str:
    is_awaited = line.startswith("await ")
    return f"{'await ' * is_awaited}{owner}.{line.removeprefix('await ')}"


def _commands() -> list[str]:
    import click

    from kalshi_ext.cli import main

    lines = ["# commands\n"]
    pending: list[tuple[str, click.Command]] = [("kalshi-ext", main)]
    while pending:
        name, command = pending.pop(0)
        lines += [f"{name} {_option(each)}\n" for each in command.params]
        lines += [] if command.params else [f"{name}\n"]
        if isinstance(command, click.Group):
            context = click.Context(command)
            names = command.list_commands(context)
            found = ((each, command.get_command(context, each)) for each in names)
            pending += [(f"{name} {each}", inner) for each, inner in found if inner is not None]
    return lines


def _option(parameter: Any) -> str:
    choices = getattr(parameter.type, "choices", None)
    kind = "|".join(map(str, choices)) if choices else parameter.type.name
    if getattr(parameter, "is_flag", False):
        return "/".join(parameter.opts)
    if parameter.param_type_name == "argument":
        return (
            f"{parameter.human_readable_name}: {kind}{'' if parameter.required else ', optional'}"
        )
    return f"{'/'.join(parameter.opts)} {kind}"


def _exit_codes() -> list[str]:
    import click

    from kalshi_ext.drift.check import Exit

    return [
        "# exit codes\n",
        *(f"kalshi-ext drift: {int(each)} {each.name}\n" for each in Exit),
        "kalshi-ext: 0 done\n",
        f"kalshi-ext: {click.ClickException.exit_code} an error\n",
        f"kalshi-ext: {click.UsageError.exit_code} wrong use\n",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write or compare the file."""
    return write_or_compare(FILE, api_text(), arguments, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
