//! A row of the log, and the chain that ties each row to all before it.
//!
//! The hash covers every column in a fixed order (`payload.rs`). Whoever holds a later hash can tell whether anything
//! before it was changed.
//!
//! **Invariant:** writer and audit hash with this function and no other.

/// A link of the chain: SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first row.
pub const GENESIS: Hash = [0; 32];

/// What can happen. The words are what the ledger keeps and what webhooks say: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A sale was created; `detail` has its terms and items.
    SaleCreated,
    /// A sale's terms were changed; `detail` has the terms as they are now, and any new items.
    SaleChanged,
    /// A sale went live for the first time.
    SaleOpened,
    /// A live sale was paused.
    SalePaused,
    /// A paused sale went on.
    SaleResumed,
    /// A sale ended, for good.
    SaleEnded,
    /// `quantity` units were put on sale.
    StockAdded,
    /// `quantity` free units were taken off sale.
    StockTaken,
    /// The item's last free unit went with the event before this one.
    StockSoldOut,
    /// An order was won.
    OrderPlaced,
    /// A held order was paid, or one that had expired and got units once more; `detail` says how, as for all below.
    OrderConfirmed,
    /// A held order was given back.
    OrderCancelled,
    /// A held order wasn't paid in time.
    OrderExpired,
    /// A sold order was given back; `detail` says whether its units are for sale again.
    OrderRefunded,
    /// A held order is being paid, and held until `expires_at_us`.
    PaymentStarted,
    /// A held order's payment has failed; it is held until `expires_at_us`.
    PaymentFailed,
    /// An order that was confirmed without a payment got one.
    PaymentNoted,
    /// There is money for an order that can't be sold for it.
    PaymentOrphaned,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::SaleCreated,
        Self::SaleChanged,
        Self::SaleOpened,
        Self::SalePaused,
        Self::SaleResumed,
        Self::SaleEnded,
        Self::StockAdded,
        Self::StockTaken,
        Self::StockSoldOut,
        Self::OrderPlaced,
        Self::OrderConfirmed,
        Self::OrderCancelled,
        Self::OrderExpired,
        Self::OrderRefunded,
        Self::PaymentStarted,
        Self::PaymentFailed,
        Self::PaymentNoted,
        Self::PaymentOrphaned,
    ];

    /// The ledger's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SaleCreated => "sale.created",
            Self::SaleChanged => "sale.changed",
            Self::SaleOpened => "sale.opened",
            Self::SalePaused => "sale.paused",
            Self::SaleResumed => "sale.resumed",
            Self::SaleEnded => "sale.ended",
            Self::StockAdded => "stock.added",
            Self::StockTaken => "stock.taken",
            Self::StockSoldOut => "stock.sold_out",
            Self::OrderPlaced => "order.placed",
            Self::OrderConfirmed => "order.confirmed",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderExpired => "order.expired",
            Self::OrderRefunded => "order.refunded",
            Self::PaymentStarted => "payment.started",
            Self::PaymentFailed => "payment.failed",
            Self::PaymentNoted => "payment.noted",
            Self::PaymentOrphaned => "payment.orphaned",
        }
    }

    /// Whether it is about an order that was won before: its `detail` says how it came to it.
    #[must_use]
    pub fn moves_an_order(self) -> bool {
        matches!(
            self,
            Self::OrderConfirmed
                | Self::OrderCancelled
                | Self::OrderExpired
                | Self::OrderRefunded
                | Self::PaymentStarted
                | Self::PaymentFailed
                | Self::PaymentNoted
                | Self::PaymentOrphaned
        )
    }

    /// The kind of a ledger's word; none for a word of a newer doorbuster or a damaged row.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One row of `events`, without its hash, borrowed from wherever it is: see `schema.sql` for what each column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in schema.sql, once")]
pub struct EventRow<'a> {
    pub seq: i64,
    pub at_us: i64,
    pub kind: &'a str,
    pub sale: i64,
    pub item: Option<i64>,
    pub order_id: Option<&'a [u8]>,
    pub buyer: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
    pub quantity: Option<i64>,
    pub price_minor: Option<i64>,
    pub placed_at_us: Option<i64>,
    pub expires_at_us: Option<i64>,
    pub ack: Option<&'a str>,
    pub detail: Option<&'a str>,
}
