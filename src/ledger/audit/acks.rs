//! I8: what clients say they were promised.

use std::io::{self, BufRead};

use super::fold::Fold;
use super::report::Invariant;
use crate::ids::OrderId;

/// Acknowledged orders, each with the line that names it; none where the line names nothing.
#[derive(Debug)]
pub(super) struct Acks {
    lines: Vec<(u64, Option<OrderId>)>,
}

impl Acks {
    /// Reads the list to its end. Blank lines say nothing.
    pub(super) fn read(mut list: impl BufRead) -> io::Result<Self> {
        let mut lines = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            // Bytes, not text: a torn last line of a killed client is a finding, not a failure.
            if list.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                lines.push((number, std::str::from_utf8(text).ok().and_then(|text| OrderId::parse(text).ok())));
            }
        }
        Ok(Self { lines })
    }

    /// How many lines say something.
    pub(super) fn count(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Looks every acknowledged order up in the folded log.
    pub(super) fn check(&self, fold: &mut Fold) {
        for &(line, order) in &self.lines {
            match order {
                None => fold.findings.note(Invariant::I8, None, || format!("line {line} of the list is no order's id")),
                Some(order) if !fold.has_order(order) => fold.findings.note(Invariant::I8, None, || {
                    format!("order {order} (line {line} of the list) was acknowledged and is not in the log")
                }),
                Some(_) => {}
            }
        }
    }
}
