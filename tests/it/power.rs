//! The power goes: whatever a disk may then have kept, the ledger that is found has every order that a buyer was told is
//! his, and nothing that never was.
//!
//! A shop is opened under strace, sells, is killed, opened again, closed and opened a third time. The trace says, in one
//! order, what was written, what was synced and what was told. From it any number of disks are made as a power cut at any
//! point of it might have left them ([`disk`]), and each is opened as a restart would open it, proved, and sold from
//! ([`judge`]). Cuts are spread evenly over five moments: the first start, selling, a checkpoint, a restart after a crash,
//! closing.
//!
//! `DOORBUSTER_TEST_IMAGES` says how many disks, `DOORBUSTER_TEST_SEED` what is lost on each. The crowd is another one each
//! time, so a disk that is found bad is kept, with what it was, where the failure says.

pub(crate) mod disk;
mod judge;
mod scene;
pub(crate) mod trace;
mod trial;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

use self::disk::{Chance, Loss};
use self::scene::{Moment, Scene, WAL};
use self::trace::Op;
use self::trial::{Bad, Cut, KEPT_MAX, try_cuts};

/// Traced once for all tests.
static SCENE: LazyLock<Scene> = LazyLock::new(Scene::play);
/// Answers before which the doctor comes.
const TRIED: usize = 12;
fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Cuts spread evenly over the moments, and over what is lost.
fn spread(scene: &Scene, count: u64, seed: u64) -> Vec<Cut> {
    let mut chance = Chance::of(seed);
    let mut places: BTreeMap<Moment, Vec<usize>> = BTreeMap::new();
    for (index, moment) in scene.moments.iter().enumerate() {
        places.entry(*moment).or_default().push(index + 1);
    }
    let missing: Vec<_> = Moment::ALL.into_iter().filter(|moment| !places.contains_key(moment)).collect();
    assert!(missing.is_empty(), "the trace has no {missing:?}");
    let places: Vec<_> = places.into_values().collect();
    let cut = |number: u64| {
        let turn = usize::try_from(number).expect("not so many");
        let places = &places[turn % places.len()];
        let loss = Loss::ALL[turn / Moment::ALL.len() % Loss::ALL.len()];
        Cut { number, after: places[chance.below(places.len())], loss, seed: chance.next() }
    };
    (0..count).map(cut).collect()
}

#[test]
#[ignore = "needs strace: tests/run"]
fn whatever_a_power_cut_leaves_has_every_order_that_was_told_and_nothing_that_never_was() {
    let images = from_environment("DOORBUSTER_TEST_IMAGES", 400);
    let now_ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_IMAGES={images}");
    let scene = &*SCENE;
    eprintln!("{scene}");
    let keep = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-bad-{seed}"));
    let verdict = try_cuts(scene, &scene.ops, spread(scene, images, seed), Some(&keep));
    for ((moment, loss), count) in &verdict.disks {
        eprintln!("{moment:?}, lost {loss:?}: {count} disks");
    }
    let (fewest, most) = verdict.events.unwrap_or_default();
    eprintln!("{} disks, {} bad; {fewest} to {most} events were found", verdict.count(), verdict.bad.len());
    let told: Vec<_> = verdict.bad.iter().take(KEPT_MAX).map(Bad::to_string).collect();
    assert!(told.is_empty(), "{} bad disks of {images}, seed {seed}:\n{}", verdict.bad.len(), told.join("\n"));
}

/// First answers about an order that were told after the commit that has it and before the next write: where they are in
/// the trace, with the sync of that commit.
fn answers_after_syncs(ops: &[Op]) -> Vec<(usize, usize)> {
    let (mut before, mut sync, mut is_synced) = (0, 0, false);
    let mut answers = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        match op {
            Op::Sync(file) if file == WAL => (before, sync, is_synced) = (sync, index, true),
            Op::Write { file, .. } if file == WAL => is_synced = false,
            Op::Told(order, _) if std::mem::take(&mut is_synced) => {
                let has_order = |op: &Op| match op {
                    Op::Write { bytes, .. } => bytes.windows(16).any(|window| window == order.as_bytes()),
                    _ => false,
                };
                let is_new = ops[before..sync].iter().any(has_order) && !ops[..before].iter().any(has_order);
                answers.extend(is_new.then_some((index, sync)));
            }
            _ => {}
        }
        if answers.len() == TRIED {
            break;
        }
    }
    answers
}

