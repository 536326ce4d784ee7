//! A shop under test: the real binary in a directory of its own.
//!
//! **Invariant:** whatever happens to the test, its server is gone and its directory removed afterwards; a test that
//! fails shows what its server said.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Home;
use crate::plan::{ADMIN_TOKEN, Plan};
use crate::wire::{PATIENCE, Request, Response, Wire, eventually};

/// A shop that serves.
pub(crate) struct Shop {
    home: Home,
    child: Child,
    public: SocketAddr,
    admin: SocketAddr,
    stderr: Arc<Mutex<String>>,
}

/// A shop that didn't open.
pub(crate) struct NotOpened {
    pub(crate) home: Home,
    /// None: by a signal, or not by itself.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Shop {
    /// Opens a new shop.
    pub(crate) fn open(plan: &Plan) -> Self {
        Self::open_at(Home::with(&plan.text()))
    }

    /// Opens a shop where one may have been before.
    pub(crate) fn open_at(home: Home) -> Self {
        let child = home.serve();
        Self::open_as(home, child)
    }

    /// Opens a shop whose disk takes everything and then fails to sync it. There must have been a shop before.
    pub(crate) fn open_on_a_disk_that_fails_to_sync(home: Home) -> Self {
        Self::open_through(home, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO"])
    }

    /// Opens a shop that is started by another program.
    pub(crate) fn open_through(home: Home, starter: &[&str]) -> Self {
        let child = home.serve_through(starter);
        Self::open_as(home, child)
    }

    /// Opens a shop whose log goes where we don't hear it.
    pub(crate) fn open_saying(home: Home, log: impl Into<Stdio>) -> Self {
        let child = home.serve_saying(&[], log);
        Self::open_as(home, child)
    }

    /// A shop that opens, or is about to.
    pub(crate) fn open_as(home: Home, child: Child) -> Self {
        Self::try_open_as(home, child)
            .unwrap_or_else(|NotOpened { code, said, .. }| panic!("does not serve ({code:?}):\n{said}"))
    }

    /// Opens a shop that is started by another program, if it can be opened.
    pub(crate) fn try_open_through(home: Home, starter: &[&str]) -> Result<Self, NotOpened> {
        let child = home.serve_through(starter);
        Self::try_open_as(home, child)
    }

    fn try_open_as(home: Home, mut child: Child) -> Result<Self, NotOpened> {
        let (stderr, collecting) = collect(child.stderr.take());
        let line = first_line(child.stdout.take().expect("stdout is piped"));
        let Some(line) = line else {
            // Whoever has closed his stdout is about to end by himself; who is silent isn't.
            let code = ended(&mut child).and_then(|status| status.code());
            // What it said last may still be on its way to us.
            eventually("the end of what it said", || collecting.is_finished());
            let said = stderr.lock().expect("no panic there").clone();
            return Err(NotOpened { home, code, said });
        };
        let addresses: Value = serde_json::from_str(&line).expect("the line on stdout is JSON");
        let address = |name: &str| {
            let url = addresses[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}"));
            let host = url.strip_prefix("http://").expect("an http URL");
            host.trim_end_matches('/').parse().expect("an address and a port")
        };
        Ok(Self { public: address("listening"), admin: address("admin"), home, child, stderr })
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to the public listener.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(self.public)
    }

    /// Asks the public listener on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Response {
        self.wire().ask(request)
    }

    /// Asks the admin listener, with its token.
    pub(crate) fn office(&self, request: Request) -> Response {
        self.ask_office(&request.bearer(ADMIN_TOKEN))
    }

    /// Asks the admin listener as a stranger.
    pub(crate) fn ask_office(&self, request: &Request) -> Response {
        Wire::connect(self.admin).ask(request)
    }

    /// Asks the admin listener for a change, and it happens.
    pub(crate) fn change(&self, path: &str, body: Option<&Value>) -> Value {
        let request = Request::post(path);
        let response = self.office(body.map_or(request.clone(), |body| request.json(body)));
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// `pause`, `resume` or `end`.
    pub(crate) fn turn(&self, sale: &str, verb: &str) {
        self.change(&format!("/v1/admin/sales/{sale}/{verb}"), None);
    }

    pub(crate) fn funnel(&self) -> Value {
        let response = self.office(Request::get("/v1/admin/funnel"));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// A pass from `pass issue`.
    pub(crate) fn pass(&self, sale: &str, buyer: &str) -> String {
        self.pass_for(sale, buyer, "1h")
    }

    /// A pass that is good for so long.
    pub(crate) fn pass_for(&self, sale: &str, buyer: &str, ttl: &str) -> String {
        let output = self.home.run(&["pass", "issue", "--sale", sale, "--buyer", buyer, "--ttl", ttl]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a pass is text").trim().to_owned()
    }

    /// A sale as anybody sees it.
    pub(crate) fn sale(&self, sale: &str) -> Value {
        let response = self.ask(&Request::get(&format!("/v1/sales/{sale}")));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// What the server has said so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.lock().expect("no panic there").clone()
    }

    /// Sends a signal, by its short name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("there is a kill command").success(), "no {name} to {}", self.pid());
    }

    /// The exit code, once it has ended; none: by a signal.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let mut status = None;
        eventually("the server's end", || {
            status = child.try_wait().expect("the child is ours");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// Ends it as an operator does; what remains is its home.
    pub(crate) fn close(mut self) -> Home {
        self.signal("TERM");
        assert_eq!(self.exit_code(), Some(0), "SIGTERM ends with 0");
        self.leave()
    }

    /// Ends it as a power cut does, as far as a process can know one.
    pub(crate) fn kill(mut self) -> Home {
        self.signal("KILL");
        assert_eq!(self.exit_code(), None, "SIGKILL is nobody's to handle");
        self.leave()
    }

    /// What remains of a shop that was sent a KILL.
    pub(crate) fn killed(mut self) -> Home {
        assert_eq!(self.exit_code(), None, "SIGKILL is nobody's to handle");
        self.leave()
    }

    /// What remains of a shop that has ended.
    pub(crate) fn leave(mut self) -> Home {
        // The shop's own `Drop` keeps its fields together: an empty home takes the place of the one that stays.
        std::mem::replace(&mut self.home, Home::empty())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let said = self.stderr.lock().map(|said| said.clone()).unwrap_or_default();
            eprintln!("--- the server said:\n{said}---");
        }
    }
}

/// How a child ends that is about to; none where it had to be killed.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Reads what a server says, where it says it to us.
fn collect(stderr: Option<ChildStderr>) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let said = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&said);
    let collecting = thread::spawn(move || {
        let Some(mut stderr) = stderr else { return };
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stderr.read(&mut bytes) {
            into.lock().expect("no panic there").push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    (said, collecting)
}

/// The line that says where it listens; none: it ended or stayed silent.
fn first_line(stdout: ChildStdout) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver.recv_timeout(PATIENCE).ok()
}
