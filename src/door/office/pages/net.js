// How does the page ask the house?

// What nobody has answered by then isn't answered: a proof of a long ledger takes its time.
const PATIENCE_MS = 20000;

// One request. Fails only where nobody knows whether it was answered.
async function request(path, { method = 'GET', body, patience = PATIENCE_MS } = {}) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), patience);
  try {
    const response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      signal: controller.signal,
    });
    const text = await response.text();
    let json = null;
    try {
      json = JSON.parse(text);
    } catch { /* nothing, or somebody between us and the house */ }
    if (response.status === 401 && state.session === 'in') lockOut();
    return { status: response.status, isDone: response.ok, json, code: (json && json.code) || '' };
  } finally {
    clearTimeout(timer);
  }
}

// What the house has against it, in words for people.
function complaint({ json, code }) {
  if (!json) return t('refused_strange');
  if (json.detail) return json.detail;
  if (code === 'invalid_transition') return t('refused_transition', { phase: word('phase', json.phase) });
  if (code === 'below_committed') return t('refused_committed', { count: json.committed });
  return json.title || t('refused_strange');
}

const inSale = (id, path = '') => `/v1/admin/sales/${encodeURIComponent(id)}${path}`;

const inOrder = (id, path = '') => `/v1/admin/orders/${encodeURIComponent(id)}${path}`;
