//! A PostgreSQL of our own: made for one test, and thrown away with it.
//!
//! **Invariant:** the server syncs as it would in a shop, and is stopped whatever becomes of the test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Who owns the database.
const USER: &str = "shop";
/// Whom a server runs as where the tests run as root, which PostgreSQL refuses.
const UNPRIVILEGED: &str = "postgres";

/// A running PostgreSQL.
pub(crate) struct PgServer {
    dir: TempDir,
    bin: PathBuf,
    port: u16,
}

/// The newest PostgreSQL's programs: Debian keeps them out of the path.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.unwrap_or_default()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("there is an id command");
    output.stdout.starts_with(b"0\n")
}

fn succeeded(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} ({}): {said}", output.status);
}

impl PgServer {
    /// Makes a database and starts its server.
    pub(crate) fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("pg-").tempdir().expect("a directory");
        // Whoever binds it in between makes this test fail loudly, not pass.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let server = Self { dir, bin: bin(), port };
        if is_root() {
            let chown = Command::new("chown").arg(UNPRIVILEGED).arg(server.dir.path()).output();
            succeeded("chown", &chown.expect("there is a chown command"));
        }
        let data = server.data();
        let arguments = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "-D"];
        succeeded("initdb", &server.command("initdb").args(arguments).arg(&data).output().expect("there is initdb"));
        server.boot();
        server.sql("CREATE DATABASE shop");
        server
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", UNPRIVILEGED, "--"]).arg(program);
        command.current_dir(self.dir.path());
        command
    }

    /// Starts the server where it was stopped.
    pub(crate) fn boot(&self) {
        let (log, socket) = (self.dir.path().join("log"), self.dir.path().display());
        let options = format!("-k {socket} -p {} -c listen_addresses=127.0.0.1 -c fsync=on", self.port);
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data()).args(["-o", &options, "-l"]).arg(&log).args(["-w", "start"]);
        // Not piped: the server keeps what it is given open.
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let said = std::fs::read_to_string(log).unwrap_or_default();
        assert!(status.expect("there is pg_ctl").success(), "PostgreSQL does not start:\n{said}");
    }

    /// Stops the server: `fast`, or `immediate` as a crash does.
    pub(crate) fn stop(&self, mode: &str) {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data()).args(["-m", mode, "-w", "stop"]);
        succeeded("pg_ctl stop", &command.output().expect("there is pg_ctl"));
    }

    /// From now on it also speaks TLS, with the key and certificate that lie in `keys`.
    pub(crate) fn encrypt(&self, keys: &Path) {
        for (file, name) in [("key.pem", "server.key"), ("certificate.pem", "server.crt")] {
            // Its own, and nobody else's to read: PostgreSQL insists.
            let mut install = Command::new("install");
            install.args(["-m", "600"]).args(if is_root() { &["-o", UNPRIVILEGED][..] } else { &[] });
            install.arg(keys.join(file)).arg(self.data().join(name));
            succeeded("install", &install.output().expect("there is an install command"));
        }
        self.sql("ALTER SYSTEM SET ssl = on");
        self.stop("fast");
        self.boot();
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, seen through this port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/shop?sslmode=disable")
    }

    pub(crate) fn url(&self) -> String {
        self.url_through(self.port)
    }

    /// The same through the socket in the file system.
    pub(crate) fn socket_url(&self) -> String {
        let dir = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@/shop?host={dir}&port={}", self.port)
    }

    /// What a statement answers, its columns separated by `|`.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let database = if sql.starts_with("CREATE DATABASE") { "postgres" } else { "shop" };
        let output = Self::psql(&self.bin, self.dir.path(), self.port, database, sql);
        succeeded(sql, &output);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A statement that runs beside the test, and may fail.
    pub(crate) fn sql_beside(&self, sql: &str) -> std::thread::JoinHandle<Output> {
        let (bin, dir, port, sql) = (self.bin.clone(), self.dir.path().to_owned(), self.port, sql.to_owned());
        std::thread::spawn(move || Self::psql(&bin, &dir, port, "shop", &sql))
    }

    fn psql(bin: &Path, dir: &Path, port: u16, database: &str, sql: &str) -> Output {
        let mut command = Command::new(bin.join("psql"));
        command.arg("-h").arg(dir).args(["-p", &port.to_string(), "-U", USER, "-d", database, "-XAtq"]);
        command.args(["-v", "ON_ERROR_STOP=1", "-c", sql]).output().expect("there is psql")
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        let _ = command.arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]).output();
    }
}
