//! Who makes everything go wrong: what, when and how long, by a seed.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::asking::request;
use super::client::Client;
use super::dice::Dice;
use super::fault::Fault;
use super::history::{CLOCK_WRONG_BY, Heard, Moment, Operation, Stopwatch, Want};
use super::line::{Line, Mood};
use super::rounds::is_waited_for;
use super::{NO_LIMIT, SALE, SKU};
use crate::clock::set_machine_clock;
use crate::failpoint::Point;
use crate::rig::child::Child;

/// The shopkeeper's number among the clients.
const SHOPKEEPER: u32 = u32::MAX;
/// Longest that a crowd has peace between two faults.
const PEACE_MS: (u32, u32) = (50, 500);
/// How long the process stands still.
const FREEZE_MS: (u32, u32) = (20, 600);
/// Of a hundred times so many it stands still for longer than a hold lasts, and so long.
const LONG_PERCENT: u32 = 20;
const LONG_FREEZE_MS: (u32, u32) = (2_500, 3_000);
/// Units that come on sale at once.
const MORE_UNITS: i32 = 40;
/// Units that are taken away at once, at most: sometimes there aren't so many.
const FEWER_UNITS: u32 = 60;
/// Most by which the clock is set wrong.
const MAX_WRONG_MS: u32 = CLOCK_WRONG_BY.as_millis() as u32;
/// Within this the server has looked at its clock again: it does once a millisecond.
const SEEN_WITHIN: Duration = Duration::from_millis(20);
/// Passed before the server is ready, or only with a receiver: they have tests of their own.
const ELSEWHERE: [Point; 3] = [Point::FirstStart, Point::RecoveryMid, Point::WebhookAfterPostBeforeMark];
/// Passed only on the way to PostgreSQL.
const ON_THE_WAY: [Point; 2] = [Point::PostgresAfterCommitSent, Point::PostgresBeforeCursor];
/// At each passing: in front of a commit that is a slow disk.
const SLOW: &str = "delay(20)";
/// What `serve` ends with where its disk can't be trusted.
const DISK_NOT_TRUSTED: i32 = 74;
/// So often a change is tried that nobody answered.
const TRIES: u32 = 50;

/// The server, and who torments it.
pub(super) struct Nemesis<'a> {
    child: &'a mut Child,
    dir: &'a Path,
    dice: Dice,
    deck: Vec<Fault>,
    has_jumps: bool,
    /// Whether buyers wait for what is behind the line.
    is_waited_for: bool,
    line: Option<&'a Line>,
    office: SocketAddr,
    watch: Stopwatch,
    /// What the shopkeeper did meanwhile.
    pub(super) operations: Vec<Operation>,
    /// What went wrong.
    pub(super) faults: Vec<Fault>,
}

