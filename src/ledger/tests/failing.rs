//! What goes wrong: one event, the disk for a while, the disk for good, the writer.

use super::super::fault::{Meaning, meaning};
use super::super::store::Failure;
use super::disks::{Luck, Scripted, Shared, scripted};
use super::*;
use rusqlite::ffi;

fn refused() -> Failure {
    Failure::Refused("scripted".into())
}

fn unknown() -> Failure {
    Failure::Unknown("scripted".into())
}

#[test]
fn one_event_that_may_not_be_is_refused_alone() {
    let mut house = House::with_stock(100);
    let orders: Vec<_> = (0..20)
        .map(|buyer| order_of(SALE, ItemNo(if buyer == 13 { 7 } else { 0 }), &format!("b-{buyer}"), 1, Ack::Disk))
        .collect();
    let receipts: Vec<_> = orders.iter().map(|order| house.place(order)).collect();
    house.writer.turn();
    for (buyer, receipt) in receipts.iter().enumerate() {
        let expected = if buyer == 13 { Err(Unwritten::NotStored) } else { Ok(Stored::Disk) };
        assert_eq!(receipt.peek(), Some(expected), "buyer {buyer}");
    }
    assert_eq!(orders[13].seq(), None);
    assert!(house.ledger.slot().is_ok(), "the ledger itself is well");
    assert_chained(&house.look());
    let (_, recovered) = house.reopened();
    let left: Vec<_> = orders.iter().filter(|order| order.terms.item == ITEM).map(|order| order.terms.id).collect();
    assert_eq!(recovered.orders.iter().map(|order| order.terms.id).collect::<Vec<_>>(), left, "in their order");
}

#[test]
fn the_ledger_itself_refuses_to_sell_what_is_not_there() {
    let mut house = House::with_stock(5);
    let receipts: Vec<_> = (0..9).map(|buyer| house.place(&order(&format!("b-{buyer}"), 1))).collect();
    house.writer.turn();
    let stored = receipts.iter().filter(|receipt| receipt.peek() == Some(Ok(Stored::Disk))).count();
    let refused = receipts.iter().filter(|receipt| receipt.peek() == Some(Err(Unwritten::NotStored))).count();
    assert_eq!((stored, refused), (5, 4), "five are there: all five are sold, and no sixth");
    assert_eq!(house.kinds().last().map(String::as_str), Some("stock.sold_out"));
    assert_eq!(house.reopened().1.items[0].held, 5);
}

#[test]
fn stock_that_comes_later_does_not_excuse_what_was_sold_before() {
    let mut house = House::with_stock(1);
    let orders = [order("a", 1), order("b", 1)];
    let receipts = [house.place(&orders[0]), house.place(&orders[1])];
    let added = house.record(Event::StockAdded { sale: SALE, item: ITEM, units: 5 });
    house.writer.turn();
    let told = (receipts[0].peek(), receipts[1].peek(), added.peek());
    assert_eq!(told, (Some(Ok(Stored::Disk)), Some(Err(Unwritten::NotStored)), Some(Ok(Stored::Disk))));
}

#[test]
fn events_that_contradict_the_log_are_refused() {
    let nobody = || Arc::new(sale_terms("sale-9"));
    let bad = [
        created(0, 1, &[1]),
        created(2, 1, &[1]),
        created(1, 5, &[1]),
        Event::SaleOpened(SaleNo(9), WallTime::from_micros(0)),
        Event::SaleChanged { sale: SaleNo(9), terms: nobody(), first_item: ItemNo(1), added: Arc::new([]) },
        Event::SaleChanged { sale: SALE, terms: nobody(), first_item: ItemNo(3), added: Arc::new([item("x", 1)]) },
        Event::SaleChanged { sale: SALE, terms: nobody(), first_item: ItemNo(1), added: Arc::new([item("sku-0", 1)]) },
        Event::StockAdded { sale: SALE, item: ItemNo(9), units: 1 },
        Event::StockTaken { sale: SALE, item: ITEM, units: 11 },
    ];
    let mut house = House::with_stock(10);
    let tally = house.writer.tally.clone();
    for event in bad {
        let named = format!("{event:?}");
        let receipt = house.record(event);
        house.writer.turn();
        assert_eq!(receipt.peek(), Some(Err(Unwritten::NotStored)), "{named}");
        assert_eq!(house.writer.tally, tally, "{named}");
    }
    let good = house.record(created(1, 1, &[1]));
    house.writer.turn();
    assert_eq!(good.peek(), Some(Ok(Stored::Disk)));
}

