//! Whoever works beside the sale leaves it the cores.
//!
//! **Invariant:** what stands between a buyer and his answer never asks for this.

/// Linux's niceness for work beside the sale: where both want a core, the sale gets nine tenths of it.
#[cfg(target_os = "linux")]
const BESIDE_THE_SALE: i32 = 10;

/// From now on this thread works beside the sale, for as long as it lives. Where that is not to be had, it is as urgent as
/// the sale.
pub(crate) fn beside_the_sale() {
    // Of this thread alone: niceness is a thread's on Linux.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, BESIDE_THE_SALE);
}
