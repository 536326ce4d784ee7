//! The rounds: a server, a crowd, a nemesis, a judge.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::asking::{self, Asking};
use super::checker::{Judgement, Objection, Rule, judge};
use super::client::{Client, Reply};
use super::crowd::{Person, Shared};
use super::dice::Dice;
use super::fault::Fault;
use super::history::{Heard, History, Operation, Stopwatch, Terms, Want};
use super::line::Line;
use super::nemesis::Nemesis;
use super::remains::{audited, compared, finals, remembered};
use super::windows;
use super::{BUYER_HEADER, NO_LIMIT, SALE, SECRET, SKU};
use crate::clock::Clock;
use crate::order::Ack;
use crate::orders::signature::{Key, Keys};
use crate::rig::child::{Child, Layout};

/// People who buy at the same time.
const PEOPLE: u32 = 16;
/// So short that many orders run out within a round, and so long that many are paid.
const HOLD: Duration = Duration::from_secs(2);
/// A second within which it is noticed that a hold is over.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);
/// Units that each buyer may have.
const LIMIT: u32 = 3;
/// Places in the ledger's queue: far more than are ever needed at once, and so few that it is noticed where they are kept.
const PLACES: u32 = 256;
/// Units at the beginning: few, so that they are fought for, or many, so that more than refusals is seen.
const STOCKS: [u32; 3] = [3, 100, 3_000];
/// How long who is told at the end that the shop is busy waits before the next one asks.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Who buys what is left at the end: more than there are units.
const LAST_BUYERS: u32 = 20_000;

/// What is to be done.
#[derive(Debug)]
pub struct Rounds {
    /// How many.
    pub rounds: u32,
    /// Small windows before them, in which nothing goes wrong.
    pub windows: u32,
    /// Operations in each, at least.
    pub operations: u64,
    /// Faults in each, at least.
    pub faults: u32,
    /// What decides everything that isn't the machine's choice.
    pub seed: u64,
    /// A PostgreSQL behind the ledger: in every other pair of rounds buyers wait for it.
    pub postgres: Option<Line>,
    /// Where histories are written, one behind the other.
    pub history: Option<PathBuf>,
    /// Where the servers' data lies; kept where something was wrong.
    pub dir: PathBuf,
}

/// What a round's number decides.
#[derive(Debug, Clone, Copy)]
pub struct RoundTerms {
    number: u32,
    stock: u32,
}

/// What came of all rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tormented {
    /// The seed.
    pub seed: u64,
    /// How many small windows were found to have an order.
    pub windows: u32,
    /// How many rounds were played.
    pub rounds: u32,
    /// Operations of all clients.
    pub operations: u64,
    /// Of these: yes.
    pub won: u64,
    /// Of these: payments that were taken.
    pub paid: u64,
    /// Of these: those of which nobody heard.
    pub unknown: u64,
    /// Of those: attempts that had become orders all the same.
    pub unknown_that_were_done: u64,
    /// Connections that clients have reset in the middle of it.
    pub resets: u64,
    /// Noes for want of units, each of them judged.
    pub noes: u64,
    /// Of these: those that one more free unit would have shown to be wrong; of the others somebody's was undecided.
    pub noes_judged_to_the_unit: u64,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Promises that were broken.
    pub violations: u64,
    /// Which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objections: Vec<Objection>,
}

