//! Tests of payment messages. Each message is signed by hand here, as its sender would.

mod generic;
mod hostile;
mod stripe;

use super::*;
use crate::ids::OrderId;
use crate::money::Money;
use crate::orders::notice::{MessageId, NoticeKind, PaymentId};
use crate::orders::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// 2026-11-27T09:00Z, on a whole second.
const NOON_S: i64 = 1_795_770_000;
const NOON: WallTime = WallTime::from_micros(NOON_S * 1_000_000);
const ORDER: &str = "019ac3f2-7c00-7a31-9d52-3f6e8b1c2d4e";
const GENERIC_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STRIPE_SECRET: &str = "whsec_8f1b2c3d4e5f60718293a4b5c6d7e8f9";

fn keys(provider: Provider) -> Keys {
    let secret = match provider {
        Provider::Generic => GENERIC_SECRET,
        Provider::Stripe => STRIPE_SECRET,
    };
    Keys::new(provider.key(secret).unwrap(), None)
}

/// Headers by their names, as a request has them.
type Heads = Vec<(&'static str, Vec<u8>)>;

/// The headers of a body that is signed with the right key.
fn signed(provider: Provider, id: &str, body: &[u8]) -> Heads {
    match provider {
        Provider::Generic => {
            let signed = sign(id, body, NOON, &keys(provider));
            vec![
                (ID_HEADER, id.into()),
                (TIMESTAMP_HEADER, signed.timestamp.into_bytes()),
                (SIGNATURE_HEADER, signed.signature.into_bytes()),
            ]
        }
        Provider::Stripe => {
            let timestamp = NOON_S.to_string();
            let mac = keys(provider).macs(&[timestamp.as_bytes(), body]).next().unwrap();
            let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![("stripe-signature", format!("t={timestamp},v1={hex}").into_bytes())]
        }
    }
}

fn read_with(provider: Provider, heads: &Heads, body: &[u8], now: WallTime) -> Result<Incoming, Unaccepted> {
    let header = |name| heads.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice());
    read(provider, header, body, now, &keys(provider))
}

/// What a body is told that is signed with the right key.
fn told(provider: Provider, body: &str) -> Result<Incoming, Unaccepted> {
    read_with(provider, &signed(provider, "msg_1", body.as_bytes()), body.as_bytes(), NOON)
}

fn invalid(pointer: &str) -> Result<Incoming, Unaccepted> {
    Err(Unaccepted::InvalidField { pointer: pointer.into() })
}

fn notice(message: &str, kind: NoticeKind, payment: Option<&str>, amount: Option<(i64, &str)>) -> Notice {
    Notice {
        message: MessageId::parse(message).unwrap(),
        kind,
        order: OrderId::parse(ORDER).unwrap(),
        payment: payment.map(|payment| PaymentId::parse(payment).unwrap()),
        amount: amount.map(|(minor, code)| Money::from_minor(minor, code).unwrap()),
    }
}
