// The page, made to agree with the state. Texts go in as text: no name of a sale is ever markup.

const at = (id) => document.getElementById(id);

// Only what has changed: a text that is set again is read out again.
function put(node, text) {
  const shown = text || '';
  if (node.textContent !== shown) node.textContent = shown;
  node.hidden = !shown;
}

// As text on the wire has it, but no longer than a tab's title should be, nor able to turn its direction.
const plain = (text) => text.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').slice(0, 80);

const said = { tone: '', big: '' };

function announce(text) {
  at('said').textContent = text;
}

// What changes by itself is said to who can't see it; seconds aren't.
function announceFace({ tone, big, over, note }) {
  if (tone === said.tone && (tone === 'live' || big === said.big)) return;
  const isFirst = !said.tone;
  Object.assign(said, { tone, big });
  if (isFirst || tone === 'none') return;
  announce(tone === 'live' ? `${over || t('open_now')} ${at('buy').textContent}` : [over, big, note].filter(Boolean).join('. '));
}

function renderDoor() {
  const shown = face();
  const door = at('door');
  door.hidden = shown.tone === 'none' || !state.sale;
  if (door.dataset.tone !== shown.tone) door.dataset.tone = shown.tone;
  put(at('over'), shown.over);
  renderClock(shown.clock);
  // In the last minute, the door opens a little.
  const isNear = shown.clock < 60000;
  door.toggleAttribute('data-near', isNear);
  if (isNear) door.style.setProperty('--near', (1 - shown.clock / 60000).toFixed(2));
  const big = at('big');
  if (shown.figure) {
    if (!big.firstElementChild) big.replaceChildren(document.createElement('span'), document.createElement('small'));
    put(big.firstChild, shown.big);
    put(big.lastChild, shown.unit);
    big.hidden = false;
  } else {
    put(big, shown.big);
  }
  big.classList.toggle('figure', Boolean(shown.figure));
  put(at('note'), shown.note);
  const buy = at('buy');
  put(buy, shown.button);
  // Not `disabled`: the button keeps the focus, and says why it doesn't open.
  buy.setAttribute('aria-disabled', String(!shown.enabled));
  const stop = at('stop');
  put(stop, shown.stop ? t('stop') : '');
  announceFace(shown);
  return shown;
}

function renderClock(left) {
  const node = at('clock');
  node.hidden = left === undefined;
  if (node.hidden) return;
  const seconds = Math.max(0, Math.ceil(left / 1000));
  const parts = [['days', Math.floor(seconds / 86400)], ['hours', Math.floor(seconds / 3600) % 24],
    ['minutes', Math.floor(seconds / 60) % 60], ['seconds', seconds % 60]];
  while (parts.length > 2 && parts[0][1] === 0) parts.shift();
  if (node.children.length !== parts.length) {
    node.replaceChildren(...parts.map(() => {
      const part = document.createElement('span');
      part.append(document.createElement('b'), document.createElement('small'));
      return part;
    }));
  }
  parts.forEach(([name, value], i) => {
    put(node.children[i].firstChild, two(value));
    put(node.children[i].lastChild, t(name, { count: value }));
  });
  if (seconds === 60) announce(t('minute_left'));
}

// A limit that nobody reaches is no news.
const LIMIT_SHOWN_MAX = 100;

function renderAbout() {
  const { sale } = state;
  at('limit').hidden = !sale;
  at('phase').hidden = !sale;
  if (!sale) {
    const { big, note } = face();
    put(at('title'), big);
    put(at('when'), note);
    return;
  }
  const phase = phaseNow();
  put(at('phase'), t(`phase_${phase}`));
  at('phase').dataset.phase = phase;
  const title = at('title');
  put(title, sale.title);
  title.classList.toggle('long', sale.title.length > 60);
  put(at('when'), when(sale, phase));
  renderItems(sale);
  put(at('limit'), phase === 'ended' || sale.limit > LIMIT_SHOWN_MAX ? '' : t('limit', { count: sale.limit }));
}

function when({ opens, closes }, phase) {
  if (phase === 'scheduled' && opens) return t('opens', { time: moment(opens) });
  if (phase === 'ended' || !closes) return '';
  const left = closes - now();
  return left < 3600000 ? t('closes_in', { left: span(left) }) : t('closes', { time: moment(closes) });
}

function remainingWords({ remaining }) {
  if (remaining === 'few') return t('few');
  return remaining === 0 ? t('sold_out') : `${number(remaining)} ${t('left', { count: remaining })}`;
}

function renderItems({ items }) {
  const single = items.length < 2;
  const field = at('items');
  field.hidden = single;
  const one = at('single');
  put(one, single && items[0] && items[0].title !== state.sale.title ? items[0].title : '');
  one.dir = 'auto';
  if (single) return;
  put(at('choose'), t('choose'));
  const labels = [...field.querySelectorAll('label')];
  if (labels.map((label) => label.dataset.sku).join('\n') !== items.map((item) => item.sku).join('\n')) {
    labels.forEach((label) => label.remove());
    field.append(...items.map(choice));
  }
  const isBusy = Boolean(state.step);
  for (const label of field.querySelectorAll('label')) {
    const item = itemOf(label.dataset.sku);
    const [radio, title, price, left] = label.children;
    radio.checked = item.sku === state.sku;
    radio.disabled = isBusy;
    put(title, item.title);
    put(price, money(item.price));
    put(left, remainingWords(item));
    label.classList.toggle('gone', item.remaining === 0);
  }
}

function choice(item) {
  const label = document.createElement('label');
  label.dataset.sku = item.sku;
  const radio = document.createElement('input');
  Object.assign(radio, { type: 'radio', name: 'sku', value: item.sku });
  radio.onchange = () => {
    Object.assign(state, { sku: item.sku, units: 1, verdict: null, returned: false });
    render();
  };
  const spans = ['title', 'price', 'left'].map((name) => Object.assign(document.createElement('span'), { className: name }));
  spans[0].dir = 'auto';
  label.append(radio, ...spans);
  return label;
}

// More than ten at once is no question for a buyer's page.
const UNITS_MAX = 10;

function renderAmount({ tone }) {
  const item = state.sale && itemOf(state.sku);
  const left = item && typeof item.remaining === 'number' ? item.remaining : UNITS_MAX;
  const most = item ? Math.min(state.sale.limit - liveUnits(), left, UNITS_MAX) : 1;
  at('amount').hidden = tone !== 'live' || most < 2;
  if (at('amount').hidden) return;
  put(at('units-label'), t('units'));
  const select = at('units');
  if (select.length !== most) {
    select.replaceChildren(...Array.from({ length: most }, (_, i) => new Option(number(i + 1), i + 1)));
  }
  state.units = Math.min(state.units, most);
  select.value = state.units;
}

function renderTop() {
  const home = at('home');
  put(home, texts.shop || (location.pathname === '/' && !state.id ? '' : t('all_sales')));
  home.hidden = home.hidden || framed;
  put(at('link-words'), state.link ? t(`link_${state.link}`) : '');
  at('link').hidden = !state.link;
  at('link').dataset.link = state.link;
}

function render() {
  if (!texts) return;
  if (state.sales) renderList();
  at('list').hidden = !state.sales;
  at('sale').hidden = Boolean(state.sales);
  renderTop();
  if (state.sales) return;
  renderAbout();
  const shown = renderDoor();
  renderAmount(shown);
  renderReceipts();
  const lead = shown.clock === undefined ? '' : `${span(shown.clock)} · `;
  document.title = state.sale ? `${lead}${plain(state.sale.title)}` : shown.big;
}
