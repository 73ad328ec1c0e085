"""docs/unattended.md: systemd takes its units, and the bot has the exit codes they name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import market_maker
import pytest
from docs_pages import ROOT

PAGE = (ROOT / "docs" / "unattended.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("switch", [False, True])
def test_systemd_takes_the_units_of_the_page(switch: bool, tmp_path: Path) -> None:
    (maker, stop, with_switch) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    if switch:
        maker = re.sub(r"ExecStart=.*\n", lambda _: with_switch, maker)
    (tmp_path / "bin").mkdir()
    for name in ("python", "kalshi-ext"):
        (tmp_path / "bin" / name).symlink_to(Path(sys.executable).resolve())
    for name, unit in (("maker", maker), ("maker-stop", stop)):
        path = tmp_path / f"{name}.service"
        path.write_text(unit.replace("/opt/maker/bin", f"{tmp_path}/bin"), encoding="utf-8")
        command = ["systemd-analyze", "verify", "--man=no", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        complaints = [line for line in done.stderr.splitlines() if name in line]
        assert (done.returncode, complaints) == (0, [])


def test_exit_codes_that_end_restarts_are_those_of_the_bot_and_the_switch() -> None:
    (codes,) = re.findall(r"RestartPreventExitStatus=(.*)", PAGE)
    stopped = {*market_maker.EXIT.values(), market_maker.LATCHED, 5} - {0}
    assert {int(code) for code in codes.split()} == stopped
