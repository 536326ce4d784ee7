//! Somebody who gets messages from a shop, on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: Value,
}

impl Message {
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().expect("a type")
    }

    /// The order that it is about.
    pub(crate) fn order(&self) -> Option<&str> {
        self.body["data"]["order"].as_str()
    }
}

/// How messages are answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    /// Never.
    Nothing,
}

struct Desk {
    answer: Answer,
    messages: Vec<Message>,
}

/// A receiver; its threads end with the test's process.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
}

impl Receiver {
    pub(crate) fn open(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let desk = Arc::new(Mutex::new(Desk { answer, messages: Vec::new() }));
        let receiver = Self { address: listener.local_addr().expect("it is bound"), desk };
        let desk = Arc::clone(&receiver.desk);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let desk = Arc::clone(&desk);
                thread::spawn(move || converse(stream, &desk));
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/secret-path", self.address)
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        self.desk.lock().expect("no panic there").answer = answer;
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.desk.lock().expect("no panic there").messages.clone()
    }
}

fn converse(stream: TcpStream, desk: &Mutex<Desk>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let message = hear(&mut reader)?;
        let answer = {
            let mut desk = desk.lock().expect("no panic there");
            desk.messages.push(message);
            desk.answer
        };
        match answer {
            Answer::Status(status) => write!(writer, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").ok()?,
            Answer::Nothing => loop {
                thread::sleep(Duration::from_secs(60));
            },
        }
    }
}

fn hear(reader: &mut impl BufRead) -> Option<Message> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("webhook-id", value)) => id = value.into(),
            Some(("content-length", value)) => length = value.parse().ok()?,
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Message { id, body: serde_json::from_slice(&body).expect("a message is JSON") })
}
