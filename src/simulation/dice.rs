//! What a seed decides, and what came of it.

/// SplitMix64: all that a seed decides comes out of this, in one order.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The high half, multiplied: what is uneven is far below what a test could notice.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// An index below `length`.
    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("an index")
    }

    pub(super) fn one_in(&mut self, so_many: u64) -> bool {
        self.below(so_many) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// One of these, each as likely as its weight says.
    pub(super) fn weighed<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut at = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, what) in from {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *what,
            }
        }
        unreachable!("the weights add up")
    }
}

/// What happened, step by step: printed, or only folded into one number.
#[derive(Debug)]
pub(super) struct Trace {
    print: u64,
    lines: u64,
    is_shown: bool,
}

impl Trace {
    pub(super) fn new(is_shown: bool) -> Self {
        Self { print: 0xcbf2_9ce4_8422_2325, lines: 0, is_shown }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.lines += 1;
        for byte in line.bytes().chain([b'\n']) {
            self.print = (self.print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.is_shown {
            eprintln!("{:4} {line}", self.lines);
        }
    }

    /// FNV-1a of all lines.
    pub(super) fn print(&self) -> u64 {
        self.print
    }
}
