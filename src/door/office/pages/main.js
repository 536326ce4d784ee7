// Which room? The address says it, so that a reload, a bookmark and the way back all lead there.

let view = null;

const ROOMS = { '': makeOverview, new: makeCreate, orders: makeOrdersPage, house: makeHouse };

function routeNow() {
  const [name, id] = location.hash.replace(/^#\/?/, '').split('/');
  return { name, id: id && decodeURIComponent(id) };
}

function go() {
  if (!state.frame) return;
  const { name, id } = routeNow();
  const isFirstView = !view;
  view = name === 'sale' ? makeSale(id) : (ROOMS[name] || makeOverview)();
  state.route = { name, id };
  at('main').replaceChildren(view.node);
  for (const link of at('nav').children) {
    const isHere = link.hash === `#/${name}` || (link.hash === '#/' && ['', 'sale', 'new'].includes(name));
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  render();
  if (isFirstView) return;
  scrollTo(0, 0);
  // Who can't see it hears that it is another room.
  const heading = at('main').querySelector('h1');
  if (heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

function render() {
  if (!state.frame || state.session === 'out') return;
  if (!view) go();
  view.update();
  const title = `${view.title ? view.title() : ''} · ${t('brand')}`;
  if (document.title !== title) document.title = title;
  renderLink();
}

function enterOffice(session) {
  state.session = session;
  state.link = null;
  view = null;
  at('top').hidden = false;
  at('leave').hidden = session === 'open';
  at('main').replaceChildren(h('p.page.quiet', {}, t('loading')));
  follow();
  loadWebhooks();
}

async function begin() {
  await loadTexts();
  for (const node of document.querySelectorAll('[data-t]')) put(node, t(node.dataset.t));
  for (const node of document.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', t(node.dataset.tLabel));
  recallPast();
  recallAudit();
  watchLink();
  at('leave').onclick = logOut;
  at('skip').onclick = (event) => {
    event.preventDefault();
    at('main').focus();
  };
  addEventListener('hashchange', go);
  for (let round = 0; ; round += 1) {
    try {
      const { json } = await request('/v1/admin/session');
      if (json && json.state !== 'out') enterOffice(json.state);
      else showEntrance();
      return;
    } catch {
      await sleep(Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** round));
    }
  }
}

begin();
