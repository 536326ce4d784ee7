//! One run: clients on their threads, from the first attempt to the last answer.

use std::thread;
use std::time::{Duration, Instant};

use super::caller::{Caller, Plan, TcpStreams};
use super::machine::{NetworkTroubles, cpu_time};
use super::schedule::{Pace, Schedule};
use super::told::{Endings, Told};

/// Threads are all there by then.
const GET_READY: Duration = Duration::from_millis(50);
/// How often the onlooker is told.
const LOOK: Duration = Duration::from_millis(250);

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) threads: usize,
    pub(super) connections: usize,
    pub(super) pace: Pace,
    pub(super) last: Duration,
    /// Not before this moment.
    pub(super) not_before: Option<Instant>,
    /// The first attempt's number.
    pub(super) first: u64,
    /// The server's process, where it is ours.
    pub(super) server: Option<u32>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) told: Told,
    /// From the first moment to the last answer.
    pub(super) took: Duration,
    pub(super) server_cpu: Option<Duration>,
    pub(super) client_cpu: Option<Duration>,
    pub(super) troubles: NetworkTroubles,
}

impl Ran {
    pub(super) fn nothing() -> anyhow::Result<Self> {
        let (told, troubles) = (Told::new()?, NetworkTroubles::default());
        Ok(Self { told, took: Duration::ZERO, server_cpu: None, client_cpu: None, troubles })
    }

    /// Adds the run after this one.
    pub(super) fn then(&mut self, next: Self) -> anyhow::Result<()> {
        let sum =
            |ours: Option<Duration>, theirs: Option<Duration>| theirs.map(|theirs| ours.unwrap_or_default() + theirs);
        self.told.then(next.told)?;
        self.took += next.took;
        self.server_cpu = sum(self.server_cpu, next.server_cpu);
        self.client_cpu = sum(self.client_cpu, next.client_cpu);
        self.troubles = self.troubles.and(next.troubles);
        Ok(())
    }

    pub(super) fn rate_per_s(&self) -> f64 {
        self.told.attempts() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// Sends the crowd. `look` is told now and then how far it is.
pub(super) fn run(plan: &Plan, course: Course, look: &mut dyn FnMut(Duration, Endings)) -> anyhow::Result<Ran> {
    let threads = course.threads.clamp(1, course.connections.max(1));
    let mut callers = Vec::with_capacity(threads);
    for thread in 0..threads {
        let connections = course.connections / threads + usize::from(thread < course.connections % threads);
        callers.push(Caller::connect(plan, connections)?);
    }
    let troubles = NetworkTroubles::so_far();
    let cpu = |pid: Option<u32>| pid.and_then(cpu_time);
    let own = Some(std::process::id());
    let begin = course.not_before.map_or(Duration::ZERO, |moment| moment.saturating_duration_since(Instant::now()));
    let begin = Instant::now() + begin.max(GET_READY);
    thread::sleep(begin.saturating_duration_since(Instant::now()).saturating_sub(GET_READY / 2));
    let before = (cpu(course.server), cpu(own));
    let heard = thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads);
        for (thread, caller) in (0..).zip(callers) {
            let share = (thread, threads as u64);
            let schedule = Schedule::new(course.pace, (begin, course.last), course.first, share);
            running.push(scope.spawn(move || caller.call(schedule, begin)));
        }
        while !running.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(LOOK.min(course.last / 4).max(Duration::from_millis(10)));
            look(begin.elapsed(), plan.board.endings());
        }
        running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let spent = |before: Option<Duration>, now: Option<Duration>| Some(now?.saturating_sub(before?));
    let (server_cpu, client_cpu) = (spent(before.0, cpu(course.server)), spent(before.1, cpu(own)));
    let troubles = NetworkTroubles::so_far().since(troubles);
    let (mut told, mut open, mut end) = (Told::new()?, TcpStreams::new(), begin);
    for outcome in heard {
        let (more, streams, ended) = outcome.map_err(|_| anyhow::anyhow!("a client has panicked"))??;
        told.add(more)?;
        open.extend(streams);
        end = end.max(ended);
    }
    drop(open);
    Ok(Ran { told, took: end - begin, server_cpu, client_cpu, troubles })
}
