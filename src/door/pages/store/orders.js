// What does the buyer have? Asked for again after each reload, so that nothing hangs on this page having stayed open.

const HELD_POLL_MS = 5000;

// Where each held order is paid: { url }, as the shop says it.
const payments = new Map();

// Only who has ever had a pass has orders.
const mayHaveOrders = () => Boolean(state.pass || recall('orders'));

function takeOrder(order) {
  const orders = state.orders.filter((other) => other.order !== order.order).concat(order);
  state.orders = orders.sort((one, other) => (one.placed_at < other.placed_at ? 1 : -1));
}

async function loadOrders() {
  if (!mayHaveOrders()) return;
  try {
    const { status, json } = await ask('/v1/orders');
    if (status === 200) {
      json.orders.filter((order) => order.sale === state.id).forEach(takeOrder);
      if (state.verdict === 'limit_reached' && state.orders.length) state.verdict = null;
    } else if (status === 401) {
      dropPass();
      forget('orders');
    }
  } catch { /* asked again soon enough */ }
  render();
}

// While an order is held, it may be paid, or run out, at any moment.
async function followOrders() {
  for (;;) {
    await sleep(HELD_POLL_MS * (0.8 + 0.4 * Math.random()));
    if (!document.hidden && state.orders.some((order) => order.state === 'held')) await loadOrders();
  }
}

async function findPayment({ order }) {
  if (payments.has(order)) return;
  payments.set(order, null);
  try {
    const { status, json } = await ask(`/v1/orders/${order}/payment`);
    if (status !== 200) throw new Error(json && json.code);
    payments.set(order, json);
    render();
  } catch {
    await sleep(3000);
    payments.delete(order);
    render();
  }
}

async function giveBack(order) {
  const { status, json } = await ask(`/v1/orders/${order}/cancel`, { method: 'POST' }).catch(() => ({}));
  if (status === 200) {
    takeOrder(json);
    remember('orders', Date.now());
  } else {
    await loadOrders();
  }
  render();
  return status === 200;
}