#[test]
fn a_disk_that_takes_nothing_is_a_definite_no_until_it_takes_again() {
    let (mut house, script) = scripted(10);
    script.lock().extend([Luck::Fails(refused()), Luck::Fails(refused()), Luck::Good]);
    let (first, tally) = (order("a", 1), house.writer.tally.clone());
    let receipt = house.place(&first);
    let event = house.record(Event::StockTaken { sale: SALE, item: ITEM, units: 10 });
    house.writer.turn();
    assert_eq!((receipt.peek(), event.peek()), (Some(Err(Unwritten::NotStored)), Some(Err(Unwritten::NotStored))));
    assert_eq!(house.outcomes(), [Outcome::NotStored]);
    assert_eq!(house.writer.tally, tally, "numbers, chain and counts are as before");
    let refused = |house: &House| house.ledger.slot().err();
    assert_eq!(refused(&house), Some(Unwritten::NotStored));
    assert_eq!(house.ledger.health().state, LedgerState::Refusing { since: NINE });
    house.writer.probe();
    assert_eq!(refused(&house), Some(Unwritten::NotStored), "the first probe finds no room");
    house.writer.probe();
    assert_eq!((refused(&house), house.ledger.health().state), (None, LedgerState::Writing));
    let again = house.place(&order("a", 1));
    house.writer.turn();
    assert_eq!(again.peek(), Some(Ok(Stored::Disk)));
    assert_chained(&house.look());
}

#[test]
fn a_disk_that_is_really_full_refuses_and_sells_again_when_there_is_room() {
    let mut store = None;
    let mut house = House::with_store(10_000, |sqlite| Box::new(Shared(Arc::clone(store.insert(sqlite)))));
    let store = store.unwrap();
    let limit = |pages: i64| {
        let set = store.lock().connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0));
        set.unwrap_or(0_i64)
    };
    let at_most = limit(1);
    let fill = |house: &mut House| {
        let receipts: Vec<_> = (0..200).map(|buyer| house.place(&order(&format!("b-{buyer}"), 1))).collect();
        house.writer.turn();
        receipts.iter().map(|receipt| receipt.peek().unwrap()).collect::<Vec<_>>()
    };
    assert!(at_most > 1, "the file has pages");
    assert_eq!(fill(&mut house), vec![Err(Unwritten::NotStored); 200]);
    assert_eq!(house.ledger.slot().err(), Some(Unwritten::NotStored));
    limit(1_000_000);
    house.writer.probe();
    assert_eq!(fill(&mut house), vec![Ok(Stored::Disk); 200]);
    assert_chained(&house.look());
    drop(store);
    assert_eq!(house.reopened().1.orders.len(), 200);
}

#[test]
fn a_file_that_may_not_be_written_refuses_and_sells_again_when_it_may() {
    let mut store = None;
    let mut house = House::with_store(10, |sqlite| Box::new(Shared(Arc::clone(store.insert(sqlite)))));
    let store = store.unwrap();
    let read_only = |on: bool| store.lock().connection.pragma_update(None, "query_only", on).unwrap();
    read_only(true);
    let receipt = house.place(&order("a", 1));
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Err(Unwritten::NotStored)));
    house.writer.probe();
    assert_eq!(house.ledger.slot().err(), Some(Unwritten::NotStored));
    read_only(false);
    house.writer.probe();
    let receipt = house.place(&order("a", 1));
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
}

#[test]
fn an_unknown_outcome_is_unknown_to_everybody_who_waits_and_ends_the_ledger() {
    let (mut house, script) = scripted(10_000);
    script.lock().push_back(Luck::StoredBut(unknown()));
    let receipts: Vec<_> = (0..5_000).map(|buyer| house.place(&order(&format!("b-{buyer}"), 1))).collect();
    house.writer.turn();
    assert_eq!(house.ledger.slot().err(), Some(Unwritten::OutcomeUnknown));
    assert_eq!(house.ledger.health().state, LedgerState::Broken(Breakage::Disk));
    let ears = Arc::clone(&house.ears);
    let (_, recovered) = house.reopened();
    assert!(receipts.iter().all(|receipt| receipt.peek() == Some(Err(Unwritten::OutcomeUnknown))));
    let broken = |heard: &&Heard| **heard == Heard::Broken("scripted".into());
    assert_eq!(ears.lock().iter().filter(broken).count(), 1);
    assert_eq!(recovered.orders.len(), 4_096, "the restart knows: the first batch was stored, nothing after it");
}

