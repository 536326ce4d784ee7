//! Chance that a seed repeats.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): any spread does, and this one is ten lines.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed; `number` tells those of one seed apart.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `sides` − 1.
    pub fn roll(&mut self, sides: u32) -> u32 {
        // The remainder is below `sides`; a sale doesn't notice how uneven it is.
        (self.next() % u64::from(sides.max(1))) as u32
    }

    /// In so many of a hundred cases.
    pub fn is_lucky(&mut self, percent: u32) -> bool {
        self.roll(100) < percent
    }

    /// A span of `from` to `to` milliseconds.
    pub fn span(&mut self, from_ms: u32, to_ms: u32) -> Duration {
        Duration::from_millis(u64::from(from_ms + self.roll(to_ms - from_ms)))
    }
}
