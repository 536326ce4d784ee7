//! Files that aren't what was written: bits flip, pages are lost, a log is missing or another's. Whatever it is, a shop
//! refuses to open, and says so, or it has lost nothing; it never sells from other sums.
//!
//! Each damaged ledger is opened by the code that `serve` opens it by, one more event is written into it, and it is
//! proved; some are opened by the real binary, too.
//!
//! `DOORBUSTER_TEST_FLIPS` says how many bits are flipped, one at a time, spread evenly over the file: from as many on as
//! it has bytes, each byte is met. `DOORBUSTER_TEST_SEED` says which bits.

mod judge;
mod scene;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use tempfile::TempDir;

use self::judge::{Found, Truth};
use self::scene::{Files, Scene, WAL};
use crate::power::disk::Chance;
use crate::shop::Shop;

/// Sold and crashed once for all tests.
static SCENE: LazyLock<Scene> = LazyLock::new(Scene::play);
/// SQLite's.
const PAGE: usize = 4096;
/// A page in the log, with its header.
const FRAME: usize = PAGE + 24;
/// What stands before the log's first frame.
const LOG_HEADER: usize = 32;

fn finished() -> Files {
    Files::of(&SCENE.finished.data())
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// How many, and what decides which.
fn count_and_seed(few: u64) -> (usize, u64) {
    let now_ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    let count = from_environment("DOORBUSTER_TEST_FLIPS", few);
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_FLIPS={count}");
    (usize::try_from(count).expect("not so many"), seed)
}

/// In memory where that is possible: what is damaged is damaged already.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    tempfile::Builder::new().prefix("damage-").tempdir_in(place).expect("a directory for a ledger")
}

/// One bit of each of so many bytes, spread evenly.
fn flips(length: usize, count: usize, seed: u64) -> Vec<(usize, u8)> {
    let mut chance = Chance::of(seed);
    let place = |number: usize, chance: &mut Chance| match count / length {
        0 => number * length / count + chance.below(length / count),
        _ => number % length,
    };
    (0..count).map(|number| (place(number, &mut chance), 1 << chance.below(8))).collect()
}

