// Orders: found, looked into, page by page. Read from the ledger when somebody asks, not with every frame.

const STATES = ['held', 'confirmed', 'cancelled', 'expired', 'refunded'];
const PAGE_SIZE = 25;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function orderRow(order, withSale, reload) {
  const open = h('button.row-open', { type: 'button', onclick: () => showOrder(order.order, reload) }, order.buyer);
  open.setAttribute('aria-label', t('order_open', { buyer: order.buyer, item: order.sku }));
  return h('tr', {},
    h('td.of-buyer', {}, open),
    h('td.of-item', {}, `${number(order.quantity)} × ${order.sku}`),
    withSale ? h('td.of-sale', {}, order.sale) : null,
    h('td.of-total.end', {}, money(order.total)),
    h('td.of-state', {}, orderPill(order.state)),
    h('td.of-placed.end', {}, h('time', { dateTime: order.placed_at }, stamp(instant(order.placed_at)))));
}

function makeOrders({ sale }) {
  const filter = { sale: sale || '', state: '', sku: '', buyer: '' };
  // The `after` of each page that was left behind, so that one can go back.
  let trail = [];
  let after = '';
  let next = null;
  const body = h('tbody');
  const columns = ['buyer', 'item', ...(sale ? [] : ['sale']), 'total', 'order_state', 'placed'];
  const table = h('table', {}, h('caption.unseen', {}, t('orders')), h('thead', {}, h('tr', {}, ...columns.map((key) => h(`th${key === 'total' || key === 'placed' ? '.end' : ''}`, { scope: 'col' }, t(key))))), body);
  const nothing = h('p.nothing', { hidden: true });
  const fault = h('p.fault', { role: 'alert', hidden: true });
  const stateSelect = choice([['', t('any_state')], ...STATES.map((of) => [of, word('state', of)])], '');
  const search = h('input', { type: 'search', autocomplete: 'off', spellcheck: false, placeholder: t('search_how') });
  const csv = h('a.button', { download: 'orders.csv' }, t('csv'));
  const newer = button(t('newer'), () => { after = trail.pop() || ''; load(); });
  const older = button(t('older'), () => { trail.push(after); after = next; load(); });
  const refresh = button(t('refresh'), () => load());
  const items = sale ? saleOf(sale).items : [];
  // Where there is one item only, there is nothing to choose.
  const skuSelect = items.length > 1 ? choice([['', t('any_item')], ...items.map((of) => [of.sku, of.title])], '') : null;
  const pick = sale ? null : choice([['', t('any_sale')], ...sales().map((of) => [of.id, of.title])], '');

  function query() {
    const entries = Object.entries({ ...filter, after, limit: PAGE_SIZE }).filter(([, value]) => value);
    return new URLSearchParams(entries).toString();
  }

  async function load() {
    const kept = new URLSearchParams(Object.entries({ sale: filter.sale, state: filter.state }).filter(([, value]) => value)).toString();
    csv.href = `/v1/admin/orders.csv${kept ? `?${kept}` : ''}`;
    let answer;
    try {
      answer = await request(`/v1/admin/orders?${query()}`);
    } catch {
      answer = { isDone: false, json: { title: t('refused_away') } };
    }
    say(fault, answer.isDone ? '' : complaint(answer));
    if (!answer.isDone) return;
    next = answer.json.next;
    body.replaceChildren(...answer.json.orders.map((order) => orderRow(order, !sale, load)));
    table.hidden = !answer.json.orders.length;
    say(nothing, answer.json.orders.length ? '' : t(filter.state || filter.buyer || filter.sku || (!sale && filter.sale) ? 'no_match' : 'no_orders'));
    newer.hidden = !trail.length;
    older.hidden = !next;
  }

  function again() {
    trail = [];
    after = '';
    load();
  }
  stateSelect.onchange = () => { filter.state = stateSelect.value; again(); };
  if (skuSelect) skuSelect.onchange = () => { filter.sku = skuSelect.value; again(); };
  if (pick) pick.onchange = () => { filter.sale = pick.value; again(); };
  const form = h('form.filters', { role: 'search', ariaLabel: t('orders_find') },
    field(t('search'), search), field(t('order_state'), stateSelect), ...(skuSelect ? [field(t('item'), skuSelect)] : []), ...(pick ? [field(t('sale'), pick)] : []));
  const find = () => {
    const text = search.value.trim();
    if (UUID.test(text)) {
      showOrder(text.toLowerCase(), load);
      return;
    }
    if (filter.buyer === text) return;
    filter.buyer = text;
    again();
  };
  form.addEventListener('submit', (event) => { event.preventDefault(); find(); });
  // Emptied by its own cross; Enter comes as a submission.
  search.addEventListener('search', () => { if (!search.value) find(); });
  const node = h('section.orders', {}, h('div.head', {}, h(sale ? 'h2' : 'h1', {}, t('orders')), h('div.acts', {}, refresh, csv)),
    form, fault, h('div.scroller', {}, table), nothing, h('div.ends', {}, newer, older));
  load();
  return { node, load };
}

function makeOrdersPage() {
  const { node } = makeOrders({});
  return { node: h('div.page', {}, node), update: () => {}, title: () => t('orders') };
}
