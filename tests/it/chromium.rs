//! A buyer's browser: a real Chromium without a screen, driven over WebDriver.
//!
//! **Invariant:** whatever the page says on its console is heard: an error, an exception or a breach of the policy that
//! the test does not expect fails it. Browser and driver are gone when the test is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;

use crate::wire::PATIENCE;

/// Where tests/run puts it: `npm install axe-core`.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/node_modules/axe-core/axe.min.js");

/// A screen: how wide, how high.
pub(crate) const PHONE: (u32, u32) = (390, 844);
pub(crate) const DESK: (u32, u32) = (1280, 800);

pub(crate) struct Chromium {
    pub(crate) driver: WebDriver,
    process: Child,
    profile: TempDir,
    /// What failed loads may say: part of the line.
    allowed: Vec<String>,
}

impl Chromium {
    pub(crate) async fn open(language: &str, screen: (u32, u32)) -> Self {
        // The driver's client wants one, although it only speaks to this machine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (process, port) = start_driver();
        let profile = tempfile::Builder::new().prefix("chromium-").tempdir().expect("a directory");
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", profile.path().display()),
            &format!("--lang={language}"),
        ] {
            wanted.add_arg(argument).expect("an argument");
        }
        wanted.add_experimental_option("prefs", json!({ "intl.accept_languages": language })).expect("an option");
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).expect("an option");
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.expect("a browser");
        let browser = Self { driver, process, profile, allowed: Vec::new() };
        let (width, height) = screen;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        browser
    }

    /// Failed loads whose lines have this in them are part of the test.
    pub(crate) fn allowing(mut self, parts: &[&str]) -> Self {
        self.allowed.extend(parts.iter().map(|part| (*part).to_owned()));
        self
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.expect("the browser obeys")
    }

    pub(crate) async fn go(&self, url: &str) {
        self.driver.goto(url).await.expect("a page");
    }

    /// What an expression of the page's own script is.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.driver.execute(script, Vec::new()).await.expect("an expression").json().clone()
    }

    pub(crate) async fn text(&self) -> String {
        self.value("document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.value(&format!("Boolean({expression})")).await != json!(true) {
            assert!(Instant::now() < deadline, "not {expression}:\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the door looks like this.
    pub(crate) async fn until_door(&self, tone: &str) {
        self.until(&format!("document.getElementById('door').dataset.tone === '{tone}'")).await;
    }

    /// Waits until the page shows this text.
    pub(crate) async fn until_text(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Waits until the button opens the door, and presses it as a buyer does.
    pub(crate) async fn press(&self) {
        self.until("document.getElementById('buy').getAttribute('aria-disabled') === 'false'").await;
        self.driver.find(By::Id("buy")).await.expect("a button").click().await.expect("a press");
    }

    /// Nobody is kept out by how this state looks or reads, in the light and in the dark; a picture of it where wanted.
    pub(crate) async fn fits_everybody(&self, state: &str) {
        let axe = fs::read_to_string(AXE).unwrap_or_else(|_| panic!("{AXE} is missing: tests/run fetches it"));
        for scheme in ["light", "dark"] {
            let features = json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                // What moves is looked at when it stands still.
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] });
            self.devtools("Emulation.setEmulatedMedia", features).await;
            self.picture(&format!("{state}-{scheme}")).await;
            self.driver.execute(axe.clone(), Vec::new()).await.expect("axe is loaded");
            let run = "const done = arguments[0]; axe.run().then((found) => done(found.violations.map((violation) => \
                       `${violation.id}: ${violation.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; ')}`)))";
            let found = self.driver.execute_async(run, Vec::new()).await.expect("axe has run").json().clone();
            assert_eq!(found, json!([]), "{state}, {scheme}");
        }
        let wide = self.value("document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(wide, json!(false), "{state}: nobody has to scroll sideways");
        self.was_silent().await;
    }

    /// Nothing was said on the console that the test doesn't allow.
    pub(crate) async fn was_silent(&self) {
        let said = self.driver.browser_log().await.expect("a log");
        let is_allowed = |line: &str| self.allowed.iter().any(|part| line.contains(part.as_str()));
        let bad: Vec<_> = said
            .iter()
            .filter(|entry| entry.source.as_deref() != Some("network") || !is_allowed(&entry.message))
            .map(|entry| format!("{} {:?} {}", entry.level, entry.source, entry.message))
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }

    /// A picture for people, where DOORBUSTER_PICTURES names a directory.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(directory) = std::env::var_os("DOORBUSTER_PICTURES") else { return };
        fs::create_dir_all(&directory).expect("a directory");
        self.driver.screenshot(&Path::new(&directory).join(format!("{name}.png"))).await.expect("a picture");
    }

    pub(crate) async fn close(self) {
        self.was_silent().await;
        self.driver.clone().quit().await.expect("the browser ends");
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // A test that failed has not closed its browser, and a driver that ends leaves it running. All its processes know
        // the profile, and nobody else does.
        let profile = format!("user-data-dir={}", self.profile.path().display());
        let _ = Command::new("pkill").args(["-KILL", "-f", &profile]).status();
    }
}

/// Starts the driver on a free port, and says which.
fn start_driver() -> (Child, u16) {
    // The driver takes a port that is free for IPv6 and then wants the same one for IPv4, where a test's own connection
    // may have it; it says so and ends.
    let mut said = String::new();
    for _ in 0..20 {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts: Debian's chromium-driver");
        for line in BufReader::new(process.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return (process, port.trim_end_matches('.').parse().expect("a port"));
            }
            said.push_str(&line);
        }
        let _ = process.wait();
    }
    panic!("chromedriver never said its port: {said}");
}
