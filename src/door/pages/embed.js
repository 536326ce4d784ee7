// Puts a sale into a shop's own page: <script src="https://SALE.EXAMPLE/embed.js" data-sale="launch"></script>
// The page's origin has to be one of storefront.allowed_origins.
(() => {
  'use strict';
  const script = document.currentScript;
  const { origin } = new URL(script.src);
  const { sale, title } = script.dataset;
  const frame = document.createElement('iframe');
  frame.src = `${origin}/${sale ? `s/${encodeURIComponent(sale)}` : ''}?embed`;
  frame.title = title || sale || 'Sale';
  Object.assign(frame.style, { width: '100%', height: '36rem', border: '0', display: 'block', colorScheme: 'auto' });
  // The frame says how high it is.
  addEventListener('message', ({ source, origin: from, data }) => {
    if (source !== frame.contentWindow || from !== origin || !data || data.doorbuster !== 'height') return;
    frame.style.height = `${Math.min(Math.max(Number(data.height) || 0, 120), 5000)}px`;
  });
  script.after(frame);
})();
