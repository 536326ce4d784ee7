//! What a shop did to its disk and what it told its buyers, in one order, as strace saw it.
//!
//! **Invariant:** no acknowledgement is placed later than it was: it counts from the moment the answer's call began, a
//! write and a sync from the moment theirs ended. So whatever a sync covers was done before it, and whoever was told
//! something was told it at the latest here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use doorbuster::ids::OrderId;
use doorbuster::order::OrderState;
use serde_json::Value;

/// The calls that change files or speak to buyers. `mmap` is missed: the file that SQLite maps is the index of its log,
/// which means nothing after a power cut.
const CALLS: &str = "trace=openat,pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,ftruncate,truncate,fallocate,\
     fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,copy_file_range,sync_file_range";

/// Something that happened to the data directory, or was told.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A file that wasn't there came to be, empty.
    Create(String),
    Write {
        file: String,
        at: usize,
        bytes: Arc<[u8]>,
    },
    /// The file has this length now.
    Length {
        file: String,
        length: usize,
    },
    Remove(String),
    Rename {
        from: String,
        to: String,
    },
    /// All that was written to the file is on disk.
    Sync(String),
    /// All that happened to names is on disk.
    SyncNames,
    /// Somebody may have read that this order stands there.
    Told(OrderId, OrderState),
}

/// What a program is started through to be traced into this file. Detached, so that the program, and not strace, is the
/// child that signals are sent to.
pub(crate) fn starter(file: &Path) -> Vec<String> {
    let file = file.to_str().expect("a path that is text");
    ["strace", "-D", "-f", "-y", "-xx", "-s", "16777216", "--seccomp-bpf", "-e", CALLS, "-o", file]
        .map(String::from)
        .into()
}

/// Whether the whole trace is there: its program's end is in it.
pub(crate) fn is_whole(text: &str) -> bool {
    let first = text.split_once(' ').map(|(pid, _)| pid);
    first.is_some_and(|pid| {
        text.lines()
            .rev()
            .take(64)
            .any(|line| line.strip_prefix(pid).is_some_and(|rest| rest.trim().starts_with("+++")))
    })
}

/// Reads a trace of a program whose data directory is `data`, in which these files were before.
pub(crate) fn read(text: &str, data: &Path, there: &[String]) -> Vec<Op> {
    let data = data.canonicalize().expect("the data directory is there");
    let mut reader = Reader {
        data: data.to_str().expect("a path that is text").to_owned(),
        there: there.to_vec(),
        begun: HashMap::new(),
        ops: Vec::new(),
    };
    for line in text.lines() {
        reader.line(line);
    }
    reader.ops
}

struct Reader {
    data: String,
    /// Names that are there now.
    there: Vec<String>,
    /// By thread: the beginning of a call that hasn't ended.
    begun: HashMap<String, String>,
    ops: Vec<Op>,
}

