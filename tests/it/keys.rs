//! More addresses and buyers than anybody has memory for: the tables they are kept in stay as large as they were made.
//!
//! `DOORBUSTER_TEST_KEYS=100000000` pours so many through.

use std::net::{IpAddr, Ipv6Addr};

use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use doorbuster::clock::{Clock, MonoTime};
use doorbuster::ids::BuyerRef;

use crate::home::Home;

/// What a run of the other tests beside this one may take meanwhile, and the issue's own allowance.
const SLACK_BYTES: u64 = 256 * 1024 * 1024;

/// Kept at once: far fewer than come.
const TABLE_KEYS: usize = 65_536;

/// People who stay within their rate.
const HONEST: u64 = 100;

/// How much memory a process has, by its number or `self`.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("Linux says how large it is");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// Each number is a /64 of its own.
fn address(number: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(u128::from(number) << 64 | 1))
}

#[test]
fn memory_stays_flat_however_many_addresses_come_and_the_honest_are_served() {
    let quota = Quota::new(1.0, 5).expect("a quota");
    let access = Access::new(&AccessSettings { ip: quota, buyer: None, sale: None, table_keys: TABLE_KEYS });
    stays_flat("addresses", &access, |who, now| access.knock(address(who), now).is_ok());
}

#[test]
fn memory_stays_flat_however_many_buyers_come_and_the_honest_are_served() {
    let quota = Quota::new(1.0, 5).expect("a quota");
    let access = Access::new(&AccessSettings { ip: None, buyer: quota, sale: None, table_keys: TABLE_KEYS });
    let home = Home::empty();
    let client = Client::new(&Secret::load_or_create(home.path()).expect("a key"), ClientSettings::default());
    let wall = Clock::system().now().wall;
    stays_flat("buyers", &access, |who, now| {
        let name = format!("buyer-{who}");
        let (mut buffer, buyer) = (PassBuffer::new(), BuyerRef::parse(name.as_bytes()).expect("a buyer"));
        let cleared = client.clear("launch", Proof::Vouched(buyer), &mut buffer, wall).expect("vouched for");
        let knocked = access.knock(address(who), now).expect("addresses have no limit here");
        access.admit(knocked, cleared, now).is_ok()
    });
}

/// Lets strangers through, and the honest among them; `ask` whether somebody is let in.
fn stays_flat(what: &str, access: &Access, ask: impl Fn(u64, MonoTime) -> bool) {
    let keys: u64 = std::env::var("DOORBUSTER_TEST_KEYS").map_or(200_000, |keys| keys.parse().expect("a number"));
    let before = resident_bytes("self");
    let (mut most, mut asked, mut refused) = (before, 0_u32, 0_u32);
    for number in 0..keys {
        // 100,000 strangers a second, none of whom comes twice.
        let now = MonoTime::from_nanos(number * 10_000);
        assert!(ask((1 << 40) + number, now), "a stranger's first attempt is his to have");
        // Each of the honest comes every two seconds.
        if number % 2_000 == 0 {
            asked += 1;
            refused += u32::from(!ask(number / 2_000 % HONEST, now));
        }
        if number % 1_000_000 == 0 {
            most = most.max(resident_bytes("self"));
        }
    }
    most = most.max(resident_bytes("self"));
    let grown = most - before;
    eprintln!(
        "{keys} {what}: {} KiB more, {} gave way, {refused} of {asked} honest refused",
        grown / 1024,
        access.evicted()
    );
    assert!(grown <= 8 * TABLE_KEYS as u64 + SLACK_BYTES, "{grown} bytes more");
    assert!(refused <= asked / 1000, "{refused} of {asked}");
}
