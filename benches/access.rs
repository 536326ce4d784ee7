//! What a token bucket costs, beside governor, which keeps the same algorithm in a sharded map.
//!
//! One address that always knocks, and a crowd of 2²⁰ that knock in an order which nobody guesses, all of them equally
//! often; once nearly all are let in, and once nearly all are refused. Both sides get the same keys at the same times.
//!
//! | group | what the time costs |
//! | --- | --- |
//! | `limiter` | nothing, on either side: a tick that the bench moves by hand |
//! | `limiter-clock` | a read of the clock per attempt on either side, each by its own |
//!
//! `limiter/nothing/loop` is what the loop itself costs, which is in all of them.
//!
//! In the house a request's time is read once, for all that is decided about it: there it is `limiter` for us, and for
//! governor, which always reads its own clock, `limiter-clock`.

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::clock::MonoTime;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as TheirQuota, RateLimiter};

const CROWD: u32 = 1 << 20;

/// 16 bytes for each of the crowd.
const TABLE_KEYS: usize = 1 << 21;

/// A time that moves by hand, as cheap to read as time can be.
#[derive(Debug, Clone)]
struct Tick(Rc<Cell<u64>>);

impl Tick {
    fn new() -> Self {
        Self(Rc::new(Cell::new(1_000_000_000)))
    }

    /// On by less than anybody's interval.
    fn advance(&self) {
        self.0.set(self.0.get() + 100);
    }

    fn mono(&self) -> MonoTime {
        MonoTime::from_nanos(self.0.get())
    }
}

impl Clock for Tick {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get().into()
    }
}

/// Keys in an order that no prefetcher guesses: each of the crowd once in a round (Hull and Dobell), then scattered.
struct Keys {
    state: u32,
    crowd: u32,
}

impl Keys {
    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % self.crowd;
        black_box(self.state ^ self.state >> 10)
    }
}

fn ours(case: &Case) -> Access {
    let ip = Quota::new(1.0 / case.interval.as_secs_f64(), case.burst).expect("in range");
    Access::new(&AccessSettings { ip, buyer: None, sale: None, table_keys: TABLE_KEYS })
}

type Theirs<C> = RateLimiter<u32, DashMapStateStore<u32>, C, NoOpMiddleware<<C as Clock>::Instant>>;

fn theirs<C: Clock>(case: &Case, clock: C) -> Theirs<C> {
    let burst = NonZeroU32::new(case.burst).expect("not zero");
    let quota = TheirQuota::with_period(case.interval).expect("not zero").allow_burst(burst);
    RateLimiter::new(quota, DashMapStateStore::default(), clock)
}

/// One side of a pair, after everybody has been there once.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, side: &str, case: &Case, mut attempt: impl FnMut(u32)) {
    let mut keys = Keys { state: 0, crowd: case.crowd };
    for _ in 0..case.crowd {
        attempt(keys.next());
    }
    group.bench_function(format!("{}/{side}", case.name), |bencher| bencher.iter(|| attempt(keys.next())));
}

fn address(key: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(key))
}

/// Who knocks, how many they are, and what each may have, such that no bucket fills.
struct Case {
    name: &'static str,
    crowd: u32,
    interval: Duration,
    burst: u32,
}

const CASES: [Case; 4] = [
    Case { name: "yes/1-key", crowd: 1, interval: Duration::from_micros(1), burst: u32::MAX },
    Case { name: "yes/1M-keys", crowd: CROWD, interval: Duration::from_secs(10), burst: 100_000 },
    Case { name: "no/1-key", crowd: 1, interval: Duration::from_secs(3_600), burst: 1 },
    Case { name: "no/1M-keys", crowd: CROWD, interval: Duration::from_secs(3_600), burst: 1 },
];

const NOTHING: Case = Case { name: "nothing", crowd: CROWD, interval: Duration::ZERO, burst: 0 };

fn limiter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limiter");
    let tick = Tick::new();
    measure(&mut group, "loop", &NOTHING, |key| {
        tick.advance();
        let _ = black_box((address(key), tick.mono()));
    });
    for case in CASES {
        let (tick, access) = (Tick::new(), ours(&case));
        measure(&mut group, "ours", &case, |key| {
            tick.advance();
            let _ = black_box(access.knock(address(key), tick.mono()));
        });
        let tick = Tick::new();
        let governor = theirs(&case, tick.clone());
        measure(&mut group, "governor", &case, |key| {
            tick.advance();
            let _ = black_box(governor.check_key(&key));
        });
    }
    group.finish();
}

fn limiter_clock(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limiter-clock");
    let start = Instant::now();
    let now = || MonoTime::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    for case in CASES {
        let access = ours(&case);
        measure(&mut group, "ours", &case, |key| {
            let _ = black_box(access.knock(address(key), now()));
        });
        let governor = theirs(&case, DefaultClock::default());
        measure(&mut group, "governor", &case, |key| {
            let _ = black_box(governor.check_key(&key));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = limiter, limiter_clock
}
criterion_main!(benches);
