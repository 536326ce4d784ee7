//! doorbuster: a flash-sale engine in one process.
//!
//! In a flash sale the common answer is *no*: a million people, a hundred units. So the program is a **staircase of
//! refusals**. Five floors; each asks one question, and either hands a pass to the floor below or refuses in its own
//! type. The cheapest and most general question comes first; what reaches the last floor is written down before the
//! buyer is told.
//!
//! ```text
//!             a request to buy
//!                    │
//!  [`door`]   HTTP and nothing but HTTP                    400 404 405 408 413 415 422 431
//!                    │
//!  [`funnel`] the whole descent on one screen
//!                    │
//!  1 [`client`]  is there somebody at the door?  Cleared   401
//!  2 [`access`]  may they knock now?             Admitted  429
//!  3 [`sale`]    is the sale on?                 Entered   403 404 410
//!  4 [`stock`]   is there one left, for them?    Reserved  409
//!  5 [`ledger`]  write it down.                  Receipt   503
//!                    │
//!  [`orders`] after the win                                201
//! ```
//!
//! # The life of an attempt
//!
//! 1. [`door`] reads the head. The route is matched by hand, the body is left alone.
//! 2. [`funnel::Funnel::descend`] walks down floors 1 to 4 as far as the head alone leads. It reads no clock, waits for
//!    nothing, allocates nothing, and takes no lock. Almost everybody is told no here.
//! 3. Who may still win has his body read, within a size and a time.
//! 4. [`funnel::Funnel::take`] puts a foot in the sale's gate, claims the buyer's limit, gets a place in the ledger's queue,
//!    and takes the units off the shelf, in this order. Each step is a guard that undoes itself when it is dropped, until
//!    the order is handed to the queue: *after this point the order must succeed*.
//! 5. The ledger's one writer takes all that is waiting, commits once, and tells everybody. The buyer reads `201` when the
//!    commit is on disk.
//!
//! # The rooms
//!
//! Calls run one way: `command` → `door` → `funnel` → floors → basement. Between floors the only `use` is the pass of the
//! floor above; only [`funnel`] sees all five. Answers travel up as values.
//!
//! | room | what it is |
//! | --- | --- |
//! | [`cli`], [`config`] | what was typed; what the program uses, validated |
//! | [`command`] | one file for each command; `serve` opens the house and closes it |
//! | [`door`] | sockets, deadlines, routes, answers: the only room that knows hyper and axum |
//! | [`funnel`] | the descent, [`funnel::Refusal`], the counts |
//! | [`client`] [`access`] [`sale`] [`stock`] [`ledger`] | the floors |
//! | [`orders`] | every order by its id; when holds end; what a payment's message means |
//! | [`messages`] | what the shop hears of it |
//! | [`postgres`] | everything that the ledger knows, also in PostgreSQL |
//! | [`mod@bench`], [`demo`], on the [`rig`] | measures the house; shows it: no other room knows them |
//! | [`keeper`] | the shopkeeper: whatever changes a sale, by hand or by its schedule |
//! | [`cashier`], [`holds`] | the cashier: whatever moves an order after the win; who ends holds in their time |
//! | [`ids`] [`money`] [`offer`] [`order`] | the nouns |
//! | `torture`, `fuzz` | test builds only: everything that goes wrong, and a judge of it; every parser of outside bytes |
//! | [`failpoint`] | where a test build can be made to fail; nothing of it in any other |
//! | [`clock`], `files`, `home`, [`log`], [`metrics`], `pointer`, [`readiness`], `sync`, `unique`, `urgency` | the basement: every floor's tools, no floor's business |
//!
//! # What holds everywhere
//!
//! **Architecture invariant:** skipping a floor does not compile: each floor's argument is the pass that only the floor
//! above can make.
//!
//! **Architecture invariant:** the pure floors (client, access, sale, stock, orders, and the funnel) know no tokio, no hyper
//! and no SQLite; time is a parameter.
//!
//! **Architecture invariant:** *take: memory first, then ledger; give back: ledger first, then memory.* Counters in memory are
//! never stored: at start they are the fold of the ledger.
//!
//! **Architecture invariant:** three answers, not two. *Yes*, *certainly not*, and *unknown*: after the third the process ends,
//! and the restart and the same idempotency key give the definite answer.
//!
//! **Architecture invariant:** refusals are values, faults are errors. Nothing that a client can send panics.
pub mod access;
pub mod bench;
pub mod cashier;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod demo;
pub mod door;
pub mod failpoint;
mod files;
pub mod funnel;
#[cfg(any(test, feature = "torture"))]
pub mod fuzz;
pub mod holds;
mod home;
pub mod ids;
pub mod keeper;
pub mod ledger;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod money;
pub mod offer;
pub mod order;
pub mod orders;
mod pointer;
pub mod postgres;
pub mod readiness;
pub mod rig;
pub mod sale;
#[cfg(all(test, not(doorbuster_loom)))]
mod simulation;
pub mod stock;
mod sync;
#[cfg(any(test, feature = "torture"))]
pub mod torture;
mod unique;
mod urgency;
