//! Receivers of every temper, on this machine.
//!
//! **Invariant:** what a receiver has taken note of is genuine: it verifies every signature with its own key.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

use crate::clock::WallTime;
use crate::orders::signature::{Headers, Key, Keys};

/// The secret that receivers and shops share.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The one before it.
pub(super) const FORMER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(super) enum Temper {
    /// With this status and nothing else.
    Status(u16),
    /// With these bytes, and then the connection ends.
    Bytes(Vec<u8>),
    /// Not at all, while it is of this temper.
    Hanging,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) id: String,
    pub(super) body: Value,
    pub(super) head: String,
}

#[derive(Default)]
struct Ears {
    heard: Mutex<Vec<Heard>>,
    bell: Condvar,
}

/// A receiver.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    temper: Arc<Mutex<Temper>>,
    ears: Arc<Ears>,
    pub(super) connections: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Receiver {
    pub(super) fn open(temper: Temper) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").expect("a free port"), temper)
    }

    fn at(listener: TcpListener, temper: Temper) -> Self {
        let receiver = Self {
            address: listener.local_addr().expect("it is bound"),
            temper: Arc::new(Mutex::new(temper)),
            ears: Arc::default(),
            connections: Arc::default(),
            is_over: Arc::default(),
        };
        let (temper, ears) = (Arc::clone(&receiver.temper), Arc::clone(&receiver.ears));
        let (connections, is_over) = (Arc::clone(&receiver.connections), Arc::clone(&receiver.is_over));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Relaxed, here and below: a flag and a count; what was heard travels under the lock.
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                let (temper, ears, is_over) = (Arc::clone(&temper), Arc::clone(&ears), Arc::clone(&is_over));
                thread::spawn(move || converse(stream, &temper, &ears, &is_over));
            }
        });
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn become_of(&self, temper: Temper) {
        *self.temper.lock() = temper;
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.ears.heard.lock().clone()
    }

    /// Waits until so many tries have come, and shows them.
    pub(super) fn wait_for(&self, tries: usize) -> Vec<Heard> {
        let mut heard = self.ears.heard.lock();
        while heard.len() < tries {
            let waited = self.ears.bell.wait_for(&mut heard, Duration::from_secs(60));
            assert!(!waited.timed_out(), "{} of {tries} tries", heard.len());
        }
        heard.clone()
    }

    /// The kinds of all messages about each subject, in the order in which they came, each once.
    pub(super) fn by_subject(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_subject: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Heard { body, .. } in self.heard() {
            let about = body["data"]["order"].as_str().or(body["data"]["sale"].as_str()).expect("a subject");
            by_subject.entry(about.into()).or_default().push(body["type"].as_str().expect("a type").into());
        }
        by_subject
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes whoever waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(stream: TcpStream, temper: &Mutex<Temper>, ears: &Ears, is_over: &AtomicBool) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let heard = hear(&mut reader)?;
        ears.heard.lock().push(heard);
        ears.bell.notify_all();
        loop {
            let temper = temper.lock().clone();
            match temper {
                Temper::Status(status) => {
                    write!(writer, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").ok()?;
                    break;
                }
                Temper::Bytes(bytes) => {
                    writer.write_all(&bytes).ok()?;
                    return None;
                }
                Temper::Hanging if is_over.load(Ordering::Relaxed) => return None,
                Temper::Hanging => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

fn hear(reader: &mut impl BufRead) -> Option<Heard> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_bytes())
    };
    let length = std::str::from_utf8(header("content-length")?).ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let headers = Headers::read(header).expect("the headers of a signature");
    let signed_at: i64 = std::str::from_utf8(headers.timestamp).ok()?.parse().expect("seconds");
    for secret in [SECRET, FORMER] {
        // Each receiver knows one of the two keys, whichever: both have signed.
        let keys = Keys::new(Key::parse(secret).expect("a secret"), None);
        let verified = headers.verify(&body, WallTime::from_micros(signed_at * 1_000_000), &keys);
        assert_eq!(verified, Ok(()), "a good signature");
    }
    let id = String::from_utf8_lossy(headers.id).into_owned();
    Some(Heard { id, body: serde_json::from_slice(&body).expect("JSON"), head })
}
