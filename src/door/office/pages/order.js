// One order: what it is, what happened to it, and what can be done about it.

async function moveOrder(order, verb, body) {
  return change(inOrder(order.order, `/${verb}`), body);
}

function askOrder(order, verb, then) {
  const restock = choice([['', t('restock_default')], ['true', t('restock_yes')], ['false', t('restock_no')]], '');
  ask({
    title: t(`${verb}_ask`, { total: money(order.total) }),
    content: [h('p', {}, t(`${verb}_what`, { buyer: order.buyer })), ...(verb === 'refund' ? [field(t('restock'), restock)] : [])],
    confirm: t(`${verb}_do`),
    kind: verb === 'confirm' ? 'go' : 'grave',
    act: async () => {
      const body = verb === 'refund' && restock.value ? { restock: restock.value === 'true' } : undefined;
      const { wrong } = await moveOrder(order, verb, body);
      if (!wrong) {
        note(t(`${verb}_note`, { buyer: order.buyer }));
        then();
      }
      return wrong;
    },
  });
}

function eventLine({ at: when, kind, by, detail }) {
  const more = [];
  if (detail.amount) more.push(money(detail.amount));
  if (detail.payment) more.push(detail.payment);
  if (detail.late) more.push(t('event_late'));
  if (detail.expires_at) more.push(t('event_until', { time: stamp(instant(detail.expires_at)) }));
  if (detail.restock !== undefined) more.push(detail.restock ? t('event_restocked') : t('event_not_restocked'));
  if (detail.reason) more.push(detail.reason);
  return h('li', {}, h('time', { dateTime: when }, stamp(instant(when))),
    h('div', {}, h('b', {}, word('event', kind)), h('span.quiet', {}, ` ${t('event_by', { who: word('by', by) })}`),
      more.length ? h('p.quiet', {}, more.join(' · ')) : null));
}

// What an order can become by hand.
const MOVES = { held: ['confirm', 'cancel'], confirmed: ['refund'] };

async function showOrder(id, then) {
  const heading = h('h2', { id: freshId('order') }, t('order'));
  const body = h('div.body', {}, h('p.quiet', {}, t('loading')));
  const dialog = h('dialog.drawer', { 'aria-labelledby': heading.id },
    h('div.head', {}, heading, h('button.close', { type: 'button', onclick: () => dialog.close(), ariaLabel: t('close') }, '×')), body);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();

  async function load() {
    let answer;
    try {
      answer = await request(inOrder(id));
    } catch {
      answer = { isDone: false, json: { title: t('refused_away') } };
    }
    if (!answer.isDone) {
      body.replaceChildren(h('p.fault', { role: 'alert' }, complaint(answer)));
      return;
    }
    const order = answer.json;
    const line = (key, value) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, value));
    const moved = () => { load(); then(); };
    body.replaceChildren(
      h('p', {}, orderPill(order.state)),
      h('dl.look', {}, line('order', h('code', {}, order.order)), line('buyer', h('code', {}, order.buyer)),
        line('item', `${number(order.quantity)} × ${order.sku}`), line('sale', order.sale), line('total', money(order.total)),
        line('placed', stamp(instant(order.placed_at))),
        ...(order.state === 'held' && order.expires_at ? [line('held_until', stamp(instant(order.expires_at)))] : []),
        ...(order.payment ? [line('payment', h('code', {}, order.payment))] : []),
        line('stored', word('stored', order.stored))),
      h('div.ends', {}, ...(MOVES[order.state] || []).map((verb) => button(t(`${verb}_do`), () => askOrder(order, verb, moved), verb === 'confirm' ? 'go' : ''))),
      h('h3', {}, t('history')),
      order.history.length ? h('ol.history', {}, ...order.history.map(eventLine)) : h('p.quiet', {}, t('no_history')));
  }
  await load();
}

function orderPill(of) {
  return h('span.pill', { 'data-state': of }, word('state', of));
}
