//! A directory for as long as something is measured.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::command::signals::{Heard, Signals};

/// What a shell says of a process that its terminal has left.
const HUNG_UP: u8 = 129;

/// Makes one in `place`. From here on a signal that ends the process takes it away first: measuring takes long, and is
/// interrupted now and then.
///
/// # Errors
/// Where there is none to be had.
pub(super) fn scratch(place: &Path) -> Result<TempDir, anyhow::Error> {
    let dir = tempfile::Builder::new().prefix("doorbuster-bench-").tempdir_in(place);
    let dir = dir.with_context(|| format!("{} can't be written", place.display()))?;
    let path = std::path::absolute(dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _here = runtime.enter();
        Signals::new(false)?
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let code = match runtime.block_on(signals.next()) {
            Heard::End(ending) => ending.exit_code(),
            Heard::Reload => HUNG_UP,
        };
        let _ = fs::remove_dir_all(path);
        std::process::exit(code.into())
    })?;
    Ok(dir)
}
