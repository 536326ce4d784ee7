//! `hash-password`: what to put into `admin.password_hash`.
//!
//! Absent: a prompt that hides what is typed. That needs the terminal's modes, and a password is better piped in.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};

use anyhow::{Context as _, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;

/// Longest password, in bytes: more is a file that was piped in by mistake.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Reads one line, prints its hash: Argon2id with the crate's parameters (19 MiB, 2 passes: OWASP's recommendation).
///
/// # Errors
/// Where the line can't be read, is empty or too long, or `out` can't be written to.
pub fn run(input: &mut impl BufRead, out: &mut impl Write) -> anyhow::Result<()> {
    if io::stdin().is_terminal() {
        eprint!("Password (shown as you type): ");
    }
    let mut line = String::new();
    input.take(PASSWORD_BYTES_MAX + 1).read_line(&mut line).context("the password cannot be read")?;
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        bail!("the password is empty: type it, or pipe one line into standard input");
    }
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        bail!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
    }
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    writeln!(out, "{hash}")?;
    Ok(())
}