/// A call as it was written down: its name, its texts (bytes), the path behind its first descriptor, its words, and what
/// it returned.
struct Call<'t> {
    name: &'t str,
    texts: Vec<Vec<u8>>,
    descriptor: Option<Vec<u8>>,
    rest: &'t str,
    returned: i64,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let Some((thread, what)) = line.split_once(' ') else { return };
        let what = what.trim_start();
        if let Some(begun) = what.strip_suffix(" <unfinished ...>") {
            self.tell(begun);
            self.begun.insert(thread.into(), begun.into());
        } else if let Some(resumed) = what.strip_prefix("<... ") {
            let (_, end) = resumed.split_once(" resumed>").expect("a call that goes on");
            let begun = self.begun.remove(thread).unwrap_or_default();
            self.end(&(begun + end));
        } else if !what.starts_with("+++") && !what.starts_with("---") {
            self.tell(what);
            self.end(what);
        }
    }

    /// An answer counts from its beginning.
    fn tell(&mut self, call: &str) {
        let Some((name @ ("write" | "writev" | "sendto" | "sendmsg"), arguments)) = call.split_once('(') else {
            return;
        };
        if !descriptor_of(arguments).is_some_and(|path| path.starts_with(b"socket:") || path.starts_with(b"TCP")) {
            return;
        }
        let bytes = texts_of(arguments).concat();
        let text = String::from_utf8_lossy(&bytes);
        assert!(name != "writev" || text.starts_with("HTTP"), "answers are written in a way that isn't understood");
        // Answers that go out together begin each with their status.
        for answer in text.split("HTTP/1.1 ").filter(|answer| answer.starts_with("20")) {
            let Some((_, body)) = answer.split_once("\r\n\r\n") else { continue };
            let Ok(body) = serde_json::from_str::<Value>(body) else { continue };
            if let (Some(order), Some(state)) = (body["order"].as_str(), body["state"].as_str()) {
                let order = OrderId::parse(order).expect("an order's id");
                self.ops.push(Op::Told(order, OrderState::of_word(state).expect("a state")));
            }
        }
    }

    fn end(&mut self, call: &str) {
        let Some((name, arguments)) = call.split_once('(') else { return };
        let Some((arguments, returned)) = arguments.rsplit_once(" = ") else { return };
        let returned = returned.split([' ', '<']).next().and_then(|number| number.parse().ok()).unwrap_or(-1);
        // What failed has changed nothing.
        if returned >= 0 {
            let (texts, descriptor) = (texts_of(arguments), descriptor_of(arguments));
            self.take(&Call { name, texts, descriptor, rest: arguments, returned });
        }
    }

    /// The name in the data directory; none for everything elsewhere, and for what the ledger can do without.
    fn name(&self, path: &[u8]) -> Option<String> {
        let path = String::from_utf8_lossy(path);
        // Named by the working directory, which is the data directory's parent, or in full.
        let parent = self.data.rsplit_once('/').map_or("", |(parent, _)| parent);
        let full = if path.starts_with('/') { path.into_owned() } else { format!("{parent}/{path}") };
        let name = full.strip_prefix(self.data.as_str())?.strip_prefix('/').unwrap_or("");
        (!name.ends_with("-shm") && name != "LOCK" && !name.contains("(deleted)")).then(|| name.to_owned())
    }

    fn take(&mut self, call: &Call<'_>) {
        let at_path = |number: usize| call.texts.get(number).and_then(|path| self.name(path));
        let file = call.descriptor.as_deref().and_then(|path| self.name(path));
        let number = |from_end: usize| -> usize {
            let words = call.rest.trim_end().trim_end_matches(')').rsplit(", ").nth(from_end);
            words.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number in {}", call.name))
        };
        match (call.name, file) {
            ("openat", _) => {
                let Some(file) = at_path(0).filter(|_| call.rest.contains("O_CREAT")) else { return };
                assert!(!call.rest.contains("O_TRUNC"), "{file} is cut off as it is opened");
                if !self.there.contains(&file) {
                    self.there.push(file.clone());
                    self.ops.push(Op::Create(file));
                }
            }
            ("unlink" | "unlinkat", _) => {
                let Some(file) = at_path(0) else { return };
                self.there.retain(|name| *name != file);
                self.ops.push(Op::Remove(file));
            }
            ("rename" | "renameat" | "renameat2", _) => {
                let (Some(from), Some(to)) = (at_path(0), at_path(1)) else { return };
                self.there.retain(|name| *name != from && *name != to);
                self.there.push(to.clone());
                self.ops.push(Op::Rename { from, to });
            }
            (_, None) => {}
            ("fsync" | "fdatasync", Some(file)) if file.is_empty() => self.ops.push(Op::SyncNames),
            ("fsync" | "fdatasync", Some(file)) => self.ops.push(Op::Sync(file)),
            ("ftruncate", Some(file)) => self.ops.push(Op::Length { file, length: number(0) }),
            ("pwrite64" | "write", Some(file)) => {
                let written = usize::try_from(call.returned).expect("a length");
                // Only the secret is written without a place, and in one go.
                let at = if call.name == "write" { 0 } else { number(0) };
                self.ops.push(Op::Write { file, at, bytes: call.texts[0][..written].into() });
            }
            (other, Some(file)) => panic!("{other} of {file} isn't understood"),
        }
    }
}

/// The path behind the descriptor that is the first argument.
fn descriptor_of(arguments: &str) -> Option<Vec<u8>> {
    let (number, rest) = arguments.split_once('<')?;
    number
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| bytes_of(rest.split_once('>').map_or("", |(path, _)| path)))
}

/// Everything between quotes.
fn texts_of(arguments: &str) -> Vec<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(bytes_of).collect()
}

/// `\x41\x42`
fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_else(|| panic!("not in hexadecimal: {hex}")) as u8;
    hex.as_bytes().chunks_exact(4).map(|byte| digit(byte[2]) << 4 | digit(byte[3])).collect()
}
