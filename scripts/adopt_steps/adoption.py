"""The steps of an adoption, one after the other, and what they found.

    drift        compare the new document with ours; an unreadable one stops here
    spec         write its normal form
    overlay      apply our overlay; an action that no longer fits stops here
    generate     regenerate the client and the types
    api          what changes of the public names (docs/api.txt)
    coverage     what the facade does not send or read
    types        lines of the client that the type checker refuses
    programs     lines of users' programs that break
    recordings   cassettes that the new contract refuses
    changelog    a draft

The first four raise AdoptionStopped; the others report what is left to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from adopt_steps import changelog, client_checks, overlay, user_programs
from adopt_steps.workspace import AdoptionStopped, WorkingCopy, working_copy


@define
class Adoption:
    """What the steps found; all is text for people except `report`, the JSON of the drift check."""

    report: dict[str, Any] = field(factory=dict[str, Any])
    dropped_actions: list[str] = field(factory=list[str])
    lost_targets: list[str] = field(factory=list[str])
    api_changes: list[str] = field(factory=list[str])
    undescribed: list[str] = field(factory=list[str])
    gaps: list[dict[str, str]] = field(factory=list[dict[str, str]])
    type_errors: list[str] = field(factory=list[str])
    broken_programs: list[str] = field(factory=list[str])
    outdated: dict[str, list[str]] = field(factory=dict[str, list[str]])
    changelog: str = ""
    changed: list[str] = field(factory=list[str])


@frozen
class Options:
    """What an adoption is asked to do. `environment` is the generator's, `cache` the checker's."""

    home: Path
    upstream: str
    dry_run: bool = False
    drop_words: bool = False
    check_types: bool = True
    environment: Path | None = None
    cache: Path | None = None


def adopt(options: Options, output: Any = print) -> Adoption:
    """Run the steps in a copy and swap it in; a dry run swaps nothing. Raises AdoptionStopped."""
    adoption = Adoption()
    with working_copy(options.home) as copy:
        for step in (
            _drift,
            _spec,
            _overlay,
            _generate,
            _api,
            _coverage,
            _types,
            _programs,
            _recordings,
            _changelog,
        ):
            step(options, copy, adoption, output)
        if options.dry_run:
            output("dry run: nothing was changed")
        else:
            adoption.changed = copy.swap_in()
            output(f"changed: {', '.join(adoption.changed) or 'nothing'}")
        for number, line in enumerate(remaining_work(adoption), 1):
            output(f"to do {number}. {line}")
    return adoption


def remaining_work(adoption: Adoption) -> list[str]:
    """List what is left to people after the contract was adopted, in order."""
    tasks = {
        "kalshi_ext/contracts: make the lines and calls named above fit": adoption.type_errors
        or adoption.gaps,
        "openapi/overlay.yaml: see whether the actions that lost a target still say all": (
            adoption.lost_targets
        ),
        "openapi/overlay.yaml: describe what is new, then make generate": adoption.undescribed,
        "CHANGELOG.md: say what to write instead of the lines of users that break": (
            adoption.broken_programs
        ),
        "kalshi_ext/sandbox: answer as the new contract says, then make record": adoption.outdated,
        "CHANGELOG.md: edit the draft and take its two marks away": adoption.changelog,
    }
    return [line for line, pending in tasks.items() if pending] + ["make test check"]


def _drift(options: Options, _copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    from kalshi_ext.drift.check import check
    from kalshi_ext.drift.render import as_json, as_text
    from kalshi_ext.drift.rules import Reader
    from kalshi_ext.errors import KalshiError

    try:
        openapi = options.home / "openapi"
        report = check(
            str(openapi / "upstream.yaml"),
            options.upstream,
            spoken=str(openapi / "portfolio.yaml"),
            reader=Reader.MAINTAINER,
        )
    except KalshiError as error:
        raise AdoptionStopped("drift", str(error), "give a document that can be read") from error
    adoption.report = json.loads(as_json(report))
    output(as_text(report).rstrip())


def _spec(options: Options, copy: WorkingCopy, _adoption: Adoption, output: Any) -> None:
    upstream = options.upstream
    # The script runs in the copy, where a relative path would lead elsewhere.
    if "://" not in upstream:
        upstream = str(Path(upstream).resolve())
    output(copy.run("spec", "spec.py", "--upstream", upstream))


def _overlay(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    from kalshi_ext.drift.load import load

    upstream = load(copy.root / "openapi" / "upstream.yaml")
    file = copy.root / "openapi" / "overlay.yaml"
    removed = overlay.fit_overlay(upstream, file, drop_words=options.drop_words)
    adoption.dropped_actions = [misfit.target for misfit in removed]
    before = load(options.home / "openapi" / "upstream.yaml")
    adoption.lost_targets = overlay.lost_targets(before, upstream, file)
    _print_list(output, "overlay: actions of words dropped", [str(each) for each in removed])
    _print_list(output, "overlay: actions that lost one of their targets", adoption.lost_targets)


def _generate(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    from contract.lint import lint

    from kalshi_ext.drift.load import load

    environment = options.environment or options.home / ".venv-generator"
    output(copy.run("generate", "generate.py", "--environment", str(environment)))
    # What is new has no description yet: our lint finds it, the exchange's prose is not taken over.
    findings = lint(load(copy.root / "openapi" / "portfolio.yaml"))
    adoption.undescribed = [str(finding) for finding in findings]
    _print_list(
        output, "the new contract, where the overlay says nothing yet", adoption.undescribed
    )


def _api(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    """Derive the public names from the new contract, and list the lines that changed."""
    adoption.api_changes = client_checks.api_changes(options.home, copy.root)
    _print_list(output, "public names: lines gone (-) and new (+)", adoption.api_changes)


def _coverage(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    """Compare with the client of the repository: its generated code still fits it."""
    script = options.home / "scripts" / "facade_coverage.py"
    document = copy.root / "openapi" / "portfolio.yaml"
    command = [sys.executable, str(script), "--json", "--document", str(document)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    # 1 means that there are gaps. Without output the client could not even be imported: also a
    # finding, not a reason to stop.
    if process.returncode not in (0, 1) or not process.stdout:
        reason = process.stderr.strip().rpartition("\n")[2]
        adoption.gaps = [{"operation": "", "call": "", "lacks": "not comparable", "where": reason}]
    else:
        adoption.gaps = json.loads(process.stdout)
    _print_list(output, "facade", [gap_line(gap) for gap in adoption.gaps])


def gap_line(gap: dict[str, str]) -> str:
    call = f" ({gap['call']})" if gap["call"] else ""
    return f"{gap['operation']}{call}: {gap['lacks']}: {gap['where']}"


def _types(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    if options.check_types:
        # A cache of its own: the copy's paths would spoil that of the repository.
        cache = options.cache or options.home / ".mypy_cache" / "adopt"
        adoption.type_errors = client_checks.type_errors(copy.root, cache)
        _print_list(output, "lines that do not fit the new types", adoption.type_errors)


def _programs(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    if options.check_types:
        cache = options.cache or options.home / ".mypy_cache" / "adopt"
        lines = user_programs.broken_lines(copy.root, adoption.report, cache / "programs")
        adoption.broken_programs = lines
        _print_list(output, "lines of users' programs that break", lines)


def _recordings(options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    from kalshi_ext.drift.load import load

    # Only the current contract: the classic one does not change any more.
    document = load(copy.root / "openapi" / "portfolio.yaml")
    recorded = options.home / "tests" / "recorded" / "cassettes"
    adoption.outdated = client_checks.outdated_cassettes(recorded, {"current": document})
    _print_list(
        output,
        "cassettes that no longer validate",
        [f"{name}: {problem}" for name, all_ in adoption.outdated.items() for problem in all_],
    )


def _changelog(_options: Options, copy: WorkingCopy, adoption: Adoption, output: Any) -> None:
    # Nothing changed on the wire: the changelog is for users, and they see none of it.
    if not adoption.report["findings"]:
        return
    adoption.changelog = changelog.draft(adoption.report)
    file = copy.root / "CHANGELOG.md"
    text = changelog.with_draft(file.read_text(encoding="utf-8"), adoption.changelog)
    file.write_text(text, encoding="utf-8", newline="\n")
    output(f"changelog draft:\n{adoption.changelog.rstrip()}")


def _print_list(output: Any, title: str, lines: list[str]) -> None:
    output(f"{title}: {len(lines) or 'none'}" + "".join(f"\n  {line}" for line in lines))
