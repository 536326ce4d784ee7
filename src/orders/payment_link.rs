//! Where is an order paid? The shop's own payment page, which learns from the link what is paid, and that it is from us.
//!
//! Deliberately absent: any payment. What became of it, the shop or its provider says ([`super::payment`]).
//!
//! **Invariant:** a link's signature covers the order and what it costs: who changes either has no signature for it.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ids::OrderId;
use crate::money::Money;

/// What browsers and proxies pass on whole.
const CHARS_MAX: usize = 1024;

/// Why a text is no payment link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentLinkError {
    /// It leads nowhere on the web.
    #[error(
        "must be a URL that begins with \"https://\" (or \"http://\"), of up to {CHARS_MAX} visible ASCII characters"
    )]
    NotWeb,
    /// It has a name in braces that stands for nothing, or a brace too many.
    #[error(
        "may have {{order}}, {{sale}}, {{sku}}, {{quantity}}, {{amount}}, {{currency}} and {{signature}}, not {0:?}"
    )]
    Unknown(String),
    /// It doesn't say what is paid.
    #[error("must have {{order}} somewhere after the host")]
    NoOrder,
    /// There is nothing to sign with.
    #[error("has {{signature}}, which needs storefront.payment_link_secret")]
    NoSecret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Order,
    Sale,
    Sku,
    Quantity,
    Amount,
    Currency,
    Signature,
}

impl Field {
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "order" => Self::Order,
            "sale" => Self::Sale,
            "sku" => Self::Sku,
            "quantity" => Self::Quantity,
            "amount" => Self::Amount,
            "currency" => Self::Currency,
            "signature" => Self::Signature,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// What is paid.
#[derive(Debug, Clone, Copy)]
pub struct Payable<'a> {
    /// The order.
    pub order: OrderId,
    /// Its sale.
    pub sale: &'a str,
    /// Its item.
    pub sku: &'a str,
    /// Its units.
    pub quantity: u32,
    /// What all of them cost.
    pub total: Money,
}

/// Links to the shop's payment page.
#[derive(Clone)]
pub struct PaymentLink {
    pieces: Vec<Piece>,
    key: Option<Hmac<Sha256>>,
}

impl PaymentLink {
    /// Reads a link with names in braces. The secret's text is the key.
    ///
    /// # Errors
    /// [`PaymentLinkError`]
    pub fn parse(template: &str, secret: Option<&str>) -> Result<Self, PaymentLinkError> {
        let host = template.strip_prefix("https://").or_else(|| template.strip_prefix("http://"));
        let host = host.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let is_text = template.len() <= CHARS_MAX && template.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_text || host.is_empty() || host.contains(['{', '}', '@', '"', '<', '>', '\\']) {
            return Err(PaymentLinkError::NotWeb);
        }
        let pieces = pieces_of(template)?;
        if !pieces.contains(&Piece::Field(Field::Order)) {
            return Err(PaymentLinkError::NoOrder);
        }
        let key = secret.and_then(|secret| Hmac::new_from_slice(secret.as_bytes()).ok());
        if key.is_none() && pieces.contains(&Piece::Field(Field::Signature)) {
            return Err(PaymentLinkError::NoSecret);
        }
        Ok(Self { pieces, key })
    }

    /// Where this is paid. Nothing is escaped: ids, numbers and currencies are made of what a URL may have anywhere.
    #[must_use]
    pub fn to_pay(&self, payable: Payable<'_>) -> String {
        let mut url = String::new();
        for piece in &self.pieces {
            // Writing to a text doesn't fail.
            let _ = match piece {
                Piece::Text(text) => write!(url, "{text}"),
                Piece::Field(Field::Order) => write!(url, "{}", payable.order),
                Piece::Field(Field::Sale) => write!(url, "{}", payable.sale),
                Piece::Field(Field::Sku) => write!(url, "{}", payable.sku),
                Piece::Field(Field::Quantity) => write!(url, "{}", payable.quantity),
                Piece::Field(Field::Amount) => write!(url, "{}", payable.total),
                Piece::Field(Field::Currency) => write!(url, "{}", payable.total.currency()),
                Piece::Field(Field::Signature) => write!(url, "{}", self.signature(payable)),
            };
        }
        url
    }

    /// HMAC-SHA256 of `ORDER.AMOUNT.CURRENCY`, in hex.
    fn signature(&self, Payable { order, total, .. }: Payable<'_>) -> String {
        let Some(mut mac) = self.key.clone() else { return String::new() };
        mac.update(format!("{order}.{total}.{}", total.currency()).as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for PaymentLink {
    /// Without the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PaymentLink").field("pieces", &self.pieces).finish_non_exhaustive()
    }
}

fn pieces_of(template: &str) -> Result<Vec<Piece>, PaymentLinkError> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').ok_or_else(|| PaymentLinkError::Unknown(format!("{{{after}")))?;
        let field = Field::of_word(word).ok_or_else(|| PaymentLinkError::Unknown(format!("{{{word}}}")))?;
        pieces.extend([Piece::Text(text.into()), Piece::Field(field)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.into()));
    let has_brace = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains('}'));
    if pieces.iter().any(has_brace) { Err(PaymentLinkError::Unknown("}".into())) } else { Ok(pieces) }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    fn payable() -> Payable<'static> {
        Payable {
            order: OrderId::parse("0193a1b2-0000-7000-8000-000000000001").expect("an id"),
            sale: "launch",
            sku: "sneaker-42",
            quantity: 2,
            total: Money::from_minor(25_800, "USD").expect("money"),
        }
    }

    #[test]
    fn a_link_says_what_is_paid_and_signs_it() {
        let template =
            "https://pay.example/{sale}/{sku}?o={order}&n={quantity}&a={amount}&c={currency}&s={signature}#x";
        let link = PaymentLink::parse(template, Some("a secret of the shop")).expect("a link");
        // As `printf %s ORDER.AMOUNT.CURRENCY | openssl dgst -sha256 -hmac SECRET` has it.
        let signature = "2ab930949942d8c5373eff5d75d79d7bdff9e61a80a8f6fb636010eff90dd068";
        assert_eq!(
            link.to_pay(payable()),
            format!(
                "https://pay.example/launch/sneaker-42?o=0193a1b2-0000-7000-8000-000000000001&n=2&a=258.00&c=USD&s={signature}#x"
            )
        );
    }

    #[test]
    fn what_leads_nowhere_or_says_too_little_is_no_link() {
        let error = |template: &str| PaymentLink::parse(template, None).expect_err("no link");
        for template in [
            "",
            "pay.example/{order}",
            "javascript:alert({order})",
            "https://",
            "https://{order}/",
            "https://a b/{order}",
        ] {
            assert_eq!(error(template), PaymentLinkError::NotWeb, "{template}");
        }
        assert_eq!(error("https://pay.example/"), PaymentLinkError::NoOrder);
        assert_eq!(error("https://pay.example/{order}?s={signature}"), PaymentLinkError::NoSecret);
        assert_eq!(error("https://pay.example/{order}/{id}"), PaymentLinkError::Unknown("{id}".into()));
        assert_eq!(error("https://pay.example/{order"), PaymentLinkError::Unknown("{order".into()));
        assert_eq!(error("https://pay.example/{order}}"), PaymentLinkError::Unknown("}".into()));
    }
}
