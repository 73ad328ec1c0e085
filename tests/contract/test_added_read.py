"""Adding a plain read of the exchange takes at most eight files, written by hand.

An invented read is added to a copy of the repository, the way a contributor would: the exchange's
document gains it, eight files are edited, `make generate` and the derivation of the sync client do
the rest. Then both clients call it on the sandbox of the copy, and there the tests run that walk
every operation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents_for_spec import ROOT
from generator_copy import generate

# What the exchange publishes: nobody here writes it.
UPSTREAM = """\
  /portfolio/exposure:
    get:
      tags:
      - portfolio
      operationId: GetPortfolioExposure
      responses:
        '200':
          description: OK
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/GetPortfolioExposureResponse'
        '401':
          $ref: '#/components/responses/UnauthorizedError'
        '500':
          $ref: '#/components/responses/InternalServerError'
      security:
      - kalshiAccessKey: []
        kalshiAccessSignature: []
        kalshiAccessTimestamp: []
"""
SCHEMA = """\
    GetPortfolioExposureResponse:
      type: object
      required:
      - exposure_dollars
      properties:
        exposure_dollars:
          $ref: '#/components/schemas/FixedPointDollars'
        largest_ticker:
          type: string
"""

# What a contributor writes: the file, a text in it, and what stands before or after that text.
EDITS: dict[str, list[tuple[str, str, str]]] = {
    "openapi/overlay.yaml": [
        (
            "- target: $.components.schemas.GetPositionsResponse\n",
            "before",
            "- target: $.paths['/portfolio/exposure'].get\n"
            "  update:\n"
            "    summary: Tell the dollars at risk\n"
            "    description: Over all markets.\n",
        )
    ],
    "openapi/facade.yaml": [
        (
            "portfolio.positions:\n",
            "before",
            "portfolio.exposure:\n  operations: [GetPortfolioExposure]\n  returns: Exposure\n"
            "  repeat: read\n\n",
        )
    ],
    "kalshi_ext/models/portfolio.py": [
        ("__all__ = [\n", "after", '    "Exposure",\n'),
        (
            "@frozen(kw_only=True)\nclass Position(FromPage):",
            "before",
            "@frozen(kw_only=True)\nclass Exposure:\n"
            '    """Dollars at risk over all markets."""\n\n'
            "    dollars: Decimal\n    largest_ticker: str | None = None\n\n\n",
        ),
    ],
    "kalshi_ext/contracts/current/portfolio.py": [
        ("    EventPosition,\n", "after", "    Exposure,\n"),
        (
            "    def positions(self, query: ListQuery)",
            "before",
            "    def exposure(self) -> Call[Exposure]:\n"
            "        kwargs = api.get_portfolio_exposure._get_kwargs()\n"
            '        return Call(OPERATIONS["GetPortfolioExposure"], build_request(kwargs), '
            "decode_exposure)\n\n",
        ),
        (
            "from kalshi_ext.contracts.operations import CURRENT as OPERATIONS\n",
            "after",
            "from kalshi_ext.contracts.rows import Row\n",
        ),
        (
            "def _positions(query",
            "before",
            "def decode_exposure(document: Document) -> Exposure:\n"
            '    """Read the dollars at risk."""\n'
            "    row = Row(document, shapes.GetPortfolioExposureResponse)\n"
            "    return Exposure(\n"
            '        dollars=row.required_count("exposure_dollars"),\n'
            '        largest_ticker=row.text("largest_ticker"),\n'
            "    )\n\n\n",
        ),
    ],
    "kalshi_ext/_async/portfolio.py": [
        ("    EventPosition,\n", "after", "    Exposure,\n"),
        (
            "    def positions(\n",
            "before",
            "    async def exposure(self) -> Exposure:\n"
            '        """Return the dollars at risk over all markets."""\n'
            "        return await self._request(self._contract.portfolio.exposure())\n\n",
        ),
    ],
    "kalshi_ext/sandbox/engine/portfolio_reads.py": [
        (
            '@handles("GetPositions")\n',
            "before",
            '@handles("GetPortfolioExposure")\n'
            "def get_exposure(\n"
            "    state: EngineState, account: TradingAccount, request: ApiRequest\n"
            ") -> Answer:\n"
            '    return Answer(200, {"exposure_dollars": "12.5000", "largest_ticker": "KXRAIN"})\n'
            "\n\n",
        )
    ],
    "examples/calls.py": [
        (
            '    Example("portfolio.resting_value"),\n',
            "after",
            '    Example("portfolio.exposure"),\n',
        )
    ],
    "tests/wire/client/test_client_exposure.py": [("", "after", "")],
}
MEANING = '''\
"""What the invented read means, said by both clients against the sandbox."""

import asyncio
from decimal import Decimal

from kalshi_ext import AsyncKalshi, Exposure, Kalshi
from kalshi_ext.sandbox import Sandbox


def test_the_exposure_is_in_dollars() -> None:
    wanted = Exposure(dollars=Decimal("12.5000"), largest_ticker="KXRAIN")
    with Sandbox() as box:
        account = {"key_id": box.key_id, "private_key": box.private_key, "environment": box.url}
        with Kalshi(**account) as client:
            assert client.portfolio.exposure() == wanted
            assert client.drift() == {}

        async def read() -> Exposure:
            async with AsyncKalshi(**account) as client:
                return await client.portfolio.exposure()

        assert asyncio.run(read()) == wanted
'''
# The tests that walk every operation; those that replay recordings need `make record` first.
WALKS = (
    "tests/wire/client/test_client_exposure.py",
    "tests/wire/client/test_client_every_call.py",
    "tests/wire/sandbox/test_sandbox_operations.py",
    "tests/unit/core/test_core_every_call.py",
    "tests/contract/test_operations_tables.py",
    "tests/contract/test_operations_facade.py",
    "tests/contract/test_operations_decoders.py",
    "tests/contract/test_public_names.py",
    "tests/contract/test_retry_matrix.py",
    "tests/contract/drift/test_drift_facade_names.py",
)
COPIED = ("openapi", "generated", "kalshi_ext", "scripts", "tests", "examples", "docs")
COPIED += ("requirements-generator.txt", "pyproject.toml", "README.md", "Makefile", "CHANGELOG.md")


def edit(path: Path, anchor: str, where: str, text: str) -> None:
    old = path.read_text(encoding="utf-8")
    assert anchor in old, f"{path.name} has no {anchor!r}"
    new = text + anchor if where == "before" else anchor + text
    path.write_text(old.replace(anchor, new, 1), encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "cassettes")
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copyfile(source, target)
    upstream = tmp_path / "openapi" / "upstream.yaml"
    edit(upstream, "  /portfolio/fills:\n", "before", UPSTREAM)
    edit(upstream, "    GetPositionsResponse:\n", "before", SCHEMA)
    return tmp_path


def changed_files(copy: Path) -> set[str]:
    """List the files of the copy that are new or differ from the repository's."""
    files = [path for path in copy.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    names = {path.relative_to(copy).as_posix() for path in files}
    return {
        name
        for name in names
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (copy / name).read_bytes()
    }


def hand_written(names: set[str]) -> set[str]:
    """Leave out what the exchange publishes and what a script derives."""
    derived = ("generated/", "kalshi_ext/contract/", "kalshi_ext/_sync/")
    others = {"openapi/upstream.yaml", "openapi/portfolio.yaml"}
    return {name for name in names if not name.startswith(derived)} - others


def run(copy: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy}:{copy / 'generated'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    "EVERY_WALK" not in os.environ,
    reason="two minutes of CPU: with EVERY_WALK=1 (make adopt-walks)",
)
def test_a_read_is_added_by_hand_in_at_most_eight_files(copy: Path) -> None:
    (copy / "tests/wire/client/test_client_exposure.py").write_text(MEANING)
    for name, edits in EDITS.items():
        for anchor, where, text in edits:
            edit(copy / name, anchor, where, text)
    done = generate(copy)
    assert (done.returncode, done.stderr) == (0, "")
    run(copy, "scripts/unasync.py")
    assert hand_written(changed_files(copy)) == set(EDITS)
    assert len(EDITS) <= 8
    run(copy, "-m", "pytest", "-q", "-x", "-p", "no:xdist", *WALKS)
    run(copy, "examples/demo.py")
