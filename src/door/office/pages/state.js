// The office: what a sale is doing, and what its people do about it. Everything shown is made of `state`.
'use strict';

const state = {
  // Whether somebody has to log in: 'open', 'in', 'out'; none before the answer.
  session: null,
  // The last frame of the stream, as it came.
  frame: null,
  // When it came, on the page's own clock.
  heardAt: 0,
  // Whether the stream is there: 'live', 'away'; none before the first frame.
  link: null,
  // What is shown: { name, id }.
  route: null,
  // The last audit: { ok, at, events, orders, violations } or { failed }; none before the first.
  audit: null,
  isProving: false,
  // Who is told of orders, as the office last said; none before it has.
  webhooks: null,
  // The house's clock minus ours, in milliseconds.
  skew: 0,
};

const now = () => Date.now() + state.skew;

const sales = () => (state.frame ? state.frame.sales : []);

const saleOf = (id) => sales().find((sale) => sale.id === id);

// The house opens a sample where nobody has named a sale: it is for trying, and no sale of the shop's.
const SAMPLE = 'sample';

const isFirst = () => sales().every((sale) => sale.id === SAMPLE);

// Counts of one sale; of all of them, where none is named.
function countsOf(id) {
  const { funnel } = state.frame;
  return id ? funnel.sales.find((of) => of.sale === id) : funnel;
}

// What isn't free and waits for no payment is sold.
const soldOf = (item) => item.stock - item.remaining - item.held;

function unitsOf(items) {
  const sum = (of) => items.reduce((all, item) => all + of(item), 0);
  return {
    stock: sum((item) => item.stock),
    remaining: sum((item) => item.remaining),
    held: sum((item) => item.held),
    sold: sum(soldOf),
  };
}

// Money that came in, by currency. In whole minor units, so that no cent is lost on the way.
function revenueOf(items) {
  const sums = new Map();
  for (const item of items) {
    const { amount, currency } = item.price;
    const digits = (amount.split('.')[1] || '').length;
    const minor = BigInt(amount.replace('.', '')) * BigInt(soldOf(item));
    const former = sums.get(currency) || { minor: 0n, digits };
    sums.set(currency, { minor: former.minor + minor, digits });
  }
  return [...sums].map(([currency, { minor, digits }]) => {
    const text = String(minor).padStart(digits + 1, '0');
    const amount = digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
    return { amount, currency };
  });
}
