// What happens now? The house tells twice a second; where it doesn't, that is said, loudly.

const STALE_MS = 3000;
const LOOK_MS = 500;
const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 5000;
// How often webhooks are asked about, which the stream doesn't tell of; it also keeps the session of whoever watches.
const ASK_MS = 30000;

// A browser has six connections for all its tabs: one that nobody looks at gives its own back.
const HIDDEN_MS = 60000;

const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

function takeFrame(frame) {
  state.frame = frame;
  state.heardAt = performance.now();
  state.skew = instant(frame.now) - Date.now();
  state.link = 'live';
  notePast(frame);
  render();
}

// When the page was last shown or hidden.
let turnedAt = performance.now();

const isUnseen = () => document.hidden && performance.now() - turnedAt > HIDDEN_MS;

const seen = () => new Promise((go) => {
  if (!isUnseen()) go();
  else document.addEventListener('visibilitychange', go, { once: true });
});

// One stream, until it breaks. Says whether anything came.
function listen(isWanted) {
  return new Promise((end) => {
    let heard = false;
    const source = new EventSource('/v1/admin/events');
    const stop = () => {
      clearInterval(watch);
      source.close();
      end(heard);
    };
    const began = performance.now();
    // A connection may be gone without a word: what is silent for long is closed and opened again.
    const watch = setInterval(() => {
      const since = performance.now() - Math.max(began, state.heardAt);
      if (isUnseen() || state.session === 'out' || !isWanted() || since > 2 * STALE_MS) stop();
    }, LOOK_MS);
    source.addEventListener('funnel', (event) => {
      heard = true;
      takeFrame(JSON.parse(event.data));
    });
    source.onerror = stop;
  });
}

// One at a time: who leaves and comes back at once begins a new one, and the one before ends.
let following = 0;

async function follow() {
  following += 1;
  const turn = following;
  let round = 0;
  while (state.session !== 'out') {
    await seen();
    round = (await listen(() => turn === following)) ? 0 : round + 1;
    if (state.session === 'out' || turn !== following) return;
    state.link = 'away';
    render();
    await sleep(Math.random() * Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** round));
    // A stream doesn't say why it was refused.
    if (round) await checkSession();
  }
}

async function checkSession() {
  try {
    const { json } = await request('/v1/admin/session', { patience: 5000 });
    if (json && json.state === 'out') lockOut();
  } catch { /* away, and that is said already */ }
}

// Who comes back to a page that was hidden gives it the time to hear.
const isStale = () => Boolean(state.frame) && !document.hidden && performance.now() - Math.max(state.heardAt, turnedAt) > STALE_MS;

function renderLink() {
  const stale = isStale();
  const away = Math.round((performance.now() - state.heardAt) / 1000);
  mark(at('link'), 'link', stale || state.link === 'away' ? 'away' : state.link || '');
  put(at('link-words'), stale ? t('link_stale') : (state.link === 'live' ? t('link_live') : t('link_away')));
  document.body.classList.toggle('stale', stale);
  const bar = at('stale');
  bar.hidden = !stale;
  const since = clockTime(Date.now() - (performance.now() - state.heardAt));
  // Not every second anew: it is read out.
  if (stale) put(bar.firstElementChild, t('stale', { since, away: span(away < 10 ? 3000 : Math.floor(away / 10) * 10000) }));
}

function watchLink() {
  document.addEventListener('visibilitychange', () => { turnedAt = performance.now(); });
  setInterval(renderLink, LOOK_MS);
  setInterval(rememberPast, 5000);
  setInterval(() => { if (state.frame) loadWebhooks(); }, ASK_MS);
  addEventListener('pagehide', rememberPast);
}
