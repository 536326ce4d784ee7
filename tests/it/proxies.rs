//! In front of the shop: real nginx and Caddy, with the settings that `.packaging` hands to operators.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::contract::{refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{PATIENCE, Request, Wire, eventually};

/// Where the shop listens in the settings.
const SHOP: &str = "127.0.0.1:8080";

pub(crate) struct Proxy {
    process: Child,
    pub(crate) address: SocketAddr,
    _dir: TempDir,
}

impl Proxy {
    /// nginx as packaged, but for its certificate, its port and where it keeps files.
    fn nginx(shop: SocketAddr) -> Self {
        Self::nginx_with(shop, "")
    }

    /// The same, and one sale is out of bounds.
    pub(crate) fn nginx_without(shop: SocketAddr, sale: &str) -> Self {
        Self::nginx_with(shop, &format!("location ~ ^/v1/sales/{sale}/ {{ return 403; }}"))
    }

    fn nginx_with(shop: SocketAddr, location: &str) -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free_address());
        let kept = |line: &&str| !line.trim_start().starts_with("ssl_certificate");
        let site: Vec<_> = packaged("nginx.conf", shop).lines().filter(kept).map(str::to_owned).collect::<Vec<_>>();
        let path = dir.path().display();
        let site = site
            .join("\n")
            .replace("listen 443 ssl;", &format!("listen {address};\n{location}"))
            .replace("/var/cache/nginx/doorbuster", &format!("{path}/cache"));
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {path}/{name};\n"))
            .concat();
        let whole = format!(
            "daemon off;\npid {path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{paths}access_log off;\n{site}\n}}\n"
        );
        let mut command = Command::new("nginx");
        command.arg("-p").arg(dir.path()).arg("-e").arg("stderr").arg("-c").arg(write(
            dir.path(),
            "nginx.conf",
            &whole,
        ));
        Self::start(command, dir, address)
    }

    /// HAProxy as packaged, but for its certificate and its port.
    fn haproxy(shop: SocketAddr) -> Self {
        Self::haproxy_with(shop, "")
    }

    /// The same, and one sale is out of bounds.
    pub(crate) fn haproxy_without(shop: SocketAddr, sale: &str) -> Self {
        Self::haproxy_with(shop, &format!("http-request deny if {{ path_beg /v1/sales/{sale}/ }}"))
    }

    fn haproxy_with(shop: SocketAddr, rule: &str) -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free_address());
        let bind = "bind :443 ssl crt /etc/haproxy/certs/sale.example.pem";
        let settings = packaged("haproxy.cfg", shop);
        assert!(settings.contains(bind), "{settings}");
        // Fewer connections than an operator's: each costs memory when the program starts.
        let whole =
            settings.replace(bind, &format!("bind {address}\n    {rule}")).replace("maxconn 50000", "maxconn 500");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(write(dir.path(), "haproxy.cfg", &whole));
        Self::start(command, dir, address)
    }

    /// Caddy as packaged, but for its name and its certificate.
    fn caddy(shop: SocketAddr) -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free_address());
        let place = format!("http://:{} {{\n\tbind {}", address.port(), address.ip());
        let site = packaged("Caddyfile", shop).replace("sale.example {", &place);
        // No second port.
        let whole = format!("{{\n\tadmin off\n}}\n{site}");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(write(dir.path(), "Caddyfile", &whole));
        command.env("HOME", dir.path()).env("XDG_DATA_HOME", dir.path()).env("XDG_CONFIG_HOME", dir.path());
        Self::start(command, dir, address)
    }

    fn start(mut command: Command, dir: TempDir, address: SocketAddr) -> Self {
        let log = fs::File::create(dir.path().join("log")).expect("a log");
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let process = process.unwrap_or_else(|fault| panic!("{command:?}: {fault}; it is a Debian package"));
        let mut proxy = Self { process, address, _dir: dir };
        eventually("the proxy listens", || {
            let ended = proxy.process.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "{}", fs::read_to_string(proxy._dir.path().join("log")).unwrap_or_default());
            TcpStream::connect(address).is_ok()
        });
        proxy
    }

    fn wire(&self) -> Wire {
        Wire::connect(self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked, not killed: nginx ends its workers.
        let _ = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn packaged(name: &str, shop: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".packaging").join(name);
    let text = fs::read_to_string(path).expect("the packaged settings");
    assert!(text.contains(SHOP), "{text}");
    text.replace(SHOP, &shop.to_string())
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// Everything that a buyer does works through this proxy.
fn carries_a_sale(proxy: impl Fn(SocketAddr) -> Proxy) {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 2).limit(1)));
    let proxy = proxy(shop.public());
    let page = proxy.wire().ask(&Request::get(&format!("/s/{SALE}")));
    let direct = shop.ask(&Request::get(&format!("/s/{SALE}")));
    assert_eq!((page.status, page.text()), (200, direct.text()));
    let mut stream = TcpStream::connect(proxy.address).expect("the proxy listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(&Request::get(&format!("/v1/sales/{SALE}/events")).bytes()).expect("the proxy listens");
    hears(&mut stream, "\"remaining\":2");
    // One connection for several attempts, as a browser keeps it.
    let mut wire = proxy.wire();
    for (buyer, left) in [("ann", 1), ("bob", 0)] {
        let pass = shop.pass(SALE, buyer);
        won(&wire.ask(&Request::attempt(SALE, SKU).bearer(&pass).quantity(1)));
        hears(&mut stream, &format!("\"remaining\":{left}"));
    }
    let pass = shop.pass(SALE, "eve");
    refused(&wire.ask(&Request::attempt(SALE, SKU).bearer(&pass)), "sold_out");
    let now = || proxy.wire().ask(&Request::get("/v1/time")).text();
    assert_ne!(now(), now(), "the clock is never kept");
    shop.home().audit();
}

