use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Target;
use super::caller::{Board, Caller, Plan};
use super::crowd::{Behaviour, Crowd, Visitor};
use super::funnel::Agreement;
use super::request::{Identity, Request};
use super::schedule::{Pace, Schedule};
use super::told::{Ending, Told};
use crate::rig::answer::Answer;

const CROWD: Crowd = Crowd { behaviour: Behaviour::Even, buyers: 100 };
const WON: &str = "{\"order\":\"01a20792-28f9-75e5-9456-aff8d9c69881\",\"stored\":\"disk\"}";
const SOLD_OUT: &str = "{\"layer\":\"stock\",\"code\":\"sold_out\"}";
const LIMITED: &str = "{\"layer\":\"access\",\"code\":\"rate_limited\"}";
const BUSY: &str = "{\"layer\":\"ledger\",\"code\":\"busy\"}";

fn hear(told: &mut Told, status: u16, body: &str) {
    let answer = Answer { status, body: body.as_bytes(), len: 0, is_last: false };
    let visitor = Visitor { buyer: 7, address: Ipv4Addr::LOCALHOST, waits: true };
    told.hear(&answer, (CROWD, visitor, 1), Duration::from_millis(3), Duration::from_millis(150));
}

#[test]
fn a_correct_no_is_told_apart_from_a_yes_a_limit_and_a_fault() {
    let mut told = Told::new().expect("nothing yet");
    for (status, body) in [(201, WON), (409, SOLD_OUT), (409, SOLD_OUT), (429, LIMITED), (503, BUSY), (409, "{}")] {
        hear(&mut told, status, body);
    }
    assert_eq!(told.endings, [1, 2, 1, 1, 1, 0]);
    assert_eq!(told.series, [[0; 6], [1, 2, 1, 1, 1, 0]]);
    assert_eq!((told.refused["sold_out"], told.refused["rate_limited"], told.refused["409"]), (2, 1, 1));
    assert_eq!((told.failed["busy"], told.unheard(), told.acks.len()), (1, 0, 1));
}

#[test]
fn the_funnel_has_to_say_what_the_clients_were_told_as_far_as_they_were_told_anything() {
    let funnel = |stock: u64| {
        let refused = json!({ "door": 0, "client": 0, "access": 1, "sale": 0, "stock": stock, "ledger": 0 });
        Some(json!({ "attempts": 2 + stock, "refused": refused, "won": 1 }))
    };
    let mut told = Told::new().expect("nothing yet");
    for (status, body) in [(201, WON), (409, SOLD_OUT), (429, LIMITED)] {
        hear(&mut told, status, body);
    }
    let agrees = |told: &Told, stock| Agreement::between(told, 0, funnel(stock)).agrees;
    assert_eq!([0, 1, 2].map(|stock| agrees(&told, stock)), [Some(false), Some(true), Some(false)]);
    told.fail("no answer in time", Duration::ZERO);
    assert_eq!([0, 1, 2, 3].map(|stock| agrees(&told, stock)), [Some(false), Some(true), Some(true), Some(false)]);
    assert_eq!(Agreement::between(&told, 0, None).agrees, None);
}

#[test]
fn only_this_machine_is_a_target() {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    assert_eq!(Target::parse("http://127.0.0.1:8080"), Ok(here));
    assert_eq!(Target::parse("http://127.0.0.1:8080/"), Ok(here));
    for (url, said) in [
        ("http://192.0.2.1:80", "192.0.2.1 is another one"),
        ("https://127.0.0.1:8080", "must be a server on this machine"),
        ("127.0.0.1:8080", "must be a server on this machine"),
        ("http://127.0.0.1", "must be a server on this machine"),
    ] {
        let fault = Target::parse(url).expect_err(url);
        assert!(fault.contains(said), "{fault}");
    }
}

/// A server that answers each connection with these words, one for each question; then it hangs up.
fn server(words: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    // Ends with the tests' process.
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                for word in words {
                    if !matches!(client.read(&mut [0; 4096]), Ok(1..)) || client.write_all(word.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// So many attempts by one connection.
fn call(shop: SocketAddr, attempts: u64) -> Told {
    let request = Request::new(shop, "launch", "sneaker-42", 1, Identity::Header("buyer-id".into()));
    let plan = Plan { shop, request, crowd: CROWD, units: 1, board: Board::default() };
    let pace = Pace::Burst { attempts, within: Duration::ZERO };
    let begin = Instant::now();
    let schedule = Schedule::new(pace, (begin, Duration::from_secs(9)), 0, (0, 1));
    let caller = Caller::connect(&plan, 1).expect("connected");
    caller.call(schedule, begin).expect("heard").0
}

#[test]
fn answers_are_heard_one_after_the_other_over_a_connection_that_is_renewed_where_it_ends() {
    const NO: &str = "HTTP/1.1 409 No\r\ncontent-length: 2\r\n\r\n{}";
    const LAST: &str = "HTTP/1.1 429 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let told = call(server(&[NO, NO, LAST]), 6);
    assert_eq!((told.count(Ending::Refused), told.count(Ending::Limited), told.attempts()), (4, 2, 6));
}

#[test]
fn a_server_that_hangs_up_or_speaks_no_http_has_failed() {
    let told = call(server(&["SSH-2.0-OpenSSH\r\n\r\n"]), 3);
    assert_eq!((told.count(Ending::Failed), told.unheard()), (3, 3));
    assert_eq!(told.failed["no HTTP came back"], 3);
    let told = call(server(&[""]), 3);
    assert_eq!(told.failed["the connection was closed"], 3);
}
