//! Tries to break every promise: a crowd, everything that goes wrong, and a judge who believes neither the server nor the
//! ledger alone. Only in test builds; nobody but this machine can reach its servers.
//!
//! First come small windows, in which nothing goes wrong: so few operations that every order of them can be tried
//! ([`checker::linear`]). A round is one server's life: people buy, pay, give back and look while it is killed, frozen,
//! stopped, full, reloaded and paused, its clock jumps, its stock changes and PostgreSQL goes away. Then it is let be, bought out, stopped, and
//! judged twice: by what all clients heard ([`checker`]), and by its own log (the audit, with every acknowledged order).
//!
//! The same seed makes the same choices of clients and faults. Which answer comes first is the machine's choice: a seed
//! repeats the plan, not the interleaving. What repeats that too is the simulation of the house.

#[cfg(feature = "torture")]
mod asking;
pub mod checker;
#[cfg(feature = "torture")]
mod client;
#[cfg(feature = "torture")]
mod crowd;
pub mod dice;
#[cfg(feature = "torture")]
mod fault;
pub mod history;
#[cfg(feature = "torture")]
mod line;
#[cfg(feature = "torture")]
mod nemesis;
#[cfg(feature = "torture")]
mod remains;
#[cfg(feature = "torture")]
mod rounds;
#[cfg(feature = "torture")]
mod windows;

#[cfg(feature = "torture")]
pub use fault::Fault;
#[cfg(feature = "torture")]
pub use line::Line;
#[cfg(feature = "torture")]
pub use rounds::{RoundTerms, Rounds, Tormented, torment};

/// The one sale.
#[cfg(feature = "torture")]
const SALE: &str = "launch";
/// The one item.
#[cfg(feature = "torture")]
const SKU: &str = "sneaker-42";
/// Who says who a buyer is.
#[cfg(feature = "torture")]
const BUYER_HEADER: &str = "buyer-id";
/// What payments are signed with.
#[cfg(feature = "torture")]
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What the configuration says of addresses: nothing is refused for their sake, until it is reloaded.
#[cfg(feature = "torture")]
const NO_LIMIT: &str = "ip = { rate = 0, burst = 0 }";
