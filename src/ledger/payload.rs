//! A row's bytes: what its link covers, beside the link before it. Whoever has them has the row.
//!
//! **Invariant:** no two different rows have the same bytes, and the bytes of a row read back as that row.

use sha2::{Digest, Sha256};

use super::row::{EventRow, Hash};

/// A number is a byte and its eight bytes; NULL is a zero.
fn put_number(value: Option<i64>, bytes: &mut Vec<u8>) {
    match value {
        None => bytes.push(0),
        Some(value) => {
            bytes.push(1);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// A text or blob is a byte, its length and its bytes; NULL is a zero.
fn put_text(value: Option<&[u8]>, bytes: &mut Vec<u8>) {
    match value {
        None => bytes.push(0),
        Some(value) => {
            bytes.push(1);
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            bytes.extend_from_slice(value);
        }
    }
}

/// The link over a row's bytes, behind the link before it.
#[must_use]
pub fn link(previous: &Hash, payload: &[u8]) -> Hash {
    Sha256::new_with_prefix(previous).chain_update(payload).finalize().into()
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    /// Outer none: no such thing is there; inner none: NULL.
    fn number(&mut self) -> Option<Option<i64>> {
        match self.take(1)? {
            [0] => Some(None),
            [1] => Some(Some(i64::from_le_bytes(self.eight()?))),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.take(1)? {
            [0] => Some(None),
            [1] => {
                let length = usize::try_from(u64::from_le_bytes(self.eight()?)).ok()?;
                Some(Some(self.take(length)?))
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        self.bytes()?.map(std::str::from_utf8).transpose().ok()
    }
}

impl<'a> EventRow<'a> {
    /// Appends this row's bytes.
    pub fn write_payload(&self, bytes: &mut Vec<u8>) {
        put_number(Some(self.seq), bytes);
        put_number(Some(self.at_us), bytes);
        put_text(Some(self.kind.as_bytes()), bytes);
        put_number(Some(self.sale), bytes);
        put_number(self.item, bytes);
        put_text(self.order_id, bytes);
        put_text(self.buyer.map(str::as_bytes), bytes);
        put_text(self.idempotency_key.map(str::as_bytes), bytes);
        put_number(self.quantity, bytes);
        put_number(self.price_minor, bytes);
        put_number(self.placed_at_us, bytes);
        put_number(self.expires_at_us, bytes);
        put_text(self.ack.map(str::as_bytes), bytes);
        put_text(self.detail.map(str::as_bytes), bytes);
    }

    /// The row of these bytes; none where no row has them.
    #[must_use]
    pub fn of_payload(payload: &'a [u8]) -> Option<Self> {
        let mut rest = Rest(payload);
        let row = Self {
            seq: rest.number()??,
            at_us: rest.number()??,
            kind: rest.text()??,
            sale: rest.number()??,
            item: rest.number()?,
            order_id: rest.bytes()?,
            buyer: rest.text()?,
            idempotency_key: rest.text()?,
            quantity: rest.number()?,
            price_minor: rest.number()?,
            placed_at_us: rest.number()?,
            expires_at_us: rest.number()?,
            ack: rest.text()?,
            detail: rest.text()?,
        };
        rest.0.is_empty().then_some(row)
    }

    /// This row's link: SHA-256 over the link before it and this row's bytes.
    #[must_use]
    pub fn link(&self, previous: &Hash) -> Hash {
        // A row without long texts fits: one allocation less for each order on the writer's path.
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(previous);
        self.write_payload(&mut bytes);
        Sha256::digest(&bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("\\PC{0,20}")
    }

    fn number() -> impl Strategy<Value = Option<i64>> {
        proptest::option::of(any::<i64>())
    }

    proptest! {
        #[test]
        fn bytes_read_back_as_the_row_and_no_other_length_does(
            numbers in proptest::array::uniform6(number()),
            texts in proptest::array::uniform5(text()),
            id in proptest::option::of(any::<[u8; 16]>()),
            (seq, at_us, sale) in any::<(i64, i64, i64)>(),
        ) {
            let text = |at: usize| texts[at].as_deref();
            let row = EventRow {
                seq, at_us, sale, kind: text(0).unwrap_or_default(), item: numbers[0], order_id: id.as_ref().map(|id| &id[..]),
                buyer: text(1), idempotency_key: text(2), quantity: numbers[1], price_minor: numbers[2],
                placed_at_us: numbers[3], expires_at_us: numbers[4], ack: text(3), detail: text(4),
            };
            let mut bytes = Vec::new();
            row.write_payload(&mut bytes);
            prop_assert_eq!(EventRow::of_payload(&bytes), Some(row));
            prop_assert_eq!(row.link(&[7; 32]), link(&[7; 32], &bytes));
            prop_assert_eq!(EventRow::of_payload(&bytes[..bytes.len() - 1]), None);
            bytes.push(0);
            prop_assert_eq!(EventRow::of_payload(&bytes), None);
        }
    }
}
