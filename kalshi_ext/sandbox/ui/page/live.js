// The connection to the exchange: the token, admin commands, and the stream of snapshots.

const TOKEN_KEY = "kalshi-ext sandbox token";

/** Take the token out of the address, so that it is neither seen nor kept in the history. */
export function takeToken() {
  const given = decodeURIComponent(location.hash.slice(1));
  const isToken = given.length > 20;
  if (isToken) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(TOKEN_KEY) || "";
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
}

const authorization = () => ({ Authorization: `Bearer ${sessionStorage.getItem(TOKEN_KEY) || ""}` });

/** Run an admin command; rejects with the exchange's error text. */
export async function run(word, given = {}) {
  const answer = await fetch(`/run/${word}`, {
    method: "POST",
    headers: { ...authorization(), "Content-Type": "application/json" },
    body: JSON.stringify(given),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body.result;
}

const SILENCE = 8000; // ms: an event comes at least every second

/** Listen until the returned function is called; on(name, data) gets each event, "lost" or "refused". */
export function listen(look, on) {
  const stop = new AbortController();
  follow(look, on, stop.signal);
  return () => stop.abort();
}

async function follow(look, on, stopped) {
  while (!stopped.aborted) {
    try {
      await readStream(look, on, stopped);
    } catch (error) {
      if (stopped.aborted) return;
      if (error.refused) return on("refused", null);
    }
    if (stopped.aborted) return;
    on("lost", null);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function readStream(look, on, stopped) {
  const silence = new AbortController();
  const signal = AbortSignal.any([stopped, silence.signal]);
  let alarm = setTimeout(() => silence.abort(), SILENCE);
  try {
    const answer = await fetch(`/stream?${new URLSearchParams(look)}`, { headers: authorization(), signal });
    if (answer.status === 401) throw Object.assign(new Error("refused"), { refused: true });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(alarm);
      alarm = setTimeout(() => silence.abort(), SILENCE);
      const events = (text + part.value).split("\n\n");
      text = events.pop();
      if (!stopped.aborted) events.forEach((event) => dispatch(event, on));
    }
  } finally {
    clearTimeout(alarm);
  }
}

function dispatch(event, on) {
  const [name, data] = event.split("\n");
  on(name.slice("event: ".length), JSON.parse(data.slice("data: ".length)));
}
