//! Who gets a place and who gets the connection, without a shop behind them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;

use tokio::sync::mpsc;

use super::*;

fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.set_nonblocking(true).expect("a socket can be told not to wait");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

#[test]
fn the_queue_is_emptied_and_nobody_is_waited_for() {
    let (listener, address) = listening();
    let waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(address).expect("room in the queue")).collect();
    let taken: Vec<_> = queued(&listener).map(|(_, peer)| peer).collect();
    assert_eq!(taken, waiting.iter().map(|stream| stream.local_addr().expect("an address")).collect::<Vec<_>>());
}

#[tokio::test]
async fn when_the_bell_rings_nobody_has_to_come_again_for_want_of_a_place_in_the_queue() {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let allowed = fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
    let crowd = allowed.unwrap_or(128).min(1000);
    // Nobody accepts. Who finds no place is not refused, but has to try again after a second.
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(900));
    let waiting: Result<Vec<_>, _> = (0..crowd).map(|_| connect()).collect();
    assert_eq!(waiting.expect("a place in the queue").len(), crowd);
}

#[test]
fn a_queue_that_never_empties_is_left_all_the_same() {
    let (listener, address) = listening();
    let mut waiting = vec![TcpStream::connect(address).expect("room in the queue")];
    let mut taken = 0;
    for _ in queued(&listener) {
        taken += 1;
        // Whoever is taken is followed by the next.
        waiting = vec![TcpStream::connect(address).expect("room in the queue")];
    }
    assert_eq!(taken, BACKLOG as usize + 1);
    drop(waiting);
}

#[test]
fn one_subscriber_has_one_cap_however_many_addresses_he_has() {
    let places = Arc::new(Places::default());
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let first = places.take(address("2001:db8::1"), Some(1)).expect("the first of one");
    assert!(places.take(address("2001:db8::ffff:2"), Some(1)).is_none(), "the same /64");
    assert!(places.take(address("2001:db8:0:1::1"), Some(1)).is_some(), "the next /64");
    let _old = places.take(address("192.0.2.1"), Some(1)).expect("the first of one");
    assert!(places.take(address("::ffff:192.0.2.1"), Some(1)).is_none(), "the same, as an IPv6 socket sees it");
    assert!(places.take(address("2001:db8::1"), None).is_some(), "no cap");
    drop(first);
    assert!(places.take(address("2001:db8::2"), Some(1)).is_some(), "given back");
}

#[test]
fn a_worker_that_has_died_gets_no_connection_and_the_next_one_does() {
    let (_listener, address) = listening();
    let room = Arc::new(Semaphore::new(8));
    let dealt = || Dealt {
        stream: TcpStream::connect(address).expect("room in the queue"),
        peer: address,
        place: Place {
            _permit: Arc::clone(&room).try_acquire_owned().expect("a permit"),
            _taken: Arc::new(Places::default()).take(address.ip(), None).expect("no cap"),
        },
    };
    let worker = |busy| {
        let (deals, heard) = mpsc::unbounded_channel();
        (Worker { deals, busy: Arc::new(AtomicUsize::new(busy)), thread: std::thread::spawn(|| {}) }, heard)
    };
    let ((dead, gone), (living, mut heard)) = (worker(0), worker(5));
    drop(gone);
    let workers = [dead, living];
    for n in 1..=3 {
        assert_eq!(deal_to(&workers, dealt()), Ok(()));
        assert!(heard.try_recv().is_ok());
        assert_eq!(workers[1].busy.load(Ordering::Relaxed), 5 + n);
    }
    drop(heard);
    // Nobody is left: the connection is dropped, and so is its place.
    assert_eq!(deal_to(&workers, dealt()), Err(AllFell));
    assert_eq!(room.available_permits(), 8);
}
