-- What the ledger knows, for the shop's other systems to ask. doorbuster alone writes here; give others SELECT.
-- `node` tells several shops apart that share a database. Amounts are minor units (cents) of their currency.

CREATE TABLE doorbuster.nodes (
    node            text        PRIMARY KEY CHECK (node <> ''),
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    shipped_at      timestamptz            -- when the last events came
);

-- The log, as the ledger has it. `payload` is the row's exact bytes: hash = SHA-256 (hash of seq - 1, or 32 zeros, then
-- payload). The columns before it are the same row for people; a NUL in a text is shown as U+FFFD.
CREATE TABLE doorbuster.events (
    node            text        NOT NULL,
    seq             bigint      NOT NULL CHECK (seq >= 1),   -- dense from 1
    at              timestamptz NOT NULL,                    -- never goes back
    kind            text        NOT NULL CHECK (kind IN (
        'order.placed', 'sale.created', 'sale.changed', 'sale.opened', 'sale.paused', 'sale.resumed', 'sale.ended',
        'stock.added', 'stock.taken', 'stock.sold_out',
        'order.confirmed', 'order.cancelled', 'order.expired', 'order.refunded',
        'payment.started', 'payment.failed', 'payment.orphaned', 'payment.noted')),
    sale            text        NOT NULL,
    sku             text,
    order_id        uuid,
    quantity        integer     CHECK (quantity >= 1),
    detail          json,                                    -- what rare kinds carry
    payload         bytea       NOT NULL,
    hash            bytea       NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (node, seq)
);

-- An order's history after the win; the win itself is the order's row.
CREATE INDEX events_of_order ON doorbuster.events (order_id) WHERE order_id IS NOT NULL AND kind <> 'order.placed';

-- What the log adds up to.
CREATE TABLE doorbuster.sales (
    node            text        NOT NULL REFERENCES doorbuster.nodes,
    no              integer     NOT NULL CHECK (no >= 0),    -- the ledger's number, dense from 0
    id              text        NOT NULL,
    title           text        NOT NULL,
    opens_at        timestamptz,
    closes_at       timestamptz,
    limit_per_buyer bigint      NOT NULL CHECK (limit_per_buyer >= 1),
    hold            interval    CHECK (hold > interval '0'),
    phase           text        NOT NULL CHECK (phase IN ('scheduled', 'live', 'paused', 'ended')),
    PRIMARY KEY (node, no),
    UNIQUE (node, id)
);

CREATE TABLE doorbuster.items (
    node            text        NOT NULL,
    no              integer     NOT NULL CHECK (no >= 0),    -- the ledger's number, dense from 0 over all sales
    sale_no         integer     NOT NULL,
    sale            text        NOT NULL,
    sku             text        NOT NULL,
    title           text        NOT NULL,
    price_minor     bigint      NOT NULL CHECK (price_minor >= 0),
    currency        text        NOT NULL CHECK (length(currency) = 3),
    stock           bigint      NOT NULL CHECK (stock >= 0),
    held            bigint      NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold            bigint      NOT NULL DEFAULT 0 CHECK (sold >= 0),
    available       bigint      GENERATED ALWAYS AS (stock - held - sold) STORED,
    PRIMARY KEY (node, no),
    UNIQUE (node, sale, sku),
    FOREIGN KEY (node, sale_no) REFERENCES doorbuster.sales (node, no),
    -- One more guard against overselling, which knows nothing of the other two.
    CHECK (held + sold <= stock)
);

-- No foreign keys here and in events: each is a look-up for every order, and the ledger has made sure.
CREATE TABLE doorbuster.orders (
    node            text        NOT NULL,
    id              uuid        NOT NULL,
    seq             bigint      NOT NULL,                    -- of its event 'order.placed'
    sale            text        NOT NULL,
    sku             text        NOT NULL,
    buyer           text        NOT NULL,
    idempotency_key text,
    quantity        integer     NOT NULL CHECK (quantity >= 1),
    price_minor     bigint      NOT NULL CHECK (price_minor >= 0),   -- of one unit
    total_minor     bigint      GENERATED ALWAYS AS (price_minor * quantity) STORED,
    currency        text        NOT NULL CHECK (length(currency) = 3),
    state           text        NOT NULL CHECK (state IN ('held', 'confirmed', 'cancelled', 'expired', 'refunded')),
    placed_at       timestamptz NOT NULL,                    -- the attempt
    stored_at       timestamptz NOT NULL,                    -- its event's time
    expires_at      timestamptz,                             -- until when it is or was held
    late            boolean     NOT NULL DEFAULT false,      -- paid after the hold was over
    payment         text,                                    -- the provider's id of what has paid for it
    PRIMARY KEY (id, node)
);

-- A sale's orders lie together in the table; a buyer's are found by a filter for every few thousand orders. An entry for
-- each order, by hash or by name, takes a quarter more of the server for each order. Such an index can be added for whoever needs it.
CREATE INDEX orders_of_sale_and_buyer ON doorbuster.orders
    USING brin (node, sale, placed_at, buyer text_bloom_ops) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX orders_held ON doorbuster.orders (node, expires_at) WHERE state = 'held';
