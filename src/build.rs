//! Tells the program which commit it was built from, for `--version`.
//!
//! `DOORBUSTER_COMMIT` in the environment has the say (container builds have no `.git`); else git is asked; else it is
//! "unknown". The script runs again only when another branch is checked out, so that a commit doesn't rebuild the
//! program: a release is built from a clean tree, where it always runs.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-env-changed=DOORBUSTER_COMMIT");
    // A missing file would count as changed each time. Nor may a repository around an unpacked archive answer.
    if Path::new(".git/HEAD").exists() {
        println!("cargo:rerun-if-changed=.git/HEAD");
    }
    let commit = std::env::var("DOORBUSTER_COMMIT").ok().or_else(commit_of_git).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=DOORBUSTER_COMMIT={}", commit.trim());
}

fn commit_of_git() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}
