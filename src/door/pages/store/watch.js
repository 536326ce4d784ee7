// What happens in the sale? The shop tells by a stream of events; where no stream comes through, it is asked.

const FIRST_FRAME_MS = 8000;
// The shop says something every 15 s: a stream that is silent for so long is dead, though nobody has said so.
const SILENT_MS = 40000;
const POLL_MS = 3000;
// A stream that ends sooner is no stream: it isn't asked for again at once.
const SHORT_MS = 5000;
// How long polling goes on before a stream is tried again.
const POLLS_PER_TRY = 20;
// Schedules change seldom, and aren't in the stream.
const REFRESH_MS = 60000;

// Whether the stream speaks. Then it alone says what changes from one moment to the next: an answer may have been underway,
// or kept by a CDN, while the stream went on.
let isTold = false;

function setLink(link) {
  if (state.link === link) return;
  state.link = link;
  render();
}

function takeSale(view) {
  guessClock(view.server_time);
  const former = state.sale;
  state.sale = {
    title: view.title,
    phase: isTold ? former.phase : view.phase,
    opens: instant(view.opens_at),
    closes: instant(view.closes_at),
    limit: view.limit_per_buyer,
    items: [],
  };
  const items = former ? former.items : [];
  takeItems(isTold ? asTold(view.items, items) : view.items, items);
  if (!itemOf(state.sku)) state.sku = (state.sale.items.find((item) => item.remaining !== 0) || state.sale.items[0] || {}).sku;
}

function takeItems(views, former) {
  state.sale.items = views.map((view) => {
    const known = former.find((item) => item.sku === view.sku) || {};
    if (known.remaining === 0 && view.remaining !== 0 && view.sku === state.sku) {
      state.returned = true;
      state.verdict = null;
    }
    const mayReturn = view.remaining === 0 ? view.held_may_return : undefined;
    return { ...known, ...view, mayReturn };
  });
}

// A view of the sale, but what the stream tells is as it told it.
function asTold(views, former) {
  return views.map((view) => {
    const known = former.find((item) => item.sku === view.sku);
    return known ? { ...view, remaining: known.remaining, held_may_return: known.mayReturn } : view;
  });
}

function takePulse(pulse) {
  const { sale } = state;
  const isNew = pulse.phase !== sale.phase || pulse.items.some((item) => !itemOf(item.sku));
  if (pulse.phase !== sale.phase) state.verdict = null;
  sale.phase = pulse.phase;
  // One that is new has neither title nor price yet.
  takeItems(pulse.items.filter((item) => itemOf(item.sku)), sale.items);
  render();
  // With the phase, the schedule may have changed.
  if (isNew) sleep(Math.random() * 1000).then(refresh);
}

// Whether the shop has answered.
async function refresh() {
  try {
    const { status, json } = await ask(inSale(''), { isPublic: true });
    if (status === 200) takeSale(json);
    state.missing = status === 404;
    render();
    return status === 200 || status === 404;
  } catch {
    return false;
  }
}

// Listens until the stream ends, or the page is hidden: a browser has six connections for all its tabs. Says whether
// anything was heard.
function listen() {
  return new Promise((resolve) => {
    const stream = new EventSource(inSale('/events'));
    let heard = false;
    const end = () => {
      isTold = false;
      stream.close();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', end);
      removeEventListener('offline', end);
      resolve(heard);
    };
    let timer = setTimeout(end, FIRST_FRAME_MS);
    stream.addEventListener('sale', ({ data }) => {
      heard = true;
      isTold = true;
      clearTimeout(timer);
      timer = setTimeout(end, SILENT_MS);
      setLink('live');
      takePulse(JSON.parse(data));
    });
    stream.onerror = end;
    document.addEventListener('visibilitychange', end);
    addEventListener('offline', end);
  });
}

const whenVisible = () => new Promise((resolve) => {
  if (!document.hidden) resolve();
  else document.addEventListener('visibilitychange', resolve, { once: true });
});

async function follow() {
  for (let silent = 0, lost = 0, short = 0; ;) {
    await whenVisible();
    const began = performance.now();
    const heard = await listen();
    if (document.hidden) continue;
    silent = heard ? 0 : silent + 1;
    short = heard && performance.now() - began < SHORT_MS ? short + 1 : 0;
    // Everybody has lost the stream at the same moment.
    await sleep(jitter(lost + short, 500, 15000));
    // Somebody between us and the shop keeps streams back: ask, and try again now and then.
    for (let polls = silent > 1 ? POLLS_PER_TRY : 1; polls > 0 && !document.hidden; polls -= 1) {
      const answered = await refresh();
      lost = answered ? 0 : lost + 1;
      setLink(answered ? 'polling' : 'away');
      if (!answered) {
        silent = 0;
        break;
      }
      if (polls > 1) await sleep(POLL_MS * (0.7 + 0.6 * Math.random()));
    }
  }
}

async function refreshNowAndThen() {
  for (;;) {
    await sleep(REFRESH_MS * (0.7 + 0.6 * Math.random()));
    await whenVisible();
    await refresh();
  }
}
