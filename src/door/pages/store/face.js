// What does the door look like now? Words, numbers and whether the button opens it: made of the state, and of nothing else.

const STEPS_WITH_STOP = ['queueing', 'lost', 'offline'];

// What a refusal is called where the phase doesn't say it already.
const VERDICTS = {
  sale_not_open: 'too_early',
  limit_reached: 'limited',
  insufficient_stock: 'too_many',
  sold_out: 'sold_out_just',
};
const SAID_BY_THE_PHASE = ['sale_paused', 'sale_ended'];

const secondsLeft = () => number(Math.max(1, Math.ceil((state.resumes - performance.now()) / 1000)));

function workingFace() {
  const { step } = state;
  const isUnknown = step === 'unknown';
  return {
    tone: isUnknown ? 'plain' : 'working',
    big: t(step),
    note: t(`${step}_note`, { seconds: secondsLeft() }),
    button: t(isUnknown ? 'ask_again' : 'loading'),
    enabled: isUnknown,
    stop: STEPS_WITH_STOP.includes(step),
  };
}

function liveFace() {
  const item = itemOf(state.sku);
  if (!item) return { tone: 'plain', big: t('nothing') };
  if (item.remaining === 0) {
    const name = item.mayReturn ? 'waiting' : 'sold_out';
    const note = state.verdict === 'sold_out' && !item.mayReturn ? 'sold_out_just' : `${name}_note`;
    return { tone: name, big: t(name), note: t(note), button: item.mayReturn ? t('wait') : '' };
  }
  const isFew = item.remaining === 'few';
  const price = money({ ...item.price, amount: item.price.amount * state.units });
  return {
    tone: 'live',
    over: state.returned ? t('returned') : '',
    figure: true,
    big: isFew ? t('few') : number(item.remaining),
    unit: isFew ? t('few_left') : t('left', { count: item.remaining }),
    note: state.verdict ? t(VERDICTS[state.verdict] || 'strange_note', { code: state.verdict }) : '',
    button: t(liveUnits() ? 'buy_more' : 'buy', { price }),
    enabled: true,
  };
}

function face() {
  const { sale, verdict } = state;
  if (state.missing && !sale) return { tone: 'plain', big: t('missing'), note: t('missing_note') };
  if (!sale) {
    const isAway = state.link === 'away';
    return { tone: 'plain', big: t(isAway ? 'away' : 'loading'), note: isAway ? t('away_note') : '' };
  }
  if (state.step) return workingFace();
  const phase = phaseNow();
  if (phase === 'scheduled') {
    const note = verdict === 'sale_not_open' ? 'too_early' : passIsGood() ? 'ready_note' : 'scheduled_note';
    const clock = sale.opens ? sale.opens - now() : undefined;
    return { tone: 'scheduled', over: t(sale.opens ? 'opens_in' : 'not_yet'), clock, note: t(note), button: t('not_yet') };
  }
  if (phase !== 'live') return { tone: phase, big: t(phase), note: t(`${phase}_note`), button: phase === 'paused' ? t('wait') : '' };
  if (liveUnits() >= sale.limit) return { tone: 'none' };
  if (verdict === 'pass_required' || verdict === 'pass_invalid') {
    return { tone: 'plain', big: t('stranger'), note: t('stranger_note'), button: t('try_again'), enabled: true };
  }
  if (verdict && !VERDICTS[verdict] && !SAID_BY_THE_PHASE.includes(verdict)) {
    return { tone: 'plain', big: t('strange'), note: t('strange_note', { code: verdict }), button: t('try_again'), enabled: true };
  }
  return liveFace();
}