/// What is found of each of so many ledgers, and what is wrong with them.
fn try_all(whole: &Files, count: usize, damaged: impl Fn(usize) -> (String, Files) + Sync) -> BTreeMap<Found, usize> {
    let truth = Truth::of(whole, scratch().path());
    let (next, found, bad) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Relaxed: tickets; the threads' end makes visible what they did.
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count) {
                    let (what, files) = damaged(number);
                    let dir = scratch();
                    files.lay_out(dir.path());
                    match truth.judge(dir.path()) {
                        Ok(verdict) => *found.lock().expect("no panic there").entry(verdict).or_insert(0) += 1,
                        Err(why) => bad.lock().expect("no panic there").push(format!("{what}: {why}")),
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().expect("no panic there");
    assert!(bad.is_empty(), "{} of {count} are bad:\n{}", bad.len(), bad[..bad.len().min(30)].join("\n"));
    found.into_inner().expect("no panic there")
}

#[test]
fn a_bit_that_flips_is_refused_or_changes_nothing() {
    let (whole, (count, seed)) = (finished(), count_and_seed(400));
    let flips = flips(whole.db.len(), count, seed);
    let found = try_all(&whole, count, |number| {
        let ((at, bit), mut files) = (flips[number], whole.clone());
        files.db[at] ^= bit;
        (format!("byte {at} (page {}, {}) ^ {bit:#04x}", at / PAGE + 1, at % PAGE), files)
    });
    eprintln!("{count} flips in {} bytes: {found:?}", whole.db.len());
    assert!(found.keys().all(|found| matches!(found, Found::Refused | Found::Whole)), "{found:?}");
    assert!(found.contains_key(&Found::Refused), "nobody notices anything");
}

#[test]
fn a_file_that_is_cut_off_or_has_a_wrong_page_is_refused_or_has_lost_nothing() {
    let whole = finished();
    let (length, earlier) = (whole.db.len(), &SCENE.earlier.db);
    let mut damaged = Vec::new();
    for at in (512..length).step_by(512) {
        damaged.push((format!("cut off at {at}"), whole.db[..at].to_vec()));
    }
    for (number, page) in whole.db.chunks(PAGE).enumerate() {
        let range = number * PAGE..(number + 1) * PAGE;
        let mut put = |what: &str, bytes: &[u8]| {
            let mut db = whole.db.clone();
            db[range.clone()].copy_from_slice(bytes);
            damaged.push((format!("page {} {what}", number + 1), db));
        };
        put("zeroed", &[0; PAGE]);
        put("all ones", &[0xff; PAGE]);
        // A write that went elsewhere, and one that was lost.
        whole.db.chunks(PAGE).filter(|other| *other != page).for_each(|other| put("replaced by another", other));
        if let Some(old) = earlier.get(range.clone()).filter(|old| *old != page) {
            put("as it was earlier", old);
        }
    }
    let found = try_all(&whole, damaged.len(), |number| {
        let (what, db) = damaged[number].clone();
        (what, Files { db, wal: None })
    });
    eprintln!("{} files cut off or with a wrong page: {found:?}", damaged.len());
    assert!(found.keys().all(|found| matches!(found, Found::Refused | Found::Whole)), "{found:?}");
    assert!(found.contains_key(&Found::Refused), "nobody notices anything");
}

#[test]
fn a_log_that_belongs_to_another_ledger_is_refused_and_not_written_into_the_file() {
    let (whole, scene) = (finished(), &*SCENE);
    let found = |db: &[u8], wal: Option<&[u8]>| {
        let files = Files { db: db.to_vec(), wal: wal.map(<[u8]>::to_vec) };
        let found = try_all(&whole, 1, |_| ("the log beside it".into(), files.clone()));
        *found.keys().next().expect("a verdict")
    };
    let home = scene.finished.copy();
    let copy = home.path().join("copy.db");
    let copied = home.run(&["backup".as_ref(), copy.as_os_str()]);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let copy = std::fs::read(copy).expect("a copy");
    let (own, other) = (scene.crashed.wal.as_deref(), scene.other.wal.as_deref());
    assert!(own.zip(other).is_some_and(|(own, other)| own.len() > FRAME && other.len() > FRAME), "logs of crashes");
    for (what, db) in [("the file", &whole.db), ("a file of earlier", &scene.crashed.db), ("a backup", &copy)] {
        assert_eq!(found(db, other), Found::Refused, "{what} beside another's log");
    }
    assert_eq!(found(&[], own), Found::Refused, "a log whose file is gone: SQLite would remove it");
    // Its own, which it was written in: nothing is lost by it.
    assert_eq!(found(&scene.crashed.db, own), Found::Whole);
    assert_eq!(found(&whole.db, Some(&[])), Found::Whole);
    assert_eq!(found(&whole.db, Some(&[0x5a; 3 * FRAME])), Found::Whole, "SQLite replays nothing that isn't a log");
    assert_eq!(found(&copy, None), Found::Whole, "the backup itself");
    // Its own, of a time when pages lay elsewhere.
    let own_beside_the_copy = found(&copy, own);
    assert!(matches!(own_beside_the_copy, Found::Refused | Found::Whole), "{own_beside_the_copy:?}");
}

/// No file can show that the end of a log was lost: the acknowledged orders can, which the audit is told, and PostgreSQL.
#[test]
fn a_log_that_is_lost_or_damaged_leaves_a_ledger_of_a_moment_that_was() {
    let (crashed, (count, seed)) = (&SCENE.crashed, count_and_seed(100));
    let wal = crashed.wal.as_deref().expect("a log");
    let mut logs: Vec<(String, Option<Vec<u8>>)> = vec![("no log".into(), None)];
    for at in (0..wal.len()).step_by(FRAME / 4) {
        logs.push((format!("a log cut off at {at}"), Some(wal[..at].to_vec())));
    }
    for (at, bit) in flips(wal.len(), count, seed) {
        let mut wal = wal.to_vec();
        wal[at] ^= bit;
        let frame = at.checked_sub(LOG_HEADER).map(|at| at / FRAME);
        logs.push((format!("byte {at} (frame {frame:?}) of the log ^ {bit:#04x}"), Some(wal)));
    }
    let found = try_all(crashed, logs.len(), |number| {
        let (what, wal) = logs[number].clone();
        (what, Files { db: crashed.db.clone(), wal })
    });
    let sum =
        |is: fn(&Found) -> bool| found.iter().filter(|(found, _)| is(found)).map(|(_, count)| count).sum::<usize>();
    let earlier = sum(|found| matches!(found, Found::Earlier(_)));
    let (whole, refused) = (sum(|found| *found == Found::Whole), sum(|found| *found == Found::Refused));
    eprintln!("{} logs lost or damaged: {whole} whole, {earlier} of a moment that was, {refused} refused", logs.len());
    assert!(earlier > 0, "nothing was in the log");
}

#[test]
fn a_shop_whose_ledger_is_damaged_does_not_open_says_why_and_touches_nothing() {
    let (scene, whole) = (&*SCENE, finished());
    let proof = scene.finished.copy().audit();
    let mut torn = whole.db.clone();
    torn[PAGE..2 * PAGE].fill(0);
    let cases = [
        ("is empty", Files { db: Vec::new(), wal: None }),
        ("is corrupt", Files { db: whole.db[..whole.db.len() / 2].to_vec(), wal: None }),
        ("is corrupt", Files { db: torn, wal: None }),
        ("write-ahead log", Files { db: whole.db.clone(), wal: scene.other.wal.clone() }),
        ("is empty", Files { db: Vec::new(), wal: scene.crashed.wal.clone() }),
    ];
    for (word, damaged) in cases {
        let home = scene.finished.copy();
        damaged.lay_out(&home.data());
        let output = home.serve_to_the_end();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(65), &b""[..]), "{word}: {said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{word}: {said}");
        assert!(Files::of(&home.data()) == damaged, "{word}: the files are as they were");
        // Whoever puts back what was there, and takes away what wasn't, has his shop again.
        std::fs::remove_file(home.data().join(WAL)).ok();
        whole.lay_out(&home.data());
        assert_eq!(Shop::open_at(home).close().audit(), proof);
    }
}
