//! Where a shop is at home: a directory of its own, with a configuration, a ledger and the commands that read it.
//!
//! **Invariant:** commands run in the directory and hear nothing of the developer's own settings.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::wire::PATIENCE;

/// Where a shop keeps what it keeps.
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty home on the disk that the build is on: a memory file system would make every sync free.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("shop-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self(dir.expect("a directory for the test"))
    }

    /// A home with a configuration.
    pub(crate) fn with(config: &str) -> Self {
        let home = Self::empty();
        home.write_config(config);
        home
    }

    /// A home of its own with all that is in this one, whose shop has ended.
    pub(crate) fn copy(&self) -> Self {
        let home = Self::empty();
        let status = Command::new("cp").arg("-a").arg(self.path().join(".")).arg(home.path()).status();
        assert!(status.expect("there is a cp command").success());
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// The default's place, so that commands find it whether they are told or not.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("doorbuster-data")
    }

    pub(crate) fn write_config(&self, text: &str) {
        std::fs::write(self.config(), text).expect("config.toml can be written");
    }

    /// A command of the binary, at home here and deaf to the developer's own settings.
    fn command(&self) -> Command {
        self.command_through(&[])
    }

    /// The same, started by another program.
    fn command_through(&self, starter: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_doorbuster");
        let mut words = starter.iter().copied().chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command.current_dir(self.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOORBUSTER_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts the server.
    pub(crate) fn serve(&self) -> Child {
        self.serve_through(&[])
    }

    /// Starts the server by another program, which starts it in turn.
    pub(crate) fn serve_through(&self, starter: &[&str]) -> Child {
        self.serve_saying(starter, Stdio::piped())
    }

    /// Starts the server by another program, and says where its log goes.
    pub(crate) fn serve_saying(&self, starter: &[&str], log: impl Into<Stdio>) -> Child {
        let mut command = self.command_through(starter);
        command.arg("serve").arg("--config").arg(self.config());
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command.spawn().expect("the binary starts")
    }

    /// Runs a command to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        self.run_with(arguments, &[])
    }

    /// Runs a command to its end with some environment.
    pub(crate) fn run_with<A: AsRef<OsStr>>(&self, arguments: &[A], environment: &[(&str, &str)]) -> Output {
        let mut command = self.command();
        command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
        command.output().expect("the binary starts")
    }

    /// Begins a command with some environment; nobody hears what it says.
    pub(crate) fn spawn<A: AsRef<OsStr>>(&self, arguments: &[A], environment: &[(&str, &str)]) -> Child {
        let mut command = self.command();
        command.args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the binary starts")
    }

    /// `serve` where it is expected to end by itself.
    pub(crate) fn serve_to_the_end(&self) -> Output {
        let mut child = self.serve();
        let mut ended = false;
        for _ in 0..PATIENCE.as_millis() / 10 {
            ended = child.try_wait().expect("the child is ours").is_some();
            if ended {
                break;
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        if !ended {
            child.kill().expect("the child is ours");
        }
        let output = child.wait_with_output().expect("the child is ours");
        assert!(ended, "serves, although it must refuse to:\n{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// `audit --json`, with the ids of the orders that were acknowledged: exit code and report.
    pub(crate) fn audit_with_acks(&self, acks: &[String]) -> (Option<i32>, Value) {
        let file = self.path().join("acks.txt");
        let mut lines = acks.join("\n");
        lines.push('\n');
        std::fs::write(&file, lines).expect("the acks can be written");
        self.audit_command(&["--acks".as_ref(), file.as_os_str()])
    }

    fn audit_command(&self, more: &[&OsStr]) -> (Option<i32>, Value) {
        let data = self.data();
        let arguments: Vec<&OsStr> = ["audit".as_ref(), "--json".as_ref(), "--data-dir".as_ref(), data.as_os_str()]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let output = self.run(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|fault| panic!("audit says no JSON ({fault}, {}):\n{stderr}", output.status));
        (output.status.code(), report)
    }

    /// `audit --json` of a ledger that is in order.
    pub(crate) fn audit(&self) -> Value {
        let (code, report) = self.audit_command(&[]);
        assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
        report
    }
}
