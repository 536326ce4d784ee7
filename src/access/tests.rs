//! What the buckets let through, against plain arithmetic, and whose address counts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::setting::Setting;
use super::table::Table;
use super::*;

fn quota(rate_per_s: f64, burst: u32) -> Quota {
    Quota::new(rate_per_s, burst).expect("in range").expect("a limit")
}

fn at(micros: u64) -> MonoTime {
    MonoTime::from_nanos(micros * 1_000)
}

/// A hash that spreads keys over sets and tags as a keyed hash would.
fn spread(key: u64) -> u64 {
    key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn access(limit: Limit, quota: Quota) -> Access {
    let of = |which| (which == limit).then_some(quota);
    Access::new(&AccessSettings { ip: of(Limit::Ip), buyer: of(Limit::Buyer), sale: of(Limit::Sale), table_keys: 1024 })
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let (table, quota) = (Table::new(8), quota(2.0, 5));
    let passed = |from: u64, to: u64| (from..to).filter(|ms| table.take(1, quota, at(ms * 1_000)).is_ok()).count();
    assert_eq!(passed(1_000, 1_010), 5, "the burst");
    assert_eq!(passed(1_010, 11_010), 20, "ten seconds at two per second");
}

#[test]
fn a_fast_rate_is_kept_though_its_interval_is_shorter_than_a_microsecond() {
    let (table, quota) = (Table::new(8), quota(1_000_000.0, 10));
    let passed = (0..4_000_000).filter(|step| table.take(1, quota, MonoTime::from_nanos(step * 250)).is_ok()).count();
    assert!((1_000_000..=1_000_010).contains(&passed), "{passed} in a second of four million attempts");
}

#[test]
fn quotas_out_of_range_say_what_would_be_right() {
    assert_eq!(Quota::new(0.0, 5), Ok(None));
    assert_eq!(Quota::new(5.0, 0), Ok(None));
    assert_eq!(Quota::new(-1.0, 1), Err(QuotaError::Rate(-1.0)));
    assert_eq!(Quota::new(2e6, 1), Err(QuotaError::Rate(2e6)));
    assert!(Quota::new(f64::NAN, 1).is_err());
    assert!(matches!(Quota::new(0.001, 1_000_000), Err(QuotaError::Burst { .. })));
}

#[test]
fn a_bucket_that_was_full_long_ago_is_full_even_after_its_time_has_wrapped() {
    let (table, quota) = (Table::new(8), quota(1.0, 1));
    let day = 86_400_000_000;
    let mut now = at(1);
    for days in [0, 20, 45, 51, 101, 1_000] {
        now = MonoTime::from_nanos(now.nanos() + days * day * 1_000);
        assert!(table.take(1, quota, now).is_ok(), "after {days} more days");
        assert!(table.take(1, quota, now).is_err(), "after {days} more days, twice");
    }
}

#[test]
fn a_flood_of_other_keys_neither_frees_those_who_keep_knocking_nor_refuses_newcomers() {
    let (table, quota) = (Table::new(1 << 12), quota(1.0, 4));
    let hot: Vec<u64> = (0..64).map(spread).collect();
    let mut hot_passed = 0;
    for round in 0..40_u64 {
        // Ten milliseconds a round: the hot keys get no token back in all this time.
        let now = at(1_000_000 + round * 10_000);
        for key in &hot {
            hot_passed += (0..3).filter(|_| table.take(*key, quota, now).is_ok()).count();
        }
        for key in 0..1_024 {
            let newcomer = spread(1_000 + round * 1_024 + key);
            assert!(table.take(newcomer, quota, now).is_ok(), "a newcomer was refused for a full table");
        }
    }
    assert!(table.evicted() > 0, "the flood was ten times the table");
    assert_eq!(hot_passed, 64 * 4, "a hot key was forgotten, or got less than its burst");
}

#[test]
fn every_quota_comes_back_as_it_was_set() {
    let setting = Setting::new(None);
    assert_eq!(setting.get(), None);
    for (rate_per_s, burst) in
        [(1e6, u32::MAX), (1e6, 1), (0.0001, 1), (0.0001, 109), (7.3, 400_000), (999_999.0, 3), (1.0, 1 << 20)]
    {
        let quota = quota(rate_per_s, burst);
        setting.set(Some(quota));
        assert_eq!(setting.get(), Some(quota), "{rate_per_s} {burst}");
    }
}

/// Every key has had its one attempt and is refused from then on: whoever passes was forgotten.
#[test]
fn a_table_of_sixteen_bytes_a_key_decides_wrongly_less_than_once_in_a_thousand() {
    const KEYS: u64 = 1 << 15;
    let (table, quota) = (Table::new(2 << 15), quota(0.001, 1));
    for key in 0..KEYS {
        assert!(table.take(spread(key), quota, at(1_000_000 + key)).is_ok());
    }
    // In the order in which they came, so that whoever was forgotten for another finds him on his own place.
    let rounds = (1..=8).flat_map(|round| (0..KEYS).map(move |key| (key, at(1_000_000 + round * KEYS + key))));
    let wrong = rounds.filter(|(key, now)| table.take(spread(*key), quota, *now).is_ok()).count();
    assert!(wrong < 8 * KEYS as usize / 1_000, "{wrong} of {} decisions", 8 * KEYS);
}

#[test]
fn new_quotas_count_from_the_next_attempt_on() {
    let access = access(Limit::Ip, quota(1.0, 1));
    let knock = |access: &Access, ms: u64| access.knock(ip("192.0.2.1"), at(ms * 1_000)).is_ok();
    assert!(knock(&access, 1_000));
    assert!(!knock(&access, 1_001));
    access.retune(&AccessSettings { ip: Some(quota(1.0, 3)), buyer: None, sale: None, table_keys: 1 });
    assert!(knock(&access, 1_002) && knock(&access, 1_003));
    assert!(!knock(&access, 1_004), "what was owed is still owed");
    access.retune(&AccessSettings { ip: None, buyer: None, sale: None, table_keys: 1 });
    assert!(knock(&access, 1_005));
}

#[test]
fn an_ipv6_subscriber_has_one_bucket_for_his_whole_64() {
    let access = access(Limit::Ip, quota(1.0, 1));
    let knock = |address: &str| access.knock(ip(address), at(1_000_000)).is_ok();
    assert!(knock("2001:db8:1:2::1"));
    assert!(!knock("2001:db8:1:2:ffff::9"), "the same /64");
    assert!(knock("2001:db8:1:3::1"), "the next /64");
    assert!(knock("192.0.2.1"));
    assert!(!knock("::ffff:192.0.2.1"), "an IPv4 address in IPv6 clothes");
}

#[test]
fn the_refusal_says_whose_bucket_it_was_and_how_long_it_takes() {
    let access = access(Limit::Ip, quota(2.0, 1));
    access.knock(ip("192.0.2.1"), at(0)).expect("the first passes");
    let throttled = access.knock(ip("192.0.2.1"), at(100_000)).expect_err("the second doesn't");
    assert_eq!((throttled.limit, throttled.retry_after), (Limit::Ip, Duration::from_millis(400)));
}

#[test]
fn forwarding_headers_are_read_from_the_right_and_from_trusted_peers_only() {
    let trusted = vec!["10.0.0.0/8".parse().expect("a network"), "2001:db8:ffff::/48".parse().expect("a network")];
    let rules = |header| AddressRules::new(trusted.clone(), header);
    let xff = rules(ClientIpHeader::XForwardedFor);
    for (peer, values, client) in [
        ("192.0.2.9", &["203.0.113.1"][..], "192.0.2.9"), // a stranger's word
        ("10.0.0.1", &["203.0.113.1"], "203.0.113.1"),    // one hop
        ("10.0.0.1", &["6.6.6.6, 203.0.113.1"], "203.0.113.1"), // the client lied to the left
        ("10.0.0.1", &["203.0.113.1, 10.0.0.7"], "203.0.113.1"), // two trusted hops
        ("10.0.0.1", &["6.6.6.6", "203.0.113.1", " 10.0.0.7 "], "203.0.113.1"), // in several lines
        ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"), // all trusted: the farthest
        ("10.0.0.1", &["203.0.113.1, garbage, 10.0.0.7"], "10.0.0.7"), // the last good hop
        ("10.0.0.1", &["203.0.113.1,"], "10.0.0.1"),      // nothing at the right
        ("10.0.0.1", &[], "10.0.0.1"),                    // no header
        ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", &["203.0.113.1:1234"], "203.0.113.1"),
        ("::ffff:10.0.0.1", &["::ffff:203.0.113.1"], "203.0.113.1"), // mapped, both
    ] {
        let values = values.iter().map(|value| value.as_bytes());
        assert_eq!(xff.client_of(ip(peer), values), ip(client), "{peer} {client}");
    }
    let forwarded = rules(ClientIpHeader::Forwarded);
    for (value, client) in [
        ("for=203.0.113.1;proto=https;by=10.0.0.1", "203.0.113.1"),
        ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("for=6.6.6.6, for=203.0.113.1, for=\"[2001:db8:ffff::1]\"", "203.0.113.1"),
        ("for=203.0.113.1, for=_hidden", "10.0.0.1"),
        ("for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ] {
        assert_eq!(forwarded.client_of(ip("10.0.0.1"), [value.as_bytes()].into_iter()), ip(client), "{value}");
    }
    let real = rules(ClientIpHeader::XRealIp);
    let last = [b"6.6.6.6".as_slice(), b"203.0.113.1"];
    assert_eq!(real.client_of(ip("10.0.0.1"), last.into_iter()), ip("203.0.113.1"));
    assert_eq!(real.client_of(ip("192.0.2.9"), last.into_iter()), ip("192.0.2.9"));
}

/// The same algorithm without modulo, tags or table.
#[derive(Default)]
struct Plain {
    full_at_ticks: HashMap<u64, u128>,
}

impl Plain {
    fn take(&mut self, key: u64, interval: u128, burst: u128, now: u128) -> bool {
        let full_at = self.full_at_ticks.entry(key).or_insert(0);
        let owed = full_at.saturating_sub(now);
        let passes = owed + interval <= interval * burst;
        if passes {
            *full_at = now + owed + interval;
        }
        passes
    }
}

proptest! {
    #[test]
    fn while_the_keys_fit_every_decision_is_that_of_plain_arithmetic(
        rate in 1_u32..2_000,
        burst in 1_u32..6,
        steps in prop::collection::vec((0_u64..24, 0_u64..2_000), 1..400),
    ) {
        let (table, quota) = (Table::new(1 << 14), quota(f64::from(rate), burst));
        let interval = u128::from(16_000_000_u64.div_ceil(u64::from(rate)));
        let (mut plain, mut micros) = (Plain::default(), 1_u64);
        for (key, pause) in steps {
            micros += pause;
            let expected = plain.take(key, interval, u128::from(burst), u128::from(micros) * 16);
            prop_assert_eq!(table.take(spread(key), quota, at(micros)).is_ok(), expected);
        }
    }

    #[test]
    fn waiting_exactly_as_told_passes_and_a_moment_less_does_not(rate in 0.01_f64..100_000.0, burst in 1_u32..20) {
        let (table, quota) = (Table::new(8), quota(rate, burst));
        let now = at(1_000_000);
        for _ in 0..burst {
            prop_assert!(table.take(1, quota, now).is_ok());
        }
        let wait = table.take(1, quota, now).expect_err("the bucket is empty");
        let later = |nanos: u64| MonoTime::from_nanos(now.nanos() + nanos);
        let nanos = u64::try_from(wait.as_nanos()).expect("fits");
        // A tick is 62.5 ns: one less, and a nanosecond for its rounding.
        prop_assert!(table.take(1, quota, later(nanos.saturating_sub(64))).is_err());
        prop_assert!(table.take(1, quota, later(nanos)).is_ok());
    }
}
