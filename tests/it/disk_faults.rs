//! The disk says no: whichever of its operations fails, whoever was told *yes* has his order, and nobody has two.
//!
//! One operation on the real shop's data directory fails by strace, once, or for ever from then on: the first, the
//! second, and so on through a start, some sales and an end, until there is none that could, on a shop that is new, on
//! one that crashed and on one that was closed. Files that mayn't grow beyond some length make writes stop in their
//! middle. Afterwards the shop is opened on a disk that is well again, every buyer asks once more under his key, and the
//! ledger is proved.
//!
//! `DOORBUSTER_TEST_DISK_FAULTS` says how many of them are tried, spread evenly over all that one life of each shop
//! counts; `all` tries all, until the end is met.

mod fault;
mod trial;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use self::fault::Fault;
use self::trial::{Before, Case, End, Shops};

/// So many are tried beside everything else that is.
const FEW: usize = 22;
/// Far more than there are.
const ENDLESS: usize = 10_000;

/// Cases, and which operation of each is to fail.
fn everything(shops: &Shops) -> Vec<(Case, Range<usize>)> {
    let mut series = Vec::new();
    for fault in Fault::ALL {
        for lasts in [false, true] {
            series.extend(Before::ALL.map(|before| {
                let case = Case { fault, lasts, before };
                (case, 1..1 + fault.count(shops.calls(before)))
            }));
        }
    }
    series
}

/// So many of them, spread evenly.
fn a_few(all: &[(Case, Range<usize>)], count: usize) -> Vec<(Case, Range<usize>)> {
    let single =
        |(case, nths): &(Case, Range<usize>)| nths.clone().map(|nth| (*case, nth..nth + 1)).collect::<Vec<_>>();
    let singles: Vec<_> = all.iter().flat_map(single).collect();
    (0..count).map(|number| singles[number * singles.len() / count].clone()).collect()
}

/// How often what was tried ended how, and how often it was met.
#[derive(Default)]
struct Tried {
    ends: BTreeMap<(Fault, bool, End), usize>,
    met: BTreeMap<(Fault, bool), usize>,
}

impl Tried {
    fn print(&self) {
        for ((fault, lasts, end), count) in &self.ends {
            eprintln!("{fault:?} {}: {end:?} {count} times", if *lasts { "for ever" } else { "once" });
        }
        let (runs, met) = (self.ends.values().sum::<usize>(), self.met.values().sum::<usize>());
        eprintln!("{runs} runs, in {met} of them the fault was met");
    }
}

/// Tries each series until what should have gone wrong isn't met any more, or to its end.
fn try_all(shops: &Shops, series: &[(Case, Range<usize>)], voices: usize) -> Tried {
    let (next, tried) = (AtomicUsize::new(0), Mutex::new(Tried::default()));
    thread::scope(|scope| {
        for _ in 0..voices {
            scope.spawn(|| {
                // Relaxed: tickets; the threads' end makes visible what they did.
                while let Some((case, nths)) = series.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for nth in nths.clone() {
                        let (end, is_met) = shops.try_fault(*case, nth);
                        let mut tried = tried.lock().expect("no panic there");
                        *tried.ends.entry((case.fault, case.lasts, end)).or_default() += 1;
                        *tried.met.entry((case.fault, case.lasts)).or_default() += usize::from(is_met);
                        assert!(is_met || end == End::WentOn, "{case:?} {nth}: {end:?} of nothing");
                        assert!(nth + 1 < ENDLESS, "{case:?}: no end");
                        if !is_met {
                            break;
                        }
                    }
                }
            });
        }
    });
    tried.into_inner().expect("no panic there")
}

#[test]
#[ignore = "needs strace: tests/run"]
fn whichever_operation_of_the_disk_fails_nobody_loses_what_he_was_told_and_nobody_has_two() {
    let shops = Shops::open();
    let all = everything(&shops);
    let counted: usize = all.iter().map(|(_, nths)| nths.len()).sum();
    eprintln!("{counted} operations could fail");
    let tried = match std::env::var("DOORBUSTER_TEST_DISK_FAULTS").as_deref() {
        Err(_) => try_all(&shops, &a_few(&all, FEW), 1),
        Ok("all") => {
            let series: Vec<_> = all.iter().map(|(case, _)| (*case, 1..ENDLESS)).collect();
            let tried = try_all(&shops, &series, 4);
            let unmet: Vec<_> = tried.met.iter().filter(|(_, met)| **met == 0).map(|(of, _)| of).collect();
            assert!(unmet.is_empty(), "{unmet:?}: never met");
            tried
        }
        Ok(text) => {
            let count = text.parse().unwrap_or_else(|_| panic!("DOORBUSTER_TEST_DISK_FAULTS={text} is no number"));
            try_all(&shops, &a_few(&all, count), 1)
        }
    };
    tried.print();
    assert!(tried.ends.keys().any(|(_, _, end)| *end != End::WentOn), "nobody noticed anything");
}
