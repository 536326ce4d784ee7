//! An answer of the shop, as a client reads it off the wire.

use anyhow::Context as _;

/// The server's own answers have about a dozen.
const HEADERS_MAX: usize = 32;

/// An answer that is there as a whole. Borrows the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// How many bytes head and body have.
    pub len: usize,
    /// Whether the connection ends with it.
    pub is_last: bool,
}

impl<'a> Answer<'a> {
    /// Reads the first answer in `bytes`; none while it isn't complete. Allocates nothing.
    ///
    /// # Errors
    /// Where it is no HTTP/1.1, or has no length.
    pub fn read(bytes: &'a [u8]) -> anyhow::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_len) = head.parse(bytes).context("this is no HTTP")? else {
            return Ok(None);
        };
        let status = head.code.context("an answer without a status")?;
        let (mut length, mut is_last) = (None, head.version != Some(1));
        for header in head.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).ok();
                length = Some(text.and_then(|text| text.parse().ok()).context("a length that is no number")?);
            } else if header.name.eq_ignore_ascii_case("connection") {
                is_last |= header.value.eq_ignore_ascii_case(b"close");
            }
        }
        // These have no body, whatever they say (RFC 9110, 6.4.1).
        let length = if matches!(status, 100..200 | 204 | 304) { Some(0) } else { length };
        let length: usize = length.context("an answer without a length")?;
        let len = head_len.checked_add(length).context("an answer without an end")?;
        Ok(bytes.get(head_len..len).map(|body| Self { status, body, len, is_last }))
    }

    /// What the body's JSON says under a key, where that is a string without escapes: the server's codes and ids have none.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let body = std::str::from_utf8(self.body).ok()?;
        let mut rest = body;
        while let Some((_, after)) = rest.split_once('"') {
            let (name, behind) = after.split_once('"')?;
            if name == key
                && let Some(value) = behind.trim_start().strip_prefix(':')
            {
                return value.trim_start().strip_prefix('"')?.split_once('"').map(|(text, _)| text);
            }
            rest = behind;
        }
        None
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::Answer;

    const REFUSAL: &[u8] = b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";

    #[test]
    fn an_answer_is_read_once_it_is_whole_however_it_is_cut() {
        let len = REFUSAL.len();
        for cut in 0..len {
            assert_eq!(Answer::read(&REFUSAL[..cut]).expect("so far so good"), None, "{cut}");
        }
        let answer = Answer::read(REFUSAL).expect("an answer").expect("all of it");
        assert_eq!((answer.status, answer.len, answer.is_last), (409, len, true));
    }

    #[test]
    fn two_answers_behind_each_other_are_two() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 429 X\r\ncontent-length: 0\r\n\r\n";
        let first = Answer::read(bytes).expect("an answer").expect("all of it");
        assert_eq!((first.status, first.body, first.is_last), (200, &b"{}"[..], false));
        let second = Answer::read(&bytes[first.len..]).expect("an answer").expect("all of it");
        assert_eq!((second.status, second.len), (429, bytes.len() - first.len));
    }

    #[test]
    fn an_answer_that_can_have_no_body_needs_no_length() {
        let answer = Answer::read(b"HTTP/1.1 204 No Content\r\nserver: nginx\r\n\r\n").expect("an answer");
        assert_eq!(answer.map(|answer| (answer.status, answer.body.len())), Some((204, 0)));
    }

    #[test]
    fn what_the_body_says_is_found_by_its_key_and_not_by_a_value_of_that_name() {
        let body = br#"{"title": "code", "code": "sold_out", "status": 409, "order":"0193"}"#;
        let answer = Answer { status: 409, body, len: body.len(), is_last: false };
        assert_eq!(answer.text("code"), Some("sold_out"));
        assert_eq!(answer.text("order"), Some("0193"));
        assert_eq!(answer.text("status"), None);
        assert_eq!(answer.text("absent"), None);
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for bytes in
            [&b"SSH-2.0\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(Answer::read(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange_to_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(answer)) = Answer::read(&bytes) {
                let _ = answer.text("code");
            }
            let _ = Answer { status: 200, body: &bytes, len: bytes.len(), is_last: false }.text("code");
        }
    }
}
