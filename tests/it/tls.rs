//! Messages to a shop over TLS: with a real handshake, and to nobody whose certificate isn't vouched for.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use crate::contract::won;
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// Says which port it is on, then the kind of each message that it gets.
const RECEIVER: &str = r#"
import http.server, json, ssl

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        print(json.loads(body)["type"], flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Receiver {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes `key.pem` and `certificate.pem`, which says to be these names, and is vouched for by itself alone.
pub(crate) fn make_certificate(dir: &Path, names: &str) {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                   -keyout key.pem -out certificate.pem -addext basicConstraints=critical,CA:FALSE -addext";
    let mut command = Command::new("openssl");
    command.args(request.split_whitespace()).arg(format!("subjectAltName={names}")).current_dir(dir);
    let made = command.output().expect("openssl is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

impl Receiver {
    /// A receiver who says that he is this machine, vouched for by himself alone.
    fn open(dir: &Path) -> Self {
        make_certificate(dir, "DNS:localhost,IP:127.0.0.1");
        let mut command = Command::new("python3");
        command.args(["-c", RECEIVER]).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 is there");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let port = lines.next().expect("it listens").expect("a line").parse().expect("a port");
        Self { child, lines, port }
    }

    fn plan(&self) -> Plan {
        let url = format!("https://localhost:{}/hooks", self.port);
        Plan::gateway().sale(Sale::of(SALE, 10)).webhook(&url)
    }
}

fn buy(shop: &Shop) -> String {
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("b-1")))
}

#[test]
#[ignore = "needs python3 and openssl: tests/run"]
fn a_receiver_whose_certificate_is_vouched_for_is_told() {
    let keys = Home::empty();
    let mut receiver = Receiver::open(keys.path());
    let trusted = format!("SSL_CERT_FILE={}", keys.path().join("certificate.pem").display());
    let shop = Shop::open_through(Home::with(&receiver.plan().text()), &["env", &trusted]);
    buy(&shop);
    let mut told: Vec<String> = receiver.lines.by_ref().take(2).map(|line| line.expect("a line")).collect();
    told.sort();
    assert_eq!(told, ["order.confirmed", "sale.opened"]);
}

#[test]
#[ignore = "needs python3 and openssl: tests/run"]
fn a_receiver_whom_nobody_vouches_for_is_told_nothing() {
    let keys = Home::empty();
    let receiver = Receiver::open(keys.path());
    let shop = Shop::open(&receiver.plan());
    buy(&shop);
    let webhook = || shop.office(Request::get("/v1/admin/webhooks")).json()["webhooks"][0].clone();
    eventually("the first tries", || webhook()["retried"].as_u64() >= Some(1));
    assert_eq!(webhook()["delivered"], json!(0));
}
