// The buyer's orders, each a receipt: what it is, what becomes of it, and for how long.

const MINUTE_MS = 60000;

// An order that is over is shown until there is a better one.
function shownOrders() {
  const live = liveOrders();
  return live.length ? live : state.orders.slice(0, 1);
}

function renderReceipts() {
  const box = at('receipts');
  const orders = shownOrders();
  const wanted = orders.map(({ order }) => order);
  for (const node of [...box.children]) if (!wanted.includes(node.dataset.order)) node.remove();
  orders.forEach((order, place) => {
    let node = [...box.children].find((child) => child.dataset.order === order.order);
    if (!node) {
      node = newReceipt(order);
      box.insertBefore(node, box.children[place] || null);
    }
    renderReceipt(node, order);
  });
}

function newReceipt({ order }) {
  const node = at('receipt').content.firstElementChild.cloneNode(true);
  const part = (name) => node.querySelector(name);
  node.dataset.order = order;
  const [question, give, keep] = part('.back').children;
  const asks = (isAsking) => {
    node.dataset.asking = isAsking ? 'yes' : '';
    put(question, isAsking ? t('give_back_sure') : '');
    put(give, t(isAsking ? 'give_back_yes' : 'give_back'));
    put(keep, isAsking ? t('keep') : '');
  };
  asks(false);
  give.onclick = async () => {
    if (!node.dataset.asking) {
      asks(true);
      return;
    }
    asks(false);
    const isDone = await giveBack(order);
    if (!isDone) put(question, t('give_back_failed'));
    else part('h2').focus();
  };
  keep.onclick = () => {
    asks(false);
    give.focus();
  };
  return node;
}

function renderReceipt(node, order) {
  const part = (name) => node.querySelector(name);
  const isHeld = order.state === 'held';
  const left = isHeld ? instant(order.expires_at) - now() : 0;
  node.dataset.state = order.state;
  put(part('h2'), t(order.state));
  const item = itemOf(order.sku);
  put(part('.what'), `${order.quantity > 1 ? `${number(order.quantity)} × ` : ''}${item ? item.title : order.sku}`);
  put(part('.words'), isHeld && left <= 0 ? t('checking') : t(order.late ? 'late_note' : `${order.state}_note`));
  part('.due').hidden = !isHeld || left <= 0;
  if (isHeld) {
    put(part('.due-label'), t('time_left'));
    put(part('.due-left'), span(left));
    part('.due').classList.toggle('soon', left < MINUTE_MS);
    const whole = instant(order.expires_at) - instant(order.placed_at);
    part('.bar i').style.transform = `scaleX(${Math.min(1, Math.max(0, left / whole)).toFixed(4)})`;
    findPayment(order);
  }
  const payment = isHeld ? payments.get(order.order) : null;
  const pay = part('.pay');
  // A link of the shop's own configuration; still, nothing but the web is opened.
  const isLink = Boolean(payment && /^https?:/.test(payment.url));
  put(pay, isLink ? t('pay', { total: money(order.total) }) : '');
  if (isLink) {
    pay.href = payment.url;
    pay.rel = 'noopener';
    pay.target = framed ? '_blank' : '_self';
  }
  put(part('.later'), payment && !isLink ? t('pay_later') : '');
  part('.back').hidden = !isHeld || left <= 0;
  renderFacts(part('dl'), order);
}

function renderFacts(list, order) {
  const facts = [
    [t('total'), money(order.total)],
    [t('placed'), moment(instant(order.placed_at))],
    [t('order'), order.order],
  ];
  if (LIVE_STATES.includes(order.state)) facts.push(['', t(`stored_${order.stored}`)]);
  const text = facts.flat().join('\n');
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...facts.map(([name, value]) => {
    const row = document.createElement('div');
    const [term, fact] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name || '✓';
    if (!name) row.className = 'stored';
    fact.textContent = value;
    if (value === order.order) fact.className = 'id';
    row.append(term, fact);
    return row;
  }));
}

// The answer that everybody came for is brought to where the buyer is.
function greet(order) {
  render();
  const node = [...at('receipts').children].find((child) => child.dataset.order === order);
  if (!node) return;
  node.classList.add('new');
  const heading = node.querySelector('h2');
  heading.focus({ preventScroll: true });
  node.scrollIntoView({ block: 'nearest' });
  announce(`${heading.textContent}. ${node.querySelector('.words').textContent}`);
}
