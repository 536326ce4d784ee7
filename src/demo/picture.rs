//! The funnel in the terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::crowd::Counts;
use crate::funnel::Layer;
use crate::rig::words::{bar, grouped, question};

/// What stands in the terminal now, and is drawn over.
#[derive(Debug, Default)]
pub(super) struct Picture {
    lines: usize,
}

impl Picture {
    /// Draws the funnel where it was drawn before.
    pub(super) fn draw(&mut self, counts: &Counts) {
        self.wipe();
        let text = funnel(counts);
        self.lines = text.lines().count();
        show(&text);
    }

    /// Takes it away, so that something else can be said there.
    pub(super) fn wipe(&mut self) {
        if self.lines > 0 {
            // Up to its first line, and everything below goes.
            show(&format!("\x1b[{}A\x1b[J", self.lines));
            self.lines = 0;
        }
    }
}

fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    // That nobody listens any more doesn't end the show.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Floor by floor: how many were told no there.
pub(super) fn funnel(counts: &Counts) -> String {
    let mut text = String::from("\n");
    // Writing into a string never fails.
    let _ = writeln!(text, "  {:<32}{:>12}", "attempts", grouped(counts.attempts));
    for (layer, count) in counts.refused.iter().filter(|(layer, count)| *layer != Layer::Door || *count > 0) {
        let _ = writeln!(
            text,
            "  {:<8}{:<24}{:>12}  {}",
            layer.word(),
            question(*layer),
            grouped(*count),
            bar(*count, counts.attempts)
        );
    }
    let _ = writeln!(
        text,
        "  {:<32}{:>12}  {}",
        "won, each on disk",
        grouped(counts.won),
        bar(counts.won, counts.attempts)
    );
    text
}

/// The same in one line.
pub(super) fn line(counts: &Counts) -> String {
    let mut text = format!("{} attempts", grouped(counts.attempts));
    for (layer, count) in counts.refused.iter().filter(|(_, count)| *count > 0) {
        let _ = write!(text, " · {} {}", layer.word(), grouped(*count));
    }
    let _ = write!(text, " · won {}", grouped(counts.won));
    if counts.unheard > 0 {
        let _ = write!(text, " · unheard {}", grouped(counts.unheard));
    }
    text
}
