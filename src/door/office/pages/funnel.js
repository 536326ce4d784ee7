// Where were they turned away? Floor by floor: light that falls through as many doors, on a scale on which a hundred of a
// million can still be seen.

const FLOORS = ['door', 'client', 'access', 'sale', 'stock', 'ledger'];

// How far a count reaches, of 1: each line is ten times the one before it, and the first is one.
const reach = (count, decades) => (count > 0 ? (1 + Math.log10(count)) / (decades + 1) : 0);

function makeFloor(floor) {
  const nodes = {
    went: h('i.went'), turned: h('i.turned'),
    turnedWords: h('p.turned-words'), wentWords: h('p.went-words'),
  };
  const node = h('li.floor', {},
    h('div.question', {}, h('h3', {}, t(`floor_${floor}`)), h('p', {}, t(`why_${floor}`))),
    h('div.beam', { ariaHidden: 'true' }, nodes.went, nodes.turned),
    h('div.told', {}, nodes.turnedWords, nodes.wentWords));
  return { node, nodes };
}

function setBeam({ went, turned }, before, after, decades) {
  const [whole, passed] = [reach(before, decades), reach(after, decades)];
  went.style.width = `${(passed * 100).toFixed(2)}%`;
  turned.style.insetInlineStart = `${(passed * 100).toFixed(2)}%`;
  turned.style.width = `${((whole - passed) * 100).toFixed(2)}%`;
  turned.hidden = whole === passed;
}

function makeFunnel() {
  const scale = h('div.scale', { ariaHidden: 'true' });
  const came = h('p.came');
  const beam = h('i.went');
  const floors = FLOORS.map((floor) => [floor, makeFloor(floor)]);
  const through = h('p.through');
  const last = h('i.went');
  const again = h('p.again');
  const entrance = h('li.floor.arrivals', {},
    h('div.question', {}, h('h3', {}, t('came')), h('p', {}, t('came_why'))),
    h('div.beam', { ariaHidden: 'true' }, beam), h('div.told', {}, came));
  const exit = h('li.floor.exit', {},
    h('div.question', {}, h('h3', {}, t('through')), h('p', {}, t('through_why'))),
    h('div.beam', { ariaHidden: 'true' }, last), h('div.told', {}, through, again));
  const node = h('section.door.funnel', { ariaLabel: t('funnel') },
    h('header', {}, h('h2', {}, t('funnel')), h('p', {}, t('funnel_how'))),
    scale,
    h('ol', {}, entrance, ...floors.map(([, { node: of }]) => of), exit));

  function setScale(decades) {
    if (scale.dataset.decades === String(decades)) return;
    scale.dataset.decades = decades;
    node.style.setProperty('--lines', decades + 1);
    const ticks = Array.from({ length: decades + 1 }, (_, i) => h('span', {}, short(10 ** i)));
    scale.replaceChildren(h('div'), h('div.ticks', {}, ...ticks), h('div'));
  }

  function update(counts) {
    const { attempts, refused, won, replayed } = counts;
    const decades = Math.max(2, Math.ceil(Math.log10(Math.max(attempts, 1))));
    setScale(decades);
    beam.style.width = `${reach(attempts, decades) * 100}%`;
    put(came, number(attempts));
    let before = attempts;
    for (const [floor, { node: row, nodes }] of floors) {
      const turned = refused[floor];
      const after = Math.max(0, before - turned);
      setBeam(nodes, before, after, decades);
      put(nodes.turnedWords, turned ? t('turned', { count: turned }) : t('turned_none'));
      say(nodes.wentWords, turned ? t('went', { share: share(after, before), count: after }) : '');
      row.classList.toggle('idle', !turned);
      before = after;
    }
    last.style.width = `${reach(won + replayed, decades) * 100}%`;
    put(through, number(won));
    say(again, replayed ? t('again', { count: replayed }) : (attempts ? t('of_all', { share: share(won, attempts) }) : ''));
  }
  return { node, update };
}
