// Did it work? One press is one attempt under one key, which is kept before it is sent: however often it has to be sent,
// by whichever tab and after whatever reload, it takes at most once.

// After so long, nobody still waits for the answer.
const PURSUIT_MS = 600000;
// So long before the bell, waiting for it is better than being told to come back.
const EARLY_MS = 15000;

let pursued = null;
let wake = () => {};

// crypto.randomUUID isn't there without HTTPS.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function press() {
  if (!face().enabled) return;
  state.verdict = null;
  state.returned = false;
  const attempt = recall('attempt') || { key: newKey(), sku: state.sku, quantity: state.units, at: Date.now() };
  remember('attempt', attempt);
  pursue(attempt);
}

// An attempt that a reload, a crash or another tab has left without an answer.
function resume() {
  const attempt = recall('attempt');
  if (!attempt || pursued) return;
  if (Date.now() - attempt.at > PURSUIT_MS) forget('attempt');
  else pursue(attempt);
}

function step(name, waitMs = 0) {
  state.step = name;
  state.resumes = performance.now() + waitMs;
  render();
}

async function pursue(attempt) {
  if (pursued) return;
  pursued = attempt;
  try {
    const answer = await decide(attempt);
    if (answer) settle(attempt, answer);
    else if (attempt.lost) step('unknown');
    else settle(attempt, { code: null });
  } catch (error) {
    settle(attempt, { code: 'page', error });
    throw error;
  } finally {
    pursued = null;
    render();
  }
}

// A pause that can be cut short: by who gives up, or when the network is back.
function pause(name, ms) {
  step(name, ms);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => { clearTimeout(timer); resolve(); };
  });
}

// The answer that decides; none: it was given up before.
async function decide(attempt) {
  let renewals = 0;
  for (let round = 0; !attempt.stopped && Date.now() - attempt.at < PURSUIT_MS; round += 1) {
    try {
      if (!passIsGood()) {
        step('proving');
        await getPass();
      }
    } catch (error) {
      if (error instanceof Refused && !isEarly(error.answer)) return error.answer;
      await pause(error instanceof Refused ? 'queueing' : 'offline', waitAfter(error.answer, round));
      continue;
    }
    step('asking');
    let answer;
    try {
      answer = await send(attempt);
    } catch {
      attempt.lost = true;
      remember('attempt', attempt);
      await pause('lost', jitter(round, 500, 8000));
      continue;
    }
    if (answer.status === 401 && renewals < 1) {
      renewals += 1;
      dropPass();
      continue;
    }
    if (!isOpen(answer)) return answer;
    if (answer.code === 'busy' || answer.code === 'not_stored') attempt.lost = false;
    else if (answer.status >= 500) attempt.lost = true;
    await pause(attempt.lost ? 'lost' : 'queueing', waitAfter(answer, round));
  }
  return null;
}

function send({ key, sku, quantity }) {
  const path = inSale(`/items/${encodeURIComponent(sku)}/orders`);
  return ask(path, { method: 'POST', headers: { 'idempotency-key': key }, body: { quantity } });
}

const isWin = ({ status, json }) => status >= 200 && status < 300 && Boolean(json && json.order);

const isEarly = ({ code, json }) => code === 'sale_not_open' && instant(json.opens_at) - now() < EARLY_MS;

// Whether an answer decides nothing yet. A success that isn't an order is somebody else's: a hotel's log-in page, say.
function isOpen(answer) {
  const { status, code } = answer;
  return status >= 500 || status === 429 || status === 408 || status === 425 || code === 'in_progress'
    || (status < 300 && !isWin(answer)) || isEarly(answer);
}

function waitAfter(answer, round) {
  if (!answer || answer.waitMs === null) return jitter(round, 500, 8000);
  const left = answer.code === 'sale_not_open' ? instant(answer.json.opens_at) - now() : answer.waitMs;
  // Never before the time that was said, and not all at the same moment.
  return Math.max(left, 0) + Math.random() * 300;
}

function settle(attempt, answer) {
  forget('attempt');
  state.step = null;
  if (isWin(answer)) {
    state.verdict = null;
    takeOrder(answer.json);
    remember('orders', Date.now());
    greet(answer.json.order);
  } else {
    state.verdict = answer.code === null ? null : answer.code || `http_${answer.status}`;
    noteRefusal(attempt, answer);
    // A first request that was believed lost may have won after all, or another tab has.
    if (attempt.lost || answer.code === 'limit_reached') sleep(attempt.lost ? 2000 : 0).then(loadOrders);
  }
  render();
}

// What a refusal says about the sale is newer than what the stream has said.
function noteRefusal(attempt, { code, json }) {
  const item = itemOf(attempt.sku);
  if (code === 'sold_out' && item) Object.assign(item, { remaining: 0, mayReturn: json.held_may_return });
  if (code === 'sale_paused') state.sale.phase = 'paused';
  if (code === 'sale_ended') state.sale.phase = 'ended';
  if (code === 'insufficient_stock') state.units = 1;
}

function giveUp() {
  if (pursued) pursued.stopped = true;
  wake();
}

// In another tab the button was pressed, or answered.
function heardElsewhere({ key, newValue }) {
  if (!state.id || !key) return;
  if (key === nameOf('pass')) readPass();
  if (key === nameOf('orders')) loadOrders();
  if (key === nameOf('attempt') && !pursued) {
    state.verdict = null;
    step(newValue ? 'elsewhere' : null);
    // That tab may have been closed: with its key, asking is safe.
    if (newValue) setTimeout(() => { if (state.step === 'elsewhere') resume(); }, ELSEWHERE_MS);
    else loadOrders();
  }
}
