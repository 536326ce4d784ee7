//! Disks on trial: each cut's disk is made, opened and judged, and the bad ones are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;

use super::disk::{Chance, Disk, Loss};
use super::judge::{Told, judge, lay_out};
use super::scene::{Moment, Scene};
use super::trace::Op;

/// Bad disks that are kept and told of.
pub(crate) const KEPT_MAX: usize = 5;

/// One power cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) number: u64,
    /// After so many operations.
    pub(crate) after: usize,
    pub(crate) loss: Loss,
    pub(crate) seed: u64,
}

/// A disk that the judge objected to.
pub(crate) struct Bad {
    pub(crate) cut: Cut,
    pub(crate) moment: Moment,
    pub(crate) why: String,
    pub(crate) kept: Option<PathBuf>,
}

impl fmt::Display for Bad {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cut: Cut { number, after, loss, seed }, moment, why, kept } = self;
        write!(
            formatter,
            "disk {number} ({moment:?}, cut after {after}, lost {loss:?}, chance {seed}): {why}; kept: {kept:?}"
        )
    }
}

#[derive(Default)]
pub(crate) struct Verdict {
    /// Disks by the moment and by what was lost.
    pub(crate) disks: BTreeMap<(Moment, Loss), u64>,
    /// The fewest and the most events that were found.
    pub(crate) events: Option<(u64, u64)>,
    pub(crate) bad: Vec<Bad>,
}

impl Verdict {
    fn join(&mut self, other: Self) {
        for (of, count) in other.disks {
            *self.disks.entry(of).or_default() += count;
        }
        if let Some((fewest, most)) = other.events {
            self.note(fewest);
            self.note(most);
        }
        self.bad.extend(other.bad);
    }

    fn note(&mut self, events: u64) {
        let (fewest, most) = self.events.unwrap_or((events, events));
        self.events = Some((fewest.min(events), most.max(events)));
    }

    pub(crate) fn count(&self) -> u64 {
        self.disks.values().sum()
    }
}

/// Where images lie while they are judged: in memory where that is possible, for what they lost is lost already.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    tempfile::Builder::new().prefix("power-").tempdir_in(place).expect("a directory for images")
}

/// Judges the disks that these cuts leave of these operations.
pub(crate) fn try_cuts(scene: &Scene, ops: &[Op], mut cuts: Vec<Cut>, keep: Option<&Path>) -> Verdict {
    cuts.sort_by_key(|cut| cut.after);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(cuts.len()).max(1);
    let mut verdict = Verdict::default();
    thread::scope(|scope| {
        let parts = cuts.chunks(cuts.len().div_ceil(threads).max(1));
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || try_in_order(scene, ops, part, keep))).collect();
        parts.into_iter().for_each(|part| verdict.join(part.join().expect("no panic while judging")));
    });
    verdict
}

fn try_in_order(scene: &Scene, ops: &[Op], cuts: &[Cut], keep: Option<&Path>) -> Verdict {
    let (mut disk, mut told, mut done) = (Disk::default(), Told::default(), 0);
    let scratch = scratch();
    let dir = scratch.path().join("data");
    let mut verdict = Verdict::default();
    for &cut in cuts {
        for op in &ops[done..cut.after] {
            disk.take(op);
            if let Op::Told(order, state) = op {
                told.insert(*order, *state);
            }
        }
        done = cut.after;
        let image = disk.image(cut.loss, &mut Chance::of(cut.seed));
        let _ = std::fs::remove_dir_all(&dir);
        lay_out(&image, &dir);
        let moment = scene.moments.get(cut.after - 1).copied().unwrap_or(Moment::Selling);
        *verdict.disks.entry((moment, cut.loss)).or_default() += 1;
        match judge(&dir, &told, &scene.truth) {
            Ok(events) => verdict.note(events),
            Err(why) => {
                let kept =
                    keep.filter(|_| verdict.bad.len() < KEPT_MAX).map(|place| place.join(cut.number.to_string()));
                kept.iter().for_each(|place| lay_out(&image, place));
                verdict.bad.push(Bad { cut, moment, why, kept });
            }
        }
    }
    verdict
}
