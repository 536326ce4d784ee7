// One sale: what it does, and what can be done about it.

function makeSale(id) {
  const sale = saleOf(id);
  if (!sale) {
    const node = h('div.page', {}, h('h1', {}, t('missing')), h('p', {}, h('a', { href: '#/' }, t('all_sales'))));
    return { node, update: () => { if (saleOf(id)) go(); } };
  }
  const fresh = () => saleOf(id);
  const pill = h('span.phase');
  const title = h('h1', { dir: 'auto' });
  const when = h('p.when');
  const terms = h('p.terms');
  const pause = button(t('pause'), () => askPause(fresh()), 'go');
  const resume = button(t('resume'), () => askResume(fresh()), 'go');
  const edit = button(t('change'), () => askTerms(fresh()));
  const end = button(t('end'), () => askEnd(fresh()));
  const figures = makeFigures();
  const funnel = makeFunnel();
  const rates = makeRates(id);
  const items = makeItems(sale);
  const orders = makeOrders({ sale: id });
  const node = h('div.page', {},
    h('nav.crumbs', { ariaLabel: t('crumbs') }, h('a', { href: '#/' }, t('all_sales'))),
    h('div.lead', {}, h('div', {}, pill, title, when, terms), h('div.acts', {}, resume, pause, edit, end)),
    figures.node, rates.node, funnel.node, items.node, orders.node);

  function update() {
    const of = fresh();
    if (!of) return;
    setPhase(pill, of.phase);
    put(title, of.title);
    title.classList.toggle('long', of.title.length > 50);
    put(when, whenOf(of));
    const hold = of.hold ? t('terms_hold', { span: span(spanOf(of.hold)) }) : t('terms_no_hold');
    put(terms, t('terms', { limit: t('terms_limit', { count: of.limit_per_buyer }), hold, id: of.id }));
    pause.hidden = of.phase !== 'live';
    resume.hidden = of.phase !== 'paused';
    edit.hidden = of.phase === 'ended';
    end.hidden = of.phase === 'ended';
    figures.update(of.items);
    funnel.update(countsOf(id));
    rates.update();
    items.update(of);
  }
  return { node, update, title: () => (fresh() ? `${number(unitsOf(fresh().items).remaining)} ${t('left_title')} · ${plain(fresh().title)}` : t('missing')) };
}

// No longer than a tab's title should be, nor able to turn its direction.
const plain = (text) => text.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').slice(0, 80);
