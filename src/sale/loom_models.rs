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

/// | taker | keeper, after he has settled |
/// | --- | --- |
/// | read the old terms | sees what it has queued: required |
/// | read the old terms, queues afterwards | forbidden |
/// | read the new terms | allowed |
#[test]
fn loom_who_steps_in_after_the_terms_have_settled_reads_the_new_ones() {
    loom::model(|| {
        let gate = Arc::new(Gate::new(Phase::Live));
        let (limit, queued) = (Arc::new(AtomicU32::new(2)), Arc::new(AtomicU32::new(0)));
        let taker = {
            let (gate, limit, queued) = (Arc::clone(&gate), Arc::clone(&limit), Arc::clone(&queued));
            thread::spawn(move || {
                let _underway = gate.step_in().expect("the sale stays live");
                // Relaxed: only the gate orders these; that is what is on trial.
                let limit = limit.load(Ordering::Relaxed);
                queued.fetch_add(1, Ordering::Relaxed);
                limit
            })
        };
        limit.store(1, Ordering::Relaxed);
        gate.settle();
        let seen = queued.load(Ordering::Relaxed);
        let by_limit = taker.join().expect("the taker doesn't panic");
        assert!(by_limit == 1 || seen == 1, "an order by the old terms was queued after they had settled");
    });
}

/// | taker | keeper, after he has settled |
/// | --- | --- |
/// | read the old terms | sees what it has queued: required |
/// | read the old terms, queues afterwards | forbidden |
/// | read the new terms | allowed |
#[test]
fn loom_a_late_payment_of_a_sale_that_is_over_goes_by_the_new_terms_or_before_them() {
    loom::model(|| {
        let gate = Arc::new(Gate::new(Phase::Ended));
        let (limit, queued) = (Arc::new(AtomicU32::new(2)), Arc::new(AtomicU32::new(0)));
        let taker = {
            let (gate, limit, queued) = (Arc::clone(&gate), Arc::clone(&limit), Arc::clone(&queued));
            thread::spawn(move || {
                let _underway = gate.step_past();
                // Relaxed: only the gate orders these; that is what is on trial.
                let limit = limit.load(Ordering::Relaxed);
                queued.fetch_add(1, Ordering::Relaxed);
                limit
            })
        };
        limit.store(1, Ordering::Relaxed);
        gate.settle();
        let seen = queued.load(Ordering::Relaxed);
        let by_limit = taker.join().expect("the taker doesn't panic");
        assert!(by_limit == 1 || seen == 1, "an order by the old terms was queued after they had settled");
    });
}

/// The other side is empty when newcomers are sent there again.
///
/// | taker | keeper, after he has settled twice |
/// | --- | --- |
/// | got in before the second time, still inside | forbidden |
/// | got in after it | allowed |
#[test]
fn loom_settling_twice_waits_for_either_side() {
    loom::model(|| {
        let gate = Arc::new(Gate::new(Phase::Live));
        let (limit, queued) = (Arc::new(AtomicU32::new(2)), Arc::new(AtomicU32::new(0)));
        let taker = {
            let (gate, limit, queued) = (Arc::clone(&gate), Arc::clone(&limit), Arc::clone(&queued));
            thread::spawn(move || {
                let _underway = gate.step_in().expect("the sale stays live");
                // Relaxed: only the gate orders these; that is what is on trial.
                let limit = limit.load(Ordering::Relaxed);
                queued.fetch_add(1, Ordering::Relaxed);
                limit
            })
        };
        gate.settle();
        limit.store(1, Ordering::Relaxed);
        gate.settle();
        let seen = queued.load(Ordering::Relaxed);
        let by_limit = taker.join().expect("the taker doesn't panic");
        assert!(by_limit == 1 || seen == 1, "an order by the old terms was queued after they had settled");
    });
}