impl<'a> Nemesis<'a> {
    pub(super) fn new(
        child: &'a mut Child,
        (dir, round): (&'a Path, u32),
        line: Option<&'a Line>,
        dice: Dice,
        watch: Stopwatch,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            office: child.office_address()?,
            child,
            dir,
            dice,
            deck: Vec::new(),
            has_jumps: round % 2 == 1,
            is_waited_for: is_waited_for(round),
            line,
            watch,
            operations: Vec::new(),
            faults: Vec::new(),
        })
    }

    /// One thing goes wrong, and is over.
    pub(super) fn strike(&mut self) -> anyhow::Result<()> {
        std::thread::sleep(self.dice.span(PEACE_MS.0, PEACE_MS.1));
        self.revive()?;
        let fault = self.draw();
        self.faults.push(fault);
        match fault {
            Fault::Kill => {
                self.child.kill()?;
                self.child.restart()
            }
            Fault::Freeze => {
                self.signal(Signal::STOP)?;
                let (from_ms, to_ms) = if self.dice.is_lucky(LONG_PERCENT) { LONG_FREEZE_MS } else { FREEZE_MS };
                std::thread::sleep(self.dice.span(from_ms, to_ms));
                self.signal(Signal::CONT)
            }
            Fault::Stop => {
                self.child.stop()?;
                self.child.restart()
            }
            Fault::DiskFull => self.disk_full(),
            Fault::Reload => self.reload("ip = { rate = 50, burst = 5 }"),
            Fault::BadReload => self.reload("nobody_knows_this = 1"),
            Fault::Pause => self.pause_for_a_while(),
            Fault::Failpoint => self.failpoint(),
            Fault::MoreUnits => self.change_stock(MORE_UNITS),
            Fault::FewerUnits => {
                let units = 1 + self.dice.roll(FEWER_UNITS);
                self.change_stock(-units.cast_signed())
            }
            Fault::PostgresAway => self.break_the_line(Mood::Cut),
            Fault::PostgresSilent => self.break_the_line(Mood::Held),
            Fault::Clock => {
                let span = self.dice.roll(2 * MAX_WRONG_MS + 1);
                self.set_clock(i64::from(span) - i64::from(MAX_WRONG_MS))
            }
        }
    }

    /// The next card of a deck that has each fault once, and is shuffled when it is empty. Where clocks jump, holds last as long
    /// as they like, and some rules see less: every other round has a clock that goes right.
    fn draw(&mut self) -> Fault {
        if self.deck.is_empty() {
            let is_there = |fault: &Fault| match fault {
                Fault::Clock => self.has_jumps,
                Fault::PostgresAway | Fault::PostgresSilent => self.line.is_some(),
                _ => true,
            };
            self.deck = Fault::ALL.into_iter().filter(is_there).collect();
        }
        let nth = self.dice.roll(self.deck.len() as u32) as usize;
        self.deck.swap_remove(nth)
    }

    fn pause_for_a_while(&mut self) -> anyhow::Result<()> {
        self.insist(Want::Pause, "pause")?;
        std::thread::sleep(self.dice.span(10, 200));
        self.resume()
    }

    /// The sale goes on, whatever was done before.
    pub(super) fn resume(&mut self) -> anyhow::Result<()> {
        self.insist(Want::Resume, "resume")
    }

    /// A shop whose disk can't be trusted ends with 74, and whoever looks after it starts it again. Any other end is a fault
    /// of its own.
    pub(super) fn revive(&mut self) -> anyhow::Result<()> {
        let Some(code) = self.child.ended()? else { return Ok(()) };
        let last = self.faults.last().copied();
        let is_right = last == Some(Fault::DiskFull) && code == Some(DISK_NOT_TRUSTED);
        anyhow::ensure!(is_right, "the server ended by itself with {code:?}, after {last:?}");
        self.child.restart()
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid()?, signal).context("the server can't be signalled")
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let pid = i32::try_from(self.child.pid()).ok().and_then(Pid::from_raw);
        pid.context("the server has no process id")
    }

    /// The server is started so that something happens to it between two steps of its own.
    fn failpoint(&mut self) -> anyhow::Result<()> {
        let is_met =
            |point: &&Point| !ELSEWHERE.contains(point) && (self.line.is_some() || !ON_THE_WAY.contains(point));
        let points: Vec<_> = Point::ALL.iter().filter(is_met).collect();
        let point = points[self.dice.roll(points.len() as u32) as usize];
        let actions: &[&str] = if point.takes_error() {
            &["kill", "panic", "delay(40)", SLOW, "error"]
        } else {
            &["kill", "panic", "delay(40)", SLOW]
        };
        let action = actions[self.dice.roll(actions.len() as u32) as usize];
        let passing = 1 + self.dice.roll(150);
        let spec = match action {
            SLOW => format!("{}={SLOW}", point.name()),
            _ => format!("{}={action}@{passing}", point.name()),
        };
        self.child.stop()?;
        self.child.restart_armed(Some(&spec))?;
        std::thread::sleep(self.dice.span(50, 400));
        if action.starts_with("delay") {
            // Somebody is in the middle of it.
            self.pause_for_a_while()?;
        }
        // Whether or not it is dead already.
        self.child.kill()?;
        self.child.restart()
    }

    /// A file that would grow beyond this doesn't: to the server that is a disk without room.
    fn disk_full(&mut self) -> anyhow::Result<()> {
        let now = fs::metadata(Child::data(self.dir).join("ledger.db-wal")).map_or(0, |of| of.len());
        let limit = |current| Rlimit { current, maximum: None };
        prlimit(Some(self.pid()?), Resource::Fsize, limit(Some(now + u64::from(self.dice.roll(20_000)))))?;
        std::thread::sleep(self.dice.span(30, 200));
        // What is taken away, and can't be written down, is there again.
        let units = 1 + self.dice.roll(3);
        self.change_stock(-units.cast_signed())?;
        std::thread::sleep(self.dice.span(20, 200));
        prlimit(Some(self.pid()?), Resource::Fsize, limit(None))?;
        Ok(())
    }

    fn break_the_line(&mut self, mood: Mood) -> anyhow::Result<()> {
        let line = self.line.context("there is no PostgreSQL")?;
        line.set(mood);
        let begun = self.watch.now();
        std::thread::sleep(self.dice.span(50, 1_500));
        let ended = self.watch.now();
        line.set(Mood::Well);
        if self.is_waited_for {
            self.done(Want::CutOff, begun, ended);
        }
        Ok(())
    }

    /// The server reads its file with this in the place of the addresses' limit, and after a while as it was.
    fn reload(&mut self, other: &str) -> anyhow::Result<()> {
        let path = self.dir.join("config.toml");
        let before = fs::read_to_string(&path)?;
        anyhow::ensure!(before.contains(NO_LIMIT), "the configuration has no {NO_LIMIT}");
        fs::write(&path, before.replace(NO_LIMIT, other))?;
        self.signal(Signal::HUP)?;
        std::thread::sleep(self.dice.span(10, 60));
        fs::write(&path, before)?;
        self.signal(Signal::HUP)
    }

    fn change_stock(&mut self, units: i32) -> anyhow::Result<()> {
        let count = units.unsigned_abs();
        let want = if units < 0 { Want::Take(count) } else { Want::Add(count) };
        let path = format!("/v1/admin/sales/{SALE}/items/{SKU}/stock");
        // Once: nobody would know how often it was done.
        self.ask(want, &path, &format!("{{\"add\":{units}}}")).map(drop)
    }

    /// However wrong the clock was: from here on it shows the latest that it has ever shown, so that every hold ends in its time.
    pub(super) fn end_with_the_clock(&mut self) -> anyhow::Result<()> {
        if self.has_jumps { self.set_clock(i64::from(MAX_WRONG_MS)) } else { Ok(()) }
    }

    fn set_clock(&mut self, ahead_ms: i64) -> anyhow::Result<()> {
        let begun = self.watch.now();
        set_machine_clock(self.dir, ahead_ms).context("the clock can't be set")?;
        std::thread::sleep(SEEN_WITHIN);
        self.done(Want::SetClock(ahead_ms), begun, self.watch.now());
        Ok(())
    }

    /// Something that nobody has to be asked for.
    fn done(&mut self, want: Want, begun: Moment, ended: Moment) {
        let heard = Heard::Yes { order: None, state: None, is_replay: false };
        self.operations.push(Operation { client: SHOPKEEPER, want, begun, ended, heard });
    }

    /// Until somebody says yes: both may be said again.
    fn insist(&mut self, want: Want, word: &str) -> anyhow::Result<()> {
        let path = format!("/v1/admin/sales/{SALE}/{word}");
        for _ in 0..TRIES {
            if self.ask(want.clone(), &path, "")? {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn ask(&mut self, want: Want, path: &str, body: &str) -> anyhow::Result<bool> {
        let headers = [("Content-Type", "application/json")];
        let begun = self.watch.now();
        // A connection of its own: the last one may have ended with its server.
        let reply = Client::new(self.office).ask(&request("POST", path, &headers, body), None);
        let heard = reply.heard(false);
        let is_yes = matches!(heard, Heard::Yes { .. });
        // A shopkeeper who isn't let in changes nothing, and nothing would be tried.
        anyhow::ensure!(heard != Heard::No { code: "unauthorized".into() }, "the office doesn't let its shopkeeper in");
        self.operations.push(Operation { client: SHOPKEEPER, want, begun, ended: self.watch.now(), heard });
        Ok(is_yes)
    }
}
