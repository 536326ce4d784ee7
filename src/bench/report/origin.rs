//! Where figures come from: without it they are worth nothing.

use serde::Serialize;

use crate::bench::http::machine::Machine;
use crate::clock::Clock;

/// Which program it was.
#[derive(Debug, Clone, Serialize)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
    /// `release` or `debug`: figures of a debug build are worth nothing.
    pub profile: &'static str,
}

impl Program {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self { version: env!("CARGO_PKG_VERSION"), commit: env!("DOORBUSTER_COMMIT"), profile }
    }
}

/// The program, the command and the machine of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Origin {
    /// The program that measured.
    pub doorbuster: Program,
    /// What was typed.
    pub command: Vec<String>,
    /// When it was over.
    pub ended_at: String,
    /// Where it ran.
    pub machine: Machine,
}

impl Origin {
    /// This program, here and now.
    #[must_use]
    pub fn here() -> Self {
        Self {
            doorbuster: Program::this(),
            command: std::env::args().collect(),
            ended_at: Clock::system().now().wall.rfc3339().to_string(),
            machine: Machine::this(),
        }
    }

    /// Name and value of each of them, for people.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let (program, machine) = (&self.doorbuster, &self.machine);
        let gib = machine.memory_bytes as f64 / 1_073_741_824.0;
        vec![
            ("command", self.command.join(" ")),
            (
                "program",
                format!("doorbuster {}, commit {}, {} build", program.version, program.commit, program.profile),
            ),
            ("machine", format!("{} × {}, {gib:.1} GiB, {}", machine.cores, machine.cpu, machine.kernel)),
            ("ended", self.ended_at.clone()),
        ]
    }
}
