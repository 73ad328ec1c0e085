// The switches of the faults and pauses.

import { byId, make, say } from "./dom.js";
import { run } from "./live.js";

const LAYERS = {
  answer: "Inside the exchange",
  network: "On the bytes of one request and its answer",
  connection: "On a whole connection",
};
const RULE_FIELDS = ["kind", "operation", "account", "skip", "times", "every", "chance"];
const switches = new Map(); // kind → {button, acted, fields}
let rules = [];
let complain = () => {};

export function build(kinds, operations, trouble) {
  complain = trouble;
  byId("operations").replaceChildren(...operations.map((value) => make("option", { value })));
  if (switches.size) return;
  for (const [layer, title] of Object.entries(LAYERS)) {
    const own = Object.entries(kinds).filter(([, kind]) => kind.layer === layer);
    const list = make("ul", { className: "kinds" }, ...own.map(([name, kind]) => kindEntry(name, kind)));
    byId("kinds").append(make("h3", {}, title), list);
  }
  for (const what of ["trading", "exchange"]) {
    const button = byId(`pause-${what}`);
    button.onclick = () => act("admin", { action: isOn(button) ? "resume" : "pause", params: { what } });
  }
  byId("all-off").onclick = allOff;
}

export function allOff() {
  act("faults.remove", {});
}

const isOn = (button) => button.getAttribute("aria-checked") === "true";

function kindEntry(name, kind) {
  const does = make("span", { id: `does-${name}` }, kind.does);
  const button = make("button", { type: "button", role: "switch", id: `switch-${name}`,
    "aria-checked": "false", "aria-describedby": `does-${name}` }, name);
  const acted = make("span", { className: "quiet acted" });
  const fields = Object.entries(kind.parameters).map(([label, preset]) => field(name, label, preset));
  button.onclick = () => toggle(name);
  switches.set(name, { button, acted, fields });
  const entry = make("li", {}, button, does, acted);
  if (fields.length) entry.append(settings(name, fields));
  return entry;
}

function settings(name, fields) {
  const summary = make("summary", {});
  const tell = () => say(summary, fields.map(({ label, input }) => `${label} ${displayValue(input)}`).join(", "));
  fields.forEach(({ input }) => input.addEventListener("input", tell));
  tell();
  return make("details", {}, summary, ...fields.map(({ row }) => row));
}

const displayValue = (input) => (input.type === "checkbox" ? (input.checked ? "yes" : "no") : input.value || "–");

/** Make the input for a parameter; what it reads depends on the type of its default. */
function field(kind, label, preset) {
  const input = make("input", { id: `${kind}-${label}`, autocomplete: "off", spellcheck: false });
  let read = () => parseLoosely(input.value);
  if (typeof preset === "boolean") {
    Object.assign(input, { type: "checkbox", checked: preset });
    read = () => input.checked;
  } else if (typeof preset === "number") {
    Object.assign(input, { type: "number", step: "any", min: "0", value: String(preset) });
    read = () => Number(input.value);
  } else if (typeof preset === "string") {
    input.value = preset;
    read = () => input.value;
  } else {
    input.value = preset === null ? "" : JSON.stringify(preset);
  }
  return { label, input, read, row: make("label", {}, `${label} `, input) };
}

/** Read text as JSON where it is JSON, as itself otherwise; nothing is null. */
function parseLoosely(text) {
  if (!text.trim()) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function toggle(kind) {
  const ownRules = rules.filter((rule) => rule.kind === kind && live(rule));
  if (ownRules.length) return ownRules.forEach((rule) => act("faults.remove", { number: rule.number }));
  const times = byId("times").value;
  const given = {
    kind,
    operation: byId("operation").value.trim() || null,
    skip: Number(byId("skip").value) || 0,
    times: times ? Number(times) : null,
  };
  for (const { label, read } of switches.get(kind).fields) given[label] = read();
  return act("faults.add", given);
}

async function act(word, given) {
  try {
    await run(word, given);
    complain("");
  } catch (error) {
    complain(error.message);
  }
}

const live = (rule) => rule.times === null || rule.fired < rule.times;

export function show(now) {
  rules = now.rules;
  for (const [kind, { button, acted }] of switches) {
    const ownRules = rules.filter((rule) => rule.kind === kind);
    button.setAttribute("aria-checked", String(ownRules.some(live)));
    const times = ownRules.reduce((sum, rule) => sum + rule.fired, 0);
    say(acted, ownRules.length ? `acted ${times}×` : "");
  }
  byId("pause-trading").setAttribute("aria-checked", String(!now.status.trading_active));
  byId("pause-exchange").setAttribute("aria-checked", String(!now.status.exchange_active));
  const active = rules.filter(live).length;
  say(byId("active"), active ? `${active} waiting to strike` : "none waiting");
  byId("faults").classList.toggle("armed", active > 0);
  showRules();
}

function showRules() {
  const list = byId("rules");
  const wanted = rules.map((rule) => rule.number).join();
  if (list.dataset.numbers !== wanted) {
    list.dataset.numbers = wanted;
    list.replaceChildren(...rules.map((rule) => ruleEntry(rule.number)));
  }
  rules.forEach((rule, at) => say(list.children[at].firstElementChild, inWords(rule)));
  if (!rules.length) list.replaceChildren(make("li", { className: "quiet" }, make("span", {}, "None yet.")));
}

function ruleEntry(number) {
  const remove = make("button", { type: "button", "aria-label": `Remove rule ${number}` }, "Remove");
  remove.onclick = () => act("faults.remove", { number });
  return make("li", {}, make("span"), remove);
}

function inWords(rule) {
  const options = Object.entries(rule).filter(([name]) => ![...RULE_FIELDS, "number", "seen", "fired"].includes(name));
  const optionText = options.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
  const aim = `${rule.operation || "any operation"}${rule.skip ? `, after ${rule.skip}` : ""}`;
  const often = rule.times === null ? "every time" : `${rule.times}×`;
  return `${rule.number}. ${rule.kind} on ${aim}, ${often}${optionText ? ` (${optionText})` : ""}: acted ${rule.fired}, met ${rule.seen}`;
}