/// Reads on until the stream has said something: at once, not when a buffer is full.
fn hears(stream: &mut TcpStream, words: &str) {
    let (mut heard, begun) = (Vec::new(), Instant::now());
    while !String::from_utf8_lossy(&heard).contains(words) {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap_or(0);
        heard.extend_from_slice(&bytes[..read]);
        let said = String::from_utf8_lossy(&heard);
        assert!(read > 0 && begun.elapsed() < PATIENCE, "{words} isn't heard in {said}");
    }
}

/// Whoever says that he is somebody else each time is still one address.
fn believes_no_address_that_a_client_makes_up(proxy: impl Fn(SocketAddr) -> Proxy) {
    let plan = Plan::passes().set("access.ip", "{ rate = 0.0001, burst = 3 }");
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 100)));
    let proxy = proxy(shop.public());
    let mut wire = proxy.wire();
    for number in 0..6 {
        let pass = shop.pass(SALE, &format!("b-{number}"));
        let answer = wire.ask(&Request::attempt(SALE, SKU).bearer(&pass).from(&format!("203.0.113.{number}")));
        if number < 3 {
            won(&answer);
        } else {
            refused(&answer, "rate_limited");
            assert_eq!(answer.json()["limit"], "ip");
        }
    }
}

#[test]
#[ignore = "needs nginx: tests/run"]
fn nginx_carries_a_sale_as_packaged() {
    carries_a_sale(Proxy::nginx);
}

#[test]
#[ignore = "needs Caddy: tests/run"]
fn caddy_carries_a_sale_as_packaged() {
    carries_a_sale(Proxy::caddy);
}

#[test]
#[ignore = "needs HAProxy: tests/run"]
fn haproxy_carries_a_sale_as_packaged() {
    carries_a_sale(Proxy::haproxy);
}

#[test]
#[ignore = "needs HAProxy: tests/run"]
fn haproxy_believes_no_address_that_a_client_makes_up() {
    believes_no_address_that_a_client_makes_up(Proxy::haproxy);
}

#[test]
#[ignore = "needs nginx: tests/run"]
fn nginx_believes_no_address_that_a_client_makes_up() {
    believes_no_address_that_a_client_makes_up(Proxy::nginx);
}

#[test]
#[ignore = "needs Caddy: tests/run"]
fn caddy_believes_no_address_that_a_client_makes_up() {
    believes_no_address_that_a_client_makes_up(Proxy::caddy);
}

#[test]
#[ignore = "needs nginx: tests/run"]
fn nginx_keeps_what_the_shop_lets_it_keep_and_nothing_else() {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 2)));
    let proxy = Proxy::nginx(shop.public());
    let cached = |path: &str| {
        proxy.wire().ask(&Request::get(path));
        proxy.wire().ask(&Request::get(path)).header("x-cache").map(str::to_owned)
    };
    for kept in ["/", &format!("/s/{SALE}")] {
        assert_eq!(cached(kept).as_deref(), Some("HIT"), "{kept}");
    }
    for never in ["/v1/time", "/v1/orders", "/healthz"] {
        assert_ne!(cached(never).as_deref(), Some("HIT"), "{never}");
    }
}
