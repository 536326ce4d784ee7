//! What the shop says of itself, on stderr: lines for people, JSON for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::log::{LogQueue, LostLines};

/// The log of the running process; what it has to say is written before it is dropped, as far as somebody reads it.
pub(super) struct Logging {
    /// Changes its filter.
    pub(super) filter: reload::Handle<EnvFilter, Registry>,
    queue: LogQueue,
}

impl Logging {
    /// From here on what the house says is written down, as far as `filter` lets it.
    ///
    /// # Errors
    /// Where somebody writes down already, or the system has no thread left.
    pub(super) fn begin(filter: EnvFilter) -> Result<Self, anyhow::Error> {
        let (layer, filter) = reload::Layer::new(filter);
        let queue = LogQueue::in_front_of(io::stderr())?;
        let writer = queue.clone();
        let lines = fmt::layer().with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry().with(layer);
        if io::stderr().is_terminal() {
            registry.with(lines).try_init()?;
        } else {
            registry.with(lines.json()).try_init()?;
        }
        Ok(Self { filter, queue })
    }

    /// The count of lines that nobody read in time.
    pub(super) fn lost(&self) -> LostLines {
        self.queue.lost()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.finish();
    }
}
