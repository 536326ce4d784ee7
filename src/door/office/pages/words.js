// What is it called? Texts come from one file; what a shop calls its things is never markup.

let texts = {};
const LANGUAGE = 'en';
const plurals = new Intl.PluralRules(LANGUAGE);

async function loadTexts() {
  texts = await (await fetch(document.body.dataset.texts)).json();
}

// A text with its values filled in; with a count, in the form that the language wants.
function t(name, values = {}) {
  const form = 'count' in values ? `${name}_${plurals.select(values.count)}` : name;
  const text = texts[form] === undefined ? texts[`${name}_other`] : texts[form];
  if (text === undefined) {
    console.error(`there is no text ${name}`);
    return name;
  }
  const shown = 'count' in values ? { ...values, count: number(values.count) } : values;
  return text.replace(/\{(\w+)\}/g, (_, key) => shown[key]);
}

// A word of the interface in words for people; one that this page doesn't know yet is shown as it is.
const word = (kind, value) => (texts[`${kind}_${value}`] === undefined ? value.replace(/[._]/g, ' ') : t(`${kind}_${value}`));

const number = (value) => new Intl.NumberFormat(LANGUAGE).format(value);

const short = (value) => new Intl.NumberFormat(LANGUAGE, { notation: 'compact' }).format(value);

function rate(value) {
  return new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

// A share as one reads it: 69%, 0.4%, and below that one in so many.
function share(part, whole) {
  if (!whole) return '';
  const of = part / whole;
  if (part && of < 0.001) return t('one_in', { count: Math.round(whole / part) });
  // Nobody reads "100%" while somebody is missing.
  const shown = part < whole ? Math.min(of, 0.999) : of;
  return new Intl.NumberFormat(LANGUAGE, { style: 'percent', maximumFractionDigits: of < 0.1 || of > 0.99 ? 1 : 0 }).format(shown);
}

function money({ amount, currency }) {
  try {
    // All of its decimals: what is asked about mustn't look rounder than it is.
    return new Intl.NumberFormat(LANGUAGE, { style: 'currency', currency, maximumFractionDigits: 10 }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

const sums = (list) => (list.length ? list.map(money).join(' + ') : '0');

// Engines agree on milliseconds; what a longer fraction means is theirs to say.
const instant = (text) => (text ? Date.parse(text.replace(/(\.\d{3})\d+/, '$1')) : null);

function moment(ms, zone) {
  const day = (of) => new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'short', timeZone: zone }).format(of);
  const date = day(ms) === day(now()) ? {} : { weekday: 'short', day: 'numeric', month: 'short' };
  const year = new Date(ms).getFullYear() === new Date(now()).getFullYear() ? {} : { year: 'numeric' };
  const parts = { ...date, ...(date.day ? year : {}), hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short', timeZone: zone };
  return new Intl.DateTimeFormat(LANGUAGE, parts).format(ms);
}

function clockTime(ms) {
  return new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms);
}

const stamp = (ms) => (new Date(ms).toDateString() === new Date(now()).toDateString()
  ? clockTime(ms)
  : `${new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short' }).format(ms)}, ${clockTime(ms)}`);

const two = (value) => String(value).padStart(2, '0');

// A span as one says it: the two largest units.
function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [['days', Math.floor(seconds / 86400)], ['hours', Math.floor(seconds / 3600) % 24],
    ['minutes', Math.floor(seconds / 60) % 60], ['seconds', seconds % 60]];
  const first = parts.findIndex(([, value]) => value > 0);
  if (first < 0) return t('seconds', { count: 0 });
  return parts.slice(first, first + 2).filter(([, value]) => value > 0).map(([name, count]) => t(name, { count })).join(' ');
}

// The house writes spans in seconds: "600s".
const spanOf = (text) => (text ? parseFloat(text) * 1000 : 0);

// A span as the house reads it.
function written(ms) {
  const minutes = ms / 60000;
  return Number.isInteger(minutes) ? `${minutes}m` : `${ms / 1000}s`;
}
