// What is it called in the buyer's language? Texts come from one file; what a shop calls its things is never markup.

// None until they are loaded: nothing is shown without words.
let texts = null;
let language = 'en';
let plurals = new Intl.PluralRules('en');

async function loadTexts() {
  const all = await (await fetch(document.body.dataset.texts)).json();
  // The tag as it is, or without its region: zh-Hant-TW, zh-Hant, zh.
  const tags = (navigator.languages || [navigator.language]).flatMap((tag) => {
    const parts = tag.toLowerCase().split('-');
    return parts.map((_, cut) => parts.slice(0, parts.length - cut).join('-'));
  });
  language = tags.find((tag) => all[tag]) || 'en';
  texts = { ...all.en, ...all[language] };
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
  document.documentElement.dir = texts.dir || 'ltr';
}

// A text with its values filled in; with a count, in the form that the language wants.
function t(name, values = {}) {
  const form = 'count' in values ? `${name}_${plurals.select(values.count)}` : name;
  const text = texts[form] === undefined ? texts[`${name}_other`] : texts[form];
  return (text === undefined ? name : text).replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

const number = (value) => new Intl.NumberFormat(language).format(value);

function money({ amount, currency }) {
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

function moment(ms) {
  const isToday = new Date(ms).toDateString() === new Date(now()).toDateString();
  const day = isToday ? {} : { weekday: 'short', day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(language, { ...day, hour: 'numeric', minute: '2-digit', timeZoneName: 'short' }).format(ms);
}

const two = (value) => String(value).padStart(2, '0');

// A span as a clock shows it.
function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
