//! Messages: what they say, in which order they go, and what becomes of them at receivers of every temper.

mod bagging;
mod composing;
mod endpoints;
mod house;
mod receiver;
mod rounds;
