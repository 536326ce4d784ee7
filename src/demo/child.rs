//! The shop's server: this very program, in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;

use crate::clock::WallTime;

/// The sale's id.
pub(super) const SALE: &str = "demo";
/// What is sold.
pub(super) const SKU: &str = "sneaker-42";

/// The line that `serve` prints.
#[derive(Debug, Deserialize)]
struct Ready {
    listening: String,
    admin: String,
}

/// A running server.
pub(super) struct Child {
    process: std::process::Child,
    config: PathBuf,
    ready: Ready,
}

impl Child {
    /// Starts a shop in this directory, whose one sale opens at a moment.
    pub(super) fn start(dir: &Path, stock: u32, opens_at: WallTime) -> anyhow::Result<Self> {
        let config = dir.join("config.toml");
        // The crowd says where it comes from as a proxy would; whoever comes without a header is who he is.
        let text = format!(
            "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\nclient_ip_header = \"x-forwarded-for\"\nconnections_per_ip = 0\nlog = \"error\"\n\
             [ledger]\ndata_dir = \"{}\"\n[[sale]]\nid = \"{SALE}\"\ntitle = \"Sneaker launch\"\nopens_at = \"{}\"\n\
             [[sale.item]]\nsku = \"{SKU}\"\ntitle = \"Sneaker, size 42\"\nstock = {stock}\n\
             price = {{ amount = \"129.00\", currency = \"USD\" }}\n",
            Self::data(dir).display(),
            opens_at.rfc3339(),
        );
        fs::write(&config, text).context("the configuration can't be written")?;
        let (process, ready) = serve(&config, "127.0.0.1:0", "127.0.0.1:0")?;
        Ok(Self { process, config, ready })
    }

    /// Where its ledger lies.
    pub(super) fn data(dir: &Path) -> PathBuf {
        dir.join("data")
    }

    /// Where buyers come.
    pub(super) fn shop(&self) -> anyhow::Result<SocketAddr> {
        self.ready.listening.trim_start_matches("http://").parse().context("the server named no address")
    }

    pub(super) fn page(&self) -> String {
        format!("{}/s/{SALE}", self.ready.listening)
    }

    pub(super) fn office(&self) -> &str {
        &self.ready.admin
    }

    /// Kills it as a power cut would: it hears nothing of it.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("the server can't be killed")?;
        self.process.wait().context("the server doesn't end")?;
        Ok(())
    }

    /// Starts it again where it was.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        let at = |url: &str| url.trim_start_matches("http://").to_owned();
        let (process, ready) = serve(&self.config, &at(&self.ready.listening), &at(&self.ready.admin))?;
        (self.process, self.ready) = (process, ready);
        Ok(())
    }

    /// Ends it as an operator does.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            self.process.wait().context("the server doesn't end")?;
            return Ok(());
        }
        self.kill()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Whoever has ended already can't be killed, and need not be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(config: &Path, listen: &str, admin: &str) -> anyhow::Result<(std::process::Child, Ready)> {
    let program = std::env::current_exe().context("this program can't find itself")?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config).args(["--listen", listen, "--admin-listen", admin]);
    // What this shell says of another shop isn't meant for this one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    let mut process =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("the server can't be started")?;
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let ready = serde_json::from_str(&line).context("the server didn't start")?;
    Ok((process, ready))
}
