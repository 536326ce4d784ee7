// All sales at a glance; and where there is none yet, the way to the first.

function makeCard(sale) {
  const pill = h('span.phase');
  const [title, when, left, rateNode] = [h('span.title', { dir: 'auto' }), h('span.quiet'), h('b'), h('span.quiet')];
  const stock = makeStock();
  const node = h('li', {}, h('a.card', { href: `#/sale/${encodeURIComponent(sale.id)}` },
    h('span.name', {}, pill, title, when), h('span.count', {}, left, rateNode), stock.node));
  node.update = (fresh) => {
    const units = unitsOf(fresh.items);
    setPhase(pill, fresh.phase);
    put(title, fresh.title);
    put(when, whenOf(fresh));
    put(left, t('left_of', { left: number(units.remaining), stock: number(units.stock) }));
    put(rateNode, t('rate_now', { rate: rate(rateNow(fresh.id, 'attempts')) }));
    stock.update(units);
  };
  return node;
}

// Those that are on, then those to come, then those that are over.
const ORDER = ['live', 'paused', 'scheduled', 'ended'];

function inOrderOfUrgency() {
  const rank = (sale) => ORDER.indexOf(sale.phase);
  const when = (sale) => instant(sale.opens_at) || 0;
  return [...sales()].sort((one, other) => rank(one) - rank(other) || when(one) - when(other));
}

function makeWelcome() {
  const steps = ['what', 'when', 'rules'].map((step) => h('li', {}, h('h2', {}, t(`first_${step}`)), h('p', {}, t(`first_${step}_how`))));
  return h('section.welcome', {},
    h('h1', {}, t('first')), h('p.intro', {}, t('first_how')),
    h('ol', {}, ...steps),
    h('a.button.go', { href: '#/new' }, t('first_go')));
}

function makeOverview() {
  const welcome = makeWelcome();
  const list = h('ul.cards');
  const figures = makeFigures();
  const funnel = makeFunnel();
  const rates = makeRates('');
  const waits = makeWaits();
  const house = makeHouseLine();
  const head = h('div.lead', {}, h('div', {}, h('h1', {}, t('overview'))), h('div.acts', {}, h('a.button.go', { href: '#/new' }, t('new_sale'))));
  const sample = h('p.hint', {}, t('sample_hint'));
  const node = h('div.page', {}, welcome, head, sample, list, figures.node, rates.node, funnel.node, waits.node, house.node);
  function update() {
    const first = isFirst();
    welcome.hidden = !first;
    head.hidden = first;
    sample.hidden = !first || !sales().length;
    keep(list, inOrderOfUrgency(), (sale) => sale.id, makeCard, (card, sale) => card.update(sale));
    figures.update(sales().flatMap((sale) => sale.items));
    // Before anything has happened there is nothing to look at but the way to begin.
    const calm = first && !countsOf().attempts;
    for (const part of [figures, rates, funnel, waits]) part.node.hidden = calm;
    funnel.update(countsOf());
    rates.update();
    waits.update();
    house.update();
  }
  return { node, update, title: () => t('overview') };
}