/// How many of the first answers after a commit the judge objects to when the trace is doctored there. What to cut after
/// is for the doctor to say.
fn objections(doctor: impl Fn(&mut Vec<Op>, usize, usize) -> usize, loss: Loss) -> (usize, usize) {
    let scene = &*SCENE;
    let answers = answers_after_syncs(&scene.ops);
    let found = answers.iter().filter(|(answer, sync)| {
        let cut = |after| vec![Cut { number: 0, after, loss, seed: 0 }];
        let as_it_was = try_cuts(scene, &scene.ops, cut(answer + 1), None);
        assert!(as_it_was.bad.is_empty(), "before the doctor came: {}", as_it_was.bad[0]);
        let mut ops = scene.ops.clone();
        let after = doctor(&mut ops, *answer, *sync);
        !try_cuts(scene, &ops, cut(after), None).bad.is_empty()
    });
    assert_eq!(answers.len(), TRIED, "too few answers");
    (found.count(), TRIED)
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_disk_that_lacks_one_synced_write_is_objected_to() {
    let lose_a_write = |ops: &mut Vec<Op>, answer: usize, sync: usize| {
        let is_log = |op: &Op| matches!(op, Op::Write { file, .. } if file == WAL);
        let write = ops[..sync].iter().rposition(is_log).expect("a commit is written");
        ops.remove(write);
        answer
    };
    let (found, tried) = objections(lose_a_write, Loss::None);
    eprintln!("{found} of {tried} lost writes found");
    assert_eq!(found, tried);
}

#[test]
#[ignore = "needs strace: tests/run"]
fn an_order_that_is_told_before_it_is_synced_is_objected_to() {
    let tell_early = |ops: &mut Vec<Op>, answer: usize, sync: usize| {
        let told = ops.remove(answer);
        ops.insert(sync, told);
        sync + 1
    };
    let (found, tried) = objections(tell_early, Loss::Unsynced);
    eprintln!("{found} of {tried} early answers found");
    assert_eq!(found, tried);
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_disk_that_only_says_that_it_syncs_is_objected_to_whichever_file_it_lies_about() {
    let scene = &*SCENE;
    for (lie, loss) in
        [(WAL, Loss::Unsynced), ("ledger.db", Loss::Unsynced), ("secret.key.new", Loss::Unsynced), ("", Loss::Unsynced)]
    {
        let mut ops = scene.ops.clone();
        // In place, so that the moments stay where they are.
        let lied = Op::Length { file: "lies".into(), length: 0 };
        ops.insert(0, Op::Create("lies".into()));
        for op in &mut ops {
            let is_lie = match op {
                Op::Sync(file) => file == lie,
                Op::SyncNames => lie.is_empty(),
                _ => false,
            };
            if is_lie {
                *op = lied.clone();
            }
        }
        let cuts = spread(scene, 100, 1).into_iter().map(|cut| Cut { loss, ..cut }).collect();
        let verdict = try_cuts(scene, &ops, cuts, None);
        eprintln!("a disk that lies about {lie:?}: {} of {} disks bad", verdict.bad.len(), verdict.count());
        assert!(!verdict.bad.is_empty(), "nobody notices a disk that lies about {lie:?}");
    }
}

#[test]
#[ignore = "needs strace: tests/run"]
fn what_a_failed_sync_left_in_memory_only_is_on_disk_before_the_next_run_tells_anybody() {
    let scene = &*SCENE;
    let is_log = |op: &Op| matches!(op, Op::Write { file, .. } if file == WAL);
    let is_log_sync = |op: &Op| matches!(op, Op::Sync(file) if file == WAL);
    // The first run's last commit: read back by the second run, and never written by the kernel.
    let (killed, restarted) = (scene.ends[0], scene.ends[0] + scene.answer_after(scene.ends[0]));
    let sync = scene.ops[..killed].iter().rposition(is_log_sync).expect("a last commit");
    let before = scene.ops[..sync].iter().rposition(is_log_sync).expect("a commit before");
    let was_told = |index: usize| index > sync && index < killed && matches!(scene.ops[index], Op::Told(..));
    let was_lost = |index: usize| index > before && index < sync && is_log(&scene.ops[index]);
    let stayed = (0..restarted).filter(|index| !was_told(*index) && !was_lost(*index));
    let ops: Vec<_> = stayed.map(|index| scene.ops[index].clone()).collect();
    let at_the_end = |ops: &[Op]| {
        let cut = Cut { number: 0, after: ops.len(), loss: Loss::Unsynced, seed: 0 };
        let verdict = try_cuts(scene, ops, vec![cut], None);
        assert!(verdict.bad.is_empty(), "{}", verdict.bad[0]);
        verdict.events
    };
    assert!(ops.len() < restarted, "nothing was lost");
    assert_eq!(at_the_end(&ops), at_the_end(&scene.ops[..restarted]));
}
