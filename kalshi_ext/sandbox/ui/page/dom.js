// Building blocks. Text of the exchange only ever becomes textContent, never markup.

export const byId = (id) => document.getElementById(id);

/** Make an element: properties by name, attributes with a dash or "role", children as text or nodes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Set text only where it changed, so that readers and selections are left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const known = new WeakMap(); // a table's body → Map of key → row

/**
 * Bring the rows of a table up to date. A row that stays keeps its element (and the focus in it);
 * a new one is marked, unless the table was empty or shows something else than before.
 */
export function fill(body, rows, { key, cells, about = "", row: dress = () => {} }) {
  const before = body.dataset.about === about ? known.get(body) || new Map() : new Map();
  const fresh = body.dataset.about === about && known.has(body);
  body.dataset.about = about;
  const now = new Map();
  const wanted = rows.map((data) => {
    const id = key(data);
    const row = before.get(id) || make("tr", { className: fresh ? "new" : "" });
    now.set(id, row);
    write(row, cells(data));
    dress(row, data);
    return row;
  });
  wanted.forEach((row, at) => {
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] || null);
  });
  while (body.children.length > wanted.length) body.lastElementChild.remove();
  known.set(body, now);
}

/** Write a row: a cell is text, [text, class], or a function that tends the cell itself. */
function write(row, cells) {
  cells.forEach((cell, at) => {
    const place = row.children[at] || row.appendChild(make("td"));
    if (typeof cell === "function") return cell(place);
    const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
    if (place.className !== kind) place.className = kind;
    say(place, text ?? "–");
  });
}

export const clock = (iso) => iso.slice(11, 19);

/** A moment in short: the time when it is today's, else day and minutes. */
export const when = (iso, now) => (iso.slice(0, 10) === now.slice(0, 10) ? clock(iso) : iso.slice(5, 16).replace("T", " "));

/** Shorten decimal text: 0.5600 → 0.56, 10.00 → 10; never less than whole cents. */
export const price = (text) => (text == null ? null : text.replace(/(\.\d\d\d*?)0+$/, "$1"));
export const count = (text) => (text == null ? null : text.replace(/\.00$/, ""));
