// A sale made by hand: what, when, for whom; and a last look before it is there.

// As the house wants ids: what is left of a title, accents aside.
const slug = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 48);

function freeId(text) {
  const stem = slug(text) || 'sale';
  let id = stem;
  for (let i = 2; saleOf(id); i += 1) id = `${stem}-${i}`;
  return id;
}

// Fields of one item; its id follows its name until somebody types one.
function itemFields(index, currency) {
  const at0 = `/items/${index}`;
  const title = h('input', { name: `${at0}/title`, maxLength: 200, autocomplete: 'off' });
  const sku = h('input', { name: `${at0}/sku`, maxLength: 64, autocomplete: 'off', spellcheck: false });
  const amount = h('input', { name: `${at0}/price/amount`, inputMode: 'decimal', autocomplete: 'off', placeholder: '129.00' });
  const coin = h('input', { name: `${at0}/price/currency`, maxLength: 3, value: currency, autocomplete: 'off', spellcheck: false });
  const stock = h('input', { name: `${at0}/stock`, type: 'number', min: 0, step: 1, inputMode: 'numeric', value: 100 });
  title.addEventListener('input', () => {
    if (!sku.dataset.own) sku.value = slug(title.value);
  });
  sku.addEventListener('input', () => { sku.dataset.own = '1'; });
  coin.addEventListener('change', () => { coin.value = coin.value.toUpperCase(); });
  const node = h('fieldset.itemform', {}, h('legend', {}, t('item_no', { no: index + 1 })),
    field(t('item_title'), title),
    h('div.row', {}, field(t('amount'), amount), field(t('currency'), coin), field(t('units'), stock)),
    details(t('sku'), field(t('sku'), sku, t('sku_hint'))));
  const read = () => ({
    title: title.value.trim(),
    sku: sku.value.trim() || slug(title.value) || `item-${index + 1}`,
    stock: stock.value === '' ? null : Number(stock.value),
    price: { amount: amount.value.trim().replace(',', '.'), currency: coin.value.trim().toUpperCase() },
  });
  return { node, read, coin };
}

const currencyOfShop = () => {
  const known = sales().filter((sale) => sale.id !== SAMPLE).flatMap((sale) => sale.items).pop();
  return known ? known.price.currency : 'USD';
};

// What misses is said before the house is asked: "title" where nobody has called it anything.
function firstMissing(form) {
  const wanted = [...form.querySelectorAll('[name]')].filter((input) => /title$|amount$|stock$|limit/.test(input.name) && !input.disabled);
  const empty = wanted.find((input) => !input.value.trim());
  if (empty) {
    setFault(empty, t('is_missing'));
    empty.focus();
  }
  return empty;
}

function askItem(sale) {
  const fields = itemFields(0, (sale.items[0] || { price: { currency: 'USD' } }).price.currency);
  ask({
    title: t('item_ask', { title: sale.title }),
    wide: true,
    content: [fields.node],
    confirm: t('item_do'),
    act: async (form) => {
      if (firstMissing(form)) return true;
      const item = fields.read();
      const { wrong } = await change(inSale(sale.id), { items: [item] }, form, 'PATCH');
      if (!wrong) note(t('item_note', { title: item.title }));
      return wrong;
    },
  });
}

function askCreate(form, body, opens, closes) {
  const line = (key, text) => h('div', {}, h('dt', {}, t(key)), h('dd', { dir: 'auto' }, text));
  const items = body.items.map((item) => `${number(item.stock)} × ${item.title} · ${money(item.price)}`);
  ask({
    title: t('create_ask', { title: body.title }),
    content: [h('dl.look', {},
      ...items.map((text, i) => line(i ? 'and' : 'items', text)),
      line('opens_when', opens === null ? t('opens_now') : `${moment(opens, HERE)} · ${t('in_span', { span: span(opens - now()) })}`),
      line('closes_when', closes === null ? t('closes_never') : moment(closes, HERE)),
      line('limit', t('terms_limit', { count: body.limit_per_buyer })),
      line('hold', body.hold ? span(parseFloat(body.hold) * 60000) : t('hold_none'))),
    h('p', {}, opens === null || opens <= now() ? t('create_now') : t('create_later'))],
    confirm: opens === null || opens <= now() ? t('create_do_now') : t('create_do'),
    act: async () => {
      const { answer, wrong } = await change('/v1/admin/sales', body);
      // What is wrong with a field is said at the field, which lies behind this dialog.
      if (wrong) setTimeout(() => blame(form, answer));
      else {
        note(t('created_note', { title: body.title }));
        location.hash = `#/sale/${encodeURIComponent(body.id)}`;
      }
      return wrong && answer.json && answer.json.pointer ? null : wrong;
    },
  });
}

function makeCreate() {
  const title = titleField('');
  const id = h('input', { name: '/id', maxLength: 64, autocomplete: 'off', spellcheck: false });
  const [limit, hold] = [limitField(1), holdField(600000)];
  const opens = timeField({ name: '/opens_at', legend: t('opens_when'), never: t('opens_now'), ms: Math.ceil((now() + 3600000) / 900000) * 900000 });
  const closes = timeField({ name: '/closes_at', legend: t('closes_when'), never: t('closes_never'), ms: null });
  const items = [];
  const list = h('div.itemforms');
  const addItem = () => {
    items.push(itemFields(items.length, items.length ? items[0].coin.value : currencyOfShop()));
    list.append(items[items.length - 1].node);
  };
  addItem();
  title.input.addEventListener('input', () => {
    if (!id.dataset.own) id.value = title.input.value.trim() ? freeId(title.input.value) : '';
  });
  id.addEventListener('input', () => { id.dataset.own = '1'; });
  const part = (no, key, ...children) => h('section.part', {}, h('h2', {}, h('span.no', { ariaHidden: 'true' }, no), t(key)), h('p.hint', {}, t(`${key}_how`)), ...children);
  const form = h('form.create', { noValidate: true },
    part(1, 'first_what', title.node, list, button(t('item_more'), addItem), details(t('sale_id'), field(t('sale_id'), id, t('sale_id_hint')))),
    part(2, 'first_when', opens.node, closes.node),
    part(3, 'first_rules', h('div.row', {}, limit.node, hold.node)),
    h('div.ends', {}, h('a.button.plain', { href: '#/' }, t('no')), h('button.go', { type: 'submit' }, t('look'))));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (firstMissing(form)) return;
    const wrong = [opens, closes].find((time) => time.read() === undefined);
    if (wrong) {
      wrong.blame();
      return;
    }
    const body = { id: id.value.trim() || freeId(title.read()), title: title.read(), limit_per_buyer: limit.read(), hold: hold.read(), items: items.map((item) => item.read()) };
    if (opens.read() !== null) body.opens_at = opens.write();
    if (closes.read() !== null) body.closes_at = closes.write();
    askCreate(form, body, opens.read(), closes.read());
  });
  const node = h('div.page.narrow', {}, h('nav.crumbs', { ariaLabel: t('crumbs') }, h('a', { href: '#/' }, t('all_sales'))), h('h1', {}, t('new_sale')), form);
  return { node, update: () => { opens.preview(); closes.preview(); }, title: () => t('new_sale') };
}
