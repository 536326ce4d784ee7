//! Who waits, how many may, and what becomes of them when the shop closes.

use super::*;

fn small(queue_orders: usize) -> (TempDir, Ledger, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let settings = LedgerSettings { queue_orders, ..settings(&dir) };
    let (open, _) = OpenLedger::open(settings, Clock::manual(NINE)).unwrap();
    let (ledger, writer) = open.by_hand(Box::new(Listener(Ears::default())));
    (dir, ledger, writer)
}

#[test]
fn a_full_queue_is_busy_until_places_come_back() {
    let (_dir, ledger, mut writer) = small(2);
    let (first, second) = (ledger.slot().unwrap(), ledger.slot().unwrap());
    assert_eq!(ledger.slot().err(), Some(Unwritten::Busy), "both places are reserved");
    drop(first);
    drop(ledger.accept(second, order("a", 1), DeskId::NONE));
    let third = ledger.slot().unwrap();
    assert_eq!(ledger.slot().err(), Some(Unwritten::Busy), "one is reserved, one is filled");
    drop(third);
    assert_eq!((ledger.health().queued, ledger.health().capacity), (1, 2));
    writer.turn();
    assert!(ledger.slot().is_ok() && ledger.health().queued == 0);
}

#[test]
fn a_ledger_that_closes_is_busy_and_writes_what_is_queued() {
    let (dir, ledger, writer) = small(100);
    let created = ledger.record(created(0, 0, &[9])).unwrap();
    ledger.close();
    assert_eq!(ledger.slot().err(), Some(Unwritten::Busy));
    writer.finish();
    assert_eq!(created.peek(), Some(Ok(Stored::Disk)));
    let (_, recovered) = OpenLedger::open(settings(&dir), Clock::manual(NINE)).unwrap();
    assert_eq!(recovered.sales.len(), 1);
}

#[test]
fn whoever_has_a_place_when_the_ledger_closes_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (open, _) = OpenLedger::open(settings(&dir), Clock::system()).unwrap();
    let ledger = open.start(Box::new(Listener(Ears::default()))).unwrap();
    assert_eq!(wait(ledger.record(created(0, 0, &[9])).unwrap()), Ok(Stored::Disk));
    let slot = ledger.slot().unwrap();
    let late = order("late", 1);
    std::thread::scope(|scope| {
        scope.spawn(|| ledger.close());
        while ledger.slot().is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(wait(ledger.accept(slot, Arc::clone(&late), DeskId::NONE)), Ok(Stored::Disk));
    });
    let (_, recovered) = OpenLedger::open(settings(&dir), Clock::system()).unwrap();
    assert_eq!(recovered.orders[0].terms, late.terms);
}

/// Many threads, one writer: what each is told is what the file says.
fn stampede(ack: Ack) {
    const THREADS: usize = 4;
    const EACH: usize = 1_500;
    let dir = tempfile::tempdir().unwrap();
    let settings = LedgerSettings { ack, queue_orders: 256, ..settings(&dir) };
    let (open, _) = OpenLedger::open(settings.clone(), Clock::system()).unwrap();
    let ears = Ears::default();
    let ledger = open.start(Box::new(Listener(Arc::clone(&ears)))).unwrap();
    assert_eq!(wait(ledger.record(created(0, 0, &[10_000])).unwrap()), Ok(Stored::Disk));
    let buy = |thread: usize, number: usize| {
        let slot = loop {
            match ledger.slot() {
                Ok(slot) => break slot,
                Err(refused) => assert_eq!(refused, Unwritten::Busy),
            }
            std::thread::yield_now();
        };
        ledger.accept(slot, order_of(SALE, ITEM, &format!("b-{thread}-{number}"), 1, ack), DeskId::NONE)
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let buy = &buy;
            scope.spawn(move || {
                let receipts: Vec<_> = (0..EACH).map(|number| buy(thread, number)).collect();
                receipts.into_iter().for_each(|receipt| assert!(wait(receipt).is_ok()));
            });
        }
    });
    ledger.close();
    assert_eq!((ears.lock().len(), ledger.health().orders), (THREADS * EACH, (THREADS * EACH) as u64));
    let (open, recovered) = OpenLedger::open(settings, Clock::system()).unwrap();
    assert_eq!((recovered.orders.len(), recovered.items[0].held as usize), (THREADS * EACH, THREADS * EACH));
    drop(open);
}

#[test]
fn many_threads_and_one_writer_agree_on_disk() {
    stampede(Ack::Disk);
}

#[test]
fn many_threads_and_one_writer_agree_when_acknowledged_from_memory() {
    stampede(Ack::Memory);
}

#[test]
fn letting_go_of_a_ledger_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (open, _) = OpenLedger::open(settings(&dir), Clock::system()).unwrap();
    let ledger = open.start(Box::new(Listener(Ears::default()))).unwrap();
    let receipt = ledger.record(created(0, 0, &[9])).unwrap();
    drop(ledger);
    assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
    assert!(OpenLedger::open(settings(&dir), Clock::system()).is_ok(), "the lock is free again");
}
