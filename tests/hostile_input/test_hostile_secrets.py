"""No secret is shown by an error, a log, a file, a child process or pytest."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import process_surfaces
import pytest
import secret_doors
import secret_surfaces
from secret_surfaces import Leaks, Vault

import kalshi_ext
from kalshi_ext import AsyncKalshi, Kalshi, KalshiError, Misuse

VAULT = Vault()
STRIDE = 37  # of all scenarios; `make fuzz` runs each


@pytest.mark.parametrize("start", range(2))
def test_no_error_and_no_log_shows_a_secret(start: int) -> None:
    leaks = Leaks(VAULT)
    for scenario in itertools.islice(secret_surfaces.every(VAULT), start, None, 2 * STRIDE):
        secret_surfaces.watch(scenario, leaks)
    assert leaks.surfaces > 1_000
    assert leaks.found == []


def test_rows_that_quote_what_we_sent_and_cannot_be_read_show_no_secret() -> None:
    leaks = Leaks(VAULT)
    for scenario in secret_surfaces.echoes(VAULT):
        if scenario.name in {
            "rsa a row 200 list",
            "token a row 200 list",
            "token an order 201 place",
        }:
            secret_surfaces.watch(scenario, leaks)
    assert len(leaks.errors) == 3
    assert leaks.found == []


def test_no_public_function_that_is_given_a_secret_shows_it_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a place that passes for a journal's would be a file here
    leaks = Leaks(VAULT)
    for scenario in secret_doors.doors(VAULT):
        secret_surfaces.watch(scenario, leaks)
    assert len(leaks.errors) > 100
    assert leaks.found == []
    assert [kind for kind in leaks.errors if not issubclass(kind, KalshiError)] == []
    assert list(tmp_path.iterdir()) == []


def test_no_file_of_a_journal_holds_a_secret_and_only_its_owner_may_read_it() -> None:
    leaks = Leaks(VAULT)
    process_surfaces.look_at_files(leaks)
    assert leaks.surfaces > 100
    assert leaks.found == []


def test_pytest_with_locals_and_logs_shows_no_secret() -> None:
    leaks = Leaks(VAULT)
    process_surfaces.look_at_pytest(leaks, ["long"])  # it prints most; `make fuzz` looks at all
    assert leaks.surfaces > 1_000
    assert leaks.found == []


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_client_whose_construction_failed_has_a_repr(kind: type) -> None:
    client = object.__new__(kind)
    assert "not built" in repr(client)
    with pytest.raises(Misuse):
        kind.__init__(client, environment="prod")
    assert repr(client)


# Names and words of our own, and reprs; whatever else a message shows goes through redacted_repr.
OWN = {
    "__init__.py", "contracts/interface.py", "values/enums.py", "journal/journal.py",
    "journal/commit.py", "journal/store.py",
}  # fmt: skip
ROOMS = (
    *("errors.py", "redact.py", "arguments.py", "config.py", "session.py", "values", "models"),
    *("requests", "protocol", "contracts", "transport", "journal", "_async"),
)


def test_every_message_shows_values_through_the_function_that_cuts_and_redacts() -> None:
    root = Path(kalshi_ext.__file__).parent
    wrong = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        if str(path.relative_to(root)).startswith(ROOMS) and str(path.relative_to(root)) not in OWN
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
    ]
    assert wrong == []
