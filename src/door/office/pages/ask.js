// Asked before it is done, said when it is done, and undone where it can be.

// How long something can be undone from where it is said: long enough to see what it did.
const NOTE_MS = 30000;

// A dialog with a title, some content and buttons. `act` does what was confirmed and says what is wrong, if anything is.
function ask({ title, content = [], confirm, kind = 'go', act, wide = false }) {
  const heading = h('h2', { id: freshId('ask') }, title);
  const fault = h('p.fault', { role: 'alert', hidden: true });
  const no = button(t('no'), () => dialog.close(), 'plain');
  const yes = h(`button.${kind}`, { type: 'submit' }, confirm);
  const form = h('form', { method: 'dialog', noValidate: true }, heading, ...content, fault, h('div.ends', {}, no, yes));
  const dialog = h(`dialog${wide ? '.wide' : ''}`, { 'aria-labelledby': heading.id }, form);
  dialog.addEventListener('close', () => dialog.remove());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (yes.getAttribute('aria-disabled') === 'true') return;
    yes.setAttribute('aria-disabled', 'true');
    say(fault, '');
    let wrong;
    try {
      wrong = await act(form);
    } catch {
      // Nobody knows whether it was done: the frames will show.
      wrong = t('refused_away');
    }
    yes.removeAttribute('aria-disabled');
    if (!wrong) dialog.close();
    else if (wrong !== true) say(fault, wrong);
  });
  document.body.append(dialog);
  dialog.showModal();
  const first = form.querySelector('input, select');
  if (first) first.focus();
  else yes.focus();
  return dialog;
}

// What the house answers to a change: nothing where it is done, or what is wrong with it.
async function change(path, body, form, method = 'POST') {
  const answer = await request(path, { method, body });
  if (answer.isDone) return { answer };
  return { answer, wrong: form && blame(form, answer) ? true : complaint(answer) };
}

// A line at the bottom: what was done, and how to undo it.
function note(text, undo) {
  const line = h('div.note', {}, h('p', {}, text));
  const end = () => line.remove();
  if (undo) {
    line.append(button(t('undo'), async () => {
      end();
      try {
        const wrong = await undo();
        if (wrong) note(t('undo_failed', { why: wrong }));
      } catch {
        note(t('undo_failed', { why: t('refused_away') }));
      }
    }, 'undo'));
  }
  line.append(h('button.close', { type: 'button', onclick: end, ariaLabel: t('dismiss') }, '×'));
  at('notes').replaceChildren(line);
  setTimeout(end, NOTE_MS);
}
