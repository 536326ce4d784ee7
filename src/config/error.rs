//! What is wrong with a configuration: where, which key, and what would be right.
//!
//! **Invariant:** no complaint repeats the value of a secret.

use std::fmt;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nobody said anything: the built-in `config.toml`.
    Default,
    /// In a file as a whole: it can't be read.
    File(String),
    /// At a point of the configuration file.
    Point {
        /// The file as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In an environment variable.
    Variable(String),
    /// In the file that an environment variable names.
    VariableFile {
        /// The variable, with `_FILE` at its end.
        variable: String,
        /// The file as it was named.
        file: String,
    },
    /// In the body of a request: a JSON pointer.
    Body(String),
    /// On the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(file) | Self::Body(file) => formatter.write_str(file),
            Self::Point { file, line, column } => write!(formatter, "{file}:{line}:{column}"),
            Self::Variable(variable) => formatter.write_str(variable),
            Self::VariableFile { variable, file } => write!(formatter, "{variable} ({file})"),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Where it stands.
    pub place: Place,
    /// The key, dotted; empty where the place as a whole is meant.
    pub key: String,
    /// What would be right.
    pub says: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, says } = self;
        if key.is_empty() { write!(formatter, "{place}: {says}") } else { write!(formatter, "{place}: {key}: {says}") }
    }
}

/// All that is wrong with a configuration, in the order in which it stands there; at least one complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    complaints: Vec<Complaint>,
}

impl ConfigErrors {
    /// The exit code of a program with a bad configuration: `EX_CONFIG` of sysexits.h.
    pub const EXIT: u8 = 78;

    pub(super) fn new(mut complaints: Vec<Complaint>) -> Self {
        complaints.sort();
        complaints.dedup();
        Self { complaints }
    }

    pub(super) fn of(complaint: Complaint) -> Self {
        Self { complaints: vec![complaint] }
    }

    /// One by one.
    #[must_use]
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }
}

impl fmt::Display for ConfigErrors {
    /// One complaint a line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.complaints.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(formatter, "{between}{complaint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
