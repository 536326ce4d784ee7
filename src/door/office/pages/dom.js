// Nodes, made and kept in agreement. Texts go in as text: no name of a sale is ever markup.

const at = (id) => document.getElementById(id);

// h('p.quiet', { onclick }, child, …): a node with its classes, properties and children.
function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    if (/^aria[A-Z]/.test(key)) node.setAttribute(`aria-${key.slice(4).toLowerCase()}`, value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Only what has changed: a text that is set again is read out again, and loses its selection.
function put(node, text) {
  const shown = text === null || text === undefined ? '' : String(text);
  if (node.textContent !== shown) node.textContent = shown;
}

// As `put`; nothing to say takes no room.
function say(node, text) {
  put(node, text);
  node.hidden = !text;
}

function mark(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

// Children that stand for things: made once, then kept up to date, in the things' order.
function keep(parent, things, keyOf, make, update) {
  const former = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const nodes = things.map((thing) => {
    const key = String(keyOf(thing));
    const node = former.get(key) || make(thing);
    node.dataset.key = key;
    former.delete(key);
    if (update) update(node, thing);
    return node;
  });
  former.forEach((node) => node.remove());
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] || null);
  });
}

const button = (text, onclick, kind = '') => h(`button${kind ? `.${kind}` : ''}`, { type: 'button', onclick }, text);

let ids = 0;
const freshId = (stem) => {
  ids += 1;
  return `${stem}-${ids}`;
};

// A field with its label, a hint, and room for a complaint; `input.name` is what complaints call it.
function field(label, input, hint) {
  input.id = input.id || freshId('field');
  const hintNode = hint ? h('p.hint', { id: `${input.id}-hint` }, hint) : null;
  const fault = h('p.fault', { id: `${input.id}-fault`, hidden: true });
  input.setAttribute('aria-describedby', [hintNode && hintNode.id, fault.id].filter(Boolean).join(' '));
  input.addEventListener('input', () => setFault(input, ''));
  return h('div.field', {}, h('label', { htmlFor: input.id }, label), hintNode, input, fault);
}

// What most people needn't look at: it has a good answer already.
const details = (summary, ...children) => h('details.more', {}, h('summary', {}, summary), ...children);

function setFault(input, text) {
  const hiding = input.closest('details');
  if (hiding && text) hiding.open = true;
  const fault = at(`${input.id}-fault`);
  if (!fault) return;
  say(fault, text);
  if (text) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

// Puts the house's complaint to the field that it is about; says whether there is one.
function blame(form, answer) {
  const pointer = (answer.json && answer.json.pointer) || '';
  const inputs = [...form.querySelectorAll('[name]')];
  const input = inputs.find((of) => of.name === pointer) || inputs.find((of) => pointer && of.name.startsWith(`${pointer}/`));
  if (!input) return false;
  setFault(input, complaint(answer));
  input.focus();
  return true;
}

const choice = (options, value) => {
  const select = h('select', {}, ...options.map(([of, text]) => new Option(text, of)));
  select.value = value;
  return select;
};