/// Plays all rounds, or those up to the first with a violation; `tell` hears of each.
///
/// # Errors
/// Where a round can't be played: no server, no directory.
pub fn torment(rounds: &Rounds, mut tell: impl FnMut(u32, &Tormented)) -> anyhow::Result<Tormented> {
    let mut sum = Tormented { seed: rounds.seed, ..Tormented::default() };
    let mut written = match &rounds.history {
        Some(path) => Some(BufWriter::new(fs::File::create(path).context("the history can't be written")?)),
        None => None,
    };
    let dir = rounds.dir.join("windows");
    fs::create_dir_all(&dir)?;
    if let Some(objection) = windows::play(&dir, rounds.windows, rounds.seed)? {
        (sum.violations, sum.objections) = (1, vec![objection]);
        return Ok(sum);
    }
    fs::remove_dir_all(&dir)?;
    sum.windows = rounds.windows;
    for number in 0..rounds.rounds {
        let dir = rounds.dir.join(format!("round-{number}"));
        fs::create_dir_all(&dir)?;
        let dice = Dice::new(rounds.seed, u64::from(number)).roll(STOCKS.len() as u32);
        let terms = RoundTerms { number, stock: STOCKS[dice as usize] };
        let Played { history, faults, resets, mut broken } = play(rounds, terms, &dir)?;
        if let Some(file) = &mut written {
            for operation in &history.operations {
                serde_json::to_writer(&mut *file, operation)?;
                file.write_all(b"\n")?;
            }
        }
        let Judgement { objections, noes } = judge(&history);
        broken.extend(objections);
        count(&mut sum, &history, &faults);
        sum.resets += resets;
        sum.noes += noes.judged;
        sum.noes_judged_to_the_unit += noes.to_the_unit;
        sum.violations += broken.len() as u64;
        sum.objections.extend(broken);
        tell(number, &sum);
        if sum.violations > 0 {
            break;
        }
        fs::remove_dir_all(&dir)?;
    }
    Ok(sum)
}

fn count(sum: &mut Tormented, history: &History, faults: &[Fault]) {
    sum.rounds += 1;
    sum.operations += history.operations.len() as u64;
    sum.won += history.operations.iter().filter(|of| matches!(of.want, Want::Buy { .. }) && of.is_yes()).count() as u64;
    sum.paid += history.operations.iter().filter(|of| matches!(of.want, Want::Pay(_)) && of.is_yes()).count() as u64;
    sum.unknown += history.operations.iter().filter(|of| of.is_unknown()).count() as u64;
    let known = |of: &Operation| matches!(of.heard, Heard::Yes { order: Some(_), .. });
    let told: std::collections::HashSet<_> = history
        .operations
        .iter()
        .filter(|of| known(of))
        .filter_map(|of| if let Heard::Yes { order, .. } = of.heard { order } else { None })
        .collect();
    sum.unknown_that_were_done += history.finals.iter().filter(|last| !told.contains(&last.order)).count() as u64;
    for fault in faults {
        *sum.faults.entry(fault.word()).or_default() += 1;
    }
}

/// Whether buyers wait for what is behind the ledger: in every other pair of rounds, one of which has a clock that jumps.
pub(super) fn is_waited_for(round: u32) -> bool {
    (round / 2).is_multiple_of(2)
}

/// What there is behind the ledger, as its section says it.
fn behind(line: Option<&Line>, round: u32) -> anyhow::Result<String> {
    let Some(line) = line else { return Ok(String::new()) };
    let ack = if is_waited_for(round) { Ack::Postgres } else { Ack::Disk };
    let (url, node) = (line.url(), line.node(round)?);
    Ok(format!(
        "ack = \"{}\"\n[ledger.postgres]\nurl = \"{url}\"\nnode = \"{node}\"\ntimeout = \"500ms\"\n",
        ack.word()
    ))
}

/// A shop in which nothing is in a crowd's way but its own number.
pub(super) fn layout(terms: Terms, ledger: &str) -> Layout {
    Layout {
        sale: SALE,
        sku: SKU,
        stock: terms.stock,
        limit_per_buyer: terms.limit_per_buyer,
        opens_at: None,
        hold: Some(terms.hold),
        server: String::new(),
        sections: format!(
            "queue_orders = {PLACES}\n{ledger}[identity]\nmode = \"header\"\nheader = \"{BUYER_HEADER}\"\n\
             [access]\n{NO_LIMIT}\nbuyer = {{ rate = 0, burst = 0 }}\n\
             [orders]\nrestart_grace = \"0s\"\ncool_down = \"0s\"\n[payments]\nsecret = \"{SECRET}\"\n"
        ),
    }
}

