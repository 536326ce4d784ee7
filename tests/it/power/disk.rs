//! A disk that loses power: what was written, what of it is certainly there, and what may be found afterwards.
//!
//! The model is more hostile than any file system that is journalled: between two syncs each sector of each write, each
//! length and each name is kept or lost by itself. It trusts a disk in one thing, as SQLite does: what is next to the
//! bytes of a write is not harmed by it ("powersafe overwrite").

use std::collections::BTreeMap;
use std::sync::Arc;

use super::trace::Op;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// SplitMix64: the same images from the same seed, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `count`, which isn't 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).expect("less than a usize")
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

/// What a power cut leaves of what wasn't synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Nothing.
    Unsynced,
    /// All of it.
    None,
    /// Everything but the last sectors of the last write.
    Torn,
    /// Any of its sectors, any length, any names.
    Sectors,
    /// The same, and noise where a sector was lost while it was written.
    Noise,
}

impl Loss {
    pub(crate) const ALL: [Self; 5] = [Self::Unsynced, Self::None, Self::Torn, Self::Sectors, Self::Noise];
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Arc<[u8]> },
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: new } => write(bytes, *at, new),
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }

    fn length_after(&self, before: usize) -> usize {
        match self {
            Self::Write { at, bytes } => before.max(at + bytes.len()),
            Self::Length(length) => *length,
        }
    }
}

fn write(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(new);
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// Since the last sync.
    changes: Vec<Change>,
}

/// Files by name, as they are found after a power cut.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// The disk under one data directory.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// What each name has meant since names were synced; the last is what it means now.
    names: BTreeMap<String, Vec<Option<usize>>>,
}

impl Disk {
    /// # Panics
    /// Where a file is written that isn't there: the trace has gaps.
    pub(crate) fn take(&mut self, op: &Op) {
        match op {
            Op::Create(name) => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.name(name, Some(file));
            }
            Op::Write { file, at, bytes } => {
                self.file(file).changes.push(Change::Write { at: *at, bytes: Arc::clone(bytes) });
            }
            Op::Length { file, length } => self.file(file).changes.push(Change::Length(*length)),
            Op::Remove(name) => self.name(name, None),
            Op::Rename { from, to } => {
                let file = self.now(from);
                self.name(to, file);
                self.name(from, None);
            }
            Op::Sync(name) => {
                let file = self.file(name);
                for change in file.changes.drain(..) {
                    change.apply(&mut file.synced);
                }
            }
            Op::SyncNames => self.names.values_mut().for_each(|meanings| {
                meanings.drain(..meanings.len() - 1);
            }),
            Op::Told(..) => {}
        }
    }

    fn name(&mut self, name: &str, file: Option<usize>) {
        self.names.entry(name.into()).or_insert_with(|| vec![None]).push(file);
    }

    fn now(&self, name: &str) -> Option<usize> {
        self.names.get(name).and_then(|meanings| *meanings.last()?)
    }

    fn file(&mut self, name: &str) -> &mut File {
        let file = self.now(name).unwrap_or_else(|| panic!("{name} is written and isn't there"));
        &mut self.files[file]
    }

    /// Whether something of this file isn't synced.
    pub(crate) fn is_dirty(&self, name: &str) -> bool {
        self.now(name).is_some_and(|file| !self.files[file].changes.is_empty())
    }

    /// What is found after a power cut now.
    pub(crate) fn image(&self, loss: Loss, chance: &mut Chance) -> Image {
        let mut image = Image::new();
        // A share for each image: some lose nearly all, some nearly nothing.
        let kept_share = [3, 20, 50, 80, 97][chance.below(5)];
        for (name, meanings) in &self.names {
            let meaning = match loss {
                Loss::Unsynced => 0,
                Loss::None | Loss::Torn => meanings.len() - 1,
                Loss::Sectors | Loss::Noise => chance.below(meanings.len()),
            };
            if let Some(file) = meanings[meaning] {
                image.insert(name.clone(), self.files[file].found(loss, kept_share, chance));
            }
        }
        image
    }
}

impl File {
    fn found(&self, loss: Loss, kept_share: usize, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        match loss {
            Loss::Unsynced => {}
            Loss::None => self.changes.iter().for_each(|change| change.apply(&mut bytes)),
            Loss::Torn => {
                let Some((last, before)) = self.changes.split_last() else { return bytes };
                before.iter().for_each(|change| change.apply(&mut bytes));
                if let Change::Write { at, bytes: new } = last {
                    // Up to the beginning of one of its sectors; the length may have come first.
                    let sectors = sectors(*at, new.len());
                    let torn = sectors[chance.below(sectors.len())].0;
                    if chance.percent(50) {
                        bytes.resize(last.length_after(bytes.len()), 0);
                    }
                    if torn > *at {
                        write(&mut bytes, *at, &new[..torn - at]);
                    }
                }
            }
            Loss::Sectors | Loss::Noise => self.lose_sectors(&mut bytes, loss, kept_share, chance),
        }
        bytes
    }

    fn lose_sectors(&self, bytes: &mut Vec<u8>, loss: Loss, kept_share: usize, chance: &mut Chance) {
        let (mut length, mut shortest, mut longest) = (bytes.len(), bytes.len(), bytes.len());
        for change in &self.changes {
            length = change.length_after(length);
            (shortest, longest) = (shortest.min(length), longest.max(length));
            let (at, new) = match change {
                Change::Write { at, bytes } => (*at, bytes),
                Change::Length(_) => {
                    if chance.percent(kept_share) {
                        change.apply(bytes);
                    }
                    continue;
                }
            };
            for (begin, end) in sectors(at, new.len()) {
                if chance.percent(kept_share) {
                    write(bytes, begin, &new[begin - at..end - at]);
                } else if loss == Loss::Noise && chance.percent(50) {
                    let noise: Vec<u8> = (begin..end).map(|_| chance.next() as u8).collect();
                    write(bytes, begin, &noise);
                }
            }
        }
        let found = match chance.below(4) {
            0 => self.synced.len(),
            1 => length,
            2 => shortest + chance.below(longest - shortest + 1),
            // As far as what was kept reaches.
            _ => bytes.len().clamp(shortest, longest),
        };
        bytes.resize(found, 0);
    }
}

/// Where a write begins and ends in each of its sectors.
fn sectors(at: usize, length: usize) -> Vec<(usize, usize)> {
    let end = at + length;
    let mut cuts = vec![at];
    cuts.extend((at / SECTOR + 1..).map(|sector| sector * SECTOR).take_while(|cut| *cut < end));
    let ends = cuts.iter().skip(1).copied().chain([end]);
    cuts.iter().copied().zip(ends).collect()
}
