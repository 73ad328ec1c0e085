"""`kalshi-ext journal` on real files and, for the shared one, on a real server."""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from journal_writers import entry

from kalshi_ext.cli.journal_commands import journal as command
from kalshi_ext.journal import JournalUnusable, State, Transition, open_journal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.store import COLUMNS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one open, one acknowledged and one refused entry."""
    place = tmp_path / "orders.db"
    with SqliteJournal(place) as journal:
        journal.reserve_many([entry(key) for key in ("open", "done", "no")])
        journal.advance("done", State.ACKNOWLEDGED, order_id="o-1", verdict='{"a": 1}', attempts=2)
        journal.advance("no", State.REFUSED)
    return place


def run(where: object, *arguments: object) -> Result:
    """Run the command on a journal."""
    return CliRunner().invoke(command, ["--journal", str(where), *map(str, arguments)])


def rows(where: object, *arguments: object) -> list[dict[str, Any]]:
    """Run a show that gives JSON."""
    result = run(where, "show", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_show_prints_a_line_for_each_entry_and_a_sum(path: Path) -> None:
    result = run(path, "show")
    assert result.exit_code == 0
    head, *lines, total = result.output.splitlines()
    assert re.split(r"  +", head) == [
        *("STATE", "OPERATION", "TICKER", "SIDE", "COUNT", "PRICE"),
        *("KEY", "ORDER ID", "INTENT", "TRIES", "CREATED"),
    ]
    assert lines[1].split()[:10] == [
        *("acknowledged", "CreateOrderV2", "T", "-", "-", "-", "done", "o-1", "intent-done", "2"),
    ]
    assert [line.split()[0] for line in lines] == ["sent?", "acknowledged", "refused"]
    assert len({line.index("CreateOrderV2") for line in lines}) == 1, "columns are aligned"
    assert total == "3 entries, 1 without a verdict"


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("--open",), ["open"]),
        (("--state", "refused"), ["no"]),
        (("--state", "refused", "--open"), ["open", "no"]),
        (("--ticker", "T"), ["open", "done", "no"]),
        (("--ticker", "U"), []),
        (("--key", "done"), ["done"]),
        (("--key", "done", "--open"), []),
        (("--key", "none"), []),
        (("--intent", "intent-no"), ["no"]),
        (("--intent", "intent-no", "--key", "done"), []),
        (("--intent", "none"), []),
    ],
)
def test_show_and_export_take_the_same_filters(
    path: Path, arguments: tuple[str, ...], keys: list[str]
) -> None:
    assert [row["key"] for row in rows(path, *arguments)] == keys
    exported = run(path, "export", *arguments).output.splitlines()
    assert [json.loads(line)["key"] for line in exported] == keys


def test_json_has_every_column_and_opens_ticket_and_verdict(path: Path) -> None:
    (row,) = rows(path, "--key", "done")
    assert list(row) == list(COLUMNS)
    assert row["verdict"] == {"a": 1}
    assert row["ticket"]["key"] == "done"


def test_an_export_goes_to_a_new_file_for_its_owner_alone(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    assert run(path, "export", "--output", target).exit_code == 0
    assert [json.loads(line)["key"] for line in target.read_text().splitlines()] == [
        *("open", "done", "no"),
    ]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = run(path, "export", "--output", target)
    assert again.exit_code == 1
    assert "File exists" in again.output


def test_what_is_not_printable_does_not_reach_the_terminal(tmp_path: Path) -> None:
    place = tmp_path / "orders.db"
    with SqliteJournal(place) as journal:
        journal.reserve(entry("a\x1b[2J"))
    result = run(place, "show")
    assert "\x1b" not in result.output
    assert "a�[2J" in result.output
    assert rows(place)[0]["key"] == "a\x1b[2J"


@pytest.mark.parametrize("verb", [("show",), ("export",), ("verify",)])
def test_looking_at_what_is_not_there_creates_nothing(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    result = run(tmp_path / "none.db", *verb)
    assert result.exit_code == 1
    assert "there is no such journal" in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_journal_may_be_named_by_the_environment(path: Path) -> None:
    result = CliRunner().invoke(command, ["show"], env={"KALSHI_JOURNAL": str(path)})
    assert result.exit_code == 0
    assert CliRunner().invoke(command, ["show"], env={"KALSHI_JOURNAL": None}).exit_code == 2


def test_a_person_resolves_an_entry_whose_process_is_gone(path: Path) -> None:
    result = run(
        path, "resolve", "open", "--state", "resolved", "--order-id", "o-9", "--note", "seen"
    )
    assert result.output == "open: intent -> resolved\n"
    (row,) = rows(path, "--key", "open")
    assert (row["state"], row["order_id"]) == ("resolved", "o-9")
    assert row["verdict"]["by"] == "hand"
    assert row["verdict"]["note"] == "seen"
    assert row["verdict"]["at"] >= row["created_at"]


def test_a_verdict_is_not_resolved_again(path: Path) -> None:
    result = run(path, "resolve", "done", "--state", "refused")
    assert result.exit_code == 1
    assert "already acknowledged" in result.output
    assert rows(path, "--key", "done")[0]["state"] == "acknowledged"


def test_an_unknown_key_or_state_is_refused(path: Path) -> None:
    result = run(path, "resolve", "none", "--state", "refused")
    assert (result.exit_code, "no entry has the key 'none'" in result.output) == (1, True)
    for state in ("sent", "intent", "unknown", "gone"):
        assert run(path, "resolve", "open", "--state", state).exit_code == 2


def test_resolving_is_refused_while_a_living_process_holds_the_journal(path: Path) -> None:
    with SqliteJournal(path):
        result = run(path, "resolve", "open", "--state", "refused")
        assert result.exit_code == 1
        assert "is in use by process" in result.output
        assert len(rows(path)) == 3, "looking on goes all the same"
    assert rows(path, "--key", "open")[0]["state"] == "intent"


def test_verify_tells_and_exits_by_what_it_finds(path: Path) -> None:
    assert run(path, "verify").output == "0 problems\n"
    with SqliteJournal(path) as journal:
        journal.reserve(entry("odd"))
        journal.advance("odd", State.REFUSED, verdict="no json")
    result = run(path, "verify")
    assert result.exit_code == 1
    assert result.output == "entry odd: verdict is not JSON\n1 problems\n"


def test_a_file_that_is_no_journal_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("x" * 5000)
    for verb in (("show",), ("verify",), ("resolve", "k", "--state", "refused")):
        result = run(tmp_path / "x.db", *verb)
        assert result.exit_code == 1
        assert "not a database" in result.output
        assert "Traceback" not in result.output


def test_a_damaged_row_is_one_line(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as link:
        link.execute("UPDATE entry SET fingerprint = 'x' WHERE key = 'open'")
    link.close()
    result = run(path, "show")
    assert result.exit_code == 1
    assert result.output.startswith("Error: journal: fingerprint: ")


def test_an_open_order_shows_what_was_asked_and_how_often_it_was_sent(tmp_path: Path) -> None:
    place = tmp_path / "orders.db"
    ticket = json.dumps({"book_side": "ask", "count": "3.00", "price": "0.41", "ticker": "T"})
    with SqliteJournal(place) as journal:
        texts = {"sent": ticket, "cut": ticket, "odd": '["list"]', "none": "no json"}
        texts["by"] = json.dumps({"kind": "decrease", "order_id": "o", "by": "3"})
        for key, text in texts.items():
            journal.reserve(evolve(entry(key), ticket=text))
        journal.advance("sent", State.SENT, attempts=1)
    lines = run(place, "show").output.splitlines()[1:-1]
    assert lines[0].split()[:7] == ["sent", "CreateOrderV2", "T", "ask", "3.00", "0.41", "sent"]
    assert lines[0].split()[9] == "1"
    # The process died between the sending and the answer: nothing but the intent was recorded.
    assert lines[1].split()[:7] == ["sent?", "CreateOrderV2", "T", "ask", "3.00", "0.41", "cut"]
    assert lines[1].split()[9] == "1"
    for line in lines[2:4]:
        assert line.split()[0] == "sent?"
        assert line.split()[3:6] == ["-", "-", "-"]
    assert lines[4].split()[3:6] == ["-", "-3", "-"]


DEMO = ("--environment", "demo", "--account", "main")


def test_entries_that_are_nobodys_are_adopted_by_name(path: Path) -> None:
    result = run(path, "adopt", *DEMO)
    assert (result.exit_code, result.output) == (0, "3 entries: nobody -> demo account:main\n")
    assert {row["account"] for row in rows(path)} == {"demo account:main"}
    assert run(path, "show").output.endswith("1 without a verdict, of demo account:main\n")
    with open_journal(path) as journal:
        journal.bind("demo account:main")


def test_adoption_takes_the_variables_of_the_client(path: Path) -> None:
    variables = {
        "KALSHI_JOURNAL": str(path),
        "KALSHI_KEY_ID": "a952bcbe-ec3b-4b5b",
        "KALSHI_ENVIRONMENT": "production",
    }
    result = CliRunner().invoke(command, ["adopt"], env=variables)
    assert result.exit_code == 0, result.output
    assert re.search(r"nobody -> production key:[0-9a-f]{16}\n$", result.output)
    assert "a952bcbe" not in result.output


def test_adoption_says_what_it_needs(path: Path) -> None:
    result = run(path, "adopt")
    assert result.exit_code == 1
    assert "give account, key_id or token" in result.output
    result = run(path, "adopt", "--environment", "moon", "--account", "main")
    assert result.exit_code == 1
    assert "--environment='moon'" in result.output
    assert {row["account"] for row in rows(path)} == {""}


def test_what_is_somebodys_is_moved_only_from_the_name_it_has(path: Path) -> None:
    run(path, "adopt", *DEMO)
    other = ("--environment", "demo", "--account", "other")
    refused = run(path, "adopt", *other)
    assert refused.exit_code == 1
    assert "of [demo account:main], this client is [demo account:other]" in refused.output
    assert run(path, "adopt", *other, "--from", "demo account:wrong").exit_code == 1
    moved = run(path, "adopt", *other, "--from", "demo account:main")
    assert moved.output == "3 entries: demo account:main -> demo account:other\n"


def test_an_entry_of_an_account_is_resolved_and_counts_as_told(path: Path) -> None:
    run(path, "adopt", *DEMO)
    assert run(path, "resolve", "open", "--state", "not_sent").exit_code == 0
    (row,) = rows(path, "--key", "open")
    assert (row["state"], row["told"], row["account"]) == ("not_sent", True, "demo account:main")


def test_of_accounts_that_share_a_table_each_entry_says_whose_it_is(shared: str) -> None:
    for account in ("demo account:a", "demo account:b"):
        with open_journal(shared) as journal:
            journal.bind(account)
            journal.reserve(entry("k"))
    output = run(shared, "show").output
    assert [line.split("  ")[-1].strip() for line in output.splitlines()[:3]] == [
        *("ACCOUNT", "demo account:a", "demo account:b"),
    ]
    assert len(rows(shared, "--key", "k")) == 2
    unclear = run(shared, "resolve", "k", "--state", "refused")
    assert unclear.exit_code == 1
    assert "say --of 'demo account:a', --of 'demo account:b'" in unclear.output
    clear = run(shared, "resolve", "k", "--state", "refused", "--of", "demo account:b")
    assert clear.exit_code == 0
    assert [row["state"] for row in rows(shared)] == ["intent", "refused"]


@pytest.fixture
def shared(server: Any) -> Iterator[str]:
    """The default schema of a fresh database."""
    server.query("DROP DATABASE IF EXISTS commands")
    server.query("CREATE DATABASE commands")
    yield server.url().replace("/postgres", "/commands")
    server.query("DROP DATABASE commands WITH (FORCE)")


def test_a_shared_journal_is_looked_at_beside_its_users_and_settled_without(shared: str) -> None:
    assert "open it once for writing" in run(shared, "show").output
    with open_journal(shared) as journal:
        journal.reserve_many([entry("a"), entry("b")])
        journal.advance_many([Transition("b", State.ACKNOWLEDGED)])
        assert [row["key"] for row in rows(shared, "--open")] == ["a"]
        refused = run(shared, "resolve", "a", "--state", "refused")
        assert refused.exit_code == 1
        assert "driven by a living process" in refused.output
    assert run(shared, "resolve", "a", "--state", "refused").output == "a: intent -> refused\n"
    assert run(shared, "verify").output == "0 problems\n"
    wrong = run(shared.replace("boss", "nobody"), "show")
    assert wrong.exit_code == 1
    assert "s3cret" not in wrong.output


def test_without_psycopg_a_shared_journal_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "kalshi_ext.journal.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JournalUnusable, match=r"pip install '\.\[postgres\]'"):
        open_journal("postgresql://nowhere/db")


def test_show_of_one_key_prints_its_life_in_the_order_of_time(path: Path) -> None:
    result = run(path, "show", "done", "--timeline")
    assert result.exit_code == 0
    head, *lines = result.output.splitlines()
    assert head.split() == ["done", "CreateOrderV2", "T"]
    assert "recorded by" in lines[0]
    assert "intent intent-done" in lines[0]
    assert any("acknowledged" in line and "order o-1" in line for line in lines)
    stamps = [line.split()[0] + line.split()[1] for line in lines]
    assert stamps == sorted(stamps)
    assert "may have been" not in result.output


def test_the_life_of_an_open_write_ends_with_what_is_not_known(path: Path) -> None:
    result = run(path, "show", "open", "--timeline")
    assert "no answer since" in result.output.splitlines()[-1]


def test_show_of_a_key_that_is_not_there_fails_and_says_so(path: Path) -> None:
    result = run(path, "show", "nobody\x1b[31m", "--timeline")
    assert result.exit_code == 1
    assert "no entry has the key" in result.output
    assert "\x1b" not in result.output
    assert run(path, "show", "done", "--key", "open").exit_code == 2


def test_a_timeline_shows_no_control_character_of_an_entry(tmp_path: Path) -> None:
    place = tmp_path / "orders.db"
    with SqliteJournal(place) as journal:
        journal.reserve_many([evolve(entry("k"), ticket='{"price": "\\u001b[31m"}')])
        journal.advance("k", State.REFUSED, verdict="no JSON \x07")
    result = run(place, "show", "k", "--timeline")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
