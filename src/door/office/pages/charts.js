// A rate over the last minutes, drawn by hand: an area, its line, and the two figures that matter.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300;
const HEIGHT = 72;

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// The round number above it, so that the picture doesn't breathe with every frame.
function ceiling(value) {
  if (value <= 1) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * ten).find((step) => step >= value);
}

function makeChart(title) {
  const area = svg('path', { class: 'area' });
  const line = svg('path', { class: 'line' });
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, area, line);
  const nowNode = h('b');
  const peak = h('span.quiet');
  const top = h('span.top', { ariaHidden: 'true' });
  const node = h('figure.chart', {},
    h('figcaption', {}, h('span.name', {}, title), h('span.now', {}, nowNode, ` ${t('per_second')}`), peak),
    h('div.plot', {}, top, picture),
    h('div.times', { ariaHidden: 'true' }, h('span', {}, t('minutes_ago', { count: PAST_MS / 60000 })), h('span', {}, t('right_now'))));

  function update(points) {
    const most = points.reduce((max, { rate: of }) => Math.max(max, of), 0);
    const high = ceiling(most);
    const end = now();
    const x = (ms) => Math.max(0, WIDTH * (1 - (end - ms) / PAST_MS)).toFixed(1);
    const y = (of) => (HEIGHT - 1 - (HEIGHT - 3) * (of / high)).toFixed(1);
    const steps = points.map(({ from, to, rate: of }) => `L${x(from)} ${y(of)}L${x(to)} ${y(of)}`).join('');
    const path = steps ? `M${steps.slice(1)}` : '';
    line.setAttribute('d', path);
    area.setAttribute('d', steps ? `M${x(points[0].from)} ${HEIGHT}${steps}L${x(points[points.length - 1].to)} ${HEIGHT}Z` : '');
    const last = points.length ? points[points.length - 1].rate : 0;
    put(nowNode, rate(last));
    put(peak, points.length ? t('peak', { rate: rate(most) }) : t('no_past'));
    put(top, short(high));
    picture.setAttribute('aria-label', t('chart', { title, now: rate(last), peak: rate(most) }));
  }
  return { node, update };
}
