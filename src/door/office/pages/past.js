// How fast? The house tells totals; what lies between two of them is the rate. Kept for this tab, so that a reload
// doesn't forget the last minutes.

const PAST_MS = 5 * 60000;
const STEP_MS = 1000;
const KEPT_AS = 'doorbuster:past';

// By sale, and of all under '': { at, attempts, won } about every second.
let past = {};

function recallPast() {
  try {
    past = JSON.parse(sessionStorage.getItem(KEPT_AS) || '{}');
  } catch {
    past = {};
  }
}

function rememberPast() {
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify(past));
  } catch { /* forbidden or full: the last minutes start again with the next reload */ }
}

function notePoint(id, at, { attempts, won }) {
  const points = past[id] || [];
  const last = points[points.length - 1];
  // Counts begin at the server's start: smaller ones are those of another life.
  if (last && (attempts < last.attempts || won < last.won || at < last.at)) points.length = 0;
  else if (last && at - last.at < STEP_MS) return;
  points.push({ at, attempts, won });
  while (points.length && points[0].at < at - PAST_MS - STEP_MS) points.shift();
  past[id] = points;
}

function notePast(frame) {
  const at = instant(frame.now);
  notePoint('', at, frame.funnel);
  for (const of of frame.funnel.sales) notePoint(of.sale, at, of);
}

// What lies between the points: { from, to, rate }.
function ratesOf(id, what) {
  const points = past[id || ''] || [];
  return points.slice(1).map((point, i) => {
    const before = points[i];
    return { from: before.at, to: point.at, rate: ((point[what] - before[what]) * 1000) / (point.at - before.at) };
  });
}

// Over the last three seconds: a figure that doesn't flicker.
function rateNow(id, what) {
  const points = past[id || ''] || [];
  const last = points[points.length - 1];
  const before = last && points.filter((point) => point.at <= last.at - 3 * STEP_MS + 200).pop();
  if (!before) return 0;
  return ((last[what] - before[what]) * 1000) / (last.at - before.at);
}
