//! One narrated sale: a server of its own, a crowd with bots, a crash in the middle, and the audit's verdict.
//!
//! The server is this very program, started as anybody starts it; the crowd speaks HTTP to it. Deliberately absent: any
//! short cut between the two.
//!
//! **Invariant:** nothing is left behind: the shop's data lies in a temporary directory, and its server ends with us.

mod crowd;
mod picture;
mod wire;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::sleep;

use crowd::{Crowd, Told};
use picture::Picture;

use crate::clock::Clock;
use crate::rig::child::{Child, Layout};
use crate::rig::judge::{Expected, Verdict, judge};
use crate::rig::words::grouped;

/// The sale's id.
const SALE: &str = "demo";
/// What is sold.
const SKU: &str = "sneaker-42";
/// From the first word to the bell, at most: time to read, and to open the page.
const COUNTDOWN_SECONDS: u64 = 5;
/// After the last buyer has come, at most: time to look at what is there.
const LOOK_SECONDS: u64 = 3;
/// Shortest show: a second to the bell, and a second for the crowd. The crash and the verdict take theirs.
pub const SECONDS_MIN: u64 = 2;
/// How often the picture is drawn in a terminal.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is printed where there is none.
const LINE: Duration = Duration::from_secs(2);

/// How big the show is.
#[derive(Debug, Clone, Copy)]
pub struct DemoTerms {
    /// People who want one.
    pub buyers: u32,
    /// Units on sale.
    pub stock: u32,
    /// How long it takes, from [`SECONDS_MIN`]; the crash and the verdict come on top.
    pub seconds: u64,
}

/// What a show of so many seconds is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Acts {
    /// Until the bell.
    countdown: Duration,
    /// Until the last buyer has come.
    crowd: Duration,
    /// Until the end.
    look: Duration,
}

impl Acts {
    fn of(seconds: u64) -> Self {
        let (countdown, look) = ((seconds / 2).clamp(1, COUNTDOWN_SECONDS), (seconds / 5).min(LOOK_SECONDS));
        let crowd = seconds.saturating_sub(countdown + look).max(1);
        let [countdown, crowd, look] = [countdown, crowd, look].map(Duration::from_secs);
        Self { countdown, crowd, look }
    }
}

/// The stage: where it is told.
struct Stage {
    begun: Instant,
    picture: Option<Picture>,
}

impl Stage {
    fn new() -> Self {
        Self { begun: Instant::now(), picture: io::stdout().is_terminal().then(Picture::default) }
    }

    /// Says something that stays.
    fn say(&mut self, words: &str) {
        if let Some(picture) = &mut self.picture {
            picture.wipe();
        }
        let mut stdout = io::stdout().lock();
        // That nobody listens any more doesn't end the show.
        let _ = writeln!(stdout, "{:>5.1} s  {words}", self.begun.elapsed().as_secs_f64());
        let _ = stdout.flush();
    }

    /// Shows the funnel as it is now, as long as `scene` lasts.
    async fn during<T>(&mut self, told: &Told, scene: impl Future<Output = T>) -> T {
        let mut scene = std::pin::pin!(scene);
        let interval = if self.picture.is_some() { FRAME } else { LINE };
        loop {
            tokio::select! {
                outcome = &mut scene => return outcome,
                () = sleep(interval) => match &mut self.picture {
                    Some(picture) => picture.draw(&told.counts()),
                    None => self.say(&picture::line(&told.counts())),
                },
            }
        }
    }
}

/// Plays it. Says `look` before its end, while the shop is still open; then comes the verdict.
///
/// # Errors
/// Where the server can't be started, or there is no verdict.
pub async fn play(terms: DemoTerms, look: impl Future<Output = ()>) -> anyhow::Result<Verdict> {
    let dir =
        tempfile::Builder::new().prefix("doorbuster-demo-").tempdir().context("there is no temporary directory")?;
    let mut stage = Stage::new();
    let Acts { countdown, crowd: last, look: looking } = Acts::of(terms.seconds);
    let opens_at = Clock::system().now().wall.after(countdown);
    let layout = Layout {
        sale: SALE,
        sku: SKU,
        stock: terms.stock,
        limit_per_buyer: 1,
        opens_at: Some(opens_at),
        hold: None,
        server: String::new(),
        sections: String::new(),
    };
    let mut child = Child::start(dir.path(), &layout)?;
    stage.say(&format!(
        "A shop with {} units and {} people who want one. Buy yourself: {}/s/{SALE}",
        terms.stock,
        terms.buyers,
        child.url()
    ));
    stage.say(&format!("The shop's own view: {}", child.office()));
    let crowd = Arc::new(Crowd::gather(dir.path(), terms, child.shop())?);
    let told = crowd.told();
    let coming = tokio::spawn(Arc::clone(&crowd).come(countdown, last));
    for left in (1..=countdown.as_secs()).rev() {
        stage.say(&format!("The doors open in {left} s"));
        stage.during(told, sleep(Duration::from_secs(1))).await;
    }
    stage.say("The bell. Half of them come within two seconds, and the bots knock all the time");
    stage.during(told, told.reached(terms.stock.min(terms.buyers) / 2)).await;
    let before = told.counts().won;
    child.kill()?;
    stage.say(&format!("kill -9: the server is dead, in the middle of it. {before} buyers have read yes"));
    let downtime = Instant::now();
    let restarting = async { child.restart() };
    stage.during(told, restarting).await?;
    stage.say(&format!(
        "It is back after {} ms; who heard nothing asks again with the same key",
        downtime.elapsed().as_millis()
    ));
    stage.during(told, told.reached(terms.stock)).await;
    stage.say(match told.is_sold_out() || told.counts().won >= u64::from(terms.stock) {
        true => "Sold out. From here on, no is all that there is to say",
        false => "Whoever wanted one has one",
    });
    stage.during(told, async { coming.await.context("the crowd has panicked") }).await?;
    stage.during(told, sleep(looking)).await;
    stage.say(&picture::line(&told.counts()));
    look.await;
    child.stop()?;
    let refused_units = u64::from(terms.buyers.saturating_sub(terms.stock));
    let expected = Expected { limit_per_buyer: 1, refused_units };
    let verdict = judge(&Child::data(dir.path()), &crowd.acks(), expected)?;
    tell(&mut stage, &verdict, told);
    Ok(verdict)
}

fn tell(stage: &mut Stage, verdict: &Verdict, told: &Told) {
    let counts = told.counts();
    let Verdict { oversold, duplicates, lost, undersold, acknowledged, audit } = verdict;
    let is_kept = |is_kept| if is_kept { "kept" } else { "BROKEN" };
    stage.say("The audit, from the ledger alone and against what the buyers were told:");
    stage.say(&format!(
        "  {}: {} orders in the ledger, never more than there were units",
        is_kept(audit.is_ok() && *oversold == 0),
        audit.orders
    ));
    stage.say(&format!(
        "  {}: each of {acknowledged} acknowledged orders is there, also those from before the crash",
        is_kept(*lost == 0)
    ));
    stage.say(&format!("  {}: {duplicates} sold twice", is_kept(*duplicates == 0)));
    stage.say(&format!("  {}: {undersold} left over that somebody wanted", is_kept(*undersold == 0)));
    let share = 100.0 * audit.orders as f64 / (counts.attempts.max(1)) as f64;
    stage.say(&format!(
        "{} attempts, {} of them reached the database: {share:.3} %",
        grouped(counts.attempts),
        audit.orders
    ));
}
