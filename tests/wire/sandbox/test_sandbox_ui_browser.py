"""The page in a real browser: headless Chromium, driven by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_browser import Browser, start_browser, wait_until
from sandbox_client import BTC, OTHER_TICKER, TICKER, SignedClient, signed_client
from sandbox_ui import admin_token, page_url

from kalshi_ext.sandbox import Sandbox

TAB, ENTER, SPACE, DOWN, SHIFT = "\ue004", "\ue007", " ", "\ue015", "\ue008"
MARKUP = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def running(chromium: Browser) -> Iterator[Sandbox]:
    with Sandbox(ui=True) as sandbox:
        yield sandbox


@pytest.fixture
def box(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def page(chromium: Browser, box: Sandbox) -> Iterator[Browser]:
    """The page, open and showing; afterwards its console must be clean."""
    chromium.open("about:blank")
    assert box.ui_url is not None
    chromium.open(box.ui_url)
    chromium.wait("document.querySelectorAll('#market-rows tr, #order-rows tr').length > 8")
    yield chromium
    assert chromium.console_errors() == []


@pytest.fixture
def caller(box: Sandbox) -> Iterator[SignedClient]:
    with signed_client(box) as client:
        yield client


def _text(page: Browser, selector: str) -> str:
    text = page.run("return document.querySelector(arguments[0]).textContent", selector)
    return re.sub(r"\s+", " ", text).strip()


def _wait_for_text(page: Browser, selector: str, text: str) -> None:
    script = "document.querySelector(arguments[0])?.textContent.includes(arguments[1])"
    page.wait(script, selector, text)


def _focused(page: Browser) -> str:
    return page.run("return document.activeElement.id || document.activeElement.textContent")


def test_it_shows_markets_the_book_own_orders_and_fills(page: Browser, box: Sandbox) -> None:
    assert _text(page, "#state") == "live"
    assert _text(page, "#url") == box.url
    assert _text(page, "#book-ticker") == TICKER
    for selector, text in (
        ("#market-rows", BTC),
        ("#book-rows", "325"),
        ("#order-rows", "seed-resting"),
        ("#fill-rows", "seed-taken"),
    ):
        _wait_for_text(page, selector, text)
    chosen = "document.querySelector('#market-rows [aria-pressed=true]').textContent"
    assert page.run(f"return {chosen}") == TICKER


def test_a_fill_appears_is_marked_and_is_said(page: Browser, caller: SignedClient) -> None:
    caller.place("seen-live", price="0.56", count="2.00")
    _wait_for_text(page, "#fill-rows tr:first-child", "seen-live")
    assert page.run("return document.querySelector('#fill-rows tr').className") == "new"
    assert _text(page, "#spoken") == f"Filled: 2.00 bid at 0.5600, {TICKER}"
    _wait_for_text(page, "#traffic-rows tr:first-child", "CreateOrderV2")
    before = page.run("return document.querySelectorAll('#fill-rows tr').length")
    for number in range(5):
        caller.place(f"many-{number}", price="0.56")
    page.wait("document.querySelectorAll('#fill-rows tr').length === arguments[0]", before + 5)


def test_markup_in_an_order_id_or_a_ticker_is_only_text(
    page: Browser, box: Sandbox, caller: SignedClient
) -> None:
    caller.place(MARKUP, price="0.56")
    box.markets.add(f"{MARKUP}-A")
    box.markets.quote(f"{MARKUP}-A", "bid", "0.40", "7.00")
    caller.call("GET", "/<script>document.title='owned'</script>", headers={})
    box.faults.add("status", operation=MARKUP, code=MARKUP)
    for selector in ("#order-rows", "#fill-rows", "#market-rows", "#rules"):
        _wait_for_text(page, selector, MARKUP)
    page.run("[...document.querySelectorAll('#market-rows button')].at(-1)")
    page.run("document.querySelector('#market-rows button[data-ticker^=\"<img\"]').click()")
    _wait_for_text(page, "#book-ticker", MARKUP)
    _wait_for_text(page, "#traffic-rows", "<script>")
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    assert page.run("return document.title") == "Sandbox exchange"


def test_even_markup_that_got_in_would_not_run(page: Browser) -> None:
    blocked = page.run(
        "try { document.querySelector('main').innerHTML = arguments[0]; return 'written' }"
        "catch (error) { return error.name }",
        MARKUP,
    )
    assert blocked == "TypeError"
    page.console_errors()  # the browser reports the attempt; it was ours


def test_a_switch_thrown_by_keyboard_strikes_the_next_request_and_falls_back(
    page: Browser, box: Sandbox, caller: SignedClient
) -> None:
    page.press("5")
    assert _focused(page) == "faults"
    page.run("document.getElementById('operation').focus()")
    page.press(*"GetBalance")
    page.run("document.getElementById('switch-html').focus()")
    page.press(SPACE)
    page.wait("document.getElementById('switch-html').ariaChecked === 'true'")
    [rule] = box.faults.list()
    expected = {"kind": "html", "operation": "GetBalance", "times": 1, "status": 502}
    assert expected.items() <= rule.items()
    assert caller.call("GET", "/portfolio/fills").status == 200
    assert caller.call("GET", "/portfolio/balance").status == 502
    page.wait("document.getElementById('switch-html').ariaChecked === 'false'")
    _wait_for_text(page, "#rules", "acted 1, met 1")
    assert caller.call("GET", "/portfolio/balance").status == 200


def test_a_fault_takes_its_settings_from_the_page(page: Browser, box: Sandbox) -> None:
    page.run(
        "for (const [id, value] of [['times', ''], ['skip', '2'], ['status-status', '503'],"
        " ['status-body', '{\"msg\":\"so\"}'], ['reset_request-at', '17']])"
        "   document.getElementById(id).value = value;"
        "document.getElementById('status-executed').checked = true;"
        "for (const kind of ['status', 'reset_request', 'before'])"
        "   document.getElementById(`switch-${kind}`).click()"
    )
    rules = {
        rule["kind"]: rule
        for rule in wait_until(lambda: len(box.faults.list()) == 3 and box.faults.list())
    }
    assert (rules["status"]["times"], rules["status"]["skip"]) == (None, 2)
    settings = [rules["status"][name] for name in ("status", "body", "executed")]
    assert settings == [503, {"msg": "so"}, True]
    assert (rules["reset_request"]["at"], rules["before"]["commands"]) == (17, [])
    page.wait("document.querySelectorAll('[role=switch][aria-checked=true]').length === 3")
    page.run("document.getElementById('switch-status').click()")
    wait_until(lambda: len(box.faults.list()) == 2)
    page.press("x")
    wait_until(lambda: box.faults.list() == [])
    _wait_for_text(page, "#rules", "None yet.")


def test_a_pause_is_a_switch_too(page: Browser, caller: SignedClient) -> None:
    page.run("document.getElementById('pause-trading').focus()")
    page.press(SPACE)
    page.wait("document.getElementById('pause-trading').ariaChecked === 'true'")
    assert caller.place("paused").code == "trading_is_paused"
    page.press(SPACE)
    page.wait("document.getElementById('pause-trading').ariaChecked === 'false'")
    assert caller.place("paused").status == 201


def test_what_the_exchange_refuses_is_said(page: Browser) -> None:
    page.run("document.getElementById('lost_entries-entries').value = '\"x\"';")
    page.run("document.getElementById('switch-lost_entries').click()")
    _wait_for_text(page, "#trouble:not([hidden])", "entries")
    page.run("document.getElementById('switch-throttle').click()")
    page.wait("document.getElementById('trouble').hidden")
    page.console_errors()  # the 400 of this test


def test_arrow_keys_choose_the_book(page: Browser) -> None:
    page.run("document.querySelector('#market-rows [tabindex=\"0\"]').focus()")
    page.press(DOWN)
    _wait_for_text(page, "#book-ticker", OTHER_TICKER)
    assert _focused(page) == OTHER_TICKER
    for _ in range(3):
        page.press(DOWN)
    _wait_for_text(page, "#book-ticker", BTC)
    assert _focused(page) == BTC


def test_single_keys_act_only_outside_of_inputs_and_can_be_turned_off(page: Browser) -> None:
    page.press("/")
    assert _focused(page) == "find"
    page.press(*"rain-26dec")
    page.wait("document.querySelectorAll('#market-rows tr').length === 2")
    page.press("h", "1")
    assert page.run("return document.getElementById('find').value") == "rain-26dech1"
    assert _text(page, "#state") == "live"
    page.run("document.activeElement.blur()")
    page.press("h")
    assert _text(page, "#state") == "held"
    page.press("h")
    page.run("document.getElementById('shortcuts').focus()")
    page.press(SPACE, "h")
    assert _text(page, "#state") == "live"


def test_held_updates_wait_until_they_are_wanted(page: Browser, caller: SignedClient) -> None:
    page.press("h")
    before = _text(page, "#fill-rows")
    caller.place("while-held", price="0.56")
    _wait_for_text(page, "#state", "held, newer data waits")
    assert _text(page, "#fill-rows") == before
    page.press("h")
    _wait_for_text(page, "#fill-rows", "while-held")


def test_tab_reaches_every_control_once_in_order_and_focus_shows(page: Browser) -> None:
    control_count = page.run(
        "return [...document.querySelectorAll('a, button, input, select, summary, [role=group]')]"
        ".filter((one) => one.tabIndex >= 0 && one.checkVisibility()).length"
    )
    page.run("document.activeElement.blur(); window.stops = []")
    for _ in range(control_count):
        page.press(TAB)
        page.run(
            "const one = document.activeElement, look = getComputedStyle(one);"
            "stops.push([one, look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 1])"
        )
    assert page.run("return new Set(stops.map(([one]) => one)).size") == control_count
    assert (
        page.run("return stops.filter(([one, shows]) => !shows).map(([one]) => one.outerHTML)")
        == []
    )
    assert page.run(
        "return stops.slice(1).every(([one], at) =>"
        " stops[at][0].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)"
    )


def test_every_control_has_a_name_for_those_who_do_not_see_it(page: Browser) -> None:
    page.command("Accessibility.enable")
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "switch", "textbox", "searchbox", "spinbutton", "checkbox", "combobox"}
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles]
    unnamed = [node for node in controls if not node.get("name", {}).get("value")]
    assert len(controls) > 40
    assert unnamed == []


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_runs_off_the_side(page: Browser, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.command("Emulation.setDeviceMetricsOverride", **metrics)
    try:
        assert page.wait("innerWidth === arguments[0]", width)
        assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        page.command("Emulation.clearDeviceMetricsOverride")


def test_it_is_light_or_dark_as_wished(page: Browser) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.command("Emulation.setEmulatedMedia", features=[feature])
        backgrounds.append(page.run("return getComputedStyle(document.body).backgroundColor"))
    page.command("Emulation.setEmulatedMedia", features=[])
    assert backgrounds == ["rgb(244, 245, 242)", "rgb(18, 22, 20)"]


def test_the_token_leaves_the_address_at_once_and_a_reload_still_shows(
    page: Browser, box: Sandbox
) -> None:
    assert page.run("return location.href") == f"{page_url(box)}/"
    assert admin_token(box) not in page.run("return document.documentElement.outerHTML")
    page.run("location.reload()")
    page.wait("document.getElementById('state').textContent === 'live'")


def test_without_the_token_it_says_what_is_missing_and_shows_nothing(
    chromium: Browser, box: Sandbox
) -> None:
    for fragment in ("", "#wrong-wrong-wrong-wrong-wrong"):
        chromium.open("about:blank")
        chromium.open(f"{page_url(box)}/no-such-page")
        chromium.run("sessionStorage.clear()")
        chromium.open(f"{page_url(box)}/{fragment}")
        _wait_for_text(chromium, "#locked:not([hidden])", "whole address")
        assert TICKER not in chromium.run("return document.body.innerText")
    chromium.console_errors()  # the 404 and the 401 of this test


def test_it_finds_back_to_an_exchange_that_was_away(chromium: Browser, tmp_path: Path) -> None:
    with Sandbox(ui=True, state=tmp_path / "exchange.db") as box:
        assert box.ui_url is not None
        chromium.open("about:blank")
        chromium.open(box.ui_url)
        chromium.wait("document.getElementById('state').textContent === 'live'")
        box.kill()
        chromium.wait("document.getElementById('state').dataset.is === 'lost'")
    chromium.open("about:blank")
    chromium.console_errors()  # refused connections, as they should be
