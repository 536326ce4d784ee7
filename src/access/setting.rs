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

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_quota_comes_back_as_it_was_set() {
        for (rate_per_s, burst) in
            [(1e6, u32::MAX), (1e6, 1), (0.0001, 1), (0.0001, 109), (7.3, 400_000), (999_999.0, 3), (1.0, 1 << 20)]
        {
            let quota = Quota::new(rate_per_s, burst).expect("in range");
            assert!(quota.is_some());
            assert_eq!(Setting::new(quota).get(), quota, "{rate_per_s} {burst}");
        }
        let setting = Setting::new(None);
        assert_eq!(setting.get(), None);
        setting.set(Quota::new(3.0, 9).expect("in range"));
        assert_eq!(setting.get(), Quota::new(3.0, 9).expect("in range"));
    }
}
