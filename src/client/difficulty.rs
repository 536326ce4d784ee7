//! Difficulty: how much work is a pass worth?

/// The most hex digits that a key may have to begin with: with seven, at one try in 2²⁸, even a desktop's browser would
/// sit for minutes.
const HEX_DIGITS_MAX: u8 = 6;

/// The most hashes a try: it is also what checking a solution costs us, some 10 µs at 64.
const COST_MAX: u32 = 64;

/// The most hashes that a solution may take on average: ten seconds of a desktop's browser, a minute of a cheap phone.
const EXPECTED_HASHES_MAX: u64 = 1 << 24;

/// Why a difficulty is none, said as what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DifficultyError {
    /// Too few or too many digits.
    #[error("hex digits must be 1 to {HEX_DIGITS_MAX}, each makes the work 16 times as much")]
    HexDigits,
    /// Too few or too many hashes a try.
    #[error("cost must be 1 to {COST_MAX} hashes a try")]
    Cost,
    /// Each is in its range, but together they are too much.
    #[error(
        "16 to the power of the hex digits, times cost, is the number of hashes that a buyer computes: \
         it must be at most {EXPECTED_HASHES_MAX}"
    )]
    Work,
}

/// How much work a challenge is: on average [`Difficulty::expected_hashes`], for one buyer in fifty four times that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difficulty {
    hex_digits: u8,
    cost: u32,
}

impl Difficulty {
    /// `hex_digits`: how many zeros the solution's key begins with; the coarse step, ×16. `cost`: hashes a try, for
    /// the buyer and once for us; the fine step.
    ///
    /// # Errors
    /// [`DifficultyError`], where a number or the work that they make is out of range.
    pub const fn new(hex_digits: u8, cost: u32) -> Result<Self, DifficultyError> {
        if hex_digits == 0 || hex_digits > HEX_DIGITS_MAX {
            return Err(DifficultyError::HexDigits);
        }
        if cost == 0 || cost > COST_MAX {
            return Err(DifficultyError::Cost);
        }
        let difficulty = Self { hex_digits, cost };
        if difficulty.expected_hashes() > EXPECTED_HASHES_MAX { Err(DifficultyError::Work) } else { Ok(difficulty) }
    }

    /// How many zeros the solution's key begins with, in hex digits.
    #[must_use]
    pub const fn hex_digits(self) -> u8 {
        self.hex_digits
    }

    /// Hashes a try.
    #[must_use]
    pub const fn cost(self) -> u32 {
        self.cost
    }

    /// Hashes until a solution is found, on average.
    #[must_use]
    pub const fn expected_hashes(self) -> u64 {
        // At most 2²⁴ × 64: the fields are in range.
        (1 << (4 * self.hex_digits as u64)) * self.cost as u64
    }
}

impl Default for Difficulty {
    /// 4 zeros at 4 hashes a try: 262,144 hashes. SHA-256 in plain JavaScript was measured at 1.9 million hashes a
    /// second on one core of a server; a cheap phone is about ten times slower, and so busy for 1.4 s, a good one for
    /// a third of that. Four zeros, and not five at a quarter of the cost, because ALTCHA's own worker is slower with
    /// an odd number of digits.
    fn default() -> Self {
        Self { hex_digits: 4, cost: 4 }
    }
}
