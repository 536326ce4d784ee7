//! Who is there beside the attempts.

use anyhow::Context as _;

use super::HttpTerms;
use super::caller::Plan;
use super::listeners::{Heard, Listeners};
use super::slow::{Dawdled, SlowClients};

/// People who look, and people who keep the server waiting.
#[derive(Debug)]
pub(super) struct Bystanders {
    listeners: Listeners,
    slow: SlowClients,
}

impl Bystanders {
    /// Connects all of them.
    pub(super) fn open(terms: &HttpTerms, plan: &Plan) -> anyhow::Result<Self> {
        let listeners = Listeners::open(plan.shop, terms.sale(), terms.listeners)?;
        let slow = SlowClients::open(plan, terms.sale(), terms.slow)?;
        Ok(Self { listeners, slow })
    }

    /// Sends them away.
    pub(super) fn close(self) -> anyhow::Result<(Heard, Dawdled)> {
        let heard = self.listeners.close().context("the listeners are lost")?;
        Ok((heard, self.slow.close().context("the slow clients are lost")?))
    }
}
