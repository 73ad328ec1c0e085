"""Name the lines of users' programs that a new contract breaks: examples/programs, type-checked.

The models and calls are written by hand, so regenerating changes few of them. What will go is known
from the drift report: a field that is gone empties an attribute, an operation that is gone ends a
call. In a copy these are taken out of the client, and the type checker then names each line that
uses one. Lines broken by the regenerated types alone (an enum member) are named as well.

    finding of the report                          taken out of the copy
    a field of answers is gone                     the attributes that are None without it
    an operation is gone or replaced               its call
    a parameter or a field of a body is gone       the argument
    something is required that is not sent         the call: every one is refused
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

PROGRAMS = "examples/programs"
_CALL_GONE = (
    "operation-removed",
    "operation-replaced",
    "parameter-added-required",
    "parameter-became-required",
    "request-field-added-required",
    "request-field-became-required",
)
_ARGUMENT_GONE = (
    "parameter-removed-",
    "request-field-removed-",
)
_ATTRIBUTE_GONE = ("response-field-removed-",)


@frozen
class Gone:
    """Something a program can name that a contract takes away; `owner` is a model or a call."""

    owner: str
    name: str
    title: str


def broken_lines(root: Path, report: dict[str, Any], cache: Path) -> list[str]:
    """List the lines of the programs at `root` that the contract of a drift report breaks."""
    gone = list(dict.fromkeys(_gone(report)))
    with tempfile.TemporaryDirectory(prefix="programs-") as name:
        copy = Path(name)
        for part in ("kalshi_ext", "generated", PROGRAMS):
            leave = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(root / part, copy / part, ignore=leave)
        shutil.copyfile(root / "pyproject.toml", copy / "pyproject.toml")
        for file in sorted((copy / "kalshi_ext").rglob("*.py")):
            _take_out(file, gone)
        return [_explained(line, gone) for line in _checked(copy, cache)]


def _gone(report: dict[str, Any]) -> Iterator[Gone]:
    from kalshi_ext.contract.absence import ABSENCE

    for finding in report["findings"]:
        if finding["severity"] != "breaking":
            continue
        rule, title, name = finding["rule"], finding["title"], finding["name"]
        for use in finding["uses"]:
            call = (use["call"] or "").removeprefix("client.")
            if not call:
                continue
            if rule in _CALL_GONE:
                yield Gone(call, "", title)
            elif rule.startswith(_ARGUMENT_GONE):
                yield Gone(call, _argument(call, use, name, rule), title)
            elif rule.startswith(_ATTRIBUTE_GONE) and use["part"].startswith("response 2"):
                path = f"{use['field']}.{name}".lstrip(".")
                effect = ABSENCE.get(use["operation"], {}).get(path, "").split()
                yield from _emptied(effect, call, title)


def _argument(call: str, use: dict[str, Any], name: str, rule: str) -> str:
    from kalshi_ext.drift.facade import argument_name

    path = f"{use['field']}.{name}".lstrip(".") if rule.startswith("request-") else name
    # `tickets[].price` is no argument of a call, but of the ticket in it.
    return argument_name(call, use["part"], path).rpartition(".")[2]


def _emptied(effect: list[str], call: str, title: str) -> Iterator[Gone]:
    """Name the attributes that are None without a field, or the call that cannot be read."""
    if effect[:1] in (["answer"], ["row"], ["empty"]):
        yield Gone(call, "", title)
    elif effect[:1] == ["none"]:
        for attribute in effect[1:]:
            owner, _, name = attribute.partition(".")
            yield Gone(owner, name, title)


def _take_out(file: Path, gone: Iterable[Gone]) -> None:
    """Rewrite a module without what is gone; its own lines are not reported."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    resource = file.stem
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            kept = [each for each in node.body if not _is_gone(each, node.name, resource, gone)]
            changed |= len(kept) != len(node.body)
            node.body = kept or [ast.Pass()]
            changed |= _without_arguments(kept, node.name, resource, gone)
    if changed:
        file.write_text(ast.unparse(tree), encoding="utf-8")


def _is_gone(node: ast.stmt, owner: str, resource: str, gone: Iterable[Gone]) -> bool:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return any((owner, node.target.id) == (each.owner, each.name) for each in gone)
    calls = {each.owner for each in gone if not each.name}
    return _call_of(node, owner, resource) in calls


def _call_of(node: ast.stmt, owner: str, resource: str) -> str:
    """Name a method as a call of the facade: `orders.place` for `Orders.place`; "" for others."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    # The class of a resource is its name in capitals, with Async before it in the other client.
    name = owner.removeprefix("Async")
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return f"{word}.{node.name}" if resource in (word, "account") else ""


def _without_arguments(
    nodes: list[ast.stmt], owner: str, resource: str, gone: Iterable[Gone]
) -> bool:
    """Take arguments out of the methods of a class; tell whether there were any."""
    changed = False
    for node in nodes:
        call = _call_of(node, owner, resource)
        names = {each.name for each in gone if each.name and each.owner == call}
        if call and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pairs = list(zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True))
            kept = [pair for pair in pairs if pair[0].arg not in names]
            node.args.kwonlyargs = [argument for argument, _ in kept]
            node.args.kw_defaults = [default for _, default in kept]
            changed |= len(kept) != len(pairs)
    return changed


def _checked(copy: Path, cache: Path) -> list[str]:
    """Type-check the programs of a copy; list its errors in their lines."""
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    command += ["--no-error-summary", "--hide-error-context", "--cache-dir", str(cache), PROGRAMS]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        return [f"the type checker failed: {(done.stderr or done.stdout).strip()[:300]}"]
    error = re.compile(rf"{PROGRAMS}/\S+:\d+: error:")
    lines = [line for line in done.stdout.splitlines() if error.match(line)]
    # What has no type any more makes such an error of each value made from it.
    return [line for line in lines if not line.endswith("[no-any-return]")]


def _explained(line: str, gone: Iterable[Gone]) -> str:
    """Add to an error what of the contract is behind it."""
    names = set(re.findall(r'"(\w+)"', line))
    words = {each.name or each.owner.partition(".")[2]: each.title for each in gone}
    titles = dict.fromkeys(title for word, title in words.items() if word in names)
    return f"{line} ({'; '.join(titles)})" if titles else line