#[test]
fn a_part_of_a_batch_that_was_stored_stays_stored_when_the_rest_is_unknown() {
    let (mut house, script) = scripted(10);
    let bad = Failure::BadEvent("scripted".into());
    script.lock().extend([Luck::Fails(bad), Luck::Good, Luck::Fails(unknown())]);
    let receipts: Vec<_> = (0..4).map(|buyer| house.place(&order(&format!("b-{buyer}"), 1))).collect();
    house.writer.turn();
    let (stored, unknown) = (Some(Ok(Stored::Disk)), Some(Err(Unwritten::OutcomeUnknown)));
    let told: Vec<_> = receipts.iter().map(Receipt::peek).collect();
    assert_eq!(told, [stored, stored, unknown, unknown]);
}

/// Starts a scripted ledger on its own thread.
fn started(script: [Luck; 2], settle: Box<dyn Settle>) -> (TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&dir);
    std::fs::create_dir_all(&settings.data_dir).unwrap();
    let sqlite = Sqlite::open(&settings.data_dir).unwrap();
    let (_, tally) = recovery::recover(&sqlite.connection).unwrap();
    let inner = Shared(Arc::new(Mutex::new(sqlite)));
    let store = Scripted { inner, script: Arc::new(Mutex::new(script.into())) };
    let open = OpenLedger::with_store(settings, Clock::manual(NINE), Box::new(store), tally);
    (dir, open.start(settle).unwrap())
}

#[test]
fn a_writer_that_dies_leaves_nobody_waiting() {
    let ears = Ears::default();
    let (_dir, ledger) = started([Luck::Good, Luck::Panics], Box::new(Listener(Arc::clone(&ears))));
    assert_eq!(wait(ledger.record(created(0, 0, &[9])).unwrap()), Ok(Stored::Disk));
    let slot = ledger.slot().unwrap();
    assert_eq!(
        wait(ledger.record(Event::SaleOpened(SALE, WallTime::from_micros(0))).unwrap()),
        Err(Unwritten::OutcomeUnknown)
    );
    let order = order("late", 1);
    let late = ledger.accept(slot, Arc::clone(&order), DeskId::NONE);
    assert_eq!(wait(late), Err(Unwritten::OutcomeUnknown), "a place that was given is a place that can be filled");
    ledger.close();
    assert_eq!(ledger.health().state, LedgerState::Broken(Breakage::Writer));
    // The late order comes before or after the house is told: each once is promised, not which is first.
    let (told, settled) =
        (Heard::Broken("the writer panicked".into()), Heard::Settled(order.terms.id, Outcome::Unknown));
    let heard = ears.lock();
    assert!(heard.len() == 2 && heard.contains(&told) && heard.contains(&settled), "{heard:?}");
    assert_eq!(ledger.slot().err(), Some(Unwritten::OutcomeUnknown));
}

#[test]
fn a_listener_that_panics_leaves_nobody_waiting() {
    struct Panics(Ears);
    impl Settle for Panics {
        fn settled(&self, _: &Arc<Order>, _: Outcome) {
            panic!("listening");
        }
        fn broken(&self, why: &str) {
            self.0.lock().push(Heard::Broken(why.into()));
        }
    }
    let ears = Ears::default();
    let (_dir, ledger) = started([Luck::Good, Luck::Good], Box::new(Panics(Arc::clone(&ears))));
    drop(ledger.record(created(0, 0, &[9])).unwrap());
    let place = |buyer| Some(ledger.accept(ledger.slot().ok()?, order(buyer, 1), DeskId::NONE));
    let receipts = ["a", "b", "c"].map(place);
    for receipt in receipts.into_iter().flatten() {
        assert_eq!(wait(receipt), Err(Unwritten::OutcomeUnknown));
    }
    ledger.close();
    assert_eq!(*ears.lock(), [Heard::Broken("the writer panicked".into())]);
}

#[test]
fn only_errors_that_are_known_to_be_harmless_are_called_so() {
    let of = |code| meaning(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    let bad = [ffi::SQLITE_CONSTRAINT_CHECK, ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_FOREIGNKEY];
    let refused = [
        ffi::SQLITE_FULL,
        ffi::SQLITE_READONLY,
        ffi::SQLITE_READONLY_DBMOVED,
        ffi::SQLITE_BUSY,
        ffi::SQLITE_IOERR_WRITE,
    ];
    let unknown = [
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_DIR_FSYNC,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_READ,
        ffi::SQLITE_CORRUPT,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ffi::SQLITE_CONSTRAINT_ROWID,
        ffi::SQLITE_NOMEM,
        ffi::SQLITE_ERROR,
    ];
    let all = |codes: &[i32], expected| codes.iter().all(|code| of(*code) == expected);
    assert!(all(&bad, Meaning::BadEvent) && all(&refused, Meaning::Refused) && all(&unknown, Meaning::Unknown));
    assert_eq!(meaning(&rusqlite::Error::QueryReturnedNoRows), Meaning::Unknown);
}
