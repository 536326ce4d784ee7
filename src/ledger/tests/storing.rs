//! What is written down, and what is read back.

use super::*;
use crate::offer::Phase;
use crate::order::OrderState;

#[test]
fn what_is_stored_is_read_back_as_it_was() {
    let mut house = House::with_stock(10);
    let changed =
        Arc::new(SaleTerms { title: "Changed".into(), hold: None, limit_per_buyer: 5, ..sale_terms("sale-0") });
    let added: Arc<[ItemTerms]> = vec![item("added", 7)].into();
    let orders = [order("a", 1), order("b", 2), order_of(SALE, ItemNo(1), "c", 3, Ack::Disk)];
    drop(house.record(Event::SaleChanged { sale: SALE, terms: Arc::clone(&changed), first_item: ItemNo(1), added }));
    orders.iter().for_each(|order| drop(house.place(order)));
    drop(house.record(Event::StockAdded { sale: SALE, item: ITEM, units: 5 }));
    drop(house.record(Event::StockTaken { sale: SALE, item: ITEM, units: 1 }));
    drop(house.record(Event::SalePaused(SALE)));
    drop(house.record(created(1, 2, &[4])));
    house.writer.turn();
    assert_chained(&house.look());
    let tally = house.writer.tally.clone();
    let health = house.ledger.health();
    assert_eq!((health.events, health.orders, health.queued), (10, 3, 0));

    let (dir, recovered) = house.reopened();
    let sales: Vec<_> = recovered.sales.iter().map(|sale| (&sale.terms, sale.phase)).collect();
    assert_eq!(sales, [(&*changed, Phase::Paused), (&sale_terms("sale-1"), Phase::Scheduled)]);
    let items: Vec<_> = recovered
        .items
        .iter()
        .map(|item| (item.sale.0, item.terms.sku.as_str(), item.terms.stock, item.held, item.sold))
        .collect();
    assert_eq!(items, [(0, "sku-0", 14, 1, 2), (0, "added", 7, 0, 3), (1, "sku-0", 4, 0, 0)]);
    assert_eq!(recovered.orders.len(), orders.len());
    for (was, is) in orders.iter().zip(&recovered.orders) {
        assert_eq!((&is.terms, is.state(), is.stored()), (&was.terms, was.state(), Stored::Disk));
        assert_eq!(is.seq(), was.seq());
    }
    assert_eq!(recovered.events, 10);

    let (open, _) = OpenLedger::open(settings(&dir), Clock::manual(NINE)).unwrap();
    assert_eq!(open.tally, tally, "the writer remembers after a restart what it remembered before");
}

#[test]
fn an_order_that_has_moved_on_is_read_back_where_it_stands() {
    let mut house = House::with_stock(10);
    let orders = [order("a", 1), order("b", 1), order("c", 1)];
    orders.iter().for_each(|order| drop(house.place(order)));
    house.writer.turn();
    house.writer.finish();
    let file = house.dir.path().join("data").join(FILE_NAME);
    let sql = "INSERT INTO order_states (seq, state) VALUES (3, 'confirmed'), (5, 'expired'); UPDATE items SET held = 1, sold = 1";
    // Not as a shop opens it: the proof would miss what the log says of that.
    let connection = Connection::open(file).unwrap();
    connection.execute_batch(sql).unwrap();
    let (recovered, _) = crate::ledger::recovery::recover(&connection).unwrap();
    let states: Vec<_> = recovered.orders.iter().map(|order| order.state()).collect();
    assert_eq!(states, [OrderState::Confirmed, OrderState::Held, OrderState::Expired]);
}

#[test]
fn people_see_orders_with_the_words_of_the_contract() {
    let mut house = House::with_stock(10);
    drop(house.place(&order("a", 2)));
    house.writer.turn();
    let sql = "SELECT concat_ws(' ', sale, sku, buyer, state, total_minor, currency, ack) FROM orders";
    let shown: String = house.look().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "sale-0 sku-0 a confirmed 25800 USD disk");
}

#[test]
fn log_time_never_goes_back_though_the_clock_does() {
    let mut house = House::with_stock(10);
    drop(house.place(&order("a", 1)));
    house.writer.turn();
    house.clock.set_wall(WallTime::from_micros(5));
    drop(house.place(&order("b", 1)));
    house.writer.turn();
    assert_chained(&house.look());
}

