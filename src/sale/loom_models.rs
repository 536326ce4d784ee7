//! Every interleaving of the gate's races.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::gate::Gate;
use crate::offer::Phase;

/// | taker | pauser sees |
/// | --- | --- |
/// | got in, enqueued | the order: required |
/// | got in, enqueues after the pause was written | forbidden |
/// | refused | no order: allowed |
#[test]
fn loom_an_order_that_got_in_stands_before_the_pause_and_none_after_it() {
    loom::model(|| {
        let gate = Arc::new(Gate::new(Phase::Live));
        let queued = Arc::new(AtomicU32::new(0));
        let taker = {
            let (gate, queued) = (Arc::clone(&gate), Arc::clone(&queued));
            thread::spawn(move || {
                let Ok(_underway) = gate.step_in() else { return false };
                // Relaxed: only the gate orders this for the pauser; that is what is on trial.
                queued.fetch_add(1, Ordering::Relaxed);
                true
            })
        };
        gate.close(Phase::Paused);
        let seen_at_pause = queued.load(Ordering::Relaxed);
        let got_in = taker.join().expect("the taker doesn't panic");
        assert_eq!(seen_at_pause, u32::from(got_in), "an order slipped in after the pause");
        assert!(gate.step_in().is_err(), "a paused sale let somebody in");
    });
}

/// Both a resume and a taker: the taker gets in or not, but who gets in sees what was committed before the resume.
#[test]
fn loom_who_gets_in_after_a_resume_sees_what_was_written_before_it() {
    loom::model(|| {
        let gate = Arc::new(Gate::new(Phase::Paused));
        let written = Arc::new(AtomicU32::new(0));
        let taker = {
            let (gate, written) = (Arc::clone(&gate), Arc::clone(&written));
            thread::spawn(move || gate.step_in().is_ok().then(|| written.load(Ordering::Relaxed)))
        };
        written.store(1, Ordering::Relaxed);
        gate.set(Phase::Live);
        if let Some(seen) = taker.join().expect("the taker doesn't panic") {
            assert_eq!(seen, 1, "got in before the resume was written");
        }
    });
}
