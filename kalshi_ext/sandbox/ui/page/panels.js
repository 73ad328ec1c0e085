// The parts that only show.

import { byId, clock, count, fill, make, price, say, when } from "./dom.js";

const SIDE = { bid: ["bid · yes", "bid"], ask: ["ask · no", "ask"] };

export function showHead(now) {
  say(byId("clock"), `${now.time.slice(0, 10)} ${clock(now.time)}`);
  byId("fixed").hidden = !now.fixed;
  const money = (name) => now.purses.reduce((sum, purse) => sum + Number(purse[name]), 0).toFixed(2);
  say(byId("money"), `cash $${money("cash")}, reserved $${money("reserved")}`);
}

export function showMarkets(now, chosen, choose) {
  const held = (ticker) =>
    Object.values(now.positions)
      .filter((row) => row.ticker === ticker && Number(row.position))
      .map((row) => (row.subaccount ? `${count(row.position)} (${row.subaccount})` : count(row.position)))
      .join(", ");
  fill(byId("market-rows"), now.markets, {
    key: (market) => market.ticker,
    cells: (market) => [
      (cell) => tickerButton(cell, market.ticker, market.ticker === chosen, choose),
      [price(market.best_bid), "n bid"],
      [price(market.best_ask), "n ask"],
      [price(market.last_price), "n"],
      [count(market.volume), "n"],
      [held(market.ticker), "n"],
      [market.result ? `${market.status}: ${market.result}` : market.status, "quiet"],
    ],
    row: (row, market) => row.classList.toggle("chosen", market.ticker === chosen),
  });
  if (!byId("market-rows").querySelector("[tabindex='0']")) {
    byId("market-rows").querySelector("button")?.setAttribute("tabindex", "0");
  }
  const more = now.listed > now.markets.length ? ` of ${now.listed}: filter to see others` : "";
  say(byId("listed"), `${now.markets.length}${more}`);
}

function tickerButton(cell, ticker, pressed, choose) {
  const button =
    cell.firstElementChild ||
    cell.appendChild(make("button", { type: "button", className: "code link", onclick: () => choose(ticker) }));
  say(button, ticker);
  button.dataset.ticker = ticker;
  button.setAttribute("aria-pressed", String(pressed));
  button.tabIndex = pressed ? 0 : -1;
}

export function showBook(now) {
  const book = now.book;
  say(byId("book-ticker"), book ? book.ticker : "");
  if (!book) {
    fill(byId("book-rows"), [], { key: () => "", cells: () => [] });
    return say(byId("book-note"), "No such market.");
  }
  const own = ownAt(now.open, book.ticker);
  const levels = [...book.asks].reverse().map((level) => ["ask", ...level]);
  levels.push(...book.bids.map((level) => ["bid", ...level]));
  const most = Math.max(1, ...levels.map(([, , size]) => Number(size)));
  fill(byId("book-rows"), levels, {
    about: book.ticker,
    key: ([side, at]) => `${side} ${at}`,
    cells: ([side, at, size]) => [
      side === "bid" ? (cell) => bar(cell, size, most, "n bid") : "\u00a0",
      [price(at), "n mid"],
      side === "ask" ? (cell) => bar(cell, size, most, "ask") : "\u00a0",
      [own.has(`${side} ${at}`) ? count(own.get(`${side} ${at}`).toFixed(2)) : "\u00a0", "own"],
    ],
    row: (row, level) => row.classList.toggle("middle", level === levels[book.asks.length]),
  });
  const deeper = book.deeper.bids + book.deeper.asks;
  const empty = levels.length ? "" : "Nothing rests here.";
  say(byId("book-note"), deeper ? `${deeper} more levels behind these.` : empty);
}

function ownAt(orders, ticker) {
  const own = new Map();
  for (const order of orders.filter((one) => one.ticker === ticker)) {
    const level = `${order.book_side} ${order.yes_price_dollars}`;
    own.set(level, (own.get(level) || 0) + Number(order.remaining_count_fp));
  }
  return own;
}

function bar(cell, size, most, kind) {
  cell.className = `${kind} depth`;
  const text = cell.querySelector("span") || cell.appendChild(make("span"));
  const fillBar = cell.querySelector("i") || cell.appendChild(make("i", { "aria-hidden": "true" }));
  say(text, count(size));
  fillBar.style.width = `${Math.max(2, (100 * Number(size)) / most)}%`;
}

export function showOrders(now) {
  fill(byId("order-rows"), [...now.open, ...now.ended], {
    about: now.account,
    key: (order) => order.order_id,
    cells: (order) => [
      [order.status === "resting" ? "resting" : order.reason || order.status, "state"],
      [order.ticker, "code"],
      SIDE[order.book_side],
      [price(order.yes_price_dollars), "n"],
      [`${count(order.fill_count_fp)} of ${count(order.initial_count_fp)}`, "n"],
      [order.status === "resting" ? count(order.remaining_count_fp) : "–", "n"],
      [when(order.created_time, now.time), ""],
      [order.client_order_id, "code id"],
    ],
    row: (row, order) => row.classList.toggle("ended", order.status !== "resting"),
  });
  const hidden = now.open_count - now.open.length;
  say(byId("order-note"), hidden > 0 ? `${hidden} more resting orders are not shown.` : "");
}

export function showFills(now) {
  fill(byId("fill-rows"), now.fills, {
    about: now.account,
    key: (one) => one.fill_id,
    cells: (one) => [
      when(one.created_time, now.time),
      [one.ticker, "code"],
      SIDE[one.book_side],
      [count(one.count_fp), "n"],
      [price(one.yes_price_dollars), "n"],
      one.is_taker ? "taker" : "maker",
      [price(one.fee_cost), "n"],
      [one.client_order_id, "code id"],
    ],
  });
  const shown = now.fills.length < now.fill_count ? `, the newest ${now.fills.length} shown` : "";
  say(byId("fill-note"), `${now.fill_count}${shown}`);
}

let last = null; // account and count of fills when they were last spoken of

/** Say new fills aloud: each where they are few, their number where they are many. */
export function speakFills(now) {
  const fresh = last && last.account === now.account ? now.fill_count - last.count : 0;
  last = { account: now.account, count: now.fill_count };
  if (fresh <= 0) return;
  const words = (one) => `${one.count_fp} ${one.book_side} at ${one.yes_price_dollars}, ${one.ticker}`;
  const text = fresh > 3 ? `${fresh} fills` : now.fills.slice(0, fresh).map(words).join("; ");
  byId("spoken").replaceChildren(make("p", {}, `Filled: ${text}`));
}

export function showTraffic(now, recording) {
  fill(byId("traffic-rows"), now.requests, {
    key: (one) => `${one.time} ${one.seq}`,
    cells: (one) => [
      [String(one.seq), "n"],
      when(one.time, now.time),
      [one.operation ? `${one.operation} ${one.target}` : `${one.method} ${one.target}`, "code id"],
      [one.status ? String(one.status) : "–", one.status >= 400 ? "n bad" : "n"],
      one.replay_of ? `again, of ${one.replay_of}` : one.outcome,
      one.fault ? `rule ${one.fault}` : "",
    ],
  });
  say(byId("traffic-note"), recording ? "" : "This exchange keeps no record (record=False).");
}