#[test]
fn the_event_that_takes_the_last_unit_is_followed_by_sold_out() {
    let mut house = House::with_stock(3);
    let orders = [order("a", 1), order("b", 2), order("c", 2)];
    let taken = Event::StockTaken { sale: SALE, item: ITEM, units: 2 };
    drop((house.place(&orders[0]), house.place(&orders[1])));
    drop(house.record(Event::StockAdded { sale: SALE, item: ITEM, units: 4 }));
    drop((house.place(&orders[2]), house.record(taken)));
    house.writer.turn();
    let expected = [
        "sale.created",
        "sale.opened",
        "order.placed",
        "order.placed",
        "stock.sold_out",
        "stock.added",
        "order.placed",
        "stock.taken",
        "stock.sold_out",
    ];
    assert_eq!(house.kinds(), expected);
    assert_chained(&house.look());
}

#[test]
fn an_order_is_told_after_its_commit_and_memory_before_its_buyer() {
    let mut house = House::with_stock(10);
    let order = order("a", 1);
    let mut receipt = house.place(&order);
    assert_eq!((poll(&mut receipt, &house.ears), order.stored(), order.seq()), (Poll::Pending, Stored::Underway, None));
    house.writer.turn();
    assert_eq!(house.look().query_row("SELECT count(*) FROM orders", [], |row| row.get(0)), Ok(1));
    assert_eq!(poll(&mut receipt, &house.ears), Poll::Ready(Ok(Stored::Disk)));
    assert_eq!((order.stored(), order.seq()), (Stored::Disk, Some(3)));
    let stored = Outcome::Stored(Stored::Disk);
    assert_eq!(*house.ears.lock(), [Heard::Settled(order.terms.id, stored), Heard::Woken]);
}

#[test]
fn an_order_acknowledged_from_memory_is_told_at_once_and_stored_later() {
    let mut house = House::with_stock(10);
    let order = order_of(SALE, ITEM, "a", 1, Ack::Memory);
    assert_eq!(house.place(&order).peek(), Some(Ok(Stored::Memory)));
    assert_eq!(order.stored(), Stored::Memory);
    house.writer.turn();
    assert_eq!((order.stored(), house.outcomes()), (Stored::Disk, vec![Outcome::Stored(Stored::Disk)]));
}

#[test]
fn a_receipt_that_nobody_waits_for_is_stored_all_the_same() {
    let mut house = House::with_stock(10);
    let mut receipt = house.place(&order("a", 1));
    assert!(poll(&mut receipt, &house.ears).is_pending());
    drop(receipt);
    drop(house.place(&order("b", 1)));
    house.writer.turn();
    assert_eq!(house.reopened().1.orders.len(), 2);
}

#[test]
fn a_desk_is_rung_once_for_all_orders_of_a_commit() {
    let mut house = House::with_stock(10);
    let desk = house.ledger.desk(Arc::new(Sleeper(Arc::clone(&house.ears))));
    let place = |buyer| house.ledger.accept(house.ledger.slot().unwrap(), order(buyer, 1), desk);
    let mut receipts = ["a", "b", "c"].map(place);
    receipts.iter_mut().for_each(|receipt| assert!(poll(receipt, &house.ears).is_pending()));
    house.writer.turn();
    let woken = |house: &House| house.ears.lock().iter().filter(|heard| **heard == Heard::Woken).count();
    let rung = house.ears.lock().iter().filter(|heard| **heard == Heard::Rung).count();
    assert_eq!((rung, woken(&house)), (1, 0), "the writer rings and wakes nobody itself");
    house.ledger.wake_waiting(desk);
    assert_eq!(woken(&house), 3);
    house.ledger.wake_waiting(desk);
    assert_eq!(woken(&house), 3, "nobody is woken twice");
}

