// Who may come in? The password or the token, once: what is kept is a cookie that no script can read.

function lockOut() {
  if (state.session === 'out') return;
  state.session = 'out';
  state.frame = null;
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
  showEntrance(t('locked_out'));
}

function showEntrance(said = '') {
  at('top').hidden = true;
  at('stale').hidden = true;
  const secret = h('input', { type: 'password', name: 'password', autocomplete: 'current-password', required: true });
  const fault = h('p.fault', { role: 'alert', hidden: true });
  const enter = h('button.go', { type: 'submit' }, t('log_in'));
  const form = h('form.door.entrance', { noValidate: true },
    h('span.mark', { ariaHidden: 'true' }), h('h1', {}, t('brand')), h('p', {}, said || t('log_in_how')),
    // Whoever keeps passwords wants to know whose.
    h('input', { type: 'text', name: 'username', value: t('brand'), autocomplete: 'username', hidden: true }),
    field(t('password'), secret), fault, enter);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (enter.getAttribute('aria-disabled') === 'true') return;
    enter.setAttribute('aria-disabled', 'true');
    try {
      const answer = await request('/v1/admin/session', { method: 'POST', body: { password: secret.value } });
      say(fault, answer.isDone ? '' : t(answer.status === 401 ? 'log_in_wrong' : (answer.status === 429 ? 'log_in_wait' : 'refused_strange')));
      if (answer.isDone) enterOffice('in');
      else secret.select();
    } catch {
      say(fault, t('refused_away'));
    }
    enter.removeAttribute('aria-disabled');
  });
  document.title = t('brand');
  at('main').replaceChildren(form);
  secret.focus();
}

async function logOut() {
  try {
    await request('/v1/admin/session', { method: 'DELETE' });
  } catch { /* the cookie ends by itself */ }
  state.session = 'out';
  state.frame = null;
  showEntrance(t('logged_out'));
}
