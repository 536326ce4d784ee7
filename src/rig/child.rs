//! The shop's server: this very program, in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::clock::WallTime;

/// How the shop is laid out: one sale with one item; who comes from this machine is believed to be a proxy.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The sale's id.
    pub sale: &'static str,
    /// Of the item.
    pub sku: &'static str,
    /// Its units.
    pub stock: u32,
    /// Units for each buyer.
    pub limit_per_buyer: u32,
    /// When it opens; none: it is live at once.
    pub opens_at: Option<WallTime>,
    /// How long an order is held; none: it needs no payment.
    pub hold: Option<Duration>,
    /// Further lines of `[server]`.
    pub server: String,
    /// Further sections.
    pub sections: String,
}

impl Layout {
    fn config(&self, data: &Path) -> String {
        let Self { sale, sku, stock, limit_per_buyer, opens_at, hold, server, sections } = self;
        let opens_at = opens_at.map_or_else(String::new, |at| format!("opens_at = \"{}\"\n", at.rfc3339()));
        let hold = hold.map_or_else(String::new, |hold| format!("hold = \"{}s\"\n", hold.as_secs()));
        // The crowd says where it comes from as a proxy would; whoever comes without a header is who he is.
        format!(
            "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\nclient_ip_header = \"x-forwarded-for\"\n\
             connections_per_ip = 0\nlog = \"error\"\n{server}\n[ledger]\ndata_dir = {}\n{sections}\n\
             [[sale]]\nid = \"{sale}\"\ntitle = \"Sneaker launch\"\nlimit_per_buyer = {limit_per_buyer}\n{opens_at}{hold}\
             [[sale.item]]\nsku = \"{sku}\"\ntitle = \"Sneaker, size 42\"\nstock = {stock}\n\
             price = {{ amount = \"129.00\", currency = \"USD\" }}\n",
            toml::Value::from(data.display().to_string()),
        )
    }
}

/// The line that `serve` prints.
#[derive(Debug, Deserialize)]
struct Ready {
    listening: String,
    admin: String,
}

/// A running server.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    config: PathBuf,
    ready: Ready,
}

impl Child {
    /// Starts a shop in this directory.
    ///
    /// # Errors
    /// Where the directory can't be written, or the server doesn't start.
    pub fn start(dir: &Path, layout: &Layout) -> anyhow::Result<Self> {
        let config = dir.join("config.toml");
        fs::write(&config, layout.config(&Self::data(dir))).context("the configuration can't be written")?;
        let (process, ready) = serve(&config, ("127.0.0.1:0", "127.0.0.1:0"), None)?;
        Ok(Self { process, config, ready })
    }

    /// Where its ledger lies.
    #[must_use]
    pub fn data(dir: &Path) -> PathBuf {
        dir.join("data")
    }

    /// Where buyers come.
    ///
    /// # Errors
    /// Where the server said something else than an address.
    pub fn shop(&self) -> anyhow::Result<SocketAddr> {
        self.ready.listening.trim_start_matches("http://").parse().context("the server named no address")
    }

    /// Where its shopkeeper comes.
    ///
    /// # Errors
    /// Where the server said something else than an address.
    pub fn office_address(&self) -> anyhow::Result<SocketAddr> {
        self.office().trim_start_matches("http://").parse().context("the server named no address")
    }

    /// The shop's address, as a browser wants it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.ready.listening
    }

    /// The office's address, as a browser wants it.
    #[must_use]
    pub fn office(&self) -> &str {
        &self.ready.admin
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills it as a power cut would: it hears nothing of it.
    ///
    /// # Errors
    /// Where it can't be done.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("the server can't be killed")?;
        self.process.wait().context("the server doesn't end")?;
        Ok(())
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// Where it can't be done.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_armed(None)
    }

    /// The same, with failpoints: only a test build has any.
    ///
    /// # Errors
    /// Where it can't be done.
    pub fn restart_armed(&mut self, failpoints: Option<&str>) -> anyhow::Result<()> {
        let at = |url: &str| url.trim_start_matches("http://").to_owned();
        let places = (&*at(&self.ready.listening), &*at(&self.ready.admin));
        let (process, ready) = serve(&self.config, places, failpoints)?;
        (self.process, self.ready) = (process, ready);
        Ok(())
    }

    /// Whether it has ended by itself, and with which code; none where a signal ended it.
    ///
    /// # Errors
    /// Where that can't be known.
    pub fn ended(&mut self) -> anyhow::Result<Option<Option<i32>>> {
        Ok(self.process.try_wait().context("the server can't be looked after")?.map(|status| status.code()))
    }

    /// Ends it as an operator does.
    ///
    /// # Errors
    /// Where it can't be done.
    pub fn stop(&mut self) -> anyhow::Result<()> {
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

fn serve(
    config: &Path,
    (listen, admin): (&str, &str),
    failpoints: Option<&str>,
) -> anyhow::Result<(std::process::Child, Ready)> {
    let program = std::env::current_exe().context("this program can't find itself")?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config).args(["--listen", listen, "--admin-listen", admin]);
    // However we end, nobody is left behind: our end of this pipe ends with us.
    command.arg("--until-stdin-ends").stdin(Stdio::piped());
    // What this shell says of another shop isn't meant for this one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    #[cfg(feature = "torture")]
    command.env(crate::clock::CLOCK_VARIABLE, config.parent().unwrap_or(Path::new(".")));
    command.envs(failpoints.map(|points| (crate::failpoint::VARIABLE, points)));
    let mut process = command.stdout(Stdio::piped()).spawn().context("the server can't be started")?;
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let ready = serde_json::from_str(&line).context("the server didn't start")?;
    Ok((process, ready))
}
