// What can be done about a sale: asked first, and undone where it can be.

async function turn(id, verb) {
  const { wrong } = await change(inSale(id, `/${verb}`));
  return wrong;
}

function askPause(sale) {
  ask({
    title: t('pause_ask', { title: sale.title }),
    content: [h('p', {}, t('pause_what'))],
    confirm: t('pause'),
    act: async () => {
      const wrong = await turn(sale.id, 'pause');
      if (!wrong) note(t('paused_note', { title: sale.title }), () => turn(sale.id, 'resume'));
      return wrong;
    },
  });
}

function askResume(sale) {
  ask({
    title: t('resume_ask', { title: sale.title }),
    content: [h('p', {}, t('resume_what'))],
    confirm: t('resume'),
    act: async () => {
      const wrong = await turn(sale.id, 'resume');
      if (!wrong) note(t('resumed_note', { title: sale.title }), () => turn(sale.id, 'pause'));
      return wrong;
    },
  });
}

// For good: so its name has to be typed, as one doesn't by mistake.
function askEnd(sale) {
  const input = h('input', { autocomplete: 'off', spellcheck: false, name: 'id' });
  ask({
    title: t('end_ask', { title: sale.title }),
    content: [h('p', {}, t('end_what')), field(t('end_type', { id: sale.id }), input)],
    confirm: t('end_sure'),
    kind: 'grave',
    act: async () => {
      if (input.value.trim() !== sale.id) {
        setFault(input, t('end_mistyped', { id: sale.id }));
        input.focus();
        return true;
      }
      const wrong = await turn(sale.id, 'end');
      if (!wrong) note(t('ended_note', { title: sale.title }));
      return wrong;
    },
  });
}

async function addStock(sale, sku, add, form) {
  const { wrong } = await change(inSale(sale.id, `/items/${encodeURIComponent(sku)}/stock`), { add }, form);
  return wrong;
}

function askStock(sale, item) {
  const way = choice([['1', t('stock_add')], ['-1', t('stock_take')]], '1');
  const input = h('input', { type: 'number', min: 1, step: 1, inputMode: 'numeric', name: '/add', value: 10 });
  const becomes = h('p.becomes', { role: 'status' });
  const wanted = () => Number(way.value) * Number(input.value);
  const preview = () => put(becomes, Number.isInteger(wanted()) && wanted()
    ? t('stock_becomes', { stock: number(item.stock + wanted()), left: number(item.remaining + wanted()) }) : '');
  way.onchange = preview;
  input.addEventListener('input', preview);
  preview();
  ask({
    title: t('stock_ask', { title: item.title }),
    content: [h('p', {}, t('stock_now', { stock: number(item.stock), left: number(item.remaining), held: number(item.held) })),
      h('div.row', {}, field(t('stock_way'), way), field(t('units'), input)), becomes],
    confirm: t('stock_do'),
    act: async (form) => {
      const add = wanted();
      if (!Number.isInteger(add) || add === 0) {
        setFault(input, t('whole_number'));
        return true;
      }
      const wrong = await addStock(sale, item.sku, add, form);
      const said = add > 0 ? t('added_note', { count: add, title: item.title }) : t('taken_note', { count: -add, title: item.title });
      if (!wrong) note(said, () => addStock(sale, item.sku, -add));
      return wrong;
    },
  });
}
