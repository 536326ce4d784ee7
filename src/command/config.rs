//! `config check`, `config show`, `config default`.

use std::io::Write;
use std::path::Path;

use crate::cli::ConfigCommand;
use crate::config::{Config, DEFAULTS, Environment};

/// Validates or prints the configuration.
///
/// # Errors
/// [`crate::config::ConfigErrors`] where it isn't valid; others where `out` can't be written to.
pub fn run(command: &ConfigCommand, environment: &Environment, cwd: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(args) => {
            let loaded = Config::load(&args.overrides(), environment, cwd)?;
            let file = loaded.provenance.file().map(|file| file.display().to_string());
            let sales = loaded.config.offers.len();
            writeln!(out, "{}: ok (sales: {sales})", file.as_deref().unwrap_or("no configuration file: defaults"))?;
        }
        ConfigCommand::Show(args) => {
            let loaded = Config::load(&args.overrides(), environment, cwd)?;
            out.write_all(loaded.provenance.show().as_bytes())?;
        }
        ConfigCommand::Default => out.write_all(DEFAULTS.as_bytes())?,
    }
    Ok(())
}
