//! Exit codes of the commands that read the ledger.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::cli::Cli;
use crate::command::Exit;
use crate::ledger::FILE_NAME;
use crate::ledger::audit::AuditFault;
use crate::ledger::read::{LedgerReader, ReadFault};

fn run(words: &[&str]) -> Exit {
    let cli = Cli::try_parse_from([&["doorbuster"], words].concat()).expect("a command line");
    crate::command::run(&cli)
}

#[test]
fn what_cannot_be_read_has_the_contracts_exit_codes() {
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let dir = folder.path().to_str().expect("a path");
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().expect("a path");
    let commands: [&[&str]; 3] =
        [&["audit", "--data-dir", dir], &["orders", "export", "--data-dir", dir], &["backup", copy, "--data-dir", dir]];
    for command in commands {
        assert_eq!(run(command), Exit::FAILURE, "nothing is there: {command:?}");
    }
    std::fs::write(folder.path().join(FILE_NAME), [b'x'; 4096]).expect("a file");
    for command in commands {
        assert_eq!(run(command), Exit::DATA, "no database: {command:?}");
    }
    std::fs::write(folder.path().join(FILE_NAME), []).expect("a file");
    for command in commands {
        assert_eq!(run(command), Exit::DATA, "no ledger: {command:?}");
    }
}

#[test]
fn a_fault_keeps_its_code_under_whatever_is_said_above_it() {
    let fault = ReadFault::UnknownVersion { path: PathBuf::from("x"), version: 2 };
    let error = anyhow::Error::from(AuditFault::Read(fault)).context("while doing something");
    assert_eq!(Exit::of(&error), Exit::DATA);
    let error = LedgerReader::open(&PathBuf::from("/nonexistent")).context("while opening").expect_err("nothing");
    assert_eq!(Exit::of(&error), Exit::FAILURE);
    assert_eq!(Exit::of(&anyhow::anyhow!("something else")), Exit::FAILURE);
}
