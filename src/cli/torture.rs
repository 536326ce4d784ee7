//! What was typed behind `torture`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `torture`.
#[derive(Debug, Clone, Args)]
pub struct TortureArgs {
    /// How much is tried: ci takes half a minute, nightly half an hour, release hours
    #[arg(long, value_enum, default_value = "ci")]
    pub profile: TortureProfile,
    /// Small windows before the rounds: a dozen operations at once, for which every order is tried [default: the profile's]
    #[arg(long, value_name = "N")]
    pub windows: Option<u32>,
    /// Rounds, each a server's life [default: the profile's]
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// Operations in a round [default: the profile's]
    #[arg(long, value_name = "N")]
    pub operations: Option<u64>,
    /// Faults in a round [default: the profile's]
    #[arg(long, value_name = "N")]
    pub faults: Option<u32>,
    /// A throw-away PostgreSQL behind the ledger, which goes away and comes back: postgres://shop@127.0.0.1:5432/shop
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// What decides clients' choices and faults [default: by chance]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Also write what every client did and heard, one operation a line, as JSON
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Where the servers' data lies; it is kept if a promise was broken [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TortureProfile {
    /// 500 windows, 2 rounds of 15,000 operations and 11 faults
    Ci,
    /// 100,000 windows, 20 rounds of 200,000 operations and 50 faults
    Nightly,
    /// 1,000,000 windows, 200 rounds of 1,000,000 operations and 200 faults
    Release,
}
