//! The highest rate that holds, and what breaks beyond it.
//!
//! Doubles an open loop's rate until it doesn't hold, then halves the distance a few times. A rate holds where the p99 stays
//! under the limit, every attempt was made and answered without a fault, and the kernel has nothing to complain of.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caller::Plan;
use super::run::{self, Course, Ran};
use super::schedule::Pace;
use super::told::{Ending, Told};
use crate::bench::http::machine::NetworkTroubles;

/// Steps between the last rate that held and the first that didn't: a sixteenth of the distance is less than the noise.
const HALVINGS: u32 = 4;
/// Beyond this no machine goes.
const RATE_MAX: f64 = 10_000_000.0;
/// Somebody is busy, for all practical purposes.
const BUSY: f64 = 0.9;

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub struct RampTerms {
    /// The first rate.
    pub from_per_s: f64,
    /// A rate holds as long as the p99 is no longer.
    pub p99_limit: Duration,
}

/// One rate that was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Attempts a second that were due.
    pub rate_per_s: f64,
    /// Attempts a second that were made.
    pub made_per_s: f64,
    /// From the intended moment.
    pub p99_us: u64,
    /// Cores that the server took; none where it isn't ours.
    pub server_cores: Option<f64>,
    /// Cores that the clients took.
    pub client_cores: Option<f64>,
    /// Why it didn't hold; none: it did.
    pub broke: Option<String>,
}

/// What the climb has shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ramp {
    /// The p99 that may not be exceeded.
    pub p99_limit_us: u64,
    /// The highest rate that held; 0: none did.
    pub held_per_s: f64,
    /// Why the next one didn't; none where nothing broke.
    pub broke: Option<String>,
    /// What that makes this machine good for.
    pub tier: String,
    /// All that was tried, in turn.
    pub steps: Vec<Step>,
}

/// Told after each step.
pub type Look<'a> = dyn FnMut(&Step) + 'a;

pub(super) struct Climbed {
    pub(super) ramp: Ramp,
    pub(super) held_per_s: f64,
    /// All steps together; the latencies are those of the highest rate that held.
    pub(super) all: Ran,
}

/// Climbs until it breaks.
pub(super) fn climb(plan: &Plan, course: Course, terms: RampTerms, look: &mut Look<'_>) -> anyhow::Result<Climbed> {
    let mut climb = Climb { plan, course, terms, steps: Vec::new(), all: Ran::nothing()?, best: Told::new()? };
    let (mut held, mut broken) = (0.0, None);
    let mut rate = terms.from_per_s;
    while broken.is_none() && rate <= RATE_MAX {
        if climb.holds(rate, look)? {
            held = rate;
            rate *= 2.0;
        } else {
            broken = Some(rate);
        }
    }
    if let Some(mut broken) = broken {
        for _ in 0..HALVINGS {
            // Below ten in a hundred there is nothing but noise.
            if broken - held < held * 0.1 {
                break;
            }
            let rate = f64::midpoint(held, broken);
            if climb.holds(rate, look)? { held = rate } else { broken = rate }
        }
    }
    let next =
        climb.steps.iter().filter(|step| step.broke.is_some()).min_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let ramp = Ramp {
        p99_limit_us: u64::try_from(terms.p99_limit.as_micros()).unwrap_or(u64::MAX),
        held_per_s: held,
        broke: next.and_then(|step| step.broke.clone()),
        tier: tier(held).into(),
        steps: climb.steps,
    };
    let mut all = climb.all;
    (all.told.latency_us, all.told.won_latency_us) = (climb.best.latency_us, climb.best.won_latency_us);
    Ok(Climbed { ramp, held_per_s: held, all })
}

struct Climb<'a> {
    plan: &'a Plan,
    course: Course,
    terms: RampTerms,
    steps: Vec<Step>,
    all: Ran,
    best: Told,
}

impl Climb<'_> {
    fn holds(&mut self, per_s: f64, look: &mut Look<'_>) -> anyhow::Result<bool> {
        let first = self.all.told.attempts();
        let course = Course { pace: Pace::Open { per_s }, first, ..self.course };
        let ran = run::run(self.plan, course, &mut |_, _| ())?;
        let cores = |spent: Option<Duration>| spent.map(|spent| spent.as_secs_f64() / ran.took.as_secs_f64().max(1e-9));
        let step = Step {
            rate_per_s: per_s,
            made_per_s: ran.rate_per_s(),
            p99_us: ran.told.latency_us.value_at_quantile(0.99),
            server_cores: cores(ran.server_cpu),
            client_cores: cores(ran.client_cpu),
            broke: None,
        };
        let broke = reason(&step, &ran, self.terms, self.course);
        let step = Step { broke, ..step };
        look(&step);
        let holds = step.broke.is_none();
        if holds && self.best_rate() < per_s {
            self.best = Told::new()?;
            self.best.latency_us.add(&ran.told.latency_us)?;
            self.best.won_latency_us.add(&ran.told.won_latency_us)?;
        }
        self.steps.push(step);
        self.all.then(ran)?;
        Ok(holds)
    }

    fn best_rate(&self) -> f64 {
        self.steps.iter().filter(|step| step.broke.is_none()).map(|step| step.rate_per_s).fold(0.0, f64::max)
    }
}

