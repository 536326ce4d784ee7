//! Where a test may make the house fail: named places on the way of an order, of a move, of a commit, of a message.
//!
//! Without the feature `torture` each place is the constant `false`, and the compiler leaves nothing of it. With it, a
//! passing reads one atomic of a static table; what was armed at the start of `serve` happens there.
//!
//! Absent: the `fail` crate. It has had no release since 2021, and takes a lock and looks a hash map up at each passing.
//!
//! **Invariant:** nothing is armed but by the environment variable [`VARIABLE`], before the house opens, and never in a
//! house that listens beyond loopback.

#[cfg(feature = "torture")]
mod armed;
#[cfg(all(test, feature = "torture"))]
mod tests;

#[cfg(feature = "torture")]
pub use armed::{SpecError, arm, arm_from_environment};

/// What names the failpoints: `NAME=ACTION[@N];…`.
pub const VARIABLE: &str = "DOORBUSTER_FAILPOINTS";

macro_rules! points {
    ($($(#[$meaning:meta])* $point:ident = $name:literal $fails:literal,)*) => {
        /// A place that can be made to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$meaning])* $point,)*
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Its name in [`VARIABLE`].
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }

            /// Whether the place has a fault of its own, so that it takes `error`.
            #[must_use]
            pub const fn takes_error(self) -> bool {
                match self { $(Self::$point => $fails,)* }
            }
        }
    };
}

points! {
    /// The buyer's limit is claimed, no place in the queue, no units. Fails as a full queue.
    AfterLimitTaken = "after_limit_taken" true,
    /// The units are off the shelf, and come back by drop.
    AfterStockTaken = "after_stock_taken" false,
    /// The order is in the writer's queue, and will be written whoever waits.
    AfterEnqueued = "after_enqueued" false,
    /// The transaction has begun. Fails as a full disk.
    WriterAfterBegin = "writer_after_begin" true,
    /// A row of the page is in. Fails as a full disk.
    WriterMidBatch = "writer_mid_batch" true,
    /// Everything is in, nothing is committed. Fails as a full disk.
    WriterBeforeCommit = "writer_before_commit" true,
    /// It is on disk, nobody knows. Fails as a commit whose outcome isn't known.
    WriterAfterCommit = "writer_after_commit" true,
    /// Notes are about to be written. Fails as a full disk.
    NoteBeforeWrite = "note_before_write" true,
    /// The attempt's answer is decided, hyper hasn't got it.
    AckBeforeWrite = "ack_before_write" false,
    /// A payment's message has the leave to decide. Fails as a full queue.
    PayAfterDecided = "pay_after_decided" true,
    /// The end of a hold has the leave to decide. Fails as a full queue.
    ExpireAfterDecided = "expire_after_decided" true,
    /// A cancellation has the leave to decide. Fails as a full queue.
    CancelAfterDecided = "cancel_after_decided" true,
    /// A checkpoint has copied what it could, and nobody knows. (Between its pages is SQLite's own, and the power cuts'.)
    CheckpointMid = "checkpoint_mid" false,
    /// PostgreSQL has committed. Fails as a commit whose answer never came.
    PostgresAfterCommitSent = "postgres_after_commit_sent" true,
    /// PostgreSQL has said so, and nobody who waits for it knows.
    PostgresBeforeCursor = "postgres_before_cursor" false,
    /// The receiver has answered a message, and it isn't marked. Fails as an answer that was lost.
    WebhookAfterPostBeforeMark = "webhook_after_post_before_mark" true,
    /// A new ledger's tables are made and not committed. Fails as a full disk.
    FirstStart = "first_start" true,
    /// Half of what the ledger remembers is read. Fails as a disk that can't be read.
    RecoveryMid = "recovery_mid" true,
}

/// Passes a place that has a fault of its own: whether it must fail with it now.
#[cfg(not(feature = "torture"))]
#[must_use]
#[inline(always)]
pub const fn fails(_: Point) -> bool {
    false
}

/// Passes a place that has a fault of its own: whether it must fail with it now.
///
/// # Panics
/// Where that is what was armed.
#[cfg(feature = "torture")]
#[must_use]
pub fn fails(point: Point) -> bool {
    armed::pass(point)
}

/// Passes a place that has no fault of its own.
#[cfg_attr(not(feature = "torture"), inline(always))]
pub fn pass(point: Point) {
    // `error` is refused for such a place when it is armed.
    let _ = fails(point);
}
