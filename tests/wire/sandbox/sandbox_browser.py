"""Drive Debian's headless Chromium through chromedriver, by the WebDriver protocol."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import frozen

_FLAGS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
TIMEOUT = 40
"""Seconds to wait for a condition; only failures take that long."""


@frozen
class Browser:
    """One page in one browser."""

    driver: httpx.Client
    session: str

    def open(self, url: str) -> None:
        """Go to an address."""
        self._send("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function body in the page and give what it returns."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Press keys one after another, as a keyboard would."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self._send("POST", "/actions", {"actions": [source]})

    def resize(self, width: int, height: int) -> None:
        """Give the page another size."""
        self._send("POST", "/window/rect", {"width": width, "height": height})

    def command(self, name: str, **parameters: Any) -> Any:
        """Run a command of the DevTools protocol."""
        return self._send("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def screenshot(self, path: Path) -> None:
        """Save a picture of the page."""
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def console_errors(self) -> list[str]:
        """Take the errors and violated policies that the page's console got since the last call."""
        entries = self._send("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def wait(self, script: str, *arguments: Any) -> Any:
        """Wait until an expression is true, and give its value."""
        return wait_until(lambda: self.run(f"return {script}", *arguments), script)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.driver.request(method, f"/session/{self.session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value


def wait_until(condition: Callable[[], Any], description: str = "") -> Any:
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never came true: {description}"
        time.sleep(0.05)
    return value


def missing_programs() -> str:
    """Name what is not installed; "": nothing."""
    programs = ("chromium", "chromedriver")
    return ", ".join(name for name in programs if shutil.which(name) is None)


@contextlib.contextmanager
def start_browser(profile: Path) -> Iterator[Browser]:
    """Start a browser, and end it with every process it made."""
    if missing_programs():
        pytest.skip(
            f"NOT TESTED in a browser: {missing_programs()} not installed (apt: chromium-driver)"
        )
    process = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        with httpx.Client(base_url=_driver_url(process), timeout=120, trust_env=False) as driver:
            session = driver.post("/session", json={"capabilities": _capabilities(profile)}).json()
            assert "sessionId" in session["value"], session
            yield Browser(driver, session["value"]["sessionId"])
            driver.delete(f"/session/{session['value']['sessionId']}")
    finally:
        _kill(process)


def _driver_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        match = re.search(r"started successfully on port (\d+)", line)
        if match:
            return f"http://127.0.0.1:{match[1]}"
    raise AssertionError("chromedriver did not start")


def _capabilities(profile: Path) -> dict[str, Any]:
    flags = [*_FLAGS, f"--user-data-dir={profile}", "--window-size=1500,1300"]
    chrome = {"binary": shutil.which("chromium"), "args": flags}
    always = {"browserName": "chrome", "goog:chromeOptions": chrome}
    return {"alwaysMatch": {**always, "goog:loggingPrefs": {"browser": "ALL"}}}


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
