// A sale's terms as fields: the same ones where a sale is made and where it is changed.

const HOLDS = [0, 300000, 600000, 900000, 1800000, 3600000, 86400000];

function holdField(ms) {
  const known = HOLDS.includes(ms) ? HOLDS : [...HOLDS, ms].sort((one, other) => one - other);
  const select = choice(known.map((of) => [String(of), of ? span(of) : t('hold_none')]), String(ms));
  select.name = '/hold';
  return { node: field(t('hold'), select, t('hold_hint')), read: () => (Number(select.value) ? written(Number(select.value)) : null) };
}

function limitField(units) {
  const input = h('input', { type: 'number', min: 1, step: 1, inputMode: 'numeric', name: '/limit_per_buyer', value: units });
  return { node: field(t('limit'), input, t('limit_hint')), read: () => Number(input.value) };
}

function titleField(text) {
  const input = h('input', { name: '/title', maxLength: 200, value: text, autocomplete: 'off' });
  return { node: field(t('title'), input, t('title_hint')), input, read: () => input.value.trim() };
}

// A time, or none. Says at once which instant that is: here, and how far away.
function timeField({ name, legend, never, ms }) {
  const stem = freshId('when');
  const radio = (value, text, isOn) => {
    const input = h('input', { type: 'radio', name: stem, value, checked: isOn });
    return { input, node: h('label.radio', {}, input, h('span', {}, text)) };
  };
  const [none, some] = [radio('never', never, !ms), radio('at', t('at_a_time'), Boolean(ms))];
  const start = localOf(ms || Math.ceil((now() + 3600000) / 900000) * 900000, HERE);
  const date = h('input', { type: 'date', value: start.slice(0, 10), name });
  const clock = h('input', { type: 'time', value: start.slice(11) });
  const zone = choice(zones().map((of) => [of, of.replaceAll('_', ' ')]), HERE);
  const which = choice([['0', t('first_time')], ['1', t('second_time')]], '0');
  const whichField = field(t('which'), which);
  const means = h('p.means', { role: 'status' });
  const detail = h('div.detail', {}, h('div.row', {}, field(t('day'), date), field(t('time'), clock), field(t('zone'), zone)), whichField, means);
  const found = () => instantsOf(`${date.value}T${clock.value}`, zone.value);
  const instantNow = () => found()[found().length > 1 ? Number(which.value) : 0];

  function preview() {
    detail.hidden = none.input.checked;
    const instants = found();
    whichField.hidden = instants.length < 2;
    const of = instantNow();
    if (!date.value || !clock.value) put(means, '');
    else if (of === undefined) put(means, t('no_such_time', { zone: zone.value.replaceAll('_', ' ') }));
    else {
      const away = of > now() ? t('in_span', { span: span(of - now()) }) : t('is_past');
      put(means, zone.value === HERE ? away : `${t('for_you', { time: moment(of, HERE) })} · ${away}`);
    }
  }
  [none.input, some.input, date, clock, zone, which].forEach((input) => input.addEventListener('input', preview));
  preview();
  const node = h('fieldset.when', {}, h('legend', {}, legend), none.node, some.node, detail);
  return {
    node,
    preview,
    // Null: never; undefined: that isn't a time.
    read: () => (none.input.checked ? null : instantNow()),
    // As the house reads it.
    write: () => (none.input.checked ? null : declared(instantNow(), zone.value)),
    blame: () => {
      setFault(date, t('no_time'));
      date.focus();
    },
  };
}

function askTerms(sale) {
  const opens = timeField({ name: '/opens_at', legend: t('opens_when'), never: t('opens_now'), ms: instant(sale.opens_at) });
  const closes = timeField({ name: '/closes_at', legend: t('closes_when'), never: t('closes_never'), ms: instant(sale.closes_at) });
  const [title, limit, hold] = [titleField(sale.title), limitField(sale.limit_per_buyer), holdField(spanOf(sale.hold))];
  const canMove = sale.phase === 'scheduled';
  ask({
    title: t('change_ask', { title: sale.title }),
    wide: true,
    content: [title.node, ...(canMove ? [opens.node] : []), closes.node, h('div.row', {}, limit.node, hold.node), h('p.hint', {}, t('change_hint'))],
    confirm: t('change_do'),
    act: async (form) => {
      for (const time of canMove ? [opens, closes] : [closes]) {
        if (time.read() === undefined) {
          time.blame();
          return true;
        }
      }
      const body = { title: title.read(), closes_at: closes.write(), limit_per_buyer: limit.read(), hold: hold.read() };
      if (canMove) body.opens_at = opens.write();
      const { wrong } = await change(inSale(sale.id), body, form, 'PATCH');
      if (!wrong) note(t('changed_note', { title: body.title }), () => restoreTerms(sale, canMove));
      return wrong;
    },
  });
}

// Back to what it was, as far as time has not gone over it.
async function restoreTerms(sale, canMove) {
  const body = { title: sale.title, closes_at: sale.closes_at, limit_per_buyer: sale.limit_per_buyer, hold: sale.hold };
  if (canMove) body.opens_at = sale.opens_at;
  return (await change(inSale(sale.id), body, null, 'PATCH')).wrong;
}
