// The page: listen, show, and the keys.

import { byId, make, say } from "./dom.js";
import { forgetToken, listen, takeToken } from "./live.js";
import * as panels from "./panels.js";
import * as faults from "./faults.js";

const look = { account: "", ticker: "", find: "" };
let stop = () => {};
let setting = { recording: true };
let held = false;
let latest = null;
let shown = null;
let showNext = false; // another account, market or filter was chosen: shown even while held

function start() {
  if (!takeToken()) return lock();
  listenAgain();
}

function lock() {
  stop();
  byId("locked").hidden = false;
  document.body.classList.add("without");
  say(byId("state"), "not connected");
}

function listenAgain() {
  stop();
  showNext = true;
  stop = listen(look, (name, data) => {
    if (name === "now") receive(data);
    if (name === "setting") applySetting(data);
    if (name === "lost") connected(false);
    if (name === "refused") {
      forgetToken();
      lock();
    }
  });
}

function applySetting(told) {
  setting = told;
  say(byId("contract"), told.contract);
  say(byId("url"), told.url);
  faults.build(told.kinds, told.operations, trouble);
}

function trouble(text) {
  byId("trouble").hidden = !text;
  say(byId("trouble"), text);
}

function connected(yes) {
  const waits = held && news() ? "held, newer data waits" : "held";
  say(byId("state"), yes ? (held ? waits : "live") : "connection lost, trying again");
  byId("state").dataset.is = yes ? (held ? "held" : "live") : "lost";
}

/** Tell whether more happened than is shown. */
function news() {
  const mark = (now) => now && [now.fill_count, now.open_count, now.requests[0]?.seq].join();
  return mark(latest) !== mark(shown);
}

function receive(now) {
  latest = now;
  if (!held || showNext) show(now);
  showNext = false;
  connected(true);
}

function show(now) {
  shown = now;
  panels.showHead(now);
  accounts(now);
  panels.showMarkets(now, now.book ? now.book.ticker : "", choose);
  panels.showBook(now);
  panels.showOrders(now);
  panels.speakFills(now);
  panels.showFills(now);
  panels.showTraffic(now, setting.recording);
  faults.show(now);
}

function accounts(now) {
  const select = byId("account");
  const names = [...select.options].map((option) => option.value);
  if (names.join("\n") !== now.accounts.join("\n")) {
    select.replaceChildren(...now.accounts.map((value) => make("option", { value }, value)));
  }
  if (document.activeElement !== select) select.value = now.account;
}

function choose(ticker) {
  look.ticker = ticker;
  listenAgain();
}

function hold() {
  held = !held;
  byId("hold").setAttribute("aria-pressed", String(held));
  connected(byId("state").dataset.is !== "lost");
  if (!held && latest) show(latest);
}

function go(id) {
  byId(id).focus();
  byId(id).scrollIntoView({ block: "start" });
}

const PARTS = ["markets", "book", "orders", "fills", "faults", "traffic"];

const KEYS = {
  "/": () => byId("find").focus(),
  h: hold,
  x: faults.allOff,
  ...Object.fromEntries(PARTS.map((id, at) => [String(at + 1), () => go(id)])),
};

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input:not([type=checkbox]), select, textarea");
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  if (writing || !plain || !byId("shortcuts").checked || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

byId("market-rows").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...byId("market-rows").querySelectorAll("button")];
  const next = buttons[buttons.indexOf(event.target) + step];
  if (!next) return;
  next.focus();
  choose(next.dataset.ticker);
});

byId("hold").onclick = hold;
byId("account").onchange = (event) => {
  look.account = event.target.value;
  listenAgain();
};
byId("find").oninput = (event) => {
  look.find = event.target.value.trim();
  listenAgain();
};
// A pasted address changes only the fragment, which loads nothing by itself.
window.addEventListener("hashchange", () => location.hash.length > 20 && location.reload());

start();
