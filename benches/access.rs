//! What a token bucket costs: a key that is always there and a crowd of a million, mostly let in and mostly refused,
//! beside governor, which keeps the same algorithm in a sharded map.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::clock::MonoTime;
use governor::{Quota as TheirQuota, RateLimiter};

const CROWD: u32 = 1_000_000;

fn ours(rate_per_s: f64, burst: u32) -> Access {
    let ip = Quota::new(rate_per_s, burst).expect("in range");
    Access::new(&AccessSettings { ip, buyer: None, sale: None, table_keys: 1 << 21 })
}

fn theirs(rate_per_s: u32, burst: u32) -> governor::DefaultKeyedRateLimiter<u32> {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    RateLimiter::keyed(TheirQuota::per_second(number(rate_per_s)).allow_burst(number(burst)))
}

/// Keys in an order that no prefetcher guesses.
fn next(key: u32, crowd: u32) -> u32 {
    (key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)) % crowd
}

fn buckets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("access");
    let start = Instant::now();
    let now = || MonoTime::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    for (mix, rate, burst) in [("mostly-yes", 1_000_000, 1_000_000), ("mostly-no", 1, 1)] {
        for (keys, crowd) in [("1-key", 1), ("1M-keys", CROWD)] {
            let (ours, theirs) = (ours(f64::from(rate), burst), theirs(rate, burst));
            let mut key = 0;
            group.bench_function(format!("ours/{mix}/{keys}"), |bencher| {
                bencher.iter(|| {
                    key = next(key, crowd);
                    black_box(ours.knock(IpAddr::V4(Ipv4Addr::from_bits(key)), now()).is_ok())
                });
            });
            group.bench_function(format!("governor/{mix}/{keys}"), |bencher| {
                bencher.iter(|| {
                    key = next(key, crowd);
                    black_box(theirs.check_key(&key).is_ok())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, buckets);
criterion_main!(benches);
