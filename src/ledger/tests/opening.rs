//! What may be opened, and what may not.

use super::super::lock::{Trust, file_system_of, trust};
use super::*;
use std::path::Path;

fn fault(dir: &TempDir) -> LedgerFault {
    OpenLedger::open(settings(dir), Clock::manual(NINE)).err().unwrap()
}

/// A directory with a ledger of three orders and a sold-out item, seven events in all.
fn filled() -> TempDir {
    let mut house = House::with_stock(3);
    ["a", "b", "c"].iter().for_each(|buyer| drop(house.place(&order(buyer, 1))));
    drop(house.record(Event::SaleEnded(SALE)));
    house.writer.turn();
    house.writer.finish();
    house.dir
}

fn tamper(dir: &TempDir, sql: &str) {
    let file = dir.path().join("data").join(FILE_NAME);
    Connection::open(file).unwrap().execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
}

#[test]
fn a_directory_is_one_process_s_at_a_time() {
    let house = House::with_stock(1);
    let fault = fault(&house.dir);
    assert!(matches!(fault, LedgerFault::InUse { .. }) && fault.exit_code() == 73, "{fault}");
    assert_eq!(house.reopened().1.sales.len(), 1, "free when the first is closed");
}

#[test]
fn a_new_ledger_is_empty_and_an_old_one_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (_, recovered) = OpenLedger::open(settings(&dir), Clock::manual(NINE)).unwrap();
        assert_eq!((recovered.events, recovered.sales.len(), recovered.orders.len()), (0, 0, 0));
    }
}

#[test]
fn the_file_says_whose_it_is_and_that_it_is_synced() {
    let house = House::with_stock(1);
    let numbers = |name: &str| house.look().pragma_query_value(None, name, |row| row.get::<_, i32>(0)).unwrap();
    assert_eq!((numbers("application_id"), numbers("user_version")), (APPLICATION_ID, SCHEMA_VERSION));
    let journal: String = house.look().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(journal, "wal");
}

#[test]
fn what_this_doorbuster_does_not_know_is_not_touched() {
    for (sql, reason) in [
        ("PRAGMA user_version = 2", "a newer ledger"),
        ("PRAGMA application_id = 7", "another application's"),
        ("PRAGMA application_id = 0", "nobody's"),
    ] {
        let dir = filled();
        tamper(&dir, sql);
        let file = dir.path().join("data").join(FILE_NAME);
        let before = std::fs::read(&file).unwrap();
        let fault = fault(&dir);
        assert!(matches!(fault, LedgerFault::UnknownSchema { .. }) && fault.exit_code() == 65, "{reason}: {fault}");
        assert!(std::fs::read(&file).unwrap() == before, "{reason} is left as it was");
    }
}

#[test]
fn a_file_that_is_no_database_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data").join(FILE_NAME), "no database".repeat(1000)).unwrap();
    let fault = fault(&dir);
    assert!(matches!(fault, LedgerFault::UnknownSchema { .. }), "{fault}");
}

#[test]
fn a_ledger_that_contradicts_itself_is_not_opened() {
    for (sql, expected) in [
        ("UPDATE items SET held = 2", None),
        ("UPDATE events SET buyer = 'z' WHERE seq = 4", Some(4)),
        ("UPDATE events SET detail = NULL WHERE seq = 1", Some(1)),
        ("UPDATE events SET at_us = 1 WHERE seq = 5", Some(5)),
        ("DELETE FROM events WHERE seq = 3", Some(3)),
        ("UPDATE events SET kind = 'order.lost' WHERE seq = 3", Some(3)),
        ("UPDATE events SET buyer = 'no buyer' WHERE seq = 4", Some(4)),
        ("UPDATE events SET order_id = x'00' WHERE seq = 4", Some(4)),
        ("UPDATE events SET item = 1 WHERE seq = 5", Some(5)),
        ("INSERT INTO order_states (seq, state) VALUES (2, 'expired')", Some(8)),
        ("UPDATE items SET no = 1", None),
        // What contradicts nothing but the log.
        ("UPDATE items SET stock = 4", None),
        ("UPDATE items SET price_minor = 1", None),
        ("UPDATE sales SET limit_per_buyer = 3", None),
        ("UPDATE sales SET phase = 'live'", None),
        ("UPDATE sales SET id = 'no id'", None),
    ] {
        let dir = filled();
        tamper(&dir, sql);
        let fault = fault(&dir);
        assert_eq!(fault.exit_code(), 65, "{sql}: {fault}");
        assert!(matches!(fault, LedgerFault::Corrupt { seq, .. } if seq == expected), "{sql}: {fault}");
    }
}

#[test]
fn the_chain_is_checked_at_its_end_however_long_it_is() {
    let mut house = House::with_stock(10_000);
    (0..5_000).for_each(|buyer| drop(house.place(&order(&format!("b-{buyer}"), 1))));
    house.writer.turn();
    house.writer.finish();
    let (_, recovered) = OpenLedger::open(settings(&house.dir), Clock::manual(NINE)).unwrap();
    assert_eq!(recovered.events, 5_002);
    tamper(&house.dir, "UPDATE events SET buyer = 'z' WHERE seq = 5000");
    let fault = fault(&house.dir);
    assert!(matches!(fault, LedgerFault::Corrupt { seq: Some(5_000), .. }), "{fault}");
}

#[test]
fn the_deepest_and_last_mount_decides_what_a_directory_lies_on() {
    let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                  30 22 0:30 / /srv rw shared:1 master:2 - nfs4 host:/x rw\n\
                  31 30 0:31 / /srv/my\\040disk rw - xfs /dev/vdb rw\n\
                  32 22 0:32 / /data rw - ext4 /dev/vdc rw\n\
                  33 22 0:33 / /data rw - fuse.sshfs host rw\n\
                  damaged line\n";
    let on = |path: &str| file_system_of(Path::new(path), mounts).unwrap();
    let found = ["/srv/shop", "/srv/my disk/shop", "/srvx", "/data", "/"].map(on);
    assert_eq!(found, ["nfs4", "xfs", "ext4", "fuse.sshfs", "ext4"]);
    assert_eq!(file_system_of(Path::new("/"), "nothing"), None);
}

#[test]
fn only_local_disks_are_trusted() {
    for name in ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse", "fuseblk", "fuse.sshfs", "ceph"] {
        assert_eq!(trust(name), Trust::None, "{name}");
    }
    for name in ["overlay", "tmpfs"] {
        assert_eq!(trust(name), Trust::Passing, "{name}");
    }
    for name in ["ext4", "xfs", "btrfs", "zfs", "f2fs"] {
        assert_eq!(trust(name), Trust::Full, "{name}");
    }
}
