//! Whatever comes in: no bytes make it panic, and none that were changed are believed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const PAID: &str = include_str!("session_paid.json");

fn generic_body() -> String {
    let money = r#"{"amount":"129.00","currency":"USD"}"#;
    format!(r#"{{"type":"payment.succeeded","data":{{"order":"{ORDER}","payment":"pay_1","amount":{money}}}}}"#)
}

/// One that is believed, with its headers.
fn genuine(provider: Provider) -> (Heads, Vec<u8>) {
    let body = match provider {
        Provider::Generic => generic_body().into_bytes(),
        Provider::Stripe => PAID.into(),
    };
    (signed(provider, "msg_1", &body), body)
}

fn provider() -> impl Strategy<Value = Provider> {
    select(&[Provider::Generic, Provider::Stripe][..])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_never_believed(provider in provider(), part in any::<Index>(), at in any::<Index>(), bit in 0..8_u32) {
        let (mut heads, mut body) = genuine(provider);
        prop_assert!(read_with(provider, &heads, &body, NOON).is_ok());
        let bytes = match part.index(heads.len() + 1) {
            0 => &mut body,
            nth => &mut heads[nth - 1].1,
        };
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert_eq!(
            read_with(provider, &heads, &body, NOON),
            Err(Unaccepted::Unsigned(Unsigned::BadSignature))
        );
    }

    #[test]
    fn unsigned_bytes_are_never_believed(
        provider in provider(),
        values in vec(vec(any::<u8>(), 0..80), 3),
        stripe in "(t=[0-9]{0,12})?,?(v1=[0-9a-f]{0,64})?,{0,3}[ -~]{0,9}",
        body in vec(any::<u8>(), 0..80),
    ) {
        let names = [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER];
        let mut heads: Heads = names.into_iter().zip(values).collect();
        heads.push(("stripe-signature", stripe.into_bytes()));
        let told = read_with(provider, &heads, &body, NOON);
        prop_assert_eq!(told, Err(Unaccepted::Unsigned(Unsigned::BadSignature)));
    }

    #[test]
    fn signed_bytes_of_any_kind_are_answered(provider in provider(), body in vec(any::<u8>(), 0..200)) {
        let heads = signed(provider, "msg_1", &body);
        prop_assert!(read_with(provider, &heads, &body, NOON).is_err());
    }

    #[test]
    fn a_signed_body_with_a_piece_cut_out_or_doubled_is_answered(
        provider in provider(),
        from in any::<Index>(),
        to in any::<Index>(),
        is_doubled in any::<bool>(),
    ) {
        let (_, body) = genuine(provider);
        let (from, to) = (from.index(body.len()), to.index(body.len()));
        let (from, to) = (from.min(to), from.max(to));
        let changed = if is_doubled {
            [&body[..to], &body[from..]].concat()
        } else {
            [&body[..from], &body[to..]].concat()
        };
        // Money is never guessed: what is still a notice says the amount that its text says.
        if let Ok(Incoming::Notice(notice)) = read_with(provider, &signed(provider, "msg_1", &changed), &changed, NOON)
            && matches!(notice.kind, NoticeKind::Succeeded | NoticeKind::Refunded)
        {
            prop_assert!(notice.amount.is_some());
        }
    }
}
