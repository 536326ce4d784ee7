-- The ledger: an append-only, hash-chained log of events, and its fold.
-- Times are microseconds since 1970 in UTC; amounts are minor units.

-- The truth. One row for each thing that happened, in the order in which it was decided.
CREATE TABLE events (
    seq             INTEGER PRIMARY KEY,  -- dense from 1
    at_us           INTEGER NOT NULL,     -- stamped by the writer, never goes back
    kind            TEXT    NOT NULL,     -- see EventKind
    sale            INTEGER NOT NULL,     -- sales.no
    item            INTEGER,              -- items.no
    order_id        BLOB,                 -- 16 bytes of UUID
    buyer           TEXT,
    idempotency_key TEXT,
    quantity        INTEGER,              -- units of an order, or units that stock changed by
    price_minor     INTEGER,              -- one unit's price when it was won
    placed_at_us    INTEGER,              -- the attempt's own time
    expires_at_us   INTEGER,              -- until when it is held; NULL: confirmed at once
    ack             TEXT,                 -- what the buyer was promised: 'memory', 'disk' or 'postgres'
    detail          TEXT,                 -- JSON: what rare kinds carry
    hash            BLOB    NOT NULL      -- SHA-256 over the previous row's hash and this row
) STRICT;

-- The fold: what the log adds up to. Written in the transaction of the events that change it.
CREATE TABLE sales (
    no              INTEGER PRIMARY KEY,  -- dense from 0
    id              TEXT    NOT NULL UNIQUE,
    title           TEXT    NOT NULL,
    opens_at_us     INTEGER,
    closes_at_us    INTEGER,
    limit_per_buyer INTEGER NOT NULL CHECK (limit_per_buyer >= 1),
    hold_us         INTEGER CHECK (hold_us > 0),
    phase           TEXT    NOT NULL CHECK (phase IN ('scheduled', 'live', 'paused', 'ended'))
) STRICT;

CREATE TABLE items (
    no              INTEGER PRIMARY KEY,  -- dense from 0 over all sales
    sale            INTEGER NOT NULL REFERENCES sales (no),
    sku             TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    price_minor     INTEGER NOT NULL CHECK (price_minor >= 0),
    currency        TEXT    NOT NULL,
    stock           INTEGER NOT NULL CHECK (stock >= 0),
    held            INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold            INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0),
    UNIQUE (sale, sku),
    -- The second guard against overselling, which knows nothing of the counters in memory.
    CHECK (held + sold <= stock)
) STRICT;

-- Orders that are not as they were placed, by the seq of their 'order.placed' event.
CREATE TABLE order_states (
    -- No foreign key: for each of many holds that run out at once it would look up the page of an order that was won long
    -- ago. A state without its order is found at start, and by the audit.
    seq             INTEGER PRIMARY KEY,
    state           TEXT    NOT NULL CHECK (state IN ('held', 'confirmed', 'cancelled', 'expired', 'refunded')),
    expires_at_us   INTEGER,              -- the end of the hold, where a payment has moved it
    late            INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)),  -- 1: paid after the hold was over
    payment         TEXT                  -- the provider's id of what has paid for it
) STRICT;

-- Beside the log: how far the messages to the shop have got. Neither hashed nor part of the fold; a row that is lost means
-- that a message is delivered twice.
CREATE TABLE endpoints (
    no              INTEGER PRIMARY KEY,
    url             TEXT    NOT NULL UNIQUE,
    cursor_seq      INTEGER NOT NULL,     -- all events up to here are delivered, but for those in deliveries
    disabled_at_us  INTEGER,              -- since when the endpoint wants no messages
    why             TEXT                  -- what it said
) STRICT;

CREATE TABLE deliveries (
    endpoint        INTEGER NOT NULL REFERENCES endpoints (no),
    seq             INTEGER NOT NULL REFERENCES events (seq),
    attempts        INTEGER NOT NULL,     -- in vain
    next_at_us      INTEGER,              -- when it is tried again
    dead_at_us      INTEGER,              -- since when it isn't tried any more
    last_error      TEXT,
    PRIMARY KEY (endpoint, seq)
) STRICT, WITHOUT ROWID;

-- What people ask for.
CREATE VIEW orders AS
SELECT e.seq, e.order_id, s.id AS sale, i.sku, e.buyer, e.idempotency_key, e.quantity,
       e.price_minor, i.currency, e.price_minor * e.quantity AS total_minor,
       coalesce(o.state, iif(e.expires_at_us IS NULL, 'confirmed', 'held')) AS state,
       e.placed_at_us, coalesce(o.expires_at_us, e.expires_at_us) AS expires_at_us, e.ack,
       e.at_us AS stored_at_us, coalesce(o.late, 0) AS late, o.payment,
       e.sale AS sale_no, e.item AS item_no
FROM events AS e
JOIN sales AS s ON s.no = e.sale
JOIN items AS i ON i.no = e.item
LEFT JOIN order_states AS o ON o.seq = e.seq
WHERE e.kind = 'order.placed';
