// All sales, where there are several. Those that are on come first, then those to come, in their order.

const PHASES = ['live', 'paused', 'scheduled', 'ended'];
const LIST_POLL_MS = 5000;

function renderList() {
  put(at('list-title'), t(state.sales.length ? 'on_sale' : 'nothing'));
  const order = (sale) => PHASES.indexOf(sale.phase);
  const sales = [...state.sales].sort((one, other) => order(one) - order(other) || (instant(one.opens_at) || 0) - (instant(other.opens_at) || 0));
  const box = at('sales');
  sales.forEach((sale, place) => {
    let entry = box.children[place];
    if (!entry) {
      entry = document.createElement('li');
      const link = document.createElement('a');
      link.append(...['title', 'words'].map((name) => Object.assign(document.createElement('span'), { className: name, dir: 'auto' })));
      entry.append(link);
      box.append(entry);
    }
    const [link] = entry.children;
    link.href = `/s/${encodeURIComponent(sale.sale)}`;
    link.dataset.phase = sale.phase;
    put(link.children[0], sale.title);
    put(link.children[1], saleWords(sale));
  });
  while (box.children.length > sales.length) box.lastChild.remove();
  document.title = t('on_sale');
}

function saleWords(sale) {
  const opens = instant(sale.opens_at);
  if (sale.phase === 'scheduled' && opens) {
    const left = opens - now();
    return left < 86400000 ? `${t('opens_in')} ${span(left)}` : t('opens', { time: moment(opens) });
  }
  if (sale.phase === 'live') return sale.items.every((item) => item.remaining === 0) ? t('sold_out') : t('phase_live');
  return t(`phase_${sale.phase}`);
}

async function loadList() {
  const { status, json } = await ask('/v1/sales', { isPublic: true });
  if (status !== 200) throw new Error(json && json.code);
  guessClock(json.server_time);
  return json.sales;
}

// One sale needs no list. Says which; where there are more, the list is shown for ever.
async function chooseSale() {
  for (let lost = 0; ; lost += 1) {
    try {
      const sales = await loadList();
      lost = 0;
      const open = sales.filter((sale) => sale.phase !== 'ended');
      if (!state.sales && sales.length && (open.length === 1 || sales.length === 1)) return open[0] || sales[0];
      state.sales = sales;
      setLink('polling');
    } catch {
      setLink('away');
    }
    render();
    await sleep(LIST_POLL_MS * (0.7 + 0.6 * Math.random()) + jitter(lost, 500, 15000));
    await whenVisible();
  }
}
