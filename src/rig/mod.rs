//! What stands outside the shop and looks at it: this very program serving in a process of its own, what its answers say,
//! the judgement
//! over what its clients were told, and the words for all that.
//!
//! Used where the shop is shown or measured. Deliberately absent: any way into the server but its sockets, its signals and
//! the files that it leaves.

pub mod answer;
pub mod child;
pub mod judge;
pub mod words;
