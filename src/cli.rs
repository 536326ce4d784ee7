//! What was typed on the command line; nothing is decided here.

pub mod bench;
mod ledger;
#[cfg(feature = "torture")]
mod torture;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use ledger::{AuditArgs, BackupArgs, ExportArgs, OrdersCommand, RestoreArgs};
#[cfg(feature = "torture")]
pub use torture::{TortureArgs, TortureProfile};

use crate::config::{Overrides, Store};
use crate::demo::SECONDS_MIN;
use crate::ids::{BuyerRef, SaleId};

/// Version, commit and SQLite's version.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("DOORBUSTER_COMMIT"));
    format!("{version} (commit {commit}, SQLite {})", rusqlite::version())
});

/// A flash-sale engine in one binary.
#[derive(Debug, Parser)]
#[command(name = "doorbuster", version = VERSION.as_str(), max_term_width = 100, propagate_version = false)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the shop
    Serve(ServeArgs),
    /// Play a flash sale to look at: a crowd, bots, a crash, and the audit's verdict
    Demo(DemoArgs),
    /// Measure this machine
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Try to break every promise: a crowd, everything that goes wrong, and a judge (test builds only)
    #[cfg(feature = "torture")]
    Torture(TortureArgs),
    /// Prove the ledger: exit 0, or 3 with what is wrong
    Audit(AuditArgs),
    /// Make a ledger from what was shipped to PostgreSQL, where there is none
    Restore(RestoreArgs),
    /// What has been sold
    #[command(subcommand)]
    Orders(OrdersCommand),
    /// Copy the ledger, also while the server runs
    Backup(BackupArgs),
    /// Make passes, without a challenge
    #[command(subcommand)]
    Pass(PassCommand),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Hash a password from standard input, for admin.password_hash
    HashPassword,
    /// Ask a running shop whether it is alive: exit 0 or 1
    Healthcheck(HealthcheckArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// The configuration file [default: $DOORBUSTER_CONFIG, else ./config.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// What these flags say about the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides { config: self.config.clone(), ..Overrides::default() }
    }
}

/// Flags of `serve`. What isn't given is left to the environment, the file and the defaults.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The shop's address; port 0: any free one, which is printed
    #[arg(long, value_name = "ADDR")]
    listen: Option<std::net::SocketAddr>,
    /// The office's address: dashboard, admin API, metrics
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<std::net::SocketAddr>,
    /// Where ledger and keys lie
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Close when standard input ends: whoever has started the shop is gone
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
    /// Where orders are written down; none: nowhere, for measuring
    #[arg(long, value_name = "STORE", value_parser = PossibleValuesParser::new(["sqlite", "none"]).map(store))]
    ledger: Option<Store>,
}

// The parser lets through nothing else than the two words.
fn store(word: String) -> Store {
    if word == Store::Nothing.word() { Store::Nothing } else { Store::Sqlite }
}

impl ServeArgs {
    /// What these flags say about the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.config.clone(),
            listen: self.listen,
            admin_listen: self.admin_listen,
            data_dir: self.data_dir.clone(),
            ledger: self.ledger,
        }
    }
}

/// Flags of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// People who want one
    #[arg(long, value_name = "N", default_value = "20000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub buyers: u32,
    /// Units on sale
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub stock: u32,
    /// How long it takes
    #[arg(long, value_name = "S", default_value = "30", value_parser = clap::value_parser!(u64).range(SECONDS_MIN..=3600))]
    pub seconds: u64,
    /// End by itself: the shop doesn't stay open for you to look around
    #[arg(long)]
    pub no_wait: bool,
}

/// Where the ledger is.
#[derive(Debug, Clone, Default, Args)]
pub struct DataArgs {
    /// The configuration, which may say so.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where ledger and keys lie [default: as configured]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What to do with passes.
#[derive(Debug, Subcommand)]
pub enum PassCommand {
    /// Print signed passes, one a line
    Issue(PassIssueArgs),
}

/// Flags of `pass issue`.
#[derive(Debug, Clone, Args)]
pub struct PassIssueArgs {
    /// The sale that the passes are for
    #[arg(long, value_name = "ID", value_parser = |text: &str| SaleId::parse(text))]
    pub sale: SaleId,
    /// The buyer; with --count, the buyers are ID-1 to ID-N
    #[arg(long, value_name = "ID", value_parser = |text: &str| BuyerRef::parse(text.as_bytes()).map(|_| text.to_owned()))]
    pub buyer: String,
    /// How many passes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,
    /// How long they are good
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = crate::config::span)]
    pub ttl: Duration,
    /// Where the key is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Validate it: exit 0, or 78 with everything that is wrong
    Check(ConfigArgs),
    /// Print the effective values and where each comes from, secrets masked
    Show(ConfigArgs),
    /// Print the commented defaults
    Default,
}

/// Flags of `healthcheck`.
#[derive(Debug, Clone, Default, Args)]
pub struct HealthcheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What to ask instead of the configured server.listen
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl HealthcheckArgs {
    /// What these flags say about the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        self.config.overrides()
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_flags_of_serve_override_the_configuration() {
        let typed = ["doorbuster", "serve", "--config", "a.toml", "--listen", "127.0.0.1:0", "--ledger", "none"];
        let Command::Serve(args) = Cli::try_parse_from(typed).expect("valid flags").command else {
            panic!("serve was typed");
        };
        assert_eq!(
            args.overrides(),
            Overrides {
                config: Some("a.toml".into()),
                listen: Some(([127, 0, 0, 1], 0).into()),
                ledger: Some(Store::Nothing),
                ..Overrides::default()
            }
        );
    }

    #[test]
    fn the_version_names_program_commit_and_sqlite() {
        let shown = Cli::try_parse_from(["doorbuster", "--version"]).expect_err("clap prints it");
        assert_eq!(shown.kind(), ErrorKind::DisplayVersion);
        let shown = shown.to_string();
        assert!(shown.starts_with("doorbuster 0.") && shown.contains(" (commit "), "{shown}");
        assert!(shown.contains(&format!(", SQLite {})", rusqlite::version())), "{shown}");
    }

    #[test]
    fn a_pass_is_good_for_an_hour_unless_said_otherwise() {
        let typed = ["doorbuster", "pass", "issue", "--sale", "launch", "--buyer", "b"];
        let Command::Pass(PassCommand::Issue(args)) = Cli::try_parse_from(typed).expect("valid flags").command else {
            panic!("pass issue was typed");
        };
        assert_eq!((args.ttl, args.count), (Duration::from_secs(3600), None));
        let bad = Cli::try_parse_from(typed.into_iter().chain(["--ttl", "soon"])).expect_err("no span of time");
        assert_eq!(bad.exit_code(), 2);
    }
}