/// What came of a round.
struct Played {
    history: History,
    faults: Vec<Fault>,
    resets: u64,
    /// What was seen to be wrong without the history.
    broken: Vec<Objection>,
}

fn play(rounds: &Rounds, round: RoundTerms, dir: &Path) -> anyhow::Result<Played> {
    let terms = Terms { stock: round.stock, limit_per_buyer: LIMIT, hold: HOLD };
    let mut child = Child::start(dir, &layout(terms, &behind(rounds.postgres.as_ref(), round.number)?))?;
    let watch = Stopwatch::start();
    let dice = |number: u32| Dice::new(rounds.seed, u64::from(round.number) << 32 | u64::from(number));
    let shared = Shared {
        shop: child.shop()?,
        office: child.office_address()?,
        watch,
        budget: AtomicU64::new(rounds.operations),
        has_peace: AtomicBool::new(false),
        resets: AtomicU64::new(0),
    };
    let mut nemesis = Nemesis::new(&mut child, (dir, round.number), rounds.postgres.as_ref(), dice(PEOPLE + 1), watch)?;
    let mut operations = Vec::new();
    thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|number| Person::new(&shared, number, dice(number)))
            .collect::<anyhow::Result<Vec<_>>>()?
            .into_iter()
            .map(|person| scope.spawn(move || person.live()))
            .collect();
        let outcome = (0..rounds.faults).try_for_each(|_| nemesis.strike());
        // Relaxed: a flag that ends a loop.
        shared.has_peace.store(true, Ordering::Relaxed);
        for person in people {
            operations.extend(person.join().map_err(|_| anyhow::anyhow!("a client has panicked"))?);
        }
        outcome
    })?;
    nemesis.revive()?;
    nemesis.resume()?;
    nemesis.end_with_the_clock()?;
    operations.append(&mut nemesis.operations);
    let faults = std::mem::take(&mut nemesis.faults);
    thread::sleep(HOLD + NOTICED_WITHIN);
    let was_bought_out = buy_out(child.shop()?, watch, &mut operations)?;
    // As long as the server ships, what PostgreSQL lacks is waited for.
    let difference = rounds.postgres.as_ref().map(|line| compared(dir, line, round.number)).transpose()?.flatten();
    let forgotten = remembered(child.office_address()?)?;
    child.stop()?;
    operations.sort_by_key(|operation| operation.begun);
    let mut broken = audited(dir, &operations)?;
    broken.extend(forgotten.into_iter().chain(difference));
    if !was_bought_out {
        broken.push(Objection { rule: Rule::Exactness, what: format!("{LAST_BUYERS} more buyers didn't buy it out") });
    }
    let history = History { terms, operations, finals: finals(dir)?, was_bought_out };
    Ok(Played { history, faults, resets: shared.resets.into_inner(), broken })
}

/// Buyers who have nothing come one after the other and pay at once, until one is told that all is gone.
fn buy_out(shop: SocketAddr, watch: Stopwatch, operations: &mut Vec<Operation>) -> anyhow::Result<bool> {
    let (mut client, keys, clock) = (Client::new(shop), Keys::new(Key::parse(SECRET)?, None), Clock::system());
    let mut ask = |(want, request): Asking| {
        let begun = watch.now();
        let reply = client.ask(&request, None);
        anyhow::ensure!(reply != Reply::Unasked, "the server is gone at the end");
        let heard = reply.heard(false);
        operations.push(Operation { client: PEOPLE, want, begun, ended: watch.now(), heard: heard.clone() });
        Ok(heard)
    };
    for number in 0..LAST_BUYERS {
        match ask(asking::buy((&format!("last-{number}"), "k"), 1))? {
            Heard::Yes { order: Some(order), .. } => {
                ask(asking::pay((order, 1), clock.now().wall, &keys))?;
            }
            Heard::No { code } if code == "sold_out" => return Ok(true),
            // PostgreSQL may not have been reached again yet: who is busy says when he isn't.
            Heard::No { code } if code == "busy" => thread::sleep(BUSY_PAUSE),
            _ => {}
        }
    }
    Ok(false)
}
