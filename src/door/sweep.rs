//! The sweep: looks at the pulses of many connections a few times a second, and ends those that are overdue.
//!
//! **Invariant:** a connection that has ended is forgotten by the next sweep.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::pulse::{Deadlines, Pulse};

/// How often deadlines are looked at: a peer gets up to this much more than his deadline, and a second more where thousands
/// of others are late with him.
const INTERVAL: Duration = Duration::from_millis(250);

/// A look takes some 50 ns, and everybody else on this thread waits.
const LOOKED_AT_IN_A_ROW: usize = 1_024;

/// To end a connection takes some 30 µs: those who came together, and were slow together, aren't sent away in one breath.
const ENDED_IN_A_ROW: usize = 8;

/// In between, whoever has something to say is heard.
const BREATH: Duration = Duration::from_millis(1);

/// The pulses of one thread's connections.
#[derive(Debug)]
pub(super) struct Sweep {
    deadlines: Deadlines,
    tick_ms: Arc<AtomicU64>,
    pulses: Mutex<Vec<Weak<Pulse>>>,
}

impl Sweep {
    pub(super) fn new(deadlines: Deadlines) -> Self {
        Self { deadlines, tick_ms: Arc::new(AtomicU64::new(1)), pulses: Mutex::default() }
    }

    /// The pulse of a connection that begins.
    pub(super) fn begin(&self) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new(Arc::clone(&self.tick_ms)));
        self.pulses.lock().push(Arc::downgrade(&pulse));
        pulse
    }

    /// Keeps the deadlines, for ever.
    pub(super) async fn keep(&self) -> Infallible {
        let began = Instant::now();
        loop {
            let mut next = Some(0);
            while let Some(from) = next {
                let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
                // Relaxed: a pulse that is noted with the tick before gets a moment less.
                self.tick_ms.store(now_ms, Ordering::Relaxed);
                next = self.look(from, now_ms);
                tokio::time::sleep(if next.is_some() { BREATH } else { INTERVAL }).await;
            }
        }
    }

    /// Looks at the connections from this one on, until that takes too long: where to go on, if anywhere.
    fn look(&self, from: usize, now_ms: u64) -> Option<usize> {
        let mut pulses = self.pulses.lock();
        let (mut at, mut ended) = (from, 0);
        for _ in 0..LOOKED_AT_IN_A_ROW {
            match pulses.get(at)?.upgrade() {
                Some(pulse) => {
                    at += 1;
                    ended += usize::from(pulse.check(&self.deadlines, now_ms));
                }
                None => drop(pulses.swap_remove(at)),
            }
            if ended == ENDED_IN_A_ROW {
                break;
            }
        }
        Some(at)
    }

    /// Ends every connection after the answer that it may be waiting for.
    pub(super) fn leave(&self) {
        for pulse in self.pulses.lock().iter().filter_map(Weak::upgrade) {
            pulse.leave();
        }
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{ENDED_IN_A_ROW, LOOKED_AT_IN_A_ROW, Sweep};
    use crate::door::pulse::Deadlines;

    const ALLOWED: Duration = Duration::from_secs(1);
    const LATE_MS: u64 = 1_500;

    fn sweep() -> Sweep {
        let deadlines = Deadlines { first_byte: ALLOWED, head: ALLOWED, body: ALLOWED, write: ALLOWED, idle: ALLOWED };
        Sweep::new(deadlines)
    }

    #[test]
    fn those_who_are_late_together_are_ended_a_few_at_a_time() {
        let sweep = sweep();
        let pulses: Vec<_> = (0..ENDED_IN_A_ROW * 2 + 1).map(|_| sweep.begin()).collect();
        let ended = || pulses.iter().filter(|pulse| pulse.is_to_end()).count();
        let mut next = Some(0);
        for expected in [ENDED_IN_A_ROW, 2 * ENDED_IN_A_ROW, pulses.len()] {
            next = sweep.look(next.expect("there are more"), LATE_MS);
            assert_eq!(ended(), expected);
        }
        assert_eq!(next, None);
    }

    #[test]
    fn nobody_is_missed_where_others_have_gone() {
        let sweep = sweep();
        let mut pulses: Vec<_> = (0..3 * LOOKED_AT_IN_A_ROW).map(|_| sweep.begin()).collect();
        let mut number = 0;
        pulses.retain(|_| {
            number += 1;
            number % 3 == 0
        });
        let mut next = Some(0);
        while let Some(from) = next {
            next = sweep.look(from, LATE_MS);
        }
        assert!(pulses.iter().all(|pulse| pulse.is_to_end()));
        assert_eq!(sweep.pulses.lock().len(), pulses.len());
        assert!(pulses.iter().all(|pulse| Arc::weak_count(pulse) == 1));
    }
}
