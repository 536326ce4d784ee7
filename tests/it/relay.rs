//! A way to a shop that stays where it is while the shop is killed and opened again elsewhere, and that can lose answers.
//!
//! **Invariant:** what is lost is an answer or a whole connection, never a part of a request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It goes to the shop, and its answers come back.
    To(SocketAddr),
    /// It goes to the shop, and the answers to posted orders are lost.
    LosingOrders(SocketAddr),
    /// Nobody is there.
    Nowhere,
}

pub(crate) struct Relay {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
}

impl Relay {
    pub(crate) fn new(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let way = Arc::new(Mutex::new(way));
        let shared = Arc::clone(&way);
        // Ends with the tests' process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&shared);
                thread::spawn(move || carry(client, &way));
            }
        });
        Self { address, way }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn turn(&self, way: Way) {
        *self.way.lock().expect("no panic there") = way;
    }
}

fn carry(mut client: TcpStream, way: &Arc<Mutex<Way>>) {
    let now = || *way.lock().expect("no panic there");
    let (Way::To(shop) | Way::LosingOrders(shop)) = now() else { return };
    let Ok(mut server) = TcpStream::connect(shop) else { return };
    let (Ok(mut back), Ok(mut from)) = (client.try_clone(), server.try_clone()) else { return };
    let is_lost = Arc::new(Mutex::new(false));
    let losing = Arc::clone(&is_lost);
    let answers = thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if *losing.lock().expect("no panic there") || back.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let is_order =
            bytes.starts_with(b"POST ") && bytes[..count.min(256)].windows(8).any(|part| part == b"/orders ");
        match now() {
            Way::Nowhere => break,
            Way::LosingOrders(_) if is_order => *is_lost.lock().expect("no panic there") = true,
            Way::To(_) | Way::LosingOrders(_) => {}
        }
        if server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = answers.join();
}
