// The figures one looks for first: what is left, what is held, what is sold, and what that is worth.

// Sold, held and left as one bar: here shares are what counts, so this one is linear.
function makeStock() {
  const [sold, held] = [h('i.sold'), h('i.held')];
  const node = h('div.stockbar', { ariaHidden: 'true' }, sold, held);
  function update(units) {
    const width = (count) => `${units.stock ? (count / units.stock) * 100 : 0}%`;
    sold.style.width = width(units.sold);
    held.style.width = width(units.held);
  }
  return { node, update };
}

function figure(name, key) {
  const value = h('dd');
  const label = h('dt', {}, t(key));
  return { node: h(`div.figure.${name}`, {}, label, value), label, value };
}

function makeFigures() {
  const parts = {
    left: figure('left', 'left'), sold: figure('sold', 'sold'), held: figure('held', 'held'), revenue: figure('revenue', 'revenue'),
  };
  const of = h('small');
  const stock = makeStock();
  const node = h('section.door.figures', { ariaLabel: t('figures') },
    h('dl', {}, parts.left.node, parts.sold.node, parts.held.node, parts.revenue.node), stock.node);
  const big = h('span');
  parts.left.value.append(big, of);
  function update(items) {
    const units = unitsOf(items);
    put(big, number(units.remaining));
    put(of, t('of_stock', { count: units.stock }));
    const isGone = units.stock > 0 && units.remaining === 0;
    put(parts.left.label, isGone ? t(units.held ? 'all_taken' : 'sold_out') : t('left'));
    put(parts.sold.value, number(units.sold));
    put(parts.held.value, number(units.held));
    put(parts.revenue.value, sums(revenueOf(items)));
    stock.update(units);
    node.classList.toggle('empty', isGone);
  }
  return { node, update };
}

// Attempts and wins a second over the last minutes.
function makeRates(id) {
  const charts = [['attempts', makeChart(t('attempts'))], ['won', makeChart(t('wins'))]];
  const node = h('section.rates', { ariaLabel: t('rates') }, ...charts.map(([, { node: of }]) => of));
  const update = () => charts.forEach(([what, chart]) => chart.update(ratesOf(id, what)));
  return { node, update };
}

// When it is, seen from now.
function whenOf(sale) {
  const [opens, closes] = [instant(sale.opens_at), instant(sale.closes_at)];
  if (sale.phase === 'scheduled' && opens) return t('opens', { time: moment(opens), left: span(opens - now()) });
  if (sale.phase === 'ended') return t('is_over');
  if (closes) return t('closes', { time: moment(closes), left: span(closes - now()) });
  return t('until_ended');
}

const phasePill = (phase) => h('span.phase', {}, word('phase', phase));

function setPhase(pill, phase) {
  put(pill, word('phase', phase));
  mark(pill, 'phase', phase);
}
