// Is the house in order? The ledger, its proof, the copy in PostgreSQL, and who is told.

async function prove() {
  if (state.isProving) return;
  state.isProving = true;
  render();
  try {
    // As long as it takes: a long ledger is read from its beginning.
    const answer = await request('/v1/admin/audit', { patience: 600000 });
    state.audit = answer.isDone ? { ...answer.json, at: Date.now() } : { failed: complaint(answer), at: Date.now() };
  } catch {
    state.audit = { failed: t('refused_away'), at: Date.now() };
  }
  state.isProving = false;
  try {
    sessionStorage.setItem('doorbuster:audit', JSON.stringify(state.audit));
  } catch { /* it is shown, and asked for again after a reload */ }
  render();
}

function recallAudit() {
  try {
    state.audit = JSON.parse(sessionStorage.getItem('doorbuster:audit') || 'null');
  } catch { /* as if there had been none */ }
}

async function loadWebhooks() {
  try {
    const answer = await request('/v1/admin/webhooks');
    if (answer.isDone) state.webhooks = answer.json.webhooks;
    render();
  } catch { /* the stream says that the house is away */ }
}

// How a thing stands: 'good', 'warn', 'bad' or 'none', and in words.
function ledgerStands() {
  const { ready, queued, events } = state.frame.ledger;
  if (!ready) return ['bad', t('ledger_bad')];
  return ['good', t('ledger_good', { count: events, queued: number(queued) })];
}

function auditStands() {
  const { audit } = state;
  if (state.isProving) return ['none', t('audit_running')];
  if (!audit) return ['none', t('audit_none')];
  const at = stamp(audit.at);
  if (audit.failed) return ['warn', t('audit_failed', { at, why: audit.failed })];
  return audit.ok ? ['good', t('audit_good', { at, count: audit.orders, events: number(audit.events) })]
    : ['bad', t('audit_bad', { at, count: audit.violations_total || audit.violations.length })];
}

function postgresStands() {
  const { postgres } = state.frame;
  if (!postgres) return ['none', t('postgres_none')];
  const behind = postgres.lag_events ? t('postgres_behind', { count: postgres.lag_events, span: span(postgres.lag_seconds * 1000) }) : t('postgres_even');
  const words = [word('postgres', postgres.state), behind, postgres.why].filter(Boolean).join(' · ');
  return [postgres.why ? 'bad' : (postgres.lag_seconds > 10 ? 'warn' : 'good'), words];
}

// More than are in flight where a receiver is well.
const PENDING_MANY = 20;

function webhooksStand() {
  const { webhooks } = state;
  if (!webhooks) return ['none', t('loading')];
  if (!webhooks.length) return ['none', t('webhooks_none')];
  const [dead, off] = [webhooks.reduce((sum, of) => sum + of.dead, 0), webhooks.filter((of) => of.state === 'disabled').length];
  if (dead || off) return ['warn', t('webhooks_bad', { dead: number(dead), off: number(off) })];
  const stuck = webhooks.find((of) => of.is_full || (of.retried && of.pending > PENDING_MANY));
  if (stuck) return ['warn', t('webhooks_stuck', { count: stuck.pending + stuck.lag, target: stuck.target })];
  const pending = webhooks.reduce((sum, of) => sum + of.pending + of.lag, 0);
  return ['good', pending ? t('webhooks_pending', { count: pending }) : t('webhooks_good', { count: webhooks.length })];
}

const STANDINGS = [['ledger', ledgerStands], ['audit', auditStands], ['postgres', postgresStands], ['webhooks', webhooksStand]];

// All of it in four lines, with the one button that one wants at midnight.
function makeHouseLine() {
  const proveButton = button(t('audit_go'), prove);
  const lines = STANDINGS.map(([name, stands]) => {
    const words = h('p');
    const node = h('li', {}, h('h3', {}, t(`house_${name}`)), words, name === 'audit' ? proveButton : null);
    return { node, words, stands };
  });
  const node = h('section.house', {}, h('div.head', {}, h('h2', {}, t('house'))), h('ul', {}, ...lines.map(({ node: of }) => of)));
  function update() {
    for (const { node: line, words, stands } of lines) {
      const [standing, text] = stands();
      mark(line, 'standing', standing);
      put(words, text);
    }
    proveButton.setAttribute('aria-disabled', String(state.isProving));
  }
  return { node, update };
}

function askRetry(webhook) {
  ask({
    title: t('retry_ask', { count: webhook.dead }),
    content: [h('p', {}, t('retry_what', { target: webhook.target }))],
    confirm: t('retry_do'),
    act: async () => {
      const { wrong } = await change(`/v1/admin/webhooks/${webhook.webhook}/retry`);
      if (!wrong) {
        note(t('retry_note', { target: webhook.target }));
        loadWebhooks();
      }
      return wrong;
    },
  });
}

function makeWebhook(webhook) {
  const line = (key, value) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, value));
  const off = webhook.state === 'disabled';
  const letters = webhook.dead_letters.map((letter) => h('li', {}, h('code', {}, letter.id || String(letter.seq)),
    h('p.quiet', {}, [t('letter_tries', { count: letter.attempts }), letter.dead_at && stamp(instant(letter.dead_at)), letter.last_error].filter(Boolean).join(' · '))));
  return h('article.webhook', {}, h('h3', {}, webhook.target),
    h('p', {}, h('span.pill', { 'data-state': webhook.state }, word('webhook', webhook.state)), off && webhook.why ? ` ${webhook.why}` : ''),
    h('dl.look', {}, line('delivered', number(webhook.delivered)), line('pending', number(webhook.pending)), line('behind', number(webhook.lag)),
      line('dead', number(webhook.dead)), line('kinds', webhook.kinds.length ? webhook.kinds.join(', ') : t('kinds_all'))),
    letters.length ? h('ul.letters', {}, ...letters) : null,
    webhook.dead || off ? h('div.ends', {}, button(t('retry_do'), () => askRetry(webhook))) : null);
}

function makeHouse() {
  const line = makeHouseLine();
  const found = h('ul.violations');
  const hooks = h('div.webhooks');
  const node = h('div.page', {}, h('h1', {}, t('nav_house')), line.node, found, h('section', {}, h('h2', {}, t('house_webhooks')), hooks));
  let shown = null;
  loadWebhooks();
  function update() {
    line.update();
    const violations = (state.audit && state.audit.violations) || [];
    found.hidden = !violations.length;
    keep(found, violations, (of) => `${of.invariant}${of.seq}${of.what}`, (of) => h('li', {}, h('b', {}, of.invariant), ` ${of.what}`));
    const text = JSON.stringify(state.webhooks);
    if (text === shown) return;
    shown = text;
    hooks.replaceChildren(...(state.webhooks || []).map(makeWebhook));
    if (state.webhooks && !state.webhooks.length) hooks.append(h('p.quiet', {}, t('webhooks_none')));
  }
  return { node, update, title: () => t('nav_house') };
}
