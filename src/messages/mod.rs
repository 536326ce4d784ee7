//! What does the shop hear of it? Messages about orders and sales, to whoever wants them.
//!
//! The log is the outbox: an event is committed or it isn't, and so is its message. The courier reads behind the writer,
//! and remembers in the ledger how far each endpoint has got. Deliberately absent: a queue of its own, anything on the
//! way of an order, and the bodies of answers, which nobody reads.
//!
//! **Invariant:** each message that an endpoint wants is delivered at least once, always under the same id, or is shown
//! as a dead letter.
//!
//! **Invariant:** an order's messages are delivered one after the other, in the order of the log; so are a sale's.
//!
//! **Invariant:** no endpoint slows another one or the sale: the courier has a thread of its own, and a bounded number of
//! messages of each endpoint in memory.

mod bag;
mod courier;
mod delivery;
pub mod endpoint;
pub mod message;
mod resolver;
mod round;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

pub use courier::{Courier, CourierFault, EndpointStatus};
pub use endpoint::{Endpoint, EndpointError, EndpointTerms};
pub use message::Kind;
