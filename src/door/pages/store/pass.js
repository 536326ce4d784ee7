// How does a buyer get in? A solved challenge makes a pass. It is fetched before it is needed: at the bell, one request
// is all that is left to do.

const PASS_MARGIN_MS = 60000;
// For how long another tab that has begun may take.
const ELSEWHERE_MS = 20000;

const passIsGood = () => Boolean(state.pass && state.pass.until > now() + PASS_MARGIN_MS);

const readPass = () => { state.pass = recall('pass'); };

function dropPass() {
  state.pass = null;
  forget('pass');
}

// A refusal that no second try will change.
class Refused extends Error {
  constructor(answer) {
    super(answer.code);
    this.answer = answer;
  }
}

let getting = null;

function getPass() {
  getting = getting || obtainPass().finally(() => { getting = null; });
  return getting;
}

async function obtainPass() {
  // Two tabs that each got a pass would be two buyers, and one of them would lose sight of his orders.
  await sleep(Math.random() * 100);
  const begun = recall('proving');
  if (begun && begun > Date.now() - ELSEWHERE_MS) {
    for (let waited = 0; waited < ELSEWHERE_MS && recall('proving') && !recall('pass'); waited += 250) await sleep(250);
  }
  readPass();
  if (passIsGood()) return;
  remember('proving', Date.now());
  try {
    for (let round = 0; ; round += 1) {
      const answer = await tryForPass();
      if (answer.status === 200) return;
      const again = answer.status >= 500 || answer.status === 429 || answer.code.startsWith('challenge_');
      if (!again || round > 7) throw new Refused(answer);
      await sleep(answer.waitMs === null ? jitter(round, 500, 8000) : answer.waitMs + Math.random() * 500);
    }
  } finally {
    forget('proving');
  }
}

async function tryForPass() {
  const answer = await ask(inSale('/challenge'), { method: 'POST' });
  if (answer.status !== 200) return answer;
  const challenge = answer.json;
  const solution = await solve(challenge.parameters);
  readPass();
  if (passIsGood()) return answer;
  const redeemed = await ask(inSale('/pass'), { method: 'POST', body: { challenge, solution } });
  if (redeemed.status === 200) {
    const { pass, expires_at } = redeemed.json;
    state.pass = { until: instant(expires_at), token: framed ? pass : undefined };
    remember('pass', state.pass);
  }
  return redeemed;
}

function solve(parameters) {
  performance.mark('work');
  return new Promise((resolve, reject) => {
    const worker = new Worker(document.body.dataset.worker);
    worker.onmessage = ({ data }) => {
      worker.terminate();
      performance.measure('proof-of-work', 'work');
      resolve(data);
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Error(event.message));
    };
    worker.postMessage(parameters);
  });
}

// Before the bell, each at another moment of the minutes in which challenges are given out. Who is too early is told
// so, and comes back when half of the time that is left, more or less, has gone by.
async function preparePass() {
  const WINDOW_MS = 270000;
  for (let id = state.id; id === state.id && !passIsGood();) {
    const { phase, opens } = state.sale;
    if (phase === 'ended' || liveUnits() >= state.sale.limit) return;
    const left = phase === 'scheduled' && opens ? opens - now() : 0;
    if (left > WINDOW_MS) {
      // No longer than a timer can count.
      await sleep(Math.min(left - WINDOW_MS * (0.2 + 0.8 * Math.random()), 3600000));
      continue;
    }
    try {
      await getPass();
    } catch (error) {
      if (error instanceof Refused && error.answer.code !== 'sale_not_open') return;
      await sleep(Math.max(1000, Math.min(left * (0.3 + 0.4 * Math.random()), 60000)));
    }
  }
}
