// Which instant is it? What a clock on a wall somewhere shows may be two instants, or none: both are said, never guessed.

const HERE = new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

function zones() {
  const all = Intl.supportedValuesOf ? Intl.supportedValuesOf('timeZone') : [];
  return [...new Set([HERE, 'UTC', ...all])];
}

// What the clocks of a zone show at an instant: "2026-11-27T09:00".
function localOf(ms, zone) {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

const asIfUtc = (local) => Date.parse(`${local}:00Z`);

// All instants at which the clocks of a zone show this: one, two in the night they go back, none in the night they go on.
function instantsOf(local, zone) {
  const wall = asIfUtc(local);
  if (!Number.isFinite(wall)) return [];
  const around = [-86400000, 0, 86400000].map((aside) => wall + aside);
  const found = around.map((ms) => wall - (asIfUtc(localOf(ms, zone)) - ms));
  return [...new Set(found)].filter((ms) => localOf(ms, zone) === local).sort((one, other) => one - other);
}

// As the house reads it: what the clocks show, how far they are from UTC then, and whose clocks.
function declared(ms, zone) {
  const local = localOf(ms, zone);
  const minutes = Math.round((asIfUtc(local) - ms) / 60000);
  const size = Math.abs(minutes);
  return `${local}:00${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}[${zone}]`;
}
