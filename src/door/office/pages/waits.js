// How long do people wait? Told by the house itself, over the last minute: half of them, nearly all, and the unlucky.

const QUANTILES = ['p50', 'p99', 'p999'];

// Seconds as one reads them: 80 µs, 4.1 ms, 1.3 s.
function wait(seconds) {
  const [value, unit] = [[1, 's'], [1e3, 'ms'], [1e6, 'µs']].map(([times, of]) => [seconds * times, of]).find(([of]) => of >= 1) || [0, 'µs'];
  const digits = unit !== 'µs' && value < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits }).format(value)} ${unit}`;
}

function makeWaits() {
  const rows = [['attempts', 'wait_attempts'], ['wins', 'wait_wins'], ['commit', 'wait_commit']].map(([of, key]) => {
    const cells = QUANTILES.map(() => h('td.end'));
    const hint = h('span.quiet');
    return { of, cells, hint, node: h('tr', {}, h('th', { scope: 'row' }, t(key), ' ', hint), ...cells) };
  });
  const head = h('tr', {}, h('td'), ...QUANTILES.map((quantile) => h('th.end', { scope: 'col' }, t(`wait_${quantile}`))));
  const node = h('section.waits', {}, h('h2', {}, t('waits')), h('p.hint', {}, t('waits_how')),
    h('table', {}, h('caption.unseen', {}, t('waits')), h('thead', {}, head), h('tbody', {}, ...rows.map((row) => row.node))));
  function update() {
    const { pace, ledger } = state.frame;
    for (const { of, cells, hint } of rows) {
      const spans = of === 'commit' ? ledger.commit : pace[of];
      QUANTILES.forEach((quantile, i) => put(cells[i], spans[quantile] === null ? '–' : wait(spans[quantile])));
      put(hint, spans.measured ? t(`measured_${of}`, { count: spans.measured }) : t('measured_none'));
    }
  }
  return { node, update };
}
