// What is for sale, item by item.

function makeItem(sale, item) {
  const parts = { left: h('b'), held: h('b'), sold: h('b'), money: h('b') };
  const stock = makeStock();
  const adjust = button(t('stock_change'), () => {
    const fresh = saleOf(sale.id);
    askStock(fresh, fresh.items.find((of) => of.sku === item.sku));
  });
  adjust.setAttribute('aria-label', t('stock_change_of', { title: item.title }));
  const cell = (key, node) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, node));
  const node = h('li.item', {},
    h('div.who', {}, h('h3', { dir: 'auto' }, item.title), h('p.quiet', {}, `${item.sku} · ${money(item.price)}`)),
    h('dl', {}, cell('left', parts.left), cell('held', parts.held), cell('sold', parts.sold), cell('revenue', parts.money)),
    stock.node, adjust);
  node.update = (fresh, phase) => {
    put(parts.left, number(fresh.remaining));
    put(parts.held, number(fresh.held));
    put(parts.sold, number(soldOf(fresh)));
    put(parts.money, sums(revenueOf([fresh])));
    stock.update(unitsOf([fresh]));
    adjust.hidden = phase === 'ended';
  };
  return node;
}

function makeItems(sale) {
  const list = h('ul.items');
  const add = button(t('item_add'), () => askItem(saleOf(sale.id)));
  const node = h('section', {}, h('div.head', {}, h('h2', {}, t('items')), add), list);
  function update(fresh) {
    keep(list, fresh.items, (item) => item.sku, (item) => makeItem(sale, item), (of, item) => of.update(item, fresh.phase));
    add.hidden = fresh.phase === 'ended';
  }
  return { node, update };
}
