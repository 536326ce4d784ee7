// The page's day.

// Once a second, when the second turns on the shop's clock.
async function tick() {
  for (;;) {
    await sleep(1000 - (now() % 1000) + 5);
    if (!document.hidden) render();
  }
}

// Clocks that slept are wrong, and the night's news was missed.
function comeBack() {
  if (document.hidden || !state.id) return;
  setClock().then(render);
  loadOrders();
}

// Who has put this page into another page is told how high it is, and nothing else.
function tellHeight() {
  const tell = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    window.parent.postMessage({ doorbuster: 'height', height }, '*');
  };
  if (window.ResizeObserver) new ResizeObserver(tell).observe(document.body);
}

function listenToBuyer() {
  at('buy').onclick = press;
  at('stop').onclick = giveUp;
  at('units').onchange = ({ target }) => {
    state.units = Number(target.value);
    state.verdict = null;
    render();
  };
  addEventListener('storage', heardElsewhere);
  addEventListener('online', () => wake());
  document.addEventListener('visibilitychange', comeBack);
}

async function open() {
  if (framed) {
    document.body.classList.add('framed');
    tellHeight();
  }
  const [, sale] = location.pathname.match(/^\/s\/([^/]+)/) || [];
  const loading = loadTexts();
  let first;
  if (sale) {
    state.id = sale;
    first = refreshFirst();
  }
  await loading;
  render();
  listenToBuyer();
  tick();
  if (!state.id) {
    const view = await chooseSale();
    state.id = view.sale;
    takeSale(view);
  }
  await first;
  render();
  performance.mark('usable');
  readPass();
  await Promise.all([setClock(), loadOrders()]);
  render();
  follow();
  followOrders();
  refreshNowAndThen();
  preparePass();
  resume();
}

// Until the shop has answered for the first time.
async function refreshFirst() {
  for (let lost = 0; ; lost += 1) {
    if (await refresh() && state.sale) return;
    if (!state.missing) setLink('away');
    await sleep(state.missing ? 30000 : 500 + jitter(lost, 1000, 15000));
  }
}

open();
