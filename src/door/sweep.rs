//! The sweep: looks at the pulses of many connections a few times a second, and ends those that are overdue.
//!
//! **Invariant:** a connection that has ended is forgotten by the next sweep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::pulse::{Deadlines, Pulse};

/// How often deadlines are looked at: a peer gets up to this much more than his deadline.
const INTERVAL: Duration = Duration::from_millis(250);

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
    pub(super) async fn keep(&self) {
        let began = tokio::time::Instant::now();
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            let now_ms = u64::try_from((ticks.tick().await - began).as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            // Relaxed: a pulse that is noted with the tick before gets a moment less.
            self.tick_ms.store(now_ms, Ordering::Relaxed);
            self.pulses.lock().retain(|pulse| {
                let pulse = pulse.upgrade();
                if let Some(pulse) = &pulse {
                    pulse.check(&self.deadlines, now_ms);
                }
                pulse.is_some()
            });
        }
    }

    /// Ends every connection after the answer that it may be waiting for.
    pub(super) fn leave(&self) {
        for pulse in self.pulses.lock().iter().filter_map(Weak::upgrade) {
            pulse.leave();
        }
    }
}
