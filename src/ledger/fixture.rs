//! Ledgers built by hand for tests: by schema, chain and fold, and by none of the writer's code.

use std::path::Path;

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::event::{ItemDetail, SaleDetail};
use super::read::LedgerReader;
use super::row::{EventKind, EventRow, GENESIS, Hash};
use super::schema::{APPLICATION_ID, FILE_NAME, SCHEMA, SCHEMA_VERSION};
use crate::money::MoneyText;

/// What every unit costs, in minor units of USD.
pub(crate) const PRICE_MINOR: i64 = 12_900;
/// When the first event happens; each further one a millisecond later.
pub(crate) const BEGIN_US: i64 = 1_790_000_000_000_000;

/// A row of the log before it has its number, time and link.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) sale: i64,
    pub(crate) item: Option<i64>,
    pub(crate) order_id: Option<Vec<u8>>,
    pub(crate) buyer: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) quantity: Option<i64>,
    pub(crate) price_minor: Option<i64>,
    pub(crate) placed_at_us: Option<i64>,
    pub(crate) expires_at_us: Option<i64>,
    pub(crate) ack: Option<String>,
    pub(crate) detail: Option<String>,
}

impl Row {
    pub(crate) fn of(kind: EventKind, sale: i64) -> Self {
        Self { kind: kind.word().into(), sale, ..Self::default() }
    }

    pub(crate) fn stock(kind: EventKind, sale: i64, item: i64, units: i64) -> Self {
        Self { item: Some(item), quantity: Some(units), ..Self::of(kind, sale) }
    }

    pub(crate) fn sold_out(sale: i64, item: i64) -> Self {
        Self { item: Some(item), ..Self::of(EventKind::StockSoldOut, sale) }
    }

    /// One unit for a buyer, confirmed at once. The order's id is made of the buyer's, so it is the same each time.
    pub(crate) fn order(sale: i64, item: i64, buyer: &str) -> Self {
        let mut id = [0; 16];
        for (byte, letter) in id.iter_mut().zip(buyer.bytes()) {
            *byte = letter;
        }
        Self {
            item: Some(item),
            order_id: Some(id.into()),
            buyer: Some(buyer.into()),
            quantity: Some(1),
            price_minor: Some(PRICE_MINOR),
            placed_at_us: Some(BEGIN_US),
            ack: Some("disk".into()),
            ..Self::of(EventKind::OrderPlaced, sale)
        }
    }

    /// What becomes of an order: the columns that such a row repeats, and this detail.
    pub(crate) fn of_order(&self, kind: EventKind, detail: &str) -> Self {
        let moves_deadline = matches!(kind, EventKind::PaymentStarted | EventKind::PaymentFailed);
        Self {
            kind: kind.word().into(),
            key: None,
            price_minor: None,
            placed_at_us: None,
            expires_at_us: moves_deadline.then_some(BEGIN_US + 900_000_000),
            ack: None,
            detail: Some(detail.into()),
            ..self.clone()
        }
    }

    pub(crate) fn units(mut self, units: i64) -> Self {
        self.quantity = Some(units);
        self
    }

    pub(crate) fn keyed(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn with_id(mut self, id: u8) -> Self {
        self.order_id = Some(vec![id; 16]);
        self
    }

    pub(crate) fn held(mut self) -> Self {
        self.expires_at_us = Some(BEGIN_US + 600_000_000);
        self
    }

    fn event(&self, seq: i64, at_us: i64) -> EventRow<'_> {
        EventRow {
            seq,
            at_us,
            kind: &self.kind,
            sale: self.sale,
            item: self.item,
            order_id: self.order_id.as_deref(),
            buyer: self.buyer.as_deref(),
            idempotency_key: self.key.as_deref(),
            quantity: self.quantity,
            price_minor: self.price_minor,
            placed_at_us: self.placed_at_us,
            expires_at_us: self.expires_at_us,
            ack: self.ack.as_deref(),
            detail: self.detail.as_deref(),
        }
    }
}

/// The terms of a sale without times or hold; its items are the skus with their stock.
pub(crate) fn terms(id: &str, limit_per_buyer: u32, first_item: u32, items: &[(&str, u32)]) -> SaleDetail {
    let items = items.iter().map(|(sku, stock)| ItemDetail {
        sku: (*sku).into(),
        title: format!("{sku}, the shoe"),
        price: MoneyText { amount: "129.00".into(), currency: "USD".into() },
        stock: *stock,
    });
    SaleDetail {
        id: id.into(),
        title: format!("{id}, the sale"),
        opens_at_us: None,
        closes_at_us: None,
        limit_per_buyer,
        hold_us: None,
        first_item,
        items: items.collect(),
    }
}