#[test]
fn without_a_store_orders_are_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let settings = LedgerSettings { store: StoreKind::None, ..settings(&dir) };
    let (open, recovered) = OpenLedger::open(settings.clone(), Clock::manual(NINE)).unwrap();
    let (ledger, mut writer) = open.by_hand(Box::new(Listener(Ears::default())));
    let order = order("a", 1);
    let receipt = ledger.accept(ledger.slot().unwrap(), Arc::clone(&order), DeskId::NONE);
    writer.turn();
    assert_eq!((receipt.peek(), order.stored(), order.seq()), (Some(Ok(Stored::Memory)), Stored::Memory, None));
    assert_eq!((recovered.orders.len(), settings.data_dir.exists()), (0, false));
}

#[test]
fn a_batch_has_a_limit_and_the_rest_keeps_its_order() {
    let mut house = House::with_stock(10_000);
    let orders: Vec<_> = (0..5_000).map(|buyer| order(&format!("b-{buyer}"), 1)).collect();
    orders.iter().for_each(|order| drop(house.place(order)));
    assert_eq!((house.writer.turn(), house.writer.turn(), house.writer.turn()), (4_096, 904, 0));
    assert_eq!(house.ledger.commit_micros().len(), 3, "the sale's own commit and two");
    let (_, recovered) = house.reopened();
    let ids = |orders: &[Arc<Order>]| orders.iter().map(|order| order.terms.id).collect::<Vec<_>>();
    assert_eq!(ids(&recovered.orders), ids(&orders));
}

#[test]
fn the_write_ahead_log_is_tidied_while_the_ledger_writes() {
    let mut house = House::with_stock(100_000);
    let mut tidied = false;
    for batch in 0..40 {
        let before = house.ledger.health().wal_bytes;
        (0..1_000).for_each(|buyer| drop(house.place(&order(&format!("b-{batch}-{buyer}"), 1))));
        house.writer.turn();
        tidied |= house.ledger.health().wal_bytes < before;
    }
    assert!(tidied, "40,000 orders are more than the log may hold");
    assert_eq!(house.reopened().1.orders.len(), 40_000);
}

#[test]
fn rows_are_complete_however_they_fall_into_statements() {
    let mut house = House::with_stock(20);
    let mut buyers = (0..).map(|buyer| format!("b-{buyer}"));
    let mut expected = 2;
    for more in 1..40_u32 {
        // The last free unit goes somewhere in the batch: one row more, at every place of a statement.
        let units = if more == 1 { 20 } else { more };
        let mut place = || drop(house.place(&order(&buyers.next().unwrap(), 1)));
        (0..units).for_each(|_| place());
        drop(house.record(Event::StockAdded { sale: SALE, item: ITEM, units: more + 1 }));
        place();
        house.writer.turn();
        drop(house.record(Event::StockTaken { sale: SALE, item: ITEM, units: more }));
        drop(house.record(Event::StockAdded { sale: SALE, item: ITEM, units: more + 1 }));
        house.writer.turn();
        expected += i64::from(units) + 6;
        assert_eq!(house.writer.tally.head.seq, expected);
    }
    assert_chained(&house.look());
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "stock.sold_out").count(), 78);
}

#[test]
fn a_batch_of_any_size_is_stored_to_its_last_row() {
    let mut house = House::with_stock(10_000);
    for size in 1..50_i64 {
        let before = house.writer.tally.head.seq;
        let place = |buyer| house.place(&order(&format!("b-{size}-{buyer}"), 1));
        let receipts: Vec<_> = (0..size).map(place).collect();
        house.writer.turn();
        assert!(receipts.iter().all(|receipt| receipt.peek() == Some(Ok(Stored::Disk))), "a batch of {size}");
        let rows: i64 = house.look().query_row("SELECT max(seq) FROM events", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, before + size, "a batch of {size}");
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_open_a_sale_before_its_time() {
    let mut house = House::with_stock(1);
    drop(house.record(created(1, 1, &[1])));
    // The keeper decided an hour from now, by a clock that has been set back since.
    let decided = NINE.after(std::time::Duration::from_secs(3600));
    drop(house.record(Event::SaleOpened(SaleNo(1), decided)));
    drop(house.place(&order("a", 1)));
    house.writer.turn();
    let at = |seq: i64| -> i64 {
        house.look().query_row("SELECT at_us FROM events WHERE seq = ?1", [seq], |row| row.get(0)).unwrap()
    };
    assert_eq!([at(3), at(4), at(5)], [NINE.micros(), decided.micros(), decided.micros()]);
}
