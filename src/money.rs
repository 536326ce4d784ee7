//! Money: integer minor units and a currency, nothing else.
//!
//! **Invariant:** no floating point; an amount has exactly as many decimals as its currency (ISO 4217).

use std::fmt;

use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount of money that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Minor units: cents for USD, yen for JPY. 0 to 2⁶³−1.
    minor: i64,
    currency: Currency,
}

/// Why a text is no amount of money, said as what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currency is none that ISO 4217 lists.
    #[error("currency must be an ISO 4217 code such as \"USD\", not {0:?}")]
    Currency(String),
    /// The amount isn't a plain decimal number with the currency's decimals.
    #[error("amount must be a decimal number with at most {decimals} decimals for {currency}, not {amount:?}")]
    Amount {
        /// What was given.
        amount: String,
        /// The currency that decides how many decimals there are.
        currency: &'static str,
        /// How many decimals the currency has.
        decimals: u32,
    },
}

/// Money as bodies and configuration write it: `{"amount":"129.00","currency":"USD"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyText {
    /// A decimal number.
    pub amount: String,
    /// An ISO 4217 code.
    pub currency: String,
}

fn decimals(currency: Currency) -> u32 {
    // None: units such as gold or testing codes, which have no minor unit.
    currency.exponent().map_or(0, u32::from)
}

impl Money {
    /// An amount in minor units; none where it is negative or the code isn't known.
    #[must_use]
    pub fn from_minor(minor: i64, code: &str) -> Option<Self> {
        let currency = Currency::from_code(code)?;
        (minor >= 0).then_some(Self { minor, currency })
    }

    /// Reads an amount as people write it.
    ///
    /// # Errors
    /// [`MoneyError`] where the currency isn't known, or the amount has a sign, too many decimals or other characters.
    pub fn parse(text: &MoneyText) -> Result<Self, MoneyError> {
        let currency =
            Currency::from_code(&text.currency).ok_or_else(|| MoneyError::Currency(text.currency.clone()))?;
        let decimals = decimals(currency);
        parse_minor(&text.amount, decimals).map(|minor| Self { minor, currency }).ok_or_else(|| MoneyError::Amount {
            amount: text.amount.clone(),
            currency: currency.code(),
            decimals,
        })
    }

    /// Minor units.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The ISO 4217 code.
    #[must_use]
    pub fn currency(self) -> &'static str {
        self.currency.code()
    }

    /// This amount `units` times.
    #[must_use]
    pub fn times(self, units: u32) -> Self {
        // Saturates only for a price that no offer may have: see `offer::PRICE_MINOR_MAX`.
        Self { minor: self.minor.saturating_mul(i64::from(units)), currency: self.currency }
    }

    /// As bodies write it.
    #[must_use]
    pub fn text(self) -> MoneyText {
        MoneyText { amount: self.to_string(), currency: self.currency.code().into() }
    }
}

fn parse_minor(amount: &str, decimals: u32) -> Option<i64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || amount.ends_with('.') {
        return None;
    }
    let missing = decimals.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = |power: u32| 10_i64.checked_pow(power);
    whole.parse::<i64>().ok()?.checked_mul(scale(decimals)?)?.checked_add(fraction.checked_mul(scale(missing)?)?)
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = decimals(self.currency);
        let scale = 10_i64.pow(decimals);
        write!(formatter, "{}", self.minor / scale)?;
        if decimals > 0 {
            write!(formatter, ".{:0width$}", self.minor % scale, width = decimals as usize)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Result<Money, MoneyError> {
        Money::parse(&MoneyText { amount: amount.into(), currency: currency.into() })
    }

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        for (amount, currency, minor, shown) in [
            ("129.00", "USD", 12_900, "129.00"),
            ("129", "USD", 12_900, "129.00"),
            ("0.5", "EUR", 50, "0.50"),
            ("0", "EUR", 0, "0.00"),
            ("1500", "JPY", 1_500, "1500"),
            ("1.234", "KWD", 1_234, "1.234"),
        ] {
            let money = money(amount, currency).expect(amount);
            assert_eq!((money.minor(), money.to_string().as_str()), (minor, shown), "{amount} {currency}");
        }
    }

    #[test]
    fn an_amount_that_is_not_exact_is_refused() {
        for (amount, currency) in [
            ("", "USD"),
            ("-1", "USD"),
            ("+1", "USD"),
            ("1.", "USD"),
            (".5", "USD"),
            ("1.005", "USD"),
            ("1,00", "USD"),
            ("1e3", "USD"),
            ("1.5", "JPY"),
            ("99999999999999999999", "USD"),
            ("٣", "USD"),
            ("1", "usd"),
            ("1", "ZZZ"),
        ] {
            assert!(money(amount, currency).is_err(), "{amount} {currency}");
        }
    }
}