/// A ledger in a directory of its own.
pub(crate) struct LedgerFixture {
    folder: TempDir,
    pub(crate) connection: Connection,
    seq: i64,
    pub(crate) at_us: i64,
    head: Hash,
}

impl LedgerFixture {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let connection = Connection::open(folder.path().join(FILE_NAME)).expect("a new file");
        connection.pragma_update(None, "journal_mode", "WAL").expect("a write-ahead log");
        connection.pragma_update(None, "synchronous", "OFF").expect("no crash will be survived");
        connection.pragma_update(None, "application_id", APPLICATION_ID).expect("a mark");
        connection.pragma_update(None, "user_version", SCHEMA_VERSION).expect("a version");
        connection.execute_batch(SCHEMA).expect("the schema");
        Self { folder, connection, seq: 0, at_us: BEGIN_US, head: GENESIS }
    }

    /// A sale "launch" that is live, with one item: events 1 and 2.
    pub(crate) fn live(limit_per_buyer: u32, stock: u32) -> Self {
        let mut ledger = Self::new();
        ledger.create(0, &terms("launch", limit_per_buyer, 0, &[("sneaker-42", stock)]));
        ledger.append(&Row::of(EventKind::SaleOpened, 0));
        ledger
    }

    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn reader(&self) -> LedgerReader {
        LedgerReader::open(self.dir()).expect("a ledger that opens")
    }

    pub(crate) fn create(&mut self, sale: i64, terms: &SaleDetail) -> i64 {
        let detail = serde_json::to_string(terms).expect("terms");
        self.append(&Row { detail: Some(detail), ..Row::of(EventKind::SaleCreated, sale) })
    }

    pub(crate) fn change(&mut self, sale: i64, terms: &SaleDetail) -> i64 {
        let detail = serde_json::to_string(terms).expect("terms");
        self.append(&Row { detail: Some(detail), ..Row::of(EventKind::SaleChanged, sale) })
    }

    /// Writes an event, its fold, and `stock.sold_out` where it is due, as the writer must. Answers the event's number.
    pub(crate) fn append(&mut self, row: &Row) -> i64 {
        let before = self.available(row.item);
        let seq = self.log(row);
        self.fold(row);
        if row.kind != EventKind::StockSoldOut.word() && before > 0 && self.available(row.item) == 0 {
            self.log(&Row::sold_out(row.sale, row.item.expect("an item")));
        }
        seq
    }

    /// Writes an event into the log and nowhere else.
    pub(crate) fn log(&mut self, row: &Row) -> i64 {
        self.seq += 1;
        self.at_us += 1_000;
        let event = row.event(self.seq, self.at_us);
        self.head = event.link(&self.head);
        insert(&self.connection, &event, &self.head);
        self.seq
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.connection.execute_batch(sql).expect(sql);
    }

    /// Links all rows anew, as somebody would who knows the chain and rewrites the past.
    pub(crate) fn relink(&mut self) {
        let reader = self.reader();
        let mut links = Vec::new();
        let mut head = GENESIS;
        reader
            .events(i64::MIN, i64::MAX, -1, |row| {
                head = row.event.as_ref().expect("a readable row").link(&head);
                links.push((row.seq, head));
            })
            .expect("rows");
        for (seq, link) in links {
            self.connection.execute("UPDATE events SET hash = ?1 WHERE seq = ?2", (link, seq)).expect("a link");
        }
        self.head = head;
    }

    fn available(&self, item: Option<i64>) -> i64 {
        let sql = "SELECT stock - held - sold FROM items WHERE no = ?1";
        self.connection.query_row(sql, [item], |row| row.get(0)).unwrap_or(0)
    }

    fn fold(&self, row: &Row) {
        let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).expect(sql);
        };
        let kind = EventKind::of_word(&row.kind).expect("a known kind");
        let phase = |phase: &str| execute("UPDATE sales SET phase = ?1 WHERE no = ?2", &[&phase, &row.sale]);
        let stock = |sign: i64| {
            let units = sign * row.quantity.expect("units");
            execute("UPDATE items SET stock = stock + ?1 WHERE no = ?2", &[&units, &row.item]);
        };
        match kind {
            EventKind::SaleCreated | EventKind::SaleChanged => self.fold_terms(row),
            EventKind::SaleOpened | EventKind::SaleResumed => phase("live"),
            EventKind::SalePaused => phase("paused"),
            EventKind::SaleEnded => phase("ended"),
            EventKind::StockAdded => stock(1),
            EventKind::StockTaken => stock(-1),
            EventKind::StockSoldOut => {}
            EventKind::OrderPlaced => {
                let held = row.expires_at_us.and(row.quantity).unwrap_or(0);
                let sold = row.quantity.expect("units") - held;
                let sql = "UPDATE items SET held = held + ?1, sold = sold + ?2 WHERE no = ?3";
                execute(sql, &[&held, &sold, &row.item]);
            }
            EventKind::PaymentOrphaned => {}
            moves => self.fold_move(moves, row),
        }
    }

    fn fold_move(&self, kind: EventKind, row: &Row) {
        let detail = row.detail.as_deref().expect("a detail");
        let says = |what: &str| i64::from(detail.contains(what));
        let (late, written_off) = (says("\"late\":true"), says("\"restock\":false"));
        let (state, [held, sold, stock]) = match kind {
            EventKind::OrderConfirmed => ("confirmed", [late - 1, 1, 0]),
            EventKind::PaymentNoted => ("confirmed", [0; 3]),
            EventKind::OrderCancelled => ("cancelled", [-1, 0, 0]),
            EventKind::OrderExpired => ("expired", [-1, 0, 0]),
            EventKind::OrderRefunded => ("refunded", [0, -1, -written_off]),
            _ => ("held", [0; 3]),
        };
        let units = row.quantity.expect("units");
        let sql = "UPDATE items SET held = held + ?1, sold = sold + ?2, stock = stock + ?3 WHERE no = ?4";
        let values = params![held * units, sold * units, stock * units, row.item];
        self.connection.execute(sql, values).expect(sql);
        let payment = detail.split_once("\"payment\":\"").map(|(_, rest)| rest.split('"').next());
        let sql = "INSERT INTO order_states SELECT seq, ?2, ?3, ?4, ?5 FROM events \
                   WHERE order_id = ?1 AND kind = 'order.placed' LIMIT 1 ON CONFLICT (seq) DO UPDATE SET state = ?2, \
                   expires_at_us = coalesce(?3, expires_at_us), late = max(late, ?4), payment = coalesce(?5, payment)";
        let payment = payment.flatten().filter(|_| matches!(kind, EventKind::OrderConfirmed | EventKind::PaymentNoted));
        let values = params![row.order_id, state, row.expires_at_us, late, payment];
        self.connection.execute(sql, values).expect(sql);
    }

    fn fold_terms(&self, row: &Row) {
        let terms: SaleDetail = serde_json::from_str(row.detail.as_deref().expect("terms")).expect("terms");
        let sql = "INSERT INTO sales VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'scheduled') ON CONFLICT (no) DO UPDATE SET \
                   title = ?3, opens_at_us = ?4, closes_at_us = ?5, limit_per_buyer = ?6, hold_us = ?7";
        let SaleDetail { id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us, .. } = &terms;
        let values = params![row.sale, id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us];
        self.connection.execute(sql, values).expect(sql);
        for (item, no) in terms.items.iter().zip(terms.first_item..) {
            let sql = "INSERT INTO items VALUES (?1, ?2, ?3, ?4, ?5, 'USD', ?6, 0, 0)";
            let values = params![no, row.sale, item.sku, item.title, PRICE_MINOR, item.stock];
            self.connection.execute(sql, values).expect(sql);
        }
    }
}

fn insert(connection: &Connection, event: &EventRow<'_>, hash: &Hash) {
    let sql = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let mut statement = connection.prepare_cached(sql).expect(sql);
    let values = params![
        event.seq,
        event.at_us,
        event.kind,
        event.sale,
        event.item,
        event.order_id,
        event.buyer,
        event.idempotency_key,
        event.quantity,
        event.price_minor,
        event.placed_at_us,
        event.expires_at_us,
        event.ack,
        event.detail,
        hash,
    ];
    statement.execute(values).expect("a row");
}
