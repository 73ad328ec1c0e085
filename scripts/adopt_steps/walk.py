"""The steps of an adoption, one after the other, and what they found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from adopt_steps import cassettes, changelog, fitting, overlay
from adopt_steps.place import Copy, copied
from adopt_steps.stopped import Stopped


@define
class Found:
    """What the steps found; everything is text for people except `report`, the drift's JSON."""

    report: dict[str, Any] = field(factory=dict[str, Any])
    dropped: list[str] = field(factory=list[str])
    undescribed: list[str] = field(factory=list[str])
    gaps: list[dict[str, str]] = field(factory=list[dict[str, str]])
    lines: list[str] = field(factory=list[str])
    cassettes: dict[str, list[str]] = field(factory=dict[str, list[str]])
    changelog: str = ""
    changed: list[str] = field(factory=list[str])


@frozen
class Wanted:
    """What an adoption is asked to do. `environment` is the generator's, `cache` the checker's."""

    home: Path
    upstream: str
    dry_run: bool = False
    drop_words: bool = False
    check_types: bool = True
    environment: Path | None = None
    cache: Path | None = None


def adopt(wanted: Wanted, say: Any = print) -> Found:
    """Walk the steps in a copy and swap it in; a dry run swaps nothing. Raises Stopped."""
    found = Found()
    with copied(wanted.home) as copy:
        for step in (_drift, _spec, _overlay, _generate, _coverage, _types, _recordings, _log):
            step(wanted, copy, found, say)
        if wanted.dry_run:
            say("dry run: nothing was changed")
        else:
            found.changed = copy.swap_in()
            say(f"changed: {', '.join(found.changed) or 'nothing'}")
        for number, line in enumerate(to_do(found), 1):
            say(f"to do {number}. {line}")
    return found


def to_do(found: Found) -> list[str]:
    """Say what is left to people after the contract was taken in, in order."""
    left = {
        "kalshi_ext/contracts: make the lines and calls named above fit": found.lines or found.gaps,
        "openapi/overlay.yaml: describe what is new, then make generate": found.undescribed,
        "kalshi_ext/sandbox: answer as the new contract says, then make record": found.cassettes,
        "CHANGELOG.md: edit the draft and take its two marks away": found.changelog,
    }
    return [line for line, needed in left.items() if needed] + ["make test check"]


def _drift(wanted: Wanted, _copy: Copy, found: Found, say: Any) -> None:
    from kalshi_ext.drift.check import check
    from kalshi_ext.drift.render.plain import as_json, as_text
    from kalshi_ext.errors import KalshiError

    try:
        report = check(str(wanted.home / "openapi" / "upstream.yaml"), wanted.upstream)
    except KalshiError as error:
        raise Stopped("drift", str(error), "give a document that can be read") from error
    found.report = json.loads(as_json(report))
    say(as_text(report).rstrip())


def _spec(wanted: Wanted, copy: Copy, _found: Found, say: Any) -> None:
    upstream = wanted.upstream
    if "://" not in upstream:
        upstream = str(Path(upstream).resolve())
    say(copy.run("spec", "spec.py", "--upstream", upstream))


def _overlay(wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    from kalshi_ext.drift.load import load

    upstream = load(copy.root / "openapi" / "upstream.yaml")
    file = copy.root / "openapi" / "overlay.yaml"
    dropped = overlay.fit(upstream, file, drop_words=wanted.drop_words)
    found.dropped = [misfit.target for misfit in dropped]
    say(f"overlay: fits{f', {len(dropped)} actions of words dropped' if dropped else ''}")


def _generate(wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    from contract.lint import lint

    from kalshi_ext.drift.load import load

    where = wanted.environment or wanted.home / ".venv-generator"
    say(copy.run("generate", "generate.py", "--environment", str(where)))
    findings = lint(load(copy.root / "openapi" / "portfolio.yaml"))
    found.undescribed = [str(finding) for finding in findings]
    _list(say, "the new contract, where the overlay says nothing yet", found.undescribed)


def _coverage(wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    """Compare with the client of the repository: its generated code still fits it."""
    script = wanted.home / "scripts" / "facade_coverage.py"
    document = copy.root / "openapi" / "portfolio.yaml"
    command = [sys.executable, str(script), "--json", "--document", str(document)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        reason = done.stderr.strip().rpartition("\n")[2]
        found.gaps = [{"operation": "", "call": "", "lacks": "not comparable", "where": reason}]
    else:
        found.gaps = json.loads(done.stdout)
    _list(say, "facade", [_gap(gap) for gap in found.gaps])


def _gap(gap: dict[str, str]) -> str:
    call = f" ({gap['call']})" if gap["call"] else ""
    return f"{gap['operation']}{call}: {gap['lacks']}: {gap['where']}"


def _types(wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    if wanted.check_types:
        cache = wanted.cache or wanted.home / ".mypy_cache" / "adopt"
        found.lines = fitting.misfitting_lines(copy.root, cache)
        _list(say, "lines that do not fit the new types", found.lines)


def _recordings(wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    from kalshi_ext.drift.load import load

    document = load(copy.root / "openapi" / "portfolio.yaml")
    recorded = wanted.home / "tests" / "recorded" / "cassettes"
    found.cassettes = cassettes.outdated(recorded, {"current": document})
    _list(
        say,
        "cassettes that no longer validate",
        [f"{name}: {problem}" for name, all_ in found.cassettes.items() for problem in all_],
    )


def _log(_wanted: Wanted, copy: Copy, found: Found, say: Any) -> None:
    if not found.report["findings"]:
        return
    found.changelog = changelog.draft(found.report)
    file = copy.root / "CHANGELOG.md"
    text = changelog.with_draft(file.read_text(encoding="utf-8"), found.changelog)
    file.write_text(text, encoding="utf-8", newline="\n")
    say(f"changelog draft:\n{found.changelog.rstrip()}")


def _list(say: Any, what: str, lines: list[str]) -> None:
    say(f"{what}: {len(lines) or 'none'}" + "".join(f"\n  {line}" for line in lines))
