//! The log's lines, on their way to whoever reads them.
//!
//! Only a queue and a thread: what is written, and which of it, is `tracing`'s affair.
//!
//! **Invariant:** nobody waits for the log's reader. A pipe whose reader has stopped would otherwise stop whoever has
//! something to say, and the ledger's writer has; where the queue is full lines are lost, and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that may wait: at some 300 bytes each a few megabytes, and more than a shop says in a day that goes well.
const WAITING_MAX: usize = 8_192;
/// How long what still waits at the end may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often a full queue is asked for room at the end.
const ROOM_INTERVAL: Duration = Duration::from_millis(1);

/// Lines that there was no room for, since the start.
#[derive(Debug, Clone, Default)]
pub struct LostLines(Arc<AtomicU64>);

impl LostLines {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        // Relaxed, here and below: a count that nothing hangs on.
        self.0.load(Ordering::Relaxed)
    }
}

/// Where lines are put down.
#[derive(Debug, Clone)]
pub struct LogQueue {
    lines: SyncSender<Item>,
    lost: LostLines,
}

/// What lies in the queue.
#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    /// Nothing that matters comes after this: its sender is told so.
    Last(SyncSender<()>),
}

impl LogQueue {
    /// A queue in front of this reader, which a thread of its own writes to. It lives as long as the process.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn in_front_of(reader: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("log".to_owned()).spawn(move || carry(&waiting, reader))?;
        Ok(Self { lines, lost: LostLines::default() })
    }

    /// The count of lines that were lost.
    #[must_use]
    pub fn lost(&self) -> LostLines {
        self.lost.clone()
    }

    /// Gives what waits a second to be written.
    pub fn finish(&self) {
        let (written, all) = sync_channel(1);
        let until = Instant::now() + LAST_WORDS;
        let mut last = Item::Last(written);
        // A full queue has room soon, or nobody reads it.
        while let Err(TrySendError::Full(back)) = self.lines.try_send(last) {
            if Instant::now() >= until {
                return;
            }
            last = back;
            thread::sleep(ROOM_INTERVAL);
        }
        let _ = all.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// A line at a time, as `tracing` writes them.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Item::Line(line.to_vec())).is_err() {
            self.lost.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn carry(waiting: &Receiver<Item>, mut reader: impl Write) {
    while let Ok(item) = waiting.recv() {
        match item {
            // A reader who is gone is no reason to say less to the next line's.
            Item::Line(line) => drop(reader.write_all(&line)),
            Item::Last(written) => drop(written.send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// A reader who takes a line whenever he is told to.
    struct Slow {
        turns: Receiver<()>,
        heard: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.turns.recv();
            let _ = self.heard.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_speaks_never_waits_and_what_had_room_is_heard_in_its_order() {
        const SAID: usize = WAITING_MAX + 100;
        let (take, turns) = sync_channel(SAID);
        let (heard, lines) = std::sync::mpsc::channel();
        let mut queue = LogQueue::in_front_of(Slow { turns, heard }).expect("a thread");
        for number in 0..SAID {
            queue.write_all(format!("{number}\n").as_bytes()).expect("nobody waits, nobody fails");
        }
        // One more may be in the reader's hand already.
        let lost = usize::try_from(queue.lost().count()).expect("few");
        assert!((SAID - WAITING_MAX - 1..=SAID - WAITING_MAX).contains(&lost), "{lost}");
        for number in 0..SAID - lost {
            take.send(()).expect("he is there");
            assert_eq!(lines.recv(), Ok(format!("{number}\n").into_bytes()));
        }
    }

    #[test]
    fn what_was_said_last_is_heard_before_the_end() {
        let (heard, lines) = std::sync::mpsc::channel();
        let (take, turns) = sync_channel(1);
        take.send(()).expect("he is there");
        let mut queue = LogQueue::in_front_of(Slow { turns, heard }).expect("a thread");
        queue.write_all(b"goodbye").expect("there is room");
        queue.finish();
        assert_eq!(lines.try_recv(), Ok(b"goodbye".to_vec()));
    }
}
