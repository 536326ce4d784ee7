// How does the page ask the shop, and what does it keep?

// In another shop's page there are no cookies: the pass is carried by hand, and kept for this tab alone.
const framed = window.top !== window.self;

const kept = (() => {
  try {
    const store = framed ? sessionStorage : localStorage;
    store.setItem('doorbuster', '');
    store.removeItem('doorbuster');
    return store;
  } catch {
    // Storage is forbidden: this tab's memory has to do.
    const memory = new Map();
    return {
      getItem: (name) => memory.get(name),
      setItem: (name, value) => memory.set(name, value),
      removeItem: (name) => memory.delete(name),
    };
  }
})();

const nameOf = (what) => `doorbuster:${state.id}:${what}`;

function recall(what) {
  try {
    return JSON.parse(kept.getItem(nameOf(what)) || 'null');
  } catch {
    return null;
  }
}

function remember(what, value) {
  try {
    kept.setItem(nameOf(what), JSON.stringify(value));
  } catch { /* full: what isn't kept is asked for again */ }
}

const forget = (what) => kept.removeItem(nameOf(what));

const inSale = (path) => `/v1/sales/${encodeURIComponent(state.id)}${path}`;

// One request. Fails only where nobody knows whether it was answered.
async function ask(path, { method = 'GET', headers = {}, body, patience = 15000, isPublic = false } = {}) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), patience);
  if (framed && state.pass && state.pass.token) headers.authorization = `Bearer ${state.pass.token}`;
  if (body) headers['content-type'] = 'application/json';
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      // What is public may have come already, as the page's answer has told the browser.
      credentials: framed && !isPublic ? 'omit' : 'same-origin',
      signal: controller.signal,
    });
    const text = await response.text();
    let json = null;
    try {
      json = JSON.parse(text);
    } catch { /* somebody between us and the shop has answered */ }
    return { status: response.status, json, code: (json && json.code) || '', waitMs: waitOf(response) };
  } finally {
    clearTimeout(timer);
  }
}

// Retry-After in milliseconds; null: it isn't said.
function waitOf(response) {
  const text = response.headers.get('retry-after');
  if (!text) return null;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
