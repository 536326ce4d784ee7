//! What can go wrong with a disk, how the real shop is made to meet it, and whether it did.

use std::collections::BTreeMap;
use std::path::Path;

use crate::home::Home;
use crate::power::trace::is_whole;
use crate::wire::eventually;

/// All that a shop has in its data directory, which is a name here, too.
const FILES: [&str; 8] =
    ["", "LOCK", "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal", "secret.key", "secret.key.new"];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A page, or the index of the log, can't be read.
    Read,
    /// The secret can't be read.
    ReadOn,
    /// There is no room.
    Full,
    /// A write says that it has written nothing.
    Nothing,
    /// A write fails.
    Write,
    /// The secret can't be written.
    WriteOn,
    /// A file's data cannot be synced.
    SyncData,
    /// A file or directory cannot be synced.
    Sync,
    /// A file's length cannot be set.
    Length,
    /// A file cannot be opened, or made.
    Open,
    /// A directory cannot be made.
    Make,
    /// A file cannot be renamed.
    Rename,
    /// A file cannot be removed.
    Remove,
    /// No file may grow beyond some length: a write that crosses it is cut short.
    Short,
}

impl Fault {
    pub(crate) const ALL: [Self; 14] = [
        Self::Read,
        Self::ReadOn,
        Self::Full,
        Self::Nothing,
        Self::Write,
        Self::WriteOn,
        Self::SyncData,
        Self::Sync,
        Self::Length,
        Self::Open,
        Self::Make,
        Self::Rename,
        Self::Remove,
        Self::Short,
    ];

    /// The call that goes wrong, and how; none: it isn't strace that makes it.
    fn call(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Read => ("pread64", "error=EIO"),
            Self::ReadOn => ("read", "error=EIO"),
            Self::Full => ("pwrite64", "error=ENOSPC"),
            Self::Nothing => ("pwrite64", "retval=0"),
            Self::Write => ("pwrite64", "error=EIO"),
            Self::WriteOn => ("write", "error=EIO"),
            Self::SyncData => ("fdatasync", "error=EIO"),
            Self::Sync => ("fsync", "error=EIO"),
            Self::Length => ("ftruncate", "error=EIO"),
            Self::Open => ("openat", "error=EIO"),
            Self::Make => ("mkdir", "error=EIO"),
            Self::Rename => ("rename", "error=EIO"),
            Self::Remove => ("unlink", "error=EIO"),
            Self::Short => return None,
        })
    }

    /// What a shop is started through whose `nth` operation of a thread goes wrong, and, where it `lasts`, all after it.
    pub(crate) fn starter(self, home: &Home, nth: usize, lasts: bool) -> Vec<String> {
        let Some((call, effect)) = self.call() else {
            // Beyond the index of the log, and never at the end of a frame.
            return vec!["prlimit".into(), format!("--fsize={}:", 33_000 + 977 * nth)];
        };
        let when = format!("{nth}{}", if lasts { "+" } else { "" });
        let mut starter = traced(home, &["openat", call]);
        starter.extend(["-e".into(), format!("inject={call}:{effect}:when={when}")]);
        starter
    }

    /// How many there are of it where nothing goes wrong, in the thread that does most.
    pub(crate) fn count(self, calls: &Calls) -> usize {
        match self.call() {
            Some((call, _)) => {
                calls.iter().filter(|((of, _), _)| of == call).map(|(_, count)| *count).max().unwrap_or(0)
            }
            // So far a few orders let the log grow.
            None => 60,
        }
    }

    /// Whether the disk cannot be believed any more after it.
    pub(crate) fn is_of_trust(self) -> bool {
        matches!(self, Self::SyncData | Self::Sync)
    }
}

/// How often each thread has made each call.
pub(crate) type Calls = BTreeMap<(String, String), usize>;

/// What a shop is started through to have these calls written down, where they are about its data directory.
fn traced(home: &Home, calls: &[&str]) -> Vec<String> {
    let mut starter: Vec<_> = ["strace", "-D", "-f", "-q", "--seccomp-bpf", "-o"].map(String::from).into();
    starter.push(text_of(&trace_of(home)));
    starter.extend(["-e".into(), format!("trace={}", calls.join(","))]);
    for file in FILES {
        // As the shop calls it, which may not be there yet, and as the kernel does.
        for dir in [Path::new("doorbuster-data"), &home.data()] {
            starter.extend(["-P".into(), text_of(&dir.join(file)).trim_end_matches('/').into()]);
        }
    }
    starter
}

/// What a shop is started through to have all its calls written down that could go wrong.
pub(crate) fn census(home: &Home) -> Vec<String> {
    let mut calls: Vec<_> = Fault::ALL.into_iter().filter_map(Fault::call).map(|(call, _)| call).collect();
    calls.dedup();
    traced(home, &calls)
}

fn trace_of(home: &Home) -> std::path::PathBuf {
    home.path().join("trace")
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("a path that is text").to_owned()
}

/// What strace has written down of a shop that has ended.
fn trace(home: &Home) -> String {
    let mut text = String::new();
    eventually("strace has written everything down", || {
        text = std::fs::read_to_string(trace_of(home)).expect("strace traces");
        is_whole(&text)
    });
    text
}

/// Whether the shop has met what strace was to make go wrong.
pub(crate) fn was_met(home: &Home) -> bool {
    trace(home).contains("(INJECTED)")
}

/// All calls that strace has written down.
pub(crate) fn calls(home: &Home) -> Calls {
    let mut calls = Calls::new();
    for line in trace(home).lines() {
        let Some((thread, what)) = line.split_once(' ') else { continue };
        if let Some((call, _)) = what.trim_start().split_once('(') {
            *calls.entry((call.into(), thread.into())).or_default() += 1;
        }
    }
    calls
}
