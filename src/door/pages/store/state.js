// The storefront: one sale, one button, and what became of pressing it. Everything shown is made of `state` by `render`.
'use strict';

const state = {
  // The sale's id; none while all sales are listed.
  id: null,
  // What is known of it: { title, phase, opens, closes, limit, items }.
  sale: null,
  // Whether the shop has said that there is no such sale.
  missing: false,
  // All sales, where they are listed.
  sales: null,
  // How news comes: 'live', 'polling' or 'away'; none before the first.
  link: null,
  // Who the buyer is: { until, token }; the token only where there is no cookie.
  pass: null,
  // The buyer's orders in this sale, the newest first.
  orders: [],
  // What the attempt in hand is doing: 'proving', 'asking', 'queueing', 'lost', 'offline', 'elsewhere', 'unknown'.
  step: null,
  // When it goes on, on the page's own clock.
  resumes: 0,
  // The code of the last no.
  verdict: null,
  // What is chosen.
  sku: null,
  units: 1,
  // Whether a unit has come back after all were taken.
  returned: false,
};

const LIVE_STATES = ['held', 'confirmed'];

const liveOrders = () => state.orders.filter((order) => LIVE_STATES.includes(order.state));

const liveUnits = () => liveOrders().reduce((units, order) => units + order.quantity, 0);

const itemOf = (sku) => state.sale.items.find((item) => item.sku === sku);

// Nobody waits for the shop's word that it is time: its clock is known, and it is asked anyway.
function phaseNow() {
  const { phase, opens, closes } = state.sale;
  if (closes && now() >= closes) return 'ended';
  return phase === 'scheduled' && opens && now() >= opens ? 'live' : phase;
}
