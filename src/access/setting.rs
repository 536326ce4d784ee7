//! A quota that may be changed while it is read, at the cost of one plain load.
//!
//! **Invariant:** what is read was stored as a whole: a quota is one word here, never one quota's rate beside another's
//! burst.

use super::bucket::{FILL_TICKS_MAX, INTERVAL_TICKS_MAX, Quota};
use crate::sync::{AtomicU64, Ordering};

/// How many bits the width takes: it is at most 38.
const WIDTH_BITS: u32 = 6;

/// A word has room for the width, and for an interval and a burst whose product is at most [`FILL_TICKS_MAX`]: together
/// they are at most two bits wider than that.
const _: () = assert!(WIDTH_BITS + FILL_TICKS_MAX.ilog2() + 2 <= u64::BITS);
const _: () = assert!(INTERVAL_TICKS_MAX.ilog2() < 1 << WIDTH_BITS);

/// What has no limit: no quota's word, because an interval is at least one bit wide.
const NO_LIMIT: u64 = 0;

/// The quota that holds now; none: no limit.
///
/// ```text
/// | burst | interval: as wide as it is | width: 6 bits |
/// ```
#[derive(Debug)]
pub(super) struct Setting(AtomicU64);

impl Setting {
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self(AtomicU64::new(pack(quota)))
    }

    pub(super) fn set(&self, quota: Option<Quota>) {
        // Relaxed: the word says all there is to say.
        self.0.store(pack(quota), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Quota> {
        // Relaxed: as above. Whoever changes it sees his change; others see it a moment later.
        unpack(self.0.load(Ordering::Relaxed))
    }
}

fn pack(quota: Option<Quota>) -> u64 {
    quota.map_or(NO_LIMIT, |quota| {
        let width = quota.interval().ilog2() + 1;
        u64::from(quota.burst()) << width << WIDTH_BITS | quota.interval() << WIDTH_BITS | u64::from(width)
    })
}

fn unpack(word: u64) -> Option<Quota> {
    (word != NO_LIMIT).then(|| {
        let (width, parts) = (word % (1 << WIDTH_BITS), word >> WIDTH_BITS);
        let burst = parts >> width;
        #[expect(clippy::cast_possible_truncation, reason = "a u32 was packed")]
        Quota::from_parts(parts ^ burst << width, burst as u32)
    })
}