/// Why a step didn't hold: the first thing that is wrong, and who was busy meanwhile.
fn reason(step: &Step, ran: &Ran, terms: RampTerms, course: Course) -> Option<String> {
    let NetworkTroubles { retransmissions, listen_overflows, listen_drops } = ran.troubles;
    let failed = ran.told.count(Ending::Failed);
    let wrong = if ran.told.unsent > 0 {
        format!("{} attempts could not be made in time", ran.told.unsent)
    } else if failed > 0 {
        let codes: Vec<_> = ran.told.failed.keys().map(String::as_str).collect();
        format!("{failed} attempts failed ({})", codes.join(", "))
    } else if Duration::from_micros(step.p99_us) > terms.p99_limit {
        format!("p99 {:.1} ms is over {:.1} ms", step.p99_us as f64 / 1e3, terms.p99_limit.as_secs_f64() * 1e3)
    } else if !ran.troubles.is_none() {
        return Some(format!(
            "the kernel reports {retransmissions} retransmissions, {listen_overflows} listen overflows, {listen_drops} \
             listen drops: the network"
        ));
    } else {
        return None;
    };
    Some(format!("{wrong}: {}", who_is_busy(step, ran, course)))
}

fn who_is_busy(step: &Step, ran: &Ran, course: Course) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let (server, client) = (step.server_cores.unwrap_or(0.0), step.client_cores.unwrap_or(0.0));
    let won = ran.told.count(Ending::Won) as f64 / ran.told.attempts().max(1) as f64;
    if client >= BUSY * course.threads as f64 && client > server {
        format!("the clients' CPU ({client:.1} cores on {} threads)", course.threads)
    } else if server >= BUSY * cores {
        format!("the server's CPU ({server:.1} of {cores:.0} cores)")
    } else if server + client >= BUSY * cores {
        format!("this machine's CPU (the server took {server:.1} cores, the clients {client:.1}, of {cores:.0})")
    } else if won > 0.1 {
        "the disk, most likely: nobody's CPU is busy, and many attempts are won".into()
    } else {
        format!(
            "the {} connections: nobody's CPU is busy (server {server:.1}, clients {client:.1} of {cores:.0} cores)",
            course.connections
        )
    }
}

/// What lies between two tiers belongs to the lower one.
fn tier(held_per_s: f64) -> &'static str {
    match held_per_s {
        100_000.0.. => "100,000–1,000,000 TPS",
        10_000.0.. => "10,000–50,000 TPS",
        100.0.. => "100–1,000 TPS",
        _ => "below 100 TPS",
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::time::Duration;

    use super::{RampTerms, Ran, Step, reason, tier};
    use crate::bench::http::machine::NetworkTroubles;
    use crate::bench::http::run::Course;
    use crate::bench::http::schedule::Pace;

    const TERMS: RampTerms = RampTerms { from_per_s: 1_000.0, p99_limit: Duration::from_millis(50) };

    fn why(p99_us: u64, (server, client): (f64, f64), troubles: NetworkTroubles) -> Option<String> {
        let last = Duration::from_secs(1);
        let pace = Pace::Closed;
        let course = Course { threads: 1, connections: 64, pace, last, not_before: None, first: 0, server: None };
        let (server_cores, client_cores) = (Some(server), Some(client));
        let step = Step { rate_per_s: 1_000.0, made_per_s: 1_000.0, p99_us, server_cores, client_cores, broke: None };
        reason(&step, &Ran { troubles, ..Ran::nothing().expect("nothing") }, TERMS, course)
    }

    #[test]
    fn a_rate_holds_up_to_the_limit() {
        assert_eq!(why(50_000, (1.0, 0.5), NetworkTroubles::default()), None);
    }

    #[test]
    fn a_rate_that_breaks_says_who_was_busy() {
        let none = NetworkTroubles::default();
        assert!(why(51_000, (0.2, 0.95), none).is_some_and(|why| why.contains("the clients' CPU")));
        assert!(why(51_000, (1_000.0, 0.1), none).is_some_and(|why| why.contains("the server's CPU")));
        assert!(why(51_000, (0.0, 0.0), none).is_some_and(|why| why.contains("p99 51.0 ms is over 50.0 ms: the 64")));
    }

    #[test]
    fn a_rate_that_the_kernel_complains_of_does_not_hold() {
        let troubles = NetworkTroubles { retransmissions: 3, ..NetworkTroubles::default() };
        assert!(why(1_000, (0.1, 0.1), troubles).is_some_and(|why| why.contains("3 retransmissions")));
    }

    #[test]
    fn what_lies_between_two_tiers_belongs_to_the_lower_one() {
        let tiers = [99.0, 100.0, 5_000.0, 10_000.0, 70_000.0, 100_000.0].map(tier);
        let [low, mid, high] = ["100–1,000 TPS", "10,000–50,000 TPS", "100,000–1,000,000 TPS"];
        assert_eq!(tiers, ["below 100 TPS", low, low, mid, mid, high]);
    }
}
